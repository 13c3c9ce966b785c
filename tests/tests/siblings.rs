//! Fetching by proofs: blocks whose removals collapse branches of a trie, and blocks that read ancestors' hashes.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use zeno_guest_evm::{
    StatelessInput, Transaction,
    chain::Chain,
    trie::{Preimages, Trie},
};
use zeno_tests::{
    devchain::{DevAccount, DevChain, Draft},
    example::{GENESIS, LEDGER, ledger_call},
    fetching::fetch_with_events,
    replay::ReplayNode,
    rpc_server::{Call, Reply, RpcServer},
};
use zeno_witness_fetch::{Event, FetchOptions, Method};

/// Development chain with a changed genesis.
fn chain(change: impl FnOnce(&mut Value)) -> DevChain {
    let mut genesis: Value = serde_json::from_str(GENESIS).unwrap();
    change(&mut genesis["alloc"]);
    DevChain::from_genesis(&genesis.to_string())
}

fn call(chain: &DevChain, nonce: u64, to: Address, input: Bytes) -> Transaction {
    let transaction = TxEip1559 {
        chain_id: chain.spec.chain_id,
        nonce,
        gas_limit: 5_000_000,
        max_fee_per_gas: 3_000_000_000,
        to: to.into(),
        input,
        ..TxEip1559::default()
    };
    let signature = DevAccount::new(0).sign(&transaction.signature_hash());
    transaction.into_signed(signature).into()
}

/// Key of an address in the JSON of a genesis.
fn key(address: Address) -> String {
    address.to_string().to_lowercase()
}

/// Account of a ledger in a genesis, with the value 1 in these slots.
fn ledger(genesis: &Value, slots: impl IntoIterator<Item = u64>) -> Value {
    let storage = slots
        .into_iter()
        .map(|slot| (B256::from(U256::from(slot)).to_string(), json!(B256::with_last_byte(1))))
        .collect::<Value>();
    json!({ "balance": "0x0", "nonce": "0x1", "code": genesis[key(LEDGER)]["code"], "storage": storage })
}

/// Fetches the latest block by proofs, and returns its input and the events of the fetch.
async fn fetch(node: ReplayNode, chain: &DevChain) -> (StatelessInput, Vec<Event>) {
    let server = RpcServer::start(move |call| node.answer(call)).await;
    fetch_from(&server, chain).await
}

async fn fetch_from(server: &RpcServer, chain: &DevChain) -> (StatelessInput, Vec<Event>) {
    let options = FetchOptions {
        method: Method::Proofs,
        chain: Some(Chain { spec: chain.spec.clone(), end: None }),
        ..FetchOptions::new(server.url())
    };
    fetch_with_events(options).await
}

/// First two nibbles of a slot's key in the storage trie.
fn first_nibbles(slot: u64) -> [u8; 2] {
    let key = keccak256(U256::from(slot).to_be_bytes::<32>());
    [key[0] >> 4, key[0] & 0xf]
}

/// The storage trie's root is a branch with a leaf and another branch as its children. The block removes the leaf. The
/// root becomes an extension to the other branch, which no proof of the removed key contains.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_left_alone_is_found_by_a_neighbour() {
    let together = (2..).find(|slot| first_nibbles(*slot)[0] == first_nibbles(1)[0]).unwrap();
    let alone = (2..).find(|slot| first_nibbles(*slot)[0] != first_nibbles(1)[0]).unwrap();
    let mut chain = chain(|alloc| alloc[key(LEDGER)] = ledger(alloc, [1, together, alone]));
    let transactions = vec![call(&chain, 0, LEDGER, ledger_call(&[(alone, 0)]))];
    let input = chain.append(Draft { transactions, ..Draft::default() });
    let node = ReplayNode::of_input(&input).with_state(&chain);
    let (fetched, events) = fetch(node, &chain).await;
    assert_eq!(fetched, input);
    assert!(events.contains(&Event::Searching { nibbles: 1 }), "{events:?}");
}

/// Random removals leave single leaves, extensions and branches in the tries of the storage and the state. The state
/// has empty accounts, which are removed when a block touches them (EIP-161).
#[tokio::test(flavor = "multi_thread")]
async fn random_removals_are_fetched() {
    let mut searched = 0;
    for seed in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed);
        let slots = (0..rng.random_range(2..60)).collect::<Vec<u64>>();
        let empty =
            (0..rng.random_range(0..40u8)).map(|byte| Address::repeat_byte(0x60 + byte)).collect::<Vec<_>>();
        let mut chain = chain(|alloc| {
            alloc[key(LEDGER)] = ledger(alloc, slots.iter().copied());
            for address in &empty {
                alloc[key(*address)] = json!({ "balance": "0x0" });
            }
        });
        let removed =
            slots.iter().filter(|_| rng.random_bool(0.6)).map(|slot| (*slot, 0)).collect::<Vec<_>>();
        let mut transactions = vec![call(&chain, 0, LEDGER, ledger_call(&removed))];
        for address in empty.iter().filter(|_| rng.random_bool(0.5)) {
            transactions.push(call(&chain, transactions.len() as u64, *address, Bytes::new()));
        }
        let input = chain.append(Draft { transactions, ..Draft::default() });
        let node = ReplayNode::of_input(&input).with_state(&chain);
        let (fetched, events) = fetch(node, &chain).await;
        assert_eq!(fetched, input, "seed {seed}");
        searched += events.iter().filter(|event| matches!(event, Event::Searching { .. })).count();
    }
    println!("{searched} neighbours were searched");
}

/// `BLOCKHASH` needs the headers of all ancestors down to the one that is read.
#[tokio::test(flavor = "multi_thread")]
async fn ancestors_are_fetched() {
    // PUSH1 05 NUMBER SUB BLOCKHASH PUSH0 SSTORE
    let code = Bytes::from_static(&hex!("60054303405f55"));
    let contract = Address::repeat_byte(0xbb);
    let mut chain = chain(|alloc| {
        alloc[key(contract)] = json!({ "balance": "0x0", "nonce": "0x1", "code": code });
    });
    for _ in 0..7 {
        chain.append(Draft::default());
    }
    let transactions = vec![call(&chain, 0, contract, Bytes::new())];
    let input = chain.append(Draft { transactions, ..Draft::default() });
    assert_eq!(input.witness.headers.len(), 4, "the hash of a block is in its child");
    let node = ReplayNode::of_input(&input).with_state(&chain);
    assert_eq!(fetch(node, &chain).await.0, input);
}

/// Slots that `eth_createAccessList` names are fetched with few requests.
#[tokio::test(flavor = "multi_thread")]
async fn access_lists_save_requests() {
    let slots = (0..100).collect::<BTreeSet<u64>>();
    let mut chain = chain(|alloc| alloc[key(LEDGER)] = ledger(alloc, slots.clone()));
    let changes = slots.iter().map(|slot| (*slot, 7)).collect::<Vec<_>>();
    let transactions = vec![call(&chain, 0, LEDGER, ledger_call(&changes))];
    let input = chain.append(Draft { transactions, ..Draft::default() });
    let keys = slots.iter().map(|slot| B256::from(U256::from(*slot))).collect::<Vec<_>>();
    let mut counts = Vec::new();
    for listed in [false, true] {
        let node = ReplayNode::of_input(&input).with_state(&chain);
        let keys = keys.clone();
        let server = RpcServer::start(move |call: &Call| match call.method.as_str() {
            "eth_createAccessList" if listed => Reply::Result(json!({
                "accessList": [{ "address": LEDGER, "storageKeys": keys }], "gasUsed": "0x5208",
            })),
            _ => node.answer(call),
        })
        .await;
        assert_eq!(fetch_from(&server, &chain).await.0, input);
        counts.push(server.count("eth_getProof"));
    }
    assert!(counts[0] > counts[1] + 90, "{counts:?}");
}

/// Without the sibling node, a removal is an error. The tests above rely on this.
#[test]
fn a_removal_needs_the_sibling() {
    let mut full = Trie::default();
    let keys = [B256::ZERO, B256::repeat_byte(0x11)];
    for key in &keys {
        full.insert(key, Bytes::from_static(&[7; 40]), &mut Preimages::default()).unwrap();
    }
    let mut nodes = Preimages::new(full.revealed());
    let root = full.hash();
    Trie::from_root(root).get(&keys[0], &mut nodes).unwrap();
    let mut seen = Preimages::new(nodes.into_used());
    Trie::from_root(root).remove(&keys[0], &mut seen).unwrap_err();
}

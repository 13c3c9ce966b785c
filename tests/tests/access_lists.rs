//! Fetching by a block's access list (EIP-7928): nodes that give it in every way, and nodes that lie.

use alloy_consensus::{Header, TxEip1559};
use alloy_eips::{
    eip7928::{AccountChanges, compute_block_access_list_hash},
    eip8282::{
        BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_DEPOSIT_CONTRACT_CODE, BUILDER_EXIT_CONTRACT_ADDRESS,
        BUILDER_EXIT_CONTRACT_CODE,
    },
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::AddressMap};
use revm::{
    Database, DatabaseCommit,
    state::{
        Account, AccountInfo, Bytecode,
        bal::{Bal, BlockAccessIndex},
    },
};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use zeno_guest_evm::{
    AccessList, ChainSpec, State, StatelessInput,
    chain::Chain,
    decode_block, execute,
    state::{StateError, WitnessState},
    trie::Preimages,
};
use zeno_tests::{
    devchain::{DevAccount, DevChain, Draft},
    example::{GENESIS, LEDGER, ledger_call, signed},
    replay::ReplayNode,
    rpc_server::{Call, Reply, RpcServer},
};
use zeno_witness_fetch::{BlockSelector, Event, FetchOptions, Fetcher, Method};

/// Methods that give a block's list.
const METHODS: [&str; 3] =
    ["eth_getBlockAccessList", "eth_getBlockAccessListByBlockHash", "debug_getRawBlockAccessList"];

/// Key of an address in the JSON of a genesis.
fn key(address: Address) -> String {
    address.to_string().to_lowercase()
}

/// Development chain of Amsterdam, whose ledger has the value 1 in the slots 1 and 2.
fn chain() -> DevChain {
    let mut genesis: Value = serde_json::from_str(GENESIS).unwrap();
    genesis["config"]["amsterdamTime"] = json!(0);
    for (address, code) in [
        (BUILDER_DEPOSIT_CONTRACT_ADDRESS, &BUILDER_DEPOSIT_CONTRACT_CODE),
        (BUILDER_EXIT_CONTRACT_ADDRESS, &BUILDER_EXIT_CONTRACT_CODE),
    ] {
        genesis["alloc"][key(address)] = json!({ "balance": "0x0", "nonce": "0x1", "code": code });
    }
    let one = B256::with_last_byte(1);
    genesis["alloc"][key(LEDGER)]["storage"] =
        json!({ (one.to_string()): one, (B256::with_last_byte(2).to_string()): one });
    DevChain::from_genesis(&genesis.to_string())
}

/// Input of a block that removes one of the two slots, so that the trie's branch collapses, and pays a new account.
fn block(chain: &mut DevChain) -> StatelessInput {
    let transaction = |nonce, to: Address, value: u64, input| TxEip1559 {
        chain_id: chain.spec.chain_id,
        nonce,
        gas_limit: 5_000_000,
        max_fee_per_gas: 3_000_000_000,
        to: to.into(),
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    };
    let transactions = [
        transaction(0, LEDGER, 0, ledger_call(&[(1, 0)])),
        transaction(1, Address::repeat_byte(0x77), 5, Bytes::new()),
    ];
    let transactions = transactions.map(|transaction| signed(transaction, &DevAccount::new(0))).to_vec();
    chain.append(Draft { transactions, ..Draft::default() })
}

/// State that records a block's accesses by revm's own types, too.
#[derive(Debug)]
struct Recorder {
    state: WitnessState,
    list: Bal,
    index: Option<u32>,
}

impl State for Recorder {
    fn take_error(&mut self) -> Option<StateError> {
        self.state.take_error()
    }

    fn keep_error(&mut self, error: StateError) {
        self.state.keep_error(error);
    }

    fn storage_only(&self) -> &[Address] {
        self.state.storage_only()
    }

    fn record_accesses(&mut self, index: u32) {
        self.index = Some(index);
        self.state.record_accesses(index);
    }

    fn take_access_list(&mut self) -> AccessList {
        self.index = None;
        self.state.take_access_list()
    }
}

impl Database for Recorder {
    type Error = Box<StateError>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Box<StateError>> {
        self.state.basic(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Box<StateError>> {
        self.state.code_by_hash(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Box<StateError>> {
        self.state.storage(address, index)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Box<StateError>> {
        self.state.block_hash(number)
    }
}

impl DatabaseCommit for Recorder {
    fn commit(&mut self, changes: AddressMap<Account>) {
        if let Some(index) = self.index {
            for (address, change) in &changes {
                self.list.update_account(BlockAccessIndex::new(index.into()), *address, change);
            }
        }
        self.state.commit(changes);
    }
}

/// Access list of an input's block, by revm's own types. It has the hash of the block's header.
fn access_list(input: &StatelessInput) -> Vec<AccountChanges> {
    let spec = ChainSpec::decode(&input.chain).unwrap();
    let block = decode_block(&input.block).unwrap();
    let parent = input.witness.headers.iter().find(|rlp| keccak256(rlp) == block.header.parent_hash).unwrap();
    let parent: Header = alloy_rlp::decode_exact(parent).unwrap();
    let [nodes, codes, headers] = [&input.witness.state, &input.witness.codes, &input.witness.headers]
        .map(|list| Preimages::new(list.iter().cloned()));
    let state = WitnessState::new(&parent, block.header.parent_hash, nodes, codes, headers)
        .at_fork(spec.fork_at(block.header.timestamp));
    let senders =
        input.public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();
    let mut recorder = Recorder { state, list: Bal::new(), index: None };
    execute(&spec, &block, &senders, &mut recorder).unwrap();
    let list = recorder.list.into_alloy_bal();
    assert_eq!(block.header.block_access_list_hash, Some(compute_block_access_list_hash(&list)));
    list
}

/// Fetches the latest block by proofs. Returns its input, and the number of requests after the execution began.
async fn fetch(server: &Arc<RpcServer>, chain: &DevChain) -> (StatelessInput, usize) {
    let before = Arc::new(AtomicUsize::new(0));
    let progress = {
        let (server, before) = (server.clone(), before.clone());
        Arc::new(move |event: Event| {
            if matches!(event, Event::Executing { .. }) {
                before.store(server.calls().len(), Ordering::SeqCst);
            }
        })
    };
    let options = FetchOptions {
        method: Method::Proofs,
        chain: Some(Chain { spec: chain.spec.clone(), end: None }),
        ..FetchOptions::new(server.url())
    };
    let input = Fetcher::new(options).unwrap().fetch(&BlockSelector::Latest, progress).await.unwrap();
    (input, server.calls().len() - before.load(Ordering::SeqCst))
}

/// Starts a node of the block, which answers for its access list by `list`; where that has no answer, the node has no such
/// method. `beside` is the list that stands in the block's JSON.
async fn node(
    chain: &DevChain,
    input: &StatelessInput,
    beside: Option<Value>,
    list: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
) -> Arc<RpcServer> {
    let node = ReplayNode::of_input(input).with_state(chain);
    let answer = move |call: &Call| match (call.method.as_str(), &beside) {
        ("eth_getBlockByHash", Some(beside)) if call.params[1] == true => match node.answer(call) {
            Reply::Result(mut block) => {
                block["blockAccessList"] = beside.clone();
                Reply::Result(block)
            }
            other => other,
        },
        (method, _) if METHODS.contains(&method) => list(method).unwrap_or_else(|| node.answer(call)),
        _ => node.answer(call),
    };
    Arc::new(RpcServer::start(answer).await)
}

/// With the list, the whole state is asked for before the execution, and so is what removals need: the list, the proofs, and
/// the codes are three rounds of requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_leaves_nothing_to_be_fetched_during_the_execution() {
    let mut chain = chain();
    let input = block(&mut chain);
    let list = access_list(&input);
    let rlp = json!(Bytes::from(alloy_rlp::encode(&list)));
    let list = json!(list);
    for (method, answer) in [(METHODS[0], &list), (METHODS[1], &list), (METHODS[2], &rlp), (METHODS[0], &rlp)]
    {
        let answer = answer.clone();
        let server =
            node(&chain, &input, None, move |asked| (asked == method).then(|| Reply::Result(answer.clone())))
                .await;
        assert!(fetch(&server, &chain).await == (input.clone(), 0), "{method}");
        assert_eq!(server.count("eth_createAccessList"), 0, "{method}");
    }
    for beside in [&list, &rlp] {
        let server = node(&chain, &input, Some(beside.clone()), |_| None).await;
        assert!(fetch(&server, &chain).await == (input.clone(), 0));
        assert!(METHODS.iter().all(|method| server.count(method) == 0));
    }
    // Without it, what is missing is fetched when it is read.
    let server = node(&chain, &input, None, |_| None).await;
    let (fetched, later) = fetch(&server, &chain).await;
    assert!(fetched == input && later > 0);
    assert!(METHODS.iter().all(|method| server.count(method) == 1));
    assert!(server.count("eth_createAccessList") > 0);
}

/// A list decides nothing, whether it is false or can't be read.
#[tokio::test(flavor = "multi_thread")]
async fn false_lists_do_no_harm() {
    let mut chain = chain();
    let input = block(&mut chain);
    let list = json!(access_list(&input));
    let mut shortened = list.clone();
    shortened.as_array_mut().unwrap().pop();
    let mut altered = list.clone();
    altered
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|account| account["storageReads"] = json!(["0x1234"]));
    let invented = json!([{ "address": Address::repeat_byte(0x99), "storageReads": ["0x1", "0x2"] }]);
    for lie in [
        json!([]),
        json!("0xc0"),
        json!("0x"),
        json!({}),
        json!(7),
        Value::Null,
        json!([{ "address": "0x12" }]),
        shortened,
        altered,
        invented,
    ] {
        let answer = lie.clone();
        let server =
            node(&chain, &input, Some(lie.clone()), move |_| Some(Reply::Result(answer.clone()))).await;
        let (fetched, _) = fetch(&server, &chain).await;
        assert!(fetched == input, "{lie}");
        assert!(server.count("eth_createAccessList") > 0, "{lie}");
        // The right list is found behind a false one.
        let (answer, right) = (lie.clone(), list.clone());
        let server = node(&chain, &input, Some(lie.clone()), move |method| {
            let list = if method == METHODS[1] { &right } else { &answer };
            Some(Reply::Result(list.clone()))
        })
        .await;
        assert!(fetch(&server, &chain).await == (input.clone(), 0), "{lie}");
    }
    for error in [(-32001, "Resource not found"), (4444, "Pruned history unavailable")] {
        let server =
            node(&chain, &input, None, move |_| Some(Reply::Error(error.0, error.1.to_owned()))).await;
        assert!(fetch(&server, &chain).await.0 == input);
    }
}

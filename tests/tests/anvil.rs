//! Live node: blocks that anvil makes of real transactions are fetched by proofs and validated.
//!
//! [`find`] looks for anvil, which `npm install --no-save @foundry-rs/anvil@1.7.1` installs in `tests/`. Without it the
//! tests are ignored. Its blocks follow the rules with these exceptions, as of 1.7.1:
//!
//! - The genesis header always has the root of an empty state. So block 1 builds on a state that its parent doesn't
//!   have.
//! - Block 1 has the base fee of the genesis, not the one that follows from it (EIP-1559).
//! - The beacon block root is not stored, because the contract of EIP-4788 is not called before the transactions. So
//!   the state root is wrong if the genesis has this contract.
//! - An empty account that is touched, such as a precompile's, stays in the state (EIP-161).
//! - A storage slot to which zero is written stays in the storage's trie, as a leaf with the value zero.
//! - Requests are not collected: the contracts of EIP-7002 and EIP-7251 are not called after the transactions, and the
//!   requests hash is always that of no requests (EIP-7685).
//! - Blocks that are mined within a second have the same timestamp, unless an interval is set.
//!
//! So the tests fetch blocks from the second on. They set an interval, take a genesis without the contract of EIP-4788,
//! and send transactions that meet none of the exceptions. For the same reason the committed example is made by this
//! workspace's own executor, and not by anvil.

use alloy_consensus::{Transaction as _, TxEip2930, TxType};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use serde_json::{Value, json};
use std::{collections::HashSet, env, fs, path::Path, sync::Arc};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use zeno_guest_evm::{
    StatelessInput, Subject, Transaction, ValidationError, chain::Chain, decode_block, validate,
};
use zeno_tests::{
    anvil::{Anvil, find},
    devchain::DevAccount,
    example::{GENESIS, LEDGER, ledger_call, signed, transactions},
};
use zeno_witness_fetch::{BlockSelector, FetchError, FetchOptions, Fetcher, Rpc};

/// Runs the tests whose names contain the first argument that is no option. The standard harness can't ignore the tests
/// if anvil is missing, because this is known only when they run.
fn main() {
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let anvil = find();
    let run = |name: &str, test: &dyn Fn(&Path)| match &anvil {
        _ if !name.contains(&filter) => {}
        Some(anvil) => {
            test(anvil);
            println!("test {name} ... ok");
        }
        None if env::var_os("ZENO_NO_SKIPS").is_some() => {
            panic!("ZENO_NO_SKIPS is set, but there is no anvil")
        }
        None => println!(
            "test {name} ... ignored, needs anvil: npm install --no-save @foundry-rs/anvil@1.7.1 in tests/, or set ZENO_ANVIL"
        ),
    };
    let runtime = Runtime::new().expect("threads can be started");
    run("blocks_of_anvil_validate", &|anvil| runtime.block_on(blocks_of_anvil_validate(anvil)));
    run("some_blocks_of_anvil_break_the_rules", &|anvil| {
        runtime.block_on(some_blocks_of_anvil_break_the_rules(anvil));
    });
}

/// Running anvil on the development chain.
struct Node {
    anvil: Anvil,
    rpc: Rpc,
    _genesis: NamedTempFile,
}

impl Node {
    /// Starts anvil with the development chain's genesis, with or without the contract of EIP-4788.
    async fn start(program: &Path, with_beacon_roots: bool) -> Self {
        let mut genesis: Value = serde_json::from_str(GENESIS).unwrap();
        if !with_beacon_roots {
            let contract = BEACON_ROOTS_ADDRESS.to_string();
            genesis["alloc"]
                .as_object_mut()
                .unwrap()
                .retain(|address, _| !address.eq_ignore_ascii_case(&contract));
        }
        let file = NamedTempFile::new().unwrap();
        fs::write(&file, genesis.to_string()).unwrap();
        let path = file.path().to_str().expect("the path of a temporary file is text");
        let arguments = ["--init", path, "--hardfork", "osaka", "--no-mining", "--order", "fifo"];
        let anvil = Anvil::start(program, &arguments);
        let node = Self { rpc: anvil.rpc(), anvil, _genesis: file };
        node.call("anvil_setBlockTimestampInterval", json!([12])).await;
        node
    }

    /// Result of a call, which may be `null`.
    async fn call(&self, method: &'static str, params: Value) -> Value {
        self.rpc.call_optional(method, &params).await.unwrap().unwrap_or_default()
    }

    /// Mines a block of these transactions.
    async fn mine(&self, transactions: &[Transaction]) {
        for transaction in transactions {
            self.call("eth_sendRawTransaction", json!([Bytes::from(transaction.encoded_2718())])).await;
        }
        self.call("evm_mine", json!([])).await;
    }

    /// Fetches a block by proofs, because anvil has no method for witnesses.
    async fn fetch(&self, number: u64) -> Result<StatelessInput, FetchError> {
        let options = FetchOptions {
            chain: Some(Chain::from_json(GENESIS).unwrap()),
            ..FetchOptions::new(self.anvil.url())
        };
        Fetcher::new(options)?
            .fetch(&BlockSelector::Number(number), Arc::new(|event| println!("{event}")))
            .await
    }
}

async fn blocks_of_anvil_validate(program: &Path) {
    let node = Node::start(program, false).await;
    node.mine(&[]).await;
    let examples = transactions(9366);
    let example = |fits: &dyn Fn(&Transaction) -> bool| examples.iter().find(|it| fits(it)).unwrap().clone();
    let sent = [
        example(&|it| it.tx_type() == TxType::Legacy),
        ledger_update(0, &[(1, 11), (100, 1)]),
        example(&|it| it.is_create()),
        example(&|it| it.tx_type() == TxType::Eip7702),
    ];
    node.mine(&sent).await;
    node.mine(&[]).await;

    for (number, count) in [(2, sent.len()), (3, 0)] {
        let input = node.fetch(number).await.unwrap();
        let claim = validate(&input).unwrap();
        assert_eq!((claim.chain_id, claim.last_block_number), (9366, number));
        let block = decode_block(&input.blocks[0]).unwrap();
        assert_eq!(block.body.transactions.len(), count);
        if number == 2 {
            let types = block
                .body
                .transactions
                .iter()
                .map(|transaction| transaction.tx_type())
                .collect::<HashSet<_>>();
            assert_eq!(
                types,
                HashSet::from([TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip7702])
            );
            assert!(block.body.transactions.iter().any(|transaction| transaction.is_create()));
        }
        println!(
            "block {number}: {count} transactions, {} gas, {} bytes",
            block.header.gas_used,
            input.encode().len()
        );
    }

    // If an assertion below fails, anvil has improved, and the list above is out of date.
    let broken = [
        (ledger_update(1, &[(1, 0)]), Subject::StateRoot),
        (example(&|it| it.to() == Some(Address::with_last_byte(1))), Subject::StateRoot),
        (example(&|it| it.to() == Some(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS)), Subject::RequestsHash),
    ];
    for (number, (transaction, rule)) in (4..).zip(broken) {
        node.mine(&[transaction]).await;
        let error = node.fetch(number).await.unwrap_err();
        assert!(refused_for(&error, rule), "block {number}: {error}");
    }
}

/// Transaction that sets slots of the ledger.
fn ledger_update(nonce: u64, slots: &[(u64, u64)]) -> Transaction {
    let call = TxEip2930 {
        chain_id: 9366,
        nonce,
        gas_price: 2_000_000_000,
        gas_limit: 150_000,
        to: LEDGER.into(),
        access_list: AccessList(vec![AccessListItem {
            address: LEDGER,
            storage_keys: vec![B256::with_last_byte(1)],
        }]),
        input: ledger_call(slots),
        ..TxEip2930::default()
    };
    signed(call, &DevAccount::new(1))
}

/// Returns whether a block is refused because of a wrong value of this field.
fn refused_for(error: &FetchError, rule: Subject) -> bool {
    matches!(
        error,
        FetchError::Invalid { error: ValidationError::Mismatch { subject, .. }, .. } if *subject == rule
    )
}

/// If this fails, anvil has improved, and the list above is out of date.
async fn some_blocks_of_anvil_break_the_rules(program: &Path) {
    let node = Node::start(program, true).await;
    let genesis = node.call("eth_getBlockByNumber", json!(["0x0", false])).await;
    assert_eq!(genesis["stateRoot"], json!(EMPTY_ROOT_HASH));
    node.mine(&[]).await;
    let error = node.fetch(1).await.unwrap_err();
    assert!(refused_for(&error, Subject::BaseFee), "{error}");
    node.mine(&[]).await;
    let error = node.fetch(2).await.unwrap_err();
    assert!(refused_for(&error, Subject::StateRoot), "{error}");
}

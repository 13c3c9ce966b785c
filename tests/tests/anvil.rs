//! A live node: blocks that anvil makes of real transactions, fetched by proofs and validated.
//!
//! Anvil is found by `$ZENO_ANVIL`, on the `PATH`, or where `npm install --no-save
//! @foundry-rs/anvil@1.7.1` puts it in `tests/`; these tests are ignored where it is not. Its blocks
//! follow the rules, but for these, as of 1.7.1:
//!
//! - the genesis header has the root of an empty state, whatever the genesis allocates, so block 1
//!   builds on a state that its parent doesn't have;
//! - block 1 has the base fee of the genesis, not the one that follows from it (EIP-1559);
//! - the beacon block root is not stored: EIP-4788's contract is not called before the transactions,
//!   so the state root is wrong where the genesis has that contract;
//! - an account that is touched and empty, such as a precompile's, stays in the state (EIP-161);
//! - a storage slot that becomes or stays zero when it is written stays in the storage's trie, as a
//!   leaf with the value zero;
//! - requests are not collected: the contracts of EIP-7002 and EIP-7251 are not called after the
//!   transactions, and the requests hash is always that of no requests (EIP-7685);
//! - blocks that are mined within a second have the same timestamp, unless an interval is set.
//!
//! So blocks from the second on are fetched, with an interval set, from a genesis without EIP-4788's
//! contract, and with transactions that do none of this. The example of `config/` is not made by
//! anvil, but by this workspace's own executor.

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
use std::{
    collections::HashSet,
    env, fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tempfile::NamedTempFile;
use tokio::{runtime::Runtime, time::sleep};
use zeno_guest_evm::{
    ChainSpec, StatelessInput, Subject, Transaction, ValidationError, decode_block, validate,
};
use zeno_tests::{
    devchain::DevAccount,
    example::{GENESIS, LEDGER, ledger_call, signed, transactions},
};
use zeno_witness_fetch::{BlockSelector, FetchError, FetchOptions, Fetcher};

/// Runs the tests whose names contain the first argument that is no option. A harness of its own,
/// because whether there is an anvil is known only when they run.
fn main() {
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let anvil = find_anvil();
    let run = |name: &str, test: &dyn Fn(&Path)| match &anvil {
        _ if !name.contains(&filter) => {}
        Some(anvil) => {
            test(anvil);
            println!("test {name} ... ok");
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

/// The anvil that the tests run, if there is one. If one is named, it is that.
fn find_anvil() -> Option<PathBuf> {
    if let Some(named) = env::var_os("ZENO_ANVIL") {
        return Some(named.into());
    }
    let on_path =
        env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/.bin/anvil");
    on_path.map(|dir| dir.join("anvil")).chain([installed]).find(|path| path.is_file())
}

/// A running anvil; it ends with the test.
struct Anvil {
    url: String,
    process: Child,
    _genesis: NamedTempFile,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // The npm package's program starts another one, so the whole group has to end.
        let group = format!("-{}", self.process.id());
        let _ = std::process::Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.process.wait();
    }
}

impl Anvil {
    /// Starts anvil with the development chain's genesis, with or without EIP-4788's contract.
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .arg("--init")
            .arg(file.path())
            .args(["--hardfork", "osaka", "--no-mining", "--order", "fifo", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let anvil = Self { url: format!("http://127.0.0.1:{port}"), process, _genesis: file };
        for _ in 0..300 {
            if anvil.try_call("eth_chainId", json!([])).await.is_ok() {
                anvil.call("anvil_setBlockTimestampInterval", json!([12])).await;
                return anvil;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("anvil gave no answer within half a minute");
    }

    async fn try_call(&self, method: &str, params: Value) -> Result<Value, String> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = reqwest::Client::new()
            .post(&self.url)
            .header("content-type", "application/json")
            .body(request.to_string())
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let mut answer: Value =
            serde_json::from_slice(&response.bytes().await.map_err(|error| error.to_string())?)
                .map_err(|error| error.to_string())?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].take()),
        }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Mines a block of these transactions.
    async fn mine(&self, transactions: &[Transaction]) {
        for transaction in transactions {
            self.call("eth_sendRawTransaction", json!([Bytes::from(transaction.encoded_2718())])).await;
        }
        self.call("evm_mine", json!([])).await;
    }

    /// Fetches a block by proofs: anvil has no other way.
    async fn fetch(&self, number: u64) -> Result<StatelessInput, FetchError> {
        let options = FetchOptions {
            chain: Some(ChainSpec::from_json(GENESIS).unwrap()),
            ..FetchOptions::new(&self.url)
        };
        Fetcher::new(options)?
            .fetch(&BlockSelector::Number(number), Arc::new(|event| println!("{event}")))
            .await
    }
}

async fn blocks_of_anvil_validate(program: &Path) {
    let anvil = Anvil::start(program, false).await;
    anvil.mine(&[]).await;
    let examples = transactions(9366);
    let example = |fits: &dyn Fn(&Transaction) -> bool| examples.iter().find(|it| fits(it)).unwrap().clone();
    let sent = [
        example(&|it| it.tx_type() == TxType::Legacy),
        ledger_update(0, &[(1, 11), (100, 1)]),
        example(&|it| it.is_create()),
        example(&|it| it.tx_type() == TxType::Eip7702),
    ];
    anvil.mine(&sent).await;
    anvil.mine(&[]).await;

    for (number, count) in [(2, sent.len()), (3, 0)] {
        let input = anvil.fetch(number).await.unwrap();
        let claim = validate(&input).unwrap();
        assert_eq!((claim.chain_id, claim.last_block_number), (9366, number));
        let block = decode_block(&input.block).unwrap();
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

    // If these fail, anvil got better, and the list above is out of date.
    let broken = [
        (ledger_update(1, &[(1, 0)]), Subject::StateRoot),
        (example(&|it| it.to() == Some(Address::with_last_byte(1))), Subject::StateRoot),
        (example(&|it| it.to() == Some(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS)), Subject::RequestsHash),
    ];
    for (number, (transaction, rule)) in (4..).zip(broken) {
        anvil.mine(&[transaction]).await;
        let error = anvil.fetch(number).await.unwrap_err();
        assert!(refused_for(&error, rule), "block {number}: {error}");
    }
}

/// Sets slots of the ledger.
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

fn refused_for(error: &FetchError, rule: Subject) -> bool {
    matches!(
        error,
        FetchError::Invalid { error: ValidationError::Mismatch { subject, .. }, .. } if *subject == rule
    )
}

/// If this fails, anvil got better: then the list above is out of date.
async fn some_blocks_of_anvil_break_the_rules(program: &Path) {
    let anvil = Anvil::start(program, true).await;
    let genesis = anvil.call("eth_getBlockByNumber", json!(["0x0", false])).await;
    assert_eq!(genesis["stateRoot"], json!(EMPTY_ROOT_HASH));
    anvil.mine(&[]).await;
    let error = anvil.fetch(1).await.unwrap_err();
    assert!(refused_for(&error, Subject::BaseFee), "{error}");
    anvil.mine(&[]).await;
    let error = anvil.fetch(2).await.unwrap_err();
    assert!(refused_for(&error, Subject::StateRoot), "{error}");
}

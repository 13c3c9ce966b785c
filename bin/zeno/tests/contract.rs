//! `zeno contract` and `zeno verify --contract` against a live anvil, honest and behind a node that lies: with a real proof by
//! the real circuit, and with real proofs of a small circuit that has the wrapper's configuration.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{Revert, SolCall, SolConstructor, SolError, SolInterface};
use halo2_proofs::{SerdeFormat, poly::kzg::commitment::ParamsKZG};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use zeno_guest_evm::{
    ChainSpec, StatelessInput,
    chain::{Chain, RELEASED},
    decode_block,
};
use zeno_tests::{
    anvil,
    rpc_server::{Call, Reply, RpcServer},
    signals, solidity,
    wrapper::{self, APP_EXE, APP_VM, Wrapper},
};
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, PROOF_SYSTEM, ProofFile, ProofKind, UnknownSrs,
    contracts::{
        IZenoVerifier, SourceFile, ZenoLightClient, ZenoLightClient::ZenoLightClientErrors, solidity_sources,
    },
    rules_table, verify_evm,
};
use zeno_witness_fetch::{Problem, Rpc};

/// The key of the first account that anvil gives ether to.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ACCOUNT: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// Limit on every wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Running anvil with three blocks, which stops when it is dropped.
struct Anvil {
    process: anvil::Anvil,
    rpc: Rpc,
    runtime: tokio::runtime::Runtime,
}

impl Anvil {
    /// Starts anvil. Returns `None`, and prints the reason, if it is not installed.
    fn start(options: &[&str]) -> Option<Self> {
        let Some(program) = anvil::find() else {
            solidity::skip("anvil is not installed; scripts/test-contracts installs it");
            return None;
        };
        let process = anvil::Anvil::start(&program, &[&["--hardfork", "prague"], options].concat());
        let rpc = process.rpc();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let anvil = Self { process, rpc, runtime };
        anvil.mine(3);
        Some(anvil)
    }

    fn url(&self) -> &str {
        self.process.url()
    }

    fn mine(&self, blocks: usize) {
        for _ in 0..blocks {
            self.ask("evm_mine", json!([]));
        }
    }

    fn ask(&self, method: &'static str, params: Value) -> Value {
        self.runtime.block_on(self.rpc.call_optional(method, &params)).unwrap().unwrap_or_default()
    }

    fn number(&self, method: &'static str, params: Value) -> U256 {
        serde_json::from_value(self.ask(method, params)).unwrap()
    }

    fn balance(&self) -> U256 {
        self.number("eth_getBalance", json!([ACCOUNT, "latest"]))
    }

    /// Number of the account's transactions that are in blocks.
    fn sent(&self) -> U256 {
        self.number("eth_getTransactionCount", json!([ACCOUNT, "latest"]))
    }

    /// The account's transactions that are in no block.
    fn pending(&self) -> Vec<Value> {
        let pool = self.ask("txpool_content", json!([]));
        let all = pool["pending"].as_object().into_iter().flatten();
        all.flat_map(|(_, of_account)| of_account.as_object().unwrap().values().cloned()).collect()
    }

    fn wait_for(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            assert!(start.elapsed() < PATIENCE, "{what}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn header(&self, number: u64) -> Header {
        let block = self.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false]));
        let hash: B256 = serde_json::from_value(block["hash"].clone()).unwrap();
        let header: Header = serde_json::from_value(block).unwrap();
        assert_eq!(header.hash_slow(), hash);
        header
    }

    /// Creates a contract by the node's own account.
    fn create(&self, code: &[u8]) -> Address {
        let transaction = json!({ "from": ACCOUNT, "data": Bytes::copy_from_slice(code), "gas": "0xf42400" });
        let hash = self.ask("eth_sendTransaction", json!([transaction]));
        let receipt = || self.ask("eth_getTransactionReceipt", json!([hash]));
        self.wait_for("a receipt", |_| !receipt().is_null());
        let receipt = receipt();
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    /// Calls a contract's function. Returns its result, or the bytes that it reverts with.
    fn call<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Bytes> {
        let data = Bytes::from(call.abi_encode());
        let params = json!([{ "to": to, "data": data }, "latest"]);
        match self.runtime.block_on(self.rpc.call::<Bytes>("eth_call", &params)) {
            Ok(answer) => Ok(C::abi_decode_returns(&answer).unwrap()),
            Err(error) => match error.problem {
                Problem::Answer { data, .. } => Err(data.unwrap_or_default()),
                problem => panic!("{problem}"),
            },
        }
    }
}

/// Answer of a node: a result, or a JSON-RPC error.
type Answer = Result<Value, Value>;

/// A node in front of another, which may tell lies.
struct Liar {
    server: RpcServer,
    _runtime: tokio::runtime::Runtime,
}

impl Liar {
    /// `lie` turns a call and the true answer into the node's answer.
    fn before(anvil: &Anvil, lie: impl Fn(&Call, Answer) -> Answer + Send + Sync + 'static) -> Self {
        Self::replying(anvil, move |call, truth| match lie(call, truth) {
            Ok(result) => Reply::Result(result),
            Err(error) => {
                let answer = json!({ "jsonrpc": "2.0", "id": null, "error": error });
                Reply::Http(200, Vec::new(), answer.to_string().into_bytes())
            }
        })
    }

    /// The same for replies that need not be JSON-RPC.
    fn replying(anvil: &Anvil, reply: impl Fn(&Call, Answer) -> Reply + Send + Sync + 'static) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let rpc = anvil.process.rpc();
        let answer = move |call: &Call| {
            let method: &'static str = Box::leak(call.method.clone().into_boxed_str());
            let ask = rpc.call_optional::<Value>(method, &call.params);
            let truth = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(ask));
            let truth = truth.map(Option::unwrap_or_default).map_err(|error| match error.problem {
                Problem::Answer { code, message, data } => {
                    json!({ "code": code, "message": message, "data": data })
                }
                problem => panic!("{problem}"),
            });
            reply(call, truth)
        };
        let server = runtime.block_on(RpcServer::start(answer));
        Self { server, _runtime: runtime }
    }
}

/// A folder for a test, and the program in it.
struct Zeno {
    folder: tempfile::TempDir,
    url: String,
}

impl Zeno {
    fn new(url: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: url.to_owned() }
    }

    /// The same folder, and another node.
    fn through(self, liar: &Liar) -> Self {
        Self { url: liar.server.url(), ..self }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zeno"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("ETH_RPC_URL", &self.url)
            .env("ZENO_PRIVATE_KEY", KEY)
            .env("ZENO_CACHE_DIR", self.path("cache"));
        command
    }

    /// Runs `zeno --json` with the account's key: the object, and the exit status.
    fn run(&self, args: &[&str]) -> (Value, i32) {
        Self::result(&self.command(&[&["--json"], args].concat()).output().expect("zeno starts"))
    }

    fn result(output: &Output) -> (Value, i32) {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let value = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error} in: {text}; {}", String::from_utf8_lossy(&output.stderr))
        });
        (value, output.status.code().expect("zeno was not killed"))
    }

    fn succeeds(&self, args: &[&str]) -> Value {
        let (value, status) = self.run(args);
        assert_eq!(status, 0, "{args:?}: {value}");
        value
    }

    fn fails(&self, args: &[&str], with: i32, says: &str) -> Value {
        let (value, status) = self.run(args);
        let error = value["error"].as_str().unwrap_or_default();
        assert_eq!(status, with, "{args:?}: {value}");
        assert!(error.contains(says), "{args:?} should say {says:?}: {error}");
        value
    }

    /// Starts `zeno --json`, for tests that act while it runs.
    fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(&[&["--json"], args].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("zeno starts")
    }

    /// Writes a proof, and returns its name.
    fn write(&self, name: &str, file: &ProofFile) -> String {
        file.write(self.path(name)).unwrap();
        name.to_owned()
    }
}

/// Deployment of the verifier of the built-in key, on anvil's chain.
const DEPLOY: [&str; 5] = ["contract", "deploy", "--allow-unknown-srs", "--chain-id", "31337"];

/// The built-in input.
fn example() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/example/input.zeno")).unwrap()
}

/// The hash of that block's parent.
fn example_parent() -> B256 {
    let input = StatelessInput::decode(&example().into()).unwrap();
    decode_block(&input.blocks[0]).unwrap().header.parent_hash
}

/// A real proof of that block, under the development SRS.
fn example_proof() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verifier-contract/contracts/test/fixtures/block.proof")
}

/// The development SRS, for the number of rows of the circuit.
fn insecure_srs() -> ParamsKZG<halo2curves::bn256::Bn256> {
    struct Silent;
    impl zeno_srs::Progress for Silent {
        fn advance(&self, _: zeno_srs::Step, _: u64, _: u64) {}
    }
    let folder = tempfile::tempdir().unwrap();
    let srs = zeno_srs::development(folder.path(), &[wrapper::K], &Silent).unwrap().remove(0);
    ParamsKZG::read_custom(&mut srs.reader(), SerdeFormat::RawBytes).unwrap()
}

fn address(value: &Value, name: &str) -> Address {
    let contracts = value["contracts"].as_array().expect("contracts were deployed");
    let contract = contracts.iter().find(|contract| contract["name"] == name).expect(name);
    serde_json::from_value(contract["address"].clone()).unwrap()
}

#[test]
fn follows_a_chain_on_another() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let wrapper = Wrapper::new(insecure_srs());
    let zeno = Zeno::new(anvil.url());

    // The key, as `zeno setup` leaves it, and what is to be followed: anvil's chain, from its block 1.
    fs::create_dir(zeno.path("keys")).unwrap();
    fs::write(zeno.path("keys/verifying-key"), wrapper.key.encode()).unwrap();
    let digest = wrapper.key.digest().to_string();
    let keys = ["--keys", "keys", "--key-digest", &digest];
    let [trusted, second, third] = [1, 2, 3].map(|number| anvil.header(number));
    let genesis = include_str!("../../../config/chains/dev.json").replace("9366", "31337");
    let chain = Chain::from_json(&genesis).unwrap();
    let spec = &chain.spec;

    // Export, as a user does; compiled by the pinned compiler.
    let export = ["contract", "export", "--out", "sources"];
    zeno.fails(&[&export[..], &["--keys", "keys", "--allow-unknown-srs"]].concat(), 2, "--key-digest");
    zeno.fails(&[&export[..], &keys].concat(), 2, "--allow-unknown-srs");
    let export = [&export[..], &keys, &["--allow-unknown-srs"]].concat();
    let exported = zeno.succeeds(&export);
    assert_eq!(exported["key_digest"], digest);
    let sources = solidity_sources(&wrapper.key);
    for file in &sources {
        assert_eq!(fs::read_to_string(zeno.path("sources").join(&file.path)).unwrap(), file.text);
    }
    // What is there is replaced, if it is a file.
    zeno.succeeds(&export);
    let place = zeno.path("sources").join(&sources[0].path);
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    zeno.fails(&export, 2, "no regular file");
    // The verifier of an earlier export, over another SRS, would be over this one's Halo2 verifier.
    fs::remove_dir(&place).unwrap();
    zeno.succeeds(&export);
    fs::write(zeno.path("sources/generated/ZenoVerifier.sol"), "contract ZenoVerifier {}").unwrap();
    zeno.fails(&export, 2, "ZenoVerifier.sol of an export for another SRS");
    fs::remove_file(zeno.path("sources/generated/ZenoVerifier.sol")).unwrap();
    // Somebody's project has a configuration of its own.
    fs::create_dir(zeno.path("project")).unwrap();
    fs::write(zeno.path("project/foundry.toml"), "[profile.default]\n").unwrap();
    let into = ["contract", "export", "--out", "project", "--allow-unknown-srs"];
    zeno.fails(&[&into[..], &keys].concat(), 2, "another project's configuration");
    assert_eq!(fs::read_dir(zeno.path("project")).unwrap().count(), 1);
    // The code that is built in is for the real circuit alone.
    let deploy = [&["contract", "deploy", "--allow-unknown-srs", "--dry-run"][..], &keys].concat();
    zeno.fails(&deploy, 2, "contract export");

    let Some(compiled) = solidity::compile(&sources) else {
        solidity::skip("solc is not installed; scripts/build-contracts installs it");
        return;
    };
    let name = "ZenoVerifierInsecureDev";
    let contract = &compiled["contracts"][format!("generated/{name}.sol")][name];
    let code = hex::decode(contract["evm"]["bytecode"]["object"].as_str().unwrap()).unwrap();
    let verifier = anvil.create(&code);
    let constructor = ZenoLightClient::constructorCall {
        verifier,
        chainId: spec.chain_id,
        table: rules_table(&chain).iter().map(Into::into).collect(),
        trustedBlockHash: trusted.hash_slow(),
        trustedHeader: alloy_rlp::encode(&trusted).into(),
        allowUnknownSrs: true,
    };
    let client = anvil.create(&[&ZenoLightClient::BYTECODE[..], &constructor.abi_encode()].concat());

    // Proofs that block 2 and block 3 are valid, as far as this circuit can tell.
    let claim = |parent: &Header, block: &Header| ChainClaim {
        chain_id: spec.chain_id,
        chain_spec: spec.digest_at(block.timestamp),
        first_parent_hash: parent.hash_slow(),
        last_block_hash: block.hash_slow(),
        last_block_number: block.number,
        last_state_root: block.state_root,
        last_receipts_root: block.receipts_root,
        last_timestamp: block.timestamp,
        block_count: 1,
    };
    let prove = |claim: &ChainClaim| wrapper.prove(claim, wrapper.accumulator(), [APP_EXE, APP_VM]);
    let first_proof = prove(&claim(&trusted, &second));
    let first = zeno.write("2.proof", &first_proof);
    let next = zeno.write("3.proof", &prove(&claim(&second, &third)));
    let client_text = client.to_string();
    fn submit<'a>(name: &'a str, client: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["contract", "submit", name, "--contract", client, "--chain-id", "31337"], more].concat()
    }
    let allowed = [&keys[..], &["--allow-unknown-srs"]].concat();
    let unknown = ["--allow-unknown-srs"];
    let submits = |name: &str, more: &[&str]| zeno.succeeds(&submit(name, &client_text, more));
    let submit_fails = |name: &str, more: &[&str], with: i32, says: &str| {
        zeno.fails(&submit(name, &client_text, more), with, says)
    };

    submit_fails(&first, &[], 2, "--allow-unknown-srs");
    submit_fails(&next, &allowed, 2, "UnknownParent");
    let dry = submits(&first, &["--allow-unknown-srs", "--dry-run"]);
    assert!(dry["transactions_sent"][0]["gas_estimate"].as_u64().unwrap() > 300_000, "{dry}");
    assert!(dry.get("claim").is_none(), "nothing was checked here: {dry}");
    let head = || anvil.call(client, &ZenoLightClient::headCall {}).unwrap();
    assert_eq!(head().number, 1, "a dry run moves nothing");

    // A contract, or its node, that refuses what is valid decides nothing; its words stay words.
    let refusals = [
        (
            IZenoVerifier::ProofRefused { digest: B256::ZERO, reason: Bytes::new() }.abi_encode(),
            "ProofRefused",
        ),
        (Revert::from("\u{1b}[2K\u{1b}[1A\u{202e}The proof is valid").abi_encode(), "The proof is valid"),
    ];
    let verifier_text = verifier.to_string();
    for (reason, says) in refusals {
        let data = hex::encode_prefixed(reason);
        let liar = Liar::before(&anvil, move |call, truth| {
            let input = call.params[0]["data"].as_str().unwrap_or_default();
            let calls = [ZenoLightClient::advanceCall::SELECTOR, IZenoVerifier::verifyClaimCall::SELECTOR];
            if call.method == "eth_call"
                && calls.iter().any(|call| input.starts_with(&hex::encode_prefixed(call)))
            {
                return Err(json!({ "code": 3, "message": "execution reverted: \u{1b}[2K", "data": data }));
            }
            truth
        });
        let zeno = Zeno { folder: tempfile::tempdir().unwrap(), url: liar.server.url() };
        fs::write(zeno.path("verifying-key"), wrapper.key.encode()).unwrap();
        let name = zeno.write("2.proof", &first_proof);
        let keys = ["--keys", "verifying-key", "--key-digest", &digest, "--allow-unknown-srs"];
        let verify = ["verify", &name, "--contract", &verifier_text, "--any-rules"];
        for args in [
            submit(&name, &client_text, &unknown),
            submit(&name, &client_text, &keys),
            [&verify[..], &unknown, &["--trust-contract"]].concat(),
            [&verify[..], &keys].concat(),
        ] {
            let refused = zeno.fails(&args, 2, says);
            assert_eq!(refused.get("valid"), None, "{refused}");
            let output = zeno.command(&args).output().unwrap();
            assert_eq!(output.status.code(), Some(2));
            for stream in [output.stdout, output.stderr] {
                let text = String::from_utf8(stream).unwrap();
                assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r']), "{text:?}");
            }
        }
    }

    let advanced = submits(&first, &allowed);
    println!("advance: {} gas", advanced["transactions_sent"][0]["gas_used"]);
    assert_eq!(advanced["claim"]["lastBlockNumber"], 2);
    assert_eq!((head().number, head().blockHash), (2, second.hash_slow()));
    submit_fails(&first, &allowed, 2, "AlreadyProven");

    // Claims that are proven and not of this chain; and one that is not proven.
    let other_chain = prove(&ChainClaim { chain_id: 1, ..claim(&second, &third) });
    submit_fails(&zeno.write("chain.proof", &other_chain), &unknown, 2, "WrongChainId");
    let other_rules = prove(&ChainClaim { chain_spec: B256::ZERO, ..claim(&second, &third) });
    submit_fails(&zeno.write("rules.proof", &other_rules), &unknown, 2, "WrongChainSpec");
    let mut unproven = first_proof.clone();
    unproven.claim = claim(&second, &third);
    let sent = anvil.sent();
    // By the word of a contract alone, nothing is invalid: a node that allows too little gas has it refuse as well.
    let refused = submit_fails(&zeno.write("unproven.proof", &unproven), &unknown, 2, "ProofRefused");
    assert_eq!(refused.get("valid"), None, "{refused}");
    let refused = submit_fails("unproven.proof", &allowed, 1, "the proof is invalid");
    assert!(refused.get("contracts").is_none(), "no node was asked: {refused}");
    assert_eq!(anvil.sent(), sent);
    let other_guest = ProofFile { app_exe_commitment: APP_VM, ..unproven };
    submit_fails(&zeno.write("guest.proof", &other_guest), &unknown, 2, "another guest");

    // A node that says that another block was proven, or that the head is another, is not believed.
    let data = |call: &Call| call.params[0]["data"].as_str().unwrap_or_default().to_owned();
    let liar = Liar::before(&anvil, move |call, truth| {
        let head = hex::encode_prefixed(ZenoLightClient::headCall::SELECTOR);
        if call.method == "eth_call" && data(call).starts_with(&head) {
            return Ok(json!(format!("0x{}", "00".repeat(160))));
        }
        truth
    });
    let zeno = zeno.through(&liar);
    let contradicts = zeno.fails(&submit(&next, &client_text, &allowed), 2, "contradicts itself");
    assert!(contradicts["claim"].is_object(), "natively it is valid: {contradicts}");
    let zeno = Zeno { url: anvil.url().to_owned(), ..zeno };

    assert_eq!((head().number, head().blockHash), (3, third.hash_slow()));
    let root = anvil.call(client, &ZenoLightClient::stateRootCall { number: 3 }).unwrap();
    assert_eq!(root, third.state_root);
    let proof = anvil.ask("eth_getProof", json!([ACCOUNT, [], "0x3"]));
    let account = anvil
        .call(
            client,
            &ZenoLightClient::verifyAccountCall {
                number: 3,
                account: ACCOUNT.parse().unwrap(),
                accountProof: serde_json::from_value(proof["accountProof"].clone()).unwrap(),
            },
        )
        .unwrap();
    let balance: U256 = serde_json::from_value(proof["balance"].clone()).unwrap();
    assert_eq!((account.exists, account.balance), (true, balance));
    let unknown = anvil.call(client, &ZenoLightClient::stateRootCall { number: 4 }).unwrap_err();
    assert!(matches!(
        ZenoLightClientErrors::abi_decode(&unknown),
        Ok(ZenoLightClientErrors::UnknownBlock(_))
    ));

    // `verify`, natively and on chain.
    let native = [&["verify", &first, "--any-rules"][..], &keys].concat();
    let by_contract = ["verify", &first, "--any-rules", "--contract", &verifier_text];
    let both = [&by_contract[..], &keys].concat();
    let trusting = [&by_contract[..], &["--trust-contract"]].concat();
    for (args, by) in [(native, "key"), (both, "key"), (trusting, "contract")] {
        zeno.fails(&args, 2, "--allow-unknown-srs");
        let verified = zeno.succeeds(&[&args[..], &["--allow-unknown-srs"]].concat());
        assert_eq!((&verified["valid"], &verified["checked_by"]), (&true.into(), &by.into()), "{verified}");
    }
    zeno.fails(&[&by_contract[..], &["--allow-unknown-srs"]].concat(), 2, "--trust-contract");
    let unproven = ["verify", "unproven.proof", "--any-rules", "--allow-unknown-srs"];
    zeno.fails(&[&unproven[..], &keys].concat(), 1, "invalid");
    let by_contract = ["--contract", &verifier_text, "--trust-contract"];
    zeno.fails(&[&unproven[..], &by_contract].concat(), 2, "ProofRefused");
    let valid = ["verify", &first, "--any-rules", "--allow-unknown-srs", "--contract"];
    zeno.fails(&[&valid[..], &[ACCOUNT]].concat(), 2, "no contract");
    zeno.fails(&[&valid[..], &[&client_text]].concat(), 2, "is a light client, and no verifier");
    zeno.fails(&submit(&first, &verifier_text, &allowed), 2, "is a verifier, and no light client");

    agree(&anvil, &wrapper.key, verifier, &first_proof, &sources);
}

/// A verifier of a withdrawn or superseded release is refused, whatever its answer, and so is a light client over it.
#[test]
fn refuses_contracts_of_ended_releases() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    let file = ProofFile {
        kind: ProofKind::Evm,
        claim: ChainClaim {
            chain_id: 31337,
            chain_spec: B256::ZERO,
            first_parent_hash: B256::ZERO,
            last_block_hash: B256::ZERO,
            last_block_number: 1,
            last_state_root: B256::ZERO,
            last_receipts_root: B256::ZERO,
            last_timestamp: 0,
            block_count: 1,
        },
        app_exe_commitment: APP_EXE,
        app_vm_commitment: APP_VM,
        proof_system: PROOF_SYSTEM.to_owned(),
        prover: "test".to_owned(),
        srs: Some("unknown".to_owned()),
        proof: Vec::new(),
    };
    let name = zeno.write("any.proof", &file);
    // Contracts that answer everything with one word: PUSH32 it, PUSH0, MSTORE, and return 32 bytes.
    let [verifier, client] = [Address::repeat_byte(0x11), Address::repeat_byte(0x22)];
    let answer = |contract: Address, word: B256| {
        let code = [&[0x7f], &word[..], &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
        anvil.ask("anvil_setCode", json!([contract, Bytes::from(code)]));
    };
    answer(client, verifier.into_word());
    let [verifier_text, client] = [verifier, client].map(|contract| contract.to_string());
    for (program, says) in [
        (
            "0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab",
            "accepts proofs that anybody can forge: release 1 of the EVM program is withdrawn",
        ),
        (
            "0x0013bb97257992d3ff227c9b1c7b0584c336f51c0c158e90d94eff08f23773a2",
            "accepts no proofs of this program: release 2 of the EVM program is superseded",
        ),
    ] {
        answer(verifier, program.parse().unwrap());
        zeno.fails(&["verify", &name, "--contract", &verifier_text], 2, says);
        zeno.fails(&["contract", "submit", &name, "--contract", &client, "--chain-id", "31337"], 2, says);
    }
}

/// The same corrupted proofs, natively, in an EVM in memory, and on anvil.
fn agree(anvil: &Anvil, key: &EvmVerifyingKey, verifier: Address, file: &ProofFile, sources: &[SourceFile]) {
    let Some(mut revm) = solidity::Deployed::new(sources, "ZenoVerifierInsecureDev") else {
        solidity::skip("solc is not installed; scripts/build-contracts installs it");
        return;
    };
    let mut accepted = 0;
    let step = 53;
    let originals = [file.proof.clone()];
    let altered = (0..file.proof.len()).step_by(step).map(|at| {
        let mut proof = file.proof.clone();
        proof[at] ^= 1;
        proof
    });
    for proof in originals.into_iter().chain(altered) {
        let file = ProofFile { proof, ..file.clone() };
        let native = verify_evm(&file, key, UnknownSrs::Allow).is_ok();
        let call =
            IZenoVerifier::verifyClaimCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
        assert_eq!(native, revm.verify(&file.claim, &file.proof).is_ok());
        assert_eq!(native, anvil.call(verifier, &call).is_ok());
        accepted += usize::from(native);
    }
    assert_eq!(accepted, 1, "the one that wasn't altered");
}

/// A real proof by the real circuit, of the built-in block, through the same commands and the built-in code.
#[test]
fn advances_by_the_real_proof() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    fs::write(zeno.path("input.zeno"), example()).unwrap();
    fs::copy(example_proof(), zeno.path("block.proof")).unwrap();
    let trusted = example_parent().to_string();
    let key = EvmVerifyingKey::insecure_dev().unwrap();

    let deploy = ["contract", "deploy", "--follow", "input.zeno", "--trusted-block", &trusted];
    zeno.fails(&deploy, 2, "--allow-unknown-srs");
    let deploy = [&deploy[..], &["--allow-unknown-srs"]].concat();
    // The chain that is signed for is the user's to name.
    let unnamed = zeno.fails(&deploy, 2, "--chain-id");
    assert!(unnamed["error"].as_str().unwrap().contains("31337"), "{unnamed}");
    zeno.fails(&[&deploy[..], &["--chain-id", "1337"]].concat(), 2, "31337");
    // A dry run signs nothing.
    let dry = zeno.succeeds(&[&deploy[..], &["--dry-run"]].concat());
    assert_eq!(dry["transactions_sent"].as_array().unwrap().len(), 2, "{dry}");
    for sent in dry["transactions_sent"].as_array().unwrap() {
        assert!(sent["gas_estimate"].as_u64().unwrap() > 1_000_000, "{dry}");
        assert!(sent.get("hash").is_none(), "{dry}");
    }
    assert!(dry.get("contracts").is_none() && anvil.sent().is_zero(), "{dry}");

    let output = zeno.spawn(&[&deploy[..], &["--chain-id", "31337"]].concat()).wait_with_output().unwrap();
    let (deployed, status) = Zeno::result(&output);
    assert_eq!(status, 0, "{deployed}");
    println!("deployment: {}", deployed["transactions_sent"]);
    // What is deployed and what is trusted is said before, and in the report.
    let said = String::from_utf8(output.stderr).unwrap();
    let digest = key.digest().to_string();
    for told in
        ["ZenoVerifierInsecureDev", &digest, "release 3", &key.app_exe_commitment().to_string(), &trusted]
    {
        assert!(said.contains(told), "{told} in: {said}");
    }
    assert_eq!(deployed["key_digest"], digest);
    assert_eq!(deployed["trusted_block"]["hash"], trusted);
    assert_eq!(deployed["trusted_block"]["chain_id"], 9366);
    let rules = deployed["trusted_block"]["rules"].as_array().unwrap();
    assert_eq!(
        (rules.len(), &rules[0]["from"], &rules[0]["end"]),
        (1, &0.into(), &u64::MAX.into()),
        "{deployed}"
    );
    let client = address(&deployed, "ZenoLightClient").to_string();
    let verifier = address(&deployed, "ZenoVerifierInsecureDev").to_string();
    let sent = deployed["transactions_sent"].as_array().unwrap();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|sent| sent["gas_used"].as_u64() <= sent["gas_estimate"].as_u64()), "{deployed}");
    // What the EVM here forecasts is what anvil takes.
    let forecast = dry["transactions_sent"][1]["gas_estimate"].as_u64().unwrap();
    let taken = sent[1]["gas_used"].as_u64().unwrap();
    assert!(forecast.abs_diff(taken) < taken / 20, "{forecast} {taken}");

    let known = ["--allow-unknown-srs", "--chain", "dev"];
    let verified = zeno.succeeds(&[&["verify", "block.proof"][..], &known].concat());
    let on_chain = [&["verify", "block.proof", "--contract", &verifier][..], &known].concat();
    assert_eq!(zeno.succeeds(&on_chain)["claim"], verified["claim"]);
    let submit = ["contract", "submit", "block.proof", "--contract", &client, "--allow-unknown-srs"];
    zeno.fails(&submit, 2, "--chain-id");
    let submit = [&submit[..], &["--chain-id", "31337"]].concat();
    let advanced = zeno.succeeds(&submit);
    println!("advance: {}", advanced["transactions_sent"]);
    let file = ProofFile::read(example_proof()).unwrap();
    let head = anvil.call(client.parse().unwrap(), &ZenoLightClient::headCall {}).unwrap();
    assert_eq!(head.blockHash, file.claim.last_block_hash);
    zeno.fails(&submit, 2, "AlreadyProven");

    // What a file says of its SRS turns no check off.
    for (label, proof) in [("hermez", file.proof.clone()), ("unknown", vec![0; file.proof.len()])] {
        let relabelled = ProofFile { srs: Some(label.to_owned()), proof, ..file.clone() };
        let name = zeno.write("relabelled.proof", &relabelled);
        for more in [&[][..], &["--contract", &verifier]] {
            let refused =
                zeno.fails(&[&["verify", &name, "--chain", "dev"], more].concat(), 2, "--allow-unknown-srs");
            assert_eq!(refused.get("valid"), None, "{refused}");
        }
    }
    // Nor does a contract that says what the verifier of the key would: constants, and the digest of the claim.
    let stub = Address::repeat_byte(0x77);
    let code = [&[0x7f], &file.claim.digest()[..], &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
    anvil.ask("anvil_setCode", json!([stub, Bytes::from(code)]));
    let liar = Liar::before(&anvil, {
        let key = key.clone();
        move |call, truth| {
            let input = call.params[0]["data"].as_str().unwrap_or_default();
            let answers = [
                (IZenoVerifier::APP_EXE_COMMITCall::SELECTOR, key.app_exe_commitment()),
                (IZenoVerifier::APP_VM_COMMITCall::SELECTOR, key.app_vm_commitment()),
                (IZenoVerifier::INSECURE_SRSCall::SELECTOR, B256::ZERO),
            ];
            match answers.iter().find(|(selector, _)| input.starts_with(&hex::encode_prefixed(selector))) {
                Some((_, word)) if call.method == "eth_call" => Ok(json!(word)),
                _ => truth,
            }
        }
    });
    let stub = stub.to_string();
    let by_stub = ["verify", "block.proof", "--contract", &stub, "--rpc-url"];
    let url = liar.server.url();
    let by_stub = [&by_stub[..], &[&url], &known].concat();
    zeno.fails(&by_stub, 2, "is not the verifier of the key");

    // An invalid proof costs nothing.
    let mut invalid = file.clone();
    invalid.claim.last_state_root = B256::ZERO;
    zeno.write("block.proof", &invalid);
    let sent = anvil.sent();
    zeno.fails(&submit, 1, "the proof is invalid");
    assert_eq!(anvil.sent(), sent);

    agree(&anvil, &key, verifier.parse().unwrap(), &file, &solidity_sources(&key));
}

/// The user names the block that a light client trusts, and the block's chain is checked before anything is sent.
#[test]
fn a_light_client_starts_from_what_the_user_names() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    fs::write(zeno.path("input.zeno"), example()).unwrap();
    let parent = example_parent().to_string();
    let deploy = [&DEPLOY[..], &["--follow", "input.zeno"]].concat();
    let unnamed = zeno.fails(&deploy, 2, "--trusted-block");
    assert!(unnamed["error"].as_str().unwrap().contains(&parent), "{unnamed}");
    let other = B256::repeat_byte(0x11).to_string();
    let differs = zeno.fails(&[&deploy[..], &["--trusted-block", &other]].concat(), 2, &other);
    assert!(differs["error"].as_str().unwrap().contains(&parent), "{differs}");
    zeno.fails(&[&DEPLOY[..], &["--trusted-block", &parent]].concat(), 2, "--follow");

    let deploy = [&deploy[..], &["--trusted-block", &parent]].concat();
    let input = StatelessInput::decode(&example().into()).unwrap();
    // A block that is invalid: its state root is another.
    let mut block = decode_block(&input.blocks[0]).unwrap();
    block.header.state_root = B256::ZERO;
    let invalid = StatelessInput { blocks: vec![alloy_rlp::encode(&block).into()], ..input.clone() };
    fs::write(zeno.path("input.zeno"), invalid.encode()).unwrap();
    zeno.fails(&deploy, 1, "the block is invalid");
    // One of a chain that has forked since the release. The fork may have changed the rule that the block breaks.
    let mut later = decode_block(&input.blocks[0]).unwrap();
    later.header.timestamp = RELEASED;
    later.header.block_access_list_hash = Some(B256::ZERO);
    later.header.slot_number = Some(7);
    later.header.gas_limit = 1;
    let chain = ChainSpec::mainnet().encode().into();
    let later = StatelessInput { chain, blocks: vec![alloy_rlp::encode(&later).into()], ..input.clone() };
    fs::write(zeno.path("input.zeno"), later.encode()).unwrap();
    let judged = zeno.fails(&deploy, 2, "blockAccessListHash");
    assert!(judged["valid"].is_null(), "{judged}");
    // A witness that is not whole.
    let mut partial = input.clone();
    partial.witness.state.clear();
    fs::write(zeno.path("input.zeno"), partial.encode()).unwrap();
    zeno.fails(&deploy, 2, "can't be validated");
    // A built-in chain's id, with rules of its own.
    let timestamp = decode_block(&input.blocks[0]).unwrap().header.timestamp;
    let mut spec = ChainSpec::mainnet();
    spec.deposit_contract = Some(Address::repeat_byte(0x22));
    let forged = StatelessInput { chain: spec.encode().into(), ..input };
    fs::write(zeno.path("input.zeno"), forged.encode()).unwrap();
    let rules = zeno.fails(&deploy, 2, &ChainSpec::mainnet().digest_at(timestamp).to_string());
    assert!(rules["error"].as_str().unwrap().contains(&spec.digest_at(timestamp).to_string()), "{rules}");
    fs::write(zeno.path("input.zeno"), b"ZENO").unwrap();
    zeno.fails(&deploy, 2, "input.zeno");
    assert!(anvil.sent().is_zero());
}

/// The rules of a light client are those of the chain that the user names. An input may know nothing of a later fork.
#[test]
fn a_light_client_has_the_rules_of_the_named_chain() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    fs::write(zeno.path("input.zeno"), example()).unwrap();
    let parent = example_parent().to_string();
    let follow = ["--dry-run", "--follow", "input.zeno", "--trusted-block", &parent];
    let deploy = [&DEPLOY[..], &follow].concat();
    let ends = |chain: &str| {
        let report = zeno.succeeds(&[&deploy[..], &["--chain", chain]].concat());
        let rules = report["trusted_block"]["rules"].as_array().expect("it has rules").clone();
        rules.iter().map(|rules| rules["end"].as_u64().expect("an end")).collect::<Vec<_>>()
    };
    let file = |key: &str, from: u64| {
        let forks = format!("\"{key}\": {from}, \"bpo2Time\"");
        let chain = include_str!("../../../config/chains/dev.json").replacen("\"bpo2Time\"", &forks, 1);
        fs::write(zeno.path("chain.json"), chain).unwrap();
    };
    assert_eq!(ends("dev"), [u64::MAX]);
    let later = 4_000_000_000;
    file("amsterdamTime", later);
    assert_eq!(ends("chain.json"), [later, u64::MAX]);
    file("fuluTime", later);
    assert_eq!(ends("chain.json"), [later]);
    // From its time on, nothing is known of the block.
    file("fuluTime", 1);
    let with = |chain: &'static str| [&deploy[..], &["--chain", chain]].concat();
    zeno.fails(&with("chain.json"), 2, "fulu, a fork that this program does not implement");
    zeno.fails(&with("mainnet"), 2, "the chain id is 9366");
    zeno.fails(&with("absent"), 2, "is no chain that is built in");
    zeno.fails(&[&DEPLOY[..], &["--chain", "dev"]].concat(), 2, "--follow");
    // A chain that this program does not know.
    let mut input = StatelessInput::decode(&example().into()).unwrap();
    let spec = ChainSpec { chain_id: 31_337, ..ChainSpec::decode(&input.chain).unwrap() };
    input.chain = spec.encode().into();
    fs::write(zeno.path("input.zeno"), input.encode()).unwrap();
    let unnamed = zeno.fails(&deploy, 2, "chain 31337, which is not built in");
    assert!(unnamed["error"].as_str().unwrap().contains("--chain"), "{unnamed}");
    assert!(anvil.sent().is_zero());
}

/// On a public chain a light client is not deployed, whatever is allowed; a verifier is, and counts when it is 3 deep.
#[test]
fn a_public_chain_gets_no_light_client() {
    let Some(anvil) = Anvil::start(&["--chain-id", "1", "--block-time", "1"]) else { return };
    let zeno = Zeno::new(anvil.url());
    fs::write(zeno.path("input.zeno"), example()).unwrap();
    let deploy = ["contract", "deploy", "--allow-unknown-srs"];
    let parent = example_parent().to_string();
    let follow = [&deploy[..], &["--follow", "input.zeno", "--trusted-block", &parent]].concat();
    for more in [&["--chain-id", "1"][..], &["--chain-id", "1", "--dry-run"], &["--dry-run"]] {
        zeno.fails(&[&follow[..], more].concat(), 2, "anybody can steer it");
    }
    assert!(anvil.sent().is_zero());

    let output = zeno.spawn(&[&deploy[..], &["--chain-id", "1"]].concat()).wait_with_output().unwrap();
    let (deployed, status) = Zeno::result(&output);
    assert_eq!(status, 0, "{deployed}");
    let mined = deployed["transactions_sent"][0]["mined_in"].as_u64().unwrap();
    assert!(anvil.number("eth_blockNumber", json!([])) >= U256::from(mined + 2));
    assert_eq!(deployed["transactions_sent"][0]["confirmations"], 3);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("confirmation 1 of 3") && said.contains("confirmation 2 of 3"), "{said}");
}

/// A node gets no more ether spent than is allowed, no other contract believed and nothing signed for another chain.
#[test]
fn a_lying_node_gets_nothing() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let limit = U256::from(50_000_000_000_000_000_u64);

    // What is refused before anything is signed.
    let refused: [(&str, &str, Value, &str); 7] = [
        ("eth_getBlockByNumber", "baseFeePerGas", json!("0x5af3107a4000"), "--max-cost"),
        ("eth_getBlockByNumber", "baseFeePerGas", json!("0xffffffffffffffffffffffffffffffff"), "--max-cost"),
        (
            "eth_getBlockByNumber",
            "baseFeePerGas",
            json!(format!("0x{}", "f".repeat(64))),
            "eth_getBlockByNumber",
        ),
        ("eth_estimateGas", "", json!("0xffffffffffffffff"), "a transaction of chain 31337 may have"),
        ("eth_estimateGas", "", json!("0x1ffffffffffffffff"), "eth_estimateGas"),
        ("eth_chainId", "", json!("0x1"), "the node is on chain 1"),
        ("eth_getTransactionCount", "", json!("0xffffffffffffffff"), "no account can make more"),
    ];
    for (method, field, value, says) in refused {
        let liar = Liar::before(&anvil, move |call, truth| match (call.method == method, field) {
            (false, _) => truth,
            (true, "") => Ok(value.clone()),
            (true, field) => truth.map(|mut truth| {
                truth[field] = value.clone();
                truth
            }),
        });
        let failed = Zeno::new(&liar.server.url()).fails(&DEPLOY, 2, says);
        assert!(failed.get("contracts").is_none(), "{failed}");
        assert_eq!(liar.server.count("eth_sendRawTransaction"), 0, "{method}");
    }
    // As much gas as a transaction may have.
    let liar =
        Liar::before(
            &anvil,
            |call, truth| {
                if call.method == "eth_estimateGas" { Ok(json!("0xffffff")) } else { truth }
            },
        );
    let cheap = [&DEPLOY[..], &["--max-cost", "0.02"]].concat();
    let refused = Zeno::new(&liar.server.url()).fails(&cheap, 2, "the limit is 0.02 ether");
    assert!(refused["error"].as_str().unwrap().contains("--max-cost"), "{refused}");
    assert!(anvil.sent().is_zero());

    // The tip that the node proposes is its own; the user's limit stands.
    for tip in [json!("0x6651728988000"), json!(format!("0x{}", "f".repeat(64)))] {
        let liar = Liar::before(&anvil, move |call, truth| {
            if call.method == "eth_maxPriorityFeePerGas" { Ok(tip.clone()) } else { truth }
        });
        let before = anvil.balance();
        let zeno = Zeno::new(&liar.server.url());
        zeno.succeeds(&DEPLOY);
        let spent = before - anvil.balance();
        assert!(spent <= limit, "{spent}");
        zeno.fails(&[&DEPLOY[..], &["--max-cost", "1gwei"]].concat(), 2, "the limit is 1 gwei");
        zeno.fails(
            &[&DEPLOY[..], &["--max-priority-fee", "1000gwei"]].concat(),
            2,
            "the limit is 0.05 ether",
        );
        zeno.succeeds(&[&DEPLOY[..], &["--max-priority-fee", "0"]].concat());
    }

    // What is noticed afterwards: receipts, and the code. The transaction's hash is named, and nothing continues.
    let planted = Address::repeat_byte(0x66);
    anvil.ask("anvil_setCode", json!([planted, "0x00"]));
    let noticed: [(&str, &str, Value, &str); 9] = [
        ("eth_getTransactionReceipt", "contractAddress", json!(planted), "doesn't tell the truth"),
        ("eth_getTransactionReceipt", "status", json!("0x"), "no quantity"),
        ("eth_getTransactionReceipt", "gasUsed", json!(""), "no quantity"),
        (
            "eth_getTransactionReceipt",
            "transactionHash",
            json!(B256::repeat_byte(1)),
            "is of transaction 0x0101",
        ),
        ("eth_getTransactionReceipt", "from", json!(planted), "sent it"),
        ("eth_getTransactionReceipt", "to", json!(planted), "it went to"),
        ("eth_getTransactionReceipt", "gasUsed", json!("0xffffffffff"), "gas"),
        (
            "eth_getTransactionReceipt",
            "blockNumber",
            json!("0x1ffffffffffffffffff"),
            "eth_getTransactionReceipt",
        ),
        ("eth_getCode", "", json!("0x00"), "is not what its creation leaves"),
    ];
    for (method, field, value, says) in noticed {
        let follow = Zeno::new("");
        fs::write(follow.path("input.zeno"), example()).unwrap();
        // Once: a proxy need not do more.
        let lied = AtomicBool::new(false);
        let liar = Liar::before(&anvil, move |call, truth| {
            let known = truth.as_ref().is_ok_and(|truth| !truth.is_null());
            if call.method != method || !known || lied.swap(true, Ordering::Relaxed) {
                return truth;
            }
            if field.is_empty() {
                return Ok(value.clone());
            }
            truth.map(|mut truth| {
                truth[field] = value.clone();
                truth
            })
        });
        let parent = example_parent().to_string();
        let deploy = [&DEPLOY[..], &["--follow", "input.zeno", "--trusted-block", &parent]].concat();
        let failed = follow.through(&liar).fails(&deploy, 2, says);
        assert!(failed.get("contracts").is_none(), "{failed}");
        let hash = failed["transactions_sent"][0]["hash"].as_str().expect("it was sent");
        if method == "eth_getTransactionReceipt" {
            assert!(failed["error"].as_str().unwrap().contains(hash), "{failed}");
        }
        assert_eq!(liar.server.count("eth_sendRawTransaction"), 1, "nothing continues: {failed}");
    }
    // A failure is one where it is mined, and is no address.
    let liar = Liar::before(&anvil, |call, truth| {
        truth.map(|mut truth| {
            if call.method == "eth_getTransactionReceipt" && !truth.is_null() {
                truth["status"] = json!("0x0");
            }
            truth
        })
    });
    Zeno::new(&liar.server.url()).fails(&DEPLOY, 2, "failed");
}

#[test]
fn amounts_that_are_none_are_refused() {
    let zeno = Zeno::new("http://127.0.0.1:1");
    for amount in ["0", "0ether", "-1", "much", "1e18", "1 dollar", "0.0000000000000000001"] {
        let (value, status) = zeno.run(&[&DEPLOY[..], &["--max-cost", amount]].concat());
        assert_eq!(status, 2, "{value}");
    }
    for more in [["--max-priority-fee", "x"], ["--confirmations", "0"], ["--replace-after", "0"]] {
        let (value, status) = zeno.run(&[&DEPLOY[..], &more].concat());
        assert_eq!(status, 2, "{value}");
    }
}

/// A transaction that no block takes is replaced by one that pays more, within the limits; one of another program is waited
/// for, or replaced where the user says so.
#[test]
fn a_stuck_transaction_is_replaced() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else { return };
    let zeno = Zeno::new(anvil.url());
    let replacing = [&DEPLOY[..], &["--replace-after", "2", "--max-cost", "1"]].concat();
    let price = |sent: &Value| serde_json::from_value::<U256>(sent["maxFeePerGas"].clone()).unwrap();

    let child = zeno.spawn(&replacing);
    anvil.wait_for("a transaction", |anvil| anvil.pending().len() == 1);
    let first = anvil.pending().remove(0);
    anvil.wait_for("another in its place", |anvil| {
        anvil.pending().first().is_some_and(|sent| sent["hash"] != first["hash"])
    });
    anvil.mine(1);
    let (deployed, status) = Zeno::result(&child.wait_with_output().unwrap());
    assert_eq!(status, 0, "{deployed}");
    let sent = &deployed["transactions_sent"][0];
    assert!(sent["replaced"].as_array().unwrap().contains(&first["hash"]), "{deployed}");
    let mined = anvil.ask("eth_getTransactionByHash", json!([sent["hash"]]));
    assert_eq!(mined["nonce"], first["nonce"]);
    assert!(price(&mined) * U256::from(8) >= price(&first) * U256::from(9), "{mined}");

    // Not beyond the limits: the first is all there is, and it is still waited for.
    let child = zeno.spawn(&[&DEPLOY[..], &["--replace-after", "1", "--max-priority-fee", "1"]].concat());
    anvil.wait_for("a transaction", |anvil| anvil.pending().len() == 1);
    let first = anvil.pending().remove(0);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(anvil.pending().remove(0)["hash"], first["hash"]);
    anvil.mine(1);
    let (deployed, status) = Zeno::result(&child.wait_with_output().unwrap());
    assert_eq!((status, &deployed["transactions_sent"][0]["hash"]), (0, &first["hash"]), "{deployed}");

    // A stranger's, or an earlier run's: waited for ...
    let stranger = || {
        let transaction = json!({ "from": ACCOUNT, "to": ACCOUNT, "maxFeePerGas": "0x1bf08eb000",
            "maxPriorityFeePerGas": "0x77359400" });
        anvil.ask("eth_sendTransaction", json!([transaction]))
    };
    let hash = stranger();
    let child = zeno.spawn(&replacing);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(anvil.pending().len(), 1, "nothing was sent");
    anvil.mine(1);
    anvil.wait_for("a transaction", |anvil| anvil.pending().first().is_some_and(|sent| sent["hash"] != hash));
    anvil.mine(1);
    let (deployed, status) = Zeno::result(&child.wait_with_output().unwrap());
    assert_eq!(status, 0, "{deployed}");

    // ... or replaced, at whatever that takes.
    let hash = stranger();
    let more = ["--replace-pending", "--max-priority-fee", "1000", "--max-cost", "10"];
    let child = zeno.spawn(&[&DEPLOY[..], &more].concat());
    anvil.wait_for("another in its place", |anvil| {
        anvil.pending().first().is_some_and(|sent| sent["hash"] != hash)
    });
    anvil.mine(1);
    let (deployed, status) = Zeno::result(&child.wait_with_output().unwrap());
    assert_eq!(status, 0, "{deployed}");
    assert!(anvil.ask("eth_getTransactionReceipt", json!([hash])).is_null());
}

/// A program that is ended says which transactions are under way.
#[test]
fn an_interrupted_deployment_names_its_transaction() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else { return };
    signals::require_heard(&["INT"]);
    let zeno = Zeno::new(anvil.url());
    let child = zeno.spawn(&DEPLOY);
    anvil.wait_for("a transaction", |anvil| anvil.pending().len() == 1);
    let hash = anvil.pending().remove(0)["hash"].as_str().unwrap().to_owned();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let (stopped, _) = Zeno::result(&output);
    assert!(stopped["error"].as_str().unwrap().contains(&hash), "{stopped}");
}

/// A block that is lost takes its transactions along: they are sent again, and counted anew.
#[test]
fn a_reorganised_transaction_is_sent_again() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    let snapshot = anvil.ask("evm_snapshot", json!([]));
    let child = zeno.spawn(&[&DEPLOY[..], &["--confirmations", "3"]].concat());
    anvil.wait_for("a transaction in a block", |anvil| anvil.sent() == U256::from(1));
    // One confirmation is seen before it is lost.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(anvil.ask("evm_revert", json!([snapshot])), json!(true));
    // Another block where it was.
    anvil.mine(1);
    anvil.wait_for("the transaction in another block", |anvil| anvil.sent() == U256::from(1));
    anvil.mine(2);
    let output = child.wait_with_output().unwrap();
    let (deployed, status) = Zeno::result(&output);
    assert_eq!(status, 0, "{deployed}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("confirmation 1 of 3") && said.contains("reorganisation"), "{said}");
    let verifier = address(&deployed, "ZenoVerifierInsecureDev");
    assert_ne!(anvil.ask("eth_getCode", json!([verifier, "latest"])), "0x");
}

/// An answer that is missing for a while ends nothing.
#[test]
fn a_receipt_that_comes_late_is_waited_for() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let begun = Instant::now();
    let liar = Liar::before(&anvil, move |call, truth| {
        // The nonce is used meanwhile, which says nothing of who used it.
        if call.method == "eth_getTransactionReceipt" && begun.elapsed() < Duration::from_secs(25) {
            return Ok(Value::Null);
        }
        truth
    });
    let more = ["--replace-after", "1", "--max-cost", "1"];
    let deployed = Zeno::new(&liar.server.url()).succeeds(&[&DEPLOY[..], &more].concat());
    assert_eq!(anvil.sent(), U256::from(1), "{deployed}");
    assert_eq!(liar.server.count("eth_sendRawTransaction"), 1, "what is mined is not replaced: {deployed}");
}

/// A proxy's page is no answer, neither to a transaction nor to questions about it; and a transaction that the node has already
/// is published.
#[test]
fn pages_and_words_end_no_wait() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    for method in ["eth_sendRawTransaction", "eth_getTransactionReceipt"] {
        // Longer than one request is tried.
        let trouble = OnceLock::<Instant>::new();
        let liar = Liar::replying(&anvil, move |call, truth| {
            let is_over = |trouble: &OnceLock<Instant>| {
                trouble.get().is_some_and(|begun| begun.elapsed() > Duration::from_secs(12))
            };
            if call.method == method {
                trouble.get_or_init(Instant::now);
            }
            match truth {
                _ if trouble.get().is_some() && !is_over(&trouble) => {
                    Reply::Http(200, Vec::new(), b"<html>Please wait</html>".to_vec())
                }
                Ok(result) => Reply::Result(result),
                Err(error) => {
                    let answer = json!({ "jsonrpc": "2.0", "id": null, "error": error });
                    Reply::Http(200, Vec::new(), answer.to_string().into_bytes())
                }
            }
        });
        let before = anvil.sent();
        let deployed = Zeno::new(&liar.server.url()).succeeds(&DEPLOY);
        assert_eq!(anvil.sent(), before + U256::from(1), "{method}: {deployed}");
    }
    for words in ["already known", "Known transaction", "AlreadyKnown", "transaction already imported"] {
        let liar = Liar::before(&anvil, move |call, truth| match call.method.as_str() {
            "eth_sendRawTransaction" => Err(json!({ "code": -32000, "message": words })),
            "eth_getTransactionByHash" => Ok(Value::Null),
            _ => truth,
        });
        Zeno::new(&liar.server.url()).succeeds(&DEPLOY);
    }
}

/// Fields that clients leave out, or write as `null` or zero.
#[test]
fn answers_of_other_clients_are_read() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let absent: [&[&str]; 2] = [&["logs", "from", "contractAddress", "gasUsed"], &["status"]];
    for (fields, null) in absent.into_iter().flat_map(|fields| [(fields, true), (fields, false)]) {
        let asked = AtomicUsize::new(0);
        let liar = Liar::before(&anvil, move |call, truth| {
            let mut truth = truth?;
            if let Some(receipt) =
                truth.as_object_mut().filter(|_| call.method == "eth_getTransactionReceipt")
            {
                receipt.insert("to".to_owned(), json!(Address::ZERO));
                for field in fields {
                    receipt.remove(*field);
                    if null {
                        receipt.insert((*field).to_owned(), Value::Null);
                    }
                }
                // In no block at first.
                if asked.fetch_add(1, Ordering::Relaxed) < 2 {
                    receipt.insert("blockNumber".to_owned(), Value::Null);
                    receipt.insert("blockHash".to_owned(), Value::Null);
                }
            }
            Ok(if call.method == "eth_maxPriorityFeePerGas" { Value::Null } else { truth })
        });
        let deployed = Zeno::new(&liar.server.url()).succeeds(&DEPLOY);
        assert!(deployed["contracts"][0]["address"].is_string(), "{deployed}");
        assert_eq!(deployed["transactions_sent"][0]["sent"], true, "{deployed}");
    }
    // Code that is not known for a moment.
    let asked = AtomicUsize::new(0);
    let liar = Liar::before(&anvil, move |call, truth| {
        let is_early = call.method == "eth_getCode" && asked.fetch_add(1, Ordering::Relaxed) < 2;
        if is_early { Ok(Value::Null) } else { truth }
    });
    Zeno::new(&liar.server.url()).succeeds(&DEPLOY);
    // Code that is never known: the contract is there all the same.
    let liar = Liar::before(&anvil, |call, truth| {
        if call.method == "eth_getCode" {
            Err(json!({ "code": -32000, "message": "no state" }))
        } else {
            truth
        }
    });
    let nonce = anvil.sent();
    let failed = Zeno::new(&liar.server.url()).fails(&DEPLOY, 2, "no state");
    let created = ACCOUNT.parse::<Address>().unwrap().create(nonce.to());
    assert!(failed["error"].as_str().unwrap().contains(&created.to_string()), "{failed}");
}

/// On the OP stack a transaction costs more than its gas, and that counts as well.
#[test]
fn what_data_costs_is_bounded() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    let dry = zeno.succeeds(&[&DEPLOY[..], &["--dry-run"]].concat());
    assert!(dry["transactions_sent"][0].get("l1_fee_wei").is_none(), "{dry}");
    let most = |report: &Value, name: &str| {
        serde_json::from_value::<U256>(report["transactions_sent"][0][name].clone()).unwrap()
    };
    // An oracle that answers everything with 0.001 ether: PUSH32 it, PUSH0, MSTORE, and return 32 bytes.
    let fee = U256::from(1_000_000_000_000_000_u64);
    let code = [&[0x7f], &fee.to_be_bytes::<32>()[..], &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
    anvil.ask("anvil_setCode", json!(["0x420000000000000000000000000000000000000f", Bytes::from(code)]));
    let data_fee = fee * U256::from(4);
    for args in [&["--dry-run"][..], &[]] {
        let report = zeno.succeeds(&[&DEPLOY[..], args].concat());
        assert_eq!(most(&report, "l1_fee_wei"), data_fee, "{report}");
        assert!(most(&report, "most_wei") > most(&dry, "most_wei"), "{report}");
        assert_eq!(report["transactions_sent"][0]["sent"], args.is_empty(), "{report}");
    }
    // What the gas alone would fit into.
    let sent = anvil.sent();
    let cost = most(&dry, "most_wei") + fee;
    for more in [&["--dry-run"][..], &[]] {
        let limit = format!("{cost}wei");
        let refused = zeno.fails(&[&DEPLOY[..], &["--max-cost", &limit], more].concat(), 2, "--max-cost");
        assert!(refused["error"].as_str().unwrap().contains("0.004 ether for the chain below"), "{refused}");
    }
    assert_eq!(anvil.sent(), sent);
}

/// A deployment that would fail half-way is refused: it costs half, and helps nobody.
#[test]
fn no_half_of_a_deployment_is_sent() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    fs::write(zeno.path("input.zeno"), example()).unwrap();
    let parent = example_parent().to_string();
    let follow = [&DEPLOY[..], &["--follow", "input.zeno", "--trusted-block", &parent]].concat();
    let dry = zeno.succeeds(&[&follow[..], &["--dry-run"]].concat());
    assert!(dry["transactions_sent"].as_array().unwrap().iter().all(|sent| sent["sent"] == false), "{dry}");
    // Enough for the first alone.
    let first: U256 = serde_json::from_value(dry["transactions_sent"][0]["most_wei"].clone()).unwrap();
    anvil.ask("anvil_setBalance", json!([ACCOUNT, first * U256::from(3) / U256::from(2)]));
    zeno.fails(&follow, 2, "send it more");
    assert!(anvil.sent().is_zero());

    // An estimate that is too low for the creation that was run here already.
    anvil.ask("anvil_setBalance", json!([ACCOUNT, "0x56bc75e2d63100000"]));
    let liar =
        Liar::before(
            &anvil,
            |call, truth| {
                if call.method == "eth_estimateGas" { Ok(json!("0x1e8480")) } else { truth }
            },
        );
    let deployed = zeno.through(&liar).succeeds(&follow);
    assert_eq!(deployed["contracts"].as_array().unwrap().len(), 2, "{deployed}");
}

/// A dry run needs an account, and no key.
#[test]
fn a_dry_run_goes_without_a_key() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    let run = |more: &[&str]| {
        let mut command = zeno.command(&[&["--json"], &DEPLOY[..], more].concat());
        Zeno::result(&command.env_remove("ZENO_PRIVATE_KEY").output().unwrap())
    };
    let (dry, status) = run(&["--dry-run", "--from", ACCOUNT]);
    assert_eq!(status, 0, "{dry}");
    assert_eq!(dry["transactions_sent"][0]["from"], ACCOUNT.to_lowercase());
    for more in
        [&["--from", ACCOUNT][..], &["--dry-run"], &["--dry-run", "--from", ACCOUNT, "--key-file", "key"]]
    {
        assert_eq!(run(more).1, 2, "{more:?}");
    }
    assert!(anvil.sent().is_zero());
}

/// Keys that others may read, and keystores that break their library, are refused in a sentence.
#[test]
fn keys_that_are_no_secret_are_refused() {
    let Some(anvil) = Anvil::start(&[]) else { return };
    let zeno = Zeno::new(anvil.url());
    let file = |name: &str, text: &str, mode: u32| {
        fs::write(zeno.path(name), text).unwrap();
        fs::set_permissions(zeno.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let dry = ["contract", "deploy", "--allow-unknown-srs", "--dry-run"];
    let with = |more: &[&'static str]| [&dry[..], more].concat();
    file("key", KEY, 0o600);
    zeno.succeeds(&with(&["--key-file", "key"]));
    for mode in [0o666, 0o644, 0o640, 0o620, 0o602, 0o777] {
        file("key", KEY, mode);
        let refused = zeno.fails(&with(&["--key-file", "key"]), 2, "chmod 600");
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains(&format!("{mode:04o}")) && !error.contains(&KEY[2..]), "{error}");
    }
    // A pipe has no mode that means anything.
    let mut child = zeno
        .command(&with(&["--json", "--key-file", "/dev/stdin"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(KEY.as_bytes()).unwrap();
    let (value, status) = Zeno::result(&child.wait_with_output().unwrap());
    assert_eq!(status, 0, "{value}");
    assert_eq!(value["transactions_sent"][0]["from"], ACCOUNT.to_lowercase());

    // <https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage>, with fewer rounds.
    let keystore = json!({
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": { "c": 262_144, "dklen": 32, "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd" },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3
    });
    file("password", "testpassword\n", 0o600);
    let args = with(&["--keystore", "keystore", "--password-file", "password"]);
    file("keystore", &keystore.to_string(), 0o644);
    let value = zeno.succeeds(&args);
    assert_eq!(value["transactions_sent"][0]["from"], "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b");
    // No copy of it is left anywhere, nor is a place for one needed.
    let output =
        zeno.command(&[&["--json"], &args[..]].concat()).env("TMPDIR", "/nonexistent").output().unwrap();
    let (value, status) = Zeno::result(&output);
    assert_eq!(status, 0, "{value}");
    file("keystore", &keystore.to_string(), 0o664);
    zeno.fails(&args, 2, "chmod 600");
    file("keystore", &keystore.to_string(), 0o600);
    file("password", "testpassword", 0o604);
    zeno.fails(&args, 2, "chmod 600");
    file("password", "another", 0o600);
    zeno.fails(&args, 2, "the password is wrong");
    let altered = [
        ("/crypto/kdfparams/dklen", json!(8)),
        ("/crypto/cipherparams/iv", json!("6087dab2f9fdbbfa")),
        ("/crypto/ciphertext", json!("53")),
        ("/crypto/kdf", json!("\u{1b}[2K")),
        ("/crypto/kdfparams", json!({ "n": 1_u64 << 40, "r": 8, "p": 1, "dklen": 32, "salt": "00" })),
    ];
    for (pointer, value) in altered {
        let mut keystore = keystore.clone();
        *keystore.pointer_mut(pointer).unwrap() = value;
        file("keystore", &keystore.to_string(), 0o600);
        zeno.fails(&args, 2, "keystore");
    }
    file("keystore", &" ".repeat(1 << 20), 0o600);
    zeno.fails(&args, 2, "more than 65536 bytes");
}

//! `zeno contract` and `zeno verify --contract` against a live anvil, with real proofs of a small circuit that has the
//! wrapper's configuration: the contracts and everything around them are what they are for the real one.

#[path = "../../verifier-contract/tests/solidity/mod.rs"]
mod solidity;
#[path = "../../verifier-contract/tests/wrapper/mod.rs"]
mod wrapper;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolInterface};
use halo2_proofs::{SerdeFormat, poly::kzg::commitment::ParamsKZG};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use wrapper::{APP_EXE, APP_VM, Wrapper};
use zeno_guest_evm::{ChainSpec, StatelessInput, Witness};
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, InsecureSrs, PROOF_SYSTEM, ProofFile, ProofKind,
    contracts::{
        IZenoVerifier, SourceFile, ZenoLightClient, ZenoLightClient::ZenoLightClientErrors, solidity_sources,
    },
    verify_evm,
};
use zeno_witness_fetch::{FetchOptions, Problem, Rpc};

/// The key of the first account that anvil gives ether to.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ACCOUNT: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// A running anvil, with three blocks; it ends with the test.
struct Anvil {
    url: String,
    process: Child,
    rpc: Rpc,
    runtime: tokio::runtime::Runtime,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // The npm package's program starts another one, so the whole group has to end.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.process.wait();
    }
}

impl Anvil {
    /// None, with the reason printed, where there is no anvil.
    fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let places = ["verifier-contract/contracts", "tests"];
        let programs = places.map(|place| root.join(place).join("node_modules/.bin/anvil"));
        let Some(program) = programs.iter().find(|program| program.is_file()) else {
            println!("SKIPPED: no anvil; scripts/test-contracts installs it");
            return None;
        };
        let mut process = Command::new(program)
            .args(["--port", "0", "--hardfork", "prague"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("anvil starts");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let url = lines
            .by_ref()
            .map(|line| line.expect("anvil writes text"))
            .find_map(|line| line.strip_prefix("Listening on ").map(|place| format!("http://{place}")))
            .expect("anvil says where it listens");
        // Anvil stops where nobody reads what it writes.
        std::thread::spawn(move || lines.for_each(drop));
        let rpc = Rpc::new(&FetchOptions { retries: 0, ..FetchOptions::new(&url) }).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let anvil = Self { url, process, rpc, runtime };
        for _ in 0..3 {
            anvil.ask("evm_mine", json!([]));
        }
        Some(anvil)
    }

    fn ask(&self, method: &'static str, params: Value) -> Value {
        self.runtime.block_on(self.rpc.call_optional(method, &params)).unwrap().unwrap_or_default()
    }

    fn header(&self, number: u64) -> Header {
        let block = self.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false]));
        let hash: B256 = serde_json::from_value(block["hash"].clone()).unwrap();
        let header: Header = serde_json::from_value(block).unwrap();
        assert_eq!(header.hash_slow(), hash);
        header
    }

    /// What a contract's function returns, or what it reverts with.
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

/// A folder for a test, and the program in it.
struct Zeno {
    folder: tempfile::TempDir,
    url: String,
}

impl Zeno {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `zeno --json` with the account's key: the object, and the exit status.
    fn run(&self, args: &[&str]) -> (Value, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_zeno"))
            .arg("--json")
            .args(args)
            .current_dir(self.folder.path())
            .env("ETH_RPC_URL", &self.url)
            .env("ZENO_PRIVATE_KEY", KEY)
            .env("ZENO_CACHE_DIR", self.path("cache"))
            .output()
            .expect("zeno starts");
        let text = String::from_utf8(output.stdout).unwrap();
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in: {text}"));
        (value, output.status.code().expect("zeno was not killed"))
    }

    fn succeeds(&self, args: &[&str]) -> Value {
        let (value, status) = self.run(args);
        assert_eq!(status, 0, "{args:?}: {value}");
        value
    }

    fn fails(&self, args: &[&str], with: i32, says: &str) {
        let (value, status) = self.run(args);
        let error = value["error"].as_str().unwrap_or_default();
        assert_eq!(status, with, "{args:?}: {value}");
        assert!(error.contains(says), "{args:?} should say {says:?}: {error}");
    }

    /// Writes a proof, and answers with its name.
    fn write(&self, name: &str, file: &ProofFile) -> String {
        file.write(self.path(name)).unwrap();
        name.to_owned()
    }
}

/// The development SRS, for as many rows as the circuit has.
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
    let Some(anvil) = Anvil::start() else { return };
    let wrapper = Wrapper::new(insecure_srs());
    let zeno = Zeno { folder: tempfile::tempdir().unwrap(), url: anvil.url.clone() };

    // The keys, as `zeno setup` leaves them, and what is to be followed: anvil's chain, from its block 1.
    std::fs::create_dir(zeno.path("keys")).unwrap();
    std::fs::write(zeno.path("keys/verifying-key"), wrapper.key.encode()).unwrap();
    std::fs::write(zeno.path("keys/Halo2Verifier.sol"), wrapper.halo2_verifier()).unwrap();
    let [trusted, second, third] = [1, 2, 3].map(|number| anvil.header(number));
    let genesis = include_str!("../../config/chains/dev.json").replace("9366", "31337");
    let spec = ChainSpec::from_json(&genesis).unwrap();
    let block = zeno_guest_evm::Block {
        header: second.clone(),
        body: alloy_consensus::BlockBody { withdrawals: Some(Default::default()), ..Default::default() },
    };
    let input = StatelessInput {
        chain: spec.encode().into(),
        block: alloy_rlp::encode(&block).into(),
        witness: Witness { headers: vec![alloy_rlp::encode(&trusted).into()], ..Witness::default() },
        public_keys: Vec::new(),
        destinations: Vec::new(),
    };
    std::fs::write(zeno.path("second.zeno"), input.encode()).unwrap();

    // Export, as a user does; compiled by the pinned compiler.
    zeno.fails(&["contract", "export", "--out", "sources", "--keys", "keys"], 2, "--allow-insecure");
    zeno.fails(&["contract", "export", "--out", "sources"], 2, "zeno setup");
    zeno.succeeds(&["contract", "export", "--out", "sources", "--keys", "keys", "--allow-insecure"]);
    let sources = solidity_sources(&wrapper.key, &wrapper.halo2_verifier()).unwrap();
    for file in &sources {
        assert_eq!(std::fs::read_to_string(zeno.path("sources").join(&file.path)).unwrap(), file.text);
    }
    let Some(compiled) = solidity::compile(&sources) else {
        println!("SKIPPED: solc is not installed; scripts/build-contracts installs it");
        return;
    };
    std::fs::create_dir(zeno.path("artifacts")).unwrap();
    for name in ["OpenVmHalo2Verifier", "ZenoVerifierInsecureDev"] {
        let code = &compiled["contracts"][format!("generated/{name}.sol")][name]["evm"]["bytecode"]["object"];
        let artifact = json!({ "bytecode": { "object": code } });
        std::fs::write(zeno.path(&format!("artifacts/{name}.json")), artifact.to_string()).unwrap();
    }

    // Deploy.
    let deploy =
        ["contract", "deploy", "--artifacts", "artifacts", "--keys", "keys", "--follow", "second.zeno"];
    zeno.fails(&deploy, 2, "--allow-insecure");
    zeno.fails(&[&deploy[..], &["--allow-insecure", "--chain-id", "1"]].concat(), 2, "31337");
    let dry = zeno.succeeds(&[&deploy[..], &["--allow-insecure", "--dry-run"]].concat());
    assert!(dry["transactions_sent"][0]["gas_estimate"].as_u64().unwrap() > 1_000_000, "{dry}");
    assert!(dry["transactions_sent"][0].get("hash").is_none() && dry.get("contracts").is_none(), "{dry}");
    let deployed = zeno.succeeds(&[&deploy[..], &["--allow-insecure"]].concat());
    let verifier = address(&deployed, "ZenoVerifierInsecureDev");
    let client = address(&deployed, "ZenoLightClient");
    let sent = deployed["transactions_sent"].as_array().unwrap();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|sent| sent["gas_used"].as_u64() <= sent["gas_estimate"].as_u64()), "{deployed}");

    // Proofs that block 2 and block 3 are valid, as far as this circuit can tell.
    let claim = |parent: &Header, block: &Header| ChainClaim {
        chain_id: spec.chain_id,
        chain_spec: spec.hash(),
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
    let submit = |name: &str, more: &[&str]| {
        let args = ["contract", "submit", name, "--contract", &client_text];
        [&args[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let submits = |name: &str| {
        let args = submit(name, &["--allow-insecure"]);
        zeno.succeeds(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let submit_fails = |name: &str, more: &[&str], with: i32, says: &str| {
        let args = submit(name, more);
        zeno.fails(&args.iter().map(String::as_str).collect::<Vec<_>>(), with, says);
    };

    submit_fails(&first, &[], 2, "--allow-insecure");
    submit_fails(&next, &["--allow-insecure"], 2, "UnknownParent");
    let dry = submit(&first, &["--allow-insecure", "--dry-run"]);
    let dry = zeno.succeeds(&dry.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(dry["transactions_sent"][0]["gas_estimate"].as_u64().unwrap() > 300_000, "{dry}");
    let head = || anvil.call(client, &ZenoLightClient::headCall {}).unwrap();
    assert_eq!(head().number, 1, "a dry run moves nothing");
    let advanced = submits(&first);
    println!("advance: {} gas", advanced["transactions_sent"][0]["gas_used"]);
    assert_eq!((head().number, head().blockHash), (2, second.hash_slow()));
    submit_fails(&first, &["--allow-insecure"], 2, "AlreadyProven");

    // Claims that are proven and not of this chain; and one that is not proven.
    let other_chain = prove(&ChainClaim { chain_id: 1, ..claim(&second, &third) });
    submit_fails(&zeno.write("chain.proof", &other_chain), &["--allow-insecure"], 2, "WrongChainId");
    let other_rules = prove(&ChainClaim { chain_spec: B256::ZERO, ..claim(&second, &third) });
    submit_fails(&zeno.write("rules.proof", &other_rules), &["--allow-insecure"], 2, "WrongChainSpec");
    let mut unproven = first_proof.clone();
    unproven.claim = claim(&second, &third);
    submit_fails(&zeno.write("unproven.proof", &unproven), &["--allow-insecure"], 1, "ProofRefused");
    let other_guest = ProofFile { app_exe_commitment: APP_VM, ..unproven };
    submit_fails(&zeno.write("guest.proof", &other_guest), &["--allow-insecure"], 2, "another guest");

    submits(&next);
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
    let verifier_text = verifier.to_string();
    let native = ["verify", &first, "--keys", "keys"];
    let on_chain = ["verify", &first, "--contract", &verifier_text];
    for args in [native, on_chain] {
        zeno.fails(&args, 2, "--allow-insecure");
        let verified = zeno.succeeds(&[&args[..], &["--allow-insecure"]].concat());
        assert_eq!(verified["valid"], true);
    }
    let unproven = "unproven.proof";
    zeno.fails(&["verify", unproven, "--keys", "keys", "--allow-insecure"], 1, "invalid");
    zeno.fails(&["verify", unproven, "--contract", &verifier_text, "--allow-insecure"], 1, "ProofRefused");
    zeno.fails(&["verify", &first, "--contract", ACCOUNT, "--allow-insecure"], 2, "no contract");
    zeno.fails(&["verify", &first, "--contract", &client_text, "--allow-insecure"], 2, "APP_EXE_COMMIT");

    agree(&anvil, &wrapper.key, verifier, &first_proof, &sources);
}

/// A verifier of a withdrawn release is refused, whatever it would say, and so is a light client over it.
#[test]
fn refuses_contracts_of_a_withdrawn_release() {
    let Some(anvil) = Anvil::start() else { return };
    let zeno = Zeno { folder: tempfile::tempdir().unwrap(), url: anvil.url.clone() };
    let withdrawn: B256 =
        "0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab".parse().unwrap();
    // Contracts that answer everything with one word: PUSH32 it, PUSH0, MSTORE, and return 32 bytes.
    let [verifier, client] = [Address::repeat_byte(0x11), Address::repeat_byte(0x22)];
    for (contract, word) in [(verifier, withdrawn), (client, verifier.into_word())] {
        let code = [&[0x7f], &word[..], &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
        anvil.ask("anvil_setCode", json!([contract, Bytes::from(code)]));
    }
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
    let says = "release 1 of the EVM program is withdrawn";
    zeno.fails(&["verify", &name, "--contract", &verifier.to_string()], 2, says);
    zeno.fails(&["contract", "submit", &name, "--contract", &client.to_string()], 2, says);
}

/// The same corrupted proofs, natively, in an EVM in memory, and on anvil.
fn agree(anvil: &Anvil, key: &EvmVerifyingKey, verifier: Address, file: &ProofFile, sources: &[SourceFile]) {
    let Some(mut revm) = solidity::Deployed::new(sources, "ZenoVerifierInsecureDev") else {
        println!("SKIPPED in part: solc is not installed; scripts/build-contracts installs it");
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
        let native = verify_evm(&file, key, InsecureSrs::Allow).is_ok();
        let call =
            IZenoVerifier::verifyClaimCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
        assert_eq!(native, revm.verify(&file.claim, &file.proof).is_ok());
        assert_eq!(native, anvil.call(verifier, &call).is_ok());
        accepted += usize::from(native);
    }
    assert_eq!(accepted, 1, "the one that wasn't altered");
}

/// The fixture of the contracts' tests, a proof by the real circuit of the block that is built in, through the same
/// commands and the committed artifacts.
#[test]
fn advances_by_the_real_proof() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let contracts = root.join("verifier-contract/contracts");
    let fixture = contracts.join("test/fixtures/block.proof");
    if !fixture.is_file() {
        println!("SKIPPED: {} is not there yet", fixture.display());
        return;
    }
    let Some(anvil) = Anvil::start() else { return };
    let zeno = Zeno { folder: tempfile::tempdir().unwrap(), url: anvil.url.clone() };
    std::fs::create_dir(zeno.path("keys")).unwrap();
    let copy = |from: &str, to: &str| std::fs::copy(root.join(from), zeno.path(to)).unwrap();
    copy("config/guest/evm/2/evm-verifying-key-insecure-dev", "keys/verifying-key");
    copy("verifier-contract/contracts/generated/Halo2Verifier.sol", "keys/Halo2Verifier.sol");
    copy("config/example/input.zeno", "input.zeno");
    std::fs::copy(&fixture, zeno.path("block.proof")).unwrap();

    let artifacts = contracts.join("artifacts");
    let deployed = zeno.succeeds(&[
        "contract",
        "deploy",
        "--artifacts",
        artifacts.to_str().unwrap(),
        "--keys",
        "keys",
        "--follow",
        "input.zeno",
        "--allow-insecure",
    ]);
    println!("deployment: {}", deployed["transactions_sent"]);
    let client = address(&deployed, "ZenoLightClient").to_string();
    let verifier = address(&deployed, "ZenoVerifierInsecureDev").to_string();
    let verified = zeno.succeeds(&["verify", "block.proof", "--keys", "keys", "--allow-insecure"]);
    let on_chain = ["verify", "block.proof", "--contract", &verifier, "--allow-insecure"];
    assert_eq!(zeno.succeeds(&on_chain)["claim"], verified["claim"]);
    let advanced =
        zeno.succeeds(&["contract", "submit", "block.proof", "--contract", &client, "--allow-insecure"]);
    println!("advance: {}", advanced["transactions_sent"]);
    let file = ProofFile::read(&fixture).unwrap();
    let head = anvil.call(client.parse().unwrap(), &ZenoLightClient::headCall {}).unwrap();
    assert_eq!(head.blockHash, file.claim.last_block_hash);
    let again = ["contract", "submit", "block.proof", "--contract", &client, "--allow-insecure"];
    zeno.fails(&again, 2, "AlreadyProven");

    let key = EvmVerifyingKey::decode(&std::fs::read(zeno.path("keys/verifying-key")).unwrap()).unwrap();
    let halo2 = std::fs::read_to_string(zeno.path("keys/Halo2Verifier.sol")).unwrap();
    agree(&anvil, &key, verifier.parse().unwrap(), &file, &solidity_sources(&key, &halo2).unwrap());
}

//! Contracts that are compiled from their sources and deployed in an EVM in memory.
#![allow(dead_code, unreachable_pub, reason = "each crate that includes it uses a part of it")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use alloy_primitives::{Address, B256, Bytes, hex};
use alloy_sol_types::{SolCall, SolError};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
};
use serde_json::{Value, json};
use zeno_verifier::{
    ChainClaim,
    contracts::{IZenoVerifier, SourceFile},
};

/// Says that a test, or a part of it, can't run for want of something.
///
/// # Panics
/// If `ZENO_NO_SKIPS` is in the environment, as in CI: there everything has to run.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("ZENO_NO_SKIPS").is_none(), "ZENO_NO_SKIPS is set, but {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// Selector of the error that a refused proof causes.
pub const PROOF_REFUSED: [u8; 4] = IZenoVerifier::ProofRefused::SELECTOR;

/// Limit of a transaction, in gas, which is below the one of EIP-7825.
const GAS: u64 = 16_000_000;

/// Verifier that is deployed in an EVM.
pub struct Deployed {
    database: CacheDB<EmptyDB>,
    verifier: Address,
}

impl Deployed {
    /// Compiles and deploys a verifier. Returns `None` where there is no compiler.
    pub fn new(sources: &[SourceFile], verifier: &str) -> Option<Self> {
        compiled(sources, verifier).map(Self::of)
    }

    /// Deploys a verifier by its creation code.
    pub fn of(code: Bytes) -> Self {
        let mut deployed = Self { database: CacheDB::default(), verifier: Address::ZERO };
        deployed.verifier = deployed.create(code);
        deployed
    }

    /// Calls the verifier with `data`. Returns the output, or the data of the revert.
    pub fn call(&mut self, data: Vec<u8>) -> Result<Bytes, Bytes> {
        let tx = TxEnv::builder().call(self.verifier).data(data.into()).gas_limit(GAS);
        let mut evm = context(&mut self.database).build_mainnet();
        match evm.transact_one(tx.build().unwrap()).unwrap() {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { output, .. } => Err(output),
            // A precompile takes all gas when its input is no point.
            ExecutionResult::Halt { .. } => Err(Bytes::new()),
        }
    }

    /// Calls `verifyClaim`. Returns the digest, or the data of the revert.
    pub fn verify(&mut self, claim: &ChainClaim, proof: &[u8]) -> Result<B256, Bytes> {
        let call = IZenoVerifier::verifyClaimCall { claim: claim.into(), proof: proof.to_vec().into() };
        self.call(call.abi_encode()).map(|digest| B256::from_slice(&digest))
    }

    fn create(&mut self, code: Bytes) -> Address {
        let tx = TxEnv::builder().create().data(code).gas_limit(GAS);
        let mut evm = context(&mut self.database).build_mainnet();
        match evm.transact_commit(tx.build().unwrap()).unwrap() {
            ExecutionResult::Success { output: Output::Create(_, Some(address)), .. } => address,
            result => panic!("{result:?}"),
        }
    }
}

/// Makes the context of a chain without fees and without a check of nonces.
fn context(database: &mut CacheDB<EmptyDB>) -> MainnetContext<&mut CacheDB<EmptyDB>> {
    Context::mainnet().with_db(database).modify_cfg_chained(|cfg| cfg.disable_nonce_check = true)
}

/// Compiles a verifier from its sources to its creation code. Returns `None` where there is no compiler.
pub fn compiled(sources: &[SourceFile], verifier: &str) -> Option<Bytes> {
    let output = compile(sources)?;
    let code =
        &output["contracts"][format!("generated/{verifier}.sol")][verifier]["evm"]["bytecode"]["object"];
    Some(hex::decode(code.as_str().unwrap_or_else(|| panic!("{}", output["errors"]))).unwrap().into())
}

/// Compiles the sources by the pinned compiler, with the settings of the export's foundry.toml. Returns the compiler's
/// JSON.
pub fn compile(sources: &[SourceFile]) -> Option<Value> {
    // From the workspace's root, because other crates include this file, too.
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|ancestor| ancestor.join("verifier-contract/contracts"))
        .find(|contracts| contracts.is_dir())
        .expect("a package of this workspace");
    if !contracts.join("node_modules/solc").is_dir() {
        return None;
    }
    let solidity = sources.iter().filter(|file| file.path.ends_with(".sol"));
    let input = json!({
        "language": "Solidity",
        "sources": solidity
            .map(|file| (file.path.clone(), json!({ "content": file.text })))
            .collect::<serde_json::Map<_, _>>(),
        "settings": {
            // The Yul optimiser takes minutes for the generated verifier.
            "optimizer": { "enabled": true, "runs": 10000, "details": { "constantOptimizer": false, "yul": false } },
            "evmVersion": "paris",
            "metadata": { "bytecodeHash": "none", "appendCBOR": false },
            "outputSelection": { "*": { "*": ["evm.bytecode.object"] } },
        },
    });
    let mut solc = Command::new("node")
        .arg(contracts.join("scripts/solc"))
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    solc.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = solc.wait_with_output().unwrap();
    assert!(output.status.success(), "solc failed");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

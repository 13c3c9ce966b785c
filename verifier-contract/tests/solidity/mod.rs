//! The contracts, compiled from their sources and deployed in an EVM in memory.
#![allow(dead_code, reason = "each test file uses a part of it")]

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

/// The selector of the error that a refused proof gives.
pub(crate) const PROOF_REFUSED: [u8; 4] = IZenoVerifier::ProofRefused::SELECTOR;

/// Gas that a transaction may use: less than EIP-7825 allows.
const GAS: u64 = 16_000_000;

/// A verifier, which is one contract.
pub(crate) struct Deployed {
    database: CacheDB<EmptyDB>,
    verifier: Address,
}

impl Deployed {
    /// Compiles and deploys; none where there is no compiler.
    pub(crate) fn new(sources: &[SourceFile], verifier: &str) -> Option<Self> {
        compiled(sources, verifier).map(Self::of)
    }

    /// Deploys what `code` creates.
    pub(crate) fn of(code: Bytes) -> Self {
        let mut deployed = Self { database: CacheDB::default(), verifier: Address::ZERO };
        deployed.verifier = deployed.create(code);
        deployed
    }

    /// What a call with `data` returns, or what it reverts with.
    pub(crate) fn call(&mut self, data: Vec<u8>) -> Result<Bytes, Bytes> {
        let tx = TxEnv::builder().call(self.verifier).data(data.into()).gas_limit(GAS);
        let mut evm = context(&mut self.database).build_mainnet();
        match evm.transact_one(tx.build().unwrap()).unwrap() {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { output, .. } => Err(output),
            // A precompile takes all gas for a point that is none.
            ExecutionResult::Halt { .. } => Err(Bytes::new()),
        }
    }

    /// The digest that `verifyClaim` returns, or what it reverts with.
    pub(crate) fn verify(&mut self, claim: &ChainClaim, proof: &[u8]) -> Result<B256, Bytes> {
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

/// A chain without fees, on which a sender's nonce doesn't matter.
fn context(database: &mut CacheDB<EmptyDB>) -> MainnetContext<&mut CacheDB<EmptyDB>> {
    Context::mainnet().with_db(database).modify_cfg_chained(|cfg| cfg.disable_nonce_check = true)
}

/// The creation code of a verifier, compiled from its sources; none where there is no compiler.
pub(crate) fn compiled(sources: &[SourceFile], verifier: &str) -> Option<Bytes> {
    let output = compile(sources)?;
    let code =
        &output["contracts"][format!("generated/{verifier}.sol")][verifier]["evm"]["bytecode"]["object"];
    Some(hex::decode(code.as_str().unwrap_or_else(|| panic!("{}", output["errors"]))).unwrap().into())
}

/// What the pinned compiler makes of the sources, by the settings of the export's foundry.toml.
pub(crate) fn compile(sources: &[SourceFile]) -> Option<Value> {
    // From the workspace's root, because `bin`'s tests include this file too.
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier-contract/contracts");
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

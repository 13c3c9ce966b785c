//! Verification of proofs.

mod expected;
mod native;
mod on_chain;

pub(crate) use self::native::{check_natively, check_stark};

use self::expected::{Accepted, Expected};
use crate::{
    chain_client::TransactionReport,
    context::Context,
    contract_checks::ContractReport,
    error::{Error, Failed, Findings, Verdict},
    evm_keys::{EvmKey, KeyOptions, KeyReport},
    node_options::NodeOptions,
    proof::{self, ProofReport},
    setting::Setting,
};
use alloy_primitives::{Address, B256};
use serde::Serialize;
use std::path::PathBuf;
use zeno_verifier::{ChainClaim, ProofFile, ProofKind, Release};

/// Choice of a proof, of its check, and of the expectations that it has to meet.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// File of the proof.
    pub file: PathBuf,
    /// The expected chain, by an argument of [`chains::by_name`](crate::chains::by_name). `None` stands for any public one.
    pub chain: Option<String>,
    /// The expected last block, by its number or its hash, or the expected run of blocks, by the numbers of its ends, `A..B`.
    pub block: Option<String>,
    /// Hash of the expected parent of the first block.
    pub parent: Option<B256>,
    /// Accepts a proof about a chain of any rules.
    pub any_rules: bool,
    /// The verifying key of EVM proofs.
    pub keys: KeyOptions,
    /// Accepts an SRS of no known ceremony.
    pub allow_unknown_srs: bool,
    /// A contract that checks the proof as well.
    pub contract: Option<VerifierOptions>,
}

/// A verifier's contract.
#[derive(Clone, Debug)]
pub struct VerifierOptions {
    /// Its address.
    pub address: Address,
    /// Access to a node of its chain.
    pub node: NodeOptions,
    /// Takes the word of the contract and of the node, where there is no key to check the proof with as well.
    pub trust: bool,
}

/// Judge of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckedBy {
    /// A native check with a verifying key.
    Key,
    /// A contract alone, by a node's word.
    Contract,
}

/// A contract that was asked, and that accepts the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedContract {
    /// Its address.
    pub address: Address,
    /// EIP-155 id of its chain, by the node's word.
    pub chain_id: u64,
}

/// A valid proof that meets all expectations.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// The proof.
    #[serde(flatten)]
    pub proof: ProofReport,
    /// Judge of the proof.
    pub checked_by: CheckedBy,
    /// The verdict, `true`.
    pub valid: bool,
    /// The proven claim.
    #[serde(skip)]
    pub claim: ChainClaim,
    /// Key of a native check of an EVM proof.
    #[serde(flatten)]
    pub key: Option<KeyReport>,
    /// The contract that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<ContractReport>,
    /// The contract that was asked, with its chain.
    #[serde(skip)]
    pub asked: Option<AskedContract>,
    /// `true` if nothing but a contract that comes from the development SRS judged the proof.
    #[serde(skip)]
    pub insecure_contract: bool,
    /// The rules that the blocks are valid under, in words.
    #[serde(skip)]
    pub rules: String,
    /// First timestamp, in seconds, at which these rules are not known, if the last block's time is near to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_end: Option<u64>,
    /// A sentence about that end.
    #[serde(skip)]
    pub warning: Option<String>,
}

/// Facts of a proof that a failing verb had established.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProofFindings {
    /// The proof, if its file could be read.
    #[serde(flatten)]
    pub proof: Option<ProofReport>,
    /// Judge of a proof that was found valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_by: Option<CheckedBy>,
    /// `Some(false)` if a valid proof does not meet an expectation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_expected: Option<bool>,
    /// `Some(false)` if the proof is invalid, or does not meet an expectation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
    /// Key of a native check of an EVM proof.
    #[serde(flatten)]
    pub key: Option<KeyReport>,
    /// Contracts that were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<ContractReport>,
    /// Transactions that were sent, or that a dry run would send.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transactions_sent: Vec<TransactionReport>,
    /// Meaning: [`Verified::insecure_contract`].
    #[serde(skip)]
    pub insecure_contract: bool,
}

impl Findings for ProofFindings {
    fn judge(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Invalid => self.valid = Some(false),
            Verdict::Unexpected => {
                self.valid = Some(false);
                self.as_expected = Some(false);
            }
            Verdict::OtherChain => {}
        }
    }
}

impl ProofFindings {
    pub(crate) fn failed(self, error: impl Into<Error>) -> Failed<Self> {
        Failed::new(error, self)
    }
}

/// A check that a proof passed.
struct Passed {
    claim: ChainClaim,
    by: CheckedBy,
    key: Option<KeyReport>,
    asked: Option<AskedContract>,
    insecure_contract: bool,
}

impl Passed {
    /// The check of a key.
    fn by_key(claim: ChainClaim, key: Option<KeyReport>) -> Self {
        Self { claim, by: CheckedBy::Key, key, asked: None, insecure_contract: false }
    }
}

/// Checks a proof, and compares its claim with the expectations. Call it within a tokio runtime and on a thread that may
/// block, where a contract is asked.
///
/// # Errors
/// [`Failed`] where the proof is invalid, is not accepted, or does not meet an expectation.
pub fn verify(options: &VerifyOptions, context: &Context) -> Result<Verified, Failed<ProofFindings>> {
    let expected = Expected::new(options)?;
    let file = proof::read(&options.file)?;
    let proof = ProofReport::new(&file);
    let passed = match check(options, &file, context) {
        Ok(passed) => passed,
        Err(Failed { error, findings }) => {
            return Err(Failed { error, findings: ProofFindings { proof: Some(proof), ..findings } });
        }
    };
    let Passed { claim, by: checked_by, key, asked, insecure_contract } = passed;
    let proof = proof.confirm(claim);
    let contracts: Vec<_> = asked.iter().map(AskedContract::report).collect();
    match expected.check(&claim) {
        Ok(Accepted { rules, near_end }) => {
            let (rules_end, warning) = near_end.map(|end| (end.from, end.warning)).unzip();
            Ok(Verified {
                proof,
                checked_by,
                valid: true,
                claim,
                key,
                contracts,
                asked,
                insecure_contract,
                rules,
                rules_end,
                warning,
            })
        }
        Err(error) => {
            let findings = ProofFindings {
                proof: Some(proof),
                checked_by: Some(checked_by),
                key,
                contracts,
                insecure_contract,
                ..ProofFindings::default()
            };
            Err(findings.failed(error))
        }
    }
}

impl AskedContract {
    fn report(&self) -> ContractReport {
        ContractReport { name: "verifier", address: self.address }
    }
}

/// Checks a proof in the way that suits its kind. The findings of a failure lack the proof.
fn check(
    options: &VerifyOptions,
    file: &ProofFile,
    context: &Context,
) -> Result<Passed, Failed<ProofFindings>> {
    Release::check_accepted(file.app_exe_commitment)?;
    match (file.kind, &options.contract) {
        (ProofKind::Stark, None) => {
            if !options.keys.is_empty() {
                let error = Error::file(
                    &options.file,
                    "is a STARK, which is checked with the key that is built in; name no other key",
                );
                return Err(Failed::from(error.with_settings([Setting::Keys, Setting::KeyDigest])));
            }
            Ok(Passed::by_key(check_stark(file)?, None))
        }
        (ProofKind::Evm, None) => {
            proof::check_srs(file, options.allow_unknown_srs)?;
            let keys = EvmKey::for_proof(&options.keys, file, options.allow_unknown_srs, &context.cache)?;
            let (claim, key) = check_natively(&keys, file, options.allow_unknown_srs)?;
            Ok(Passed::by_key(claim, Some(KeyReport::new(key))))
        }
        (ProofKind::Evm, Some(contract)) => on_chain::check(options, contract, file, context),
        (ProofKind::Stark, Some(_)) => {
            let error = Error::file(&options.file, "is a STARK, which no contract checks; name none");
            Err(Failed::from(error.with_settings([Setting::Contract])))
        }
    }
}

//! What a command has to say, as text or as one JSON object.

use crate::{chains, cost, failure::Failure, output, text};
use alloy_primitives::{Address, B256, U256};
use serde::{Serialize, Serializer};
use std::{fmt::Write, path::PathBuf};
use zeno_guest_evm::ChainClaim;
use zeno_prover::{Cost, Execution, Profile, Timings};
use zeno_srs::Srs;
use zeno_verifier::{EvmVerifyingKey, ProofFile, Release};

/// Everything a command found out. What doesn't apply is absent.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block_hash: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fork: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transactions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gas_used: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) witness: Option<WitnessReport>,
    /// What an accepted proof was checked by: a key, or only a contract that a node tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checked_by: Option<&'static str>,
    /// False for a proof that is none of what the arguments expect, whatever it is worth else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_expected: Option<bool>,
    /// Of the block or the proof, where it was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) segments: Option<usize>,
    /// Cells of the tables that the instructions fill, without padding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cells: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions_per_gas: Option<f64>,
    /// The same by phase of validation and by function.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<PartReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) functions: Vec<PartReport>,
    /// What was checked to be true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Option<ClaimReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof_bytes: Option<usize>,
    /// What a file says of itself, and nothing confirms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stated: Option<StatedReport>,
    /// Digest of the key that EVM proofs are made or checked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_digest: Option<B256>,
    /// Where that key's SRS comes from, by its point in the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_srs: Option<String>,
    /// The same, for people.
    #[serde(skip)]
    pub(crate) key_srs_description: Option<String>,
    /// Whether the key is in this program's table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_pinned: Option<bool>,
    /// Which program it is of.
    #[serde(flatten)]
    pub(crate) origin: Option<OriginReport>,
    /// Seconds by stage of a proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stages: Option<StageReport>,
    /// What is installed of the structured reference string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) srs: Option<Vec<SrsReport>>,
    /// The block that a light client starts from, by the user's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trusted_block: Option<TrustedReport>,
    /// Contracts that were deployed, or that a proof went to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contracts: Vec<ContractReport>,
    /// Transactions that were sent, or would be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) transactions_sent: Vec<TransactionReport>,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "path")]
    pub(crate) file: Option<PathBuf>,
    /// Seconds of the whole command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    /// Sentences for people, before everything else.
    #[serde(rename = "messages", skip_serializing_if = "Vec::is_empty")]
    pub(crate) headline: Vec<String>,
    /// Whether what the command made went to stdout, so that there is no place for a report.
    #[serde(skip)]
    pub(crate) stdout_is_taken: bool,
}

/// Serializes a path as text, whatever bytes it has.
fn path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

/// What a proof's file says of itself.
#[derive(Debug, Serialize)]
pub(crate) struct StatedReport {
    pub(crate) proof_system: String,
    pub(crate) prover: String,
    /// The SRS that an EVM proof says it was made under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) srs: Option<String>,
    /// The claim and whose program proved it, until that was checked.
    #[serde(flatten)]
    pub(crate) unchecked: Option<UncheckedReport>,
}

/// What a proof's file says that a check would show.
#[derive(Debug, Serialize)]
pub(crate) struct UncheckedReport {
    pub(crate) claim: ClaimReport,
    #[serde(flatten)]
    pub(crate) origin: OriginReport,
}

/// Which program something is of.
#[derive(Debug, Serialize)]
pub(crate) struct OriginReport {
    /// The release of the guest program, by its commitment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<u32>,
    /// Why that release's proofs are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn: Option<&'static str>,
    pub(crate) app_exe_commitment: B256,
    pub(crate) app_vm_commitment: B256,
}

impl OriginReport {
    fn new(app_exe_commitment: B256, app_vm_commitment: B256) -> Self {
        let release = Release::of(app_exe_commitment, app_vm_commitment);
        Self {
            release: release.map(|release| release.number),
            withdrawn: release.and_then(|release| release.withdrawn),
            app_exe_commitment,
            app_vm_commitment,
        }
    }

    fn facts(&self, fact: &mut impl FnMut(&str, Option<String>)) {
        let release = match (self.release, self.withdrawn) {
            (Some(number), None) => format!("{number} of the EVM program"),
            (Some(number), Some(_)) => format!("{number} of the EVM program, withdrawn"),
            (None, _) => "not known to this program".to_owned(),
        };
        fact("release", Some(release));
        fact("guest", Some(self.app_exe_commitment.to_string()));
        fact("machine", Some(self.app_vm_commitment.to_string()));
    }
}

/// How much of the state an input brings along.
#[derive(Debug, Serialize)]
pub(crate) struct WitnessReport {
    pub(crate) bytes: usize,
    pub(crate) nodes: usize,
    pub(crate) codes: usize,
    pub(crate) headers: usize,
}

/// How many functions a profile lists.
const LARGEST_FUNCTIONS: usize = 25;

/// What a phase or a function takes of a run.
#[derive(Debug, Serialize)]
pub(crate) struct PartReport {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

impl PartReport {
    fn list<N: Into<String>>(parts: impl IntoIterator<Item = (N, Cost)>) -> Vec<Self> {
        parts.into_iter().map(|(name, cost)| Self { name: name.into(), cost }).collect()
    }
}

/// Seconds by stage of a proof.
#[derive(Debug, Serialize)]
pub(crate) struct StageReport {
    pub(crate) keys: f64,
    pub(crate) execute: f64,
    pub(crate) segments: Vec<f64>,
    pub(crate) aggregation: Vec<f64>,
    /// Of an EVM proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evm: Option<EvmStageReport>,
    pub(crate) verify: f64,
    /// Proofs of segments, aggregations and later steps that an interrupted run had left.
    pub(crate) restored: usize,
}

/// Seconds of the steps after the aggregation.
#[derive(Debug, Serialize)]
pub(crate) struct EvmStageReport {
    pub(crate) root: f64,
    pub(crate) static_verifier: f64,
    pub(crate) wrapper: f64,
}

/// A contract on a chain.
#[derive(Debug, Serialize)]
pub(crate) struct ContractReport {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
}

/// The block that a light client starts from, and the chain that it follows.
#[derive(Debug, Serialize)]
pub(crate) struct TrustedReport {
    pub(crate) chain_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain: Option<String>,
    pub(crate) chain_spec: B256,
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) state_root: B256,
    pub(crate) timestamp: u64,
}

/// A transaction that was sent, or would be.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TransactionReport {
    pub(crate) what: &'static str,
    /// Whether it was sent; else it is one that would be.
    pub(crate) sent: bool,
    pub(crate) chain_id: u64,
    pub(crate) from: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Address>,
    pub(crate) gas_estimate: u64,
    /// What it may cost at most.
    pub(crate) most_wei: U256,
    /// How much of that is not for gas, on a chain that pays another for keeping its data; by the node's estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) l1_fee_wei: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<B256>,
    /// Others with the same nonce, which this one replaced or that were not mined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaced: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mined_in: Option<u64>,
    /// How many blocks deep it was waited for to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confirmations: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gas_used: Option<u64>,
}

/// An installed SRS, or why it can't be used.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SrsReport {
    pub(crate) k: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) insecure: Option<bool>,
    /// The origin, for people.
    #[serde(skip)]
    pub(crate) description: Option<String>,
    /// The file that it was imported from, or how it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "path")]
    pub(crate) file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blake2b: Option<String>,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl From<&Srs> for SrsReport {
    fn from(srs: &Srs) -> Self {
        Self {
            k: srs.k(),
            origin: Some(srs.origin().name()),
            insecure: Some(srs.is_insecure()),
            description: Some(srs.origin().to_string()),
            source: Some(srs.source().to_owned()),
            checks: srs.checks().to_vec(),
            file: Some(srs.path().to_owned()),
            bytes: Some(srs.bytes()),
            blake2b: Some(srs.blake2b().to_owned()),
            error: None,
        }
    }
}

/// [`ChainClaim`], with its digest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaimReport {
    chain_id: u64,
    chain_spec: B256,
    first_parent_hash: B256,
    last_block_hash: B256,
    last_block_number: u64,
    last_state_root: B256,
    last_receipts_root: B256,
    last_timestamp: u64,
    block_count: u64,
    digest: B256,
}

impl From<&ChainClaim> for ClaimReport {
    fn from(claim: &ChainClaim) -> Self {
        Self {
            chain_id: claim.chain_id,
            chain_spec: claim.chain_spec,
            first_parent_hash: claim.first_parent_hash,
            last_block_hash: claim.last_block_hash,
            last_block_number: claim.last_block_number,
            last_state_root: claim.last_state_root,
            last_receipts_root: claim.last_receipts_root,
            last_timestamp: claim.last_timestamp,
            block_count: claim.block_count,
            digest: claim.digest(),
        }
    }
}

impl ClaimReport {
    /// What it says beside block and chain.
    fn facts(&self, fact: &mut impl FnMut(&str, Option<String>)) {
        fact("parent", Some(self.first_parent_hash.to_string()));
        fact("state root", Some(self.last_state_root.to_string()));
        fact("receipts root", Some(self.last_receipts_root.to_string()));
        fact("timestamp", Some(self.last_timestamp.to_string()));
        fact("chain rules", Some(self.chain_spec.to_string()));
        fact("claim digest", Some(self.digest.to_string()));
    }
}

impl Report {
    /// Takes over a claim that was checked.
    pub(crate) fn set_claim(&mut self, claim: &ChainClaim) {
        self.block_number = Some(claim.last_block_number);
        self.block_hash = Some(claim.last_block_hash);
        self.chain_id = Some(claim.chain_id);
        self.chain = chains::name(claim.chain_spec).map(Into::into);
        self.claim = Some(claim.into());
        if let Some(UncheckedReport { origin, .. }) =
            self.stated.as_mut().and_then(|stated| stated.unchecked.take())
        {
            self.origin = Some(origin);
        }
    }

    /// Takes over what a proof's file says of itself.
    pub(crate) fn set_stated(&mut self, file: &ProofFile) {
        self.proof_kind = Some(file.kind.name());
        self.proof_bytes = Some(file.proof.len());
        self.stated = Some(StatedReport {
            proof_system: file.proof_system.clone(),
            prover: file.prover.clone(),
            srs: file.srs.clone(),
            unchecked: Some(UncheckedReport {
                claim: (&file.claim).into(),
                origin: OriginReport::new(file.app_exe_commitment, file.app_vm_commitment),
            }),
        });
    }

    /// Takes over which key EVM proofs are made or checked with.
    pub(crate) fn set_key(&mut self, key: &EvmVerifyingKey) {
        let origin = key.origin();
        self.key_digest = Some(key.digest());
        self.key_srs = Some(origin.label().to_owned());
        self.key_srs_description = Some(origin.to_string());
        self.key_pinned = Some(key.is_pinned());
    }

    /// Takes over which guest and machine something is of, and the release that they are, if it is known.
    pub(crate) fn set_origin(&mut self, app_exe_commitment: B256, app_vm_commitment: B256) {
        self.origin = Some(OriginReport::new(app_exe_commitment, app_vm_commitment));
    }

    /// Takes over what a run of the guest took.
    pub(crate) fn set_execution(&mut self, execution: &Execution) {
        self.instructions = Some(execution.instructions);
        self.segments = Some(execution.segments.len());
        self.cells = Some(execution.cells);
        self.instructions_per_gas =
            self.gas_used.filter(|gas| *gas > 0).map(|gas| execution.instructions as f64 / gas as f64);
    }

    /// Takes over the phases, and the functions that take the most.
    pub(crate) fn set_profile(&mut self, profile: Profile) {
        self.phases = PartReport::list(profile.phases);
        self.functions = PartReport::list(profile.functions.into_iter().take(LARGEST_FUNCTIONS));
    }

    /// Takes over where the time of a proof went.
    pub(crate) fn set_timings(&mut self, timings: &Timings) {
        let seconds =
            |list: &[std::time::Duration]| list.iter().map(std::time::Duration::as_secs_f64).collect();
        self.stages = Some(StageReport {
            keys: timings.keys.as_secs_f64(),
            execute: timings.execute.as_secs_f64(),
            segments: seconds(&timings.segments),
            aggregation: seconds(&timings.layers),
            evm: timings.evm.as_ref().map(|evm| EvmStageReport {
                root: evm.root.as_secs_f64(),
                static_verifier: evm.static_verifier.as_secs_f64(),
                wrapper: evm.wrapper.as_secs_f64(),
            }),
            verify: timings.verify.as_secs_f64(),
            restored: timings.restored,
        });
    }

    /// One object, on one line.
    pub(crate) fn json(&self, failure: Option<&Failure>) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            #[serde(flatten)]
            report: &'a Report,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<String>,
        }
        output::json_line(&Object { report: self, error: failure.map(ToString::to_string) })
    }

    /// One fact a line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Whatever a value holds, it stays on its line.
        for line in &self.headline {
            let _ = writeln!(text, "{}", text::whole(line));
        }
        let mut fact = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{name:>20}  {}", text::whole(&value));
            }
        };
        fact("block", self.block_number.map(|number| number.to_string()));
        fact("hash", self.block_hash.map(|hash| hash.to_string()));
        fact("chain", self.chain_id.map(|id| chain(id, self.chain.as_deref())));
        fact("fork", self.fork.map(Into::into));
        fact("transactions", self.transactions.map(|count| count.to_string()));
        fact("gas used", self.gas_used.map(grouped));
        fact(
            "witness",
            self.witness.as_ref().map(|witness| {
                let WitnessReport { bytes, nodes, codes, headers } = witness;
                format!(
                    "{nodes} trie nodes, {codes} codes, {headers} headers; {} bytes in all",
                    grouped(*bytes as u64)
                )
            }),
        );
        fact("instructions", self.instructions.map(grouped));
        fact("instructions per gas", self.instructions_per_gas.map(|ratio| format!("{ratio:.1}")));
        fact("segments", self.segments.map(|count| count.to_string()));
        fact("cells", self.cells.map(grouped));
        if let Some(claim) = &self.claim {
            claim.facts(&mut fact);
        }
        if let Some(origin) = &self.origin {
            origin.facts(&mut fact);
        }
        fact(
            "proof",
            self.proof_kind.map(|kind| match self.proof_bytes {
                Some(bytes) => format!("{kind}, {} bytes", grouped(bytes as u64)),
                None => kind.to_owned(),
            }),
        );
        fact(
            "verifying key",
            self.key_digest.map(|digest| match self.key_pinned {
                Some(true) => format!("{digest}, of this program's table"),
                _ => format!("{digest}, not in this program's table: --key-digest accepts it"),
            }),
        );
        fact("SRS of the key", self.key_srs_description.clone());
        if let Some(stages) = &self.stages {
            // The sum of no floats is -0.
            let sum = |list: &[f64]| list.iter().fold(0.0, |sum, seconds| sum + seconds);
            let evm = stages.evm.as_ref().map_or_else(String::new, |evm| {
                format!(
                    "root {:.1}, static verifier {:.1}, wrapper {:.1}, ",
                    evm.root, evm.static_verifier, evm.wrapper
                )
            });
            fact(
                "seconds by stage",
                Some(format!(
                    "keys {:.1}, execution {:.1}, segments {:.1}, aggregation {:.1}, {evm}verification {:.3}",
                    stages.keys,
                    stages.execute,
                    sum(&stages.segments),
                    sum(&stages.aggregation),
                    stages.verify
                )),
            );
        }
        for srs in self.srs.iter().flatten() {
            fact("SRS for k", Some(srs.k.to_string()));
            fact("origin", srs.description.clone());
            fact("recorded source", srs.source.clone());
            for check in &srs.checks {
                fact("recorded check", Some(check.clone()));
            }
            let size = srs.bytes.map(|bytes| format!("{} bytes", grouped(bytes)));
            fact("file", srs.file.as_ref().map(|file| file.display().to_string()));
            fact("size", size);
            fact("BLAKE2b-512", srs.blake2b.clone());
            fact("unusable", srs.error.clone());
        }
        if let Some(trusted) = &self.trusted_block {
            fact("follows", Some(chain(trusted.chain_id, trusted.chain.as_deref())));
            fact("chain rules", Some(trusted.chain_spec.to_string()));
            fact("trusted block", Some(format!("{}, {}", trusted.number, trusted.hash)));
            fact("its state root", Some(trusted.state_root.to_string()));
            fact("its timestamp", Some(trusted.timestamp.to_string()));
        }
        for sent in &self.transactions_sent {
            fact(sent.what, Some(format!("on chain {}, from {}", sent.chain_id, sent.from)));
            fact(
                "gas",
                Some(match sent.gas_used {
                    Some(used) => format!("{} ({} estimated)", grouped(used), grouped(sent.gas_estimate)),
                    None => format!("{} estimated", grouped(sent.gas_estimate)),
                }),
            );
            fact("costs at most", Some(cost::amount(sent.most_wei)));
            fact("transaction", sent.hash.map(|hash| hash.to_string()));
            fact(
                "in block",
                sent.mined_in.map(|number| match sent.confirmations {
                    Some(depth) => format!("{number}, {depth} deep or more"),
                    None => number.to_string(),
                }),
            );
            for replaced in &sent.replaced {
                fact("instead of", Some(replaced.to_string()));
            }
        }
        for contract in &self.contracts {
            fact(contract.name, Some(contract.address.to_string()));
        }
        let file = self.file.as_ref().filter(|_| !self.stdout_is_taken);
        fact("written to", file.map(|path| path.display().to_string()));
        fact("seconds", self.seconds.map(|seconds| format!("{seconds:.3}")));
        if let Some(stated) = &self.stated {
            fact("says it was made by", Some(format!("{}, with {}", stated.prover, stated.proof_system)));
            fact("under the SRS", stated.srs.clone());
            if let Some(UncheckedReport { claim, origin }) = &stated.unchecked {
                fact("says it proves", Some("what follows, which is NOT CHECKED".to_owned()));
                origin.facts(&mut fact);
                fact("block", Some(claim.last_block_number.to_string()));
                fact("hash", Some(claim.last_block_hash.to_string()));
                fact("chain", Some(chain(claim.chain_id, chains::name(claim.chain_spec))));
                claim.facts(&mut fact);
            }
        }
        self.parts(&mut text, "phase", &self.phases);
        self.parts(&mut text, "function", &self.functions);
        text
    }

    /// A table of what parts of the run took.
    fn parts(&self, text: &mut String, title: &str, parts: &[PartReport]) {
        if parts.is_empty() {
            return;
        }
        let share = |part: u64, whole: Option<u64>| 100.0 * part as f64 / whole.unwrap_or(1).max(1) as f64;
        let _ = writeln!(text, "\n{:>15} {:>6} {:>15} {:>6}  {title}", "instructions", "%", "cells", "%");
        for PartReport { name, cost: Cost { instructions, cells } } in parts {
            let _ = writeln!(
                text,
                "{:>15} {:>6.1} {:>15} {:>6.1}  {}",
                grouped(*instructions),
                share(*instructions, self.instructions),
                grouped(*cells),
                share(*cells, self.cells),
                // The program's own word, whose file may be anybody's.
                text::whole(name),
            );
        }
    }
}

/// A chain id with the name of the rules that go with it.
fn chain(id: u64, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{id}, {name}"),
        None => format!("{id}, under rules that this program has no name for"),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands() {
        let numbers = [0, 7, 999, 1000, 14_515_637, 1_000_000_000];
        let texts = numbers.map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "14,515,637", "1,000,000,000"]);
    }

    #[test]
    fn json_has_only_what_applies() {
        let report = Report { block_number: Some(7), valid: Some(true), ..Report::default() };
        assert_eq!(report.json(None), "{\"block_number\":7,\"valid\":true}\n");
        let failure = Failure::other("no \"such\" block");
        assert_eq!(
            report.json(Some(&failure)),
            "{\"block_number\":7,\"valid\":true,\"error\":\"no \\\"such\\\" block\"}\n"
        );
    }

    /// A proof's file says what its maker likes.
    #[test]
    fn a_files_word_is_told_apart_from_what_was_checked() {
        let proof = include_bytes!("../../verifier-contract/contracts/test/fixtures/block.proof");
        let file = ProofFile::decode(proof).unwrap();
        let mut report = Report::default();
        report.set_stated(&file);
        let value: serde_json::Value = serde_json::from_str(&report.json(None)).unwrap();
        for name in ["claim", "block_number", "prover", "release", "app_exe_commitment"] {
            assert_eq!(value.get(name), None, "{name}");
        }
        assert_eq!(value["stated"]["release"], 2);
        assert_eq!(value["stated"]["prover"], file.prover);
        assert_eq!(value["stated"]["claim"]["lastBlockNumber"], file.claim.last_block_number);
        let text = report.text();
        for unchecked in ["state root", "release", "guest"] {
            assert!(text.find("NOT CHECKED") < text.find(unchecked), "{text}");
        }
        assert!(text.contains("says it was made by"), "{text}");

        report.set_claim(&file.claim);
        let value: serde_json::Value = serde_json::from_str(&report.json(None)).unwrap();
        assert_eq!((value["claim"].is_object(), value["stated"].get("claim")), (true, None));
        assert_eq!((&value["release"], value["stated"].get("release")), (&2.into(), None));
        assert!(!report.text().contains("NOT CHECKED"));
    }

    #[cfg(unix)]
    #[test]
    fn lines_and_paths_hold_nothing_that_a_terminal_obeys() {
        use std::os::unix::ffi::OsStringExt;
        let name = std::ffi::OsString::from_vec(b"\x1b[2K\n\xff".to_vec());
        let report = Report {
            file: Some(name.into()),
            headline: vec!["The proof\u{1b}[1A\r\n is valid".to_owned()],
            ..Report::default()
        };
        let text = report.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.chars().all(|character| character == '\n' || text::is_visible(character)), "{text:?}");
        let value: serde_json::Value = serde_json::from_str(&report.json(None)).unwrap();
        assert_eq!(value["file"], "\u{1b}[2K\n\u{fffd}");
    }
}

//! Proofs of blocks and of runs of blocks.

use crate::{
    block::{BlockFindings, BlockReport, SourceKind},
    claim::Claim,
    context::Context,
    error::{Error, Failed},
    evm_keys::KeyReport,
    observer::Adapter,
    validate::Validated,
};
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Duration};
use zeno_prover::{Backend, Guest, Prover, Timings};
use zeno_verifier::ProofKind;

/// A proof of a valid block, or of a valid run of blocks. It has been verified.
#[derive(Debug, Serialize)]
pub struct Proved {
    /// Kind of the block's source.
    #[serde(skip)]
    pub source: SourceKind,
    /// The block.
    #[serde(flatten)]
    pub block: BlockReport,
    /// The verdict of native validation, `true`.
    pub valid: bool,
    /// Number of segments that the run was cut into.
    pub segments: usize,
    /// The block's claim.
    pub claim: Claim,
    /// Kind of the proof.
    #[serde(serialize_with = "kind_name")]
    pub proof_kind: ProofKind,
    /// Length of the proof itself, in bytes.
    pub proof_bytes: usize,
    /// Key that an EVM proof is checked with.
    #[serde(flatten)]
    pub key: Option<KeyReport>,
    /// Time by stage.
    pub stages: Stages,
    /// Content of the proof's file.
    #[serde(skip)]
    pub file: Vec<u8>,
    /// The prover's own outcome, which knows the unfinished work in the cache folder.
    #[serde(skip)]
    proved: zeno_prover::Proved,
}

/// Seconds by stage of a proof. A mirror of [`Timings`], whose fields are durations and named by what the prover does.
#[derive(Clone, Debug, Serialize)]
pub struct Stages {
    /// Keys, read or made.
    pub keys: f64,
    /// Runs of the guest without proving.
    pub execute: f64,
    /// Proof of each segment.
    pub segments: Vec<f64>,
    /// Aggregation, by layer.
    pub aggregation: Vec<f64>,
    /// Steps of an EVM proof after the aggregation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evm: Option<EvmStages>,
    /// Verification of the proof.
    pub verify: f64,
    /// Number of proofs of segments, aggregations and later steps that an interrupted run had left.
    pub restored: usize,
}

/// Seconds by step after the aggregation.
#[derive(Clone, Debug, Serialize)]
pub struct EvmStages {
    /// Root proof.
    pub root: f64,
    /// Halo2 proof of the static verifier.
    pub static_verifier: f64,
    /// Halo2 proof of the wrapper.
    pub wrapper: f64,
}

impl From<&Timings> for Stages {
    fn from(timings: &Timings) -> Self {
        let seconds = |list: &[Duration]| list.iter().map(Duration::as_secs_f64).collect();
        Self {
            keys: timings.keys.as_secs_f64(),
            execute: timings.execute.as_secs_f64(),
            segments: seconds(&timings.segments),
            aggregation: seconds(&timings.layers),
            evm: timings.evm.as_ref().map(|evm| EvmStages {
                root: evm.root.as_secs_f64(),
                static_verifier: evm.static_verifier.as_secs_f64(),
                wrapper: evm.wrapper.as_secs_f64(),
            }),
            verify: timings.verify.as_secs_f64(),
            restored: timings.restored,
        }
    }
}

impl Proved {
    /// Removes the unfinished work that was kept for an interrupted run. Call it once the proof's file is written.
    pub fn finish(&self) {
        self.proved.finish();
    }

    /// A failure to deliver the proof. Facts of the proof are not among its findings: nobody has it.
    pub fn failed(&self, error: impl Into<Error>) -> Failed<BlockFindings> {
        let findings = BlockFindings {
            block: Some(self.block.clone()),
            valid: Some(true),
            claim: Some(self.claim),
            ..BlockFindings::of(self.source)
        };
        Failed::new(error, findings)
    }
}

/// Serializes the name of a kind of proof.
pub(crate) fn kind_name<S: serde::Serializer>(kind: &ProofKind, serializer: S) -> Result<S::Ok, S::Error> {
    kind.name().serialize(serializer)
}

/// Keys for EVM proofs under the installed SRS.
#[derive(Clone, Debug, Serialize)]
pub struct KeysReady {
    /// The verifying key.
    #[serde(flatten)]
    pub key: KeyReport,
    /// Folder of the keys.
    #[serde(rename = "file", serialize_with = "crate::files::serialize_path")]
    pub folder: PathBuf,
}

/// Prover of blocks by the built-in guest, with keys and unfinished work in a cache folder.
#[derive(Debug)]
pub struct BlockProver<'a> {
    cache: PathBuf,
    backend: Backend,
    context: &'a Context,
}

impl<'a> BlockProver<'a> {
    /// A prover that computes STARKs with `backend`. It checks the cache folder, before the hours that lead to a proof are
    /// spent.
    ///
    /// # Errors
    /// [`Error`] where there is no cache folder, or others may write to it.
    pub fn new(backend: Backend, context: &'a Context) -> Result<Self, Error> {
        Ok(Self { cache: context.cache.required()?, backend, context })
    }

    /// Proves a valid block.
    ///
    /// # Errors
    /// [`Failed`] where the guest refuses the block, an SRS is missing, or the proof system fails.
    pub fn prove(&self, validated: Validated, kind: ProofKind) -> Result<Proved, Failed<BlockFindings>> {
        let made = self.make(&validated, kind);
        let (proved, file) = made.map_err(|error| validated.failed(error))?;
        let Validated { source, block, valid, claim, .. } = validated;
        Ok(Proved {
            source,
            block,
            valid,
            segments: proved.timings.segments.len(),
            claim,
            proof_kind: proved.file.kind,
            proof_bytes: proved.file.proof.len(),
            key: proved.evm_key.as_ref().map(KeyReport::new),
            stages: (&proved.timings).into(),
            file,
            proved,
        })
    }

    /// Makes the keys for EVM proofs under the installed SRS, or finds them made.
    ///
    /// # Errors
    /// [`Error`] where an SRS is missing, the cache folder can't be used, or the proof system fails.
    pub fn set_up(&self) -> Result<KeysReady, Error> {
        let setup = self.prover()?.setup()?;
        Ok(KeysReady { key: KeyReport::new(&setup.key), folder: setup.folder })
    }

    /// Makes a proof, and the content of its file.
    fn make(&self, validated: &Validated, kind: ProofKind) -> Result<(zeno_prover::Proved, Vec<u8>), Error> {
        let prover = self.prover()?;
        let proved = match kind {
            ProofKind::Stark => prover.prove(&validated.input, &validated.claim),
            ProofKind::Evm => prover.prove_evm(&validated.input, &validated.claim),
        }?;
        let file = proved.file.encode().map_err(Error::other)?;
        Ok((proved, file))
    }

    pub(crate) fn prover(&self) -> Result<Prover, Error> {
        let prover = Prover::new(Guest::committed()?, &self.cache);
        let progress = Arc::new(Adapter(self.context.observer.clone()));
        Ok(prover.with_progress(progress).with_backend(self.backend))
    }
}

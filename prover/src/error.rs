//! What can go wrong while proving.

use std::{
    fmt::Display,
    io,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
};

use alloy_primitives::B256;
use thiserror::Error;
use zeno_verifier::{EvmKeyError, KeyError, ProofFileError, VerifyError};

use crate::FolderError;

/// Why there is no execution or no proof.
#[derive(Debug, Error)]
pub enum ProverError {
    /// The guest refused its input, or ended in a trap. That alone says nothing about the block: the input may be at fault,
    /// or the block asks for what the guest does not support. Whether a block is invalid, native validation decides.
    #[error("the guest refused the input: {0}")]
    Refused(String),
    /// The guest revealed another claim than the one that was to be proven.
    #[error("the guest's claim has the digest {revealed}, expected {expected}")]
    OtherClaim {
        /// The digest that the guest revealed.
        revealed: B256,
        /// The digest of the claim that was to be proven.
        expected: B256,
    },
    /// The machine's configuration in `config/vm.toml` is not one.
    #[error("config/vm.toml: {0}")]
    Config(String),
    /// The guest's ELF file is not one that the machine can run.
    #[error("the guest's ELF file: {0}")]
    Elf(String),
    /// The machine or the proof system failed.
    #[error("{stage}: {message}")]
    Machine {
        /// What was being done.
        stage: &'static str,
        /// What the proof system says.
        message: String,
    },
    /// The cache folder is one that others may write to.
    #[error("the cache folder is refused: {0}")]
    Folder(#[from] FolderError),
    /// A file of the cache folder can't be read or written.
    #[error("cache: {}: {source}", .path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A Halo2 proof or key can't be made.
    #[error(transparent)]
    Halo2(#[from] zeno_halo2::Error),
    /// The structured reference string can't be used.
    #[error(transparent)]
    Srs(#[from] zeno_srs::SrsError),
    /// The proof that was made does not verify.
    #[error(
        "the proof that was made does not verify: {0}. What was kept of the run is removed, so that the next one begins anew; if \
         it fails as well, remove the folder `keys` in the cache folder, and if that doesn't help, it is a defect of the prover"
    )]
    Unsound(#[from] VerifyError),
    /// The verifying key can't be encoded.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The verifying key of EVM proofs can't be put together.
    #[error(transparent)]
    EvmKey(#[from] EvmKeyError),
    /// The proof file can't be written.
    #[error(transparent)]
    File(#[from] ProofFileError),
}

impl ProverError {
    /// An error of the machine or the proof system while `stage` was being done.
    pub(crate) fn machine(stage: &'static str, error: impl Display) -> Self {
        // The alternate form of an `eyre` error shows its causes.
        Self::Machine { stage, message: format!("{error:#}") }
    }
}

/// Runs what uses keys of the cache folder. The proof system stops by a panic at what it can't make sense of, such as keys that
/// are not what they say they are; it has then been printed where.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, ProverError>) -> Result<T, ProverError> {
    // Nothing of what the panic left half done is used again: the prover itself keeps only keys, whole or not at all.
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let message = format!("{text}; if that happens again, remove the folder `keys` in the cache folder");
        Err(ProverError::machine("the proof system stopped", message))
    })
}

/// Says of an error of the machine or the proof system what was being done.
pub(crate) trait Stage<T> {
    fn stage(self, stage: &'static str) -> Result<T, ProverError>;
}

impl<T, E: Display> Stage<T> for Result<T, E> {
    fn stage(self, stage: &'static str) -> Result<T, ProverError> {
        self.map_err(|error| ProverError::machine(stage, error))
    }
}

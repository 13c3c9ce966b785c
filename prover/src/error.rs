//! Errors of execution and proving.

use std::{
    fmt::Display,
    io,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
};

use alloy_primitives::B256;
use thiserror::Error;
use zeno_verifier::{EvmKeyError, KeyError, ProofFileError, VerifyError};
use zeno_vm::VmError;

use crate::folder::FolderError;

/// Reason for which there is no execution or no proof.
#[derive(Debug, Error)]
pub enum ProverError {
    /// The guest refused its input, or the VM or the proof system failed.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// The guest revealed another claim than the expected one.
    #[error("the guest's claim has the digest {revealed}, expected {expected}")]
    OtherClaim {
        /// Digest that the guest revealed.
        revealed: B256,
        /// Digest of the claim to prove.
        expected: B256,
    },
    /// Others may write to the cache folder.
    #[error("the cache folder is refused: {0}")]
    Folder(#[from] FolderError),
    /// A file of the cache folder can't be read or written.
    #[error("cache: {}: {source}", .path.display())]
    Cache {
        /// File or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A Halo2 proof or key can't be made.
    #[error(transparent)]
    Halo2(#[from] zeno_halo2::Error),
    /// The structured reference string (SRS) can't be used.
    #[error(transparent)]
    Srs(#[from] zeno_srs::SrsError),
    /// The STARK that is to be wrapped is not accepted.
    #[error("the STARK is not accepted: {0}")]
    Stark(#[source] VerifyError),
    /// The finished proof does not verify.
    #[error(
        "the proof that was made does not verify: {0}. What was kept of the run is removed, so that the next one begins anew; if \
         it fails as well, remove the folder `keys` in the cache folder, and if that doesn't help, it is a defect of the prover"
    )]
    Unsound(#[from] VerifyError),
    /// The verifying key can't be encoded.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The verifying key of EVM proofs can't be assembled.
    #[error(transparent)]
    EvmKey(#[from] EvmKeyError),
    /// The proof file can't be written.
    #[error(transparent)]
    File(#[from] ProofFileError),
}

impl ProverError {
    /// Makes the error of the proof system during `stage`.
    pub(crate) fn proof_system(stage: &'static str, error: impl Display) -> Self {
        VmError::proof_system(stage, error).into()
    }

    /// Makes the error of an ELF file that is no guest.
    pub(crate) fn elf(error: impl Display) -> Self {
        VmError::Elf(error.to_string()).into()
    }
}

/// Runs code that uses keys of the cache folder, and turns its panics into errors.
///
/// The proof system panics at input that it can't make sense of, such as keys that are not what they claim to be. The
/// panic's message has been printed by then.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, ProverError>) -> Result<T, ProverError> {
    // No state that a panic left incomplete is used again: the prover itself keeps only keys, whole or not at all.
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let message = format!("{text}; if that happens again, remove the folder `keys` in the cache folder");
        Err(ProverError::proof_system("the proof system stopped", message))
    })
}

/// Adds the name of the failed step to an error of the proof system.
pub(crate) trait Stage<T> {
    fn stage(self, stage: &'static str) -> Result<T, ProverError>;
}

impl<T, E: Display> Stage<T> for Result<T, E> {
    fn stage(self, stage: &'static str) -> Result<T, ProverError> {
        self.map_err(|error| ProverError::proof_system(stage, error))
    }
}

//! Why a command failed, and with which exit status.

use std::{fmt::Display, path::Path};
use zeno_guest_evm::ValidationError;
use zeno_prover::ProverError;
use zeno_srs::SrsError;
use zeno_verifier::VerifyError;
use zeno_witness_fetch::FetchError;

/// Why a command failed: a sentence that names the thing, its value and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The block is invalid, or the proof.
    #[error("{0}")]
    Invalid(String),
    /// Anything else: usage, network, files.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Invalid(_) => 1,
            Self::Other(_) => 2,
        }
    }

    pub(crate) fn other(message: impl Display) -> Self {
        Self::Other(message.to_string())
    }

    pub(crate) fn io(doing: &str, error: std::io::Error) -> Self {
        Self::Other(format!("{doing}: {error}"))
    }

    pub(crate) fn file(path: &Path, error: impl Display) -> Self {
        Self::Other(format!("{}: {error}", path.display()))
    }
}

impl From<ValidationError> for Failure {
    fn from(error: ValidationError) -> Self {
        if error.blames_block() {
            Self::Invalid(format!("the block is invalid: {error}"))
        } else {
            Self::Other(format!("the block can't be validated: {error}"))
        }
    }
}

impl From<ProverError> for Failure {
    fn from(error: ProverError) -> Self {
        match error {
            ProverError::Refused(_) => Self::Invalid(error.to_string()),
            _ => Self::other(error),
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Invalid { error: ref cause, .. } if cause.blames_block() => {
                Self::Invalid(error.to_string())
            }
            _ => Self::other(error),
        }
    }
}

impl From<SrsError> for Failure {
    fn from(error: SrsError) -> Self {
        Self::other(error)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::Invalid(format!("the proof is invalid: {error}"))
    }
}

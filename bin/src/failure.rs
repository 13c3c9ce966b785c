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
    /// The block is invalid, or the proof: it was judged by rules that this program knows and breaks one.
    #[error("{0}")]
    Invalid(String),
    /// Anything else: usage, network, files, and what this program does not know or does not accept, be it a fork, a
    /// release, rules or an SRS.
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
            // Native validation comes first, and ends a command whose block is invalid.
            ProverError::Refused(_) => Self::Other(format!(
                "{error}; native validation accepts the block, so this says nothing against it"
            )),
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
        if error.blames_proof() {
            Self::Invalid(format!("the proof is invalid: {error}"))
        } else {
            Self::Other(format!("the proof is not accepted: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guest refuses for other reasons than an invalid block, so its refusal alone is no verdict.
    #[test]
    fn a_refusal_by_the_guest_alone_is_no_verdict() {
        let failure = Failure::from(ProverError::Refused("out of memory".to_owned()));
        assert_eq!(failure.status(), 2);
        assert!(failure.to_string().contains("out of memory"), "{failure}");
    }
}

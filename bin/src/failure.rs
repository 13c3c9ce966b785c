//! Why a command failed, and with which exit status.

use std::{fmt::Display, path::Path};
use zeno_guest_evm::{Subject, ValidationError};
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
    /// The exit status of anything but a verdict.
    pub(crate) const OTHER: u8 = 2;

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Invalid(_) => 1,
            Self::Other(_) => Self::OTHER,
        }
    }

    pub(crate) fn other(message: impl Display) -> Self {
        Self::Other(message.to_string())
    }

    pub(crate) fn file(path: &Path, error: impl Display) -> Self {
        Self::Other(format!("{}: {error}", crate::text::path(path)))
    }
}

/// What to do about a block of a fork that isn't known.
const UPDATE: &str = "a newer zeno may know it";

/// Whether the block breaks a rule of a fork that this program knows. A field of a later fork is none: on the day of a fork,
/// every block has it.
pub(crate) fn blames_block(error: &ValidationError) -> bool {
    error.blames_block() && !is_of_later_fork(error)
}

/// Whether a block has a field that only a fork has which this program does not implement.
fn is_of_later_fork(error: &ValidationError) -> bool {
    let later = [Subject::BlockAccessListHash, Subject::SlotNumber];
    matches!(error, ValidationError::Unexpected { subject, .. } if later.contains(subject))
}

impl From<ValidationError> for Failure {
    fn from(error: ValidationError) -> Self {
        if blames_block(&error) {
            return Self::Invalid(format!("the block is invalid: {error}"));
        }
        let message = format!("the block can't be validated: {error}");
        match error {
            ValidationError::UnsupportedFork { .. } => Self::Other(format!("{message}; {UPDATE}")),
            _ if is_of_later_fork(&error) => Self::Other(format!(
                "{message}, so the block is of a later fork, which this program does not implement; {UPDATE}"
            )),
            _ => Self::Other(message),
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
            FetchError::Invalid { error: ref cause, .. } if blames_block(cause) => {
                Self::Invalid(error.to_string())
            }
            FetchError::Interrupted => match crate::panics::of_a_task() {
                Some(panic) => Self::Other(format!("{error}: {panic}")),
                None => Self::other(error),
            },
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

    /// On the day of a fork every block has its fields, and this program may not know the day.
    #[test]
    fn fields_of_later_forks_are_no_verdict() {
        let unexpected = |subject| {
            Failure::from(ValidationError::Unexpected { subject, fork: zeno_guest_evm::chain::Fork::Bpo2 })
        };
        for subject in [Subject::BlockAccessListHash, Subject::SlotNumber] {
            let failure = unexpected(subject);
            assert_eq!(failure.status(), 2, "{failure}");
            assert!(
                failure.to_string().contains("later fork") && !failure.to_string().contains("invalid"),
                "{failure}"
            );
        }
        assert_eq!(unexpected(Subject::RequestsHash).status(), 1);
        let fork = ValidationError::UnsupportedFork { number: 1, timestamp: 2, from: 2 };
        let before = ValidationError::BeforeMerge { number: 1, difficulty: alloy_primitives::U256::ONE };
        for failure in [Failure::from(fork), before.into()] {
            assert_eq!(failure.status(), 2, "{failure}");
            assert!(!failure.to_string().contains("is invalid"), "{failure}");
        }
    }

    /// The guest refuses for other reasons than an invalid block, so its refusal alone is no verdict.
    #[test]
    fn a_refusal_by_the_guest_alone_is_no_verdict() {
        let failure = Failure::from(ProverError::Refused("out of memory".to_owned()));
        assert_eq!(failure.status(), 2);
        assert!(failure.to_string().contains("out of memory"), "{failure}");
    }
}

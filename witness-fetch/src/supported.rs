//! Recognises the blocks that this program can't judge.

use alloy_consensus::Header;
use alloy_primitives::U256;
use std::fmt;
use zeno_guest_evm::{ChainSpec, Subject, ValidationError};

/// Reason why this program can't judge a block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSupported {
    /// The header has these fields of a fork that is not implemented.
    LaterFields(Vec<&'static str>),
    /// The chain follows a fork that is not implemented.
    LaterFork {
        /// Timestamp of the block, in seconds.
        timestamp: u64,
        /// First timestamp of that fork, in seconds.
        from: u64,
    },
    /// The block is from before the merge.
    BeforeMerge {
        /// Number of the block.
        number: u64,
        /// Difficulty of the block.
        difficulty: U256,
    },
    /// The block breaks a rule on blobs, given as a sentence, but is newer than the built-in fork schedule. Some forks
    /// change only the parameters of blobs (EIP-7892).
    BlobParameters(String),
    /// The block is the chain's first, which has no parent to be validated against.
    Genesis,
}

impl fmt::Display for NotSupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LaterFields(fields) => write!(
                f,
                "its header has {}, of a fork that this program does not implement; a newer zeno may know it",
                enumerate(fields)
            ),
            Self::LaterFork { timestamp, from } => write!(
                f,
                "its timestamp is {timestamp}, and from {from} on the chain follows a fork that this program does not \
                 implement; a newer zeno may know it, or, if the chain's rules are others, you can give them"
            ),
            Self::BeforeMerge { number, difficulty } => write!(
                f,
                "block {number} is from before the merge (difficulty {difficulty}), and only proof-of-stake blocks can be \
                 validated"
            ),
            Self::BlobParameters(rule) => write!(
                f,
                "{rule}, and it is newer than what this program knows of the chain's forks: one of them may have changed the \
                 parameters of blobs; a newer zeno may know it, or you can give the chain's rules"
            ),
            Self::Genesis => {
                f.write_str("it is the chain's first block, which has no parent to be validated against")
            }
        }
    }
}

/// Timestamp, in seconds, of the last comparison of the built-in fork schedules with those of the networks: 2026-11-30.
const SCHEDULES_AS_OF: u64 = 1_795_996_800;

/// Returns whether a later fork may have changed the rule that a block breaks. A fork can change the parameters of
/// blobs alone, which only the fork schedule shows, and the built-in schedules end at some date. A schedule that the
/// user gives is taken as complete.
pub fn may_be_of_later_fork(chain: &ChainSpec, header: &Header, error: &ValidationError) -> bool {
    let of_blobs = match error {
        ValidationError::Mismatch { subject, .. } => *subject == Subject::ExcessBlobGas,
        // A header whose blob gas differs from the sum of the blobs is wrong under all parameters.
        ValidationError::OutOfBounds { subject, .. } => {
            [Subject::BlobGasUsed, Subject::BlobBaseFee].contains(subject)
        }
        _ => false,
    };
    of_blobs
        && header.timestamp > SCHEDULES_AS_OF
        && ChainSpec::by_chain_id(chain.chain_id).as_ref() == Some(chain)
}

/// Checks, by the header alone, that this program can judge a block under these rules. A block that fails is neither
/// valid nor invalid. No further rule may be checked on it, since a later fork may have changed any of them.
///
/// # Errors
/// [`NotSupported`] with the first reason.
pub fn check_supported(chain: &ChainSpec, header: &Header) -> Result<(), NotSupported> {
    if header.number == 0 {
        return Err(NotSupported::Genesis);
    }
    if let Some(from) = chain.unsupported_from.filter(|from| header.timestamp >= *from) {
        return Err(NotSupported::LaterFork { timestamp: header.timestamp, from });
    }
    let later = [
        ("blockAccessListHash", header.block_access_list_hash.is_some()),
        ("slotNumber", header.slot_number.is_some()),
    ];
    let fields = later.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect::<Vec<_>>();
    if !fields.is_empty() {
        return Err(NotSupported::LaterFields(fields));
    }
    // If the number of the merge block is unknown, the difficulty distinguishes the blocks before and after it.
    let before = match chain.merge_block {
        Some(merge) => header.number < merge,
        None => !header.difficulty.is_zero(),
    };
    if before {
        return Err(NotSupported::BeforeMerge { number: header.number, difficulty: header.difficulty });
    }
    Ok(())
}

/// Names as a part of a sentence.
pub(crate) fn enumerate(names: &[impl AsRef<str>]) -> String {
    let names = names.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    match names.split_last() {
        None => "its fields".into(),
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn blob_rules_after_the_schedule_are_not_judged() {
        let bound = |subject| ValidationError::OutOfBounds {
            subject,
            actual: 22_u64.into(),
            bound: "at most",
            limit: 21_u64.into(),
        };
        let value =
            |subject| ValidationError::Mismatch { subject, actual: 22_u64.into(), expected: 21_u64.into() };
        let mainnet = ChainSpec::mainnet();
        let at = |timestamp| Header { timestamp, ..Header::default() };
        for error in [bound(Subject::BlobGasUsed), value(Subject::ExcessBlobGas)] {
            assert!(may_be_of_later_fork(&mainnet, &at(SCHEDULES_AS_OF + 1), &error));
            assert!(!may_be_of_later_fork(&mainnet, &at(SCHEDULES_AS_OF), &error));
            // Rules that the user gives.
            let own = ChainSpec { merge_block: None, ..mainnet.clone() };
            assert!(!may_be_of_later_fork(&own, &at(SCHEDULES_AS_OF + 1), &error));
        }
        for error in [bound(Subject::GasUsed), value(Subject::BlobGasUsed)] {
            assert!(!may_be_of_later_fork(&mainnet, &at(SCHEDULES_AS_OF + 1), &error));
        }
    }

    #[test]
    fn unsupported_blocks_are_not_judged() {
        let chain = ChainSpec::sepolia();
        let header = Header { number: 9_000_000, timestamp: 1_770_000_000, ..Header::default() };
        assert_eq!(check_supported(&chain, &header), Ok(()));
        let check = |change: fn(&mut Header)| {
            let mut header = header.clone();
            change(&mut header);
            check_supported(&chain, &header).unwrap_err()
        };
        let fields = check(|header| header.slot_number = Some(1));
        assert_eq!(fields, NotSupported::LaterFields(vec!["slotNumber"]));
        let fields = check(|header| {
            (header.block_access_list_hash, header.slot_number) = (Some(B256::ZERO), Some(1));
        });
        assert!(fields.to_string().contains("blockAccessListHash and slotNumber"), "{fields}");
        let fork = check(|header| header.timestamp = 1_791_294_816);
        assert!(matches!(fork, NotSupported::LaterFork { .. }), "{fork}");
        let before = check(|header| header.number = 1_450_408);
        assert!(matches!(before, NotSupported::BeforeMerge { .. }), "{before}");
        assert_eq!(check(|header| header.number = 0), NotSupported::Genesis);
        // Without the number of the merge block, the difficulty decides.
        let unknown = ChainSpec { merge_block: None, ..chain.clone() };
        let mined = Header { difficulty: U256::ONE, ..header };
        assert!(check_supported(&unknown, &mined).is_err());
        assert_eq!(check_supported(&chain, &mined), Ok(()));
    }
}

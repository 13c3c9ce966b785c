//! Whether a block is of a kind that this program judges at all.

use crate::error::listed;
use alloy_consensus::Header;
use alloy_primitives::U256;
use std::fmt;
use zeno_guest_evm::{ChainSpec, Subject, ValidationError};

/// Why nothing can be said about a block's validity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSupported {
    /// Its header has these fields, of a fork later than those that are implemented.
    LaterFields(Vec<&'static str>),
    /// Its chain follows such a fork.
    LaterFork {
        /// The block's timestamp.
        timestamp: u64,
        /// When that fork begins.
        from: u64,
    },
    /// It is from before the merge.
    BeforeMerge {
        /// Its number.
        number: u64,
        /// Its difficulty.
        difficulty: U256,
    },
    /// It breaks a rule about blobs, in these words, and is newer than what this program knows of its chain's forks, of which
    /// some change nothing but that (EIP-7892).
    BlobParameters(String),
    /// It is its chain's first block, which no parent vouches for.
    Genesis,
}

impl fmt::Display for NotSupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LaterFields(fields) => write!(
                f,
                "its header has {}, of a fork that this program does not implement; a newer zeno may know it",
                listed(fields)
            ),
            Self::LaterFork { timestamp, from } => write!(
                f,
                "its timestamp is {timestamp}, and from {from} on the chain follows a fork that this program does not \
                 implement; a newer zeno may know it, or --chain give the chain's rules if they are others"
            ),
            Self::BeforeMerge { number, difficulty } => write!(
                f,
                "block {number} is from before the merge (difficulty {difficulty}), and only proof-of-stake blocks can be \
                 validated"
            ),
            Self::BlobParameters(rule) => write!(
                f,
                "{rule}, and it is newer than what this program knows of the chain's forks: one of them may have changed the \
                 parameters of blobs; a newer zeno may know it, or --chain give the chain's rules"
            ),
            Self::Genesis => {
                f.write_str("it is the chain's first block, which has no parent to be validated against")
            }
        }
    }
}

/// When the schedules of the built-in chains were last compared with those of the networks, 2026-11-30, as a timestamp.
const SCHEDULES_AS_OF: u64 = 1_795_996_800;

/// Whether what a block breaks may be no rule any more: a fork can change the parameters of blobs and nothing else, so that
/// only its schedule tells, and the built-in ones end somewhere. A schedule that the user gives is taken at its word.
pub fn may_be_of_later_fork(chain: &ChainSpec, header: &Header, error: &ValidationError) -> bool {
    let of_blobs = match error {
        ValidationError::Mismatch { subject, .. } => *subject == Subject::ExcessBlobGas,
        // That the sum of the blobs is another than the header's is wrong under all parameters.
        ValidationError::OutOfBounds { subject, .. } => {
            [Subject::BlobGasUsed, Subject::BlobBaseFee].contains(subject)
        }
        _ => false,
    };
    of_blobs
        && header.timestamp > SCHEDULES_AS_OF
        && ChainSpec::by_chain_id(chain.chain_id).as_ref() == Some(chain)
}

/// Checks by the header alone that a block is of a kind that this program judges under these rules. What is not is
/// neither valid nor invalid to it: no rule is to be tried on such a block, since a later fork may have changed it.
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
    // Where the merge block's number isn't known, work is what tells the old blocks from the new.
    let before = match chain.merge_block {
        Some(merge) => header.number < merge,
        None => !header.difficulty.is_zero(),
    };
    if before {
        return Err(NotSupported::BeforeMerge { number: header.number, difficulty: header.difficulty });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn blobs_of_the_future_are_not_judged() {
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
            // The user's own rules.
            let own = ChainSpec { merge_block: None, ..mainnet.clone() };
            assert!(!may_be_of_later_fork(&own, &at(SCHEDULES_AS_OF + 1), &error));
        }
        for error in [bound(Subject::GasUsed), value(Subject::BlobGasUsed)] {
            assert!(!may_be_of_later_fork(&mainnet, &at(SCHEDULES_AS_OF + 1), &error));
        }
    }

    #[test]
    fn what_is_not_supported_is_not_judged() {
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
        // Without the number of the merge, work tells.
        let unknown = ChainSpec { merge_block: None, ..chain.clone() };
        let worked = Header { difficulty: U256::ONE, ..header };
        assert!(check_supported(&unknown, &worked).is_err());
        assert_eq!(check_supported(&chain, &worked), Ok(()));
    }
}

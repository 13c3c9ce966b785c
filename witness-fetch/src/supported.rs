//! Recognises the blocks that this program can't judge.

use alloy_consensus::Header;
use alloy_primitives::U256;
use std::fmt;
use zeno_guest_evm::{
    Subject, ValidationError,
    chain::{BeyondEnd, Chain, EndReason, FORKS, Fork, HeaderField},
};

/// Reason why this program can't judge a block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSupported {
    /// The block lies at or after the end of what is known of its chain's rules.
    BeyondEnd(BeyondEnd),
    /// The header has these fields of a later fork than the built-in schedule has at its time. That schedule has no time for
    /// the fork, or the block is from after its last comparison with the network's.
    LaterFields(Vec<&'static str>),
    /// The block is from before the merge.
    BeforeMerge {
        /// Number of the block.
        number: u64,
        /// Difficulty of the block.
        difficulty: U256,
    },
    /// The block breaks a rule that depends on the parameters of blobs, given as a sentence, but is newer than the last
    /// comparison of the built-in schedule. Some forks change only these parameters (EIP-7892).
    BlobParameters(String),
    /// The block is the chain's first, which has no parent to be validated against.
    Genesis,
}

impl fmt::Display for NotSupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Advice about a block that may be of a fork which the built-in schedule lacks.
        const ADVICE: &str = "a newer zeno may know it, or you can give the chain's rules";
        match self {
            Self::BeyondEnd(beyond) => beyond.fmt(f),
            Self::LaterFields(fields) => write!(
                f,
                "its header has {}, of a later fork than this program knows of at the block's time; {ADVICE}",
                enumerate(fields)
            ),
            Self::BeforeMerge { number, difficulty } => write!(
                f,
                "block {number} is from before the merge (difficulty {difficulty}), and only proof-of-stake blocks can be \
                 validated"
            ),
            Self::BlobParameters(rule) => write!(
                f,
                "{rule}; the block may be invalid, or of blob parameters that this program does not know, because it is newer \
                 than what is known of the chain's forks: {ADVICE}"
            ),
            Self::Genesis => {
                f.write_str("it is the chain's first block, which has no parent to be validated against")
            }
        }
    }
}

/// Returns whether a later fork may be why a block breaks a rule: it may have changed the rule, or a price that decides what
/// the block does. A fork can change the parameters of blobs alone, which only the schedule shows, and a built-in schedule
/// lacks what was scheduled since its last comparison. A schedule that the user gives is taken as complete.
pub fn may_be_of_later_fork(chain: &Chain, header: &Header, error: &ValidationError) -> bool {
    of_blobs(error, header) && is_newer_than_schedule(chain, header)
}

/// Returns whether other parameters of blobs could be why a block breaks a rule.
fn of_blobs(error: &ValidationError, header: &Header) -> bool {
    // The price of blob gas is the sender's to pay, and contracts can read it. So it decides which transactions are valid, and
    // what they do. All three parameters may change while the excess that they give stays the same (EIP-7918).
    let has_price = header.excess_blob_gas.is_some();
    match error {
        ValidationError::Mismatch { subject, .. } => match subject {
            Subject::ExcessBlobGas => true,
            Subject::GasUsed
            | Subject::LogsBloom
            | Subject::ReceiptsRoot
            | Subject::RequestsHash
            | Subject::StateRoot
            | Subject::BlockAccessListHash => has_price,
            _ => false,
        },
        ValidationError::Transaction { .. } => has_price,
        // A header whose blob gas differs from the sum of the blobs is wrong under all parameters.
        ValidationError::OutOfBounds { subject, .. } => {
            [Subject::BlobGasUsed, Subject::BlobBaseFee].contains(subject)
        }
        _ => false,
    }
}

/// Returns whether a fork that the chain's schedule lacks may govern a block, although the schedule has not ended.
fn is_newer_than_schedule(chain: &Chain, header: &Header) -> bool {
    match chain.end.as_ref().map(|end| &end.reason) {
        Some(EndReason::Horizon { released }) => header.timestamp >= *released,
        Some(EndReason::LaterFork(_)) | None => false,
    }
}

/// Checks, by the header alone, that this program can judge a block under these rules. A block that fails is neither
/// valid nor invalid. No further rule may be checked on it, since a later fork may have changed any of them.
///
/// # Errors
/// [`NotSupported`] with the first reason.
pub fn check_supported(chain: &Chain, header: &Header) -> Result<(), NotSupported> {
    if header.number == 0 {
        return Err(NotSupported::Genesis);
    }
    chain.covers(header.timestamp).map_err(NotSupported::BeyondEnd)?;
    let later = later_fields(chain, header);
    if !later.is_empty() {
        return Err(NotSupported::LaterFields(later));
    }
    // If the number of the merge block is unknown, the difficulty distinguishes the blocks before and after it.
    let before = match chain.spec.merge_block {
        Some(merge) => header.number < merge,
        None => !header.difficulty.is_zero(),
    };
    if before {
        return Err(NotSupported::BeforeMerge { number: header.number, difficulty: header.difficulty });
    }
    Ok(())
}

/// Names of the header's fields that belong to a fork which the schedule may lack at its timestamp. Only a built-in schedule
/// lacks forks: later ones, if it doesn't say when they begin, or if it may be out of date.
fn later_fields(chain: &Chain, header: &Header) -> Vec<&'static str> {
    if !matches!(chain.end.as_ref().map(|end| &end.reason), Some(EndReason::Horizon { .. })) {
        return Vec::new();
    }
    let fork = chain.spec.fork_at(header.timestamp);
    let is_newer = is_newer_than_schedule(chain, header);
    let may_have_begun = |later: Fork| later > fork && (is_newer || chain.spec.activation(later).is_none());
    let later = FORKS.iter().filter(|rules| may_have_begun(rules.fork)).flat_map(|rules| rules.fields);
    later.filter_map(|field| named(*field, header)).collect()
}

/// Name of a header's field in JSON, if the header has it.
fn named(field: HeaderField, header: &Header) -> Option<&'static str> {
    let (name, is_present) = match field {
        HeaderField::WithdrawalsRoot => ("withdrawalsRoot", header.withdrawals_root.is_some()),
        HeaderField::BlobGasUsed => ("blobGasUsed", header.blob_gas_used.is_some()),
        HeaderField::ExcessBlobGas => ("excessBlobGas", header.excess_blob_gas.is_some()),
        HeaderField::ParentBeaconBlockRoot => {
            ("parentBeaconBlockRoot", header.parent_beacon_block_root.is_some())
        }
        HeaderField::RequestsHash => ("requestsHash", header.requests_hash.is_some()),
        HeaderField::BlockAccessListHash => ("blockAccessListHash", header.block_access_list_hash.is_some()),
        HeaderField::SlotNumber => ("slotNumber", header.slot_number.is_some()),
    };
    is_present.then_some(name)
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
    use zeno_guest_evm::{
        ChainSpec,
        chain::{End, HORIZON, RELEASED},
    };

    fn built_in(spec: &ChainSpec) -> Chain {
        Chain::by_chain_id(spec.chain_id).unwrap()
    }

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
        let mainnet = built_in(&ChainSpec::mainnet());
        let at = |timestamp| Header { timestamp, ..Header::default() };
        for error in [bound(Subject::BlobGasUsed), value(Subject::ExcessBlobGas)] {
            assert!(may_be_of_later_fork(&mainnet, &at(RELEASED), &error));
            assert!(!may_be_of_later_fork(&mainnet, &at(RELEASED - 1), &error));
            // Rules that the user gives.
            let reason = EndReason::LaterFork("bogota".to_owned());
            for end in [None, Some(End { from: u64::MAX, reason })] {
                let own = Chain { end, ..mainnet.clone() };
                assert!(!may_be_of_later_fork(&own, &at(RELEASED), &error));
            }
        }
        for error in [bound(Subject::GasUsed), value(Subject::BlobGasUsed)] {
            assert!(!may_be_of_later_fork(&mainnet, &at(RELEASED), &error));
        }
        let text = NotSupported::BlobParameters("the state root is 1".to_owned()).to_string();
        assert!(text.contains("may be invalid, or of blob parameters"), "{text}");
    }

    /// Parameters that are scaled alike give the same excess and another price, which the execution alone shows.
    #[test]
    fn effects_of_a_blob_price_after_the_schedule_are_not_judged() {
        let value =
            |subject| ValidationError::Mismatch { subject, actual: 22_u64.into(), expected: 21_u64.into() };
        let mainnet = built_in(&ChainSpec::mainnet());
        let at = |timestamp, excess_blob_gas| Header { timestamp, excess_blob_gas, ..Header::default() };
        for subject in [
            Subject::GasUsed,
            Subject::LogsBloom,
            Subject::ReceiptsRoot,
            Subject::RequestsHash,
            Subject::StateRoot,
            Subject::BlockAccessListHash,
        ] {
            let error = value(subject);
            assert!(may_be_of_later_fork(&mainnet, &at(RELEASED, Some(0)), &error), "{subject}");
            assert!(!may_be_of_later_fork(&mainnet, &at(RELEASED, None), &error), "{subject}");
            assert!(!may_be_of_later_fork(&mainnet, &at(RELEASED - 1, Some(0)), &error), "{subject}");
            let own = Chain { end: None, ..mainnet.clone() };
            assert!(!may_be_of_later_fork(&own, &at(RELEASED, Some(0)), &error), "{subject}");
        }
        // No price changes these.
        for subject in [Subject::GasLimit, Subject::BaseFee, Subject::TransactionsRoot, Subject::Timestamp] {
            assert!(!may_be_of_later_fork(&mainnet, &at(RELEASED, Some(0)), &value(subject)), "{subject}");
        }
    }

    #[test]
    fn unsupported_blocks_are_not_judged() {
        let chain = built_in(&ChainSpec::sepolia());
        let header = Header { number: 9_000_000, timestamp: 1_770_000_000, ..Header::default() };
        assert_eq!(check_supported(&chain, &header), Ok(()));
        let check = |change: fn(&mut Header)| {
            let mut header = header.clone();
            change(&mut header);
            check_supported(&chain, &header).unwrap_err()
        };
        for timestamp in [HORIZON, u64::MAX] {
            let beyond = check_supported(&chain, &Header { timestamp, ..header.clone() }).unwrap_err();
            assert_eq!(beyond, NotSupported::BeyondEnd(chain.covers(timestamp).unwrap_err()));
            assert!(beyond.to_string().starts_with("its timestamp is "), "{beyond}");
        }
        assert_eq!(check_supported(&chain, &Header { timestamp: HORIZON - 1, ..header.clone() }), Ok(()));
        let before = check(|header| header.number = 1_450_408);
        assert!(matches!(before, NotSupported::BeforeMerge { .. }), "{before}");
        assert_eq!(check(|header| header.number = 0), NotSupported::Genesis);
        // Without the number of the merge block, the difficulty decides.
        let unknown = Chain { spec: ChainSpec { merge_block: None, ..chain.spec.clone() }, ..chain.clone() };
        let mined = Header { difficulty: U256::ONE, ..header };
        assert!(check_supported(&unknown, &mined).is_err());
        assert_eq!(check_supported(&chain, &mined), Ok(()));
    }

    /// A built-in chain may have forked since the release. The fields of a fork show that, where it has some.
    #[test]
    fn later_fields_after_the_schedule_are_not_judged() {
        let mainnet = built_in(&ChainSpec::mainnet());
        assert!(mainnet.spec.fork_at(HORIZON) < Fork::Amsterdam);
        let header = Header {
            number: 30_000_000,
            timestamp: RELEASED,
            requests_hash: Some(B256::ZERO),
            block_access_list_hash: Some(B256::ZERO),
            slot_number: Some(1),
            ..Header::default()
        };
        let refused = check_supported(&mainnet, &header).unwrap_err();
        assert_eq!(refused, NotSupported::LaterFields(vec!["blockAccessListHash", "slotNumber"]));
        assert!(refused.to_string().contains("blockAccessListHash and slotNumber"), "{refused}");
        // The schedule has no time for the fork, so any may be the right one.
        let early = Header { timestamp: 1_770_000_000, ..header.clone() };
        assert_eq!(check_supported(&mainnet, &early), Err(refused));
        // Where the schedule is known to be complete, validation judges the fields.
        for known in [
            (&built_in(&ChainSpec::sepolia()), early),
            (&Chain { end: None, ..mainnet.clone() }, header.clone()),
            (&built_in(&ChainSpec::sepolia()), header.clone()),
            (&mainnet, Header { block_access_list_hash: None, slot_number: None, ..header.clone() }),
        ] {
            assert_eq!(check_supported(known.0, &known.1), Ok(()));
        }
    }
}

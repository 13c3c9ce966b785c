//! Rules of chains, as a consumer knows them: a table from time to digest.
//!
//! A claim names the rules of its chain by the digest of what had begun at its last block's time. A prover chooses them, and
//! may leave out a fork that has begun. The digest is then that of an honest claim from before the fork. So a digest is
//! judged together with the claim's `lastTimestamp`. And since a fork may be scheduled after the table was made, every entry
//! of the table has an end, the last one too.

use alloy_primitives::B256;
use thiserror::Error;
use zeno_guest_evm::{
    ChainClaim,
    chain::{BeyondEnd, Chain, EndReason},
};

/// Rules of a chain, from one change to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRules {
    /// First timestamp of these rules, in seconds.
    pub from: u64,
    /// First timestamp after them, in seconds: of other rules, or of the end of what is known. It is 2^64 - 1 if nothing
    /// ends the rules.
    pub end: u64,
    /// Digest of the rules: `chainSpec` of claims whose last block is of this time.
    pub digest: B256,
}

/// Reason why a claim's rules are not those of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RulesError {
    /// No chain with the claim's id is built in.
    #[error("chain id {0} is not built in")]
    UnknownChain(u64),
    /// The claim has the id of another chain.
    #[error("the chain id is {actual}, and that of its chain is {expected}")]
    ChainId {
        /// Id in the claim.
        actual: u64,
        /// Id of the chain.
        expected: u64,
    },
    /// The last block lies at or after the end of what is known of its chain's rules.
    #[error("the last block can't be judged: {0}")]
    BeyondEnd(#[from] BeyondEnd),
    /// The rules are those of the chain at another time. A fork was left out, or is not yet due.
    #[error(
        "the rules {digest} are those of its chain from {} to before {}, and its last block is of {timestamp}: a fork was left \
         out, or is not due yet", .known.from, .known.end, digest = .known.digest
    )]
    OfAnotherTime {
        /// The rules that the claim has.
        known: KnownRules,
        /// Timestamp of the claim's last block, in seconds.
        timestamp: u64,
    },
    /// The rules are none that this program knows of the chain, and the last block is newer than its knowledge: they may be
    /// those of a fork that was scheduled since.
    #[error(
        "the rules {actual} can't be judged: they are not {expected}, but this program knows the chain's forks as of {released}, \
         and the last block is of {timestamp}; a newer zeno may know more, or you can give the chain's rules"
    )]
    NotKnown {
        /// Digest in the claim.
        actual: B256,
        /// Digest of the built-in rules at the time of the claim's last block.
        expected: B256,
        /// Timestamp of the claim's last block, in seconds.
        timestamp: u64,
        /// Timestamp at which the built-in schedule was compared with the network's, in seconds.
        released: u64,
    },
    /// The rules are not those of the chain.
    #[error("the rules are {actual}, and those of its chain are {expected}")]
    Other {
        /// Digest in the claim.
        actual: B256,
        /// Digest of the chain's rules at the time of the claim's last block.
        expected: B256,
    },
}

impl RulesError {
    /// Returns whether the claim is of another chain. If not, nothing is known of its rules here.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::ChainId { .. } | Self::OfAnotherTime { .. } | Self::Other { .. })
    }
}

/// Makes the table of a chain's rules: without gaps from 0 to the end of what is known, in the order of time.
pub fn rules_table(chain: &Chain) -> Vec<KnownRules> {
    let end = chain.end.as_ref().map_or(u64::MAX, |end| end.from);
    let forks = chain.spec.forks.iter().map(|activation| activation.timestamp);
    let blobs = chain.spec.blobs.iter().map(|activation| activation.timestamp);
    let mut times: Vec<_> = [0].into_iter().chain(forks).chain(blobs).filter(|from| *from < end).collect();
    times.sort_unstable();
    times.dedup();
    let ends = times.iter().copied().skip(1).chain([end]);
    let entries = times.iter().zip(ends);
    entries.map(|(&from, end)| KnownRules { from, end, digest: chain.spec.digest_at(from) }).collect()
}

/// Finds the rules of a built-in chain at a time, in seconds; `None` if no chain with this id is built in.
///
/// # Errors
/// [`BeyondEnd`] if the rules may be others at this time.
pub fn rules_at(chain_id: u64, timestamp: u64) -> Result<Option<KnownRules>, BeyondEnd> {
    let Some(chain) = Chain::by_chain_id(chain_id) else { return Ok(None) };
    chain.covers(timestamp)?;
    Ok(rules_table(&chain).into_iter().find(|known| (known.from..known.end).contains(&timestamp)))
}

/// Checks that a claim is about a built-in chain: its rules are the chain's at the time of its last block.
///
/// # Errors
/// [`RulesError`] if they are not, or if this is not known.
pub fn known_rules(claim: &ChainClaim) -> Result<KnownRules, RulesError> {
    let chain = Chain::by_chain_id(claim.chain_id).ok_or(RulesError::UnknownChain(claim.chain_id))?;
    rules_of(&chain, claim)
}

/// Checks that a claim is about this chain: its rules are the chain's at the time of its last block.
///
/// # Errors
/// [`RulesError`] if they are not, or if this is not known.
pub fn rules_of(chain: &Chain, claim: &ChainClaim) -> Result<KnownRules, RulesError> {
    compare_rules(chain, claim.chain_id, claim.chain_spec, claim.last_timestamp)
}

/// Compares the chain id and the digest `actual` that a claim or an input has with those of this chain. `timestamp` is that of
/// the last block, in seconds.
///
/// # Errors
/// [`RulesError`] if they differ, or if this is not known.
pub fn compare_rules(
    chain: &Chain,
    chain_id: u64,
    actual: B256,
    timestamp: u64,
) -> Result<KnownRules, RulesError> {
    // No sound program reveals an id that is not that of the rules.
    if chain_id != chain.spec.chain_id {
        return Err(RulesError::ChainId { actual: chain_id, expected: chain.spec.chain_id });
    }
    chain.covers(timestamp)?;
    let table = rules_table(chain);
    let expected = chain.spec.digest_at(timestamp);
    match table.into_iter().find(|known| known.digest == actual) {
        Some(known) if actual == expected => Ok(known),
        // No fork brings back the rules that another one ended, so a later schedule excuses nothing.
        Some(known) => Err(RulesError::OfAnotherTime { known, timestamp }),
        None => match chain.end.as_ref().map(|end| &end.reason) {
            Some(&EndReason::Horizon { released }) if timestamp >= released => {
                Err(RulesError::NotKnown { actual, expected, timestamp, released })
            }
            _ => Err(RulesError::Other { actual, expected }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use zeno_guest_evm::{
        ChainSpec,
        chain::{End, Fork, ForkActivation, HORIZON, RELEASED},
    };

    fn claim(spec: &ChainSpec, rules_at: u64, timestamp: u64) -> ChainClaim {
        ChainClaim {
            chain_id: spec.chain_id,
            chain_spec: spec.digest_at(rules_at),
            first_parent_hash: B256::repeat_byte(1),
            last_block_hash: B256::repeat_byte(2),
            last_block_number: 3,
            last_state_root: B256::repeat_byte(4),
            last_receipts_root: B256::repeat_byte(5),
            last_timestamp: timestamp,
            block_count: 1,
        }
    }

    /// All times at which rules change.
    fn changes(spec: &ChainSpec) -> Vec<u64> {
        rules_table(&Chain { spec: spec.clone(), end: None }).iter().map(|known| known.from).collect()
    }

    #[test]
    fn the_table_has_every_time_and_an_end() {
        for chain in Chain::presets() {
            let table = rules_table(&chain);
            assert_eq!(table[0].from, 0);
            assert_eq!(table.last().unwrap().end, HORIZON);
            for pair in table.windows(2) {
                assert_eq!(pair[0].end, pair[1].from);
                assert_ne!(pair[0].digest, pair[1].digest);
            }
            for known in &table {
                assert!(known.from < known.end);
                for timestamp in [known.from, known.end - 1] {
                    assert_eq!(known.digest, chain.spec.digest_at(timestamp));
                    assert_eq!(rules_at(chain.spec.chain_id, timestamp), Ok(Some(*known)));
                }
            }
            let beyond = rules_at(chain.spec.chain_id, HORIZON).unwrap_err();
            assert_eq!(Err(beyond), chain.covers(HORIZON));
        }
        assert_eq!(rules_at(2, HORIZON), Ok(None));
        // Six forks and two changes of blobs alone.
        assert_eq!(changes(&ChainSpec::sepolia()).len(), 8);
        // Forks of one time are one change, and what begins at the end or later is not known.
        let spec = ChainSpec::hoodi();
        let prague = spec.activation(Fork::Prague).unwrap();
        let end = Some(End { from: prague, reason: EndReason::LaterFork("prague".to_owned()) });
        let table = rules_table(&Chain { spec: spec.clone(), end });
        assert_eq!(table, [KnownRules { from: 0, end: prague, digest: spec.digest_at(0) }]);
        assert_eq!(rules_table(&Chain { spec, end: None }).last().unwrap().end, u64::MAX);
    }

    /// A digest means a chain's rules only at their time.
    #[test]
    fn a_claim_whose_schedule_left_a_fork_out_is_refused() {
        for chain in Chain::presets() {
            let spec = &chain.spec;
            for change in changes(spec).into_iter().skip(1) {
                let before = known_rules(&claim(spec, change - 1, change - 1)).unwrap();
                let after = known_rules(&claim(spec, change, change)).unwrap();
                assert_eq!((before.end, after.from), (change, change));
                // The rules before the change, from its first second to the end.
                for timestamp in [change, HORIZON - 1] {
                    let error = known_rules(&claim(spec, change - 1, timestamp)).unwrap_err();
                    assert_eq!(error, RulesError::OfAnotherTime { known: before, timestamp });
                    assert!(error.is_mismatch() && error.to_string().contains("left out"), "{error}");
                }
                // The rules after it, too early.
                let error = known_rules(&claim(spec, change, change - 1)).unwrap_err();
                assert_eq!(error, RulesError::OfAnotherTime { known: after, timestamp: change - 1 });
            }
        }
    }

    /// A block of Bogota may look like one of Amsterdam, so nothing but the table refuses who left the fork out.
    #[test]
    fn a_claim_whose_schedule_left_bogota_out_is_refused() {
        let bogota = 1_800_000_000;
        let unaware = ChainSpec::sepolia();
        let mut chain = Chain { spec: unaware.clone(), end: None };
        chain.spec.forks.push(ForkActivation { fork: Fork::Bogota, timestamp: bogota });
        let before = rules_of(&chain, &claim(&unaware, bogota - 1, bogota - 1)).unwrap();
        let after = rules_of(&chain, &claim(&chain.spec, bogota, bogota)).unwrap();
        assert_eq!((before.end, after.from), (bogota, bogota));
        for timestamp in [bogota, u64::MAX] {
            let error = rules_of(&chain, &claim(&unaware, timestamp, timestamp)).unwrap_err();
            assert_eq!(error, RulesError::OfAnotherTime { known: before, timestamp });
        }
        let error = rules_of(&chain, &claim(&chain.spec, bogota, bogota - 1)).unwrap_err();
        assert_eq!(error, RulesError::OfAnotherTime { known: after, timestamp: bogota - 1 });
    }

    #[test]
    fn claims_of_other_rules_are_refused() {
        let sepolia = ChainSpec::sepolia();
        let amsterdam = sepolia.activation(Fork::Amsterdam).unwrap();
        let honest = claim(&sepolia, amsterdam, amsterdam);
        known_rules(&honest).unwrap();
        let expected = honest.chain_spec;
        for actual in [B256::ZERO, ChainSpec::mainnet().digest_at(amsterdam)] {
            let error = known_rules(&ChainClaim { chain_spec: actual, ..honest }).unwrap_err();
            assert_eq!(error, RulesError::Other { actual, expected });
            assert!(error.is_mismatch());
        }
        // The chain id counts, although the digest has it too.
        let other = ChainClaim { chain_id: 1, ..honest };
        let error = known_rules(&other).unwrap_err();
        assert!(matches!(error, RulesError::Other { .. }), "{error}");
        let error = rules_of(&Chain::by_chain_id(sepolia.chain_id).unwrap(), &other).unwrap_err();
        assert_eq!(error, RulesError::ChainId { actual: 1, expected: sepolia.chain_id });
        let error = known_rules(&ChainClaim { chain_id: 2, ..honest }).unwrap_err();
        assert_eq!(error, RulesError::UnknownChain(2));
        assert!(!error.is_mismatch());
        // After the end, nothing is known, whatever the digest is.
        for timestamp in [HORIZON, u64::MAX] {
            let error = known_rules(&claim(&sepolia, timestamp, timestamp)).unwrap_err();
            assert!(matches!(error, RulesError::BeyondEnd(_)) && !error.is_mismatch(), "{error}");
        }
    }

    /// A fork may have been scheduled since the release. Until the end, a claim under it is neither accepted nor called wrong.
    #[test]
    fn rules_that_may_be_newer_are_not_judged() {
        for chain in Chain::presets() {
            let spec = &chain.spec;
            // Rules that this program doesn't know, as a fork may bring them.
            let mut newer = spec.clone();
            newer.deposit_contract = Some(Address::repeat_byte(1));
            for timestamp in [RELEASED, HORIZON - 1] {
                let newer = claim(&newer, timestamp, timestamp);
                let expected = spec.digest_at(timestamp);
                let error = known_rules(&newer).unwrap_err();
                let actual = newer.chain_spec;
                assert_eq!(error, RulesError::NotKnown { actual, expected, timestamp, released: RELEASED });
                assert!(!error.is_mismatch() && error.to_string().contains("can't be judged"), "{error}");
                // The chain's rules of another time are wrong, and so is another id.
                let error = known_rules(&claim(spec, 0, timestamp)).unwrap_err();
                assert!(matches!(error, RulesError::OfAnotherTime { .. }) && error.is_mismatch(), "{error}");
                let other = ChainClaim { chain_id: 7, ..newer };
                assert!(rules_of(&chain, &other).unwrap_err().is_mismatch());
                // Rules of a user are complete.
                let complete = Chain { spec: spec.clone(), end: None };
                assert_eq!(rules_of(&complete, &newer), Err(RulesError::Other { actual, expected }));
                let reason = EndReason::LaterFork("later".to_owned());
                let ending = Chain { spec: spec.clone(), end: Some(End { from: HORIZON, reason }) };
                assert_eq!(rules_of(&ending, &newer), Err(RulesError::Other { actual, expected }));
            }
            // What was known at the release is complete until then.
            let before = claim(&newer, RELEASED - 1, RELEASED - 1);
            assert!(matches!(known_rules(&before), Err(RulesError::Other { .. })));
            // The end comes first.
            let after = claim(&newer, HORIZON, HORIZON);
            assert!(matches!(known_rules(&after), Err(RulesError::BeyondEnd(_))));
        }
    }

    #[test]
    fn rules_of_a_user_may_have_no_end() {
        let spec = ChainSpec { chain_id: 7, ..ChainSpec::sepolia() };
        let chain = Chain { spec: spec.clone(), end: None };
        let last = changes(&spec).pop().unwrap();
        for timestamp in [last, HORIZON, u64::MAX] {
            let known = rules_of(&chain, &claim(&spec, timestamp, timestamp)).unwrap();
            assert_eq!((known.from, known.end), (last, u64::MAX));
        }
        let error = rules_of(&chain, &claim(&spec, last - 1, u64::MAX)).unwrap_err();
        assert!(matches!(error, RulesError::OfAnotherTime { .. }), "{error}");
    }
}

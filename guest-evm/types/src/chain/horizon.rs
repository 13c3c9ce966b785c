//! The end of what this program knows of a chain. From then on, hosts judge no block.
//!
//! The guest knows no end: it has no clock, and a prover could leave an end out, as it could a fork. So an end is not part of
//! the rules that a claim commits to. Whoever accepts a claim holds its own table from time to digest, with ends.

use super::ChainSpec;
use alloc::string::String;
use core::fmt;

/// Number of seconds of a day.
const DAY: u64 = 86_400;
/// Timestamp, in seconds, of the last comparison of the built-in schedules: 2026-11-30. They were compared with those of
/// the crate `alloy-hardforks` 0.4.11, the newest on the day before, not with the network or clients' releases of that day.
pub const RELEASED: u64 = 1_795_996_800;
/// First timestamp, in seconds, from which on the built-in schedules are not used. It bounds for how long a program that
/// nobody updates takes rules for complete: a fork that is scheduled after the release is not known before it, either.
pub const HORIZON: u64 = RELEASED + 180 * DAY;
/// Time before an end in which hosts warn of it, in seconds.
pub const WARNING: u64 = 30 * DAY;

/// Rules of a chain, and their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The rules.
    pub spec: ChainSpec,
    /// End of what is known of the rules; `None` if they are taken as complete.
    pub end: Option<End>,
}

/// End of what is known of a chain's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// First timestamp, in seconds, at which the rules may be others.
    pub from: u64,
    /// Reason for the end.
    pub reason: EndReason,
}

/// Reason for the end of what is known of a chain's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The chain schedules a fork of this name, which this program does not implement.
    LaterFork(String),
    /// The schedule is built in, and nothing is known of forks that were scheduled since.
    Horizon {
        /// Timestamp at which the schedule was compared with the network's, in seconds.
        released: u64,
    },
}

impl EndReason {
    /// Advice for a block at or after the end.
    const fn advice(&self) -> &'static str {
        match self {
            // The rules are given, and say so.
            Self::LaterFork(_) => "a newer zeno may implement it",
            Self::Horizon { .. } => "a newer zeno may know more, or you can give the chain's rules",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from;
        match &self.reason {
            EndReason::LaterFork(name) => write!(
                f,
                "from {from} on the chain follows {}, a fork that this program does not implement",
                name.escape_debug()
            ),
            EndReason::Horizon { released } => write!(
                f,
                "this program knows the chain's forks as of {released}, and nothing of those from {from} on"
            ),
        }
    }
}

/// Refusal to judge a block that lies at or after the end of what is known of its chain's rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its timestamp is {timestamp}, and {end}; {advice}", advice = .end.reason.advice())]
pub struct BeyondEnd {
    /// Timestamp of the block, in seconds.
    pub timestamp: u64,
    /// End of what is known.
    pub end: End,
}

impl Chain {
    /// Returns the built-in chains.
    pub fn presets() -> [Self; 4] {
        ChainSpec::presets().map(|spec| {
            let reason = EndReason::Horizon { released: RELEASED };
            Self { spec, end: Some(End { from: HORIZON, reason }) }
        })
    }

    /// Returns the built-in chain with this id.
    pub fn by_chain_id(chain_id: u64) -> Option<Self> {
        Self::presets().into_iter().find(|chain| chain.spec.chain_id == chain_id)
    }

    /// Finds the end of rules that come without one, as in an input. `timestamp` is that of the block, in seconds.
    ///
    /// If a built-in chain has the same rules until then, its end applies. Other rules are taken as complete.
    pub fn of_rules(spec: ChainSpec, timestamp: u64) -> Self {
        let known = Self::by_chain_id(spec.chain_id);
        let known = known.filter(|known| known.spec.until(timestamp) == spec.until(timestamp));
        Self { spec, end: known.and_then(|known| known.end) }
    }

    /// Checks that the rules at this timestamp, in seconds, are known.
    ///
    /// # Errors
    /// [`BeyondEnd`] if they may be others. Then no rule may be checked, since a fork may have changed any of them.
    pub fn covers(&self, timestamp: u64) -> Result<(), BeyondEnd> {
        match self.end.clone().filter(|end| timestamp >= end.from) {
            Some(end) => Err(BeyondEnd { timestamp, end }),
            None => Ok(()),
        }
    }

    /// Returns the end, if this timestamp, in seconds, lies within [`WARNING`] before it, or after it.
    pub fn near_end(&self, timestamp: u64) -> Option<&End> {
        self.end.as_ref().filter(|end| timestamp >= end.from.saturating_sub(WARNING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{BlobActivation, BlobSchedule, Fork, ForkActivation};
    use alloc::{borrow::ToOwned, string::ToString};

    const _: () = assert!(HORIZON - RELEASED <= 180 * DAY && WARNING < HORIZON - RELEASED);

    #[test]
    fn built_in_schedules_end() {
        for chain in Chain::presets() {
            assert_eq!(Chain::by_chain_id(chain.spec.chain_id).as_ref(), Some(&chain));
            assert_eq!(chain.covers(HORIZON - 1), Ok(()));
            for timestamp in [HORIZON, u64::MAX] {
                let error = chain.covers(timestamp).unwrap_err();
                let text = error.to_string();
                for number in [timestamp, RELEASED, HORIZON] {
                    assert!(text.contains(&number.to_string()), "{text}");
                }
            }
            assert_eq!(chain.near_end(HORIZON - WARNING - 1), None);
            assert_eq!(chain.near_end(HORIZON - WARNING), chain.end.as_ref());
            assert_eq!(chain.near_end(HORIZON), chain.end.as_ref());
            // Everything that is scheduled lies before the end.
            let last = chain.spec.forks.iter().map(|fork| fork.timestamp).max().unwrap();
            assert!(last.max(chain.spec.blobs.last().unwrap().timestamp) < HORIZON);
        }
        assert_eq!(Chain::by_chain_id(2), None);
    }

    #[test]
    fn rules_of_a_user_have_no_end() {
        let chain = Chain { spec: ChainSpec::mainnet(), end: None };
        assert_eq!((chain.covers(u64::MAX), chain.near_end(u64::MAX)), (Ok(()), None));
        let end = End { from: 50, reason: EndReason::LaterFork("later\n".to_owned()) };
        let chain = Chain { end: Some(end), ..chain };
        assert_eq!(chain.covers(49), Ok(()));
        let text = chain.covers(50).unwrap_err().to_string();
        assert!(text.contains("from 50 on") && text.contains("later\\n"), "{text}");
        // Whoever gave the rules can't give others for this.
        assert!(text.ends_with("; a newer zeno may implement it"), "{text}");
    }

    #[test]
    fn built_in_rules_keep_their_end_in_an_input() {
        let sepolia = ChainSpec::sepolia();
        let end = |spec: &ChainSpec, timestamp| Chain::of_rules(spec.clone(), timestamp).end;
        let known = Chain::by_chain_id(sepolia.chain_id).unwrap().end;
        assert!(known.is_some());
        for timestamp in [0, 1_791_294_816, HORIZON, u64::MAX] {
            assert_eq!(end(&sepolia, timestamp), known, "{timestamp}");
        }
        // A schedule that knows more says so only from then on.
        let blobs = BlobSchedule { target: 1, max: 2, base_fee_update_fraction: 3 };
        let mut more = sepolia.clone();
        more.blobs.push(BlobActivation { timestamp: HORIZON, blobs });
        assert_eq!(end(&more, HORIZON - 1), known);
        assert_eq!(end(&more, HORIZON), None);
        // Without Amsterdam they are other rules, from its time on.
        let mut less = sepolia.clone();
        assert_eq!(
            less.forks.pop(),
            Some(ForkActivation { fork: Fork::Amsterdam, timestamp: 1_791_294_816 })
        );
        assert_eq!(end(&less, 1_791_294_815), known);
        assert_eq!(end(&less, 1_791_294_816), None);
        assert_eq!(end(&ChainSpec { chain_id: 5, ..sepolia }, 0), None);
    }
}

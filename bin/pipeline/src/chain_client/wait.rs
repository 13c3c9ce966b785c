//! The wait for the confirmation of a transaction.

use std::time::{Duration, Instant};

/// Longest time without a step: until a transaction is mined, until its next confirmation, or until the account's earlier
/// transactions are mined.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
/// Longest wait in all, and its extension for each confirmation that is asked for.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_CONFIRMATION: Duration = Duration::from_secs(60);
/// Time for which a transaction may be missing from its block before the block counts as lost: the nodes of a load balancer
/// are not all at the same block.
const LOSS_PATIENCE: Duration = Duration::from_secs(2);
/// Number of times that a transaction's block may be lost.
const MAX_LOSSES: u32 = 10;

/// The wait for a transaction. Each step towards its confirmation has its time, and a node that takes steps back and forth
/// gets no more of it.
#[derive(Debug)]
pub(super) struct Wait {
    begun: Instant,
    pub(super) last_step: Instant,
    confirmations: u64,
    /// Depth of the transaction in blocks, its own block counted. `None` while it is in no block.
    pub(super) depth: Option<u64>,
    /// Greatest depth so far.
    deepest: Option<u64>,
    /// Time since when the transaction is missing from the block that it was in.
    missing: Option<Instant>,
    /// Number of times that its block was lost.
    losses: u32,
}

impl Wait {
    /// A wait for this depth, which begins now.
    pub(super) fn new(confirmations: u64, now: Instant) -> Self {
        Self {
            begun: now,
            last_step: now,
            confirmations,
            depth: None,
            deepest: None,
            missing: None,
            losses: 0,
        }
    }

    /// Takes note that the transaction is in a block, this deep. Returns whether that is news.
    pub(super) fn found(&mut self, depth: u64, now: Instant) -> bool {
        let is_step = self.deepest.is_none_or(|deepest| depth > deepest);
        if is_step {
            self.deepest = Some(depth);
            self.last_step = now;
        }
        self.missing = None;
        self.depth.replace(depth).is_none() || is_step
    }

    /// Takes note that the transaction is in no block. Returns whether the block that it was in counts as lost now.
    pub(super) fn missed(&mut self, now: Instant) -> bool {
        if self.depth.is_none() || now - *self.missing.get_or_insert(now) < LOSS_PATIENCE {
            return false;
        }
        self.depth = None;
        self.missing = None;
        self.losses += 1;
        self.last_step = now;
        true
    }

    /// The reason why the wait ends without a confirmation, if it does.
    pub(super) fn end(&self, now: Instant) -> Option<String> {
        let confirmations = u32::try_from(self.confirmations).unwrap_or(u32::MAX);
        let longest = LONGEST + LONGEST_CONFIRMATION.saturating_mul(confirmations);
        if self.losses > MAX_LOSSES {
            Some(format!(
                "its block was lost {} times: the node contradicts itself; ask another",
                self.losses
            ))
        } else if now - self.last_step > PATIENCE {
            Some(format!("nothing has happened for {} s", PATIENCE.as_secs()))
        } else if now - self.begun > longest {
            Some(format!("it was waited for {} s", longest.as_secs()))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that takes steps back and forth ends the wait, and so does one that takes none.
    #[test]
    fn no_node_makes_the_wait_last_for_ever() {
        let seconds = Duration::from_secs;
        let ends = |step: Duration, look: &dyn Fn(u64) -> Option<u64>| {
            let begun = Instant::now();
            let mut wait = Wait::new(3, begun);
            for index in 0.. {
                let now = begun + step * index as u32;
                match look(index) {
                    Some(depth) => {
                        wait.found(depth, now);
                    }
                    None => {
                        wait.missed(now);
                    }
                }
                if let Some(end) = wait.end(now) {
                    return (now - begun, end);
                }
                assert!(now - begun < seconds(100_000), "it still waits");
            }
            unreachable!()
        };
        // Nothing; right twice and wrong twice; a depth that comes and goes.
        let half = Duration::from_millis(500);
        for look in [
            &(|_| None) as &dyn Fn(u64) -> Option<u64>,
            &|index| (index / 2 % 2 == 0).then_some(1),
            &|index| Some(index % 3),
            &|_| Some(0),
        ] {
            let (after, end) = ends(half, look);
            assert!(after <= PATIENCE + seconds(10), "{after:?}");
            assert!(end.contains("nothing has happened"), "{end}");
        }
        // A block that is lost again and again: often, and slowly.
        let (after, end) = ends(seconds(1), &|index| (index % 10 < 5).then_some(1));
        assert!(after < seconds(200) && end.contains("lost 11 times"), "{after:?}: {end}");
        let (after, end) = ends(seconds(100), &|index| (index % 6 < 3).then_some(1));
        assert!(after < seconds(4_000) && end.contains("waited for"), "{after:?}: {end}");
    }

    #[test]
    fn a_wait_continues_as_long_as_blocks_come() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut wait = Wait::new(3, begun);
        assert!(wait.found(1, at(500)) && !wait.found(1, at(501)));
        // A moment is no loss.
        assert!(!wait.missed(at(502)) && !wait.found(1, at(503)) && !wait.missed(at(504)));
        assert!(wait.missed(at(506)), "a while is");
        assert!(wait.end(at(1100)).is_none() && wait.found(1, at(1100)), "that is news again");
        assert!(wait.end(at(1107)).is_some());
        assert!(wait.found(2, at(1101)) && wait.end(at(1700)).is_none());
        // Many confirmations take their time.
        let mut wait = Wait::new(1000, begun);
        for depth in 0..1000 {
            assert!(wait.found(depth, at(12 * depth)) && wait.end(at(12 * depth)).is_none());
        }
    }
}

//! Forks of the beacon chain, as far as light clients know them.

use crate::types::{Epoch, Version};

/// Epoch of a fork that has no date.
pub const FAR_FUTURE_EPOCH: Epoch = u64::MAX;

/// Fork of the beacon chain, in the order of activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// Genesis. It has no light-client data.
    Phase0,
    /// Sync committees, and with them light clients.
    Altair,
    /// The merge. Light-client data is Altair's.
    Bellatrix,
    /// Headers prove an execution header.
    Capella,
    /// The execution header has fields for blobs.
    Deneb,
    /// The state's tree is one level deeper.
    Electra,
    /// Light-client data is Electra's.
    Fulu,
    /// Headers prove the hash of an execution block; the state is a progressive container (EIP-7688).
    Gloas,
}

impl Fork {
    /// All forks, in their order.
    pub const ALL: [Self; 8] = [
        Self::Phase0,
        Self::Altair,
        Self::Bellatrix,
        Self::Capella,
        Self::Deneb,
        Self::Electra,
        Self::Fulu,
        Self::Gloas,
    ];

    /// Returns the fork's name, in lower case as the beacon API has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phase0 => "phase0",
            Self::Altair => "altair",
            Self::Bellatrix => "bellatrix",
            Self::Capella => "capella",
            Self::Deneb => "deneb",
            Self::Electra => "electra",
            Self::Fulu => "fulu",
            Self::Gloas => "gloas",
        }
    }

    /// Returns the fork of this name, in lower case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fork| fork.name() == name)
    }
}

/// A fork's version, which enters signatures, and its first epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkParameters {
    /// Version that objects of this fork are signed under.
    pub version: Version,
    /// First epoch of the fork, [`FAR_FUTURE_EPOCH`] if it has no date.
    pub epoch: Epoch,
}

/// Versions and epochs of all forks of a network, by [`Fork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkSchedule(pub [ForkParameters; 8]);

impl ForkSchedule {
    /// Returns the parameters of a fork.
    pub const fn of(&self, fork: Fork) -> ForkParameters {
        self.0[fork as usize]
    }

    /// Returns the fork that is active at an epoch. Of several that begin at one epoch it is the last.
    pub fn at(&self, epoch: Epoch) -> Fork {
        let begun = |fork: &Fork| self.of(*fork).epoch <= epoch && self.of(*fork).epoch != FAR_FUTURE_EPOCH;
        Fork::ALL.into_iter().rev().find(begun).unwrap_or(Fork::Phase0)
    }

    /// Returns the first fork that begins before the one that it follows, if there is any.
    pub fn out_of_order(&self) -> Option<Fork> {
        Fork::ALL.into_iter().skip(1).find(|fork| self.of(*fork).epoch < self.0[*fork as usize - 1].epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(epochs: [Epoch; 8]) -> ForkSchedule {
        ForkSchedule(epochs.map(|epoch| ForkParameters { version: [0; 4], epoch }))
    }

    #[test]
    fn the_last_fork_of_an_epoch_is_active() {
        let forks = schedule([0, 0, 0, 2, 2, 5, FAR_FUTURE_EPOCH, FAR_FUTURE_EPOCH]);
        assert_eq!(forks.at(0), Fork::Bellatrix);
        assert_eq!(forks.at(1), Fork::Bellatrix);
        assert_eq!(forks.at(2), Fork::Deneb);
        assert_eq!(forks.at(5), Fork::Electra);
        assert_eq!(forks.at(u64::MAX), Fork::Electra, "a fork without a date never begins");
    }

    #[test]
    fn a_fork_before_its_predecessor_is_found() {
        assert_eq!(schedule([0, 1, 2, 3, 4, 5, 6, 7]).out_of_order(), None);
        assert_eq!(schedule([0, 1, 2, 3, 2, 5, 6, 7]).out_of_order(), Some(Fork::Deneb));
    }

    #[test]
    fn names_are_unique() {
        assert!(Fork::ALL.into_iter().all(|fork| Fork::by_name(fork.name()) == Some(fork)));
        assert_eq!(Fork::by_name("heze"), None);
    }
}

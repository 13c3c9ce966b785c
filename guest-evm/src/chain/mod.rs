//! The rules of a chain: forks by timestamp, blob schedule, deposit contract.

#[cfg(feature = "evm")]
mod hardforks;
#[cfg(feature = "json")]
mod json;
mod known;
mod rlp;

#[cfg(feature = "json")]
pub use json::ChainConfigError;

use alloc::vec::Vec;
use alloy_eips::{
    eip4844::BLOB_TX_MIN_BLOB_GASPRICE,
    eip7594::MAX_BLOBS_PER_TX_FUSAKA,
    eip7840::{BLOB_BASE_COST, BlobParams},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use core::fmt;

/// Fork since the merge that changes the rules of execution. Older forks are less than later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fork {
    /// Proof of stake (EIP-3675).
    Paris,
    /// Withdrawals (EIP-4895).
    Shanghai,
    /// Blobs (EIP-4844), beacon root (EIP-4788).
    Cancun,
    /// Requests (EIP-7685), set-code transactions (EIP-7702).
    Prague,
    /// Transaction gas cap (EIP-7825), block size cap (EIP-7934), blob fee bound (EIP-7918).
    Osaka,
    /// First blob-parameter-only fork (EIP-7892).
    Bpo1,
    /// Second blob-parameter-only fork.
    Bpo2,
}

impl Fork {
    /// All forks, oldest first.
    pub const ALL: [Self; 7] =
        [Self::Paris, Self::Shanghai, Self::Cancun, Self::Prague, Self::Osaka, Self::Bpo1, Self::Bpo2];

    /// Returns the name, in the spelling of clients' blob schedules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paris => "paris",
            Self::Shanghai => "shanghai",
            Self::Cancun => "cancun",
            Self::Prague => "prague",
            Self::Osaka => "osaka",
            Self::Bpo1 => "bpo1",
            Self::Bpo2 => "bpo2",
        }
    }

    /// Returns whether blocks of this fork may carry blobs, so that it has [`BlobSchedule`] parameters.
    pub const fn has_blobs(self) -> bool {
        self as u8 >= Self::Cancun as u8
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Blob parameters of one fork (EIP-7840), in blobs per block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobSchedule {
    /// Number of blobs per block at which the blob base fee stays the same.
    pub target: u64,
    /// Maximum number of blobs per block.
    pub max: u64,
    /// `BLOB_BASE_FEE_UPDATE_FRACTION`.
    pub base_fee_update_fraction: u64,
}

/// Activation of a fork: its timestamp and its blob parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkActivation {
    /// The fork.
    pub fork: Fork,
    /// Timestamp of the first block that the fork may govern, in seconds.
    pub timestamp: u64,
    /// Blob parameters; present exactly if [`Fork::has_blobs`].
    pub blobs: Option<BlobSchedule>,
}

/// All rules of a chain on which a block's validity depends, except those that every chain has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Terminal total difficulty of the merge (EIP-3675); zero if the chain began with it.
    pub terminal_total_difficulty: U256,
    /// Number of the first proof-of-stake block, if it is known; zero if the chain began with it.
    pub merge_block: Option<u64>,
    /// Deposit contract (EIP-6110), if the chain has one.
    pub deposit_contract: Option<Address>,
    /// Forks after Paris, in the order of [`Fork::ALL`], with timestamps that never decrease.
    pub forks: Vec<ForkActivation>,
    /// Timestamp of the chain's first fork that this crate doesn't implement, in seconds, if one is
    /// scheduled. Blocks with this timestamp or a later one are refused.
    pub unsupported_from: Option<u64>,
}

/// Reason why a chain specification can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainSpecError {
    /// The bytes are not the canonical encoding.
    #[error("the chain specification is not canonical RLP: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// The encoding has another version.
    #[error("the chain specification has version {0}, this program reads version {version}", version = rlp::VERSION)]
    Version(u64),
    /// A fork is not one that this crate implements.
    #[error("the chain specification names fork number {0}, which this program does not know")]
    UnknownFork(u8),
    /// Forks are out of order.
    #[error("fork {later} at {later_time} must come after fork {earlier} at {earlier_time}")]
    Order {
        /// The fork that is earlier in the list.
        earlier: Fork,
        /// Its timestamp.
        earlier_time: u64,
        /// The fork that follows it in the list.
        later: Fork,
        /// Its timestamp.
        later_time: u64,
    },
    /// A fork is scheduled without one that it builds on.
    #[error("fork {0} is scheduled, but fork {1}, which it builds on, is not")]
    MissingFork(Fork, Fork),
    /// Blob parameters are missing, superfluous or impossible.
    #[error("fork {0} has impossible blob parameters: {1:?}")]
    Blobs(Fork, Option<BlobSchedule>),
}

impl ChainSpec {
    /// keccak256 of the [canonical encoding](Self::encode): the claim's `chainSpec`.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// Returns the fork that governs a block of this timestamp, in seconds.
    pub fn fork_at(&self, timestamp: u64) -> Fork {
        self.active(timestamp).map_or(Fork::Paris, |activation| activation.fork)
    }

    /// Returns the blob parameters in force at this timestamp, in seconds; `None` before Cancun.
    pub fn blob_params_at(&self, timestamp: u64) -> Option<BlobParams> {
        let ForkActivation { fork, blobs, .. } = *self.active(timestamp)?;
        let BlobSchedule { target, max, base_fee_update_fraction } = blobs?;
        let osaka = fork >= Fork::Osaka;
        Some(BlobParams {
            target_blob_count: target,
            max_blob_count: max,
            update_fraction: base_fee_update_fraction.into(),
            min_blob_fee: BLOB_TX_MIN_BLOB_GASPRICE,
            // EIP-7594 caps a transaction's blobs since Osaka; before, only the block's cap applies.
            max_blobs_per_tx: if osaka { MAX_BLOBS_PER_TX_FUSAKA } else { max },
            // EIP-7918.
            blob_base_cost: if osaka { BLOB_BASE_COST } else { 0 },
        })
    }

    /// Returns the timestamp of a fork's activation, in seconds, if it is scheduled; zero for Paris.
    pub fn activation(&self, fork: Fork) -> Option<u64> {
        match fork {
            Fork::Paris => Some(0),
            _ => self.forks.iter().find(|activation| activation.fork == fork).map(|it| it.timestamp),
        }
    }

    /// Returns the last activation at or before this timestamp; `None` for Paris.
    fn active(&self, timestamp: u64) -> Option<&ForkActivation> {
        self.forks.iter().rev().find(|activation| activation.timestamp <= timestamp)
    }

    /// Checks everything that the fields' documentation promises.
    ///
    /// # Errors
    /// [`ChainSpecError`] with the first promise that is broken.
    pub fn check(&self) -> Result<(), ChainSpecError> {
        for pair in self.forks.windows(2) {
            if pair[0].fork >= pair[1].fork || pair[0].timestamp > pair[1].timestamp {
                return Err(ChainSpecError::Order {
                    earlier: pair[0].fork,
                    earlier_time: pair[0].timestamp,
                    later: pair[1].fork,
                    later_time: pair[1].timestamp,
                });
            }
        }
        for activation in &self.forks {
            let fork = activation.fork;
            // Every fork up to Osaka builds on all before it; the blob-parameter forks build on Osaka.
            let base = &Fork::ALL[1..=Fork::Osaka as usize];
            for needed in base.iter().take_while(|needed| **needed < fork) {
                if self.activation(*needed).is_none() {
                    return Err(ChainSpecError::MissingFork(fork, *needed));
                }
            }
            let possible = match activation.blobs {
                None => !fork.has_blobs(),
                Some(blobs) => {
                    fork.has_blobs()
                        && blobs.base_fee_update_fraction > 0
                        && blobs.max > 0
                        && blobs.target <= blobs.max
                        // Far above anything scheduled, low enough that blob gas fits 64 bits.
                        && blobs.max <= u64::from(u32::MAX)
                }
            };
            if fork == Fork::Paris || !possible {
                return Err(ChainSpecError::Blobs(fork, activation.blobs));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_fork_by_timestamp() {
        let mainnet = ChainSpec::mainnet();
        let cases = [
            (1_681_338_454, Fork::Paris),
            (1_681_338_455, Fork::Shanghai),
            (1_710_338_135, Fork::Cancun),
            (1_746_612_311, Fork::Prague),
            (1_764_798_550, Fork::Prague),
            (1_764_798_551, Fork::Osaka),
            (1_765_290_071, Fork::Bpo1),
            (1_767_747_671, Fork::Bpo2),
            (u64::MAX, Fork::Bpo2),
        ];
        for (timestamp, fork) in cases {
            assert_eq!(mainnet.fork_at(timestamp), fork, "{timestamp}");
        }
    }

    #[test]
    fn has_the_blob_parameters_of_the_eips() {
        let mainnet = ChainSpec::mainnet();
        let at = |fork| mainnet.blob_params_at(mainnet.activation(fork).unwrap());
        assert_eq!(at(Fork::Shanghai), None);
        assert_eq!(at(Fork::Cancun), Some(BlobParams::cancun()));
        assert_eq!(at(Fork::Prague), Some(BlobParams::prague()));
        assert_eq!(at(Fork::Osaka), Some(BlobParams::osaka()));
        assert_eq!(at(Fork::Bpo1), Some(BlobParams::bpo1()));
        assert_eq!(at(Fork::Bpo2), Some(BlobParams::bpo2()));
    }

    #[test]
    fn decodes_what_it_encodes() {
        for spec in [ChainSpec::mainnet(), ChainSpec::sepolia(), ChainSpec::holesky(), ChainSpec::hoodi()] {
            spec.check().unwrap();
            assert_eq!(ChainSpec::decode(&spec.encode()), Ok(spec));
        }
    }

    #[test]
    fn every_rule_is_in_the_hash() {
        let mainnet = ChainSpec::mainnet();
        let changes: [fn(&mut ChainSpec); 9] = [
            |spec| spec.unsupported_from = Some(u64::MAX),
            |spec| spec.chain_id += 1,
            |spec| spec.terminal_total_difficulty += U256::ONE,
            |spec| spec.merge_block = None,
            |spec| spec.deposit_contract = None,
            |spec| spec.forks[1].timestamp += 1,
            |spec| spec.forks[2].blobs.as_mut().unwrap().max += 1,
            |spec| spec.forks[2].blobs.as_mut().unwrap().target += 1,
            |spec| spec.forks[2].blobs.as_mut().unwrap().base_fee_update_fraction += 1,
        ];
        for change in changes {
            let mut changed = mainnet.clone();
            change(&mut changed);
            assert_ne!(changed.hash(), mainnet.hash());
            assert_eq!(ChainSpec::decode(&changed.encode()), Ok(changed));
        }
    }

    #[test]
    fn refuses_impossible_schedules() {
        let mut spec = ChainSpec::mainnet();
        spec.forks.swap(0, 1);
        assert!(matches!(ChainSpec::decode(&spec.encode()), Err(ChainSpecError::Order { .. })));

        let mut spec = ChainSpec::mainnet();
        spec.forks.remove(1);
        assert_eq!(spec.check(), Err(ChainSpecError::MissingFork(Fork::Prague, Fork::Cancun)));

        let mut spec = ChainSpec::mainnet();
        spec.forks[1].blobs = None;
        assert_eq!(spec.check(), Err(ChainSpecError::Blobs(Fork::Cancun, None)));
    }
}

//! The rules of a chain: forks by timestamp, blob schedule, deposit contract.

mod fork;
mod horizon;
#[cfg(feature = "json")]
mod json;
mod presets;
mod rlp;

pub use fork::{
    AccessListRules, BlobRules, FORKS, Fork, ForkRules, GasRules, HeaderField, RequestContract, SystemCall,
};
pub use horizon::{BeyondEnd, Chain, End, EndReason, HORIZON, RELEASED, WARNING};
#[cfg(feature = "json")]
pub use json::ChainConfigError;

use alloc::vec::Vec;
use alloy_eips::{
    eip4844::BLOB_TX_MIN_BLOB_GASPRICE,
    eip7840::{BLOB_BASE_COST, BlobParams},
};
use alloy_primitives::{Address, B256, U256, keccak256};

/// Blob parameters that a chain schedules (EIP-7840), in blobs per block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobSchedule {
    /// Number of blobs per block at which the blob base fee stays the same.
    pub target: u64,
    /// Maximum number of blobs per block.
    pub max: u64,
    /// `BLOB_BASE_FEE_UPDATE_FRACTION`.
    pub base_fee_update_fraction: u64,
}

/// Activation of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkActivation {
    /// The fork.
    pub fork: Fork,
    /// Timestamp of the first block that the fork may govern, in seconds.
    pub timestamp: u64,
}

/// Activation of blob parameters, by a fork or by themselves (EIP-7892).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobActivation {
    /// Timestamp of the first block that the parameters may govern, in seconds.
    pub timestamp: u64,
    /// The parameters.
    pub blobs: BlobSchedule,
}

/// All rules of a chain on which a block's validity depends, except those that every chain has.
///
/// Equal rules have one form: see [`check`](Self::check).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Terminal total difficulty of the merge (EIP-3675); zero if the chain began with it.
    pub terminal_total_difficulty: U256,
    /// Number of the first proof-of-stake block, if it is known; zero if the chain began with it, never 1, which would be
    /// the same.
    pub merge_block: Option<u64>,
    /// Deposit contract (EIP-6110), if the chain has one; never the zero address, from which no logs come.
    pub deposit_contract: Option<Address>,
    /// Forks after Paris, in the order of [`Fork::ALL`] and without gaps, with timestamps that never decrease.
    pub forks: Vec<ForkActivation>,
    /// Blob parameters, from the time of the first fork with blobs, with timestamps that increase. None is equal to
    /// the one before it.
    pub blobs: Vec<BlobActivation>,
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
    /// The merge is given in another form than the one that it has.
    #[error("the merge block is 1, which is the same as 0 and must be written so")]
    FirstMerge,
    /// The deposit contract is the zero address, which is no contract.
    #[error("the deposit contract is the zero address: a chain without one must have none")]
    ZeroContract,
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
    /// The fork of the merge is scheduled by a timestamp.
    #[error("fork {0} is scheduled by a timestamp, but every chain begins with it")]
    FirstFork(Fork),
    /// Blob parameters are scheduled before the first fork with blobs.
    #[error("blob parameters are scheduled at {timestamp}, but no fork with blobs is active then")]
    EarlyBlobs {
        /// Timestamp of the parameters.
        timestamp: u64,
    },
    /// A fork that must bring blob parameters has none at its time.
    #[error("fork {fork} at {timestamp} must bring blob parameters, but none are scheduled at this time")]
    MissingBlobs {
        /// The fork.
        fork: Fork,
        /// Its timestamp.
        timestamp: u64,
    },
    /// Blob parameters are out of order.
    #[error("the blob parameters at {later} must come after those at {earlier}")]
    BlobOrder {
        /// Timestamp of the parameters that are earlier in the list.
        earlier: u64,
        /// Timestamp of those that follow them.
        later: u64,
    },
    /// Blob parameters are scheduled again, without a change.
    #[error("the blob parameters at {timestamp} are those before them, so they must be left out")]
    SameBlobs {
        /// Timestamp of the parameters.
        timestamp: u64,
    },
    /// Blob parameters are impossible.
    #[error("the blob parameters at {timestamp} are impossible: {blobs:?}")]
    Blobs {
        /// Timestamp of the parameters.
        timestamp: u64,
        /// The parameters.
        blobs: BlobSchedule,
    },
}

impl ChainSpec {
    /// Returns the rules as far as they have begun at this timestamp, in seconds.
    pub fn until(&self, timestamp: u64) -> Self {
        let mut begun = self.clone();
        begun.forks.retain(|activation| activation.timestamp <= timestamp);
        begun.blobs.retain(|activation| activation.timestamp <= timestamp);
        begun
    }

    /// keccak256 of the [canonical encoding](Self::encode) of the rules that have begun at this timestamp, in seconds.
    /// With the timestamp of its last block, it is a claim's `chainSpec`.
    ///
    /// No activation after the timestamp changes it, so a claim stays what it is when a fork is scheduled. It says nothing
    /// about rules that a prover left out: whoever compares digests needs the timestamp as well.
    pub fn digest_at(&self, timestamp: u64) -> B256 {
        keccak256(self.until(timestamp).encode())
    }

    /// Returns the fork that governs a block of this timestamp, in seconds.
    pub fn fork_at(&self, timestamp: u64) -> Fork {
        let mut begun = self.forks.iter().rev().filter(|activation| activation.timestamp <= timestamp);
        begun.next().map_or(Fork::Paris, |activation| activation.fork)
    }

    /// Returns the blob parameters scheduled for a block of this timestamp, in seconds; `None` before Cancun.
    pub fn blobs_at(&self, timestamp: u64) -> Option<BlobSchedule> {
        let mut begun = self.blobs.iter().rev().filter(|activation| activation.timestamp <= timestamp);
        begun.next().map(|activation| activation.blobs)
    }

    /// Returns all blob parameters in force at this timestamp, in seconds: those that are scheduled, and those of the
    /// fork. `None` before Cancun.
    pub fn blob_params_at(&self, timestamp: u64) -> Option<BlobParams> {
        let rules = self.fork_at(timestamp).rules().blobs?;
        let BlobSchedule { target, max, base_fee_update_fraction } = self.blobs_at(timestamp)?;
        Some(BlobParams {
            target_blob_count: target,
            max_blob_count: max,
            update_fraction: base_fee_update_fraction.into(),
            min_blob_fee: BLOB_TX_MIN_BLOB_GASPRICE,
            // Without a cap of its own, only the block's applies to a transaction.
            max_blobs_per_tx: rules.max_per_transaction.unwrap_or(max),
            blob_base_cost: if rules.reserve_price { BLOB_BASE_COST } else { 0 },
        })
    }

    /// Returns the timestamp of a fork's activation, in seconds, if it is scheduled; zero for Paris.
    pub fn activation(&self, fork: Fork) -> Option<u64> {
        match fork {
            Fork::Paris => Some(0),
            _ => self.forks.iter().find(|activation| activation.fork == fork).map(|it| it.timestamp),
        }
    }

    /// Checks everything that the fields' documentation promises.
    ///
    /// Besides being possible, a schedule has the one form of its rules. That makes the digest of equal rules the same,
    /// wherever they come from.
    ///
    /// # Errors
    /// [`ChainSpecError`] with the first promise that is broken.
    pub fn check(&self) -> Result<(), ChainSpecError> {
        if self.merge_block == Some(1) {
            return Err(ChainSpecError::FirstMerge);
        }
        if self.deposit_contract == Some(Address::ZERO) {
            return Err(ChainSpecError::ZeroContract);
        }
        self.check_forks()?;
        self.check_blobs()
    }

    /// Checks the schedule of forks.
    fn check_forks(&self) -> Result<(), ChainSpecError> {
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
        // A fork changes the rules of the one before it. The EVM's library knows no other order.
        for (ForkActivation { fork, .. }, expected) in self.forks.iter().zip(&Fork::ALL[1..]) {
            if *fork == Fork::Paris {
                return Err(ChainSpecError::FirstFork(*fork));
            }
            if fork != expected {
                return Err(ChainSpecError::MissingFork(*fork, *expected));
            }
        }
        Ok(())
    }

    /// Checks the schedule of blob parameters against that of the forks.
    fn check_blobs(&self) -> Result<(), ChainSpecError> {
        for pair in self.blobs.windows(2) {
            if pair[0].timestamp >= pair[1].timestamp {
                let (earlier, later) = (pair[0].timestamp, pair[1].timestamp);
                return Err(ChainSpecError::BlobOrder { earlier, later });
            }
            if pair[0].blobs == pair[1].blobs {
                return Err(ChainSpecError::SameBlobs { timestamp: pair[1].timestamp });
            }
        }
        for BlobActivation { timestamp, blobs } in &self.blobs {
            let timestamp = *timestamp;
            if self.fork_at(timestamp).rules().blobs.is_none() {
                return Err(ChainSpecError::EarlyBlobs { timestamp });
            }
            let possible = blobs.base_fee_update_fraction > 0
                && blobs.max > 0
                && blobs.target <= blobs.max
                // Far above anything scheduled, low enough that blob gas fits 64 bits.
                && blobs.max <= u64::from(u32::MAX);
            if !possible {
                return Err(ChainSpecError::Blobs { timestamp, blobs: *blobs });
            }
        }
        for ForkActivation { fork, timestamp } in &self.forks {
            let (fork, timestamp) = (*fork, *timestamp);
            let brings = fork.rules().blobs.is_some_and(|rules| rules.brings_parameters);
            if brings && self.blobs.iter().all(|activation| activation.timestamp != timestamp) {
                return Err(ChainSpecError::MissingBlobs { fork, timestamp });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Networks: their presets, forks and genesis, and what follows from them for signatures.

use crate::{
    fork::{FAR_FUTURE_EPOCH, Fork, ForkParameters, ForkSchedule},
    types::{Epoch, ForkDigest, Period, Root, Slot, Version},
};
use alloc::{borrow::Cow, vec::Vec};
use libssz_merkle::{Sha256Hasher, hash_nodes};

/// Type of a sync committee's signatures.
pub const DOMAIN_SYNC_COMMITTEE: [u8; 4] = [7, 0, 0, 0];
/// Slot of genesis.
pub const GENESIS_SLOT: Slot = 0;

/// Sizes and times of a preset that light clients depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name, as `PRESET_BASE` has it.
    pub name: &'static str,
    /// Members of a sync committee: the parameter `N` of types.
    pub sync_committee_size: usize,
    /// Slots of an epoch.
    pub slots_per_epoch: u64,
    /// Epochs of a sync committee.
    pub epochs_per_sync_committee_period: u64,
    /// Slots without finality after which an update may be forced.
    pub update_timeout: u64,
}

impl Preset {
    /// Preset of mainnet and of all public networks.
    pub const MAINNET: Self = Self {
        name: "mainnet",
        sync_committee_size: 512,
        slots_per_epoch: 32,
        epochs_per_sync_committee_period: 256,
        update_timeout: 8192,
    };
    /// Preset of tests.
    pub const MINIMAL: Self = Self {
        name: "minimal",
        sync_committee_size: 32,
        slots_per_epoch: 8,
        epochs_per_sync_committee_period: 8,
        update_timeout: 64,
    };

    /// Returns the preset of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::MAINNET, Self::MINIMAL].into_iter().find(|preset| preset.name == name)
    }
}

/// Count of blobs from an epoch on. It is part of fork digests since Fulu (EIP-7892), and of nothing else here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobParameters {
    /// First epoch.
    pub epoch: Epoch,
    /// Greatest count of blobs of a block.
    pub max_blobs_per_block: u64,
}

/// Network: everything that a verdict depends on besides the objects themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name, for messages.
    pub name: Cow<'static, str>,
    /// Sizes and times.
    pub preset: Preset,
    /// Root of the validators at genesis. It enters every signature, and so tells networks apart.
    pub genesis_validators_root: Root,
    /// Time of slot 0, in seconds since 1970.
    pub genesis_time: u64,
    /// Length of a slot, in milliseconds.
    pub slot_duration_ms: u64,
    /// Versions and epochs of the forks.
    pub forks: ForkSchedule,
    /// Counts of blobs, by epoch in rising order. Those of Electra come first.
    pub blob_schedule: Cow<'static, [BlobParameters]>,
}

/// Returns the network's entry of a fork.
const fn fork(version: u32, epoch: Epoch) -> ForkParameters {
    ForkParameters { version: version.to_be_bytes(), epoch }
}

/// Returns an entry of a blob schedule.
const fn blobs(epoch: Epoch, max_blobs_per_block: u64) -> BlobParameters {
    BlobParameters { epoch, max_blobs_per_block }
}

/// Bytes of a root that is written as two numbers, so that constants need no library.
const fn root(high: u128, low: u128) -> Root {
    let (high, low) = (high.to_be_bytes(), low.to_be_bytes());
    let mut root = [0; 32];
    let mut index = 0;
    while index < 16 {
        root[index] = high[index];
        root[16 + index] = low[index];
        index += 1;
    }
    root
}

impl Config {
    /// Ethereum mainnet. Gloas has no date there.
    pub const fn mainnet() -> Self {
        Self {
            name: Cow::Borrowed("mainnet"),
            preset: Preset::MAINNET,
            genesis_validators_root: root(
                0x4b363db94e286120d76eb905340fdd4e,
                0x54bfe9f06bf33ff6cf5ad27f511bfe95,
            ),
            genesis_time: 1_606_824_023,
            slot_duration_ms: 12_000,
            forks: ForkSchedule([
                fork(0x0000_0000, 0),
                fork(0x0100_0000, 74_240),
                fork(0x0200_0000, 144_896),
                fork(0x0300_0000, 194_048),
                fork(0x0400_0000, 269_568),
                fork(0x0500_0000, 364_032),
                fork(0x0600_0000, 411_392),
                fork(0x0700_0000, FAR_FUTURE_EPOCH),
            ]),
            blob_schedule: Cow::Borrowed(
                const { &[blobs(364_032, 9), blobs(412_672, 15), blobs(419_072, 21)] },
            ),
        }
    }

    /// The Sepolia test network.
    pub const fn sepolia() -> Self {
        Self {
            name: Cow::Borrowed("sepolia"),
            preset: Preset::MAINNET,
            genesis_validators_root: root(
                0xd8ea171f3c94aea21ebc42a1ed61052a,
                0xcf3f9209c00e4efbaaddac09ed9b8078,
            ),
            genesis_time: 1_655_733_600,
            slot_duration_ms: 12_000,
            forks: ForkSchedule([
                fork(0x9000_0069, 0),
                fork(0x9000_0070, 50),
                fork(0x9000_0071, 100),
                fork(0x9000_0072, 56_832),
                fork(0x9000_0073, 132_608),
                fork(0x9000_0074, 222_464),
                fork(0x9000_0075, 272_640),
                fork(0x9000_0076, 353_024),
            ]),
            blob_schedule: Cow::Borrowed(
                const { &[blobs(222_464, 9), blobs(274_176, 15), blobs(275_712, 21)] },
            ),
        }
    }

    /// Returns the built-in network of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::mainnet(), Self::sepolia()].into_iter().find(|config| config.name == name)
    }

    /// Returns the epoch of a slot.
    pub const fn compute_epoch_at_slot(&self, slot: Slot) -> Epoch {
        slot / self.preset.slots_per_epoch
    }

    /// Returns the sync committee's period of an epoch.
    pub const fn compute_sync_committee_period(&self, epoch: Epoch) -> Period {
        epoch / self.preset.epochs_per_sync_committee_period
    }

    /// Returns the sync committee's period of a slot.
    pub const fn compute_sync_committee_period_at_slot(&self, slot: Slot) -> Period {
        self.compute_sync_committee_period(self.compute_epoch_at_slot(slot))
    }

    /// Returns the first slot of a sync committee's period, the greatest slot if there is none.
    pub const fn first_slot_of_period(&self, period: Period) -> Slot {
        period
            .saturating_mul(self.preset.epochs_per_sync_committee_period)
            .saturating_mul(self.preset.slots_per_epoch)
    }

    /// Returns the fork of a slot.
    pub fn fork_at_slot(&self, slot: Slot) -> Fork {
        self.forks.at(self.compute_epoch_at_slot(slot))
    }

    /// Returns the version that is signed under at an epoch.
    pub fn compute_fork_version(&self, epoch: Epoch) -> Version {
        self.forks.of(self.forks.at(epoch)).version
    }

    /// Returns the slot at a time, in seconds since 1970; before genesis it is 0.
    pub const fn slot_at_time(&self, time: u64) -> Slot {
        // A network by file may claim that a slot takes no time.
        match time.saturating_sub(self.genesis_time).saturating_mul(1000).checked_div(self.slot_duration_ms) {
            Some(slot) => slot,
            None => GENESIS_SLOT,
        }
    }

    /// Returns the domain of a sync committee's signature at a slot. It is that of the slot before, because the committee
    /// signs the head of that one.
    pub fn sync_committee_domain(&self, hasher: &impl Sha256Hasher, signature_slot: Slot) -> Root {
        let epoch = self.compute_epoch_at_slot(signature_slot.saturating_sub(1));
        let version = self.compute_fork_version(epoch);
        compute_domain(hasher, DOMAIN_SYNC_COMMITTEE, version, self.genesis_validators_root)
    }

    /// Returns the digest that names the format of objects of an epoch.
    pub fn compute_fork_digest(&self, hasher: &impl Sha256Hasher, epoch: Epoch) -> ForkDigest {
        let version = self.compute_fork_version(epoch);
        let [a, b, c, d, ..] = compute_fork_data_root(hasher, version, self.genesis_validators_root);
        let digest = [a, b, c, d];
        if self.forks.at(epoch) < Fork::Fulu {
            return digest;
        }
        let Some(blobs) = self.blob_schedule.iter().rev().find(|blobs| blobs.epoch <= epoch) else {
            return digest;
        };
        let mut parameters = [0; 16];
        parameters[..8].copy_from_slice(&blobs.epoch.to_le_bytes());
        parameters[8..].copy_from_slice(&blobs.max_blobs_per_block.to_le_bytes());
        let mask = hasher.hash(&parameters);
        core::array::from_fn(|index| digest[index] ^ mask[index])
    }

    /// Returns the fork whose objects this digest names, if it is one of this network's.
    pub fn fork_of_digest(&self, hasher: &impl Sha256Hasher, digest: ForkDigest) -> Option<Fork> {
        let forks = self.forks.0.iter().map(|fork| fork.epoch);
        let changes = forks.chain(self.blob_schedule.iter().map(|blobs| blobs.epoch));
        let epochs = changes.filter(|epoch| *epoch != FAR_FUTURE_EPOCH).collect::<Vec<_>>();
        let epoch = epochs.into_iter().find(|epoch| self.compute_fork_digest(hasher, *epoch) == digest)?;
        Some(self.forks.at(epoch))
    }
}

/// Returns the root of a version and a network.
pub fn compute_fork_data_root(
    hasher: &impl Sha256Hasher,
    version: Version,
    genesis_validators_root: Root,
) -> Root {
    let mut chunk = [0; 32];
    chunk[..4].copy_from_slice(&version);
    hash_nodes(hasher, &chunk, &genesis_validators_root)
}

/// Returns the domain of a signature.
pub fn compute_domain(
    hasher: &impl Sha256Hasher,
    domain_type: [u8; 4],
    version: Version,
    genesis_validators_root: Root,
) -> Root {
    let fork_data_root = compute_fork_data_root(hasher, version, genesis_validators_root);
    let mut domain = [0; 32];
    domain[..4].copy_from_slice(&domain_type);
    domain[4..].copy_from_slice(&fork_data_root[..28]);
    domain
}

/// Returns the message that is signed for an object with this root.
pub fn compute_signing_root(hasher: &impl Sha256Hasher, object_root: Root, domain: Root) -> Root {
    hash_nodes(hasher, &object_root, &domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_networks_have_their_forks_in_order() {
        for config in [Config::mainnet(), Config::sepolia()] {
            assert_eq!(config.forks.out_of_order(), None, "{}", config.name);
            assert_eq!(Config::by_name(&config.name), Some(config));
        }
        assert_eq!(Config::mainnet().fork_at_slot(u64::MAX), Fork::Fulu);
        let sepolia = Config::sepolia();
        assert_eq!(sepolia.fork_at_slot(11_296_767), Fork::Fulu);
        assert_eq!(sepolia.fork_at_slot(11_296_768), Fork::Gloas);
        assert_eq!(sepolia.compute_sync_committee_period_at_slot(11_296_768), 1379);
        assert_eq!(sepolia.first_slot_of_period(1379), 11_296_768);
    }

    #[test]
    fn no_slot_or_time_overflows() {
        let mut config = Config::mainnet();
        assert_eq!(config.compute_sync_committee_period_at_slot(u64::MAX), u64::MAX / 8192);
        assert_eq!(config.first_slot_of_period(u64::MAX), u64::MAX);
        assert_eq!(config.slot_at_time(0), 0);
        assert_eq!(config.slot_at_time(1_606_824_023 + 12), 1);
        config.slot_at_time(u64::MAX);
        config.slot_duration_ms = 0;
        assert_eq!(config.slot_at_time(u64::MAX), 0);
    }

    #[cfg(feature = "native")]
    #[test]
    fn digests_name_forks() {
        use crate::crypto::Native;
        let config = Config::mainnet();
        // Digests that mainnet's nodes announce: Deneb, Electra, Fulu with its first and second blob parameters.
        for (epoch, digest, fork) in [
            (269_568, 0x6a95a1a9_u32, Fork::Deneb),
            (364_032, 0xad532ceb, Fork::Electra),
            (419_072, 0x8c9f62fe, Fork::Fulu),
        ] {
            assert_eq!(config.compute_fork_digest(&Native, epoch), digest.to_be_bytes(), "{epoch}");
            assert_eq!(config.fork_of_digest(&Native, digest.to_be_bytes()), Some(fork));
        }
        assert_eq!(config.fork_of_digest(&Native, [1, 2, 3, 4]), None);
    }
}

//! Made-up networks.

use std::borrow::Cow;
use zeno_consensus_core::{
    Config, Fork, ForkParameters, ForkSchedule, Preset, Sha256Hasher as _, crypto::Native,
    fork::FAR_FUTURE_EPOCH, types::Epoch,
};

/// Makes a network. `begins` are forks with their epochs. Of the others, those before the first of them begin at epoch 0, those
/// after the last never, and those between with the next one.
///
/// # Panics
/// If a fork begins before the one that it follows.
pub fn network(preset: Preset, begins: &[(Fork, Epoch)]) -> Config {
    let first = begins.iter().map(|(fork, _)| *fork).min();
    let forks = Fork::ALL.map(|fork| {
        let next = begins.iter().filter(|(named, _)| *named >= fork).min_by_key(|(named, _)| *named);
        let epoch = match next {
            Some((named, _)) if *named > fork && Some(*named) == first => 0,
            Some((_, epoch)) => *epoch,
            None if first.is_none() && fork == Fork::Phase0 => 0,
            None => FAR_FUTURE_EPOCH,
        };
        ForkParameters { version: [0x5a, 0, 0, fork as u8], epoch }
    });
    let forks = ForkSchedule(forks);
    assert_eq!(forks.out_of_order(), None, "forks out of order");
    Config {
        name: Cow::Borrowed("test"),
        preset,
        genesis_validators_root: Native.hash(b"zeno test network"),
        genesis_time: 1_600_000_000,
        slot_duration_ms: 12_000,
        forks,
        blob_schedule: Cow::Borrowed(&[]),
    }
}

//! Order of updates by their worth.

use crate::{
    config::Config,
    containers::{LightClientUpdate, is_finality_update, is_sync_committee_update},
};
use core::cmp::Reverse;

/// Returns whether an update is worth more than another one of the same period.
pub fn is_better_update<const N: usize>(
    config: &Config,
    new_update: &LightClientUpdate<N>,
    old_update: &LightClientUpdate<N>,
) -> bool {
    worth(config, new_update) > worth(config, old_update)
}

/// Returns what updates are compared by, the first difference first.
fn worth<const N: usize>(config: &Config, update: &LightClientUpdate<N>) -> impl Ord + use<N> {
    let period = |slot| config.compute_sync_committee_period_at_slot(slot);
    let attested_slot = update.attested_header.beacon.slot;
    let attested_period = period(attested_slot);
    let participants = update.sync_aggregate.participants();
    let has_supermajority = update.sync_aggregate.has_supermajority();
    let has_relevant_committee =
        is_sync_committee_update(update) && attested_period == period(update.signature_slot);
    let has_finality = is_finality_update(update);
    let has_committee_finality =
        has_finality && period(update.finalized_header.beacon.slot) == attested_period;
    (
        has_supermajority,
        // Below two thirds the count comes first, above it last.
        if has_supermajority { 0 } else { participants },
        has_relevant_committee,
        has_finality,
        has_committee_finality,
        participants,
        // The older is better, because it is more likely to be the same for all.
        Reverse(attested_slot),
        Reverse(update.signature_slot),
    )
}

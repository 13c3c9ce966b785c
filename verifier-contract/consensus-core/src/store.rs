//! Store of a light client, and how updates change it.

use crate::{
    containers::{
        LightClientBootstrap, LightClientFinalityUpdate, LightClientOptimisticUpdate, LightClientUpdate,
        is_finality_update, is_sync_committee_update,
    },
    context::Context,
    crypto::Crypto,
    error::LightClientError,
    header::{LightClientHeader, is_valid_light_client_header, upgrade_lc_header_to_gloas},
    merkle::{current_sync_committee_gindex_at_slot, is_valid_normalized_merkle_branch},
    ranking::is_better_update,
    types::{Root, Slot, SyncCommittee},
    validate::validate_light_client_update,
};
use alloc::boxed::Box;
use libssz_merkle::HashTreeRoot as _;

/// All that a light client knows.
///
/// Everything here was signed, or proven by what was signed. The optimistic header may have been signed by one member
/// alone as long as the store is fresh: nothing of value may rest on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientStore<const N: usize> {
    /// Youngest header that is finalized.
    pub finalized_header: LightClientHeader,
    /// Sync committee of the finalized header's period.
    pub current_sync_committee: SyncCommittee<N>,
    /// Sync committee of the period after, `None` if it is not known.
    pub next_sync_committee: Option<SyncCommittee<N>>,
    /// Best update that has not been applied, to force progress with.
    pub best_valid_update: Option<Box<LightClientUpdate<N>>>,
    /// Youngest header that enough members signed.
    pub optimistic_header: LightClientHeader,
    /// Greatest count of members that signed one header, in the period before.
    pub previous_max_active_participants: u64,
    /// Greatest count of members that signed one header, in this period.
    pub current_max_active_participants: u64,
}

/// Makes a store from a block that is trusted.
///
/// The block must be younger than the weak-subjectivity period: older committees may have sold their keys.
///
/// # Errors
/// The first rule that the bootstrap breaks.
pub fn initialize_light_client_store<const N: usize>(
    context: &Context<'_, impl Crypto>,
    trusted_block_root: Root,
    bootstrap: LightClientBootstrap<N>,
) -> Result<LightClientStore<N>, LightClientError> {
    let expected = context.config.preset.sync_committee_size;
    if N != expected {
        return Err(LightClientError::PresetMismatch { actual: N, expected });
    }
    let beacon = &bootstrap.header.beacon;
    let slot = beacon.slot;
    if !is_valid_light_client_header(context, &bootstrap.header) {
        return Err(LightClientError::InvalidHeader { slot });
    }
    let actual = bootstrap.header.beacon_root(context.crypto);
    if actual != trusted_block_root {
        return Err(LightClientError::TrustedRootMismatch { actual, trusted: trusted_block_root });
    }
    let leaf = bootstrap.current_sync_committee.hash_tree_root(context.crypto);
    let branch = &bootstrap.current_sync_committee_branch;
    let gindex = current_sync_committee_gindex_at_slot(context.config, slot);
    if !is_valid_normalized_merkle_branch(context.crypto, leaf, branch, gindex, beacon.state_root) {
        return Err(LightClientError::InvalidCurrentCommitteeBranch { slot });
    }
    Ok(LightClientStore {
        optimistic_header: bootstrap.header.clone(),
        finalized_header: bootstrap.header,
        current_sync_committee: bootstrap.current_sync_committee,
        next_sync_committee: None,
        best_valid_update: None,
        previous_max_active_participants: 0,
        current_max_active_participants: 0,
    })
}

/// Returns whether the committee of the period after the store's is known.
pub fn is_next_sync_committee_known<const N: usize>(store: &LightClientStore<N>) -> bool {
    store.next_sync_committee.is_some()
}

/// Returns the count of members that a header has to exceed to become the optimistic one.
pub fn get_safety_threshold<const N: usize>(store: &LightClientStore<N>) -> u64 {
    store.previous_max_active_participants.max(store.current_max_active_participants) / 2
}

/// Checks an update, and applies it if it is final. `current_slot` is that of the clock.
///
/// The update may be of any fork, whatever forks the store's headers are of: it is judged by the slots of its headers.
///
/// # Errors
/// The first rule that the update breaks; the store does not change then.
pub fn process_light_client_update<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &mut LightClientStore<N>,
    update: LightClientUpdate<N>,
    current_slot: Slot,
) -> Result<(), LightClientError> {
    validate_light_client_update(context, store, &update, current_slot)?;
    let period = |slot| context.config.compute_sync_committee_period_at_slot(slot);
    let participants = update.sync_aggregate.participants();
    let attested_slot = update.attested_header.beacon.slot;
    let finalized_slot = update.finalized_header.beacon.slot;

    store.current_max_active_participants = store.current_max_active_participants.max(participants);
    if participants > get_safety_threshold(store) && attested_slot > store.optimistic_header.beacon.slot {
        store.optimistic_header = update.attested_header.clone();
    }

    let has_finalized_next_committee = !is_next_sync_committee_known(store)
        && is_sync_committee_update(&update)
        && is_finality_update(&update)
        && period(finalized_slot) == period(attested_slot);
    let is_newer = finalized_slot > store.finalized_header.beacon.slot;
    if update.sync_aggregate.has_supermajority() && (is_newer || has_finalized_next_committee) {
        apply_light_client_update(context, store, update)?;
        store.best_valid_update = None;
    } else if store
        .best_valid_update
        .as_ref()
        .is_none_or(|best| is_better_update(context.config, &update, best))
    {
        store.best_valid_update = Some(Box::new(update));
    }
    Ok(())
}

/// Checks an update without a next sync committee, and applies it if it is final.
///
/// # Errors
/// The first rule that the update breaks; the store does not change then.
pub fn process_light_client_finality_update<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &mut LightClientStore<N>,
    update: LightClientFinalityUpdate<N>,
    current_slot: Slot,
) -> Result<(), LightClientError> {
    process_light_client_update(context, store, update.into(), current_slot)
}

/// Checks an update without finality.
///
/// # Errors
/// The first rule that the update breaks; the store does not change then.
pub fn process_light_client_optimistic_update<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &mut LightClientStore<N>,
    update: LightClientOptimisticUpdate<N>,
    current_slot: Slot,
) -> Result<(), LightClientError> {
    process_light_client_update(context, store, update.into(), current_slot)
}

/// Takes what a checked update proves into the store.
///
/// # Errors
/// If the update's finalized header is of another period than the committee that it would supply. That does not happen to an
/// update that [`validate_light_client_update`] accepted for this store.
fn apply_light_client_update<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &mut LightClientStore<N>,
    update: LightClientUpdate<N>,
) -> Result<(), LightClientError> {
    let period = |slot| context.config.compute_sync_committee_period_at_slot(slot);
    let store_period = period(store.finalized_header.beacon.slot);
    let finalized_period = period(update.finalized_header.beacon.slot);
    let next = Some(update.next_sync_committee).filter(|committee| !committee.is_empty());
    match store.next_sync_committee.take() {
        None if finalized_period != store_period => {
            return Err(LightClientError::FinalizedPeriodMismatch { finalized_period, store_period });
        }
        None => store.next_sync_committee = next,
        // Periods are far below the greatest number.
        Some(known) if finalized_period == store_period + 1 => {
            store.current_sync_committee = known;
            store.next_sync_committee = next;
            store.previous_max_active_participants = store.current_max_active_participants;
            store.current_max_active_participants = 0;
        }
        known => store.next_sync_committee = known,
    }
    if update.finalized_header.beacon.slot > store.finalized_header.beacon.slot {
        store.finalized_header = update.finalized_header;
        if store.finalized_header.beacon.slot > store.optimistic_header.beacon.slot {
            store.optimistic_header = store.finalized_header.clone();
        }
    }
    Ok(())
}

/// Applies the best update without finality, if none was applied for [`Preset::update_timeout`] slots.
///
/// The specification allows it. A signed header then counts as finalized, and a committee is trusted that nothing final
/// proves: it has no place in anything that is proven, in contracts, or where value is at stake.
///
/// # Errors
/// If the update would supply a committee of another period; the store keeps the update then.
///
/// [`Preset::update_timeout`]: crate::config::Preset::update_timeout
pub fn process_light_client_store_force_update<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &mut LightClientStore<N>,
    current_slot: Slot,
) -> Result<(), LightClientError> {
    let finalized_slot = store.finalized_header.beacon.slot;
    if current_slot <= finalized_slot.saturating_add(context.config.preset.update_timeout) {
        return Ok(());
    }
    let Some(best) = &store.best_valid_update else {
        return Ok(());
    };
    let mut update = LightClientUpdate::clone(best);
    if update.finalized_header.beacon.slot <= finalized_slot {
        update.finalized_header = update.attested_header.clone();
    }
    apply_light_client_update(context, store, update)?;
    store.best_valid_update = None;
    Ok(())
}

/// Brings a bootstrap into the form of Gloas.
pub fn upgrade_lc_bootstrap_to_gloas<const N: usize>(
    context: &Context<'_, impl Crypto>,
    bootstrap: LightClientBootstrap<N>,
) -> LightClientBootstrap<N> {
    LightClientBootstrap { header: upgrade_lc_header_to_gloas(context, bootstrap.header), ..bootstrap }
}

/// Brings an update into the form of Gloas.
pub fn upgrade_lc_update_to_gloas<const N: usize>(
    context: &Context<'_, impl Crypto>,
    update: LightClientUpdate<N>,
) -> LightClientUpdate<N> {
    LightClientUpdate {
        attested_header: upgrade_lc_header_to_gloas(context, update.attested_header),
        finalized_header: upgrade_lc_header_to_gloas(context, update.finalized_header),
        ..update
    }
}

/// Brings a finality update into the form of Gloas.
pub fn upgrade_lc_finality_update_to_gloas<const N: usize>(
    context: &Context<'_, impl Crypto>,
    update: LightClientFinalityUpdate<N>,
) -> LightClientFinalityUpdate<N> {
    LightClientFinalityUpdate {
        attested_header: upgrade_lc_header_to_gloas(context, update.attested_header),
        finalized_header: upgrade_lc_header_to_gloas(context, update.finalized_header),
        ..update
    }
}

/// Brings an optimistic update into the form of Gloas.
pub fn upgrade_lc_optimistic_update_to_gloas<const N: usize>(
    context: &Context<'_, impl Crypto>,
    update: LightClientOptimisticUpdate<N>,
) -> LightClientOptimisticUpdate<N> {
    let attested_header = upgrade_lc_header_to_gloas(context, update.attested_header);
    LightClientOptimisticUpdate { attested_header, ..update }
}

/// Brings all of a store into the form of Gloas, before or after the fork.
///
/// It changes no verdict on later updates. The headers of execution payloads are reduced to their block hashes, so that all stores have one
/// form. Upgrades between older forks change the encoding alone: there is one type for all of them here.
pub fn upgrade_lc_store_to_gloas<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: LightClientStore<N>,
) -> LightClientStore<N> {
    LightClientStore {
        finalized_header: upgrade_lc_header_to_gloas(context, store.finalized_header),
        optimistic_header: upgrade_lc_header_to_gloas(context, store.optimistic_header),
        best_valid_update: store
            .best_valid_update
            .map(|update| Box::new(upgrade_lc_update_to_gloas(context, *update))),
        ..store
    }
}

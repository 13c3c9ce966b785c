//! Checks of an update against a store, in the specification's order.

use crate::{
    config::{GENESIS_SLOT, compute_signing_root},
    containers::{LightClientUpdate, is_finality_update, is_sync_committee_update},
    context::Context,
    crypto::Crypto,
    error::LightClientError,
    header::is_valid_light_client_header,
    merkle::{
        finalized_root_gindex_at_slot, is_valid_normalized_merkle_branch, next_sync_committee_gindex_at_slot,
    },
    store::{LightClientStore, is_next_sync_committee_known},
    types::{Slot, ZERO},
};
use libssz_merkle::HashTreeRoot as _;

/// Least count of members that have to sign. Whoever acts on an update should ask for two thirds, and for finality.
pub const MIN_SYNC_COMMITTEE_PARTICIPANTS: u64 = 1;

/// Checks that an update follows from what the store trusts. `current_slot` is that of the clock.
///
/// # Errors
/// The first rule that the update breaks.
pub fn validate_light_client_update<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &LightClientStore<N>,
    update: &LightClientUpdate<N>,
    current_slot: Slot,
) -> Result<(), LightClientError> {
    let participants = update.sync_aggregate.participants();
    if participants < MIN_SYNC_COMMITTEE_PARTICIPANTS {
        let minimum = MIN_SYNC_COMMITTEE_PARTICIPANTS;
        return Err(LightClientError::InsufficientParticipants { participants, minimum });
    }
    check_slots(context, store, update, current_slot)?;
    check_finality(context, update)?;
    check_next_committee(context, store, update)?;
    check_signature(context, store, update)
}

/// Checks the attested header, the order of slots, and that the update is of use.
fn check_slots<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &LightClientStore<N>,
    update: &LightClientUpdate<N>,
    current_slot: Slot,
) -> Result<(), LightClientError> {
    let config = context.config;
    let attested_slot = update.attested_header.beacon.slot;
    let finalized_slot = update.finalized_header.beacon.slot;
    let signature_slot = update.signature_slot;
    if !is_valid_light_client_header(context, &update.attested_header) {
        return Err(LightClientError::InvalidAttestedHeader { slot: attested_slot });
    }
    if signature_slot > current_slot {
        return Err(LightClientError::SignatureSlotInFuture { signature_slot, current_slot });
    }
    if attested_slot >= signature_slot {
        return Err(LightClientError::SignatureNotAfterAttested { signature_slot, attested_slot });
    }
    if finalized_slot > attested_slot {
        return Err(LightClientError::FinalizedAfterAttested { finalized_slot, attested_slot });
    }

    let store_slot = store.finalized_header.beacon.slot;
    let first = config.compute_sync_committee_period_at_slot(store_slot);
    let signature_period = config.compute_sync_committee_period_at_slot(signature_slot);
    let is_next_known = is_next_sync_committee_known(store);
    // A period is a slot divided by at least two, so this sum has room.
    let last = first + u64::from(is_next_known);
    if signature_period < first || signature_period > last {
        return Err(LightClientError::SignaturePeriodSkipped { signature_period, first, last });
    }
    let attested_period = config.compute_sync_committee_period_at_slot(attested_slot);
    let has_next = !is_next_known && is_sync_committee_update(update) && attested_period == first;
    if attested_slot <= store_slot && !has_next {
        return Err(LightClientError::NotRelevant { attested_slot, finalized_slot: store_slot });
    }
    Ok(())
}

/// Checks that the attested state has the finalized header.
fn check_finality<const N: usize>(
    context: &Context<'_, impl Crypto>,
    update: &LightClientUpdate<N>,
) -> Result<(), LightClientError> {
    let finalized_slot = update.finalized_header.beacon.slot;
    let attested = &update.attested_header.beacon;
    let is_finality_update = is_finality_update(update);
    // The state has zeros for the checkpoint of genesis.
    if (!is_finality_update || finalized_slot == GENESIS_SLOT) && !update.finalized_header.is_empty() {
        return Err(LightClientError::UnexpectedFinalizedHeader { slot: finalized_slot });
    }
    if !is_finality_update {
        return Ok(());
    }
    let root = if finalized_slot == GENESIS_SLOT {
        ZERO
    } else if is_valid_light_client_header(context, &update.finalized_header) {
        update.finalized_header.beacon_root(context.crypto)
    } else {
        return Err(LightClientError::InvalidFinalizedHeader { slot: finalized_slot });
    };
    let gindex = finalized_root_gindex_at_slot(context.config, attested.slot);
    let branch = &update.finality_branch;
    if !is_valid_normalized_merkle_branch(context.crypto, root, branch, gindex, attested.state_root) {
        let attested_slot = attested.slot;
        return Err(LightClientError::InvalidFinalityBranch { finalized_slot, attested_slot });
    }
    Ok(())
}

/// Checks that the attested state has the next sync committee.
fn check_next_committee<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &LightClientStore<N>,
    update: &LightClientUpdate<N>,
) -> Result<(), LightClientError> {
    let config = context.config;
    let committee = &update.next_sync_committee;
    if !is_sync_committee_update(update) {
        return if committee.is_empty() { Ok(()) } else { Err(LightClientError::UnexpectedNextCommittee) };
    }
    let attested = &update.attested_header.beacon;
    let period = config.compute_sync_committee_period_at_slot(store.finalized_header.beacon.slot);
    let is_known_period = config.compute_sync_committee_period_at_slot(attested.slot) == period;
    if is_known_period && store.next_sync_committee.as_ref().is_some_and(|known| known != committee) {
        return Err(LightClientError::NextCommitteeMismatch { period });
    }
    let leaf = committee.hash_tree_root(context.crypto);
    let branch = &update.next_sync_committee_branch;
    let gindex = next_sync_committee_gindex_at_slot(config, attested.slot);
    if !is_valid_normalized_merkle_branch(context.crypto, leaf, branch, gindex, attested.state_root) {
        return Err(LightClientError::InvalidNextCommitteeBranch { attested_slot: attested.slot });
    }
    Ok(())
}

/// Checks that members of the signature's committee signed the attested header.
fn check_signature<const N: usize>(
    context: &Context<'_, impl Crypto>,
    store: &LightClientStore<N>,
    update: &LightClientUpdate<N>,
) -> Result<(), LightClientError> {
    let config = context.config;
    let signature_slot = update.signature_slot;
    let signature_period = config.compute_sync_committee_period_at_slot(signature_slot);
    let period = config.compute_sync_committee_period_at_slot(store.finalized_header.beacon.slot);
    let committee = if signature_period == period {
        &store.current_sync_committee
    } else {
        store.next_sync_committee.as_ref().ok_or(LightClientError::SignaturePeriodSkipped {
            signature_period,
            first: period,
            last: period,
        })?
    };
    let domain = config.sync_committee_domain(context.crypto, signature_slot);
    let root = update.attested_header.beacon_root(context.crypto);
    let message = compute_signing_root(context.crypto, root, domain);
    let aggregate = &update.sync_aggregate;
    let keys = aggregate.participating(committee);
    if !context.crypto.fast_aggregate_verify(&keys, &message, &aggregate.sync_committee_signature) {
        return Err(LightClientError::InvalidSignature {
            signature_slot,
            attested_slot: update.attested_header.beacon.slot,
            participants: aggregate.participants(),
        });
    }
    Ok(())
}

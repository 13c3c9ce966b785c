//! Updates that must be refused.

use crate::{
    chain::{BeaconChain, Signing},
    keys,
};
use libssz_types::SszVector;
use zeno_consensus_core::{
    Execution, LightClientError, LightClientHeader, LightClientUpdate, SyncCommittee,
    config::{DOMAIN_SYNC_COMMITTEE, compute_domain, compute_signing_root},
    crypto::Native,
    types::{Root, Slot, Version},
};

/// Update that a store must refuse.
#[derive(Clone, Debug)]
pub struct Attack<const N: usize> {
    /// Fault of the update.
    pub name: &'static str,
    /// Update.
    pub update: LightClientUpdate<N>,
    /// Slot of the clock at which it is shown to the store.
    pub current_slot: Slot,
    /// Name of the error that it must be refused with.
    pub error: &'static str,
}

/// Returns the name of an error, as test vectors have it.
pub fn error_name(error: &LightClientError) -> String {
    format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Makes updates that are wrong in one way each, of the update that attests to a slot.
///
/// Shown to a store that would accept that update, each must be refused with its error, and leave the store as it is. The
/// store must be of the slot's period, and know the next committee if and only if `is_next_known`. The update's finalized slot
/// must not be genesis.
pub fn attacks<const N: usize>(
    chain: &BeaconChain<N>,
    attested_slot: Slot,
    is_next_known: bool,
) -> Vec<Attack<N>> {
    let config = chain.config();
    let signing = Signing::all(attested_slot + 1);
    let good = chain.update(attested_slot, &signing);
    let mut attacks = vec![];
    let mut add = |name, error, change: &dyn Fn(&mut LightClientUpdate<N>)| {
        let mut update = good.clone();
        change(&mut update);
        attacks.push(Attack { name, update, current_slot: signing.slot, error });
    };

    add("nobody signed", "InsufficientParticipants", &|update| {
        update.sync_aggregate = chain.sign(chain.root(attested_slot), &Signing::by(signing.slot, 0, 0));
    });
    add("another execution block in the attested header", "InvalidAttestedHeader", &|update| {
        alter_execution(&mut update.attested_header);
    });
    add("another branch of the attested header's execution block", "InvalidAttestedHeader", &|update| {
        alter_execution_branch(&mut update.attested_header);
    });
    add("signature from the future", "SignatureSlotInFuture", &|update| update.signature_slot += 1);
    add("signature at the end of time", "SignatureSlotInFuture", &|update| update.signature_slot = u64::MAX);
    add("signature as old as the block", "SignatureNotAfterAttested", &|update| {
        update.signature_slot = attested_slot;
    });
    add("finalized header of the future", "FinalizedAfterAttested", &|update| {
        update.finalized_header.beacon.slot = attested_slot + 1;
    });
    add("another execution block in the finalized header", "InvalidFinalizedHeader", &|update| {
        alter_execution(&mut update.finalized_header);
    });
    add("another finalized header", "InvalidFinalityBranch", &|update| {
        update.finalized_header.beacon.proposer_index += 1;
    });
    add("another finality branch", "InvalidFinalityBranch", &|update| {
        flip(update.finality_branch.last_mut())
    });
    add("finalized header without a branch", "UnexpectedFinalizedHeader", &|update| {
        update.finality_branch = Default::default();
    });
    add("next committee without a branch", "UnexpectedNextCommittee", &|update| {
        update.next_sync_committee_branch = Default::default();
    });
    let store_period = config.compute_sync_committee_period_at_slot(attested_slot);
    let mismatch = if is_next_known { "NextCommitteeMismatch" } else { "InvalidNextCommitteeBranch" };
    add("committee of the attacker", mismatch, &|update| {
        update.next_sync_committee = chain.committee(store_period + 100);
    });
    add("two members swapped", mismatch, &|update| swap_members(&mut update.next_sync_committee));
    add("another committee branch", "InvalidNextCommitteeBranch", &|update| {
        flip(update.next_sync_committee_branch.last_mut());
    });
    add("another attested header", "InvalidSignature", &|update| {
        update.attested_header.beacon.proposer_index += 1;
    });
    add("a signature's bit", "InvalidSignature", &|update| {
        update.sync_aggregate.sync_committee_signature[95] ^= 1;
    });
    add("no point for a signature", "InvalidSignature", &|update| {
        update.sync_aggregate.sync_committee_signature = [0xff; 96];
    });
    add("one signer less by the bits", "InvalidSignature", &|update| {
        update.sync_aggregate.sync_committee_bits.set(3, false).expect("there are more members");
    });
    add("signature of another block", "InvalidSignature", &|update| {
        update.sync_aggregate = chain.sign([9; 32], &signing);
    });
    add("signature by another committee", "InvalidSignature", &|update| {
        let message =
            message(chain, attested_slot, version_at(chain, signing.slot), config.genesis_validators_root);
        update.sync_aggregate = keys::sign(store_period + 100, signing.bits.clone(), &message);
    });
    add("signature for another network", "InvalidSignature", &|update| {
        let message = message(chain, attested_slot, version_at(chain, signing.slot), [1; 32]);
        update.sync_aggregate = keys::sign(store_period, signing.bits.clone(), &message);
    });
    add("signature for another fork", "InvalidSignature", &|update| {
        let message = message(chain, attested_slot, [0xff; 4], config.genesis_validators_root);
        update.sync_aggregate = keys::sign(store_period, signing.bits.clone(), &message);
    });

    let skipped = config.first_slot_of_period(store_period + 2);
    let mut update = good.clone();
    update.signature_slot = skipped;
    let error = "SignaturePeriodSkipped";
    attacks.push(Attack { name: "signature two periods later", update, current_slot: skipped, error });
    attacks
}

/// Returns the version that is signed under at a slot.
fn version_at<const N: usize>(chain: &BeaconChain<N>, slot: Slot) -> Version {
    let config = chain.config();
    config.compute_fork_version(config.compute_epoch_at_slot(slot - 1))
}

/// Returns the message that a committee would sign for a block under a version, on a network.
fn message<const N: usize>(chain: &BeaconChain<N>, slot: Slot, version: Version, network: Root) -> Root {
    let domain = compute_domain(&Native, DOMAIN_SYNC_COMMITTEE, version, network);
    compute_signing_root(&Native, chain.root(slot), domain)
}

/// Flips a bit of a node.
fn flip(node: Option<&mut Root>) {
    node.expect("branches have nodes")[0] ^= 1;
}

/// Replaces a header's execution block.
fn alter_execution(header: &mut LightClientHeader) {
    match &mut header.execution {
        // Before Capella there must be none.
        Execution::Absent => header.execution = Execution::BlockHash { hash: [1; 32], branch: [[0; 32]; 11] },
        Execution::Payload { header, .. } => header.state_root[0] ^= 1,
        Execution::BlockHash { hash, .. } => hash[0] ^= 1,
    }
}

/// Replaces the branch of a header's execution block.
fn alter_execution_branch(header: &mut LightClientHeader) {
    match &mut header.execution {
        Execution::Absent => header.execution = Execution::BlockHash { hash: [0; 32], branch: [[1; 32]; 11] },
        Execution::Payload { branch, .. } => flip(branch.first_mut()),
        Execution::BlockHash { branch, .. } => flip(branch.first_mut()),
    }
}

/// Swaps the first two members of a committee.
fn swap_members<const N: usize>(committee: &mut SyncCommittee<N>) {
    let mut keys = committee.pubkeys.to_vec();
    keys.swap(0, 1);
    committee.pubkeys = SszVector::try_from(keys).expect("the length is the same");
}

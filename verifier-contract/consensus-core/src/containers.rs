//! Objects of the protocol, in one type for all forks.
//!
//! Branches have Gloas's length. Those of older forks are shorter, and begin with zeros here: a branch is checked by the
//! depth that the slot of its header asks for.

use crate::{
    header::LightClientHeader,
    types::{Root, Slot, SyncAggregate, SyncCommittee, ZERO},
};

/// Branch from a sync committee to the state's root.
pub type SyncCommitteeBranch = [Root; 11];
/// Branch from the finalized checkpoint's root to the state's root.
pub type FinalityBranch = [Root; 9];

/// Start of a light client: a block that it trusts, and the sync committee in the block's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientBootstrap<const N: usize> {
    /// Header of the block.
    pub header: LightClientHeader,
    /// Sync committee of the block's period.
    pub current_sync_committee: SyncCommittee<N>,
    /// Branch from it to the root of the block's state.
    pub current_sync_committee_branch: SyncCommitteeBranch,
}

/// Update: a signed header, and what its state proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientUpdate<const N: usize> {
    /// Header that is signed.
    pub attested_header: LightClientHeader,
    /// Next sync committee by its state; empty if the branch is.
    pub next_sync_committee: SyncCommittee<N>,
    /// Branch from it to the state's root.
    pub next_sync_committee_branch: SyncCommitteeBranch,
    /// Finalized header by its state; empty if the branch is.
    pub finalized_header: LightClientHeader,
    /// Branch from its root to the state's.
    pub finality_branch: FinalityBranch,
    /// Signature over the attested header.
    pub sync_aggregate: SyncAggregate<N>,
    /// Slot of the block that has the signature. It is not signed.
    pub signature_slot: Slot,
}

/// Update without a next sync committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientFinalityUpdate<const N: usize> {
    /// Header that is signed.
    pub attested_header: LightClientHeader,
    /// Finalized header by its state; empty if the branch is.
    pub finalized_header: LightClientHeader,
    /// Branch from its root to the state's.
    pub finality_branch: FinalityBranch,
    /// Signature over the attested header.
    pub sync_aggregate: SyncAggregate<N>,
    /// Slot of the block that has the signature. It is not signed.
    pub signature_slot: Slot,
}

/// Update without a next sync committee and without finality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientOptimisticUpdate<const N: usize> {
    /// Header that is signed.
    pub attested_header: LightClientHeader,
    /// Signature over the attested header.
    pub sync_aggregate: SyncAggregate<N>,
    /// Slot of the block that has the signature. It is not signed.
    pub signature_slot: Slot,
}

impl<const N: usize> LightClientUpdate<N> {
    /// Returns the part of the update that a finality update has.
    pub fn to_finality_update(&self) -> LightClientFinalityUpdate<N> {
        LightClientFinalityUpdate {
            attested_header: self.attested_header.clone(),
            finalized_header: self.finalized_header.clone(),
            finality_branch: self.finality_branch,
            sync_aggregate: self.sync_aggregate.clone(),
            signature_slot: self.signature_slot,
        }
    }

    /// Returns the part of the update that an optimistic update has.
    pub fn to_optimistic_update(&self) -> LightClientOptimisticUpdate<N> {
        LightClientOptimisticUpdate {
            attested_header: self.attested_header.clone(),
            sync_aggregate: self.sync_aggregate.clone(),
            signature_slot: self.signature_slot,
        }
    }
}

impl<const N: usize> From<LightClientFinalityUpdate<N>> for LightClientUpdate<N> {
    /// Makes an update without a next sync committee.
    fn from(update: LightClientFinalityUpdate<N>) -> Self {
        Self {
            attested_header: update.attested_header,
            next_sync_committee: SyncCommittee::default(),
            next_sync_committee_branch: [ZERO; 11],
            finalized_header: update.finalized_header,
            finality_branch: update.finality_branch,
            sync_aggregate: update.sync_aggregate,
            signature_slot: update.signature_slot,
        }
    }
}

impl<const N: usize> From<LightClientOptimisticUpdate<N>> for LightClientUpdate<N> {
    /// Makes an update without a next sync committee and without finality.
    fn from(update: LightClientOptimisticUpdate<N>) -> Self {
        Self {
            attested_header: update.attested_header,
            next_sync_committee: SyncCommittee::default(),
            next_sync_committee_branch: [ZERO; 11],
            finalized_header: LightClientHeader::default(),
            finality_branch: [ZERO; 9],
            sync_aggregate: update.sync_aggregate,
            signature_slot: update.signature_slot,
        }
    }
}

/// Returns whether an update has a next sync committee: its branch is not all zeros.
pub fn is_sync_committee_update<const N: usize>(update: &LightClientUpdate<N>) -> bool {
    update.next_sync_committee_branch != [ZERO; 11]
}

/// Returns whether an update has a finalized header: its branch is not all zeros.
pub fn is_finality_update<const N: usize>(update: &LightClientUpdate<N>) -> bool {
    update.finality_branch != [ZERO; 9]
}

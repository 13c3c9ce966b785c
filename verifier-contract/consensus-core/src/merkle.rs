//! Generalised indices, and proofs that a leaf is in a tree.

use crate::{
    config::Config,
    fork::Fork,
    types::{Root, Slot, ZERO},
};
use libssz_merkle::{Sha256Hasher, hash_nodes};

/// Index of a node in a tree: the root is 1, the children of `i` are `2i` and `2i + 1`.
pub type GeneralizedIndex = u32;

/// Root of the finalized checkpoint in the state, before Electra.
pub const FINALIZED_ROOT_GINDEX: GeneralizedIndex = 105;
/// Root of the finalized checkpoint in the state, in Electra and Fulu.
pub const FINALIZED_ROOT_GINDEX_ELECTRA: GeneralizedIndex = 169;
/// Root of the finalized checkpoint in the state, since Gloas.
pub const FINALIZED_ROOT_GINDEX_GLOAS: GeneralizedIndex = 735;
/// Current sync committee in the state, before Electra.
pub const CURRENT_SYNC_COMMITTEE_GINDEX: GeneralizedIndex = 54;
/// Current sync committee in the state, in Electra and Fulu.
pub const CURRENT_SYNC_COMMITTEE_GINDEX_ELECTRA: GeneralizedIndex = 86;
/// Current sync committee in the state, since Gloas.
pub const CURRENT_SYNC_COMMITTEE_GINDEX_GLOAS: GeneralizedIndex = 2945;
/// Next sync committee in the state, before Electra.
pub const NEXT_SYNC_COMMITTEE_GINDEX: GeneralizedIndex = 55;
/// Next sync committee in the state, in Electra and Fulu.
pub const NEXT_SYNC_COMMITTEE_GINDEX_ELECTRA: GeneralizedIndex = 87;
/// Next sync committee in the state, since Gloas.
pub const NEXT_SYNC_COMMITTEE_GINDEX_GLOAS: GeneralizedIndex = 2946;
/// Execution payload in the body, from Capella to Fulu.
pub const EXECUTION_PAYLOAD_GINDEX: GeneralizedIndex = 25;
/// Block hash of the execution payload in the body, in Capella.
pub const EXECUTION_BLOCK_HASH_GINDEX_CAPELLA: GeneralizedIndex = 412;
/// Block hash of the execution payload in the body, from Deneb to Fulu.
pub const EXECUTION_BLOCK_HASH_GINDEX_DENEB: GeneralizedIndex = 812;
/// Parent's block hash of the signed bid in the body, since Gloas.
pub const EXECUTION_BLOCK_HASH_GINDEX_GLOAS: GeneralizedIndex = 2856;

/// Chooses among the state's trees: those before Electra, of Electra and Fulu, and since Gloas.
fn at_slot(config: &Config, slot: Slot, [altair, electra, gloas]: [GeneralizedIndex; 3]) -> GeneralizedIndex {
    match config.fork_at_slot(slot) {
        Fork::Gloas => gloas,
        Fork::Electra | Fork::Fulu => electra,
        Fork::Phase0 | Fork::Altair | Fork::Bellatrix | Fork::Capella | Fork::Deneb => altair,
    }
}

/// Returns the index of the finalized root in the state of a slot.
pub fn finalized_root_gindex_at_slot(config: &Config, slot: Slot) -> GeneralizedIndex {
    let indices = [FINALIZED_ROOT_GINDEX, FINALIZED_ROOT_GINDEX_ELECTRA, FINALIZED_ROOT_GINDEX_GLOAS];
    at_slot(config, slot, indices)
}

/// Returns the index of the current sync committee in the state of a slot.
pub fn current_sync_committee_gindex_at_slot(config: &Config, slot: Slot) -> GeneralizedIndex {
    let electra = CURRENT_SYNC_COMMITTEE_GINDEX_ELECTRA;
    at_slot(config, slot, [CURRENT_SYNC_COMMITTEE_GINDEX, electra, CURRENT_SYNC_COMMITTEE_GINDEX_GLOAS])
}

/// Returns the index of the next sync committee in the state of a slot.
pub fn next_sync_committee_gindex_at_slot(config: &Config, slot: Slot) -> GeneralizedIndex {
    let electra = NEXT_SYNC_COMMITTEE_GINDEX_ELECTRA;
    at_slot(config, slot, [NEXT_SYNC_COMMITTEE_GINDEX, electra, NEXT_SYNC_COMMITTEE_GINDEX_GLOAS])
}

/// Returns the depth of a node. The root's is 0, as is that of the index 0, which no node has.
pub const fn floorlog2(gindex: GeneralizedIndex) -> usize {
    match gindex.checked_ilog2() {
        Some(depth) => depth as usize,
        None => 0,
    }
}

/// Returns the root of the tree that has this leaf at `gindex` and these siblings, from the leaf upward.
pub fn root_of_branch(
    hasher: &impl Sha256Hasher,
    leaf: Root,
    branch: &[Root],
    gindex: GeneralizedIndex,
) -> Root {
    branch.iter().enumerate().fold(leaf, |node, (level, sibling)| {
        // A branch may be longer than an index has bits; above the root all nodes are left ones.
        let is_right =
            u32::try_from(level).ok().and_then(|level| gindex.checked_shr(level)).unwrap_or(0) & 1 == 1;
        if is_right { hash_nodes(hasher, sibling, &node) } else { hash_nodes(hasher, &node, sibling) }
    })
}

/// Returns whether the leaf is at `gindex` of the tree with this root. A branch that is longer than the leaf is deep begins
/// with zeros.
pub fn is_valid_normalized_merkle_branch(
    hasher: &impl Sha256Hasher,
    leaf: Root,
    branch: &[Root],
    gindex: GeneralizedIndex,
    root: Root,
) -> bool {
    let Some(extra) = branch.len().checked_sub(floorlog2(gindex)) else {
        return false;
    };
    let (padding, branch) = branch.split_at(extra);
    padding.iter().all(|node| *node == ZERO) && root_of_branch(hasher, leaf, branch, gindex) == root
}

/// Pads a branch by zeros in front to the length `L`.
///
/// # Panics
/// If the branch is longer.
pub(crate) fn normalize<const L: usize>(branch: &[Root]) -> [Root; L] {
    let mut normalized = [ZERO; L];
    normalized[L - branch.len()..].copy_from_slice(branch);
    normalized
}

/// Returns a branch's last `length` nodes, if those before are zeros.
pub(crate) fn unpad(branch: &[Root], length: usize) -> Option<&[Root]> {
    let (padding, branch) = branch.split_at(branch.len().checked_sub(length)?);
    padding.iter().all(|node| *node == ZERO).then_some(branch)
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use super::*;
    use crate::crypto::Native;

    #[test]
    fn a_leaf_is_proven_at_its_index_alone() {
        let leaves: [Root; 4] = core::array::from_fn(|index| [index as u8 + 1; 32]);
        let left = hash_nodes(&Native, &leaves[0], &leaves[1]);
        let right = hash_nodes(&Native, &leaves[2], &leaves[3]);
        let root = hash_nodes(&Native, &left, &right);
        let branch = [leaves[3], left];
        for gindex in 4..8 {
            let is_valid = is_valid_normalized_merkle_branch(&Native, leaves[2], &branch, gindex, root);
            assert_eq!(is_valid, gindex == 6, "{gindex}");
        }
        let padded = [ZERO, leaves[3], left];
        assert!(is_valid_normalized_merkle_branch(&Native, leaves[2], &padded, 6, root));
        let padded = [[1; 32], leaves[3], left];
        assert!(!is_valid_normalized_merkle_branch(&Native, leaves[2], &padded, 6, root));
        assert!(!is_valid_normalized_merkle_branch(&Native, leaves[2], &branch[..1], 6, root));
        assert!(!is_valid_normalized_merkle_branch(&Native, leaves[2], &[], 6, root));
    }

    #[test]
    fn branches_of_any_length_are_judged() {
        let branch = [ZERO; 70];
        assert!(!is_valid_normalized_merkle_branch(&Native, ZERO, &branch, 1, [1; 32]));
        assert!(!is_valid_normalized_merkle_branch(&Native, ZERO, &branch, u32::MAX, ZERO));
        assert!(!is_valid_normalized_merkle_branch(&Native, ZERO, &branch, 0, [1; 32]));
        root_of_branch(&Native, ZERO, &branch, 3);
    }
}

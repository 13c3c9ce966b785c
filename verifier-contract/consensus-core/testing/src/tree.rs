//! Merkle trees of which only a few nodes are given. All others are made up.

use zeno_consensus_core::{
    Sha256Hasher as _,
    crypto::Native,
    merkle::{GeneralizedIndex, floorlog2},
    types::Root,
};

/// Tree with some given nodes, none of them below another. The other nodes are hashes of the seed and their index.
#[derive(Clone, Debug)]
pub struct SparseTree {
    seed: Root,
    nodes: Vec<(GeneralizedIndex, Root)>,
}

impl SparseTree {
    /// Makes a tree that has these nodes.
    pub fn new(seed: Root, nodes: Vec<(GeneralizedIndex, Root)>) -> Self {
        Self { seed, nodes }
    }

    /// Returns the root.
    pub fn root(&self) -> Root {
        self.node(1)
    }

    /// Returns the siblings of the nodes from this one to the root.
    ///
    /// # Panics
    /// If the branch has not `L` nodes.
    pub fn branch<const L: usize>(&self, gindex: GeneralizedIndex) -> [Root; L] {
        assert_eq!(floorlog2(gindex), L, "the depth of {gindex}");
        std::array::from_fn(|level| self.node((gindex >> level) ^ 1))
    }

    /// Returns a node.
    fn node(&self, gindex: GeneralizedIndex) -> Root {
        let is_below = |index: GeneralizedIndex| {
            floorlog2(index).checked_sub(floorlog2(gindex)).is_some_and(|levels| index >> levels == gindex)
        };
        let given = self.nodes.iter().find(|(index, _)| is_below(*index));
        match given {
            Some((index, node)) if *index == gindex => *node,
            Some(_) => Native.hash(&[self.node(2 * gindex), self.node(2 * gindex + 1)].concat()),
            None => Native.hash(&[&self.seed[..], &gindex.to_be_bytes()].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeno_consensus_core::merkle::is_valid_normalized_merkle_branch;

    #[test]
    fn every_given_node_is_proven() {
        let tree = SparseTree::new([1; 32], vec![(54, [2; 32]), (55, [3; 32]), (105, [4; 32])]);
        let proves = |leaf: Root, branch: &[Root], gindex| {
            is_valid_normalized_merkle_branch(&Native, leaf, branch, gindex, tree.root())
        };
        assert!(proves([2; 32], &tree.branch::<5>(54), 54));
        assert!(proves([3; 32], &tree.branch::<5>(55), 55));
        assert!(proves([4; 32], &tree.branch::<6>(105), 105));
        assert!(!proves([4; 32], &tree.branch::<6>(105), 104));
    }
}

//! Headers: a beacon block, and what proves its execution block.

use crate::{
    context::Context,
    crypto::Crypto,
    fork::Fork,
    merkle::{
        EXECUTION_BLOCK_HASH_GINDEX_CAPELLA, EXECUTION_BLOCK_HASH_GINDEX_DENEB,
        EXECUTION_BLOCK_HASH_GINDEX_GLOAS, EXECUTION_PAYLOAD_GINDEX, is_valid_normalized_merkle_branch,
        normalize, root_of_branch,
    },
    types::{BeaconBlockHeader, ExecutionPayloadHeader, Hash32, Root, ZERO},
};
use alloc::{boxed::Box, vec::Vec};
use libssz_merkle::{HashTreeRoot as _, Sha256Hasher, ZERO_HASHES, hash_nodes};

/// Depth of the execution payload in the body, from Capella to Fulu.
pub(crate) const PAYLOAD_DEPTH: usize = 4;
/// Depth of the block hash in the body, since Gloas.
pub(crate) const BLOCK_HASH_DEPTH: usize = 11;

/// Proof of a header's execution block, in one of the forms that forks have given it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the largest variant is the usual one since Gloas")]
pub enum Execution {
    /// None, in Altair and Bellatrix.
    #[default]
    Absent,
    /// Header of the execution payload, from Capella to Fulu.
    Payload {
        /// Header of the block's payload.
        header: Box<ExecutionPayloadHeader>,
        /// Branch from its root to the body's.
        branch: [Root; PAYLOAD_DEPTH],
    },
    /// Hash of an execution block, since Gloas. Older headers are upgraded to this form.
    BlockHash {
        /// Hash of the *parent's* execution block if the header's slot is in Gloas, else of the block's own payload.
        hash: Hash32,
        /// Branch from it to the body's root. That of an older header begins with zeros.
        branch: [Root; BLOCK_HASH_DEPTH],
    },
}

impl Execution {
    /// Returns whether nothing is there: everything is zero.
    fn is_empty(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Payload { header, branch } => header.is_empty() && *branch == [ZERO; PAYLOAD_DEPTH],
            Self::BlockHash { hash, branch } => *hash == ZERO && *branch == [ZERO; BLOCK_HASH_DEPTH],
        }
    }
}

/// Header of a beacon block with a proof of its execution block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LightClientHeader {
    /// Header of the beacon block.
    pub beacon: BeaconBlockHeader,
    /// Proof of the execution block.
    pub execution: Execution,
}

impl LightClientHeader {
    /// Returns the root of the beacon block.
    pub fn beacon_root(&self, hasher: &impl Sha256Hasher) -> Root {
        self.beacon.hash_tree_root(hasher)
    }

    /// Returns whether the header is that of no block.
    pub fn is_empty(&self) -> bool {
        self.beacon == BeaconBlockHeader::default() && self.execution.is_empty()
    }

    /// Returns the hash of the execution block that the header proves, `None` before Capella.
    ///
    /// If the header's slot is in Gloas, it is the hash of the parent's execution block.
    pub fn execution_block_hash(&self) -> Option<Hash32> {
        match &self.execution {
            Execution::Absent => None,
            _ if self.execution.is_empty() => None,
            Execution::Payload { header, .. } => Some(header.block_hash),
            Execution::BlockHash { hash, .. } => Some(*hash),
        }
    }
}

/// Returns whether a header proves its execution block, by the rules of its own slot.
///
/// The container does not matter: an update of Gloas may carry a finalized header of Fulu.
pub fn is_valid_light_client_header(context: &Context<'_, impl Crypto>, header: &LightClientHeader) -> bool {
    let body_root = header.beacon.body_root;
    let proves = |leaf: Root, branch: &[Root], gindex| {
        is_valid_normalized_merkle_branch(context.crypto, leaf, branch, gindex, body_root)
    };
    match (context.config.fork_at_slot(header.beacon.slot), &header.execution) {
        (Fork::Gloas, Execution::BlockHash { hash, branch }) => {
            proves(*hash, branch, EXECUTION_BLOCK_HASH_GINDEX_GLOAS)
        }
        (Fork::Deneb | Fork::Electra | Fork::Fulu, Execution::BlockHash { hash, branch }) => {
            proves(*hash, branch, EXECUTION_BLOCK_HASH_GINDEX_DENEB)
        }
        (Fork::Capella, Execution::BlockHash { hash, branch }) => {
            proves(*hash, branch, EXECUTION_BLOCK_HASH_GINDEX_CAPELLA)
        }
        (Fork::Deneb | Fork::Electra | Fork::Fulu, Execution::Payload { header, branch }) => {
            proves(header.root(context.crypto, false), branch, EXECUTION_PAYLOAD_GINDEX)
        }
        (Fork::Capella, Execution::Payload { header, branch }) => {
            let has_blobs = header.blob_gas_used != 0 || header.excess_blob_gas != 0;
            !has_blobs && proves(header.root(context.crypto, true), branch, EXECUTION_PAYLOAD_GINDEX)
        }
        (Fork::Phase0 | Fork::Altair | Fork::Bellatrix, execution) => execution.is_empty(),
        (_, Execution::Absent) | (Fork::Gloas, Execution::Payload { .. }) => false,
    }
}

/// Returns the root of the execution payload's header; in Gloas the block hash, before Capella zeros.
pub fn get_lc_execution_root(context: &Context<'_, impl Crypto>, header: &LightClientHeader) -> Root {
    let fork = context.config.fork_at_slot(header.beacon.slot);
    if fork < Fork::Capella {
        return ZERO;
    }
    match &header.execution {
        Execution::Absent => ZERO,
        Execution::Payload { header, .. } => header.root(context.crypto, fork == Fork::Capella),
        Execution::BlockHash { hash, .. } if fork == Fork::Gloas => *hash,
        Execution::BlockHash { hash, branch } => {
            // The branch is the one inside the payload's header, and then the one from its root.
            let depth = payload_header_depth(fork);
            let end = BLOCK_HASH_DEPTH - PAYLOAD_DEPTH;
            let gindex = (1 << depth) + ExecutionPayloadHeader::BLOCK_HASH_FIELD as u32;
            root_of_branch(context.crypto, *hash, &branch[end - depth..end], gindex)
        }
    }
}

/// Returns the depth of the tree of a payload's header: 15 fields in Capella, then 17.
fn payload_header_depth(fork: Fork) -> usize {
    if fork == Fork::Capella { 4 } else { 5 }
}

/// Brings a header into the form of Gloas. Headers of that form are left as they are, and an empty one remains empty.
///
/// A header from before Capella loses its execution, which must be empty there and is not proven.
pub fn upgrade_lc_header_to_gloas(
    context: &Context<'_, impl Crypto>,
    header: LightClientHeader,
) -> LightClientHeader {
    let fork = context.config.fork_at_slot(header.beacon.slot);
    let is_empty = header.is_empty();
    let (hash, branch) = match header.execution {
        Execution::BlockHash { .. } => return header,
        _ if is_empty => (ZERO, [ZERO; BLOCK_HASH_DEPTH]),
        // Before Capella nothing is proven.
        Execution::Payload { header, branch } if fork >= Fork::Capella => {
            let mut roots = header.field_roots(context.crypto).to_vec();
            if fork == Fork::Capella {
                roots.truncate(ExecutionPayloadHeader::CAPELLA_FIELDS);
            }
            let inner = branch_of(context.crypto, roots, ExecutionPayloadHeader::BLOCK_HASH_FIELD);
            (header.block_hash, normalize(&[inner, branch.to_vec()].concat()))
        }
        Execution::Absent | Execution::Payload { .. } => (ZERO, [ZERO; BLOCK_HASH_DEPTH]),
    };
    LightClientHeader { beacon: header.beacon, execution: Execution::BlockHash { hash, branch } }
}

/// Returns the branch of a leaf in the tree of these leaves, padded by zeros.
fn branch_of(hasher: &impl Sha256Hasher, mut layer: Vec<Root>, mut index: usize) -> Vec<Root> {
    let mut branch = Vec::new();
    for zeros in ZERO_HASHES.iter().take(layer.len().next_power_of_two().ilog2() as usize) {
        branch.push(layer.get(index ^ 1).copied().unwrap_or(*zeros));
        layer =
            layer.chunks(2).map(|pair| hash_nodes(hasher, &pair[0], pair.get(1).unwrap_or(zeros))).collect();
        index /= 2;
    }
    branch
}

//! Nodes to RLP, and their hashes.

use super::{Branch, Extension, Leaf, Node, decode::INLINE_LIMIT};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::EMPTY_ROOT_HASH;

impl Node {
    pub(super) fn root_hash(&mut self) -> B256 {
        match self {
            Self::Empty => EMPTY_ROOT_HASH,
            Self::Digest(hash) => *hash,
            _ => match self.cached_hash() {
                Some(hash) => hash,
                None => {
                    // The root is hashed however short it is; only longer ones may cache it.
                    let mut rlp = Vec::new();
                    self.encode(&mut rlp);
                    keccak256(rlp)
                }
            },
        }
    }

    fn cached_hash(&self) -> Option<B256> {
        match self {
            Self::Empty => None,
            Self::Digest(hash) => Some(*hash),
            Self::Leaf(leaf) => leaf.hash,
            Self::Extension(extension) => extension.hash,
            Self::Branch(branch) => branch.hash,
        }
    }

    fn cache_hash(&mut self, hash: B256) {
        match self {
            Self::Empty | Self::Digest(_) => {}
            Self::Leaf(leaf) => leaf.hash = Some(hash),
            Self::Extension(extension) => extension.hash = Some(hash),
            Self::Branch(branch) => branch.hash = Some(hash),
        }
    }

    /// How a parent refers to this node: its hash, or itself where it is short.
    fn encode_reference(&mut self, out: &mut Vec<u8>) {
        if let Self::Empty = self {
            return out.push(EMPTY_STRING_CODE);
        }
        if let Some(hash) = self.cached_hash() {
            return hash.encode(out);
        }
        let start = out.len();
        self.encode(out);
        if out.len() - start >= INLINE_LIMIT {
            let hash = keccak256(&out[start..]);
            self.cache_hash(hash);
            out.truncate(start);
            hash.encode(out);
        }
    }

    /// The node's own RLP. A digest has none.
    fn encode(&mut self, out: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(if matches!(self, Self::Branch(_)) { 17 * 33 } else { 128 });
        match self {
            Self::Empty => return out.push(EMPTY_STRING_CODE),
            Self::Digest(_) => unreachable!("a digest is referred to, not encoded"),
            Self::Leaf(leaf) => {
                let Leaf { path, value, .. } = &**leaf;
                let (bytes, used) = path.to_hex_prefix(true);
                bytes[..used].encode(&mut payload);
                value[..].encode(&mut payload);
            }
            Self::Extension(extension) => {
                let Extension { path, child, .. } = &mut **extension;
                let (bytes, used) = path.to_hex_prefix(false);
                bytes[..used].encode(&mut payload);
                child.encode_reference(&mut payload);
            }
            Self::Branch(branch) => {
                let Branch { children, .. } = &mut **branch;
                children.iter_mut().for_each(|child| child.encode_reference(&mut payload));
                payload.push(EMPTY_STRING_CODE);
            }
        }
        Header { list: true, payload_length: payload.len() }.encode(out);
        out.extend_from_slice(&payload);
    }

    /// Pushes the encodings of this node and all below that are revealed and referred to by hash.
    pub(super) fn revealed(&mut self, is_root: bool, nodes: &mut Vec<Bytes>) {
        if matches!(self, Self::Empty | Self::Digest(_)) {
            return;
        }
        let mut rlp = Vec::new();
        self.encode(&mut rlp);
        if is_root || rlp.len() >= INLINE_LIMIT {
            nodes.push(rlp.into());
        }
        match self {
            Self::Extension(extension) => extension.child.revealed(false, nodes),
            Self::Branch(branch) => branch.children.iter_mut().for_each(|child| child.revealed(false, nodes)),
            _ => {}
        }
    }
}

//! Encoding of changed nodes that keeps the encodings, for a trie that is changed and hashed again.

use super::{
    Branch, ChildRefs, Extension, Node, Result, Trie,
    decode::{self, INLINE_LIMIT},
    encode::{bits, push_hash},
    malformed,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable};
use alloy_trie::EMPTY_ROOT_HASH;
use zeno_types::rlp::{HASH_PREFIX, header_length, push_header};

impl Trie {
    /// Returns the same root hash as [`hash`](Self::hash). Afterwards each changed node has its encoding, so that later
    /// hashes cost no more than later changes do.
    ///
    /// # Errors
    /// [`TrieError`](super::TrieError) if a changed node has the encoding of no node, because the witness's had not
    /// either.
    pub fn settle(&mut self) -> Result<B256> {
        if self.changed {
            self.root.settle()?;
            self.hash = match &self.root {
                Node::Empty => EMPTY_ROOT_HASH,
                Node::Digest(hash) => **hash,
                // The root is hashed even if it is short.
                root => keccak256(root.source()),
            };
            self.changed = false;
        }
        Ok(self.hash)
    }
}

impl Node {
    /// Makes the encodings of this node and of all changed nodes below it their sources.
    fn settle(&mut self) -> Result<()> {
        match self {
            // The encoding of a leaf is always known.
            Self::Empty | Self::Stub | Self::Digest(_) | Self::Leaf(_) => Ok(()),
            Self::Extension(extension) => extension.settle(),
            Self::Branch(branch) => branch.settle(),
        }
    }

    /// Source of a node that is known and settled.
    fn source(&self) -> &Bytes {
        match self {
            Self::Empty | Self::Stub | Self::Digest(_) => unreachable!("the node is not known"),
            Self::Leaf(leaf) => &leaf.source,
            Self::Extension(extension) => &extension.source,
            Self::Branch(branch) => &branch.source,
        }
    }

    /// Hash by which a parent refers to the settled node; `None` if the node is empty or inlined.
    fn reference_hash(&self) -> Option<B256> {
        match self {
            Self::Empty => None,
            Self::Digest(hash) => Some(**hash),
            node => Some(node.source()).filter(|source| source.len() >= INLINE_LIMIT).map(keccak256),
        }
    }

    /// Appends the parent's reference to the settled node.
    fn push_reference(&self, out: &mut Vec<u8>) {
        match self.reference_hash() {
            Some(hash) => push_hash(out, &hash.0),
            None if matches!(self, Self::Empty) => out.push(EMPTY_STRING_CODE),
            None => out.extend_from_slice(self.source()),
        }
    }
}

impl Extension {
    fn settle(&mut self) -> Result<()> {
        self.child.settle()?;
        let mut payload = Vec::new();
        self.path.encode(&mut payload);
        let reference = payload.len();
        match &self.child {
            Node::Stub => payload.extend_from_slice(&self.source[self.place..]),
            child => child.push_reference(&mut payload),
        }
        let reference = payload.len() - reference;
        self.source = to_list(&payload);
        self.place = self.source.len() - reference;
        Ok(())
    }
}

impl Branch {
    fn settle(&mut self) -> Result<()> {
        let is_new = self.source.is_empty();
        let changed = if is_new { u16::MAX } else { self.changed };
        if changed == 0 {
            return Ok(());
        }
        for index in bits(changed) {
            self.children[index].settle()?;
        }
        if is_new || !self.settle_in_place() {
            self.source = to_list(&self.payload(changed));
            // The decoder finds the places of the references. A branch never decodes to another kind of node.
            let Node::Branch(decoded) = decode::node(&self.source)? else {
                return Err(malformed(&self.source, decode::NO_BRANCH));
            };
            self.places = decoded.places;
        }
        self.changed = 0;
        Ok(())
    }

    /// Replaces the hashes of changed children in the source, if they were hashes and still are. Otherwise it returns
    /// `false`, and the source remains.
    fn settle_in_place(&mut self) -> bool {
        let Self { source, children, places, changed } = self;
        let have_places = match places {
            ChildRefs::Hashes { present, .. } => *changed & !*present == 0,
            ChildRefs::Listed(places) => {
                bits(*changed).all(|index| source[usize::from(places[index])] == HASH_PREFIX)
            }
        };
        if !have_places {
            return false;
        }
        let mut settled = source.to_vec();
        for index in bits(*changed) {
            let Some(hash) = children[index].reference_hash() else { return false };
            settled[places.of(index) + 1..][..32].copy_from_slice(&hash[..]);
        }
        *source = settled.into();
        true
    }

    /// Payload of the list: the references to all children, and the empty value. References to children that did not
    /// change are copied from the source.
    fn payload(&self, changed: u16) -> Vec<u8> {
        let mut payload = Vec::new();
        for (index, child) in self.children.iter().enumerate() {
            if changed >> index & 1 == 1 {
                child.push_reference(&mut payload);
            } else {
                let end = if index == 15 { self.source.len() - 1 } else { self.places.of(index + 1) };
                payload.extend_from_slice(&self.source[self.places.of(index)..end]);
            }
        }
        payload.push(EMPTY_STRING_CODE);
        payload
    }
}

/// Makes the list with this payload.
fn to_list(payload: &[u8]) -> Bytes {
    let mut list = Vec::with_capacity(header_length(payload.len()) + payload.len());
    push_header(&mut list, true, payload.len());
    list.extend_from_slice(payload);
    list.into()
}

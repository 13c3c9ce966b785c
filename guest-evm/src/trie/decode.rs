//! Nodes from RLP.

use super::{Branch, Extension, Leaf, Node, Path, TrieError};
use alloc::boxed::Box;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Header;

/// Nodes shorter than this are inlined in their parent instead of referred to by hash.
pub(super) const INLINE_LIMIT: usize = 32;

/// Decodes a node. `hash` is the keccak256 of `bytes`.
pub(super) fn node(bytes: &Bytes, hash: B256) -> Result<Node, TrieError> {
    let decoder = Decoder { source: bytes, hash };
    decoder.node(bytes, Some(hash))
}

struct Decoder<'a> {
    /// What all slices below are parts of.
    source: &'a Bytes,
    hash: B256,
}

/// An RLP item: whether it is a list, its payload, and the whole of it.
struct Item<'a> {
    list: bool,
    payload: &'a [u8],
    whole: &'a [u8],
}

impl Decoder<'_> {
    fn malformed(&self, reason: &'static str) -> TrieError {
        TrieError::Malformed { hash: self.hash, reason }
    }

    fn item<'b>(&self, bytes: &mut &'b [u8]) -> Result<Item<'b>, TrieError> {
        let start = *bytes;
        let header = Header::decode(bytes).map_err(|_| self.malformed("its RLP is invalid"))?;
        // `Header::decode` checks that the payload is there.
        let (payload, rest) = bytes.split_at(header.payload_length);
        *bytes = rest;
        Ok(Item { list: header.list, payload, whole: &start[..start.len() - rest.len()] })
    }

    /// `hash` is that of `bytes`, none for an inlined node.
    fn node(&self, mut bytes: &[u8], hash: Option<B256>) -> Result<Node, TrieError> {
        let list = self.item(&mut bytes)?;
        if !list.list || !bytes.is_empty() {
            return Err(self.malformed("it is not one RLP list"));
        }
        let mut rest = list.payload;
        let first = self.item(&mut rest)?;
        let second = self.item(&mut rest)?;
        if rest.is_empty() { self.short(&first, &second, hash) } else { self.branch(list.payload, hash) }
    }

    /// A leaf or an extension.
    fn short(&self, path: &Item<'_>, second: &Item<'_>, hash: Option<B256>) -> Result<Node, TrieError> {
        if path.list {
            return Err(self.malformed("its path is a list"));
        }
        let (path, leaf) = Path::from_hex_prefix(path.payload)
            .ok_or_else(|| self.malformed("its path is not hex-prefix encoded"))?;
        if leaf {
            if second.list || second.payload.is_empty() {
                return Err(self.malformed("its value is a list or empty"));
            }
            let value = self.source.slice_ref(second.payload);
            return Ok(Node::Leaf(Box::new(Leaf { path, value, hash })));
        }
        let child = self.child(second)?;
        if path.is_empty() || !matches!(child, Node::Digest(_) | Node::Branch(_)) {
            return Err(self.malformed("it is an extension without a path or without a branch below"));
        }
        Ok(Node::Extension(Box::new(Extension { path, child, hash })))
    }

    fn branch(&self, mut items: &[u8], hash: Option<B256>) -> Result<Node, TrieError> {
        let mut branch = Box::new(Branch::new());
        branch.hash = hash;
        for child in &mut branch.children {
            *child = self.child(&self.item(&mut items)?)?;
        }
        let value = self.item(&mut items)?;
        if value.list || !value.payload.is_empty() || !items.is_empty() {
            return Err(self.malformed("it is a branch with a value or with more than 17 items"));
        }
        Ok(Node::Branch(branch))
    }

    fn child(&self, item: &Item<'_>) -> Result<Node, TrieError> {
        match (item.list, item.payload.len()) {
            (false, 0) => Ok(Node::Empty),
            (false, 32) => Ok(Node::Digest(B256::from_slice(item.payload))),
            // Each level of inlining is shorter than the one around it, so this ends soon.
            (true, _) if item.whole.len() < INLINE_LIMIT => self.node(item.whole, None),
            _ => Err(self.malformed("it refers to a child neither by hash nor inlined")),
        }
    }
}

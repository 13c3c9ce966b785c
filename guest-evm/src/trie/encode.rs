//! Nodes to RLP, and their hashes.

use super::{
    Branch, Extension, Leaf, Node,
    decode::{HASH_PREFIX, INLINE_LIMIT, reference_length},
};
use alloc::vec::Vec;
use alloy_primitives::{Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use core::ops::Range;

/// The longest header of a list that is a node: a prefix and two bytes of length, as branches have mostly.
const HEADER: usize = 3;

impl Node {
    /// How a parent refers to this node: its hash, or itself where it is short.
    fn encode_reference(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => return out.push(EMPTY_STRING_CODE),
            Self::Stub(_) => unreachable!("only its parent's source has it"),
            Self::Digest(hash) => return push_hash(out, &hash.0),
            _ => {}
        }
        let start = out.len();
        let encoding = self.encode(out);
        if encoding.len() < INLINE_LIMIT {
            let length = encoding.len();
            out.copy_within(encoding, start);
            out.truncate(start + length);
        } else {
            let hash = keccak256(&out[encoding]);
            out.truncate(start);
            push_hash(out, &hash.0);
        }
    }

    /// Appends the node's own RLP and answers where. A reference has none.
    ///
    /// Room is left before it, so that it begins at a multiple of four, if it is a leaf or long: the zkVM's keccak wants
    /// that.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Range<usize> {
        let room = match self {
            Self::Leaf(leaf) => leaf.header().length(),
            _ => HEADER,
        };
        let start = out.len().next_multiple_of(4) + room;
        out.resize(start, 0);
        match self {
            Self::Empty | Self::Stub(_) | Self::Digest(_) => {
                unreachable!("an empty node and a reference have no encoding of their own")
            }
            Self::Leaf(leaf) => {
                let Leaf { path, value, .. } = &**leaf;
                path.encoded().encode(out);
                value[..].encode(out);
            }
            Self::Extension(extension) => {
                let Extension { source, path, child, .. } = &**extension;
                path.encoded().encode(out);
                match child {
                    Self::Stub(at) => out.extend_from_slice(&source[*at as usize..]),
                    child => child.encode_reference(out),
                }
            }
            Self::Branch(branch) => branch.encode_children(out),
        }
        let header = Header { list: true, payload_length: out.len() - start };
        let begin = start - header.length();
        header.encode(&mut &mut out[begin..start]);
        begin..out.len()
    }

    /// Pushes the encodings of this node and all below that are revealed and referred to by hash.
    pub(super) fn revealed(&self, is_root: bool, nodes: &mut Vec<Bytes>) {
        if matches!(self, Self::Empty | Self::Stub(_) | Self::Digest(_)) {
            return;
        }
        let mut scratch = Vec::new();
        let encoding = self.encode(&mut scratch);
        if is_root || encoding.len() >= INLINE_LIMIT {
            nodes.push(Bytes::copy_from_slice(&scratch[encoding]));
        }
        match self {
            Self::Extension(extension) => extension.child.revealed(false, nodes),
            Self::Branch(branch) => branch.children.iter().for_each(|child| child.revealed(false, nodes)),
            _ => {}
        }
    }
}

impl Leaf {
    fn header(&self) -> Header {
        Header { list: true, payload_length: self.path.encoded().length() + self.value[..].length() }
    }
}

impl Branch {
    /// The references to all children, and the empty value. What did not change is copied from the source.
    fn encode_children(&self, out: &mut Vec<u8>) {
        let source = &self.source[..];
        let reference = |at: usize| source.get(at).and_then(|first| reference_length(*first)).unwrap_or(0);
        // Where in the source the next reference is: behind the header at first.
        let mut next = match source.first() {
            None => 0,
            Some(0xf9) => 3,
            Some(0xf8) => 2,
            Some(_) => 1,
        };
        // The source up to here was copied, or replaced.
        let mut done = next;
        // The last child that is as it was: how long it is matters only to one that is not.
        let mut stub = None;
        for child in &self.children {
            if let Node::Stub(at) = child {
                stub = Some(*at as usize);
                continue;
            }
            if let Some(at) = stub.take() {
                next = at + reference(at);
            }
            let length = reference(next);
            // Where there is no child, and there was none, the source has it.
            let is_same = !child.is_changed() || (matches!(child, Node::Empty) && length == 1);
            if !is_same {
                out.extend_from_slice(&source[done..next]);
                done = next + length;
                child.encode_reference(out);
            }
            next += length;
        }
        if let Some(at) = stub {
            next = at + reference(at);
        }
        out.extend_from_slice(&source[done..next]);
        out.push(EMPTY_STRING_CODE);
    }
}

fn push_hash(out: &mut Vec<u8>, hash: &[u8; 32]) {
    out.push(HASH_PREFIX);
    out.extend_from_slice(hash);
}

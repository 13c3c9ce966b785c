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
        if let Self::Branch(branch) = self
            && let Some(encoding) = branch.encode_in_place(out)
        {
            return encoding;
        }
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
    /// [`Node::encode`] where all that changes is hashes of children: its source with others in their places. None, and
    /// nothing is appended, if it is more.
    fn encode_in_place(&self, out: &mut Vec<u8>) -> Option<Range<usize>> {
        let source = &self.source[..];
        let mut next = payload(source);
        if next == 0 {
            return None;
        }
        // Where the changed ones are referred to. Before one of them is encoded, it is known that all have a place: or
        // else what lies below this branch would be encoded twice.
        let mut changed = [(0, 0); 16];
        let mut count = 0;
        // The last child that is as it was: how long it is matters only to one that is not.
        let mut stub = None;
        for (index, child) in self.children.iter().enumerate() {
            if let Node::Stub(at) = child {
                stub = Some(*at as usize);
                continue;
            }
            if let Some(at) = stub.take() {
                next = at + reference_length(*source.get(at)?)?;
            }
            let length = reference_length(*source.get(next)?)?;
            match child {
                // There was none either.
                Node::Empty if length == 1 => {}
                Node::Empty => return None,
                child if !child.is_changed() => {}
                _ if length == 33 => {
                    changed[count] = (index, next);
                    count += 1;
                }
                _ => return None,
            }
            next += length;
        }
        let before = out.len();
        let begin = before.next_multiple_of(4);
        out.resize(begin, 0);
        out.extend_from_slice(source);
        let end = out.len();
        for (index, at) in &changed[..count] {
            let place = begin + at + 1..begin + at + 33;
            // A hash is copied by its bytes, so once only.
            match &self.children[*index] {
                Node::Digest(hash) => out[place].copy_from_slice(&hash[..]),
                child => {
                    let encoding = child.encode(out);
                    if encoding.len() < INLINE_LIMIT {
                        out.truncate(before);
                        return None;
                    }
                    let hash = keccak256(&out[encoding]);
                    out.truncate(end);
                    out[place].copy_from_slice(&hash[..]);
                }
            }
        }
        Some(begin..end)
    }

    /// The references to all children, and the empty value. What did not change is copied from the source.
    fn encode_children(&self, out: &mut Vec<u8>) {
        let source = &self.source[..];
        let reference = |at: usize| source.get(at).and_then(|first| reference_length(*first)).unwrap_or(0);
        // Where in the source the next reference is: behind the header at first.
        let mut next = payload(source);
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

/// Where the items of a node's encoding begin, behind its header; 0 if there is no encoding.
fn payload(source: &[u8]) -> usize {
    match source.first() {
        None => 0,
        Some(0xf9) => 3,
        Some(0xf8) => 2,
        Some(_) => 1,
    }
}

fn push_hash(out: &mut Vec<u8>, hash: &[u8; 32]) {
    out.push(HASH_PREFIX);
    out.extend_from_slice(hash);
}

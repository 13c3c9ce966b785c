//! Encoding of nodes to RLP, and their hashes.

use super::{Branch, ChildRefs, Extension, Leaf, Node, Path, decode::INLINE_LIMIT};
use alloc::vec::Vec;
use alloy_primitives::{Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use core::{num::NonZeroU32, ops::Range};
use zeno_types::rlp::{HASH_PREFIX, header_length, push_header};

/// Maximum length of the list header of a branch or an extension, in bytes: a prefix and two bytes of length.
const HEADER: usize = 3;

impl Node {
    /// Appends the parent's reference to this node: its hash, or the node itself if it is short.
    fn encode_reference(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => return out.push(EMPTY_STRING_CODE),
            Self::Stub => unreachable!("only its parent's source has it"),
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

    /// Appends the node's own RLP and returns its range. A reference has no RLP of its own.
    ///
    /// Space is left before it, so that a long encoding begins at a multiple of four, as the zkVM's keccak
    /// needs it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Range<usize> {
        match self {
            Self::Empty | Self::Stub | Self::Digest(_) => {
                unreachable!("an empty node and a reference have no encoding of their own")
            }
            Self::Leaf(leaf) => append(out, &leaf.source),
            Self::Extension(extension) => {
                let Extension { source, path, child, place } = &**extension;
                encode_list(out, |out| {
                    path.encode(out);
                    match child {
                        Self::Stub => out.extend_from_slice(&source[*place..]),
                        child => child.encode_reference(out),
                    }
                })
            }
            Self::Branch(branch) => match branch.encode_in_place(out) {
                Some(encoding) => encoding,
                None => encode_list(out, |out| branch.encode_children(out)),
            },
        }
    }

    /// Pushes the encodings of this node and all nodes below it that are revealed and referred to by hash.
    pub(super) fn revealed(&self, is_root: bool, nodes: &mut Vec<Bytes>) {
        if matches!(self, Self::Empty | Self::Stub | Self::Digest(_)) {
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
    pub(super) fn new(path: Path<'_>, value: &[u8]) -> Self {
        let mut item = Vec::with_capacity(1 + path.encoded().len());
        path.encoded().encode(&mut item);
        Self::with_item(&item, item.len() - path.encoded().len(), value)
    }

    /// Makes the leaf with this path and another value.
    pub(super) fn with_value(&self, value: &[u8]) -> Self {
        // A path of one byte is its own encoding.
        let header = usize::from(self.path.len() != 1);
        Self::with_item(&self.source[self.path.start - header..self.path.end], header, value)
    }

    /// Makes a leaf. `path` is the whole RLP item of the path; its first `header` bytes are the header.
    fn with_item(path: &[u8], header: usize, value: &[u8]) -> Self {
        let is_byte = matches!(value, [..EMPTY_STRING_CODE]);
        let value_header = if is_byte { 0 } else { header_length(value.len()) };
        let payload = path.len() + value_header + value.len();
        let list_header = header_length(payload);
        let mut source = Vec::with_capacity(list_header + payload);
        push_header(&mut source, true, payload);
        source.extend_from_slice(path);
        if !is_byte {
            push_header(&mut source, false, value.len());
        }
        source.extend_from_slice(value);
        let path = list_header + header..list_header + path.len();
        Self { value: path.end + value_header, source: source.into(), path }
    }
}

impl Branch {
    /// Same as [`Node::encode`] if only hashes of children change: the source with the new hashes. Otherwise
    /// it returns `None`, and appends nothing.
    fn encode_in_place(&self, out: &mut Vec<u8>) -> Option<Range<usize>> {
        // All are known to be hashes before one of them is encoded. Otherwise the nodes below this branch
        // would be encoded twice.
        let have_places = match &self.places {
            ChildRefs::Hashes { present, .. } => self.changed & !present == 0,
            ChildRefs::Listed(places) => {
                bits(self.changed).all(|index| self.source[usize::from(places[index])] == HASH_PREFIX)
            }
        };
        if self.source.is_empty()
            || !have_places
            || bits(self.changed).any(|index| matches!(self.children[index], Node::Empty))
        {
            return None;
        }
        let before = out.len();
        let encoding = append(out, &self.source);
        for index in bits(self.changed) {
            let hash = encoding.start + self.places.of(index) + 1;
            let place = hash..hash + 32;
            // A hash is copied byte by byte, so only once.
            match &self.children[index] {
                Node::Leaf(leaf) if leaf.source.len() >= INLINE_LIMIT => {
                    out[place].copy_from_slice(&keccak256(&leaf.source)[..]);
                }
                Node::Digest(hash) => out[place].copy_from_slice(&hash[..]),
                child => {
                    let below = child.encode(out);
                    if below.len() < INLINE_LIMIT {
                        out.truncate(before);
                        return None;
                    }
                    let hash = keccak256(&out[below]);
                    out.truncate(encoding.end);
                    out[place].copy_from_slice(&hash[..]);
                }
            }
        }
        Some(encoding)
    }

    /// Appends the references to all children, and the empty value. Unchanged ones are copied from the
    /// source.
    fn encode_children(&self, out: &mut Vec<u8>) {
        if self.source.is_empty() {
            self.children.iter().for_each(|child| child.encode_reference(out));
            return out.push(EMPTY_STRING_CODE);
        }
        // Up to here, the source was copied or replaced.
        let mut done = self.places.of(0);
        for index in bits(self.changed) {
            out.extend_from_slice(&self.source[done..self.places.of(index)]);
            self.children[index].encode_reference(out);
            done = if index == 15 { self.source.len() - 1 } else { self.places.of(index + 1) };
        }
        out.extend_from_slice(&self.source[done..]);
    }
}

/// Indices of the bits that are set.
pub(super) fn bits(bits: u16) -> impl Iterator<Item = usize> {
    let mut left = NonZeroU32::new(bits.into());
    core::iter::from_fn(move || {
        let lowest = left?;
        left = NonZeroU32::new(lowest.get() & (lowest.get() - 1));
        Some(lowest.trailing_zeros() as usize)
    })
}

/// Appends an encoding at the alignment of [`Node::encode`], and returns its range.
fn append(out: &mut Vec<u8>, encoding: &[u8]) -> Range<usize> {
    while !out.len().is_multiple_of(4) {
        out.push(0);
    }
    let start = out.len();
    out.extend_from_slice(encoding);
    start..out.len()
}

/// Appends a list in the same manner; `payload` appends its payload.
fn encode_list(out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
    let start = out.len().next_multiple_of(4) + HEADER;
    out.resize(start, 0);
    payload(out);
    let header = Header { list: true, payload_length: out.len() - start };
    let begin = start - header.length();
    header.encode(&mut &mut out[begin..start]);
    begin..out.len()
}

/// Appends a reference by hash.
pub(super) fn push_hash(out: &mut Vec<u8>, hash: &[u8; 32]) {
    out.push(HASH_PREFIX);
    out.extend_from_slice(hash);
}

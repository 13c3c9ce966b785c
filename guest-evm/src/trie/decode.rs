//! Nodes from RLP.

use super::{Branch, Extension, KEY_NIBBLES, Leaf, Node, Path, Result, malformed};
use alloc::boxed::Box;
use alloy_primitives::Bytes;
use alloy_rlp::Header;

/// Nodes shorter than this are inlined in their parent instead of referred to by hash.
pub(super) const INLINE_LIMIT: usize = 32;
/// An empty string: no child.
const NO_CHILD: u8 = 0x80;
/// What comes before the 32 bytes of a hash.
pub(super) const HASH_PREFIX: u8 = 0x80 + 32;
/// The first byte of a list is this and the length of what follows.
const LIST: u8 = 0xc0;
/// The first bytes of the longest string and the longest list whose lengths are in them.
const LAST_SHORT_STRING: u8 = NO_CHILD + 55;
const LAST_SHORT_LIST: u8 = LIST + 55;
/// No node is an empty list.
const FIRST_INLINE: u8 = LIST + 1;
/// The first byte of the longest list that, with this byte, is shorter than [`INLINE_LIMIT`].
const LAST_INLINE: u8 = LIST + INLINE_LIMIT as u8 - 2;

/// How a source refers to a child.
pub(super) enum Reference<'a> {
    Hash(&'a [u8; 32]),
    /// The child's own encoding.
    Inline(&'a [u8]),
}

/// The length of the reference that begins with this byte; none if no reference does.
pub(super) fn reference_length(first: u8) -> Option<usize> {
    match first {
        NO_CHILD => Some(1),
        HASH_PREFIX => Some(33),
        FIRST_INLINE..=LAST_INLINE => Some(1 + usize::from(first - LIST)),
        _ => None,
    }
}

/// The reference at this place of a source, where [`node`] found one that is not empty.
pub(super) fn reference(source: &[u8], at: usize) -> Reference<'_> {
    match source[at] {
        HASH_PREFIX => Reference::Hash(source[at + 1..].first_chunk().expect("decoding found 32 bytes")),
        first => Reference::Inline(&source[at..at + 1 + usize::from(first - LIST)]),
    }
}

/// Decodes a node. Of its children, only their references are looked at.
#[inline(never)]
pub(super) fn node(source: &Bytes) -> Result<Node> {
    let bytes = &source[..];
    if let Some(branch) = full_branch(source) {
        return Ok(Node::Branch(branch));
    }
    let mut payload = bytes;
    match Header::decode(&mut payload) {
        Ok(header) if header.list && header.payload_length == payload.len() => {}
        _ => return Err(malformed(bytes, "it is not one RLP list")),
    }
    let start = bytes.len() - payload.len();
    // A branch has 17 items, a leaf or an extension two. What is wrong with an item is found when it is read.
    let second = start + length(bytes, start)?;
    let end = second + length(bytes, second)?;
    if end == bytes.len() { short(source, start, second) } else { branch(source, start) }
}

/// The length of the item that begins here, if there is one.
#[inline(always)]
fn length(bytes: &[u8], at: usize) -> Result<usize> {
    Ok(match bytes.get(at) {
        Some(..NO_CHILD) => 1,
        Some(first @ NO_CHILD..=LAST_SHORT_STRING) => 1 + usize::from(first - NO_CHILD),
        Some(first @ LIST..=LAST_SHORT_LIST) => 1 + usize::from(first - LIST),
        _ => item(bytes, at)?.whole,
    })
}

/// An RLP item: whether it is a list, the length of all of it, and of its payload.
struct Item {
    list: bool,
    whole: usize,
    payload: usize,
}

/// The item that begins here.
fn item(bytes: &[u8], at: usize) -> Result<Item> {
    let mut rest = bytes.get(at..).unwrap_or_default();
    // `Header::decode` checks that the payload is there.
    let Header { list, payload_length } =
        Header::decode(&mut rest).map_err(|_| malformed(bytes, "its RLP is invalid"))?;
    Ok(Item { list, whole: bytes.len() - at - rest.len() + payload_length, payload: payload_length })
}

/// A leaf or an extension, whose items begin at these places.
fn short(source: &Bytes, first: usize, second: usize) -> Result<Node> {
    let path = item(source, first)?;
    if path.list {
        return Err(malformed(source, "its path is a list"));
    }
    let path = Path::decode(source.slice(second - path.payload..second))
        .ok_or_else(|| malformed(source, "its path is not hex-prefix encoded"))?;
    if path.is_leaf() {
        let value = item(source, second)?;
        if value.list || value.payload == 0 {
            return Err(malformed(source, "its value is a list or empty"));
        }
        let value = source.slice(source.len() - value.payload..);
        return Ok(Node::Leaf(Box::new(Leaf { path, value, changed: false })));
    }
    let is_child = path.len() > 0
        && reference_length(source[second]).is_some_and(|length| second + length == source.len())
        && match source[second] {
            NO_CHILD => false,
            HASH_PREFIX => true,
            _ => matches!(node(&source.slice(second..))?, Node::Branch(_)),
        };
    if !is_child {
        return Err(malformed(source, "it is an extension without a path or without a branch below"));
    }
    let child = Node::Stub(second as u32);
    Ok(Node::Extension(Box::new(Extension { source: source.clone(), path, child, changed: false })))
}

/// A branch that refers to all 16 children by their hashes, as most near a root do. They lie at known places.
fn full_branch(source: &Bytes) -> Option<Box<Branch>> {
    const FIRST: usize = 3;
    const LENGTH: usize = 16 * 33 + 1;
    let bytes: &[u8; FIRST + LENGTH] = source[..].try_into().ok()?;
    let is_full = bytes[..FIRST] == [0xf9, (LENGTH >> 8) as u8, LENGTH as u8]
        && (0..16).all(|index| bytes[FIRST + 33 * index] == HASH_PREFIX)
        && bytes[FIRST + LENGTH - 1] == NO_CHILD;
    is_full.then(|| {
        let children = core::array::from_fn(|index| Node::Stub((FIRST + 33 * index) as u32));
        Box::new(Branch { source: source.clone(), children, changed: false })
    })
}

fn branch(source: &Bytes, start: usize) -> Result<Node> {
    let bytes = &source[..];
    // Filled where it will stay: it is large.
    let mut branch =
        Box::new(Branch { source: source.clone(), children: [const { Node::Empty }; 16], changed: false });
    let mut at = start;
    for child in &mut branch.children {
        match bytes.get(at).and_then(|first| reference_length(*first)) {
            Some(1) => at += 1,
            Some(length) => {
                // An assignment would ask what there is to drop: nothing.
                core::mem::forget(core::mem::replace(child, Node::Stub(at as u32)));
                at += length;
            }
            None => return Err(malformed(bytes, "it refers to a child neither by hash nor inlined")),
        }
    }
    if bytes.get(at) != Some(&NO_CHILD) || at + 1 != bytes.len() {
        return Err(malformed(bytes, "it is a branch with a value or with more than 17 items"));
    }
    Ok(Node::Branch(branch))
}

const _: () = assert!(KEY_NIBBLES / 2 + 1 < 56, "a path is a short string");

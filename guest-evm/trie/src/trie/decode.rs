//! Decoding of nodes from RLP.

use super::{Branch, ChildRef, ChildRefs, Extension, KEY_NIBBLES, Leaf, Node, Path, Result, malformed};
use alloc::boxed::Box;
use alloy_primitives::Bytes;
use alloy_rlp::Header;
use zeno_types::rlp::{
    HASH_PREFIX, LAST_SHORT_LIST, LAST_SHORT_STRING, LIST, LONG_LIST, LONG_STRING, LONGER_LIST, ONE_BYTE,
};

/// Length in bytes below which a node is inlined in its parent instead of referred to by hash.
pub(super) const INLINE_LIMIT: usize = 32;
/// Empty string: no child.
const NO_CHILD: u8 = 0x80;
/// First byte of the shortest list that may be inlined: no node is an empty list.
const FIRST_INLINE: u8 = LIST + 1;
/// First byte of the longest list that is shorter than [`INLINE_LIMIT`], including this byte.
const LAST_INLINE: u8 = LIST + INLINE_LIMIT as u8 - 2;

const NO_REFERENCE: &str = "it refers to a child neither by hash nor inlined";
pub(super) const NO_BRANCH: &str = "it is a branch with a value or with more than 17 items";

/// Reference to a child in a source.
pub(super) enum Reference<'a> {
    Hash(&'a [u8; 32]),
    /// The child's own encoding.
    Inline(&'a [u8]),
}

/// Length of a reference by hash, in bytes.
pub(super) const HASH_REFERENCE: usize = 1 + 32;
/// Offset of the first reference in a branch that refers to all 16 children by hash: the length of its
/// header.
pub(super) const FULL_FIRST: usize = 3;
/// Length of such a branch, in bytes.
const FULL: usize = FULL_FIRST + 16 * HASH_REFERENCE + 1;

/// Length of the reference that begins with this byte; `None` if no reference does.
pub(super) fn reference_length(first: u8) -> Option<usize> {
    match first {
        NO_CHILD => Some(1),
        HASH_PREFIX => Some(HASH_REFERENCE),
        FIRST_INLINE..=LAST_INLINE => Some(1 + usize::from(first - LIST)),
        _ => None,
    }
}

/// Reads the reference at this position of a source. [`node`] need not have found one there (see
/// [`full_branch`]).
#[inline(always)]
pub(super) fn reference(source: &[u8], place: ChildRef) -> Result<Reference<'_>> {
    let ChildRef { at, may_be_inlined } = place;
    let found = match source.get(at) {
        Some(&HASH_PREFIX) => source[at + 1..].first_chunk().map(Reference::Hash),
        Some(first @ FIRST_INLINE..=LAST_INLINE) if may_be_inlined => {
            source[at..].get(..1 + usize::from(first - LIST)).map(Reference::Inline)
        }
        _ => None,
    };
    found.ok_or_else(|| malformed(source, NO_REFERENCE))
}

/// Decodes a node. Only the references to its children are looked at.
#[inline(never)]
pub(super) fn node(source: &Bytes) -> Result<Node> {
    let bytes = &source[..];
    if let Some(branch) = full_branch(source) {
        return Ok(Node::Branch(branch));
    }
    let Some(start) = list(bytes) else { return Err(malformed(bytes, "it is not one RLP list")) };
    if bytes.get(start) == Some(&NO_CHILD) {
        // The path of a leaf or an extension is not empty.
        return branch(source, start);
    }
    // A branch has 17 items, a leaf or an extension has two. A malformed item is found when it is read.
    let second = start + length(bytes, start)?;
    let end = second + length(bytes, second)?;
    if end == bytes.len() { short(source, start, second) } else { branch(source, start) }
}

/// Offset of the payload, if the bytes are exactly one list.
fn list(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [first @ LIST..=LAST_SHORT_LIST, ..] => (bytes.len() == 1 + usize::from(first - LIST)).then_some(1),
        [LONG_LIST, length @ 56..=u8::MAX, ..] => (bytes.len() == 2 + usize::from(length)).then_some(2),
        [LONGER_LIST, high @ 1..=u8::MAX, low, ..] => {
            (bytes.len() == 3 + usize::from(u16::from_be_bytes([high, low]))).then_some(3)
        }
        _ => {
            let mut payload = bytes;
            let header = Header::decode(&mut payload).ok()?;
            (header.list && header.payload_length == payload.len()).then(|| bytes.len() - payload.len())
        }
    }
}

/// Length of the item that begins at this offset, if there is one. The caller has to check that all of the
/// item is there.
#[inline(always)]
fn length(bytes: &[u8], at: usize) -> Result<usize> {
    Ok(match bytes.get(at) {
        Some(..NO_CHILD) => 1,
        Some(first @ NO_CHILD..=LAST_SHORT_STRING) => 1 + usize::from(first - NO_CHILD),
        Some(first @ LIST..=LAST_SHORT_LIST) => 1 + usize::from(first - LIST),
        _ => long(bytes, at)?,
    })
}

/// Length of a long item.
fn long(bytes: &[u8], at: usize) -> Result<usize> {
    if let Some(&[LONG_STRING, length @ 56..=u8::MAX]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        return Ok(2 + usize::from(length));
    }
    let mut rest = bytes.get(at..).unwrap_or_default();
    // This checks that the payload is there.
    let Header { payload_length, .. } =
        Header::decode(&mut rest).map_err(|_| malformed(bytes, "its RLP is invalid"))?;
    Ok(bytes.len() - at - rest.len() + payload_length)
}

/// Offset of the payload of the item at `at`, all of which is there according to [`length`]. `None` if it is
/// a list, or one byte that should be its own encoding.
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        ..NO_CHILD => Some(at),
        ONE_BYTE if bytes[at + 1] < NO_CHILD => None,
        NO_CHILD..=LAST_SHORT_STRING => Some(at + 1),
        first @ LONG_STRING..LIST => Some(at + 1 + usize::from(first - LAST_SHORT_STRING)),
        _ => None,
    }
}

/// Decodes a leaf or an extension, whose items begin at these offsets.
fn short(source: &Bytes, first: usize, second: usize) -> Result<Node> {
    let Some((start, path)) =
        string(source, first).and_then(|start| Some((start, Path::decode(&source[start..second])?)))
    else {
        return Err(malformed(source, "its path is not hex-prefix encoded"));
    };
    if path.is_leaf() {
        let Some(value) = string(source, second).filter(|value| *value < source.len()) else {
            return Err(malformed(source, "its value is a list or empty"));
        };
        return Ok(Node::Leaf(Box::new(Leaf { source: source.clone(), path: start..second, value })));
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
    let path = source.slice(start..second);
    Ok(Node::Extension(Box::new(Extension {
        source: source.clone(),
        path,
        child: Node::Stub,
        place: second,
    })))
}

/// Decodes a branch that refers to all 16 children by hash, as most near a root do. The references have known
/// offsets.
///
/// Only the first two references are checked here. With these two, the node has more than two items, so it is
/// neither a leaf nor an extension; and no other branch has this length. The references to the other children
/// are checked when those are needed. A malformed one is refused then, and so is a child that such a node
/// can't have.
fn full_branch(source: &Bytes) -> Option<Box<Branch>> {
    const HEADER: [u8; FULL_FIRST] =
        [LONGER_LIST, ((FULL - FULL_FIRST) >> 8) as u8, (FULL - FULL_FIRST) as u8];
    let bytes: &[u8; FULL] = source[..].try_into().ok()?;
    let is_full = bytes[..FULL_FIRST] == HEADER
        && bytes[FULL_FIRST] == HASH_PREFIX
        && bytes[FULL_FIRST + HASH_REFERENCE] == HASH_PREFIX
        && bytes[FULL - 1] == NO_CHILD;
    is_full.then(|| {
        Box::new(Branch {
            source: source.clone(),
            children: [const { Node::Stub }; 16],
            places: ChildRefs::Hashes { first: FULL_FIRST as u16, present: u16::MAX },
            changed: 0,
        })
    })
}

/// Decodes any other branch.
fn branch(source: &Bytes, start: usize) -> Result<Node> {
    let bytes = &source[..];
    // Filled at its final address, because it is large.
    let mut branch = Box::new(Branch {
        source: source.clone(),
        children: [const { Node::Stub }; 16],
        places: ChildRefs::NONE,
        changed: 0,
    });
    let mut rest = &bytes[start..];
    let mut present = 0;
    for (index, child) in branch.children.iter_mut().enumerate() {
        match rest {
            [NO_CHILD, behind @ ..] => {
                // An assignment would check for something to drop, and there is nothing.
                core::mem::forget(core::mem::replace(child, Node::Empty));
                rest = behind;
            }
            [HASH_PREFIX, behind @ ..] if behind.len() >= 32 => {
                present |= 1 << index;
                rest = &behind[32..];
            }
            _ => return branch_with_inlined(source, start),
        }
    }
    if *rest != [NO_CHILD] {
        return Err(malformed(bytes, NO_BRANCH));
    }
    // A header has at most nine bytes.
    branch.places = ChildRefs::Hashes { first: start as u16, present };
    Ok(Node::Branch(branch))
}

/// Decodes a branch with inlined children.
#[inline(never)]
fn branch_with_inlined(source: &Bytes, start: usize) -> Result<Node> {
    let bytes = &source[..];
    let mut places = Box::new([0; 16]);
    let mut children = [const { Node::Stub }; 16];
    let mut at = start;
    for (child, place) in children.iter_mut().zip(&mut *places) {
        let Some(length) = bytes.get(at).and_then(|first| reference_length(*first)) else {
            return Err(malformed(bytes, NO_REFERENCE));
        };
        if length == 1 {
            *child = Node::Empty;
        }
        // At most 600: 16 references of 33 bytes, after a header of nine.
        *place = at as u16;
        at += length;
    }
    if bytes.get(at) != Some(&NO_CHILD) || at + 1 != bytes.len() {
        return Err(malformed(bytes, NO_BRANCH));
    }
    let places = ChildRefs::Listed(places);
    Ok(Node::Branch(Box::new(Branch { source: source.clone(), children, places, changed: 0 })))
}

const _: () = assert!(KEY_NIBBLES / 2 + 1 < 56, "a path is a short string");

//! Sparse Merkle-Patricia tries (yellow paper, appendix D). The nodes that a witness reveals are known; of
//! all others, only the hash is.
//!
//! Keys are 32 bytes, as in the state trie and in storage tries, so a branch has no value. A node that a
//! traversal meets but the witness lacks is an error, never an empty node.
//!
//! A node that a witness reveals keeps its encoding and is read without a copy. A branch knows the offset of
//! each child's reference in its encoding. Only changed nodes are ever encoded again.
//!
//! Whatever the nodes of a witness are, no walk continues below the end of a key: a branch takes one nibble
//! of it, an extension at least one. So recursive functions are nested at most 65 times, for which the zkVM's
//! stack of 2 MiB has room.

mod decode;
mod encode;
mod path;
mod settle;

use crate::preimages::Preimages;
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use core::ops::Range;
use path::{Path, nibble};

/// Number of nibbles in a key.
const KEY_NIBBLES: usize = 64;

/// Bytes for the encodings on a path of changed nodes: a branch takes at most 532, and few paths are longer.
const SCRATCH: usize = 16 * 544;

/// Reason why a trie can't be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// The witness lacks a node.
    #[error("the witness lacks the trie node {hash} at path {path:?}")]
    Missing {
        /// The node's hash.
        hash: B256,
        /// Nibbles from the root to the node.
        path: Vec<u8>,
    },
    /// The witness contains a node that no trie has.
    #[error("the trie node {hash} is malformed: {reason}")]
    Malformed {
        /// Hash of the node's encoding, whether it is referred to by this hash or inlined in its parent.
        hash: B256,
        /// The defect.
        reason: &'static str,
    },
}

/// Result with a boxed error, because results are moved often.
pub type Result<T> = core::result::Result<T, Box<TrieError>>;

/// Merkle-Patricia trie with keys of 32 bytes, partly revealed.
#[derive(Clone, Debug)]
pub struct Trie {
    root: Node,
    /// The root hash before the first change.
    hash: B256,
    /// Says whether there may have been a change.
    changed: bool,
}

/// Node of a trie, or a reference to one.
#[derive(Clone, Debug)]
enum Node {
    Empty,
    /// Child that is not decoded yet: the parent's encoding refers to it at this child's offset.
    Stub,
    /// A node of which only the hash is known: a root, or one that the parent's source does not refer to.
    Digest(Box<B256>),
    Leaf(Box<Leaf>),
    Extension(Box<Extension>),
    Branch(Box<Branch>),
}

/// Leaf, which consists of its encoding, whether a witness revealed it or it was made here.
#[derive(Clone, Debug)]
struct Leaf {
    source: Bytes,
    /// Range of the path's hex-prefix encoding in the source.
    path: Range<usize>,
    /// Offset of the value in the source.
    value: usize,
}

/// Extension. `source` is the encoding that revealed the node; it is empty if the node never was revealed.
#[derive(Clone, Debug)]
struct Extension {
    source: Bytes,
    /// Path in its hex-prefix encoding.
    path: Bytes,
    child: Node,
    /// Offset of the reference to the child in the source, if there is a source.
    place: usize,
}

/// Branch, with the same `source` as [`Extension`].
#[derive(Clone, Debug)]
struct Branch {
    source: Bytes,
    children: [Node; 16],
    places: ChildRefs,
    /// A bit for each child that differs from the source. Without a source it has no meaning.
    changed: u16,
}

/// Position of a reference to a child in a source.
#[derive(Clone, Copy, Debug)]
struct ChildRef {
    at: usize,
    /// Says whether the child may be inlined; otherwise it has to be referred to by hash.
    may_be_inlined: bool,
}

/// Offsets of the references to all children in a branch's source.
#[derive(Clone, Debug)]
enum ChildRefs {
    /// All references are hashes. `first` is the offset of the first reference; `present` has a bit for each
    /// child that exists.
    Hashes { first: u16, present: u16 },
    /// Some children are inlined. One offset per child.
    Listed(Box<[u16; 16]>),
}

impl Default for Trie {
    fn default() -> Self {
        Self { root: Node::Empty, hash: EMPTY_ROOT_HASH, changed: false }
    }
}

impl Trie {
    /// Makes a trie with this root hash. Its nodes are taken from a witness when they are met.
    pub fn from_root(root: B256) -> Self {
        if root == EMPTY_ROOT_HASH {
            return Self::default();
        }
        Self { root: Node::Digest(Box::new(root)), hash: root, changed: false }
    }

    /// Returns the value at `key`; `None` if the trie provably lacks it.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the path, or if one is malformed.
    #[inline(never)]
    pub fn get(&mut self, key: &B256, nodes: &mut Preimages) -> Result<Option<&[u8]>> {
        self.reveal_root(nodes)?;
        let mut node = &mut self.root;
        let mut depth = 0;
        loop {
            match node {
                Node::Empty => return Ok(None),
                Node::Stub | Node::Digest(_) => unreachable!("the node was resolved"),
                Node::Leaf(leaf) => {
                    return Ok(leaf.path().ends(key, depth).then(|| leaf.value()));
                }
                Node::Extension(extension) => {
                    if !extension.leads_on(key, depth) {
                        return Ok(None);
                    }
                    let at = extension.place();
                    let Extension { source, path, child, .. } = &mut **extension;
                    depth += Path::known(path).len();
                    child.resolve(source, || at, nodes, key, depth)?;
                    node = child;
                }
                Node::Branch(branch) => {
                    let index = branch.index(key, depth)?;
                    depth += 1;
                    node = branch.resolve(index, nodes, key, depth)?;
                }
            }
        }
    }

    /// Sets the value at `key`, which must not be empty.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the path, or if one is malformed.
    pub fn insert(&mut self, key: &B256, value: Bytes, nodes: &mut Preimages) -> Result<()> {
        debug_assert!(!value.is_empty(), "an empty value is a removal");
        self.reveal_root(nodes)?;
        self.changed = true;
        self.root.insert(key, 0, &value, nodes)
    }

    /// Removes `key`, if the trie has it.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the path, or if one is malformed. The same holds for the only
    /// remaining sibling in a branch, which has to merge with its parent.
    pub fn remove(&mut self, key: &B256, nodes: &mut Preimages) -> Result<()> {
        self.reveal_root(nodes)?;
        self.changed = true;
        self.root.remove(key, 0, nodes)?;
        Ok(())
    }

    /// Returns the root hash.
    pub fn hash(&self) -> B256 {
        match &self.root {
            Node::Empty => EMPTY_ROOT_HASH,
            Node::Digest(hash) => **hash,
            root if self.changed => {
                let mut scratch = Vec::with_capacity(SCRATCH);
                // The root is hashed even if it is short.
                let encoding = root.encode(&mut scratch);
                keccak256(&scratch[encoding])
            }
            _ => self.hash,
        }
    }

    /// Replaces the root's hash by the root.
    #[inline(always)]
    fn reveal_root(&mut self, nodes: &mut Preimages) -> Result<()> {
        if let Node::Digest(hash) = &self.root {
            self.root = reveal(&hash.0, nodes, &B256::ZERO, 0)?;
        }
        Ok(())
    }

    /// Returns the encodings of all revealed nodes that are referred to by hash, parents first, for the maker
    /// of a witness.
    pub fn revealed(&self) -> Vec<Bytes> {
        let mut nodes = Vec::new();
        self.root.revealed(true, &mut nodes);
        nodes
    }
}

/// Returns the node with this hash, to which the first `depth` nibbles of a key lead.
#[inline(always)]
fn reveal(hash: &[u8; 32], nodes: &mut Preimages, key: &B256, depth: usize) -> Result<Node> {
    match nodes.get(hash) {
        Some(bytes) => decode::node(bytes),
        None => Err(Box::new(TrieError::Missing { hash: B256::from(*hash), path: start(key, depth) })),
    }
}

/// Returns the first `depth` nibbles of a key.
fn start(key: &B256, depth: usize) -> Vec<u8> {
    (0..depth).map(|index| nibble(&key[..], index)).collect()
}

fn malformed(encoding: &[u8], reason: &'static str) -> Box<TrieError> {
    Box::new(TrieError::Malformed { hash: keccak256(encoding), reason })
}

fn too_deep(encoding: &[u8]) -> Box<TrieError> {
    malformed(encoding, "it lies deeper than a key is long")
}

impl Leaf {
    fn path(&self) -> Path<'_> {
        Path::known(&self.source[self.path.clone()])
    }

    fn value(&self) -> &[u8] {
        &self.source[self.value..]
    }
}

impl Extension {
    fn place(&self) -> ChildRef {
        ChildRef { at: self.place, may_be_inlined: true }
    }

    /// Returns whether the key continues to the child.
    fn leads_on(&self, key: &B256, depth: usize) -> bool {
        let path = Path::known(&self.path);
        path.common(key, depth) == path.len()
    }
}

impl Branch {
    /// Index of the child to which the key continues.
    #[inline(always)]
    fn index(&self, key: &B256, depth: usize) -> Result<usize> {
        if depth == KEY_NIBBLES {
            return Err(too_deep(&self.source));
        }
        Ok(usize::from(nibble(&key[..], depth)))
    }

    /// Returns a child after [`Node::resolve`].
    #[inline(always)]
    fn resolve(
        &mut self,
        index: usize,
        nodes: &mut Preimages,
        key: &B256,
        depth: usize,
    ) -> Result<&mut Node> {
        let Self { source, children, places, .. } = self;
        let child = &mut children[index];
        child.resolve(source, || places.place(index), nodes, key, depth)?;
        Ok(child)
    }
}

impl ChildRefs {
    /// Offsets of a branch without a source.
    const NONE: Self = Self::Hashes { first: 0, present: 0 };

    /// Offset of the reference to the child of this index in the source, if there is a source.
    #[inline(always)]
    fn of(&self, index: usize) -> usize {
        match self {
            // Most are full.
            Self::Hashes { first, present: u16::MAX } => usize::from(*first) + decode::HASH_REFERENCE * index,
            Self::Hashes { first, present } => {
                let before = (present & ((1 << index) - 1)).count_ones() as usize;
                usize::from(*first) + index + 32 * before
            }
            Self::Listed(places) => usize::from(places[index]),
        }
    }

    /// Position of the reference to the child of this index.
    #[inline(always)]
    fn place(&self, index: usize) -> ChildRef {
        ChildRef { at: self.of(index), may_be_inlined: matches!(self, Self::Listed(_)) }
    }
}

impl Node {
    fn leaf(path: Path<'_>, value: &[u8]) -> Self {
        Self::Leaf(Box::new(Leaf::new(path, value)))
    }

    /// Puts `child`, which must have been [taken](Self::take), below an encoded path, which may have no
    /// nibbles.
    fn extension(path: Vec<u8>, child: Self) -> Self {
        if Path::known(&path).len() == 0 {
            return child;
        }
        Self::Extension(Box::new(Extension { source: Bytes::new(), path: path.into(), child, place: 0 }))
    }

    /// Replaces a reference by the node itself. `source` is the parent's, and refers to the node at `place`.
    /// The first `depth` nibbles of the key lead to the node.
    #[inline(always)]
    fn resolve(
        &mut self,
        source: &Bytes,
        place: impl FnOnce() -> ChildRef,
        nodes: &mut Preimages,
        key: &B256,
        depth: usize,
    ) -> Result<()> {
        match self {
            Self::Stub => self.resolve_stub(source, place(), nodes, key, depth),
            Self::Digest(hash) => {
                *self = reveal(&hash.0, nodes, key, depth)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[inline(never)]
    fn resolve_stub(
        &mut self,
        source: &Bytes,
        place: ChildRef,
        nodes: &mut Preimages,
        key: &B256,
        depth: usize,
    ) -> Result<()> {
        let node = match decode::reference(source, place)? {
            decode::Reference::Hash(hash) => reveal(hash, nodes, key, depth)?,
            decode::Reference::Inline(item) => decode::node(&source.slice_ref(item))?,
        };
        // An assignment would check for something to drop, and there is nothing.
        core::mem::forget(core::mem::replace(self, node));
        Ok(())
    }

    /// Takes the node from its position below a parent with this source, to be put elsewhere.
    fn take(&mut self, source: &Bytes, place: ChildRef) -> Result<Self> {
        if let Self::Stub = self {
            *self = match decode::reference(source, place)? {
                decode::Reference::Hash(hash) => Self::Digest(Box::new(B256::from(*hash))),
                decode::Reference::Inline(item) => decode::node(&source.slice_ref(item))?,
            };
        }
        Ok(core::mem::replace(self, Self::Empty))
    }

    /// Sets the value at `key` below this node, which must have been resolved.
    fn insert(&mut self, key: &B256, mut depth: usize, value: &[u8], nodes: &mut Preimages) -> Result<()> {
        let mut node = self;
        loop {
            match node {
                Self::Empty => {
                    *node = Self::leaf(Path::known(&Path::rest(key, depth)), value);
                    return Ok(());
                }
                Self::Stub | Self::Digest(_) => unreachable!("the node was resolved"),
                Self::Leaf(leaf) => {
                    let path = leaf.path();
                    if path.ends(key, depth) {
                        **leaf = leaf.with_value(value);
                        return Ok(());
                    }
                    if path.len() + depth != KEY_NIBBLES {
                        return Err(too_deep(path.encoded()));
                    }
                    let common = path.common(key, depth);
                    let rest = Path::encode(path.slice(common + 1, path.len()), true);
                    let old = Self::leaf(Path::known(&rest), leaf.value());
                    *node = Self::fork(key, depth, common, path.at(common), old, value);
                    return Ok(());
                }
                Self::Extension(extension) => {
                    let at = extension.place();
                    let Extension { source, path, child, .. } = &mut **extension;
                    let path = Path::known(path);
                    let common = path.common(key, depth);
                    if common == path.len() {
                        depth += common;
                        child.resolve(source, || at, nodes, key, depth)?;
                        return child.insert(key, depth, value, nodes);
                    }
                    if depth + common == KEY_NIBBLES {
                        return Err(too_deep(source));
                    }
                    let rest = Path::encode(path.slice(common + 1, path.len()), false);
                    let old = Self::extension(rest, child.take(source, at)?);
                    *node = Self::fork(key, depth, common, path.at(common), old, value);
                    return Ok(());
                }
                Self::Branch(branch) => {
                    let index = branch.index(key, depth)?;
                    depth += 1;
                    branch.resolve(index, nodes, key, depth)?;
                    // If there is an error below, the child is encoded again, to the same bytes.
                    branch.changed |= 1 << index;
                    node = &mut branch.children[index];
                }
            }
        }
    }

    /// Makes a branch of two children below their common nibbles: the old node at its nibble, and a new leaf.
    fn fork(key: &B256, depth: usize, common: usize, at: u8, old: Self, value: &[u8]) -> Self {
        let end = depth + common;
        let mut children = [const { Self::Empty }; 16];
        children[usize::from(at)] = old;
        children[usize::from(nibble(&key[..], end))] =
            Self::leaf(Path::known(&Path::rest(key, end + 1)), value);
        let branch = Self::Branch(Box::new(Branch {
            source: Bytes::new(),
            children,
            places: ChildRefs::NONE,
            changed: 0,
        }));
        Self::extension(Path::encode((depth..end).map(|index| nibble(&key[..], index)), false), branch)
    }

    /// Removes `key` below this node, which must have been resolved. Returns whether it was removed, so that
    /// the node changed.
    fn remove(&mut self, key: &B256, depth: usize, nodes: &mut Preimages) -> Result<bool> {
        match self {
            Self::Empty => return Ok(false),
            Self::Stub | Self::Digest(_) => unreachable!("the node was resolved"),
            Self::Leaf(leaf) => {
                if !leaf.path().ends(key, depth) {
                    return Ok(false);
                }
                *self = Self::Empty;
            }
            Self::Extension(extension) => {
                if !extension.leads_on(key, depth) {
                    return Ok(false);
                }
                let at = extension.place();
                let Extension { source, path, child, .. } = &mut **extension;
                let path = Path::known(path);
                let below = depth + path.len();
                child.resolve(source, || at, nodes, key, below)?;
                if !child.remove(key, below, nodes)? {
                    return Ok(false);
                }
                if !matches!(child, Self::Branch(_)) {
                    let prefix = path.slice(0, path.len()).collect::<Vec<_>>();
                    *self = child.take(source, at)?.below(&prefix)?;
                }
            }
            Self::Branch(branch) => {
                let index = branch.index(key, depth)?;
                let child = branch.resolve(index, nodes, key, depth + 1)?;
                let removed = child.remove(key, depth + 1, nodes)?;
                let only = if matches!(child, Self::Empty) { only_child(&branch.children) } else { None };
                // An only child without a removal: the same removal was tried before, and the sibling was
                // missing.
                if !removed && only.is_none() {
                    return Ok(false);
                }
                branch.changed |= 1 << index;
                if let Some(only) = only {
                    // The sibling merges with its parent, so it has to be known.
                    let index = usize::from(only);
                    branch.resolve(index, nodes, key, depth).map_err(|mut error| {
                        if let TrieError::Missing { path, .. } = &mut *error {
                            path.push(only);
                        }
                        error
                    })?;
                    branch.changed |= 1 << index;
                    let place = branch.places.place(index);
                    *self = branch.children[index].take(&branch.source, place)?.below(&[only])?;
                }
            }
        }
        Ok(true)
    }

    /// Moves the node, which must have been [taken](Self::take), below nibbles. Paths of leaves and
    /// extensions are joined.
    fn below(self, prefix: &[u8]) -> Result<Self> {
        let join = |path: Path<'_>| path.after(prefix).ok_or_else(|| too_deep(path.encoded()));
        Ok(match self {
            Self::Leaf(leaf) => Self::leaf(Path::known(&join(leaf.path())?), leaf.value()),
            Self::Extension(mut extension) => {
                extension.path = join(Path::known(&extension.path))?.into();
                Self::Extension(extension)
            }
            Self::Empty => Self::Empty,
            node => Self::extension(Path::encode(prefix.iter().copied(), false), node),
        })
    }
}

/// Returns the nibble of the only child, if there is exactly one.
fn only_child(children: &[Node; 16]) -> Option<u8> {
    let mut present =
        (0u8..).zip(children).filter(|(_, child)| !matches!(child, Node::Empty)).map(|(nibble, _)| nibble);
    let first = present.next()?;
    present.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;

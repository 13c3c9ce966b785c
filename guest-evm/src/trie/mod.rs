//! Sparse Merkle-Patricia tries (yellow paper, appendix D): known where a witness reveals them,
//! hashes elsewhere.
//!
//! Keys are 32 bytes, as in the state trie and in storage tries; so a branch has no value.
//! What a traversal meets but the witness lacks is an error, never an empty node.
//!
//! A node that a witness reveals keeps its encoding and is read in place: a branch knows where in it each child is
//! referred to, and only what changed is ever encoded anew.

mod decode;
mod encode;
mod path;
mod preimages;

pub use preimages::Preimages;

use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use path::{Path, nibble};

/// Nibbles in a key.
const KEY_NIBBLES: usize = 64;

/// Bytes for the encodings on a path of changed nodes: a branch takes at most 532, and few paths are longer.
const SCRATCH: usize = 16 * 544;

/// Why a trie can't be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// The witness lacks a node.
    #[error("the witness lacks the trie node {hash} at path {path:?}")]
    Missing {
        /// Its hash.
        hash: B256,
        /// Nibbles from the root to it.
        path: Vec<u8>,
    },
    /// A node that no trie has.
    #[error("the trie node {hash} is malformed: {reason}")]
    Malformed {
        /// The hash of its encoding, whether it is referred to by it or lies in its parent.
        hash: B256,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// With the error elsewhere: answers are moved more often than one would think.
pub type Result<T> = core::result::Result<T, Box<TrieError>>;

/// A Merkle-Patricia trie with keys of 32 bytes, partly revealed.
#[derive(Clone, Debug)]
pub struct Trie {
    root: Node,
    /// The root hash before the first change.
    hash: B256,
}

#[derive(Clone, Debug)]
enum Node {
    Empty,
    /// What the parent's source refers to here: where in it the reference begins.
    Stub(u32),
    /// A node of which only the hash is known: a root's, or one whose parent's source does not refer to it.
    Digest(Box<B256>),
    Leaf(Box<Leaf>),
    Extension(Box<Extension>),
    Branch(Box<Branch>),
}

/// `changed` says of each kind of node that the parent's source, if there is one, does not refer to it as it is now.
#[derive(Clone, Debug)]
struct Leaf {
    path: Path,
    value: Bytes,
    changed: bool,
}

/// `source` is the encoding that the node was revealed by; empty if it never was.
#[derive(Clone, Debug)]
struct Extension {
    source: Bytes,
    path: Path,
    child: Node,
    changed: bool,
}

#[derive(Clone, Debug)]
struct Branch {
    source: Bytes,
    children: [Node; 16],
    changed: bool,
}

impl Default for Trie {
    fn default() -> Self {
        Self { root: Node::Empty, hash: EMPTY_ROOT_HASH }
    }
}

impl Trie {
    /// The trie with this root hash; its nodes are taken from a witness as they are met.
    pub fn from_root(root: B256) -> Self {
        if root == EMPTY_ROOT_HASH {
            return Self::default();
        }
        Self { root: Node::Digest(Box::new(root)), hash: root }
    }

    /// The value at `key`, or none if the trie provably lacks it.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the way, or it is malformed.
    #[inline(never)]
    pub fn get(&mut self, key: &B256, nodes: &mut Preimages) -> Result<Option<&Bytes>> {
        self.reveal_root(nodes)?;
        let mut node = &mut self.root;
        let mut depth = 0;
        loop {
            match node {
                Node::Empty => return Ok(None),
                Node::Stub(_) | Node::Digest(_) => unreachable!("the node was resolved"),
                Node::Leaf(leaf) => {
                    return Ok(leaf.path.ends(key, depth).then_some(&leaf.value));
                }
                Node::Extension(extension) => {
                    let Extension { source, path, child, .. } = &mut **extension;
                    if path.common(key, depth) != path.len() {
                        return Ok(None);
                    }
                    depth += path.len();
                    child.resolve(source, nodes, &|| start(key, depth))?;
                    node = child;
                }
                Node::Branch(branch) => {
                    let Branch { source, children, .. } = &mut **branch;
                    if depth == KEY_NIBBLES {
                        return Err(too_deep(source));
                    }
                    let child = &mut children[usize::from(nibble(&key[..], depth))];
                    depth += 1;
                    child.resolve(source, nodes, &|| start(key, depth))?;
                    node = child;
                }
            }
        }
    }

    /// Sets the value at `key`, which must not be empty.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the way, or it is malformed.
    pub fn insert(&mut self, key: &B256, value: Bytes, nodes: &mut Preimages) -> Result<()> {
        debug_assert!(!value.is_empty(), "an empty value is a removal");
        self.reveal_root(nodes)?;
        self.root.insert(key, 0, value, nodes)
    }

    /// Removes `key`, if the trie has it.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the way, or the only sibling that is left of a
    /// branch, which has to merge with what is above; or if one of them is malformed.
    pub fn remove(&mut self, key: &B256, nodes: &mut Preimages) -> Result<()> {
        self.reveal_root(nodes)?;
        self.root.remove(key, 0, nodes)?;
        Ok(())
    }

    /// The root hash.
    pub fn hash(&self) -> B256 {
        match &self.root {
            Node::Empty => EMPTY_ROOT_HASH,
            Node::Digest(hash) => **hash,
            root if root.is_changed() => {
                let mut scratch = Vec::with_capacity(SCRATCH);
                // The root is hashed however short it is.
                let encoding = root.encode(&mut scratch);
                keccak256(&scratch[encoding])
            }
            _ => self.hash,
        }
    }

    /// Replaces the root's hash by the root.
    fn reveal_root(&mut self, nodes: &mut Preimages) -> Result<()> {
        if let Node::Digest(hash) = &self.root {
            self.root = reveal(&hash.0, nodes, &|| Vec::new())?;
        }
        Ok(())
    }

    /// The encodings of all revealed nodes that a hash refers to, parents first: for whoever makes
    /// a witness.
    pub fn revealed(&self) -> Vec<Bytes> {
        let mut nodes = Vec::new();
        self.root.revealed(true, &mut nodes);
        nodes
    }
}

/// The node with this hash, to which the path leads.
fn reveal(hash: &[u8; 32], nodes: &mut Preimages, path: &dyn Fn() -> Vec<u8>) -> Result<Node> {
    match nodes.get(hash) {
        Some(bytes) => decode::node(bytes),
        None => Err(Box::new(TrieError::Missing { hash: B256::from(*hash), path: path() })),
    }
}

/// The first nibbles of a key.
fn start(key: &B256, depth: usize) -> Vec<u8> {
    (0..depth).map(|index| nibble(&key[..], index)).collect()
}

fn malformed(encoding: &[u8], reason: &'static str) -> Box<TrieError> {
    Box::new(TrieError::Malformed { hash: keccak256(encoding), reason })
}

fn too_deep(encoding: &[u8]) -> Box<TrieError> {
    malformed(encoding, "it lies deeper than a key is long")
}

impl Node {
    fn leaf(path: Path, value: Bytes) -> Self {
        Self::Leaf(Box::new(Leaf { path, value, changed: true }))
    }

    /// `child`, which must have been [taken](Self::take), below a path, which may be empty.
    fn extension(path: Path, child: Self) -> Self {
        if path.len() == 0 {
            return child;
        }
        Self::Extension(Box::new(Extension { source: Bytes::new(), path, child, changed: true }))
    }

    /// Whether the parent's source doesn't refer to this node as it is now.
    fn is_changed(&self) -> bool {
        match self {
            Self::Empty | Self::Digest(_) => true,
            Self::Stub(_) => false,
            Self::Leaf(leaf) => leaf.changed,
            Self::Extension(extension) => extension.changed,
            Self::Branch(branch) => branch.changed,
        }
    }

    /// Replaces a reference by the node itself. `source` is the parent's, `path` leads to the node.
    fn resolve(&mut self, source: &Bytes, nodes: &mut Preimages, path: &dyn Fn() -> Vec<u8>) -> Result<()> {
        match self {
            Self::Stub(at) => {
                let node = match decode::reference(source, *at as usize) {
                    decode::Reference::Hash(hash) => reveal(hash, nodes, path)?,
                    decode::Reference::Inline(item) => decode::node(&source.slice_ref(item))?,
                };
                // An assignment would ask what there is to drop: nothing.
                core::mem::forget(core::mem::replace(self, node));
            }
            Self::Digest(hash) => {
                *self = reveal(&hash.0, nodes, path)?;
                // It was moved here: the parent has no encoding to copy a reference from.
                self.mark_changed();
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the node out of its place below a parent with this source, to be put elsewhere.
    fn take(&mut self, source: &Bytes) -> Result<Self> {
        let mut taken = core::mem::replace(self, Self::Empty);
        if let Self::Stub(at) = taken {
            taken = match decode::reference(source, at as usize) {
                decode::Reference::Hash(hash) => Self::Digest(Box::new(B256::from(*hash))),
                decode::Reference::Inline(item) => decode::node(&source.slice_ref(item))?,
            };
        }
        taken.mark_changed();
        Ok(taken)
    }

    /// From now on the parent's source does not refer to this node.
    fn mark_changed(&mut self) {
        match self {
            Self::Empty | Self::Digest(_) | Self::Stub(_) => {}
            Self::Leaf(leaf) => leaf.changed = true,
            Self::Extension(extension) => extension.changed = true,
            Self::Branch(branch) => branch.changed = true,
        }
    }

    /// The node must have been resolved.
    fn insert(&mut self, key: &B256, depth: usize, value: Bytes, nodes: &mut Preimages) -> Result<()> {
        match self {
            Self::Empty => *self = Self::leaf(Path::rest(key, depth), value),
            Self::Stub(_) | Self::Digest(_) => unreachable!("the node was resolved"),
            Self::Leaf(leaf) => {
                if leaf.path.ends(key, depth) {
                    leaf.value = value;
                    leaf.changed = true;
                    return Ok(());
                }
                let path = &leaf.path;
                if path.len() + depth != KEY_NIBBLES {
                    return Err(too_deep(path.encoded()));
                }
                let common = path.common(key, depth);
                let old = Self::leaf(
                    Path::new(path.slice(common + 1, path.len()), true),
                    core::mem::take(&mut leaf.value),
                );
                *self = Self::fork(key, depth, common, path.at(common), old, value);
            }
            Self::Extension(extension) => {
                let Extension { source, path, child, changed } = &mut **extension;
                let common = path.common(key, depth);
                if common == path.len() {
                    let depth = depth + common;
                    child.resolve(source, nodes, &|| start(key, depth))?;
                    child.insert(key, depth, value, nodes)?;
                    *changed = true;
                    return Ok(());
                }
                if depth + common == KEY_NIBBLES {
                    return Err(too_deep(source));
                }
                let old = Self::extension(
                    Path::new(path.slice(common + 1, path.len()), false),
                    child.take(source)?,
                );
                *self = Self::fork(key, depth, common, path.at(common), old, value);
            }
            Self::Branch(branch) => {
                let Branch { source, children, changed } = &mut **branch;
                if depth == KEY_NIBBLES {
                    return Err(too_deep(source));
                }
                let child = &mut children[usize::from(nibble(&key[..], depth))];
                child.resolve(source, nodes, &|| start(key, depth + 1))?;
                child.insert(key, depth + 1, value, nodes)?;
                *changed = true;
            }
        }
        Ok(())
    }

    /// A branch of two, below the nibbles that they have in common: an old node at its nibble, and a new leaf.
    fn fork(key: &B256, depth: usize, common: usize, at: u8, old: Self, value: Bytes) -> Self {
        let end = depth + common;
        let mut children = [const { Self::Empty }; 16];
        children[usize::from(at)] = old;
        children[usize::from(nibble(&key[..], end))] = Self::leaf(Path::rest(key, end + 1), value);
        let branch = Self::Branch(Box::new(Branch { source: Bytes::new(), children, changed: true }));
        Self::extension(Path::new((depth..end).map(|index| nibble(&key[..], index)), false), branch)
    }

    /// Whether something was removed, and so the node changed. It must have been resolved.
    fn remove(&mut self, key: &B256, depth: usize, nodes: &mut Preimages) -> Result<bool> {
        match self {
            Self::Empty => return Ok(false),
            Self::Stub(_) | Self::Digest(_) => unreachable!("the node was resolved"),
            Self::Leaf(leaf) => {
                if !leaf.path.ends(key, depth) {
                    return Ok(false);
                }
                *self = Self::Empty;
            }
            Self::Extension(extension) => {
                let Extension { source, path, child, changed } = &mut **extension;
                if path.common(key, depth) != path.len() {
                    return Ok(false);
                }
                let below = depth + path.len();
                child.resolve(source, nodes, &|| start(key, below))?;
                if !child.remove(key, below, nodes)? {
                    return Ok(false);
                }
                *changed = true;
                if !matches!(child, Self::Branch(_)) {
                    let prefix = path.slice(0, path.len()).collect::<Vec<_>>();
                    *self = child.take(source)?.below(&prefix)?;
                }
            }
            Self::Branch(branch) => {
                let Branch { source, children, changed } = &mut **branch;
                if depth == KEY_NIBBLES {
                    return Err(too_deep(source));
                }
                let child = &mut children[usize::from(nibble(&key[..], depth))];
                child.resolve(source, nodes, &|| start(key, depth + 1))?;
                let removed = child.remove(key, depth + 1, nodes)?;
                let only = if matches!(child, Self::Empty) { only_child(children) } else { None };
                // An only child without a removal: the same removal was here before, and its sibling was missing.
                if !removed && only.is_none() {
                    return Ok(false);
                }
                *changed = true;
                if let Some(only) = only {
                    // The sibling merges with what is above it, so it has to be known.
                    let sibling = &mut children[usize::from(only)];
                    sibling.resolve(source, nodes, &|| {
                        let mut path = start(key, depth);
                        path.push(only);
                        path
                    })?;
                    *self = sibling.take(source)?.below(&[only])?;
                }
            }
        }
        Ok(true)
    }

    /// The node, which must have been [taken](Self::take), moved below nibbles: paths of leaves and extensions join.
    fn below(self, prefix: &[u8]) -> Result<Self> {
        Ok(match self {
            Self::Leaf(mut leaf) => {
                leaf.path = leaf.path.after(prefix).ok_or_else(|| too_deep(leaf.path.encoded()))?;
                Self::Leaf(leaf)
            }
            Self::Extension(mut extension) => {
                extension.path =
                    extension.path.after(prefix).ok_or_else(|| too_deep(extension.path.encoded()))?;
                Self::Extension(extension)
            }
            Self::Empty => Self::Empty,
            node => Self::extension(Path::new(prefix.iter().copied(), false), node),
        })
    }
}

/// The nibble of the only child, if there is just one.
fn only_child(children: &[Node; 16]) -> Option<u8> {
    let mut present =
        (0u8..).zip(children).filter(|(_, child)| !matches!(child, Node::Empty)).map(|(nibble, _)| nibble);
    let first = present.next()?;
    present.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;

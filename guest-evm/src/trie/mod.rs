//! Sparse Merkle-Patricia tries (yellow paper, appendix D): known where a witness reveals them,
//! digests elsewhere.
//!
//! Keys are 32 bytes, as in the state trie and in storage tries; so a branch has no value.
//! What a traversal meets but the witness lacks is an error, never an empty node.

mod decode;
mod encode;
mod nibbles;
mod preimages;

pub use preimages::Preimages;

use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use nibbles::{KEY_NIBBLES, Path, unpack};

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
        /// The hash of it, or of the node that it is inlined in.
        hash: B256,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// A Merkle-Patricia trie with keys of 32 bytes, partly revealed.
#[derive(Clone, Debug)]
pub struct Trie {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Empty,
    /// A node of which only the hash is known yet.
    Digest(B256),
    Leaf(Box<Leaf>),
    Extension(Box<Extension>),
    Branch(Box<Branch>),
}

/// `hash` is the cached hash of a node's encoding: none if it changed, or is shorter than a hash.
#[derive(Clone, Debug)]
struct Leaf {
    path: Path,
    value: Bytes,
    hash: Option<B256>,
}

#[derive(Clone, Debug)]
struct Extension {
    path: Path,
    child: Node,
    hash: Option<B256>,
}

#[derive(Clone, Debug)]
struct Branch {
    children: [Node; 16],
    hash: Option<B256>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { root: Node::Empty }
    }
}

impl Trie {
    /// The trie with this root hash; its nodes are taken from a witness as they are met.
    pub fn from_root(root: B256) -> Self {
        Self { root: if root == EMPTY_ROOT_HASH { Node::Empty } else { Node::Digest(root) } }
    }

    /// The value at `key`, or none if the trie provably lacks it.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the way, or it is malformed.
    pub fn get(&mut self, key: &B256, nodes: &mut Preimages) -> Result<Option<Bytes>, TrieError> {
        let key = unpack(key);
        let mut node = &mut self.root;
        let mut depth = 0;
        loop {
            node.resolve(&key[..depth], nodes)?;
            match node {
                Node::Empty => return Ok(None),
                Node::Digest(_) => unreachable!("the node was resolved"),
                Node::Leaf(leaf) => {
                    return Ok((leaf.path == key[depth..]).then(|| leaf.value.clone()));
                }
                Node::Extension(extension) => {
                    if !key[depth..].starts_with(&extension.path) {
                        return Ok(None);
                    }
                    depth += extension.path.len();
                    node = &mut extension.child;
                }
                Node::Branch(branch) => {
                    if depth == KEY_NIBBLES {
                        return Err(too_deep(branch.hash));
                    }
                    node = &mut branch.children[usize::from(key[depth])];
                    depth += 1;
                }
            }
        }
    }

    /// Sets the value at `key`, which must not be empty.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the way, or it is malformed.
    pub fn insert(&mut self, key: &B256, value: Bytes, nodes: &mut Preimages) -> Result<(), TrieError> {
        debug_assert!(!value.is_empty(), "an empty value is a removal");
        self.root.insert(&unpack(key), 0, value, nodes)
    }

    /// Removes `key`, if the trie has it.
    ///
    /// # Errors
    /// [`TrieError`] if `nodes` lacks a node on the way, or the only sibling that is left of a
    /// branch, which has to merge with what is above; or if one of them is malformed.
    pub fn remove(&mut self, key: &B256, nodes: &mut Preimages) -> Result<(), TrieError> {
        self.root.remove(&unpack(key), 0, nodes).map(|_| ())
    }

    /// The root hash.
    pub fn hash(&mut self) -> B256 {
        self.root.root_hash()
    }

    /// The encodings of all revealed nodes that a hash refers to, parents first: for whoever makes
    /// a witness.
    pub fn revealed(&mut self) -> Vec<Bytes> {
        let mut nodes = Vec::new();
        self.root.revealed(true, &mut nodes);
        nodes
    }
}

fn too_deep(hash: Option<B256>) -> TrieError {
    TrieError::Malformed { hash: hash.unwrap_or_default(), reason: "it lies deeper than a key is long" }
}

impl Node {
    fn leaf(path: &[u8], value: Bytes) -> Self {
        Self::Leaf(Box::new(Leaf { path: Path::new(path), value, hash: None }))
    }

    /// `child` below `path`, which may be empty.
    fn extension(path: &[u8], child: Self) -> Self {
        if path.is_empty() {
            return child;
        }
        Self::Extension(Box::new(Extension { path: Path::new(path), child, hash: None }))
    }

    /// Replaces a digest by the node itself. `path` leads to it.
    fn resolve(&mut self, path: &[u8], nodes: &mut Preimages) -> Result<(), TrieError> {
        if let Self::Digest(hash) = self {
            let hash = *hash;
            let bytes = nodes.get(&hash).ok_or_else(|| TrieError::Missing { hash, path: path.to_vec() })?;
            *self = decode::node(&bytes, hash)?;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        key: &[u8; KEY_NIBBLES],
        depth: usize,
        value: Bytes,
        nodes: &mut Preimages,
    ) -> Result<(), TrieError> {
        self.resolve(&key[..depth], nodes)?;
        let rest = &key[depth..];
        match self {
            Self::Empty => *self = Self::leaf(rest, value),
            Self::Digest(_) => unreachable!("the node was resolved"),
            Self::Leaf(leaf) => {
                if leaf.path == *rest {
                    leaf.value = value;
                    leaf.hash = None;
                    return Ok(());
                }
                let common = leaf.path.common_prefix(rest);
                if leaf.path.len() != rest.len() {
                    return Err(too_deep(leaf.hash));
                }
                let mut branch = Branch::new();
                branch.children[usize::from(leaf.path[common])] =
                    Self::leaf(&leaf.path[common + 1..], core::mem::take(&mut leaf.value));
                branch.children[usize::from(rest[common])] = Self::leaf(&rest[common + 1..], value);
                *self = Self::extension(&rest[..common], Self::Branch(Box::new(branch)));
            }
            Self::Extension(extension) => {
                let common = extension.path.common_prefix(rest);
                if common == extension.path.len() {
                    extension.child.insert(key, depth + common, value, nodes)?;
                    extension.hash = None;
                    return Ok(());
                }
                if common == rest.len() {
                    return Err(too_deep(extension.hash));
                }
                let child = core::mem::replace(&mut extension.child, Self::Empty);
                let mut branch = Branch::new();
                branch.children[usize::from(extension.path[common])] =
                    Self::extension(&extension.path[common + 1..], child);
                branch.children[usize::from(rest[common])] = Self::leaf(&rest[common + 1..], value);
                *self = Self::extension(&rest[..common], Self::Branch(Box::new(branch)));
            }
            Self::Branch(branch) => {
                let Some(nibble) = rest.first() else { return Err(too_deep(branch.hash)) };
                branch.children[usize::from(*nibble)].insert(key, depth + 1, value, nodes)?;
                branch.hash = None;
            }
        }
        Ok(())
    }

    /// Whether something was removed, and so the node changed.
    fn remove(
        &mut self,
        key: &[u8; KEY_NIBBLES],
        depth: usize,
        nodes: &mut Preimages,
    ) -> Result<bool, TrieError> {
        self.resolve(&key[..depth], nodes)?;
        let rest = &key[depth..];
        match self {
            Self::Empty => return Ok(false),
            Self::Digest(_) => unreachable!("the node was resolved"),
            Self::Leaf(leaf) => {
                if leaf.path != *rest {
                    return Ok(false);
                }
                *self = Self::Empty;
            }
            Self::Extension(extension) => {
                if !rest.starts_with(&extension.path)
                    || !extension.child.remove(key, depth + extension.path.len(), nodes)?
                {
                    return Ok(false);
                }
                extension.hash = None;
                let child = core::mem::replace(&mut extension.child, Self::Empty);
                let path = extension.path.clone();
                *self = child.below(&path)?;
            }
            Self::Branch(branch) => {
                let Some(nibble) = rest.first() else { return Err(too_deep(branch.hash)) };
                let child = &mut branch.children[usize::from(*nibble)];
                if !child.remove(key, depth + 1, nodes)? {
                    return Ok(false);
                }
                branch.hash = None;
                if matches!(child, Self::Empty)
                    && let Some(only) = branch.only_child()
                {
                    // The sibling merges with what is above it, so it has to be known.
                    let mut path = key[..depth].to_vec();
                    path.push(only);
                    let sibling = &mut branch.children[usize::from(only)];
                    sibling.resolve(&path, nodes)?;
                    let sibling = core::mem::replace(sibling, Self::Empty);
                    *self = sibling.below(&[only])?;
                }
            }
        }
        Ok(true)
    }

    /// The node, moved below `path`: paths of leaves and extensions join.
    fn below(self, path: &[u8]) -> Result<Self, TrieError> {
        Ok(match self {
            Self::Leaf(mut leaf) => {
                leaf.path = leaf.path.after(path).ok_or_else(|| too_deep(leaf.hash))?;
                leaf.hash = None;
                Self::Leaf(leaf)
            }
            Self::Extension(mut extension) => {
                extension.path = extension.path.after(path).ok_or_else(|| too_deep(extension.hash))?;
                extension.hash = None;
                Self::Extension(extension)
            }
            Self::Empty => Self::Empty,
            node => Self::extension(path, node),
        })
    }
}

impl Branch {
    fn new() -> Self {
        Self { children: [const { Node::Empty }; 16], hash: None }
    }

    /// The nibble of the only child, if there is just one.
    fn only_child(&self) -> Option<u8> {
        let mut present = (0u8..)
            .zip(&self.children)
            .filter(|(_, child)| !matches!(child, Node::Empty))
            .map(|(nibble, _)| nibble);
        let first = present.next()?;
        present.next().is_none().then_some(first)
    }
}

#[cfg(test)]
mod tests;

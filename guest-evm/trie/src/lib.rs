//! Merkle-Patricia tries (yellow paper, appendix D): sparse ones over the nodes of a witness, and roots of lists.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod account;
pub mod ordered_root;
mod preimages;
mod trie;

pub use preimages::Preimages;
pub use trie::{Result, Trie, TrieError};

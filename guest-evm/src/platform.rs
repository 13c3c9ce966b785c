//! Operations for which a processor or VM has better means than portable code.

use crate::{
    sponge::{PortableSponge, Sponge},
    word::{Portable, WordOps},
};

/// Arithmetic of words, and Keccak-256 of messages that are not in memory as a whole.
pub trait Platform: WordOps {
    /// Sponge of Keccak-256.
    type Sponge: Sponge;
}

impl Platform for Portable {
    type Sponge = PortableSponge;
}

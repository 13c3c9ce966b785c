//! Formats and rules that need no EVM: the claim of a proof, a chain's rules, the guest's input, and RLP.
#![no_std]

extern crate alloc;

pub mod chain;
pub mod claim;
pub mod input;
pub mod number;
pub mod rlp;

pub use chain::ChainSpec;
pub use claim::ChainClaim;
pub use input::{InputError, PublicKey, StatelessInput, Witness};

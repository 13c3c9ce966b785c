//! Stateless validation of Ethereum blocks.
//!
//! [`validate`] takes a block and a witness of the state that the block touches. It executes the block with
//! revm and checks every consensus rule of the execution layer. It returns the [`ChainClaim`] that holds. The
//! same code runs natively and inside the zkVM: no I/O, no clock, no async, and no trust in any part of the
//! input.
#![no_std]
#![allow(clippy::unnecessary_min_or_max, reason = "in tests a run has less gas than its number can hold")]
#![expect(clippy::boxed_local, reason = "an error that has to be moved is a pointer")]
#![cfg_attr(target_os = "zkvm", feature(explicit_tail_calls))]
#![cfg_attr(target_os = "zkvm", expect(incomplete_features, reason = "what the guest needs of it works"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod chain;
mod claim;
pub mod input;

#[cfg(feature = "evm")]
mod bloom;
#[cfg(feature = "evm")]
mod bytecode;
#[cfg(feature = "evm")]
mod canonical;
#[cfg(feature = "evm")]
mod collision;
#[cfg(feature = "evm")]
mod error;
#[cfg(feature = "evm")]
mod evm;
#[cfg(feature = "evm")]
mod execute;
#[cfg(feature = "evm")]
mod header;
#[cfg(feature = "evm")]
mod instructions;
#[cfg(feature = "evm")]
mod jumps;
#[cfg(feature = "evm")]
mod modexp;
#[cfg(feature = "evm")]
mod ordered;
#[cfg(feature = "evm")]
mod receipts;
#[cfg(feature = "evm")]
mod senders;
#[cfg(feature = "evm")]
pub mod state;
#[cfg(feature = "evm")]
pub mod trie;
#[cfg(feature = "evm")]
mod validate;
#[cfg(feature = "evm")]
mod words;

pub use chain::ChainSpec;
pub use claim::ChainClaim;
pub use input::{InputError, PublicKey, StatelessInput, Witness};

#[cfg(feature = "evm")]
pub use self::{
    error::{Subject, Unsupported, ValidationError, Value},
    execute::{Outcome, State, execute},
    senders::{SignatureVerifier, public_keys, verify_signature},
    validate::{Block, Seed, Transaction, decode_block, minimize, transition, validate, validate_with},
    words::{Portable, Words, apply},
};

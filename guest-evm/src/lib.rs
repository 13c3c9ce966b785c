//! Stateless validation of Ethereum blocks.
//!
//! [`validate`] takes a run of blocks and a witness of the state that they touch. It executes the blocks with
//! revm and checks every consensus rule of the execution layer. It returns the [`ChainClaim`] that holds. The
//! same code runs natively and inside the zkVM: no I/O, no clock, no async, and no trust in any part of the
//! input.
#![no_std]
#![allow(clippy::unnecessary_min_or_max, reason = "in tests a run has less gas than its number can hold")]
#![expect(clippy::boxed_local, reason = "an error that has to be moved is a pointer")]
#![cfg_attr(target_os = "zkvm", feature(explicit_tail_calls))]
#![cfg_attr(target_os = "zkvm", expect(incomplete_features, reason = "what the guest needs of it works"))]

extern crate alloc;

#[cfg(feature = "evm")]
mod block;
#[cfg(feature = "evm")]
mod bytecode;
#[cfg(feature = "evm")]
mod error;
#[cfg(feature = "evm")]
mod execute;
#[cfg(feature = "native")]
mod footprint;
#[cfg(feature = "evm")]
mod interpreter;
#[cfg(feature = "native")]
mod merge;
#[cfg(feature = "evm")]
mod outcome;
#[cfg(feature = "evm")]
mod platform;
#[cfg(feature = "evm")]
pub mod sponge;
#[cfg(feature = "evm")]
pub mod state;
#[cfg(all(test, feature = "native"))]
mod state_runs;
#[cfg(feature = "evm")]
mod validate;
#[cfg(feature = "evm")]
mod word;

#[cfg(feature = "native")]
pub use self::{
    footprint::{Footprint, MAX_BLOCKS, MEMORY},
    merge::{MergeError, merge},
    validate::minimize_and_measure,
};
#[cfg(feature = "evm")]
pub use zeno_trie as trie;
pub use zeno_types::{
    ChainClaim, ChainSpec, InputError, PublicKey, StatelessInput, Witness, chain, claim, input,
};

#[cfg(feature = "evm")]
pub use self::{
    block::{
        Block, Transaction, decode_block,
        senders::{SignatureVerifier, public_keys, verify_signature},
    },
    error::{Subject, Unsupported, ValidationError, Value},
    execute::{
        Outcome,
        eip7928::{AccessList, AccessListDigest},
        execute,
    },
    platform::Platform,
    state::State,
    validate::{Seed, minimize, transition, validate, validate_with},
    word::{Portable, WordOps},
};

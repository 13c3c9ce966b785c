//! Cryptography for the guest, by the VM's instructions.
//!
//! [`install`] registers it with revm, alloy-consensus and alloy-primitives. [`verify_signature`] is the
//! stateless validation's check of transaction signatures.
//!
//! Two rules hold in every module, because the prover chooses whatever the VM does not constrain:
//! - The result of a modular instruction is right only *modulo* the modulus. Before its bytes are looked at,
//!   it is asserted to be the reduced one ([`field`]).
//! - A division by zero, and an addition of two points with the same x, are unconstrained. They are ruled out
//!   by a comparison first, or by known facts about the points (a prime order).
#![no_std]

extern crate alloc;

pub mod bls12_381;
pub mod bn254;
mod curve;
#[cfg(target_os = "zkvm")]
mod division;
mod field;
#[allow(unsafe_code, missing_docs, unreachable_pub, non_upper_case_globals, clippy::all)]
mod instructions;
#[cfg(target_os = "zkvm")]
mod int256;
pub mod keccak;
pub mod kzg;
#[cfg(target_os = "zkvm")]
pub mod memory;
pub mod modexp;
mod provider;
pub mod secp256k1;
pub mod secp256r1;
pub mod sha256;
#[cfg(target_os = "zkvm")]
pub mod word_ops;

pub use provider::install;
pub use secp256k1::verify_signature;

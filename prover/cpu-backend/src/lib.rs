//! A prover device for OpenVM's root proof.
//!
//! The root proof is the last STARK before the KZG wrap. So that the wrap's circuit can check it, it commits with BN254
//! Poseidon2 at a blow-up of 16, and hashing is nearly all of its time. [`RootEngine`] takes the place of the stock
//! engine `BabyBearBn254Poseidon2CpuEngine`: same keys, same protocol, same proof, with the hashing done by
//! [`bn254::Kernel`]. The constraint prover and the matrix types are the stock backend's.

pub mod bn254;

mod code;
mod engine;
mod merkle;
mod transcript;
mod whir;

pub use engine::{RootDevice, RootEngine};
pub use merkle::digest_layers;
pub use transcript::RootTranscript;

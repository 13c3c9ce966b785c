//! Accelerated cryptography of the guest, run in the VM, against native libraries.
//!
//! `crypto-check` is a guest that runs the same code as the block guest. Its input is a list of operations, and it
//! reveals the hash of their outcomes.

mod bls12_381;
mod bn254;
mod case;
mod costs;
mod ecdsa;
mod hashes;
mod kzg;
mod memory;
mod modexp;
#[path = "../../../guest-evm/program/src/bin/crypto_check/word_by_number.rs"]
mod word_by_number;
mod words;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Random generator with a fixed seed, so that every run has the same cases.
fn seeded(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn bytes(rng: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill(bytes.as_mut_slice());
    bytes
}

/// Bytes of a hexadecimal number.
fn unhex(hex: &str) -> Vec<u8> {
    alloy_primitives::hex::decode(hex).expect("a test's own hex")
}

/// Input with one random bit flipped.
fn tampered(input: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut input = input.to_vec();
    let index = rng.random_range(0..input.len());
    input[index] ^= 1 << rng.random_range(0..8);
    input
}

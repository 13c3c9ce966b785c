//! The guest's accelerated cryptography, run in the VM, against native libraries: `crypto-check`, a guest that goes
//! through the same code as the block guest, is given a list of operations and reveals the hash of their outcomes.

mod bls12_381;
mod bn254;
mod case;
mod costs;
mod ecdsa;
mod hashes;
mod kzg;
mod memory;
mod modexp;
mod words;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// A generator that gives the same cases every time.
fn seeded(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn bytes(rng: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill(bytes.as_mut_slice());
    bytes
}

/// `hex` as bytes.
fn unhex(hex: &str) -> Vec<u8> {
    alloy_primitives::hex::decode(hex).expect("a test's own hex")
}

/// The input with one byte changed, which may be in any place.
fn tampered(input: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut input = input.to_vec();
    let place = rng.random_range(0..input.len());
    input[place] ^= 1 << rng.random_range(0..8);
    input
}

//! Keys for tests.

use alloy_primitives::{B256, keccak256};
use halo2curves::{
    bn256::{Fr, G1, G1Affine, G2, G2Affine},
    ff::Field,
    group::{Curve, Group},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::halo2::KeyWords;
use crate::evm::{key::EvmVerifyingKey, srs_origin::Ceremony};

/// Makes a key for 2^k rows with random points, the same for the same seed. The first byte of its commitments is zero,
/// as in the proof system's.
pub(super) fn key(k: u32, seed: u64) -> EvmVerifyingKey {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let points = (0..7).map(|_| G1::random(&mut random).to_affine()).collect::<Vec<G1Affine>>();
    let s_g2: G2Affine = (G2::generator() * Fr::random(&mut random)).to_affine();
    let [exe, vm] = [0u8, 1].map(|index| {
        let mut commitment = keccak256([&seed.to_be_bytes()[..], &[index]].concat());
        commitment.0[0] = 0;
        commitment
    });
    EvmVerifyingKey::assemble(k, points, s_g2, exe, vm).unwrap()
}

/// Makes such a key, each word of which has the length of its placeholder.
pub(super) fn wide_key(k: u32) -> EvmVerifyingKey {
    (0..)
        .map(|seed| key(k, seed))
        .find(is_wide)
        .expect("one of three has no word that starts with a zero byte")
}

/// Returns whether no word is shorter than its placeholder: 32 bytes, or 31 for a commitment.
fn is_wide(key: &EvmVerifyingKey) -> bool {
    let words = KeyWords::new(key);
    let wide = |commitment: B256| commitment.0[1] != 0;
    words.all().all(|word| word.byte_len() == 32)
        && wide(key.app_exe_commitment())
        && wide(key.app_vm_commitment())
}

/// Moves a key to the SRS of a ceremony.
pub(super) fn under(key: &EvmVerifyingKey, ceremony: &Ceremony) -> EvmVerifyingKey {
    let mut bytes = key.encode();
    for (index, word) in ceremony.s_g2.iter().enumerate() {
        bytes[73 + 32 * index..][..32].copy_from_slice(&word.to_be_bytes::<32>());
    }
    EvmVerifyingKey::decode(&sealed(bytes)).unwrap()
}

/// Moves a key to another guest.
pub(super) fn with_commitment(key: &EvmVerifyingKey, app_exe_commitment: B256) -> EvmVerifyingKey {
    let mut bytes = key.encode();
    bytes[9..41].copy_from_slice(app_exe_commitment.as_slice());
    EvmVerifyingKey::decode(&sealed(bytes)).unwrap()
}

/// Makes the checksum of altered bytes right.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 32;
    let checksum = keccak256(&bytes[..end]);
    bytes[end..].copy_from_slice(checksum.as_slice());
    bytes
}

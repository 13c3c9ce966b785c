//! Keccak-256, SHA-256, and the precompiles that run in software.

use crate::{
    bytes,
    case::{Case, check},
    seeded,
};

const SHA256: u16 = 2;
const RIPEMD160: u16 = 3;
const IDENTITY: u16 = 4;
const BLAKE2F: u16 = 9;

#[test]
fn keccak() {
    let mut rng = seeded(1);
    let mut cases = Vec::new();
    for length in 0..=300 {
        cases.push(Case::keccak((length % 4) as u8, &bytes(&mut rng, length)));
    }
    // Around one and two blocks of 136 bytes, at every alignment.
    for length in [0, 1, 3, 31, 32, 64, 132, 133, 134, 135, 136, 137, 139, 271, 272, 273, 10_000] {
        for offset in 0..4 {
            cases.push(Case::keccak(offset, &bytes(&mut rng, length)));
        }
    }
    check(&cases);
}

/// The block access list is hashed as it is written.
#[test]
fn keccak_in_parts() {
    let mut rng = seeded(5);
    let lengths = (0..=300).chain([406, 407, 408, 409, 10_000]);
    check(&lengths.map(|length| Case::keccak_in_parts(&bytes(&mut rng, length))).collect::<Vec<_>>());
}

/// The guest caches hashes of one and two words. The inputs repeat, some differ in one bit, and zeros look like an
/// empty entry of the cache.
#[test]
fn keccak_of_words_that_come_again() {
    let mut rng = seeded(4);
    let mut cases = Vec::new();
    for length in [32, 64] {
        let mut words = vec![vec![0; length]; 2];
        for _ in 0..40 {
            words.push(bytes(&mut rng, length));
        }
        for at in 0..length {
            let mut changed = words[2].clone();
            changed[at] ^= 1;
            words.push(changed);
        }
        for _ in 0..2 {
            // The offset, and the cases before, vary the alignment of the data.
            cases.extend(words.iter().flat_map(|word| (0..4).map(|offset| Case::keccak(offset, word))));
        }
        // The first input is a prefix of the second.
        cases.push(Case::keccak(3, &words[3][..32]));
        cases.push(Case::keccak(3, &words[3]));
    }
    check(&cases);
}

#[test]
fn sha256() {
    let mut rng = seeded(2);
    let lengths = (0..=200).chain([247, 248, 255, 256, 257, 1000, 4096]);
    let cases: Vec<_> = lengths
        .map(|length| Case::precompile(format!("{length} bytes"), SHA256, &bytes(&mut rng, length)))
        .collect();
    check(&cases);
}

#[test]
fn software_hashes() {
    let mut rng = seeded(3);
    let mut cases = Vec::new();
    for length in [0, 1, 55, 56, 63, 64, 65, 200] {
        let input = bytes(&mut rng, length);
        cases.push(Case::precompile(format!("ripemd of {length}"), RIPEMD160, &input));
        cases.push(Case::precompile(format!("identity of {length}"), IDENTITY, &input));
    }
    for (rounds, flag) in [(0u32, 0u8), (1, 1), (12, 1), (12, 0), (100, 1), (12, 2)] {
        let mut input = rounds.to_be_bytes().to_vec();
        input.extend(bytes(&mut rng, 208));
        input.push(flag);
        cases.push(Case::precompile(format!("blake2f, {rounds} rounds, flag {flag}"), BLAKE2F, &input));
    }
    cases.push(Case::precompile("blake2f, short input", BLAKE2F, &[0; 212]));
    check(&cases);
}

//! The fuzz target of proof files without a fuzzer: its seeds, and bytes made from them and from a recorded proof. So it
//! is built and run wherever the tests are, and the sanitizer's build of the proof system is left to `scripts/fuzz`.

#![cfg(feature = "stark")]
// The target's files are a library's.
#![expect(unreachable_pub)]

#[path = "../../tests/fuzz/src/answer.rs"]
mod answer;
#[path = "../../tests/fuzz/src/case.rs"]
mod case;
#[path = "../../tests/fuzz/src/proof_file.rs"]
mod proof_file;

use std::{collections::HashMap, fs};

use proof_file::proof_file;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Number of inputs that are made from each that is read.
const ALTERED: usize = 2000;

#[test]
fn no_invented_file_verifies() {
    let recorded = include_bytes!("recorded/small.proof");
    let mut inputs = vec![recorded.to_vec()];
    for seed in fs::read_dir("../tests/fuzz/seeds/proof_file").unwrap() {
        inputs.push(fs::read(seed.unwrap().path()).unwrap());
    }
    assert!(inputs.len() > 2, "there are no seeds");
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut counts = HashMap::new();
    for input in inputs {
        for _ in 0..ALTERED {
            let mut bytes = input.clone();
            let random = |rng: &mut ChaCha8Rng, below: usize| rng.next_u64() as usize % below;
            for _ in 0..1 + random(&mut rng, 4) {
                let at = random(&mut rng, bytes.len());
                match random(&mut rng, 4) {
                    0 => bytes[at] = rng.next_u32() as u8,
                    1 => bytes[at] ^= 1 << random(&mut rng, 8),
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.extend_from_within(at..),
                }
            }
            // The first bytes choose the case: raw bytes, a body under a right checksum, or a proof in a right file.
            let choice = rng.next_u32().to_le_bytes();
            let answer = proof_file(&[&choice[..], &bytes].concat());
            *counts.entry(answer.kind).or_insert(0) += 1;
        }
    }
    assert!(counts.contains_key("refused") && counts.contains_key("not decoded"), "{counts:?}");
}

//! The fuzz target of proof files without a fuzzer: its seeds, and files made from a recorded one. So it is built and run
//! wherever the tests are, and the sanitizer's build of the proof system is left to `scripts/fuzz`.

#![cfg(feature = "stark")]
// The target's files are a library's.
#![expect(unreachable_pub)]

#[path = "../../tests/fuzz/src/answer.rs"]
mod answer;
#[path = "../../tests/fuzz/src/case.rs"]
mod case;
#[path = "../../tests/fuzz/src/proof_file.rs"]
mod proof_file;

use std::{collections::HashSet, fs};

use answer::Answer;
use proof_file::{proof_file, whole, with_body, with_proof};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use zeno_verifier::ProofFile;

const RECORDED: &[u8] = include_bytes!("recorded/small.proof");
/// Length of a file's magic, version and kind, and of its checksum, in bytes.
const HEAD: usize = 16;
const CHECKSUM: usize = 32;
/// Number of files of each kind.
const COUNT: usize = 2000;

fn altered(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let below = |rng: &mut ChaCha8Rng, end: usize| rng.next_u64() as usize % end;
    // Half of the changes are near the start, where the counts are.
    for _ in 0..1 + below(rng, 3) {
        let end = if below(rng, 2) == 0 { bytes.len().min(400) } else { bytes.len() };
        let at = below(rng, end);
        match below(rng, 8) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes.extend_from_within(at..),
            2 | 3 => bytes[at] = rng.next_u32() as u8,
            _ => bytes[at] ^= 1 << below(rng, 8),
        }
    }
    bytes
}

/// Judges altered copies, and returns the kinds of the answers and how many different answers there are.
fn judged(
    bytes: &[u8],
    rng: &mut ChaCha8Rng,
    judge: impl Fn(Vec<u8>) -> Answer,
) -> (HashSet<&'static str>, usize) {
    let answers: Vec<Answer> = (0..COUNT).map(|_| judge(altered(bytes, rng))).collect();
    let different: HashSet<_> = answers.iter().map(|answer| answer.digest).collect();
    (answers.iter().map(|answer| answer.kind).collect(), different.len())
}

#[test]
fn no_invented_file_verifies() {
    let mut seeds = 0;
    for seed in fs::read_dir("../tests/fuzz/seeds/proof_file").unwrap() {
        proof_file(&fs::read(seed.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 0, "there are no seeds");
    assert_eq!(whole(RECORDED).kind, "refused", "it is another program's");

    let rng = &mut ChaCha8Rng::seed_from_u64(21);
    // Bytes as they are fail for their checksum.
    let (kinds, _) = judged(RECORDED, rng, |bytes| whole(&bytes));
    assert!(kinds.contains("not decoded"));
    // Under a right checksum the fields are read, and some of the files are whole.
    let body = &RECORDED[HEAD..RECORDED.len() - CHECKSUM];
    assert_eq!(with_body(body), whole(RECORDED));
    let (kinds, different) = judged(body, rng, |body| with_body(&body));
    assert!(
        kinds.contains("not decoded") && kinds.contains("refused") && different > 5,
        "{kinds:?} {different}"
    );
    // A proof in a right file gets to the proof's own decoder.
    let proof = ProofFile::decode(RECORDED).unwrap().proof;
    let (kinds, different) = judged(&proof, rng, with_proof);
    assert!(kinds.len() == 1 && different > 5, "{kinds:?} {different}");
}

//! Proof files. Decoding and verification never panic, every proof file has one encoding, and no invented proof
//! verifies.

use crate::{answer::Answer, case::case};
use alloy_primitives::{B256, keccak256};
use arbitrary::Arbitrary;
use std::sync::LazyLock;
use zeno_verifier::{ChainClaim, PROOF_SYSTEM, ProofFile, ProofKind, VerifyingKey, verify_stark};

static KEY: LazyLock<VerifyingKey> =
    LazyLock::new(|| VerifyingKey::committed().expect("the committed verifying key decodes"));

/// Claim of the proof files. Its content does not matter.
const CLAIM: ChainClaim = ChainClaim {
    chain_id: 1,
    chain_spec: B256::ZERO,
    first_parent_hash: B256::ZERO,
    last_block_hash: B256::ZERO,
    last_block_number: 1,
    last_state_root: B256::ZERO,
    last_receipts_root: B256::ZERO,
    last_timestamp: 1,
    block_count: 1,
};

#[derive(Arbitrary, Debug)]
enum Case {
    Bytes(Vec<u8>),
    /// Bytes after the correct magic, version and kind, and before the correct checksum.
    Body(Vec<u8>),
    /// Proof bytes in a file that is otherwise correct.
    Proof(Vec<u8>),
}

/// Decodes a proof file, and verifies it.
///
/// # Panics
/// If the file verifies, or has two encodings.
pub fn proof_file(bytes: &[u8]) -> Answer {
    let Some(case) = case(bytes) else { return Answer::nothing() };
    match case {
        Case::Bytes(bytes) => whole(&bytes),
        Case::Body(body) => with_body(&body),
        Case::Proof(proof) => with_proof(proof),
    }
}

/// Judges a file with this body after the correct magic, version and kind, and before the correct checksum.
pub(crate) fn with_body(body: &[u8]) -> Answer {
    /// Length of the magic, the version and the kind, in bytes.
    const HEAD: usize = 16;
    let whole_file = file(Vec::new()).encode().expect("every field fits");
    let mut bytes = [&whole_file[..HEAD], body].concat();
    let checksum = keccak256(&bytes);
    bytes.extend(checksum);
    whole(&bytes)
}

/// Judges a file that is correct but for these proof bytes.
pub(crate) fn with_proof(proof: Vec<u8>) -> Answer {
    let file = file(proof);
    let bytes = file.encode().expect("every field fits");
    assert_eq!(ProofFile::decode(&bytes).expect("it was just encoded"), file);
    let error = verify_stark(&file, &KEY).expect_err("nobody made this proof");
    Answer::new("refused", error.to_string())
}

/// File that is correct but for these proof bytes.
fn file(proof: Vec<u8>) -> ProofFile {
    ProofFile {
        kind: ProofKind::Stark,
        claim: CLAIM,
        app_exe_commitment: KEY.app_exe_commitment(),
        app_vm_commitment: KEY.app_vm_commitment(),
        proof_system: PROOF_SYSTEM.into(),
        prover: String::new(),
        srs: None,
        proof,
    }
}

/// Judges the bytes of a file.
pub(crate) fn whole(bytes: &[u8]) -> Answer {
    match ProofFile::decode(bytes) {
        Ok(file) => {
            assert_eq!(file.encode().expect("it was just decoded"), bytes);
            let error = verify_stark(&file, &KEY).expect_err("nobody made this proof");
            Answer::new("refused", error.to_string())
        }
        Err(error) => Answer::new("not decoded", error.to_string()),
    }
}

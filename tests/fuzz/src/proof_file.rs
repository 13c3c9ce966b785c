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
        Case::Bytes(bytes) => decode(&bytes),
        Case::Body(body) => {
            let mut bytes = [&b"ZENOPRF\0\x03\0\0\0\x01\0\0\0"[..], &body].concat();
            let checksum = keccak256(&bytes);
            bytes.extend(checksum);
            decode(&bytes)
        }
        Case::Proof(proof) => {
            let file = ProofFile {
                kind: ProofKind::Stark,
                claim: CLAIM,
                app_exe_commitment: KEY.app_exe_commitment(),
                app_vm_commitment: KEY.app_vm_commitment(),
                proof_system: PROOF_SYSTEM.into(),
                prover: String::new(),
                srs: None,
                proof,
            };
            let bytes = file.encode().expect("every field fits");
            assert_eq!(ProofFile::decode(&bytes).expect("it was just encoded"), file);
            let error = verify_stark(&file, &KEY).expect_err("nobody made this proof");
            Answer::new("refused", error.to_string())
        }
    }
}

fn decode(bytes: &[u8]) -> Answer {
    match ProofFile::decode(bytes) {
        Ok(file) => {
            assert_eq!(file.encode().expect("it was just decoded"), bytes);
            let error = verify_stark(&file, &KEY).expect_err("nobody made this proof");
            Answer::new("refused", error.to_string())
        }
        Err(error) => Answer::new("not decoded", error.to_string()),
    }
}

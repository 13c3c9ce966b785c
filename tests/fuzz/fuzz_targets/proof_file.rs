//! The proof file: decoding and verification never panic, a proof file has one encoding, and nothing
//! that is made up verifies.
#![no_main]

use alloy_primitives::{B256, keccak256};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use zeno_verifier::{ChainClaim, PROOF_SYSTEM, ProofFile, ProofKind, VerifyingKey, verify_stark};

static KEY: LazyLock<VerifyingKey> =
    LazyLock::new(|| VerifyingKey::committed().expect("the committed verifying key decodes"));

/// Any claim will do.
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
    /// Bytes after the right mark, version and kind, and before the right checksum.
    Body(Vec<u8>),
    /// Proof bytes in a file that is right in all else.
    Proof(Vec<u8>),
}

fuzz_target!(|case: Case| {
    match case {
        Case::Bytes(bytes) => decode(&bytes),
        Case::Body(body) => {
            let mut bytes = [&b"ZENOPRF\0\x01\0\0\0\x01\0\0\0"[..], &body].concat();
            let checksum = keccak256(&bytes);
            bytes.extend(checksum);
            decode(&bytes);
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
            verify_stark(&file, &KEY).expect_err("nobody made this proof");
        }
    }
});

fn decode(bytes: &[u8]) {
    if let Ok(file) = ProofFile::decode(bytes) {
        assert_eq!(file.encode().expect("it was just decoded"), bytes);
        verify_stark(&file, &KEY).expect_err("nobody made this proof");
    }
}

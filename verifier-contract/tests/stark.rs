//! Tests of the verifier of STARKs, with a recorded proof and alterations of it.

use std::collections::HashMap;

use alloy_primitives::{B256, keccak256};
use zeno_verifier::{ChainClaim, ProofFile, ProofKind, VerifyError, VerifyingKey, verify_stark};

fn recorded() -> (ProofFile, VerifyingKey) {
    let file = ProofFile::decode(include_bytes!("recorded/small.proof")).unwrap();
    let key = VerifyingKey::decode(include_bytes!("recorded/small.key")).unwrap();
    (file, key)
}

/// Returns a pseudorandom number that is the same in every run.
fn random(counter: u64) -> usize {
    u64::from_be_bytes(keccak256(counter.to_be_bytes())[..8].try_into().unwrap()) as usize
}

#[test]
fn accepts_the_recorded_proof() {
    let (file, key) = recorded();
    assert_eq!(verify_stark(&file, &key).unwrap(), file.claim);
    assert_eq!(
        VerifyingKey::decode(&key.encode().unwrap()).unwrap().encode().unwrap(),
        key.encode().unwrap()
    );
}

#[test]
fn refuses_every_other_claim() {
    let (file, key) = recorded();
    let alterations: [fn(&mut ChainClaim); 9] = [
        |claim| claim.chain_id += 1,
        |claim| claim.chain_spec.0[31] ^= 1,
        |claim| claim.first_parent_hash.0[0] ^= 1,
        |claim| claim.last_block_hash.0[7] ^= 128,
        |claim| claim.last_block_number += 1,
        |claim| claim.last_state_root = B256::repeat_byte(1),
        |claim| claim.last_receipts_root = B256::repeat_byte(1),
        |claim| claim.last_timestamp -= 1,
        |claim| claim.block_count = 2,
    ];
    for alter in alterations {
        let mut other = file.clone();
        alter(&mut other.claim);
        let proven = file.claim.digest();
        match verify_stark(&other, &key) {
            Err(VerifyError::OtherClaim { proven: said, claimed }) => {
                assert_eq!((said, claimed), (proven, other.claim.digest()));
            }
            result => panic!("{result:?}"),
        }
    }
}

#[test]
fn refuses_another_guest_machine_kind_and_system() {
    let (file, key) = recorded();
    let mut other = file.clone();
    other.app_exe_commitment.0[31] ^= 1;
    let error = verify_stark(&other, &key).unwrap_err();
    assert!(matches!(error, VerifyError::OtherGuest { .. }));
    let message = error.to_string();
    assert!(message.contains(&other.app_exe_commitment.to_string()), "{message}");
    assert!(message.contains(&key.app_exe_commitment().to_string()), "{message}");

    let mut other = file.clone();
    other.app_vm_commitment.0[31] ^= 1;
    assert!(matches!(verify_stark(&other, &key), Err(VerifyError::OtherMachine { .. })));
    let other = ProofFile { kind: ProofKind::Evm, ..file.clone() };
    assert!(matches!(
        verify_stark(&other, &key),
        Err(VerifyError::WrongKind { actual: ProofKind::Evm, expected: ProofKind::Stark })
    ));
    let other = ProofFile { proof_system: "openvm 1.4".to_owned(), ..file };
    assert!(matches!(verify_stark(&other, &key), Err(VerifyError::ProofSystem(_))));
}

/// The committed key is of another guest than the proof. A file that lies about its guest is refused as well.
#[test]
fn refuses_the_proof_of_a_guest_under_the_key_of_another() {
    let (file, _) = recorded();
    let committed = VerifyingKey::committed().unwrap();
    assert!(matches!(verify_stark(&file, &committed), Err(VerifyError::OtherGuest { .. })));
    let lying = ProofFile {
        app_exe_commitment: committed.app_exe_commitment(),
        app_vm_commitment: committed.app_vm_commitment(),
        ..file
    };
    assert!(matches!(
        verify_stark(&lying, &committed),
        Err(VerifyError::Stark(_) | VerifyError::Malformed(_))
    ));
}

#[test]
fn refuses_altered_proofs_without_stopping() {
    let (file, key) = recorded();
    let mut reasons = HashMap::new();
    let mut refused = |proof: Vec<u8>| {
        if proof == file.proof {
            return;
        }
        let error = verify_stark(&ProofFile { proof, ..file.clone() }, &key).unwrap_err();
        // A caught panic of the proof system's verifier would be a gap in the checks before it.
        assert!(!matches!(error, VerifyError::Stopped(_)), "{error}");
        *reasons.entry(std::mem::discriminant(&error)).or_insert(0) += 1;
    };
    let length = file.proof.len();
    for trial in 0..300 {
        let at = random(3 * trial) % length;
        let mut proof = file.proof.clone();
        proof[at] ^= 1 << (random(3 * trial + 1) % 8);
        refused(proof);
        // Another field element, instead of an element or a count.
        let mut proof = file.proof.clone();
        let word = at.min(length - 4) / 4 * 4;
        proof[word..word + 4].copy_from_slice(&(random(3 * trial + 2) as u32 % 2_013_265_921).to_le_bytes());
        refused(proof);
        refused(file.proof[..at].to_vec());
    }
    // The counts, most of which are at the start.
    for word in (0..2048).step_by(4) {
        for value in [0, 1, 0xffff, u32::MAX] {
            let mut proof = file.proof.clone();
            proof[word..word + 4].copy_from_slice(&value.to_le_bytes());
            refused(proof);
        }
    }
    let mut longer = file.proof.clone();
    longer.push(0);
    refused(longer);
    refused(Vec::new());
    assert!(reasons.len() > 1, "alterations are found in more than one place");
}

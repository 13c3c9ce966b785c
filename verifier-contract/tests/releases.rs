//! Tests of the guest's releases. The committed guest is the current release. Proofs, keys and contracts of a withdrawn or
//! superseded release are refused with the reason, before every other check.
#![cfg(all(feature = "stark", feature = "evm"))]

use alloy_primitives::{B256, keccak256};
use zeno_verifier::{
    EvmVerifyingKey, ProofFile, ProofFileError, ProofKind, Release, UnknownSrs, VerifyError, VerifyingKey,
    verify_evm, verify_stark,
};

/// Commitments to the programs of release 1.
const RELEASE_1: [&str; 6] = [
    "0x003a38301201a5ae8e7b2210200a4dcc7d78d4c388115916b79c36ea9afbc166",
    "0x004a7cd88e6985d246eefbf20e82111bd3fe0c6f10d58157c26f60821729583b",
    "0x0057db148d461ffcdb73effd56585107fd925c5ec5d0344c008b85f90f62d906",
    "0x004311e4ff55ef85372f804ad52fdae3988557128337594160e6146f9e90a17d",
    "0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab",
    "0x008c234bbc5a9d5615ab9017d7c8b6325c8bb44d99012b2102310e51ad785a1d",
];

/// Commitment to the program of release 2.
const RELEASE_2: &str = "0x0013bb97257992d3ff227c9b1c7b0584c336f51c0c158e90d94eff08f23773a2";

/// Programs whose proofs are refused, each with its release.
fn ended() -> impl Iterator<Item = (u32, B256)> {
    let ended = RELEASE_1.iter().map(|text| (1, *text)).chain([(2, RELEASE_2)]);
    ended.map(|(release, text)| (release, text.parse().unwrap()))
}

/// Reads a real proof by the circuits of the committed guest.
fn evm_proof() -> ProofFile {
    ProofFile::decode(include_bytes!("../contracts/test/fixtures/block.proof")).unwrap()
}

/// Reads the recorded proof, which is of another program than the guest.
fn stark_proof() -> ProofFile {
    ProofFile::decode(include_bytes!("recorded/small.proof")).unwrap()
}

/// Changes a proof file so that it names this program.
fn made_by(program: B256, file: ProofFile) -> ProofFile {
    let file = ProofFile { app_exe_commitment: program, ..file };
    ProofFile::decode(&file.encode().unwrap()).unwrap()
}

/// Checks that a result is the refusal of this release.
fn is_refused<T: std::fmt::Debug>(number: u32, result: Result<T, VerifyError>) {
    let error = result.unwrap_err();
    assert!(!error.blames_proof());
    let message = error.to_string();
    match error {
        VerifyError::Withdrawn { release: 1, reason } if number == 1 => {
            assert!(message.starts_with("release 1 of the EVM program is withdrawn: "), "{message}");
            assert!(reason.contains("forged") && message.ends_with(reason), "{message}");
        }
        VerifyError::Superseded { release: 2, reason } if number == 2 => {
            assert!(message.starts_with("release 2 of the EVM program is superseded: "), "{message}");
            assert!(reason.contains("prove the block again") && message.ends_with(reason), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_committed_guest_is_release_3() {
    let key = VerifyingKey::committed().unwrap();
    let release = Release::of(key.app_exe_commitment(), key.app_vm_commitment());
    assert_eq!(
        release,
        Some(Release { number: 3, withdrawn: None, superseded: None }),
        "config/guest/evm/3 has another program: run scripts/build-guest"
    );
    assert_eq!(release.unwrap().to_string(), "release 3 of the EVM program");
    assert!(release.unwrap().is_accepted());
    Release::check_accepted(key.app_exe_commitment()).unwrap();
    assert_eq!(evm_proof().release(), release, "docs/guest.md says how the fixture is made");

    // The program on another virtual machine, and another program on the virtual machine.
    assert_eq!(Release::of(key.app_exe_commitment(), B256::ZERO), None);
    assert_eq!(Release::of(B256::ZERO, key.app_vm_commitment()), None);
    assert_eq!(stark_proof().release(), None);
}

#[test]
fn proofs_of_ended_releases_are_refused() {
    let key = VerifyingKey::committed().unwrap();
    let evm_key = EvmVerifyingKey::insecure_dev().unwrap();
    for (number, program) in ended() {
        let evm = made_by(program, evm_proof());
        let release = evm.release().unwrap();
        assert_eq!((release.number, release.is_accepted()), (number, false));
        assert_eq!((release.withdrawn.is_some(), release.superseded.is_some()), (number == 1, number == 2));
        is_refused(number, verify_evm(&evm, &evm_key, UnknownSrs::Allow));
        // The release is checked before the SRS, the kind, the proof system and the virtual machine.
        is_refused(number, verify_evm(&evm, &evm_key, UnknownSrs::Refuse));
        is_refused(number, verify_stark(&evm, &key));
        let stark = made_by(program, stark_proof());
        is_refused(number, verify_stark(&stark, &key));
        is_refused(number, verify_evm(&stark, &evm_key, UnknownSrs::Allow));
        let other =
            ProofFile { proof_system: "openvm 1.4".to_owned(), app_vm_commitment: B256::ZERO, ..stark };
        assert_eq!(other.release().unwrap().number, number);
        is_refused(number, verify_stark(&other, &key));
    }
}

#[test]
fn keys_of_ended_releases_accept_nothing() {
    for (number, program) in ended() {
        let mut bytes = EvmVerifyingKey::insecure_dev().unwrap().encode();
        bytes[9..41].copy_from_slice(program.as_slice());
        let end = bytes.len() - 32;
        let checksum = keccak256(&bytes[..end]);
        bytes[end..].copy_from_slice(checksum.as_slice());
        let key = EvmVerifyingKey::decode(&bytes).unwrap();
        assert_eq!(key.app_exe_commitment(), program);
        is_refused(number, verify_evm(&evm_proof(), &key, UnknownSrs::Allow));

        // The same checks are made when a contract names the program.
        let file = evm_proof();
        is_refused(number, file.check_origin(ProofKind::Evm, program, file.app_vm_commitment));
        is_refused(number, Release::check_accepted(program));
    }
}

/// A proof is invalid only if it was judged.
#[test]
fn what_is_not_known_is_not_invalid() {
    let key = VerifyingKey::decode(include_bytes!("recorded/small.key")).unwrap();
    let file = stark_proof();
    let blamed = |file: &ProofFile| verify_stark(file, &key).unwrap_err().blames_proof();
    let zero = B256::ZERO;
    assert!(!blamed(&ProofFile { app_exe_commitment: zero, ..file.clone() }));
    assert!(!blamed(&ProofFile { app_vm_commitment: zero, ..file.clone() }));
    assert!(!blamed(&ProofFile { proof_system: "openvm 3.0".to_owned(), ..file.clone() }));
    assert!(!blamed(&ProofFile { kind: ProofKind::Evm, ..file.clone() }));
    let mut other = file.clone();
    other.claim.last_state_root = zero;
    assert!(blamed(&other));
    let mut damaged = file.clone();
    damaged.proof.truncate(100);
    assert!(blamed(&damaged));

    let evm_key = EvmVerifyingKey::insecure_dev().unwrap();
    let of_its_guest = ProofFile {
        app_exe_commitment: evm_key.app_exe_commitment(),
        app_vm_commitment: evm_key.app_vm_commitment(),
        ..evm_proof()
    };
    let error = verify_evm(&of_its_guest, &evm_key, UnknownSrs::Refuse).unwrap_err();
    assert!(matches!(error, VerifyError::Insecure) && !error.blames_proof(), "{error}");
    let short = ProofFile { proof: Vec::new(), ..of_its_guest };
    assert!(verify_evm(&short, &evm_key, UnknownSrs::Allow).unwrap_err().blames_proof());

    let bytes = file.encode().unwrap();
    let newer = [&bytes[..8], &[9], &bytes[9..]].concat();
    for unknown in [&b""[..], b"ZENO", b"PROOF of something", &newer] {
        let error = ProofFile::decode(unknown).unwrap_err();
        assert!(!error.blames_proof(), "{error}");
    }
    let error = ProofFile::decode(&bytes[..bytes.len() - 1]).unwrap_err();
    assert!(matches!(error, ProofFileError::Truncated { .. }) && !error.blames_proof(), "{error}");
    for superseded in [1, 2] {
        let older = [&bytes[..8], &[superseded], &bytes[9..]].concat();
        let error = ProofFile::decode(&older).unwrap_err();
        assert!(matches!(error, ProofFileError::Superseded(_)) && !error.blames_proof(), "{error}");
    }
}

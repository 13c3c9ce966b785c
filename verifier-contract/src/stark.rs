//! Native verification of a STARK.

use alloy_primitives::B256;
use openvm_stark_backend::p3_field::PrimeField32;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use openvm_verify_stark_host::{
    VmStarkProof,
    pvs::{CONSTRAINT_EVAL_AIR_ID, VERIFIER_PVS_AIR_ID, VM_PVS_AIR_ID},
    verify_vm_stark_proof_decoded,
};
use zeno_guest_evm::ChainClaim;

use crate::{
    caught::caught,
    decode::{DecodeError, decode_stark},
    digest::claim_digest,
    error::VerifyError,
    key::VerifyingKey,
    proof_file::ProofFile,
    proof_kind::ProofKind,
};

/// Tables whose public values or commitments the proof system's verifier reads without checking that they are present.
const REQUIRED: [usize; 3] = [VERIFIER_PVS_AIR_ID, VM_PVS_AIR_ID, CONSTRAINT_EVAL_AIR_ID];

/// Checks that `file` proves its claim under `key`, and returns the claim.
///
/// The check binds the kind and version of the proof, the guest program, and the virtual machine with its parameters. It
/// also binds the success of the run and every field of the claim.
///
/// # Errors
/// [`VerifyError`] names the check that fails. No file causes a panic. As a last resort, a panic of the proof system's
/// verifier is caught. That requires that panics unwind: with `panic = "abort"`, such a panic ends the process.
pub fn verify_stark(file: &ProofFile, key: &VerifyingKey) -> Result<ChainClaim, VerifyError> {
    verified_stark(file, key)?;
    Ok(file.claim)
}

/// Same as [`verify_stark`], but returns the decoded proof. It is for provers, which prove that the STARK verifies.
///
/// # Errors
/// The same as [`verify_stark`]'s.
pub fn verified_stark(file: &ProofFile, key: &VerifyingKey) -> Result<VmStarkProof, VerifyError> {
    file.check_origin(ProofKind::Stark, key.app_exe_commitment(), key.app_vm_commitment())?;
    let proof = decode_stark(&file.proof, &key.stark)?;
    check_tables(&proof)?;
    verify_decoded(&proof, key)?;
    check_revealed(&proof.user_pvs_proof.public_values, &file.claim)?;
    Ok(proof)
}

/// Refuses a proof that lacks a table of [`REQUIRED`].
fn check_tables(proof: &VmStarkProof) -> Result<(), DecodeError> {
    let tables = &proof.inner.trace_vdata;
    let present = REQUIRED.iter().filter(|table| matches!(tables.get(**table), Some(Some(_)))).count();
    if present == REQUIRED.len() {
        return Ok(());
    }
    Err(DecodeError::Count {
        what: "tables that the claim is read from",
        actual: present,
        expected: REQUIRED.len(),
    })
}

/// Runs the proof system's verifier. The decoder has fixed all counts that the verifier relies on, and the verifier
/// checks the rest before it indexes. If it panics nevertheless, the proof is refused and the process continues.
fn verify_decoded(proof: &VmStarkProof, key: &VerifyingKey) -> Result<(), VerifyError> {
    match caught(|| verify_vm_stark_proof_decoded(&key.stark, proof)) {
        Ok(result) => result.map_err(|error| VerifyError::Stark(Box::new(error))),
        Err(message) => Err(VerifyError::Stopped(message)),
    }
}

/// Checks that the guest revealed the claim's digest followed by zeros, byte by byte.
fn check_revealed(revealed: &[F], claim: &ChainClaim) -> Result<(), VerifyError> {
    let claimed = claim_digest(claim)?;
    let digest_bytes = revealed.iter().take(32).map(|value| u8::try_from(value.as_canonical_u32()));
    let proven: Vec<u8> = digest_bytes.map(Result::unwrap_or_default).collect();
    let differs = |(value, byte): (&F, &u8)| value.as_canonical_u32() != u32::from(*byte);
    if revealed.len() < 32 || revealed.iter().zip(&claimed.0).any(differs) {
        return Err(VerifyError::OtherClaim { proven: B256::left_padding_from(&proven), claimed });
    }
    let extra = revealed.iter().enumerate().skip(32).find(|(_, value)| value.as_canonical_u32() != 0);
    match extra {
        Some((index, value)) => Err(VerifyError::ExtraPublicValue { index, value: value.as_canonical_u32() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use openvm_stark_backend::codec::Encode;

    use super::*;

    #[test]
    fn refuses_a_proof_without_a_table() {
        let key = VerifyingKey::decode(include_bytes!("../tests/recorded/small.key")).unwrap();
        let file = ProofFile::decode(include_bytes!("../tests/recorded/small.proof")).unwrap();
        assert_eq!(verify_stark(&file, &key).unwrap(), file.claim);
        let proof = verified_stark(&file, &key).unwrap();
        assert_eq!(proof.encode_to_vec().unwrap(), file.proof, "the decoded proof is the file's");
        for table in REQUIRED {
            let mut proof = decode_stark(&file.proof, &key.stark).unwrap();
            let inner = &mut proof.inner;
            inner.trace_vdata[table] = None;
            inner.public_values[table].clear();
            let constraints = &mut inner.batch_constraint_proof;
            constraints.numerator_term_per_air.pop();
            constraints.denominator_term_per_air.pop();
            constraints.column_openings.pop();
            let altered = ProofFile { proof: proof.encode_to_vec().unwrap(), ..file.clone() };
            let error = verify_stark(&altered, &key).unwrap_err();
            assert!(error.blames_proof());
            let expected = "malformed proof: tables that the claim is read from: 2, expected 3";
            assert_eq!(error.to_string(), expected, "table {table}");
        }
    }
}

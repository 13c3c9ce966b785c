//! Native verification of a STARK.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::B256;
use openvm_stark_backend::p3_field::PrimeField32;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use openvm_verify_stark_host::{VmStarkProof, verify_vm_stark_proof_decoded};
use zeno_guest_evm::ChainClaim;

use crate::{ProofFile, ProofKind, VerifyError, VerifyingKey, decode::decode_stark};

/// Checks that `file` proves its claim under `key`, and returns the claim.
///
/// What is bound: the kind and version of the proof, the guest program, the virtual machine with its
/// parameters, the success of the run, and every field of the claim.
///
/// # Errors
/// [`VerifyError`] says what doesn't hold. There is no panic, whatever the file.
pub fn verify_stark(file: &ProofFile, key: &VerifyingKey) -> Result<ChainClaim, VerifyError> {
    file.check_origin(ProofKind::Stark, key.app_exe_commitment(), key.app_vm_commitment())?;
    let proof = decode_stark(&file.proof, &key.stark)?;
    verify_decoded(&proof, key)?;
    check_revealed(&proof.user_pvs_proof.public_values, &file.claim)?;
    Ok(file.claim)
}

/// Runs the proof system's verifier. The decoder has fixed all counts that the verifier relies on, and the
/// verifier checks the rest before it indexes; should it panic all the same, that is a refusal and not a crash.
fn verify_decoded(proof: &VmStarkProof, key: &VerifyingKey) -> Result<(), VerifyError> {
    let outcome = catch_unwind(AssertUnwindSafe(|| verify_vm_stark_proof_decoded(&key.stark, proof)));
    match outcome {
        Ok(result) => result.map_err(|error| VerifyError::Stark(Box::new(error))),
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Err(VerifyError::Stopped(message.to_owned()))
        }
    }
}

/// Compares all that the guest revealed, byte by byte, with the claim's digest and zeros.
fn check_revealed(revealed: &[F], claim: &ChainClaim) -> Result<(), VerifyError> {
    let claimed = claim.digest();
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

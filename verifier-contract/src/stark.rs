//! Native verification of a STARK.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::B256;
use openvm_stark_backend::p3_field::PrimeField32;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use openvm_verify_stark_host::{VmStarkProof, error::VerifyStarkError, verify_vm_stark_proof_decoded};
use thiserror::Error;
use zeno_guest_evm::ChainClaim;

use crate::{DecodeError, ProofFile, ProofKind, VerifyingKey, decode::decode_stark};

/// The proof system whose STARKs this crate checks, as [`ProofFile::proof_system`] names it.
pub const PROOF_SYSTEM: &str = "openvm 2.0";

/// Why a proof does not establish its claim.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The proof is of another kind.
    #[error("the proof is of kind {}, and this checks kind stark", .0.name())]
    WrongKind(ProofKind),
    /// The proof is of another proof system, or of another version of it.
    #[error("the proof is of {0:?}, and this program checks {PROOF_SYSTEM:?}")]
    ProofSystem(String),
    /// Another guest program made the proof.
    #[error("proof of another guest program: its commitment is {proof}, this program trusts {expected}")]
    OtherGuest {
        /// The commitment in the file.
        proof: B256,
        /// The commitment of the verifying key.
        expected: B256,
    },
    /// Another virtual machine, or one with other parameters, made the proof.
    #[error("proof of another virtual machine: its commitment is {proof}, this program trusts {expected}")]
    OtherMachine {
        /// The commitment in the file.
        proof: B256,
        /// The commitment of the verifying key.
        expected: B256,
    },
    /// The proof bytes are not a STARK of the right shape.
    #[error("malformed proof: {0}")]
    Malformed(#[from] DecodeError),
    /// The STARK does not verify.
    #[error("invalid proof: {0}")]
    Stark(#[source] Box<VerifyStarkError>),
    /// The verifier of the proof system gave up on the proof.
    #[error("invalid proof: the verifier stopped with {0:?}")]
    Stopped(String),
    /// The STARK verifies and is of another claim.
    #[error("the proof is of a claim with digest {proven}, the file claims {claimed}")]
    OtherClaim {
        /// The digest that the guest revealed.
        proven: B256,
        /// The digest of the file's claim.
        claimed: B256,
    },
    /// The guest revealed more than the digest of a claim.
    #[error("the guest revealed a byte {value} at {index}, beyond the 32 bytes of a claim's digest")]
    ExtraPublicValue {
        /// The position of the byte.
        index: usize,
        /// Its value, or what stands in its place.
        value: u32,
    },
}

/// Checks that `file` proves its claim under `key`, and returns the claim.
///
/// What is bound: the kind and version of the proof, the guest program, the virtual machine with its
/// parameters, the success of the run, and every field of the claim.
///
/// # Errors
/// [`VerifyError`] says what doesn't hold. There is no panic, whatever the file.
pub fn verify_stark(file: &ProofFile, key: &VerifyingKey) -> Result<ChainClaim, VerifyError> {
    if file.kind != ProofKind::Stark {
        return Err(VerifyError::WrongKind(file.kind));
    }
    if file.proof_system != PROOF_SYSTEM {
        return Err(VerifyError::ProofSystem(file.proof_system.clone()));
    }
    if file.app_exe_commitment != key.app_exe_commitment() {
        return Err(VerifyError::OtherGuest {
            proof: file.app_exe_commitment,
            expected: key.app_exe_commitment(),
        });
    }
    if file.app_vm_commitment != key.app_vm_commitment() {
        return Err(VerifyError::OtherMachine {
            proof: file.app_vm_commitment,
            expected: key.app_vm_commitment(),
        });
    }
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

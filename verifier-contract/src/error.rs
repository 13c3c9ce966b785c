//! Reasons to refuse a proof.

use alloy_primitives::B256;
#[cfg(feature = "evm")]
use alloy_primitives::U256;
use thiserror::Error;

#[cfg(feature = "stark")]
use crate::decode::DecodeError;
use crate::proof_kind::{PROOF_SYSTEM, ProofKind};

/// Reason why a proof does not establish its claim.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The proof, or what it is checked against, is of a release of the guest program that was withdrawn.
    #[error("release {release} of the EVM program is withdrawn: {reason}")]
    Withdrawn {
        /// The release's number.
        release: u32,
        /// Reason for the withdrawal, and what to do.
        reason: &'static str,
    },
    /// The proof, or what it is checked against, is of a release of the guest program that a later one took the place of.
    #[error("release {release} of the EVM program is superseded: {reason}")]
    Superseded {
        /// The release's number.
        release: u32,
        /// Reason, and what to do.
        reason: &'static str,
    },
    /// The claim's digest is zero, which is that of no claim.
    #[cfg(any(feature = "evm", feature = "stark"))]
    #[error("the claim's digest is zero, which is that of no claim")]
    NoClaim,
    /// The proof is of another kind.
    #[error("the proof is of kind {}, and this checks kind {}", .actual.name(), .expected.name())]
    WrongKind {
        /// The kind of the proof.
        actual: ProofKind,
        /// The kind that was to be checked.
        expected: ProofKind,
    },
    /// The proof is of another proof system, or of another version of it.
    #[error("the proof is of {0:?}, and this program checks {PROOF_SYSTEM:?}")]
    ProofSystem(String),
    /// Another guest program made the proof.
    #[error("proof of another guest program: its commitment is {proof}, expected {expected}")]
    OtherGuest {
        /// The commitment in the file.
        proof: B256,
        /// The commitment of the verifying key.
        expected: B256,
    },
    /// Another virtual machine, or one with other parameters, made the proof.
    #[error("proof of another VM: its commitment is {proof}, expected {expected}")]
    OtherMachine {
        /// The commitment in the file.
        proof: B256,
        /// The commitment of the verifying key.
        expected: B256,
    },
    /// The proof bytes are not a STARK of the right shape.
    #[cfg(feature = "stark")]
    #[error("malformed proof: {0}")]
    Malformed(#[from] DecodeError),
    /// The STARK does not verify.
    #[cfg(feature = "stark")]
    #[error("invalid proof: {0}")]
    Stark(#[source] Box<openvm_verify_stark_host::error::VerifyStarkError>),
    /// The proof system's verifier panicked, so it has not decided.
    #[cfg(feature = "stark")]
    #[error("the proof system's verifier stopped with {0:?} and has not decided; please report it")]
    Stopped(String),
    /// The STARK is valid, but for another claim.
    #[cfg(feature = "stark")]
    #[error("the proof is of a claim with digest {proven}, the file claims {claimed}")]
    OtherClaim {
        /// The digest that the guest revealed.
        proven: B256,
        /// The digest of the file's claim.
        claimed: B256,
    },
    /// The guest revealed more than the digest of a claim.
    #[cfg(feature = "stark")]
    #[error("the guest revealed a byte {value} at {index}, beyond the 32 bytes of a claim's digest")]
    ExtraPublicValue {
        /// Index of the byte.
        index: usize,
        /// The field element at that index, in canonical form. It may exceed a byte.
        value: u32,
    },
    /// The key is under the development SRS, and that was not allowed.
    #[cfg(feature = "evm")]
    #[error(
        "the verifying key comes from the development SRS, whose secret is public: anybody can make a proof of \
         anything that it accepts"
    )]
    Insecure,
    /// The key's SRS is from no known ceremony, and that was not allowed.
    #[cfg(feature = "evm")]
    #[error(
        "the verifying key's SRS is of no ceremony that this program knows, so whoever made it may be able to make a \
         proof of anything that the key accepts"
    )]
    UnknownSrs,
    /// The proof has another length than EVM proofs have.
    #[cfg(feature = "evm")]
    #[error("the proof has {actual} bytes, an EVM proof has {expected}")]
    ProofLength {
        /// The only valid length, in bytes.
        expected: usize,
        /// Length of the proof, in bytes.
        actual: usize,
    },
    /// A word of the proof is not reduced. If it were accepted, the same proof would have a second form.
    #[cfg(feature = "evm")]
    #[error("word {index} of the proof is {value:#x}, and must be less than {bound:#x}")]
    NonCanonical {
        /// Index of the word.
        index: usize,
        /// The word.
        value: U256,
        /// Exclusive upper bound of the word.
        bound: U256,
    },
    /// Limbs of the KZG accumulator are not a point. The number is the index of the first limb's word.
    #[cfg(feature = "evm")]
    #[error("words {} to {} of the proof are not the limbs of a point of BN254", .0, .0 + 5)]
    AccumulatorPoint(usize),
    /// The Halo2 proof does not verify for the claim's digest and the key's commitments.
    #[cfg(feature = "evm")]
    #[error("invalid proof: {0}")]
    Halo2(#[source] halo2_proofs::plonk::Error),
    /// The KZG accumulator, to which the inner proof's openings are deferred, fails the pairing check.
    #[cfg(feature = "evm")]
    #[error("invalid proof: its accumulator fails the pairing check")]
    Accumulator,
}

impl VerifyError {
    /// Returns whether the proof is invalid. If not, its guest, virtual machine, proof system or SRS is unknown or not
    /// accepted here, or its verifier panicked. Then nothing is said about its validity.
    pub fn blames_proof(&self) -> bool {
        match self {
            Self::Withdrawn { .. }
            | Self::Superseded { .. }
            | Self::WrongKind { .. }
            | Self::ProofSystem(_)
            | Self::OtherGuest { .. }
            | Self::OtherMachine { .. } => false,
            #[cfg(feature = "stark")]
            Self::Stopped(_) => false,
            #[cfg(feature = "evm")]
            Self::Insecure | Self::UnknownSrs => false,
            #[cfg(any(feature = "evm", feature = "stark"))]
            _ => true,
        }
    }
}

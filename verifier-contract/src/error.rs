//! Why a proof is refused.

use alloy_primitives::B256;
#[cfg(feature = "evm")]
use alloy_primitives::U256;
use thiserror::Error;

use crate::ProofKind;

/// The proof system whose proofs this crate checks, as [`ProofFile::proof_system`](crate::ProofFile::proof_system) names it.
pub const PROOF_SYSTEM: &str = "openvm 2.0";

/// Why a proof does not establish its claim.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The proof, or what it is checked against, is of a release of the guest program that was withdrawn.
    #[error("release {release} of the EVM program is withdrawn: {reason}")]
    Withdrawn {
        /// The release's number.
        release: u32,
        /// Why it is, and what to do.
        reason: &'static str,
    },
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
    #[error("proof of another virtual machine: its commitment is {proof}, expected {expected}")]
    OtherMachine {
        /// The commitment in the file.
        proof: B256,
        /// The commitment of the verifying key.
        expected: B256,
    },
    /// The proof bytes are not a STARK of the right shape.
    #[cfg(feature = "stark")]
    #[error("malformed proof: {0}")]
    Malformed(#[from] crate::DecodeError),
    /// The STARK does not verify.
    #[cfg(feature = "stark")]
    #[error("invalid proof: {0}")]
    Stark(#[source] Box<openvm_verify_stark_host::error::VerifyStarkError>),
    /// The verifier of the proof system gave up on the proof.
    #[cfg(feature = "stark")]
    #[error("the proof system's verifier stopped with {0:?} and has not decided; please report it")]
    Stopped(String),
    /// The STARK verifies and is of another claim.
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
        /// The position of the byte.
        index: usize,
        /// Its value, or what stands in its place.
        value: u32,
    },
    /// The key stems from the development SRS, and that was not allowed.
    #[cfg(feature = "evm")]
    #[error(
        "the verifying key stems from the development SRS, whose secret is public: anybody can make a proof of \
         anything that it accepts"
    )]
    Insecure,
    /// The key's SRS is of no ceremony that is known, and that was not allowed.
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
        /// The only length that there is.
        expected: usize,
        /// The length of the proof.
        actual: usize,
    },
    /// A word of the proof is not reduced, so the same proof would have a second form.
    #[cfg(feature = "evm")]
    #[error("word {index} of the proof is {value:#x}, and must be less than {bound:#x}")]
    NonCanonical {
        /// Position of the word.
        index: usize,
        /// The word.
        value: U256,
        /// What it has to be less than.
        bound: U256,
    },
    /// A point of the KZG accumulator is not a point.
    #[cfg(feature = "evm")]
    #[error("words {} to {} of the proof are not the limbs of a point of BN254", .0, .0 + 5)]
    AccumulatorPoint(usize),
    /// The Halo2 proof does not verify for the claim's digest and the key's commitments.
    #[cfg(feature = "evm")]
    #[error("invalid proof: {0}")]
    Halo2(#[source] halo2_proofs::plonk::Error),
    /// The KZG accumulator, in which the inner proof's openings are deferred, fails the pairing check.
    #[cfg(feature = "evm")]
    #[error("invalid proof: its accumulator fails the pairing check")]
    Accumulator,
}

impl VerifyError {
    /// Whether the proof is invalid. Otherwise it is of a guest, a machine, a proof system or an SRS that is not known or
    /// not accepted here, and nothing is said about its validity.
    pub fn blames_proof(&self) -> bool {
        match self {
            Self::Withdrawn { .. }
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

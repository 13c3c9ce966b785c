//! Reasons to refuse an object. Their names are those of the test vectors, and their order is that of the checks.

use crate::types::{Hex, Period, Root, Slot};
use thiserror::Error;

/// Reason why a bootstrap or an update is refused. The store is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LightClientError {
    /// The types are those of another preset than the network's.
    #[error("the sync committee has {actual} members, but the network's preset has {expected}")]
    PresetMismatch {
        /// Size by the type.
        actual: usize,
        /// Size by the network's preset.
        expected: usize,
    },

    /// The bootstrap's header does not prove its execution block.
    #[error(
        "the bootstrap's header of slot {slot} does not prove its execution block by the rules of its fork"
    )]
    InvalidHeader {
        /// Slot of the header.
        slot: Slot,
    },
    /// The bootstrap is of another block than the trusted one.
    #[error("the bootstrap's block is {}, but the trusted one is {}", Hex(.actual), Hex(.trusted))]
    TrustedRootMismatch {
        /// Root of the bootstrap's header.
        actual: Root,
        /// Root that is trusted.
        trusted: Root,
    },
    /// The bootstrap's sync committee is not in its state.
    #[error("the current sync committee is not proven by the state of slot {slot}")]
    InvalidCurrentCommitteeBranch {
        /// Slot of the header.
        slot: Slot,
    },

    /// Nobody signed.
    #[error("{participants} members signed, but must be at least {minimum}")]
    InsufficientParticipants {
        /// Count of members that signed.
        participants: u64,
        /// Least count.
        minimum: u64,
    },
    /// The attested header does not prove its execution block.
    #[error("the attested header of slot {slot} does not prove its execution block by the rules of its fork")]
    InvalidAttestedHeader {
        /// Slot of the header.
        slot: Slot,
    },
    /// The signature comes from the future.
    #[error("the signature's slot is {signature_slot}, but must be at most the current one, {current_slot}")]
    SignatureSlotInFuture {
        /// Slot of the signature.
        signature_slot: Slot,
        /// Slot at the time of the check.
        current_slot: Slot,
    },
    /// The signature is not younger than what it signs.
    #[error("the signature's slot is {signature_slot}, but must be after the attested one, {attested_slot}")]
    SignatureNotAfterAttested {
        /// Slot of the signature.
        signature_slot: Slot,
        /// Slot of the attested header.
        attested_slot: Slot,
    },
    /// The finalized header is younger than the attested one.
    #[error("the finalized slot is {finalized_slot}, but must be at most the attested one, {attested_slot}")]
    FinalizedAfterAttested {
        /// Slot of the finalized header.
        finalized_slot: Slot,
        /// Slot of the attested header.
        attested_slot: Slot,
    },
    /// The committee of the signature is not known.
    #[error(
        "the signature's period is {signature_period}, but the committees known are those of {first} to {last}"
    )]
    SignaturePeriodSkipped {
        /// Period of the signature.
        signature_period: Period,
        /// Period of the store.
        first: Period,
        /// Last period whose committee the store knows.
        last: Period,
    },
    /// The update brings nothing new.
    #[error(
        "the attested slot is {attested_slot}, but must be after the finalized one, {finalized_slot}, or bring the \
         committee that is missing"
    )]
    NotRelevant {
        /// Slot of the attested header.
        attested_slot: Slot,
        /// Slot of the store's finalized header.
        finalized_slot: Slot,
    },
    /// A finalized header is there that nothing proves.
    #[error("the finalized header, of slot {slot}, must be empty: it has no branch, or it is genesis")]
    UnexpectedFinalizedHeader {
        /// Slot of the finalized header.
        slot: Slot,
    },
    /// The finalized header does not prove its execution block.
    #[error(
        "the finalized header of slot {slot} does not prove its execution block by the rules of its fork"
    )]
    InvalidFinalizedHeader {
        /// Slot of the header.
        slot: Slot,
    },
    /// The finalized header is not in the attested state.
    #[error(
        "the finalized header of slot {finalized_slot} is not proven by the state of slot {attested_slot}"
    )]
    InvalidFinalityBranch {
        /// Slot of the finalized header.
        finalized_slot: Slot,
        /// Slot of the attested header.
        attested_slot: Slot,
    },
    /// A next committee is there that nothing proves.
    #[error("the next sync committee must be empty, because it has no branch")]
    UnexpectedNextCommittee,
    /// The next committee is another than the known one of the same period.
    #[error("the next sync committee is another than the one that is known in period {period}")]
    NextCommitteeMismatch {
        /// Period of the store.
        period: Period,
    },
    /// The next committee is not in the attested state.
    #[error("the next sync committee is not proven by the state of slot {attested_slot}")]
    InvalidNextCommitteeBranch {
        /// Slot of the attested header.
        attested_slot: Slot,
    },
    /// The signature is not that of these members over the attested header.
    #[error(
        "the signature of slot {signature_slot} by {participants} members over slot {attested_slot} is invalid"
    )]
    InvalidSignature {
        /// Slot of the signature.
        signature_slot: Slot,
        /// Slot of the attested header.
        attested_slot: Slot,
        /// Count of members that signed.
        participants: u64,
    },

    /// An update would supply a committee of another period than the store's. No update that passes the checks does.
    #[error("the finalized period is {finalized_period}, but must be the store's, {store_period}")]
    FinalizedPeriodMismatch {
        /// Period of the update's finalized header.
        finalized_period: Period,
        /// Period of the store.
        store_period: Period,
    },
}

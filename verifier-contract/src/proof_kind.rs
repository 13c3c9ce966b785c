//! Kinds of proofs, and the proof system that they belong to.

/// Proof system whose proofs this crate checks, as [`ProofFile::proof_system`](crate::ProofFile::proof_system) names
/// it.
pub const PROOF_SYSTEM: &str = "openvm 2.0";

/// Kind of the proof in a proof file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofKind {
    /// One aggregated STARK, which [`verify_stark`](crate::verify_stark) checks.
    Stark,
    /// A Halo2-KZG proof for the EVM, which [`verify_evm`](crate::verify_evm) and the contracts check.
    Evm,
}

impl ProofKind {
    /// Returns the kind's number in a proof file.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Stark => 1,
            Self::Evm => 2,
        }
    }

    /// Returns the kind with this number in a proof file, or `None` if there is none.
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        [Self::Stark, Self::Evm].into_iter().find(|kind| kind.code() == code)
    }

    /// Returns the version of the layout of files of this kind. Only the layout of an EVM proof names an SRS.
    pub(crate) fn format(self) -> u32 {
        match self {
            Self::Stark => 3,
            Self::Evm => 4,
        }
    }

    /// Returns the name that the command line uses: `stark` or `evm`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stark => "stark",
            Self::Evm => "evm",
        }
    }
}

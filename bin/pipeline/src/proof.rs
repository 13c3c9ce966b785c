//! Files of proofs, and the facts that are known of them.

use crate::{
    claim::{Claim, ProgramReport, ProvenBlock},
    error::Error,
    files, prove,
    setting::Setting,
};
use serde::Serialize;
use std::path::Path;
use zeno_verifier::{ChainClaim, INSECURE_SRS, ProofFile, ProofFileError, ProofKind};

/// A proof's file. Its claim and program are either confirmed by a check, or only stated.
#[derive(Clone, Debug, Serialize)]
pub struct ProofReport {
    /// The confirmed content. Where it is `None`, the file's statement has the content.
    #[serde(flatten)]
    pub confirmed: Option<Confirmed>,
    /// Kind of the proof.
    #[serde(serialize_with = "prove::kind_name")]
    pub proof_kind: ProofKind,
    /// Length of the proof itself, in bytes.
    pub proof_bytes: usize,
    /// Statement of the file about itself, which nothing confirms.
    pub stated: Stated,
}

/// Content of a proof that a check confirmed.
#[derive(Clone, Debug, Serialize)]
pub struct Confirmed {
    /// The claim's block.
    #[serde(flatten)]
    pub block: ProvenBlock,
    /// The claim.
    pub claim: Claim,
    /// The program that the proof is of.
    #[serde(flatten)]
    pub program: ProgramReport,
}

/// Statement of a proof's file about itself.
#[derive(Clone, Debug, Serialize)]
pub struct Stated {
    /// Name of the proof system.
    pub proof_system: String,
    /// Name of the program that made the proof.
    pub prover: String,
    /// Name of the SRS that an EVM proof was made under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srs: Option<String>,
    /// The content, as long as no check has confirmed it.
    #[serde(flatten)]
    pub unchecked: Option<Unchecked>,
}

/// Content of a proof before a check.
#[derive(Clone, Debug, Serialize)]
pub struct Unchecked {
    /// The claim.
    pub claim: Claim,
    /// The program that the proof is said to be of.
    #[serde(flatten)]
    pub program: ProgramReport,
}

impl ProofReport {
    /// The statement of a file.
    pub fn new(file: &ProofFile) -> Self {
        Self {
            confirmed: None,
            proof_kind: file.kind,
            proof_bytes: file.proof.len(),
            stated: Stated {
                proof_system: file.proof_system.clone(),
                prover: file.prover.clone(),
                srs: file.srs.clone(),
                unchecked: Some(Unchecked {
                    claim: Claim(file.claim),
                    program: ProgramReport::new(file.app_exe_commitment, file.app_vm_commitment),
                }),
            },
        }
    }

    /// The same file after a check that it proves `claim`.
    pub fn confirm(mut self, claim: ChainClaim) -> Self {
        if let Some(Unchecked { program, .. }) = self.stated.unchecked.take() {
            self.confirmed =
                Some(Confirmed { block: ProvenBlock::from(&claim), claim: Claim(claim), program });
        }
        self
    }
}

/// Reads the file of a proof.
pub(crate) fn read(path: &Path) -> Result<ProofFile, Error> {
    ProofFile::read(path).map_err(|error| match error {
        ProofFileError::Io { ref source, .. } => {
            Error::file(path, format_args!("can't be read: {source}; name a proof that `zeno prove` wrote"))
        }
        ProofFileError::Foreign if files::is_input(path) => Error::file(
            path,
            "is an input of `zeno fetch`, and no proof; `zeno validate --input` checks its block, `zeno prove --input` \
             proves it",
        ),
        error => Error::ProofFile { path: path.to_owned(), source: Box::new(error) },
    })
}

/// Refuses a proof whose file says that it was made under the development SRS, unless that is allowed. The word of a file is
/// enough to refuse a proof, and never enough to accept it.
pub(crate) fn check_srs(file: &ProofFile, allowed: bool) -> Result<(), Error> {
    if file.srs.as_deref() != Some(INSECURE_SRS) || allowed {
        return Ok(());
    }
    Err(Error::other(
        "the proof was made under the development SRS, under which anybody can forge proofs, so it proves nothing; \
         for tests alone, it can be allowed all the same",
    )
    .with_settings([Setting::AllowUnknownSrs]))
}

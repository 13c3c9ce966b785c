//! Claims of inputs and proofs, without a check.

use crate::{
    block::{BlockReport, Loaded, SourceKind},
    error::Error,
    files::{self, FileKind},
    proof::ProofReport,
};
use serde::Serialize;
use std::path::Path;
use zeno_verifier::{ProofFile, Release};

/// Content of a file. Nothing of it is checked.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Inspected {
    /// An input.
    Input(BlockReport),
    /// A proof.
    Proof {
        /// The file.
        #[serde(flatten)]
        proof: Box<ProofReport>,
        /// Reason why a check would not accept the proof, if that is known.
        #[serde(skip)]
        refusal: Option<String>,
    },
}

/// Reads the claim of an input or a proof, without a check.
///
/// # Errors
/// [`Error`] where the file can't be read, or is neither. It is no verdict.
pub fn inspect(path: &Path) -> Result<Inspected, Error> {
    let (kind, bytes) = files::read_input_or_proof(path)?;
    if kind == FileKind::Input {
        let loaded = Loaded::decode(bytes, SourceKind::File);
        return match loaded {
            Ok(loaded) => Ok(Inspected::Input(loaded.report)),
            // As a sentence about the file, it is no verdict: nothing is judged here.
            Err(failed) => Err(Error::file(path, failed.error)),
        };
    }
    let file = ProofFile::decode(&bytes).map_err(|error| Error::file(path, error))?;
    let refusal = Release::check_accepted(file.app_exe_commitment).err().map(|error| error.to_string());
    Ok(Inspected::Proof { proof: Box::new(ProofReport::new(&file)), refusal })
}

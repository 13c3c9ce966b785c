//! `zeno inspect`.

use crate::{
    args::FileArgs,
    failure::Failure,
    files::{self, Kind},
    report::Report,
    source::Loaded,
};
use zeno_verifier::{INSECURE_SRS, MAX_PROOF_BYTES, ProofFile, Release};

/// Longest file of a proof, in bytes: the proof and room for everything around it.
const MAX_PROOF_FILE: u64 = MAX_PROOF_BYTES as u64 + 4096;

/// What to know of everything that stems from the development SRS.
pub(super) const INSECURE: &str =
    "INSECURE: made under the development SRS, under which anybody can forge proofs.";

/// Says what a file claims, without checking it.
pub(crate) fn inspect(args: &FileArgs, report: &mut Report) -> Result<(), Failure> {
    let path = &args.file;
    let bytes = files::read_as(path, |start| match files::kind(start) {
        Kind::Input => Ok(files::MAX_INPUT),
        Kind::Proof => Ok(MAX_PROOF_FILE),
        // Every other advice is about inputs and proofs.
        other => Err(Failure::file(path, other.advice(path))),
    })?;
    if files::kind(&bytes) == Kind::Input {
        Loaded::decode(bytes, report).map_err(|error| {
            // Nothing is judged here.
            report.valid = None;
            Failure::file(path, error)
        })?;
        report.headline.push(
            "An input: a block and the state that it touches. Nothing below was checked; `zeno validate --input` does."
                .to_owned(),
        );
        return Ok(());
    }
    let file = ProofFile::decode(&bytes).map_err(|error| Failure::file(path, error))?;
    report.headline.push("A proof. What it claims was not checked; `zeno verify` does.".to_owned());
    if let Err(error) = Release::refuse_withdrawn(file.app_exe_commitment) {
        report.headline.push(format!("NOT ACCEPTED: {error}."));
    }
    if file.srs.as_deref() == Some(INSECURE_SRS) {
        report.headline.push(INSECURE.to_owned());
    }
    set_proof(&file, report);
    Ok(())
}

/// Takes over what a proof file says of itself.
pub(super) fn set_proof(file: &ProofFile, report: &mut Report) {
    report.set_stated(file);
}

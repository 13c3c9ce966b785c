//! `zeno inspect`.

use crate::{args::FileArgs, failure::Failure, files, report::Report, source::Loaded};
use zeno_guest_evm::input;
use zeno_verifier::{INSECURE_SRS, ProofFile, Release};

/// What to know of everything that stems from the development SRS.
pub(super) const INSECURE: &str =
    "INSECURE: made under the development SRS, under which anybody can forge proofs.";

/// Says what a file claims, without checking it.
pub(crate) fn inspect(args: &FileArgs, report: &mut Report) -> Result<(), Failure> {
    let bytes = files::read(&args.file)?;
    // Both formats begin with the same four letters; an input goes on with its version's low byte.
    let is_input =
        bytes.starts_with(&input::MAGIC) && bytes.get(4).is_some_and(|byte| !byte.is_ascii_alphabetic());
    if is_input {
        Loaded::decode(bytes, report).map_err(|error| Failure::file(&args.file, error))?;
        report.headline.push(
            "An input: a block and the state that it touches. Nothing below was checked; `zeno validate --input` does."
                .to_owned(),
        );
        return Ok(());
    }
    if !bytes.starts_with(b"ZENOPRF") {
        return Err(Failure::file(
            &args.file,
            "is neither an input of `zeno fetch` nor a proof of `zeno prove`: it starts with other bytes",
        ));
    }
    let file = ProofFile::decode(&bytes).map_err(|error| Failure::file(&args.file, error))?;
    set_proof(&file, report);
    report.set_claim(&file.claim);
    report.headline.push("A proof. What it claims was not checked; `zeno verify` does.".to_owned());
    if let Err(error) = Release::refuse_withdrawn(file.app_exe_commitment) {
        report.headline.push(format!("NOT ACCEPTED: {error}."));
    }
    if file.srs.as_deref() == Some(INSECURE_SRS) {
        report.headline.push(INSECURE.to_owned());
    }
    Ok(())
}

/// Takes over what a proof file says of itself.
pub(super) fn set_proof(file: &ProofFile, report: &mut Report) {
    report.proof_kind = Some(file.kind.name());
    report.proof_bytes = Some(file.proof.len());
    report.proof_system = Some(file.proof_system.clone());
    report.prover = Some(file.prover.clone());
    report.proof_srs = file.srs.clone();
    report.set_origin(file.app_exe_commitment, file.app_vm_commitment);
}

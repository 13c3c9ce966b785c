//! `zeno verify`.

use crate::{args::FileArgs, chains, failure::Failure, report::Report};
use zeno_verifier::{ProofFile, ProofFileError, ProofKind, VerifyingKey, verify_stark};

/// Checks a proof, and says what it proves.
pub(crate) fn verify(args: &FileArgs, report: &mut Report) -> Result<(), Failure> {
    let file = ProofFile::read(&args.file).map_err(|error| match error {
        ProofFileError::Io { .. } => Failure::other(error),
        _ => {
            report.valid = Some(false);
            Failure::Invalid(format!("{}: {error}", args.file.display()))
        }
    })?;
    super::inspect::set_proof(&file, report);
    if file.kind == ProofKind::Evm {
        return Err(Failure::other(format_args!(
            "{}: it is an EVM proof, and checking those is not built yet",
            args.file.display()
        )));
    }
    let key = VerifyingKey::committed().map_err(Failure::other)?;
    report.valid = Some(false);
    let claim = verify_stark(&file, &key)?;
    report.valid = Some(true);
    report.set_claim(&claim);
    let rules = match chains::name(claim.chain_spec) {
        Some(name) => format!("the rules of {name}"),
        None => format!("rules that this program has no name for (chainSpec {})", claim.chain_spec),
    };
    let blocks = match claim.block_count {
        1 => "block".to_owned(),
        count => format!("the last of {count} consecutive blocks"),
    };
    report.headline.push(format!(
        "The proof is valid: {blocks} {} is valid under {rules}, if its parent {} is.",
        claim.last_block_number, claim.first_parent_hash
    ));
    Ok(())
}

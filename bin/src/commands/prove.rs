//! `zeno prove`.

use crate::{
    args::{Cli, ProofArg, ProveArgs},
    commands::validate::check,
    failure::Failure,
    files,
    progress::Display,
    report::Report,
    source,
};
use std::sync::Arc;
use zeno_prover::{Guest, Prover};
use zeno_verifier::INSECURE_SRS;

/// Proves a block and writes the proof to a file.
pub(crate) fn prove(cli: &Cli, args: &ProveArgs, report: &mut Report) -> Result<(), Failure> {
    if let Some(out) = &args.out {
        files::check_writable(out)?;
    }
    let display = Arc::new(Display::new());
    let loaded = source::load(cli, &args.source, &display, report)?;
    // Natively first: nobody proves an invalid block for an hour.
    let claim = check(&loaded, report)?;
    let out = files::destination(args.out.as_ref(), claim.last_block_number, "proof");
    files::check_writable(&out)?;

    let prover = Prover::new(Guest::committed()?, cli.cache_folder())
        .with_progress(display.clone())
        .with_backend(args.backend.backend.into());
    let proved = match args.proof {
        ProofArg::Stark => prover.prove(&loaded.bytes, &claim),
        ProofArg::Evm => prover.prove_evm(&loaded.bytes, &claim),
    }?;
    proved.write(&out)?;
    report.proof_kind = Some(proved.file.kind.name());
    report.proof_bytes = Some(proved.file.proof.len());
    report.set_timings(&proved.timings);
    report.segments = Some(proved.timings.segments.len());
    if proved.file.srs.as_deref() == Some(INSECURE_SRS) {
        report.headline.push(super::inspect::INSECURE.to_owned());
    }
    report.headline.push(format!(
        "Block {} is proven. Check the proof with `zeno verify {}`.",
        claim.last_block_number,
        out.display()
    ));
    report.file = Some(out);
    Ok(())
}

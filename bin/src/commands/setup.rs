//! `zeno setup`.

use crate::{
    args::{BackendArgs, Cli},
    failure::Failure,
    progress::Display,
    report::Report,
};
use std::sync::Arc;
use zeno_prover::{Guest, Prover};

/// Makes the keys for EVM proofs under the installed SRS, or finds them made.
pub(crate) fn setup(cli: &Cli, args: &BackendArgs, report: &mut Report) -> Result<(), Failure> {
    let display = Arc::new(Display::new());
    let prover = Prover::new(Guest::committed()?, cli.cache_folder())
        .with_progress(display.clone())
        .with_backend(args.backend.into());
    let setup = prover.setup()?;
    if setup.insecure {
        report.headline.push(super::inspect::INSECURE.to_owned());
    }
    report.headline.push("The keys for EVM proofs are there.".to_owned());
    report.file = Some(setup.folder);
    Ok(())
}

//! `zeno setup`.

use crate::{
    args::{BackendArgs, Cli},
    failure::Failure,
    progress::Display,
    report::Report,
};
use std::sync::Arc;
use zeno_prover::{Guest, Prover};
use zeno_verifier::{EvmVerifyingKey, SrsOrigin};

/// Makes the keys for EVM proofs under the installed SRS, or finds them made.
pub(crate) fn setup(cli: &Cli, args: &BackendArgs, report: &mut Report) -> Result<(), Failure> {
    let display = Arc::new(Display::new());
    let prover = Prover::new(Guest::committed()?, cli.cache_folder()?)
        .with_progress(display.clone())
        .with_backend(args.backend.into());
    let setup = prover.setup()?;
    say_key(&setup.key, report);
    report.headline.push("The keys for EVM proofs are there.".to_owned());
    report.file = Some(setup.folder);
    Ok(())
}

/// Says what the key of EVM proofs is worth, and how others accept it.
pub(super) fn say_key(key: &EvmVerifyingKey, report: &mut Report) {
    report.set_key(key);
    match key.origin() {
        SrsOrigin::Ceremony(_) => {}
        SrsOrigin::Development => report.headline.push(super::inspect::INSECURE.to_owned()),
        SrsOrigin::Unknown => report.headline.push(
            "UNKNOWN SRS: it is of no ceremony that is known here, so whoever made it may be able to forge proofs."
                .to_owned(),
        ),
    }
    if !key.is_pinned() {
        report.headline.push(format!(
            "The verifying key is not in this program's table, so whoever checks proofs has to name it: --key-digest {}.",
            key.digest()
        ));
    }
}

//! `zeno execute`.

use crate::{
    args::{Cli, ExecuteArgs},
    commands::validate::check,
    failure::Failure,
    files,
    progress::Display,
    report::Report,
    source,
};
use std::sync::Arc;
use zeno_prover::{Guest, Prover};

/// How many functions a profile lists.
const LARGEST: usize = 10;

/// Runs the guest without proving, and says what that took.
pub(crate) fn execute(cli: &Cli, args: &ExecuteArgs, report: &mut Report) -> Result<(), Failure> {
    let display = Arc::new(Display::new());
    let loaded = source::load(cli, &args.source, &display, report)?;
    let claim = check(&loaded, report)?;
    let prover = Prover::new(Guest::committed()?, cli.cache_folder()).with_progress(display.clone());
    let execution = prover.execute(&loaded.bytes)?;
    if execution.digest != claim.digest() {
        return Err(Failure::other(format_args!(
            "the guest reveals the claim {}, native validation gives {}: this is a defect, please report it",
            execution.digest,
            claim.digest()
        )));
    }
    report.set_execution(&execution);
    if let Some(elf) = &args.profile {
        display.say("counting instructions by function");
        let functions = zeno_prover::profile(&files::read(elf)?, &loaded.bytes)?;
        report.set_functions(functions.into_iter().take(LARGEST).collect());
    }
    Ok(())
}

//! `zeno execute`.

use crate::{
    args::{Cli, CostArg, ExecuteArgs},
    commands::validate::check,
    failure::Failure,
    files,
    progress::Display,
    report::Report,
    source,
};
use inferno::flamegraph;
use std::{borrow::Cow, path::Path, sync::Arc};
use zeno_prover::{Guest, Profile, Prover};

/// Runs the guest without proving, and says what that took.
pub(crate) fn execute(cli: &Cli, args: &ExecuteArgs, report: &mut Report) -> Result<(), Failure> {
    let elf = match &args.guest {
        Some(path) => Cow::Owned(files::read(path)?),
        None => Cow::Borrowed(Guest::committed_elf()),
    };
    if let Some(path) = &args.profile {
        files::check_writable(path)?;
    }
    let display = Arc::new(Display::new());
    let loaded = source::load(cli, &args.source, &display, report)?;
    let claim = check(&loaded, report)?;
    let prover = Prover::new(Guest::from_elf(&elf)?, cli.cache_folder()).with_progress(display.clone());
    let execution = prover.execute(&loaded.bytes)?;
    if execution.digest != claim.digest() {
        return Err(Failure::other(format_args!(
            "the guest reveals the claim {}, native validation gives {}: this is a defect, please report it",
            execution.digest,
            claim.digest()
        )));
    }
    report.set_execution(&execution);
    if let Some(path) = &args.profile {
        display.say("following every instruction");
        let profile = prover.profile(&elf, &loaded.bytes)?;
        draw(&profile, args.by, &format!("Block {}", claim.last_block_number), path)?;
        report.set_profile(profile);
        report.file = Some(path.clone());
    }
    Ok(())
}

/// Draws the flame graph.
fn draw(profile: &Profile, by: CostArg, title: &str, path: &Path) -> Result<(), Failure> {
    let (unit, weight): (_, fn(&zeno_prover::Cost) -> u64) = match by {
        CostArg::Instructions => ("instructions", |cost| cost.instructions),
        CostArg::Cells => ("cells", |cost| cost.cells),
    };
    let lines: Vec<_> =
        profile.stacks.iter().map(|(stack, cost)| format!("{stack} {}", weight(cost))).collect();
    let mut options = flamegraph::Options::default();
    options.title = title.to_owned();
    options.count_name = unit.to_owned();
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|error| Failure::file(path, format_args!("the flame graph can't be drawn: {error}")))?;
    files::write(path, &svg)
}

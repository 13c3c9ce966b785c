//! `zeno execute`.

use crate::{
    args::{Cli, CostArg, ExecuteArgs},
    commands::validate::check,
    failure::Failure,
    files::{self, Kind},
    progress::Display,
    report::Report,
    source, text,
};
use inferno::flamegraph;
use std::{borrow::Cow, path::Path, sync::Arc};
use zeno_prover::{Guest, Profile, Prover, ProverError};

/// Runs the guest without proving, and says what that took.
pub(crate) fn execute(cli: &Cli, args: &ExecuteArgs, report: &mut Report) -> Result<(), Failure> {
    let elf = match &args.guest {
        Some(path) => Cow::Owned(read_guest(path)?),
        None => Cow::Borrowed(Guest::committed_elf()),
    };
    if let Some(path) = &args.profile {
        files::check_writable(cli, path, "--profile")?;
    }
    let display = Arc::new(Display::new());
    let loaded = source::load(cli, &args.source, &display, report)?;
    let claim = check(&loaded, report)?;
    let guest = Guest::from_elf(&elf).map_err(|error| of_guest(args, error))?;
    // Keys are all that it keeps, and they are made in seconds.
    let temporary;
    let cache = match cli.cache_folder_or_none(&display)? {
        Some(cache) => cache,
        None => {
            temporary = tempfile::tempdir()
                .map_err(|error| Failure::other(format_args!("a temporary folder can't be made: {error}")))?;
            temporary.path().to_owned()
        }
    };
    let prover = Prover::new(guest, cache).with_progress(display.clone());
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
        let profile = prover.profile(&elf, &loaded.bytes).map_err(|error| of_guest(args, error))?;
        let graph = draw(&profile, args.by, &format!("Block {}", claim.last_block_number), path)?;
        files::deliver(path, &graph, report)?;
        report.set_profile(profile);
    }
    Ok(())
}

/// The bytes of a guest that is not the built-in one.
fn read_guest(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read_as(path, |start| match files::kind(start) {
        Kind::Elf => Ok(files::MAX_GUEST),
        _ => Err(Failure::file(path, "is no ELF file; `scripts/build-guest` makes guests")),
    })
}

/// Names the file of a guest that is none.
fn of_guest(args: &ExecuteArgs, error: ProverError) -> Failure {
    match (&args.guest, &error) {
        (Some(path), ProverError::Elf(_)) => Failure::file(path, error),
        _ => error.into(),
    }
}

/// Draws the flame graph.
fn draw(profile: &Profile, by: CostArg, title: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let (unit, weight): (_, fn(&zeno_prover::Cost) -> u64) = match by {
        CostArg::Instructions => ("instructions", |cost| cost.instructions),
        CostArg::Cells => ("cells", |cost| cost.cells),
    };
    let lines: Vec<_> = profile
        .stacks
        .iter()
        .map(|(stack, cost)| format!("{} {}", text::whole(stack), weight(cost)))
        .collect();
    let mut options = flamegraph::Options::default();
    options.title = title.to_owned();
    options.count_name = unit.to_owned();
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|error| Failure::file(path, format_args!("the flame graph can't be drawn: {error}")))?;
    Ok(svg)
}

//! `zeno`: proves Ethereum blocks, and checks the proofs.

#[cfg(unix)]
mod allocator;
mod args;
mod chains;
mod commands;
mod evm_keys;
mod failure;
mod files;
mod node;
mod progress;
mod report;
mod signer;
mod source;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use report::Report;
use std::{io::IsTerminal, process::ExitCode, time::Instant};

/// The exit status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return finish(json, &Report::default(), Some(&Failure::io("starting the runtime", error)));
        }
    };
    let start = Instant::now();
    let (mut report, failure) = runtime.block_on(async {
        // The work blocks for long: it has a thread of its own, so that Ctrl-C is always heard.
        let work = tokio::task::spawn_blocking(move || {
            let mut report = Report::default();
            let failure = run(&cli, &mut report).err();
            (report, failure)
        });
        tokio::select! {
            done = work => done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())),
            _ = tokio::signal::ctrl_c() => {
                eprintln!("\nzeno: interrupted; what was finished is kept, and the same command goes on from there");
                // Ends the worker thread too. Files are written beside their place and renamed when
                // whole, so none is left half-written.
                std::process::exit(INTERRUPTED)
            }
        }
    });
    report.seconds = Some(start.elapsed().as_secs_f64());
    finish(json, &report, failure.as_ref())
}

fn run(cli: &Cli, report: &mut Report) -> Result<(), Failure> {
    match &cli.command {
        Command::Fetch(args) => commands::fetch(cli, args, report),
        Command::Validate(args) => commands::validate(cli, args, report),
        Command::Execute(args) => commands::execute(cli, args, report),
        Command::Prove(args) => commands::prove(cli, args, report),
        Command::Setup(args) => commands::setup(cli, args, report),
        Command::Verify(args) => commands::verify(cli, args, report),
        Command::Inspect(args) => commands::inspect(args, report),
        Command::Srs(command) => commands::srs(cli, command, report),
        Command::Contract(command) => commands::contract(cli, command, report),
    }
}

/// Prints what there is to say, and answers with the exit status.
fn finish(json: bool, report: &Report, failure: Option<&Failure>) -> ExitCode {
    if json {
        println!("{}", report.json(failure));
    } else {
        print!("{}", report.text());
        if let Some(failure) = failure {
            eprintln!("zeno: {failure}");
        }
    }
    ExitCode::from(failure.map_or(0, Failure::status))
}

/// Structured logs go to stderr; `RUST_LOG` chooses which, warnings by default.
fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

//! `zeno`: proves Ethereum blocks, and checks the proofs.

// These panic where a pipe is closed or a disk is full; the module `output` doesn't.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[cfg(unix)]
mod allocator;
mod args;
mod chains;
mod commands;
mod cost;
mod evm_keys;
mod failure;
mod files;
mod local_evm;
mod node;
mod output;
mod panics;
mod progress;
mod report;
mod signals;
mod signer;
mod source;
mod text;
mod usage;

use args::{Cli, Command};
use failure::Failure;
use report::Report;
use signals::Signals;
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Instant,
};

fn main() -> ExitCode {
    panics::keep();
    keep_others_out();
    let status = panics::guarded(start).unwrap_or_else(|panic| {
        output::failure(usage::asks_for_json(), &panic, Failure::OTHER).unwrap_or(Failure::OTHER)
    });
    ExitCode::from(status)
}

/// Makes no file that everybody may write to, whatever the umask: some containers have none at all.
fn keep_others_out() {
    #[cfg(unix)]
    {
        use rustix::{fs::Mode, process::umask};
        let mask = umask(Mode::WOTH);
        umask(mask | Mode::WOTH);
    }
}

/// Does what the arguments say, prints it, and answers with the exit status.
fn start() -> u8 {
    let cli = match usage::parse() {
        Ok(cli) => cli,
        Err(error) => return usage::tell(error, usage::asks_for_json()),
    };
    let json = cli.json;
    start_logging();
    let fail = |doing: &str, error: io::Error| {
        output::failure(json, &format!("{doing}: {error}"), Failure::OTHER).unwrap_or(Failure::OTHER)
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("starting the runtime", error),
    };
    let status = runtime.block_on(async {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return fail("listening to signals", error),
        };
        // The work blocks for long, and so may whoever reads the result: it has a thread of its own, so that signals are
        // always heard.
        let work = tokio::task::spawn_blocking(move || {
            panics::guarded(|| run_and_tell(&cli)).unwrap_or_else(|panic| {
                output::failure(json, &panic, Failure::OTHER).unwrap_or(Failure::OTHER)
            })
        });
        tokio::select! {
            status = work => status.unwrap_or(Failure::OTHER),
            ending = signals.next() => {
                if io::stderr().is_terminal() {
                    output::stderr("\n");
                }
                let mut message = format!(
                    "interrupted ({}); what was finished is kept, and the same command goes on from there",
                    ending.name
                );
                if let Some(sent) = node::under_way() {
                    message = format!("interrupted ({}); {sent}", ending.name);
                }
                output::failure(json, &message, ending.status());
                // Ends the worker thread too. Files are written beside their place and renamed when
                // whole, so none is left half-written.
                std::process::exit(ending.status().into())
            }
        }
    });
    // A task that nobody waits for any more doesn't hold up the end.
    runtime.shutdown_background();
    status
}

/// Runs the command, and prints what it has to say.
fn run_and_tell(cli: &Cli) -> u8 {
    let start = Instant::now();
    let mut report = Report::default();
    let failure = run(cli, &mut report).err();
    report.seconds = Some(start.elapsed().as_secs_f64());
    let status = failure.as_ref().map_or(0, Failure::status);
    let printed = if cli.json {
        output::result(&report.json(failure.as_ref()), "", status)
    } else {
        let text = report.text();
        let failed = failure
            .map_or_else(String::new, |failure| format!("zeno: {}\n", text::whole(&failure.to_string())));
        if report.stdout_is_taken {
            output::result("", &(text + &failed), status)
        } else {
            output::result(&text, &failed, status)
        }
    };
    printed.unwrap_or(status)
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

/// Structured logs go to stderr; `RUST_LOG` chooses which, warnings by default.
fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let asked = if asked.trim().is_empty() { "warn" } else { &asked };
    let filter = EnvFilter::try_new(asked).unwrap_or_else(|error| {
        output::stderr(&format!(
            "zeno: RUST_LOG={} is no filter of logs ({}); warnings are shown\n",
            text::printable(asked),
            text::printable(&error.to_string())
        ));
        EnvFilter::new("warn")
    });
    // A second subscriber is the only error, and there is none.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| output::Log)
        .with_ansi(output::stderr_is_coloured())
        .log_internal_errors(false)
        .try_init();
}

//! `zeno`: proves Ethereum blocks, and checks the proofs.

// These panic where a pipe is closed or a disk is full; the module `output` doesn't.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod block_arg;
mod commands;
mod exit;
mod flags;
mod flame_graph;
mod options;
mod out_file;
mod output;
mod panics;
mod progress;
mod render;
mod signals;
mod usage;

use args::Cli;
use exit::{CliError, Done};
use progress::Display;
use render::End;
use signals::{Ending, Signals};
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};
use zeno_pipeline::{context::Context, text};

fn main() -> ExitCode {
    panics::keep();
    keep_others_out();
    let status = panics::guarded(start).unwrap_or_else(|panic| {
        output::failure(usage::asks_for_json(), &panic, exit::OTHER).unwrap_or(exit::OTHER)
    });
    ExitCode::from(status)
}

/// Keeps the program from making files that everybody may write to, whatever the umask: some containers have none at all.
fn keep_others_out() {
    #[cfg(unix)]
    {
        use rustix::{fs::Mode, process::umask};
        let mask = umask(Mode::WOTH);
        umask(mask | Mode::WOTH);
    }
}

/// Does what the arguments say, prints the result, and returns the exit status.
fn start() -> u8 {
    let cli = match usage::parse() {
        Ok(cli) => cli,
        Err(error) => return usage::tell(error, usage::asks_for_json()),
    };
    let json = cli.json;
    start_logging();
    let fail = |doing: &str, error: io::Error| {
        output::failure(json, &format!("{doing}: {error}"), exit::OTHER).unwrap_or(exit::OTHER)
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
        let display = Arc::new(Display::new());
        // The work blocks for long, and so may the reader of the result: it has a thread of its own, so that signals are
        // always heard.
        let work = tokio::task::spawn_blocking({
            let display = display.clone();
            move || {
                panics::guarded(|| run_and_tell(&cli, &display)).unwrap_or_else(|panic| {
                    display.clear();
                    output::failure(json, &panic, exit::OTHER).unwrap_or(exit::OTHER)
                })
            }
        });
        tokio::select! {
            status = work => status.unwrap_or(exit::OTHER),
            ending = signals.next() => interrupt(ending, json, &display),
        }
    });
    // A task that nobody waits for any more doesn't hold up the end.
    runtime.shutdown_background();
    status
}

/// Says which signal ends the program, and ends it.
fn interrupt(ending: Ending, json: bool, display: &Display) -> ! {
    if io::stderr().is_terminal() {
        output::stderr("\n");
    }
    let kept = || "what was finished is kept, and the same command resumes there".to_owned();
    let advice = display.under_way().unwrap_or_else(kept);
    output::failure(json, &format!("interrupted ({}); {advice}", ending.name), ending.status());
    // Ends the worker thread too. Files are written under another name and renamed when whole, so none is left half-written.
    std::process::exit(ending.status().into())
}

/// Runs the command, prints its result, and returns the exit status.
fn run_and_tell(cli: &Cli, display: &Arc<Display>) -> u8 {
    let start = Instant::now();
    let context = Context { cache: cli.cache_dir(), observer: display.clone() };
    let result = commands::run(cli, &context);
    display.clear();
    let seconds = start.elapsed().as_secs_f64();
    let printed = match &result {
        Ok(done) => tell_success(cli.json, done, seconds),
        Err(error) => tell_failure(cli.json, error, seconds),
    };
    printed.unwrap_or_else(|| result.err().map_or(0, |error| error.status()))
}

/// Prints the outcome of a command.
fn tell_success(json: bool, done: &Done, seconds: f64) -> Option<u8> {
    let end = End {
        message: done.message.as_deref(),
        file: done.file.as_deref(),
        is_stdout: done.stdout_is_taken,
        seconds,
        error: None,
    };
    if json {
        output::result(&done.report.json(&end), "", 0)
    } else if done.stdout_is_taken {
        output::result("", &done.report.text(&end), 0)
    } else {
        output::result(&done.report.text(&end), "", 0)
    }
}

/// Prints the findings of a failed command, and the reason.
fn tell_failure(json: bool, failed: &CliError, seconds: f64) -> Option<u8> {
    let message = failed.message();
    let end = End { seconds, error: Some(&message), ..End::default() };
    let status = failed.status();
    if json {
        return output::result(&failed.report.json(&end), "", status);
    }
    let (text, reason) = (failed.report.text(&end), render::failure(&message));
    if failed.stdout_is_taken {
        output::result("", &(text + &reason), status)
    } else {
        output::result(&text, &reason, status)
    }
}

/// Starts structured logs on stderr; `RUST_LOG` chooses among them, warnings by default.
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
    // A second subscriber would be the only error, and there is none.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| output::Log)
        .with_ansi(output::stderr_is_coloured())
        .log_internal_errors(false)
        .try_init();
}

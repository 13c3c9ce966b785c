//! Tools for this repository: `cargo run --release -p zeno-xtask -- COMMAND`.

mod guest_commitments;
mod record_proof;
#[cfg(feature = "traces")]
mod record_traces;

use std::process::ExitCode;

use clap::Parser;

type Error = Box<dyn std::error::Error>;

/// Tools for this repository.
#[derive(Parser)]
#[command(name = "xtask")]
enum Command {
    GuestCommitments(guest_commitments::Args),
    /// Writes the proof and the key that `zeno-verifier`'s tests read.
    RecordProof,
    #[cfg(feature = "traces")]
    RecordTraces(record_traces::Args),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::GuestCommitments(args) => guest_commitments::run(&args),
        Command::RecordProof => record_proof::run().map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "traces")]
        Command::RecordTraces(args) => record_traces::run(&args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error}");
        ExitCode::FAILURE
    })
}

//! Measures what the dearest blocks cost in the VM, by a million gas.
//!
//! ```text
//! cargo run --release -p zeno-tests --example worst-cases -- [--fork osaka|amsterdam] [--gas N] [--jobs N]
//!     [--elf FILE] [--inputs FOLDER] [--list] [--native] [--json] [--markdown] [--write] [NAME]...
//! ```
//!
//! It runs the cases whose names contain one of the words given, or all. `--list` prints their names. `--native` makes their
//! blocks, and validates them natively alone. `--markdown` prints the tables, which are the default, and `--json` prints one
//! object a line. `--write` puts what was measured into `docs/worst-cases.md`, where the other rows stay as they are.
//!
//! `--inputs` keeps the input of each case's greater block, for `zeno execute --profile`.
//!
//! A case that fails is listed with its error, and the others still run. Exit status: 0 if all cases were measured, and none
//! exceeds its bound without a reason; 1 if not; 2 for arguments or a guest that can't be used.

use serde_json::json;
use std::{
    collections::VecDeque, env, fs, path::PathBuf, process::ExitCode, str::FromStr, sync::Mutex,
    time::Instant,
};
use zeno_guest_evm::chain::Fork;
use zeno_prover::{Guest, Metered, Prover, default_cache_folder};
use zeno_tests::worst_cases::{
    self, Case, FORKS,
    measure::{self, Cost, Row},
    page::{self, Line},
    scene::Built,
};

#[derive(Debug)]
struct Options {
    names: Vec<String>,
    forks: Vec<Fork>,
    gas: u64,
    jobs: usize,
    elf: Option<String>,
    inputs: Option<PathBuf>,
    list: bool,
    native: bool,
    json: bool,
    markdown: bool,
    write: bool,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self {
            names: Vec::new(),
            forks: FORKS.to_vec(),
            gas: measure::GAS,
            jobs: 1,
            elf: None,
            inputs: None,
            list: false,
            native: false,
            json: false,
            markdown: false,
            write: false,
        };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} has no value"));
            match argument.as_str() {
                "--fork" => options.forks = vec![fork(&value()?)?],
                "--gas" => options.gas = number(&argument, &value()?)?,
                "--jobs" => options.jobs = number(&argument, &value()?)?,
                "--elf" => options.elf = Some(value()?),
                "--inputs" => options.inputs = Some(value()?.into()),
                "--list" => options.list = true,
                "--native" => options.native = true,
                "--json" => options.json = true,
                "--markdown" => options.markdown = true,
                "--write" => options.write = true,
                name if name.starts_with("--") => return Err(format!("{name} is no option of this program")),
                name => options.names.push(name.to_lowercase()),
            }
        }
        if options.jobs == 0 || options.gas < 100_000 {
            return Err("--jobs takes a number above 0, and --gas one from 100000 on".into());
        }
        if options.write && (options.native || options.gas != measure::GAS) {
            return Err("--write is for figures of the VM, with the gas of the page: \
                        leave out --native and --gas"
                .into());
        }
        options.markdown |= !options.json && !options.write;
        Ok(options)
    }

    /// Cases by their names, each with a fork.
    fn tasks<'a>(&self, cases: &'a [Case]) -> VecDeque<(&'a Case, Fork)> {
        let is_wanted = |case: &&Case| {
            let name = case.name.to_lowercase();
            self.names.is_empty() || self.names.iter().any(|part| name.contains(part))
        };
        let forks = |case: &'a Case| {
            let forks = case.forks.iter().filter(|fork| self.forks.contains(fork));
            forks.map(move |fork| (case, *fork))
        };
        cases.iter().filter(is_wanted).flat_map(forks).collect()
    }
}

fn fork(name: &str) -> Result<Fork, String> {
    let known = FORKS.iter().find(|fork| fork.name() == name);
    known.copied().ok_or_else(|| format!("--fork takes osaka or amsterdam, not \"{name}\""))
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} takes a number, not \"{value}\""))
}

fn main() -> ExitCode {
    match Options::parse().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("worst-cases: {error}");
            ExitCode::from(2)
        }
    }
}

/// Guest in the VM.
fn prover(options: &Options) -> Result<Prover, String> {
    let guest = match &options.elf {
        None => Guest::committed(),
        Some(path) => {
            let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
            Guest::from_elf(&bytes)
        }
    };
    let cache = default_cache_folder().ok_or("HOME is not set")?;
    Ok(Prover::new(guest.map_err(|error| error.to_string())?, cache))
}

/// Runs the guest on a block, and checks that it reveals the claim of native validation.
fn execute(prover: &Prover, built: &Built) -> Result<Cost, String> {
    let Metered { instructions, cells, digest } =
        prover.meter(&built.input.encode()).map_err(|error| error.to_string())?;
    let native = built.claim.digest();
    if digest != native {
        return Err(format!("the guest reveals {digest}, but the native digest is {native}"));
    }
    Ok(Cost { instructions, cells })
}

/// Measures the cases. Returns whether all were measured, and none exceeds its bound without a reason.
fn run(options: &Options) -> Result<bool, String> {
    let cases = worst_cases::all();
    let tasks = options.tasks(cases);
    if tasks.is_empty() {
        return Err(format!("no case's name contains one of {:?}; --list prints all", options.names));
    }
    if options.list {
        tasks.iter().for_each(|(case, fork)| println!("{} ({fork})", case.name));
        return Ok(true);
    }
    // A page without its markers is noticed before the work.
    let old = if options.write { read_page()? } else { String::new() };
    if options.write {
        page::render(&old, &page::parse(&old))?;
    }
    let count = tasks.len();
    let (tasks, lines) = (Mutex::new(tasks), Mutex::new(Vec::new()));
    let work = || -> Result<(), String> {
        let prover = if options.native { None } else { Some(prover(options)?) };
        loop {
            let next = tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop_front();
            let Some((case, fork)) = next else { return Ok(()) };
            let start = Instant::now();
            let line = line(case, fork, options, prover.as_ref());
            let mut lines = lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            lines.push(line);
            let what = match &lines[lines.len() - 1] {
                Line::Measured(row) => {
                    let Row { gas_used, instructions, cells, .. } = row;
                    format!("{gas_used} gas, {instructions} instructions, {cells} cells")
                }
                Line::Failed { error, .. } => format!("failed: {error}"),
            };
            eprintln!("{}/{count} {}, {fork}: {what} ({:.1?})", lines.len(), case.name, start.elapsed());
        }
    };
    std::thread::scope(|scope| {
        let workers = (0..options.jobs).map(|_| scope.spawn(work)).collect::<Vec<_>>();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a case panicked".to_owned())?)
    })?;
    let measured = lines.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    report(options, &old, measured)
}

/// Measures a case, or only makes its blocks if there is no prover.
fn line(case: &Case, fork: Fork, options: &Options, prover: Option<&Prover>) -> Line {
    let measured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        measure::measure(case, fork, options.gas, &mut |built| {
            if let Some(folder) = &options.inputs {
                let path = folder.join(format!("{}, {fork}.zeno", case.name.replace('/', "-")));
                fs::write(&path, built.input.encode())
                    .map_err(|error| format!("{}: {error}", path.display()))?;
            }
            match prover {
                Some(prover) => execute(prover, built),
                None => Ok(Cost { instructions: 0, cells: 0 }),
            }
        })
    }));
    let name = case.name.clone();
    match measured {
        Ok(Ok(row)) => Line::Measured(row),
        Ok(Err(error)) => Line::Failed { name, fork, error: error.replace('\n', " ") },
        Err(_) => Line::Failed { name, fork, error: "it panicked".into() },
    }
}

fn read_page() -> Result<String, String> {
    let path = page::path();
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Prints and writes what was measured.
fn report(options: &Options, old: &str, measured: Vec<Line>) -> Result<bool, String> {
    let failed = measured.iter().filter(|line| matches!(line, Line::Failed { .. })).count();
    if options.json {
        measured.iter().for_each(|line| println!("{}", object(line)));
    }
    let lines = page::merged(page::parse(old), measured);
    if options.markdown {
        page::tables(&lines).iter().for_each(|(name, table)| println!("## {name}\n\n{table}"));
    }
    if options.write {
        let path = page::path();
        let new = page::render(old, &lines)?;
        fs::write(&path, new).map_err(|error| format!("{}: {error}", path.display()))?;
        eprintln!("written to {}", path.display());
    }
    let floor = page::floor(&lines).unwrap_or_else(|| {
        eprintln!("there is no floor without \"{}\", so bounds are those without hashing", page::FLOOR_CASE);
        0
    });
    let mut unexplained = 0;
    for page::Excess { row, bound } in page::excesses(&lines, floor) {
        let Row { name, fork, cells, .. } = &row;
        let why = page::reason(name).unwrap_or("which has no reason in OPEN");
        unexplained += usize::from(page::reason(name).is_none());
        eprintln!("{name}, {fork}: {cells} cells, more than {bound}: {why}");
    }
    if failed > 0 {
        eprintln!("{failed} cases failed");
    }
    Ok(failed == 0 && unexplained == 0)
}

fn object(line: &Line) -> serde_json::Value {
    match line {
        Line::Measured(Row { name, fork, gas_used, instructions, cells, hashed }) => json!({
            "case": name, "fork": fork.name(), "gas_used": gas_used, "instructions": instructions,
            "cells": cells, "hashed_bytes": hashed,
        }),
        Line::Failed { name, fork, error } => {
            json!({ "case": name, "fork": fork.name(), "error": error })
        }
    }
}

//! Generates random worlds, and has them judged natively, by a 32-bit process, and by the guest in the VM.
//!
//! ```text
//! cargo run --release -p zeno-tests --example adversary -- [--seed N] [--seconds S | --worlds N]
//!     [--judge PROGRAM] [--no-judge] [--vm-every K] [--vm-longest MS] [--elf FILE] [--save DIR] [--verbose]
//! ```
//!
//! A world is a function of its seed. The first world has the seed `--seed`, and the others have the following numbers.
//! The 32-bit judge is the program that `scripts/test-32 --build` makes, or `ZENO_JUDGE_32`, or `--judge`. One world in
//! `--vm-every` goes through the VM, or none if that is zero, unless native validation takes more than `--vm-longest`
//! milliseconds. The program fails if there is a finding, and saves the inputs of findings. `--verbose` prints every
//! world.

#[path = "../tests/adversary/vm.rs"]
mod vm;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    time::{Duration, Instant},
};
use vm::Vm;
use zeno_tests::{
    judge::Judges,
    worlds::{
        World,
        comparison::{Comparison, Finding},
        default_judge,
        judges::{Native, Revm},
    },
};

/// Time that the 32-bit judge has for one world.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug)]
struct Options {
    seed: u64,
    seconds: Option<u64>,
    worlds: u64,
    judge: Option<PathBuf>,
    vm_every: u64,
    vm_longest: u64,
    elf: Option<PathBuf>,
    save: PathBuf,
    verbose: bool,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self {
            seed: 1,
            seconds: None,
            worlds: u64::MAX,
            judge: default_judge(),
            vm_every: 50,
            vm_longest: 5,
            elf: None,
            save: env::temp_dir(),
            verbose: false,
        };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--no-judge" => options.judge = None,
                "--verbose" => options.verbose = true,
                _ => {}
            }
            if matches!(name.as_str(), "--no-judge" | "--verbose") {
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
            match name.as_str() {
                "--seed" => options.seed = number(&name, &value)?,
                "--seconds" => options.seconds = Some(number(&name, &value)?),
                "--worlds" => options.worlds = number(&name, &value)?,
                "--judge" => options.judge = Some(value.into()),
                "--vm-every" => options.vm_every = number(&name, &value)?,
                "--vm-longest" => options.vm_longest = number(&name, &value)?,
                "--elf" => options.elf = Some(value.into()),
                "--save" => options.save = value.into(),
                _ => return Err(format!("{name} is no option of this program")),
            }
        }
        if options.seconds.is_none() && options.worlds == u64::MAX {
            options.seconds = Some(60);
        }
        Ok(options)
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} takes a number, not \"{value}\""))
}

fn main() -> ExitCode {
    match Options::parse().and_then(|options| run(&options)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Compares the judges, and returns the number of findings.
fn run(options: &Options) -> Result<u64, String> {
    let mut comparison = Comparison::new(Native).with(Revm);
    match &options.judge {
        Some(program) => {
            let judges = Judges::new(program, TIMEOUT)?;
            println!("{} has {} bits", program.display(), judges.bits());
            comparison = comparison.with(judges);
        }
        None => println!("without a 32-bit judge"),
    }
    if options.vm_every > 0 {
        let vm = Vm::new(options.elf.as_deref())?;
        comparison = comparison.with_slow(vm, options.vm_every, Duration::from_millis(options.vm_longest));
    }
    fs::create_dir_all(&options.save).map_err(|error| format!("{}: {error}", options.save.display()))?;

    let start = Instant::now();
    let end = options.seconds.map(|seconds| start + Duration::from_secs(seconds));
    let mut reported = Instant::now();
    for seed in (options.seed..=u64::MAX).take(usize::try_from(options.worlds).unwrap_or(usize::MAX)) {
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        if options.verbose {
            let start = Instant::now();
            let World { fork, gas_limit, input, built, .. } = World::new(seed);
            let made = start.elapsed();
            let bytes = input.encode().len();
            println!(
                "seed {seed}: {fork}, gas limit {gas_limit}, {bytes} bytes, {built:?}, made in {made:.1?}"
            );
        }
        let asked = Instant::now();
        if let Some(finding) = comparison.check(seed) {
            println!("{finding}");
            save(&options.save, &finding);
        }
        if asked.elapsed() > Duration::from_secs(5) {
            println!("the world of seed {seed} took {:.1?}", asked.elapsed());
        }
        if reported.elapsed() > Duration::from_secs(5) {
            reported = Instant::now();
            let tally = &comparison.tally;
            println!(
                "{:.0?}: seed {seed}, {} worlds, {} valid, {:?}, {} findings",
                start.elapsed(),
                tally.worlds,
                tally.valid,
                tally.judgements,
                tally.findings
            );
        }
    }
    println!("in {:.1?}, from seed {}: {}", start.elapsed(), options.seed, comparison.tally);
    Ok(comparison.tally.findings)
}

fn save(folder: &Path, finding: &Finding) {
    let Some(input) = &finding.input else { return };
    let path = folder.join(format!("world-{}.zeno", finding.seed));
    match fs::write(&path, input) {
        Ok(()) => println!("  saved as {}", path.display()),
        Err(error) => println!("  {}: {error}", path.display()),
    }
}

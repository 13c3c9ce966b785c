//! Compares judges, which are built for 32 bits or with debug assertions, with validation in this process.
//!
//! `scripts/test-32` builds the judges, and runs this program as
//! `cargo run --release -p zeno-tests --example compare-judges -- --judge PROGRAM [--judge PROGRAM] [--quick]`.
//!
//! Every step prints the number of inputs that were compared. The program fails for a difference, and if a step has
//! nothing to compare, as without the shared data.

use alloy_primitives::Bytes;
use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use zeno_guest_evm::{ChainClaim, StatelessInput, ValidationError, minimize, validate};
use zeno_tests::{
    amsterdam, attacks, example,
    judge::{Judges, Verdict},
    mainnet,
    mutate::Mutator,
    official::{self, Judged, SUITES, Suite},
};

/// Time that a judge has for one input.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Number of files of which `--quick` takes one, in a suite that has more files than this.
const SAMPLE: usize = 12;
/// Greatest number of differences that a step prints.
const SHOWN: usize = 20;

/// Verdicts that the known attacks must have, by the name of their file.
const CASES: [(&str, Wanted); 5] = [
    ("memory-wraps", Wanted::Unsupported),
    ("memory-exhausts-host", Wanted::Unsupported),
    ("system-call-gas", Wanted::Invalid),
    ("colliding-keys", Wanted::Valid),
    ("requests-before-withdrawals", Wanted::Valid),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Valid,
    /// Refused because the block is invalid.
    Invalid,
    /// Refused without a verdict about the block.
    Unsupported,
}

/// Step of the comparison: numbers of inputs, and differences.
struct Step<'a> {
    judges: &'a [Judges],
    start: Instant,
    valid: AtomicUsize,
    refused: AtomicUsize,
    differences: Mutex<Vec<String>>,
}

impl<'a> Step<'a> {
    fn new(judges: &'a [Judges], name: &str) -> Self {
        println!("\n-- {name}");
        Self {
            judges,
            start: Instant::now(),
            valid: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            differences: Mutex::default(),
        }
    }

    /// Asks all judges about an encoded input, and compares their verdicts with the result of this process.
    fn compare(
        &self,
        name: &dyn Fn() -> String,
        input: &[u8],
        native: Result<&ChainClaim, &ValidationError>,
    ) {
        for judges in self.judges {
            if let Err(difference) = judges.compare(native, input) {
                self.differ(format!("{}: {difference}", name()));
            }
        }
        self.count(native.is_ok());
    }

    fn count(&self, valid: bool) {
        let counter = if valid { &self.valid } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn differ(&self, difference: String) {
        self.differences.lock().unwrap_or_else(PoisonError::into_inner).push(difference);
    }

    /// Prints the numbers, and returns whether inputs were compared and none differs.
    fn finish(self) -> bool {
        let (valid, refused) = (self.valid.into_inner(), self.refused.into_inner());
        let differences = self.differences.into_inner().unwrap_or_else(PoisonError::into_inner);
        for difference in differences.iter().take(SHOWN) {
            println!("DIFFERENT: {difference}");
        }
        if let Some(more) = differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            println!("and {more} more");
        }
        println!(
            "{} inputs compared ({valid} valid, {refused} refused), {} differences, {:.1} s",
            valid + refused,
            differences.len(),
            self.start.elapsed().as_secs_f64()
        );
        let empty = valid + refused == 0;
        if empty {
            println!("FAILED: nothing was compared");
        }
        differences.is_empty() && !empty
    }
}

fn main() -> ExitCode {
    let (judges, quick) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("compare-judges: {error}");
            return ExitCode::from(2);
        }
    };
    let steps = [
        official_tests(&judges, quick),
        mainnet_blocks(&judges, quick),
        tampering(&judges, quick),
        cases(&judges),
    ];
    ExitCode::from(u8::from(steps.contains(&false)))
}

fn arguments() -> Result<(Vec<Judges>, bool), String> {
    let (mut judges, mut quick) = (Vec::new(), false);
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--quick") => quick = true,
            Some("--judge") => {
                let program = arguments.next().ok_or("--judge needs a program")?;
                judges.push(Judges::new(Path::new(&program), TIMEOUT)?);
            }
            _ => return Err(format!("unknown argument {argument:?}; there are --judge PROGRAM and --quick")),
        }
    }
    if !judges.iter().any(|judges| judges.bits() == 32) {
        return Err("no judge has 32 bits: name one with --judge PROGRAM".into());
    }
    Ok((judges, quick))
}

/// Compares every block of the official tests that can be made into an input.
fn official_tests(judges: &[Judges], quick: bool) -> bool {
    let mut fits = true;
    for name in SUITES {
        let step =
            Step::new(judges, &format!("official tests: {name}{}", if quick { ", a sample" } else { "" }));
        // Tests unpack archives into the same folder.
        match Suite::open(name, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp")) {
            Ok(Suite { mut files, .. }) => {
                if quick && files.len() > SAMPLE {
                    // Sorted by path, so that every run takes the same files, large and small ones.
                    files.sort_unstable();
                    files = files.into_iter().step_by(SAMPLE).collect();
                }
                run_tests(&step, &files);
            }
            Err(error) => step.differ(error.to_string()),
        }
        fits &= step.finish();
    }
    fits
}

fn run_tests(step: &Step<'_>, files: &[PathBuf]) {
    let (tests, without_input) = (AtomicUsize::new(0), AtomicUsize::new(0));
    files.par_iter().for_each(|file| {
        let read = match official::read(file) {
            Ok(read) => read,
            Err(error) => return step.differ(format!("{} can't be read: {error}", file.display())),
        };
        read.par_iter().filter(|(_, test)| !test.is_before_merge()).for_each(|(name, test)| {
            let mut block = 0;
            let outcome = test.run(&mut |judged| {
                let name = || format!("{}::{name}, judgement {block}", file.display());
                match judged {
                    Judged::Valid(input, claim) => step.compare(&name, &input.encode(), Ok(claim)),
                    Judged::Refused(Some(input), error) => step.compare(&name, &input.encode(), Err(error)),
                    Judged::Refused(None, _) => {
                        without_input.fetch_add(1, Ordering::Relaxed);
                    }
                }
                block += 1;
            });
            tests.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = outcome {
                step.differ(format!("{}::{name} fails natively: {error}", file.display()));
            }
        });
    });
    println!(
        "{} files, {} tests; {} refused blocks are no input",
        files.len(),
        tests.into_inner(),
        without_input.into_inner()
    );
}

fn mainnet_blocks(judges: &[Judges], quick: bool) -> bool {
    let step = Step::new(judges, if quick { "a mainnet block" } else { "mainnet blocks" });
    let count = if quick { 1 } else { usize::MAX };
    for recorded in mainnet::recorded().into_iter().take(count) {
        let name = |form: &str| format!("mainnet block {}, {form}", recorded.number);
        let input = recorded.input();
        match minimize(&input) {
            Ok((minimal, claim)) => {
                step.compare(&|| name("as recorded"), &input.encode(), Ok(&claim));
                step.compare(&|| name("minimal"), &minimal.encode(), Ok(&claim));
            }
            Err(error) => step.differ(format!("{} is refused natively: {error}", name("as recorded"))),
        }
    }
    step.finish()
}

fn tampering(judges: &[Judges], quick: bool) -> bool {
    let example = example::committed();
    let foreign = (0..50u8).map(|byte| Bytes::from(vec![byte; 40])).collect::<Vec<_>>();
    let mut fits = tamper(judges, "the example", &example, &foreign, 1);
    fits &= tamper(judges, "a block of Amsterdam", &amsterdam::block(), &foreign, 3);
    fits &= tamper(judges, "a run into Amsterdam", &amsterdam::run(), &foreign, 4);
    if !quick {
        let recorded = mainnet::recorded();
        let block = recorded.first().expect("the step before has failed without them");
        let foreign = [&example.witness.state[..], &example.witness.codes, &example.witness.headers].concat();
        fits &= tamper(judges, &format!("mainnet block {}", block.number), &block.input(), &foreign, 2);
    }
    fits
}

/// Compares all mutations of an input. The test `tampering` checks that none of them is a lie.
fn tamper(judges: &[Judges], name: &str, input: &StatelessInput, foreign: &[Bytes], seed: u64) -> bool {
    let step = Step::new(judges, &format!("tampered copies of {name}"));
    let (honest, _) = minimize(input).expect("the honest input is valid");
    let mutations = Mutator::new(&honest, &mut StdRng::seed_from_u64(seed)).all(foreign);
    mutations.par_iter().enumerate().for_each(|(index, mutation)| {
        let native = mutation.tampered.validate(&honest).map(|(_, claim)| claim);
        let name = || format!("mutation {index}, seed {seed}: {}", mutation.class);
        step.compare(&name, &mutation.tampered.encode(&honest), native.as_ref());
    });
    step.finish()
}

/// Compares the known attacks.
fn cases(judges: &[Judges]) -> bool {
    let step = Step::new(judges, "known attacks");
    let folder = attacks::folder();
    let mut inputs = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "zeno"))
            .collect::<Vec<_>>(),
        Err(error) => {
            step.differ(format!("{} can't be read: {error} (set ZENO_SHARED)", folder.display()));
            Vec::new()
        }
    };
    inputs.sort_unstable();
    for path in inputs {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match attacks::read(&path) {
            Ok(input) => case(&step, &name, &input),
            Err(error) => step.differ(error),
        }
    }
    step.finish()
}

/// Compares one attack, also with the verdict that it must have.
fn case(step: &Step<'_>, name: &str, input: &[u8]) {
    let wanted = CASES.iter().find(|(case, _)| *case == name).map(|(_, wanted)| *wanted);
    // The other processes come first, because an attack that ends them would end this one, too.
    for judges in step.judges {
        let verdict = judges.ask(input);
        let came = match &verdict {
            Verdict::Valid(_) => Some(Wanted::Valid),
            Verdict::Refused { blames_block: true, .. } => Some(Wanted::Invalid),
            Verdict::Refused { blames_block: false, .. } => Some(Wanted::Unsupported),
            _ => None,
        };
        let Some(came) = came.filter(|came| wanted.is_none_or(|wanted| wanted == *came)) else {
            let wanted = wanted.map_or_else(|| "an answer".into(), |wanted| format!("{wanted:?}"));
            step.differ(format!("{name} must come to {wanted}, but with {} bits: {verdict}", judges.bits()));
            return step.count(false);
        };
        println!("{name}, {} bits: {came:?}", judges.bits());
    }
    step.compare(&|| name.into(), input, decode_and_validate(input).as_ref());
}

fn decode_and_validate(input: &[u8]) -> Result<ChainClaim, ValidationError> {
    validate(&StatelessInput::decode(&Bytes::copy_from_slice(input))?)
}

//! Official BlockchainTests: all suites of the shared data. `$ETHEREUM_TESTS_DIR` may name another folder for the suite
//! `ethereum-tests`.
//!
//! `cargo test --release -p zeno-tests --test ethereum_tests -- FILTER` runs the tests whose path or name contains
//! FILTER.

use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use zeno_tests::official::{self, Counts, SUITES, Suite};

/// Counts of a suite, over all threads.
#[derive(Default)]
struct Tally {
    passed: AtomicUsize,
    failed: AtomicUsize,
    /// Numbers of skipped tests, by the reason.
    skipped: Mutex<BTreeMap<String, usize>>,
    valid_blocks: AtomicUsize,
    refused_blocks: AtomicUsize,
    corrected_blocks: AtomicUsize,
}

/// Test file that is to be run or skipped.
struct Job<'a> {
    /// Name of the suite, and the file's path in the suite's folder.
    name: String,
    path: &'a Path,
    /// True if the file's tests are only counted.
    skipped: bool,
    tally: &'a Tally,
}

fn main() -> ExitCode {
    // Options are meant for the standard test harness, which this target does not use.
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let start = Instant::now();
    let elsewhere = env::var_os("ETHEREUM_TESTS_DIR").is_some();
    let mut failures = 0;
    let mut ignored = 0;
    let mut suites = Vec::new();
    for name in SUITES {
        if !(cfg!(shared_data) || (elsewhere && name == "ethereum-tests")) {
            println!("test {name} ... ignored, needs the shared data: set ZENO_SHARED to its folder");
            ignored += 1;
            continue;
        }
        match Suite::open(name, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
            Ok(suite) => suites.push((name, suite, Tally::default())),
            Err(error) => {
                println!("test {name} ... FAILED: {error}");
                failures += 1;
            }
        }
    }

    let jobs = suites.iter().flat_map(|(name, suite, tally)| jobs(name, suite, tally)).collect::<Vec<_>>();
    jobs.par_iter().for_each(|job| job.run(&filter));

    let (mut passed, mut blocks) = (0, 0);
    for (name, _, tally) in &suites {
        let ran = report(name, tally);
        passed += count(&tally.passed);
        failures += count(&tally.failed);
        blocks += ran;
        if ran == 0 && filter.is_empty() {
            println!("test {name} ... FAILED: no block was judged");
            failures += 1;
        }
    }
    if blocks == 0 && !suites.is_empty() {
        println!("no block was judged: no test has {filter:?} in its name");
        failures += 1;
    }
    println!(
        "{passed} tests passed, {failures} failed, {ignored} suites ignored, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(failures > 0))
}

fn jobs<'a>(suite_name: &str, suite: &'a Suite, tally: &'a Tally) -> Vec<Job<'a>> {
    let job = |path: &'a Path, skipped| {
        let inner = path.strip_prefix(&suite.folder).unwrap_or(path);
        Job { name: format!("{suite_name}/{}", inner.display()), path, skipped, tally }
    };
    let files = suite.files.iter().map(|path| job(path, false));
    files.chain(suite.skipped.iter().map(|path| job(path, true))).collect()
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// Prints the counts of a suite, and returns the number of blocks that were judged.
fn report(name: &str, tally: &Tally) -> usize {
    let skipped = tally.skipped.lock().expect("no thread panicked");
    for (reason, tests) in skipped.iter() {
        println!("{tests} tests skipped: {reason}");
    }
    let (valid, refused) = (count(&tally.valid_blocks), count(&tally.refused_blocks));
    println!(
        "{name}: {} tests passed, {} failed, {} skipped; {valid} valid blocks accepted, {refused} invalid blocks refused, {} of them with their commitments put right",
        count(&tally.passed),
        count(&tally.failed),
        skipped.values().sum::<usize>(),
        count(&tally.corrected_blocks),
    );
    valid + refused
}

impl Job<'_> {
    fn run(&self, filter: &str) {
        let tests = match official::read(self.path) {
            Ok(tests) => tests,
            Err(error) => return self.fail(&self.name, &format!("it can't be read: {error}")),
        };
        tests.par_iter().for_each(|(name, test)| {
            let name = format!("{}::{name}", self.name);
            if !name.contains(filter) {
                return;
            }
            if self.skipped {
                self.skip(format!("{} is of a devnet, for rules that no chain has", folder(&self.name)));
                // The reasons have the same names under the final rules.
                if let Err(reason) = test.check_names() {
                    self.fail(&name, &reason);
                }
                return;
            }
            if test.is_before_merge() {
                self.skip(format!("the network {} is not one after the merge", test.network));
                return;
            }
            match test.run(&mut |_| ()) {
                Ok(counts) => self.pass(counts),
                Err(reason) => self.fail(&name, &reason),
            }
        });
    }

    fn pass(&self, Counts { valid, refused, corrected }: Counts) {
        let add = |counter: &AtomicUsize, number| counter.fetch_add(number, Ordering::Relaxed);
        add(&self.tally.passed, 1);
        add(&self.tally.valid_blocks, valid);
        add(&self.tally.refused_blocks, refused);
        add(&self.tally.corrected_blocks, corrected);
    }

    fn fail(&self, name: &str, reason: &str) {
        println!("{name} failed: {reason}");
        self.tally.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn skip(&self, reason: String) {
        *self.tally.skipped.lock().expect("no thread panicked").entry(reason).or_default() += 1;
    }
}

/// First two parts of a file's name: the suite, and the folder in it.
fn folder(name: &str) -> String {
    name.split('/').take(2).collect::<Vec<_>>().join("/")
}

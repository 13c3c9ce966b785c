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
use zeno_tests::official::{self, Counts, SUITES, Suite, Test, devnet};

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
    runs: AtomicUsize,
}

/// Suite with its counts.
struct Suites {
    name: &'static str,
    suite: Suite,
    tally: Tally,
    /// Counts of the tests of devnets.
    devnets: Tally,
}

/// Test file that is to be run.
struct Job<'a> {
    /// Name of the suite, and the file's path in the suite's folder.
    name: String,
    path: &'a Path,
    /// True if the file's tests are of a devnet of Amsterdam.
    is_devnet: bool,
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
            Ok(suite) => {
                suites.push(Suites { name, suite, tally: Tally::default(), devnets: Tally::default() });
            }
            Err(error) => {
                println!("test {name} ... FAILED: {error}");
                failures += 1;
            }
        }
    }

    let jobs = suites.iter().flat_map(jobs).collect::<Vec<_>>();
    jobs.par_iter().for_each(|job| job.run(&filter));

    let (mut passed, mut blocks) = (0, 0);
    for Suites { name, suite, tally, devnets } in &suites {
        let mut groups = vec![(name.to_string(), tally)];
        if !suite.devnets.is_empty() {
            groups.push((format!("{name}, devnets of Amsterdam by its final rules"), devnets));
        }
        for (name, tally) in groups {
            let ran = report(&name, tally);
            passed += count(&tally.passed);
            failures += count(&tally.failed);
            blocks += ran;
            if ran == 0 && filter.is_empty() {
                println!("test {name} ... FAILED: no block was judged");
                failures += 1;
            }
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

fn jobs<'a>(suite: &'a Suites) -> Vec<Job<'a>> {
    let Suites { name, suite, tally, devnets } = suite;
    let job = |path: &'a Path, is_devnet, tally| {
        let inner = path.strip_prefix(&suite.folder).unwrap_or(path);
        Job { name: format!("{name}/{}", inner.display()), path, is_devnet, tally }
    };
    let files = suite.files.iter().map(|path| job(path.as_path(), false, tally));
    files.chain(suite.devnets.iter().map(|path| job(path.as_path(), true, devnets))).collect()
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// Prints the counts of a suite, and returns the number of blocks that were judged.
fn report(name: &str, tally: &Tally) -> usize {
    let skipped = tally.skipped.lock().expect("no thread panicked");
    for (reason, tests) in skipped.iter() {
        println!("{name}: {tests} tests left out: {reason}");
    }
    let (valid, refused) = (count(&tally.valid_blocks), count(&tally.refused_blocks));
    println!(
        "{name}: {} tests passed, {} failed, {} left out; {valid} valid blocks accepted, {refused} invalid blocks refused, {} of them with their commitments put right; {} runs of blocks accepted",
        count(&tally.passed),
        count(&tally.failed),
        skipped.values().sum::<usize>(),
        count(&tally.corrected_blocks),
        count(&tally.runs),
    );
    valid + refused
}

impl Job<'_> {
    fn run(&self, filter: &str) {
        if self.is_devnet {
            return self.run_devnet(filter);
        }
        self.run_all(filter, official::read(self.path), |name, test: &Test| {
            if test.is_before_merge() {
                return self.skip(format!("the network {} is not one after the merge", test.network));
            }
            self.count(name, test.run(&mut |_| ()));
        });
    }

    /// Runs the tests of a devnet's file, all or none of them. As many have to disagree as are listed.
    fn run_devnet(&self, filter: &str) {
        let tests = match devnet::read(self.path) {
            Ok(tests) => tests,
            Err(error) => return self.fail(&self.name, &format!("it can't be read: {error}")),
        };
        let full = |name: &str| format!("{}::{name}", self.name);
        if !tests.keys().any(|name| full(name).contains(filter)) {
            return;
        }
        let mut disagree = Vec::new();
        for (name, test) in &tests {
            // The reasons have the same names under the final rules.
            if let Err(reason) = test.check_names() {
                self.fail(&full(name), &reason);
                continue;
            }
            match test.run() {
                Ok(counts) => self.pass(counts),
                Err(reason) => disagree.push((full(name), reason)),
            }
        }
        let (count, why) = devnet::left_out(self.path);
        if disagree.len() == count {
            return disagree.iter().for_each(|_| self.skip(why.to_owned()));
        }
        let found = disagree.len();
        self.fail(
            &self.name,
            &format!("{found} tests disagree with the final rules, but {count} are listed: {why}"),
        );
        disagree.iter().for_each(|(name, reason)| self.fail(name, reason));
    }

    /// Runs all tests of the file whose name has the filter.
    fn run_all<T: Sync>(
        &self,
        filter: &str,
        tests: Result<BTreeMap<String, T>, String>,
        run: impl Fn(&str, &T) + Sync,
    ) {
        match tests {
            Err(error) => self.fail(&self.name, &format!("it can't be read: {error}")),
            Ok(tests) => tests.par_iter().for_each(|(name, test)| {
                let name = format!("{}::{name}", self.name);
                if name.contains(filter) {
                    run(&name, test);
                }
            }),
        }
    }

    fn count(&self, name: &str, result: Result<Counts, String>) {
        match result {
            Ok(counts) => self.pass(counts),
            Err(reason) => self.fail(name, &reason),
        }
    }

    fn pass(&self, Counts { valid, refused, corrected, runs }: Counts) {
        let add = |counter: &AtomicUsize, number| counter.fetch_add(number, Ordering::Relaxed);
        add(&self.tally.passed, 1);
        add(&self.tally.valid_blocks, valid);
        add(&self.tally.refused_blocks, refused);
        add(&self.tally.corrected_blocks, corrected);
        add(&self.tally.runs, runs);
    }

    fn fail(&self, name: &str, reason: &str) {
        println!("{name} failed: {reason}");
        self.tally.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn skip(&self, reason: String) {
        *self.tally.skipped.lock().expect("no thread panicked").entry(reason).or_default() += 1;
    }
}

//! All official BlockchainTests under `$ETHEREUM_TESTS_DIR`, by default `../shared/ethereum-tests`.
//!
//! `cargo test --release -p zeno-tests --test ethereum_tests -- FILTER` runs those whose path or
//! name contains FILTER.

use rayon::prelude::*;
use std::{
    env,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};
use zeno_tests::official::{self, Judged, chain_spec};

/// What there is to count, over all threads.
#[derive(Default)]
struct Tally {
    passed: AtomicUsize,
    failed: AtomicUsize,
    skipped: AtomicUsize,
    with_invalid_block: AtomicUsize,
    valid_blocks: AtomicUsize,
    refused_blocks: AtomicUsize,
}

fn main() -> ExitCode {
    // Options are the test harness's, which this target does without.
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let folder = official::folder();
    let start = Instant::now();
    let tally = Tally::default();
    match official::files(&folder) {
        Ok(files) => files.par_iter().for_each(|file| run_file(file, &filter, &tally)),
        Err(error) => {
            println!("all skipped: {} can't be read: {error} (set ETHEREUM_TESTS_DIR)", folder.display());
            // Whoever names a folder wants its tests run.
            tally
                .failed
                .fetch_add(usize::from(env::var_os("ETHEREUM_TESTS_DIR").is_some()), Ordering::Relaxed);
        }
    }

    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "{} valid blocks accepted, {} invalid blocks refused (in {} tests), {} tests skipped, {:.1} s",
        count(&tally.valid_blocks),
        count(&tally.refused_blocks),
        count(&tally.with_invalid_block),
        count(&tally.skipped),
        start.elapsed().as_secs_f64(),
    );
    println!("{} passed, {} failed", count(&tally.passed), count(&tally.failed));
    ExitCode::from(u8::from(count(&tally.failed) > 0))
}

fn run_file(path: &Path, filter: &str, tally: &Tally) {
    let add = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::Relaxed);
    let tests = match official::read(path) {
        Ok(tests) => tests,
        Err(error) => {
            println!("{} can't be read: {error}", path.display());
            add(&tally.failed);
            return;
        }
    };
    tests.par_iter().for_each(|(name, test)| {
        let name = format!("{}::{name}", path.display());
        if !name.contains(filter) {
            return;
        }
        if chain_spec(&test.network).is_none() {
            println!("{name} is skipped: the network {} is not one after the merge", test.network);
            add(&tally.skipped);
            return;
        }
        let outcome = test.run(&mut |judged| {
            add(match judged {
                Judged::Valid(..) => &tally.valid_blocks,
                Judged::Refused(..) => &tally.refused_blocks,
            });
        });
        if test.has_invalid_block() {
            add(&tally.with_invalid_block);
        }
        match outcome {
            Ok(()) => add(&tally.passed),
            Err(reason) => {
                println!("{name} failed: {reason}");
                add(&tally.failed)
            }
        };
    });
}

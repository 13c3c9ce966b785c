//! Random worlds (`zeno_tests::worlds`) for a minute. They are judged natively, by revm's own instructions, and by a
//! 32-bit process if one is built. The committed guest judges a sample of them in the VM. All judges give the same
//! claim, or all refuse the block. The example `adversary` does the same for any time.

#[path = "adversary/vm.rs"]
mod vm;

use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};
use vm::Vm;
use zeno_guest_evm::{Unsupported, chain::Fork};
use zeno_tests::{
    judge::Judges,
    worlds::{
        comparison::{Comparison, Tally},
        default_judge,
        judges::{Native, Revm},
    },
};

/// Seed of the first world. The other worlds have the following numbers.
const SEED: u64 = 19_000_000;
/// Duration of the test, and the longest one, on a machine that is busy with other things.
const TIME: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(300);
/// Time that the 32-bit judge has for one world.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Number of worlds of which one goes through the VM.
const VM_EVERY: u64 = 40;
/// Longest native validation of a world that goes through the VM.
const VM_LONGEST: Duration = Duration::from_millis(5);

#[test]
fn everybody_agrees_about_made_up_worlds() {
    let vm = Vm::new(None).expect("the committed guest is a program");
    let mut comparison = Comparison::new(Native).with(Revm).with_slow(vm, VM_EVERY, VM_LONGEST);
    let judge = default_judge();
    match &judge {
        Some(program) => {
            let judges = Judges::new(program, TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(judges.bits(), 32, "{} is no judge with 32 bits", program.display());
            comparison = comparison.with(judges);
        }
        None => {
            assert!(
                env::var_os("ZENO_NO_SKIPS").is_none(),
                "ZENO_NO_SKIPS is set, but there is no judge of 32 bits"
            );
            println!("without the 32-bit judge: scripts/test-32 --build makes it, ZENO_JUDGE_32 names it")
        }
    }

    let start = Instant::now();
    let mut findings = Vec::new();
    for seed in SEED.. {
        let enough = missing(&comparison.tally).is_empty();
        if start.elapsed() > TIME && (enough || start.elapsed() > LONGEST) {
            break;
        }
        findings.extend(comparison.check(seed));
    }
    println!("from seed {SEED}: {}", comparison.tally);
    for finding in &findings {
        println!("{finding}");
    }
    assert!(findings.is_empty(), "{} worlds are judged in two ways", findings.len());

    let tally = &comparison.tally;
    let missing = missing(tally);
    assert!(missing.is_empty(), "too few: {missing:?}");
    let compared = |name| tally.judgements.get(name).copied().unwrap_or_default();
    assert!(
        judge.is_none() || compared("32 bits") == tally.worlds,
        "the 32-bit judge did not see all worlds"
    );
}

/// Kinds of worlds of which there are too few for the test to mean something, with their numbers.
fn missing(tally: &Tally) -> Vec<(String, u64)> {
    let of = |counts: &BTreeMap<&'static str, u64>, name: &str| counts.get(name).copied().unwrap_or_default();
    let mut wanted = vec![
        ("valid".to_owned(), tally.valid, 100),
        ("refused for their memory".to_owned(), tally.refused_for(&Unsupported::Memory), 1),
        ("seen by the VM".to_owned(), of(&tally.judgements, "zkVM"), 3),
        ("valid, and seen by the VM".to_owned(), tally.slow_valid, 1),
        ("valid runs of blocks".to_owned(), tally.runs, 5),
        ("valid transactions with more gas than they may execute with".to_owned(), tally.large, 1),
    ];
    for fork in Fork::ALL {
        wanted.push((format!("valid, of {fork}"), of(&tally.forks, fork.name()), 3));
    }
    wanted
        .into_iter()
        .filter(|(_, found, least)| found < least)
        .map(|(kind, found, _)| (kind, found))
        .collect()
}

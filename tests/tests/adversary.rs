//! A minute of made-up worlds (`zeno_tests::worlds`), judged natively, by revm's own instructions, by a 32-bit process where
//! one is built, and a share of them by the committed guest in the virtual machine. All give the same claim, or all refuse.
//! The example `adversary` does the same for hours.

#[path = "adversary/vm.rs"]
mod vm;

use std::time::{Duration, Instant};
use vm::Vm;
use zeno_tests::{
    judge::Judges,
    worlds::{
        default_judge,
        judges::{Native, Tracing},
        tally::Court,
    },
};

/// The first world's number; the others follow.
const SEED: u64 = 19_000_000;
/// How long worlds are made and judged.
const TIME: Duration = Duration::from_secs(60);
/// How long the 32-bit judge may take for one world.
const TIMEOUT: Duration = Duration::from_secs(120);
/// One world in so many goes through the virtual machine, if it took no longer than this natively.
const VM_EVERY: u64 = 40;
const VM_LONGEST: Duration = Duration::from_millis(5);

#[test]
fn everybody_agrees_about_made_up_worlds() {
    let vm = Vm::new(None).expect("the committed guest is a program");
    let mut court = Court::new(Native).with(Tracing).with_slow(vm, VM_EVERY, VM_LONGEST);
    let judge = default_judge();
    match &judge {
        Some(program) => {
            let judges = Judges::new(program, TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(judges.bits(), 32, "{} is no judge with 32 bits", program.display());
            court = court.with(judges);
        }
        None => {
            println!("without the 32-bit judge: scripts/test-32 --build makes it, ZENO_JUDGE_32 names it")
        }
    }

    let start = Instant::now();
    let mut findings = Vec::new();
    for seed in SEED.. {
        if start.elapsed() > TIME {
            break;
        }
        findings.extend(court.hear(seed));
    }
    println!("from seed {SEED}: {}", court.tally);
    for finding in &findings {
        println!("{finding}");
    }
    assert!(findings.is_empty(), "{} worlds are judged in two ways", findings.len());

    let tally = &court.tally;
    let compared = |name| tally.judgements.get(name).copied().unwrap_or_default();
    let memory = tally.refused_for("bytes of memory");
    assert!(tally.valid >= 100, "only {} worlds are valid", tally.valid);
    assert!(memory >= 1, "no world is refused for its memory");
    assert!(compared("zkVM") >= 3, "only {} worlds were seen by the virtual machine", compared("zkVM"));
    assert!(tally.slow_valid >= 1, "no valid world was seen by the virtual machine");
    assert!(
        judge.is_none() || compared("32 bits") == tally.worlds,
        "the 32-bit judge did not see all worlds"
    );
}

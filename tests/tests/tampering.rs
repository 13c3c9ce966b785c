//! Tampering: validation of a changed input gives the honest claim or an error.
//!
//! If the block or the rules are changed, a claim may only be about the changed ones.

use alloy_primitives::Bytes;
use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};
use zeno_guest_evm::{StatelessInput, ValidationError, minimize};
use zeno_tests::{
    amsterdam, example, mainnet,
    mutate::{Expected, Mutation, Mutator, Observed, judge},
};

/// Results of mutations, with the number of each, by class.
type Tally = BTreeMap<&'static str, BTreeMap<Observed, usize>>;

/// Judges all mutations of `input`, and prints and returns how many there were of each class. They must be 1000 or more.
fn tamper(name: &str, input: &StatelessInput, foreign: &[Bytes], seed: u64) -> Tally {
    let (honest, claim) = minimize(input).expect("the honest input is valid");
    let mutations = Mutator::new(&honest, &mut StdRng::seed_from_u64(seed)).all(foreign);
    let judged = mutations
        .par_iter()
        .map(|mutation| {
            let Mutation { class, tampered, expected } = mutation;
            let answer = catch_unwind(AssertUnwindSafe(|| tampered.validate(&honest)))
                .map_err(|_| format!("{class}: validation panicked on {tampered:?}"))?;
            let at = match &answer {
                Err(ValidationError::InRun { index, .. }) => Some(*index),
                _ => None,
            };
            let observed = judge((&honest, &claim), answer)
                .map_err(|lie| format!("{class}: {lie}, for {tampered:?}"))?;
            let fits = match expected {
                Expected::Refused => observed == Observed::Refused,
                Expected::RefusedIn(index) => observed == Observed::Refused && at == Some(*index),
                Expected::Honest => observed == Observed::Honest,
                Expected::Either => true,
            };
            fits.then_some((*class, observed)).ok_or_else(|| {
                format!(
                    "{class}: must be {expected:?}, but was {observed:?} in block {at:?}, for {tampered:?}"
                )
            })
        })
        .collect::<Result<Vec<_>, String>>()
        .unwrap_or_else(|failure| panic!("{name}: {failure}"));

    let mut tally = Tally::new();
    let mut total = BTreeMap::<_, usize>::new();
    for (class, observed) in &judged {
        *tally.entry(class).or_default().entry(*observed).or_default() += 1;
        *total.entry(observed).or_default() += 1;
    }
    println!("{name}: {} mutations: {total:?}", judged.len());
    for (class, counts) in &tally {
        println!("    {class:40} {counts:?}");
    }
    assert!(judged.len() >= 1000, "{name}: only {} mutations", judged.len());
    tally
}

/// Entries that no witness has.
fn foreign() -> Vec<Bytes> {
    (0..50u8).map(|byte| Bytes::from(vec![byte; 40])).collect()
}

#[test]
fn no_mutation_of_the_example_makes_a_lie() {
    tamper("example block", &example::committed(), &foreign(), 1);
}

#[test]
fn no_mutation_of_a_block_of_amsterdam_makes_a_lie() {
    tamper("block of Amsterdam", &amsterdam::block(), &foreign(), 3);
}

/// The run begins before Amsterdam. Its claim has the rules of its end.
#[test]
fn no_mutation_of_a_run_into_amsterdam_makes_a_lie() {
    use Observed::{Honest, OtherBlock, OtherRules, Refused};
    let tally = tamper("run into Amsterdam", &amsterdam::run(), &foreign(), 4);
    let observed = |class: &str| tally[class].keys().copied().collect::<Vec<_>>();
    // A part of the run has a claim of its own. Everything else that is done to the blocks is refused.
    assert_eq!(observed("last blocks dropped"), [OtherBlock]);
    for class in [
        "no block",
        "block doubled",
        "first blocks dropped",
        "inner block dropped",
        "blocks swapped",
        "parent of a later block changed",
        "field of a later header changed",
        "keys in the order of other blocks",
        "a key too few, of any block",
    ] {
        assert_eq!(observed(class), [Refused], "{class}");
    }
    // What begins after the run is not in its claim. What began before its end is.
    for class in ["later rules left out", "later blob schedule added"] {
        assert_eq!(observed(class), [Honest], "{class}");
    }
    assert_eq!(observed("fork moved"), [Refused, Honest, OtherRules]);
    for class in ["fork removed", "forks cut off"] {
        assert_eq!(observed(class), [Refused], "{class}");
    }
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn no_mutation_of_a_mainnet_block_makes_a_lie() {
    let recorded = mainnet::recorded().remove(0);
    let example = example::committed();
    let foreign = [&example.witness.state[..], &example.witness.codes, &example.witness.headers].concat();
    tamper("mainnet block 22615247", &recorded.input(), &foreign, 2);
}

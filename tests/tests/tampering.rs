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
use zeno_guest_evm::{StatelessInput, minimize};
use zeno_tests::{
    example, mainnet,
    mutate::{Expected, Mutation, Mutator, Observed, judge},
};

/// Judges all mutations of `input`, prints how many there were of each class, and returns their number.
fn tamper(name: &str, input: &StatelessInput, foreign: &[Bytes], seed: u64) -> usize {
    let (honest, claim) = minimize(input).expect("the honest input is valid");
    let mutations = Mutator::new(&honest, &mut StdRng::seed_from_u64(seed)).all(foreign);
    let judged = mutations
        .par_iter()
        .map(|mutation| {
            let Mutation { class, tampered, expected } = mutation;
            let answer = catch_unwind(AssertUnwindSafe(|| tampered.validate(&honest)))
                .map_err(|_| format!("{class}: validation panicked on {tampered:?}"))?;
            let observed = judge((&honest, &claim), answer)
                .map_err(|lie| format!("{class}: {lie}, for {tampered:?}"))?;
            let fits = match expected {
                Expected::Refused => observed == Observed::Refused,
                Expected::Honest => observed == Observed::Honest,
                Expected::Either => true,
            };
            fits.then_some((*class, observed)).ok_or_else(|| {
                format!("{class}: must be {expected:?}, but was {observed:?}, for {tampered:?}")
            })
        })
        .collect::<Result<Vec<_>, String>>()
        .unwrap_or_else(|failure| panic!("{name}: {failure}"));

    let mut tally = BTreeMap::<_, BTreeMap<_, usize>>::new();
    let mut total = BTreeMap::<_, usize>::new();
    for (class, observed) in &judged {
        *tally.entry(class).or_default().entry(observed).or_default() += 1;
        *total.entry(observed).or_default() += 1;
    }
    println!("{name}: {} mutations: {total:?}", judged.len());
    for (class, counts) in tally {
        println!("    {class:35} {counts:?}");
    }
    judged.len()
}

#[test]
fn no_mutation_of_the_example_makes_a_lie() {
    let foreign = (0..50u8).map(|byte| Bytes::from(vec![byte; 40])).collect::<Vec<_>>();
    let count = tamper("example block", &example::committed(), &foreign, 1);
    assert!(count >= 1000, "only {count} mutations");
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn no_mutation_of_a_mainnet_block_makes_a_lie() {
    let recorded = mainnet::recorded().remove(0);
    let example = example::committed();
    let foreign = [&example.witness.state[..], &example.witness.codes, &example.witness.headers].concat();
    let count = tamper("mainnet block 22615247", &recorded.input(), &foreign, 2);
    assert!(count >= 1000, "only {count} mutations");
}

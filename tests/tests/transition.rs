//! The transition to Amsterdam: blocks on the wrong side of it, and claims of provers who left it out.

use zeno_guest_evm::{
    ChainSpec, StatelessInput, Subject, ValidationError,
    chain::{Chain, End, EndReason, Fork},
    decode_block, merge, validate,
};
use zeno_tests::{
    amsterdam,
    devchain::{DevChain, Draft},
};
use zeno_verifier::{RulesError, rules_of};

fn timestamp(input: &StatelessInput) -> u64 {
    decode_block(&input.blocks[0]).unwrap().header.timestamp
}

/// The input, under rules that have Amsterdam at another time, or not at all.
fn with_amsterdam(input: &StatelessInput, from: Option<u64>) -> StatelessInput {
    let mut spec = ChainSpec::decode(&input.chain).unwrap();
    spec.forks.retain_mut(|activation| {
        if activation.fork == Fork::Amsterdam {
            activation.timestamp = from.unwrap_or_default();
        }
        activation.fork != Fork::Amsterdam || from.is_some()
    });
    StatelessInput { chain: spec.encode().into(), ..input.clone() }
}

/// Error of the input, of which the block itself is to blame, and the block's position in a run.
fn blamed(input: &StatelessInput) -> (usize, ValidationError) {
    let error = validate(input).unwrap_err();
    assert!(error.blames_block(), "{error}");
    match error {
        ValidationError::InRun { index, error } => (index, *error),
        error => (0, error),
    }
}

fn is_absent(error: &ValidationError) -> bool {
    use ValidationError::Absent;
    matches!(error, Absent { subject: Subject::BlockAccessListHash, fork: Fork::Amsterdam })
}

fn is_unexpected(error: &ValidationError) -> bool {
    use ValidationError::Unexpected;
    matches!(error, Unexpected { subject: Subject::BlockAccessListHash, fork: Fork::Osaka })
}

/// The rules of a block follow from its own timestamp, to the second.
#[test]
fn a_block_of_the_wrong_fork_is_refused() {
    let [last, first, second] = amsterdam::blocks();
    let (before, at) = (timestamp(&last), timestamp(&first));
    for input in [&last, &first, &second] {
        validate(input).unwrap();
    }
    for from in [before + 1, at] {
        validate(&with_amsterdam(&last, Some(from))).unwrap();
        validate(&with_amsterdam(&first, Some(from))).unwrap();
    }
    for from in [0, before] {
        let (_, error) = blamed(&with_amsterdam(&last, Some(from)));
        assert!(is_absent(&error), "{error}");
    }
    for from in [Some(at + 1), Some(u64::MAX), None] {
        let (_, error) = blamed(&with_amsterdam(&first, from));
        assert!(is_unexpected(&error), "{error}");
    }
}

/// In a run, too, each block has the rules of its own timestamp, and not those of the first or the last.
#[test]
fn a_run_crosses_the_fork_at_its_time_alone() {
    let inputs = amsterdam::blocks();
    let [before, at, after] = [0, 1, 2].map(|index| timestamp(&inputs[index]));
    let run = merge(inputs).unwrap();
    assert_eq!(validate(&run).unwrap().block_count, 3);
    let (index, error) = blamed(&with_amsterdam(&run, Some(before)));
    assert!(index == 0 && is_absent(&error), "{index}: {error}");
    for from in [Some(at + 1), Some(after), Some(after + 1), None] {
        let (index, error) = blamed(&with_amsterdam(&run, from));
        assert!(index == 1 && is_unexpected(&error), "{index}: {error}");
    }
}

/// Chain whose first block is of Amsterdam, and the same chain as somebody knows it who left this fork out.
fn chains() -> [DevChain; 2] {
    let chain = amsterdam::chain(1);
    let mut unaware = chain.clone();
    assert_eq!(unaware.spec.forks.pop().unwrap().fork, Fork::Amsterdam);
    [chain, unaware]
}

/// No chain returns to the rules before a fork, and none has them early.
#[test]
fn no_block_follows_the_rules_of_another_time() {
    let [mut chain, _] = chains();
    let early = chain.append(Draft::default());
    let (_, error) = blamed(&with_amsterdam(&early, Some(timestamp(&early) + 1)));
    assert!(is_unexpected(&error), "{error}");
    // A block of Osaka on one of Amsterdam.
    chain.spec.forks.pop();
    let back = chain.append(Draft::default());
    validate(&back).unwrap();
    let (_, error) = blamed(&StatelessInput { chain: early.chain.clone(), ..back.clone() });
    assert!(is_absent(&error), "{error}");
    let run = merge([early.clone(), StatelessInput { chain: early.chain.clone(), ..back }]).unwrap();
    let (index, error) = blamed(&run);
    assert!(index == 1 && is_absent(&error), "{index}: {error}");
}

/// A prover may leave a fork out, and the claim is then true of the rules that it names. Their digest is that of honest claims
/// from before the fork: only the claim's time tells.
#[test]
fn a_claim_whose_schedule_left_the_fork_out_is_refused() {
    let [mut aware, mut unaware] = chains();
    let honest = Chain { spec: aware.spec.clone(), end: None };
    let activation = honest.spec.activation(Fork::Amsterdam).unwrap();
    let claim = validate(&aware.append(Draft::default())).unwrap();
    assert_eq!(rules_of(&honest, &claim).unwrap().from, activation);

    let claim = validate(&unaware.append(Draft::default())).unwrap();
    assert_eq!(claim.last_timestamp, activation);
    assert_eq!(claim.chain_spec, honest.spec.digest_at(activation - 1));
    let error = rules_of(&honest, &claim).unwrap_err();
    let RulesError::OfAnotherTime { known, timestamp } = error else { panic!("{error}") };
    assert_eq!((known.end, timestamp), (activation, activation));

    // The same digest, where it is due.
    let [last, ..] = amsterdam::blocks();
    let claim = validate(&last).unwrap();
    let spec = ChainSpec::decode(&last.chain).unwrap();
    assert_eq!(claim.chain_spec, spec.digest_at(claim.last_timestamp));
    rules_of(&Chain { spec: spec.clone(), end: None }, &claim).unwrap();
    // Nobody knows the rules at the end, or later.
    let end = Some(End { from: claim.last_timestamp, reason: EndReason::LaterFork("later".into()) });
    let error = rules_of(&Chain { spec, end }, &claim).unwrap_err();
    assert!(matches!(error, RulesError::BeyondEnd(_)), "{error}");
}

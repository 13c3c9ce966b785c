//! Embedded example: the generator reproduces it, and it has the documented contents.

use alloy_consensus::{Transaction as _, TxType};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, Bloom, keccak256};
use std::collections::HashSet;
use zeno_guest_evm::{
    ChainSpec, chain::Chain, decode_block, execute, minimize, state::WitnessState, trie::Preimages, validate,
};
use zeno_tests::example::{GENESIS, committed, example};

#[test]
fn the_committed_example_is_what_the_generator_makes() {
    let hint = "run: cargo run --release -p zeno-tests --example make-example";
    assert!(example().encode() == committed().encode(), "config/example/input.zeno is out of date, {hint}");
}

#[test]
fn the_example_validates_on_the_development_chain() {
    let claim = validate(&committed()).unwrap();
    let spec = Chain::from_json(GENESIS).unwrap().spec;
    assert_eq!((claim.chain_id, claim.chain_spec), (9366, spec.digest_at(claim.last_timestamp)));
    assert_eq!((claim.last_block_number, claim.block_count), (1, 1));
}

#[test]
fn the_example_is_minimal() {
    // The hints lack the destinations of a system call in a contract that a transaction calls as well.
    let input = committed();
    assert!(!input.destinations.iter().all(|hints| hints.is_empty()));
    assert_eq!(minimize(&input).unwrap().0, input);
}

#[test]
fn the_example_has_every_type_of_transaction_and_outcome() {
    let input = committed();
    let spec = ChainSpec::decode(&input.chain).unwrap();
    let block = decode_block(&input.blocks[0]).unwrap();
    let transactions = &block.body.transactions;
    let types = transactions.iter().map(|transaction| transaction.tx_type()).collect::<HashSet<_>>();
    assert_eq!(
        types,
        HashSet::from([TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip4844, TxType::Eip7702])
    );
    assert!(transactions.iter().any(|transaction| transaction.is_create()));
    assert_ne!(block.header.logs_bloom, Bloom::ZERO);
    assert_ne!(block.header.requests_hash, Some(EMPTY_REQUESTS_HASH));
    assert_eq!(block.body.withdrawals.as_ref().map(|list| list.len()), Some(2));

    let [nodes, codes, headers] = [&input.witness.state, &input.witness.codes, &input.witness.headers]
        .map(|list| Preimages::new(list.iter().cloned()));
    let parent = alloy_rlp::decode_exact(&input.witness.headers[0]).unwrap();
    let mut state = WitnessState::new(&parent, block.header.parent_hash, nodes, codes, headers);
    let senders =
        input.public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();
    let outcome = execute(&spec, &block, &senders, &mut state).unwrap();
    let successes = outcome.receipts.iter().map(|receipt| receipt.success).collect::<Vec<_>>();
    // Only the sixth transaction is meant to fail.
    assert_eq!(successes, (0..transactions.len()).map(|index| index != 5).collect::<Vec<_>>());
    assert!(outcome.gas_used < 1_000_000, "small enough to be proven quickly: {}", outcome.gas_used);
    println!("{} gas, {} bytes", outcome.gas_used, input.encode().len());
}

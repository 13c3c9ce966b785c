//! Validation of one block: all checks, in order.
//!
//! # Under the prover's control
//!
//! All of the input: the chain's rules, the block, the parent's header, state nodes, codes, older headers,
//! and the hints (public keys, jump destinations). The prover may invent any of it, the parent included.
//! Nothing here shows that the parent belongs to a chain, nor that the rules leave out no fork. The claim
//! therefore names the parent, the digest of the rules and the time, and the consumer compares all of them.
//!
//! A wrong hint makes the run fail or cost more; it never changes a result. Nodes, codes and headers are
//! found by their keccak-256 hash alone, from the parent's hash and its state root down.
//!
//! The claim is only a hash that this program computes at its end. So a wrong result, or memory unsafety, in
//! any invented world would let the prover claim anything. For that reason, every bound that an argument uses
//! is enforced here, or comes from the VM, which has 2^29 bytes of memory.
//!
//! # The checks
//!
//! 1. The chain's rules decode, and their schedule is possible ([`ChainSpec::decode`]).
//! 2. The block's RLP is the one encoding of the block that it decodes to, each transaction included.
//! 3. The header's hash is computed. The claim names it, and in the zkVM it seeds the maps.
//! 4. The block is at or after the merge.
//! 5. The witness has a header with the hash that the block names as its parent, and it decodes.
//! 6. The header follows from the parent's: number, timestamp, gas limit, base fee, extra data, the constants
//!    since the merge, the fields of the fork, blob gas.
//! 7. The body matches the header: no ommers, transactions root, withdrawals root, blob gas used, length of
//!    the block.
//! 8. Each transaction has a hinted public key, `r` and `s` are in range, and `ecrecover` gives this very
//!    key.
//! 9. The block executes on the witness's state: system calls, transactions, requests, withdrawals. Every
//!    account and slot is proven from the parent's state root, every code by its hash, and every block hash
//!    from the parent's header. A block that needs more memory, longer code or longer numbers than this
//!    program supports ends the run with [`Unsupported`](crate::Unsupported).
//! 10. The outcome matches the header: gas used, blob gas used, logs bloom, receipts root, requests hash, size and hash
//!     of the block access list.
//! 11. The state after the block has the header's state root.
//! 12. The claim is made from the header and the digest of the rules that had begun at its time.
//!
//! The first check that fails ends the run. [`ValidationError::blames_block`] says whether the block is
//! invalid, or the input is at fault or not supported.

use crate::{
    block::{
        Block, decode_block_and_encodings, header,
        senders::{self, SignatureVerifier, verify_signature},
        tx_encoding::Encoded,
    },
    bytecode::jump_recorder::JumpRecorder,
    error::{Subject, ValidationError, bounded, equal},
    execute::{Outcome, execute_with},
    outcome::{bloom::Blooms, receipts::Receipts},
    platform::Platform,
    state::{WitnessState, preimages},
    word::Portable,
};
use alloc::vec::Vec;
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{B256, keccak256};
use zeno_trie::{Preimages, ordered_root};
use zeno_types::{
    chain::{AccessListRules, ChainSpec},
    claim::ChainClaim,
    input::StatelessInput,
};

/// Checks that the input's block is valid by every rule of the execution layer, and returns the claim that
/// this proves.
///
/// Two things are not checked, because they need more than the block. One is the consensus layer's choice of
/// the block. The other is that the blobs with the versioned hashes of the blob transactions are available.
///
/// # Errors
/// [`ValidationError`] with the rule that is broken, and both values where there are two.
pub fn validate(input: &StatelessInput) -> Result<ChainClaim, ValidationError> {
    validate_with::<Portable>(input.clone(), verify_signature, no_seed)
}

/// Function that seeds the hashers of maps. It is called once, with the block's hash, before any map exists.
/// The author of a transaction can't know this hash.
pub type Seed = fn(&[u8; 32]);

/// Does nothing: native hashers have their own seeds.
fn no_seed(_: &[u8; 32]) {}

/// Same as [`validate`], with the zkVM's signature check, the means of the platform `P`, and a seed for maps.
///
/// # Errors
/// Same as [`validate`].
pub fn validate_with<P: Platform>(
    input: StatelessInput,
    verify: SignatureVerifier,
    seed: Seed,
) -> Result<ChainClaim, ValidationError> {
    let (claim, state) = run::<P>(input, verify, seed, None)?;
    // The zkVM's run ends here. Freeing every node would only make the proof longer.
    #[cfg(target_os = "zkvm")]
    core::mem::forget(state);
    #[cfg(not(target_os = "zkvm"))]
    drop(state);
    Ok(claim)
}

/// Same as [`validate`]; also returns the state after the block, on which the block's children can be
/// validated.
///
/// # Errors
/// Same as [`validate`].
pub fn transition(input: &StatelessInput) -> Result<(ChainClaim, WitnessState), ValidationError> {
    run::<Portable>(input.clone(), verify_signature, no_seed, None)
}

/// Validates the input, and returns a smaller one with the claim.
///
/// It leaves out the parts of the witness that validation never read, because each of them only costs the
/// guest. It adds hints for jump destinations.
///
/// # Errors
/// Same as [`validate`].
pub fn minimize(input: &StatelessInput) -> Result<(StatelessInput, ChainClaim), ValidationError> {
    let jumps = JumpRecorder::default();
    let (claim, state) = run::<Portable>(input.clone(), verify_signature, no_seed, Some(jumps.clone()))?;
    let witness = state.into_witness();
    let destinations = witness.codes.iter().map(|code| jumps.hints(code)).collect();
    Ok((StatelessInput { witness, destinations, ..input.clone() }, claim))
}

/// Runs all checks of the [module's list](self) in their order. With `jumps`, it also records the
/// destinations of jumps.
fn run<P: Platform>(
    input: StatelessInput,
    verify: SignatureVerifier,
    seed: Seed,
    jumps: Option<JumpRecorder>,
) -> Result<(ChainClaim, WitnessState), ValidationError> {
    let chain = ChainSpec::decode(&input.chain)?;
    let (block, encodings) = decode_block_and_encodings(&input.block)?;
    let header = &block.header;
    let hash = keccak256(alloy_rlp::encode(header));
    seed(&hash.0);
    header::check_merged(&chain, header)?;

    let mut headers = preimages(&input.witness.headers);
    let parent = parent(&mut headers, header.parent_hash)?;
    header::check(&chain, header, &parent)?;
    check_body(&chain, &block, &encodings, input.block.len())?;
    let senders = senders::check(&block.body.transactions, &encodings, &input.public_keys, verify)?;

    let nodes = Preimages::new(input.witness.state);
    let codes = Preimages::new(input.witness.codes);
    // Jumps are recorded while revm's own instructions run. Those take a destination that the hints lack for
    // none, so the hints are left out.
    let destinations = if jumps.is_some() { Vec::new() } else { input.destinations };
    let mut state = WitnessState::new(&parent, header.parent_hash, nodes, codes, headers)
        .with_destinations::<P>(destinations)
        .at_fork(chain.fork_at(header.timestamp));
    let outcome = execute_with::<P, _>(&chain, &block, &senders, &mut state, jumps)?;
    check_outcome(&chain, header, &outcome)?;
    equal(Subject::StateRoot, header.state_root, state.root()?)?;

    let claim = ChainClaim {
        chain_id: chain.chain_id,
        chain_spec: chain.digest_at(header.timestamp),
        first_parent_hash: header.parent_hash,
        last_block_hash: hash,
        last_block_number: header.number,
        last_state_root: header.state_root,
        last_receipts_root: header.receipts_root,
        last_timestamp: header.timestamp,
        block_count: 1,
    };
    Ok((claim, state))
}

/// Finds the parent's header in the witness by its hash, and decodes it.
fn parent(headers: &mut Preimages, hash: B256) -> Result<Header, ValidationError> {
    let bytes = headers.get(&hash).ok_or(ValidationError::MissingParent(hash))?;
    alloy_rlp::decode_exact(bytes).map_err(|error| ValidationError::MalformedHeader { hash, error })
}

/// Checks the body against the header. `length` is that of the block's RLP, in bytes.
#[inline(never)]
fn check_body(
    chain: &ChainSpec,
    block: &Block,
    encodings: &[Encoded<'_>],
    length: usize,
) -> Result<(), ValidationError> {
    let (header, body) = (&block.header, &block.body);
    let fork = chain.fork_at(header.timestamp);
    let rules = fork.rules();
    equal(Subject::Ommers, body.ommers.len() as u64, 0)?;
    let transactions = encodings.iter().map(|encoding| encoding.bytes).collect::<Vec<_>>();
    let transactions_root = ordered_root::root(transactions.len(), &transactions[..]);
    equal(Subject::TransactionsRoot, header.transactions_root, transactions_root)?;
    match (header.withdrawals_root, &body.withdrawals) {
        (Some(root), Some(list)) => equal(Subject::WithdrawalsRoot, root, withdrawals_root(list))?,
        (Some(_), None) => return Err(ValidationError::Absent { subject: Subject::Withdrawals, fork }),
        (None, Some(_)) => return Err(ValidationError::Unexpected { subject: Subject::Withdrawals, fork }),
        (None, None) => {}
    }
    if rules.blobs.is_some() {
        let used =
            body.transactions.iter().filter_map(|transaction| transaction.blob_gas_used()).sum::<u64>();
        equal(Subject::BlobGasUsed, header.blob_gas_used.unwrap_or_default(), used)?;
    }
    if let Some(max) = rules.max_block_length {
        bounded(length <= max, Subject::BlockLength, length as u64, "at most", max as u64)?;
    }
    Ok(())
}

/// Root of the withdrawals' trie (EIP-4895).
fn withdrawals_root(list: &[Withdrawal]) -> B256 {
    let items = list.iter().map(alloy_rlp::encode).collect::<Vec<_>>();
    let items = items.iter().map(Vec::as_slice).collect::<Vec<_>>();
    ordered_root::root(items.len(), &items[..])
}

/// Checks the header against the result of execution. The state root is checked by the caller.
#[inline(never)]
fn check_outcome(chain: &ChainSpec, header: &Header, outcome: &Outcome) -> Result<(), ValidationError> {
    let rules = chain.fork_at(header.timestamp).rules();
    equal(Subject::GasUsed, header.gas_used, outcome.gas_used)?;
    if rules.blobs.is_some() {
        equal(Subject::BlobGasUsed, header.blob_gas_used.unwrap_or_default(), outcome.blob_gas_used)?;
    }
    let mut blooms = Blooms::new();
    let root = ordered_root::root(outcome.receipts.len(), Receipts::new(&outcome.receipts, &mut blooms));
    equal(Subject::LogsBloom, header.logs_bloom, blooms.all())?;
    equal(Subject::ReceiptsRoot, header.receipts_root, root)?;
    if rules.requests_hash {
        equal(Subject::RequestsHash, header.requests_hash.unwrap_or_default(), requests_hash(outcome))?;
    }
    if let Some(AccessListRules { item_gas }) = rules.access_list {
        let list = outcome.access_list.expect("execution records the list if the fork has one");
        let most = header.gas_limit / item_gas;
        bounded(list.items <= most, Subject::AccessListItems, list.items, "at most", most)?;
        equal(Subject::BlockAccessListHash, header.block_access_list_hash.unwrap_or_default(), list.hash)?;
    }
    Ok(())
}

/// Requests hash (EIP-7685), by the SHA-256 precompile, which the zkVM accelerates.
fn requests_hash(outcome: &Outcome) -> B256 {
    let sha256 = |bytes: &[u8]| revm::precompile::crypto().sha256(bytes);
    let mut hashes = Vec::new();
    for request in outcome.requests.iter().filter(|request| request.len() > 1) {
        hashes.extend_from_slice(&sha256(request));
    }
    sha256(&hashes).into()
}

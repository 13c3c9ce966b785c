//! Validation of a run of consecutive blocks: all checks, in order.
//!
//! # Under the prover's control
//!
//! All of the input: the chain's rules, the blocks, the first block's parent, state nodes, codes, older headers,
//! and the hints (public keys, jump destinations). The prover may invent any of it, the parent included.
//! Nothing here shows that the parent belongs to a chain, nor that the rules leave out no fork. The claim
//! therefore names the parent, the digest of the rules and the time, and the consumer compares all of them.
//!
//! A wrong hint makes the run fail or cost more; it never changes a result. Nodes, codes and headers are
//! found by their keccak-256 hash alone, from the first parent's hash and its state root down. A later block starts
//! from the header and the state that the checks of the one before it left, and from nothing of the input.
//!
//! The claim is only a hash that this program computes at its end. So a wrong result, or memory unsafety, in
//! any invented world would let the prover claim anything. For that reason, every bound that an argument uses
//! is enforced here, or comes from the VM, which has 2^29 bytes of memory.
//!
//! # The checks
//!
//! 1. The chain's rules decode, and their schedule is possible ([`ChainSpec::decode`]). There is a block.
//! 2. Each block's RLP is the one encoding of the block that it decodes to, each transaction included.
//! 3. The headers' hashes are computed, and each block after the first names that of the one before it as its
//!    parent's. The last hash seeds the maps in the zkVM: the authors of all transactions did not know it. The hash
//!    of an earlier block is known to those of the next.
//! 4. The first block is at or after the merge.
//! 5. The witness has a header with the hash that the first block names as its parent, and it decodes.
//!
//! Then for each block in its turn, by the rules of its own timestamp:
//!
//! 6. The header follows from the parent's: number, timestamp, gas limit, base fee, extra data, the constants
//!    since the merge, the fields of the fork, blob gas.
//! 7. The body matches the header: no ommers, transactions root, withdrawals root, blob gas used, length of
//!    the block.
//! 8. Each transaction has a hinted public key, `r` and `s` are in range, and `ecrecover` gives this very
//!    key. No key is left after the last block.
//! 9. The block executes on the state that the one before it left, or on the witness's: system calls, transactions,
//!    withdrawals, requests. Every account and slot is proven from the first parent's state root or was written by an
//!    earlier block, every code is proven by its hash or was deployed by one, and every block hash is that of one or
//!    proven from the first parent's header. A block that needs more memory, longer code or longer numbers than this
//!    program supports ends the run with [`Unsupported`](crate::Unsupported).
//! 10. The outcome matches the header: gas used, blob gas used, logs bloom, receipts root, requests hash, size and hash
//!     of the block access list.
//! 11. The state after the block has the header's state root.
//!
//! In the end:
//!
//! 12. The claim is made from the first block's parent, the last header, and the digest of the rules that had begun at
//!     its time. Timestamps increase, so these are all rules of the run.
//!
//! The first check that fails ends the run. [`ValidationError::blames_block`] says whether a block is
//! invalid, or the input is at fault or not supported.

#[cfg(feature = "native")]
use crate::footprint::Footprint;
use crate::{
    block::{
        Block, decode_block_and_encodings, header,
        senders::{self, SignatureVerifier, verify_signature},
        tx_encoding::Encoded,
    },
    bytecode::jump_recorder::JumpRecorder,
    error::{Subject, ValidationError, bounded, equal},
    execute::{Outcome, evm::Memory, execute_with},
    outcome::{bloom::Blooms, receipts::Receipts},
    platform::Platform,
    state::{StateSize, WitnessState, preimages},
    word::Portable,
};
use alloc::{boxed::Box, vec::Vec};
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{B256, Bytes, keccak256};
use zeno_trie::{Preimages, ordered_root};
use zeno_types::{
    chain::{AccessListRules, ChainSpec},
    claim::ChainClaim,
    input::{InputError, PublicKey, StatelessInput},
};

/// Checks that the input's blocks are valid by every rule of the execution layer, and returns the claim that
/// this proves.
///
/// Two things are not checked, because they need more than the blocks. One is the consensus layer's choice of
/// the blocks. The other is that the blobs with the versioned hashes of the blob transactions are available.
///
/// # Errors
/// [`ValidationError`] with the rule that is broken, and both values where there are two.
pub fn validate(input: &StatelessInput) -> Result<ChainClaim, ValidationError> {
    validate_with::<Portable>(input.clone(), verify_signature, no_seed)
}

/// Function that seeds the hashers of maps. It is called once, with the last block's hash, before any map exists.
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

/// Same as [`validate`]; also returns the state after the last block, on which its children can be
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
    minimal(input).map(|(input, claim, _)| (input, claim))
}

/// Same as [`minimize`]; also returns an estimate of the memory that the minimal input takes in the zkVM.
///
/// # Errors
/// Same as [`validate`].
#[cfg(feature = "native")]
pub fn minimize_and_measure(
    input: &StatelessInput,
) -> Result<(StatelessInput, ChainClaim, Footprint), ValidationError> {
    let (minimal, claim, state) = minimal(input)?;
    let footprint = Footprint::of(&minimal).with_state(state);
    Ok((minimal, claim, footprint))
}

/// Returns the minimal input, its claim, and the size of the state that validation made ([`WitnessState::size`]).
fn minimal(input: &StatelessInput) -> Result<(StatelessInput, ChainClaim, StateSize), ValidationError> {
    let jumps = JumpRecorder::default();
    let (claim, mut state) = run::<Portable>(input.clone(), verify_signature, no_seed, Some(jumps.clone()))?;
    // The guest inspects a transaction only after a plain run, and needs what that reads.
    if !state.storage_only().is_empty() {
        state = run::<Portable>(input.clone(), verify_signature, no_seed, None)?.1;
    }
    let size = state.size();
    let witness = state.into_witness();
    let destinations = witness.codes.iter().map(|code| jumps.hints(code)).collect();
    Ok((StatelessInput { witness, destinations, ..input.clone() }, claim, size))
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
    let blocks = decode(&input.blocks)?;
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
        return Err(InputError::NoBlock.into());
    };
    seed(&last.hash.0);
    header::check_merged(&chain, &first.block.header).map_err(|error| in_run(blocks.len(), 0, error))?;

    let first_parent_hash = first.block.header.parent_hash;
    let mut headers = preimages(&input.witness.headers);
    let first_parent = parent(&mut headers, first_parent_hash)?;
    let nodes = Preimages::new(input.witness.state);
    let codes = Preimages::new(input.witness.codes);
    // Jumps are recorded while revm's own instructions run. Those take a destination that the hints lack for
    // none, so the hints are left out.
    let destinations = if jumps.is_some() { Vec::new() } else { input.destinations };
    let mut state = WitnessState::new(&first_parent, first_parent_hash, nodes, codes, headers)
        .with_destinations::<P>(destinations);

    let memory = Memory::default();
    let mut parent = &first_parent;
    let mut keys = &input.public_keys[..];
    for (index, decoded) in blocks.iter().enumerate() {
        let header = &decoded.block.header;
        let goes_on = index + 1 < blocks.len();
        // If there are too few or too many keys, the block to which they don't fit tells.
        let count = if goes_on { decoded.block.body.transactions.len().min(keys.len()) } else { keys.len() };
        let (own, rest) = keys.split_at(count);
        check_block::<P>(&chain, decoded, parent, own, verify, &mut state, jumps.clone(), &memory)
            .and_then(|()| {
                let root = if goes_on { state.settle() } else { state.root() };
                equal(Subject::StateRoot, header.state_root, root?)
            })
            .map_err(|error| in_run(blocks.len(), index, error))?;
        if goes_on {
            state.add_ancestor(header.number, decoded.hash);
        }
        (parent, keys) = (header, rest);
    }

    let header = &last.block.header;
    let claim = ChainClaim {
        chain_id: chain.chain_id,
        chain_spec: chain.digest_at(header.timestamp),
        first_parent_hash,
        last_block_hash: last.hash,
        last_block_number: header.number,
        last_state_root: header.state_root,
        last_receipts_root: header.receipts_root,
        last_timestamp: header.timestamp,
        block_count: blocks.len() as u64,
    };
    Ok((claim, state))
}

/// Block of an input.
struct Decoded<'a> {
    block: Block,
    /// Encodings of its transactions.
    encodings: Vec<Encoded<'a>>,
    hash: B256,
    /// Length of its RLP, in bytes.
    length: usize,
}

/// Decodes the blocks, and checks that each is the child of the one before it. No map is made here: the hashers have
/// no seed yet.
fn decode(blocks: &[Bytes]) -> Result<Vec<Decoded<'_>>, ValidationError> {
    let mut run = Vec::<Decoded<'_>>::with_capacity(blocks.len());
    for (index, rlp) in blocks.iter().enumerate() {
        let in_run = |error| in_run(blocks.len(), index, error);
        let (block, encodings) = decode_block_and_encodings(rlp).map_err(in_run)?;
        let hash = keccak256(alloy_rlp::encode(&block.header));
        if let Some(before) = run.last()
            && block.header.parent_hash != before.hash
        {
            let (parent, before) = (block.header.parent_hash, before.hash);
            return Err(in_run(ValidationError::NotConsecutive { parent, before }));
        }
        run.push(Decoded { block, encodings, hash, length: rlp.len() });
    }
    Ok(run)
}

/// Names the block of an error, if there are more.
fn in_run(blocks: usize, index: usize, error: ValidationError) -> ValidationError {
    if blocks == 1 { error } else { ValidationError::InRun { index, error: Box::new(error) } }
}

/// Runs the checks of one block up to its outcome. The caller checks the state root.
#[expect(clippy::too_many_arguments, reason = "the parts of a run, which are borrowed each for itself")]
fn check_block<P: Platform>(
    chain: &ChainSpec,
    decoded: &Decoded<'_>,
    parent: &Header,
    keys: &[PublicKey],
    verify: SignatureVerifier,
    state: &mut WitnessState,
    jumps: Option<JumpRecorder>,
    memory: &Memory,
) -> Result<(), ValidationError> {
    let Decoded { block, encodings, length, .. } = decoded;
    let header = &block.header;
    header::check(chain, header, parent)?;
    check_body(chain, block, encodings, *length)?;
    let senders = senders::check(&block.body.transactions, encodings, keys, verify)?;
    state.set_fork(chain.fork_at(header.timestamp));
    let outcome = execute_with::<P, _>(chain, block, &senders, state, jumps, memory)?;
    check_outcome(chain, header, &outcome)
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

#[cfg(all(test, feature = "native"))]
mod runs;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Value, execute::eip7928::AccessListDigest};
    use alloy_eips::eip7685::{EMPTY_REQUESTS_HASH, Requests};
    use alloy_trie::EMPTY_ROOT_HASH;
    use zeno_types::chain::Fork;

    /// Each comparison refuses the block.
    #[test]
    fn the_outcome_is_compared_with_the_header() {
        let sepolia = ChainSpec::sepolia();
        let outcome = Outcome {
            receipts: Vec::new(),
            requests: Requests::default(),
            gas_used: 0,
            blob_gas_used: 0,
            access_list: None,
        };
        let header = Header {
            timestamp: sepolia.activation(Fork::Osaka).unwrap(),
            receipts_root: EMPTY_ROOT_HASH,
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        check_outcome(&sepolia, &header, &outcome).unwrap();
        type Change = fn(&mut Header);
        let wrong: [(Subject, Change); 6] = [
            (Subject::GasUsed, |header| header.gas_used = 1),
            (Subject::BlobGasUsed, |header| header.blob_gas_used = Some(1)),
            (Subject::LogsBloom, |header| header.logs_bloom.0[255] = 1),
            (Subject::ReceiptsRoot, |header| header.receipts_root.0[31] ^= 1),
            (Subject::RequestsHash, |header| header.requests_hash = Some(B256::ZERO)),
            (Subject::RequestsHash, |header| header.requests_hash = None),
        ];
        for (subject, change) in wrong {
            let mut header = header.clone();
            change(&mut header);
            let error = check_outcome(&sepolia, &header, &outcome).unwrap_err();
            let found =
                matches!(&error, ValidationError::Mismatch { subject: found, .. } if *found == subject);
            assert!(found && error.blames_block(), "{subject}: {error}");
        }
    }

    /// EIP-7934: at most 8 MiB, since Osaka.
    #[test]
    fn the_length_of_a_block_is_bounded() {
        let sepolia = ChainSpec::sepolia();
        let osaka = sepolia.activation(Fork::Osaka).unwrap();
        let check = |timestamp, length| {
            let header = Header { timestamp, transactions_root: EMPTY_ROOT_HASH, ..Header::default() };
            check_body(&sepolia, &Block { header, ..Block::default() }, &[], length)
        };
        let most = 8 << 20;
        check(osaka, most).unwrap();
        check(osaka - 1, most + 1).unwrap();
        let error = check(osaka, most + 1).unwrap_err();
        let ValidationError::OutOfBounds { subject: Subject::BlockLength, actual, limit, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((actual, limit), (Value::from(most as u64 + 1), Value::from(most as u64)));
    }

    /// EIP-7928: the list has at most an item for 2000 gas of the limit, and the header has its hash.
    #[test]
    fn the_access_list_is_bounded_and_compared() {
        let sepolia = ChainSpec::sepolia();
        let timestamp = sepolia.activation(Fork::Amsterdam).unwrap();
        let hash = B256::repeat_byte(7);
        let check = |timestamp, gas_limit, items, list: Option<B256>| {
            let header = Header {
                timestamp,
                gas_limit,
                receipts_root: EMPTY_ROOT_HASH,
                requests_hash: Some(EMPTY_REQUESTS_HASH),
                block_access_list_hash: list,
                ..Header::default()
            };
            let outcome = Outcome {
                receipts: Vec::new(),
                requests: Requests::default(),
                gas_used: 0,
                blob_gas_used: 0,
                access_list: Some(AccessListDigest { items, hash }),
            };
            check_outcome(&sepolia, &header, &outcome)
        };
        for items in [0, 1, 30_000] {
            check(timestamp, 2000 * items, items, Some(hash)).unwrap();
            check(timestamp, 2000 * items + 1999, items, Some(hash)).unwrap();
            let error = check(timestamp, 2000 * items + 1999, items + 1, Some(hash)).unwrap_err();
            let ValidationError::OutOfBounds { subject: Subject::AccessListItems, actual, limit, .. } = error
            else {
                panic!("{error}");
            };
            assert_eq!((actual, limit), (Value::from(items + 1), Value::from(items)));
        }
        for list in [None, Some(B256::ZERO), Some(B256::repeat_byte(8))] {
            let error = check(timestamp, 2000, 1, list).unwrap_err();
            assert!(
                matches!(error, ValidationError::Mismatch { subject: Subject::BlockAccessListHash, .. }),
                "{error}"
            );
        }
        // Before the fork there is no list.
        check(timestamp - 1, 0, 1, None).unwrap();
    }
}

//! Made-up blocks, for tests.

use crate::{
    block::{Block, Transaction},
    state::WitnessState,
};
use alloc::vec::Vec;
use alloy_consensus::{Header, SignableTransaction, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use zeno_trie::{Preimages, Trie};
use zeno_types::chain::{BlobActivation, ChainSpec, Fork, ForkActivation};

pub(crate) const SENDER: Address = Address::repeat_byte(1);
pub(crate) const DEPOSITS: Address = Address::repeat_byte(0xde);
pub(crate) const BENEFICIARY: Address = Address::repeat_byte(0xbe);

/// Code of an account, or its storage root if it has no code.
pub(crate) type Content<'a> = Result<&'a [u8], B256>;

/// Trie and codes of a state with these accounts, each with the same large balance. All request contracts of the last
/// fork have a code that stops, unless they are among the accounts. The sender of transactions is always there.
pub(crate) fn genesis(accounts: &[(Address, Content<'_>)]) -> (Trie, Vec<Bytes>) {
    let mut trie = Trie::default();
    let stop: Content<'_> = Ok(&[0]);
    let last = Fork::ALL[Fork::ALL.len() - 1].rules();
    let system = last.requests.iter().map(|contract| (contract.address(), stop));
    let mut codes = Vec::new();
    for (address, content) in system.chain([(SENDER, Ok(&[][..]))]).chain(accounts.iter().copied()) {
        let code = content.unwrap_or_default();
        codes.push(Bytes::copy_from_slice(code));
        let account = TrieAccount {
            nonce: u64::from(!code.is_empty()),
            balance: U256::MAX >> 8,
            storage_root: content.err().unwrap_or(EMPTY_ROOT_HASH),
            code_hash: if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) },
        };
        let leaf = alloy_rlp::encode(account).into();
        trie.insert(&keccak256(address), leaf, &mut Preimages::default()).unwrap();
    }
    (trie, codes)
}

/// Same as [`genesis`], as a state to execute on.
pub(crate) fn state(accounts: &[(Address, Content<'_>)]) -> WitnessState {
    let (trie, codes) = genesis(accounts);
    let parent = Header { state_root: trie.hash(), ..Header::default() };
    let nodes = Preimages::new(trie.revealed());
    WitnessState::new(&parent, B256::ZERO, nodes, Preimages::new(codes), Preimages::default())
}

/// Rules of a chain that begins with this fork.
pub(crate) fn chain(fork: Fork) -> ChainSpec {
    let forks = Fork::ALL[1..].iter().filter(|earlier| **earlier <= fork);
    let blobs = BlobActivation { timestamp: 0, ..ChainSpec::mainnet().blobs[1] };
    ChainSpec {
        forks: forks.map(|fork| ForkActivation { fork: *fork, timestamp: 0 }).collect(),
        blobs: fork.rules().blobs.map(|_| blobs).into_iter().collect(),
        deposit_contract: Some(DEPOSITS),
        merge_block: Some(0),
        ..ChainSpec::mainnet()
    }
}

/// Block whose gas is free, with this limit of gas.
pub(crate) fn block(gas_limit: u64) -> Block {
    let header = Header {
        number: 1,
        gas_limit,
        beneficiary: BENEFICIARY,
        base_fee_per_gas: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        ..Header::default()
    };
    Block { header, ..Block::default() }
}

/// Transaction by the sender, with this nonce.
pub(crate) fn transaction(nonce: u64, gas_limit: u64, to: TxKind, value: u64, input: Bytes) -> Transaction {
    let transaction =
        TxLegacy { nonce, gas_limit, to, value: U256::from(value), input, ..TxLegacy::default() };
    Transaction::Legacy(transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false)))
}

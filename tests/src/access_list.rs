//! Block access lists (EIP-7928) by revm's own types, beside the one that the guest hashes.

use alloy_consensus::Header;
use alloy_eips::eip7928::{AccountChanges, compute_block_access_list_hash};
use alloy_primitives::{Address, B256, U256, keccak256, map::AddressMap};
use revm::{
    Database, DatabaseCommit,
    state::{
        Account, AccountInfo, Bytecode,
        bal::{Bal, BlockAccessIndex},
    },
};
use zeno_guest_evm::{
    AccessList, ChainSpec, State, StatelessInput, decode_block, execute,
    state::{StateError, WitnessState},
    trie::Preimages,
};

/// State that records a block's accesses by revm's types, too.
///
/// Revm compares a change with the state before its index. It loses a change if a later commit of the same index only
/// reads what changed. No index has two commits of one account but the first and the last, which have the system calls.
#[derive(Debug)]
pub struct Recorder {
    /// The state that is recorded.
    pub state: WitnessState,
    list: Bal,
    index: Option<u32>,
}

impl Recorder {
    /// Recorder of the accesses to a state.
    pub fn new(state: WitnessState) -> Self {
        Self { state, list: Bal::new(), index: None }
    }

    /// The list so far, and the state.
    pub fn finish(self) -> (Vec<AccountChanges>, WitnessState) {
        (self.list.into_alloy_bal(), self.state)
    }
}

impl State for Recorder {
    fn take_error(&mut self) -> Option<StateError> {
        self.state.take_error()
    }

    fn keep_error(&mut self, error: StateError) {
        self.state.keep_error(error);
    }

    fn storage_only(&self) -> &[Address] {
        self.state.storage_only()
    }

    fn record_accesses(&mut self, index: u32) {
        self.index = Some(index);
        self.state.record_accesses(index);
    }

    fn take_access_list(&mut self) -> AccessList {
        self.index = None;
        self.state.take_access_list()
    }
}

impl Database for Recorder {
    type Error = Box<StateError>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Box<StateError>> {
        self.state.basic(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Box<StateError>> {
        self.state.code_by_hash(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Box<StateError>> {
        self.state.storage(address, index)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Box<StateError>> {
        self.state.block_hash(number)
    }
}

impl DatabaseCommit for Recorder {
    fn commit(&mut self, changes: AddressMap<Account>) {
        if let Some(index) = self.index {
            for (address, change) in &changes {
                self.list.update_account(BlockAccessIndex::new(index.into()), *address, change);
            }
        }
        self.state.commit(changes);
    }
}

/// Access list of an input's only block. It has the hash of the block's header.
///
/// # Panics
/// If the input is not valid, or its block's fork has no access lists.
pub fn access_list(input: &StatelessInput) -> Vec<AccountChanges> {
    let spec = ChainSpec::decode(&input.chain).expect("the rules decode");
    let [block] = &input.blocks[..] else { panic!("an input of one block") };
    let block = decode_block(block).expect("the block decodes");
    let parent_hash = block.header.parent_hash;
    let parent = input.witness.headers.iter().find(|rlp| keccak256(rlp) == parent_hash);
    let parent: Header =
        alloy_rlp::decode_exact(parent.expect("the parent is there")).expect("the parent decodes");
    let [nodes, codes, headers] = [&input.witness.state, &input.witness.codes, &input.witness.headers]
        .map(|list| Preimages::new(list.iter().cloned()));
    let state = WitnessState::new(&parent, parent_hash, nodes, codes, headers)
        .at_fork(spec.fork_at(block.header.timestamp));
    let senders =
        input.public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();
    let mut recorder = Recorder::new(state);
    execute(&spec, &block, &senders, &mut recorder).expect("the block is valid");
    let (list, _) = recorder.finish();
    assert_eq!(
        block.header.block_access_list_hash,
        Some(compute_block_access_list_hash(&list)),
        "hash of the block access list"
    );
    list
}

//! Execution of a world's block by Zeno, and the block's validation.

use crate::{
    outcome::{Log, Outcome, Receipt},
    world::World,
};
use alloy_consensus::{Header, TxReceipt, proofs::calculate_receipt_root};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use revm::{Database, DatabaseCommit, primitives::AddressMap, state};
use std::collections::{BTreeMap, BTreeSet};
use zeno_guest_evm::{
    AccessList, Block, State, StatelessInput, Witness, execute, minimize, public_keys,
    state::{StateError, WitnessState},
    trie::Preimages,
    validate,
};

/// Block that was executed.
pub(crate) struct Executed {
    pub(crate) outcome: Outcome,
    /// The state after the block.
    pub(crate) state: WitnessState,
    /// Input with the block, whose header has all commitments.
    pub(crate) input: StatelessInput,
}

/// Executes the block, and completes its header.
///
/// # Errors
/// Zeno's reason to refuse the block.
pub(crate) fn run(world: &World, block: &mut Block) -> Result<Executed, String> {
    let (mut input, mut state, senders) = prepare(world, block);
    let done = execute(&world.spec, block, &senders, &mut state).map_err(|error| error.to_string())?;
    let state_root = state.root().map_err(|error| error.to_string())?;
    let receipts = done.receipts.iter().map(TxReceipt::with_bloom_ref).collect::<Vec<_>>();
    let outcome = Outcome {
        gas_used: done.gas_used,
        receipts_root: calculate_receipt_root(&receipts),
        logs_bloom: receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom),
        requests: done.requests.iter().filter(|request| request.len() > 1).cloned().collect(),
        requests_hash: done.requests.requests_hash(),
        access_list: done.access_list.map(|list| (list.items, list.hash)),
        state_root,
        receipts: done
            .receipts
            .iter()
            .map(|receipt| Receipt {
                kind: receipt.tx_type as u8,
                success: receipt.success,
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt
                    .logs
                    .iter()
                    .map(|log| Log {
                        address: log.address,
                        topics: log.data.topics().to_vec(),
                        data: log.data.data.clone(),
                    })
                    .collect(),
            })
            .collect(),
    };
    complete(&mut block.header, &outcome);
    input.blocks = vec![alloy_rlp::encode(&*block).into()];
    Ok(Executed { outcome, state, input })
}

/// Sets the header's commitments to the execution.
fn complete(header: &mut Header, outcome: &Outcome) {
    header.gas_used = outcome.gas_used;
    header.receipts_root = outcome.receipts_root;
    header.logs_bloom = outcome.logs_bloom;
    header.state_root = outcome.state_root;
    header.requests_hash = header.requests_hash.map(|_| outcome.requests_hash);
    if let (Some(hash), Some((_, list))) = (&mut header.block_access_list_hash, outcome.access_list) {
        *hash = list;
    }
}

/// Input without the block, the state before the block, and the transactions' senders.
pub(crate) fn prepare(world: &World, block: &Block) -> (StatelessInput, WitnessState, Vec<Address>) {
    let public_keys = public_keys(block).expect("the transactions are signed");
    let senders = public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect();
    let witness = Witness {
        headers: world.ancestors.iter().map(|header| alloy_rlp::encode(header).into()).collect(),
        codes: world.accounts.values().map(|account| account.code.clone()).collect(),
        state: world.nodes(),
    };
    let [headers, codes, nodes] =
        [&witness.headers, &witness.codes, &witness.state].map(|list| Preimages::new(list.iter().cloned()));
    let parent = world.parent();
    let state = WitnessState::new(parent, parent.hash_slow(), nodes, codes, headers).at_fork(world.fork());
    let input = StatelessInput {
        chain: world.spec.encode().into(),
        witness,
        public_keys,
        ..StatelessInput::default()
    };
    (input, state, senders)
}

/// Validates a complete input with this block instead of its own.
///
/// # Errors
/// The reason for which it is refused.
pub(crate) fn judge_block(input: &StatelessInput, block: &Block) -> Result<(), String> {
    let input = StatelessInput { blocks: vec![alloy_rlp::encode(block).into()], ..input.clone() };
    validate(&input).map(|_| ()).map_err(|error| error.to_string())
}

/// Validates a complete input, by revm's own instructions as well, and then its minimal form.
///
/// # Errors
/// The reason for which one of them refuses it.
pub(crate) fn judge(input: &StatelessInput) -> Result<(), String> {
    let claim = validate(input).map_err(|error| error.to_string())?;
    let (least, by_revm) = minimize(input).map_err(|error| format!("by revm's instructions: {error}"))?;
    let of_least = validate(&least).map_err(|error| format!("of the minimal input: {error}"))?;
    if claim != by_revm || claim != of_least {
        return Err(format!("the claims differ: {claim:?}, {by_revm:?}, {of_least:?}"));
    }
    Ok(())
}

/// Accesses to one account, as the block access list has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) balances: BTreeMap<u32, U256>,
    pub(crate) nonces: BTreeMap<u32, u64>,
    pub(crate) codes: BTreeMap<u32, Bytes>,
    /// The values written to each slot. Those that were only read have none.
    pub(crate) slots: BTreeMap<U256, BTreeMap<u32, U256>>,
}

/// Contents of the block access list, to explain a difference: recorded once more, in the simplest way.
///
/// # Errors
/// Zeno's reason to refuse the block.
pub(crate) fn accesses(world: &World, block: &Block) -> Result<BTreeMap<Address, Access>, String> {
    record(world, block).map(|recorder| recorder.accounts)
}

/// Accounts that system calls destroy.
///
/// # Errors
/// Zeno's reason to refuse the block.
pub(crate) fn destroyed_in_system_calls(world: &World, block: &Block) -> Result<BTreeSet<Address>, String> {
    record(world, block).map(|recorder| recorder.destroyed)
}

fn record(world: &World, block: &Block) -> Result<Recorder, String> {
    let (_, state, senders) = prepare(world, block);
    let mut recorder = Recorder { state, index: None, accounts: BTreeMap::new(), destroyed: BTreeSet::new() };
    execute(&world.spec, block, &senders, &mut recorder).map_err(|error| error.to_string())?;
    Ok(recorder)
}

/// State that also records the commits.
#[derive(Debug)]
struct Recorder {
    state: WitnessState,
    index: Option<u32>,
    accounts: BTreeMap<Address, Access>,
    /// Accounts that system calls destroy.
    destroyed: BTreeSet<Address>,
}

impl Database for Recorder {
    type Error = Box<StateError>;

    fn basic(&mut self, address: Address) -> Result<Option<state::AccountInfo>, Self::Error> {
        self.state.basic(address)
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<state::Bytecode, Self::Error> {
        self.state.code_by_hash(hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.state.storage(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.state.block_hash(number)
    }
}

impl DatabaseCommit for Recorder {
    fn commit(&mut self, changes: AddressMap<state::Account>) {
        if let Some(index) = self.index {
            for (address, account) in &changes {
                let before = self.state.basic(*address).ok().flatten().unwrap_or_default();
                let access = self.accounts.entry(*address).or_default();
                let destroyed = account.is_selfdestructed();
                // A transaction leaves both marks or none.
                if account.is_selfdestructed_locally() && !destroyed {
                    self.destroyed.insert(*address);
                }
                let after = if destroyed { Default::default() } else { account.info.clone() };
                if before.balance != after.balance {
                    access.balances.insert(index, after.balance);
                }
                if before.nonce != after.nonce {
                    access.nonces.insert(index, after.nonce);
                }
                if before.code_hash != after.code_hash {
                    let code = after.code.map(|code| code.original_bytes()).unwrap_or_default();
                    access.codes.insert(index, code);
                }
                for (slot, value) in &account.storage {
                    let before = self.state.storage(*address, *slot).unwrap_or_default();
                    let after = if destroyed { U256::ZERO } else { value.present_value };
                    let writes = access.slots.entry(*slot).or_default();
                    if before != after {
                        writes.insert(index, after);
                    }
                }
            }
        }
        self.state.commit(changes);
    }
}

impl State for Recorder {
    fn take_error(&mut self) -> Option<StateError> {
        self.state.take_error()
    }

    fn keep_error(&mut self, error: StateError) {
        State::keep_error(&mut self.state, error);
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

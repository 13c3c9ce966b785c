//! Execution of a world's block by ethrex.

use crate::{
    outcome::{Log, Outcome, Receipt},
    world::World,
    zeno::Access,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use ethrex_common::{
    H160, H256,
    types::{
        AccountState, AccountUpdate, Block, BlockHeader, ChainConfig, Code, CodeMetadata, ForkBlobSchedule,
        GenesisAccount, block_access_list::BlockAccessList, compute_receipts_root_and_logs_bloom,
        requests::compute_requests_hash, validate_block_body,
    },
    validate_block_access_list_hash, validate_block_pre_execution, validate_gas_used,
    validate_receipts_root_and_logs_bloom, validate_requests_hash,
};
use ethrex_crypto::{Crypto, NativeCrypto};
use ethrex_rlp::decode::RLPDecode;
use ethrex_storage::{EngineType, Store};
use ethrex_vm::{Evm, EvmError, TxGasBreakdown, VmDatabase};
use std::{collections::BTreeMap, sync::Arc};
use zeno_guest_evm::chain::Fork;

/// EIP-1559.
const ELASTICITY: u64 = 2;

/// Block that was executed.
pub(crate) struct Executed {
    pub(crate) outcome: Outcome,
    /// Gas of each transaction.
    pub(crate) gas: Vec<TxGasBreakdown>,
    /// Changes of the state.
    pub(crate) updates: Vec<AccountUpdate>,
    /// The block access list, if the fork has one.
    pub(crate) access_list: Option<BlockAccessList>,
    /// Verdict on the header: what of it is wrong, if anything.
    pub(crate) header: Result<(), String>,
    result: ethrex_vm::BlockExecutionResult,
}

impl Executed {
    /// Judges another block of the same transactions and withdrawals, as far as its execution is the same.
    ///
    /// # Errors
    /// The reason of ethrex to refuse the block.
    pub(crate) fn judge(&self, world: &World, block: &zeno_guest_evm::Block) -> Result<(), String> {
        if block.header.state_root != self.outcome.state_root {
            return Err("the state root is wrong".into());
        }
        let block = Block::decode(&alloy_rlp::encode(block)).map_err(|error| format!("RLP: {error}"))?;
        check(&block, world, &self.result, self.access_list.as_ref())
    }
}

/// Executes the block of this RLP.
///
/// # Errors
/// The reason of ethrex to refuse the block.
pub(crate) fn run(world: &World, rlp: &[u8]) -> Result<Executed, String> {
    let block = Block::decode(rlp).map_err(|error| format!("RLP: {error}"))?;
    let config = config(world);
    let crypto: Arc<dyn Crypto> = Arc::new(NativeCrypto);
    let state = State::new(world, config)?;
    let mut evm = Evm::new_for_l1(state.clone(), crypto.clone());
    let (result, access_list) = evm.execute_block(&block).map_err(|error| error.to_string())?;
    let updates = evm.get_state_transitions().map_err(|error| error.to_string())?;
    let state_root = state.root_after(&updates)?;

    let (receipts_root, logs_bloom) = compute_receipts_root_and_logs_bloom(&result.receipts, crypto.as_ref());
    let requests = result.requests.iter().map(|request| request.encode()).collect::<Vec<_>>();
    let list = access_list.as_ref().map(|list| (list.item_count(), word(list.compute_hash(crypto.as_ref()))));
    let outcome = Outcome {
        gas_used: result.block_gas_used,
        receipts_root: word(receipts_root),
        logs_bloom: Bloom::from(logs_bloom.0),
        requests_hash: if world.fork() >= Fork::Prague {
            word(compute_requests_hash(&requests))
        } else {
            alloy_eips::eip7685::EMPTY_REQUESTS_HASH
        },
        requests: requests.into_iter().filter(|it| !it.is_empty()).map(|it| Bytes(it.0)).collect(),
        access_list: list,
        state_root,
        receipts: result
            .receipts
            .iter()
            .map(|receipt| Receipt {
                kind: receipt.tx_type as u8,
                success: receipt.succeeded,
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt
                    .logs
                    .iter()
                    .map(|log| Log {
                        address: Address::from(log.address.0),
                        topics: log.topics.iter().copied().map(word).collect(),
                        data: Bytes(log.data.clone()),
                    })
                    .collect(),
            })
            .collect(),
    };
    let header = check(&block, world, &result, access_list.as_ref());
    Ok(Executed { outcome, gas: result.tx_gas_breakdowns.clone(), updates, access_list, header, result })
}

/// Checks the header against the parent, the body and the execution.
fn check(
    block: &Block,
    world: &World,
    result: &ethrex_vm::BlockExecutionResult,
    access_list: Option<&BlockAccessList>,
) -> Result<(), String> {
    let parent =
        BlockHeader::decode(&alloy_rlp::encode(world.parent())).map_err(|error| error.to_string())?;
    let (config, crypto) = (&config(world), &NativeCrypto);
    let header = &block.header;
    validate_block_body(header, &block.body, crypto).map_err(|error| error.to_string())?;
    validate_block_pre_execution(block, &parent, config, ELASTICITY).map_err(|error| error.to_string())?;
    validate_gas_used(result.block_gas_used, header).map_err(|error| error.to_string())?;
    validate_receipts_root_and_logs_bloom(header, &result.receipts, crypto)
        .map_err(|error| error.to_string())?;
    validate_requests_hash(header, config, &result.requests).map_err(|error| error.to_string())?;
    if let Some(list) = access_list {
        validate_block_access_list_hash(header, config, list, block.body.transactions.len(), crypto)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn word(hash: H256) -> B256 {
    hash.0.into()
}

fn number(value: U256) -> ethrex_common::U256 {
    ethrex_common::U256::from_big_endian(&value.to_be_bytes::<32>())
}

/// Number of ethrex's type in alloy's.
pub(crate) fn to_number(value: ethrex_common::U256) -> U256 {
    U256::from_be_bytes(value.to_big_endian())
}

/// Rules of the chain.
fn config(world: &World) -> ChainConfig {
    let spec = &world.spec;
    let time = |fork| spec.activation(fork);
    let mut config = ChainConfig {
        chain_id: spec.chain_id,
        homestead_block: Some(0),
        eip150_block: Some(0),
        eip155_block: Some(0),
        eip158_block: Some(0),
        byzantium_block: Some(0),
        constantinople_block: Some(0),
        petersburg_block: Some(0),
        istanbul_block: Some(0),
        berlin_block: Some(0),
        london_block: Some(0),
        merge_netsplit_block: Some(0),
        terminal_total_difficulty: Some(0),
        terminal_total_difficulty_passed: true,
        shanghai_time: time(Fork::Shanghai),
        cancun_time: time(Fork::Cancun),
        prague_time: time(Fork::Prague),
        osaka_time: time(Fork::Osaka),
        // The parameters of blobs are those of the last entry that has begun.
        bpo1_time: time(Fork::Osaka),
        bpo2_time: time(Fork::Osaka),
        amsterdam_time: time(Fork::Amsterdam),
        deposit_contract_address: H160(spec.deposit_contract.expect("there is one").into_array()),
        ..ChainConfig::default()
    };
    if let Some(activation) = spec.blobs.last() {
        let blobs = ForkBlobSchedule {
            base_fee_update_fraction: activation.blobs.base_fee_update_fraction,
            max: activation.blobs.max as u32,
            target: activation.blobs.target as u32,
        };
        let schedule = &mut config.blob_schedule;
        (schedule.cancun, schedule.prague, schedule.osaka) = (blobs, blobs, blobs);
        (schedule.bpo1, schedule.bpo2) = (blobs, blobs);
    }
    config
}

/// State before the block, in ethrex's own store.
#[derive(Clone)]
struct State {
    store: Store,
    root: H256,
    config: ChainConfig,
    /// Hashes of the ancestors, by number.
    ancestors: Arc<Vec<H256>>,
}

impl State {
    fn new(world: &World, config: ChainConfig) -> Result<Self, String> {
        let accounts = world.accounts.iter().map(|(address, account)| {
            let storage = account.storage.iter().map(|(slot, value)| (number(*slot), number(*value)));
            let account = GenesisAccount {
                code: account.code.0.clone(),
                storage: storage.collect(),
                balance: number(account.balance),
                nonce: account.nonce,
            };
            (H160(address.into_array()), account)
        });
        let store = Store::new("", EngineType::InMemory).map_err(|error| error.to_string())?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
        let root = runtime
            .block_on(store.setup_genesis_state_trie(accounts.collect()))
            .map_err(|error| error.to_string())?;
        if word(root) != world.parent().state_root {
            return Err(format!("the state root before the block is {root:?}"));
        }
        let ancestors = world.ancestors.iter().map(|header| H256(header.hash_slow().0)).collect();
        Ok(Self { store, root, config, ancestors: Arc::new(ancestors) })
    }

    /// State root after these changes.
    fn root_after(&self, updates: &[AccountUpdate]) -> Result<B256, String> {
        let mut trie = self.store.open_state_trie(self.root).map_err(|error| error.to_string())?;
        let changed = self.store.apply_account_updates_from_trie_batch(&mut trie, updates);
        changed.map(|list| word(list.state_trie_hash)).map_err(|error| error.to_string())
    }
}

fn failed(error: impl std::fmt::Display) -> EvmError {
    EvmError::DB(error.to_string())
}

impl VmDatabase for State {
    fn get_account_state(&self, address: H160) -> Result<Option<AccountState>, EvmError> {
        self.store.get_account_state_by_root(self.root, address).map_err(failed)
    }

    fn get_storage_slot(&self, address: H160, key: H256) -> Result<Option<ethrex_common::U256>, EvmError> {
        self.store.get_storage_at_root(self.root, address, key).map_err(failed)
    }

    fn get_block_hash(&self, number: u64) -> Result<H256, EvmError> {
        let hash = self.ancestors.get(usize::try_from(number).unwrap_or(usize::MAX));
        hash.copied().ok_or_else(|| failed(format!("block {number} is no ancestor")))
    }

    fn get_chain_config(&self) -> Result<ChainConfig, EvmError> {
        Ok(self.config)
    }

    fn get_account_code(&self, hash: H256) -> Result<Code, EvmError> {
        self.store.get_account_code(hash).map_err(failed)?.ok_or_else(|| failed(format!("no code {hash:?}")))
    }

    fn get_code_metadata(&self, hash: H256) -> Result<CodeMetadata, EvmError> {
        self.store.get_code_metadata(hash).map_err(failed)?.ok_or_else(|| failed(format!("no code {hash:?}")))
    }
}

/// Contents of a block access list.
pub(crate) fn accesses(list: &BlockAccessList) -> BTreeMap<Address, Access> {
    let account = |changes: &ethrex_common::types::block_access_list::AccountChanges| {
        let mut access = Access {
            balances: changes
                .balance_changes
                .iter()
                .map(|it| (it.block_access_index, to_number(it.post_balance)))
                .collect(),
            nonces: changes.nonce_changes.iter().map(|it| (it.block_access_index, it.post_nonce)).collect(),
            codes: changes
                .code_changes
                .iter()
                .map(|it| (it.block_access_index, Bytes(it.new_code.clone())))
                .collect(),
            slots: changes.storage_reads.iter().map(|slot| (to_number(*slot), BTreeMap::new())).collect(),
        };
        for slot in &changes.storage_changes {
            let writes = slot.slot_changes.iter().map(|it| (it.block_access_index, to_number(it.post_value)));
            access.slots.insert(to_number(slot.slot), writes.collect());
        }
        (Address::from(changes.address.0), access)
    };
    list.accounts().iter().map(account).collect()
}

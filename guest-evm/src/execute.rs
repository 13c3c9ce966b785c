//! Execution of a block on the witness's state.

use crate::{
    chain::{ChainSpec, Fork},
    collision::StorageCollisions,
    error::{Subject, ValidationError, equal},
    header::blob_fee,
    instructions,
    jumps::Jumps,
    state::{StateError, WitnessState},
    validate::{Block, Transaction},
    words::{Portable, Words},
};
use alloc::{borrow::Cow, boxed::Box, string::ToString, vec::Vec};
use alloy_consensus::{EthereumReceipt, TxType, transaction::Recovered};
use alloy_eips::{
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip7685::Requests,
};
use alloy_evm::{
    Evm, EvmEnv, EvmFactory,
    block::{BlockExecutionError, BlockExecutionResult, BlockExecutor},
    eth::{
        EthBlockExecutionCtx, EthBlockExecutor, EthEvm, EthEvmFactory,
        receipt_builder::{ReceiptBuilder, ReceiptBuilderCtx},
    },
};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, Log, b256};
use revm::{Database, DatabaseCommit, context_interface::block::BlobExcessGasAndPrice};

/// What execution gives, to be compared with the header.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Receipts, one a transaction.
    pub receipts: Vec<EthereumReceipt>,
    /// Requests to the consensus layer (EIP-7685).
    pub requests: Requests,
    /// Gas that the transactions used.
    pub gas_used: u64,
    /// Blob gas that they used (EIP-4844).
    pub blob_gas_used: u64,
}

/// A state that a block can be executed on: [`WitnessState`], or one that fetches what is missing.
pub trait State: Database<Error = Box<StateError>> + DatabaseCommit + core::fmt::Debug {
    /// The first error there was, if any.
    fn take_error(&mut self) -> Option<StateError>;

    /// Those accounts read so far that have storage, but neither code nor nonce (EIP-7610).
    fn storage_only(&self) -> &[Address];
}

impl State for WitnessState {
    fn take_error(&mut self) -> Option<StateError> {
        self.take_error()
    }

    fn storage_only(&self) -> &[Address] {
        self.storage_only()
    }
}

/// Builds the receipts of the execution layer's transaction types.
#[derive(Clone, Copy, Debug)]
struct Receipts;

impl ReceiptBuilder for Receipts {
    type Transaction = Transaction;
    type Receipt = EthereumReceipt;

    fn build_receipt<E: Evm>(&self, ctx: ReceiptBuilderCtx<'_, TxType, E>) -> EthereumReceipt {
        EthereumReceipt {
            tx_type: ctx.tx_type,
            success: ctx.result.is_success(),
            cumulative_gas_used: ctx.cumulative_gas_used,
            logs: ctx.result.into_logs(),
        }
    }
}

/// Executes the block: system calls, transactions, requests, withdrawals. The changes are left in
/// `state`.
///
/// Neither the header nor what execution gives is checked: [`validate`](crate::validate) does that.
/// `senders` has one address a transaction.
///
/// # Errors
/// [`ValidationError`] if a transaction can't be part of the block, a system call fails, or the
/// state can't be read.
pub fn execute<S: State>(
    chain: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &mut S,
) -> Result<Outcome, ValidationError> {
    execute_with::<Portable, S>(chain, block, senders, state, None)
}

/// [`execute`], with the machine's own words; or, if `jumps` are to be noted, with revm's instructions alone.
#[inline(never)]
pub(crate) fn execute_with<W: Words, S: State>(
    chain: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &mut S,
    jumps: Option<Jumps>,
) -> Result<Outcome, ValidationError> {
    let header = &block.header;
    let mut env = EvmEnv::for_eth_block(header, chain, chain.chain_id, None);
    // What it would do with the parameters, but for how the price is computed.
    if let Some(params) = chain.blob_params_at(header.timestamp) {
        env.cfg_env.set_max_blobs_per_tx(params.max_blobs_per_tx);
        env.block_env.blob_excess_gas_and_price = header.excess_blob_gas.map(|excess_blob_gas| {
            BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice: blob_fee(&params, excess_blob_gas) }
        });
    }
    let context = EthBlockExecutionCtx {
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        ommers: &block.body.ommers,
        withdrawals: block.body.withdrawals.as_deref().map(|list| Cow::Borrowed(&list[..])),
        extra_data: header.extra_data.clone(),
        tx_count_hint: Some(senders.len()),
        slot_number: None,
    };
    let evm = EthEvmFactory::default().create_evm_with_inspector(
        &mut *state,
        env,
        StorageCollisions { jumps: jumps.clone() },
    );
    let mut evm = evm.into_inner();
    // An inspector sees revm's instructions only.
    let inspecting = jumps.is_some();
    if !inspecting {
        instructions::install::<W, _>(&mut evm.instruction);
    }
    let evm = EthEvm::new(evm, inspecting);
    let mut executor = EthBlockExecutor::new(evm, context, chain, Receipts);
    let outcome =
        run::<_, S>(&mut executor, block, senders, inspecting).and_then(|()| finish(chain, block, executor));
    // A witness that lacks something says nothing about the block, whatever the executor made of it.
    match state.take_error() {
        Some(error) => Err(error.into()),
        None => outcome,
    }
}

fn run<'a, E, S: State + 'a>(
    executor: &mut E,
    block: &Block,
    senders: &[Address],
    mut inspecting: bool,
) -> Result<(), ValidationError>
where
    E: BlockExecutor<Transaction = Transaction>,
    E::Evm: Evm<DB = &'a mut S>,
{
    executor.apply_pre_execution_changes().map_err(system("system calls before the transactions"))?;
    for (index, (transaction, sender)) in block.body.transactions.iter().zip(senders).enumerate() {
        let invalid =
            |error: BlockExecutionError| ValidationError::Transaction { index, reason: error.to_string() };
        let transaction = Recovered::new_unchecked(transaction, *sender);
        let mut result = executor.execute_transaction_without_commit(transaction).map_err(invalid)?;
        if !inspecting && !executor.evm().db().storage_only().is_empty() {
            // Nothing is committed yet: once more, and with collisions noticed.
            inspecting = true;
            executor.evm_mut().enable_inspector();
            result = executor.execute_transaction_without_commit(transaction).map_err(invalid)?;
        }
        executor.commit_transaction(result);
    }
    Ok(())
}

fn finish<'a, E, S: State + 'a>(
    chain: &ChainSpec,
    block: &Block,
    executor: E,
) -> Result<Outcome, ValidationError>
where
    E: BlockExecutor<Receipt = EthereumReceipt>,
    E::Evm: Evm<DB = &'a mut S>,
{
    let fork = chain.fork_at(block.header.timestamp);
    if fork >= Fork::Prague {
        check_deposit_layout(chain, executor.receipts())?;
    }
    let (mut evm, result) =
        executor.finish().map_err(system("system calls, requests or withdrawals after the transactions"))?;
    if fork >= Fork::Prague {
        check_request_contracts::<S>(evm.db_mut())?;
    }
    let BlockExecutionResult { receipts, requests, gas_used, blob_gas_used } = result;
    Ok(Outcome { receipts, requests, gas_used, blob_gas_used })
}

fn system<E: core::fmt::Display>(stage: &'static str) -> impl FnOnce(E) -> ValidationError {
    move |error| ValidationError::System { stage, reason: error.to_string() }
}

/// EIP-7002 and EIP-7251: where the contract has no code, the block is invalid. A call to an account
/// without code succeeds, so the executor doesn't notice.
fn check_request_contracts<S: State>(state: &mut S) -> Result<(), ValidationError> {
    let contracts = [
        (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, Subject::WithdrawalRequestsCode),
        (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, Subject::ConsolidationRequestsCode),
    ];
    for (address, subject) in contracts {
        let code = state.basic(address)?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if code == KECCAK256_EMPTY {
            equal(subject, "empty", "deployed")?;
        }
    }
    Ok(())
}

/// EIP-6110's `is_valid_deposit_event_data`: the log of a deposit has exactly one layout. The
/// executor's decoder takes any ABI encoding.
fn check_deposit_layout(chain: &ChainSpec, receipts: &[EthereumReceipt]) -> Result<(), ValidationError> {
    let Some(contract) = chain.deposit_contract else { return Ok(()) };
    let deposits = receipts
        .iter()
        .flat_map(|receipt| &receipt.logs)
        .filter(|log| log.address == contract && log.topics().first() == Some(&DEPOSIT_TOPIC));
    for Log { data, .. } in deposits {
        if !is_deposit_layout(&data.data) {
            return Err(ValidationError::DepositLayout(data.data.clone()));
        }
    }
    Ok(())
}

/// keccak256 of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_TOPIC: alloy_primitives::B256 =
    b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// Five dynamic `bytes` of fixed lengths: their offsets, then each with its length before it.
fn is_deposit_layout(data: &Bytes) -> bool {
    /// Public key, withdrawal credentials, amount, signature, index.
    const LENGTHS: [usize; 5] = [48, 32, 8, 96, 8];
    let word = |at: usize, value: usize| {
        data.get(at..at + 32).is_some_and(|word| {
            word[..24].iter().all(|byte| *byte == 0) && word[24..] == (value as u64).to_be_bytes()
        })
    };
    let mut offset = 32 * LENGTHS.len();
    for (index, length) in LENGTHS.into_iter().enumerate() {
        if !word(32 * index, offset) || !word(offset, length) {
            return false;
        }
        offset += 32 + length.next_multiple_of(32);
    }
    data.len() == offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use alloy_sol_types::SolValue;

    #[test]
    fn a_deposit_has_one_layout() {
        assert_eq!(DEPOSIT_TOPIC, keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)"));
        let part = |length| Bytes::from(alloc::vec![7; length]);
        let data = (part(48), part(32), part(8), part(96), part(8)).abi_encode_params();
        assert_eq!(data.len(), 576);
        assert!(is_deposit_layout(&data.clone().into()));
        for (index, changed) in [(31, 0xa1), (62, 0), (191, 47), (24, 1), (168, 1)] {
            let mut data = data.clone();
            data[index] = changed;
            assert!(!is_deposit_layout(&data.into()), "{index}");
        }
        assert!(!is_deposit_layout(&data[..575].to_vec().into()));
        assert!(!is_deposit_layout(&[&data[..], &[0; 32]].concat().into()));
        assert!(!is_deposit_layout(&Bytes::new()));
    }
}

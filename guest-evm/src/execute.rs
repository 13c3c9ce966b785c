//! Execution of a block on the witness's state.

use crate::{
    chain::{ChainSpec, Fork},
    collision::StorageCollisions,
    error::{Subject, Unsupported, ValidationError, equal},
    evm::BlockEvm,
    header::blob_fee,
    instructions,
    jumps::Jumps,
    state::{StateError, WitnessState},
    validate::{Block, Transaction},
    words::{Portable, Words},
};
use alloc::{borrow::Cow, boxed::Box, vec::Vec};
use alloy_consensus::{EthereumReceipt, Transaction as _, TxType, transaction::Recovered};
use alloy_eips::{
    eip6110::DEPOSIT_REQUEST_TYPE, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, eip7685::Requests,
};
use alloy_evm::{
    Evm, EvmEnv,
    block::{BlockExecutionError, BlockExecutionResult, BlockExecutor},
    eth::{
        EthBlockExecutionCtx, EthBlockExecutor,
        receipt_builder::{ReceiptBuilder, ReceiptBuilderCtx},
    },
};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, Log, b256};
use revm::{Database, DatabaseCommit, context_interface::block::BlobExcessGasAndPrice};

/// Maximum length of a transaction's input, in bytes. The input may be code, and the cost of code between two
/// jumps is counted in 32 bits. No block of 300 million gas has a longer one, because a byte costs at least 4
/// gas.
pub(crate) const MAX_INPUT: usize = 1 << 27;

/// Result of execution, to be compared with the header.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Receipts, one per transaction.
    pub receipts: Vec<EthereumReceipt>,
    /// Requests to the consensus layer (EIP-7685).
    pub requests: Requests,
    /// Gas that the transactions used.
    pub gas_used: u64,
    /// Blob gas that they used (EIP-4844).
    pub blob_gas_used: u64,
}

/// State on which a block can be executed: [`WitnessState`], or one that fetches missing data.
pub trait State: Database<Error = Box<StateError>> + DatabaseCommit + core::fmt::Debug {
    /// Takes the first error that occurred, if any.
    fn take_error(&mut self) -> Option<StateError>;

    /// Keeps an error that does not come from the state, for [`take_error`](Self::take_error), unless there
    /// already is one.
    fn keep_error(&mut self, error: StateError);

    /// Accounts read so far that have storage, but neither code nor nonce (EIP-7610).
    fn storage_only(&self) -> &[Address];
}

impl State for WitnessState {
    fn take_error(&mut self) -> Option<StateError> {
        self.take_error()
    }

    fn keep_error(&mut self, error: StateError) {
        self.keep_error(error);
    }

    fn storage_only(&self) -> &[Address] {
        self.storage_only()
    }
}

/// Builder of receipts for the execution layer's transaction types.
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

/// Executes the block: system calls, transactions, requests, withdrawals. The changes remain in `state`.
///
/// It checks neither the header nor the outcome: [`validate`](crate::validate) does. `senders` has one
/// address per transaction.
///
/// # Errors
/// [`ValidationError`] if a transaction can't be part of the block, a system call fails, or the state can't
/// be read.
pub fn execute<S: State>(
    chain: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &mut S,
) -> Result<Outcome, ValidationError> {
    execute_with::<Portable, S>(chain, block, senders, state, None)
}

/// Same as [`execute`], with the word arithmetic `W`. If `jumps` are to be recorded, only revm's instructions
/// run.
#[inline(never)]
pub(crate) fn execute_with<W: Words, S: State>(
    chain: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &mut S,
    jumps: Option<Jumps>,
) -> Result<Outcome, ValidationError> {
    let header = &block.header;
    for (index, transaction) in block.body.transactions.iter().enumerate() {
        let length = transaction.input().len();
        if length > MAX_INPUT {
            return Err(Unsupported::InputLength { index, length }.into());
        }
    }
    let mut env = EvmEnv::for_eth_block(header, chain, chain.chain_id, None);
    // Same as alloy-evm's, except that the blob base fee comes from `blob_fee`.
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
    let inspect = jumps.is_some();
    let mut evm = BlockEvm::new(&mut *state, env, StorageCollisions { jumps }, inspect);
    // An inspector sees revm's instructions only.
    if inspect {
        instructions::bound::install(evm.instructions());
    } else {
        instructions::install::<W, _>(evm.instructions());
    }
    let mut executor = EthBlockExecutor::new(evm, context, chain, Receipts);
    let outcome = run(&mut executor, block, senders).and_then(|()| finish(chain, block, executor));
    // If the witness lacks something, nothing is known about the block, whatever the executor returned.
    match state.take_error() {
        Some(error) => Err(error.into()),
        None => outcome,
    }
}

/// alloy-evm's executor, on this crate's EVM.
type Executor<'a, 'b, S> = EthBlockExecutor<'a, BlockEvm<'b, S>, &'a ChainSpec, Receipts>;

/// Runs the system calls before the transactions, then the transactions.
fn run<S: State>(
    executor: &mut Executor<'_, '_, S>,
    block: &Block,
    senders: &[Address],
) -> Result<(), ValidationError> {
    executor.apply_pre_execution_changes().map_err(system("system calls before the transactions"))?;
    for (index, (transaction, sender)) in block.body.transactions.iter().zip(senders).enumerate() {
        let transaction = Recovered::new_unchecked(transaction, *sender);
        let result = executor
            .execute_transaction_without_commit(transaction)
            .map_err(|error| ValidationError::Transaction { index, error })?;
        executor.commit_transaction(result);
    }
    Ok(())
}

/// Runs the requests and withdrawals after the transactions, and collects the outcome.
fn finish<S: State>(
    chain: &ChainSpec,
    block: &Block,
    mut executor: Executor<'_, '_, S>,
) -> Result<Outcome, ValidationError> {
    let fork = chain.fork_at(block.header.timestamp);
    // Taken from the executor, so that it finds no deposits. Its decoder accepts any ABI encoding, and only
    // logs of one topic.
    let receipts = core::mem::take(&mut executor.receipts);
    let deposits = if fork >= Fork::Prague { deposits(chain, &receipts)? } else { Vec::new() };
    let (mut evm, result) =
        executor.finish().map_err(system("system calls, requests or withdrawals after the transactions"))?;
    if fork >= Fork::Prague {
        check_request_contracts(*evm.db_mut())?;
    }
    let BlockExecutionResult { requests: others, gas_used, blob_gas_used, .. } = result;
    let mut requests = Requests::default();
    if !deposits.is_empty() {
        requests.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposits);
    }
    requests.extend(others);
    Ok(Outcome { receipts, requests, gas_used, blob_gas_used })
}

/// Makes an executor's error one of this stage.
fn system(stage: &'static str) -> impl FnOnce(BlockExecutionError) -> ValidationError {
    move |error| ValidationError::System { stage, error }
}

/// Checks that both request contracts have code; without it the block is invalid (EIP-7002, EIP-7251). A call
/// to an account without code succeeds, so the executor doesn't notice.
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

/// Data of the deposit request: the fields of each deposit's log, concatenated (EIP-6110,
/// `parse_deposit_data`).
///
/// The first topic determines whether a log is a deposit. Further topics don't matter.
fn deposits(chain: &ChainSpec, receipts: &[EthereumReceipt]) -> Result<Vec<u8>, ValidationError> {
    let mut requests = Vec::new();
    let Some(contract) = chain.deposit_contract else { return Ok(requests) };
    let logs = receipts
        .iter()
        .flat_map(|receipt| &receipt.logs)
        .filter(|log| log.address == contract && log.topics().first() == Some(&DEPOSIT_TOPIC));
    for Log { data, .. } in logs {
        if !is_deposit_layout(&data.data) {
            return Err(ValidationError::DepositLayout(data.data.clone()));
        }
        let mut offset = 32 * DEPOSIT_LENGTHS.len();
        for length in DEPOSIT_LENGTHS {
            requests.extend_from_slice(&data.data[offset + 32..offset + 32 + length]);
            offset += 32 + length.next_multiple_of(32);
        }
    }
    Ok(requests)
}

/// keccak256 of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_TOPIC: alloy_primitives::B256 =
    b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// Lengths of a deposit's public key, withdrawal credentials, amount, signature and index, in bytes.
const DEPOSIT_LENGTHS: [usize; 5] = [48, 32, 8, 96, 8];

/// Returns whether the data has EIP-6110's layout (`is_valid_deposit_event_data`). That is five dynamic
/// `bytes` of fixed lengths: first their offsets, then each with its length before it.
fn is_deposit_layout(data: &Bytes) -> bool {
    let word = |at: usize, value: usize| {
        data.get(at..at + 32).is_some_and(|word| {
            word[..24].iter().all(|byte| *byte == 0) && word[24..] == (value as u64).to_be_bytes()
        })
    };
    let mut offset = 32 * DEPOSIT_LENGTHS.len();
    for (index, length) in DEPOSIT_LENGTHS.into_iter().enumerate() {
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

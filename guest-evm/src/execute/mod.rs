//! Execution of a block on the witness's state.

mod calls;
mod eip6110;
pub(crate) mod eip7610;
pub(crate) mod eip7928;
pub(crate) mod evm;
mod handler;
mod hardforks;
pub(crate) mod modexp;
mod requests;
#[cfg(test)]
pub(crate) mod test_block;

use self::{
    eip6110::deposits,
    eip7610::StorageCollisions,
    eip7928::AccessListDigest,
    evm::{BlockEvm, Memory},
    hardforks::Hardforks,
    requests::check_request_contracts,
};
use crate::{
    block::{Block, Transaction, header::blob_fee},
    bytecode::jump_recorder::JumpRecorder,
    error::{Unsupported, ValidationError},
    interpreter,
    platform::Platform,
    state::State,
    word::Portable,
};
use alloc::{borrow::Cow, vec::Vec};
use alloy_consensus::{EthereumReceipt, Transaction as _, TxType, transaction::Recovered};
use alloy_eips::{eip6110::DEPOSIT_REQUEST_TYPE, eip7685::Requests};
use alloy_evm::{
    Evm, EvmEnv,
    block::{BlockExecutionError, BlockExecutor, state_changes::post_block_withdrawals_balance_increments},
    eth::{
        EthBlockExecutionCtx, EthBlockExecutor,
        receipt_builder::{ReceiptBuilder, ReceiptBuilderCtx},
    },
};
use alloy_primitives::Address;
use revm::{context_interface::block::BlobExcessGasAndPrice, database_interface::DatabaseCommitExt};
use zeno_types::chain::{ChainSpec, ForkRules};

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
    /// Size and hash of the block access list (EIP-7928), if the fork has one.
    pub access_list: Option<AccessListDigest>,
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

/// Executes the block: system calls, transactions, withdrawals, requests. The changes remain in `state`.
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
    execute_with::<Portable, S>(chain, block, senders, state, None, &Memory::default())
}

/// Same as [`execute`], by the means of the platform `P`, with the memory of frames in this buffer. If `jumps` are to be
/// recorded, only revm's instructions run.
#[inline(never)]
pub(crate) fn execute_with<P: Platform, S: State>(
    chain: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &mut S,
    jumps: Option<JumpRecorder>,
    memory: &Memory,
) -> Result<Outcome, ValidationError> {
    let header = &block.header;
    let rules = chain.fork_at(header.timestamp).rules();
    for (index, transaction) in block.body.transactions.iter().enumerate() {
        let length = transaction.input().len();
        if length > MAX_INPUT {
            return Err(Unsupported::InputLength { index, length }.into());
        }
    }
    let mut env = EvmEnv::for_eth_block(header, Hardforks(chain), chain.chain_id, None);
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
    let inspector = StorageCollisions { has_rule: rules.storage_collisions, jumps };
    let mut evm = BlockEvm::new(&mut *state, env, rules, inspector, inspect, memory);
    // An inspector sees revm's instructions only.
    if inspect {
        interpreter::bound::install(evm.instructions());
    } else {
        interpreter::install::<P, _>(evm.instructions(), rules.gas);
    }
    let mut executor = EthBlockExecutor::new(evm, context, Hardforks(chain), Receipts);
    let outcome =
        run(rules, &mut executor, block, senders).and_then(|()| finish::<P, _>(chain, rules, executor));
    // If the witness lacks something, nothing is known about the block, whatever the executor returned.
    match state.take_error() {
        Some(error) => Err(error.into()),
        None => outcome,
    }
}

/// alloy-evm's executor, on this crate's EVM.
type Executor<'a, 'b, S> = EthBlockExecutor<'a, BlockEvm<'b, S>, Hardforks<'a>, Receipts>;

/// Runs the system calls before the transactions, then the transactions.
///
/// The system calls are in the order of the execution specifications (`apply_body`). The library's own order is the
/// reverse, which a contract in the place of one of them could tell.
fn run<S: State>(
    rules: &ForkRules,
    executor: &mut Executor<'_, '_, S>,
    block: &Block,
    senders: &[Address],
) -> Result<(), ValidationError> {
    record_accesses(rules, executor, 0);
    let EthBlockExecutor { system_caller, evm, ctx, .. } = executor;
    system_caller
        .apply_beacon_root_contract_call(ctx.parent_beacon_block_root, evm)
        .and_then(|()| system_caller.apply_blockhashes_contract_call(ctx.parent_hash, evm))
        .map_err(system("system calls before the transactions"))?;
    for (index, (transaction, sender)) in block.body.transactions.iter().zip(senders).enumerate() {
        record_accesses(rules, executor, index + 1);
        let transaction = Recovered::new_unchecked(transaction, *sender);
        let result = executor
            .execute_transaction_without_commit(transaction)
            .map_err(|error| ValidationError::Transaction { index, error })?;
        executor.commit_transaction(result);
    }
    record_accesses(rules, executor, senders.len() + 1);
    Ok(())
}

/// Begins an index of the block access list (EIP-7928), if blocks have one: 0 before the transactions, then one for
/// each, and one after them.
#[inline(always)]
fn record_accesses<S: State>(rules: &ForkRules, executor: &mut Executor<'_, '_, S>, index: usize) {
    if rules.access_list.is_some() {
        // EIP-7934 bounds the length of a block, so 32 bits are enough.
        executor.evm_mut().db_mut().record_accesses(index as u32);
    }
}

/// Credits the withdrawals, runs the requests, and collects the outcome.
///
/// By the execution specifications (`apply_body`) the request contracts find what the withdrawals credited. In clients, and
/// in the library, they are called before.
fn finish<P: Platform, S: State>(
    chain: &ChainSpec,
    rules: &ForkRules,
    executor: Executor<'_, '_, S>,
) -> Result<Outcome, ValidationError> {
    let gas_used = if executor.evm.cfg_env().enable_amsterdam_eip8037 {
        executor.max_block_gas_used()
    } else {
        executor.cumulative_tx_gas_used
    };
    let EthBlockExecutor { mut evm, mut system_caller, spec, ctx, receipts, blob_gas_used, .. } = executor;
    let timestamp = evm.block().timestamp.saturating_to();
    let withdrawals = ctx.withdrawals.as_deref();
    let increments = withdrawals.map(|list| post_block_withdrawals_balance_increments(spec, timestamp, list));
    let mut increments = increments.unwrap_or_default();
    if rules.system_call.is_specified {
        evm.db_mut().increment_balances(core::mem::take(&mut increments))?;
    }
    let mut requests = Requests::default();
    // Not by the library, whose decoder accepts any ABI encoding, and only logs of one topic.
    let deposits = if rules.deposits { deposits(chain, &receipts)? } else { Vec::new() };
    if !deposits.is_empty() {
        requests.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposits);
    }
    if !rules.requests.is_empty() {
        system_caller
            .append_post_execution_changes(&mut evm, &mut requests)
            .map_err(system("requests after the transactions"))?;
    }
    evm.db_mut().increment_balances(increments)?;
    check_request_contracts(rules, *evm.db_mut())?;
    let access_list = rules.access_list.map(|_| evm.db_mut().take_access_list().digest::<P>());
    Ok(Outcome { receipts, requests, gas_used, blob_gas_used, access_list })
}

/// Makes an executor's error one of this stage.
fn system(stage: &'static str) -> impl FnOnce(BlockExecutionError) -> ValidationError {
    move |error| ValidationError::System { stage, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::test_block::SENDER;
    use alloy_consensus::{SignableTransaction, TxEip4844};
    use alloy_primitives::{B256, Bytes, Signature, TxKind, U256, hex};
    use revm::Database;
    use zeno_types::chain::Fork;

    /// EIP-8037: a block has used the greater of two sums, that of execution gas and that of state gas.
    #[test]
    fn a_block_has_used_the_greater_sum_of_gas() {
        let contract = Address::repeat_byte(2);
        // JUMPDEST, PUSH0, JUMP, forever.
        let code: &[u8] = &hex!("5b5f56");
        for (length, is_state_greater) in [(0x1000_u32, false), (0x10000, true)] {
            // PUSH3 length, PUSH0, RETURN.
            let init = [&[0x62][..], &length.to_be_bytes()[1..], &hex!("5ff3")].concat();
            let mut block = test_block::block(1 << 28);
            block.body.transactions.extend([
                test_block::transaction(0, 110_000_000, TxKind::Create, 0, init.into()),
                test_block::transaction(1, 15_000_000, TxKind::Call(contract), 0, Bytes::new()),
            ]);
            let mut state = test_block::state(&[(contract, Ok(code))]);
            let chain = test_block::chain(Fork::Amsterdam);
            let outcome = execute(&chain, &block, &[SENDER; 2], &mut state).unwrap();
            let [deployed, looped] = &outcome.receipts[..] else { panic!("two receipts") };
            assert!(deployed.success && !looped.success);
            assert_eq!(looped.cumulative_gas_used - deployed.cumulative_gas_used, 15_000_000);
            // 1530 gas for each byte of the code and for the 120 of the account.
            let of_state = u64::from(length + 120) * 1530;
            let of_execution = looped.cumulative_gas_used - of_state;
            assert_eq!(of_state > of_execution, is_state_greater);
            assert_eq!(outcome.gas_used, of_state.max(of_execution));
        }
    }

    /// EIP-8037: what a transaction has beyond 2^24 gas pays for state alone, and GAS doesn't show it.
    #[test]
    fn a_transaction_executes_by_2_to_the_24_gas() {
        let contract = Address::repeat_byte(2);
        // GAS, PUSH0, SSTORE, GAS, PUSH1 1, SSTORE.
        let code: &[u8] = &hex!("5a5f555a600155");
        let gas = (1 << 24) + 200_000;
        let mut block = test_block::block(gas);
        block.body.transactions.push(test_block::transaction(
            0,
            gas,
            TxKind::Call(contract),
            0,
            Bytes::new(),
        ));
        let mut state = test_block::state(&[(contract, Ok(code))]);
        execute(&test_block::chain(Fork::Amsterdam), &block, &[SENDER], &mut state).unwrap();
        let [first, second] = [0, 1].map(|slot| state.storage(contract, U256::from(slot)).unwrap());
        // 12,000 gas of any transaction, 3000 for its recipient, 2 for GAS.
        assert_eq!(first, U256::from((1 << 24) - 15_002));
        // The two instructions, a cold slot, and a write: its state gas came from the rest.
        assert_eq!(first - second, U256::from(2 + 2 + 2100 + 10_000));
    }

    /// EIP-7594: a transaction has at most six blobs since Osaka. Before, it is the block's bound that applies.
    #[test]
    fn the_blobs_of_a_transaction_are_bounded() {
        for (fork, most) in [(Fork::Prague, 9), (Fork::Osaka, 6), (Fork::Amsterdam, 6)] {
            for count in [most, most + 1] {
                let content = TxEip4844 {
                    chain_id: 1,
                    gas_limit: 100_000,
                    to: SENDER,
                    max_fee_per_blob_gas: 1,
                    // The version of these hashes is 1.
                    blob_versioned_hashes: alloc::vec![B256::repeat_byte(1); count],
                    ..TxEip4844::default()
                };
                let signed = content.into_signed(Signature::new(U256::ONE, U256::ONE, false));
                let mut block = test_block::block(1 << 24);
                block.body.transactions.push(Transaction::Eip4844(signed));
                let mut state = test_block::state(&[]);
                match execute(&test_block::chain(fork), &block, &[SENDER], &mut state) {
                    Ok(outcome) => {
                        assert_eq!(count, most, "{fork}");
                        assert_eq!(outcome.blob_gas_used, count as u64 * (1 << 17), "{fork}");
                    }
                    Err(error) => {
                        let is_bound = matches!(&error, ValidationError::Transaction { error, .. }
                            if alloc::format!("{error}").contains("too many blobs"));
                        assert!(count > most && is_bound && error.blames_block(), "{fork} {count}: {error}");
                    }
                }
            }
        }
    }

    /// EIP-7954: codes have at most 64 KiB since Amsterdam, and init codes 128 KiB. Before, they were 24 and 48 KiB
    /// (EIP-170, EIP-3860).
    #[test]
    fn the_lengths_of_codes_are_bounded() {
        let create = |fork, gas, input: Vec<u8>| {
            let mut block = test_block::block(1 << 28);
            block.body.transactions.push(test_block::transaction(0, gas, TxKind::Create, 0, input.into()));
            execute(&test_block::chain(fork), &block, &[SENDER], &mut test_block::state(&[]))
        };
        for (fork, most, gas) in [(Fork::Osaka, 0x6000_u32, 1 << 24), (Fork::Amsterdam, 0x10000, 120_000_000)]
        {
            for length in [most, most + 1] {
                // PUSH3 length, PUSH0, RETURN.
                let init = [&[0x62][..], &length.to_be_bytes()[1..], &hex!("5ff3")].concat();
                let outcome = create(fork, gas, init).unwrap();
                assert_eq!(outcome.receipts[0].success, length == most, "{fork} {length}");
            }
            for length in [2 * most, 2 * most + 1] {
                let outcome = create(fork, 1 << 24, alloc::vec![0; length as usize]);
                match outcome {
                    Ok(outcome) => assert!(length == 2 * most && outcome.receipts[0].success, "{fork}"),
                    Err(error) => {
                        let text = alloc::format!("{error}");
                        assert!(length > 2 * most && text.contains("initcode"), "{fork}: {text}");
                    }
                }
            }
        }
    }
}

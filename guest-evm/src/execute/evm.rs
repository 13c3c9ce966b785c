//! EVM for alloy-evm's block executor.

use crate::{
    error::Unsupported,
    execute::{eip7610::StorageCollisions, handler::BlockHandler, modexp::BoundedPrecompiles},
    interpreter::bound::{self, Stop},
    state::{State, StateError},
};
use alloc::{boxed::Box, rc::Rc, vec::Vec};
use alloy_evm::{
    Evm, EvmEnv, EvmFactory,
    eth::{EthEvmContext, EthEvmFactory},
    precompiles::PrecompilesMap,
};
use alloy_primitives::{Address, Bytes};
use core::cell::RefCell;
use revm::{
    ExecuteEvm,
    context::{BlockEnv, CfgEnv, ContextError, ContextSetters, Evm as RevmEvm, LocalContext, TxEnv},
    context_interface::{
        ContextTr, JournalTr,
        result::{EVMError, HaltReason, ResultAndState},
    },
    handler::{EthFrame, Handler, SystemCallTx},
    inspector::InspectorHandler,
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
    state::Account,
};
use zeno_types::chain::{ForkRules, SystemCall};

pub(super) type Context<'a, S> = EthEvmContext<&'a mut S>;
/// Error of execution.
pub(super) type Error = EVMError<Box<StateError>>;
/// Revm's EVM over a state.
pub(super) type Inner<'a, S> = RevmEvm<
    Context<'a, S>,
    StorageCollisions,
    crate::interpreter::Table<Context<'a, S>>,
    BoundedPrecompiles,
    EthFrame,
>;

/// Revm's EVM over a state, with the differences of [`BlockHandler`] and two more: memory is bounded, and creations where
/// there only is storage collide until Osaka (EIP-7610), and are not supported since.
pub(crate) struct BlockEvm<'a, S: State> {
    inner: Inner<'a, S>,
    rules: &'static ForkRules,
    /// Says whether transactions and system calls run with the inspector from the start.
    inspect: bool,
}

/// Buffer for the memory of all frames together.
///
/// In the zkVM it has room for the most that a block may pay for, so that it never moves. Memory that is not touched
/// costs nothing, but there is no room for one buffer a block.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Rc<RefCell<Vec<u8>>>);

impl Default for Memory {
    fn default() -> Self {
        let capacity = if cfg!(target_os = "zkvm") { bound::LIMIT } else { 4096 };
        Self(Rc::new(RefCell::new(Vec::with_capacity(capacity))))
    }
}

impl<'a, S: State> BlockEvm<'a, S> {
    /// Makes an EVM over this state, by the rules of the block's fork. Its instructions are still revm's own.
    pub(crate) fn new(
        state: &'a mut S,
        env: EvmEnv,
        rules: &'static ForkRules,
        inspector: StorageCollisions,
        inspect: bool,
        memory: &Memory,
    ) -> Self {
        let inner = EthEvmFactory::default().create_evm_with_inspector(state, env, inspector).into_inner();
        let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(inner.ctx.cfg.spec));
        let mut inner = inner.with_precompiles(BoundedPrecompiles {
            precompiles: PrecompilesMap::from_static(precompiles),
            is_bounded: rules.bounded_modexp,
        });
        inner.ctx.local = LocalContext { shared_memory_buffer: memory.0.clone(), ..LocalContext::default() };
        Self { inner, rules, inspect }
    }

    /// Table of instructions.
    pub(crate) fn instructions(&mut self) -> &mut crate::interpreter::Table<Context<'a, S>> {
        &mut self.inner.instruction
    }

    /// Returns whether an account was read that has only storage. Then the last run has to be repeated with the
    /// inspector, which sees creations there. Nothing is committed yet.
    fn may_collide(&self) -> bool {
        !self.inner.ctx.journaled_state.database.storage_only().is_empty()
    }
}

impl<S: State> Stop for Context<'_, S> {
    fn stop(&mut self, reason: Unsupported) {
        let error = StateError::Unsupported(reason);
        self.journaled_state.database.keep_error(error.clone());
        self.error = Err(ContextError::Db(Box::new(error)));
    }
}

impl<'a, S: State> Evm for BlockEvm<'a, S> {
    type DB = &'a mut S;
    type Tx = TxEnv;
    type Error = Error;
    type HaltReason = HaltReason;
    type Spec = SpecId;
    type BlockEnv = BlockEnv;
    type Precompiles = BoundedPrecompiles;
    type Inspector = StorageCollisions;

    fn block(&self) -> &BlockEnv {
        &self.inner.ctx.block
    }

    fn cfg_env(&self) -> &CfgEnv {
        &self.inner.ctx.cfg
    }

    fn chain_id(&self) -> u64 {
        self.inner.ctx.cfg.chain_id
    }

    fn transact_raw(&mut self, tx: TxEnv) -> Result<ResultAndState, Self::Error> {
        self.inner.ctx.set_tx(tx);
        let mut handler = BlockHandler::transaction(self.rules);
        if !self.inspect && !self.may_collide() {
            let result = handler.run(&mut self.inner)?;
            let state = self.inner.finalize();
            if !self.may_collide() {
                return Ok(ResultAndState::new(result, state));
            }
        }
        let result = handler.inspect_run(&mut self.inner)?;
        Ok(ResultAndState::new(result, self.inner.finalize()))
    }

    fn transact_system_call(
        &mut self,
        caller: Address,
        contract: Address,
        data: Bytes,
    ) -> Result<ResultAndState, Self::Error> {
        let SystemCall { gas, state_gas, is_specified } = self.rules.system_call;
        let gas_price = if is_specified { u128::from(self.inner.ctx.block.basefee) } else { 0 };
        let call = TxEnv::new_system_tx_with_caller(caller, contract, data);
        self.inner.ctx.set_tx(TxEnv { gas_limit: gas + state_gas, gas_price, ..call });
        // It is a transaction that clears accounts (EIP-8246).
        self.inner.ctx.journal_mut().set_eip7708_config(false, is_specified);
        let mut handler = BlockHandler::system_call(self.rules);
        handler.warm_system_call(&mut self.inner)?;
        let mut result = if self.inspect {
            handler.inspect_run_system_call(&mut self.inner)?
        } else {
            handler.run_system_call(&mut self.inner)?
        };
        let mut state = self.inner.finalize();
        if !self.inspect && self.may_collide() {
            handler.warm_system_call(&mut self.inner)?;
            result = handler.inspect_run_system_call(&mut self.inner)?;
            state = self.inner.finalize();
        }
        self.inner.ctx.journal_mut().set_eip7708_config(false, false);
        if is_specified {
            state.values_mut().for_each(Account::unmark_selfdestruct);
        }
        Ok(ResultAndState::new(result, state))
    }

    fn finish(self) -> (Self::DB, EvmEnv) {
        let revm::Context { block: block_env, cfg: cfg_env, journaled_state, .. } = self.inner.ctx;
        (journaled_state.database, EvmEnv { block_env, cfg_env })
    }

    fn set_inspector_enabled(&mut self, enabled: bool) {
        self.inspect = enabled;
    }

    fn components(&self) -> (&Self::DB, &Self::Inspector, &Self::Precompiles) {
        let Inner::<S> { ctx, inspector, precompiles, .. } = &self.inner;
        (&ctx.journaled_state.database, inspector, precompiles)
    }

    fn components_mut(&mut self) -> (&mut Self::DB, &mut Self::Inspector, &mut Self::Precompiles) {
        let Inner::<S> { ctx, inspector, precompiles, .. } = &mut self.inner;
        (&mut ctx.journaled_state.database, inspector, precompiles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bytecode::jump_recorder::JumpRecorder,
        error::{Subject, ValidationError},
        execute::{
            Outcome, execute, execute_with,
            test_block::{self, BENEFICIARY, Content, DEPOSITS, SENDER},
        },
        state::WitnessState,
        word::Portable,
    };
    use alloy_eips::{
        eip2935::HISTORY_STORAGE_ADDRESS,
        eip4788::{BEACON_ROOTS_ADDRESS, SYSTEM_ADDRESS},
        eip4895::{Withdrawal, Withdrawals},
    };
    use alloy_primitives::{B256, TxKind, U256, hex, keccak256};
    use alloy_trie::EMPTY_ROOT_HASH;
    use revm::{Database, precompile::u64_to_address};
    use zeno_types::chain::{Fork, RequestContract};

    const GAS: u64 = 10_000_000;

    /// Executes a block of this fork, with one transaction if there is a contract to call, which it calls with
    /// `gas`. Each account has this code, or no code and this storage root.
    fn run_at(
        fork: Fork,
        accounts: &[(Address, Content<'_>)],
        to: Option<Address>,
        gas: u64,
    ) -> (Result<Outcome, ValidationError>, WitnessState) {
        let mut state = test_block::state(accounts);
        let mut block = test_block::block(gas);
        if let Some(to) = to {
            let call = test_block::transaction(0, gas, TxKind::Call(to), 0, Bytes::new());
            block.body.transactions.push(call);
        }
        let senders = &[SENDER][..block.body.transactions.len()];
        let outcome = execute(&test_block::chain(fork), &block, senders, &mut state);
        (outcome, state)
    }

    /// Same as [`run_at`], in Prague.
    fn run(
        accounts: &[(Address, Content<'_>)],
        to: Option<Address>,
        gas: u64,
    ) -> (Result<Outcome, ValidationError>, WitnessState) {
        run_at(Fork::Prague, accounts, to, gas)
    }

    /// Contracts that are called in blocks of this fork.
    fn system_contracts(fork: Fork) -> impl Iterator<Item = Address> {
        let requests = fork.rules().requests.iter().map(|contract| contract.address());
        [HISTORY_STORAGE_ADDRESS, BEACON_ROOTS_ADDRESS].into_iter().chain(requests)
    }

    /// EIP-2935 and the others: the call starts with 30 million gas, of which `GAS` has taken 2. State gas is
    /// not among it.
    #[test]
    fn a_system_call_has_30_million_gas() {
        // GAS, PUSH0, SSTORE.
        let code: &[u8] = &hex!("5a5f55");
        let mut count = 0;
        for fork in [Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            for contract in system_contracts(fork) {
                let (outcome, mut state) = run_at(fork, &[(contract, Ok(code))], None, GAS);
                outcome.unwrap();
                assert_eq!(
                    state.storage(contract, U256::ZERO).unwrap(),
                    U256::from(29_999_998),
                    "{contract}"
                );
                count += 1;
            }
        }
        assert_eq!(count, 4 + 4 + 6);
    }

    /// EIP-8037: a system call has state gas for 16 new slots. Those after them take it from its other gas.
    #[test]
    fn a_system_call_has_state_gas_for_16_slots() {
        // For 18 slots: GAS, PUSH1 slot, SSTORE.
        let code = (0..18).flat_map(|slot| [0x5a, 0x60, slot, 0x55]).collect::<Vec<u8>>();
        for (fork, cost, of_state) in [(Fork::Osaka, 22_105, 0), (Fork::Amsterdam, 12_105, 64 * 1530)] {
            for contract in system_contracts(fork) {
                let (outcome, mut state) = run_at(fork, &[(contract, Ok(&code))], None, GAS);
                outcome.unwrap();
                let left = (0..18).map(|slot| state.storage(contract, U256::from(slot)).unwrap());
                let left = left.collect::<Vec<_>>();
                for (slot, pair) in left.windows(2).enumerate() {
                    let cost = if slot < 16 { cost } else { cost + of_state };
                    assert_eq!(pair[0] - pair[1], U256::from(cost), "{fork} {contract} slot {slot}");
                }
            }
        }
    }

    /// JUMPDEST, PUSH0, JUMP, forever: 30 million gas are not enough for it.
    #[test]
    fn a_request_contract_that_runs_out_of_gas_makes_the_block_invalid() {
        let code: &[u8] = &hex!("5b5f56");
        for fork in [Fork::Prague, Fork::Amsterdam] {
            for contract in fork.rules().requests {
                let (outcome, _) = run_at(fork, &[(contract.address(), Ok(code))], None, GAS);
                let error = outcome.unwrap_err();
                assert!(error.blames_block() && matches!(error, ValidationError::System { .. }), "{error}");
            }
            // The system calls before the transactions may fail.
            for contract in [HISTORY_STORAGE_ADDRESS, BEACON_ROOTS_ADDRESS] {
                run_at(fork, &[(contract, Ok(code))], None, GAS).0.unwrap();
            }
        }
    }

    /// EIP-7002, EIP-7251, EIP-8282: each contract of the fork must have code, and no other.
    #[test]
    fn a_request_contract_without_code_makes_the_block_invalid() {
        for (contract, subject, first) in [
            (RequestContract::Withdrawals, Subject::WithdrawalRequestsCode, Fork::Prague),
            (RequestContract::Consolidations, Subject::ConsolidationRequestsCode, Fork::Prague),
            (RequestContract::BuilderDeposits, Subject::BuilderDepositsCode, Fork::Amsterdam),
            (RequestContract::BuilderExits, Subject::BuilderExitsCode, Fork::Amsterdam),
        ] {
            for fork in Fork::ALL {
                let (outcome, _) = run_at(fork, &[(contract.address(), Ok(&[]))], None, GAS);
                match outcome {
                    Ok(_) => assert!(fork < first, "{fork} {subject}"),
                    Err(ValidationError::Mismatch { subject: found, .. }) => {
                        assert!(fork >= first && found == subject, "{fork} {subject}: {found}");
                    }
                    Err(error) => panic!("{fork} {subject}: {error}"),
                }
            }
        }
    }

    /// EIP-7685, EIP-8282: the contracts' output by the type of its request, in order.
    #[test]
    fn requests_are_the_output_of_the_contracts() {
        for (fork, types) in [(Fork::Osaka, 1..=2), (Fork::Amsterdam, 1..=4)] {
            // PUSH1 type, PUSH0, MSTORE8, PUSH1 1, PUSH0, RETURN.
            let codes = types.clone().map(|kind| [0x60, 0xa0 + kind, 0x5f, 0x53, 0x60, 1, 0x5f, 0xf3]);
            let codes = codes.collect::<Vec<[u8; 8]>>();
            let contracts = fork.rules().requests.iter().map(|contract| contract.address());
            let accounts = contracts.zip(codes.iter().map(|code| Ok(&code[..]))).collect::<Vec<_>>();
            let outcome = run_at(fork, &accounts, None, GAS).0.unwrap();
            let expected = types.map(|kind| Bytes::from(alloc::vec![kind, 0xa0 + kind])).collect::<Vec<_>>();
            assert_eq!(outcome.requests.iter().cloned().collect::<Vec<_>>(), expected, "{fork}");
        }
    }

    /// The beacon root's contract is called before that of block hashes, which it calls itself here.
    #[test]
    fn system_contracts_are_called_in_the_order_of_the_specification() {
        // Five times PUSH0, PUSH20 the other contract, GAS, CALL.
        let call = [&hex!("5f5f5f5f5f73")[..], HISTORY_STORAGE_ADDRESS.as_slice(), &hex!("5af1")].concat();
        // CALLER, PUSH0, SSTORE.
        let note: &[u8] = &hex!("335f55");
        for fork in [Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            let accounts = [(BEACON_ROOTS_ADDRESS, Ok(&call[..])), (HISTORY_STORAGE_ADDRESS, Ok(note))];
            let (outcome, mut state) = run_at(fork, &accounts, None, GAS);
            outcome.unwrap();
            let last = state.storage(HISTORY_STORAGE_ADDRESS, U256::ZERO).unwrap();
            assert_eq!(last, U256::from_be_bytes(SYSTEM_ADDRESS.into_word().0), "{fork}");
        }
    }

    /// The request contracts are called after the withdrawals were credited: from Amsterdam on, as the specifications have
    /// it for all forks, and before that not, as clients have it.
    #[test]
    fn request_contracts_find_the_withdrawals_since_amsterdam() {
        // SELFBALANCE, PUSH0, SSTORE.
        let code: &[u8] = &hex!("475f55");
        for fork in [Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            for contract in fork.rules().requests.iter().map(|contract| contract.address()) {
                let mut state = test_block::state(&[(contract, Ok(code))]);
                let before = state.basic(contract).unwrap().unwrap().balance;
                let mut block = test_block::block(GAS);
                let withdrawal = Withdrawal { address: contract, amount: 3, ..Withdrawal::default() };
                block.body.withdrawals = Some(Withdrawals::new(alloc::vec![withdrawal, withdrawal]));
                execute(&test_block::chain(fork), &block, &[], &mut state).unwrap();
                let found = state.storage(contract, U256::ZERO).unwrap() - before;
                let expected = if fork < Fork::Amsterdam { 0 } else { 6_000_000_000_u64 };
                assert_eq!(found, U256::from(expected), "{fork} {contract}");
                let after = state.basic(contract).unwrap().unwrap().balance;
                assert_eq!(after - before, U256::from(6_000_000_000_u64), "{fork} {contract}");
            }
        }
    }

    /// Returns whether the block was stopped because it creates a contract at this address.
    fn is_stopped_at(outcome: &Result<Outcome, ValidationError>, created: Address) -> bool {
        let reason = Unsupported::StorageCollision(created);
        matches!(outcome, Err(ValidationError::Unsupported(found)) if *found == reason)
    }

    /// EIP-7610 also holds for creations by a system contract, until Osaka.
    #[test]
    fn a_system_contract_creates_nothing_where_there_is_storage() {
        // PUSH0, PUSH0, PUSH0, CREATE, PUSH0, SSTORE.
        let code: &[u8] = &hex!("5f5f5ff05f55");
        let created = BEACON_ROOTS_ADDRESS.create(1);
        for fork in [Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            for root in [EMPTY_ROOT_HASH, B256::repeat_byte(7)] {
                let accounts = [(BEACON_ROOTS_ADDRESS, Ok(code)), (created, Err(root))];
                let (outcome, mut state) = run_at(fork, &accounts, None, GAS);
                let is_free = root == EMPTY_ROOT_HASH;
                if fork == Fork::Amsterdam && !is_free {
                    assert!(is_stopped_at(&outcome, created), "{outcome:?}");
                    continue;
                }
                outcome.unwrap();
                let stored = state.storage(BEACON_ROOTS_ADDRESS, U256::ZERO).unwrap();
                assert_eq!(stored, if is_free { created.into_word().into() } else { U256::ZERO }, "{fork}");
            }
        }
    }

    /// Since Amsterdam nothing says what a creation does where there is storage. It ends the run, in a transaction and in a
    /// call, inspected or not.
    #[test]
    fn a_creation_where_there_is_storage_is_not_supported_since_amsterdam() {
        let creator = Address::repeat_byte(2);
        // PUSH0, PUSH0, PUSH0, CREATE, and the same with more value than there is.
        let (code, too_much): (&[u8], &[u8]) = (&hex!("5f5f5ff0"), &hex!("5f5f5f19f0"));
        for (to, code, created) in [
            (TxKind::Create, code, Some(SENDER.create(0))),
            (TxKind::Call(creator), code, Some(creator.create(1))),
            (TxKind::Call(creator), too_much, None),
        ] {
            for jumps in [None, Some(JumpRecorder::default())] {
                let storage = [SENDER.create(0), creator.create(1)].map(|at| (at, Err(B256::repeat_byte(7))));
                let mut state = test_block::state(&[(creator, Ok(code)), storage[0], storage[1]]);
                let mut block = test_block::block(GAS);
                block.body.transactions.push(test_block::transaction(0, GAS, to, 0, Bytes::new()));
                let chain = test_block::chain(Fork::Amsterdam);
                let memory = Memory::default();
                let outcome =
                    execute_with::<Portable, _>(&chain, &block, &[SENDER], &mut state, jumps, &memory);
                match created {
                    Some(created) => assert!(is_stopped_at(&outcome, created), "{outcome:?}"),
                    None => assert!(outcome.unwrap().receipts[0].success),
                }
            }
        }
    }

    /// A call that is repeated because such an account was read begins as it did before.
    #[test]
    fn reading_an_account_with_storage_alone_changes_nothing() {
        let read = Address::repeat_byte(3);
        let cost = |root, warm: Address| {
            // PUSH20 the account, BALANCE, POP; GAS, PUSH20 the other one, BALANCE, POP, GAS, SWAP1, SUB, PUSH0, SSTORE.
            let code = [
                &hex!("73")[..],
                read.as_slice(),
                &hex!("31505a73"),
                warm.as_slice(),
                &hex!("31505a90035f55"),
            ];
            let code = code.concat();
            let accounts = [(BEACON_ROOTS_ADDRESS, Ok(&code[..])), (read, Err(root))];
            let (outcome, mut state) = run_at(Fork::Amsterdam, &accounts, None, GAS);
            let items = outcome.unwrap().access_list.unwrap().items;
            (state.storage(BEACON_ROOTS_ADDRESS, U256::ZERO).unwrap(), items)
        };
        for warm in [SYSTEM_ADDRESS, BENEFICIARY, u64_to_address(1)] {
            let [plain, repeated] = [EMPTY_ROOT_HASH, B256::repeat_byte(7)].map(|root| cost(root, warm));
            assert_eq!(plain, repeated, "{warm}");
            assert_eq!(plain.0, U256::from(100 + 3 + 2 + 2), "{warm}");
        }
    }

    /// Transactions clear the accounts that they destroy (EIP-8246), and system calls are none, by the specification. Until
    /// Osaka, such an account is gone, as in clients.
    #[test]
    fn a_system_call_leaves_what_it_destroys() {
        for (target, balance) in [(0x33, 0), (0x30, 5)] {
            // PUSH1 1, PUSH0, SSTORE, and the code: CALLER or ADDRESS, SELFDESTRUCT.
            let init = [0x60, 1, 0x5f, 0x55, 0x61, target, 0xff, 0x5f, 0x52, 0x60, 2, 0x60, 30, 0xf3];
            // PUSH14 init, PUSH0, MSTORE, CREATE with 5 wei, and CALL of what it created.
            let code = [&hex!("6d")[..], &init, &hex!("5f52600e60126005f05f5f5f5f5f855af100")].concat();
            for fork in [Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
                for contract in system_contracts(fork) {
                    let (outcome, mut state) = run_at(fork, &[(contract, Ok(&code))], None, GAS);
                    outcome.unwrap();
                    assert_eq!(state.basic(contract).unwrap().unwrap().nonce, 2);
                    let created = contract.create(1);
                    let account =
                        state.basic(created).unwrap().map(|it| (it.nonce, it.balance, it.code_hash));
                    let expected = (1, U256::from(balance), keccak256([target, 0xff]));
                    let remains = fork == Fork::Amsterdam;
                    assert_eq!(account, remains.then_some(expected), "{fork} {contract}");
                    let slot = state.storage(created, U256::ZERO).unwrap();
                    assert_eq!(slot, U256::from(u64::from(remains)), "{fork} {contract}");
                }
            }
        }
    }

    /// A transaction after such a call still clears what it destroys, and only what it created.
    #[test]
    fn transactions_clear_what_they_destroy() {
        let (creator, called) = (Address::repeat_byte(2), BEACON_ROOTS_ADDRESS.create(1));
        // PUSH2 (ADDRESS, SELFDESTRUCT), PUSH0, MSTORE, CREATE with 5 wei and this as its init code.
        let create: &[u8] = &hex!("6130ff5f526002601e6005f000");
        // The same, but the code is deployed: PUSH10 its init code, which returns it.
        let deploy: &[u8] = &hex!("696130ff5f526002601ef35f52600a60166005f000");
        let accounts = [(creator, Ok(create)), (BEACON_ROOTS_ADDRESS, Ok(deploy))];
        let mut state = test_block::state(&accounts);
        let mut block = test_block::block(2 * GAS);
        for (nonce, to) in [creator, called].into_iter().enumerate() {
            let call = test_block::transaction(nonce as u64, GAS, TxKind::Call(to), 0, Bytes::new());
            block.body.transactions.push(call);
        }
        let chain = test_block::chain(Fork::Amsterdam);
        let outcome = execute(&chain, &block, &[SENDER; 2], &mut state).unwrap();
        assert!(outcome.receipts.iter().all(|receipt| receipt.success));
        let account = |state: &mut WitnessState, address| {
            let account = state.basic(address).unwrap().unwrap();
            (account.nonce, account.balance, account.code_hash)
        };
        let empty = alloy_primitives::KECCAK256_EMPTY;
        assert_eq!(account(&mut state, creator.create(1)), (0, U256::from(5), empty));
        assert_eq!(account(&mut state, called), (1, U256::from(5), keccak256(hex!("30ff"))));
    }

    /// Values of instructions that read the block, in a system call. By the specification its gas price is the base fee. In
    /// clients it is none, and so it is here until Osaka.
    #[test]
    fn a_system_call_reads_the_block() {
        let (base_fee, slot) = (1000, u64::MAX - 7);
        for fork in [Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            let is_last = fork == Fork::Amsterdam;
            let mut expected = alloc::vec![
                // CHAINID, BASEFEE, BLOBBASEFEE, GASPRICE, SLOTNUM.
                (0x46, 1),
                (0x48, base_fee),
                (0x4a, 1),
                (0x3a, if is_last { base_fee } else { 0 }),
            ];
            if is_last {
                expected.push((0x4b, slot));
            }
            for contract in system_contracts(fork) {
                for &(instruction, value) in &expected {
                    // The instruction twice, the first result dropped; PUSH0, SSTORE.
                    let code = [instruction, 0x50, instruction, 0x5f, 0x55];
                    let mut state = test_block::state(&[(contract, Ok(&code))]);
                    let mut block = test_block::block(GAS);
                    block.header.base_fee_per_gas = Some(base_fee);
                    block.header.slot_number = Some(slot);
                    execute(&test_block::chain(fork), &block, &[], &mut state).unwrap();
                    let found = state.storage(contract, U256::ZERO).unwrap();
                    assert_eq!(found, U256::from(value), "{fork} {contract} {instruction:#x}");
                }
            }
        }
    }

    /// Frames of all kinds that read the block, the transaction and the account twice each, and hash it. Revm's
    /// instructions, which run under inspection, give the same logs for the same gas.
    #[test]
    fn frames_read_their_environment_as_with_revm() {
        let [caller, reader, delegated] = [2, 3, 4].map(Address::repeat_byte);
        // PUSH0, then for each instruction: its word twice, ADD, ADD, PUSH1 3, MUL. The result to memory at 0.
        let instructions = hex!("3032333436383a3d41424344454647484a58595a");
        let mut read = alloc::vec![0x5f];
        for instruction in instructions {
            read.extend([instruction, instruction, 0x01, 0x01, 0x60, 3, 0x02]);
        }
        // BLOBHASH of 0 and of 7, ADD, ADD, PUSH0, MSTORE.
        read.extend(hex!("5f4960074901015f52"));
        // PUSH1 32, PUSH0, RETURN.
        let returns = [&read[..], &hex!("60205ff3")].concat();
        // The caller logs what it reads itself, and what it is returned by each kind of call.
        // PUSH1 32, PUSH0, LOG0.
        let log = hex!("60205fa0");
        let mut code = [&read[..], &log].concat();
        for callee in [reader, delegated] {
            for kind in [0xf1, 0xf2, 0xf4, 0xfa] {
                // PUSH1 32, PUSH0, PUSH0, PUSH0; PUSH1 5 as the value of CALL and CALLCODE.
                code.extend(hex!("60205f5f5f"));
                code.extend(if matches!(kind, 0xf1 | 0xf2) { &[0x60, 5][..] } else { &[] });
                code.push(0x73);
                code.extend(callee);
                // GAS, the call, POP, and RETURNDATACOPY of its word after the one in memory.
                code.extend([0x5a, kind, 0x50, 0x60, 32, 0x5f, 0x60, 32, 0x3e, 0x60, 64, 0x5f, 0xa0]);
                // SELFBALANCE after the call.
                code.extend([0x47, 0x47, 0x01, 0x5f, 0x52]);
                code.extend(log);
            }
        }
        // CODECOPY of the code's first bytes, CREATE with them as the init code, which logs what it reads, and a
        // log of the address.
        let size = returns.len() as u16;
        code.extend([0x61, (size >> 8) as u8, size as u8, 0x5f, 0x5f, 0x39]);
        code.extend([0x61, (size >> 8) as u8, size as u8, 0x5f, 0x60, 1, 0xf0, 0x5f, 0x52]);
        code.extend(log);
        let delegation = [&hex!("ef0100")[..], reader.as_slice()].concat();
        let accounts = [(caller, Ok(&code[..])), (reader, Ok(&returns)), (delegated, Ok(&delegation))];
        for fork in [Fork::Cancun, Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            for gas in (60_000..1_000_000).step_by(47_311) {
                let mut block = test_block::block(GAS);
                block.header.base_fee_per_gas = Some(0);
                block.header.timestamp = 0x0102_0304_0506;
                block.header.mix_hash = B256::repeat_byte(0x9a);
                block.header.slot_number = Some(77);
                let call = test_block::transaction(0, gas, TxKind::Call(caller), 0, Bytes::new());
                block.body.transactions.push(call);
                let [plain, inspected] = [None, Some(JumpRecorder::default())].map(|jumps| {
                    let mut state = test_block::state(&accounts);
                    let memory = Memory::default();
                    let chain = test_block::chain(fork);
                    let outcome =
                        execute_with::<Portable, _>(&chain, &block, &[SENDER], &mut state, jumps, &memory);
                    let outcome = outcome.unwrap();
                    (outcome.receipts, outcome.gas_used, outcome.access_list)
                });
                assert_eq!(plain, inspected, "{fork} with {gas}");
                if gas > 900_000 && fork == Fork::Osaka {
                    assert_eq!(plain.0[0].logs.len(), 1 + 2 * 2 * 4 + 2);
                }
            }
        }
    }

    /// A system contract that creates, by a long init code that jumps. It does so in the run that records jumps too, which
    /// sees its own.
    #[test]
    fn system_calls_are_inspected_as_transactions_are() {
        // PUSH2 0x1000, JUMP; there JUMPDEST, PUSH1 1, PUSH0, MSTORE8, PUSH1 1, PUSH0, RETURN.
        let mut init_code = hex!("61100056").to_vec();
        init_code.resize(0x1000, 0);
        init_code.extend(hex!("5b60015f5360015ff3"));
        // PUSH2 its length, PUSH1 0x20, PUSH0, CODECOPY; PUSH2 its length, PUSH0, PUSH0, CREATE, PUSH0, SSTORE, PUSH1 0x1e, JUMP.
        let [high, low] = (init_code.len() as u16).to_be_bytes();
        let mut code = [0x61, high, low, 0x60, 0x20, 0x5f, 0x39, 0x61, high, low, 0x5f, 0x5f, 0xf0].to_vec();
        code.extend(hex!("5f55601e56"));
        code.resize(0x1e, 0);
        code.extend(hex!("5b00"));
        code.extend(init_code);
        for fork in [Fork::Cancun, Fork::Osaka, Fork::Amsterdam] {
            let jumps = JumpRecorder::default();
            for inspector in [None, Some(jumps.clone())] {
                let mut state = test_block::state(&[(BEACON_ROOTS_ADDRESS, Ok(&code))]);
                let (chain, block) = (test_block::chain(fork), test_block::block(GAS));
                let memory = Memory::default();
                execute_with::<Portable, _>(&chain, &block, &[], &mut state, inspector, &memory).unwrap();
                let created = state.storage(BEACON_ROOTS_ADDRESS, U256::ZERO).unwrap();
                assert_eq!(B256::from(created), BEACON_ROOTS_ADDRESS.create(1).into_word(), "{fork}");
            }
            // The destination, and the distance back to where an instruction begins.
            assert!(jumps.hints(&code.clone().into()).starts_with(&[0x1e, 0, 0]), "{fork}");
        }
    }

    /// Inspection records jumps, and loads no account that execution doesn't.
    #[test]
    fn inspection_does_not_change_the_access_list() {
        let (creator, created) = (Address::repeat_byte(2), Address::repeat_byte(2).create(1));
        // PUSH0, PUSH0, PUSH0, CREATE with too little gas for it; PUSH1 7, JUMP, JUMPDEST.
        let code: &[u8] = &hex!("5f5f5ff06007565b");
        let storage = B256::repeat_byte(7);
        // Where EIP-7610 applies, the storage is in the way of this creation.
        for (storage, nonce) in [(storage, 0), (EMPTY_ROOT_HASH, 1)] {
            let accounts = [(creator, Ok(code)), (created, Err(storage))];
            let (outcome, mut state) = run_at(Fork::Osaka, &accounts, Some(creator), GAS);
            outcome.unwrap();
            assert_eq!(state.basic(created).unwrap().unwrap().nonce, nonce);
        }
        let runs = [(10_000, storage), (12_000, storage), (300_000, EMPTY_ROOT_HASH)];
        let lists = runs.map(|(gas, storage)| {
            let accounts = [(creator, Ok(code)), (created, Err(storage))];
            let mut block = test_block::block(GAS);
            let gas = 15_000 + gas;
            let call = test_block::transaction(0, gas, TxKind::Call(creator), 0, Bytes::new());
            block.body.transactions.push(call);
            let chain = test_block::chain(Fork::Amsterdam);
            let [plain, inspected] = [None, Some(JumpRecorder::default())].map(|jumps| {
                let mut state = test_block::state(&accounts);
                let memory = Memory::default();
                let outcome =
                    execute_with::<Portable, _>(&chain, &block, &[SENDER], &mut state, jumps, &memory);
                let outcome = outcome.unwrap();
                (outcome.access_list.unwrap(), outcome.gas_used)
            });
            assert_eq!(plain, inspected);
            plain.0.items
        });
        // Only the last run could pay for the access to the created account.
        assert_eq!([lists[1] - lists[0], lists[2] - lists[1]], [0, 1]);
    }

    /// Gas that BALANCE of an address, or of the contract itself, takes in system calls. The first of them is before a
    /// transaction, the others are after it.
    fn balance_in_system_calls(fork: Fork, address: Option<Address>) -> Vec<u64> {
        let contracts = [BEACON_ROOTS_ADDRESS]
            .into_iter()
            .chain(fork.rules().requests.iter().map(|contract| contract.address()));
        contracts
            .map(|contract| {
                // GAS, PUSH20 address, BALANCE, GAS, and the gas before and after it to slots 0 and 1.
                let address = address.unwrap_or(contract);
                let code = [&hex!("5a73")[..], address.as_slice(), &hex!("315a5f5550600155")].concat();
                let (outcome, mut state) = run_at(fork, &[(contract, Ok(&code))], Some(SENDER), GAS);
                outcome.unwrap();
                let [after, start] = [0, 1].map(|slot| state.storage(contract, U256::from(slot)).unwrap());
                (start - after).to::<u64>() - 5
            })
            .collect()
    }

    /// The specification of Amsterdam begins a system call with the addresses warm that a transaction begins with.
    #[test]
    fn system_calls_begin_as_transactions_do() {
        let precompiles = [1, 0x11].map(u64_to_address);
        let warm = [SYSTEM_ADDRESS, BENEFICIARY].into_iter().chain(precompiles).map(Some);
        for address in warm.chain([None]) {
            assert_eq!(balance_in_system_calls(Fork::Amsterdam, address), [100; 5], "{address:?}");
        }
        for address in [SENDER, u64_to_address(0x12), DEPOSITS] {
            assert_eq!(balance_in_system_calls(Fork::Amsterdam, Some(address)), [3000; 5], "{address}");
        }
    }

    /// Until Osaka, a system contract finds its own address warm, and precompiles once a transaction has run: as in geth
    /// and reth. By the specification, all addresses are cold.
    #[test]
    fn system_calls_until_osaka_find_addresses_warm_as_in_clients() {
        let own = balance_in_system_calls(Fork::Osaka, None);
        assert_eq!(own, [100; 3]);
        let precompile = balance_in_system_calls(Fork::Osaka, Some(u64_to_address(1)));
        assert_eq!(precompile, [2600, 100, 100]);
        for address in [SENDER, SYSTEM_ADDRESS, BENEFICIARY] {
            assert_eq!(balance_in_system_calls(Fork::Osaka, Some(address)), [2600; 3], "{address}");
        }
    }

    /// Addresses that are warm for a system call are no accesses. The list of a block without transactions has the system contracts.
    #[test]
    fn what_is_warm_is_no_access() {
        let outcome = run_at(Fork::Amsterdam, &[], None, GAS).0.unwrap();
        assert_eq!(outcome.access_list.unwrap().items, 6);
    }

    /// EIP-8037: the gas limit of a transaction has a bound of its own, whatever the block has.
    #[test]
    fn the_gas_limit_of_a_transaction_is_bounded() {
        let cap = u64::from(u32::MAX);
        for (fork, gas, valid) in [
            (Fork::Prague, cap + 1, true),
            (Fork::Osaka, cap, false),
            (Fork::Amsterdam, cap, true),
            (Fork::Amsterdam, cap + 1, false),
            (Fork::Amsterdam, u64::MAX >> 1, false),
        ] {
            let (outcome, _) = run_at(fork, &[], Some(SENDER), gas);
            match outcome {
                Ok(outcome) => assert!(valid && outcome.receipts[0].success, "{fork} {gas}"),
                Err(error) => {
                    let is_cap = matches!(&error, ValidationError::Transaction { error, .. }
                        if alloc::format!("{error}").contains("is greater than the cap"));
                    assert!(!valid && is_cap && error.blames_block(), "{fork} {gas}: {error}");
                }
            }
        }
    }

    /// EIP-7843: the header's slot number, since Amsterdam.
    #[test]
    fn the_slot_number_is_the_header_s() {
        // SLOTNUM, PUSH0, SSTORE.
        let (contract, code) = (Address::repeat_byte(2), &hex!("4b5f55")[..]);
        for (fork, expected) in [(Fork::Osaka, U256::ZERO), (Fork::Amsterdam, U256::from(u64::MAX - 7))] {
            let mut state = test_block::state(&[(contract, Ok(code))]);
            let mut block = test_block::block(GAS);
            block.header.slot_number = Some(u64::MAX - 7);
            let call = test_block::transaction(0, GAS, TxKind::Call(contract), 0, Bytes::new());
            block.body.transactions.push(call);
            execute(&test_block::chain(fork), &block, &[SENDER], &mut state).unwrap();
            assert_eq!(state.storage(contract, U256::ZERO).unwrap(), expected, "{fork}");
        }
    }

    /// Calls without data that read it: revm puts such data at the end of the address space.
    #[test]
    fn a_call_without_data_has_zeros() {
        let callee = Address::repeat_byte(3);
        // Five times PUSH0, PUSH20 callee, GAS, CALL, and its result to slot 0. The callee adds one to
        // CALLDATALOAD of 0 and stores it to slot 0.
        let caller = [&hex!("5f5f5f5f5f73")[..], callee.as_slice(), &hex!("5af15f55")].concat();
        let accounts =
            [(Address::repeat_byte(2), Ok(&caller[..])), (callee, Ok(&hex!("5f356001015f55")[..]))];
        let (outcome, mut state) = run(&accounts, Some(Address::repeat_byte(2)), GAS);
        outcome.unwrap();
        assert_eq!(state.storage(callee, U256::ZERO).unwrap(), U256::ONE);
        assert_eq!(state.storage(Address::repeat_byte(2), U256::ZERO).unwrap(), U256::ONE);
    }

    /// EIP-6110: the first topic determines the kind of a log, whatever the number of topics.
    #[test]
    fn deposits_are_those_of_the_first_topic() {
        let mut data = Vec::new();
        for word in [0xa0_u64, 0x100, 0x140, 0x180, 0x200, 48] {
            data.extend(U256::from(word).to_be_bytes::<32>());
        }
        let mut fields = Vec::new();
        for (index, length) in [48, 32, 8, 96, 8].into_iter().enumerate() {
            if index > 0 {
                data.extend(U256::from(length).to_be_bytes::<32>());
            }
            let field = alloc::vec![index as u8 + 1; length];
            fields.extend_from_slice(&field);
            data.extend(field);
            data.resize(data.len().next_multiple_of(32), 0);
        }
        assert_eq!(data.len(), 576);
        let topic = keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)");
        for topics in 1..=4_u8 {
            let mut code = Vec::new();
            code.extend(core::iter::repeat_n(0x5f, usize::from(topics) - 1));
            code.push(0x7f);
            code.extend_from_slice(topic.as_slice());
            // PUSH2 576, PUSH2 offset of the data, PUSH0, CODECOPY, PUSH2 576, PUSH0, LOG.
            let start = code.len() as u16 + 7 + 6;
            code.extend([0x61, 2, 0x40, 0x61]);
            code.extend((start + 1).to_be_bytes());
            code.extend([0x5f, 0x39, 0x61, 2, 0x40, 0x5f, 0xa0 + topics, 0]);
            assert_eq!(code.len(), usize::from(start) + 1);
            code.extend_from_slice(&data);
            let (outcome, _) = run(&[(DEPOSITS, Ok(&code))], Some(DEPOSITS), GAS);
            let outcome = outcome.unwrap();
            assert_eq!(outcome.receipts[0].logs[0].topics().len(), usize::from(topics));
            let requests = outcome.requests.iter().map(|request| request.to_vec()).collect::<Vec<_>>();
            assert_eq!(requests, [[&[0][..], &fields].concat()]);
            // A length with one changed bit: no deposit, and no valid block.
            let at = code.len() - 576 + 191;
            code[at] ^= 1;
            let error = run(&[(DEPOSITS, Ok(&code))], Some(DEPOSITS), GAS).0.unwrap_err();
            assert!(matches!(error, ValidationError::DepositLayout(_)), "{error}");
        }
    }

    /// A frame that pays for more memory than is supported ends the run, at any depth.
    #[test]
    fn memory_beyond_the_bound_is_not_supported() {
        let (caller, callee) = (Address::repeat_byte(2), Address::repeat_byte(3));
        // Both forms: 63ffffffc0 51 59 00 in a called frame, 63ffffffdf 51 in any frame.
        let call = [&hex!("5f5f5f5f5f73")[..], callee.as_slice(), &hex!("5af100")].concat();
        for code in [&hex!("63ffffffc0515900")[..], &hex!("63ffffffdf51505900")] {
            for to in [caller, callee] {
                let accounts = [(caller, Ok(&call[..])), (callee, Ok(code))];
                let (outcome, _) = run(&accounts, Some(to), 1 << 62);
                let error = outcome.unwrap_err();
                assert!(
                    matches!(error, ValidationError::Unsupported(Unsupported::Memory))
                        && !error.blames_block(),
                    "{error}"
                );
                // The memory is not paid for: the frame fails.
                assert!(run(&accounts, Some(to), 1 << 40).0.is_ok());
            }
        }
    }

    /// A code of the state that is longer than hints can name, and lengths that only gas bounds.
    #[test]
    fn lengths_beyond_the_bounds_are_not_supported() {
        let caller = Address::repeat_byte(2);
        let mut long = alloc::vec![0; crate::bytecode::MAX_CODE];
        run(&[(caller, Ok(&long))], Some(caller), GAS).0.unwrap();
        long.push(0);
        let error = run(&[(caller, Ok(&long))], Some(caller), GAS).0.unwrap_err();
        assert!(matches!(error, ValidationError::Unsupported(Unsupported::CodeLength { .. })), "{error}");

        // MODEXP of a base of 2^32 bytes: MSTORE(0, 2^32), then STATICCALL(GAS, 5, 0, 96, 0, 0).
        let code: &[u8] = &hex!("6401000000005f525f5f60605f60055afa5f5500");
        let run = |gas| run(&[(caller, Ok(code))], Some(caller), gas);
        let error = run(1 << 62).0.unwrap_err();
        assert!(matches!(error, ValidationError::Unsupported(Unsupported::Modexp)), "{error}");
        let (outcome, mut state) = run(1 << 40);
        outcome.unwrap();
        assert_eq!(state.storage(caller, U256::ZERO).unwrap(), U256::ZERO);
    }
}

//! EVM for alloy-evm's block executor.

use crate::{
    collision::StorageCollisions,
    error::Unsupported,
    execute::State,
    instructions::bound::{self, Stop},
    modexp::BoundedPrecompiles,
    state::StateError,
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
    ExecuteEvm, InspectEvm,
    context::{BlockEnv, CfgEnv, ContextError, ContextSetters, Evm as RevmEvm, LocalContext, TxEnv},
    context_interface::result::{EVMError, HaltReason, ResultAndState},
    handler::{EthFrame, Handler, MainnetHandler, SystemCallTx},
    inspector::InspectorHandler,
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};

/// Gas of a system call before Amsterdam (EIP-4788, EIP-2935, EIP-7002, EIP-7251). Revm uses Amsterdam's for
/// all forks.
const SYSTEM_CALL_GAS: u64 = 30_000_000;

type Context<'a, S> = EthEvmContext<&'a mut S>;
type Inner<'a, S> = RevmEvm<
    Context<'a, S>,
    StorageCollisions,
    crate::instructions::Table<Context<'a, S>>,
    BoundedPrecompiles,
    EthFrame,
>;

/// Revm's EVM over a state, with three differences: memory is bounded, system calls have the gas of their
/// EIPs, and creations collide with accounts that have only storage (EIP-7610).
pub(crate) struct BlockEvm<'a, S: State> {
    inner: Inner<'a, S>,
    /// Says whether transactions run with the inspector from the start.
    inspect: bool,
}

impl<'a, S: State> BlockEvm<'a, S> {
    /// Makes an EVM over this state. Its instructions are still revm's own.
    pub(crate) fn new(state: &'a mut S, env: EvmEnv, inspector: StorageCollisions, inspect: bool) -> Self {
        let inner = EthEvmFactory::default().create_evm_with_inspector(state, env, inspector).into_inner();
        let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(inner.ctx.cfg.spec));
        let mut inner = inner.with_precompiles(BoundedPrecompiles(PrecompilesMap::from_static(precompiles)));
        // In the zkVM, room for the memory of all frames together, so that the buffer never moves. Memory
        // that is not touched costs nothing.
        let capacity = if cfg!(target_os = "zkvm") { bound::LIMIT } else { 4096 };
        let memory = Rc::new(RefCell::new(Vec::with_capacity(capacity)));
        inner.ctx.local = LocalContext { shared_memory_buffer: memory, ..LocalContext::default() };
        Self { inner, inspect }
    }

    /// Table of instructions.
    pub(crate) fn instructions(&mut self) -> &mut crate::instructions::Table<Context<'a, S>> {
        &mut self.inner.instruction
    }

    /// Returns whether an account was read at whose address nothing can be created. Then the last run has to
    /// be repeated with the inspector, which sees collisions. Nothing is committed yet.
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
    type Error = EVMError<Box<StateError>>;
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
        if self.inspect || self.may_collide() {
            return self.inner.inspect_tx(tx);
        }
        let result = self.inner.transact(tx)?;
        if self.may_collide() {
            return self.inner.inspect_tx(self.inner.ctx.tx.clone());
        }
        Ok(result)
    }

    fn transact_system_call(
        &mut self,
        caller: Address,
        contract: Address,
        data: Bytes,
    ) -> Result<ResultAndState, Self::Error> {
        let call =
            TxEnv { gas_limit: SYSTEM_CALL_GAS, ..TxEnv::new_system_tx_with_caller(caller, contract, data) };
        self.inner.ctx.set_tx(call);
        let mut result = MainnetHandler::<_, Self::Error, _>::default().run_system_call(&mut self.inner)?;
        let mut state = self.inner.finalize();
        if self.may_collide() {
            result =
                MainnetHandler::<_, Self::Error, _>::default().inspect_run_system_call(&mut self.inner)?;
            state = self.inner.finalize();
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
        Block, ChainSpec, Transaction, ValidationError,
        chain::{Fork, ForkActivation},
        execute,
        execute::Outcome,
        state::WitnessState,
        trie::{Preimages, Trie},
    };
    use alloy_consensus::{Header, SignableTransaction, TxLegacy};
    use alloy_eips::{
        eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
        eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    };
    use alloy_primitives::{B256, KECCAK256_EMPTY, Signature, TxKind, U256, hex, keccak256};
    use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
    use revm::Database;

    const SENDER: Address = Address::repeat_byte(1);
    const DEPOSITS: Address = Address::repeat_byte(0xde);
    const GAS: u64 = 10_000_000;

    /// Executes a block of Prague, with one transaction if there is a contract to call, which it calls with
    /// `gas`. Each account has this code, or no code and this storage root.
    fn run(
        accounts: &[(Address, Result<&[u8], B256>)],
        to: Option<Address>,
        gas: u64,
    ) -> (Result<Outcome, ValidationError>, WitnessState) {
        let mut trie = Trie::default();
        let stop: Result<&[u8], B256> = Ok(&[0]);
        let system = [WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS];
        let system = system.map(|address| (address, stop));
        let sender = [(SENDER, Ok(&[][..]))];
        let mut codes = Vec::new();
        for (address, account) in system.iter().chain(&sender).chain(accounts) {
            let code = account.unwrap_or_default();
            codes.push(Bytes::copy_from_slice(code));
            let account = TrieAccount {
                nonce: u64::from(!code.is_empty()),
                balance: U256::MAX >> 8,
                storage_root: account.err().unwrap_or(EMPTY_ROOT_HASH),
                code_hash: if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) },
            };
            let leaf = alloy_rlp::encode(account).into();
            trie.insert(&keccak256(address), leaf, &mut Preimages::default()).unwrap();
        }
        let parent = Header { state_root: trie.hash(), ..Header::default() };
        let nodes = Preimages::new(trie.revealed());
        let mut state =
            WitnessState::new(&parent, B256::ZERO, nodes, Preimages::new(codes), Preimages::default());
        let header = Header {
            number: 1,
            gas_limit: gas,
            base_fee_per_gas: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Header::default()
        };
        let mut block = Block { header, ..Block::default() };
        if let Some(to) = to {
            let transaction = TxLegacy { gas_limit: gas, to: TxKind::Call(to), ..TxLegacy::default() };
            let signed = transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false));
            block.body.transactions.push(Transaction::Legacy(signed));
        }
        let mainnet = ChainSpec::mainnet();
        let forks = mainnet.forks.into_iter().filter(|activation| activation.fork <= Fork::Prague);
        let forks = forks.map(|activation| ForkActivation { timestamp: 0, ..activation }).collect();
        let chain = ChainSpec {
            forks,
            deposit_contract: Some(DEPOSITS),
            merge_block: Some(0),
            ..ChainSpec::mainnet()
        };
        let senders = &[SENDER][..block.body.transactions.len()];
        let outcome = execute(&chain, &block, senders, &mut state);
        (outcome, state)
    }

    /// EIP-2935 and the others: the call starts with 30 million gas, of which `GAS` has taken 2.
    #[test]
    fn a_system_call_has_30_million_gas() {
        // GAS, PUSH0, SSTORE.
        let code: &[u8] = &hex!("5a5f55");
        for contract in [
            HISTORY_STORAGE_ADDRESS,
            BEACON_ROOTS_ADDRESS,
            WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        ] {
            let (outcome, mut state) = run(&[(contract, Ok(code))], None, GAS);
            outcome.unwrap();
            assert_eq!(state.storage(contract, U256::ZERO).unwrap(), U256::from(29_999_998), "{contract}");
        }
    }

    /// JUMPDEST, PUSH0, JUMP, forever: 30 million gas are not enough for it.
    #[test]
    fn a_request_contract_that_runs_out_of_gas_makes_the_block_invalid() {
        let code: &[u8] = &hex!("5b5f56");
        let (outcome, _) = run(&[(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, Ok(code))], None, GAS);
        let error = outcome.unwrap_err();
        assert!(error.blames_block() && matches!(error, ValidationError::System { .. }), "{error}");
        // The system calls before the transactions may fail.
        run(&[(BEACON_ROOTS_ADDRESS, Ok(code))], None, GAS).0.unwrap();
    }

    /// EIP-7610 also holds for creations by a system contract.
    #[test]
    fn a_system_contract_creates_nothing_where_there_is_storage() {
        // PUSH0, PUSH0, PUSH0, CREATE, PUSH0, SSTORE.
        let code: &[u8] = &hex!("5f5f5ff05f55");
        let created = BEACON_ROOTS_ADDRESS.create(1);
        for (root, is_free) in [(EMPTY_ROOT_HASH, true), (B256::repeat_byte(7), false)] {
            let accounts = [(BEACON_ROOTS_ADDRESS, Ok(code)), (created, Err(root))];
            let (outcome, mut state) = run(&accounts, None, GAS);
            outcome.unwrap();
            let stored = state.storage(BEACON_ROOTS_ADDRESS, U256::ZERO).unwrap();
            assert_eq!(stored, if is_free { created.into_word().into() } else { U256::ZERO });
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

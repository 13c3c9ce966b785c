//! EIP-7610: until Osaka, nothing is created at an address that has storage, even if it has no code and no nonce.
//!
//! Since Amsterdam, the rule does not apply, and there is no other to rely on. By the code of the specification, the new
//! contract finds the old storage. Revm clears it, and clients still have the rule. So a creation at such an address is not
//! supported.
//!
//! Revm does not know this rule, because it does not see storage roots. Such accounts date from before
//! EIP-161, and no creation can hit those of mainnet. So execution takes this slower path only after one of
//! them was read.

use crate::{
    bytecode::jump_recorder::JumpRecorder, error::Unsupported, interpreter::bound::Stop, state::State,
};
use alloy_evm::eth::EthEvmContext;
use alloy_primitives::{Address, Bytes};
use revm::{
    Inspector,
    context_interface::{ContextTr, JournalTr, journaled_state::account::JournaledAccountTr},
    interpreter::{
        CreateInputs, CreateOutcome, Gas, InstructionResult, Interpreter, InterpreterResult,
        interpreter::EthInterpreter,
    },
    primitives::constants::CALL_STACK_LIMIT,
    state::AccountInfo,
};

/// Inspector that makes creations at addresses with storage fail as collisions, or end the run.
#[derive(Clone, Debug)]
pub(crate) struct StorageCollisions {
    /// Says whether the fork has the rule.
    pub(crate) has_rule: bool,
    /// Record of jump destinations, if they are to be recorded.
    pub(crate) jumps: Option<JumpRecorder>,
}

impl<S: State> Inspector<EthEvmContext<&mut S>> for StorageCollisions {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut EthEvmContext<&mut S>) {
        if let Some(jumps) = &self.jumps {
            jumps.note(interpreter);
        }
    }

    fn create(
        &mut self,
        context: &mut EthEvmContext<&mut S>,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        if !self.has_rule {
            stop_at_storage(context, inputs);
            return None;
        }
        let journal = context.journal_mut();
        // Failures before the address is looked at are left to the EVM. So are errors of the state, which the
        // EVM meets again.
        if journal.depth() > CALL_STACK_LIMIT as usize {
            return None;
        }
        let caller = journal.load_account(inputs.caller()).ok()?;
        let nonce = caller.info.nonce;
        if caller.info.balance < inputs.value() || nonce == u64::MAX {
            return None;
        }
        let address = inputs.created_address(nonce);
        journal.load_account(address).ok()?;
        if !journal.db().storage_only().contains(&address) {
            return None;
        }
        // As in every collision (EIP-684), the creator's nonce stays increased and all gas is consumed.
        journal.load_account_mut(inputs.caller()).ok()?.bump_nonce();
        Some(CreateOutcome {
            result: InterpreterResult {
                result: InstructionResult::CreateCollision,
                output: Bytes::new(),
                gas: Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit(), inputs.reservoir()),
            },
            address: None,
            charged_create_state_gas: inputs.charged_create_state_gas(),
        })
    }
}

/// Ends the run if it is to create a contract where there only is storage.
///
/// Since Amsterdam, the creator and the address are loaded before, and every failure that leaves the address alone has
/// happened. Nothing may be loaded here: it would be warm, and in the block access list (EIP-7928).
fn stop_at_storage<S: State>(context: &mut EthEvmContext<&mut S>, inputs: &CreateInputs) {
    let journal = &context.journaled_state;
    let info = |address: Address| journal.state.get(&address).map(|account| &account.info);
    let Some(caller) = info(inputs.caller()) else { return };
    let address = inputs.created_address(caller.nonce);
    let is_free = |account: &AccountInfo| account.nonce == 0 && account.is_empty_code_hash();
    // What has code or a nonce by now is a collision in any fork (EIP-684).
    if journal.database.storage_only().contains(&address) && info(address).is_none_or(is_free) {
        context.stop(Unsupported::StorageCollision(address));
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        block::{Block, Transaction},
        execute::execute,
        state::WitnessState,
    };
    use alloc::vec::Vec;
    use alloy_consensus::{Header, SignableTransaction, TxLegacy};
    use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, keccak256};
    use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
    use zeno_trie::{Preimages, Trie};
    use zeno_types::chain::ChainSpec;

    const SENDER: Address = Address::repeat_byte(1);
    /// Init code that deploys no code.
    const INIT_CODE: [u8; 1] = [0x00];
    const GAS: u64 = 100_000;

    /// Executes a block whose one transaction creates a contract, directly or by calling `creator`. The
    /// created address already has an account with a balance and this storage, and nothing else. Returns the
    /// state, and whether the transaction succeeded without using up its gas.
    fn run(creator: Option<(Address, Bytes)>, created: Address, storage_root: B256) -> (bool, WitnessState) {
        let mut trie = Trie::default();
        let mut put = |address: Address, account: TrieAccount| {
            let value = alloy_rlp::encode(account).into();
            trie.insert(&keccak256(address), value, &mut Preimages::default()).unwrap();
        };
        let plain = TrieAccount {
            nonce: 0,
            balance: U256::from(u64::MAX),
            storage_root: EMPTY_ROOT_HASH,
            code_hash: KECCAK256_EMPTY,
        };
        put(SENDER, plain);
        put(created, TrieAccount { storage_root, ..plain });
        if let Some((address, code)) = &creator {
            put(*address, TrieAccount { nonce: 1, code_hash: keccak256(code), ..plain });
        }
        let parent = Header { state_root: trie.hash(), ..Header::default() };
        let codes = creator.iter().map(|(_, code)| code.clone());
        let mut state = WitnessState::new(
            &parent,
            B256::ZERO,
            Preimages::new(trie.revealed()),
            Preimages::new(codes),
            Preimages::default(),
        );
        let transaction = TxLegacy {
            gas_limit: GAS,
            gas_price: 7,
            to: creator.as_ref().map_or(TxKind::Create, |(address, _)| TxKind::Call(*address)),
            input: if creator.is_some() { Bytes::new() } else { INIT_CODE.into() },
            ..TxLegacy::default()
        };
        let signed = transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false));
        let header = Header { number: 1, gas_limit: GAS, base_fee_per_gas: Some(7), ..Header::default() };
        let mut block = Block { header, ..Block::default() };
        block.body.transactions.push(Transaction::Legacy(signed));
        let chain = ChainSpec { forks: Vec::new(), ..ChainSpec::mainnet() };
        let outcome = execute(&chain, &block, &[SENDER], &mut state).unwrap();
        (outcome.receipts[0].success && outcome.gas_used < GAS, state)
    }

    #[test]
    fn a_transaction_creates_nothing_where_there_is_storage() {
        let created = SENDER.create(0);
        let (success, _) = run(None, created, EMPTY_ROOT_HASH);
        assert!(success);
        let (success, state) = run(None, created, B256::repeat_byte(7));
        assert!(!success);
        assert_eq!(state.storage_only(), [created]);
    }

    #[test]
    fn a_contract_creates_nothing_where_there_is_storage() {
        use revm::Database;
        let creator = Address::repeat_byte(2);
        // CREATE without init code.
        let code = Bytes::from_static(&[0x60, 0, 0x60, 0, 0x60, 0, 0xf0, 0]);
        for (storage_root, free) in [(EMPTY_ROOT_HASH, true), (B256::repeat_byte(7), false)] {
            let (_, mut state) = run(Some((creator, code.clone())), creator.create(1), storage_root);
            let nonce = |state: &mut WitnessState, address| state.basic(address).unwrap().unwrap().nonce;
            assert_eq!(nonce(&mut state, creator), 2);
            assert_eq!(nonce(&mut state, creator.create(1)), u64::from(free));
        }
    }

    /// An account with storage alone that a block empties (EIP-161) is no obstacle to a later block's creation there.
    #[test]
    fn an_emptied_account_is_free_in_the_next_block() {
        use revm::Database;
        let creator = Address::repeat_byte(2);
        let code = Bytes::from_static(&[0x60, 0, 0x60, 0, 0x60, 0, 0xf0, 0]);
        let created = creator.create(1);
        for touch in [false, true] {
            let mut trie = Trie::default();
            let mut put = |address: Address, account: TrieAccount| {
                let value = alloy_rlp::encode(account).into();
                trie.insert(&keccak256(address), value, &mut Preimages::default()).unwrap();
            };
            let plain = TrieAccount {
                nonce: 0,
                balance: U256::from(u64::MAX),
                storage_root: EMPTY_ROOT_HASH,
                code_hash: KECCAK256_EMPTY,
            };
            put(SENDER, plain);
            put(created, TrieAccount { balance: U256::ZERO, storage_root: B256::repeat_byte(7), ..plain });
            put(creator, TrieAccount { nonce: 1, code_hash: keccak256(&code), ..plain });
            let parent = Header { state_root: trie.hash(), ..Header::default() };
            let mut state = WitnessState::new(
                &parent,
                B256::ZERO,
                Preimages::new(trie.revealed()),
                Preimages::new([code.clone()]),
                Preimages::default(),
            );
            let chain = ChainSpec { forks: Vec::new(), ..ChainSpec::mainnet() };
            for (nonce, to) in [(0, if touch { created } else { Address::repeat_byte(9) }), (1, creator)] {
                let transaction = TxLegacy {
                    nonce,
                    gas_limit: GAS,
                    gas_price: 7,
                    to: TxKind::Call(to),
                    ..TxLegacy::default()
                };
                let signed = transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false));
                let header = Header {
                    number: 1 + nonce,
                    gas_limit: GAS,
                    base_fee_per_gas: Some(7),
                    ..Header::default()
                };
                let mut block = Block { header, ..Block::default() };
                block.body.transactions.push(Transaction::Legacy(signed));
                execute(&chain, &block, &[SENDER], &mut state).unwrap();
                state.settle().unwrap();
            }
            assert_eq!(state.basic(created).unwrap().map(|info| info.nonce), Some(u64::from(touch)));
        }
    }
}

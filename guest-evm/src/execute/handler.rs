//! Order of a transaction's or system call's steps.

use crate::{
    bytecode,
    execute::{
        calls::{self, Called},
        evm::{Error, Inner},
    },
    interpreter,
    state::State,
};
use alloy_primitives::Bytes;
use core::marker::PhantomData;
use revm::{
    context::{Cfg, ContextError, Transaction},
    context_interface::CreateScheme,
    context_interface::{
        ContextTr, JournalTr,
        result::{HaltReason, InvalidTransaction},
    },
    handler::{
        EvmTr, FrameResult, Handler, ItemOrResult, instructions::InstructionProvider, pre_execution,
        validation,
    },
    inspector::InspectorHandler,
    interpreter::{
        CreateInputs, FrameInput, GasTracker, InitialAndFloorGas, InstructionResult,
        interpreter::{EthInterpreter, ExtBytecode},
        interpreter_action::FrameInit,
        interpreter_types::Jumps,
    },
    primitives::{AddressMap, HashSet},
};
use zeno_types::chain::{ForkRules, SystemCall};

/// Revm's handler of mainnet, with five differences.
///
/// - Revm gives system calls the state gas of Amsterdam (EIP-8037) as execution gas, in all forks. There it belongs to the
///   reservoir, which `GAS` doesn't show, and which pays for nothing but state.
/// - Revm warms nothing for system calls. In the specification of Amsterdam they begin like transactions. They end
///   otherwise: accounts that they destroy keep all but their balance.
/// - From Amsterdam on, EIP-8037 also bounds a transaction's gas limit as a whole, which revm doesn't.
/// - Init codes are [analysed](bytecode::analyse_init_code) as other codes are, not by revm's slower search, and long ones
///   only once they jump. Their gas pays for little.
/// - [Calls](calls) between contracts don't move their inputs and results.
pub(super) struct BlockHandler<'a, S: State> {
    rules: &'static ForkRules,
    is_system_call: bool,
    evm: PhantomData<Inner<'a, S>>,
}

impl<S: State> BlockHandler<'_, S> {
    /// Makes the handler of a transaction.
    pub(super) fn transaction(rules: &'static ForkRules) -> Self {
        Self { rules, is_system_call: false, evm: PhantomData }
    }

    /// Makes the handler of a system call.
    pub(super) fn system_call(rules: &'static ForkRules) -> Self {
        Self { rules, is_system_call: true, evm: PhantomData }
    }

    /// Warms what is warm at the beginning of a system call, apart from the contract. Nothing is loaded by that: it would be
    /// an access (EIP-7928).
    pub(super) fn warm_system_call(&self, evm: &mut Inner<'_, S>) -> Result<(), Error> {
        if self.rules.system_call.is_specified {
            pre_execution::load_accounts::<_, Error>(evm)?;
            let caller = evm.ctx_ref().tx().caller();
            let addresses = AddressMap::from_iter([(caller, HashSet::default())]);
            evm.ctx().journal_mut().warm_access_list(addresses);
        }
        Ok(())
    }
}

/// Begins a frame, or returns its result if it has one at once.
#[inline(always)]
fn begin<S: State>(
    evm: &mut Inner<'_, S>,
    mut frame: FrameInit,
) -> Result<ItemOrResult<(), FrameResult>, Error> {
    let code = match &mut frame.frame_input {
        FrameInput::Create(inputs) => Some(take_init_code(evm, inputs)?),
        _ => None,
    };
    Ok(evm.frame_init(frame)?.map_item(|frame| {
        if let Some(code) = code {
            frame.interpreter.bytecode = ExtBytecode::new(bytecode::analyse_init_code(code));
        }
    }))
}

/// Takes the init code of a creation, after the address that follows from it. Revm needs it for nothing else.
#[cold]
#[inline(never)]
fn take_init_code<S: State>(evm: &mut Inner<'_, S>, inputs: &mut CreateInputs) -> Result<Bytes, Error> {
    // The creating account is loaded already.
    let nonce = evm.ctx().journal_mut().load_account(inputs.caller())?.info.nonce;
    let address = inputs.created_address(nonce);
    let code = inputs.init_code().clone();
    inputs.set_scheme(CreateScheme::Custom { address });
    inputs.set_init_code(Bytes::new());
    Ok(code)
}

/// Runs the topmost frame, and those of the calls in it that begin at once, until one of them ends or begins another by
/// revm. Returns the reason for which the frame that is topmost then has ended.
#[inline(always)]
fn run<S: State>(evm: &mut Inner<'_, S>) -> Result<InstructionResult, Error> {
    loop {
        let opcode = evm.frame_stack.get().interpreter.bytecode.opcode();
        if interpreter::is_call(opcode) && calls::is_plain(evm) {
            match calls::call(evm, opcode)? {
                Called::Done => continue,
                Called::Failed(result) => return Ok(result),
            }
        }
        let Inner::<S> { ctx, instruction, frame_stack, .. } = evm;
        let interpreter = &mut frame_stack.get().interpreter;
        let step = interpreter.step(instruction.instruction_table(), instruction.gas_table(), ctx);
        if let Err(end) = step {
            return Ok(end);
        }
    }
}

/// Ends the topmost frame. The rest of what revm's `frame_run` does after a run.
#[inline(never)]
fn end_by_revm<S: State>(evm: &mut Inner<'_, S>, end: InstructionResult) -> Result<FrameResult, Error> {
    let frame = evm.frame_stack.get();
    if frame.interpreter.bytecode.action.is_none() {
        frame.interpreter.halt(end);
    }
    let action = frame.interpreter.take_next_action();
    match frame.process_next_action::<_, ContextError<_>>(&mut evm.ctx, action)? {
        ItemOrResult::Result(result) => {
            frame.set_finished(true);
            Ok(result)
        }
        ItemOrResult::Item(_) => unreachable!("a frame that ends begins none"),
    }
}

impl<'a, S: State> Handler for BlockHandler<'a, S> {
    type Evm = Inner<'a, S>;
    type Error = Error;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Inner<'a, S>) -> Result<(), Error> {
        let gas_limit = evm.ctx_ref().tx().gas_limit();
        match self.rules.max_transaction_gas {
            Some(cap) if gas_limit > cap => {
                Err(InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap }.into())
            }
            _ => validation::validate_env(evm.ctx()),
        }
    }

    fn run_exec_loop(&mut self, evm: &mut Inner<'a, S>, first: FrameInit) -> Result<FrameResult, Error> {
        if let ItemOrResult::Result(result) = begin(evm, first)? {
            return Ok(result);
        }
        loop {
            let end = run(evm)?;
            let result = if let Some(frame) = calls::next_frame(evm) {
                match begin(evm, frame)? {
                    ItemOrResult::Item(()) => continue,
                    ItemOrResult::Result(result) => result,
                }
            } else if calls::is_called(evm) {
                calls::finish(evm, end)?;
                continue;
            } else {
                end_by_revm(evm, end)?
            };
            if let Some(result) = evm.frame_return_result(result)? {
                return Ok(result);
            }
        }
    }

    fn tx_gas(&self, evm: &mut Inner<'a, S>, gas: &InitialAndFloorGas) -> GasTracker {
        if self.is_system_call {
            let SystemCall { gas, state_gas, .. } = self.rules.system_call;
            return GasTracker::new(gas + state_gas, gas, state_gas);
        }
        // The same as the trait's.
        let context = evm.ctx_ref();
        let limit = context.tx().gas_limit();
        let (remaining, reservoir) = gas.initial_gas_and_reservoir(limit, context.cfg().tx_gas_limit_cap());
        GasTracker::new(limit, remaining, reservoir)
    }
}

impl<S: State> InspectorHandler for BlockHandler<'_, S> {
    type IT = EthInterpreter;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bytecode::jump_recorder::JumpRecorder,
        execute::{
            evm::Memory,
            execute_with,
            test_block::{self, SENDER},
        },
        word::Portable,
    };
    use alloc::vec::Vec;
    use alloy_primitives::{Address, TxKind, hex};
    use zeno_types::chain::Fork;

    /// Creations by both instructions and by a transaction, of init codes that jump, jump into data, fail, revert, return
    /// code, call their creator, or are empty. Revm's own frames, which run under inspection, give the same outcome.
    #[test]
    fn creations_are_those_of_revm() {
        let factory = Address::repeat_byte(2);
        // CALLDATACOPY of all data; CREATE, CREATE2 with its address as the salt, and CREATE2 with 7, which collides the second time.
        let mut code = hex!("365f5f37").to_vec();
        for create in [&hex!("365f5ff0")[..], &hex!("61040051365f5ff5"), &hex!("6007365f5ff5")] {
            code.extend(create);
            // MSTORE of the address after the data, then of RETURNDATASIZE; LOG1 with the address as topic too.
            code.extend(hex!("80610400523d610420526040610400a1"));
        }
        let jumps = hex!("600456fe5b60aa5f5360015ff3");
        // A long one: it jumps forwards over a mixture, to a loop of 20 jumps back, and returns a byte; and one that jumps
        // into the mixture's data in the end.
        let [long, failing] = [&hex!("60015ff3")[..], &hex!("61084a56")].map(|end| {
            // PUSH1 20, PUSH2 0x0b02, JUMP.
            let mut code = hex!("6014610b0256").to_vec();
            code.resize(0x848, 0x5b);
            code.extend(hex!("5b605b5b5b5b5b5b").repeat(0x57));
            // JUMPDEST at 0x0b02; PUSH1 1, SWAP1, SUB, DUP1, PUSH2 0x0b02, JUMPI.
            code.resize(0x0b02, 0);
            code.extend(hex!("5b600190038061 0b0257"));
            code.extend(end);
            code
        });
        let init_codes: [&[u8]; 12] = [
            &long,
            &failing,
            &[],
            // Over an invalid instruction, to return a byte.
            &jumps,
            // Into the data of a PUSH2, to a byte that is no JUMPDEST, and beyond the end.
            &hex!("600556615b5b00"),
            &hex!("60035600"),
            &hex!("61ffff56"),
            // It reverts with 32 bytes; it stops; it returns a code that begins with 0xef.
            &hex!("60205ffd"),
            &hex!("00"),
            &hex!("60ef5f5360015ff3"),
            // A delegation to the factory, which is no code.
            &hex!("ef01000202020202020202020202020202020202020202"),
            // It calls its creator without data, then logs its own address, code size and gas.
            &hex!("5f5f5f5f5f335af1 30 38 5a 5f 5f a3"),
        ];
        for fork in [Fork::Shanghai, Fork::Cancun, Fork::Prague, Fork::Osaka, Fork::Amsterdam] {
            for init_code in init_codes {
                for gas in (60_000..1_200_000).step_by(103_411) {
                    let data = Bytes::copy_from_slice(init_code);
                    let mut block = test_block::block(30_000_000);
                    block.header.base_fee_per_gas = Some(0);
                    for (nonce, to) in
                        [(0, TxKind::Call(factory)), (1, TxKind::Create), (2, TxKind::Call(factory))]
                    {
                        let transaction = test_block::transaction(nonce, gas, to, 0, data.clone());
                        block.body.transactions.push(transaction);
                    }
                    let [ours, theirs] = [None, Some(JumpRecorder::default())].map(|jumps| {
                        let mut state = test_block::state(&[(factory, Ok(&code))]);
                        let chain = test_block::chain(fork);
                        let memory = Memory::default();
                        execute_with::<Portable, _>(&chain, &block, &[SENDER; 3], &mut state, jumps, &memory)
                            .map(|outcome| (outcome.receipts, outcome.gas_used, outcome.access_list))
                            .map_err(|error| alloc::string::ToString::to_string(&error))
                    });
                    assert_eq!(ours, theirs, "{fork}, {}, {gas}", hex::encode(init_code));
                    if gas > 1_000_000 && *init_code == jumps {
                        let logs =
                            ours.unwrap().0.iter().map(|receipt| receipt.logs.len()).collect::<Vec<_>>();
                        assert_eq!(logs, [3, 0, 3], "{fork}");
                    }
                }
            }
        }
    }
}

//! Calls between contracts, without the values that revm moves for each of them.
//!
//! Revm's instruction puts the inputs of a call into a box, and its loop moves them through four enums into a new frame. The
//! result comes back the same way. Most of a call's cost is these copies: addresses and hashes are moved byte by byte, and an
//! account is looked up twice. Here, the new frame is filled in place, and the result of a frame goes from it to its caller.
//!
//! Results, gas and failures are revm's; the tests compare them. Whatever is rare is left to revm: calls that are too deep,
//! frames of a transaction and of creations, and memory near its [bound].

use crate::{
    execute::evm::{Context, Error, Inner},
    interpreter::bound,
    state::State,
};
use alloy_primitives::{Address, Bytes, U256};
use core::{mem, ops::Range};
use revm::{
    bytecode::opcode,
    context::ContextError,
    context_interface::{
        Cfg,
        cfg::GasParams,
        context::take_error,
        journaled_state::{
            JournalCheckpoint, JournalTr, TransferError,
            entry::{JournalEntry, JournalEntryTr},
        },
        result::FromStringError,
    },
    handler::{CallFrame, EthFrame, FrameData, PrecompileProvider, handle_reservoir_remaining_gas},
    interpreter::{
        CallInput, CallInputs, CallScheme, CallValue, FrameInput, Gas, GasTracker, InputsImpl,
        InstructionContext, InstructionResult, Interpreter, InterpreterAction, InterpreterResult,
        SharedMemory, Stack,
        instructions::{
            contract::{load_acc_and_calc_gas, resize_memory},
            utility::IntoAddress,
        },
        interpreter::{EthInterpreter, ExtBytecode, RuntimeFlags},
        interpreter_action::FrameInit,
        interpreter_types::{Jumps, LoopControl},
    },
    primitives::constants::CALL_STACK_LIMIT,
    state::{Account, Bytecode},
};

/// Outcome of a call.
pub(super) enum Called {
    /// Its frame has begun, or its caller has its result.
    Done,
    /// The caller's frame fails.
    Failed(InstructionResult),
}

/// Address whose words can be copied.
#[derive(Clone, Copy)]
#[repr(align(4))]
struct Aligned(Address);

/// Parameters of a call on the stack.
struct Parameters {
    gas: u64,
    to: Aligned,
    value: U256,
    /// Ranges of the caller's memory. That of the input begins at the start of all memory.
    input: Range<usize>,
    output: Range<usize>,
}

/// Account that is called, as far as the call needs it.
struct Callee {
    /// Gas of the call's frame.
    gas: u64,
    code: Bytecode,
    /// State before the call's transfer.
    checkpoint: JournalCheckpoint,
    /// Says whether the transfer, of nothing, is done.
    is_transferred: bool,
    /// Says whether state gas for a new account was paid (EIP-8037).
    is_new: bool,
}

/// Returns whether [`call`] executes the topmost frame's call. If not, it is one of those that are left to revm.
#[inline(always)]
pub(super) fn is_plain<S: State>(evm: &mut Inner<'_, S>) -> bool {
    let EthFrame { depth, interpreter, .. } = evm.frame_stack.get();
    *depth < CALL_STACK_LIMIT as usize && !bound::may_cross(interpreter)
}

/// Executes the instruction at the topmost frame's position, which is a [plain](is_plain)
/// [call](crate::interpreter::is_call).
#[inline(never)]
pub(super) fn call<S: State>(evm: &mut Inner<'_, S>, opcode: u8) -> Result<Called, Error> {
    let frame = evm.frame_stack.get();
    let depth = frame.depth + 1;
    let interpreter = &mut frame.interpreter;
    interpreter.bytecode.relative_jump(1);
    let static_gas = u64::from(evm.instruction.gas_table()[usize::from(opcode)]);
    if interpreter.gas.record_cost_unsafe(static_gas) {
        return Ok(Called::Failed(InstructionResult::OutOfGas));
    }
    let prepared = parameters(interpreter, evm.ctx.cfg.gas_params(), opcode).and_then(|parameters| {
        let callee = callee(interpreter, &mut evm.ctx, opcode, &parameters)?;
        Ok((parameters, callee))
    });
    let (parameters, callee) = match prepared {
        Ok(prepared) => prepared,
        Err(result) => return Ok(Called::Failed(result)),
    };

    let transferred =
        if callee.is_transferred { None } else { transfer(interpreter, &mut evm.ctx, opcode, &parameters) };
    let (result, output, mut gas) = if let Some(error) = transferred {
        evm.ctx.journaled_state.checkpoint_revert(callee.checkpoint);
        (error.into(), Bytes::new(), None)
    } else if may_be_precompile(&parameters.to)
        && let Some(returned) = precompile(evm, opcode, &parameters, &callee)?
    {
        (returned.result, returned.output, Some(*returned.gas.tracker()))
    } else if callee.code.is_empty() {
        evm.ctx.journaled_state.checkpoint_commit();
        (InstructionResult::Stop, Bytes::new(), None)
    } else {
        begin(evm, opcode, depth, parameters, callee);
        return Ok(Called::Done);
    };
    let refund = (callee.is_new && !result.is_ok()).then(|| evm.ctx.cfg.gas_params().new_account_state_gas());
    let interpreter = &mut evm.frame_stack.get().interpreter;
    let reservoir = interpreter.gas.reservoir();
    let gas = gas.get_or_insert_with(|| GasTracker::new(callee.gas, callee.gas, reservoir));
    give(interpreter, result, output, gas, parameters.output);
    // Revm refills it after the call's reservoir.
    if let Some(refund) = refund {
        interpreter.gas.refill_reservoir(refund);
    }
    Ok(Called::Done)
}

/// Begins the frame of a call.
#[inline(always)]
fn begin<S: State>(evm: &mut Inner<'_, S>, opcode: u8, depth: usize, parameters: Parameters, callee: Callee) {
    // Otherwise, nobody would give the state gas back: a new account has no code.
    assert!(!callee.is_new, "state gas for an account that has code");
    let interpreter = &mut evm.frame_stack.get().interpreter;
    let spec_id = interpreter.runtime_flag.spec_id;
    let memory = interpreter.memory.new_child_context();
    let (caller, frame) = push(evm);
    frame.depth = depth;
    frame.checkpoint = callee.checkpoint;
    frame.is_finished = false;
    frame.data = FrameData::Call(CallFrame { return_memory_range: parameters.output.clone() });
    // Only inspectors read it, and revm for state gas that is to be returned.
    frame.input = FrameInput::Empty;
    let is_static = caller.runtime_flag.is_static || opcode == opcode::STATICCALL;
    let new = &mut frame.interpreter;
    new.runtime_flag = RuntimeFlags { is_static, spec_id };
    fill(new, caller, memory, opcode, parameters, callee);
    new.input.depth = depth;
}

/// Returns whether the call may be of a precompile: no fork has one whose address does not begin with twelve zeros. A few
/// comparisons here cost less than a search.
#[inline(always)]
fn may_be_precompile(to: &Aligned) -> bool {
    to.0[..12].iter().all(|byte| *byte == 0)
}

/// Runs the precompile at the address of the call, if there is one, and keeps or reverts what the call has changed.
#[inline(never)]
fn precompile<S: State>(
    evm: &mut Inner<'_, S>,
    opcode: u8,
    parameters: &Parameters,
    callee: &Callee,
) -> Result<Option<InterpreterResult>, Error> {
    let Interpreter { input, gas, runtime_flag, .. } = &evm.frame_stack.get().interpreter;
    let to = parameters.to.0;
    let (target_address, caller) = parties(input, opcode, &to);
    let value = match opcode {
        opcode::DELEGATECALL => CallValue::Apparent(input.call_value),
        _ => CallValue::Transfer(parameters.value),
    };
    let scheme = match opcode {
        opcode::CALL => CallScheme::Call,
        opcode::CALLCODE => CallScheme::CallCode,
        opcode::DELEGATECALL => CallScheme::DelegateCall,
        _ => CallScheme::StaticCall,
    };
    let inputs = CallInputs {
        input: CallInput::SharedBuffer(parameters.input.clone()),
        return_memory_offset: parameters.output.clone(),
        gas_limit: callee.gas,
        reservoir: gas.reservoir(),
        bytecode_address: to,
        // A precompile runs in place of any code.
        known_bytecode: Default::default(),
        target_address: *target_address,
        caller: *caller,
        value,
        scheme,
        is_static: runtime_flag.is_static || opcode == opcode::STATICCALL,
        charged_new_account_state_gas: callee.is_new,
    };
    let Some(returned) = evm.precompiles.run(&mut evm.ctx, &inputs).map_err(Error::from_string)? else {
        return Ok(None);
    };
    if returned.result.is_ok() {
        evm.ctx.journaled_state.checkpoint_commit();
    } else {
        evm.ctx.journaled_state.checkpoint_revert(callee.checkpoint);
    }
    check(evm, returned.result)?;
    Ok(Some(returned))
}

/// Takes the parameters from the stack, and lets memory grow for them.
#[inline(always)]
fn parameters(
    interpreter: &mut Interpreter<EthInterpreter>,
    gas_params: &GasParams,
    opcode: u8,
) -> Result<Parameters, InstructionResult> {
    let words = interpreter.stack.data();
    let has_value = matches!(opcode, opcode::CALL | opcode::CALLCODE);
    let count = if has_value { 7 } else { 6 };
    let Some(rest) = words.len().checked_sub(count) else { return Err(InstructionResult::StackUnderflow) };
    let [out_length, out_offset, in_length, in_offset, ref above @ ..] = words[rest..] else {
        return Err(InstructionResult::StackUnderflow);
    };
    let (value, to, gas) = match *above {
        [to, gas] => (U256::ZERO, to, gas),
        [value, to, gas] => (value, to, gas),
        _ => return Err(InstructionResult::StackUnderflow),
    };
    let to = Aligned(to.into_address());
    let gas = u64::try_from(gas).unwrap_or(u64::MAX);
    interpreter.stack.data_mut().truncate(rest);
    if opcode == opcode::CALL && interpreter.runtime_flag.is_static && !value.is_zero() {
        return Err(InstructionResult::CallNotAllowedInsideStatic);
    }
    let mut input = grow(interpreter, gas_params, in_offset, in_length)?;
    if !input.is_empty() {
        let start = bound::start(interpreter);
        input = input.start.saturating_add(start)..input.end.saturating_add(start);
    }
    let output = grow(interpreter, gas_params, out_offset, out_length)?;
    Ok(Parameters { gas, to, value, input, output })
}

/// Lets memory grow to this range. An empty one is where revm has it.
#[inline(always)]
fn grow(
    interpreter: &mut Interpreter<EthInterpreter>,
    gas_params: &GasParams,
    offset: U256,
    length: U256,
) -> Result<Range<usize>, InstructionResult> {
    if length.is_zero() {
        return Ok(usize::MAX..usize::MAX);
    }
    resize_memory(interpreter, gas_params, offset, length)
}

/// Loads the account that is called, and takes the gas of the call.
#[inline(always)]
fn callee<S: State>(
    interpreter: &mut Interpreter<EthInterpreter>,
    context: &mut Context<'_, S>,
    opcode: u8,
    parameters: &Parameters,
) -> Result<Callee, InstructionResult> {
    let to = &parameters.to.0;
    let has_value = !parameters.value.is_zero();
    // A warm account that receives nothing costs nothing. All forks are later than EIP-150 and EIP-161.
    if !has_value && let Some(account) = warm(context, to) {
        let code = account.info.code.clone().unwrap_or_default();
        // A transfer of nothing touches who gets it, unless it is who gives it.
        let caller = &interpreter.input.target_address;
        let touches =
            !account.is_touched() && matches!(opcode, opcode::CALL | opcode::STATICCALL) && to != caller;
        if touches {
            account.mark_touch();
        }
        let remaining = interpreter.gas.remaining();
        let gas = (remaining - remaining / 64).min(parameters.gas);
        interpreter.gas.set_remaining(remaining - gas);
        let checkpoint = context.journaled_state.checkpoint();
        if touches {
            context.journaled_state.inner.journal.push(JournalEntry::account_touched(*to));
        }
        return Ok(Callee { gas, code, checkpoint, is_transferred: true, is_new: false });
    }
    let is_call = opcode == opcode::CALL;
    let (gas, code, _, is_new) = load_acc_and_calc_gas(
        &mut InstructionContext { interpreter, host: &mut *context },
        *to,
        has_value,
        is_call,
        parameters.gas,
    )?;
    let checkpoint = context.journaled_state.checkpoint();
    Ok(Callee { gas, code, checkpoint, is_transferred: opcode == opcode::DELEGATECALL, is_new })
}

/// Returns an account if it is warm, its code is loaded, and it delegates to no other account (EIP-7702). To load such an
/// account changes nothing.
#[inline(always)]
fn warm<'a, S: State>(context: &'a mut Context<'_, S>, address: &Address) -> Option<&'a mut Account> {
    let journal = &mut context.journaled_state.inner;
    let account = journal.state.get_mut(address)?;
    let code = account.info.code.as_ref()?;
    if code.is_eip7702() || account.is_cold_transaction_id(journal.transaction_id) {
        return None;
    }
    Some(account)
}

/// Transfers the value of the call. A transfer of nothing touches the account that gets it.
#[inline(always)]
fn transfer<S: State>(
    interpreter: &Interpreter<EthInterpreter>,
    context: &mut Context<'_, S>,
    opcode: u8,
    parameters: &Parameters,
) -> Option<TransferError> {
    let caller = interpreter.input.target_address;
    let target = if opcode == opcode::CALLCODE { caller } else { parameters.to.0 };
    context.journaled_state.transfer_loaded(caller, target, parameters.value)
}

/// The account whose state a call may change, and its caller. `input` is that of the calling frame, `to` the called account.
#[inline(always)]
fn parties<'a>(input: &'a InputsImpl, opcode: u8, to: &'a Address) -> (&'a Address, &'a Address) {
    match opcode {
        opcode::DELEGATECALL => (&input.target_address, &input.caller_address),
        opcode::CALLCODE => (&input.target_address, &input.target_address),
        _ => (to, &input.target_address),
    }
}

/// Adds a frame to the stack, whose fields are those of an earlier one. Also returns the interpreter of the frame below it.
#[inline(always)]
#[expect(unsafe_code, reason = "two frames of the stack, which lends only one")]
fn push<'a, S: State>(evm: &'a mut Inner<'_, S>) -> (&'a mut Interpreter<EthInterpreter>, &'a mut EthFrame) {
    let mut next = evm.frame_stack.get_next();
    next.get(EthFrame::invalid);
    let token = next.consume();
    let caller: *mut EthFrame = evm.frame_stack.get();
    // SAFETY: the token is that of the next frame. From then on, it is the one that the stack lends, and the other one stays
    // in its place: the stack may only have moved in `get_next`.
    unsafe {
        evm.frame_stack.push(token);
        (&mut (*caller).interpreter, evm.frame_stack.get())
    }
}

/// Makes the interpreter ready for the called code, like [`Interpreter::clear`].
#[inline(always)]
fn fill(
    new: &mut Interpreter<EthInterpreter>,
    caller: &Interpreter<EthInterpreter>,
    memory: SharedMemory,
    opcode: u8,
    parameters: Parameters,
    callee: Callee,
) {
    let Parameters { to, value, input, .. } = parameters;
    // Without the code's hash, of which nobody asks the interpreter.
    new.bytecode = ExtBytecode::new(callee.code);
    new.gas = Gas::new_with_regular_gas_and_reservoir(callee.gas, caller.gas.reservoir());
    if new.stack.data().capacity() == 0 {
        new.stack = Stack::new();
    } else {
        new.stack.data_mut().clear();
    }
    if !new.return_data.0.is_empty() {
        new.return_data.0 = Bytes::new();
    }
    new.memory = memory;
    let (target, sender) = parties(&caller.input, opcode, &to.0);
    copy(target, &mut new.input.target_address);
    copy(sender, &mut new.input.caller_address);
    // No instruction reads it.
    new.input.bytecode_address = None;
    new.input.input = CallInput::SharedBuffer(input);
    new.input.call_value = if opcode == opcode::DELEGATECALL { caller.input.call_value } else { value };
}

/// Copies an address by words, if both lie at words. The compiler has to copy it byte by byte, in four times the
/// instructions.
#[inline(always)]
#[expect(unsafe_code, reason = "bytes as words")]
fn copy(from: &Address, to: &mut Address) {
    let (source, target) =
        (core::ptr::from_ref(from).cast::<[u32; 5]>(), core::ptr::from_mut(to).cast::<[u32; 5]>());
    if source.is_aligned() && target.is_aligned() {
        // SAFETY: twenty bytes each, at multiples of four.
        unsafe { *target = *source };
    } else {
        *to = *from;
    }
}

/// Takes the inputs of the frame that the topmost one begins by an instruction of revm, as by
/// [`EthFrame::process_next_action`]. `None` if it ends.
#[inline(always)]
pub(super) fn next_frame<S: State>(evm: &mut Inner<'_, S>) -> Option<FrameInit> {
    let EthFrame { depth, interpreter, .. } = evm.frame_stack.get();
    let Some(InterpreterAction::NewFrame(input)) = &mut interpreter.bytecode.action else { return None };
    let frame_input = mem::replace(input, FrameInput::Empty);
    interpreter.bytecode.action = None;
    interpreter.bytecode.reset_action();
    Some(FrameInit { depth: *depth + 1, memory: interpreter.memory.new_child_context(), frame_input })
}

/// Returns whether [`finish`] may end the topmost frame: a called one. It does not [begin another](next_frame).
#[inline(always)]
pub(super) fn is_called<S: State>(evm: &mut Inner<'_, S>) -> bool {
    if evm.frame_stack.index() == Some(0) {
        return false;
    }
    let frame = evm.frame_stack.get();
    matches!(frame.data, FrameData::Call(_))
        // State gas of a frame that revm has begun.
        && !matches!(&frame.input, FrameInput::Call(inputs) if inputs.charged_new_account_state_gas)
}

/// Ends the topmost frame, which is a [called one](is_called), and gives its result to its caller. `end` is the reason for
/// which its run ended.
#[inline(never)]
pub(super) fn finish<S: State>(evm: &mut Inner<'_, S>, end: InstructionResult) -> Result<(), Error> {
    let frame = evm.frame_stack.get();
    let interpreter = &mut frame.interpreter;
    let (result, output, mut gas) = match &mut interpreter.bytecode.action {
        Some(InterpreterAction::Return(returned)) => {
            (returned.result, mem::take(&mut returned.output), *returned.gas.tracker())
        }
        // Same as `Interpreter::halt`.
        _ => {
            if end == InstructionResult::OutOfGas {
                interpreter.gas.spend_all();
            }
            (end, Bytes::new(), *interpreter.gas.tracker())
        }
    };
    let range = match &frame.data {
        FrameData::Call(call) => call.return_memory_range.clone(),
        FrameData::Create(_) => unreachable!("the frame of a creation"),
    };
    let checkpoint = frame.checkpoint;
    if result.is_ok() {
        evm.ctx.journaled_state.checkpoint_commit();
    } else {
        evm.ctx.journaled_state.checkpoint_revert(checkpoint);
    }
    evm.frame_stack.pop();
    check(evm, result)?;
    let caller = &mut evm.frame_stack.get().interpreter;
    caller.memory.free_child_context();
    give(caller, result, output, &mut gas, range);
    Ok(())
}

/// Ends the run if a call has ended for a reason that no chain knows.
#[inline(always)]
fn check<S: State>(evm: &mut Inner<'_, S>, result: InstructionResult) -> Result<(), Error> {
    if evm.ctx.error.is_err() {
        take_error::<ContextError<_>, _>(&mut evm.ctx.error)?;
    }
    assert_ne!(result, InstructionResult::FatalExternalError, "a fatal error without its reason");
    Ok(())
}

/// Gives the result of a call to its caller. `range` is the part of the caller's memory for the output, and `gas` is that of
/// the call.
#[inline(always)]
fn give(
    caller: &mut Interpreter<EthInterpreter>,
    result: InstructionResult,
    output: Bytes,
    gas: &mut GasTracker,
    range: Range<usize>,
) {
    let length = range.len().min(output.len());
    // The call has taken more words than it gives back.
    _ = caller.stack.push(U256::from(u8::from(result.is_ok())));
    if length > 0 && result.is_ok_or_revert() {
        caller.memory.set(range.start, &output[..length]);
    }
    caller.return_data.0 = output;
    handle_reservoir_remaining_gas(result, caller.gas.tracker_mut(), gas);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bytecode::jump_recorder::JumpRecorder,
        execute::{
            evm::Memory,
            execute_with,
            hardforks::Hardforks,
            test_block::{self, Content, SENDER},
        },
        word::Portable,
    };
    use alloc::{format, string::ToString, vec, vec::Vec};
    use alloy_evm::spec_by_timestamp_and_block_number;
    use alloy_primitives::{B256, TxKind, hex};
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::{
        Database,
        precompile::{PrecompileSpecId, Precompiles, u64_to_address},
    };
    use zeno_types::chain::Fork;

    /// Everything that a block of transactions to these addresses leaves, in the plain run and in one with revm's own frames.
    fn both(
        fork: Fork,
        accounts: &[(Address, Content<'_>)],
        calls: &[(Address, u64, u64)],
    ) -> [Result<alloc::string::String, alloc::string::String>; 2] {
        let mut block = test_block::block(1 << 50);
        for (nonce, (to, gas, value)) in calls.iter().enumerate() {
            let data = vec![0x5a; 40].into();
            let transaction = test_block::transaction(nonce as u64, *gas, TxKind::Call(*to), *value, data);
            block.body.transactions.push(transaction);
        }
        let senders = vec![SENDER; calls.len()];
        // Inspection runs revm's loop.
        [None, Some(JumpRecorder::default())].map(|jumps| {
            let mut state = test_block::state(accounts);
            let chain = test_block::chain(fork);
            let memory = Memory::default();
            execute_with::<Portable, _>(&chain, &block, &senders, &mut state, jumps, &memory)
                .map(|outcome| {
                    let after = accounts.iter().map(|(address, content)| {
                        // The witness has no storage of an account that is said to have it.
                        let slots: &[u64] = if content.is_ok() { &[0, 1, 2] } else { &[] };
                        let slots =
                            slots.iter().map(|slot| state.storage(*address, U256::from(*slot)).unwrap());
                        let slots = slots.collect::<Vec<_>>();
                        (state.basic(*address).unwrap(), slots)
                    });
                    let after = after.collect::<Vec<_>>();
                    format!("{:?}", (outcome.receipts, outcome.gas_used, outcome.access_list, after))
                })
                .map_err(|error| error.to_string())
        })
    }

    fn push(code: &mut Vec<u8>, bytes: &[u8]) {
        code.push(opcode::PUSH0 + bytes.len() as u8);
        code.extend(bytes);
    }

    /// Appends a call of this address, and writes its result, the size of what it returned, and the gas to memory.
    fn append_call(rng: &mut StdRng, code: &mut Vec<u8>, to: Address) {
        // Lengths and offsets, from the output's to the input's. Seldom more memory than there is gas for.
        for _ in 0..4 {
            match rng.random_range(0..40) {
                0 => push(code, &[0xff; 32]),
                1 => push(code, &[0x07, 0xff, 0xff]),
                2..24 => push(code, &[0]),
                _ => push(code, &[rng.random_range(0..100)]),
            }
        }
        let kind = [opcode::CALL, opcode::CALLCODE, opcode::DELEGATECALL, opcode::STATICCALL]
            [rng.random_range(0..4)];
        if matches!(kind, opcode::CALL | opcode::CALLCODE) {
            match rng.random_range(0..12) {
                0 => push(code, &[0xff; 32]),
                1..4 => push(code, &[rng.random_range(1..9)]),
                _ => push(code, &[0]),
            }
        }
        push(code, to.as_slice());
        match rng.random_range(0..8) {
            0 => push(code, &[0]),
            1 => push(code, &[rng.random(), rng.random()]),
            2 => push(code, &[0xff; 32]),
            _ => code.push(opcode::GAS),
        }
        code.push(kind);
        for (at, instruction) in [(0, None), (32, Some(opcode::RETURNDATASIZE)), (64, Some(opcode::GAS))] {
            code.extend(instruction);
            push(code, &[at]);
            code.push(opcode::MSTORE);
        }
    }

    /// Code of random steps, many of them calls of these addresses.
    fn program(rng: &mut StdRng, addresses: &[Address]) -> Vec<u8> {
        let mut code = Vec::new();
        for _ in 0..rng.random_range(1..7) {
            match rng.random_range(0..16) {
                0..8 => {
                    let to = addresses[rng.random_range(0..addresses.len())];
                    append_call(rng, &mut code, to);
                }
                // LOG0 of what calls left, which fails in a static one.
                8..11 => code.extend(hex!("60606000a0")),
                11 => {
                    push(&mut code, &[rng.random_range(0..3)]);
                    push(&mut code, &[rng.random_range(0..3)]);
                    code.push(opcode::SSTORE);
                }
                12 | 13 => {
                    let read = [
                        opcode::CALLER,
                        opcode::ADDRESS,
                        opcode::CALLVALUE,
                        opcode::SELFBALANCE,
                        opcode::CALLDATASIZE,
                        opcode::ORIGIN,
                    ];
                    code.push(read[rng.random_range(0..read.len())]);
                    push(&mut code, &[rng.random_range(0..64)]);
                    code.push(opcode::MSTORE);
                }
                // CALLDATACOPY of 32 bytes.
                14 => code.extend(hex!("602060006000 37")),
                // CREATE, which begins a frame in between. Its init code returns what is in memory.
                15 => code.extend(hex!("6460206000f3600052 6005601b6000f0600052")),
                _ => unreachable!(),
            }
        }
        match rng.random_range(0..8) {
            0 => code.push(opcode::INVALID),
            1 => code.extend(hex!("60406000fd")),
            2..4 => code.extend(hex!("60606000f3")),
            // JUMPDEST, PUSH2 its offset, JUMP.
            4 => {
                let [high, low] = (code.len() as u16).to_be_bytes();
                code.extend([0x5b, 0x61, high, low, 0x56]);
            }
            // A call that lacks words.
            5 => {
                for _ in 0..rng.random_range(0..5) {
                    push(&mut code, &[0]);
                }
                push(&mut code, addresses[0].as_slice());
                code.extend([opcode::GAS, opcode::CALL]);
            }
            _ => code.push(opcode::STOP),
        }
        code
    }

    /// Calls of all kinds, between contracts, precompiles, delegations, and accounts that are empty or have no code.
    #[test]
    fn call_trees_are_those_of_revm() {
        let contracts = [2, 3, 4, 5].map(Address::repeat_byte);
        // A contract where precompiles might be.
        let short = u64_to_address(0x1234);
        let (delegated, delegated_twice) = (Address::repeat_byte(6), Address::repeat_byte(7));
        let delegated_to_precompile = Address::repeat_byte(8);
        let storage_only = Address::repeat_byte(9);
        let others = [
            SENDER,
            Address::repeat_byte(0xaa),
            // No precompile, but what distinguishes them is zero.
            Address::with_last_byte(0xaa),
            Address::ZERO,
        ];
        let precompiles = [1, 2, 3, 4, 4, 5, 6, 8, 9, 0x0b, 0x11, 0x100].map(u64_to_address);
        let mut targets = contracts.to_vec();
        // Contracts more often than others.
        targets.extend(contracts);
        targets.extend([short, delegated, delegated_twice, delegated_to_precompile]);
        targets.extend(others);
        targets.extend(precompiles);
        let mut rng = StdRng::seed_from_u64(11);
        let delegation = |to: Address| [&hex!("ef0100")[..], to.as_slice()].concat();
        let delegations = [delegation(contracts[0]), delegation(delegated), delegation(u64_to_address(4))];
        let mut count = 0;
        for round in 0..40 {
            // Since such an account was read, transactions run with the inspector, but with the fast instructions.
            let all = [&targets[..], &[storage_only]].concat();
            let all = if round % 4 == 0 { &all } else { &targets };
            let codes = (0..5).map(|_| program(&mut rng, all)).collect::<Vec<_>>();
            let mut accounts = contracts
                .into_iter()
                .chain([short])
                .zip(codes.iter().map(|code| Ok(&code[..])))
                .collect::<Vec<(Address, Content<'_>)>>();
            let places = [delegated, delegated_twice, delegated_to_precompile];
            accounts.extend(places.into_iter().zip(delegations.iter().map(|code| Ok(&code[..]))));
            accounts.push((storage_only, Err(B256::repeat_byte(7))));
            for fork in Fork::ALL {
                let calls = [contracts[0], contracts[1], delegated, short].map(|to| {
                    let gas = match rng.random_range(0..3) {
                        0 => rng.random_range(60_000..100_000),
                        _ => rng.random_range(60_000..500_000),
                    };
                    (to, gas, rng.random_range(0..2))
                });
                let [ours, theirs] = both(fork, &accounts, &calls);
                assert_eq!(ours, theirs, "{fork} round {round}");
                count += usize::from(ours.is_ok());
            }
        }
        // Blocks that are not supported, because of creations where there is storage, are few.
        assert!(count > 30 * Fork::ALL.len(), "{count}");
    }

    /// A contract that calls itself by each kind of call until it is too deep, or has no gas.
    #[test]
    fn deep_recursion_is_that_of_revm() {
        let contract = Address::repeat_byte(2);
        for kind in [opcode::CALL, opcode::CALLCODE, opcode::DELEGATECALL, opcode::STATICCALL] {
            // PUSH1 0 for all parameters, ADDRESS, GAS, the call, and its result and the gas to memory.
            let count = if matches!(kind, opcode::CALL | opcode::CALLCODE) { 5 } else { 4 };
            let mut code = [0x60, 0].repeat(count);
            code.extend([opcode::ADDRESS, opcode::GAS, kind]);
            code.extend(hex!("6000525a602052"));
            if kind != opcode::STATICCALL {
                code.extend(hex!("60406000a0"));
            }
            code.extend(hex!("60406000f3"));
            for (fork, gas) in Fork::ALL.into_iter().flat_map(|fork| [(fork, 1 << 23), (fork, 1 << 40)]) {
                let [ours, theirs] = both(fork, &[(contract, Ok(&code))], &[(contract, gas, 0)]);
                // Since Osaka, no transaction has that much gas.
                assert_eq!(ours, theirs, "{fork} {kind:x} {gas}");
                assert!(ours.is_ok() || (gas == 1 << 40 && fork >= Fork::Osaka), "{ours:?}");
            }
        }
    }

    /// Each bound of gas of a call that stops, and of transfers to an account that isn't there and to a precompile, which refuses
    /// its input.
    #[test]
    fn calls_fail_for_gas_as_with_revm() {
        let (caller, callee, absent) =
            (Address::repeat_byte(2), Address::repeat_byte(3), Address::repeat_byte(0xaa));
        let precompile = u64_to_address(8);
        // More than the caller has, at last.
        let values = [&[0][..], &[1], &[0xff; 31]];
        for (to, value) in
            [callee, absent, precompile].into_iter().flat_map(|to| values.map(|value| (to, value)))
        {
            let mut code = Vec::new();
            // Twice: the second call finds the account warm.
            for _ in 0..2 {
                for parameter in [0, 0, 1, 0] {
                    push(&mut code, &[parameter]);
                }
                push(&mut code, value);
                push(&mut code, to.as_slice());
                code.extend([opcode::GAS, opcode::CALL, opcode::POP]);
            }
            code.extend(hex!("5a60005260206000a0"));
            let accounts = [(caller, Ok(&code[..])), (callee, Ok(&[0][..]))];
            for fork in [Fork::Paris, Fork::Osaka, Fork::Amsterdam] {
                for gas in (21_500..29_500).step_by(29).chain((29_500..260_000).step_by(1009)) {
                    let [ours, theirs] = both(fork, &accounts, &[(caller, gas, 0)]);
                    assert_eq!(ours, theirs, "{fork} {to} {value:?} {gas}");
                }
            }
        }
    }

    /// Facts that [`callee`] and [`may_be_precompile`] take for granted.
    #[test]
    fn forks_are_as_calls_have_them() {
        for fork in Fork::ALL {
            let (chain, block) = (test_block::chain(fork), test_block::block(1));
            let spec = spec_by_timestamp_and_block_number(&Hardforks(&chain), block.header.timestamp, 1);
            let params = GasParams::new_spec(spec);
            assert_eq!(params.call_stipend_reduction(6400), 6300, "{fork}");
            assert_eq!(params.new_account_cost(true, false), 0, "{fork}");
            let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
            assert!(precompiles.addresses().count() >= 9);
            for address in precompiles.addresses() {
                assert!(address.starts_with(&[0; 12]), "{fork} {address}");
            }
        }
    }
}

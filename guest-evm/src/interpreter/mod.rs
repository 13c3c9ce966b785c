//! The EVM's instructions on whole words.
//!
//! The zkVM has instructions for 256-bit integers. They add, compare, shift, copy and swap words of the stack
//! in place, in one instruction each, where generic code takes 20 to 100.
//!
//! The simplest instructions of the EVM, which are nine of ten, run [one after the other](control) with their
//! state in registers. Through revm's table, each of them would load and store all of that state. Their
//! results, gas and failures are revm's; the tests compare them.

mod arithmetic;
pub(crate) mod bound;
mod control;
mod environment;
mod frame;
mod gas;
mod memory;
mod stack;
#[cfg(target_os = "zkvm")]
mod tail_calls;

use crate::{bytecode, word::WordOps};
use bound::Stop;
#[cfg(not(target_os = "zkvm"))]
use control::follow;
use core::{marker::PhantomData, mem::MaybeUninit};
use environment::{Environment, Words};
use frame::{Ended, Exit, FastLoop, Frame, memory_of};
use gas::{SinceAmsterdam, StaticGas, UntilOsaka};
use revm::{
    bytecode::opcode,
    handler::instructions::EthInstructions,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult, InstructionTable,
        Interpreter, STACK_LIMIT,
        instructions::instruction_table,
        interpreter::{EthInterpreter, ExtBytecode},
        interpreter_types::{Jumps, LegacyBytecode as _},
    },
};
#[cfg(target_os = "zkvm")]
use tail_calls::follow;
use zeno_types::chain::GasRules;

type Context<'a, H> = InstructionContext<'a, H, EthInterpreter>;
pub(crate) type Table<H> = EthInstructions<EthInterpreter, H>;

/// Replaces those of revm's instructions that [`run`] implements by [`run`]. It takes their gas itself, and
/// also executes the other instructions, except for [calls](is_call).
///
/// # Panics
/// If the table does not have the fork's static gas.
pub(crate) fn install<W: WordOps, H: Host + Stop>(table: &mut Table<H>, gas: GasRules) {
    let (expected, instruction) = match gas {
        GasRules::UntilOsaka => (UntilOsaka::TABLE, Instruction::new(run::<W, UntilOsaka, H>)),
        GasRules::SinceAmsterdam => (SinceAmsterdam::TABLE, Instruction::new(run::<W, SinceAmsterdam, H>)),
    };
    assert_eq!(table.gas_table(), expected, "the EVM has the static gas of another fork");
    bound::install(table);
    for opcode in 0..=u8::MAX {
        if is_known(opcode) {
            table.insert_instruction(opcode, instruction, 0);
        }
    }
}

/// Returns whether [`run`] implements this instruction.
const fn is_known(opcode: u8) -> bool {
    matches!(
        opcode,
        opcode::ADD..=opcode::SIGNEXTEND
            | opcode::LT..=opcode::BYTE
            | opcode::SHL..=opcode::CLZ
            | opcode::KECCAK256
            | opcode::ADDRESS
            | opcode::ORIGIN..=opcode::GASPRICE
            | opcode::RETURNDATASIZE..=opcode::RETURNDATACOPY
            | opcode::COINBASE..=opcode::SLOTNUM
            | opcode::POP..=opcode::MSTORE8
            | opcode::JUMP..=opcode::JUMPDEST
            | opcode::MCOPY
            | opcode::PUSH0..=opcode::PUSH32
            | opcode::DUP1..=opcode::SWAP16
            | opcode::DUPN..=opcode::EXCHANGE
    )
}

/// Returns whether this instruction calls an account.
pub(crate) const fn is_call(opcode: u8) -> bool {
    matches!(opcode, opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL)
}

/// Runs instructions, starting with the one that the interpreter has just read, until one of them ends or
/// suspends the frame, or the next one is a [call](is_call).
///
/// Known instructions execute in runs. Within a run, the position in the code, the remaining gas and the
/// height of the stack are neither stored nor loaded. Revm's instructions execute one by one in between.
/// Calls are left to the loop that reads the instructions: it has the frames, which no instruction has.
fn run<W: WordOps, G: StaticGas, H: Host + Stop>(context: Context<'_, H>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    // A run writes words up to the stack's limit, and never lets the vector grow.
    if interpreter.stack.data_mut().capacity() < STACK_LIMIT {
        return Err(InstructionResult::StackOverflow);
    }
    let others = const { &Revm::<H>::INSTRUCTIONS };
    interpreter.bytecode.relative_jump(-1);
    let may_cross = bound::may_cross(interpreter);
    let mut words = Words::uninit();
    let mut environment = Environment::new(&mut words);
    loop {
        let Some((opcode, unread)) = run_fast::<W, G>(interpreter, &environment)? else { return Ok(()) };
        if may_cross {
            bound::check(interpreter, host, opcode)?;
        }
        let context = InstructionContext { interpreter: &mut *interpreter, host: &mut *host };
        others[usize::from(opcode)].execute(context)?;
        if let Some(slot) = unread {
            environment.keep(slot, interpreter);
        }
    }
}

/// Table of revm's instructions.
struct Revm<H>(PhantomData<H>);

impl<H: Host> Revm<H> {
    const INSTRUCTIONS: InstructionTable<EthInterpreter, H> = instruction_table();
}

/// Executes one run. Returns the next instruction, which revm has to execute: it has been read, and its
/// static gas is taken. If the environment lacks the word that it pushes, the second value is that word's slot.
/// `None` means that the next instruction is a call, which has not been read.
#[inline(always)]
#[expect(unsafe_code, reason = "words by address")]
fn run_fast<W: WordOps, G: StaticGas>(
    interpreter: &mut Interpreter<EthInterpreter>,
    environment: &Environment<'_>,
) -> Result<Option<(u8, Option<u8>)>, InstructionResult> {
    loop {
        // Through the vector: its pointer is valid for its whole capacity, a slice's only for the words in
        // use.
        let stack = interpreter.stack.data_mut();
        let words = stack.as_mut_ptr();
        let top = words.wrapping_add(stack.len());
        let all = interpreter.gas.remaining();
        let budget = i32::try_from(all).unwrap_or(MOST).min(MOST);
        let code = interpreter.bytecode.bytes_ref().as_ptr();
        let next = code.wrapping_add(interpreter.bytecode.pc());
        let (destinations, positions) = interpreter
            .bytecode
            .legacy_jump_table()
            .map_or((code, 0), |table| (table.as_slice().as_ptr(), table.len()));
        let (memory, length) = memory_of(interpreter);
        let mut frame = Frame {
            scratch: MaybeUninit::uninit(),
            memory,
            length,
            code,
            destinations,
            positions,
            budget,
            interpreter: &mut *interpreter,
            environment,
            ended: None,
        };
        let limit = words.wrapping_add(STACK_LIMIT);
        let mut run = (next, top, budget);
        let Ended { at, top, gas, end } = loop {
            let (next, top, gas) = run;
            follow::<W>(FastLoop { next, top, gas, words, limit, frame: &mut frame });
            let Some(ended) = frame.ended else { unreachable!("a run ends somewhere") };
            match ended.end {
                Exit::Grow => match frame.grow::<W>(ended) {
                    Some(gas) => run = (ended.at, ended.top, gas),
                    None => break ended,
                },
                Exit::Jump { .. } => match frame.jump(ended) {
                    Some(continued) => run = continued,
                    None => break ended,
                },
                _ => break ended,
            }
        };
        // SAFETY: a run keeps `top` between `words` and `limit`. The stack has room for all words up to
        // `limit`, and those below `top` are written.
        unsafe { interpreter.stack.data_mut().set_len(top.offset_from_unsigned(words)) };
        // Less than 2^32: see `FastLoop::gas`.
        let spent = u64::from(budget.wrapping_sub(gas).cast_unsigned());
        let at_pc = at.addr().wrapping_sub(code.addr());
        if let Exit::Other | Exit::Unread(_) | Exit::Grow = end {
            // SAFETY: a run ends at an instruction that it has read.
            let opcode = unsafe { *at };
            if is_call(opcode) {
                interpreter.bytecode.absolute_jump(at_pc);
                if interpreter.gas.record_cost_unsafe(spent) {
                    return Err(InstructionResult::OutOfGas);
                }
                return Ok(None);
            }
            interpreter.bytecode.absolute_jump(at_pc.wrapping_add(1));
            let gas = u64::from(G::TABLE[usize::from(opcode)]);
            if interpreter.gas.record_cost_unsafe(spent.wrapping_add(gas)) {
                return Err(InstructionResult::OutOfGas);
            }
            let unread = if let Exit::Unread(slot) = end { Some(slot) } else { None };
            return Ok(Some((opcode, unread)));
        }
        interpreter.bytecode.absolute_jump(at_pc);
        if interpreter.gas.record_cost_unsafe(spent) {
            return Err(InstructionResult::OutOfGas);
        }
        match end {
            // Only the part of the gas that the run's number can hold is spent.
            Exit::Gas if all > u64::from(budget.cast_unsigned()) => {}
            Exit::Jump { target, .. } if find_destinations(interpreter, target) => {}
            Exit::Jump { .. } => return Err(InstructionResult::InvalidJump),
            Exit::Halt(result) => return Err(result),
            _ => return Err(InstructionResult::OutOfGas),
        }
    }
}

/// [Completes](bytecode::completed) the destinations of the code, so that a jump to this offset is tried once more. Returns
/// `false` if it leads to no `JUMPDEST`, or if nothing is lacking. So hints that lack one only cost more.
#[cold]
#[inline(never)]
fn find_destinations(interpreter: &mut Interpreter<EthInterpreter>, target: u32) -> bool {
    if interpreter.bytecode.bytecode_slice().get(target as usize) != Some(&opcode::JUMPDEST) {
        return false;
    }
    let (hash, at) = (interpreter.bytecode.hash(), interpreter.bytecode.pc());
    let Some(code) = bytecode::completed(&interpreter.bytecode) else { return false };
    interpreter.bytecode = ExtBytecode::new_with_optional_hash(code, hash);
    interpreter.bytecode.absolute_jump(at);
    true
}

/// Maximum gas of a run, the largest that its number can hold. In tests it is so small that most runs end
/// because of it.
const MOST: i32 = if cfg!(test) { 40 } else { i32::MAX };

#[cfg(test)]
mod tests;

//! The EVM's instructions on whole words.
//!
//! A zkVM with instructions for 256-bit integers adds, compares, shifts, copies and swaps words of the stack where they
//! lie, in one instruction each, where generic code takes twenty to a hundred. And the simplest of the EVM's
//! instructions, which are nine of ten, are [run](step) one after the other with all that they need in registers: as
//! instructions of revm's table, each would fetch and store all of it. What they do, cost and how they fail is revm's; the
//! tests compare.

pub(crate) mod bound;
mod step;
#[cfg(target_os = "zkvm")]
mod threaded;

use crate::{bytecode, words::Words};
use bound::Stop;
use core::{marker::PhantomData, mem::MaybeUninit};
use revm::{
    bytecode::opcode,
    handler::instructions::EthInstructions,
    interpreter::{
        GasTable, Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        InstructionTable, Interpreter, STACK_LIMIT,
        instructions::{gas_table_spec, instruction_table},
        interpreter::{EthInterpreter, ExtBytecode},
        interpreter_types::Jumps,
    },
    primitives::hardfork::SpecId,
};
#[cfg(not(target_os = "zkvm"))]
use step::follow;
use step::{End, Ended, Frame, Run, memory_of};
#[cfg(target_os = "zkvm")]
use threaded::follow;

type Context<'a, H> = InstructionContext<'a, H, EthInterpreter>;
pub(crate) type Table<H> = EthInstructions<EthInterpreter, H>;

/// Puts [`run`] in the place of revm's instructions that it knows. It takes their gas itself, and runs the others.
///
/// # Panics
/// If the table's other instructions don't cost what they do since the merge.
pub(crate) fn install<W: Words, H: Host + Stop>(table: &mut Table<H>) {
    assert_eq!(*table.gas_table(), GAS, "the forks from the merge to Osaka have the same static gas");
    bound::install(table);
    for opcode in 0..=u8::MAX {
        if is_known(opcode) {
            table.insert_instruction(opcode, Instruction::new(run::<W, H>), 0);
        }
    }
}

/// Whether [`run`] has an arm for it.
fn is_known(opcode: u8) -> bool {
    matches!(
        opcode,
        opcode::ADD..=opcode::DIV
            | opcode::MOD
            | opcode::MULMOD..=opcode::SIGNEXTEND
            | opcode::LT..=opcode::BYTE
            | opcode::SHL..=opcode::SAR
            | opcode::KECCAK256
            | opcode::ADDRESS
            | opcode::CALLER..=opcode::CALLDATASIZE
            | opcode::RETURNDATASIZE
            | opcode::POP..=opcode::MSTORE
            | opcode::JUMP..=opcode::JUMPI
            | opcode::GAS..=opcode::JUMPDEST
            | opcode::PUSH0..=opcode::PUSH32
            | opcode::DUP1..=opcode::SWAP16
    )
}

/// Runs instructions, beginning with the one that the interpreter has just read: its own in runs, between which nothing
/// is stored and loaded again (where the code goes on, the gas that is left, the height of the stack), and revm's one by
/// one, until one of them ends the frame or suspends it.
fn run<W: Words, H: Host + Stop>(context: Context<'_, H>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    if interpreter.stack.data_mut().capacity() < STACK_LIMIT {
        return Err(InstructionResult::StackOverflow);
    }
    let others = const { &Revm::<H>::INSTRUCTIONS };
    interpreter.bytecode.relative_jump(-1);
    let may_cross = bound::may_cross(interpreter);
    loop {
        let opcode = stretch::<W>(interpreter)?;
        if may_cross {
            bound::check(interpreter, host, opcode)?;
        }
        let context = InstructionContext { interpreter: &mut *interpreter, host: &mut *host };
        others[usize::from(opcode)].execute(context)?;
    }
}

/// Revm's instructions.
struct Revm<H>(PhantomData<H>);

impl<H: Host> Revm<H> {
    const INSTRUCTIONS: InstructionTable<EthInterpreter, H> = instruction_table();
}

/// What revm's instructions cost before they run: the same in all forks from the merge to Osaka.
static GAS: GasTable = gas_table_spec(SpecId::OSAKA);

/// One run. Answers with the instruction that comes next, which is one that revm has to do: it has been read, and what it
/// costs in any case is taken.
#[inline(always)]
#[expect(unsafe_code, reason = "words by address")]
fn stretch<W: Words>(interpreter: &mut Interpreter<EthInterpreter>) -> Result<u8, InstructionResult> {
    loop {
        // By way of the vector: its pointer is good for all words that there is room for, a slice's for those in use.
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
            ended: None,
        };
        let limit = words.wrapping_add(STACK_LIMIT);
        let mut run = (next, top, budget);
        let Ended { at, top, gas, end } = loop {
            let (next, top, gas) = run;
            follow::<W>(Run { next, top, gas, words, limit, frame: &mut frame });
            let Some(ended) = frame.ended else { unreachable!("a run ends somewhere") };
            match ended.end {
                End::Grow => match frame.grow::<W>(ended) {
                    Some(gas) => run = (ended.at, ended.top, gas),
                    None => break ended,
                },
                _ => break ended,
            }
        };
        // SAFETY: a run keeps `top` between `words` and `limit`, for which the stack has room, and has written what is below.
        unsafe { interpreter.stack.data_mut().set_len(top.offset_from_unsigned(words)) };
        // What was spent is less than 2^32: see `Run::gas`.
        let spent = u64::from(budget.wrapping_sub(gas).cast_unsigned());
        let at_pc = at.addr().wrapping_sub(code.addr());
        if let End::Other | End::Grow = end {
            // SAFETY: a run ends at an instruction that it has read.
            let opcode = unsafe { *at };
            interpreter.bytecode.absolute_jump(at_pc.wrapping_add(1));
            if interpreter.gas.record_cost_unsafe(spent.wrapping_add(u64::from(GAS[usize::from(opcode)]))) {
                return Err(InstructionResult::OutOfGas);
            }
            return Ok(opcode);
        }
        interpreter.bytecode.absolute_jump(at_pc);
        if interpreter.gas.record_cost_unsafe(spent) {
            return Err(InstructionResult::OutOfGas);
        }
        match end {
            // Only what the number could hold is spent.
            End::Gas if all > u64::from(budget.cast_unsigned()) => {}
            End::Jump if find_destinations(interpreter) => {}
            End::Jump => return Err(InstructionResult::InvalidJump),
            End::Halt(result) => return Err(result),
            _ => return Err(InstructionResult::OutOfGas),
        }
    }
}

/// Hints that lacked a destination only cost more: this searches for all, unless all are known.
#[cold]
#[inline(never)]
fn find_destinations(interpreter: &mut Interpreter<EthInterpreter>) -> bool {
    let (hash, at) = (interpreter.bytecode.hash(), interpreter.bytecode.pc());
    let Some(code) = bytecode::completed(&interpreter.bytecode) else { return false };
    interpreter.bytecode = ExtBytecode::new_with_optional_hash(code, hash);
    interpreter.bytecode.absolute_jump(at);
    true
}

/// What a run spends at most: as much as its number can hold. In tests so little that most end because of it.
const MOST: i32 = if cfg!(test) { 40 } else { i32::MAX };

#[cfg(test)]
mod tests;

//! Bound on the memory that a block can buy.
//!
//! The zkVM has 2^29 bytes of memory, and addresses of 32 bits. Gas alone bounds neither: a block's gas limit
//! is only bound to that of its parent, which the prover may invent. So a frame that pays for more memory
//! than the zkVM can spare ends the whole run ([`Stop::stop`]): the block is not supported. It never makes
//! the frame fail, because that would differ from the EVM's result.

use super::{Context, Revm, Table};
use crate::error::Unsupported;
use revm::{
    bytecode::opcode,
    interpreter::{
        Host, Instruction, InstructionExecResult, InstructionResult, Interpreter,
        interpreter::EthInterpreter, interpreter_types::MemoryTr,
    },
    primitives::U256,
};

/// Maximum memory of a frame and all its callers together, in bytes.
///
/// No block of [`ENOUGH`] gas is refused because of it. Let the first frame begin with g gas, the i-th frame
/// pay c_i gas for w_i words, and r be 63/64. A frame passes on at most the part r of its remaining gas
/// (EIP-150). So the sum of all c_i / r^i is at most g. Each w_i is at most the root of 512·c_i. Let S be the
/// sum of all r^i, which is 64. Then, by Cauchy and Schwarz, the sum of all w_i is at most the root of
/// 512·g·S.
pub(crate) const LIMIT: usize = 1 << 27;

/// Gas that buys less memory than [`LIMIT`], in a transaction or in a system call, under the rules of any
/// fork.
const ENOUGH: u64 = 300_000_000;
const _: () = assert!((LIMIT as u64 / 32).pow(2) > 512 * 64 * ENOUGH);

/// Bytes of memory that one frame can't pay for with gas of 32 bits.
const SMALL: usize = 48 << 20;
const _: () = assert!(cost(SMALL as u64 / 32) > u32::MAX as u128);

/// Maximum size to which memory grows within a run, in bytes: its cost fits 32 bits.
const MOST_MEMORY: u32 = 1 << 20;

/// End of a run that is not supported.
pub(crate) trait Stop {
    /// Makes the run end with an error that blames nobody. The instruction or precompile that calls it fails,
    /// and nothing that comes after it counts.
    fn stop(&mut self, reason: Unsupported);
}

/// Gas for `words` words of memory (yellow paper, equation 326). With words of a 64-bit address space, the
/// sum fits.
const fn cost(words: u64) -> u128 {
    let words = words as u128;
    3 * words + words * words / 512
}

/// Returns whether the frame may cross the bound before it next calls another or ends. If not, nothing has to
/// be checked until then: the gas does not buy that much memory, and only decreases. Since Amsterdam, a frame
/// may regain gas that it paid for state (EIP-8037), but no more than it paid. There, no frame begins with
/// more than the 2^24 gas of a transaction (EIP-7825) or the 30 million of a system call.
#[inline(always)]
pub(crate) fn may_cross(interpreter: &Interpreter<EthInterpreter>) -> bool {
    let memory = &interpreter.memory;
    interpreter.gas.remaining() > u64::from(u32::MAX)
        || memory.local_memory_offset().wrapping_add(memory.len()) > LIMIT - SMALL
}

/// Offset of the frame's memory in that of all frames, in bytes.
#[inline(always)]
pub(crate) fn start(interpreter: &Interpreter<EthInterpreter>) -> usize {
    interpreter.memory.local_memory_offset()
}

/// Returns whether a frame certainly keeps within the bound if its memory grows to `size` bytes. `callers` is
/// the memory of its callers, in bytes.
#[inline(always)]
pub(super) fn holds(callers: usize, size: u32) -> bool {
    callers <= LIMIT - MOST_MEMORY as usize && size <= MOST_MEMORY
}

/// Checks an instruction before it executes. If the memory that it needs crosses the bound, it stops the run
/// if that memory is paid for, and fails the frame otherwise. The decision depends on no sum in `usize`,
/// which has 32 bits in the guest.
///
/// All failures of a frame are alike, so it does not matter that the instruction might have failed earlier
/// for another reason. A run that is stopped has no result.
#[cold]
#[inline(never)]
pub(super) fn check<H: Stop>(
    interpreter: &Interpreter<EthInterpreter>,
    host: &mut H,
    opcode: u8,
) -> Result<(), InstructionResult> {
    for (offset, length) in ranges(opcode) {
        let word = |depth: usize| interpreter.stack.peek(depth);
        let length = match length {
            Length::Bytes(length) => U256::from(length),
            Length::Word(depth) => word(depth)?,
        };
        if length.is_zero() {
            continue;
        }
        let end = u64::try_from(word(offset)?.saturating_add(length)).unwrap_or(u64::MAX);
        if end <= (LIMIT - interpreter.memory.local_memory_offset()) as u64 {
            continue;
        }
        let gas = &interpreter.gas;
        if cost(end.div_ceil(32)) > u128::from(gas.remaining()) + u128::from(gas.memory().expansion_cost) {
            return Err(InstructionResult::MemoryOOG);
        }
        host.stop(Unsupported::Memory);
        return Err(InstructionResult::FatalExternalError);
    }
    Ok(())
}

/// Number of bytes: a constant, or the word at a depth below the stack's top.
#[derive(Clone, Copy)]
enum Length {
    Bytes(u8),
    Word(usize),
}

/// Ranges of memory that an instruction needs: the depths of their offsets on the stack, and their lengths.
fn ranges(opcode: u8) -> impl Iterator<Item = (usize, Length)> {
    use Length::{Bytes, Word};
    let (first, second) = match opcode {
        opcode::MLOAD | opcode::MSTORE => (Some((0, Bytes(32))), None),
        opcode::MSTORE8 => (Some((0, Bytes(1))), None),
        opcode::KECCAK256 | opcode::RETURN | opcode::REVERT | opcode::LOG0..=opcode::LOG4 => {
            (Some((0, Word(1))), None)
        }
        opcode::CALLDATACOPY | opcode::CODECOPY | opcode::RETURNDATACOPY => (Some((0, Word(2))), None),
        opcode::EXTCODECOPY => (Some((1, Word(3))), None),
        opcode::MCOPY => (Some((0, Word(2))), Some((1, Word(2)))),
        opcode::CREATE | opcode::CREATE2 => (Some((1, Word(2))), None),
        opcode::CALL | opcode::CALLCODE => (Some((3, Word(4))), Some((5, Word(6)))),
        opcode::DELEGATECALL | opcode::STATICCALL => (Some((2, Word(3))), Some((4, Word(5)))),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

/// Puts checks before all of revm's instructions that let memory grow and that are still in the table.
pub(crate) fn install<H: Host + Stop>(table: &mut Table<H>) {
    macro_rules! checked {
        ($($opcode:ident)*) => {
            $({
                let gas = table.gas_table()[opcode::$opcode as usize];
                table.insert_instruction(
                    opcode::$opcode,
                    Instruction::new(checked::<{ opcode::$opcode }, H>),
                    gas,
                );
            })*
        };
    }
    checked! {
        KECCAK256 CALLDATACOPY CODECOPY EXTCODECOPY RETURNDATACOPY MLOAD MSTORE MSTORE8 MCOPY LOG0 LOG1 LOG2 LOG3 LOG4
        CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2 STATICCALL REVERT
    }
}

/// Executes one of revm's instructions after its check.
fn checked<const OPCODE: u8, H: Host + Stop>(context: Context<'_, H>) -> InstructionExecResult {
    if may_cross(context.interpreter) {
        check(context.interpreter, context.host, OPCODE)?;
    }
    let instructions = const { &Revm::<H>::INSTRUCTIONS };
    instructions[usize::from(OPCODE)].execute(context)
}

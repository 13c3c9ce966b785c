//! State of a run of known instructions: a frame's own stack and memory, by address.

use super::environment::Environment;
use alloy_primitives::U256;
use core::mem::MaybeUninit;
use revm::{
    interpreter::{InstructionResult, Interpreter, interpreter::EthInterpreter},
    primitives::hardfork::SpecId,
};

/// State of a run of instructions, which it keeps in registers.
pub(super) struct FastLoop<'a, 'b> {
    /// The next instruction. The analysis of a code appends zeros. So there is always a `STOP` after the last
    /// instruction, and a `PUSH` always has all its bytes.
    pub(super) next: *const u8,
    /// One past the top of the stack.
    pub(super) top: *mut U256,
    /// Remaining gas; may be negative. It is checked only by instructions that may be expensive, by jumps,
    /// and at the end of the run. This is sound because nothing has happened before then that the frame's
    /// failure would not undo.
    ///
    /// The number is never below -1.4e9, so it does not wrap around. Between two jumps, a code costs at most
    /// 10 gas a byte, and a code has at most 2^27 bytes. A code of the state is bounded by
    /// [`bytecode::MAX_CODE`](crate::bytecode::MAX_CODE). A code that a creation runs is bounded by the
    /// [memory](super::bound::LIMIT) that it comes from, or by [`MAX_INPUT`](crate::execute::MAX_INPUT).
    pub(super) gas: i32,
    /// Bounds of the stack's storage: the first word, and one past the last for which there is room.
    pub(super) words: *mut U256,
    pub(super) limit: *mut U256,
    pub(super) frame: &'a mut Frame<'b>,
}

/// State that instructions need less often.
pub(super) struct Frame<'a> {
    pub(super) scratch: MaybeUninit<U256>,
    /// The frame's memory at its present length, in bytes.
    pub(super) memory: *mut u8,
    pub(super) length: usize,
    pub(super) code: *const u8,
    /// Bits for the code's first `positions` bytes, the lowest of each byte first: whether that byte is a
    /// destination.
    pub(super) destinations: *const u8,
    pub(super) positions: usize,
    /// Gas at the start of the run.
    pub(super) budget: i32,
    /// The rest of the frame. Its stack and gas are those at the start of the run.
    pub(super) interpreter: &'a mut Interpreter<EthInterpreter>,
    pub(super) environment: &'a Environment<'a>,
    /// The run's end, once it has ended.
    pub(super) ended: Option<Ended>,
}

impl Frame<'_> {
    /// Updates the pointer to the memory after anything that may have moved it.
    #[inline(always)]
    pub(super) fn find_memory(&mut self) {
        (self.memory, self.length) = memory_of(self.interpreter);
    }
}

/// Address and length of a frame's memory, in bytes.
#[inline(always)]
pub(super) fn memory_of(interpreter: &mut Interpreter<EthInterpreter>) -> (*mut u8, usize) {
    let mut memory = interpreter.memory.context_memory_mut();
    (memory.as_mut_ptr(), memory.len())
}

/// End of a run: its state and the reason.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    /// The instruction that ended it, which did nothing.
    pub(super) at: *const u8,
    pub(super) top: *mut U256,
    pub(super) gas: i32,
    pub(super) end: Exit,
}

/// Reason why a run ends.
#[derive(Clone, Copy)]
pub(super) enum Exit {
    /// The next instruction is one of revm's.
    Other,
    /// The next instruction is a known one, but revm has to read its word first. Then it is kept in this slot of the
    /// [`Environment`].
    Unread(u8),
    /// The next instruction is a known one, but memory has to grow for it.
    Grow,
    /// The target of a jump is no destination by the table, which may lack some. The jump's gas is there; it includes that of
    /// the instructions that are executed together with it. So are the words that it pops.
    Jump { target: u32, gas: u8, words: u8 },
    /// The next instruction costs more than the gas of the run.
    Gas,
    /// The frame fails.
    Halt(InstructionResult),
}

// All instructions pass it on in two registers.
const _: () = assert!(size_of::<Exit>() == 8, "the reason for an end is larger than two words");

impl FastLoop<'_, '_> {
    /// Pointer to the word at this depth below the top.
    ///
    /// # Safety
    /// The stack must have this word.
    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "the stack's words by address: the compiler can't see that its memory stays in place"
    )]
    pub(super) unsafe fn word(&self, depth: usize) -> *mut U256 {
        // SAFETY: the word lies within the stack.
        unsafe { self.top.sub(1 + depth) }
    }

    /// Takes gas, unchecked: the number does not wrap around (see [`gas`](Self::gas)). To check it for each
    /// instruction would cost a fortieth of all that a block costs.
    #[inline(always)]
    pub(super) fn spend(&mut self, gas: i32) {
        self.gas = self.gas.wrapping_sub(gas);
    }

    /// Checks that the frame runs by the rules of this fork or a later one.
    #[inline(always)]
    pub(super) fn since(&self, fork: SpecId) -> Result<(), Exit> {
        if !self.frame.interpreter.runtime_flag.spec_id.is_enabled_in(fork) {
            return Err(Exit::Halt(InstructionResult::NotActivated));
        }
        Ok(())
    }

    /// Checks that the stack has `words` words.
    #[inline(always)]
    pub(super) fn need(&self, words: usize) -> Result<(), Exit> {
        let missing =
            if words == 1 { self.top == self.words } else { self.top < self.words.wrapping_add(words) };
        if missing {
            return Err(Exit::Halt(InstructionResult::StackUnderflow));
        }
        Ok(())
    }

    /// Checks that there is room for one more word.
    #[inline(always)]
    pub(super) fn room(&self) -> Result<(), Exit> {
        if self.top == self.limit {
            return Err(Exit::Halt(InstructionResult::StackOverflow));
        }
        Ok(())
    }

    /// Removes words, which the stack must have.
    #[inline(always)]
    pub(super) fn pop(&mut self, words: usize) {
        self.top = self.top.wrapping_sub(words);
    }
}

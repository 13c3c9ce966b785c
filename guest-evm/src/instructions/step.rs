//! The known instructions, one after the other, on a frame's own stack and memory.

use super::bound;
use crate::words::Words;
use alloy_primitives::{U256, keccak256};
use core::mem::MaybeUninit;
use revm::{
    bytecode::opcode,
    interpreter::{
        InstructionResult, Interpreter, interpreter::EthInterpreter, interpreter_types::MemoryTr as _,
    },
    primitives::hardfork::SpecId,
};

/// Gas of instructions (yellow paper, appendix G), the same in all forks.
const JUMPDEST: i32 = 1;
const BASE: i32 = 2;
const VERY_LOW: i32 = 3;
const LOW: i32 = 5;
const MID: i32 = 8;
const HIGH: i32 = 10;
const EXP: i32 = 10;
const EXP_BYTE: i32 = 50;
const KECCAK256: i32 = 30;
const KECCAK256_WORD: i32 = 6;
/// Gas of a word of memory, and the divisor of the square of the number of words (yellow paper, appendix G).
const MEMORY: u32 = 3;
const MEMORY_DIVISOR: u32 = 512;

/// Maximum size to which memory grows within a run, in bytes: its cost fits 32 bits.
pub(super) const MOST_MEMORY: u32 = 1 << 20;

/// State of a run of instructions, which it keeps in registers.
pub(super) struct Run<'a, 'b> {
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
    /// The run's end, once it has ended.
    pub(super) ended: Option<Ended>,
}

impl Frame<'_> {
    /// Updates the pointer to the memory after anything that may have moved it.
    #[inline(always)]
    fn find_memory(&mut self) {
        (self.memory, self.length) = memory_of(self.interpreter);
    }

    /// Lets memory grow for the instruction that ended a run because of it, and returns the remaining gas.
    /// `None` means that revm has to execute the instruction, or to fail.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn grow<W: Words>(&mut self, ended: Ended) -> Option<i32> {
        // SAFETY: the instruction that ended the run is readable, and it has checked that the stack has these
        // words.
        let (offset, length) = unsafe {
            let offset = W::small(&*ended.top.sub(1), &mut self.scratch);
            let is_hash = *ended.at == opcode::KECCAK256;
            (offset, if is_hash { W::small(&*ended.top.sub(2), &mut self.scratch) } else { 32 })
        };
        let size = offset.checked_add(length)?;
        if !bound::holds(self.interpreter.memory.local_memory_offset(), size) {
            return None;
        }
        let words = size.div_ceil(32);
        // Yellow paper, equation 326.
        let cost = MEMORY * words + words * words / MEMORY_DIVISOR;
        let paid = self.interpreter.gas.memory().expansion_cost;
        let left = ended.gas.saturating_sub_unsigned(cost - paid as u32);
        if left < 0 {
            return None;
        }
        _ = self.interpreter.gas.memory_mut().set_words_num(words as usize, u64::from(cost));
        self.interpreter.memory.resize(words as usize * 32);
        self.find_memory();
        Some(left)
    }

    /// Reads 32 bytes of the call's data from this offset; after its end there are zeros.
    #[inline(never)]
    fn call_data<W: Words>(&mut self, offset: u32, word: &mut [u8; 32]) {
        let offset = offset as usize;
        let input = &self.interpreter.input.input;
        // The length is checked first: for a call without data, revm's range is outside the memory.
        if offset < input.len() {
            let data = input.as_bytes_memory(&self.interpreter.memory);
            let rest = data.get(offset..).unwrap_or_default();
            match rest.first_chunk() {
                Some(bytes) => W::reverse(bytes, word),
                None => {
                    let mut bytes = [0; 32];
                    bytes[..rest.len()].copy_from_slice(rest);
                    W::reverse(&bytes, word);
                }
            }
        } else {
            *word = [0; 32];
        }
        self.find_memory();
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
    pub(super) end: End,
}

/// Reason why a run ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// The next instruction is one of revm's.
    Other,
    /// The next instruction is a known one, but memory has to grow for it.
    Grow,
    /// The target of a jump is no destination by the table, which may lack some.
    Jump,
    /// The next instruction costs more than the gas of the run.
    Gas,
    /// The frame fails.
    Halt(InstructionResult),
}

impl Run<'_, '_> {
    /// Pointer to the word at this depth below the top.
    ///
    /// # Safety
    /// The stack must have this word.
    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "the stack's words by address: the compiler can't see that its memory stays in place"
    )]
    unsafe fn word(&self, depth: usize) -> *mut U256 {
        // SAFETY: the word lies within the stack.
        unsafe { self.top.sub(1 + depth) }
    }

    /// Takes gas, unchecked: the number does not wrap around (see [`gas`](Self::gas)). To check it for each
    /// instruction would cost a fortieth of all that a block costs.
    #[inline(always)]
    fn spend(&mut self, gas: i32) {
        self.gas = self.gas.wrapping_sub(gas);
    }

    /// Checks that the stack has `words` words.
    #[inline(always)]
    fn need(&self, words: usize) -> Result<(), End> {
        let missing =
            if words == 1 { self.top == self.words } else { self.top < self.words.wrapping_add(words) };
        if missing {
            return Err(End::Halt(InstructionResult::StackUnderflow));
        }
        Ok(())
    }

    /// Checks that there is room for one more word.
    #[inline(always)]
    pub(super) fn room(&self) -> Result<(), End> {
        if self.top == self.limit {
            return Err(End::Halt(InstructionResult::StackOverflow));
        }
        Ok(())
    }

    /// Removes words, which the stack must have.
    #[inline(always)]
    fn pop(&mut self, words: usize) {
        self.top = self.top.wrapping_sub(words);
    }

    /// Executes an instruction that replaces the two topmost words by one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn two(&mut self, gas: i32, operation: fn(&U256, &mut U256)) -> Result<(), End> {
        self.need(2)?;
        self.spend(gas);
        // SAFETY: two different words of the stack.
        unsafe { operation(&*self.word(0), &mut *self.word(1)) };
        self.pop(1);
        Ok(())
    }

    /// Executes an instruction that replaces the topmost word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn one(&mut self, gas: i32, operation: fn(&mut U256)) -> Result<(), End> {
        self.need(1)?;
        self.spend(gas);
        // SAFETY: a word of the stack.
        unsafe { operation(&mut *self.word(0)) };
        Ok(())
    }

    /// Executes a shift (EIP-145). By 256 bits or more, the result is `rest` of the word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn shift<W: Words>(
        &mut self,
        operation: fn(&U256, &mut U256),
        rest: fn(&U256) -> U256,
    ) -> Result<(), End> {
        self.need(2)?;
        self.spend(VERY_LOW);
        // SAFETY: two different words of the stack.
        let (by, word) = unsafe { (&*self.word(0), &mut *self.word(1)) };
        if W::small(by, &mut self.frame.scratch) < 256 {
            operation(by, word);
        } else {
            *word = rest(word);
        }
        self.pop(1);
        Ok(())
    }

    /// Executes `MULMOD` with the largest word as the modulus: contracts compute the upper half of a product
    /// by it. Any other modulus is left to revm.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn mul_mod<W: Words>(&mut self) -> Result<(), End> {
        self.need(3)?;
        // SAFETY: three different words of the stack.
        let (a, b, modulus) = unsafe { (&*self.word(0), &mut *self.word(1), &mut *self.word(2)) };
        if *modulus != U256::MAX {
            return Err(End::Other);
        }
        self.spend(MID);
        W::mul_mod_max(a, b);
        *modulus = *b;
        self.pop(2);
        Ok(())
    }

    /// Executes `EXP` by squaring and multiplying, for exponents below 2^32 - 1.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn exp<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        // SAFETY: two different words of the stack.
        let (base, word) = unsafe { (&mut *self.word(0), &mut *self.word(1)) };
        let mut exponent = W::small(word, &mut self.frame.scratch);
        // Gas by the exponent's length in bytes (EIP-160).
        let bytes = (u32::BITS - exponent.leading_zeros()).div_ceil(8);
        // At most four bytes.
        let left = self.gas.wrapping_sub(EXP.wrapping_add(EXP_BYTE.wrapping_mul(bytes as i32)));
        // Paid for at once, like a hash.
        if exponent == u32::MAX || left < 0 {
            return Err(End::Other);
        }
        self.gas = left;
        *word = U256::ONE;
        loop {
            if exponent & 1 != 0 {
                W::mul(base, word);
            }
            exponent >>= 1;
            if exponent == 0 {
                break;
            }
            let square = *base;
            W::mul(&square, base);
        }
        self.pop(1);
        Ok(())
    }

    /// Executes `SIGNEXTEND`: extends the sign of a number of `index + 1` bytes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn sign_extend<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        self.spend(LOW);
        // SAFETY: two different words of the stack.
        let (last, word) = unsafe { (&mut *self.word(0), &mut *self.word(1)) };
        let index = W::small(last, &mut self.frame.scratch);
        if index < 31 {
            *last = U256::from(248 - 8 * index);
            W::shl(last, word);
            W::sar(last, word);
        }
        self.pop(1);
        Ok(())
    }

    /// Executes `BYTE`: byte 0 is the most significant.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn byte<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        self.spend(VERY_LOW);
        // SAFETY: two different words of the stack.
        let (index, word) = unsafe { (&*self.word(0), &mut *self.word(1)) };
        *word = match W::small(index, &mut self.frame.scratch) {
            index @ 0..32 => U256::from(word.byte(31 - index as usize)),
            _ => U256::ZERO,
        };
        self.pop(1);
        Ok(())
    }

    /// Makes room for one more word, which the caller writes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn push(&mut self, gas: i32) -> Result<&mut MaybeUninit<U256>, End> {
        self.room()?;
        self.spend(gas);
        // SAFETY: there is room for one more word.
        let place = unsafe { &mut *self.top.cast::<MaybeUninit<U256>>() };
        self.top = self.top.wrapping_add(1);
        Ok(place)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn dup<W: Words>(&mut self, depth: usize) -> Result<(), End> {
        self.need(depth + 1)?;
        // SAFETY: a word of the stack, which does not move.
        let word = unsafe { &*self.word(depth) };
        W::copy(word, self.push(VERY_LOW)?);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn swap<W: Words>(&mut self, depth: usize) -> Result<(), End> {
        self.need(depth + 1)?;
        // SAFETY: two different words of the stack, because the depth is not zero; and an instruction of the
        // code.
        let (below, top, next) = unsafe { (&mut *self.word(depth), &mut *self.word(0), *self.next) };
        if next == opcode::POP {
            // In about half of the cases, one of the two is dropped at once.
            self.spend(VERY_LOW + BASE);
            // SAFETY: a word may be overwritten.
            W::copy(top, unsafe { &mut *core::ptr::from_mut(below).cast() });
            self.pop(1);
            self.next = self.next.wrapping_add(1);
        } else {
            self.spend(VERY_LOW);
            W::swap(below, top, &mut self.frame.scratch);
        }
        Ok(())
    }

    /// Jumps to the instruction after the `JUMPDEST` at `target`, and pops `words` words. It takes `gas` and
    /// the gas of the `JUMPDEST`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn jump(&mut self, target: u32, gas: i32, words: usize) -> Result<(), End> {
        let target = target as usize;
        let left = self.gas.wrapping_sub(gas.wrapping_add(JUMPDEST));
        if left < 0 {
            return Err(End::Gas);
        }
        // SAFETY: there is a bit for each of these positions.
        if target >= self.frame.positions
            || unsafe { *self.frame.destinations.add(target / 8) } >> (target % 8) & 1 == 0
        {
            return Err(End::Jump);
        }
        self.gas = left;
        self.pop(words);
        // SAFETY: the destination lies within the code.
        self.next = unsafe { self.frame.code.add(target).add(1) };
        Ok(())
    }

    /// Executes `PUSH2` together with the jump that mostly follows. Then the target is never on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn push_2<W: Words>(&mut self) -> Result<(), End> {
        self.room()?;
        // SAFETY: the code has the two bytes of the `PUSH`, and at least a `STOP` after them.
        let [high, low, next] = unsafe { *self.next.cast::<[u8; 3]>() };
        let target = || u32::from(high) << 8 | u32::from(low);
        match next {
            opcode::JUMP => self.jump(target(), VERY_LOW + MID, 0),
            opcode::JUMPI => {
                self.need(1)?;
                // SAFETY: a word of the stack.
                if W::is_zero_word(unsafe { &*self.word(0) }, &mut self.frame.scratch) {
                    self.spend(VERY_LOW + HIGH);
                    self.pop(1);
                    self.next = self.next.wrapping_add(3);
                    Ok(())
                } else {
                    self.jump(target(), VERY_LOW + HIGH, 1)
                }
            }
            _ => self.immediate::<W, 2>(),
        }
    }

    /// Executes `ISZERO` together with the `PUSH2` and `JUMPI` that mostly follow. Then the result is never
    /// on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code and words by address")]
    fn is_zero<W: Words>(&mut self) -> Result<(), End> {
        // SAFETY: an instruction of the code. If it is a `PUSH2`, the code has its two bytes, and at least a
        // `STOP` after them.
        let target = unsafe {
            match *self.next {
                opcode::PUSH2 => match *self.next.cast::<[u8; 4]>() {
                    [_, high, low, opcode::JUMPI] => Some(u32::from(high) << 8 | u32::from(low)),
                    _ => None,
                },
                _ => None,
            }
        };
        let Some(target) = target.filter(|_| self.room().is_ok()) else {
            return self.one(VERY_LOW, W::is_zero);
        };
        self.need(1)?;
        // SAFETY: a word of the stack.
        if W::is_zero_word(unsafe { &*self.word(0) }, &mut self.frame.scratch) {
            return self.jump(target, 2 * VERY_LOW + HIGH, 1);
        }
        self.spend(2 * VERY_LOW + HIGH);
        self.pop(1);
        self.next = self.next.wrapping_add(4);
        Ok(())
    }

    /// Executes a `PUSH1`, for which there is room, and the instruction after it, which has been read. If
    /// that instruction ends the run, only the `PUSH1` was executed.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code, memory and words by address")]
    pub(super) fn pushed<W: Words>(&mut self, opcode: u8) -> Result<(), End> {
        // SAFETY: the byte of the `PUSH1` is before the instruction, and the stack has room for its word.
        let (byte, place) = unsafe { (*self.next.sub(2), &mut *self.top.cast::<MaybeUninit<U256>>()) };
        let is_in_memory = usize::from(byte).wrapping_add(32) <= self.frame.length;
        let memory = self.frame.memory.wrapping_add(usize::from(byte)).cast::<[u8; 32]>();
        let is_empty = self.top == self.words;
        match opcode {
            // Mostly a load of the pointer to free memory.
            opcode::MLOAD if is_in_memory => {
                self.spend(2 * VERY_LOW);
                // SAFETY: bytes of memory, and those of the word.
                unsafe { W::reverse(&*memory, &mut *self.top.cast()) };
                self.top = self.top.wrapping_add(1);
            }
            opcode::MSTORE if is_in_memory && !is_empty => {
                self.spend(2 * VERY_LOW);
                // SAFETY: bytes of memory, and a word of the stack, which lies elsewhere.
                unsafe { W::reverse(&*self.word(0).cast(), &mut *memory) };
                self.pop(1);
            }
            opcode::SHL | opcode::SHR if !is_empty => {
                self.spend(2 * VERY_LOW);
                W::bytes(&[byte], place);
                // SAFETY: two different words, both written.
                let (by, word) = unsafe { (place.assume_init_ref(), &mut *self.word(0)) };
                if opcode == opcode::SHL { W::shl(by, word) } else { W::shr(by, word) }
            }
            _ => {
                self.push_byte::<W>();
                return self.step::<W>(opcode);
            }
        }
        Ok(())
    }

    /// Executes a `PUSH1`, for which there is room, before an instruction that has been read.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code and words by address")]
    pub(super) fn push_byte<W: Words>(&mut self) {
        self.spend(VERY_LOW);
        // SAFETY: the byte of the `PUSH1` is before the instruction, and the stack has room for its word.
        unsafe { W::bytes(&[*self.next.sub(2)], &mut *self.top.cast()) };
        self.top = self.top.wrapping_add(1);
    }

    /// Executes one instruction of [`is_known`](super::is_known)'s, which has been read. If it ends the run
    /// for a reason other than failure, only `next` has changed.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn step<W: Words>(&mut self, opcode: u8) -> Result<(), End> {
        match opcode {
            opcode::ADD => self.two(VERY_LOW, W::add),
            opcode::MUL => self.two(LOW, W::mul),
            opcode::SUB => self.two(VERY_LOW, W::sub),
            opcode::DIV => self.two(LOW, W::div),
            opcode::MOD => self.two(LOW, W::rem),
            opcode::MULMOD => self.mul_mod::<W>(),
            opcode::EXP => self.exp::<W>(),
            opcode::SIGNEXTEND => self.sign_extend::<W>(),
            opcode::LT => self.two(VERY_LOW, W::lt),
            opcode::GT => self.two(VERY_LOW, W::gt),
            opcode::SLT => self.two(VERY_LOW, W::slt),
            opcode::SGT => self.two(VERY_LOW, W::sgt),
            opcode::EQ => self.two(VERY_LOW, W::eq),
            opcode::ISZERO => self.is_zero::<W>(),
            opcode::AND => self.two(VERY_LOW, W::and),
            opcode::OR => self.two(VERY_LOW, W::or),
            opcode::XOR => self.two(VERY_LOW, W::xor),
            opcode::NOT => self.one(VERY_LOW, W::not),
            opcode::BYTE => self.byte::<W>(),
            opcode::SHL => self.shift::<W>(W::shl, |_| U256::ZERO),
            opcode::SHR => self.shift::<W>(W::shr, |_| U256::ZERO),
            opcode::SAR => self.shift::<W>(W::sar, |word| if word.bit(255) { U256::MAX } else { U256::ZERO }),
            opcode::POP => {
                self.need(1)?;
                self.spend(BASE);
                self.pop(1);
                Ok(())
            }
            opcode::JUMP => {
                self.need(1)?;
                // SAFETY: a word of the stack.
                let target = W::small(unsafe { &*self.word(0) }, &mut self.frame.scratch);
                self.jump(target, MID, 1)
            }
            opcode::JUMPI => {
                self.need(2)?;
                // SAFETY: words of the stack, and nothing of it is written while they are in use.
                let (target, condition) = unsafe { (&*self.word(0), &*self.word(1)) };
                if W::is_zero_word(condition, &mut self.frame.scratch) {
                    self.spend(HIGH);
                    self.pop(2);
                    return Ok(());
                }
                let target = W::small(target, &mut self.frame.scratch);
                self.jump(target, HIGH, 2)
            }
            opcode::JUMPDEST => {
                self.spend(JUMPDEST);
                Ok(())
            }
            // EIP-3855.
            opcode::PUSH0 => {
                if !self.frame.interpreter.runtime_flag.spec_id.is_enabled_in(SpecId::SHANGHAI) {
                    return Err(End::Halt(InstructionResult::NotActivated));
                }
                W::bytes(&[], self.push(BASE)?);
                Ok(())
            }
            opcode::PUSH1 => self.immediate::<W, 1>(),
            opcode::PUSH2 => self.push_2::<W>(),
            opcode::PUSH3 => self.immediate::<W, 3>(),
            opcode::PUSH4 => self.immediate::<W, 4>(),
            opcode::PUSH5 => self.immediate::<W, 5>(),
            opcode::PUSH6 => self.immediate::<W, 6>(),
            opcode::PUSH7 => self.immediate::<W, 7>(),
            opcode::PUSH8 => self.immediate::<W, 8>(),
            opcode::PUSH9 => self.immediate::<W, 9>(),
            opcode::PUSH10 => self.immediate::<W, 10>(),
            opcode::PUSH11 => self.immediate::<W, 11>(),
            opcode::PUSH12 => self.immediate::<W, 12>(),
            opcode::PUSH13 => self.immediate::<W, 13>(),
            opcode::PUSH14 => self.immediate::<W, 14>(),
            opcode::PUSH15 => self.immediate::<W, 15>(),
            opcode::PUSH16 => self.immediate::<W, 16>(),
            opcode::PUSH17 => self.immediate::<W, 17>(),
            opcode::PUSH18 => self.immediate::<W, 18>(),
            opcode::PUSH19 => self.immediate::<W, 19>(),
            opcode::PUSH20 => self.immediate::<W, 20>(),
            opcode::PUSH21 => self.immediate::<W, 21>(),
            opcode::PUSH22 => self.immediate::<W, 22>(),
            opcode::PUSH23 => self.immediate::<W, 23>(),
            opcode::PUSH24 => self.immediate::<W, 24>(),
            opcode::PUSH25 => self.immediate::<W, 25>(),
            opcode::PUSH26 => self.immediate::<W, 26>(),
            opcode::PUSH27 => self.immediate::<W, 27>(),
            opcode::PUSH28 => self.immediate::<W, 28>(),
            opcode::PUSH29 => self.immediate::<W, 29>(),
            opcode::PUSH30 => self.immediate::<W, 30>(),
            opcode::PUSH31 => self.immediate::<W, 31>(),
            opcode::PUSH32 => self.immediate::<W, 32>(),
            opcode::KECCAK256 => self.hash::<W>(),
            opcode::ADDRESS => {
                let address = self.frame.interpreter.input.target_address;
                W::bytes(&address.0, self.push(BASE)?);
                Ok(())
            }
            opcode::CALLER => {
                let address = self.frame.interpreter.input.caller_address;
                W::bytes(&address.0, self.push(BASE)?);
                Ok(())
            }
            opcode::CALLVALUE => {
                let value = self.frame.interpreter.input.call_value;
                W::copy(&value, self.push(BASE)?);
                Ok(())
            }
            opcode::CALLDATALOAD => self.call_data::<W>(),
            opcode::CALLDATASIZE => self.number::<W>(self.frame.interpreter.input.input.len()),
            opcode::RETURNDATASIZE => self.number::<W>(self.frame.interpreter.return_data.0.len()),
            // The gas that the run has spent is not yet taken from the frame's.
            opcode::GAS => {
                let left = self.gas.wrapping_sub(BASE);
                if left < 0 {
                    return Err(End::Gas);
                }
                // Both are gas of this run, and it never has more than it began with.
                let spent = self.frame.budget.wrapping_sub(left);
                let all = self.frame.interpreter.gas.remaining() - u64::from(spent.cast_unsigned());
                W::bytes(&all.to_be_bytes(), self.push(BASE)?);
                Ok(())
            }
            opcode::MLOAD => self.load::<W>(),
            opcode::MSTORE => self.store::<W>(),
            opcode::DUP1..=opcode::DUP16 => self.dup::<W>(usize::from(opcode - opcode::DUP1)),
            opcode::SWAP1..=opcode::SWAP16 => self.swap::<W>(usize::from(opcode - opcode::SWAP1) + 1),
            _ => Err(End::Other),
        }
    }

    /// Executes a `PUSH` of `N` bytes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn immediate<W: Words, const N: usize>(&mut self) -> Result<(), End> {
        // SAFETY: the code has all bytes of a `PUSH`.
        let bytes = unsafe { &*self.next.cast::<[u8; N]>() };
        W::bytes(bytes, self.push(VERY_LOW)?);
        self.next = self.next.wrapping_add(N);
        Ok(())
    }

    /// Returns the 32 bytes of memory at the offset in the topmost word, if memory extends that far.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn place<W: Words>(&mut self) -> Result<*mut [u8; 32], End> {
        // SAFETY: the callers have checked that there is a word.
        let offset = W::small(unsafe { &*self.word(0) }, &mut self.frame.scratch);
        if self.frame.length < 32 || offset as usize > self.frame.length.wrapping_sub(32) {
            return Err(End::Grow);
        }
        Ok(self.frame.memory.wrapping_add(offset as usize).cast())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn load<W: Words>(&mut self) -> Result<(), End> {
        self.need(1)?;
        let place = self.place::<W>()?;
        self.spend(VERY_LOW);
        // SAFETY: bytes of memory, and the topmost word, which lies elsewhere.
        unsafe { W::reverse(&*place, &mut *self.word(0).cast()) };
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn store<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        let place = self.place::<W>()?;
        self.spend(VERY_LOW);
        // SAFETY: bytes of memory, and a word of the stack, which lies elsewhere.
        unsafe { W::reverse(&*self.word(1).cast(), &mut *place) };
        self.pop(2);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn hash<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        // SAFETY: words of the stack.
        let [offset, length] =
            [0, 1].map(|depth| W::small(unsafe { &*self.word(depth) }, &mut self.frame.scratch));
        let mut bytes = &[][..];
        if length > 0 {
            let end = offset.checked_add(length).ok_or(End::Grow)?;
            if end as usize > self.frame.length {
                return Err(End::Grow);
            }
            // SAFETY: bytes of memory, which does not move while they are hashed.
            bytes = unsafe {
                core::slice::from_raw_parts(self.frame.memory.add(offset as usize), length as usize)
            };
        }
        // At most the 2^22 words of the memory's bound. But without a jump a code may have more hashes than
        // the number can hold the cost of. So each is paid for at once, or left to revm.
        let words = length.div_ceil(32) as i32;
        let left = self.gas.wrapping_sub(KECCAK256.wrapping_add(KECCAK256_WORD.wrapping_mul(words)));
        if left < 0 {
            return Err(End::Other);
        }
        self.gas = left;
        let hash = keccak256(bytes);
        // SAFETY: a word of the stack.
        W::reverse(&hash.0, unsafe { &mut *self.word(1).cast() });
        self.pop(1);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn call_data<W: Words>(&mut self) -> Result<(), End> {
        self.need(1)?;
        self.spend(VERY_LOW);
        // SAFETY: a word of the stack.
        let word = unsafe { &mut *self.word(0) };
        let offset = W::small(word, &mut self.frame.scratch);
        // SAFETY: the word's bytes.
        self.frame.call_data::<W>(offset, unsafe { &mut *core::ptr::from_mut(word).cast() });
        Ok(())
    }

    /// Pushes a number, which fits 32 bits.
    #[inline(always)]
    fn number<W: Words>(&mut self, number: usize) -> Result<(), End> {
        W::bytes(&(number as u32).to_be_bytes(), self.push(BASE)?);
        Ok(())
    }
}

/// Runs instructions in a loop until one ends the run.
#[cfg(not(target_os = "zkvm"))]
#[expect(unsafe_code, reason = "the code by address")]
pub(super) fn follow<W: Words>(run: Run<'_, '_>) {
    let mut run = run;
    loop {
        let mut at = run.next;
        // SAFETY: an instruction of the code, and the one after a `PUSH1`.
        let (opcode, behind) = unsafe { (*at, at.wrapping_add(2)) };
        let result = if opcode == opcode::PUSH1 && run.room().is_ok() {
            at = behind;
            run.next = at.wrapping_add(1);
            run.pushed::<W>(unsafe { *behind })
        } else {
            run.next = at.wrapping_add(1);
            run.step::<W>(opcode)
        };
        if let Err(end) = result {
            run.frame.ended = Some(Ended { at, top: run.top, gas: run.gas, end });
            return;
        }
    }
}

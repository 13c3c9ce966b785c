//! The EVM's instructions on whole words, by the arithmetic that the machine at hand is best at.
//!
//! A zkVM with instructions for 256-bit integers adds, compares, shifts, copies and swaps words of the stack where they
//! lie, in one instruction each, where generic code takes twenty to a hundred. And the simplest of the EVM's
//! instructions, which are nine of ten, run in one loop that keeps its state in registers: as instructions of revm's
//! table, each would fetch and store all of it. What they do, cost and how they fail is revm's; the tests compare.

use alloy_primitives::U256;
use core::mem::MaybeUninit;
use revm::{
    bytecode::{JumpTable, opcode},
    handler::instructions::EthInstructions,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult, STACK_LIMIT,
        instructions::memory,
        interpreter::EthInterpreter,
        interpreter_types::{Jumps, RuntimeFlag},
    },
    primitives::hardfork::SpecId,
};

/// 256-bit words, changed in place. Numbers wrap around; those with a sign are in two's complement.
///
/// Each function of two words is the EVM's instruction of that name with `a` on top of the stack and `b` below it, and
/// leaves the result in `b`.
pub trait Words: 'static {
    /// `b` becomes a copy of `a`.
    fn copy(a: &U256, b: &mut MaybeUninit<U256>);
    /// `a` and `b` change places.
    fn swap(a: &mut U256, b: &mut U256);
    /// `a + b`.
    fn add(a: &U256, b: &mut U256);
    /// `a - b`.
    fn sub(a: &U256, b: &mut U256);
    /// `a * b`.
    fn mul(a: &U256, b: &mut U256);
    /// The bits of both.
    fn and(a: &U256, b: &mut U256);
    /// The bits of either.
    fn or(a: &U256, b: &mut U256);
    /// The bits of one of them.
    fn xor(a: &U256, b: &mut U256);
    /// All bits inverted.
    fn not(b: &mut U256);
    /// `b << a`, for `a` below 256.
    fn shl(a: &U256, b: &mut U256);
    /// `b >> a`, for `a` below 256.
    fn shr(a: &U256, b: &mut U256);
    /// `b >> a` with the sign kept, for `a` below 256.
    fn sar(a: &U256, b: &mut U256);
    /// 1 if `a < b`, else 0.
    fn lt(a: &U256, b: &mut U256);
    /// 1 if `a > b`, else 0.
    fn gt(a: &U256, b: &mut U256);
    /// 1 if `a < b` with signs, else 0.
    fn slt(a: &U256, b: &mut U256);
    /// 1 if `a > b` with signs, else 0.
    fn sgt(a: &U256, b: &mut U256);
    /// 1 if they are equal, else 0.
    fn eq(a: &U256, b: &mut U256);
    /// 1 for zero, else 0.
    fn is_zero(b: &mut U256);
}

/// The function of [`Words`] with this number, in the order of the trait: for tests that compare two of them.
///
/// # Panics
/// If there is none.
pub fn apply<W: Words>(number: u8, a: &mut U256, b: &mut U256) {
    match number {
        0 => {
            let mut copy = MaybeUninit::new(*b);
            W::copy(a, &mut copy);
            #[expect(unsafe_code, reason = "a copy was made")]
            // SAFETY: it was written, twice.
            unsafe {
                *b = copy.assume_init();
            }
        }
        1 => W::swap(a, b),
        2 => W::add(a, b),
        3 => W::sub(a, b),
        4 => W::mul(a, b),
        5 => W::and(a, b),
        6 => W::or(a, b),
        7 => W::xor(a, b),
        8 => W::not(b),
        9 => W::shl(a, b),
        10 => W::shr(a, b),
        11 => W::sar(a, b),
        12 => W::lt(a, b),
        13 => W::gt(a, b),
        14 => W::slt(a, b),
        15 => W::sgt(a, b),
        16 => W::eq(a, b),
        17 => W::is_zero(b),
        _ => panic!("there are 18 functions of words, none has the number {number}"),
    }
}

/// [`Words`] in portable code, for hosts.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Words for Portable {
    fn copy(a: &U256, b: &mut MaybeUninit<U256>) {
        b.write(*a);
    }

    fn swap(a: &mut U256, b: &mut U256) {
        core::mem::swap(a, b);
    }

    fn add(a: &U256, b: &mut U256) {
        *b = a.wrapping_add(*b);
    }

    fn sub(a: &U256, b: &mut U256) {
        *b = a.wrapping_sub(*b);
    }

    fn mul(a: &U256, b: &mut U256) {
        *b = a.wrapping_mul(*b);
    }

    fn and(a: &U256, b: &mut U256) {
        *b &= *a;
    }

    fn or(a: &U256, b: &mut U256) {
        *b |= *a;
    }

    fn xor(a: &U256, b: &mut U256) {
        *b ^= *a;
    }

    fn not(b: &mut U256) {
        *b = !*b;
    }

    fn shl(a: &U256, b: &mut U256) {
        *b <<= a.as_limbs()[0] as usize;
    }

    fn shr(a: &U256, b: &mut U256) {
        *b >>= a.as_limbs()[0] as usize;
    }

    fn sar(a: &U256, b: &mut U256) {
        *b = b.arithmetic_shr(a.as_limbs()[0] as usize);
    }

    fn lt(a: &U256, b: &mut U256) {
        *b = U256::from(*a < *b);
    }

    fn gt(a: &U256, b: &mut U256) {
        *b = U256::from(*a > *b);
    }

    fn slt(a: &U256, b: &mut U256) {
        *b = U256::from(signed(a) < signed(b));
    }

    fn sgt(a: &U256, b: &mut U256) {
        *b = U256::from(signed(a) > signed(b));
    }

    fn eq(a: &U256, b: &mut U256) {
        *b = U256::from(*a == *b);
    }

    fn is_zero(b: &mut U256) {
        *b = U256::from(b.is_zero());
    }
}

/// The number in two's complement, moved so that unsigned comparison is the signed one.
fn signed(word: &U256) -> U256 {
    *word ^ (U256::ONE << 255)
}

type Context<'a, H> = InstructionContext<'a, H, EthInterpreter>;
type Table<H> = EthInstructions<EthInterpreter, H>;

/// Puts [`run`] in the place of revm's instructions that it knows. It takes their gas itself.
pub(crate) fn install<W: Words, H: Host>(table: &mut Table<H>) {
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
        opcode::ADD..=opcode::SUB
            | opcode::LT..=opcode::NOT
            | opcode::SHL..=opcode::SAR
            | opcode::POP..=opcode::MSTORE
            | opcode::JUMP..=opcode::JUMPI
            | opcode::JUMPDEST
            | opcode::PUSH0..=opcode::PUSH32
            | opcode::DUP1..=opcode::SWAP16
    )
}

/// Where a run of instructions is.
struct Run<'a> {
    code: &'a [u8],
    table: Option<&'a JumpTable>,
    /// The frame's memory, as far as it has grown.
    memory: &'a mut [u8],
    spec: SpecId,
    /// The stack's first word: there is room for [`STACK_LIMIT`].
    words: *mut U256,
    /// Behind its last word.
    top: *mut U256,
    /// Where in the code the next instruction is.
    next: usize,
    /// Gas left, never negative: all there is, or as much as the number can hold.
    gas: i32,
}

/// Why a run ends.
enum End {
    /// The next instruction is one of revm's.
    Other,
    /// It is one of these, but memory has to grow for it.
    Grow,
    /// The frame fails.
    Halt(InstructionResult),
}

impl Run<'_> {
    /// The word at this depth below the top.
    ///
    /// # Safety
    /// The stack has it.
    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "the stack's words by address: the compiler can't see that its memory stays in place"
    )]
    unsafe fn word(&self, depth: usize) -> *mut U256 {
        // SAFETY: the word lies within the stack.
        unsafe { self.top.sub(1 + depth) }
    }

    #[inline(always)]
    fn spend(&mut self, gas: i32) -> Result<(), End> {
        let left = self.gas - gas;
        if left < 0 {
            return Err(End::Halt(InstructionResult::OutOfGas));
        }
        self.gas = left;
        Ok(())
    }

    #[inline(always)]
    fn need(&self, words: usize) -> Result<(), End> {
        if self.top < self.words.wrapping_add(words) {
            return Err(End::Halt(InstructionResult::StackUnderflow));
        }
        Ok(())
    }

    /// There is room for one word more.
    #[inline(always)]
    fn room(&self) -> Result<(), End> {
        if self.top == self.words.wrapping_add(STACK_LIMIT) {
            return Err(End::Halt(InstructionResult::StackOverflow));
        }
        Ok(())
    }

    /// Removes words, which the stack must have.
    #[inline(always)]
    fn pop(&mut self, words: usize) {
        self.top = self.top.wrapping_sub(words);
    }

    /// An instruction that replaces the two topmost words by one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn two(&mut self, gas: i32, operation: fn(&U256, &mut U256)) -> Result<(), End> {
        self.spend(gas)?;
        self.need(2)?;
        // SAFETY: two different words of the stack.
        unsafe { operation(&*self.word(0), &mut *self.word(1)) };
        self.pop(1);
        Ok(())
    }

    /// An instruction that replaces the topmost word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn one(&mut self, gas: i32, operation: fn(&mut U256)) -> Result<(), End> {
        self.spend(gas)?;
        self.need(1)?;
        // SAFETY: a word of the stack.
        unsafe { operation(&mut *self.word(0)) };
        Ok(())
    }

    /// A shift (EIP-145): by 256 and more, nothing is left but `rest` of the word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn shift(&mut self, operation: fn(&U256, &mut U256), rest: fn(&U256) -> U256) -> Result<(), End> {
        self.spend(VERY_LOW)?;
        if !self.spec.is_enabled_in(SpecId::PETERSBURG) {
            return Err(End::Halt(InstructionResult::NotActivated));
        }
        self.need(2)?;
        // SAFETY: two different words of the stack.
        let (by, word) = unsafe { (&*self.word(0), &mut *self.word(1)) };
        if small(by) < 256 {
            operation(by, word);
        } else {
            *word = rest(word);
        }
        self.pop(1);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn push(&mut self, gas: i32, value: u32) -> Result<(), End> {
        self.spend(gas)?;
        self.room()?;
        // SAFETY: there is room for one more word, which is written before it is read.
        unsafe { self.top.write(U256::from_limbs([u64::from(value), 0, 0, 0])) };
        self.top = self.top.wrapping_add(1);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn dup<W: Words>(&mut self, depth: usize) -> Result<(), End> {
        self.spend(VERY_LOW)?;
        // revm calls both this.
        if self.need(depth + 1).is_err() || self.room().is_err() {
            return Err(End::Halt(InstructionResult::StackOverflow));
        }
        // SAFETY: the word is one of the stack, and behind it there is room for one more.
        unsafe { W::copy(&*self.word(depth), &mut *self.top.cast::<MaybeUninit<U256>>()) };
        self.top = self.top.wrapping_add(1);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn swap<W: Words>(&mut self, depth: usize) -> Result<(), End> {
        self.spend(VERY_LOW)?;
        self.need(depth + 1)?;
        // SAFETY: two different words of the stack, for the depth is not zero.
        unsafe { W::swap(&mut *self.word(depth), &mut *self.word(0)) };
        Ok(())
    }

    /// Goes on at this place.
    #[inline(always)]
    fn jump(&mut self, target: u32) -> Result<(), End> {
        let target = target as usize;
        if self.table.is_some_and(|table| table.is_valid(target)) {
            self.next = target;
            Ok(())
        } else {
            Err(End::Halt(InstructionResult::InvalidJump))
        }
    }

    /// `PUSH2`, and at once the jump that mostly comes next: then its target is never on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn push_2(&mut self) -> Result<(), End> {
        if let Some(&[high, low, next]) = self.code.get(self.next..).and_then(|code| code.first_chunk())
            && matches!(next, opcode::JUMP | opcode::JUMPI)
            && self.gas >= VERY_LOW + HIGH
            && self.room().is_ok()
        {
            let target = u32::from(high) << 8 | u32::from(low);
            if next == opcode::JUMP {
                self.gas -= VERY_LOW + MID;
                return self.jump(target);
            }
            if self.need(1).is_ok() {
                self.gas -= VERY_LOW + HIGH;
                self.next += 3;
                // SAFETY: a word of the stack.
                let is_zero = unsafe { &*self.word(0) }.is_zero();
                self.pop(1);
                return if is_zero { Ok(()) } else { self.jump(target) };
            }
        }
        self.immediate::<2>()
    }

    /// Runs one instruction of [`is_known`]'s, which has been read.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn step<W: Words>(&mut self, opcode: u8) -> Result<(), End> {
        match opcode {
            opcode::ADD => self.two(VERY_LOW, W::add),
            opcode::MUL => self.two(LOW, W::mul),
            opcode::SUB => self.two(VERY_LOW, W::sub),
            opcode::LT => self.two(VERY_LOW, W::lt),
            opcode::GT => self.two(VERY_LOW, W::gt),
            opcode::SLT => self.two(VERY_LOW, W::slt),
            opcode::SGT => self.two(VERY_LOW, W::sgt),
            opcode::EQ => self.two(VERY_LOW, W::eq),
            opcode::ISZERO => self.one(VERY_LOW, W::is_zero),
            opcode::AND => self.two(VERY_LOW, W::and),
            opcode::OR => self.two(VERY_LOW, W::or),
            opcode::XOR => self.two(VERY_LOW, W::xor),
            opcode::NOT => self.one(VERY_LOW, W::not),
            opcode::SHL => self.shift(W::shl, |_| U256::ZERO),
            opcode::SHR => self.shift(W::shr, |_| U256::ZERO),
            opcode::SAR => self.shift(W::sar, |word| if word.bit(255) { U256::MAX } else { U256::ZERO }),
            opcode::POP => {
                self.spend(BASE)?;
                self.need(1)?;
                self.pop(1);
                Ok(())
            }
            opcode::JUMP => {
                self.spend(MID)?;
                self.need(1)?;
                // SAFETY: a word of the stack, and nothing is written while it is looked at.
                let target = small(unsafe { &*self.word(0) });
                self.pop(1);
                self.jump(target)
            }
            opcode::JUMPI => {
                self.spend(HIGH)?;
                self.need(2)?;
                // SAFETY: words of the stack, and nothing is written while they are looked at.
                let (target, condition) = unsafe { (&*self.word(0), &*self.word(1)) };
                self.pop(2);
                if condition.is_zero() { Ok(()) } else { self.jump(small(target)) }
            }
            opcode::JUMPDEST => self.spend(JUMPDEST),
            // EIP-3855.
            opcode::PUSH0 => {
                if !self.spec.is_enabled_in(SpecId::SHANGHAI) {
                    return Err(End::Halt(InstructionResult::NotActivated));
                }
                self.push(BASE, 0)
            }
            opcode::PUSH1 => self.immediate::<1>(),
            opcode::PUSH2 => self.push_2(),
            opcode::PUSH3 => self.immediate::<3>(),
            opcode::PUSH4 => self.immediate::<4>(),
            opcode::PUSH5..=opcode::PUSH32 => self.long_immediate(usize::from(opcode - opcode::PUSH0)),
            opcode::MLOAD => self.load(),
            opcode::MSTORE => self.store(),
            opcode::DUP1..=opcode::DUP16 => self.dup::<W>(usize::from(opcode - opcode::DUP1)),
            opcode::SWAP1..=opcode::SWAP16 => self.swap::<W>(usize::from(opcode - opcode::SWAP1) + 1),
            _ => Err(End::Other),
        }
    }

    /// Pushes the next bytes of the code; behind its end there are zeros.
    #[inline(always)]
    fn immediate<const N: usize>(&mut self) -> Result<(), End> {
        let (code, next) = (self.code, self.next);
        let value = match code.get(next..next + N) {
            Some(bytes) => bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)),
            None => (next..next + N)
                .fold(0, |number, at| number << 8 | u32::from(code.get(at).copied().unwrap_or(0))),
        };
        self.next += N;
        self.push(VERY_LOW, value)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn long_immediate(&mut self, length: usize) -> Result<(), End> {
        self.push(VERY_LOW, 0)?;
        let rest = self.code.get(self.next..).unwrap_or_default();
        let short;
        let bytes = match rest.get(..length) {
            Some(bytes) => bytes,
            None => {
                let mut padded = [0; 32];
                padded[..rest.len()].copy_from_slice(rest);
                short = padded;
                &short[..length]
            }
        };
        // SAFETY: the word that was just pushed.
        let word = unsafe { &mut *self.word(0) };
        *word = from_be_bytes(bytes);
        self.next += length;
        Ok(())
    }

    /// The bytes of memory that the topmost word names, if there are as many.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn place(&mut self) -> Result<&mut [u8; 32], End> {
        // SAFETY: the callers have checked that there is a word.
        let offset = small(unsafe { &*self.word(0) }) as usize;
        match self.memory.get_mut(offset..).and_then(|memory| memory.first_chunk_mut()) {
            Some(place) => Ok(place),
            None => Err(End::Grow),
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn load(&mut self) -> Result<(), End> {
        self.need(1)?;
        let place = self.place()?;
        let word = match aligned(place) {
            Some(parts) => {
                let [a, b, c, d, e, f, g, h] = parts.map(u32::from_be);
                from_parts([h, g, f, e, d, c, b, a])
            }
            None => U256::from_be_bytes(*place),
        };
        self.spend(VERY_LOW)?;
        // SAFETY: the topmost word.
        unsafe { *self.word(0) = word };
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn store(&mut self) -> Result<(), End> {
        self.need(2)?;
        // SAFETY: a word of the stack.
        let word = unsafe { &*self.word(1) };
        let place = self.place()?;
        match aligned(place) {
            Some(parts) => {
                for (part, limb) in parts.as_chunks_mut().0.iter_mut().zip(word.as_limbs().iter().rev()) {
                    *part = [((limb >> 32) as u32).to_be(), (*limb as u32).to_be()];
                }
            }
            None => *place = word.to_be_bytes(),
        }
        self.spend(VERY_LOW)?;
        self.pop(2);
        Ok(())
    }
}

/// The same bytes as words of 32 bits, if they are aligned to them.
#[inline(always)]
#[expect(unsafe_code, reason = "bytes as words")]
fn aligned(bytes: &mut [u8; 32]) -> Option<&mut [u32; 8]> {
    let start = bytes.as_mut_ptr().cast::<[u32; 8]>();
    // SAFETY: as many bytes, aligned, and any of them are numbers.
    start.is_aligned().then(|| unsafe { &mut *start })
}

/// The number with these 32-bit digits, the lowest first.
#[inline(always)]
fn from_parts(parts: [u32; 8]) -> U256 {
    let limb = |index: usize| u64::from(parts[2 * index]) | u64::from(parts[2 * index + 1]) << 32;
    U256::from_limbs([limb(0), limb(1), limb(2), limb(3)])
}

/// The number with these bytes, at most 32, the highest first.
#[inline(always)]
pub(crate) fn from_be_bytes(bytes: &[u8]) -> U256 {
    let mut parts = [0; 8];
    for (part, bytes) in parts.iter_mut().zip(bytes.rchunks(4)) {
        *part = bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    }
    from_parts(parts)
}

/// The word, or the largest number there is if it is larger.
#[inline(always)]
fn small(word: &U256) -> u32 {
    let [low, b, c, d] = word.as_limbs();
    if (low >> 32) | b | c | d == 0 { *low as u32 } else { u32::MAX }
}

/// Gas of instructions (yellow paper, appendix G), the same in all forks.
const JUMPDEST: i32 = 1;
const BASE: i32 = 2;
const VERY_LOW: i32 = 3;
const LOW: i32 = 5;
const MID: i32 = 8;
const HIGH: i32 = 10;

/// Runs instructions as long as it knows them, beginning with the one that the interpreter has just read. So between
/// them nothing is stored and loaded again: where the code goes on, the gas that is left, the height of the stack.
#[expect(unsafe_code, reason = "words by address")]
fn run<W: Words, H: Host>(context: Context<'_, H>) -> InstructionExecResult {
    let interpreter = &mut *context.interpreter;
    let words = interpreter.stack.data_mut();
    if words.capacity() < STACK_LIMIT {
        return Err(InstructionResult::StackOverflow);
    }
    let all = interpreter.gas.remaining();
    let budget = i32::try_from(all).unwrap_or(MOST);
    #[cfg(test)]
    let budget = budget.min(MOST);
    let mut memory = interpreter.memory.context_memory_mut();
    let mut run = Run {
        code: &interpreter.bytecode.bytes_ref()[..],
        table: interpreter.bytecode.legacy_jump_table(),
        memory: &mut memory,
        spec: interpreter.runtime_flag.spec_id(),
        words: words.as_mut_ptr(),
        top: words.as_mut_ptr_range().end,
        next: interpreter.bytecode.pc() - 1,
        gas: budget,
    };
    let (end, opcode, at) = loop {
        let at = run.next;
        let opcode = run.code.get(at).copied().unwrap_or(opcode::STOP);
        run.next += 1;
        if let Err(end) = run.step::<W>(opcode) {
            break (end, opcode, at);
        }
    };
    let Run { words, top, gas, .. } = run;
    drop(memory);
    // SAFETY: both are of the stack, and as many words were written.
    unsafe { interpreter.stack.data_mut().set_len(top.offset_from_unsigned(words)) };
    interpreter.bytecode.absolute_jump(at);
    let _ = interpreter.gas.record_cost_unsafe(u64::from((budget - gas).unsigned_abs()));
    match end {
        End::Other => Ok(()),
        End::Grow => {
            if interpreter.gas.record_cost_unsafe(VERY_LOW as u64) {
                return Err(InstructionResult::OutOfGas);
            }
            interpreter.bytecode.relative_jump(1);
            if opcode == opcode::MLOAD { memory::mload(context) } else { memory::mstore(context) }
        }
        // Only what the number could hold is spent.
        End::Halt(InstructionResult::OutOfGas) if all > budget as u64 => Ok(()),
        End::Halt(result) => Err(result),
    }
}

/// What a run spends at most: as much as its number can hold. In tests so little that most end because of it.
const MOST: i32 = if cfg!(test) { 40 } else { i32::MAX };

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use alloy_primitives::Bytes;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::{
        bytecode::Bytecode,
        interpreter::{InputsImpl, Interpreter, SharedMemory, host::DummyHost, interpreter::ExtBytecode},
    };

    /// How code ended and, unless it failed, what gas was left, and what on the stack and in memory.
    type Ended = (Option<InstructionResult>, Option<(u64, Vec<U256>, Vec<u8>)>);

    fn run(table: &Table<DummyHost>, spec: SpecId, code: &Bytes, stack: &[U256]) -> Ended {
        run_with(table, spec, code, stack, 2_000)
    }

    fn run_with(table: &Table<DummyHost>, spec: SpecId, code: &Bytes, stack: &[U256], gas: u64) -> Ended {
        let code = ExtBytecode::new(Bytecode::new_legacy(code.clone()));
        let mut interpreter = Interpreter::<EthInterpreter>::new(
            SharedMemory::new(),
            code,
            InputsImpl::default(),
            false,
            spec,
            gas,
        );
        interpreter.stack.data_mut().extend_from_slice(stack);
        let mut host = DummyHost::new(spec);
        let action = interpreter.run_plain(table.instruction_table(), table.gas_table(), &mut host);
        let result = action.instruction_result();
        let left = (
            interpreter.gas.remaining(),
            interpreter.stack.data().clone(),
            interpreter.memory.context_memory().to_vec(),
        );
        (result, result.is_none_or(|result| result.is_ok_or_revert()).then_some(left))
    }

    fn word(rng: &mut StdRng) -> U256 {
        let random = U256::from_limbs(rng.random());
        match rng.random_range(0..6) {
            0 => U256::from(rng.random_range(0..300u32)),
            1 => U256::MAX - U256::from(rng.random_range(0..3u32)),
            2 => (U256::ONE << 255) - U256::from(rng.random_range(0..2u32)),
            3 => random >> rng.random_range(0..256usize),
            _ => random,
        }
    }

    /// Random code, mostly of known instructions, with jumps that often land.
    fn program(rng: &mut StdRng) -> Bytes {
        let mut code = Vec::new();
        for _ in 0..rng.random_range(1..120) {
            match rng.random_range(0..10) {
                0 => code.push(opcode::JUMPDEST),
                1 => {
                    if rng.random() {
                        code.push(opcode::PUSH1);
                    } else {
                        code.extend([opcode::PUSH2, 0]);
                    }
                    code.push(rng.random_range(0..100));
                    code.push([opcode::JUMP, opcode::JUMPI][rng.random_range(0..2)]);
                }
                2 => {
                    let length = rng.random_range(0..=32);
                    code.push(opcode::PUSH0 + length);
                    // If run, as code that was skipped may be, these ask no host.
                    code.extend((0..length).map(|_| rng.random::<u8>() & 0x9f));
                }
                // What asks the host is left out: the tests' has no block.
                3 => {
                    code.push([0x05, 0x09, 0x20, 0x53, 0x59, 0x5f, 0xf3, 0xfe, 0x0a][rng.random_range(0..9)])
                }
                _ => code.push(
                    *[0x01, 0x03, 0x0b, 0x10, 0x15, 0x1b, 0x50, 0x58, 0x5a, 0x5b, 0x80, 0x91, 0x61]
                        .get(rng.random_range(0..13))
                        .expect("one of them"),
                ),
            }
        }
        code.into()
    }

    #[test]
    fn programs_run_as_with_revm() {
        let mut rng = StdRng::seed_from_u64(6);
        for spec in [SpecId::FRONTIER, SpecId::PETERSBURG, SpecId::OSAKA] {
            let theirs = Table::<DummyHost>::new_mainnet_with_spec(spec);
            let mut ours = theirs.clone();
            install::<Portable, _>(&mut ours);
            let mut ended = [0; 2];
            for _ in 0..4000 {
                let code = program(&mut rng);
                let stack = (0..rng.random_range(0..40)).map(|_| word(&mut rng)).collect::<Vec<_>>();
                let (expected, found) = (run(&theirs, spec, &code, &stack), run(&ours, spec, &code, &stack));
                assert_eq!(found, expected, "{code} on {stack:?}");
                ended[usize::from(found.1.is_some())] += 1;
            }
            assert!(ended.iter().all(|count| *count > 100), "{ended:?}");
        }
    }

    /// More gas than the loop's number can hold.
    #[test]
    fn gas_beyond_32_bits_is_spent_as_well() {
        let theirs = Table::<DummyHost>::new_mainnet_with_spec(SpecId::OSAKA);
        let mut ours = theirs.clone();
        install::<Portable, _>(&mut ours);
        let code = Bytes::from_static(&[opcode::PUSH1, 1, opcode::DUP1, opcode::ADD]);
        for gas in [i32::MAX as u64 - 1, i32::MAX as u64 + 7, u64::from(u32::MAX) + 7, u64::MAX] {
            let (expected, found) = (
                run_with(&theirs, SpecId::OSAKA, &code, &[], gas),
                run_with(&ours, SpecId::OSAKA, &code, &[], gas),
            );
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn they_do_what_those_of_revm_do() {
        let mut rng = StdRng::seed_from_u64(5);
        for spec in [SpecId::FRONTIER, SpecId::OSAKA] {
            let theirs = Table::<DummyHost>::new_mainnet_with_spec(spec);
            let mut ours = theirs.clone();
            install::<Portable, _>(&mut ours);
            for opcode in (0..=u8::MAX).filter(|opcode| is_known(*opcode)) {
                for _ in 0..60 {
                    let code = Bytes::from(Vec::from([opcode, 0x5b, rng.random_range(0..4), 0x5b]));
                    let length = match rng.random_range(0..4) {
                        0 => rng.random_range(0..20),
                        1 => rng.random_range(STACK_LIMIT - 2..=STACK_LIMIT),
                        _ => 20,
                    };
                    let mut stack = (0..length).map(|_| word(&mut rng)).collect::<Vec<_>>();
                    if let ([.., b, a], true) = (&mut stack[..], rng.random_bool(0.2)) {
                        *b = *a;
                    }
                    let (expected, found) =
                        (run(&theirs, spec, &code, &stack), run(&ours, spec, &code, &stack));
                    assert_eq!(found, expected, "{opcode:#x} on {stack:?}");
                }
            }
        }
    }
}

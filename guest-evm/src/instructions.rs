//! The EVM's instructions on whole words, by the arithmetic that the machine at hand is best at.
//!
//! A zkVM with instructions for 256-bit integers adds, compares, shifts, copies and swaps words of the stack where they
//! lie, in one instruction each, where generic code takes twenty to a hundred. And the simplest of the EVM's
//! instructions, which are nine of ten, run in one loop that keeps its state in registers: as instructions of revm's
//! table, each would fetch and store all of it. What they do, cost and how they fail is revm's; the tests compare.

use crate::bytecode;
use alloy_primitives::{U256, keccak256};
use core::{marker::PhantomData, mem::MaybeUninit, ops::Range};
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

#[cfg(target_os = "zkvm")]
mod threaded;
#[cfg(target_os = "zkvm")]
use threaded::follow;

/// 256-bit words, changed in place. Numbers wrap around; those with a sign are in two's complement.
///
/// Each function of two words is the EVM's instruction of that name with `a` on top of the stack and `b` below it, and
/// leaves the result in `b`.
pub trait Words: 'static {
    /// `b` becomes a copy of `a`.
    fn copy(a: &U256, b: &mut MaybeUninit<U256>);
    /// `a` and `b` change places, over a third.
    fn swap(a: &mut U256, b: &mut U256, scratch: &mut MaybeUninit<U256>);
    /// `b` becomes the number with these bytes, the highest first.
    fn bytes<const N: usize>(bytes: &[u8; N], b: &mut MaybeUninit<U256>);
    /// The bytes in the opposite order.
    fn reverse(from: &[u8; 32], to: &mut [u8; 32]);
    /// The number, or the largest one of 32 bits if it has more. What is in `scratch` is lost.
    fn small(a: &U256, scratch: &mut MaybeUninit<U256>) -> u32;
    /// Whether it is zero. What is in `scratch` is lost.
    fn is_zero_word(a: &U256, scratch: &mut MaybeUninit<U256>) -> bool;
    /// `a + b`.
    fn add(a: &U256, b: &mut U256);
    /// `a - b`.
    fn sub(a: &U256, b: &mut U256);
    /// `a * b`.
    fn mul(a: &U256, b: &mut U256);
    /// `a / b`, rounded down; zero if `b` is.
    fn div(a: &U256, b: &mut U256);
    /// What that division leaves; zero if `b` is.
    fn rem(a: &U256, b: &mut U256);
    /// `a * b` modulo `2^256 - 1`.
    fn mul_mod_max(a: &U256, b: &mut U256);
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
    /// Whether each byte that is below 128 is also by 127 less than its bound, which is 128 or more. Bytes as the machine has
    /// them.
    fn bytes_are_below(a: &[u32; 8], bounds: &[u32; 8]) -> bool;
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
        1 => W::swap(a, b, &mut MaybeUninit::uninit()),
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
        18..=21 => {
            let bytes = a.to_be_bytes::<32>();
            let mut number_of = MaybeUninit::new(*b);
            match number {
                18 => W::bytes(&bytes, &mut number_of),
                19 => W::bytes(&[bytes[30], bytes[31]], &mut number_of),
                20 => W::bytes(bytes.first_chunk::<20>().expect("32 bytes are enough"), &mut number_of),
                _ => W::bytes(&[], &mut number_of),
            }
            #[expect(unsafe_code, reason = "a number was made")]
            // SAFETY: it was written, twice.
            unsafe {
                *b = number_of.assume_init();
            }
        }
        22 | 23 => {
            // Of numbers of any size, those with small ones among them.
            let (mut scratch, shift) = (MaybeUninit::uninit(), a.as_limbs()[3] as u8);
            let word = if shift & 1 == 0 { *a } else { *a >> usize::from(shift) };
            *b = match number {
                22 => U256::from(W::small(&word, &mut scratch)),
                _ => U256::from(W::is_zero_word(&word, &mut scratch)),
            };
        }
        24 => {
            let (mut bytes, mut reversed) = ([0; 36], [0; 36]);
            for at in 0..4 {
                bytes[at..at + 32].copy_from_slice(&a.to_le_bytes::<32>());
                let from = bytes[at..].first_chunk().expect("32 bytes are left");
                W::reverse(from, reversed[3 - at..].first_chunk_mut().expect("32 bytes are left"));
                *b ^= U256::from_le_slice(&reversed[3 - at..35 - at]);
                *b = b.rotate_left(1);
            }
        }
        // Numbers of any size, and of any difference in size.
        25..=28 => {
            let divide = if number % 2 == 1 { W::div } else { W::rem };
            if number > 26 {
                *b >>= usize::from(b.as_limbs()[0] as u8);
                let shift = usize::from(a.as_limbs()[1] as u8);
                let dividend = *a >> shift;
                divide(&dividend, b);
            } else {
                divide(a, b);
            }
        }
        29 => W::mul_mod_max(a, b),
        30 => {
            let parts = |word: &U256| {
                core::array::from_fn(|index| (word.as_limbs()[index / 2] >> (32 * (index % 2))) as u32)
            };
            // Mostly they are.
            let (bytes, bounds) =
                (parts(a).map(|word: u32| word & 0x9f9f_9f9f), parts(b).map(|word: u32| word | 0xa0a0_a0a0));
            *b = U256::from(W::bytes_are_below(&bytes, &bounds));
        }
        _ => panic!("there are 31 functions of words, none has the number {number}"),
    }
}

/// [`Words`] in portable code, for hosts.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Words for Portable {
    fn copy(a: &U256, b: &mut MaybeUninit<U256>) {
        b.write(*a);
    }

    fn swap(a: &mut U256, b: &mut U256, _: &mut MaybeUninit<U256>) {
        core::mem::swap(a, b);
    }

    fn bytes<const N: usize>(bytes: &[u8; N], b: &mut MaybeUninit<U256>) {
        b.write(from_be_bytes(bytes));
    }

    fn reverse(from: &[u8; 32], to: &mut [u8; 32]) {
        *to = *from;
        to.reverse();
    }

    fn small(a: &U256, _: &mut MaybeUninit<U256>) -> u32 {
        u32::try_from(*a).unwrap_or(u32::MAX)
    }

    fn is_zero_word(a: &U256, _: &mut MaybeUninit<U256>) -> bool {
        a.is_zero()
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

    fn div(a: &U256, b: &mut U256) {
        *b = a.checked_div(*b).unwrap_or_default();
    }

    fn rem(a: &U256, b: &mut U256) {
        *b = a.checked_rem(*b).unwrap_or_default();
    }

    fn mul_mod_max(a: &U256, b: &mut U256) {
        *b = a.mul_mod(*b, U256::MAX);
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

    fn bytes_are_below(a: &[u32; 8], bounds: &[u32; 8]) -> bool {
        a.iter().zip(bounds).all(|(word, bounds)| bytecode::bytes_are_below(*word, *bounds))
    }
}

/// The number in two's complement, moved so that unsigned comparison is the signed one.
fn signed(word: &U256) -> U256 {
    *word ^ (U256::ONE << 255)
}

type Context<'a, H> = InstructionContext<'a, H, EthInterpreter>;
type Table<H> = EthInstructions<EthInterpreter, H>;

/// Puts [`run`] in the place of revm's instructions that it knows. It takes their gas itself, and runs the others.
///
/// # Panics
/// If the table's other instructions don't cost what they do since the merge.
pub(crate) fn install<W: Words, H: Host>(table: &mut Table<H>) {
    assert_eq!(*table.gas_table(), GAS, "the forks from the merge to Osaka have the same static gas");
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

/// Where a run of instructions is: what it keeps in registers.
struct Run<'a, 'b> {
    /// The next instruction. Behind the last of a code there is always a `STOP`, and what a `PUSH` takes is there: the
    /// analysis of a code fills up with zeros.
    next: *const u8,
    /// Behind the stack's last word.
    top: *mut U256,
    /// Gas left. Only what may cost much asks whether there is any, a jump, and whatever ends the run: until then nothing
    /// was done that the frame's failure would not undo. Between two jumps the rest of a code costs ten gas a byte at
    /// most, so the number never wraps around.
    gas: i32,
    /// The stack's first word, and behind the last for which there is room.
    words: *mut U256,
    limit: *mut U256,
    frame: &'a mut Frame<'b>,
}

/// What instructions need besides, and seldom.
struct Frame<'a> {
    scratch: MaybeUninit<U256>,
    /// The frame's memory, as far as it has grown.
    memory: *mut u8,
    length: usize,
    code: *const u8,
    /// A bit for each of the code's first bytes, so many of them: whether it is a destination.
    destinations: *const u8,
    positions: usize,
    /// Gas that the run began with.
    budget: i32,
    /// All the rest of the frame; its stack and gas are as they were when the run began.
    interpreter: &'a mut Interpreter<EthInterpreter>,
    /// How the run ended, and where.
    ended: Option<Ended>,
}

impl Frame<'_> {
    /// Finds the memory again, after anything that may have moved it.
    #[inline(always)]
    fn find_memory(&mut self) {
        (self.memory, self.length) = memory_of(self.interpreter);
    }

    /// Lets memory grow for the instruction that ended a run because of it, and answers with the gas that is left; none
    /// if revm has to do it, or fail.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn grow<W: Words>(&mut self, ended: Ended) -> Option<i32> {
        // SAFETY: words of the stack, for the instruction has found as many, and the instruction itself.
        let (offset, length) = unsafe {
            let offset = W::small(&*ended.top.sub(1), &mut self.scratch);
            let is_hash = *ended.at == opcode::KECCAK256;
            (offset, if is_hash { W::small(&*ended.top.sub(2), &mut self.scratch) } else { 32 })
        };
        let size = offset.checked_add(length).filter(|size| *size <= MOST_MEMORY)?;
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

    /// The 32 bytes of the call's data from this place; behind its end there are zeros.
    #[inline(never)]
    fn call_data<W: Words>(&mut self, offset: u32, word: &mut [u8; 32]) {
        let offset = offset as usize;
        {
            let input = &self.interpreter.input.input;
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
        }
        self.find_memory();
    }
}

/// A frame's memory, as far as it has grown.
#[inline(always)]
fn memory_of(interpreter: &mut Interpreter<EthInterpreter>) -> (*mut u8, usize) {
    let mut memory = interpreter.memory.context_memory_mut();
    (memory.as_mut_ptr(), memory.len())
}

/// Where a run ended, and why.
#[derive(Clone, Copy)]
struct Ended {
    /// The instruction that ended it, which did nothing.
    at: *const u8,
    top: *mut U256,
    gas: i32,
    end: End,
}

/// Why a run ends.
#[derive(Clone, Copy)]
enum End {
    /// The next instruction is one of revm's.
    Other,
    /// It is one of these, but memory has to grow for it.
    Grow,
    /// It jumps to what is no destination by the table, which may lack some.
    Jump,
    /// It costs more than the gas that the run has.
    Gas,
    /// The frame fails.
    Halt(InstructionResult),
}

impl Run<'_, '_> {
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
    fn need(&self, words: usize) -> Result<(), End> {
        let missing =
            if words == 1 { self.top == self.words } else { self.top < self.words.wrapping_add(words) };
        if missing {
            return Err(End::Halt(InstructionResult::StackUnderflow));
        }
        Ok(())
    }

    /// There is room for one word more.
    #[inline(always)]
    fn room(&self) -> Result<(), End> {
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

    /// An instruction that replaces the two topmost words by one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn two(&mut self, gas: i32, operation: fn(&U256, &mut U256)) -> Result<(), End> {
        self.need(2)?;
        self.gas -= gas;
        // SAFETY: two different words of the stack.
        unsafe { operation(&*self.word(0), &mut *self.word(1)) };
        self.pop(1);
        Ok(())
    }

    /// An instruction that replaces the topmost word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn one(&mut self, gas: i32, operation: fn(&mut U256)) -> Result<(), End> {
        self.need(1)?;
        self.gas -= gas;
        // SAFETY: a word of the stack.
        unsafe { operation(&mut *self.word(0)) };
        Ok(())
    }

    /// A shift (EIP-145): by 256 and more, nothing is left but `rest` of the word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn shift<W: Words>(
        &mut self,
        operation: fn(&U256, &mut U256),
        rest: fn(&U256) -> U256,
    ) -> Result<(), End> {
        self.need(2)?;
        self.gas -= VERY_LOW;
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

    /// A product modulo the largest word, by which contracts get the upper half of a product; any other is revm's.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn mul_mod<W: Words>(&mut self) -> Result<(), End> {
        self.need(3)?;
        // SAFETY: three different words of the stack.
        let (a, b, modulus) = unsafe { (&*self.word(0), &mut *self.word(1), &mut *self.word(2)) };
        if *modulus != U256::MAX {
            return Err(End::Other);
        }
        self.gas -= MID;
        W::mul_mod_max(a, b);
        *modulus = *b;
        self.pop(2);
        Ok(())
    }

    /// A power by squares and products.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn exp<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        // SAFETY: two different words of the stack.
        let (base, word) = unsafe { (&mut *self.word(0), &mut *self.word(1)) };
        let mut exponent = W::small(word, &mut self.frame.scratch);
        // EIP-160: by the exponent's bytes.
        let bytes = (u32::BITS - exponent.leading_zeros()).div_ceil(8);
        let left = self.gas - (EXP + EXP_BYTE * bytes as i32);
        // Paid for at once, as a hash is.
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

    /// Fills a number of so many bytes, and one more, up with its sign.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn sign_extend<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        self.gas -= LOW;
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

    /// One of a word's bytes, the highest of which is the first.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn byte<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        self.gas -= VERY_LOW;
        // SAFETY: two different words of the stack.
        let (index, word) = unsafe { (&*self.word(0), &mut *self.word(1)) };
        *word = match W::small(index, &mut self.frame.scratch) {
            index @ 0..32 => U256::from(word.byte(31 - index as usize)),
            _ => U256::ZERO,
        };
        self.pop(1);
        Ok(())
    }

    /// A place for one word more, which the caller writes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn push(&mut self, gas: i32) -> Result<&mut MaybeUninit<U256>, End> {
        self.room()?;
        self.gas -= gas;
        // SAFETY: there is room for one more word.
        let place = unsafe { &mut *self.top.cast::<MaybeUninit<U256>>() };
        self.top = self.top.wrapping_add(1);
        Ok(place)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn dup<W: Words>(&mut self, depth: usize) -> Result<(), End> {
        self.need(depth + 1)?;
        // SAFETY: the word is one of the stack, and stays where it is.
        let word = unsafe { &*self.word(depth) };
        W::copy(word, self.push(VERY_LOW)?);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn swap<W: Words>(&mut self, depth: usize) -> Result<(), End> {
        self.need(depth + 1)?;
        // SAFETY: two different words of the stack, for the depth is not zero; and an instruction of the code.
        let (below, top, next) = unsafe { (&mut *self.word(depth), &mut *self.word(0), *self.next) };
        if next == opcode::POP {
            // As often as not one of the two is dropped at once.
            self.gas -= VERY_LOW + BASE;
            // SAFETY: a word may be written over.
            W::copy(top, unsafe { &mut *core::ptr::from_mut(below).cast() });
            self.pop(1);
            self.next = self.next.wrapping_add(1);
        } else {
            self.gas -= VERY_LOW;
            W::swap(below, top, &mut self.frame.scratch);
        }
        Ok(())
    }

    /// Goes on behind the `JUMPDEST` at this place, for this gas and its own, and leaves as many words of the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn jump(&mut self, target: u32, gas: i32, words: usize) -> Result<(), End> {
        let target = target as usize;
        let left = self.gas - gas - JUMPDEST;
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
        self.next = unsafe { self.frame.code.add(target + 1) };
        Ok(())
    }

    /// `PUSH2`, and at once the jump that mostly comes next: then its target is never on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn push_2<W: Words>(&mut self) -> Result<(), End> {
        self.room()?;
        // SAFETY: what the `PUSH` takes, and a `STOP` at least.
        let [high, low, next] = unsafe { *self.next.cast::<[u8; 3]>() };
        let target = || u32::from(high) << 8 | u32::from(low);
        match next {
            opcode::JUMP => self.jump(target(), VERY_LOW + MID, 0),
            opcode::JUMPI => {
                self.need(1)?;
                // SAFETY: a word of the stack.
                if W::is_zero_word(unsafe { &*self.word(0) }, &mut self.frame.scratch) {
                    self.gas -= VERY_LOW + HIGH;
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

    /// `ISZERO`, and at once the `PUSH2` and `JUMPI` that mostly come next: then the answer is never on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code and words by address")]
    fn is_zero<W: Words>(&mut self) -> Result<(), End> {
        // SAFETY: an instruction of the code; and if it is a `PUSH2`, what that takes, and a `STOP` at least.
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
        self.gas -= 2 * VERY_LOW + HIGH;
        self.pop(1);
        self.next = self.next.wrapping_add(4);
        Ok(())
    }

    /// Runs a `PUSH1`, for which there is room, and the instruction behind it, which has been read. If that ends the run, only
    /// the `PUSH1` was done.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code, memory and words by address")]
    fn pushed<W: Words>(&mut self, opcode: u8) -> Result<(), End> {
        // SAFETY: what the `PUSH1` takes is before the instruction, and its word's place is on the stack.
        let (byte, place) = unsafe { (*self.next.sub(2), &mut *self.top.cast::<MaybeUninit<U256>>()) };
        let is_in_memory = usize::from(byte) + 32 <= self.frame.length;
        let memory = self.frame.memory.wrapping_add(usize::from(byte)).cast::<[u8; 32]>();
        let is_empty = self.top == self.words;
        match opcode {
            // The free memory's pointer, mostly.
            opcode::MLOAD if is_in_memory => {
                self.gas -= 2 * VERY_LOW;
                // SAFETY: bytes of memory, and the word's.
                unsafe { W::reverse(&*memory, &mut *self.top.cast()) };
                self.top = self.top.wrapping_add(1);
            }
            opcode::MSTORE if is_in_memory && !is_empty => {
                self.gas -= 2 * VERY_LOW;
                // SAFETY: bytes of memory, and a word of the stack, which lies elsewhere.
                unsafe { W::reverse(&*self.word(0).cast(), &mut *memory) };
                self.pop(1);
            }
            opcode::SHL | opcode::SHR if !is_empty => {
                self.gas -= 2 * VERY_LOW;
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

    /// Runs a `PUSH1`, for which there is room, before an instruction that has been read.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code and words by address")]
    fn push_byte<W: Words>(&mut self) {
        self.gas -= VERY_LOW;
        // SAFETY: what the `PUSH1` takes is before the instruction, and its word's place is on the stack.
        unsafe { W::bytes(&[*self.next.sub(2)], &mut *self.top.cast()) };
        self.top = self.top.wrapping_add(1);
    }

    /// Runs one instruction of [`is_known`]'s, which has been read. If it ends the run for another reason than failing,
    /// nothing has changed but what is next.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn step<W: Words>(&mut self, opcode: u8) -> Result<(), End> {
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
                self.gas -= BASE;
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
                // SAFETY: words of the stack, and nothing of it is written while they are looked at.
                let (target, condition) = unsafe { (&*self.word(0), &*self.word(1)) };
                if W::is_zero_word(condition, &mut self.frame.scratch) {
                    self.gas -= HIGH;
                    self.pop(2);
                    return Ok(());
                }
                let target = W::small(target, &mut self.frame.scratch);
                self.jump(target, HIGH, 2)
            }
            opcode::JUMPDEST => {
                self.gas -= JUMPDEST;
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
            // What the run has spent is not yet taken from what the frame has.
            opcode::GAS => {
                let left = self.gas - BASE;
                if left < 0 {
                    return Err(End::Gas);
                }
                let spent = self.frame.budget - left;
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

    /// Pushes the next bytes of the code.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn immediate<W: Words, const N: usize>(&mut self) -> Result<(), End> {
        // SAFETY: what a `PUSH` takes is there.
        let bytes = unsafe { &*self.next.cast::<[u8; N]>() };
        W::bytes(bytes, self.push(VERY_LOW)?);
        self.next = self.next.wrapping_add(N);
        Ok(())
    }

    /// The 32 bytes of memory that the topmost word names, if there are as many.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn place<W: Words>(&mut self) -> Result<*mut [u8; 32], End> {
        // SAFETY: the callers have checked that there is a word.
        let offset = W::small(unsafe { &*self.word(0) }, &mut self.frame.scratch);
        if self.frame.length < 32 || offset as usize > self.frame.length - 32 {
            return Err(End::Grow);
        }
        Ok(self.frame.memory.wrapping_add(offset as usize).cast())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn load<W: Words>(&mut self) -> Result<(), End> {
        self.need(1)?;
        let place = self.place::<W>()?;
        self.gas -= VERY_LOW;
        // SAFETY: bytes of memory, and the topmost word, which lies elsewhere.
        unsafe { W::reverse(&*place, &mut *self.word(0).cast()) };
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    fn store<W: Words>(&mut self) -> Result<(), End> {
        self.need(2)?;
        let place = self.place::<W>()?;
        self.gas -= VERY_LOW;
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
        // Not more than memory has words. But a code may have so many of these without a jump that the number could
        // not hold what they cost: so each is paid for at once, or left to revm.
        let left = self.gas - (KECCAK256 + KECCAK256_WORD * length.div_ceil(32) as i32);
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
        self.gas -= VERY_LOW;
        // SAFETY: a word of the stack.
        let word = unsafe { &mut *self.word(0) };
        let offset = W::small(word, &mut self.frame.scratch);
        // SAFETY: the word's bytes.
        self.frame.call_data::<W>(offset, unsafe { &mut *core::ptr::from_mut(word).cast() });
        Ok(())
    }

    /// Pushes a number.
    #[inline(always)]
    fn number<W: Words>(&mut self, number: usize) -> Result<(), End> {
        W::bytes(&(number as u32).to_be_bytes(), self.push(BASE)?);
        Ok(())
    }
}

/// Runs instructions until one ends the run: one after the other, in a loop.
#[cfg(not(target_os = "zkvm"))]
#[expect(unsafe_code, reason = "the code by address")]
fn follow<W: Words>(run: Run<'_, '_>) {
    let mut run = run;
    loop {
        let mut at = run.next;
        // SAFETY: an instruction of the code, and the one behind a `PUSH1`.
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
/// Of a word of memory, and what the square of the number of words is divided by.
const MEMORY: u32 = 3;
const MEMORY_DIVISOR: u32 = 512;

/// Up to this size memory grows within a run: the cost is a number of 32 bits.
const MOST_MEMORY: u32 = 1 << 20;

/// Runs instructions, beginning with the one that the interpreter has just read: its own in runs, between which nothing
/// is stored and loaded again (where the code goes on, the gas that is left, the height of the stack), and revm's one by
/// one, until one of them ends the frame or suspends it.
fn run<W: Words, H: Host>(context: Context<'_, H>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    if interpreter.stack.data_mut().capacity() < STACK_LIMIT {
        return Err(InstructionResult::StackOverflow);
    }
    let others = const { &Revm::<H>::INSTRUCTIONS };
    interpreter.bytecode.relative_jump(-1);
    loop {
        let opcode = usize::from(stretch::<W>(interpreter)?);
        let context = InstructionContext { interpreter: &mut *interpreter, host: &mut *host };
        others[opcode].execute(context)?;
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
        let Range { start: words, end: top } = interpreter.stack.data_mut().as_mut_ptr_range();
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
        // SAFETY: both are of the stack, and as many words were written.
        unsafe { interpreter.stack.data_mut().set_len(top.offset_from_unsigned(words)) };
        // No code is so long that more could be spent between two jumps.
        let spent = u64::from(budget.wrapping_sub(gas).cast_unsigned());
        let at_pc = at.addr() - code.addr();
        if let End::Other | End::Grow = end {
            // SAFETY: an instruction of the code.
            let opcode = unsafe { *at };
            interpreter.bytecode.absolute_jump(at_pc + 1);
            if interpreter.gas.record_cost_unsafe(spent + u64::from(GAS[usize::from(opcode)])) {
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

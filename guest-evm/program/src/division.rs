//! Division of 256-bit words and of their products.
//!
//! Long division (Knuth, The Art of Computer Programming, 4.3.1), but by digits of 96 bits, so that any
//! quotient takes a few steps. A step is three of the VM's instructions: a product with the divisor's
//! reciprocal is the digit, and another one is what it takes from the remainder. Hence the cost hardly depends
//! on the numbers: an author of contracts can't choose dear ones.
//!
//! # Why the digits are right
//!
//! `D` is the divisor, multiplied by a power of two so that the highest bit of its highest digit of 32 bits is set.
//! Let it have 256 bits here; it is the same with fewer digits. The reciprocal `x` is at most `2^384 / D`, and less than
//! that by a part of `2^-114` at most: Newton's iteration never gives too much, and squares the `2^-28.5` of its first
//! value twice. So `2^128 <= x < 2^129`.
//!
//! The remainder `R` is followed by the dividend's next 96 bits. The exact quotient of these 352 bits by `D` is `q`. The
//! estimate is `x` times the upper half of `R`, in units of `2^-160`. It is not too high. It is too low by less than
//! `2^-17.9`: by `2^(96 - 114)` for `x`, by `2^-31` for the bits that were dropped, and by `2^-32` for what is below its
//! fraction's 32 bits. So its integer part is the digit, unless the fraction is almost one. Then the digit may be too low
//! by one, and the new remainder is less than `D (1 + 2^-17.9)`. Else it is less than `D`.
//!
//! After a remainder that is not less than `D`, the next digit is `2^96` or a bit more, and the estimate's highest bit
//! leaves the word. This is noticed: the fraction before was almost one, but what is left of this digit has no high bit, as
//! a digit near `2^96` would have. So the digits' sum is right in any case, and only the last one is tried with one more,
//! if its fraction is almost one. A remainder by eight digits would not fit into a word, so there each digit is.
//!
//! If the quotient has one digit of 32 bits, the reciprocal of half the precision is enough.

use crate::int256::{clear, instruction};
use alloy_primitives::U256;
use core::{cell::UnsafeCell, ops::Deref};

/// Digits of a word, of 32 bits each.
const DIGITS: usize = 8;
/// Half of a word, in digits.
const HALF: usize = DIGITS / 2;
/// Bytes of a digit, and of a word. What depends on the numbers is counted in bytes: then an address is one sum.
const DIGIT: usize = 4;
const WORD: usize = DIGIT * DIGITS;
/// Digits of 32 bits that a step finds, and their bytes.
const PART: usize = 3;
const STEP: usize = DIGIT * PART;

/// Memory of the computation, and tables. It has one fixed address, so that the address of each word in it is
/// known at compile time, and all are near each other.
#[repr(C)]
struct Place {
    /// Words, by the indices below.
    ///
    /// A word that is read from some digits before its first one is shifted up; from some digits after it, it
    /// is shifted down. For that, many words have digits before or after them that never change.
    digits: UnsafeCell<[u32; LENGTH]>,
    /// Powers of two by a byte that is not zero: each moves its byte's highest bit to the top.
    powers: [u8; 256],
    /// The exponents of these powers.
    shifts: [u8; 256],
    /// Numbers of bytes below those that the first step divides, by the number of bytes from the divisor's highest
    /// digit up to the dividend's.
    starts: [u8; 2 * WORD],
}

// SAFETY: the VM has one hart and no interrupts. On hosts only a test uses it, one thread at a time.
#[expect(unsafe_code, reason = "a static that is written")]
unsafe impl Sync for Place {}

static PLACE: Place = {
    let mut digits = [0; LENGTH];
    let mut index = NEGATIVE + DIGITS;
    while index < NEGATIVE_POWER + DIGITS {
        digits[index] = u32::MAX;
        index += 1;
    }
    digits[ONE] = 1;
    digits[ERROR + DIGITS] = 1;
    digits[THIRD + HALF] = 1;
    let (mut powers, mut shifts) = ([0; 256], [0; 256]);
    let mut byte = 1;
    while byte < 256 {
        shifts[byte] = (byte as u8).leading_zeros() as u8;
        powers[byte] = 1 << shifts[byte];
        byte += 1;
    }
    let mut starts = [0; 2 * WORD];
    let mut excess = 0;
    while excess < starts.len() {
        starts[excess] = (excess / STEP * STEP) as u8;
        excess += 1;
    }
    Place { digits: UnsafeCell::new(digits), powers, shifts, starts }
};

/// A word of zeros.
const ZERO: usize = 0;
/// `-D`, in two's complement. Six zeros come before it, and two digits of ones after it.
const NEGATIVE: usize = DIGITS;
/// The divisor's power of two, negated: a digit, and then ones.
const NEGATIVE_POWER: usize = NEGATIVE + DIGITS + 2;
/// The divisor's power of two: a word of which only the lowest digit is ever nonzero.
const POWER: usize = NEGATIVE_POWER + DIGITS;
/// The power's exponent, like it.
const SHIFT: usize = POWER + DIGITS;
/// `2^288 / D` or less: a digit, and 2^32.
const FIRST: usize = SHIFT + DIGITS;
/// The number 1.
const ONE: usize = FIRST + 1;
/// Missing part of a reciprocal's product with `D`, at the top of a word. After it comes the number 1.
const ERROR: usize = ONE + DIGITS;
/// `2^320 / D` or less. Before it come four digits of its fraction, and after it four zeros.
const SECOND: usize = ERROR + DIGITS + PART + HALF;
/// `2^384 / D` or less. Before it come four digits of its fraction. Its highest bit, which is always set, is a digit that
/// never changes, and three zeros come after it.
const THIRD: usize = SECOND + DIGITS + HALF;
/// Product with a reciprocal. Five zeros come after it.
const ESTIMATE: usize = THIRD + DIGITS;
/// Digit of the quotient, of 96 bits: the estimate without its fraction.
const FOUND: usize = ESTIMATE + DIGITS - PART;
/// Product that a step adds to the remainder.
const PRODUCT: usize = FOUND + DIGITS;
/// Dividend, shifted up like the divisor; later the remainder. So many zeros come after it that any step's word
/// has zeros above the remainder.
const REST: usize = PRODUCT + DIGITS;
/// Quotient. Three zeros come before it, the last ones after [`REST`].
const QUOTIENT: usize = REST + 26;
/// From here to [`LOW_A`], each word has half a word of zeros after it. Read from its upper half on, it is
/// that half alone.
const A: usize = QUOTIENT + DIGITS;
const B: usize = A + DIGITS + HALF;
const LOWER: usize = B + DIGITS + HALF;
const MIXED: usize = LOWER + DIGITS + HALF;
const OTHER: usize = MIXED + DIGITS + HALF;
/// Index of the first word without zeros after it.
const LOW_A: usize = OTHER + DIGITS + HALF;
const LOW_B: usize = LOW_A + DIGITS;
/// Sum, and its carry.
const SUM: usize = LOW_B + DIGITS;
const LENGTH: usize = SUM + 2 * DIGITS;

static LOW: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);

/// The memory, by its address.
#[derive(Clone, Copy)]
struct Memory(&'static Place);

impl Memory {
    #[inline(always)]
    fn new() -> Self {
        let mut memory = Self(&PLACE);
        memory.forget();
        memory
    }

    /// Makes the compiler forget the words' addresses. It computes one by one instruction. To keep it in a register
    /// costs two, because a function may use only few without saving them.
    #[inline(always)]
    fn forget(&mut self) {
        #[cfg(target_os = "zkvm")]
        {
            let mut address = core::ptr::from_ref(self.0);
            // SAFETY: no instruction, so the address is the same.
            #[expect(unsafe_code, reason = "a limit to what the compiler knows")]
            unsafe {
                core::arch::asm!("/* {0} */", inout(reg) address, options(nomem, nostack, preserves_flags));
                self.0 = &*address;
            }
        }
    }

    /// Address of the word that begins with this digit. The index is at most that of the last word, so all eight
    /// digits are part of the memory.
    #[inline(always)]
    fn word(self, index: usize) -> *mut U256 {
        self.0.digits.get().cast::<u32>().wrapping_add(index).cast()
    }

    /// Reads a digit.
    #[inline(always)]
    fn read(self, index: usize) -> u32 {
        debug_assert!(index < LENGTH, "it is one of the memory's digits");
        digit(self.word(index), 0)
    }

    /// Writes a digit.
    #[inline(always)]
    fn write(self, index: usize, digit: u32) {
        debug_assert!(index < LENGTH, "it is one of the memory's digits");
        set_digit(self.word(index), 0, digit);
    }

    /// Writes a word, or its negative in two's complement.
    #[inline(always)]
    fn put(self, result: *mut U256, from: *const U256, is_negative: bool) {
        if is_negative {
            instruction!(Sub, result, self.word(ZERO), from);
        } else {
            instruction!(Or, result, from, from);
        }
    }
}

/// Sets `b` to `a / b`, or to the remainder; to zero if `b` is zero.
#[inline(always)]
pub(crate) fn divide<const REMAINDER: bool>(a: &U256, b: &mut U256) {
    divide_words::<REMAINDER>(a, b, false);
}

/// The same for numbers in two's complement. A quotient is rounded towards zero, and a remainder has the sign of `a`.
#[inline(always)]
pub(crate) fn divide_signed<const REMAINDER: bool>(a: &U256, b: &mut U256) {
    let memory = Memory::new();
    let is_negative = |number: &U256| digit(number, DIGITS - 1) >> 31 != 0;
    let (by_negative, of_negative) = (is_negative(b), is_negative(a));
    // The absolute values. That of the lowest number is 2^255.
    if by_negative {
        memory.put(b, b, true);
    }
    let mut magnitude = core::ptr::from_ref(a);
    if of_negative {
        memory.put(memory.word(A), a, true);
        magnitude = memory.word(A);
    }
    divide_words::<REMAINDER>(magnitude, b, if REMAINDER { of_negative } else { by_negative != of_negative });
}

/// Sets `b` to `a / b`, or to the remainder, or to the negative of that; to zero if `b` is zero.
#[inline(always)]
fn divide_words<const REMAINDER: bool>(a: *const U256, b: *mut U256, is_negative: bool) {
    let Some(top) = highest(b, DIGITS) else { return };
    let memory = Memory::new();
    let last = highest(a, DIGITS).unwrap_or(0);
    if last < top {
        if REMAINDER {
            memory.put(b, a, is_negative);
        } else {
            clear(b);
        }
        return;
    }
    if last == 0 {
        // All other digits of the divisor are zero, and so are those of the result.
        let (dividend, divisor) = (digit(a, 0), digit(b, 0));
        set_digit(b, 0, if REMAINDER { dividend % divisor } else { dividend / divisor });
        if is_negative {
            memory.put(b, b, true);
        }
        return;
    }
    let mut divisor = Divisor::new::<REMAINDER>(memory, b, top);
    divisor.load(a);
    if REMAINDER {
        let excess = last.wrapping_sub(top);
        let reciprocal = divisor.reciprocal(excess == 0);
        divisor.reduce(excess, reciprocal, divisor.word(REST));
        divisor.remainder(b);
        if is_negative {
            memory.put(b, b, true);
        }
    } else {
        divisor.quotient(last.wrapping_sub(top), b, is_negative);
    }
}

/// Sets `modulus` to `a + b` modulo it; to zero if it is zero.
#[inline(always)]
pub(crate) fn add_modulo(a: &U256, b: &U256, modulus: &mut U256) {
    let Some(top) = highest(modulus, DIGITS) else { return };
    let memory = Memory::new();
    instruction!(Add, memory.word(SUM), a, b);
    instruction!(Sltu, memory.word(SUM + DIGITS), memory.word(SUM), a);
    let last = highest(memory.word(SUM), DIGITS + 1).unwrap_or(0);
    if last < top {
        memory.put(modulus, memory.word(SUM), false);
        return;
    }
    let mut divisor = Divisor::new::<true>(memory, modulus, top);
    divisor.load(divisor.word(SUM));
    if divisor.read(SUM + DIGITS) != 0 {
        divisor.write(REST + DIGITS, divisor.read(REST + DIGITS) | divisor.power);
    }
    let reciprocal = divisor.reciprocal(false);
    divisor.reduce(last.wrapping_sub(top), reciprocal, divisor.word(REST));
    divisor.remainder(modulus);
}

/// Sets `modulus` to `a · b` modulo it; to zero if it is zero.
#[inline(always)]
pub(crate) fn multiply_modulo(a: &U256, b: &U256, modulus: &mut U256) {
    let Some(top) = highest(modulus, DIGITS) else { return };
    let memory = Memory::new();
    if top < DIGIT * HALF {
        // One factor's remainder is multiplied by the power, like the divisor. The other one's is not: it is still by
        // the divisor, which is a multiple of the modulus. So their product is less than the divisor's square: one word.
        let mut divisor = Divisor::new::<true>(memory, modulus, top);
        let reciprocal = divisor.reciprocal(false);
        let last = highest(b, DIGITS).unwrap_or(0);
        if last < top {
            divisor.put(divisor.word(A), b, false);
        } else {
            divisor.put(divisor.word(REST), b, false);
            divisor.write(REST + DIGITS, 0);
            divisor.reduce(last.wrapping_sub(top), reciprocal, divisor.word(A));
        }
        let last = highest(a, DIGITS).unwrap_or(0);
        divisor.load(a);
        if last >= top {
            divisor.reduce(last.wrapping_sub(top), reciprocal, divisor.word(REST));
        }
        instruction!(Mul, divisor.word(REST), divisor.word(REST), divisor.word(A));
        divisor.reduce(top, reciprocal, divisor.word(REST));
        divisor.remainder(modulus);
        return;
    }
    let high = memory.word(REST + DIGITS);
    upper_half(memory, a, b, high);
    if digit(modulus, DIGITS - 1) & digit(modulus, 0) == u32::MAX && is_max(modulus) {
        // Contracts compute the upper half of a product by it. The result is the sum of both halves.
        instruction!(Mul, modulus, a, b);
        instruction!(Add, modulus, modulus, high);
        instruction!(Sltu, memory.word(SUM), modulus, high);
        instruction!(Add, modulus, modulus, memory.word(SUM));
        clear(high);
        if is_max(modulus) {
            clear(modulus);
        }
        return;
    }
    instruction!(Mul, memory.word(REST), a, b);
    let last = highest(memory.word(REST), 2 * DIGITS).unwrap_or(0);
    if last < top {
        memory.put(modulus, memory.word(REST), false);
        return;
    }
    let mut divisor = Divisor::new::<true>(memory, modulus, top);
    let (middle, above) =
        (divisor.above(divisor.read(REST + DIGITS - 1)), divisor.above(divisor.read(REST + 2 * DIGITS - 1)));
    instruction!(Mul, divisor.word(REST), divisor.word(REST), divisor.word(POWER));
    instruction!(Mul, high, high, divisor.word(POWER));
    divisor.write(REST + DIGITS, divisor.read(REST + DIGITS) | middle);
    divisor.write(REST + 2 * DIGITS, above);
    let reciprocal = divisor.reciprocal(false);
    divisor.reduce(last.wrapping_sub(top), reciprocal, divisor.word(REST));
    divisor.remainder(modulus);
}

/// A divisor in the memory. The power of two by which it is multiplied is at [`POWER`].
struct Divisor {
    memory: Memory,
    /// Bytes below its highest digit.
    top: usize,
    power: u32,
}

impl Deref for Divisor {
    type Target = Memory;

    #[inline(always)]
    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl Divisor {
    /// Prepares a divisor whose highest nonzero digit begins after `top` bytes.
    #[inline(always)]
    fn new<const REMAINDER: bool>(mut memory: Memory, divisor: *const U256, top: usize) -> Self {
        memory.forget();
        let bytes = divisor.wrapping_byte_add(top);
        let (mut highest, mut before) = (byte(bytes, DIGIT - 1), 0);
        for index in (0..DIGIT - 1).rev() {
            if highest != 0 {
                break;
            }
            highest = byte(bytes, index);
            before += 8;
        }
        let power = u32::from(memory.0.powers[usize::from(highest)]) << before;
        if REMAINDER {
            memory.write(SHIFT, u32::from(memory.0.shifts[usize::from(highest)]) | before);
        }
        memory.write(POWER, power);
        memory.write(NEGATIVE_POWER, power.wrapping_neg());
        instruction!(Mul, memory.word(NEGATIVE), divisor, memory.word(NEGATIVE_POWER));
        Self { memory, top, power }
    }

    /// The bits that leave a digit when it is multiplied by the power.
    #[inline(always)]
    fn above(&self, digit: u32) -> u32 {
        ((u64::from(digit) * u64::from(self.power)) >> 32) as u32
    }

    /// Writes a dividend to [`REST`], multiplied by the power.
    #[inline(always)]
    fn load(&self, dividend: *const U256) {
        self.write(REST + DIGITS, self.above(digit(dividend, DIGITS - 1)));
        instruction!(Mul, self.word(REST), dividend, self.word(POWER));
    }

    /// Computes the reciprocal. Returns the address of a word that holds it, for quotients of one digit of 32 bits,
    /// or of any number.
    #[inline(always)]
    fn reciprocal(&mut self, is_one_digit: bool) -> *const U256 {
        // `-D` in words that end one digit or two above its highest digit. Those above are ones.
        let highest = self.word(NEGATIVE).wrapping_byte_add(self.top).cast_const();
        let negative = |above: usize| highest.wrapping_byte_sub(DIGIT * (DIGITS - 1 - above));
        self.write(FIRST, first_reciprocal(digit(highest, 0)));
        // From `x` for `2^n / D` to that for `2^(n + k) / D`: `x (1 + (1 - D x / 2^n)) 2^k`. The difference is what is at the
        // top of the negative product. The bits above it leave the word.
        instruction!(Mul, self.word(ERROR), self.word(FIRST), negative(1));
        instruction!(Mul, self.word(SECOND - HALF), self.word(FIRST), self.word(ERROR + 3));
        if is_one_digit {
            return self.word(SECOND - 2);
        }
        instruction!(Mul, self.word(ERROR), self.word(SECOND), negative(2));
        instruction!(Mul, self.word(THIRD - HALF), self.word(SECOND), self.word(ERROR + 2));
        self.word(THIRD)
    }

    /// Address of the first step's digits.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a table")]
    fn start(&self, excess: usize) -> *mut U256 {
        debug_assert!(excess < self.memory.0.starts.len(), "a dividend has at most 16 digits");
        // SAFETY: the number is the difference of two digits' positions.
        let start = unsafe { *self.memory.0.starts.get_unchecked(excess) };
        self.word(REST).wrapping_byte_add(usize::from(start))
    }

    /// Writes the remainder of the number at [`REST`], which is lost. Its highest digit is `excess` bytes above the
    /// divisor's, or lower.
    #[inline(always)]
    fn reduce(&mut self, excess: usize, reciprocal: *const U256, result: *mut U256) {
        let mut rest = self.start(excess);
        self.estimate(rest, reciprocal);
        while rest != self.word(REST) {
            self.take(rest, rest);
            if self.top >= DIGIT * HALF {
                self.clear_above(rest);
            }
            if self.top == DIGIT * (DIGITS - 1) && is_almost_one(self.fraction()) {
                self.correct(rest);
                rest = rest.wrapping_byte_sub(STEP);
                self.estimate(rest, reciprocal);
            } else {
                rest = rest.wrapping_byte_sub(STEP);
                self.estimate_after(rest, reciprocal);
            }
        }
        self.take(rest, result);
        self.write(FOUND + PART, 0);
        if self.top >= DIGIT * HALF {
            self.clear_above(rest);
        }
        if is_almost_one(self.fraction()) {
            self.correct(result);
        }
    }

    /// Clears what a remainder leaves above a word from which the divisor was taken. It may have had one digit more than
    /// the divisor.
    #[inline(always)]
    fn clear_above(&self, rest: *mut U256) {
        (0..PART).for_each(|index| set_digit(rest.wrapping_add(1), index, 0));
    }

    /// Writes the quotient of the number at [`REST`], of at most 256 bits, or its negative. Its highest digit is `excess`
    /// bytes above the divisor's, or lower.
    #[inline(always)]
    fn quotient(&mut self, excess: usize, result: *mut U256, is_negative: bool) {
        let reciprocal = self.reciprocal(excess == 0);
        let mut rest = self.start(excess);
        let mut before = self.word(ZERO);
        self.estimate(rest, reciprocal);
        while rest != self.word(REST) {
            self.take(rest, rest);
            // Shifts up the digits before this one.
            add_or_subtract(self.word(QUOTIENT), before, self.word(FOUND), is_negative);
            rest = rest.wrapping_byte_sub(STEP);
            self.estimate_after(rest, reciprocal);
            before = self.word(QUOTIENT - PART);
        }
        // Nobody asks for the remainder, unless the last digit depends on it.
        let one_more = is_almost_one(self.fraction()) && {
            self.take(rest, rest);
            self.correct(rest)
        };
        add_or_subtract(result, before, self.word(FOUND), is_negative);
        self.write(FOUND + PART, 0);
        if one_more {
            add_or_subtract(result, result, self.word(ONE), is_negative);
        }
    }

    /// Estimates a digit of the quotient.
    #[inline(always)]
    fn estimate(&mut self, rest: *const U256, reciprocal: *const U256) {
        self.memory.forget();
        instruction!(Mul, self.word(ESTIMATE), rest.wrapping_byte_add(self.top), reciprocal);
    }

    /// Estimates a digit after another one, which may have been too low by one. Then this one may be `2^96` or more.
    #[inline(always)]
    fn estimate_after(&mut self, rest: *const U256, reciprocal: *const U256) {
        let fraction = self.fraction();
        self.write(FOUND + PART, 0);
        self.estimate(rest, reciprocal);
        if is_almost_one(fraction) && self.read(FOUND + PART - 1) >> 31 == 0 {
            self.write(FOUND + PART, 1);
        }
    }

    /// Fraction of the estimate, in units of `2^-32`.
    #[inline(always)]
    fn fraction(&self) -> u32 {
        self.read(FOUND - 1)
    }

    /// Takes the digit times the divisor from the remainder.
    #[inline(always)]
    fn take(&self, rest: *const U256, result: *mut U256) {
        instruction!(Mul, self.word(PRODUCT), self.word(FOUND), self.word(NEGATIVE));
        instruction!(Add, result, rest, self.word(PRODUCT));
    }

    /// Takes the divisor once more from a remainder that is nearly as large, or a bit larger. If that is too much, puts
    /// it back, and returns `false`.
    #[inline(always)]
    fn correct(&self, rest: *mut U256) -> bool {
        instruction!(Add, rest, rest, self.word(NEGATIVE));
        let is_negative = digit(rest, DIGITS - 1) >> 31 != 0;
        if is_negative {
            instruction!(Sub, rest, rest, self.word(NEGATIVE));
        }
        !is_negative
    }

    /// Writes the remainder at [`REST`], divided by the power.
    #[inline(always)]
    fn remainder(&self, result: *mut U256) {
        instruction!(Srl, result, self.word(REST), self.word(SHIFT));
    }
}

/// Returns whether an estimate of this fraction may be of the digit above it.
#[inline(always)]
fn is_almost_one(fraction: u32) -> bool {
    fraction >= 0xffff_0000
}

/// Reads a digit of a word.
#[inline(always)]
#[expect(unsafe_code, reason = "words by their digits")]
fn digit(word: *const U256, index: usize) -> u32 {
    // SAFETY: part of an operand, or of the memory, by the callers' indices. Nobody else has a reference to the memory.
    unsafe { *word.cast::<u32>().wrapping_add(index) }
}

/// Writes a digit of a word.
#[inline(always)]
#[expect(unsafe_code, reason = "words by their digits")]
fn set_digit(word: *mut U256, index: usize, digit: u32) {
    // SAFETY: as in `digit`.
    unsafe { *word.cast::<u32>().wrapping_add(index) = digit }
}

/// Reads a byte of a word.
#[inline(always)]
#[expect(unsafe_code, reason = "words by their bytes")]
fn byte(word: *const U256, index: usize) -> u8 {
    // SAFETY: as in `digit`.
    unsafe { *word.cast::<u8>().wrapping_add(index) }
}

/// Returns whether all bits are set.
#[inline(always)]
fn is_max(word: *const U256) -> bool {
    (0..DIGITS).all(|index| digit(word, index) == u32::MAX)
}

/// Writes `a + b`, or `a - b`.
#[inline(always)]
fn add_or_subtract(result: *mut U256, a: *const U256, b: *const U256, is_difference: bool) {
    if is_difference {
        instruction!(Sub, result, a, b);
    } else {
        instruction!(Add, result, a, b);
    }
}

/// Number of bytes below the highest nonzero digit of so many.
#[inline(always)]
fn highest(word: *const U256, digits: usize) -> Option<usize> {
    (0..digits).rev().find(|index| digit(word, *index) != 0).map(|index| index * DIGIT)
}

/// `⌊2^64 / divisor⌋ - 2^32` or less, for a divisor above 2^31 and at most 2^32, which is given by its negative in
/// two's complement. The part of `2^64 / divisor` that is missing is less than `2^-28.2`.
///
/// It is a step of Newton's iteration from the quotient of 16 bits. What is missing there is less than
/// `1.5 · 2^-15`; the square of that, and a few units of the result, are missing here.
#[inline(always)]
fn first_reciprocal(negative: u32) -> u32 {
    if negative <= 0xffff {
        // `2^64 / divisor` is `2^32 + negative` and a fraction.
        return negative;
    }
    let divisor = negative.wrapping_neg();
    // At most `2^48 / divisor`, and at least 2^16.
    let start = u32::MAX / (divisor >> 16).wrapping_add(1);
    // `2^31 - 1 - divisor · start / 2^17`, rounded up, is less than 2^30, and less than what is missing.
    let product = (u64::from(divisor) * u64::from(start << 15)) >> 32;
    let missing = !(product as u32) << 2;
    let more = (u64::from(start << 15) * u64::from(missing)) >> 32;
    (start << 16).wrapping_add(more as u32)
}

/// Writes the upper half of `a · b`.
#[inline(always)]
fn upper_half(memory: Memory, a: *const U256, b: *const U256, high: *mut U256) {
    let upper = |index: usize| memory.word(index + HALF);
    instruction!(Or, memory.word(A), a, a);
    instruction!(Or, memory.word(B), b, b);
    instruction!(And, memory.word(LOW_A), a, &LOW);
    instruction!(And, memory.word(LOW_B), b, &LOW);
    // By digits of 128 bits. The carries are added one by one, so that no sum is too large for a word.
    instruction!(Mul, memory.word(LOWER), memory.word(LOW_A), memory.word(LOW_B));
    instruction!(Mul, memory.word(MIXED), memory.word(LOW_A), upper(B));
    instruction!(Add, memory.word(MIXED), memory.word(MIXED), upper(LOWER));
    instruction!(And, memory.word(LOW_A), memory.word(MIXED), &LOW);
    instruction!(Mul, memory.word(OTHER), upper(A), memory.word(LOW_B));
    instruction!(Add, memory.word(OTHER), memory.word(OTHER), memory.word(LOW_A));
    instruction!(Mul, high, upper(A), upper(B));
    instruction!(Add, high, high, upper(MIXED));
    instruction!(Add, high, high, upper(OTHER));
}

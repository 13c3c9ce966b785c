//! Division of 256-bit words and of their products.
//!
//! Long division (Knuth, The Art of Computer Programming, 4.3.1), but by digits of 96 bits, so that any
//! quotient takes a few steps. A step is three of the VM's instructions: a product with the divisor's
//! reciprocal is the digit, another one what it takes from the remainder. Hence the cost hardly depends on
//! the numbers: an author of contracts can't choose dear ones.
//!
//! # Why a digit is right
//!
//! `D` is the divisor, shifted up until its highest bit is bit 255. `d` is its upper half plus one, so that
//! `D < d · 2^128`. The reciprocal `x` is at most `2^256 / d`, and less than that by a part of `2^-113` at
//! most: Newton's iteration never gives too much, and squares the `2^-28.2` of its first value twice.
//!
//! The remainder `R < D` is followed by the dividend's next 96 bits. The exact quotient of these 352 bits by
//! `D` is less than `2^96`. The estimate is `x` times the upper half of `R`. It is not too high. It is too
//! low by less than `2^-16.9`: by `2^-31` for the bits that were dropped, by `2^(96 - 113)` for `x`, by
//! `2^(96 - 127)` for `d`, and by `2^-32` for what is below its fraction's 32 bits. So its integer part is
//! the digit, unless the fraction is almost one. Only then is it tried whether the digit is one more. In both
//! cases the digit is exact, and the new remainder is less than `D` again.
//!
//! If the quotient has one digit of 32 bits, the reciprocal of half the precision is enough.

use crate::int256::{clear, instruction};
use alloy_primitives::U256;
use core::cell::UnsafeCell;

/// Digits of a word, of 32 bits each.
const DIGITS: usize = 8;
/// Half of a word, in digits.
const HALF: usize = DIGITS / 2;
/// Digits of 32 bits that a step finds.
const STEP: usize = 3;

/// Memory of the computation, in digits. It has one fixed address, so that the address of each word in it is
/// known at compile time.
///
/// A word that is read from some digits before its first one is shifted up; from some digits after it, it
/// is shifted down. For that, many words have digits before or after them that are always zero.
#[repr(transparent)]
struct Place(UnsafeCell<[u32; LENGTH]>);

// SAFETY: the VM has one hart and no interrupts. On hosts only a test uses it, one thread at a time.
#[expect(unsafe_code, reason = "a static that is written")]
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new({
    let mut digits = [0; LENGTH];
    digits[FIRST + 1] = 1;
    let mut index = 0;
    while index < DIGITS {
        digits[MAX + index] = u32::MAX;
        index += 1;
    }
    digits
}));

/// A word of zeros.
const ZERO: usize = 0;
/// Divisor, shifted up by less than 32 bits. Eight zeros come before it and four after it.
const DIVISOR: usize = DIGITS;
/// `-d`. Three zeros come before it.
const NEGATIVE: usize = DIVISOR + DIGITS + HALF;
/// `⌊2^160 / d⌋` or less: 2^32 and the digit. A zero comes before it, and six after it.
const FIRST: usize = NEGATIVE + DIGITS + 1;
/// `⌊2^192 / d⌋` or less. Two zeros come before it: the last ones after [`FIRST`].
const SECOND: usize = FIRST + DIGITS;
/// `⌊2^256 / d⌋` or less.
const THIRD: usize = SECOND + DIGITS;
/// Product with a reciprocal. Five zeros come after it.
const ESTIMATE: usize = THIRD + DIGITS;
/// Product that a step takes from the remainder.
const PRODUCT: usize = ESTIMATE + DIGITS + 5;
/// Dividend, shifted up like the divisor; later the remainder. Seven zeros come before it, and so many after
/// it that any step's word has zeros above the remainder.
const REST: usize = PRODUCT + DIGITS + 7;
/// Index of a word of which only the lowest digit is ever nonzero.
const DIGIT: usize = REST + 26;
/// Quotient. Three zeros come before it, the last ones after [`DIGIT`].
const QUOTIENT: usize = DIGIT + DIGITS;
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
/// A word of ones.
const MAX: usize = LOW_B + DIGITS;
const LENGTH: usize = MAX + DIGITS;

static ONE: U256 = U256::ONE;
static LOW: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);

/// Address of the word that begins with this digit. The index is at most [`MAX`], so all eight digits are
/// part of the memory.
#[inline(always)]
fn word(index: usize) -> *mut U256 {
    PLACE.0.get().cast::<u32>().wrapping_add(index).cast()
}

/// Reads a digit.
#[inline(always)]
#[expect(unsafe_code, reason = "a static that is written")]
fn read(index: usize) -> u32 {
    debug_assert!(index < LENGTH, "it is one of the place's digits");
    // SAFETY: a digit of the memory, because the callers' indices are of the words above. Nobody has a
    // reference to it.
    unsafe { *word(index).cast::<u32>() }
}

/// Writes a digit.
#[inline(always)]
#[expect(unsafe_code, reason = "a static that is written")]
fn write(index: usize, digit: u32) {
    debug_assert!(index < LENGTH, "it is one of the place's digits");
    // SAFETY: as in `read`.
    unsafe { *word(index).cast::<u32>() = digit }
}

/// Sets `b` to `a / b`, or to the remainder; to zero if `b` is zero.
#[inline(always)]
pub(crate) fn divide<const REMAINDER: bool>(a: &U256, b: &mut U256) {
    let Some(top) = highest(b) else { return };
    let highest = highest(a).unwrap_or(0);
    if highest < top {
        if REMAINDER {
            instruction!(Or, b, a, a);
        } else {
            clear(b);
        }
        return;
    }
    if highest == 0 {
        // All other digits of the divisor are zero, and so are those of the result.
        let (dividend, divisor) = (digit(a, 0), digit(b, 0));
        set_digit(b, 0, if REMAINDER { dividend % divisor } else { dividend / divisor });
        return;
    }

    let divisor = Divisor::new(b, top);
    write(REST + DIGITS, divisor.above(digit(a, DIGITS - 1)));
    instruction!(Mul, word(REST), a, word(DIGIT));
    if REMAINDER {
        divisor.reduce(highest.wrapping_add(1), None);
        divisor.remainder(b);
    } else if !divisor.reduce(highest.wrapping_add(1), Some(b)) {
        clear(b);
    }
}

/// Sets `modulus` to `a + b` modulo it; to zero if it is zero.
#[inline(always)]
pub(crate) fn add_modulo(a: &U256, b: &U256, modulus: &mut U256) {
    let Some(top) = highest(modulus) else { return };
    instruction!(Add, word(LOW_A), a, b);
    instruction!(Sltu, word(LOW_B), word(LOW_A), a);
    let carry = read(LOW_B);
    let divisor = Divisor::new(modulus, top);
    let above = divisor.above(read(LOW_A + DIGITS - 1));
    write(REST + DIGITS, above | carry << divisor.shift);
    instruction!(Mul, word(REST), word(LOW_A), word(DIGIT));
    divisor.reduce(DIGITS, None);
    divisor.remainder(modulus);
}

/// Sets `modulus` to `a · b` modulo it; to zero if it is zero.
#[inline(always)]
pub(crate) fn multiply_modulo(a: &U256, b: &U256, modulus: &mut U256) {
    let Some(top) = highest(modulus) else { return };
    let high = word(REST + DIGITS);
    upper_half(a, b, high);
    if digit(modulus, DIGITS - 1) & digit(modulus, 0) == u32::MAX && *modulus == U256::MAX {
        // Contracts compute the upper half of a product by it. The result is the sum of both halves.
        instruction!(Mul, modulus, a, b);
        instruction!(Add, modulus, modulus, high);
        instruction!(Sltu, word(LOW_A), modulus, high);
        instruction!(Add, modulus, modulus, word(LOW_A));
        clear(high);
        if *modulus == U256::MAX {
            clear(modulus);
        }
        return;
    }
    instruction!(Mul, word(REST), a, b);
    let divisor = Divisor::new(modulus, top);
    if divisor.shift != 0 {
        let middle = divisor.above(read(REST + DIGITS - 1));
        write(REST + 2 * DIGITS, divisor.above(read(REST + 2 * DIGITS - 1)));
        instruction!(Mul, word(REST), word(REST), word(DIGIT));
        instruction!(Mul, word(REST + DIGITS), word(REST + DIGITS), word(DIGIT));
        write(REST + DIGITS, read(REST + DIGITS) | middle);
    }
    divisor.reduce(2 * DIGITS, None);
    divisor.remainder(modulus);
}

/// A divisor in the memory. The power of two of its shift is at [`DIGIT`].
struct Divisor {
    /// Its number of digits.
    digits: usize,
    /// Its highest digit, whose highest bit is set.
    first: u32,
    /// Number of bits by which it is shifted up, less than 32.
    shift: u32,
}

impl Divisor {
    /// Prepares a divisor whose highest nonzero digit is `top`.
    #[inline(always)]
    fn new(divisor: &U256, top: usize) -> Self {
        let shift = leading_zeros(digit(divisor, top));
        write(DIGIT, 1 << shift);
        instruction!(Mul, word(DIVISOR), divisor, word(DIGIT));
        Self { digits: top.wrapping_add(1), first: read(DIVISOR.wrapping_add(top)), shift }
    }

    /// The bits that leave a digit when it is shifted up like the divisor.
    #[inline(always)]
    fn above(&self, digit: u32) -> u32 {
        digit >> 1 >> (31 - self.shift)
    }

    /// Computes the reciprocal. Returns the index of a word that holds it, for steps of one digit or of
    /// [`STEP`].
    #[inline(always)]
    fn reciprocal(&self, by_one: bool) -> usize {
        // `-d` is the complement of `d - 1`.
        instruction!(Xor, word(NEGATIVE), word(DIVISOR + self.digits - HALF), word(MAX));
        write(FIRST, first_reciprocal(self.first));
        // From `x` for `2^n` to that for `2^(n + k)`: `2^k x + x (2^n - d x) / 2^128`. The difference is the
        // lowest `n` bits of the negative product. The other bits leave the word at its top.
        instruction!(Mul, word(ESTIMATE), word(FIRST), word(NEGATIVE - 3));
        instruction!(Mul, word(ESTIMATE), word(FIRST), word(ESTIMATE + 3));
        instruction!(Add, word(SECOND), word(FIRST - 1), word(ESTIMATE + HALF));
        if by_one {
            return SECOND - 2;
        }
        instruction!(Mul, word(ESTIMATE), word(SECOND), word(NEGATIVE - 2));
        instruction!(Mul, word(ESTIMATE), word(SECOND), word(ESTIMATE + 2));
        instruction!(Add, word(THIRD), word(SECOND - 2), word(ESTIMATE + HALF));
        THIRD
    }

    /// Divides the number at [`REST`]. It has no nonzero digit above `last`. Leaves the remainder in its place,
    /// and zeros above it. Returns whether there was anything to divide. If so, and if asked for, it writes the
    /// quotient, which is less than 2^256.
    #[inline(always)]
    fn reduce(&self, last: usize, quotient: Option<&mut U256>) -> bool {
        // No sum or difference here wraps around; to check each would cost more.
        let mut last = last;
        while read(REST.wrapping_add(last)) == 0 {
            if last < self.digits {
                return false;
            }
            last = last.wrapping_sub(1);
        }
        // The quotient has `end + 1 - self.digits` digits. Those above them are less than the divisor.
        let more = usize::from(read(REST.wrapping_add(last)) >= self.first);
        let end = last.wrapping_add(more);
        if end < self.digits {
            return false;
        }
        // The divisor's highest digit is the eighth from here, and the remainder's lowest one is the first.
        let divisor = word(DIVISOR.wrapping_add(self.digits).wrapping_sub(DIGITS));
        let lowest = REST.wrapping_add(self.digits).wrapping_sub(DIGITS);
        let mut before = ZERO;
        if end == self.digits {
            self.step(lowest, divisor, self.reciprocal(true));
        } else {
            let reciprocal = self.reciprocal(false);
            let count = end.wrapping_add(1).wrapping_sub(self.digits);
            let mut at = lowest.wrapping_add(count.wrapping_add(STEP - 1) / STEP * STEP);
            loop {
                at = at.wrapping_sub(STEP);
                self.step(at, divisor, reciprocal);
                if at == lowest {
                    break;
                }
                if quotient.is_some() {
                    // Shifts up the digits before this one.
                    instruction!(Or, word(QUOTIENT), word(before), word(ESTIMATE + HALF + 1));
                    before = QUOTIENT - STEP;
                }
            }
        }
        if let Some(quotient) = quotient {
            instruction!(Or, quotient, word(before), word(ESTIMATE + HALF + 1));
        }
        true
    }

    /// Finds a digit of the quotient, and takes what belongs to it from the remainder, which begins at `at`.
    #[inline(always)]
    fn step(&self, at: usize, divisor: *const U256, reciprocal: usize) {
        let rest = word(at);
        instruction!(Mul, word(ESTIMATE), word(at.wrapping_add(DIGITS - 1)), word(reciprocal));
        instruction!(Mul, word(PRODUCT), word(ESTIMATE + HALF + 1), divisor);
        instruction!(Sub, rest, rest, word(PRODUCT));
        for above in 0..STEP {
            write(at.wrapping_add(DIGITS + above), 0);
        }
        if read(ESTIMATE + HALF) >= ALMOST_ONE {
            // What is left is either less than the divisor, or hardly more.
            instruction!(Sub, word(PRODUCT), rest, divisor);
            if read(PRODUCT + DIGITS - 1) >> 31 == 0 {
                instruction!(Or, rest, word(PRODUCT), word(PRODUCT));
                instruction!(Add, word(ESTIMATE + HALF + 1), word(ESTIMATE + HALF + 1), &ONE);
            }
        }
    }

    /// Writes the remainder.
    #[inline(always)]
    fn remainder(&self, result: &mut U256) {
        write(DIGIT, self.shift);
        instruction!(Srl, result, word(REST), word(DIGIT));
    }
}

/// Fractions of an estimate from here on, in units of `2^-32`, may belong to the next higher digit.
const ALMOST_ONE: u32 = 0xffff_0000;

#[inline(always)]
#[expect(unsafe_code, reason = "words by their halves")]
fn digit(word: &U256, index: usize) -> u32 {
    debug_assert!(index < DIGITS, "a word has eight digits");
    // SAFETY: a digit of the word, because the callers' indices are at most those of `highest`.
    unsafe { *core::ptr::from_ref(word).cast::<u32>().add(index) }
}

#[inline(always)]
#[expect(unsafe_code, reason = "words by their halves")]
fn set_digit(word: &mut U256, index: usize, digit: u32) {
    debug_assert!(index < DIGITS, "a word has eight digits");
    // SAFETY: a digit of the word, as in `digit`.
    unsafe { *core::ptr::from_mut(word).cast::<u32>().add(index) = digit }
}

/// Index of the highest nonzero digit.
#[inline(always)]
fn highest(word: &U256) -> Option<usize> {
    (0..DIGITS).rev().find(|index| digit(word, *index) != 0)
}

/// Number of leading zeros of a nonzero number, by a table for its highest byte. The standard library's
/// function counts all bits.
#[inline(always)]
fn leading_zeros(number: u32) -> u32 {
    static OF_BYTE: [u8; 256] = {
        let mut zeros = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            zeros[byte] = (byte as u8).leading_zeros() as u8;
            byte += 1;
        }
        zeros
    };
    let before = match number {
        0x100_0000.. => 0,
        0x1_0000.. => 8,
        0x100.. => 16,
        _ => 24,
    };
    before | u32::from(OF_BYTE[(number << before >> 24) as usize])
}

/// `⌊2^64 / (first + 1)⌋ - 2^32` or less, for a number with its highest bit set. The part of `2^64 / first` that
/// is missing is less than `2^-28.2`.
///
/// It is a step of Newton's iteration from the quotient of 16 bits. What is missing there is less than
/// `1.5 · 2^-15`; the square of that, two units of the result, and `2^-31` for the one that is added are missing
/// here.
#[inline(always)]
fn first_reciprocal(first: u32) -> u32 {
    if first >= 0xffff_0000 {
        // `c = 2^32 - divisor`. `2^64 / divisor` is `2^32 + c` and a fraction.
        return !first;
    }
    let divisor = first.wrapping_add(1);
    // At most `2^48 / divisor`, and at least 2^16.
    let start = u32::MAX / (first >> 16).wrapping_add(1);
    // `2^48 - 1 - divisor · start`, without its two lowest bits.
    let product = u64::from(divisor) * u64::from(start);
    let (high, low) = ((product >> 32) as u32, product as u32);
    let missing = 0xffff_u32.wrapping_sub(high) << 30 | !low >> 2;
    let more = u64::from(start << 2) * u64::from(missing);
    (start << 16).wrapping_add((more >> 32) as u32)
}

/// Writes the upper half of `a · b`.
#[inline(always)]
fn upper_half(a: &U256, b: &U256, high: *mut U256) {
    let upper = |index: usize| word(index + HALF);
    instruction!(Or, word(A), a, a);
    instruction!(Or, word(B), b, b);
    instruction!(And, word(LOW_A), a, &LOW);
    instruction!(And, word(LOW_B), b, &LOW);
    // By digits of 128 bits. The carries are added one by one, so that no sum is too large for a word.
    instruction!(Mul, word(LOWER), word(LOW_A), word(LOW_B));
    instruction!(Mul, word(MIXED), word(LOW_A), upper(B));
    instruction!(Add, word(MIXED), word(MIXED), upper(LOWER));
    instruction!(And, word(LOW_A), word(MIXED), &LOW);
    instruction!(Mul, word(OTHER), upper(A), word(LOW_B));
    instruction!(Add, word(OTHER), word(OTHER), word(LOW_A));
    instruction!(Mul, high, upper(A), upper(B));
    instruction!(Add, high, high, upper(MIXED));
    instruction!(Add, high, high, upper(OTHER));
}

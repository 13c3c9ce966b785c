//! Division of 256-bit words, and multiplication modulo the largest of them.
//!
//! Long division by digits of 32 bits (Knuth, The Art of Computer Programming, 4.3.1, algorithm D). The VM's
//! instructions compute the products and differences of all digits at once.
//!
//! A digit of the quotient is never estimated too high. The estimate divides 64 bits of the remainder by the
//! divisor's highest 32 bits plus one. The lower half of the 64 bits is aligned with those of the divisor.
//! The estimate is at most three too low. So no difference is negative, and the missing part of the digit is
//! found by further subtractions.

use crate::int256::{clear, instruction};
use alloy_primitives::U256;
use core::cell::UnsafeCell;

/// Digits of a word.
const DIGITS: usize = 8;

/// Memory of the computation, in digits. It has one fixed address, so that the address of each word in it is
/// known at compile time.
#[repr(transparent)]
struct Place(UnsafeCell<[u32; LENGTH]>);

// SAFETY: the VM has one hart and no interrupts.
#[expect(unsafe_code, reason = "a static that is written")]
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new([0; LENGTH]));

/// Index of the divisor, after a word of zeros. Read from `k` digits before it, it is shifted up by `k`
/// digits.
const DIVISOR: usize = DIGITS;
/// Index of the remainder, between two zeros.
const REST: usize = DIVISOR + DIGITS + 1;
/// Index of a word of which only the lowest digit is ever nonzero.
const DIGIT: usize = REST + DIGITS + 1;
const PRODUCT: usize = DIGIT + DIGITS;
/// Half of a word, in digits. From [`A`] to [`CARRY`], each word has half a word of zeros after it. Read from
/// its upper half on, it is that half alone.
const HALF: usize = DIGITS / 2;
const A: usize = PRODUCT + DIGITS;
const B: usize = A + DIGITS + HALF;
const FIRST: usize = B + DIGITS + HALF;
const SECOND: usize = FIRST + DIGITS + HALF;
const CARRY: usize = SECOND + DIGITS + HALF;
/// Index of the first word without zeros after it.
const LOW_A: usize = CARRY + DIGITS + HALF;
const LOW_B: usize = LOW_A + DIGITS;
const HIGH: usize = LOW_B + DIGITS;
const LENGTH: usize = HIGH + DIGITS;

/// Address of the word that begins with this digit. The index is at most [`HIGH`], so all eight digits are
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
    // SAFETY: a digit of the memory, because the callers' indices are from one before the divisor or the
    // remainder to one after it. Nobody has a reference to it.
    unsafe { *word(index).cast::<u32>() }
}

/// Sets `b` to `a / b`, or to the remainder; to zero if `b` is zero.
pub(crate) fn divide<const REMAINDER: bool>(a: &U256, b: &mut U256) {
    let Some(top) = highest(b) else { return };
    let highest = highest(a).unwrap_or(0);
    if highest < top {
        if REMAINDER {
            *b = *a;
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

    instruction!(Or, word(DIVISOR), b, b);
    instruction!(Or, word(REST), a, a);
    if !REMAINDER {
        clear(b);
    }
    let first = read(DIVISOR + top);
    let shift = leading_zeros(first);
    // Shifts a digit up by `shift` bits, and fills in the highest bits of the digit below it.
    let join = |high: u32, low: u32| high << shift | low >> 1 >> (31 - shift);
    let more = join(first, read(DIVISOR + top - 1)).wrapping_add(1);
    let reciprocal = if more == 0 { 0 } else { reciprocal(more) };
    for index in (0..=highest - top).rev() {
        let at = REST + top + index;
        let shifted = word(DIVISOR - index);
        let mut quotient = 0;
        let (high, low) = (join(read(at + 1), read(at)), join(read(at), read(at - 1)));
        if high != 0 {
            quotient = estimate(high, low, more, reciprocal);
            #[expect(unsafe_code, reason = "a static that is written")]
            // SAFETY: a digit of the memory, and nobody has a reference to it.
            unsafe {
                *word(DIGIT).cast() = quotient;
            }
            instruction!(Mul, word(PRODUCT), shifted, word(DIGIT));
            instruction!(Sub, word(REST), word(REST), word(PRODUCT));
        }
        // Until the remainder is less than the divisor. Mostly the first digits decide it.
        while read(at + 1) != 0 || read(at) >= first {
            if read(at + 1) == 0 && read(at) == first {
                instruction!(Sltu, word(PRODUCT), word(REST), shifted);
                if read(PRODUCT) != 0 {
                    break;
                }
            }
            instruction!(Sub, word(REST), word(REST), shifted);
            quotient += 1;
        }
        if !REMAINDER {
            set_digit(b, index, quotient);
        }
    }
    if REMAINDER {
        instruction!(Or, b, word(REST), word(REST));
    }
}

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

/// Number of leading zeros of a nonzero number. The standard library's function counts all bits.
#[inline(always)]
fn leading_zeros(mut number: u32) -> u32 {
    let mut zeros = 0;
    for step in [16, 8, 4, 2, 1] {
        if number >> (32 - step) == 0 {
            number <<= step;
            zeros += step;
        }
    }
    zeros
}

/// `⌊(2^64 - 1) / divisor⌋ - 2^32`, for a divisor with its highest bit set: two digits of 16 bits, as in
/// Knuth's algorithm.
#[inline(always)]
fn reciprocal(divisor: u32) -> u32 {
    let (high, low) = (divisor >> 16, divisor & 0xffff);
    // The next digit of the quotient, if the dividend's next 16 bits are set.
    let next = |rest: u32| {
        let (mut digit, mut left) = (rest / high, rest % high);
        while digit > 0xffff || digit * low > (left << 16 | 0xffff) {
            digit -= 1;
            left += high;
            if left > 0xffff {
                break;
            }
        }
        digit
    };
    let first = next(!divisor);
    let rest = (!divisor << 16 | 0xffff).wrapping_sub(first.wrapping_mul(divisor));
    first << 16 | next(rest)
}

/// `⌊(high · 2^32 + low) / divisor⌋` or one less, for `high < divisor` (Möller and Granlund, Improved
/// division by invariant integers, algorithm 4 without its last step). A divisor of zero stands for `2^32`.
#[inline(always)]
fn estimate(high: u32, low: u32, divisor: u32, reciprocal: u32) -> u32 {
    if divisor == 0 {
        return high;
    }
    let product = u64::from(reciprocal) * u64::from(high) + (u64::from(high) << 32 | u64::from(low));
    let quotient = ((product >> 32) as u32).wrapping_add(1);
    let rest = low.wrapping_sub(quotient.wrapping_mul(divisor));
    if rest > product as u32 {
        quotient.wrapping_sub(1)
    } else {
        quotient
    }
}

/// Sets `b` to `a · b` modulo `2^256 - 1`: the sum of the product's halves.
pub(crate) fn multiply_modulo_max(a: &U256, b: &mut U256) {
    static LOW: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);
    let upper = |index: usize| word(index + HALF);
    instruction!(Or, word(A), a, a);
    instruction!(Or, word(B), b, b);
    instruction!(And, word(LOW_A), a, &LOW);
    instruction!(And, word(LOW_B), b, &LOW);
    // The carry into the product's upper half. It comes from the lower halves of the mixed products, and from
    // the upper half of the product of both lower halves.
    instruction!(Mul, word(FIRST), word(LOW_A), upper(B));
    instruction!(Mul, word(SECOND), upper(A), word(LOW_B));
    instruction!(Mul, word(CARRY), word(LOW_A), word(LOW_B));
    instruction!(And, word(LOW_A), word(FIRST), &LOW);
    instruction!(And, word(LOW_B), word(SECOND), &LOW);
    instruction!(Add, word(CARRY), word(LOW_A), upper(CARRY));
    instruction!(Add, word(CARRY), word(CARRY), word(LOW_B));
    instruction!(Mul, word(HIGH), upper(A), upper(B));
    instruction!(Add, word(HIGH), word(HIGH), upper(FIRST));
    instruction!(Add, word(HIGH), word(HIGH), upper(SECOND));
    instruction!(Add, word(HIGH), word(HIGH), upper(CARRY));
    instruction!(Mul, b, a, b);
    instruction!(Add, b, b, word(HIGH));
    instruction!(Sltu, word(LOW_A), b, word(HIGH));
    instruction!(Add, b, b, word(LOW_A));
    if *b == U256::MAX {
        clear(b);
    }
}

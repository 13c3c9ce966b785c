//! Division of 256-bit words, and by the largest of them.
//!
//! Long division by digits of 32 bits (Knuth, The Art of Computer Programming, 4.3.1, algorithm D), with the products and
//! differences of all digits at once by the VM's instructions.
//!
//! A digit is never estimated too high: by the 64 bits of what is left that are above the divisor's 32 highest bits, and one
//! more than those, which is at most three too low. So no difference is negative, and what is missing is found by
//! subtracting on.

use crate::words::{clear, instruction};
use alloy_primitives::U256;
use core::cell::UnsafeCell;

/// Digits of a word.
const DIGITS: usize = 8;

/// Where it is computed, by digits: from one place in memory everything else is known at compile time.
#[repr(transparent)]
struct Place(UnsafeCell<[u32; LENGTH]>);

// SAFETY: the VM has one hart and no interrupts.
#[expect(unsafe_code, reason = "a static that is written")]
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new([0; LENGTH]));

/// The divisor, behind a word of zeros: read from `k` digits before it, it is `k` digits higher.
const DIVISOR: usize = DIGITS;
/// What is left of the dividend, between two zeros.
const REST: usize = DIVISOR + DIGITS + 1;
/// A word of which only the lowest digit is ever not zero.
const DIGIT: usize = REST + DIGITS + 1;
const PRODUCT: usize = DIGIT + DIGITS;
/// Words that have half a word of zeros above: read from its upper half, each is that alone.
const HALF: usize = DIGITS / 2;
const A: usize = PRODUCT + DIGITS;
const B: usize = A + DIGITS + HALF;
const FIRST: usize = B + DIGITS + HALF;
const SECOND: usize = FIRST + DIGITS + HALF;
const CARRY: usize = SECOND + DIGITS + HALF;
/// And words that have not.
const LOW_A: usize = CARRY + DIGITS + HALF;
const LOW_B: usize = LOW_A + DIGITS;
const HIGH: usize = LOW_B + DIGITS;
const LENGTH: usize = HIGH + DIGITS;

/// The word that begins with this digit, which is [`HIGH`] at most: so all eight are the place's.
#[inline(always)]
fn word(index: usize) -> *mut U256 {
    PLACE.0.get().cast::<u32>().wrapping_add(index).cast()
}

#[inline(always)]
#[expect(unsafe_code, reason = "a static that is written")]
fn read(index: usize) -> u32 {
    debug_assert!(index < LENGTH, "it is one of the place's digits");
    // SAFETY: a digit of the place, for the callers go from one before the divisor or the rest to one behind it; and nobody
    // has a reference to it.
    unsafe { *word(index).cast::<u32>() }
}

/// `b` becomes `a / b`, or what that leaves; zero if `b` is.
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
        // All other digits of the divisor are zero, and so are the result's.
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
    // As many bits of a digit, and the bits below them.
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
            // SAFETY: a digit of the place, and nobody has a reference to it.
            unsafe {
                *word(DIGIT).cast() = quotient;
            }
            instruction!(Mul, word(PRODUCT), shifted, word(DIGIT));
            instruction!(Sub, word(REST), word(REST), word(PRODUCT));
        }
        // Until less than the divisor is left, which is mostly seen by the first digits.
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
    // SAFETY: a digit of the word, for the callers' indices are those of `highest`, or less.
    unsafe { *core::ptr::from_ref(word).cast::<u32>().add(index) }
}

#[inline(always)]
#[expect(unsafe_code, reason = "words by their halves")]
fn set_digit(word: &mut U256, index: usize, digit: u32) {
    debug_assert!(index < DIGITS, "a word has eight digits");
    // SAFETY: a digit of the word, as in `digit`.
    unsafe { *core::ptr::from_mut(word).cast::<u32>().add(index) = digit }
}

/// The index of the highest digit that is not zero.
#[inline(always)]
fn highest(word: &U256) -> Option<usize> {
    (0..DIGITS).rev().find(|index| digit(word, *index) != 0)
}

/// As the standard library's, which counts all bits, for a number that is not zero.
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

/// `⌊(2^64 - 1) / divisor⌋ - 2^32`, for a divisor with its highest bit set: two digits of 16 bits, as in Knuth's algorithm.
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

/// `⌊(high · 2^32 + low) / divisor⌋` or one less, for `high < divisor` (Möller and Granlund, Improved division by invariant
/// integers, algorithm 4 without its last step). Zero as the divisor means `2^32`.
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

/// `b` becomes `a · b` modulo `2^256 - 1`: the halves of the product, added.
pub(crate) fn multiply_modulo_max(a: &U256, b: &mut U256) {
    static LOW: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);
    let upper = |index: usize| word(index + HALF);
    instruction!(Or, word(A), a, a);
    instruction!(Or, word(B), b, b);
    instruction!(And, word(LOW_A), a, &LOW);
    instruction!(And, word(LOW_B), b, &LOW);
    // What the products of a lower and an upper half, and of both lower ones, have between the quarters.
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

//! Arithmetic of 256-bit words, by the best means of the processor or VM.

use alloy_primitives::U256;
use core::mem::MaybeUninit;
use zeno_types::number::from_be_bytes;

/// Operations on 256-bit words, in place. Numbers wrap around; signed ones are in two's complement.
///
/// Each function of two words is the EVM's instruction of that name. `a` is on top of the stack and `b` below
/// it; the result replaces `b`.
pub trait WordOps: 'static {
    /// Copies `a` to `b`.
    fn copy(a: &U256, b: &mut MaybeUninit<U256>);
    /// Swaps `a` and `b`. The content of `scratch` is lost.
    fn swap(a: &mut U256, b: &mut U256, scratch: &mut MaybeUninit<U256>);
    /// Sets `b` to the number with these bytes, big-endian.
    fn bytes<const N: usize>(bytes: &[u8; N], b: &mut MaybeUninit<U256>);
    /// Copies the bytes in reverse order.
    fn reverse(from: &[u8; 32], to: &mut [u8; 32]);
    /// Returns the number, or 2^32 - 1 if it is larger. The content of `scratch` is lost.
    fn small(a: &U256, scratch: &mut MaybeUninit<U256>) -> u32;
    /// Returns whether the word is zero. The content of `scratch` is lost.
    fn is_zero_word(a: &U256, scratch: &mut MaybeUninit<U256>) -> bool;
    /// `a + b`.
    fn add(a: &U256, b: &mut U256);
    /// `a - b`.
    fn sub(a: &U256, b: &mut U256);
    /// `a * b`.
    fn mul(a: &U256, b: &mut U256);
    /// `a / b`, rounded down; zero if `b` is.
    fn div(a: &U256, b: &mut U256);
    /// `a` modulo `b`; zero if `b` is.
    fn rem(a: &U256, b: &mut U256);
    /// `a / b` with signs, rounded towards zero; zero if `b` is.
    fn sdiv(a: &U256, b: &mut U256);
    /// `a` modulo `b` with the sign of `a`; zero if `b` is.
    fn srem(a: &U256, b: &mut U256);
    /// `a + b` modulo `modulus`, which the result replaces; zero if it is zero. The sum does not wrap around.
    fn add_mod(a: &U256, b: &U256, modulus: &mut U256);
    /// `a * b` modulo `modulus`, which the result replaces; zero if it is zero. The product does not wrap around.
    fn mul_mod(a: &U256, b: &U256, modulus: &mut U256);
    /// `a * a`.
    fn square(a: &mut U256);
    /// Bitwise and.
    fn and(a: &U256, b: &mut U256);
    /// Bitwise or.
    fn or(a: &U256, b: &mut U256);
    /// Bitwise exclusive or.
    fn xor(a: &U256, b: &mut U256);
    /// Bitwise complement.
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
    /// Returns whether each byte of `a` below 128 is less than its bound by more than 127. The bounds are 128
    /// or more. Both are native words of 32 bits.
    fn bytes_are_below(a: &[u32; 8], bounds: &[u32; 8]) -> bool;
}

/// Implementation of [`WordOps`] in portable code, for hosts.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl WordOps for Portable {
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

    fn sdiv(a: &U256, b: &mut U256) {
        let is_negative = a.bit(255) != b.bit(255);
        let quotient = magnitude(a).checked_div(magnitude(b)).unwrap_or_default();
        *b = if is_negative { quotient.wrapping_neg() } else { quotient };
    }

    fn srem(a: &U256, b: &mut U256) {
        let remainder = magnitude(a).checked_rem(magnitude(b)).unwrap_or_default();
        *b = if a.bit(255) { remainder.wrapping_neg() } else { remainder };
    }

    fn add_mod(a: &U256, b: &U256, modulus: &mut U256) {
        *modulus = a.add_mod(*b, *modulus);
    }

    fn mul_mod(a: &U256, b: &U256, modulus: &mut U256) {
        *modulus = a.mul_mod(*b, *modulus);
    }

    fn square(a: &mut U256) {
        *a = a.wrapping_mul(*a);
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
        a.iter().zip(bounds).all(|(word, bounds)| bytes_are_below(*word, *bounds))
    }
}

/// [`WordOps::bytes_are_below`] for one word of 32 bits.
#[inline(always)]
pub(crate) fn bytes_are_below(word: u32, bounds: u32) -> bool {
    // No byte borrows from the next.
    ((bounds - (word & 0x7f7f_7f7f)) | word) & 0x8080_8080 == 0x8080_8080
}

/// The bytes as native words of 32 bits, without up to three bytes at the end; `None` if they are not
/// aligned.
#[expect(unsafe_code, reason = "bytes as words")]
pub(crate) fn words(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: any bytes are numbers.
    let (before, words, _) = unsafe { bytes.align_to() };
    before.is_empty().then_some(words)
}

/// Absolute value of a number in two's complement. That of the lowest one is 2^255.
fn magnitude(word: &U256) -> U256 {
    if word.bit(255) { word.wrapping_neg() } else { *word }
}

/// Maps a number in two's complement so that unsigned comparison is the signed one.
fn signed(word: &U256) -> U256 {
    *word ^ (U256::ONE << 255)
}

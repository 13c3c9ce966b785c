//! Arithmetic of 256-bit words, by the best means of the processor or VM.

use crate::bytecode;
use alloy_primitives::U256;
use core::mem::MaybeUninit;

/// Operations on 256-bit words, in place. Numbers wrap around; signed ones are in two's complement.
///
/// Each function of two words is the EVM's instruction of that name. `a` is on top of the stack and `b` below
/// it; the result replaces `b`.
pub trait Words: 'static {
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
    /// `a * b` modulo `2^256 - 1`.
    fn mul_mod_max(a: &U256, b: &mut U256);
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

/// Applies the function of [`Words`] with this number, in the order of the trait: for tests that compare two
/// implementations.
///
/// # Panics
/// If there is no such function.
pub fn apply<W: Words>(number: u8, a: &mut U256, b: &mut U256) {
    match number {
        0 => {
            let mut copy = MaybeUninit::new(*b);
            W::copy(a, &mut copy);
            #[expect(unsafe_code, reason = "a copy was made")]
            // SAFETY: it was written twice.
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
            // SAFETY: it was written twice.
            unsafe {
                *b = number_of.assume_init();
            }
        }
        22 | 23 => {
            // Numbers of any size, small ones among them.
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
            // Mostly they are below.
            let (bytes, bounds) =
                (parts(a).map(|word: u32| word & 0x9f9f_9f9f), parts(b).map(|word: u32| word | 0xa0a0_a0a0));
            *b = U256::from(W::bytes_are_below(&bytes, &bounds));
        }
        _ => panic!("there are 31 functions of words, none has the number {number}"),
    }
}

/// Implementation of [`Words`] in portable code, for hosts.
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

/// Maps a number in two's complement so that unsigned comparison is the signed one.
fn signed(word: &U256) -> U256 {
    *word ^ (U256::ONE << 255)
}

/// Makes the number with these 32-bit digits, little-endian.
#[inline(always)]
fn from_parts(parts: [u32; 8]) -> U256 {
    let limb = |index: usize| u64::from(parts[2 * index]) | u64::from(parts[2 * index + 1]) << 32;
    U256::from_limbs([limb(0), limb(1), limb(2), limb(3)])
}

/// Makes the number with these bytes, at most 32, big-endian.
#[inline(always)]
pub(crate) fn from_be_bytes(bytes: &[u8]) -> U256 {
    let mut parts = [0; 8];
    for (part, bytes) in parts.iter_mut().zip(bytes.rchunks(4)) {
        *part = bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    }
    from_parts(parts)
}

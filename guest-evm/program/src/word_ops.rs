//! Arithmetic of the EVM's 256-bit words by the VM's instructions for integers. These read and write a word
//! in memory: 32 bytes, little-endian, at a multiple of four.
//!
//! Unlike the modular instructions, they constrain every byte of their results.

use crate::{
    division::{add_modulo, divide, divide_signed, multiply_modulo},
    int256::{clear, instruction},
    keccak::KeccakSponge,
};
use alloy_primitives::U256;
use core::mem::MaybeUninit;
use zeno_guest_evm::{Platform, WordOps};

/// Implementation of [`WordOps`] and [`Platform`] by the VM's instructions.
#[derive(Clone, Copy, Debug)]
pub struct AcceleratedWords;

impl Platform for AcceleratedWords {
    type Sponge = KeccakSponge;
}

static ONE: U256 = U256::ONE;
static MAX: U256 = U256::MAX;
/// 2^32.
static BOUND: U256 = U256::from_limbs([1 << 32, 0, 0, 0]);

/// Copies bytes in reverse order.
///
/// The VM has no instruction that swaps the bytes of a word. To load and store each byte costs less than to
/// shift and mask. If all four bytes of a word are zero, as in most words, they are stored at once.
#[inline(always)]
fn reverse(from: &[u8; 32], to: &mut [u8; 32]) {
    let aligned = from.as_ptr().addr() % 4 == 0 && to.as_ptr().addr() % 4 == 0;
    for word in 0..8 {
        let (source, target) = (4 * word, 28 - 4 * word);
        if aligned {
            // SAFETY: four of the bytes each, aligned.
            #[expect(unsafe_code, reason = "bytes as words")]
            unsafe {
                if from.as_ptr().add(source).cast::<u32>().read() == 0 {
                    to.as_mut_ptr().add(target).cast::<u32>().write(0);
                    continue;
                }
            }
        }
        for byte in 0..4 {
            to[target + byte] = from[source + 3 - byte];
        }
    }
}

impl WordOps for AcceleratedWords {
    #[inline(always)]
    fn copy(a: &U256, b: &mut MaybeUninit<U256>) {
        instruction!(Or, b.as_mut_ptr(), a, a);
    }

    #[inline(always)]
    fn swap(a: &mut U256, b: &mut U256, scratch: &mut MaybeUninit<U256>) {
        Self::copy(a, scratch);
        instruction!(Or, a, b, b);
        instruction!(Or, b, scratch.as_ptr(), scratch.as_ptr());
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "a word by its bytes")]
    fn bytes<const N: usize>(bytes: &[u8; N], b: &mut MaybeUninit<U256>) {
        const { assert!(N <= 32, "a word has 32 bytes") };
        if N < 32 {
            clear(b.as_mut_ptr());
        }
        let low = b.as_mut_ptr().cast::<u8>();
        for (index, byte) in bytes.iter().rev().enumerate() {
            // SAFETY: a byte of the word.
            unsafe { low.add(index).write(*byte) };
        }
    }

    #[inline(always)]
    fn reverse(from: &[u8; 32], to: &mut [u8; 32]) {
        reverse(from, to);
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "a word that an instruction wrote")]
    fn small(a: &U256, scratch: &mut MaybeUninit<U256>) -> u32 {
        instruction!(Sltu, scratch.as_mut_ptr(), a, &BOUND);
        // SAFETY: it was written.
        if unsafe { scratch.assume_init_ref() }.as_limbs()[0] as u32 == 0 {
            u32::MAX
        } else {
            a.as_limbs()[0] as u32
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "a word that an instruction wrote")]
    fn is_zero_word(a: &U256, scratch: &mut MaybeUninit<U256>) -> bool {
        // Most words are zero or one.
        if a.as_limbs()[0] as u32 != 0 {
            return false;
        }
        instruction!(Sltu, scratch.as_mut_ptr(), a, &ONE);
        // SAFETY: it was written.
        unsafe { scratch.assume_init_ref() }.as_limbs()[0] as u32 != 0
    }

    #[inline(always)]
    fn add(a: &U256, b: &mut U256) {
        instruction!(Add, b, a, b);
    }

    #[inline(always)]
    fn sub(a: &U256, b: &mut U256) {
        instruction!(Sub, b, a, b);
    }

    #[inline(always)]
    fn mul(a: &U256, b: &mut U256) {
        instruction!(Mul, b, a, b);
    }

    #[inline(always)]
    fn div(a: &U256, b: &mut U256) {
        divide::<false>(a, b);
    }

    #[inline(always)]
    fn rem(a: &U256, b: &mut U256) {
        divide::<true>(a, b);
    }

    #[inline(always)]
    fn sdiv(a: &U256, b: &mut U256) {
        divide_signed::<false>(a, b);
    }

    #[inline(always)]
    fn srem(a: &U256, b: &mut U256) {
        divide_signed::<true>(a, b);
    }

    #[inline(always)]
    fn add_mod(a: &U256, b: &U256, modulus: &mut U256) {
        add_modulo(a, b, modulus);
    }

    #[inline(always)]
    fn mul_mod(a: &U256, b: &U256, modulus: &mut U256) {
        multiply_modulo(a, b, modulus);
    }

    #[inline(always)]
    fn square(a: &mut U256) {
        instruction!(Mul, a, a, a);
    }

    #[inline(always)]
    fn and(a: &U256, b: &mut U256) {
        instruction!(And, b, a, b);
    }

    #[inline(always)]
    fn or(a: &U256, b: &mut U256) {
        instruction!(Or, b, a, b);
    }

    #[inline(always)]
    fn xor(a: &U256, b: &mut U256) {
        instruction!(Xor, b, a, b);
    }

    #[inline(always)]
    fn not(b: &mut U256) {
        instruction!(Xor, b, b, &MAX);
    }

    #[inline(always)]
    fn shl(a: &U256, b: &mut U256) {
        instruction!(Sll, b, b, a);
    }

    #[inline(always)]
    fn shr(a: &U256, b: &mut U256) {
        instruction!(Srl, b, b, a);
    }

    #[inline(always)]
    fn sar(a: &U256, b: &mut U256) {
        instruction!(Sra, b, b, a);
    }

    #[inline(always)]
    fn lt(a: &U256, b: &mut U256) {
        instruction!(Sltu, b, a, b);
    }

    #[inline(always)]
    fn gt(a: &U256, b: &mut U256) {
        instruction!(Sltu, b, b, a);
    }

    #[inline(always)]
    fn slt(a: &U256, b: &mut U256) {
        instruction!(Slt, b, a, b);
    }

    #[inline(always)]
    fn sgt(a: &U256, b: &mut U256) {
        instruction!(Slt, b, b, a);
    }

    #[inline(always)]
    fn eq(a: &U256, b: &mut U256) {
        instruction!(Xor, b, a, b);
        Self::is_zero(b);
    }

    #[inline(always)]
    fn is_zero(b: &mut U256) {
        instruction!(Sltu, b, b, &ONE);
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "a word that an instruction wrote")]
    fn bytes_are_below(a: &[u32; 8], bounds: &[u32; 8]) -> bool {
        static LOW_BITS: [u32; 8] = [0x7f7f_7f7f; 8];
        static HIGH_BITS: [u32; 8] = [0x8080_8080; 8];
        let (a, bounds) = (a.as_ptr().cast(), bounds.as_ptr().cast());
        let mut word = MaybeUninit::<U256>::uninit();
        let result = word.as_mut_ptr();
        // No byte borrows from the next.
        instruction!(And, result, a, LOW_BITS.as_ptr().cast());
        instruction!(Sub, result, bounds, result);
        instruction!(Or, result, result, a);
        instruction!(And, result, result, HIGH_BITS.as_ptr().cast());
        // The number is not below `HIGH_BITS` if and only if all of these bits are set.
        instruction!(Sltu, result, result, HIGH_BITS.as_ptr().cast());
        // SAFETY: it was written.
        unsafe { word.assume_init_ref() }.as_limbs()[0] as u32 == 0
    }
}

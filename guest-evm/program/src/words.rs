//! The EVM's 256-bit words by the VM's instructions for integers, which read and write them where they lie in memory:
//! 32 bytes, little-endian, at a multiple of four.
//!
//! Unlike the modular instructions, these constrain every byte of their results.

use alloy_primitives::U256;
use core::mem::MaybeUninit;
use openvm_bigint_guest::{Int256Funct7, INT256_FUNCT3, OPCODE};
use zeno_guest_evm::Words;

/// [`Words`] by the VM's instructions.
#[derive(Clone, Copy, Debug)]
pub struct Accelerated;

static ZERO: U256 = U256::ZERO;
static ONE: U256 = U256::ONE;
static MAX: U256 = U256::MAX;

/// One instruction: `result = a · b`, where all three are addresses of words, in any combination the same.
macro_rules! instruction {
    ($operation:ident, $result:expr, $a:expr, $b:expr) => {{
        let (result, a, b): (*mut U256, *const U256, *const U256) = ($result, $a, $b);
        // SAFETY: all are addresses of words, by their types; the VM writes nothing but the result.
        #[expect(unsafe_code, reason = "an instruction of the VM")]
        unsafe {
            core::arch::asm!(
                ".insn r {opcode}, {funct3}, {funct7}, {result}, {a}, {b}",
                opcode = const OPCODE,
                funct3 = const INT256_FUNCT3,
                funct7 = const Int256Funct7::$operation as u8,
                result = in(reg) result,
                a = in(reg) a,
                b = in(reg) b,
                options(nostack, preserves_flags),
            );
        }
    }};
}

/// Writes a word of zeros.
#[inline(always)]
pub(crate) fn clear(word: *mut U256) {
    instruction!(Or, word, &ZERO, &ZERO);
}

impl Words for Accelerated {
    #[inline(always)]
    fn copy(a: &U256, b: &mut MaybeUninit<U256>) {
        instruction!(Or, b.as_mut_ptr(), a, &ZERO);
    }

    #[inline(always)]
    fn swap(a: &mut U256, b: &mut U256) {
        let mut between = MaybeUninit::uninit();
        Self::copy(a, &mut between);
        instruction!(Or, a, b, &ZERO);
        instruction!(Or, b, between.as_ptr(), &ZERO);
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
}

//! Arithmetic, comparison and bitwise instructions.

use super::{
    frame::{Exit, FastLoop},
    gas::{EXP, EXP_BYTE, HIGH, LOW, MID, VERY_LOW},
};
use crate::word::WordOps;
use alloy_primitives::U256;
use revm::bytecode::opcode;

impl FastLoop<'_, '_> {
    /// Executes an instruction that replaces the two topmost words by one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn two(&mut self, gas: i32, operation: fn(&U256, &mut U256)) -> Result<(), Exit> {
        self.need(2)?;
        self.spend(gas);
        // SAFETY: two different words of the stack.
        unsafe { operation(&*self.word(0), &mut *self.word(1)) };
        self.pop(1);
        Ok(())
    }

    /// Executes an instruction that replaces the topmost word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn one(&mut self, gas: i32, operation: fn(&mut U256)) -> Result<(), Exit> {
        self.need(1)?;
        self.spend(gas);
        // SAFETY: a word of the stack.
        unsafe { operation(&mut *self.word(0)) };
        Ok(())
    }

    /// Executes a shift (EIP-145). By 256 bits or more, the result is `rest` of the word.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn shift<W: WordOps>(
        &mut self,
        operation: fn(&U256, &mut U256),
        rest: fn(&U256) -> U256,
    ) -> Result<(), Exit> {
        self.need(2)?;
        self.spend(VERY_LOW);
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

    /// Executes `MULMOD` with the largest word as the modulus: contracts compute the upper half of a product
    /// by it. Any other modulus is left to revm.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn mul_mod<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(3)?;
        // SAFETY: three different words of the stack.
        let (a, b, modulus) = unsafe { (&*self.word(0), &mut *self.word(1), &mut *self.word(2)) };
        if *modulus != U256::MAX {
            return Err(Exit::Other);
        }
        self.spend(MID);
        W::mul_mod_max(a, b);
        *modulus = *b;
        self.pop(2);
        Ok(())
    }

    /// Executes `EXP` by squaring and multiplying, for exponents below 2^32 - 1.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn exp<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        // SAFETY: two different words of the stack.
        let (base, word) = unsafe { (&mut *self.word(0), &mut *self.word(1)) };
        let mut exponent = W::small(word, &mut self.frame.scratch);
        // Gas by the exponent's length in bytes (EIP-160).
        let bytes = (u32::BITS - exponent.leading_zeros()).div_ceil(8);
        // At most four bytes.
        let left = self.gas.wrapping_sub(EXP.wrapping_add(EXP_BYTE.wrapping_mul(bytes as i32)));
        // Paid for at once, like a hash.
        if exponent == u32::MAX || left < 0 {
            return Err(Exit::Other);
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

    /// Executes `SIGNEXTEND`: extends the sign of a number of `index + 1` bytes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn sign_extend<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        self.spend(LOW);
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

    /// Executes `BYTE`: byte 0 is the most significant.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn byte<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        self.spend(VERY_LOW);
        // SAFETY: two different words of the stack.
        let (index, word) = unsafe { (&*self.word(0), &mut *self.word(1)) };
        *word = match W::small(index, &mut self.frame.scratch) {
            index @ 0..32 => U256::from(word.byte(31 - index as usize)),
            _ => U256::ZERO,
        };
        self.pop(1);
        Ok(())
    }

    /// Executes `ISZERO` together with the `PUSH2` and `JUMPI` that mostly follow. Then the result is never
    /// on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code and words by address")]
    pub(super) fn is_zero<W: WordOps>(&mut self) -> Result<(), Exit> {
        // SAFETY: an instruction of the code. If it is a `PUSH2`, the code has its two bytes, and at least a
        // `STOP` after them.
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
        self.spend(2 * VERY_LOW + HIGH);
        self.pop(1);
        self.next = self.next.wrapping_add(4);
        Ok(())
    }
}

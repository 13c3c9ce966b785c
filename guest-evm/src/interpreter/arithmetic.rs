//! Arithmetic, comparison and bitwise instructions.

use super::{
    frame::{Exit, FastLoop},
    gas::{EXP, EXP_BYTE, HIGH, LOW, VERY_LOW},
};
use crate::word::WordOps;
use alloy_primitives::U256;
use revm::{bytecode::opcode, primitives::hardfork::SpecId};

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

    /// Executes an instruction that replaces the three topmost words by one.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn three(&mut self, gas: i32, operation: fn(&U256, &U256, &mut U256)) -> Result<(), Exit> {
        self.need(3)?;
        self.spend(gas);
        // SAFETY: three different words of the stack.
        unsafe { operation(&*self.word(0), &*self.word(1), &mut *self.word(2)) };
        self.pop(2);
        Ok(())
    }

    /// Executes `EXP`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn exp<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        // SAFETY: two different words of the stack.
        let (base, word) = unsafe { (&mut *self.word(0), &mut *self.word(1)) };
        let exponent = Parts::new(word);
        // Gas by the exponent's length (EIP-160), which is at most 32 bytes.
        let left = self.gas.wrapping_sub(EXP.wrapping_add(EXP_BYTE.wrapping_mul(exponent.bytes())));
        // Paid for at once, like a hash.
        if left < 0 {
            return Err(Exit::Other);
        }
        self.gas = left;
        exponent.power::<W>(base, word);
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

    /// Executes `CLZ` (EIP-7939).
    #[inline(always)]
    pub(super) fn leading_zeros(&mut self) -> Result<(), Exit> {
        self.since(SpecId::OSAKA)?;
        self.one(LOW, |word| *word = U256::from(Parts::new(word).leading_zeros()))
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

/// A word, by parts of 32 bits.
pub(super) struct Parts {
    /// The lowest part first.
    parts: [u32; 8],
    /// Index of the highest part that is not zero, or zero.
    last: usize,
}

impl Parts {
    #[inline(always)]
    pub(super) fn new(word: &U256) -> Self {
        let parts: [u32; 8] =
            core::array::from_fn(|index| (word.as_limbs()[index / 2] >> (32 * (index % 2))) as u32);
        let last = (1..8).rev().find(|index| parts[*index] != 0).unwrap_or(0);
        Self { parts, last }
    }

    /// Number of bytes without leading zeros.
    #[inline(always)]
    pub(super) fn bytes(&self) -> i32 {
        let bits = u32::BITS - self.parts[self.last].leading_zeros();
        (4 * self.last as u32 + bits.div_ceil(8)).cast_signed()
    }

    /// Number of leading zero bits.
    #[inline(always)]
    fn leading_zeros(&self) -> u32 {
        u32::BITS * (7 - self.last as u32) + self.parts[self.last].leading_zeros()
    }

    /// Sets `result` to the power of the base, with this word as the exponent. The base is lost. It squares
    /// and multiplies.
    #[inline(always)]
    pub(super) fn power<W: WordOps>(&self, base: &mut U256, result: &mut U256) {
        *result = U256::ONE;
        for part in &self.parts[..self.last] {
            for bit in 0..u32::BITS {
                if part >> bit & 1 != 0 {
                    W::mul(base, result);
                }
                W::square(base);
            }
        }
        let mut bits = self.parts[self.last];
        loop {
            if bits & 1 != 0 {
                W::mul(base, result);
            }
            bits >>= 1;
            if bits == 0 {
                break;
            }
            W::square(base);
        }
    }
}

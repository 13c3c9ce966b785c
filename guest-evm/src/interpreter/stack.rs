//! Instructions that move words on the stack, and `PUSH` with the instruction after it.

use super::{
    frame::{Exit, FastLoop},
    gas::{BASE, HIGH, MID, VERY_LOW},
};
use crate::word::WordOps;
use alloy_primitives::U256;
use core::mem::MaybeUninit;
use revm::{bytecode::opcode, interpreter::InstructionResult, primitives::hardfork::SpecId};

impl FastLoop<'_, '_> {
    /// Makes room for one more word, which the caller writes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn push(&mut self, gas: i32) -> Result<&mut MaybeUninit<U256>, Exit> {
        self.room()?;
        self.spend(gas);
        // SAFETY: there is room for one more word.
        let place = unsafe { &mut *self.top.cast::<MaybeUninit<U256>>() };
        self.top = self.top.wrapping_add(1);
        Ok(place)
    }

    /// Executes `DUP1` to `DUP16`, for which the depths are 0 to 15.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn dup<W: WordOps>(&mut self, depth: usize) -> Result<(), Exit> {
        self.need(depth + 1)?;
        // SAFETY: a word of the stack, which does not move.
        let word = unsafe { &*self.word(depth) };
        W::copy(word, self.push(VERY_LOW)?);
        Ok(())
    }

    /// Executes `SWAP1` to `SWAP16`, for which the depths are 1 to 16, together with a `POP` that follows.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn swap<W: WordOps>(&mut self, depth: usize) -> Result<(), Exit> {
        self.need(depth + 1)?;
        // SAFETY: two different words of the stack, because the depth is not zero; and an instruction of the
        // code.
        let (below, top, next) = unsafe { (&mut *self.word(depth), &mut *self.word(0), *self.next) };
        if next == opcode::POP {
            // In about half of the cases, one of the two is dropped at once.
            self.spend(VERY_LOW + BASE);
            // SAFETY: a word may be overwritten.
            W::copy(top, unsafe { &mut *core::ptr::from_mut(below).cast() });
            self.pop(1);
            self.next = self.next.wrapping_add(1);
        } else {
            self.spend(VERY_LOW);
            W::swap(below, top, &mut self.frame.scratch);
        }
        Ok(())
    }

    /// Executes `DUPN` (EIP-8024).
    #[inline(always)]
    pub(super) fn dup_n<W: WordOps>(&mut self) -> Result<(), Exit> {
        let depth = self.immediate_of_8024(single)?;
        self.dup::<W>(depth - 1)
    }

    /// Executes `SWAPN` (EIP-8024).
    #[inline(always)]
    pub(super) fn swap_n<W: WordOps>(&mut self) -> Result<(), Exit> {
        let depth = self.immediate_of_8024(single)?;
        self.swap::<W>(depth)
    }

    /// Executes `EXCHANGE` (EIP-8024).
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn exchange<W: WordOps>(&mut self) -> Result<(), Exit> {
        let (upper, lower) = self.immediate_of_8024(pair)?;
        self.need(lower + 1)?;
        self.spend(VERY_LOW);
        // SAFETY: two different words of the stack, because the depths differ.
        let (upper, lower) = unsafe { (&mut *self.word(upper), &mut *self.word(lower)) };
        W::swap(upper, lower, &mut self.frame.scratch);
        Ok(())
    }

    /// Reads the immediate of an instruction of EIP-8024: a byte, of which some values are not allowed.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    fn immediate_of_8024<T>(&mut self, decode: fn(u8) -> Option<T>) -> Result<T, Exit> {
        self.since(SpecId::AMSTERDAM)?;
        // SAFETY: the code has a byte after each instruction.
        let immediate = unsafe { *self.next };
        self.next = self.next.wrapping_add(1);
        decode(immediate).ok_or(Exit::Halt(InstructionResult::InvalidImmediateEncoding))
    }

    /// Executes `PUSH2` together with the jump that mostly follows. Then the target is never on the stack.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    pub(super) fn push_2<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.room()?;
        // SAFETY: the code has the two bytes of the `PUSH`, and at least a `STOP` after them.
        let [high, low, next] = unsafe { *self.next.cast::<[u8; 3]>() };
        let target = || u32::from(high) << 8 | u32::from(low);
        match next {
            opcode::JUMP => self.jump(target(), VERY_LOW + MID, 0),
            opcode::JUMPI => {
                self.need(1)?;
                // SAFETY: a word of the stack.
                if W::is_zero_word(unsafe { &*self.word(0) }, &mut self.frame.scratch) {
                    self.spend(VERY_LOW + HIGH);
                    self.pop(1);
                    self.next = self.next.wrapping_add(3);
                    Ok(())
                } else {
                    self.jump(target(), VERY_LOW + HIGH, 1)
                }
            }
            _ => self.immediate::<W, 2>(),
        }
    }

    /// Executes a `PUSH` of `N` bytes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    pub(super) fn immediate<W: WordOps, const N: usize>(&mut self) -> Result<(), Exit> {
        // SAFETY: the code has all bytes of a `PUSH`.
        let bytes = unsafe { &*self.next.cast::<[u8; N]>() };
        W::bytes(bytes, self.push(VERY_LOW)?);
        self.next = self.next.wrapping_add(N);
        Ok(())
    }

    /// Executes a `PUSH1`, for which there is room, and the instruction after it, which has been read. If
    /// that instruction ends the run, only the `PUSH1` was executed.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code, memory and words by address")]
    pub(super) fn fused_push<W: WordOps>(&mut self, opcode: u8) -> Result<(), Exit> {
        // SAFETY: the byte of the `PUSH1` is before the instruction, and the stack has room for its word.
        let (byte, place) = unsafe { (*self.next.sub(2), &mut *self.top.cast::<MaybeUninit<U256>>()) };
        let is_in_memory = usize::from(byte).wrapping_add(32) <= self.frame.length;
        let memory = self.frame.memory.wrapping_add(usize::from(byte)).cast::<[u8; 32]>();
        let is_empty = self.top == self.words;
        match opcode {
            // Mostly a load of the pointer to free memory.
            opcode::MLOAD if is_in_memory => {
                self.spend(2 * VERY_LOW);
                // SAFETY: bytes of memory, and those of the word.
                unsafe { W::reverse(&*memory, &mut *self.top.cast()) };
                self.top = self.top.wrapping_add(1);
            }
            opcode::MSTORE if is_in_memory && !is_empty => {
                self.spend(2 * VERY_LOW);
                // SAFETY: bytes of memory, and a word of the stack, which lies elsewhere.
                unsafe { W::reverse(&*self.word(0).cast(), &mut *memory) };
                self.pop(1);
            }
            opcode::SHL | opcode::SHR if !is_empty => {
                self.spend(2 * VERY_LOW);
                W::bytes(&[byte], place);
                // SAFETY: two different words, both written.
                let (by, word) = unsafe { (place.assume_init_ref(), &mut *self.word(0)) };
                if opcode == opcode::SHL { W::shl(by, word) } else { W::shr(by, word) }
            }
            _ => {
                self.push_byte::<W>();
                return self.step::<W>(opcode);
            }
        }
        Ok(())
    }

    /// Executes a `PUSH1`, for which there is room, before an instruction that has been read.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code and words by address")]
    pub(super) fn push_byte<W: WordOps>(&mut self) {
        self.spend(VERY_LOW);
        // SAFETY: the byte of the `PUSH1` is before the instruction, and the stack has room for its word.
        unsafe { W::bytes(&[*self.next.sub(2)], &mut *self.top.cast()) };
        self.top = self.top.wrapping_add(1);
    }
}

/// Number of words that `DUPN` and `SWAPN` name by this immediate (EIP-8024), from 17 to 235.
#[inline(always)]
const fn single(immediate: u8) -> Option<usize> {
    match immediate {
        0..=90 | 128..=255 => Some(immediate.wrapping_add(145) as usize),
        _ => None,
    }
}

/// Depths of the two words that `EXCHANGE` names by this immediate (EIP-8024), the upper one first.
#[inline(always)]
const fn pair(immediate: u8) -> Option<(usize, usize)> {
    let (high, low) = match immediate {
        0..=81 | 128..=255 => ((immediate ^ 143) >> 4, (immediate ^ 143) & 15),
        _ => return None,
    };
    Some(if high < low {
        (high as usize + 1, low as usize + 1)
    } else {
        (low as usize + 1, 29 - high as usize)
    })
}

// The words differ.
const _: () = {
    let mut immediate = 0;
    while immediate < 256 {
        if let Some((upper, lower)) = pair(immediate as u8) {
            assert!(upper < lower);
        }
        immediate += 1;
    }
};

//! Instructions on memory, and its growth.

use super::{
    bound,
    frame::{Ended, Exit, FastLoop, Frame},
    gas::{COPY_WORD, KECCAK256, KECCAK256_WORD, MEMORY, MEMORY_DIVISOR, VERY_LOW},
};
use crate::word::WordOps;
use alloy_primitives::keccak256;
use core::mem::MaybeUninit;
use revm::{
    bytecode::opcode,
    interpreter::{
        CallInput, Interpreter,
        interpreter_types::{LegacyBytecode as _, MemoryTr as _},
    },
    primitives::hardfork::SpecId,
};

impl Frame<'_> {
    /// Lets memory grow for the instruction that ended a run because of it, and returns the remaining gas.
    /// `None` means that revm has to execute the instruction, or to fail.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn grow<W: WordOps>(&mut self, ended: Ended) -> Option<i32> {
        // SAFETY: the instruction that ended the run is readable, and it has checked that the stack has these
        // words.
        let (offset, length) = unsafe {
            let offset = W::small(&*ended.top.sub(1), &mut self.scratch);
            let is_hash = *ended.at == opcode::KECCAK256;
            (offset, if is_hash { W::small(&*ended.top.sub(2), &mut self.scratch) } else { 32 })
        };
        let size = offset.checked_add(length)?;
        if !bound::holds(self.interpreter.memory.local_memory_offset(), size) {
            return None;
        }
        let words = size.div_ceil(32);
        // Yellow paper, equation 326.
        let cost = MEMORY * words + words * words / MEMORY_DIVISOR;
        let paid = self.interpreter.gas.memory().expansion_cost;
        let left = ended.gas.saturating_sub_unsigned(cost - paid as u32);
        if left < 0 {
            return None;
        }
        _ = self.interpreter.gas.memory_mut().set_words_num(words as usize, u64::from(cost));
        self.interpreter.memory.resize(words as usize * 32);
        self.find_memory();
        Some(left)
    }

    /// Copies bytes to memory, which extends that far, from what the instruction copies. After its end there
    /// are zeros, except that returned data must have all bytes. Returns `false`, and copies nothing, if it
    /// has not.
    #[inline(never)]
    fn copy(&mut self, opcode: u8, to: usize, from: usize, length: usize) -> bool {
        let Interpreter { memory, bytecode, input, return_data, .. } = &mut *self.interpreter;
        let bytes = match opcode {
            opcode::CODECOPY => bytecode.bytecode_slice(),
            opcode::RETURNDATACOPY => {
                if from.checked_add(length).is_none_or(|end| end > return_data.0.len()) {
                    return false;
                }
                &return_data.0
            }
            _ => match &input.input {
                CallInput::Bytes(bytes) => bytes,
                CallInput::SharedBuffer(range) => {
                    memory.set_data_from_global(to, from, length, range.clone());
                    self.find_memory();
                    return true;
                }
            },
        };
        memory.set_data(to, from, length, bytes);
        self.find_memory();
        true
    }
}

/// Bytes that [`move_within`] moves together where they overlap.
const PART: usize = 1024;

/// Moves `length` bytes from the offset `from` to the offset `to`, as `ptr::copy` does. The guest copies 32 bytes at once if
/// they don't overlap (`program/src/memory.rs`), and otherwise would put words of four bytes together. So overlapping
/// bytes go through a buffer.
///
/// # Safety
/// Both ranges must lie within the memory at this address.
#[inline(never)]
#[expect(unsafe_code, reason = "memory by address")]
unsafe fn move_within(memory: *mut u8, to: usize, from: usize, length: usize) {
    // SAFETY: the ranges are the caller's, or parts of them.
    unsafe {
        let (source, target) = (memory.add(from).cast_const(), memory.add(to));
        if to.abs_diff(from) >= length {
            core::ptr::copy_nonoverlapping(source, target, length);
            return;
        }
        let mut between = MaybeUninit::<[u32; PART / 4]>::uninit();
        let between = between.as_mut_ptr().cast::<u8>();
        let mut left = length;
        while left > 0 {
            let size = left.min(PART);
            // From the end towards which the bytes move, so that each is read before it is overwritten.
            let at = if to < from { length - left } else { left - size };
            core::ptr::copy_nonoverlapping(source.add(at), between, size);
            // Otherwise the compiler makes one move of both copies.
            let between = core::hint::black_box(between);
            core::ptr::copy_nonoverlapping(between, target.add(at), size);
            left -= size;
        }
    }
}

impl FastLoop<'_, '_> {
    /// Returns the 32 bytes of memory at the offset in the topmost word, if memory extends that far.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn place<W: WordOps>(&mut self) -> Result<*mut [u8; 32], Exit> {
        // SAFETY: the callers have checked that there is a word.
        let offset = W::small(unsafe { &*self.word(0) }, &mut self.frame.scratch);
        if self.frame.length < 32 || offset as usize > self.frame.length.wrapping_sub(32) {
            return Err(Exit::Grow);
        }
        Ok(self.frame.memory.wrapping_add(offset as usize).cast())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn load<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(1)?;
        let place = self.place::<W>()?;
        self.spend(VERY_LOW);
        // SAFETY: bytes of memory, and the topmost word, which lies elsewhere.
        unsafe { W::reverse(&*place, &mut *self.word(0).cast()) };
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn store<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        let place = self.place::<W>()?;
        self.spend(VERY_LOW);
        // SAFETY: bytes of memory, and a word of the stack, which lies elsewhere.
        unsafe { W::reverse(&*self.word(1).cast(), &mut *place) };
        self.pop(2);
        Ok(())
    }

    /// Executes `MSTORE8`, if memory extends that far.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn store_byte<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        // SAFETY: words of the stack.
        let (offset, word) = unsafe { (&*self.word(0), &*self.word(1)) };
        let offset = W::small(offset, &mut self.frame.scratch) as usize;
        if offset >= self.frame.length {
            return Err(Exit::Other);
        }
        self.spend(VERY_LOW);
        // SAFETY: a byte of memory.
        unsafe { self.frame.memory.add(offset).write(word.as_limbs()[0] as u8) };
        self.pop(2);
        Ok(())
    }

    /// Executes an instruction that copies bytes to memory, if memory extends that far.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words and memory by address")]
    pub(super) fn copy<W: WordOps>(&mut self, opcode: u8) -> Result<(), Exit> {
        self.need(3)?;
        // SAFETY: words of the stack.
        let [to, from, length] =
            [0, 1, 2].map(|depth| W::small(unsafe { &*self.word(depth) }, &mut self.frame.scratch));
        // Beyond the end of what is copied, offsets are alike.
        let reaches = |offset: u32| match offset.checked_add(length) {
            Some(end) => end as usize <= self.frame.length,
            None => false,
        };
        let is_ready = match opcode {
            opcode::MCOPY => reaches(to.max(from)),
            _ => reaches(to),
        };
        if length > 0 && !is_ready {
            return Err(Exit::Other);
        }
        // Paid for at once, like a hash.
        let words = length.div_ceil(32) as i32;
        let left = self.gas.wrapping_sub(VERY_LOW.wrapping_add(COPY_WORD.wrapping_mul(words)));
        if left < 0 {
            return Err(Exit::Other);
        }
        let (to, from, length) = (to as usize, from as usize, length as usize);
        if opcode == opcode::MCOPY {
            // EIP-5656.
            self.since(SpecId::CANCUN)?;
            if length > 0 {
                // SAFETY: both ranges lie within memory.
                unsafe { move_within(self.frame.memory, to, from, length) };
            }
        } else if (length > 0 || opcode == opcode::RETURNDATACOPY)
            && !self.frame.copy(opcode, to, from, length)
        {
            return Err(Exit::Other);
        }
        self.gas = left;
        self.pop(3);
        Ok(())
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn hash<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(2)?;
        // SAFETY: words of the stack.
        let [offset, length] =
            [0, 1].map(|depth| W::small(unsafe { &*self.word(depth) }, &mut self.frame.scratch));
        let mut bytes = &[][..];
        if length > 0 {
            let end = offset.checked_add(length).ok_or(Exit::Grow)?;
            if end as usize > self.frame.length {
                return Err(Exit::Grow);
            }
            // SAFETY: bytes of memory, which does not move while they are hashed.
            bytes = unsafe {
                core::slice::from_raw_parts(self.frame.memory.add(offset as usize), length as usize)
            };
        }
        // At most the 2^22 words of the memory's bound. But without a jump a code may have more hashes than
        // the number can hold the cost of. So each is paid for at once, or left to revm.
        let words = length.div_ceil(32) as i32;
        let left = self.gas.wrapping_sub(KECCAK256.wrapping_add(KECCAK256_WORD.wrapping_mul(words)));
        if left < 0 {
            return Err(Exit::Other);
        }
        self.gas = left;
        let hash = keccak256(bytes);
        // SAFETY: a word of the stack.
        W::reverse(&hash.0, unsafe { &mut *self.word(1).cast() });
        self.pop(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    #[expect(unsafe_code, reason = "memory by address")]
    fn bytes_move_as_by_copy_within() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut overlapping = 0;
        for _ in 0..3000 {
            let mut ours = (0..6 * PART).map(|_| rng.random()).collect::<Vec<u8>>();
            let most = [40, PART + 2, 4 * PART][rng.random_range(0..3)];
            let length = rng.random_range(1..most);
            let from = rng.random_range(0..ours.len() - length);
            let near = from.saturating_sub(40)..(from + 40).min(ours.len() - length);
            let everywhere = 0..ours.len() - length;
            let range = if rng.random() { near } else { everywhere };
            let to = rng.random_range(range);
            let mut theirs = ours.clone();
            theirs.copy_within(from..from + length, to);
            // SAFETY: both ranges end before the bytes do.
            unsafe { move_within(ours.as_mut_ptr(), to, from, length) };
            assert!(ours == theirs, "{length} bytes from {from} to {to}");
            overlapping += usize::from(length > PART && to.abs_diff(from) < length);
        }
        assert!(overlapping > 300, "{overlapping}");
    }
}

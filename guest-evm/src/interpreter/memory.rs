//! Instructions on memory, and its growth.

use super::{
    bound,
    frame::{Ended, Exit, FastLoop, Frame},
    gas::{KECCAK256, KECCAK256_WORD, MEMORY, MEMORY_DIVISOR, VERY_LOW},
};
use crate::word::WordOps;
use alloy_primitives::keccak256;
use revm::{bytecode::opcode, interpreter::interpreter_types::MemoryTr as _};

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

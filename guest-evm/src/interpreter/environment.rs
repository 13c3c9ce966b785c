//! Instructions that read the call's data, and those that push a number of the frame.

use super::{
    frame::{Exit, FastLoop, Frame},
    gas::{BASE, VERY_LOW},
};
use crate::word::WordOps;

impl Frame<'_> {
    /// Reads 32 bytes of the call's data from this offset; after its end there are zeros.
    #[inline(never)]
    pub(super) fn call_data<W: WordOps>(&mut self, offset: u32, word: &mut [u8; 32]) {
        let offset = offset as usize;
        let input = &self.interpreter.input.input;
        // The length is checked first: for a call without data, revm's range is outside the memory.
        if offset < input.len() {
            let data = input.as_bytes_memory(&self.interpreter.memory);
            let rest = data.get(offset..).unwrap_or_default();
            match rest.first_chunk() {
                Some(bytes) => W::reverse(bytes, word),
                None => {
                    let mut bytes = [0; 32];
                    bytes[..rest.len()].copy_from_slice(rest);
                    W::reverse(&bytes, word);
                }
            }
        } else {
            *word = [0; 32];
        }
        self.find_memory();
    }
}

impl FastLoop<'_, '_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn call_data<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(1)?;
        self.spend(VERY_LOW);
        // SAFETY: a word of the stack.
        let word = unsafe { &mut *self.word(0) };
        let offset = W::small(word, &mut self.frame.scratch);
        // SAFETY: the word's bytes.
        self.frame.call_data::<W>(offset, unsafe { &mut *core::ptr::from_mut(word).cast() });
        Ok(())
    }

    /// Pushes a number, which fits 32 bits.
    #[inline(always)]
    pub(super) fn number<W: WordOps>(&mut self, number: usize) -> Result<(), Exit> {
        W::bytes(&(number as u32).to_be_bytes(), self.push(BASE)?);
        Ok(())
    }
}

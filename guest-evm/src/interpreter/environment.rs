//! Instructions that read the call's data, the block or the transaction, and those that push a number of the
//! frame.

use super::{
    frame::{Exit, FastLoop, Frame},
    gas::{BASE, VERY_LOW},
};
use crate::word::WordOps;
use alloy_primitives::U256;
use core::mem::MaybeUninit;
use revm::{
    bytecode::opcode,
    interpreter::{Interpreter, interpreter::EthInterpreter},
};

/// Words of the block, of the transaction and of the frame's account, as far as the frame has read them.
///
/// Revm's instruction reads a word first, and checks that the fork has it. Until the frame ends or calls
/// another, the word does not change. That includes the account's balance.
pub(super) struct Environment<'a> {
    words: &'a mut Words,
    /// The bits of the words that were read.
    is_read: [u32; SLOTS / 32],
}

/// First and last of the instructions that push such a word. Not all in between do.
const FIRST: u8 = opcode::ORIGIN;
const COUNT: usize = (opcode::SLOTNUM - FIRST + 1) as usize;
/// Words that can be kept: one for each of these instructions, and hashes of the first `BLOBS` blobs.
const SLOTS: usize = 64;
const BLOBS: usize = SLOTS - COUNT;

/// Room for the words. Beside fields that are written, all of it would be.
pub(super) type Words = MaybeUninit<[U256; SLOTS]>;

impl<'a> Environment<'a> {
    /// Makes an environment of which nothing was read.
    #[inline(always)]
    pub(super) const fn new(words: &'a mut Words) -> Self {
        Self { words, is_read: [0; SLOTS / 32] }
    }

    /// The word in this slot, if it was read.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a word that was written")]
    fn word(&self, slot: usize) -> Option<&U256> {
        if self.is_read[slot / 32] >> (slot % 32) & 1 == 0 {
            return None;
        }
        // SAFETY: it is one of the words, and was written.
        Some(unsafe { &*self.words.as_ptr().cast::<U256>().add(slot) })
    }

    /// Keeps the word that revm's instruction has pushed.
    #[inline(never)]
    #[expect(unsafe_code, reason = "a word by its index")]
    pub(super) fn keep(&mut self, slot: u8, interpreter: &Interpreter<EthInterpreter>) {
        let slot = usize::from(slot);
        if let Ok(word) = interpreter.stack.peek(0) {
            self.is_read[slot / 32] |= 1 << (slot % 32);
            // SAFETY: one of the words.
            unsafe { self.words.as_mut_ptr().cast::<U256>().add(slot).write(word) };
        }
    }
}

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
    /// Executes `CALLDATALOAD`.
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

    /// Pushes a word of the [`Environment`].
    #[inline(always)]
    pub(super) fn known<W: WordOps>(&mut self, opcode: u8, gas: i32) -> Result<(), Exit> {
        let slot = opcode - FIRST;
        let environment = self.frame.environment;
        let word = environment.word(usize::from(slot)).ok_or(Exit::Unread(slot))?;
        W::copy(word, self.push(gas)?);
        Ok(())
    }

    /// Executes `BLOBHASH` (EIP-4844).
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn blob_hash<W: WordOps>(&mut self) -> Result<(), Exit> {
        self.need(1)?;
        // SAFETY: a word of the stack.
        let word = unsafe { &mut *self.word(0) };
        let index = W::small(word, &mut self.frame.scratch) as usize;
        if index >= BLOBS {
            return Err(Exit::Other);
        }
        let slot = COUNT + index;
        let environment = self.frame.environment;
        let hash = environment.word(slot).ok_or(Exit::Unread(slot as u8))?;
        self.spend(VERY_LOW);
        *word = *hash;
        Ok(())
    }

    /// Executes `PC`.
    #[inline(always)]
    pub(super) fn position<W: WordOps>(&mut self) -> Result<(), Exit> {
        // The instruction's own byte is the one before the next.
        self.number::<W>(self.next.addr().wrapping_sub(self.frame.code.addr()).wrapping_sub(1))
    }

    /// Pushes a number, which fits 32 bits.
    #[inline(always)]
    pub(super) fn number<W: WordOps>(&mut self, number: usize) -> Result<(), Exit> {
        W::bytes(&(number as u32).to_be_bytes(), self.push(BASE)?);
        Ok(())
    }
}

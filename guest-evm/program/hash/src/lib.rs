//! The guest's hasher for maps: words of 32 bits are folded in by one product each, and of keys that are addresses or words
//! of the EVM not all of them.
//!
//! The one whose place it takes (and whose names it has) multiplies 64 bits by 64, which is a dozen of the VM's
//! instructions. Like that one here, where there is nothing random, it has a fixed seed: whoever makes keys that collide
//! makes a block dearer to prove, and nothing else.
#![no_std]

/// The one kind there is.
pub mod fast {
    use core::{
        hash::{BuildHasher, Hasher},
        marker::PhantomData,
    };

    /// Makes hashers, all with the same seed.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct RandomState;

    /// The same.
    pub type FixedState = RandomState;

    impl BuildHasher for RandomState {
        type Hasher = FoldHasher<'static>;

        #[inline(always)]
        fn build_hasher(&self) -> FoldHasher<'static> {
            FoldHasher { state: SEED, words: 0, seed: PhantomData }
        }
    }

    /// Digits of pi.
    const SEED: u32 = 0x243f_6a88;
    /// An odd number, as random as those.
    const FACTOR: u32 = 0x85a3_08d3;

    /// A hash that grows.
    #[derive(Clone, Copy, Debug)]
    pub struct FoldHasher<'a> {
        state: u32,
        /// How many words of a key of fixed length there were.
        words: u32,
        seed: PhantomData<&'a ()>,
    }

    impl Hasher for FoldHasher<'_> {
        #[inline(always)]
        fn write_u32(&mut self, word: u32) {
            // An odd factor, so that nothing is lost. What only the highest bits have is mixed in at the end.
            self.state = (self.state ^ word).wrapping_mul(FACTOR);
        }

        /// A word of a key of fixed length, which alloy-primitives' maps hash by so many of these. Bytes of addresses have
        /// to be put together one by one; and numbers differ in their lowest word, hashes in any.
        #[inline(always)]
        fn write_usize(&mut self, word: usize) {
            if let 0 | 3 | 4 | 7 = self.words {
                self.write_u32(word as u32);
            }
            self.words += 1;
        }

        #[inline(always)]
        fn write_u64(&mut self, number: u64) {
            self.write_u32(number as u32);
            self.write_u32((number >> 32) as u32);
        }

        #[inline(always)]
        fn write_u8(&mut self, byte: u8) {
            self.write_u32(u32::from(byte));
        }

        #[inline(always)]
        fn write_u16(&mut self, number: u16) {
            self.write_u32(u32::from(number));
        }

        #[inline]
        fn write(&mut self, bytes: &[u8]) {
            let mut words = bytes.chunks_exact(4);
            for word in &mut words {
                self.write_u32(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
            }
            let rest = words.remainder();
            if !rest.is_empty() {
                self.write_u32(rest.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)));
            }
        }

        #[inline(always)]
        fn finish(&self) -> u64 {
            // Maps of this machine look at the low bits and the highest seven of 32: both halves of a product, so that
            // each of them depends on all of the state.
            let product = u64::from(self.state) * u64::from(SEED | 1);
            u64::from((product as u32) ^ (product >> 32) as u32)
        }
    }
}

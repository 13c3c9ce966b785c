//! The guest's hasher for maps, a drop-in replacement for the crate `foldhash` with the same public names.
//! All words of a key are multiplied by a seed that the author of a key can't know.
//!
//! A key of up to eight words of 32 bits is a number x of 256 bits. Its hash is the top word of a·x modulo
//! 2^256, for an odd seed a. This is multiplicative hashing: two keys collide for at most a share of 2^-31 of
//! all seeds (Dietzfelbinger, Hagerup, Katajainen, Penttonen: A Reliable Randomized Algorithm for the
//! Closest-Pair Problem, 1997). The VM has an instruction for the product. A key of up to sixteen words is a
//! polynomial in a. Of a longer key only the last sixteen words count, but no map here has such keys.
//!
//! The sender of a transaction chooses keys: of accounts, of storage. If they collided, transactions that are
//! too expensive to prove would cost next to nothing. So the seed is the [hash of the last block](seed), which
//! exists only after the transactions of all blocks. `foldhash` itself multiplies 64 bits by 64 bits, which takes a
//! dozen of the VM's instructions a word.
#![no_std]

use core::cell::UnsafeCell;

/// Number of 32-bit words that are multiplied at once.
const WORDS: usize = 8;

#[repr(transparent)]
struct Seed(UnsafeCell<[u32; WORDS]>);

// SAFETY: the VM has one hart and no interrupts. Natively only a test writes it.
unsafe impl Sync for Seed {}

/// The seed; digits of pi until one is set.
static SEED: Seed = Seed(UnsafeCell::new([
    0x243f_6a89,
    0x85a3_08d3,
    0x1319_8a2e,
    0x0370_7344,
    0xa409_3822,
    0x299f_31d0,
    0x082e_fa98,
    0xec4e_6c89,
]));

/// Sets the seed, on which all hashes depend from now on. Hashes from before are no longer valid, so there
/// must be no map yet.
#[cfg(any(target_os = "zkvm", test))]
pub fn seed(hash: &[u8; 4 * WORDS]) {
    // SAFETY: nobody else refers to the seed during this write.
    let words = unsafe { &mut *SEED.0.get() };
    for (word, bytes) in words.iter_mut().zip(hash.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words[0] |= 1;
}

/// `a·b` modulo 2^256.
#[cfg(target_os = "zkvm")]
#[inline(always)]
fn multiply(a: &[u32; WORDS], b: *const [u32; WORDS]) -> [u32; WORDS] {
    let mut product = core::mem::MaybeUninit::uninit();
    // SAFETY: addresses of words, all multiples of four. The VM writes only the product, and all of it.
    unsafe {
        core::arch::asm!(
            ".insn r {opcode}, {funct3}, {funct7}, {product}, {a}, {b}",
            opcode = const openvm_bigint_guest::OPCODE,
            funct3 = const openvm_bigint_guest::INT256_FUNCT3,
            funct7 = const openvm_bigint_guest::Int256Funct7::Mul as u8,
            product = in(reg) product.as_mut_ptr(),
            a = in(reg) a,
            b = in(reg) b,
            options(nostack, preserves_flags),
        );
        product.assume_init()
    }
}

/// `a·b` modulo 2^256, equal to the VM's instruction, for tests.
#[cfg(not(target_os = "zkvm"))]
fn multiply(a: &[u32; WORDS], b: *const [u32; WORDS]) -> [u32; WORDS] {
    // SAFETY: the seed, to which nobody writes.
    let b = unsafe { &*b };
    let mut product = [0; WORDS];
    for (at, a) in a.iter().enumerate() {
        let mut carry = 0;
        for (to, b) in product[at..].iter_mut().zip(b) {
            let sum = u64::from(*to) + u64::from(*a) * u64::from(*b) + carry;
            *to = sum as u32;
            carry = sum >> 32;
        }
    }
    product
}

/// The only kind of hasher.
pub mod fast {
    use super::{long, multiply, SEED, WORDS};
    use core::{
        hash::{BuildHasher, Hasher},
        marker::PhantomData,
    };

    /// Builder of hashers, all with the same seed.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct RandomState;

    /// The same builder.
    pub type FixedState = RandomState;

    impl BuildHasher for RandomState {
        type Hasher = FoldHasher<'static>;

        #[inline(always)]
        fn build_hasher(&self) -> FoldHasher<'static> {
            FoldHasher { low: [0; WORDS], high: [0; WORDS], seed: PhantomData }
        }
    }

    /// Odd number, made of digits of pi.
    const FACTOR: u32 = 0x85a3_08d3;

    /// Hasher, which keeps the last words of a key; the very last ones are in `low`. Each new word moves the
    /// others. So the position of a word does not depend on the number of words before it. All of them stay
    /// in registers until the product.
    #[derive(Clone, Copy, Debug)]
    pub struct FoldHasher<'a> {
        low: [u32; WORDS],
        high: [u32; WORDS],
        seed: PhantomData<&'a ()>,
    }

    impl Hasher for FoldHasher<'_> {
        #[inline(always)]
        fn write_u32(&mut self, word: u32) {
            let [_, b1, b2, b3, b4, b5, b6, b7] = self.high;
            let [a0, a1, a2, a3, a4, a5, a6, a7] = self.low;
            self.high = [b1, b2, b3, b4, b5, b6, b7, a0];
            self.low = [a1, a2, a3, a4, a5, a6, a7, word];
        }

        /// Adds a word of a key of fixed length. The maps of alloy-primitives hash such a key by one call for
        /// each word.
        #[inline(always)]
        fn write_usize(&mut self, word: usize) {
            self.write_u32(word as u32);
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
            let mut words = self.low;
            // For a key of eight words, these are constants.
            if self.high.iter().fold(0, |bits, word| bits | word) != 0 {
                words = long(self.high, words);
            }
            let top = multiply(&words, SEED.0.get())[WORDS - 1];
            // Maps of a 32-bit target look at the low bits, and at the highest seven of 32. Keys that differ
            // only in their highest bits have the same low bits in `top`. So its higher half is mixed into
            // its lower half, and both into the bits of a product.
            (u64::from(top ^ top >> 16) * u64::from(FACTOR)) >> 32
        }
    }
}

/// Folds a long key into the eight words that are multiplied once more: the higher words are multiplied by
/// the square of the seed in the end.
#[cold]
#[inline(never)]
fn long(high: [u32; WORDS], low: [u32; WORDS]) -> [u32; WORDS] {
    let mut sum = multiply(&high, SEED.0.get());
    let mut carry = 0;
    for (digit, low) in sum.iter_mut().zip(low) {
        let wide = u64::from(*digit) + u64::from(low) + carry;
        *digit = wide as u32;
        carry = wide >> 32;
    }
    sum
}

#[cfg(test)]
extern crate std;

#[cfg(test)]
mod tests {
    use super::{fast::RandomState, multiply, seed, WORDS};
    use core::hash::{BuildHasher, Hasher};
    use std::{collections::BTreeMap, vec::Vec};

    /// Largest number of hashes with the same remainder modulo twice their number, which is rounded up to a
    /// power of two.
    fn crowd(hashes: &[u64]) -> usize {
        let places = 2 * hashes.len().next_power_of_two() as u64;
        let mut counts = BTreeMap::new();
        for hash in hashes {
            *counts.entry(hash % places).or_insert(0) += 1;
        }
        counts.into_values().max().unwrap_or_default()
    }

    fn hash(words: &[u32]) -> u64 {
        let mut hasher = RandomState.build_hasher();
        words.iter().for_each(|word| hasher.write_usize(*word as usize));
        hasher.finish()
    }

    /// `number << shift`, in `length` words.
    fn shifted(number: u64, shift: usize, length: usize) -> Vec<u32> {
        let mut words = [0; 16];
        let wide = u128::from(number) << (shift % 32);
        for (at, word) in words[shift / 32..].iter_mut().take(4).enumerate() {
            *word = (wide >> (32 * at)) as u32;
        }
        words[..length].to_vec()
    }

    /// Bound on the number of keys in the most crowded of 8,192 buckets, for 4,096 random keys. It is
    /// exceeded once in a million times.
    const CROWDED: usize = 11;

    /// All properties of the hashes in one test, because the seed is shared.
    #[test]
    fn keys_do_not_collide_whatever_the_seed() {
        for block in 0..8_u8 {
            // This is no hash, but any number is as good a seed as another.
            seed(&core::array::from_fn(|at| (at as u8 ^ block).wrapping_mul(151).wrapping_add(block)));
            // An address, a slot, and a slot of an account.
            for length in [5, 8, 15] {
                for shift in 0..(32 * length).min(256) {
                    let count = 1 << (32 * length - shift).min(12);
                    let hashes = (0..count).map(|number| hash(&shifted(number, shift, length)));
                    let crowd = crowd(&hashes.collect::<Vec<_>>());
                    assert!(
                        crowd <= CROWDED,
                        "{crowd} keys of {length} words, shifted by {shift}, at one place with seed {block}"
                    );
                }
                // Each word counts.
                let changed = (0..length).flat_map(|at| {
                    (1..=270).map(move |value| {
                        let mut words = std::vec![7; length];
                        words[at] ^= value;
                        hash(&words)
                    })
                });
                assert!(crowd(&changed.collect::<Vec<_>>()) <= CROWDED);
            }
        }
    }

    #[test]
    fn products_are_modulo_two_to_the_256() {
        // (2^256 - 1) · (2^256 - 1) = 1.
        let ones = [u32::MAX; WORDS];
        assert_eq!(multiply(&ones, &ones), [1, 0, 0, 0, 0, 0, 0, 0]);
        // Times 2^128, by hand.
        let mut power = [0; WORDS];
        power[4] = 1;
        let digits = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(multiply(&digits, &power), [0, 0, 0, 0, 1, 2, 3, 4]);
    }
}

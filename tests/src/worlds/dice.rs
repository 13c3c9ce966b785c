//! Random numbers, with a preference for those near the limits of arithmetic.

use alloy_primitives::{B256, U256};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Random generator whose numbers are a function of its seed.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Number below `end`, which must not be zero.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    /// Index below `length`, which must not be zero.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }

    /// Returns true with this chance, in percent.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Entry of a list, which must not be empty.
    pub(super) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())].clone()
    }

    /// Index of one of the weights, with a chance in proportion to it.
    pub(super) fn weighted<const N: usize>(&mut self, weights: [u64; N]) -> usize {
        let mut throw = self.below(weights.iter().sum());
        for (index, weight) in weights.into_iter().enumerate() {
            match throw.checked_sub(weight) {
                None => return index,
                Some(rest) => throw = rest,
            }
        }
        unreachable!("a throw is below the sum of the weights")
    }

    /// Number of at most this many bits, at most 64. Every length in bits has the same chance.
    pub(super) fn up_to_bits(&mut self, bits: u32) -> u64 {
        match self.0.random_range(0..=bits.min(64)) {
            0 => 0,
            length => self.0.random::<u64>() >> (64 - length) | 1 << (length - 1),
        }
    }

    /// Number of exactly this many bits, from 1 to 64. Sometimes it is the least or the greatest such number.
    pub(super) fn with_bits(&mut self, bits: u32) -> u64 {
        let least = 1 << (bits - 1);
        match self.below(10) {
            0 => least,
            1 => least - 1 + least,
            _ => least | self.0.random::<u64>() >> (64 - bits),
        }
    }

    pub(super) fn word(&mut self) -> U256 {
        U256::from_be_bytes(self.hash().0)
    }

    pub(super) fn hash(&mut self) -> B256 {
        B256::from(self.0.random::<[u8; 32]>())
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.random()
    }

    /// Bytes of this length, which are sometimes all zero.
    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let zeros = self.percent(30);
        (0..length).map(|_| if zeros { 0 } else { self.byte() }).collect()
    }

    /// Power of two up to 2^`bits`, or a number near it.
    pub(super) fn near_power_of_two(&mut self, bits: u32) -> U256 {
        let power = U256::ONE << self.0.random_range(0..=bits as usize);
        let distance = U256::from(self.pick(&[0_u64, 0, 1, 1, 31, 32, 33, 63, 64, 95]));
        if self.percent(60) { power.saturating_sub(distance) } else { power.wrapping_add(distance) }
    }

    /// Number near a limit of integer types, at which sums and products of 32 or 64 bits may overflow.
    pub(super) fn near_integer_limit(&mut self) -> U256 {
        let limit = U256::ONE << self.pick(&[31_usize, 32, 32, 32, 33, 63, 64, 64, 255, 37, 27, 24]);
        let distance = U256::from(self.pick(&[0_u64, 1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 127, 4096]));
        if self.percent(75) { limit - distance } else { limit + distance }
    }

    /// Number of any size, most often near a limit.
    pub(super) fn interesting(&mut self) -> U256 {
        match self.weighted([20, 10, 20, 15, 10, 10, 15]) {
            0 => U256::from(self.below(70)),
            1 => U256::from(self.below(1200)),
            2 => self.near_power_of_two(255),
            3 => self.near_integer_limit(),
            4 => U256::MAX - U256::from(self.below(65)),
            5 => self.word(),
            _ => U256::from(self.up_to_bits(64)),
        }
    }
}

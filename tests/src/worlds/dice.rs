//! Chance, with a liking for numbers that break arithmetic.

use alloy_primitives::{B256, U256};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Throws of dice that one number determines.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below another, which is not zero.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    /// An index below a length, which is not zero.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of a list that is not empty.
    pub(super) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())].clone()
    }

    /// The place at which a throw falls among weights.
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

    /// A number of at most so many bits, every length as likely as another.
    pub(super) fn magnitude(&mut self, bits: u32) -> u64 {
        match self.0.random_range(0..=bits.min(64)) {
            0 => 0,
            length => self.0.random::<u64>() >> (64 - length) | 1 << (length - 1),
        }
    }

    /// A number of exactly so many bits, sometimes the least or the greatest of them; 1 to 64.
    pub(super) fn of_bits(&mut self, bits: u32) -> u64 {
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

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let zeros = self.percent(30);
        (0..length).map(|_| if zeros { 0 } else { self.byte() }).collect()
    }

    /// A power of two of at most so many bits, or what lies beside it.
    pub(super) fn edge(&mut self, bits: u32) -> U256 {
        let power = U256::ONE << self.0.random_range(0..=bits as usize);
        let beside = U256::from(self.pick(&[0_u64, 0, 1, 1, 31, 32, 33, 63, 64, 95]));
        if self.percent(60) { power.saturating_sub(beside) } else { power.wrapping_add(beside) }
    }

    /// A number that sums and products of 32 or 64 bits may not survive.
    pub(super) fn critical(&mut self) -> U256 {
        let edge = U256::ONE << self.pick(&[31_usize, 32, 32, 32, 33, 63, 64, 64, 255, 37, 27, 24]);
        let beside = U256::from(self.pick(&[0_u64, 1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 127, 4096]));
        if self.percent(75) { edge - beside } else { edge + beside }
    }

    /// Any number, most often one that is near a limit of something.
    pub(super) fn interesting(&mut self) -> U256 {
        match self.weighted([20, 10, 20, 15, 10, 10, 15]) {
            0 => U256::from(self.below(70)),
            1 => U256::from(self.below(1200)),
            2 => self.edge(255),
            3 => self.critical(),
            4 => U256::MAX - U256::from(self.below(65)),
            5 => self.word(),
            _ => U256::from(self.magnitude(64)),
        }
    }
}

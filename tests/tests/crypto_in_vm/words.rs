//! Arithmetic of the EVM's 256-bit words.

use crate::{
    case::{Case, check},
    seeded,
};
use alloy_primitives::U256;
use rand::{Rng, rngs::StdRng};

/// Number of functions of the trait `WordOps`.
const FUNCTIONS: u8 = 37;
/// Functions whose operand `a` is a number of bits below 256.
const SHIFTS: std::ops::RangeInclusive<u8> = 9..=11;
/// Functions that divide, which have many special cases.
const DIVISIONS: [u8; 9] = [25, 26, 27, 28, 29, 31, 32, 33, 35];

fn word(rng: &mut StdRng) -> U256 {
    let random = U256::from_limbs(rng.random());
    match rng.random_range(0..7) {
        0 => U256::from(rng.random_range(0..3u32)),
        1 => U256::MAX - U256::from(rng.random_range(0..3u32)),
        2 => (U256::ONE << 255) - U256::from(rng.random_range(0..3u32)),
        3 => random >> rng.random_range(0..256usize),
        // Near the boundaries of digits of 32 bits.
        4 => (U256::ONE << (32 * rng.random_range(0..8usize)))
            .wrapping_add(U256::from(rng.random_range(0..5u32)))
            .wrapping_sub(U256::from(2)),
        _ => random,
    }
}

#[test]
fn words() {
    let mut rng = seeded(70);
    let mut cases = Vec::new();
    for function in 0..FUNCTIONS {
        for turn in 0..if DIVISIONS.contains(&function) { 1500 } else { 60u32 } {
            let b = word(&mut rng);
            let a = match turn {
                _ if SHIFTS.contains(&function) => match turn {
                    0..=33 => U256::from(turn),
                    34..=36 => U256::from(turn + 219),
                    _ => U256::from(rng.random::<u8>()),
                },
                0..=9 => b,
                _ => word(&mut rng),
            };
            cases.push(Case::word(function, a, b));
        }
    }
    check(&cases);
}

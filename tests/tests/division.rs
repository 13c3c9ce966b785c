//! The guest's division, run on this machine: the same source, with the VM's instructions in portable code.
//!
//! `crypto_in_vm` runs it in the VM, on fewer numbers.

#[path = "../../guest-evm/program/src/division.rs"]
mod division;
#[path = "../../guest-evm/program/src/int256.rs"]
mod int256;

use alloy_primitives::{I256, U256};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Number of up to 256 bits, often near a boundary of digits, or of digits that are all zeros or all ones.
fn number(rng: &mut StdRng) -> U256 {
    let random = U256::from_limbs(rng.random());
    let power = |bits: usize| U256::ONE << bits;
    let near = U256::from(rng.random_range(0..5u32));
    match rng.random_range(0..10) {
        0 => near,
        1 => U256::MAX - near,
        2 => power(rng.random_range(0..256)).wrapping_add(near).wrapping_sub(U256::from(2)),
        3 => power(32 * rng.random_range(0..8usize)).wrapping_add(near).wrapping_sub(U256::from(2)),
        4 => random >> (32 * rng.random_range(0..8usize)),
        5 | 6 => random >> rng.random_range(0..256usize),
        7 => {
            // Each digit is zero, one, the largest, or any.
            let mut digits = [0_u64; 4];
            for digit in &mut digits {
                for shift in [0, 32] {
                    let any = rng.random::<u32>();
                    let part = [0, 1, u32::MAX, u32::MAX - 1, 1 << 31, any][rng.random_range(0..6)];
                    *digit |= u64::from(part) << shift;
                }
            }
            U256::from_limbs(digits) >> rng.random_range(0..64usize)
        }
        // A few digits of ones at the top.
        8 => !(U256::MAX >> rng.random_range(1..256usize)) | random >> rng.random_range(128..256usize),
        _ => random,
    }
}

/// Number whose quotient by the divisor is near a whole number, at some digit: there an estimate is wrong first.
fn near_multiple(rng: &mut StdRng, divisor: U256) -> U256 {
    let quotient = number(rng) >> rng.random_range(0..256usize);
    let product = quotient.wrapping_mul(divisor) << (32 * rng.random_range(0..8usize));
    let near = number(rng) >> rng.random_range(0..256usize);
    if rng.random() { product.wrapping_add(near) } else { product.wrapping_sub(near) }
}

/// Number whose remainders are near zero or the divisor after each digit of 96 bits, so that estimate after estimate is
/// wrong.
fn near_by_digits(rng: &mut StdRng, divisor: U256) -> U256 {
    let part = U256::MAX >> 160_usize;
    let mut number = U256::ZERO;
    for _ in 0..3 {
        let near = U256::from(rng.random_range(0..3u32));
        let digit = [near, part - near, U256::from_limbs(rng.random()) & part][rng.random_range(0..3)];
        number = number << 96_usize | digit;
    }
    let shift = rng.random_range(0..256usize);
    let product = (number >> shift).wrapping_mul(divisor);
    if rng.random() { product } else { product.wrapping_sub(U256::ONE) }
}

fn check_quotient(a: U256, b: U256) {
    let mut quotient = b;
    division::divide::<false>(&a, &mut quotient);
    assert_eq!(quotient, a.checked_div(b).unwrap_or_default(), "{a:#x} / {b:#x}");
}

fn check_remainder(a: U256, b: U256) {
    let mut remainder = b;
    division::divide::<true>(&a, &mut remainder);
    assert_eq!(remainder, a.checked_rem(b).unwrap_or_default(), "{a:#x} % {b:#x}");
}

fn check_signed_quotient(a: U256, b: U256) {
    let mut quotient = b;
    division::divide_signed::<false>(&a, &mut quotient);
    let (a, b) = (I256::from_raw(a), I256::from_raw(b));
    // The lowest number by -1 wraps around.
    let expected = if b.is_zero() { b } else { a.wrapping_div(b) };
    assert_eq!(I256::from_raw(quotient), expected, "{a} / {b}");
}

fn check_signed_remainder(a: U256, b: U256) {
    let mut remainder = b;
    division::divide_signed::<true>(&a, &mut remainder);
    let (a, b) = (I256::from_raw(a), I256::from_raw(b));
    let expected = if b.is_zero() { b } else { a.wrapping_rem(b) };
    assert_eq!(I256::from_raw(remainder), expected, "{a} % {b}");
}

fn check_division(a: U256, b: U256) {
    check_quotient(a, b);
    check_remainder(a, b);
}

fn check_signed(a: U256, b: U256) {
    check_signed_quotient(a, b);
    check_signed_remainder(a, b);
}

fn check_sum(a: U256, b: U256, modulus: U256) {
    let mut sum = modulus;
    division::add_modulo(&a, &b, &mut sum);
    assert_eq!(sum, a.add_mod(b, modulus), "{a:#x} + {b:#x} modulo {modulus:#x}");
}

fn check_product(a: U256, b: U256, modulus: U256) {
    let mut product = modulus;
    division::multiply_modulo(&a, &b, &mut product);
    assert_eq!(product, a.mul_mod(b, modulus), "{a:#x} * {b:#x} modulo {modulus:#x}");
}

fn check_modular(a: U256, b: U256, modulus: U256) {
    check_sum(a, b, modulus);
    check_product(a, b, modulus);
}

// One test, because the memory of the computation is one for all threads.
#[test]
fn results_are_those_of_a_library() {
    let mut rng = StdRng::seed_from_u64(3);
    // Near the bounds of digits: powers, and numbers of which the upper half is ones.
    let mut special = Vec::new();
    for digits in 0..=8_usize {
        let power = if digits == 8 { U256::ZERO } else { U256::ONE << (32 * digits) };
        let largest = power.wrapping_sub(U256::ONE);
        for middle in [power, largest ^ (largest >> 1_usize)] {
            special.extend([middle.wrapping_sub(U256::ONE), middle, middle.wrapping_add(U256::ONE)]);
        }
    }
    for a in &special {
        for b in &special {
            check_division(*a, *b);
            check_signed(*a, *b);
            for modulus in &special {
                check_modular(*a, *b, *modulus);
            }
        }
    }
    let turns = 400_000;
    for _ in 0..turns {
        let divisor = number(&mut rng);
        let (a, b) = (number(&mut rng), number(&mut rng));
        check_division(a, divisor);
        let near = near_multiple(&mut rng, divisor);
        check_division(near, divisor);
        check_signed(near, if rng.random() { divisor } else { divisor.wrapping_neg() });
        let near = near_by_digits(&mut rng, divisor);
        check_division(near, divisor);
        check_modular(near, b, divisor);
        check_modular(a, b, divisor);
        check_modular(a, b, U256::MAX);
        // Products near a multiple of the modulus: `a` times the modulus, and a little more or less.
        let factor = near_multiple(&mut rng, divisor);
        check_modular(factor, b, divisor);
        check_modular(a, factor, divisor);
        check_modular(a.wrapping_sub(b), b, divisor);
        // What one operation leaves in the memory must not matter to any other.
        for _ in 0..3 {
            let (a, b, divisor) = (number(&mut rng), number(&mut rng), number(&mut rng));
            match rng.random_range(0..6) {
                0 => check_quotient(a, divisor),
                1 => check_remainder(a, divisor),
                2 => check_signed_quotient(a, divisor),
                3 => check_signed_remainder(a, divisor),
                4 => check_sum(a, b, divisor),
                _ => check_product(a, b, divisor),
            }
        }
    }
}

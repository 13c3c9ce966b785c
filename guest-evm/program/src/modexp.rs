//! Modular exponentiation (EIP-198).
//!
//! The VM multiplies modulo the primes that its curves need. Contracts mostly use these moduli, for
//! inversions and square roots in their own implementations of the same curves. Any other modulus is computed
//! in software.

use alloc::{vec, vec::Vec};
use openvm_algebra_guest::{IntMod, Reduce};
use openvm_pairing::{bls12_381, bn254};
use revm_precompile::{Crypto, DefaultCrypto, PrecompileHalt};

use crate::{field::to_be, secp256k1, secp256r1};

/// `base ^ exponent mod modulus`, all of them big-endian and of any length. 0 ^ 0 is one; a modulus of zero
/// gives zero.
pub fn modexp(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, PrecompileHalt> {
    let power = power_in::<bn254::Fp>(base, exponent, modulus)
        .or_else(|| power_in::<bn254::Scalar>(base, exponent, modulus))
        .or_else(|| power_in::<secp256k1::Field>(base, exponent, modulus))
        .or_else(|| power_in::<secp256k1::Scalar>(base, exponent, modulus))
        .or_else(|| power_in::<secp256r1::Field>(base, exponent, modulus))
        .or_else(|| power_in::<secp256r1::Scalar>(base, exponent, modulus))
        .or_else(|| power_in::<bls12_381::Fp>(base, exponent, modulus))
        .or_else(|| power_in::<bls12_381::Scalar>(base, exponent, modulus));
    match power {
        Some(power) => Ok(power),
        None => DefaultCrypto.modexp(base, exponent, modulus),
    }
}

/// Computes the power, if `modulus` is this field's.
fn power_in<F: IntMod + Reduce>(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    if !modulus.iter().rev().eq_padded(F::MODULUS.as_ref()) {
        return None;
    }
    // Reduction takes a whole number of elements, in bytes. The base is in memory, which has 2^29 bytes, so
    // the multiple fits `usize`.
    let mut padded = vec![0; base.len().next_multiple_of(F::NUM_LIMBS).max(F::NUM_LIMBS)];
    let start = padded.len() - base.len();
    padded[start..].copy_from_slice(base);
    let base = F::reduce_be_bytes(&padded);

    let mut power = F::ONE;
    for (i, byte) in exponent.iter().skip_while(|&&byte| byte == 0).enumerate() {
        let bits = if i == 0 { 8 - byte.leading_zeros() } else { 8 };
        for bit in (0..bits).rev() {
            power.square_assign();
            if byte >> bit & 1 == 1 {
                power *= &base;
            }
        }
    }
    Some(to_be(&power).as_ref().to_vec())
}

/// Comparison of integers of different lengths.
trait EqPadded {
    /// Returns whether two little-endian integers are equal, even if zeros follow the shorter one in the
    /// longer.
    fn eq_padded(self, other: &[u8]) -> bool;
}

impl<'a, I: Iterator<Item = &'a u8>> EqPadded for I {
    fn eq_padded(mut self, other: &[u8]) -> bool {
        other.iter().all(|byte| self.next().unwrap_or(&0) == byte) && self.all(|&byte| byte == 0)
    }
}

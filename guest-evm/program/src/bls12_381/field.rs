//! The base field and its quadratic extension: constants, bytes, square roots, signs.

use crate::field::{is_odd, reversed, to_be};
use openvm_algebra_guest::{DivUnsafe, IntMod, Sqrt};
use revm_precompile::PrecompileHalt;

pub(crate) use openvm_pairing::bls12_381::{Fp, Fp2};

/// A constant, from its big-endian bytes.
pub(crate) const fn fp(bytes: [u8; 48]) -> Fp {
    Fp::from_const_bytes(reversed(bytes))
}

/// The constant c0 + c1·u, from big-endian bytes.
pub(crate) const fn fp2(c0: [u8; 48], c1: [u8; 48]) -> Fp2 {
    Fp2::new(fp(c0), fp(c1))
}

/// Decodes big-endian bytes below the modulus.
pub(crate) fn decode_fp(bytes: &[u8; 48]) -> Result<Fp, PrecompileHalt> {
    Fp::from_be_bytes(bytes).ok_or(PrecompileHalt::NonCanonicalFp)
}

/// Returns whether y is greater than its negative, as the compressed encoding of points records it.
pub(crate) fn is_larger_half(y: &Fp) -> bool {
    /// (p − 1) / 2
    const HALF: [u8; 48] = hex_literal::hex!(
        "0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555"
    );
    to_be(y) > HALF
}

/// Function sgn0 of RFC 9380, section 4.1, for the base field.
pub(super) fn sign(x: &Fp) -> bool {
    is_odd(x)
}

/// Function sgn0 of RFC 9380, section 4.1, for the extension: the parity of the first part that isn't zero.
pub(super) fn sign_fp2(x: &Fp2) -> bool {
    if x.c0 == Fp::ZERO {
        is_odd(&x.c1)
    } else {
        is_odd(&x.c0)
    }
}

/// Returns a square root, if there is one.
///
/// In the base field it is proven whether a root exists, because the VM's hint is checked. The extension's
/// root follows by the complex method. An element a + b·u is a square exactly if its norm a² + b² is a square
/// in the base field. Then one of (a ± √norm) / 2 is a square.
pub(super) fn sqrt_fp2(x: &Fp2) -> Option<Fp2> {
    if x.c1 == Fp::ZERO {
        // p = 3 mod 4: −1 is no square, so either a or −a is one.
        return Some(match x.c0.sqrt() {
            Some(root) => Fp2::new(root, Fp::ZERO),
            None => Fp2::new(Fp::ZERO, (-&x.c0).sqrt()?),
        });
    }
    let norm = (&x.c0 * &x.c0 + &x.c1 * &x.c1).sqrt()?;
    let two = Fp::from_u8(2);
    // Not zero, because then b would be zero.
    let real = match (&x.c0 + &norm).div_unsafe(&two).sqrt() {
        Some(root) => root,
        None => (&x.c0 - &norm).div_unsafe(&two).sqrt()?,
    };
    let imaginary = (&x.c1).div_unsafe(&(&real * &two));
    Some(Fp2::new(real, imaginary))
}

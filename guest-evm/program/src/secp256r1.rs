//! ECDSA on secp256r1 (P-256) for the `P256VERIFY` precompile (EIP-7951).

use crate::{
    curve::{known_point, multi_multiply, on_curve},
    field::{reversed, to_be},
};
use hex_literal::hex;
use openvm_algebra_guest::{DivUnsafe, IntMod};
use openvm_ecc_guest::{
    weierstrass::{IntrinsicCurve, WeierstrassPoint},
    Group,
};

pub(crate) use types::{Field, P256Point, Scalar};

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all)]
mod types {
    use super::{hex, reversed};
    use core::ops::Neg;
    use openvm_algebra_guest::moduli_macros::moduli_declare;
    use openvm_ecc_guest::{sw_macros::sw_declare, Group};

    moduli_declare! {
        Field { modulus = "0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff" },
        Scalar { modulus = "0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551" },
    }

    const A: Field = Field::from_const_bytes(reversed(hex!(
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc"
    )));
    const B: Field = Field::from_const_bytes(reversed(hex!(
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
    )));

    sw_declare! {
        P256Point { mod_type = Field, a = A, b = B },
    }
}

/// The curve, for the generic algorithms.
struct P256;

impl IntrinsicCurve for P256 {
    type Scalar = Scalar;
    type Point = P256Point;

    fn msm(scalars: &[Scalar], points: &[P256Point]) -> P256Point {
        multi_multiply::<Self>(scalars, points)
    }
}

/// The base point (SEC 2, section 2.4.2).
fn generator() -> P256Point {
    const X: Field = Field::from_const_bytes(reversed(hex!(
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    )));
    const Y: Field = Field::from_const_bytes(reversed(hex!(
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )));
    known_point(X, Y)
}

/// Returns whether `signature` (r, s) on `hash` verifies under `key` (x, y). The integers r and s have to be
/// in 1..n, x and y below p and on the curve. The x of (z·G + r·Q) / s has to equal r modulo n.
pub fn verify(hash: &[u8; 32], signature: &[u8; 64], key: &[u8; 64]) -> bool {
    verified(hash, signature, key).unwrap_or(false)
}

fn verified(hash: &[u8; 32], signature: &[u8; 64], key: &[u8; 64]) -> Option<bool> {
    let (r, s) = (scalar(&signature[..32])?, scalar(&signature[32..])?);
    // (0, 0), which stands for the point at infinity, does not satisfy the equation.
    let key: P256Point = on_curve(Field::from_be_bytes(&key[..32])?, Field::from_be_bytes(&key[32..])?)?;
    let z = Scalar::from_be_bytes_unchecked(hash);
    let point = multi_multiply::<P256>(&[z.div_unsafe(&s), (&r).div_unsafe(&s)], &[generator(), key]);
    if point.is_identity() {
        return None;
    }
    Some(Scalar::from_be_bytes_unchecked(&to_be(point.x())) - r == Scalar::ZERO)
}

/// Decodes a signature's r or s: an integer in 1..n.
fn scalar(bytes: &[u8]) -> Option<Scalar> {
    Scalar::from_be_bytes(bytes).filter(|value| value.as_le_bytes().iter().any(|&byte| byte != 0))
}

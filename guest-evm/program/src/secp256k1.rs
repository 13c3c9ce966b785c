//! ECDSA on secp256k1: transaction signatures by hinted public key, and recovery for `ecrecover` and
//! EIP-7702.

use crate::{
    curve::{known_point, on_curve, Fixed},
    field::{is_odd, reversed, to_be},
};
use alloc::boxed::Box;
use alloy_primitives::{keccak256, Address, Signature, B256, B512, U256};
use hex_literal::hex;
use openvm_algebra_guest::{DivUnsafe, IntMod, Sqrt};
use openvm_ecc_guest::{once_cell::race::OnceBox, weierstrass::WeierstrassPoint, Group};

pub(crate) use types::{Field, Scalar, Secp256k1Point};

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all)]
mod types {
    use core::ops::Neg;
    use openvm_algebra_guest::moduli_macros::moduli_declare;
    use openvm_ecc_guest::{sw_macros::sw_declare, Group};

    moduli_declare! {
        Field { modulus = "0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f" },
        Scalar { modulus = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141" },
    }

    pub(super) const B: Field = Field::from_const_u8(7);

    sw_declare! {
        Secp256k1Point { mod_type = Field, b = B },
    }
}

/// The base point (SEC 2, section 2.4.1).
fn generator() -> Secp256k1Point {
    const X: Field = Field::from_const_bytes(reversed(hex!(
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    )));
    const Y: Field = Field::from_const_bytes(reversed(hex!(
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    )));
    known_point(X, Y)
}

/// Multiples of the base point, computed when they are first needed.
static GENERATOR: OnceBox<Fixed<Secp256k1Point>> = OnceBox::new();

/// Computes `scalars[0] · G + scalars[1] · point`. The point must not be the identity.
fn multiply(scalars: [&Scalar; 2], point: &Secp256k1Point) -> Secp256k1Point {
    let bytes =
        scalars.map(|scalar| <&[u8; 32]>::try_from(scalar.as_le_bytes()).expect("a scalar has 32 bytes"));
    GENERATOR.get_or_init(|| Box::new(Fixed::new(&generator()))).multiply_with(point, bytes)
}

/// Returns whether `ecrecover(hash, signature)` gives this key. `r` and `s` have to be in 1..n. The
/// signature's point R must have `r` itself as its x, and a y with the stated parity. High `s` is accepted,
/// as in the precompile.
///
/// The check of R's y matters: two keys satisfy the same (r, s), one for either parity. If the x of R had
/// been reduced modulo n on signing, the signature would need a recovery id that no transaction can state.
pub fn verify_signature(public_key: &B512, signature: &Signature, hash: &B256) -> bool {
    let (Some(r), Some(s)) = (number(&signature.r()), number(&signature.s())) else { return false };
    let Some(key) = decode_key(&public_key.0) else { return false };
    match signature_point(key, &r, &s, &hash.0) {
        Some((x, y)) => {
            x.assert_reduced();
            x.as_le_bytes() == r.as_le_bytes() && is_odd(&y) == signature.v()
        }
        None => false,
    }
}

/// Returns whether the signature is the key's, for either parity of its point (SEC 1, section 4.1.4).
pub(crate) fn verify_any_parity(key: &[u8; 64], r: &[u8], s: &[u8], hash: &[u8; 32]) -> bool {
    let (Some(r), Some(s), Some(key)) = (scalar(r), scalar(s), decode_key(key)) else {
        return false;
    };
    // Both modulo n: x may be at least n.
    signature_point(key, &r, &s, hash)
        .is_some_and(|(x, _)| Scalar::from_be_bytes_unchecked(&to_be(&x)) - r == Scalar::ZERO)
}

/// Recovers the address of the key that made the signature; `odd` is the parity of R's y (SEC 1, section
/// 4.1.6). High `s` is accepted.
pub(crate) fn recover(r: &[u8], s: &[u8], odd: bool, hash: &[u8; 32]) -> Option<Address> {
    let (r_scalar, s) = (scalar(r)?, scalar(s)?);
    let point = lift(Field::from_be_bytes(r)?, odd)?;
    // Q = (s·R − z·G) / r. Neither the divisor nor the points' order (n, a prime) leaves a special case.
    let z = Scalar::from_be_bytes_unchecked(hash);
    let minus_z = Scalar::ZERO - &z;
    let key = multiply([&minus_z.div_unsafe(&r_scalar), &s.div_unsafe(&r_scalar)], &point);
    if key.is_identity() {
        return None;
    }
    let (x, y) = key.into_coords();
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&to_be(&x));
    bytes[32..].copy_from_slice(&to_be(&y));
    Some(Address::from_slice(&keccak256(bytes)[12..]))
}

/// Same as [`scalar`], from a number.
fn number(value: &U256) -> Option<Scalar> {
    Scalar::from_le_bytes(value.as_le_slice()).filter(|_| !value.is_zero())
}

/// Decodes a signature's r or s: an integer in 1..n.
fn scalar(bytes: &[u8]) -> Option<Scalar> {
    Scalar::from_be_bytes(bytes).filter(|value| value.as_le_bytes().iter().any(|&byte| byte != 0))
}

/// Decodes the key's point: both coordinates reduced, and on the curve.
fn decode_key(bytes: &[u8; 64]) -> Option<Secp256k1Point> {
    on_curve(Field::from_be_bytes(&bytes[..32])?, Field::from_be_bytes(&bytes[32..])?)
}

/// Returns the point with this x and this parity of y.
fn lift(x: Field, odd: bool) -> Option<Secp256k1Point> {
    let y = (&x * &x * &x + types::B).sqrt()?;
    let y = if is_odd(&y) == odd { y } else { -y };
    // Zero would be its own negative, but no point has y = 0, because the order is odd. The parity is that of
    // the reduced y.
    (is_odd(&y) == odd).then(|| known_point(x, y))
}

/// Computes R = (z·G + r·Q) / s, unless it is the identity.
fn signature_point(key: Secp256k1Point, r: &Scalar, s: &Scalar, hash: &[u8; 32]) -> Option<(Field, Field)> {
    let z = Scalar::from_be_bytes_unchecked(hash);
    let point = multiply([&z.div_unsafe(s), &r.div_unsafe(s)], &key);
    (!point.is_identity()).then(|| point.into_coords())
}

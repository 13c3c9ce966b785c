//! Maps of field elements to G1 and G2: the simplified SWU map to an isogenous curve, the isogeny, and the
//! clearing of the cofactor (RFC 9380, sections 6.6.2, 6.6.3 and 8.8). Nothing here is hashed: EIP-2537 maps
//! one element.

use super::{
    encode_g1, encode_g2,
    field::{decode_fp, fp, fp2, sign, sign_fp2, sqrt_fp2},
    isogeny::*,
    psi, U,
};
use crate::curve::{known_point, multiply_any_order};
use core::ops::{Add, Mul, Neg};
use hex_literal::hex;
use openvm_algebra_guest::{DivUnsafe, Field, Sqrt};
use openvm_ecc_guest::{weierstrass::WeierstrassPoint, Group};
use openvm_pairing::bls12_381::{Fp, Fp2, G1Affine, G2Affine};
use revm_precompile::PrecompileHalt;

/// Maps an element of the base field to G1.
pub fn map_to_g1(element: &[u8; 48]) -> Result<[u8; 96], PrecompileHalt> {
    const A: Fp = fp(hex!(
        "00144698a3b8e9433d693a02c96d4982b0ea985383ee66a8d8e8981aefd881ac98936f8da0e0f97f5cf428082d584c1d"
    ));
    const B: Fp = fp(hex!(
        "12e2908d11688030018b12e8753eee3b2016c1f0f24f4070a0b9c14fcef35ef55a23215a316ceaa5d1cc48e98e172be0"
    ));
    const Z: Fp = fp(hex!(
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000b"
    ));
    let element = decode_fp(element)?;
    let (x, y) = simplified_swu(&element, &A, &B, &Z, Sqrt::sqrt, sign);
    let point: G1Affine = isogeny(&x, &y, &G1_X_NUM, &G1_X_DEN, &G1_Y_NUM, &G1_Y_DEN);
    // The effective cofactor is 1 − u.
    Ok(encode_g1(&multiply_any_order(&point, U + 1)))
}

/// Maps an element of the quadratic extension, given by its two parts, to G2.
pub fn map_to_g2(c0: &[u8; 48], c1: &[u8; 48]) -> Result<[u8; 192], PrecompileHalt> {
    const A: Fp2 = fp2([0; 48], small(240));
    const B: Fp2 = fp2(small(1012), small(1012));
    /// −(2 + u)
    const Z: Fp2 = fp2(
        hex!("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaa9"),
        hex!("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa"),
    );
    let element = Fp2::new(decode_fp(c0)?, decode_fp(c1)?);
    let (x, y) = simplified_swu(&element, &A, &B, &Z, sqrt_fp2, sign_fp2);
    let point: G2Affine = isogeny(&x, &y, &G2_X_NUM, &G2_X_DEN, &G2_Y_NUM, &G2_Y_DEN);
    Ok(encode_g2(&clear_cofactor_g2(&point)))
}

/// Computes [u² − u − 1]P + [u − 1]ψ(P) + ψ²(2P), which is the multiplication by RFC 9380's effective
/// cofactor (Budroni, Pintore, eprint 2017/419, section 4.1).
fn clear_cofactor_g2(point: &G2Affine) -> G2Affine {
    let u_point = -multiply_any_order(point, U);
    let psi_point = psi(point);
    // [u]([u]P + ψ(P)) − [u]P − P − ψ(P) + ψ²(2P)
    let u_sum = -multiply_any_order(&(&u_point + &psi_point), U);
    let psi_psi = psi(&psi(&point.double()));
    u_sum - u_point - psi_point - point + psi_psi
}

/// The simplified Shallue-van de Woestijne-Ulas map to y² = x³ + a·x + b (RFC 9380, section 6.6.2, the plain form).
fn simplified_swu<F: Field>(
    element: &F,
    a: &F,
    b: &F,
    z: &F,
    sqrt: fn(&F) -> Option<F>,
    sign: fn(&F) -> bool,
) -> (F, F)
where
    for<'a> &'a F: Mul<&'a F, Output = F> + Add<&'a F, Output = F>,
    for<'a> &'a F: Neg<Output = F>,
{
    let zu2 = &(element * element) * z;
    let tv = &(&zu2 * &zu2) + &zu2;
    // x₁ = (−b / a) · (1 + 1/tv), or b / (z·a) if tv has no inverse. Neither a nor z is zero.
    let x1 = if tv == F::ZERO {
        b.clone().div_unsafe(&(z * a))
    } else {
        (-b).div_unsafe(a) * (F::ONE + F::ONE.div_unsafe(&tv))
    };
    let curve = |x: &F| &(&(&(x * x) + a) * x) + b;
    let (x, y) = match sqrt(&curve(&x1)) {
        Some(y) => (x1, y),
        None => {
            let x2 = &zu2 * &x1;
            // By the choice of z, one of the two values is a square.
            let y = sqrt(&curve(&x2)).expect("one of the two candidates of the SWU map is on the curve");
            (x2, y)
        }
    };
    if sign(element) == sign(&y) {
        (x, y)
    } else {
        let y = -y;
        (x, y)
    }
}

/// Image of (x, y) under (x_num / x_den, y · y_num / y_den); a pole maps to the identity.
fn isogeny<P: WeierstrassPoint>(
    x: &P::Coordinate,
    y: &P::Coordinate,
    x_num: &[P::Coordinate],
    x_den: &[P::Coordinate],
    y_num: &[P::Coordinate],
    y_den: &[P::Coordinate],
) -> P {
    let (x_den, y_den) = (evaluate(x_den, x), evaluate(y_den, x));
    let zero = P::Coordinate::ZERO;
    if x_den == zero || y_den == zero {
        return P::IDENTITY;
    }
    let image_x = evaluate(x_num, x).div_unsafe(&x_den);
    let image_y = (evaluate(y_num, x) * y).div_unsafe(&y_den);
    // On the curve because (x, y) is on the isogenous one.
    known_point(image_x, image_y)
}

/// Value of the polynomial; its coefficients start with the constant term.
fn evaluate<F: Field>(coefficients: &[F], x: &F) -> F {
    let mut value = F::ZERO;
    for coefficient in coefficients.iter().rev() {
        value *= x;
        value += coefficient;
    }
    value
}

const fn small(value: u16) -> [u8; 48] {
    let mut bytes = [0; 48];
    [bytes[46], bytes[47]] = value.to_be_bytes();
    bytes
}

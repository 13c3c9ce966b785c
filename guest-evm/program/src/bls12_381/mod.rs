//! The seven BLS12-381 precompiles (EIP-2537).

mod field;
mod isogeny;
mod map;

use crate::{
    curve::{known_point, multi_multiply, multiply_any_order, on_curve, unzip},
    field::to_be,
};
use field::{decode_fp, fp, fp2};
use hex_literal::hex;
use openvm_algebra_guest::{field::FieldExtension, IntMod, Sqrt};
use openvm_ecc_guest::{
    weierstrass::{IntrinsicCurve, WeierstrassPoint},
    AffinePoint, CyclicGroup, Group,
};
use openvm_pairing::{
    bls12_381::{Bls12_381, Fp, Fp2, G1Affine, G2Affine, Scalar},
    PairingCheck,
};
use revm_precompile::{
    bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
    PrecompileHalt,
};

pub use map::{map_to_g1, map_to_g2};

/// |u|, the absolute value of the curve's parameter; u is negative.
const U: u128 = 0xd201000000010000;

/// The twist, for the generic algorithms.
struct Twist;

impl IntrinsicCurve for Twist {
    type Scalar = Scalar;
    type Point = G2Affine;

    fn msm(scalars: &[Scalar], points: &[G2Affine]) -> G2Affine {
        multi_multiply::<Self>(scalars, points)
    }
}

/// Adds two points of G1's curve, whether they are in the subgroup or not.
pub fn add_g1(a: &G1Point, b: &G1Point) -> Result<[u8; 96], PrecompileHalt> {
    Ok(encode_g1(&(decode_g1_curve(a)? + decode_g1_curve(b)?)))
}

/// Adds two points of the twist, whether they are in the subgroup or not.
pub fn add_g2(a: &G2Point, b: &G2Point) -> Result<[u8; 192], PrecompileHalt> {
    Ok(encode_g2(&(decode_g2_curve(a)? + decode_g2_curve(b)?)))
}

/// Multi-scalar multiplication in G1. Every point must be in the subgroup; a scalar may be any integer of 256
/// bits.
pub fn multiply_g1(
    pairs: &mut dyn Iterator<Item = Result<G1PointScalar, PrecompileHalt>>,
) -> Result<[u8; 96], PrecompileHalt> {
    let (points, scalars) = unzip(pairs.map(|pair| {
        let (point, scalar) = pair?;
        Ok((decode_g1(&point)?, Scalar::from_be_bytes_unchecked(&scalar)))
    }))?;
    Ok(encode_g1(&multi_multiply::<Bls12_381>(&scalars, &points)))
}

/// Multi-scalar multiplication in G2. Every point must be in the subgroup; a scalar may be any integer of 256
/// bits.
pub fn multiply_g2(
    pairs: &mut dyn Iterator<Item = Result<G2PointScalar, PrecompileHalt>>,
) -> Result<[u8; 192], PrecompileHalt> {
    let (points, scalars) = unzip(pairs.map(|pair| {
        let (point, scalar) = pair?;
        Ok((decode_g2(&point)?, Scalar::from_be_bytes_unchecked(&scalar)))
    }))?;
    Ok(encode_g2(&multi_multiply::<Twist>(&scalars, &points)))
}

/// Returns whether the product of the pairings is one. Every point must be in its subgroup; a pair with an
/// identity contributes one.
pub fn pairing_check(pairs: &[(G1Point, G2Point)]) -> Result<bool, PrecompileHalt> {
    let (p, q) = unzip(pairs.iter().map(|(g1, g2)| Ok((decode_g1(g1)?, decode_g2(g2)?))))?;
    Ok(is_product_one(&p, &q))
}

/// Returns whether ∏ e(pᵢ, qᵢ) is one, for points of the subgroups.
pub(crate) fn is_product_one(p: &[G1Affine], q: &[G2Affine]) -> bool {
    let (p, q): (alloc::vec::Vec<_>, alloc::vec::Vec<_>) = p
        .iter()
        .zip(q)
        .filter(|(p, q)| !p.is_identity() && !q.is_identity())
        .map(|(p, q)| (AffinePoint::new(p.x().clone(), p.y().clone()), q.clone().into()))
        .unzip();
    // The VM's hint is only a hint, as for BN254: f · s = c^(p − u), where r divides p − u, with c and s as
    // there.
    p.is_empty() || Bls12_381::pairing_check(&p, &q).is_ok()
}

/// Decodes a point of G1 from the compressed encoding of the KZG precompile (the "ZCash" format): three flags
/// in the top bits (compressed, identity, larger half), then x.
pub(crate) fn decompress_g1(bytes: &[u8; 48]) -> Option<G1Affine> {
    let (flags, mut x) = (bytes[0] >> 5, *bytes);
    x[0] &= 0b0001_1111;
    match flags {
        0b110 => (x == [0; 48]).then_some(<G1Affine as Group>::IDENTITY),
        0b100 | 0b101 => {
            let x = Fp::from_be_bytes(&x)?;
            let mut y = (&x * &x * &x + G1Affine::CURVE_B).sqrt()?;
            let larger = flags & 1 == 1;
            if field::is_larger_half(&y) != larger {
                y = -y;
            }
            // Exactly one of y and −y is in the larger half (y is never zero). Checked again, because the
            // prover may choose the negation's result up to a multiple of p.
            let point = (field::is_larger_half(&y) == larger).then(|| known_point(x, y))?;
            is_in_g1(&point).then_some(point)
        }
        _ => None,
    }
}

/// Computes `Σ scalarsᵢ · pointsᵢ` for points of the subgroup.
pub(crate) fn combine(scalars: &[Scalar], points: &[G1Affine]) -> G1Affine {
    multi_multiply::<Bls12_381>(scalars, points)
}

/// Decodes a point of the curve; (0, 0) is the identity.
fn decode_g1_curve((x, y): &G1Point) -> Result<G1Affine, PrecompileHalt> {
    let (x, y) = (decode_fp(x)?, decode_fp(y)?);
    if x == Fp::ZERO && y == Fp::ZERO {
        return Ok(<G1Affine as Group>::IDENTITY);
    }
    on_curve(x, y).ok_or(PrecompileHalt::Bls12381G1NotOnCurve)
}

fn decode_g1(point: &G1Point) -> Result<G1Affine, PrecompileHalt> {
    let point = decode_g1_curve(point)?;
    if is_in_g1(&point) {
        Ok(point)
    } else {
        Err(PrecompileHalt::Bls12381G1NotInSubgroup)
    }
}

/// Decodes a point of the twist; (0, 0) is the identity.
fn decode_g2_curve((x0, x1, y0, y1): &G2Point) -> Result<G2Affine, PrecompileHalt> {
    let x = Fp2::new(decode_fp(x0)?, decode_fp(x1)?);
    let y = Fp2::new(decode_fp(y0)?, decode_fp(y1)?);
    let zero = Fp2::new(Fp::ZERO, Fp::ZERO);
    if x == zero && y == zero {
        return Ok(<G2Affine as Group>::IDENTITY);
    }
    on_curve(x, y).ok_or(PrecompileHalt::Bls12381G2NotOnCurve)
}

fn decode_g2(point: &G2Point) -> Result<G2Affine, PrecompileHalt> {
    let point = decode_g2_curve(point)?;
    if is_in_g2(&point) {
        Ok(point)
    } else {
        Err(PrecompileHalt::Bls12381G2NotInSubgroup)
    }
}

fn encode_g1(point: &G1Affine) -> [u8; 96] {
    let mut out = [0; 96];
    out[..48].copy_from_slice(&to_be(point.x()));
    out[48..].copy_from_slice(&to_be(point.y()));
    out
}

fn encode_g2(point: &G2Affine) -> [u8; 192] {
    let (x, y) = (point.x(), point.y());
    let mut out = [0; 192];
    for (bytes, part) in out.chunks_exact_mut(48).zip([&x.c0, &x.c1, &y.c0, &y.c1]) {
        bytes.copy_from_slice(&to_be(part));
    }
    out
}

/// Returns whether a point of the curve is in G1, by φ(P) = −[u²]P. Here φ is (x, y) ↦ (β·x, y), and β is a
/// cube root of one (Scott, eprint 2021/1130, section 6).
///
/// P is any point of the curve. For all of them φ² + φ + 1 = 0, so a point that passes has [u⁴ − u² + 1]P =
/// [r]P = 0. No point of order r has [u]P = P; that check only ends it sooner.
fn is_in_g1(point: &G1Affine) -> bool {
    const BETA: Fp = fp(hex!(
        "00000000000000005f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffe"
    ));
    if point.is_identity() {
        return true;
    }
    let once = multiply_any_order(point, U);
    if &once == point {
        return false;
    }
    let image: G1Affine = known_point(point.x() * &BETA, point.y().clone());
    multiply_any_order(&once, U) == -image
}

/// Returns whether a point of the twist is in G2, by ψ(Q) = [u]Q (Scott, eprint 2021/1130, section 4).
///
/// Q is any point of the twist. For all of them ψ² − [t]ψ + [p] = 0, and u = t − 1, so a point that passes
/// has [p + 1 − t]Q = 0. The cofactors of the two curves have no common factor.
fn is_in_g2(point: &G2Affine) -> bool {
    psi(point) == -multiply_any_order(point, U)
}

/// The twisted Frobenius (x, y) ↦ (x̄ / ξ^((p−1)/3), ȳ / ξ^((p−1)/2)) with ξ = 1 + u.
fn psi(point: &G2Affine) -> G2Affine {
    const X: Fp2 = fp2(
        [0; 48],
        hex!("1a0111ea397fe699ec02408663d4de85aa0d857d89759ad4897d29650fb85f9b409427eb4f49fffd8bfd00000000aaad"),
    );
    const Y: Fp2 = fp2(
        hex!("135203e60180a68ee2e9c448d77a2cd91c3dedd930b1cf60ef396489f61eb45e304466cf3e67fa0af1ee7b04121bdea2"),
        hex!("06af0e0437ff400b6831e36d6bd17ffe48395dabc2d3435e77f76e17009241c5ee67992f72ec05f4c81084fbede3cc09"),
    );
    G2Affine::new(point.x().frobenius_map(1) * &X, point.y().frobenius_map(1) * &Y)
}

/// The base point of G1.
pub(crate) fn generator_g1() -> G1Affine {
    G1Affine::GENERATOR
}

/// Makes a point of G2 from constants; x and y are each (c0, c1).
pub(crate) const fn constant_g2(x: [[u8; 48]; 2], y: [[u8; 48]; 2]) -> G2Affine {
    G2Affine::new(fp2(x[0], x[1]), fp2(y[0], y[1]))
}

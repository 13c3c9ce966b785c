//! The BN254 precompiles: addition and multiplication (EIP-196), pairing check (EIP-197).
//!
//! As the EIPs demand, these fail the call: a coordinate that isn't below the prime, a point off its curve, a
//! point outside of G2. The caller gets revm's error, and the block continues.

use crate::{
    curve::{multi_multiply, multiply_any_order, on_curve, unzip},
    field::{reversed, to_be},
};
use hex_literal::hex;
use openvm_algebra_guest::{field::FieldExtension, IntMod};
use openvm_ecc_guest::{weierstrass::WeierstrassPoint, AffinePoint, Group};
use openvm_pairing::{
    bn254::{Bn254, Fp, Fp2, G1Affine, G2Affine, Scalar},
    PairingCheck,
};
use revm_precompile::PrecompileHalt;

/// Adds two encoded points.
pub fn add(a: &[u8], b: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
    Ok(encode_g1(decode_g1(a)? + decode_g1(b)?))
}

/// Multiplies the encoded point by the scalar, which may be any integer of 256 bits: every point's order is
/// the prime r.
pub fn multiply(point: &[u8], scalar: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
    let point = decode_g1(point)?;
    let scalar = Scalar::from_be_bytes_unchecked(scalar);
    Ok(encode_g1(multi_multiply::<Bn254>(&[scalar], &[point])))
}

/// Returns whether the product of the pairings is one. A pair with an identity contributes one; the empty
/// product is one too.
pub fn pairing_check(pairs: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
    let decoded = pairs.iter().map(|(g1, g2)| Ok((decode_g1(g1)?, decode_g2(g2)?)));
    // Pairs with an identity are left out here, because the pairing's formulas divide by y. An error stays in
    // the list, so that `unzip` returns it, whatever comes before it.
    let decoded = decoded.filter(|pair| !matches!(pair, Ok((p, q)) if p.is_identity() || q.is_identity()));
    let (p, q) = unzip(decoded.map(|pair| pair.map(|(p, q)| (affine(p), AffinePoint::from(q)))))?;
    // The VM's hint is only a hint. A positive result is proven by a nonzero c and a u of the subfield with f
    // · u = c^λ. There, r divides λ, and the final exponentiation maps u to one. Otherwise everything is
    // computed.
    Ok(p.is_empty() || Bn254::pairing_check(&p, &q).is_ok())
}

fn affine(point: G1Affine) -> AffinePoint<Fp> {
    let (x, y) = point.into_coords();
    AffinePoint::new(x, y)
}

fn decode_fp(bytes: &[u8]) -> Result<Fp, PrecompileHalt> {
    Fp::from_be_bytes(bytes).ok_or(PrecompileHalt::Bn254FieldPointNotAMember)
}

/// Decodes an element of the extension; the imaginary part comes first.
fn decode_fp2(bytes: &[u8]) -> Result<Fp2, PrecompileHalt> {
    let (c1, c0) = (decode_fp(&bytes[..32])?, decode_fp(&bytes[32..])?);
    Ok(Fp2::new(c0, c1))
}

/// Decodes a point of G1, which is the whole curve; (0, 0) is the identity.
fn decode_g1(bytes: &[u8]) -> Result<G1Affine, PrecompileHalt> {
    let (x, y) = (decode_fp(&bytes[..32])?, decode_fp(&bytes[32..])?);
    if x == Fp::ZERO && y == Fp::ZERO {
        return Ok(<G1Affine as Group>::IDENTITY);
    }
    on_curve(x, y).ok_or(PrecompileHalt::Bn254AffineGFailedToCreate)
}

/// Decodes a point of G2, the subgroup of order r of the twist; (0, 0) is the identity.
fn decode_g2(bytes: &[u8]) -> Result<G2Affine, PrecompileHalt> {
    let (x, y) = (decode_fp2(&bytes[..64])?, decode_fp2(&bytes[64..])?);
    let zero = Fp2::new(Fp::ZERO, Fp::ZERO);
    if x == zero && y == zero {
        return Ok(<G2Affine as Group>::IDENTITY);
    }
    on_curve(x, y).filter(is_in_g2).ok_or(PrecompileHalt::Bn254AffineGFailedToCreate)
}

fn encode_g1(point: G1Affine) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(&to_be(point.x()));
    out[32..].copy_from_slice(&to_be(point.y()));
    out
}

/// Returns whether a point of the twist is in G2, by ψ(Q) = [6u²]Q; ψ is the twisted Frobenius (El Housni,
/// Guillevic, Piellard, eprint 2022/352, section 4.3).
///
/// Q is any point of the twist. For all of them ψ² − [t]ψ + [p] = 0, and 6u² = t − 1. So a point that passes
/// has [p + 1 − t]Q = [r]Q = 0.
fn is_in_g2(point: &G2Affine) -> bool {
    const SIX_U_SQUARED: u128 = 0x6f4d8248eeb859fbf83e9682e87cfd46;
    psi(point) == multiply_any_order(point, SIX_U_SQUARED)
}

/// (x, y) ↦ (x̄ · ξ^((p−1)/3), ȳ · ξ^((p−1)/2)) with ξ = 9 + i.
fn psi(point: &G2Affine) -> G2Affine {
    const X: Fp2 = fp2(
        hex!("2fb347984f7911f74c0bec3cf559b143b78cc310c2c3330c99e39557176f553d"),
        hex!("16c9e55061ebae204ba4cc8bd75a079432ae2a1d0b7c9dce1665d51c640fcba2"),
    );
    const Y: Fp2 = fp2(
        hex!("063cf305489af5dcdc5ec698b6e2f9b9dbaae0eda9c95998dc54014671a0135a"),
        hex!("07c03cbcac41049a0704b5a7ec796f2b21807dc98fa25bd282d37f632623b0e3"),
    );
    G2Affine::new(point.x().frobenius_map(1) * &X, point.y().frobenius_map(1) * &Y)
}

const fn fp2(c0: [u8; 32], c1: [u8; 32]) -> Fp2 {
    Fp2::new(Fp::from_const_bytes(reversed(c0)), Fp::from_const_bytes(reversed(c1)))
}

//! Field elements and points of BN254 in the EVM's encoding: big-endian words of 32 bytes (EIP-196, EIP-197).

use alloy_primitives::{U256, uint};
use halo2curves::{
    CurveAffine,
    bn256::{Fq, Fq2, Fr, G1Affine, G2Affine},
    ff::PrimeField,
    group::{cofactor::CofactorGroup, prime::PrimeCurveAffine},
};

/// Order of BN254's groups, which is the modulus of its scalar field (EIP-196).
pub(crate) const SCALAR_MODULUS: U256 =
    uint!(0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001_U256);
/// Modulus of BN254's base field, to which coordinates belong (EIP-196).
pub(super) const BASE_MODULUS: U256 =
    uint!(0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47_U256);

/// Length of a point of G1, in bytes.
pub(super) const G1_BYTES: usize = 64;
/// Length of a point of G2, in bytes.
pub(super) const G2_BYTES: usize = 128;

/// Returns the coordinate that `word` encodes, or `None` if it is not reduced.
fn coordinate(word: U256) -> Option<Fq> {
    Fq::from_repr(word.to_le_bytes()).into()
}

/// Returns the scalar that `word` encodes, or `None` if it is not reduced.
pub(super) fn scalar(word: U256) -> Option<Fr> {
    Fr::from_repr(word.to_le_bytes()).into()
}

/// Encodes a field element as a word.
pub(super) fn word<F: PrimeField<Repr = [u8; 32]>>(element: F) -> [u8; 32] {
    let mut bytes = element.to_repr();
    bytes.reverse();
    bytes
}

/// Returns the point of G1 with these coordinates, or `None` if there is none. Every point of the curve is in the
/// group.
///
/// The identity, which the EVM encodes as (0, 0), is refused, because no transcript takes it.
pub(super) fn g1(x: U256, y: U256) -> Option<G1Affine> {
    let point: Option<G1Affine> = G1Affine::from_xy(coordinate(x)?, coordinate(y)?).into();
    point.filter(|point| !bool::from(point.is_identity()))
}

/// Decodes a point of G1: x, y.
pub(super) fn read_g1(bytes: &[u8; G1_BYTES]) -> Option<G1Affine> {
    g1(U256::from_be_slice(&bytes[..32]), U256::from_be_slice(&bytes[32..]))
}

/// Encodes a point of G1: x, y.
pub(super) fn write_g1(point: &G1Affine) -> [u8; G1_BYTES] {
    let mut bytes = [0; G1_BYTES];
    bytes[..32].copy_from_slice(&word(point.x));
    bytes[32..].copy_from_slice(&word(point.y));
    bytes
}

/// Decodes a point of G2 other than the identity: x.c1, x.c0, y.c1, y.c0. The curve has points outside the group, which
/// are refused.
pub(super) fn read_g2(bytes: &[u8; G2_BYTES]) -> Option<G2Affine> {
    let [x1, x0, y1, y0] = [0, 32, 64, 96].map(|at| coordinate(U256::from_be_slice(&bytes[at..at + 32])));
    let (x, y) = (Fq2 { c0: x0?, c1: x1? }, Fq2 { c0: y0?, c1: y1? });
    let point: Option<G2Affine> = G2Affine::from_xy(x, y).into();
    point.filter(|point| !bool::from(point.is_identity()) && bool::from(point.to_curve().is_torsion_free()))
}

/// Encodes a point of G2: x.c1, x.c0, y.c1, y.c0.
pub(super) fn write_g2(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut bytes = [0; G2_BYTES];
    for (chunk, element) in bytes.chunks_exact_mut(32).zip([point.x.c1, point.x.c0, point.y.c1, point.y.c0]) {
        chunk.copy_from_slice(&word(element));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moduli_are_those_of_the_curve() {
        let parse = |text: &str| text.parse::<U256>().unwrap();
        assert_eq!([parse(Fr::MODULUS), parse(Fq::MODULUS)], [SCALAR_MODULUS, BASE_MODULUS]);
    }
}

//! Raw bytes of points, and roots of unity.

use halo2curves::{
    bn256::{Fq, Fq2, Fr, G1Affine, G2Affine},
    ff::PrimeField,
    group::{cofactor::CofactorGroup, prime::PrimeCurveAffine},
    serde::SerdeObject,
};
use rayon::prelude::*;

use crate::{
    error::{Defect, Part},
    layout::{G1_BYTES, G2_BYTES},
};

/// Number of points that are in memory at a time: 64 MiB, enough for Pippenger's buckets to pay off. Smaller in tests,
/// so that small files have several chunks.
pub(crate) const CHUNK_POINTS: usize = if cfg!(test) { 1 << 13 } else { 1 << 20 };

/// The primitive `2^k`-th root of unity of halo2's domain: a power of `7^((r - 1) / 2^28)`.
pub(crate) fn root_of_unity(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root * root)
}

/// Decodes untrusted points of G1, 64 bytes each, and checks them. `part` names the point with an index in `bytes`.
///
/// The curve's order is prime, so every point on it is in the right group.
///
/// # Errors
///
/// The [`Defect`] of the first bad point.
pub(crate) fn decode_g1(bytes: &[u8], part: impl Fn(u64) -> Part) -> Result<Vec<G1Affine>, Defect> {
    let good = |bytes| G1Affine::from_raw_bytes(bytes).filter(|point| !bool::from(point.is_identity()));
    let mut points = vec![G1Affine::default(); bytes.len() / G1_BYTES];
    let bad = bytes.par_chunks_exact(G1_BYTES).zip(&mut points).enumerate().find_map_first(
        |(index, (bytes, decoded))| match good(bytes) {
            Some(point) => {
                *decoded = point;
                None
            }
            None => Some((index, bytes)),
        },
    );
    match bad {
        Some((index, bytes)) => Err(defect_of::<Fq>(bytes, part(index as u64))),
        None => Ok(points),
    }
}

/// Decodes an untrusted point of G2, and checks that it is in the subgroup of prime order.
pub(crate) fn decode_g2(bytes: &[u8; G2_BYTES], part: Part) -> Result<G2Affine, Defect> {
    let point = G2Affine::from_raw_bytes(bytes)
        .filter(|point| !bool::from(point.is_identity()))
        .ok_or_else(|| defect_of::<Fq2>(bytes, part))?;
    if bool::from(point.to_curve().is_torsion_free()) { Ok(point) } else { Err(Defect::Subgroup(part)) }
}

/// The defect of bytes that are no point with coordinates in `F`.
fn defect_of<F: SerdeObject>(bytes: &[u8], part: Part) -> Defect {
    let (x, y) = bytes.split_at(bytes.len() / 2);
    if bytes.iter().all(|byte| *byte == 0) {
        Defect::Identity(part)
    } else if F::from_raw_bytes(x).is_none() {
        Defect::Coordinate { part, coordinate: 'x' }
    } else if F::from_raw_bytes(y).is_none() {
        Defect::Coordinate { part, coordinate: 'y' }
    } else {
        Defect::OffCurve(part)
    }
}

/// Encodes points of G1, 64 bytes each.
pub(crate) fn encode_g1(points: &[G1Affine]) -> Vec<u8> {
    let mut bytes = vec![0; points.len() * G1_BYTES];
    bytes.par_chunks_exact_mut(G1_BYTES).zip_eq(points).for_each(|(mut bytes, point)| {
        point.write_raw(&mut bytes).expect("64 bytes hold a point");
    });
    bytes
}

/// Encodes a point of G2.
pub(crate) fn encode_g2(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut bytes = [0; G2_BYTES];
    point.write_raw(&mut bytes.as_mut_slice()).expect("128 bytes hold a point");
    bytes
}

#[cfg(test)]
mod tests {
    use halo2curves::{ff::Field, group::Curve};

    use super::*;

    /// Modulus of the base field, little-endian.
    fn modulus() -> Vec<u8> {
        let mut bytes = hex::decode(Fq::MODULUS.trim_start_matches("0x")).unwrap();
        bytes.reverse();
        bytes
    }

    fn some_points() -> Vec<G1Affine> {
        (1..20).map(|scalar| (G1Affine::generator() * Fr::from(scalar * 0x1234_5678)).to_affine()).collect()
    }

    #[test]
    fn the_first_bad_point_is_named() {
        let points = some_points();
        let bytes = encode_g1(&points);
        assert_eq!(decode_g1(&bytes, Part::G).unwrap(), points);

        let refused = |alter: &dyn Fn(&mut [u8])| {
            let mut bytes = bytes.clone();
            alter(&mut bytes[7 * G1_BYTES..8 * G1_BYTES]);
            // The error names the first bad point, not this later one.
            bytes[9 * G1_BYTES..10 * G1_BYTES].fill(0);
            decode_g1(&bytes, |index| Part::GLagrange(100 + index)).unwrap_err()
        };
        let part = Part::GLagrange(107);
        assert_eq!(refused(&|point| point.fill(0)), Defect::Identity(part));
        assert_eq!(refused(&|point| point[0] ^= 1), Defect::OffCurve(part));
        assert_eq!(
            refused(&|point| point[..32].copy_from_slice(&modulus())),
            Defect::Coordinate { part, coordinate: 'x' }
        );
        assert_eq!(refused(&|point| point[32..].fill(0xff)), Defect::Coordinate { part, coordinate: 'y' });
    }

    #[test]
    fn g2_points_outside_the_subgroup_are_refused() {
        let point = (G2Affine::generator() * Fr::from(77)).to_affine();
        assert_eq!(decode_g2(&encode_g2(&point), Part::SG2).unwrap(), point);
        assert_eq!(decode_g2(&[0; G2_BYTES], Part::SG2), Err(Defect::Identity(Part::SG2)));

        // G2's cofactor is about 2^254, so a point that is found by its x is hardly in the subgroup.
        let outside = (1..)
            .find_map(|x| {
                let x = Fq2::from(x);
                let y = Option::<Fq2>::from(
                    (x.square() * x + (point.y.square() - point.x.square() * point.x)).sqrt(),
                )?;
                Some(G2Affine { x, y })
            })
            .unwrap();
        assert_eq!(decode_g2(&encode_g2(&outside), Part::G2), Err(Defect::Subgroup(Part::G2)));
    }

    #[test]
    fn roots_have_the_right_order() {
        for k in [1, 2, 13, 28] {
            let half = root_of_unity(k).pow_vartime([1 << (k - 1)]);
            assert_eq!(half, -Fr::ONE);
        }
    }
}

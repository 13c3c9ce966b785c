//! Many multiples of one point.
//!
//! The point's multiples by every digit of every window are in a table, so that a multiple is a sum of one entry
//! for each window. The sums of a batch go on side by side, in affine coordinates: an addition takes the inverse of
//! a difference, and a batch's inverses cost one inversion and three multiplications each (Montgomery's trick). That
//! makes six multiplications an addition, where mixed Jacobian coordinates take eleven and a normalisation at the
//! end.

use halo2curves::{
    bn256::{Fq, Fr, G1, G1Affine},
    ff::{Field, PrimeField},
    group::{Curve, Group, prime::PrimeCurveAffine},
};
use rayon::prelude::*;

/// Bits of a digit. The table of 22 windows has 5.5 MiB, so that it stays in a second-level cache for the most part.
const WINDOW_BITS: usize = 12;
/// Sums that share an inversion.
const BATCH: usize = 1024;

/// The multiples of a point by `digit * 2^(WINDOW_BITS * window)`.
pub(crate) struct Table {
    windows: Vec<Vec<G1Affine>>,
}

impl Table {
    pub(crate) fn new(base: G1Affine) -> Self {
        let mut base = base.to_curve();
        let windows = (0..(Fr::NUM_BITS as usize).div_ceil(WINDOW_BITS))
            .map(|_| {
                let mut multiples = Vec::with_capacity((1 << WINDOW_BITS) + 1);
                multiples.push(G1::identity());
                for digit in 0..1 << WINDOW_BITS {
                    multiples.push(multiples[digit] + base);
                }
                base = multiples.pop().expect("the base of the next window was pushed");
                let mut window = vec![G1Affine::identity(); multiples.len()];
                G1::batch_normalize(&multiples, &mut window);
                window
            })
            .collect();
        Self { windows }
    }

    /// The multiples by `scalars`.
    pub(crate) fn multiples(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        let mut points = vec![G1Affine::identity(); scalars.len()];
        points.par_chunks_mut(BATCH).zip(scalars.par_chunks(BATCH)).for_each_init(
            || Batch { differences: vec![Fq::ONE; BATCH], products: vec![Fq::ONE; BATCH] },
            |batch, (sums, scalars)| {
                let reprs: Vec<_> = scalars.iter().map(PrimeField::to_repr).collect();
                for (window, table) in self.windows.iter().enumerate() {
                    batch.add(sums, |index| &table[digit(reprs[index].as_ref(), window)]);
                }
            },
        );
        points
    }
}

/// The digit of a little-endian number.
fn digit(bytes: &[u8], window: usize) -> usize {
    let bit = window * WINDOW_BITS;
    let mut word = [0; 4];
    let rest = &bytes[bit / 8..];
    let length = rest.len().min(word.len());
    word[..length].copy_from_slice(&rest[..length]);
    (u32::from_le_bytes(word) >> (bit % 8)) as usize & ((1 << WINDOW_BITS) - 1)
}

/// Room for the differences of a batch and for their products.
struct Batch {
    differences: Vec<Fq>,
    products: Vec<Fq>,
}

impl Batch {
    /// Adds `addend(i)` to each `sums[i]`, of which there are at most [`BATCH`].
    fn add<'a>(&mut self, sums: &mut [G1Affine], addend: impl Fn(usize) -> &'a G1Affine) {
        let mut product = Fq::ONE;
        for (index, sum) in sums.iter().enumerate() {
            let addend = addend(index);
            let mut difference = addend.x - sum.x;
            if is_special(sum, addend) {
                difference = Fq::ONE;
            }
            self.differences[index] = difference;
            self.products[index] = product;
            product *= difference;
        }
        let mut inverse = product.invert().expect("no factor is zero");
        for (index, sum) in sums.iter_mut().enumerate().rev() {
            let addend = addend(index);
            if is_special(sum, addend) {
                *sum = if is_identity(sum) {
                    *addend
                } else if is_identity(addend) {
                    *sum
                } else {
                    // A doubling, or a point and its negative: too rare to be fast.
                    (sum.to_curve() + addend).to_affine()
                };
                continue;
            }
            let slope = (addend.y - sum.y) * (inverse * self.products[index]);
            inverse *= self.differences[index];
            let x = slope.square() - sum.x - addend.x;
            *sum = G1Affine { x, y: slope * (sum.x - x) - sum.y };
        }
    }
}

/// Whether the two can't be added by the slope of the line through them.
fn is_special(a: &G1Affine, b: &G1Affine) -> bool {
    a.x == b.x || is_identity(a) || is_identity(b)
}

/// The identity is encoded as (0, 0). No other point of the curve has the x coordinate 0, as 3 is no square.
fn is_identity(point: &G1Affine) -> bool {
    bool::from(point.x.is_zero())
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::development::hash_to_scalar;

    #[test]
    fn multiples_are_those_of_double_and_add() {
        let base = (G1Affine::generator() * Fr::from(0xabcd)).to_affine();
        let table = Table::new(base);
        let mut rng = rand::rng();
        let mut scalars: Vec<Fr> = (0..2500).map(|_| hash_to_scalar(&rng.random::<[u8; 32]>())).collect();
        // Zero, one, powers of the window, all digits zero but the last, the largest scalar.
        scalars.extend([Fr::ZERO, Fr::ONE, Fr::from(1 << WINDOW_BITS), Fr::from((1 << WINDOW_BITS) - 1)]);
        scalars.extend([-Fr::ONE, -Fr::from(2), Fr::from(2).pow_vartime([253]), Fr::from_u128(u128::MAX)]);
        let expected: Vec<G1Affine> = scalars.iter().map(|scalar| (base * scalar).to_affine()).collect();
        assert_eq!(table.multiples(&scalars), expected);
    }

    #[test]
    fn sums_of_equal_and_opposite_points() {
        let point = (G1Affine::generator() * Fr::from(5)).to_affine();
        let other = (G1Affine::generator() * Fr::from(6)).to_affine();
        let identity = G1Affine::identity();
        let left = [point, point, identity, point, identity, other];
        let right = [point, -point, point, identity, identity, point];
        let mut sums = left;
        let mut batch = Batch { differences: vec![Fq::ONE; BATCH], products: vec![Fq::ONE; BATCH] };
        batch.add(&mut sums, |index| &right[index]);
        for ((sum, left), right) in sums.iter().zip(left).zip(right) {
            assert_eq!(*sum, (left.to_curve() + right).to_affine());
        }
    }

    /// `3` is not a square in the base field, so no point but the identity has x = 0.
    #[test]
    fn no_point_has_x_zero() {
        assert!(bool::from(Fq::from(3).sqrt().is_none()));
    }
}

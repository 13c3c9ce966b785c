//! Fixed-base scalar multiplication: multiples of one point by many scalars.
//!
//! A table holds the point's multiples by every digit of every window, so that a multiple is a sum of one entry for
//! each window. Digits are signed, which halves the table. The sums of a batch are computed side by side, in affine
//! coordinates ([`BatchAdder`]).

use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::PrimeField,
    group::{Curve, Group, prime::PrimeCurveAffine},
};
use rayon::prelude::*;
use zeno_bn254::{BatchAdder, Pairs, Point};

/// Size of a digit, in bits. The table of 16 windows has 32 MiB.
const WINDOW_BITS: usize = 16;
/// Number of windows. The last one absorbs the carry of the one before, since its own digits are below a quarter of the
/// others.
const WINDOWS: usize = (Fr::NUM_BITS as usize).div_ceil(WINDOW_BITS);
/// Number of sums that share an inversion: so few that they, and their intermediate results, fit the second-level
/// cache.
const BATCH: usize = 1024;

/// Multiples of a point by `digit · 2^(WINDOW_BITS · window)`, `[WINDOWS × 2^(WINDOW_BITS − 1) + 1]`, with digits from
/// 0 to `2^(WINDOW_BITS − 1)`.
pub(crate) struct FixedBaseTable {
    windows: Vec<Vec<Point>>,
}

impl FixedBaseTable {
    /// Computes the table of a point.
    pub(crate) fn new(base: G1Affine) -> Self {
        let mut bases = vec![base.to_curve()];
        while bases.len() < WINDOWS {
            let last = *bases.last().expect("it has the first");
            bases.push((0..WINDOW_BITS).fold(last, |base, _| base.double()));
        }
        let window = |base: &G1| {
            let multiples: Vec<G1> =
                std::iter::successors(Some(G1::identity()), |multiple| Some(multiple + base))
                    .take((1 << (WINDOW_BITS - 1)) + 1)
                    .collect();
            let mut window = vec![G1Affine::identity(); multiples.len()];
            G1::batch_normalize(&multiples, &mut window);
            window.into_iter().map(Point::from).collect()
        };
        Self { windows: bases.par_iter().map(window).collect() }
    }

    /// Computes the point's multiples by `scalars`, in their order.
    pub(crate) fn multiples(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        let mut points = vec![G1Affine::identity(); scalars.len()];
        points.par_chunks_mut(BATCH).zip(scalars.par_chunks(BATCH)).for_each_init(
            BatchAdder::default,
            |adder, (points, scalars)| {
                let digits: Vec<_> = scalars.iter().map(digits).collect();
                let mut sums = vec![Point::INFINITY; scalars.len()];
                let mut entries = sums.clone();
                for (window, table) in self.windows.iter().enumerate() {
                    // Copies come first, because they miss the cache: without work between them, many of the misses
                    // overlap.
                    for (entry, digits) in entries.iter_mut().zip(&digits) {
                        *entry = table[digits[window].unsigned_abs() as usize];
                    }
                    for (entry, digits) in entries.iter_mut().zip(&digits) {
                        *entry = entry.negated_if(digits[window] < 0);
                    }
                    if window == 0 {
                        sums.copy_from_slice(&entries);
                        continue;
                    }
                    adder.add(scalars.len(), &mut Window { sums: &mut sums, entries: &entries });
                }
                points.iter_mut().zip(sums).for_each(|(point, sum)| *point = sum.into());
            },
        );
        points
    }
}

/// One window's entries, which are added to the sums.
struct Window<'a> {
    sums: &'a mut [Point],
    entries: &'a [Point],
}

impl Pairs for Window<'_> {
    #[inline(always)]
    fn pair(&self, index: usize) -> (&Point, &Point) {
        (&self.sums[index], &self.entries[index])
    }

    #[inline(always)]
    fn sum(&mut self, index: usize) -> &mut Point {
        &mut self.sums[index]
    }
}

/// The digits of a scalar, lowest first, each from `-2^(WINDOW_BITS - 1)` to `2^(WINDOW_BITS - 1)`.
fn digits(scalar: &Fr) -> [i32; WINDOWS] {
    let bytes = scalar.to_repr();
    let mut carry = 0;
    std::array::from_fn(|window| {
        let word = u16::from_le_bytes([bytes[2 * window], bytes[2 * window + 1]]);
        let digit = i32::from(word) + carry;
        carry = i32::from(digit > 1 << (WINDOW_BITS - 1));
        digit - (carry << WINDOW_BITS)
    })
}

#[cfg(test)]
mod tests {
    use halo2curves::ff::{Field, FromUniformBytes};
    use rand::Rng;

    use super::*;

    #[test]
    fn multiples_are_those_of_double_and_add() {
        let base = (G1Affine::generator() * Fr::from(0xabcd)).to_affine();
        let table = FixedBaseTable::new(base);
        let mut rng = rand::rng();
        let mut scalars: Vec<Fr> = (0..2500)
            .map(|_| {
                let mut bytes = [0; 64];
                rng.fill(&mut bytes);
                Fr::from_uniform_bytes(&bytes)
            })
            .collect();
        // Zero, one, powers of the window, all digits zero but the last, the largest scalar.
        scalars.extend([Fr::ZERO, Fr::ONE, Fr::from(1 << WINDOW_BITS), Fr::from((1 << WINDOW_BITS) - 1)]);
        scalars.extend([-Fr::ONE, -Fr::from(2), Fr::from(2).pow_vartime([253]), Fr::from_u128(u128::MAX)]);
        let expected: Vec<G1Affine> = scalars.iter().map(|scalar| (base * scalar).to_affine()).collect();
        assert_eq!(table.multiples(&scalars), expected);
    }

    #[test]
    fn digits_sum_up_to_the_scalar() {
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::TWO_INV, -Fr::TWO_INV];
        scalars.extend((0..254).map(|bit| Fr::from(2).pow_vartime([bit])));
        scalars.extend((0..254).map(|bit| Fr::from(2).pow_vartime([bit]) - Fr::ONE));
        for scalar in scalars {
            let value = digits(&scalar).into_iter().rev().fold(Fr::ZERO, |value, digit| {
                let magnitude = Fr::from(u64::from(digit.unsigned_abs()));
                assert!(digit.unsigned_abs() <= 1 << (WINDOW_BITS - 1));
                let value = value * Fr::from(1 << WINDOW_BITS);
                if digit < 0 { value - magnitude } else { value + magnitude }
            });
            assert_eq!(value, scalar);
        }
    }
}

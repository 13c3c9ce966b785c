//! Sums of many pairs of points in affine coordinates.
//!
//! The slope of the line through `(x_1, y_1)` and `(x_2, y_2)` is `s = (y_2 - y_1) / (x_2 - x_1)`. The sum of the
//! points is `x = s^2 - x_1 - x_2`, `y = s (x_1 - x) - y_1`.
//!
//! Montgomery's trick inverts a batch of differences `x_2 - x_1` with one inversion and three multiplications each.
//! That makes six multiplications a sum. Mixed Jacobian coordinates take eleven, and leave a normalisation.

use halo2curves::{
    bn256::{Fq, G1Affine},
    ff::{BatchInvert, Field},
    group::{Curve, prime::PrimeCurveAffine},
};

use crate::lazy_field::Lazy;
#[cfg(target_arch = "x86_64")]
use crate::simd::{InstructionSet, PointMemory};

/// A point of BN254's curve `y^2 = x^3 + 3`, in affine coordinates: 64 bytes, a cache line and an AVX-512 vector.
///
/// Infinity has x = 0 and y = 0. No other point has x = 0, because 3 is no square.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Point {
    pub(crate) x: Lazy<Fq>,
    pub(crate) y: Lazy<Fq>,
}

impl From<G1Affine> for Point {
    #[inline(always)]
    fn from(point: G1Affine) -> Self {
        Self { x: point.x.into(), y: point.y.into() }
    }
}

impl From<Point> for G1Affine {
    fn from(point: Point) -> Self {
        Self { x: point.x.reduced(), y: point.y.reduced() }
    }
}

impl Point {
    /// The point at infinity.
    pub const INFINITY: Self = Self { x: Lazy::ZERO, y: Lazy::ZERO };

    /// The point, or its negative.
    #[inline(always)]
    pub fn negated_if(self, negate: bool) -> Self {
        // A table, because signs are random and a branch would be mispredicted.
        Self { x: self.x, y: [self.y, -self.y][usize::from(negate)] }
    }

    /// Returns whether this is the point at infinity.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero()
    }
}

/// Pairs that [`BatchAdder::add_unvectorised`] adds side by side, so that the processor has independent products to
/// compute. One product is half as long as its reorder window.
const SIDE_BY_SIDE: usize = 4;
/// Least number of pairs that are added in SIMD lanes.
#[cfg(target_arch = "x86_64")]
const MIN_PAIRS_IN_LANES: usize = 8;

/// One base-field element for each of the pairs side by side.
type Elements = [Lazy<Fq>; SIDE_BY_SIDE];

/// Pairs of points to add, and destinations of the sums.
///
/// The sums may overwrite the pairs. Sums are stored from the last to the first, each after the pairs from its own
/// index on have been read for the last time.
pub trait Pairs {
    /// The pair with this index.
    fn pair(&self, index: usize) -> (&Point, &Point);
    /// Destination of the sum of the pair with this index.
    fn sum(&mut self, index: usize) -> &mut Point;
}

/// Adder of pairs of points, which reuses its memory from batch to batch.
#[derive(Debug, Default)]
pub struct BatchAdder {
    /// Differences of the x coordinates in each group of `SIDE_BY_SIDE` pairs, and products of the differences in
    /// the groups before.
    differences: Vec<(Elements, Elements)>,
    /// Indices of the pairs that can't be added by the slope of the line through them, ascending.
    special: Vec<usize>,
    /// The same as `differences`, for the SIMD kernels.
    #[cfg(target_arch = "x86_64")]
    lanes: PointMemory,
}

impl BatchAdder {
    /// Adds the first `count` pairs, from the last to the first.
    #[inline(always)]
    pub fn add(&mut self, count: usize, pairs: &mut impl Pairs) {
        #[cfg(target_arch = "x86_64")]
        if count >= MIN_PAIRS_IN_LANES && InstructionSet::best().add_points(&mut self.lanes, count, pairs) {
            return;
        }
        self.add_unvectorised(count, pairs);
    }

    /// [`BatchAdder::add`] without vector instructions; handles special pairs.
    #[inline(always)]
    fn add_unvectorised(&mut self, count: usize, pairs: &mut impl Pairs) {
        self.differences.clear();
        self.special.clear();
        let one = Lazy::from(Fq::ONE);
        let mut products = [one; SIDE_BY_SIDE];
        for first in (0..count).step_by(SIDE_BY_SIDE) {
            let mut differences = [one; SIDE_BY_SIDE];
            for (index, difference) in (first..count).zip(&mut differences) {
                let (p, q) = pairs.pair(index);
                *difference = q.x - p.x;
                if difference.is_zero() | p.is_infinity() | q.is_infinity() {
                    self.special.push(index);
                    *difference = one;
                }
            }
            self.differences.push((differences, products));
            products = each(|side| products[side] * differences[side]);
        }
        let mut inverses = invert(products);
        for (group, (differences, products)) in self.differences.iter().enumerate().rev() {
            let first = group * SIDE_BY_SIDE;
            let group: [(Point, Point); SIDE_BY_SIDE] = each(|side| {
                let (p, q) = pairs.pair((first + side).min(count - 1));
                (*p, *q)
            });
            let inverse: Elements = each(|side| inverses[side] * products[side]);
            inverses = each(|side| inverses[side] * differences[side]);
            let slope: Elements = each(|side| (group[side].1.y - group[side].0.y) * inverse[side]);
            let square: Elements = each(|side| slope[side].square());
            let x: Elements = each(|side| square[side] - group[side].0.x - group[side].1.x);
            let y: Elements = each(|side| slope[side] * (group[side].0.x - x[side]));
            for side in (0..SIDE_BY_SIDE.min(count - first)).rev() {
                let (p, q) = group[side];
                let mut sum = Point { x: x[side], y: y[side] - p.y };
                if self.special.last() == Some(&(first + side)) {
                    self.special.pop();
                    sum = add_special(p, q);
                }
                *pairs.sum(first + side) = sum;
            }
        }
    }
}

/// Calls `f` for each of the pairs side by side.
#[inline(always)]
fn each<T>(f: impl FnMut(usize) -> T) -> [T; SIDE_BY_SIDE] {
    std::array::from_fn(f)
}

/// Inverts elements that aren't zero.
fn invert(values: Elements) -> Elements {
    let mut inverses = values.map(Lazy::reduced);
    inverses.iter_mut().batch_invert();
    inverses.map(Lazy::from)
}

/// The sum of infinity and a point, or of a point and itself or its negative: too rare to be fast.
#[cold]
fn add_special(p: Point, q: Point) -> Point {
    let [p, q] = [p, q].map(G1Affine::from);
    Point::from((p.to_curve() + q).to_affine())
}

#[cfg(test)]
mod tests {
    use halo2curves::{bn256::G1, group::Group};
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    /// Pairs, and memory for their sums.
    struct Listed {
        pairs: Vec<(Point, Point)>,
        sums: Vec<Point>,
    }

    impl Listed {
        fn new(pairs: &[(G1Affine, G1Affine)]) -> Self {
            let pairs: Vec<_> = pairs.iter().map(|(p, q)| (Point::from(*p), Point::from(*q))).collect();
            Self { sums: vec![Point::INFINITY; pairs.len()], pairs }
        }

        fn sums(self) -> Vec<G1Affine> {
            self.sums.into_iter().map(G1Affine::from).collect()
        }
    }

    impl Pairs for Listed {
        fn pair(&self, index: usize) -> (&Point, &Point) {
            (&self.pairs[index].0, &self.pairs[index].1)
        }

        fn sum(&mut self, index: usize) -> &mut Point {
            &mut self.sums[index]
        }
    }

    /// Sums by each SIMD kernel that this processor supports, `None` where a pair is special; then those by both
    /// methods of [`BatchAdder`].
    fn by_each_kernel(pairs: &[(G1Affine, G1Affine)]) -> Vec<Option<Vec<G1Affine>>> {
        let mut results = Vec::new();
        #[cfg(target_arch = "x86_64")]
        for set in InstructionSet::available() {
            if set != InstructionSet::PORTABLE {
                let mut listed = Listed::new(pairs);
                let done = set.add_points(&mut PointMemory::default(), pairs.len(), &mut listed);
                results.push(done.then(|| listed.sums()));
            }
        }
        for add in [BatchAdder::add, BatchAdder::add_unvectorised] {
            let mut listed = Listed::new(pairs);
            add(&mut BatchAdder::default(), pairs.len(), &mut listed);
            results.push(Some(listed.sums()));
        }
        results
    }

    #[test]
    fn sums_agree_with_halo2curves() {
        let mut rng = ChaCha20Rng::seed_from_u64(10);
        for (count, special) in
            [0, 1, 2, 3, 50, 301].into_iter().flat_map(|count| [(count, false), (count, true)])
        {
            let some: Vec<G1Affine> = (0..8).map(|_| G1::random(&mut rng).to_affine()).collect();
            // Equal and opposite points and infinity among them.
            let mut point = || {
                let random = rng.next_u32() as usize;
                match if special { random % 5 } else { 5 } {
                    0 => some[random / 5 % 8],
                    1 => -some[random / 5 % 8],
                    2 if random.is_multiple_of(7) => G1Affine::identity(),
                    _ => G1::random(&mut rng).to_affine(),
                }
            };
            let pairs: Vec<(G1Affine, G1Affine)> = (0..count).map(|_| (point(), point())).collect();
            let expected: Vec<G1Affine> = pairs.iter().map(|(p, q)| (p.to_curve() + q).to_affine()).collect();
            for sums in by_each_kernel(&pairs) {
                // Random pairs are never special.
                assert!(special || sums.is_some());
                assert!(sums.is_none_or(|sums| sums == expected));
            }
        }
    }

    /// One pair with infinity, or of points with the same x coordinate, at each index among other pairs.
    #[test]
    fn single_special_pairs() {
        let mut rng = ChaCha20Rng::seed_from_u64(12);
        let plain: Vec<(G1Affine, G1Affine)> =
            (0..18).map(|_| (G1::random(&mut rng).to_affine(), G1::random(&mut rng).to_affine())).collect();
        let (p, infinity) = (plain[0].0, G1Affine::identity());
        for special in [(infinity, p), (p, infinity), (infinity, infinity), (p, p), (p, -p)] {
            for index in 0..plain.len() {
                let mut pairs = plain.clone();
                pairs[index] = special;
                let expected: Vec<G1Affine> =
                    pairs.iter().map(|(p, q)| (p.to_curve() + q).to_affine()).collect();
                let results = by_each_kernel(&pairs);
                let (lanes, adders) = results.split_at(results.len() - 2);
                assert!(lanes.iter().all(Option::is_none), "the slope can't be used");
                assert!(adders.iter().all(|sums| sums.as_ref() == Some(&expected)));
            }
        }
    }

    #[test]
    fn negatives() {
        let point = G1Affine::generator();
        for (negate, expected) in [(false, point), (true, -point)] {
            assert_eq!(G1Affine::from(Point::from(point).negated_if(negate)), expected);
        }
        assert_eq!(G1Affine::from(Point::INFINITY.negated_if(true)), G1Affine::identity());
    }

    /// 3 is not a square in the base field, so no point but infinity has x = 0.
    #[test]
    fn no_point_has_x_zero() {
        assert!(bool::from(Fq::from(3).sqrt().is_none()));
    }
}

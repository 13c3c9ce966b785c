//! Sums of points in affine coordinates.
//!
//! A sum of two points takes the inverse of the difference of their x coordinates, and a batch's inverses cost one
//! inversion and three multiplications each (Montgomery's trick). That makes six multiplications a sum, where mixed
//! Jacobian coordinates take eleven and leave a normalisation.

use halo2curves::{
    bn256::{Fq, G1Affine},
    ff::{BatchInvert, Field},
    group::{Curve, prime::PrimeCurveAffine},
};

use crate::Lazy;

/// A point of the curve. Infinity has zeros, which are no point's coordinates: 3 is no square.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    x: Lazy<Fq>,
    y: Lazy<Fq>,
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
        // Signs are random: a table is read, where a branch would be mispredicted.
        Self { x: self.x, y: [self.y, -self.y][usize::from(negate)] }
    }

    #[inline(always)]
    fn is_infinity(&self) -> bool {
        self.x.is_zero()
    }
}

/// Pairs that are added side by side, so that the processor has independent products to compute: one is half as long as
/// what it looks ahead.
const SIDE: usize = 4;

/// Adds pairs of points. It keeps the memory that this takes.
#[derive(Debug, Default)]
pub struct Adder {
    /// Of `SIDE` pairs each, the differences of their x coordinates, and the products of those before: a chain of
    /// products for each side.
    differences: Vec<([Lazy<Fq>; SIDE], [Lazy<Fq>; SIDE])>,
    /// Pairs that can't be added by the slope of the line through them, in order.
    special: Vec<usize>,
}

impl Adder {
    /// Adds the first `count` pairs that `pair` gives, and gives the sums to `put`, from the last to the first. `state`
    /// is what the pairs are taken from and the sums are put into.
    #[inline(always)]
    pub fn add<S: ?Sized>(
        &mut self,
        count: usize,
        state: &mut S,
        pair: impl Fn(&S, usize) -> (Point, Point),
        mut put: impl FnMut(&mut S, usize, Point),
    ) {
        self.differences.clear();
        self.special.clear();
        let one = Lazy::from(Fq::ONE);
        let mut products = [one; SIDE];
        for first in (0..count).step_by(SIDE) {
            let mut differences = [one; SIDE];
            for (index, difference) in (first..count).zip(&mut differences) {
                let (p, q) = pair(state, index);
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
            let first = group * SIDE;
            let pairs: [(Point, Point); SIDE] = each(|side| pair(state, (first + side).min(count - 1)));
            let inverse: [Lazy<Fq>; SIDE] = each(|side| inverses[side] * products[side]);
            inverses = each(|side| inverses[side] * differences[side]);
            let slope: [Lazy<Fq>; SIDE] = each(|side| (pairs[side].1.y - pairs[side].0.y) * inverse[side]);
            let square: [Lazy<Fq>; SIDE] = each(|side| slope[side].square());
            let x: [Lazy<Fq>; SIDE] = each(|side| square[side] - pairs[side].0.x - pairs[side].1.x);
            let y: [Lazy<Fq>; SIDE] = each(|side| slope[side] * (pairs[side].0.x - x[side]));
            for side in (0..SIDE.min(count - first)).rev() {
                let (p, q) = pairs[side];
                let mut sum = Point { x: x[side], y: y[side] - p.y };
                if self.special.last() == Some(&(first + side)) {
                    self.special.pop();
                    sum = add_special(p, q);
                }
                put(state, first + side, sum);
            }
        }
    }
}

/// An array of what `f` gives for each side.
#[inline(always)]
fn each<T>(f: impl FnMut(usize) -> T) -> [T; SIDE] {
    std::array::from_fn(f)
}

/// The inverses of numbers that aren't zero.
fn invert(values: [Lazy<Fq>; SIDE]) -> [Lazy<Fq>; SIDE] {
    let mut inverses = values.map(Lazy::reduced);
    inverses.iter_mut().batch_invert();
    inverses.map(Lazy::from)
}

/// Infinity and another point, a point and itself or its negative: too rare to be fast.
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

    #[test]
    fn sums_are_the_librarys() {
        let mut rng = ChaCha20Rng::seed_from_u64(10);
        let mut adder = Adder::default();
        for count in [0, 1, 2, 3, 50, 301] {
            let some: Vec<G1Affine> = (0..8).map(|_| G1::random(&mut rng).to_affine()).collect();
            // Equal and opposite points and infinity among them.
            let mut point = || {
                let random = rng.next_u32() as usize;
                match random % 5 {
                    0 => some[random / 5 % 8],
                    1 => -some[random / 5 % 8],
                    2 if random % 7 == 0 => G1Affine::identity(),
                    _ => G1::random(&mut rng).to_affine(),
                }
            };
            let pairs: Vec<(G1Affine, G1Affine)> = (0..count).map(|_| (point(), point())).collect();
            let mut sums = vec![G1Affine::identity(); count];
            let pair = |index: usize| (Point::from(pairs[index].0), Point::from(pairs[index].1));
            adder.add(count, &mut *sums, |_, index| pair(index), |sums, index, sum| sums[index] = sum.into());
            for ((p, q), sum) in pairs.iter().zip(sums) {
                assert_eq!((p.to_curve() + q).to_affine(), sum);
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

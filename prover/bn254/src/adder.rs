//! Sums of points in affine coordinates.
//!
//! A sum of two points takes the inverse of the difference of their x coordinates, and a batch's inverses cost one
//! inversion and three multiplications each (Montgomery's trick). That makes six multiplications a sum, where mixed
//! Jacobian coordinates take eleven and leave a normalisation.

use halo2curves::{
    bn256::{Fq, G1Affine},
    ff::{BatchInvert, Field, PrimeField},
    group::{Curve, prime::PrimeCurveAffine},
};

use crate::Lazy;
#[cfg(target_arch = "x86_64")]
use crate::{Avx2, align_stack};

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

    /// Whether this is the point at infinity.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero()
    }
}

/// Pairs that are added side by side, so that the processor has independent products to compute: one is half as long as
/// what it looks ahead.
const SIDE: usize = 4;
/// Pairs that are worth the lanes.
#[cfg(target_arch = "x86_64")]
const MIN_LANES: usize = 8;

/// A number for each side.
type Sides = [Lazy<Fq>; SIDE];

/// Adds pairs of points. It keeps the memory that this takes.
#[derive(Debug, Default)]
pub struct Adder {
    /// Of `SIDE` pairs each, the differences of their x coordinates, and the products of those before: a chain of
    /// products for each side.
    differences: Vec<(Sides, Sides)>,
    /// Pairs that can't be added by the slope of the line through them, in order.
    special: Vec<usize>,
    /// As `differences`, in lanes.
    #[cfg(target_arch = "x86_64")]
    lanes: Vec<(Avx2<Fq>, Avx2<Fq>)>,
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
        #[cfg(target_arch = "x86_64")]
        if count >= MIN_LANES && Avx2::<Fq>::is_available() {
            // SAFETY: the processor has AVX2 and FMA.
            #[allow(unsafe_code)]
            if unsafe { self.add_lanes(count, state, &pair, &mut put) } {
                return;
            }
        }
        self.add_words(count, state, pair, put);
    }

    /// As [`Adder::add`], in lanes, unless there is a pair that can't be added by the slope: then it does nothing.
    ///
    /// The lanes' products are divided by `2^255` and the words are `x 2^256`, so that these are twice the coordinates
    /// there: `X = 2 x`, `Y = 2 y`. The slope `s` is the same, and `X = 2 s^2 - X_1 - X_2`, `Y = s (X_1 - X) - Y_1`.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn add_lanes<S: ?Sized>(
        &mut self,
        count: usize,
        state: &mut S,
        pair: &impl Fn(&S, usize) -> (Point, Point),
        put: &mut impl FnMut(&mut S, usize, Point),
    ) -> bool {
        align_stack();
        self.lanes.clear();
        // The least top limbs of x: infinity's is zero, and hardly any other point's.
        let mut least = Avx2::from_lazy([Lazy::from(-Fq::ONE); SIDE]);
        // 1, whose words are 2^255.
        let one = Avx2::from_lazy([Lazy::from(Fq::TWO_INV); SIDE]).settled();
        let mut products = one;
        for first in (0..count).step_by(SIDE) {
            // The last lanes repeat the last pair.
            let [a, b, c, d] = pairs_from(state, first, count, pair);
            let p = Avx2::from_lazy([a.0.x, b.0.x, c.0.x, d.0.x]);
            let q = Avx2::from_lazy([a.1.x, b.1.x, c.1.x, d.1.x]);
            least = least.least(p).least(q);
            let differences = q.minus(p).settled();
            self.lanes.push((differences, products));
            products = products.times(differences);
        }
        // Words of v 2^255 are the library's v / 2, whose inverse is 2 / v; those of (1 / v) 2^255 are its 1 / (2 v).
        let mut values = products.settled().into_lazy().map(Lazy::reduced);
        if least.any_small() || values.contains(&Fq::ZERO) {
            return false;
        }
        values.iter_mut().batch_invert();
        let quarter = Fq::TWO_INV.square();
        let mut inverses = Avx2::from_lazy(values.map(|value| Lazy::from(value * quarter))).settled();
        for (group, (differences, products)) in self.lanes.iter().enumerate().rev() {
            let first = group * SIDE;
            let [a, b, c, d] = pairs_from(state, first, count, pair);
            let p_x = Avx2::from_lazy([a.0.x, b.0.x, c.0.x, d.0.x]);
            let p_y = Avx2::from_lazy([a.0.y, b.0.y, c.0.y, d.0.y]);
            let q_y = Avx2::from_lazy([a.1.y, b.1.y, c.1.y, d.1.y]);
            let inverse = inverses.times(*products);
            inverses = inverses.times(*differences);
            // Settled, because the limbs of what it is multiplied with are those of a loaded element and a settled one.
            let slope = q_y.minus(p_y).times(inverse).settled();
            let square = slope.squared();
            let x = square.plus(square).minus(p_x.plus(p_x).plus(*differences).settled()).settled();
            let y = slope.times(p_x.minus(x)).minus(p_y).settled();
            let (x, y) = (x.into_lazy(), y.into_lazy());
            for side in (0..SIDE.min(count - first)).rev() {
                put(state, first + side, Point { x: x[side], y: y[side] });
            }
        }
        true
    }

    /// As [`Adder::add`], in words.
    #[inline(always)]
    fn add_words<S: ?Sized>(
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
            let inverse: Sides = each(|side| inverses[side] * products[side]);
            inverses = each(|side| inverses[side] * differences[side]);
            let slope: Sides = each(|side| (pairs[side].1.y - pairs[side].0.y) * inverse[side]);
            let square: Sides = each(|side| slope[side].square());
            let x: Sides = each(|side| square[side] - pairs[side].0.x - pairs[side].1.x);
            let y: Sides = each(|side| slope[side] * (pairs[side].0.x - x[side]));
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

/// The pairs from `first` on; the last one is repeated.
#[inline(always)]
fn pairs_from<S: ?Sized>(
    state: &S,
    first: usize,
    count: usize,
    pair: impl Fn(&S, usize) -> (Point, Point),
) -> [(Point, Point); SIDE] {
    // Written out, because the compiler makes calls of `each` here.
    let at = |side: usize| (first + side).min(count - 1);
    [pair(state, at(0)), pair(state, at(1)), pair(state, at(2)), pair(state, at(3))]
}

/// An array of what `f` gives for each side.
#[inline(always)]
fn each<T>(f: impl FnMut(usize) -> T) -> [T; SIDE] {
    std::array::from_fn(f)
}

/// The inverses of numbers that aren't zero.
fn invert(values: Sides) -> Sides {
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
            let mut sums = vec![G1Affine::identity(); count];
            let pair = |index: usize| (Point::from(pairs[index].0), Point::from(pairs[index].1));
            adder.add(count, &mut *sums, |_, index| pair(index), |sums, index, sum| sums[index] = sum.into());
            let mut words = vec![G1Affine::identity(); count];
            adder.add_words(
                count,
                &mut *words,
                |_, index| pair(index),
                |sums, index, sum| sums[index] = sum.into(),
            );
            for (((p, q), sum), words) in pairs.iter().zip(sums).zip(words) {
                assert_eq!((p.to_curve() + q).to_affine(), sum);
                assert_eq!(words, sum);
            }
        }
    }

    /// One pair with infinity, or of points with the same x coordinate, among others, wherever it is.
    #[test]
    fn single_special_pairs() {
        let mut rng = ChaCha20Rng::seed_from_u64(12);
        let plain: Vec<(G1Affine, G1Affine)> =
            (0..18).map(|_| (G1::random(&mut rng).to_affine(), G1::random(&mut rng).to_affine())).collect();
        let (p, infinity) = (plain[0].0, G1Affine::identity());
        for special in [(infinity, p), (p, infinity), (infinity, infinity), (p, p), (p, -p)] {
            for place in 0..plain.len() {
                let mut pairs = plain.clone();
                pairs[place] = special;
                let mut sums = vec![G1Affine::identity(); pairs.len()];
                Adder::default().add(
                    pairs.len(),
                    &mut *sums,
                    |_, index| (pairs[index].0.into(), pairs[index].1.into()),
                    |sums, index, sum| sums[index] = sum.into(),
                );
                let expected: Vec<G1Affine> =
                    pairs.iter().map(|(p, q)| (p.to_curve() + q).to_affine()).collect();
                assert_eq!(sums, expected);
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

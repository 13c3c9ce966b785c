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
#[cfg(target_arch = "x86_64")]
use crate::{Avx2, Ifma, align_stack, coordinates};

/// A point of the curve. Infinity has zeros, which are no point's coordinates: 3 is no square. A point is a cache line and
/// a vector of AVX-512.
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
        // Signs are random: a table is read, where a branch would be mispredicted.
        Self { x: self.x, y: [self.y, -self.y][usize::from(negate)] }
    }

    /// Whether this is the point at infinity.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero()
    }
}

/// Pairs that are added side by side in words, so that the processor has independent products to compute: one is half as
/// long as what it looks ahead.
const SIDE: usize = 4;
/// Pairs that are worth the lanes.
#[cfg(target_arch = "x86_64")]
const MIN_LANES: usize = 8;

/// A number for each side.
type Sides = [Lazy<Fq>; SIDE];

/// Pairs of points to add, and room for the sums, which may be where the pairs are: a sum is put when what comes after
/// it has been read for the last time.
pub trait Pairs {
    /// The pair that sum `index` is of.
    fn pair(&self, index: usize) -> (&Point, &Point);
    /// Where the sum goes.
    fn sum(&mut self, index: usize) -> &mut Point;
}

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
    avx2: Vec<(Avx2<Fq>, Avx2<Fq>)>,
    #[cfg(target_arch = "x86_64")]
    ifma: Vec<(Ifma<Fq>, Ifma<Fq>)>,
}

impl Adder {
    /// Adds the first `count` pairs, from the last to the first.
    #[inline(always)]
    pub fn add(&mut self, count: usize, pairs: &mut impl Pairs) {
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        if count >= MIN_LANES {
            let done = if Ifma::<Fq>::is_available() {
                unsafe { add_ifma(&mut self.ifma, count, pairs) }
            } else if Avx2::<Fq>::is_available() {
                unsafe { add_avx2(&mut self.avx2, count, pairs) }
            } else {
                false
            };
            if done {
                return;
            }
        }
        self.add_words(count, pairs);
    }

    /// As [`Adder::add`], in words.
    #[inline(always)]
    fn add_words(&mut self, count: usize, pairs: &mut impl Pairs) {
        self.differences.clear();
        self.special.clear();
        let one = Lazy::from(Fq::ONE);
        let mut products = [one; SIDE];
        for first in (0..count).step_by(SIDE) {
            let mut differences = [one; SIDE];
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
            let first = group * SIDE;
            let group: [(Point, Point); SIDE] = each(|side| {
                let (p, q) = pairs.pair((first + side).min(count - 1));
                (*p, *q)
            });
            let inverse: Sides = each(|side| inverses[side] * products[side]);
            inverses = each(|side| inverses[side] * differences[side]);
            let slope: Sides = each(|side| (group[side].1.y - group[side].0.y) * inverse[side]);
            let square: Sides = each(|side| slope[side].square());
            let x: Sides = each(|side| square[side] - group[side].0.x - group[side].1.x);
            let y: Sides = each(|side| slope[side] * (group[side].0.x - x[side]));
            for side in (0..SIDE.min(count - first)).rev() {
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

/// [`coordinates::add`] with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn add_avx2(memory: &mut Vec<(Avx2<Fq>, Avx2<Fq>)>, count: usize, pairs: &mut impl Pairs) -> bool {
    align_stack();
    coordinates::add(memory, count, pairs)
}

/// [`coordinates::add`] with AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512ifma")]
fn add_ifma(memory: &mut Vec<(Ifma<Fq>, Ifma<Fq>)>, count: usize, pairs: &mut impl Pairs) -> bool {
    align_stack();
    coordinates::add(memory, count, pairs)
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

    /// Pairs, and their sums.
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

    /// The sums by each kernel that this processor is capable of; none where a pair is special.
    #[allow(unsafe_code)]
    fn by_each_kernel(pairs: &[(G1Affine, G1Affine)]) -> Vec<Option<Vec<G1Affine>>> {
        let mut results = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if Ifma::<Fq>::is_available() {
                let mut listed = Listed::new(pairs);
                // SAFETY: the processor has the instructions.
                let done = unsafe { add_ifma(&mut Vec::new(), pairs.len(), &mut listed) };
                results.push(done.then(|| listed.sums()));
            }
            if Avx2::<Fq>::is_available() {
                let mut listed = Listed::new(pairs);
                // SAFETY: the processor has the instructions.
                let done = unsafe { add_avx2(&mut Vec::new(), pairs.len(), &mut listed) };
                results.push(done.then(|| listed.sums()));
            }
        }
        for add in [Adder::add, Adder::add_words] {
            let mut listed = Listed::new(pairs);
            add(&mut Adder::default(), pairs.len(), &mut listed);
            results.push(Some(listed.sums()));
        }
        results
    }

    #[test]
    fn sums_are_the_librarys() {
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
                let expected: Vec<G1Affine> =
                    pairs.iter().map(|(p, q)| (p.to_curve() + q).to_affine()).collect();
                let results = by_each_kernel(&pairs);
                let (lanes, words) = results.split_at(results.len() - 2);
                assert!(lanes.iter().all(Option::is_none), "the slope can't be used");
                assert!(words.iter().all(|sums| sums.as_ref() == Some(&expected)));
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

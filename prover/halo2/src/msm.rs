//! Commitments: sums of multiples of the reference string's points.
//!
//! Pippenger's method with signed digits. For each window of c bits, the points are sorted by their digit into 2^(c-1)
//! buckets, and a bucket's points are added pairwise, then the sums pairwise, and so on, in affine coordinates: the
//! additions of a round are independent, so one inversion serves them all and an addition costs six products (against
//! eleven in Jacobian coordinates). Blocks of the sorted points are small enough for the cache.

use std::borrow::Borrow;

use halo2curves::{
    bn256::{Fq, Fr, G1, G1Affine},
    ff::{Field, PrimeField},
    group::{Curve, Group, prime::PrimeCurveAffine},
};
use rayon::prelude::*;

use crate::{Srs, SrsError};

/// Points taken from the reference string at a time: 256 MiB of them.
const CHUNK: usize = 1 << 22;
/// Points that are added up together.
const BLOCK: usize = 1 << 13;
/// Bits of a scalar's absolute value, at most half the modulus, and of the zero above it that ends its digits.
const BITS: usize = Fr::NUM_BITS as usize;

/// Commitment to the polynomial with these coefficients, at most n of them.
pub(crate) fn commit(srs: &dyn Srs, coefficients: &[Fr]) -> Result<G1Affine, SrsError> {
    chunked(coefficients, |range| srs.g(range))
}

/// Commitment to the polynomial with these values at the powers of w.
pub(crate) fn commit_lagrange(srs: &dyn Srs, values: &[Fr]) -> Result<G1Affine, SrsError> {
    chunked(values, |range| srs.g_lagrange(range))
}

fn chunked<B: Borrow<[G1Affine]>>(
    scalars: &[Fr],
    bases: impl Fn(std::ops::Range<usize>) -> Result<B, SrsError>,
) -> Result<G1Affine, SrsError> {
    let mut sum = G1::identity();
    for (index, scalars) in scalars.chunks(CHUNK).enumerate() {
        let start = index * CHUNK;
        sum += multiply(scalars, bases(start..start + scalars.len())?.borrow());
    }
    Ok(sum.to_affine())
}

/// A scalar's absolute value, the lesser of it and its negative, with the sign in the highest bit.
struct Signed([u64; 4]);

const SIGN: u64 = 1 << 63;

impl Signed {
    fn new(scalar: &Fr) -> Self {
        let limbs = |scalar: &Fr| {
            let bytes = scalar.to_repr();
            [0, 1, 2, 3].map(|i| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes")))
        };
        let plain = limbs(scalar);
        let mut negated = limbs(&-scalar);
        if plain.iter().rev().le(negated.iter().rev()) {
            Self(plain)
        } else {
            negated[3] |= SIGN;
            Self(negated)
        }
    }

    fn is_negative(&self) -> bool {
        self.0[3] & SIGN != 0
    }

    /// The absolute value's digit, from -2^(c-1) to 2^(c-1): Booth's, whose carry is the highest bit of the window
    /// below, so that windows are independent.
    fn digit(&self, window: usize, c: usize) -> i32 {
        // The window's bits and the one below.
        let low = window * c;
        let bits = if low == 0 { self.bits(0) << 1 } else { self.bits(low - 1) };
        let bits = bits & ((2 << c) - 1);
        let digit = (bits >> 1) + (bits & 1);
        if bits >> c == 1 { digit as i32 - (1 << c) } else { digit as i32 }
    }

    /// 32 bits or more from this one on.
    fn bits(&self, start: usize) -> u64 {
        let limb = |index: usize| match self.0.get(index) {
            Some(limb) if index == 3 => *limb & !SIGN,
            Some(limb) => *limb,
            None => 0,
        };
        let (index, shift) = (start / 64, start % 64);
        let low = limb(index) >> shift;
        if shift == 0 { low } else { low | limb(index + 1) << (64 - shift) }
    }
}

/// Window size with the fewest products: six for a point in each window, thirty for a bucket.
fn window_size(points: usize) -> usize {
    (2..=18).min_by_key(|c| BITS.div_ceil(*c) * (6 * points + (30 << (c - 1)))).expect("sizes")
}

/// The sum of the multiples.
fn multiply(scalars: &[Fr], bases: &[G1Affine]) -> G1 {
    assert_eq!(scalars.len(), bases.len(), "a scalar for each point");
    let c = window_size(scalars.len());
    let scalars: Vec<Signed> = scalars.par_iter().map(Signed::new).collect();
    let windows: Vec<G1> =
        (0..BITS.div_ceil(c)).into_par_iter().map(|window| sum_window(&scalars, bases, window, c)).collect();
    windows.into_iter().rev().fold(G1::identity(), |mut sum, window| {
        (0..c).for_each(|_| sum = sum.double());
        sum + window
    })
}

/// The sum of the points times their digits in a window.
fn sum_window(scalars: &[Signed], bases: &[G1Affine], window: usize, c: usize) -> G1 {
    let count = 1usize << (c - 1);
    // Sorted by counting. Bucket i is for the digits i + 1 and -(i + 1); an entry is a point's index and sign.
    let mut ends = vec![0u32; count + 1];
    for scalar in scalars {
        ends[scalar.digit(window, c).unsigned_abs() as usize] += 1;
    }
    // Zeros need no bucket.
    ends[0] = 0;
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    if total == 0 {
        return G1::identity();
    }
    let mut sorted = vec![0u32; total as usize];
    for (index, scalar) in scalars.iter().enumerate() {
        let digit = scalar.digit(window, c);
        if digit != 0 {
            let end = &mut ends[digit.unsigned_abs() as usize];
            let negative = (digit < 0) != scalar.is_negative();
            sorted[*end as usize] = (index as u32) << 1 | u32::from(negative);
            *end += 1;
        }
    }
    // ends[i + 1] is now the end of bucket i, and its start is that of the bucket before.

    let mut buckets = vec![G1::identity(); count];
    let mut adder = Adder::default();
    let mut bucket = 0;
    for (block, entries) in sorted.chunks(BLOCK).enumerate() {
        let start = block * BLOCK;
        adder.points.clear();
        adder.points.extend(entries.iter().map(|entry| {
            let base = bases[(*entry >> 1) as usize];
            if entry & 1 == 1 { -base } else { base }
        }));
        adder.runs.clear();
        let mut at = start;
        while at < start + entries.len() {
            while ends[bucket + 1] as usize <= at {
                bucket += 1;
            }
            let end = (ends[bucket + 1] as usize).min(start + entries.len());
            adder.runs.push((bucket, end - at));
            at = end;
        }
        adder.run();
        for ((bucket, _), sum) in adder.runs.iter().zip(&adder.points) {
            buckets[*bucket] += sum;
        }
    }

    // Bucket i counts i + 1 times: once in each of the sums from the last bucket down to bucket j, j at most i.
    let (mut running, mut sum) = (G1::identity(), G1::identity());
    for bucket in buckets.iter().rev() {
        running += bucket;
        sum += running;
    }
    sum
}

/// Adds up runs of points.
#[derive(Default)]
struct Adder {
    points: Vec<G1Affine>,
    /// A run's bucket and its number of points, which follow those of the runs before.
    runs: Vec<(usize, usize)>,
    /// First points of the pairs of a round, and the products of the pairs' denominators before each.
    pairs: Vec<usize>,
    products: Vec<Fq>,
}

/// What divides an addition's slope; 1 where there is none.
fn denominator(p: &G1Affine, q: &G1Affine) -> Fq {
    let difference = q.x - p.x;
    if difference != Fq::ZERO && !is_infinity(p) && !is_infinity(q) {
        difference
    } else if difference == Fq::ZERO && p.y == q.y && p.y != Fq::ZERO {
        p.y.double()
    } else {
        Fq::ONE
    }
}

/// Infinity has the coordinates 0 and 0, which are no point's.
fn is_infinity(point: &G1Affine) -> bool {
    point.x == Fq::ZERO && point.y == Fq::ZERO
}

/// p + q, from the inverse of their denominator.
fn add(p: &G1Affine, q: &G1Affine, inverse: Fq) -> G1Affine {
    if is_infinity(p) {
        return *q;
    }
    if is_infinity(q) {
        return *p;
    }
    let slope = if p.x != q.x {
        (q.y - p.y) * inverse
    } else if p.y == q.y {
        let square = p.x.square();
        (square.double() + square) * inverse
    } else {
        return G1Affine::identity();
    };
    let x = slope.square() - p.x - q.x;
    G1Affine { x, y: slope * (p.x - x) - p.y }
}

impl Adder {
    /// Leaves one point of each run, its sum.
    fn run(&mut self) {
        while self.runs.iter().any(|(_, length)| *length > 1) {
            self.round();
        }
    }

    /// Adds the points of each run pairwise.
    fn round(&mut self) {
        self.pairs.clear();
        self.products.clear();
        let mut product = Fq::ONE;
        let mut start = 0;
        for (_, length) in &self.runs {
            for pair in (start..start + length - length % 2).step_by(2) {
                self.pairs.push(pair);
                self.products.push(product);
                product *= denominator(&self.points[pair], &self.points[pair + 1]);
            }
            start += length;
        }
        let mut inverse = Option::from(product.invert()).unwrap_or(Fq::ONE);
        for (pair, product) in self.pairs.iter().zip(&self.products).rev() {
            let (p, q) = (self.points[*pair], self.points[pair + 1]);
            self.points[*pair] = add(&p, &q, inverse * product);
            inverse *= denominator(&p, &q);
        }
        // The sums, and the odd points at the runs' ends, move together.
        let (mut from, mut to) = (0, 0);
        for (_, length) in &mut self.runs {
            let left = length.div_ceil(2);
            for i in 0..left {
                self.points[to + i] = self.points[from + 2 * i];
            }
            from += *length;
            to += left;
            *length = left;
        }
        self.points.truncate(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::best_multiexp;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    fn plain(scalars: &[Fr], bases: &[G1Affine]) -> G1 {
        scalars.iter().zip(bases).fold(G1::identity(), |sum, (scalar, base)| sum + base * scalar)
    }

    #[test]
    fn sums_are_those_of_plain_multiples() {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        for count in [1, 2, 3, 17, 100, 600] {
            let bases: Vec<G1Affine> = (0..count).map(|_| G1::random(&mut rng).to_affine()).collect();
            let random: Vec<Fr> = (0..count).map(|_| Fr::random(&mut rng)).collect();
            assert_eq!(multiply(&random, &bases), plain(&random, &bases));
            let small: Vec<Fr> = random.iter().map(|_| Fr::from(u64::from(rng.next_u32() % 5))).collect();
            assert_eq!(multiply(&small, &bases), plain(&small, &bases));
            let negative: Vec<Fr> = small.iter().map(|scalar| -scalar).collect();
            assert_eq!(multiply(&negative, &bases), plain(&negative, &bases));
            // Equal points, opposite points and infinity among them.
            let bases: Vec<G1Affine> = (0..count)
                .map(|_| match rng.next_u32() % 4 {
                    0 => bases[0],
                    1 => -bases[0],
                    2 => G1Affine::identity(),
                    _ => bases[count / 2],
                })
                .collect();
            for scalars in [random, small, negative, vec![Fr::ONE; count], vec![-Fr::ONE; count]] {
                assert_eq!(multiply(&scalars, &bases), plain(&scalars, &bases));
            }
        }
    }

    #[test]
    fn digits_sum_up_to_the_scalar() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let half = -Fr::TWO_INV;
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, half, half + Fr::ONE, half - Fr::ONE];
        scalars.extend((0..100).map(|_| Fr::random(&mut rng)));
        for c in 2..=18 {
            for scalar in &scalars {
                let signed = Signed::new(scalar);
                let value = (0..BITS.div_ceil(c)).rev().fold(Fr::ZERO, |value, window| {
                    let digit = signed.digit(window, c);
                    assert!(digit.unsigned_abs() <= 1 << (c - 1));
                    let magnitude = Fr::from(u64::from(digit.unsigned_abs()));
                    let value = value * Fr::from(1 << c);
                    if digit < 0 { value - magnitude } else { value + magnitude }
                });
                assert_eq!(if signed.is_negative() { -value } else { value }, *scalar, "c = {c}");
            }
        }
    }

    /// More points than a block has, and runs that blocks cut.
    #[test]
    fn large_sums_are_the_librarys() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let count = 3 * BLOCK + 11;
        let mut point = G1::random(&mut rng);
        let bases: Vec<G1> = std::iter::repeat_with(|| {
            point = point.double();
            point
        })
        .take(count)
        .collect();
        let mut affine = vec![G1Affine::identity(); count];
        G1::batch_normalize(&bases, &mut affine);
        let random: Vec<Fr> = (0..count).map(|_| Fr::random(&mut rng)).collect();
        let small: Vec<Fr> = random.iter().map(|_| Fr::from(u64::from(rng.next_u32() % 3))).collect();
        for scalars in [random, small] {
            assert_eq!(multiply(&scalars, &affine), best_multiexp(&scalars, &affine));
        }
    }
}

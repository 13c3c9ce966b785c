//! Commitments: sums of multiples of the reference string's points.
//!
//! Pippenger's method with signed digits. For each window of c bits, the points are sorted by their digit into 2^(c-1)
//! buckets, and a bucket's points are added pairwise, then the sums pairwise, and so on, in batches of affine additions
//! ([`Adder`]). Blocks of the sorted points are small enough for the cache.
//!
//! Most columns of a proof hold small numbers, or large ones among many small: scalars are put into classes by their
//! size, and each class has its own windows.

use std::borrow::Borrow;

use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::PrimeField,
    group::{Curve, Group},
};
use rayon::prelude::*;
use zeno_bn254::{Adder, Point};

use crate::{Srs, SrsError};

/// Points taken from the reference string at a time: 256 MiB of them.
const CHUNK: usize = 1 << 22;
/// Points that are added up together, which with the sums and the differences take 200 KiB.
const BLOCK: usize = 1 << 11;
/// Sorted points of a task.
const TASK: usize = 1 << 16;
/// A class has the scalars with at most that many bits, and more than the class before.
const CLASSES: [usize; 5] = [16, 32, 64, 128, 256];

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

/// A scalar's absolute value, the lesser of it and its negative, so that it is at most half the modulus.
struct Magnitude([u64; 4]);

impl Magnitude {
    /// The magnitude, and whether the scalar is its negative.
    fn new(scalar: &Fr) -> (Self, bool) {
        let limbs = |scalar: &Fr| {
            let bytes = scalar.to_repr();
            [0, 1, 2, 3].map(|i| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes")))
        };
        let plain = limbs(scalar);
        // Half the modulus has 253 bits.
        if plain[3] >> 60 == 0 {
            return (Self(plain), false);
        }
        let negated = limbs(&-scalar);
        if plain.iter().rev().le(negated.iter().rev()) { (Self(plain), false) } else { (Self(negated), true) }
    }

    /// Its length in bits.
    fn bits(&self) -> usize {
        let top = self.0.iter().rposition(|limb| *limb != 0);
        top.map_or(0, |top| 64 * (top + 1) - self.0[top].leading_zeros() as usize)
    }

    /// The digit of a window, from -2^(c-1) to 2^(c-1): Booth's, whose carry is the highest bit of the window below, so
    /// that windows are independent.
    fn digit(&self, window: usize, c: usize) -> i32 {
        // The window's bits and the one below.
        let bits = if window == 0 { self.0[0] << 1 } else { self.bits_from(window * c - 1) };
        let bits = bits & ((2 << c) - 1);
        let digit = (bits >> 1) + (bits & 1);
        if bits >> c == 1 { digit as i32 - (1 << c) } else { digit as i32 }
    }

    /// 32 bits or more from this one on.
    fn bits_from(&self, start: usize) -> u64 {
        let (index, shift) = (start / 64, start % 64);
        let high = self.0.get(index + 1).map_or(0, |limb| limb << 1 << (63 - shift));
        self.0[index] >> shift | high
    }
}

/// Windows of c bits that hold numbers of `bits` bits and the zero above them that ends Booth's digits.
fn windows(bits: usize, c: usize) -> usize {
    (bits + 1).div_ceil(c)
}

/// Window size with the fewest products: six for a point in each window, thirty for a bucket.
fn window_size(points: usize, bits: usize) -> usize {
    let cost = |c: usize| windows(bits, c) * (6 * points + (30 << (c - 1)));
    (2..=18).min_by_key(|c| cost(*c)).expect("sizes")
}

/// The sum of the multiples.
fn multiply(scalars: &[Fr], bases: &[G1Affine]) -> G1 {
    assert_eq!(scalars.len(), bases.len(), "a scalar for each point");
    let (magnitudes, classes): (Vec<Magnitude>, Vec<u8>) = scalars
        .par_iter()
        .map(|scalar| {
            let (magnitude, negative) = Magnitude::new(scalar);
            // Zero has no class.
            let class = match magnitude.bits() {
                0 => CLASSES.len(),
                bits => CLASSES.iter().position(|most| bits <= *most).expect("the last class has no limit"),
            };
            (magnitude, (class as u8) << 1 | u8::from(negative))
        })
        .unzip();
    let sum_class = |class: usize| {
        // A point's index and sign.
        let members: Vec<u32> = classes
            .iter()
            .enumerate()
            .filter(|(_, of)| usize::from(**of >> 1) == class)
            .map(|(index, of)| (index as u32) << 1 | u32::from(of & 1))
            .collect();
        sum_members(&magnitudes, bases, &members)
    };
    (0..CLASSES.len()).map(sum_class).sum()
}

/// The sum of the members of a class.
fn sum_members(magnitudes: &[Magnitude], bases: &[G1Affine], members: &[u32]) -> G1 {
    let bits = members.par_iter().map(|member| magnitudes[(member >> 1) as usize].bits()).max().unwrap_or(0);
    if bits == 0 {
        return G1::identity();
    }
    let c = window_size(members.len(), bits);
    let windows: Vec<G1> = (0..windows(bits, c))
        .into_par_iter()
        .map(|window| sum_window(magnitudes, bases, members, window, c))
        .collect();
    windows.into_iter().rev().fold(G1::identity(), |mut sum, window| {
        (0..c).for_each(|_| sum = sum.double());
        sum + window
    })
}

/// The sum of the members times their digits in a window.
fn sum_window(magnitudes: &[Magnitude], bases: &[G1Affine], members: &[u32], window: usize, c: usize) -> G1 {
    // Sorted by counting. Bucket i is for the digits i and -i; an entry is a point's index and sign.
    let mut ends = vec![0u32; (1 << (c - 1)) + 1];
    let digit = |member: u32| magnitudes[(member >> 1) as usize].digit(window, c);
    for member in members {
        ends[digit(*member).unsigned_abs() as usize] += 1;
    }
    // Zeros need no bucket.
    ends[0] = 0;
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut sorted = vec![0u32; total as usize];
    for member in members {
        let digit = digit(*member);
        if digit != 0 {
            let end = &mut ends[digit.unsigned_abs() as usize];
            sorted[*end as usize] = member ^ u32::from(digit < 0);
            *end += 1;
        }
    }
    // ends[i] is now the end of bucket i, and its start is that of the bucket before.
    let task = |(index, entries): (usize, &[u32])| sum_entries(entries, index * TASK, bases, &ends);
    sorted.par_chunks(TASK).enumerate().map(task).sum()
}

/// The sum of some of a window's sorted entries, from `start` on, each times its bucket's number.
fn sum_entries(entries: &[u32], start: usize, bases: &[G1Affine], ends: &[u32]) -> G1 {
    let mut bucket = ends.partition_point(|end| *end as usize <= start);
    let mut tree = Tree::default();
    // Sums of buckets, or of parts of them, with the buckets' numbers.
    let mut sums: Vec<(usize, Point)> = Vec::new();
    for (block, entries) in entries.chunks(BLOCK).enumerate() {
        let start = start + block * BLOCK;
        tree.points.clear();
        // Copies alone first: they miss the cache, and with nothing between them, many are under way at a time.
        tree.points.extend(entries.iter().map(|entry| Point::from(bases[(entry >> 1) as usize])));
        for (point, entry) in tree.points.iter_mut().zip(entries) {
            *point = point.negated_if(entry & 1 == 1);
        }
        tree.runs.clear();
        let first = sums.len();
        let mut at = start;
        while at < start + entries.len() {
            while ends[bucket] as usize <= at {
                bucket += 1;
            }
            let end = (ends[bucket] as usize).min(start + entries.len());
            tree.runs.push(end - at);
            sums.push((bucket, Point::INFINITY));
            at = end;
        }
        tree.reduce();
        sums[first..].iter_mut().zip(&tree.points).for_each(|((_, sum), point)| *sum = *point);
    }

    // Bucket i counts i times: once in each of the sums from the last bucket down to bucket j, j from i to 1.
    let (mut running, mut sum) = (G1::identity(), G1::identity());
    for (at, (bucket, point)) in sums.iter().enumerate().rev() {
        running += G1Affine::from(*point);
        let below = if at > 0 { sums[at - 1].0 } else { 0 };
        sum += times(&running, bucket - below);
    }
    sum
}

/// A small multiple.
fn times(point: &G1, factor: usize) -> G1 {
    let top = usize::BITS - factor.leading_zeros();
    (0..top).rev().fold(G1::identity(), |sum, bit| {
        let sum = if bit + 1 == top { sum } else { sum.double() };
        if factor >> bit & 1 == 0 {
            sum
        } else if bit + 1 == top {
            *point
        } else {
            sum + point
        }
    })
}

/// Adds up runs of points.
#[derive(Default)]
struct Tree {
    points: Vec<Point>,
    /// Lengths of the runs, which follow each other.
    runs: Vec<usize>,
    /// Where the pairs of a round start, and the round's sums.
    pairs: Vec<(u32, u32)>,
    sums: Vec<Point>,
    adder: Adder,
}

impl Tree {
    /// Leaves one point of each run, its sum.
    fn reduce(&mut self) {
        while self.runs.iter().any(|length| *length > 1) {
            self.round();
        }
    }

    /// Adds the points of each run pairwise.
    fn round(&mut self) {
        let Self { points, runs, pairs, sums, adder } = self;
        pairs.clear();
        sums.clear();
        let mut start = 0;
        for length in runs {
            for pair in (start..start + *length - *length % 2).step_by(2) {
                pairs.push((pair as u32, sums.len() as u32));
                sums.push(Point::INFINITY);
            }
            // The odd point at the run's end.
            if *length % 2 == 1 {
                sums.push(points[start + *length - 1]);
            }
            start += *length;
            *length = length.div_ceil(2);
        }
        adder.add(
            pairs.len(),
            &mut sums[..],
            |_, index| {
                let from = pairs[index].0 as usize;
                (points[from], points[from + 1])
            },
            |sums, index, sum| sums[pairs[index].1 as usize] = sum,
        );
        std::mem::swap(points, sums);
    }
}

#[cfg(test)]
mod tests {
    use halo2curves::{ff::Field, group::prime::PrimeCurveAffine};

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
            // All classes, and zeros.
            let mixed: Vec<Fr> = random
                .iter()
                .map(|scalar| match rng.next_u32() % 6 {
                    0 => *scalar,
                    1 => -Fr::from(u64::from(rng.next_u32())),
                    2 => Fr::from(rng.next_u64()),
                    3 => Fr::from_u128(u128::from(rng.next_u64()) << 64),
                    4 => Fr::from(u64::from(rng.next_u32() % 3)),
                    _ => Fr::ZERO,
                })
                .collect();
            assert_eq!(multiply(&mixed, &bases), plain(&mixed, &bases));
            // Equal points, opposite points and infinity among them.
            let bases: Vec<G1Affine> = (0..count)
                .map(|_| match rng.next_u32() % 4 {
                    0 => bases[0],
                    1 => -bases[0],
                    2 => G1Affine::identity(),
                    _ => bases[count / 2],
                })
                .collect();
            for scalars in [random, small, negative, mixed, vec![Fr::ONE; count], vec![-Fr::ONE; count]] {
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
        scalars.extend((0..253).map(|bit| Fr::from(2).pow_vartime([bit])));
        scalars.extend((1..253).map(|bit| Fr::from(2).pow_vartime([bit]) - Fr::ONE));
        for c in 2..=18 {
            for scalar in &scalars {
                let (magnitude, negative) = Magnitude::new(scalar);
                assert!(magnitude.bits() <= 253);
                let windows = windows(magnitude.bits(), c);
                let value = (0..windows).rev().fold(Fr::ZERO, |value, window| {
                    let digit = magnitude.digit(window, c);
                    assert!(digit.unsigned_abs() <= 1 << (c - 1));
                    let magnitude = Fr::from(u64::from(digit.unsigned_abs()));
                    let value = value * Fr::from(1 << c);
                    if digit < 0 { value - magnitude } else { value + magnitude }
                });
                assert_eq!(if negative { -value } else { value }, *scalar, "c = {c}");
            }
        }
    }

    #[test]
    fn small_multiples() {
        let point = G1::random(ChaCha20Rng::seed_from_u64(9));
        for factor in (0..20).chain([1 << 17, (1 << 17) - 1]) {
            assert_eq!(times(&point, factor), point * Fr::from(factor as u64));
        }
    }

    /// More points than a task has, and runs that blocks and tasks cut.
    #[test]
    fn large_sums_are_the_librarys() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let count = TASK + 3 * BLOCK + 11;
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

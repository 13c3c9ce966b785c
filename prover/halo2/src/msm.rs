//! Commitments: sums of multiples of the reference string's points.
//!
//! The method is Pippenger's with signed digits. For each window of c bits, the points are sorted by their digit into
//! 2^(c-1) buckets. A bucket's points are added pairwise, then the sums pairwise, and so on, in batches of affine
//! additions ([`BatchAdder`]). Blocks of the sorted points are small enough for the cache.
//!
//! The buckets of a window are a table, with bucket b in row b / 2^8 and column b mod 2^8. Points are sorted into rows
//! first, and then into buckets within the cache. The sum of the buckets' multiples follows from the sums of the rows
//! and those of the columns. These are batches of affine additions too, and leave few points to be added one after
//! another.
//!
//! Most columns of a proof hold small numbers, or large ones among many small ones. So scalars are put into classes by
//! their size, and each class has its own windows.

use std::borrow::Borrow;

use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::PrimeField,
    group::{Curve, Group},
};
use rayon::prelude::*;
use zeno_bn254::{BatchAdder, Pairs, Point};
use zeno_srs::SrsError;

use crate::srs::SrsPoints;

/// Points that are taken from the reference string at a time: 512 MiB.
const CHUNK: usize = 1 << (MEMBER_BITS - 1);
/// Bits of a member: a point's index and sign.
const MEMBER_BITS: usize = 24;
/// Bits of a bucket's column: the rest of a word with a member. A table's rows have 2^8 buckets or fewer.
const COLUMN_BITS: usize = 32 - MEMBER_BITS;
/// Rows that are summed up together.
const GROUP: usize = 16;
/// Points that are added up together. With the sums and the differences they take 200 KiB.
const BLOCK: usize = 1 << 11;
/// Sorted points of a task.
const TASK: usize = 1 << 16;
/// Bounds of the classes, in bits. A class has the scalars of at most its bits, and of more than the class before.
const CLASSES: [usize; 5] = [16, 32, 64, 128, 256];

/// Commits to the polynomial with these coefficients, at most n of them.
pub(crate) fn commit(srs: &dyn SrsPoints, coefficients: &[Fr]) -> Result<G1Affine, SrsError> {
    chunked(coefficients, |range| srs.g(range))
}

/// Commits to the polynomial with these values at the powers of w.
pub(crate) fn commit_lagrange(srs: &dyn SrsPoints, values: &[Fr]) -> Result<G1Affine, SrsError> {
    chunked(values, |range| srs.g_lagrange(range))
}

/// Sums the multiples of points that are read in chunks.
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

/// Absolute value of a scalar: the lesser of it and its negative, in little-endian limbs, at most half the modulus.
struct Magnitude([u64; 4]);

impl Magnitude {
    /// Returns the magnitude, and whether the scalar is its negative.
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

    /// Length of the magnitude in bits.
    fn bits(&self) -> usize {
        let top = self.0.iter().rposition(|limb| *limb != 0);
        top.map_or(0, |top| 64 * (top + 1) - self.0[top].leading_zeros() as usize)
    }

    /// Digit of a window, from -2^(c-1) to 2^(c-1). Digits are Booth's, whose carry is the highest bit of the window
    /// below, so windows are independent.
    fn digit(&self, window: usize, c: usize) -> i32 {
        // The window's bits, and the bit below.
        let bits = if window == 0 { self.0[0] << 1 } else { self.bits_from(window * c - 1) };
        let bits = bits & ((2 << c) - 1);
        let digit = (bits >> 1) + (bits & 1);
        if bits >> c == 1 { digit as i32 - (1 << c) } else { digit as i32 }
    }

    /// Returns 32 bits or more, from bit `start`.
    fn bits_from(&self, start: usize) -> u64 {
        let (index, shift) = (start / 64, start % 64);
        let high = self.0.get(index + 1).map_or(0, |limb| limb << 1 << (63 - shift));
        self.0[index] >> shift | high
    }
}

/// Number of windows of c bits for numbers of `bits` bits. The last window has a zero above them, which ends Booth's
/// digits.
fn windows(bits: usize, c: usize) -> usize {
    (bits + 1).div_ceil(c)
}

/// Finds the window size with the fewest products: six for a point in each window, and six for a bucket in its row and
/// in its column each.
fn window_size(points: usize, bits: usize) -> usize {
    let cost = |c: usize| windows(bits, c) * (6 * points + (12 << (c - 1)));
    (2..=20).min_by_key(|c| cost(*c)).expect("sizes")
}

/// Sums the multiples of points.
fn multiply(scalars: &[Fr], bases: &[G1Affine]) -> G1 {
    assert_eq!(scalars.len(), bases.len(), "a scalar for each point");
    assert!(scalars.len() <= CHUNK, "an index has its bits");
    let (magnitudes, classes): (Vec<Magnitude>, Vec<u8>) = scalars
        .par_iter()
        .map(|scalar| {
            let (magnitude, negative) = Magnitude::new(scalar);
            // Zero is in no class.
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

/// Sums the multiples of a class's members.
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

/// Sums the multiples of members by their digits in a window.
fn sum_window(magnitudes: &[Magnitude], bases: &[G1Affine], members: &[u32], window: usize, c: usize) -> G1 {
    let column_bits = COLUMN_BITS.min(c - 1);
    let (entries, ends) = sort_into_rows(magnitudes, members, window, c);
    let groups: Vec<(Vec<Point>, Vec<Point>)> = ends
        .par_chunks(GROUP)
        .enumerate()
        .map(|(group, group_ends)| {
            let start = if group > 0 { ends[group * GROUP - 1] } else { 0 };
            sum_group(&entries, start as usize, group_ends, bases, 1 << column_bits)
        })
        .collect();
    drop(entries);
    let (rows, columns): (Vec<Vec<Point>>, Vec<Vec<Point>>) = groups.into_iter().unzip();
    let columns = strided_sums(&columns.concat(), strided_columns(columns.len(), 1 << column_bits));
    // Bucket b has the digits b + 1 and -(b + 1). Its index is made of its row and its column.
    let rows = weighted_sum(&rows.concat()[1..]);
    (0..column_bits).fold(rows, |rows, _| rows.double()) + weighted_sum(&columns)
}

/// Sorts a window's entries by row, and returns them with the rows' ends. An entry is a member, with its digit's sign,
/// and the column in the bits above. Few rows are written to at a time, so that writes seldom miss the cache.
fn sort_into_rows(
    magnitudes: &[Magnitude],
    members: &[u32],
    window: usize,
    c: usize,
) -> (Vec<u32>, Vec<u32>) {
    let column_bits = COLUMN_BITS.min(c - 1);
    let digit = |member: u32| magnitudes[(member >> 1) as usize].digit(window, c);
    // A zero needs no bucket.
    let bucket = |digit: i32| digit.unsigned_abs().checked_sub(1);
    let mut ends = vec![0u32; 1 << (c - 1 - column_bits)];
    for bucket in members.iter().filter_map(|member| bucket(digit(*member))) {
        ends[(bucket >> column_bits) as usize] += 1;
    }
    let total = starts(&mut ends, 0);
    let mut entries = vec![0u32; total as usize];
    for member in members {
        let digit = digit(*member);
        if let Some(bucket) = bucket(digit) {
            let end = &mut ends[(bucket >> column_bits) as usize];
            let column = bucket & ((1 << column_bits) - 1);
            entries[*end as usize] = column << MEMBER_BITS | (member ^ u32::from(digit < 0));
            *end += 1;
        }
    }
    (entries, ends)
}

/// Replaces counts by the positions where each begins, if the first begins at `start`. Returns the end of the last.
fn starts(counts: &mut [u32], start: u32) -> u32 {
    counts.iter_mut().fold(start, |start, count| start + std::mem::replace(count, start))
}

/// Sums some rows' entries, which begin at `start`, by row and by column.
fn sum_group(
    entries: &[u32],
    start: usize,
    ends: &[u32],
    bases: &[G1Affine],
    columns: usize,
) -> (Vec<Point>, Vec<Point>) {
    let rows = ends.len();
    let end = ends[rows - 1] as usize;
    if start == end {
        return (vec![Point::INFINITY; rows], vec![Point::INFINITY; columns]);
    }
    let (sorted, bucket_ends) = sort_group(entries, start, ends, columns);
    let task = |(index, entries): (usize, &[u32])| sum_entries(entries, index * TASK, bases, &bucket_ends);
    let parts: Vec<Vec<(usize, Point)>> = sorted.par_chunks(TASK).enumerate().map(task).collect();
    let buckets = join(&parts.concat(), rows * columns);
    let strides = (0..rows).map(|row| (row * columns, 1, columns)).chain(strided_columns(rows, columns));
    let mut row_sums = strided_sums(&buckets, strides);
    let column_sums = row_sums.split_off(rows);
    (row_sums, column_sums)
}

/// Sorts the members of some rows by bucket, and returns them with the buckets' ends.
fn sort_group(entries: &[u32], start: usize, ends: &[u32], columns: usize) -> (Vec<u32>, Vec<u32>) {
    let mut sorted = vec![0u32; ends[ends.len() - 1] as usize - start];
    let mut bucket_ends = vec![0u32; ends.len() * columns];
    let mut row_start = start;
    for (end, bucket_ends) in ends.iter().zip(bucket_ends.chunks_mut(columns)) {
        let row = &entries[row_start..*end as usize];
        for entry in row {
            bucket_ends[(entry >> MEMBER_BITS) as usize] += 1;
        }
        starts(bucket_ends, (row_start - start) as u32);
        for entry in row {
            let end = &mut bucket_ends[(entry >> MEMBER_BITS) as usize];
            sorted[*end as usize] = entry & ((1 << MEMBER_BITS) - 1);
            *end += 1;
        }
        row_start = *end as usize;
    }
    (sorted, bucket_ends)
}

/// Sums some of a group's sorted entries, which begin at `start`, by bucket. Returns the buckets' numbers and sums. A
/// bucket that is cut by blocks has several.
fn sum_entries(entries: &[u32], start: usize, bases: &[G1Affine], ends: &[u32]) -> Vec<(usize, Point)> {
    let mut bucket = ends.partition_point(|end| *end as usize <= start);
    let mut tree = Tree::default();
    let mut sums: Vec<(usize, Point)> = Vec::new();
    for (block, entries) in entries.chunks(BLOCK).enumerate() {
        let start = start + block * BLOCK;
        tree.points.clear();
        // The loop only copies: copies miss the cache, and without other work between them, many are under way at a
        // time.
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
    sums
}

/// Sums the parts of each bucket, which follow one another.
fn join(parts: &[(usize, Point)], buckets: usize) -> Vec<Point> {
    let mut tree = Tree::default();
    tree.points.extend(parts.iter().map(|(_, point)| *point));
    let runs = || parts.chunk_by(|(a, _), (b, _)| a == b);
    tree.runs.extend(runs().map(<[_]>::len));
    tree.reduce();
    let mut sums = vec![Point::INFINITY; buckets];
    runs().zip(tree.points).for_each(|(run, sum)| sums[run[0].0] = sum);
    sums
}

/// Strides of the columns of a table that is stored by rows, for [`strided_sums`].
fn strided_columns(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..columns).map(move |column| (column, columns, rows))
}

/// Sums points at a distance from one another. A stride has the index of the first point, the distance and the count.
fn strided_sums(points: &[Point], strides: impl Iterator<Item = (usize, usize, usize)>) -> Vec<Point> {
    let mut tree = Tree::default();
    for (first, distance, count) in strides {
        let start = tree.points.len();
        let run = points[first..].iter().step_by(distance).take(count);
        // Infinity has no slope, and would make the batch slow.
        tree.points.extend(run.filter(|point| !point.is_infinity()));
        if tree.points.len() == start {
            tree.points.push(Point::INFINITY);
        }
        tree.runs.push(tree.points.len() - start);
    }
    tree.reduce();
    tree.points
}

/// Sums the first point, twice the second, three times the third and so on. Each point is once in every partial sum
/// from the end that reaches it.
fn weighted_sum(points: &[Point]) -> G1 {
    let (mut running, mut sum) = (G1::identity(), G1::identity());
    for point in points.iter().rev() {
        running += G1Affine::from(*point);
        sum += running;
    }
    sum
}

/// Sums of runs of points, by rounds of pairwise additions.
#[derive(Default)]
struct Tree {
    points: Vec<Point>,
    /// Lengths of the runs, which follow one another.
    runs: Vec<usize>,
    /// Index of each pair's first point in a round, and that of its sum.
    pairs: Vec<(u32, u32)>,
    sums: Vec<Point>,
    adder: BatchAdder,
}

impl Tree {
    /// Adds up each run. Its sum is left as its only point.
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
            // An odd point at the run's end stays as it is.
            if *length % 2 == 1 {
                sums.push(points[start + *length - 1]);
            }
            start += *length;
            *length = length.div_ceil(2);
        }
        adder.add(pairs.len(), &mut Round { points, pairs, sums });
        std::mem::swap(points, sums);
    }
}

/// Pairs and sums of a round.
struct Round<'a> {
    points: &'a [Point],
    pairs: &'a [(u32, u32)],
    sums: &'a mut [Point],
}

impl Pairs for Round<'_> {
    #[inline(always)]
    fn pair(&self, index: usize) -> (&Point, &Point) {
        let from = self.pairs[index].0 as usize;
        (&self.points[from], &self.points[from + 1])
    }

    #[inline(always)]
    fn sum(&mut self, index: usize) -> &mut Point {
        &mut self.sums[self.pairs[index].1 as usize]
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
        for c in 2..=20 {
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

    /// Tables of one row, of one group of rows and of many, most of them empty, and buckets that are infinity.
    #[test]
    fn windows_are_sums_of_digits() {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let mut bases: Vec<G1Affine> = (0..300).map(|_| G1::random(&mut rng).to_affine()).collect();
        let mut scalars: Vec<Fr> = bases.iter().map(|_| Fr::random(&mut rng)).collect();
        // The same digits for all points, opposite points among them.
        scalars[200..].fill(Fr::random(&mut rng));
        for index in 200..230 {
            bases[index + 30] = -bases[index];
        }
        let (magnitudes, members): (Vec<Magnitude>, Vec<u32>) = (0..)
            .zip(&scalars)
            .map(|(index, scalar)| {
                let (magnitude, negative) = Magnitude::new(scalar);
                (magnitude, index << 1 | u32::from(negative))
            })
            .unzip();
        for c in [2, 3, 8, 9, 10, 13, 14, 17, 20] {
            for window in [0, 1, windows(253, c) - 1] {
                let digits = members.iter().zip(&magnitudes).map(|(member, magnitude)| {
                    let digit = magnitude.digit(window, c);
                    let value = Fr::from(u64::from(digit.unsigned_abs()));
                    if (digit < 0) ^ (member & 1 == 1) { -value } else { value }
                });
                let digits: Vec<Fr> = digits.collect();
                let sum = sum_window(&magnitudes, &bases, &members, window, c);
                assert_eq!(sum, plain(&digits, &bases), "c = {c}, window {window}");
            }
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

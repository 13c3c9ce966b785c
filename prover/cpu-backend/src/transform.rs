//! Evaluation of many polynomials on a coset at once: the number theoretic transform of a row-major matrix's columns.
//!
//! A matrix is far larger than the caches, so what counts is how often it is read and written: twice each here. With
//! n = n₁ n₂ coefficients aₖ, k = k₁ n₂ + k₂, the value at the point s ω^(j₁ + n₁ j₂) is
//! Σ over k₂ of bₖ₂ (s ω^j₁ ω₂^j₂)^k₂, where bₖ₂ is Σ over k₁ of aₖ (s^n₂ ω₁^j₁)^k₁, ω₁ and ω₂ being the roots of unity
//! of order n₁ and n₂ (Bailey, "FFTs in external or hierarchical memory", 1990). So first there are n₂ transforms of size
//! n₁, all on one coset, then n₁ transforms of size n₂, each on a coset of its own, which costs nothing: a coset's shift is
//! in the twiddle factors. A few columns at a time stay in the second-level cache from their reading to their writing.

use std::{marker::PhantomData, ops::Range};

use p3_field::{PackedValue, PrimeCharacteristicRing, TwoAdicField};
use p3_util::reverse_bits_len;
use rayon::prelude::*;

use crate::field::{F, LANES, P};

/// Vectors of a row that are transformed together.
const VECTORS: usize = 4;
/// The columns in them.
const COLUMNS: usize = VECTORS * LANES;

/// Evaluates the polynomials whose coefficients are the columns of `coefficients`, of `width` elements a row, on the
/// coset of `shift`, in the order of the generator's powers. The values at the point `i` are written to the row
/// `i * stride + first` of `out`. What is between is written to `work`, or to `coefficients` if there is none.
///
/// # Panics
/// If the number of rows is not a power of two, or the sizes don't fit together.
pub(crate) fn evaluate(
    coefficients: &mut [F],
    work: Option<&mut [F]>,
    width: usize,
    shift: F,
    out: &mut [F],
    [stride, first]: [usize; 2],
) {
    let len = coefficients.len();
    let log_height = (len / width).ilog2() as usize;
    assert_eq!(len, width << log_height, "the height is a power of two");
    assert!(out.len() == len * stride && first < stride, "the values fit");
    assert!(work.as_ref().is_none_or(|work| work.len() == len), "the coefficients fit");
    let (log_outer, log_inner) = (log_height / 2, log_height.div_ceil(2));
    let new_buffer = || F::zero_vec(COLUMNS << log_inner);

    let row = width << log_inner;
    let source = Matrix::new(coefficients, row);
    let target = work.map(|work| Matrix::new(work, row));
    let between = target.as_ref().unwrap_or(&source);
    let twiddles = Roots::new(log_outer).shifted(shift.exp_power_of_2(log_inner));
    (0..row.div_ceil(COLUMNS)).into_par_iter().for_each_init(new_buffer, |buffer, tile| {
        let columns = tile * COLUMNS..row.min((tile + 1) * COLUMNS);
        #[allow(unsafe_code)]
        // SAFETY: a task has its own columns of both matrices, and writes them after the last reading.
        let (read, write) = (
            |k| unsafe { &*source.part(k, columns.clone()) },
            |j, values: &[F]| unsafe { between.part(j, columns.clone()).copy_from_slice(values) },
        );
        transform_strip(buffer, &twiddles, columns.len(), read, write);
    });

    let out = Matrix::new(out, (width * stride) << log_outer);
    let omega = F::two_adic_generator(log_height);
    let roots = Roots::new(log_inner);
    (0..1usize << log_outer).into_par_iter().for_each_init(new_buffer, |buffer, j| {
        let twiddles = roots.shifted(shift * omega.exp_u64(j as u64));
        for start in (0..width).step_by(COLUMNS) {
            let columns = COLUMNS.min(width - start);
            let to = (j * stride + first) * width + start;
            #[allow(unsafe_code)]
            // SAFETY: nothing is written to the first matrix any more, and a task has its own columns of the other.
            let (read, write) = (
                |k| unsafe { &*between.part(j, k * width + start..k * width + start + columns) },
                |i, values: &[F]| unsafe { out.part(i, to..to + columns).copy_from_slice(values) },
            );
            transform_strip(buffer, &twiddles, columns, read, write);
        }
    });
}

/// A matrix of which tasks write different columns at the same time.
struct Matrix<'a> {
    data: *mut F,
    len: usize,
    width: usize,
    borrow: PhantomData<&'a mut [F]>,
}

#[allow(unsafe_code)]
// SAFETY: all that shared references give access to is behind the unsafe method.
unsafe impl Sync for Matrix<'_> {}

impl<'a> Matrix<'a> {
    fn new(values: &'a mut [F], width: usize) -> Self {
        Self { data: values.as_mut_ptr(), len: values.len(), width, borrow: PhantomData }
    }

    /// Some columns of a row.
    ///
    /// # Safety
    /// Nothing else may read or write the elements as long as the reference exists, unless both only read.
    ///
    /// # Panics
    /// If the matrix hasn't these elements.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    unsafe fn part(&self, row: usize, columns: Range<usize>) -> &'a mut [F] {
        let start = row * self.width + columns.start;
        assert!(columns.end <= self.width && start + columns.len() <= self.len);
        // SAFETY: this is a part of the slice that is borrowed, and the caller sees to the rest.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), columns.len()) }
    }
}

/// The powers of roots of unity that a transform of size 2^log_size has: ω^k, ω of order 2 m, at the place m + k, for k
/// below m and m from 1 to half the size.
struct Roots {
    log_size: usize,
    powers: Vec<F>,
}

impl Roots {
    fn new(log_size: usize) -> Self {
        let mut powers = vec![F::ONE; 1 << log_size];
        for log_half in 0..log_size {
            let half = 1 << log_half;
            let omega = F::two_adic_generator(log_half + 1);
            powers[half..2 * half].iter_mut().zip(omega.powers()).for_each(|(to, power)| *to = power);
        }
        Self { log_size, powers }
    }

    /// The twiddle factors of the transform on the coset of `shift`: polynomials of size 2 m are evaluated at the points
    /// shift^(size / 2 m) ω^k.
    fn shifted(&self, mut shift: F) -> Vec<F> {
        let mut powers = self.powers.clone();
        for log_half in (0..self.log_size).rev() {
            let powers = &mut powers[1 << log_half..2 << log_half];
            let (vectors, rest) = P::pack_slice_with_suffix_mut(powers);
            vectors.iter_mut().for_each(|power| *power *= P::from(shift));
            rest.iter_mut().for_each(|power| *power *= shift);
            shift = shift.square();
        }
        powers
    }
}

/// Transforms a few columns in `buffer`: `read` gives their coefficients and `write` takes their values, row by row.
fn transform_strip<'a>(
    buffer: &mut [F],
    twiddles: &[F],
    columns: usize,
    read: impl Fn(usize) -> &'a [F],
    write: impl Fn(usize, &[F]),
) {
    let (size, vectors) = (twiddles.len(), columns.div_ceil(LANES));
    let buffer = &mut buffer[..size * vectors * LANES];
    for (place, row) in buffer.chunks_exact_mut(vectors * LANES).enumerate() {
        row[..columns].copy_from_slice(read(reverse_bits_len(place, size.ilog2() as usize)));
    }
    let packed = P::pack_slice_mut(buffer);
    match vectors {
        1 => transform::<1>(packed.as_chunks_mut().0, twiddles),
        2 => transform::<2>(packed.as_chunks_mut().0, twiddles),
        3 => transform::<3>(packed.as_chunks_mut().0, twiddles),
        _ => transform::<VECTORS>(packed.as_chunks_mut().0, twiddles),
    }
    for (index, row) in buffer.chunks_exact(vectors * LANES).enumerate() {
        write(index, &row[..columns]);
    }
}

/// Coefficients in bit-reversed order to values, two layers at a time.
fn transform<const N: usize>(rows: &mut [[P; N]], twiddles: &[F]) {
    let size = rows.len();
    if size == 2 {
        let [low, high] = [rows[0], rows[1]];
        let twiddle = P::from(twiddles[1]);
        for vector in 0..N {
            let product = high[vector] * twiddle;
            (rows[0][vector], rows[1][vector]) = (low[vector] + product, low[vector] - product);
        }
        return;
    }
    if size < 2 {
        return;
    }
    let quarter = size / 4;
    rows.chunks_exact_mut(quarter).for_each(|rows| transform(rows, twiddles));
    let (low, high) = rows.split_at_mut(2 * quarter);
    let ((a, b), (c, d)) = (low.split_at_mut(quarter), high.split_at_mut(quarter));
    let first = &twiddles[quarter..2 * quarter];
    let (second, third) = twiddles[2 * quarter..4 * quarter].split_at(quarter);
    let rows = a.iter_mut().zip(b).zip(c.iter_mut().zip(d));
    for (((a, b), (c, d)), ((&first, &second), &third)) in rows.zip(first.iter().zip(second).zip(third)) {
        let [first, second, third] = [first, second, third].map(P::from);
        for vector in 0..N {
            let (b1, d1) = (b[vector] * first, d[vector] * first);
            let (a1, b1) = (a[vector] + b1, a[vector] - b1);
            let (c1, d1) = ((c[vector] + d1) * second, (c[vector] - d1) * third);
            (a[vector], c[vector]) = (a1 + c1, a1 - c1);
            (b[vector], d[vector]) = (b1 + d1, b1 - d1);
        }
    }
}

#[cfg(test)]
mod tests {
    use p3_dft::{NaiveDft, TwoAdicSubgroupDft};
    use p3_matrix::dense::RowMajorMatrix;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn evaluates_as_the_definition_says() {
        let mut rng = StdRng::seed_from_u64(0);
        for (log_height, width) in
            (0..=6).flat_map(|log_height| [1, 4, 17, 64, 85].map(|width| (log_height, width)))
        {
            let height = 1usize << log_height;
            let mut coefficients: Vec<F> = (0..height * width).map(|_| rng.random()).collect();
            let shift = rng.random();
            let matrix = RowMajorMatrix::new(coefficients.clone(), width);
            let expected = NaiveDft.coset_dft_batch(matrix, shift).values;
            let mut work = vec![F::ZERO; height * width];
            let mut out = vec![F::ZERO; 3 * height * width];
            evaluate(&mut coefficients, Some(&mut work), width, shift, &mut out, [3, 1]);
            evaluate(&mut coefficients, None, width, shift, &mut out, [3, 2]);
            for (rows, expected) in out.chunks_exact(3 * width).zip(expected.chunks_exact(width)) {
                assert!(rows[..width].iter().all(|value| *value == F::ZERO));
                assert_eq!(&rows[width..2 * width], expected);
                assert_eq!(&rows[2 * width..], expected);
            }
        }
    }
}

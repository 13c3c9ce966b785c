//! Evaluation of many polynomials on a coset `s ⟨ω⟩`: number theoretic transforms of the columns of a row-major matrix.
//!
//! Let n = n₁ n₂ be the number of coefficients aₖ, with k = k₁ n₂ + k₂, and let ω₁ and ω₂ be the roots of unity of
//! order n₁ and n₂. The value at the point s ω^(j₁ + n₁ j₂) is (Bailey, "FFTs in external or hierarchical memory",
//! 1990)
//!
//!   Σ over k₂ of bₖ₂ (s ω^j₁ ω₂^j₂)^k₂, where bₖ₂ = Σ over k₁ of aₖ (s^n₂ ω₁^j₁)^k₁.
//!
//! So n₂ transforms of size n₁ come first, all on one coset. Then come n₁ transforms of size n₂, each on a coset of its
//! own. That costs nothing, because a coset's shift is part of the twiddle factors.
//!
//! A matrix is far larger than the caches, so the passes over memory count. It is read twice and written twice. A few
//! columns at a time stay in the second-level cache from their reading to their writing.

use std::{marker::PhantomData, ops::Range};

use p3_field::{PackedValue, PrimeCharacteristicRing, TwoAdicField};
use p3_util::reverse_bits_len;
use rayon::prelude::*;

use crate::field::{F, LANES, P};

/// Vectors of a row that are transformed together.
const VECTORS: usize = 4;
/// Columns in these vectors.
const COLUMNS: usize = VECTORS * LANES;

/// Evaluates polynomials on the coset `shift ⟨ω⟩`. Their coefficients are the columns of `coefficients`,
/// `[2^l rows × width columns, row-major]`, and ω generates the subgroup of order `2^l`.
///
/// The values at `shift ω^i` are written to row `i * stride + first` of `out`, `[2^l stride rows × width columns]`. The
/// intermediate matrix is written to `work`, or over `coefficients` if that is `None`.
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
    let source = SharedMatrix::new(coefficients, row);
    let target = work.map(|work| SharedMatrix::new(work, row));
    let between = target.as_ref().unwrap_or(&source);
    let twiddles = Twiddles::new(log_outer).shifted(shift.exp_power_of_2(log_inner));
    (0..row.div_ceil(COLUMNS)).into_par_iter().for_each_init(new_buffer, |buffer, tile| {
        let columns = tile * COLUMNS..row.min((tile + 1) * COLUMNS);
        #[expect(unsafe_code, reason = "tasks share the matrices, column by column")]
        // SAFETY: a task has its own columns of both matrices, and writes them after it has read them for the last
        // time.
        let (read, write) = (
            |k| unsafe { &*source.part(k, columns.clone()) },
            |j, values: &[F]| unsafe { between.part(j, columns.clone()).copy_from_slice(values) },
        );
        transform_strip(buffer, &twiddles, columns.len(), read, write);
    });

    let out = SharedMatrix::new(out, (width * stride) << log_outer);
    let omega = F::two_adic_generator(log_height);
    let inner = Twiddles::new(log_inner);
    (0..1usize << log_outer).into_par_iter().for_each_init(new_buffer, |buffer, j| {
        let twiddles = inner.shifted(shift * omega.exp_u64(j as u64));
        for start in (0..width).step_by(COLUMNS) {
            let columns = COLUMNS.min(width - start);
            let to = (j * stride + first) * width + start;
            #[expect(unsafe_code, reason = "tasks share the matrices, row by row")]
            // SAFETY: the matrix that is read is no longer written, and a task has its own elements of the other one.
            let (read, write) = (
                |k| unsafe { &*between.part(j, k * width + start..k * width + start + columns) },
                |i, values: &[F]| unsafe { out.part(i, to..to + columns).copy_from_slice(values) },
            );
            transform_strip(buffer, &twiddles, columns, read, write);
        }
    });
}

/// A row-major matrix whose elements different tasks read and write at the same time, each task its own.
struct SharedMatrix<'a> {
    data: *mut F,
    len: usize,
    width: usize,
    borrow: PhantomData<&'a mut [F]>,
}

#[expect(unsafe_code, reason = "tasks share the matrix")]
// SAFETY: shared references give access to the elements through an unsafe method only.
unsafe impl Sync for SharedMatrix<'_> {}

impl<'a> SharedMatrix<'a> {
    fn new(values: &'a mut [F], width: usize) -> Self {
        Self { data: values.as_mut_ptr(), len: values.len(), width, borrow: PhantomData }
    }

    /// The given columns of a row.
    ///
    /// # Safety
    /// While the reference exists, nothing else may write the elements, nor read them unless the caller only reads.
    ///
    /// # Panics
    /// If the matrix has no such elements.
    #[expect(unsafe_code, reason = "the caller keeps the tasks' elements apart")]
    unsafe fn part(&self, row: usize, columns: Range<usize>) -> &'a mut [F] {
        let start = row * self.width + columns.start;
        assert!(columns.end <= self.width && start + columns.len() <= self.len);
        // SAFETY: the range is part of the borrowed slice, and the caller guarantees exclusive access.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), columns.len()) }
    }
}

/// Twiddle factors of a transform of size `2^log_size`: for each power of two m below the size, ω^k at index m + k,
/// where k is below m and ω has order 2 m.
struct Twiddles {
    log_size: usize,
    powers: Vec<F>,
}

impl Twiddles {
    fn new(log_size: usize) -> Self {
        let mut powers = vec![F::ONE; 1 << log_size];
        for log_half in 0..log_size {
            let half = 1 << log_half;
            let omega = F::two_adic_generator(log_half + 1);
            powers[half..2 * half].iter_mut().zip(omega.powers()).for_each(|(to, power)| *to = power);
        }
        Self { log_size, powers }
    }

    /// Twiddle factors of the transform on the coset of `shift`: polynomials with 2 m coefficients are evaluated at the
    /// points shift^(size / 2 m) ω^k.
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

/// Transforms `columns` columns, at most [`COLUMNS`], in `buffer`. `read` returns their coefficients and `write` takes
/// their values, row by row.
fn transform_strip<'a>(
    buffer: &mut [F],
    twiddles: &[F],
    columns: usize,
    read: impl Fn(usize) -> &'a [F],
    write: impl Fn(usize, &[F]),
) {
    let (size, vectors) = (twiddles.len(), columns.div_ceil(LANES));
    let buffer = &mut buffer[..size * vectors * LANES];
    for (index, row) in buffer.chunks_exact_mut(vectors * LANES).enumerate() {
        row[..columns].copy_from_slice(read(reverse_bits_len(index, size.ilog2() as usize)));
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

/// Transforms coefficients in bit-reversed order to values, two layers at a time. A row holds N vectors.
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
    fn evaluates_as_the_naive_transform() {
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

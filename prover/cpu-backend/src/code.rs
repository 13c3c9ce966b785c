//! The code: from stacked columns to its message, and from a message to the codeword.

use openvm_stark_backend::prover::{ColMajorMatrix, MatrixDimensions};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::dense::RowMajorMatrix;
use p3_util::reverse_bits_len;
use rayon::prelude::*;
use tracing::instrument;

use crate::{
    field::{F, LANES, P, transpose},
    fourier::SmallFourier,
    transform::evaluate,
};

/// The code's message of every column, row-major: block by block of 2^l_skip rows, the coefficients of the polynomial
/// with these values on the group, taken as those of a multilinear polynomial and evaluated on the hypercube.
#[instrument(level = "debug", skip_all)]
pub(crate) fn message(l_skip: usize, matrix: &ColMajorMatrix<F>) -> RowMajorMatrix<F> {
    let (height, width, size) = (matrix.height(), matrix.width(), 1usize << l_skip);
    let fourier = SmallFourier::new(l_skip);
    let scale = P::from(F::from_usize(size).inverse());
    let mut out = F::zero_vec(height * width);
    out.par_chunks_exact_mut((size * width).max(1)).enumerate().for_each_init(
        || vec![P::ZERO; size],
        |block, (index, rows)| {
            let first = index * size;
            for column in (0..width).step_by(LANES) {
                let lanes = LANES.min(width - column);
                let columns: [&[F]; LANES] = std::array::from_fn(|lane| {
                    &matrix.column(column + lane.min(lanes - 1))[first..first + size]
                });
                let (squares, rest) = block.as_chunks_mut::<LANES>();
                for (square, part) in
                    squares.iter_mut().enumerate().map(|(part, square)| (square, part * LANES))
                {
                    *square = columns.map(|column| *P::from_slice(&column[part..part + LANES]));
                    transpose(square);
                }
                for (z, value) in (size - rest.len()..).zip(rest) {
                    *value = P::from_fn(|lane| columns[lane][z]);
                }
                fourier.interpolate(block);
                // The sum over all subsets of a variable's set doesn't mind that the variables are in reverse order.
                for variable in 0..l_skip {
                    for pair in block.chunks_exact_mut(2 << variable) {
                        let (low, high) = pair.split_at_mut(1 << variable);
                        high.iter_mut().zip(low).for_each(|(high, low)| *high += *low);
                    }
                }
                for (z, &value) in block.iter().enumerate() {
                    let row = reverse_bits_len(z, l_skip);
                    let value = value * scale;
                    rows[row * width + column..][..lanes].copy_from_slice(&value.as_slice()[..lanes]);
                }
            }
        },
    );
    RowMajorMatrix::new(out, width)
}

/// Evaluates polynomials, whose coefficients are the columns of `coefficients`, on the subgroup that is
/// `2^log_blowup` times as large, in the order of the generator's powers.
///
/// The coefficients above the given ones are zero, so that instead of one transform over mostly zeros there is one of
/// the given size for each coset of the small subgroup: row `i` of coset `w^c` is row `i 2^log_blowup + c`.
#[instrument(level = "debug", skip_all)]
pub(crate) fn codeword(coefficients: RowMajorMatrix<F>, log_blowup: usize) -> RowMajorMatrix<F> {
    let width = coefficients.width;
    let mut coefficients = coefficients.values;
    let blowup = 1 << log_blowup;
    let generator = F::two_adic_generator((coefficients.len() / width).ilog2() as usize + log_blowup);
    let mut out = F::zero_vec(coefficients.len() * blowup);
    // The last coset's transform overwrites the coefficients.
    let mut work = F::zero_vec(if blowup > 1 { coefficients.len() } else { 0 });
    for (coset, shift) in generator.powers().take(blowup).enumerate() {
        let work = (coset + 1 < blowup).then_some(work.as_mut_slice());
        evaluate(&mut coefficients, work, width, shift, &mut out, [blowup, coset]);
    }
    RowMajorMatrix::new(out, width)
}

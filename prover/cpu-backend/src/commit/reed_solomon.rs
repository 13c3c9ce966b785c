//! Reed-Solomon code: from stacked columns to messages, and from messages to codewords.
//!
//! A stacked column holds the values of a prismalinear polynomial `q(Z, X)` on `D × H_n_stack`. Its message is the
//! vector of coefficients of a univariate polynomial of degree below `2^(l_skip + n_stack)`. Its codeword has the
//! values of that polynomial on the subgroup that is `2^log_blowup` times as large.

use openvm_stark_backend::prover::{ColMajorMatrix, MatrixDimensions};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::dense::RowMajorMatrix;
use p3_util::reverse_bits_len;
use rayon::prelude::*;
use tracing::instrument;

use crate::{
    commit::coset_dft::evaluate,
    field::{F, LANES, P, small_dft::SmallDft, transpose},
};

/// Messages of all columns of `matrix`, `[2^l rows × width columns, column-major]`, with the same shape in row-major
/// order.
///
/// Each block of `2^l_skip` rows holds a polynomial's values on `D`. Its coefficients are taken as those of a
/// multilinear polynomial, and the block of the message holds the values of that on `H_l_skip` (OpenVM's
/// `eval_to_coeff_rs_message`).
#[instrument(level = "debug", skip_all)]
pub(crate) fn message(l_skip: usize, matrix: &ColMajorMatrix<F>) -> RowMajorMatrix<F> {
    let (height, width, size) = (matrix.height(), matrix.width(), 1usize << l_skip);
    let dft = SmallDft::new(l_skip);
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
                dft.interpolate(block);
                // Sums over subsets of the variables: the coefficients' bit-reversed order doesn't matter.
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

/// Codewords `[2^(l + log_blowup) rows × width columns, row-major]` of the messages `coefficients`, `[2^l rows × width
/// columns]`. Row `j` has the values at `w^j`, where `w` generates the subgroup of the result's height.
///
/// The higher coefficients are zero. So there is no transform over mostly zeros, but one of the messages' size for each
/// coset of the small subgroup: row `i` of coset `w^c` is row `i 2^log_blowup + c`.
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

//! Reed-Solomon codewords.

use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::F;
use p3_dft::{Radix2DitParallel, TwoAdicSubgroupDft};
use p3_field::{PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use rayon::prelude::*;
use tracing::instrument;

/// Evaluates polynomials, whose coefficients are the columns of `coefficients`, on the subgroup that is
/// `2^log_blowup` times as large, in the order of the generator's powers.
///
/// The coefficients above the given ones are zero, so that instead of one transform over mostly zeros there is one of
/// the given size for each coset of the small subgroup: row `i` of coset `w^c` is row `i 2^log_blowup + c`.
#[instrument(level = "debug", skip_all)]
pub(crate) fn codeword(coefficients: &RowMajorMatrix<F>, log_blowup: usize) -> RowMajorMatrix<F> {
    let (height, width) = (coefficients.height(), coefficients.width);
    let blowup = 1 << log_blowup;
    let generator = F::two_adic_generator(height.ilog2() as usize + log_blowup);
    let dft = Radix2DitParallel::default();
    let mut out = F::zero_vec(height * blowup * width);
    for (c, shift) in generator.powers().take(blowup).enumerate() {
        let coset = dft.coset_dft_batch(coefficients.clone(), shift);
        out.par_chunks_exact_mut(blowup * width).enumerate().for_each(|(i, rows)| {
            // The row exists, because the transform keeps the height.
            if let Some(row) = coset.row_slice(i) {
                rows[c * width..][..width].copy_from_slice(&row);
            }
        });
    }
    RowMajorMatrix::new(out, width)
}

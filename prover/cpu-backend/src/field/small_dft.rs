//! Transforms over the skip domain `D` of order `2^l_skip`. A vector holds the same element of `LANES` columns, which
//! are transformed at once.

use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField};

use crate::field::{F, P};

/// Transforms over the subgroup of order `2^log_size`.
pub(crate) struct SmallDft {
    log_size: usize,
    /// `ω^k` for `k` below half the size.
    twiddles: Vec<F>,
    /// `ω^-k` for `k` below half the size.
    inverse_twiddles: Vec<F>,
}

impl SmallDft {
    pub(crate) fn new(log_size: usize) -> Self {
        let omega = F::two_adic_generator(log_size);
        let powers = |base: F| base.powers().take((1usize << log_size) / 2).collect();
        Self { log_size, twiddles: powers(omega), inverse_twiddles: powers(omega.inverse()) }
    }

    /// Transforms values on the subgroup to coefficients in bit-reversed order, multiplied by the subgroup's order.
    #[inline]
    pub(crate) fn interpolate(&self, values: &mut [P]) {
        for layer in (0..self.log_size).rev() {
            let half = 1 << layer;
            let stride = values.len() / (2 * half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (low, high)) in low.iter_mut().zip(high).enumerate() {
                    let (a, b) = (*low, *high);
                    *low = a + b;
                    *high = (a - b) * P::from(self.inverse_twiddles[k * stride]);
                }
            }
        }
    }

    /// Transforms coefficients in bit-reversed order to values on the subgroup.
    #[inline]
    pub(crate) fn evaluate(&self, values: &mut [P]) {
        for layer in 0..self.log_size {
            let half = 1 << layer;
            let stride = values.len() / (2 * half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (low, high)) in low.iter_mut().zip(high).enumerate() {
                    let (a, b) = (*low, *high * P::from(self.twiddles[k * stride]));
                    *low = a + b;
                    *high = a - b;
                }
            }
        }
    }
}

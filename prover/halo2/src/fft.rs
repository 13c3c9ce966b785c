//! Fourier transforms over the multiplicative subgroup of order n = 2^k of BN254's scalar field.
//!
//! The transform is Bailey's: the n values are a matrix of R rows and C columns, R C = n, and with the input
//! index i1 C + i2 and the output index j2 R + j1
//!
//!   w^((i1 C + i2)(j2 R + j1)) = (w^C)^(i1 j1) · w^(i2 j1) · (w^R)^(i2 j2),
//!
//! so it is C transforms of size R, a product with w^(i2 j1), R transforms of size C and a transposition. A small
//! transform fits the cache, the twiddles of the small sizes are all that is stored, and each pass reads
//! columns in groups, so that memory is read and written in whole cache lines.

use std::{mem, sync::Mutex};

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rayon::prelude::*;

/// Columns that a task gathers together: eight elements are four cache lines.
const GROUP: usize = 8;
/// Up to this size, one small transform does it all.
const SMALL_K: u32 = 10;

/// The subgroup of order 2^k with what its transforms need.
#[derive(Debug)]
pub(crate) struct Fft {
    k: u32,
    omega: Fr,
    omega_inv: Fr,
    n_inv: Fr,
    forward: [Small; 2],
    inverse: [Small; 2],
    /// Powers w^0 … w^(2^low - 1), and w^0, w^(2^low), …: two factors of any power of w.
    low: Vec<Fr>,
    high: Vec<Fr>,
    scratch: Mutex<Vec<Fr>>,
}

/// Transform of a size that fits the cache.
#[derive(Debug)]
struct Small {
    k: u32,
    /// For each level with butterflies of distance h, its h twiddles, at index h.
    twiddles: Vec<Fr>,
}

/// base^0, base^1, ….
fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * base)).take(count).collect()
}

fn reverse_bits(index: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { index.reverse_bits() >> (usize::BITS - bits) }
}

impl Small {
    fn new(k: u32, root: Fr) -> Self {
        let size = 1usize << k;
        let half = powers(root, size / 2);
        let mut twiddles = vec![Fr::ONE; size];
        let mut distance = 1;
        while distance < size {
            let stride = size / (2 * distance);
            for j in 0..distance {
                twiddles[distance + j] = half[j * stride];
            }
            distance *= 2;
        }
        Self { k, twiddles }
    }

    /// Transforms a row whose values lie in bit-reversed order.
    fn transform(&self, row: &mut [Fr]) {
        let size = row.len();
        debug_assert_eq!(size, 1 << self.k);
        let mut distance = 1;
        // Two levels at a time: half the passes over the row.
        while 4 * distance <= size {
            let near = &self.twiddles[distance..2 * distance];
            let far = &self.twiddles[2 * distance..4 * distance];
            for block in row.chunks_exact_mut(4 * distance) {
                let (lower, upper) = block.split_at_mut(2 * distance);
                let (a, b) = lower.split_at_mut(distance);
                let (c, d) = upper.split_at_mut(distance);
                for j in 0..distance {
                    let (b1, d1) =
                        if distance == 1 { (b[j], d[j]) } else { (b[j] * near[j], d[j] * near[j]) };
                    let (a0, b0) = (a[j] + b1, a[j] - b1);
                    let (c0, d0) = (c[j] + d1, c[j] - d1);
                    let c1 = if j == 0 { c0 } else { c0 * far[j] };
                    let d1 = d0 * far[distance + j];
                    a[j] = a0 + c1;
                    c[j] = a0 - c1;
                    b[j] = b0 + d1;
                    d[j] = b0 - d1;
                }
            }
            distance *= 4;
        }
        if 2 * distance <= size {
            let near = &self.twiddles[distance..2 * distance];
            for block in row.chunks_exact_mut(2 * distance) {
                let (a, b) = block.split_at_mut(distance);
                for ((a, b), twiddle) in a.iter_mut().zip(b).zip(near) {
                    let product = *b * twiddle;
                    (*a, *b) = (*a + product, *a - product);
                }
            }
        }
    }
}

impl Fft {
    /// The subgroup of order 2^k, k at most 28.
    pub(crate) fn new(k: u32) -> Self {
        debug_assert!(k <= Fr::S);
        let root = |k: u32, mut root: Fr| {
            for _ in k..Fr::S {
                root = root.square();
            }
            root
        };
        let (omega, omega_inv) = (root(k, Fr::ROOT_OF_UNITY), root(k, Fr::ROOT_OF_UNITY_INV));
        // R is 2^sizes[0], C is 2^sizes[1].
        let sizes = if k <= SMALL_K { [k, 0] } else { [k - k / 2, k / 2] };
        let low = k / 2;
        Self {
            k,
            omega,
            omega_inv,
            n_inv: Fr::TWO_INV.pow_vartime([u64::from(k)]),
            forward: sizes.map(|size| Small::new(size, root(size, Fr::ROOT_OF_UNITY))),
            inverse: sizes.map(|size| Small::new(size, root(size, Fr::ROOT_OF_UNITY_INV))),
            low: powers(omega, 1 << low),
            high: powers(omega.pow_vartime([1u64 << low]), 1 << (k - low)),
            scratch: Mutex::new(Vec::new()),
        }
    }

    /// n.
    pub(crate) fn len(&self) -> usize {
        1 << self.k
    }

    /// w^exponent for an exponent below n.
    pub(crate) fn root_power(&self, exponent: usize) -> Fr {
        let low = self.low.len();
        self.high[exponent / low] * self.low[exponent % low]
    }

    /// w^rotation.
    pub(crate) fn rotation(&self, rotation: i32) -> Fr {
        let base = if rotation < 0 { self.omega_inv } else { self.omega };
        base.pow_vartime([u64::from(rotation.unsigned_abs())])
    }

    /// From coefficients to the values at shift · w^0, shift · w^1, ….
    pub(crate) fn to_coset(&self, values: &mut Vec<Fr>, shift: Fr) {
        self.transform(values, &self.forward, self.omega, shift, None);
    }

    /// From values at the powers of w to coefficients.
    pub(crate) fn to_coefficients(&self, values: &mut Vec<Fr>) {
        self.transform(values, &self.inverse, self.omega_inv, Fr::ONE, Some((self.n_inv, Fr::ONE)));
    }

    /// From values at shift · w^0, shift · w^1, … to coefficients; takes the shift's inverse.
    pub(crate) fn coset_to_coefficients(&self, values: &mut Vec<Fr>, shift_inv: Fr) {
        self.transform(values, &self.inverse, self.omega_inv, Fr::ONE, Some((self.n_inv, shift_inv)));
    }

    /// The transform of values[i] shift^i; then, with `scale` (factor, base), entry j times factor · base^j.
    fn transform(
        &self,
        values: &mut Vec<Fr>,
        small: &[Small; 2],
        omega: Fr,
        shift: Fr,
        scale: Option<(Fr, Fr)>,
    ) {
        assert_eq!(values.len(), self.len(), "the domain's size");
        let (log_rows, log_columns) = (small[0].k, small[1].k);
        let (rows, columns) = (1usize << log_rows, 1usize << log_columns);
        let group = GROUP.min(columns);
        let mut scratch = mem::take(&mut *self.scratch.lock().unwrap_or_else(|lock| lock.into_inner()));
        scratch.resize(values.len(), Fr::ZERO);

        // C transforms of size R, of the columns; the shift's powers of the row index before, those of the
        // column index with the twiddles after.
        let row_shifts = powers(shift.pow_vartime([columns as u64]), rows);
        let source = &*values;
        scratch.par_chunks_mut(group * rows).enumerate().for_each(|(index, target)| {
            let first = index * group;
            for (i1, row_shift) in row_shifts.iter().enumerate() {
                let at = reverse_bits(i1, log_rows);
                let cells = &source[i1 * columns + first..][..group];
                if shift == Fr::ONE {
                    cells.iter().enumerate().for_each(|(c, cell)| target[c * rows + at] = *cell);
                } else {
                    cells.iter().enumerate().for_each(|(c, cell)| target[c * rows + at] = *cell * row_shift);
                }
            }
            for (c, row) in target.chunks_exact_mut(rows).enumerate() {
                small[0].transform(row);
                let i2 = (first + c) as u64;
                let step = omega.pow_vartime([i2]);
                let mut twiddle = shift.pow_vartime([i2]);
                if i2 > 0 {
                    for value in row {
                        *value *= twiddle;
                        twiddle *= step;
                    }
                }
            }
        });

        // R transforms of size C.
        let group = GROUP.min(rows);
        values.par_chunks_mut(group * columns).enumerate().for_each(|(index, target)| {
            let first = index * group;
            for i2 in 0..columns {
                let at = reverse_bits(i2, log_columns);
                let cells = &scratch[i2 * rows + first..][..group];
                cells.iter().enumerate().for_each(|(c, cell)| target[c * columns + at] = *cell);
            }
            target.chunks_exact_mut(columns).for_each(|row| small[1].transform(row));
        });

        // The transposition.
        let group = GROUP.min(columns);
        let source = &*values;
        scratch.par_chunks_mut(group * rows).enumerate().for_each(|(index, target)| {
            let first = index * group;
            for j1 in 0..rows {
                let cells = &source[j1 * columns + first..][..group];
                cells.iter().enumerate().for_each(|(c, cell)| target[c * rows + j1] = *cell);
            }
            if let Some((factor, base)) = scale {
                if base == Fr::ONE {
                    target.iter_mut().for_each(|value| *value *= factor);
                } else {
                    let mut factor = factor * base.pow_vartime([(first * rows) as u64]);
                    for value in target {
                        *value *= factor;
                        factor *= base;
                    }
                }
            }
        });
        mem::swap(values, &mut scratch);
        *self.scratch.lock().unwrap_or_else(|lock| lock.into_inner()) = scratch;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::eval_polynomial;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn transforms_evaluate_and_interpolate() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for k in 1..=15 {
            let fft = Fft::new(k);
            let coefficients: Vec<Fr> = (0..fft.len()).map(|_| Fr::random(&mut rng)).collect();
            let shift = Fr::random(&mut rng);
            let mut values = coefficients.clone();
            fft.to_coset(&mut values, shift);
            let mut plain = coefficients.clone();
            fft.to_coset(&mut plain, Fr::ONE);
            // Every point of the small sizes, some of the large ones.
            for j in (0..fft.len()).step_by((fft.len() / 16).max(1)).chain([fft.len() - 1]) {
                let point = fft.root_power(j);
                assert_eq!(point, fft.rotation(j as i32));
                assert_eq!(values[j], eval_polynomial(&coefficients, shift * point), "k {k}, value {j}");
                assert_eq!(plain[j], eval_polynomial(&coefficients, point), "k {k}, value {j}");
            }
            fft.coset_to_coefficients(&mut values, shift.invert().unwrap());
            assert_eq!(values, coefficients, "k {k}");
            fft.to_coefficients(&mut plain);
            assert_eq!(plain, coefficients, "k {k}");
        }
    }

    #[test]
    fn negative_rotations_are_inverse() {
        let fft = Fft::new(12);
        assert_eq!(fft.rotation(-3) * fft.rotation(3), Fr::ONE);
        assert_eq!(fft.rotation(-3), fft.root_power(fft.len() - 3));
    }
}

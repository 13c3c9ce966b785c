//! Fourier transforms over the multiplicative subgroup of order n = 2^k of BN254's scalar field.
//!
//! The transform is Bailey's. The n values are a matrix of R rows and C columns, R C = n. With the input index i1 C +
//! i2 and the output index j2 R + j1,
//!
//!   w^((i1 C + i2)(j2 R + j1)) = (w^C)^(i1 j1) · w^(i2 j1) · (w^R)^(i2 j2).
//!
//! So it is C transforms of size R, a product with w^(i2 j1), R transforms of size C, and a transposition. A small
//! transform fits the cache, and only the twiddles of the small sizes are stored. The lanes of a kernel ([`Lanes`]) run
//! small transforms side by side, so that memory is read and written in whole cache lines.

use std::{fmt::Debug, mem, sync::Mutex};

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rayon::prelude::*;
use zeno_bn254::{KernelDispatch, KernelTask, Lanes, MAX_LANES, with_best_kernel};

/// Least k of the matrix transform. Below, it has no room for the lanes, and values are computed one by one.
const MIN_K: u32 = 2 * MAX_LANES.ilog2();
/// Values of a row that fit the second-level cache (160 bytes for four elements). Their levels come first.
const LOCAL: usize = 1 << 10;
/// Rows of the result that a task of the transposition writes.
const GROUP: usize = 8;

/// Subgroup of order 2^k, with the tables of its transforms.
#[derive(Debug)]
pub(crate) struct Fft {
    k: u32,
    omega: Fr,
    omega_inv: Fr,
    n_inv: Fr,
    kernel: Box<dyn Kernel>,
    /// Powers w^0, w^1, …, as many as `low` holds. Any power of w is a product of one of these and one of `high`.
    low: Vec<Fr>,
    /// Powers w^0, w^m, w^2m, … for the length m of `low`.
    high: Vec<Fr>,
    scratch: Mutex<Vec<Fr>>,
}

/// Transforms in a kernel's lanes, with its tables.
trait Kernel: Debug + Send + Sync {
    /// Writes the transform of values[i] shift^i to `scratch`. With `scale` (factor, base), entry j is also multiplied
    /// by factor · base^j. Afterwards `values` holds no result.
    fn transform(
        &self,
        values: &mut [Fr],
        scratch: &mut [Fr],
        omega: Fr,
        inverse: bool,
        shift: Fr,
        scale: Option<(Fr, Fr)>,
    );
}

/// Builder of a kernel's tables for size 2^k.
struct NewKernel {
    k: u32,
}

impl KernelDispatch for NewKernel {
    type Output = Box<dyn Kernel>;

    fn with<L: Lanes>(self) -> Self::Output {
        Box::new(Tables::<L>::new(self.k))
    }
}

/// Transforms of size R and of size C, for both directions.
#[derive(Debug)]
struct Tables<L: Lanes> {
    forward: [SmallFft<L>; 2],
    inverse: [SmallFft<L>; 2],
}

/// Transform of a size that fits the cache.
#[derive(Debug)]
struct SmallFft<L: Lanes> {
    /// Twiddles: the h of each level with butterflies of distance h, from index h on.
    twiddles: Vec<Fr>,
    factors: Vec<L::Factor>,
    /// Flag: the first twiddle is 1.
    plain: bool,
}

/// Powers base^0, base^1, ….
fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * base)).take(count).collect()
}

/// Reverses the lowest bits of an index.
fn reverse_bits(index: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { index.reverse_bits() >> (usize::BITS - bits) }
}

/// Root of unity of order 2^k, from one of order 2^28.
fn root(k: u32, root: Fr) -> Fr {
    (k..Fr::S).fold(root, |root, _| root.square())
}

impl<L: Lanes> Tables<L> {
    fn new(k: u32) -> Self {
        let smalls = |of: Fr| [k - k / 2, k / 2].map(|size| SmallFft::new(size, root(size, of)));
        Self { forward: smalls(Fr::ROOT_OF_UNITY), inverse: smalls(Fr::ROOT_OF_UNITY_INV) }
    }
}

impl<L: Lanes> SmallFft<L> {
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
        Self { factors: twiddles.iter().copied().map(L::factor).collect(), twiddles, plain: true }
    }

    /// Returns the same transform with value i multiplied by shift^i before it: the twiddles include that factor. A level with
    /// butterflies of distance h joins the values at even and at odd indices of a polynomial in X^(size / 2h).
    fn shifted(&self, mut shift: Fr) -> Self {
        let mut twiddles = self.twiddles.clone();
        for level in (0..twiddles.len().ilog2()).rev() {
            let distance = 1 << level;
            twiddles[distance..2 * distance].iter_mut().for_each(|twiddle| *twiddle *= shift);
            shift = shift.square();
        }
        Self { factors: twiddles.iter().copied().map(L::factor).collect(), twiddles, plain: false }
    }

    /// Transforms rows with values in bit-reversed order.
    #[inline(always)]
    fn transform(&self, row: &mut [L]) {
        let local = row.len().min(LOCAL);
        // No closures here: they would not be compiled with the kernel's instructions.
        for row in row.chunks_exact_mut(local) {
            self.levels(row, 1);
        }
        self.levels(row, local);
    }

    /// Runs the levels from those of this distance on, two at a time, which halves the passes over the row.
    #[inline(always)]
    fn levels(&self, row: &mut [L], mut distance: usize) {
        if distance == 1 && self.plain && row.len() >= 4 {
            let further = &self.factors[3];
            for block in row.chunks_exact_mut(4) {
                let [a, b, c, d] = [0, 1, 2, 3].map(|i: usize| block[i].settle());
                let (a0, b0) = (a.add(b), a.sub(b));
                let (c0, d0) = (c.add(d).settle(), c.sub(d).scale(further));
                block[0] = a0.add(c0);
                block[1] = b0.add(d0);
                block[2] = a0.sub(c0);
                block[3] = b0.sub(d0);
            }
            distance = 4;
        }
        while 4 * distance <= row.len() {
            let near = &self.factors[distance..2 * distance];
            let (far, further) = self.factors[2 * distance..4 * distance].split_at(distance);
            for block in row.chunks_exact_mut(4 * distance) {
                let (lower, upper) = block.split_at_mut(2 * distance);
                let (a, b) = lower.split_at_mut(distance);
                let (c, d) = upper.split_at_mut(distance);
                for j in 0..distance {
                    let (b1, d1) = (b[j].scale(&near[j]), d[j].scale(&near[j]));
                    let (a1, c1) = (a[j].settle(), c[j].settle());
                    let (a0, b0) = (a1.add(b1), a1.sub(b1));
                    let (c0, d0) = (c1.add(d1).scale(&far[j]), c1.sub(d1).scale(&further[j]));
                    a[j] = a0.add(c0);
                    b[j] = b0.add(d0);
                    c[j] = a0.sub(c0);
                    d[j] = b0.sub(d0);
                }
            }
            distance *= 4;
        }
        if 2 * distance <= row.len() {
            let near = &self.factors[distance..2 * distance];
            for block in row.chunks_exact_mut(2 * distance) {
                let (a, b) = block.split_at_mut(distance);
                for ((a, b), near) in a.iter_mut().zip(b).zip(near) {
                    let (settled, product) = (a.settle(), b.scale(near));
                    (*a, *b) = (settled.add(product), settled.sub(product));
                }
            }
        }
    }
}

/// Values factor · base^first, factor · base^(first + 1), ….
fn lane_powers(base: Fr, first: usize, factor: Fr) -> [Fr; MAX_LANES] {
    let mut power = factor * base.pow_vartime([first as u64]);
    std::array::from_fn(|_| {
        let next = power * base;
        mem::replace(&mut power, next)
    })
}

/// Task for the columns from `first`, one per lane: transforms them and multiplies them by w^(i2 j1) shift^i2.
struct ColumnPass<'a, L: Lanes> {
    small: &'a SmallFft<L>,
    source: &'a [Fr],
    omega: Fr,
    shift: Fr,
    first: usize,
    /// Memory of the columns, one after another.
    target: &'a mut [Fr],
    row: &'a mut Vec<L>,
}

impl<L: Lanes> KernelTask for ColumnPass<'_, L> {
    #[inline(always)]
    fn run(self) {
        let rows = self.target.len() / L::LANES;
        let columns = self.source.len() / rows;
        let row = self.row;
        row.clear();
        row.extend((0..rows).map(|at| {
            let i1 = reverse_bits(at, rows.ilog2());
            L::load(&self.source[i1 * columns + self.first..])
        }));
        self.small.transform(row);
        let steps = L::factors(&lane_powers(self.omega, self.first, Fr::ONE));
        let mut twiddles = L::factors(&lane_powers(self.shift, self.first, Fr::ONE));
        let mut values = [Fr::ZERO; MAX_LANES];
        for (j1, cell) in row.iter().enumerate() {
            cell.mul(twiddles).store(&mut values);
            twiddles = twiddles.mul(steps).settle();
            for (lane, value) in values.into_iter().take(L::LANES).enumerate() {
                self.target[lane * rows + j1] = value;
            }
        }
    }
}

/// Task for the rows from `first`, one per lane: transforms them. With `scale` (factor, base), entry j2 R + j1 of the
/// result is also multiplied by factor · base^(j2 R + j1).
struct RowPass<'a, L: Lanes> {
    small: &'a SmallFft<L>,
    source: &'a [Fr],
    scale: Option<(Fr, Fr)>,
    first: usize,
    /// Memory of the rows' values, side by side.
    target: &'a mut [Fr],
    row: &'a mut Vec<L>,
}

impl<L: Lanes> KernelTask for RowPass<'_, L> {
    #[inline(always)]
    fn run(self) {
        let columns = self.target.len() / L::LANES;
        let rows = self.source.len() / columns;
        let row = self.row;
        row.clear();
        row.extend((0..columns).map(|at| {
            let i2 = reverse_bits(at, columns.ilog2());
            L::load(&self.source[i2 * rows + self.first..])
        }));
        self.small.transform(row);
        let targets = self.target.chunks_exact_mut(L::LANES);
        match self.scale {
            None => {
                for (target, values) in targets.zip(row) {
                    values.store(target);
                }
            }
            Some((factor, base)) => {
                let step = L::factor(base.pow_vartime([rows as u64]));
                let mut factors = L::factors(&lane_powers(base, self.first, factor));
                for (target, values) in targets.zip(row) {
                    values.mul(factors).store(target);
                    if base != Fr::ONE {
                        factors = factors.scale(&step).settle();
                    }
                }
            }
        }
    }
}

impl Fft {
    /// Makes the subgroup of order 2^k, with k at most 28.
    pub(crate) fn new(k: u32) -> Self {
        debug_assert!(k <= Fr::S);
        let (omega, omega_inv) = (root(k, Fr::ROOT_OF_UNITY), root(k, Fr::ROOT_OF_UNITY_INV));
        let low = k / 2;
        Self {
            k,
            omega,
            omega_inv,
            n_inv: Fr::TWO_INV.pow_vartime([u64::from(k)]),
            kernel: with_best_kernel(NewKernel { k }),
            low: powers(omega, 1 << low),
            high: powers(omega.pow_vartime([1u64 << low]), 1 << (k - low)),
            scratch: Mutex::new(Vec::new()),
        }
    }

    /// Order n of the subgroup.
    pub(crate) fn len(&self) -> usize {
        1 << self.k
    }

    /// Power w^exponent, for an exponent below n.
    pub(crate) fn root_power(&self, exponent: usize) -> Fr {
        let low = self.low.len();
        self.high[exponent / low] * self.low[exponent % low]
    }

    /// Power w^rotation, of either sign.
    pub(crate) fn rotation(&self, rotation: i32) -> Fr {
        let base = if rotation < 0 { self.omega_inv } else { self.omega };
        base.pow_vartime([u64::from(rotation.unsigned_abs())])
    }

    /// Transforms coefficients to the values at shift · w^0, shift · w^1, ….
    pub(crate) fn to_coset(&self, values: &mut Vec<Fr>, shift: Fr) {
        self.transform(values, false, shift, None);
    }

    /// Transforms values at the powers of w to coefficients.
    pub(crate) fn to_coefficients(&self, values: &mut Vec<Fr>) {
        self.transform(values, true, Fr::ONE, Some((self.n_inv, Fr::ONE)));
    }

    /// Transforms values at shift · w^0, shift · w^1, … to coefficients. It takes the shift's inverse.
    pub(crate) fn coset_to_coefficients(&self, values: &mut Vec<Fr>, shift_inv: Fr) {
        self.transform(values, true, Fr::ONE, Some((self.n_inv, shift_inv)));
    }

    /// Transforms values[i] shift^i. With `scale` (factor, base), entry j is also multiplied by factor · base^j.
    fn transform(&self, values: &mut Vec<Fr>, inverse: bool, shift: Fr, scale: Option<(Fr, Fr)>) {
        assert_eq!(values.len(), self.len(), "the domain's size");
        let omega = if inverse { self.omega_inv } else { self.omega };
        if self.k < MIN_K {
            let (factor, base) = scale.unwrap_or((Fr::ONE, Fr::ONE));
            let at = |point: Fr| values.iter().rev().fold(Fr::ZERO, |sum, value| sum * point + value);
            let points = powers(omega, values.len()).into_iter().zip(powers(base, values.len()));
            *values = points.map(|(point, power)| at(shift * point) * factor * power).collect();
            return;
        }
        let mut scratch = mem::take(&mut *self.scratch.lock().unwrap_or_else(|lock| lock.into_inner()));
        scratch.resize(values.len(), Fr::ZERO);
        self.kernel.transform(values, &mut scratch, omega, inverse, shift, scale);
        mem::swap(values, &mut scratch);
        *self.scratch.lock().unwrap_or_else(|lock| lock.into_inner()) = scratch;
    }
}

impl<L: Lanes> Kernel for Tables<L> {
    fn transform(
        &self,
        values: &mut [Fr],
        scratch: &mut [Fr],
        omega: Fr,
        inverse: bool,
        shift: Fr,
        scale: Option<(Fr, Fr)>,
    ) {
        let [first_small, second_small] = if inverse { &self.inverse } else { &self.forward };
        let (rows, columns) = (first_small.twiddles.len(), second_small.twiddles.len());

        // C transforms of size R, of the columns. The shift's powers of the row index are in the transform, and those
        // of the column index in the twiddles after it.
        let shifted = (shift != Fr::ONE).then(|| first_small.shifted(shift.pow_vartime([columns as u64])));
        let small = shifted.as_ref().unwrap_or(first_small);
        let source = &*values;
        scratch.par_chunks_mut(L::LANES * rows).enumerate().for_each_init(
            Vec::new,
            |row, (index, target)| {
                let first = index * L::LANES;
                L::enable(ColumnPass { small, source, omega, shift, first, target, row });
            },
        );

        // R transforms of size C.
        let (small, source) = (second_small, &*scratch);
        values.par_chunks_mut(L::LANES * columns).enumerate().for_each_init(
            Vec::new,
            |row, (index, target)| {
                L::enable(RowPass { small, source, scale, first: index * L::LANES, target, row });
            },
        );

        // The transposition.
        let group = GROUP.min(columns);
        let source = &*values;
        scratch.par_chunks_mut(group * rows).enumerate().for_each(|(index, target)| {
            for first in (0..rows).step_by(L::LANES) {
                let cells = &source[first * columns + index * group * L::LANES..][..group * L::LANES];
                for (row, cells) in target.chunks_exact_mut(rows).zip(cells.chunks_exact(L::LANES)) {
                    row[first..first + L::LANES].copy_from_slice(cells);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::eval_polynomial;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use zeno_bn254::InstructionSet;

    #[test]
    fn transforms_evaluate_and_interpolate() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let kernels = |k: u32| {
            let sets = InstructionSet::available().into_iter();
            sets.map(move |set| Fft { kernel: set.run(NewKernel { k }), ..Fft::new(k) })
        };
        for fft in (0..=15).chain([17]).flat_map(kernels) {
            let k = fft.k;
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

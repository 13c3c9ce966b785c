//! The stacked opening reduction: from openings of all columns and of their rotations at `r` to openings of the stacked
//! columns at `u`.
//!
//! Column i, of a trace with `n` variables after `Z`, lies in a stacked column `Q_i`, at index `b_i` among the ranges
//! of `2^(l_skip + n)` rows. The sumcheck is over `Z` in `D` and `x` in `H_n_stack` of
//!
//!   Σ over i of Q_i(Z, x) in_(D,n)(Z) eq(x[n..], b_i) (λ^(2i) eq((Z, x[..n]), r) + λ^(2i + 1) κ_rot((Z, x[..n]), r)),
//!
//! the last term only where the constraints read the rotation. `in_(D,n)` selects the rows that a column of less than
//! `2^l_skip` rows occupies. κ_rot is the kernel of the rotation:
//!
//!   κ_rot((Z, x), r) = eq_D(Z, ω r_0) eq(x, r[1..]) + eq_D(Z, 1) eq_D(ω r_0, 1) (eq(x - 1, r[1..]) - eq(x, r[1..])).
//!
//! Each term is linear in a column, and all columns of one height are weighted by the same function of the row. So the
//! columns of a height are added up once, with the powers of λ, and the rounds that bind their variables are over that
//! sum alone.

use std::collections::BTreeMap;

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    StarkProtocolConfig,
    poly_common::{UnivariatePoly, eval_eq_uni, eval_eq_uni_at_one, eval_in_uni},
    prover::{
        ColMajorMatrix, MatrixDimensions, ProverBackend, poly::evals_eq_hypercube, stacked_pcs::StackedSlice,
        stacked_reduction::StackedReductionProver,
    },
};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::dense::RowMajorMatrix;
use rayon::prelude::*;

use crate::{
    field::{
        EF, F, LANES, P, lagrange,
        linear_combination::{Weights, add_up},
        transpose, unpack_to,
    },
    params::Params,
};

type PcsData<SC> = <CpuBackend<SC> as ProverBackend>::PcsData;

/// A trace's column in a stacked matrix, with its powers of λ.
struct StackedColumn {
    /// Index of the commitment.
    commit: usize,
    slice: StackedSlice,
    lambda: EF,
    /// Power of λ for the rotation, if the constraints read it.
    lambda_next: Option<EF>,
    /// eq(u, b) over the variables after the column's own that are bound.
    eq_index: EF,
}

impl StackedColumn {
    /// Bit of the column's first row index that belongs to a variable.
    fn index_bit(&self, variable: usize) -> bool {
        (self.slice.row_idx >> variable) & 1 == 1
    }
}

/// All columns of one height, added up.
struct HeightGroup {
    /// `Σ λ^(2i) q_i` over all columns, and `Σ λ^(2i + 1) q_i` over those with a rotation: `2^max(l, l_skip)` rows, and
    /// `2^n` after round 0.
    sums: [Vec<EF>; 2],
    /// Weights of the two over `H_n`. Before round 0: eq(x, r[1..]), and eq(x - 1, r[1..]) - eq(x, r[1..]). After it:
    /// eq and κ_rot, times in_(D,n), at `u_0`.
    weights: [Vec<EF>; 2],
}

/// State of the reduction.
pub(crate) struct StackedReduction<'a, SC: StarkProtocolConfig> {
    l_skip: usize,
    /// r_0.
    r0: EF,
    /// Stacked matrices `[2^(l_skip + n_stack) rows × width columns, column-major]`.
    commits: Vec<&'a PcsData<SC>>,
    columns: Vec<StackedColumn>,
    /// Groups by log2 of the height.
    groups: BTreeMap<usize, HeightGroup>,
    /// Columns of the stacked matrices, with the variables so far bound to `u`.
    folded: Vec<Vec<Vec<EF>>>,
}

/// Index of the row before `row` of `2^n`, cyclically.
fn before(row: usize, n: usize) -> usize {
    row.wrapping_sub(1) & ((1 << n) - 1)
}

/// Binds the lowest bit of the index to `r`: `a + r (b - a)` for each pair (a, b) of neighbours.
fn fold(values: &[EF], r: EF) -> Vec<EF> {
    let pair = |pair: &[EF; 2]| pair[0] + (pair[1] - pair[0]) * r;
    values.as_chunks::<2>().0.iter().map(pair).collect()
}

/// Binds `Z` in a column: the linear combination, with the weights `basis`, of each block of `basis.len()` rows.
/// `weights` holds the same weights.
fn fold_blocks(column: &[F], basis: &[EF], weights: &Weights) -> Vec<EF> {
    let size = basis.len();
    if !size.is_multiple_of(LANES) || column.len() < size * LANES {
        let block = |block: &[F]| basis.iter().zip(block).map(|(&weight, &value)| weight * value).sum();
        return column.chunks_exact(size).map(block).collect();
    }
    let mut out = vec![EF::ZERO; column.len() / size];
    let mut values = vec![P::ZERO; size];
    for (out, blocks) in out.chunks_exact_mut(LANES).zip(column.chunks_exact(size * LANES)) {
        for (part, values) in values.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *values =
                std::array::from_fn(|lane| *P::from_slice(&blocks[lane * size + part * LANES..][..LANES]));
            transpose(values);
        }
        unpack_to(&[weights.sum(&values)], out);
    }
    out
}

impl<SC: StarkProtocolConfig<F = F, EF = EF>> StackedReduction<'_, SC> {
    /// Parameters of the univariate factors for a height `2^l`: n = l - l_skip, log2 of the order of the subgroup that
    /// the column's rows occupy, and ω and r_0 to the power `2^-n` if n is negative.
    fn univariate(&self, log_height: usize) -> (isize, usize, F, EF) {
        let n = log_height as isize - self.l_skip as isize;
        let short = n.min(0).unsigned_abs();
        let omega = F::two_adic_generator(self.l_skip).exp_power_of_2(short);
        (n, self.l_skip - short, omega, self.r0.exp_power_of_2(short))
    }

    /// Univariate factors at `z`, times in_(D,n)(z): `eq_D(z, r_0)`, `eq_D(z, ω r_0)` for the rotation within a block,
    /// and `eq_D(z, 1) eq_D(ω r_0, 1)` for the rotation from block to block.
    fn factors(&self, log_height: usize, z: EF) -> [EF; 3] {
        let (n, log_order, omega, r) = self.univariate(log_height);
        let indicator: EF = eval_in_uni(self.l_skip, n, z);
        let across = eval_eq_uni_at_one(self.l_skip, self.r0 * F::two_adic_generator(self.l_skip));
        [
            eval_eq_uni(log_order, z, r) * indicator,
            eval_eq_uni(log_order, z, r * omega) * indicator,
            across * eval_eq_uni_at_one(self.l_skip, z) * indicator,
        ]
    }
}

impl<'a, SC, D> StackedReductionProver<'a, CpuBackend<SC>, D> for StackedReduction<'a, SC>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    D: Params,
{
    fn new(
        device: &'a D,
        stacked_per_commit: Vec<&'a PcsData<SC>>,
        need_rot_per_commit: Vec<Vec<bool>>,
        r: &[EF],
        lambda: EF,
    ) -> Self {
        let l_skip = device.params().l_skip;
        let mut powers = lambda.powers();
        let mut next = || powers.next().unwrap_or(EF::ZERO);
        let mut columns = Vec::new();
        for (commit, data) in stacked_per_commit.iter().enumerate() {
            for &(matrix, _, slice) in &data.layout.sorted_cols {
                let (lambda, lambda_next) = (next(), next());
                let lambda_next = need_rot_per_commit[commit][matrix].then_some(lambda_next);
                columns.push(StackedColumn { commit, slice, lambda, lambda_next, eq_index: EF::ONE });
            }
        }
        let mut heights: Vec<usize> = columns.iter().map(|column| column.slice.log_height()).collect();
        heights.sort_unstable();
        heights.dedup();
        let groups = heights
            .into_iter()
            .map(|log_height| {
                let group = || columns.iter().filter(|column| column.slice.log_height() == log_height);
                let rows = |column: &StackedColumn| {
                    let slice = column.slice;
                    let stacked = stacked_per_commit[column.commit].matrix.column(slice.col_idx);
                    &stacked[slice.row_idx..slice.row_idx + slice.len(l_skip)]
                };
                let plain: Vec<_> = group().map(|column| (rows(column), column.lambda)).collect();
                let rotated: Vec<_> =
                    group().filter_map(|column| Some((rows(column), column.lambda_next?))).collect();
                let height = 1 << log_height.max(l_skip);
                let sums = [add_up(&plain, height), add_up(&rotated, height)];
                let n = log_height.saturating_sub(l_skip);
                let eq = evals_eq_hypercube(&r[1..1 + n]);
                let step = (0..1usize << n).map(|x| eq[before(x, n)] - eq[x]).collect();
                (log_height, HeightGroup { sums, weights: [eq, step] })
            })
            .collect();
        Self { l_skip, r0: r[0], commits: stacked_per_commit, columns, groups, folded: Vec::new() }
    }

    fn batch_sumcheck_uni_round0_poly(&mut self) -> UnivariatePoly<EF> {
        // The degree is at most 2 (2^l_skip - 1), so two cosets determine the polynomial.
        const COSETS: usize = 2;
        let size = 1usize << self.l_skip;
        let shifts: Vec<F> = F::GENERATOR.powers().skip(1).take(COSETS).collect();
        let group: Vec<F> = F::two_adic_generator(self.l_skip).powers().take(size).collect();
        // [2^l_skip points of D × cosets, row-major].
        let mut values = vec![EF::ZERO; size * COSETS];
        for (&log_height, HeightGroup { sums: [plain, rotated], weights: [eq, step] }) in &self.groups {
            // At each point of D: Σ eq(x) q, Σ eq(x) q' and Σ (eq(x - 1) - eq(x)) q', where q and q' are the two sums.
            let blocks =
                (plain.par_chunks_exact(size), rotated.par_chunks_exact(size), eq, step).into_par_iter();
            let zero = || vec![[EF::ZERO; 3]; size];
            let sums = blocks
                .fold(zero, |mut sums, (plain, rotated, &eq, &step)| {
                    for ((sums, &plain), &rotated) in sums.iter_mut().zip(plain).zip(rotated) {
                        sums[0] += eq * plain;
                        sums[1] += eq * rotated;
                        sums[2] += step * rotated;
                    }
                    sums
                })
                .reduce(zero, |mut sums, more| {
                    for (sums, more) in sums.iter_mut().zip(more) {
                        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                    }
                    sums
                });
            for (coset, &shift) in shifts.iter().enumerate() {
                for (z, &point) in group.iter().enumerate() {
                    let at = EF::from(shift * point);
                    let basis = lagrange(self.l_skip, at);
                    let value = |which: usize| -> EF {
                        sums.iter().zip(&basis).map(|(sums, &weight)| sums[which] * weight).sum()
                    };
                    let [plain, inside, across] = self.factors(log_height, at);
                    values[z * COSETS + coset] += plain * value(0) + inside * value(1) + across * value(2);
                }
            }
        }
        let mut coefficients = UnivariatePoly::from_geometric_cosets_evals_idft(
            RowMajorMatrix::new(values, COSETS),
            F::GENERATOR,
            F::GENERATOR,
        )
        .into_coeffs();
        coefficients.truncate(COSETS * (size - 1) + 1);
        UnivariatePoly::new(coefficients)
    }

    fn fold_ple_evals(&mut self, u: EF) {
        let size = 1usize << self.l_skip;
        let basis = lagrange(self.l_skip, u);
        let weights = Weights::new(&basis);
        self.folded = self
            .commits
            .iter()
            .map(|data| {
                let matrix: &ColMajorMatrix<F> = &data.matrix;
                let fold = |column: &[F]| fold_blocks(column, &basis, &weights);
                matrix.values.par_chunks_exact(matrix.height()).map(fold).collect()
            })
            .collect();
        let factors: Vec<[EF; 3]> =
            self.groups.keys().map(|&log_height| self.factors(log_height, u)).collect();
        for (group, [plain, inside, across]) in self.groups.values_mut().zip(factors) {
            for sum in &mut group.sums {
                let block = |block: &[EF]| block.iter().zip(&basis).map(|(&v, &w)| v * w).sum();
                *sum = sum.par_chunks_exact(size).map(block).collect();
            }
            let [eq, step] = &mut group.weights;
            for (eq, step) in eq.iter_mut().zip(step) {
                *step = inside * *eq + across * *step;
                *eq *= plain;
            }
        }
    }

    fn batch_sumcheck_poly_eval(&mut self, round: usize, _u_prev: EF) -> [EF; 2] {
        let mut sums = [EF::ZERO; 2];
        for HeightGroup { sums: values, weights } in self.groups.values() {
            for (values, weights) in values.iter().zip(weights) {
                if weights.len() > 1 {
                    let pairs = values.as_chunks::<2>().0.iter().zip(weights.as_chunks::<2>().0);
                    for (&[v0, v1], &[w0, w1]) in pairs {
                        sums[0] += v1 * w1;
                        sums[1] += (v1.double() - v0) * (w1.double() - w0);
                    }
                }
            }
        }
        let variable = self.l_skip + round - 1;
        for column in
            self.columns.iter().filter(|column| column.slice.log_height().max(self.l_skip) <= variable)
        {
            let weights = &self.groups[&column.slice.log_height()].weights;
            let weight = column.lambda * weights[0][0]
                + column.lambda_next.map_or(EF::ZERO, |lambda| lambda * weights[1][0]);
            let weight = weight * column.eq_index;
            // The column has one entry of the pair. eq is X or 1 - X, and zero at the other entry.
            let at = (column.slice.row_idx >> (variable + 1)) << 1;
            let stacked = &self.folded[column.commit][column.slice.col_idx];
            let (low, high) = (stacked[at], stacked[at + 1]);
            let (value1, value2) = (high, high.double() - low);
            if column.index_bit(variable) {
                sums[0] += weight * value1;
                sums[1] += weight * value2.double();
            } else {
                sums[1] -= weight * value2;
            }
        }
        sums
    }

    fn fold_mle_evals(&mut self, round: usize, u: EF) {
        for matrix in &mut self.folded {
            matrix.par_iter_mut().for_each(|column| *column = fold(column, u));
        }
        for group in self.groups.values_mut() {
            for values in group.sums.iter_mut().chain(&mut group.weights) {
                if values.len() > 1 {
                    *values = fold(values, u);
                }
            }
        }
        let variable = self.l_skip + round - 1;
        for column in &mut self.columns {
            if column.slice.log_height().max(self.l_skip) <= variable {
                column.eq_index *= if column.index_bit(variable) { u } else { EF::ONE - u };
            }
        }
    }

    fn into_stacked_openings(self) -> Vec<Vec<EF>> {
        self.folded.into_iter().map(|matrix| matrix.into_iter().map(|column| column[0]).collect()).collect()
    }
}

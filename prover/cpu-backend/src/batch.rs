//! The sumcheck that batches all tables' constraints and interactions (the SWIRL paper's zerocheck and LogUp, after
//! the fractional sumcheck), down to claims on single columns.

use std::collections::BTreeMap;

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    FiatShamirTranscript, StarkProtocolConfig, calculate_n_logup,
    poly_common::{UnivariatePoly, eq_uni_poly, eval_eq_mle, eval_eq_sharp_uni, eval_eq_uni},
    proof::{BatchConstraintProof, GkrProof, column_openings_by_rot},
    prover::{
        DeviceMultiStarkProvingKey, ProvingContext, error::LogupZerocheckError, poly::eq_sharp_uni_poly,
        stacked_pcs::StackedLayout, sumcheck::sumcheck_round0_deg,
    },
};
use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField};
use rayon::prelude::*;
use tracing::info_span;

use crate::{
    field::{EF, F, eq_tables, pack_all, sum_lanes},
    gkr::{FractionalSumcheck, fractional_sumcheck},
    leaves::{fractions, weighted},
    program::{Extension, Functional, Kind, PackedExtension},
    round0::{self, Weighted},
    table::{Folded, Rows, Table},
};

/// Both parts of the proof, and the point at which columns are opened.
type Proved<SC> = (GkrProof<SC>, BatchConstraintProof<SC>, Vec<EF>);

/// Proves that the traces satisfy all constraints and that the buses balance, up to the columns' openings at the
/// point that is returned with the proof.
///
/// # Errors
/// [`LogupZerocheckError`] when the buses don't balance.
pub(crate) fn prove<SC, TS>(
    transcript: &mut TS,
    key: &DeviceMultiStarkProvingKey<CpuBackend<SC>>,
    context: &ProvingContext<CpuBackend<SC>>,
) -> Result<Proved<SC>, LogupZerocheckError>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    let l_skip = key.params.l_skip;
    let tables: Vec<Table<'_>> = context
        .per_trace
        .iter()
        .map(|(air, trace)| Table::new::<SC>(&key.per_air[*air], trace, l_skip))
        .collect();
    let interactions: Vec<(usize, usize)> =
        tables.iter().map(|table| (table.interactions.len(), table.log_height.max(l_skip))).collect();
    let total = interactions.iter().map(|&(count, log_height)| (count as u64) << log_height).sum();
    let n_logup = calculate_n_logup(l_skip, total);
    let layout = StackedLayout::new(0, l_skip + n_logup, interactions)?;

    let logup_pow_witness = transcript.grind(key.params.logup.pow_bits);
    let alpha = transcript.sample_ext();
    let beta: EF = transcript.sample_ext();
    let longest = tables.iter().flat_map(|table| &table.interactions).map(|one| one.message.len()).max();
    let beta_powers: Vec<EF> = beta.powers().take(longest.unwrap_or(0) + 1).collect();

    let fractional = if layout.sorted_cols.is_empty() {
        FractionalSumcheck { q: EF::ONE, claims_per_layer: vec![], sumcheck_polys: vec![], xi: vec![] }
    } else {
        let leaves = info_span!("prover.logup_leaves")
            .in_scope(|| fractions(&tables, &layout, l_skip + n_logup, alpha, &beta_powers));
        info_span!("prover.fractional_sumcheck")
            .in_scope(|| fractional_sumcheck::<SC, _>(transcript, leaves))?
    };
    let gkr_proof = GkrProof {
        logup_pow_witness,
        q0_claim: fractional.q,
        claims_per_layer: fractional.claims_per_layer,
        sumcheck_polys: fractional.sumcheck_polys,
    };

    let n_max = tables.first().map_or(0, Table::n);
    let mut xi = fractional.xi;
    while xi.len() < l_skip + n_max.max(n_logup) {
        xi.push(transcript.sample_ext());
    }
    let lambda: EF = transcript.sample_ext();
    let batch = Batch::new(&tables, &layout, l_skip, n_logup, xi, lambda, &beta_powers);
    let (proof, point) = batch.prove::<SC, TS>(transcript, key.max_constraint_degree, n_max);
    Ok((gkr_proof, proof, point))
}

/// What a table brings into a round: constraints, numerators and denominators.
type Terms<T> = [T; 3];

/// The buffers of one thread in a round, and its sums at each point.
struct Scratch<K: Kind> {
    slots: Vec<[K::Value; 1]>,
    /// The variables' values at the current point, and how much they grow to the next.
    points: Vec<K::Value>,
    steps: Vec<K::Value>,
    sums: Vec<Terms<K::Value>>,
}

/// The batch sumcheck.
struct Batch<'t, 'a> {
    tables: &'t [Table<'a>],
    l_skip: usize,
    xi: Vec<EF>,
    weights: Vec<Weighted>,
    /// eq tables over the blocks of a table, by the number of its variables.
    eq: BTreeMap<usize, Vec<Vec<EF>>>,
}

impl<'t, 'a> Batch<'t, 'a> {
    fn new(
        tables: &'t [Table<'a>],
        layout: &StackedLayout,
        l_skip: usize,
        n_logup: usize,
        xi: Vec<EF>,
        lambda: EF,
        beta_powers: &[EF],
    ) -> Self {
        let most = tables.iter().map(|table| table.constraints.len()).max().unwrap_or(0);
        let lambda_powers: Vec<EF> = lambda.powers().take(most).collect();
        let weights = tables
            .iter()
            .enumerate()
            .map(|(index, table)| {
                let n = table.n();
                // eq of the variables that say which block of the stacked fractions an interaction has.
                let blocks: Vec<EF> = (0..table.interactions.len())
                    .map(|interaction| {
                        let row = layout.get(index, interaction).map_or(0, |slice| slice.row_idx);
                        let block = row >> (l_skip + n);
                        let bits: Vec<F> =
                            (0..n_logup - n).map(|bit| F::from_bool((block >> bit) & 1 == 1)).collect();
                        eval_eq_mle(&xi[l_skip + n..l_skip + n_logup], &bits)
                    })
                    .collect();
                let terms = table.constraints.iter().copied().zip(lambda_powers.iter().copied());
                Weighted {
                    constraints: Functional::new(terms, EF::ZERO),
                    joint: weighted(&table.joint_interactions, &blocks, beta_powers),
                    interactions: weighted(&table.interactions, &blocks, beta_powers),
                }
            })
            .collect();
        let eq =
            tables.iter().map(|table| table.n()).map(|n| (n, eq_tables(&xi[l_skip..l_skip + n]))).collect();
        Self { tables, l_skip, xi, weights, eq }
    }

    /// All rounds. Returns the proof and the point at which columns are opened.
    fn prove<SC, TS>(
        &self,
        transcript: &mut TS,
        degree: usize,
        n_max: usize,
    ) -> (BatchConstraintProof<SC>, Vec<EF>)
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let round0 = info_span!("prover.batch_round0").entered();
        let polynomials: Vec<Terms<UnivariatePoly<EF>>> = self
            .tables
            .par_iter()
            .zip(&self.weights)
            .map(|(table, weights)| round0::polynomials(table, &self.eq[&table.n()][0], weights))
            .collect();
        drop(round0);
        let len = sumcheck_round0_deg(self.l_skip, degree + 1) + 1;
        let eq_sharp = eq_sharp_uni_poly(&self.xi[..self.l_skip]);
        let eq = eq_uni_poly::<F, EF>(self.l_skip, self.xi[0]);
        let logup: Vec<[Vec<EF>; 2]> = polynomials
            .iter()
            .map(|[_, numerators, denominators]| {
                [numerators, denominators].map(|poly| product(eq_sharp.coeffs(), poly.coeffs(), len))
            })
            .collect();
        // The sum of a polynomial over the group of order 2^l_skip.
        let sum = |coefficients: &[EF]| {
            coefficients.iter().step_by(1 << self.l_skip).copied().sum::<EF>()
                * F::from_usize(1 << self.l_skip)
        };
        let mut numerator_term_per_air = Vec::with_capacity(self.tables.len());
        let mut denominator_term_per_air = Vec::with_capacity(self.tables.len());
        for [numerators, denominators] in &logup {
            let (numerator, denominator) = (sum(numerators), sum(denominators));
            transcript.observe_ext(numerator);
            transcript.observe_ext(denominator);
            numerator_term_per_air.push(numerator);
            denominator_term_per_air.push(denominator);
        }

        let mu: EF = transcript.sample_ext();
        let mu: Vec<EF> = mu.powers().take(3 * self.tables.len()).collect();
        // The powers of μ of a table's terms.
        let mus: Vec<Terms<EF>> = (0..self.tables.len())
            .map(|table| [mu[2 * self.tables.len() + table], mu[2 * table], mu[2 * table + 1]])
            .collect();
        let mut constraints = vec![EF::ZERO; len];
        let mut univariate = vec![EF::ZERO; len];
        for (([poly, ..], [numerators, denominators]), mu) in polynomials.iter().zip(&logup).zip(&mus) {
            constraints.iter_mut().zip(poly.coeffs()).for_each(|(sum, &value)| *sum += mu[0] * value);
            for (sum, (&numerator, &denominator)) in
                univariate.iter_mut().zip(numerators.iter().zip(denominators))
            {
                *sum += mu[1] * numerator + mu[2] * denominator;
            }
        }
        let constraints = product(eq.coeffs(), &constraints, len);
        univariate.iter_mut().zip(constraints).for_each(|(sum, value)| *sum += value);
        for &coefficient in &univariate {
            transcript.observe_ext(coefficient);
        }
        let r0: EF = transcript.sample_ext();
        let mut claim = evaluate(&univariate, r0);

        let fold = info_span!("prover.batch_fold").entered();
        let mut folded: Vec<Folded> = self.tables.par_iter().map(|table| table.fold(r0)).collect();
        drop(fold);

        let _rounds = info_span!("prover.batch_rounds").entered();
        let group: Vec<F> = F::two_adic_generator(self.l_skip).powers().take(1 << self.l_skip).collect();
        // eq and eq♯ of the variables that are bound, at their challenges.
        let mut eq = eval_eq_uni(self.l_skip, self.xi[0], r0);
        let mut eq_sharp = eval_eq_sharp_uni(&group, &self.xi[..self.l_skip], r0);
        let mut point = vec![r0];
        let mut sumcheck_round_polys = Vec::with_capacity(n_max);
        // What tables without variables left bring in.
        let mut finished: Vec<Option<EF>> = vec![None; self.tables.len()];
        for round in 1..=n_max {
            let sums: Vec<Option<Vec<Terms<EF>>>> = (0..self.tables.len())
                .into_par_iter()
                .map(|table| {
                    let left = (self.tables[table].n() + 1).checked_sub(round).filter(|&left| left > 0)?;
                    let eq = &self.eq[&self.tables[table].n()];
                    Some(self.round_sums(table, &folded[table], &eq[eq.len() - left], degree))
                })
                .collect();
            let mut rest = EF::ZERO;
            // The values at 1, 2, … of what the tables with this variable bring in, without its factor eq.
            let mut head = vec![EF::ZERO; degree];
            for (table, sums) in sums.iter().enumerate() {
                match sums {
                    Some(sums) => {
                        for (head, [constraints, numerators, denominators]) in head.iter_mut().zip(sums) {
                            let logup = mus[table][1] * *numerators + mus[table][2] * *denominators;
                            *head += mus[table][0] * eq * *constraints + eq_sharp * logup;
                        }
                    }
                    None => {
                        let value = match finished[table] {
                            Some(value) => value * point[point.len() - 1],
                            None => self.last_terms(table, &folded[table], &mus[table], eq, eq_sharp),
                        };
                        finished[table] = Some(value);
                        rest += value;
                    }
                }
            }
            let xi = self.xi[self.l_skip + round - 1];
            // claim = (1 - ξ) head(0) + ξ head(1) + rest, because the rest has the factor X.
            let head0 = (claim - xi * head[0] - rest) * (EF::ONE - xi).inverse();
            let values: Vec<EF> = [&[head0], head.as_slice()].concat();
            let points: Vec<F> = (0..=degree).map(F::from_usize).collect();
            let head = UnivariatePoly::lagrange_interpolate(&points, &values);
            let at = |x: EF| {
                let eq = EF::ONE - xi + (xi.double() - EF::ONE) * x;
                eq * evaluate(head.coeffs(), x) + rest * x
            };
            let values: Vec<EF> = (1..=degree + 1).map(|x| at(EF::from_usize(x))).collect();
            for &value in &values {
                transcript.observe_ext(value);
            }
            sumcheck_round_polys.push(values);
            let r: EF = transcript.sample_ext();
            claim = at(r);
            let bound = EF::ONE - xi - r + (xi * r).double();
            eq *= bound;
            eq_sharp *= bound;
            point.push(r);
            folded.par_iter_mut().for_each(|folded| folded.bind(r));
        }

        let column_openings: Vec<Vec<Vec<EF>>> = self
            .tables
            .iter()
            .zip(&folded)
            .map(|(table, folded)| openings(table, folded.columns()))
            .collect();
        let mut observe = |table: &Table<'_>, part: &[EF]| {
            for (claim, next) in column_openings_by_rot(part, table.needs_next) {
                transcript.observe_ext(claim);
                transcript.observe_ext(next);
            }
        };
        // The common main parts first, then all others.
        for (table, parts) in self.tables.iter().zip(&column_openings) {
            observe(table, &parts[0]);
        }
        for (table, parts) in self.tables.iter().zip(&column_openings) {
            parts[1..].iter().for_each(|part| observe(table, part));
        }
        let proof = BatchConstraintProof {
            numerator_term_per_air,
            denominator_term_per_air,
            univariate_round_coeffs: univariate,
            sumcheck_round_polys,
            column_openings,
        };
        (proof, point)
    }

    /// A table's sums in a round, at 1, …, `degree`, over the rows that the weights `eq` belong to.
    fn round_sums(&self, table: usize, folded: &Folded, eq: &[EF], degree: usize) -> Vec<Terms<EF>> {
        let norm = self.tables[table].norm();
        let sums = match &folded.rows {
            Rows::Packed(values) => {
                let weights = pack_all(eq);
                self.sums::<PackedExtension>(table, folded, values, &weights, degree, &|sums| {
                    sums.map(sum_lanes)
                })
            }
            Rows::Scalar(values) => self.sums::<Extension>(table, folded, values, eq, degree, &|sums| sums),
        };
        sums.into_iter()
            .map(|[constraints, numerators, denominators]| [constraints, numerators * norm, denominators])
            .collect()
    }

    fn sums<K: Kind<Sum = <K as Kind>::Value>>(
        &self,
        table: usize,
        folded: &Folded,
        values: &[K::Value],
        eq: &[K::Value],
        degree: usize,
        finish: &(impl Fn(Terms<K::Value>) -> Terms<EF> + Sync),
    ) -> Vec<Terms<EF>> {
        let program = &self.tables[table].program;
        let weights = &self.weights[table];
        let has_interactions = !self.tables[table].interactions.is_empty();
        let zero = K::Value::ZERO;
        let variables = program.variables.len();
        let new = || Scratch::<K> {
            slots: vec![[zero]; program.slots],
            points: vec![zero; variables],
            steps: vec![zero; variables],
            sums: vec![[zero; 3]; degree],
        };
        let add = |mut scratch: Scratch<K>, index: usize| {
            let Scratch { slots, points, steps, sums } = &mut scratch;
            let eq = eq[index];
            // Lines through each variable's two values, first at 1.
            for ((point, step), (low, high)) in
                points.iter_mut().zip(&mut *steps).zip(folded.pair(values, index))
            {
                *point = high;
                *step = high - low;
            }
            for sums in sums {
                slots.iter_mut().zip(&*points).for_each(|(slot, &point)| *slot = [point]);
                program.run::<K, 1>(slots);
                sums[0] += eq * weights.constraints.apply::<K, 1>(slots, 0);
                if has_interactions {
                    sums[1] += eq * weights.joint[0].apply::<K, 1>(slots, 0);
                    sums[2] += eq * weights.joint[1].apply::<K, 1>(slots, 0);
                }
                points.iter_mut().zip(&*steps).for_each(|(point, &step)| *point += step);
            }
            scratch
        };
        (0..folded.pairs(values))
            .into_par_iter()
            .with_min_len(16)
            .fold(new, add)
            .map(|scratch| scratch.sums.into_iter().map(finish).collect::<Vec<_>>())
            .reduce(
                || vec![[EF::ZERO; 3]; degree],
                |mut sums, more| {
                    for (sums, more) in sums.iter_mut().zip(more) {
                        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                    }
                    sums
                },
            )
    }

    /// What a table without variables left brings in, from its only row.
    fn last_terms(&self, table: usize, folded: &Folded, mu: &Terms<EF>, eq: EF, eq_sharp: EF) -> EF {
        let program = &self.tables[table].program;
        let mut slots: Vec<[EF; 1]> = folded.last_row().into_iter().map(|value| [value]).collect();
        slots.resize(program.slots, [EF::ZERO]);
        program.run::<Extension, 1>(&mut slots);
        let weights = &self.weights[table];
        let constraints = weights.constraints.apply::<Extension, 1>(&slots, 0);
        let mut value = mu[0] * eq * constraints;
        if !self.tables[table].interactions.is_empty() {
            let [numerators, denominators]: [EF; 2] =
                std::array::from_fn(|which| weights.joint[which].apply::<Extension, 1>(&slots, 0));
            value += eq_sharp * (mu[1] * numerators * self.tables[table].norm() + mu[2] * denominators);
        }
        value
    }
}

/// The openings of a table, part by part, the common main part first. Where the constraints look at the next row,
/// a column's opening is followed by the one of its rotation.
fn openings(table: &Table<'_>, columns: &[EF]) -> Vec<Vec<EF>> {
    let mut rest = &columns[3..];
    let mut parts: Vec<Vec<EF>> = table
        .matrices
        .iter()
        .map(|matrix| {
            let (this, next);
            (this, rest) = rest.split_at(matrix.width);
            if !table.needs_next {
                return this.to_vec();
            }
            (next, rest) = rest.split_at(matrix.width);
            this.iter().zip(next).flat_map(|(&this, &next)| [this, next]).collect()
        })
        .collect();
    parts.rotate_right(1);
    parts
}

/// The product of two polynomials, up to `len` coefficients.
fn product(a: &[EF], b: &[EF], len: usize) -> Vec<EF> {
    let mut product = vec![EF::ZERO; len];
    for (i, &a) in a.iter().enumerate() {
        for (to, &b) in product.iter_mut().skip(i).zip(b) {
            *to += a * b;
        }
    }
    product
}

/// A polynomial's value.
fn evaluate(coefficients: &[EF], x: EF) -> EF {
    coefficients.iter().rev().fold(EF::ZERO, |value, &coefficient| value * x + coefficient)
}

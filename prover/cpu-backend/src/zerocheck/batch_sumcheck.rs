//! The batch sumcheck over all constraints and interactions: zerocheck, and LogUp after the fractional sumcheck.
//!
//! A trace T has `n` variables after `Z`. With the functions of [`RowForms`] it brings three terms, which are summed
//! over `Z` in `D` and `x` in `H_n`:
//!
//!   zerocheck:    eq_D(ξ_0, Z) eq(ξ[l_skip..l_skip + n], x) Σ λ^k C_k(q(Z, x)),   whose sum is zero,
//!   numerators:   eq♯(ξ[..l_skip], Z) eq(ξ[l_skip..l_skip + n], x) p̂(q(Z, x)),
//!   denominators: eq♯(ξ[..l_skip], Z) eq(ξ[l_skip..l_skip + n], x) q̂(q(Z, x)).
//!
//! `eq♯` has the values `eq(ξ[..l_skip], bits of i)` at `ω^i` in `D` and a degree below `2^l_skip`. The sums of p̂ and
//! of q̂ are sent for each trace (`sum_(p̂,T)` and `sum_(q̂,T)` in `openvm-stark-backend`). With `N` traces, term `p̂`
//! of trace `t` has the weight `μ^(2t)`, `q̂` has `μ^(2t + 1)`, and the zerocheck has `μ^(2N + t)`.
//!
//! Batching is front-loaded. In round `j`, a trace with `n < j` is down to a value v and contributes
//! `v r_(n+1) … r_(j-1) X`. So the round polynomial is
//!
//!   s_j(X) = eq(ξ_(l_skip + j - 1), X) head(X) + tail X,
//!
//! where head comes from the traces with `n >= j`. Only the values of head at 1, …, d are summed over the rows; head(0)
//! follows from `s_j(0) + s_j(1) = s_(j-1)(r_(j-1))`. Here d is the greatest degree of a constraint.
//!
//! The sumcheck ends with the openings of all columns, and of the needed rotations, at `r`.

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
    constraints::{
        program::{Domain, Extension, LinearForm, PackedExtension},
        trace::{AirTrace, FoldedRows, FoldedTrace},
    },
    field::{EF, F, eq_tables, pack_all, sum_lanes},
    logup::{
        fractional_sumcheck::{FractionalSumcheck, fractional_sumcheck},
        fractions::{fractions, weighted_sums},
    },
    zerocheck::univariate_skip::{self, RowForms},
};

/// Both parts of the proof, and the point `r` at which columns are opened.
type Proved<SC> = (GkrProof<SC>, BatchConstraintProof<SC>, Vec<EF>);

/// Proves that the traces satisfy all constraints and that the buses balance, up to the columns' openings at the
/// point that is returned with the proof. The traces are sorted by height, the highest first.
///
/// # Errors
/// [`LogupZerocheckError`] if the buses don't balance.
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
    let traces: Vec<AirTrace<'_>> = context
        .per_trace
        .iter()
        .map(|(air, trace)| AirTrace::new::<SC>(&key.per_air[*air], trace, l_skip))
        .collect();
    let interactions: Vec<(usize, usize)> =
        traces.iter().map(|trace| (trace.interactions.len(), trace.log_height.max(l_skip))).collect();
    let total = interactions.iter().map(|&(count, log_height)| (count as u64) << log_height).sum();
    let n_logup = calculate_n_logup(l_skip, total);
    let layout = StackedLayout::new(0, l_skip + n_logup, interactions)?;

    let logup_pow_witness = transcript.grind(key.params.logup.pow_bits);
    let alpha = transcript.sample_ext();
    let beta: EF = transcript.sample_ext();
    let longest = traces.iter().flat_map(|trace| &trace.interactions).map(|one| one.message.len()).max();
    let beta_powers: Vec<EF> = beta.powers().take(longest.unwrap_or(0) + 1).collect();

    let fractional = if layout.sorted_cols.is_empty() {
        FractionalSumcheck { q: EF::ONE, claims_per_layer: vec![], sumcheck_polys: vec![], xi: vec![] }
    } else {
        let input = info_span!("prover.logup_leaves")
            .in_scope(|| fractions(&traces, &layout, l_skip + n_logup, alpha, &beta_powers));
        info_span!("prover.fractional_sumcheck")
            .in_scope(|| fractional_sumcheck::<SC, _>(transcript, input))?
    };
    let gkr_proof = GkrProof {
        logup_pow_witness,
        q0_claim: fractional.q,
        claims_per_layer: fractional.claims_per_layer,
        sumcheck_polys: fractional.sumcheck_polys,
    };

    let n_max = traces.first().map_or(0, AirTrace::n);
    let mut xi = fractional.xi;
    while xi.len() < l_skip + n_max.max(n_logup) {
        xi.push(transcript.sample_ext());
    }
    let lambda: EF = transcript.sample_ext();
    let forms = row_forms(&traces, &layout, l_skip, n_logup, &xi, lambda, &beta_powers);
    let eq = traces.iter().map(AirTrace::n).map(|n| (n, eq_tables(&xi[l_skip..l_skip + n]))).collect();
    let degree = key.max_constraint_degree;
    let batch = BatchSumcheck { traces: &traces, l_skip, degree, n_max, xi, forms, eq };
    let (proof, point) = batch.prove::<SC, TS>(transcript);
    Ok((gkr_proof, proof, point))
}

/// Builds the functions of a row that each trace's sumcheck is over.
fn row_forms(
    traces: &[AirTrace<'_>],
    layout: &StackedLayout,
    l_skip: usize,
    n_logup: usize,
    xi: &[EF],
    lambda: EF,
    beta_powers: &[EF],
) -> Vec<RowForms> {
    let most = traces.iter().map(|trace| trace.constraints.len()).max().unwrap_or(0);
    let lambda_powers: Vec<EF> = lambda.powers().take(most).collect();
    let forms_of = |(index, trace): (usize, &AirTrace<'_>)| {
        let n = trace.n();
        // eq(ξ, b) over the variables that select an interaction's range of the stacked fractions.
        let selectors: Vec<EF> = (0..trace.interactions.len())
            .map(|interaction| {
                let row = layout.get(index, interaction).map_or(0, |slice| slice.row_idx);
                let b = row >> (l_skip + n);
                let bits: Vec<F> = (0..n_logup - n).map(|bit| F::from_bool((b >> bit) & 1 == 1)).collect();
                eval_eq_mle(&xi[l_skip + n..l_skip + n_logup], &bits)
            })
            .collect();
        let constraints = trace.constraints.iter().copied().zip(lambda_powers.iter().copied());
        RowForms {
            constraints: LinearForm::new(constraints, EF::ZERO),
            joint: weighted_sums(&trace.joint_interactions, &selectors, beta_powers),
            interactions: weighted_sums(&trace.interactions, &selectors, beta_powers),
        }
    };
    traces.iter().enumerate().map(forms_of).collect()
}

/// Values of a trace's three terms: zerocheck, numerators, denominators.
type Terms<T> = [T; 3];

/// Buffers of one thread in a round, and its sums at 1, …, d.
struct Scratch<D: Domain> {
    slots: Vec<[D::Value; 1]>,
    /// Values of the variables at the current point.
    points: Vec<D::Value>,
    /// Differences of the variables from one point to the next.
    steps: Vec<D::Value>,
    sums: Vec<Terms<D::Value>>,
}

/// The batch sumcheck's inputs.
struct BatchSumcheck<'t, 'a> {
    traces: &'t [AirTrace<'a>],
    l_skip: usize,
    /// d, the greatest degree of a constraint.
    degree: usize,
    n_max: usize,
    xi: Vec<EF>,
    /// The functions of each trace.
    forms: Vec<RowForms>,
    /// Tables of eq(ξ[l_skip..l_skip + n], x), by n.
    eq: BTreeMap<usize, Vec<Vec<EF>>>,
}

/// Result of round 0.
struct SkipRound {
    /// `sum_(p̂,T)` of each trace.
    numerator_sums: Vec<EF>,
    /// `sum_(q̂,T)` of each trace.
    denominator_sums: Vec<EF>,
    /// Powers of μ that weight the terms of each trace.
    mus: Vec<Terms<EF>>,
    /// Coefficients of s_0.
    coefficients: Vec<EF>,
    r0: EF,
}

/// State of the rounds after round 0.
struct MultilinearRounds {
    /// Value of the last round polynomial at its challenge.
    claim: EF,
    /// eq(ξ, r) over the bound variables, `Z` included.
    eq: EF,
    /// The same with eq♯ for `Z`.
    eq_sharp: EF,
    /// r, the challenges so far.
    point: Vec<EF>,
    /// `v r_(n+1) … r_(j-1)` of each trace without variables left.
    finished: Vec<Option<EF>>,
}

impl BatchSumcheck<'_, '_> {
    /// Proves all rounds. Returns the proof and the point r at which columns are opened.
    fn prove<SC, TS>(&self, transcript: &mut TS) -> (BatchConstraintProof<SC>, Vec<EF>)
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let round0 = self.skip_round::<SC, TS>(transcript);
        let mut folded: Vec<FoldedTrace> = info_span!("prover.batch_fold")
            .in_scope(|| self.traces.par_iter().map(|trace| trace.fold(round0.r0)).collect());
        let (sumcheck_round_polys, point) = info_span!("prover.batch_rounds")
            .in_scope(|| self.multilinear_rounds::<SC, TS>(transcript, &round0, &mut folded));
        let column_openings = self.openings::<SC, TS>(transcript, &folded);
        let proof = BatchConstraintProof {
            numerator_term_per_air: round0.numerator_sums,
            denominator_term_per_air: round0.denominator_sums,
            univariate_round_coeffs: round0.coefficients,
            sumcheck_round_polys,
            column_openings,
        };
        (proof, point)
    }

    /// Proves round 0, over `Z`. Observes the sums of p̂ and q̂, samples μ, observes s_0 and samples r_0.
    fn skip_round<SC, TS>(&self, transcript: &mut TS) -> SkipRound
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let polynomials: Vec<Terms<UnivariatePoly<EF>>> = info_span!("prover.batch_round0").in_scope(|| {
            let eq_of = |trace: &AirTrace<'_>| &self.eq[&trace.n()][0];
            self.traces
                .par_iter()
                .zip(&self.forms)
                .map(|(trace, forms)| univariate_skip::polynomials(trace, eq_of(trace), forms))
                .collect()
        });
        let len = sumcheck_round0_deg(self.l_skip, self.degree + 1) + 1;
        let eq_sharp = eq_sharp_uni_poly(&self.xi[..self.l_skip]);
        let logup: Vec<[Vec<EF>; 2]> = polynomials
            .iter()
            .map(|[_, numerators, denominators]| {
                [numerators, denominators].map(|poly| product(eq_sharp.coeffs(), poly.coeffs(), len))
            })
            .collect();
        let mut numerator_sums = Vec::with_capacity(self.traces.len());
        let mut denominator_sums = Vec::with_capacity(self.traces.len());
        for terms in &logup {
            let [numerator, denominator] = terms.each_ref().map(|poly| self.sum_over_skip_domain(poly));
            transcript.observe_ext(numerator);
            transcript.observe_ext(denominator);
            numerator_sums.push(numerator);
            denominator_sums.push(denominator);
        }

        let mu: EF = transcript.sample_ext();
        let count = self.traces.len();
        let mu: Vec<EF> = mu.powers().take(3 * count).collect();
        let mus: Vec<Terms<EF>> =
            (0..count).map(|trace| [mu[2 * count + trace], mu[2 * trace], mu[2 * trace + 1]]).collect();
        let coefficients = self.batched_round0(&polynomials, &logup, &mus, len);
        for &coefficient in &coefficients {
            transcript.observe_ext(coefficient);
        }
        let r0 = transcript.sample_ext();
        SkipRound { numerator_sums, denominator_sums, mus, coefficients, r0 }
    }

    /// Sum of a polynomial over `D`.
    fn sum_over_skip_domain(&self, coefficients: &[EF]) -> EF {
        coefficients.iter().step_by(1 << self.l_skip).copied().sum::<EF>() * F::from_usize(1 << self.l_skip)
    }

    /// Computes s_0: the zerocheck's polynomials times eq_D(ξ_0, Z), and LogUp's, weighted with the powers of μ.
    fn batched_round0(
        &self,
        polynomials: &[Terms<UnivariatePoly<EF>>],
        logup: &[[Vec<EF>; 2]],
        mus: &[Terms<EF>],
        len: usize,
    ) -> Vec<EF> {
        let mut constraints = vec![EF::ZERO; len];
        let mut batched = vec![EF::ZERO; len];
        for (([poly, ..], [numerators, denominators]), mu) in polynomials.iter().zip(logup).zip(mus) {
            constraints.iter_mut().zip(poly.coeffs()).for_each(|(sum, &value)| *sum += mu[0] * value);
            for (sum, (&numerator, &denominator)) in
                batched.iter_mut().zip(numerators.iter().zip(denominators))
            {
                *sum += mu[1] * numerator + mu[2] * denominator;
            }
        }
        let eq = eq_uni_poly::<F, EF>(self.l_skip, self.xi[0]);
        let constraints = product(eq.coeffs(), &constraints, len);
        batched.iter_mut().zip(constraints).for_each(|(sum, value)| *sum += value);
        batched
    }

    /// Proves rounds 1 to `n_max`, and binds their variables in `folded`. Returns the round polynomials, at 1, …, d +
    /// 1, and the point r.
    fn multilinear_rounds<SC, TS>(
        &self,
        transcript: &mut TS,
        round0: &SkipRound,
        folded: &mut [FoldedTrace],
    ) -> (Vec<Vec<EF>>, Vec<EF>)
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let group: Vec<F> = F::two_adic_generator(self.l_skip).powers().take(1 << self.l_skip).collect();
        let r0 = round0.r0;
        let mut state = MultilinearRounds {
            claim: evaluate(&round0.coefficients, r0),
            eq: eval_eq_uni(self.l_skip, self.xi[0], r0),
            eq_sharp: eval_eq_sharp_uni(&group, &self.xi[..self.l_skip], r0),
            point: vec![r0],
            finished: vec![None; self.traces.len()],
        };
        let mut polys = Vec::with_capacity(self.n_max);
        for round in 1..=self.n_max {
            let (head, tail) = self.head_and_tail(round, &round0.mus, folded, &mut state);
            let xi = self.xi[self.l_skip + round - 1];
            let (poly, r) = state.finish_round::<SC, TS>(transcript, xi, head, tail);
            polys.push(poly);
            folded.par_iter_mut().for_each(|folded| folded.bind(r));
        }
        (polys, state.point)
    }

    /// Computes head at 1, …, d, and tail, of a round.
    fn head_and_tail(
        &self,
        round: usize,
        mus: &[Terms<EF>],
        folded: &[FoldedTrace],
        state: &mut MultilinearRounds,
    ) -> (Vec<EF>, EF) {
        let sums: Vec<Option<Vec<Terms<EF>>>> = (0..self.traces.len())
            .into_par_iter()
            .map(|trace| {
                let left = (self.traces[trace].n() + 1).checked_sub(round).filter(|&left| left > 0)?;
                let eq = &self.eq[&self.traces[trace].n()];
                Some(self.round_sums(trace, &folded[trace], &eq[eq.len() - left]))
            })
            .collect();
        let mut tail = EF::ZERO;
        let mut head = vec![EF::ZERO; self.degree];
        for (trace, sums) in sums.iter().enumerate() {
            match sums {
                Some(sums) => {
                    for (head, [constraints, numerators, denominators]) in head.iter_mut().zip(sums) {
                        let logup = mus[trace][1] * *numerators + mus[trace][2] * *denominators;
                        *head += mus[trace][0] * state.eq * *constraints + state.eq_sharp * logup;
                    }
                }
                None => {
                    let value = match state.finished[trace] {
                        Some(value) => value * state.point[state.point.len() - 1],
                        None => self.last_value(trace, &folded[trace], &mus[trace], state),
                    };
                    state.finished[trace] = Some(value);
                    tail += value;
                }
            }
        }
        (head, tail)
    }

    /// Opens all columns, and observes the openings: those of the common main traces first, then all others.
    fn openings<SC, TS>(&self, transcript: &mut TS, folded: &[FoldedTrace]) -> Vec<Vec<Vec<EF>>>
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let column_openings: Vec<Vec<Vec<EF>>> = self
            .traces
            .iter()
            .zip(folded)
            .map(|(trace, folded)| openings_by_part(trace, folded.columns()))
            .collect();
        let mut observe = |trace: &AirTrace<'_>, part: &[EF]| {
            for (claim, next) in column_openings_by_rot(part, trace.needs_next) {
                transcript.observe_ext(claim);
                transcript.observe_ext(next);
            }
        };
        for (trace, parts) in self.traces.iter().zip(&column_openings) {
            observe(trace, &parts[0]);
        }
        for (trace, parts) in self.traces.iter().zip(&column_openings) {
            parts[1..].iter().for_each(|part| observe(trace, part));
        }
        column_openings
    }

    /// Sums of a trace's terms in a round, at 1, …, d, without the factor eq of the bound and the current variable.
    /// `eq` has the weights of the others.
    fn round_sums(&self, trace: usize, folded: &FoldedTrace, eq: &[EF]) -> Vec<Terms<EF>> {
        let norm = self.traces[trace].norm();
        let sums = match &folded.rows {
            FoldedRows::Packed(values) => {
                let weights = pack_all(eq);
                self.sums::<PackedExtension>(trace, folded, values, &weights, &|sums| sums.map(sum_lanes))
            }
            FoldedRows::Scalar(values) => self.sums::<Extension>(trace, folded, values, eq, &|sums| sums),
        };
        sums.into_iter()
            .map(|[constraints, numerators, denominators]| [constraints, numerators * norm, denominators])
            .collect()
    }

    /// [`round_sums`](Self::round_sums) over values of one domain, without the normalisation. `finish` sums the lanes.
    fn sums<D: Domain<Sum = <D as Domain>::Value>>(
        &self,
        trace: usize,
        folded: &FoldedTrace,
        values: &[D::Value],
        eq: &[D::Value],
        finish: &(impl Fn(Terms<D::Value>) -> Terms<EF> + Sync),
    ) -> Vec<Terms<EF>> {
        let program = &self.traces[trace].program;
        let forms = &self.forms[trace];
        let has_interactions = !self.traces[trace].interactions.is_empty();
        let zero = D::Value::ZERO;
        let variables = program.variables.len();
        let new = || Scratch::<D> {
            slots: vec![[zero]; program.slots],
            points: vec![zero; variables],
            steps: vec![zero; variables],
            sums: vec![[zero; 3]; self.degree],
        };
        let add = |mut scratch: Scratch<D>, index: usize| {
            let Scratch { slots, points, steps, sums } = &mut scratch;
            let eq = eq[index];
            // Each variable is a line through its values at 0 and at 1. The first point is 1.
            for ((point, step), (low, high)) in
                points.iter_mut().zip(&mut *steps).zip(folded.pair(values, index))
            {
                *point = high;
                *step = high - low;
            }
            for sums in sums {
                slots.iter_mut().zip(&*points).for_each(|(slot, &point)| *slot = [point]);
                program.run::<D, 1>(slots);
                sums[0] += eq * forms.constraints.apply::<D, 1>(slots, 0);
                if has_interactions {
                    sums[1] += eq * forms.joint[0].apply::<D, 1>(slots, 0);
                    sums[2] += eq * forms.joint[1].apply::<D, 1>(slots, 0);
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
                || vec![[EF::ZERO; 3]; self.degree],
                |mut sums, more| {
                    for (sums, more) in sums.iter_mut().zip(more) {
                        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                    }
                    sums
                },
            )
    }

    /// Value v of a trace without variables left, from its only row.
    fn last_value(
        &self,
        trace: usize,
        folded: &FoldedTrace,
        mu: &Terms<EF>,
        state: &MultilinearRounds,
    ) -> EF {
        let program = &self.traces[trace].program;
        let mut slots: Vec<[EF; 1]> = folded.last_row().into_iter().map(|value| [value]).collect();
        slots.resize(program.slots, [EF::ZERO]);
        program.run::<Extension, 1>(&mut slots);
        let forms = &self.forms[trace];
        let constraints = forms.constraints.apply::<Extension, 1>(&slots, 0);
        let mut value = mu[0] * state.eq * constraints;
        if !self.traces[trace].interactions.is_empty() {
            let [numerators, denominators]: [EF; 2] =
                std::array::from_fn(|which| forms.joint[which].apply::<Extension, 1>(&slots, 0));
            let norm = self.traces[trace].norm();
            value += state.eq_sharp * (mu[1] * numerators * norm + mu[2] * denominators);
        }
        value
    }
}

impl MultilinearRounds {
    /// Ends a round with `head` at 1, …, d: observes s_j at 1, …, d + 1, samples the challenge, and returns both.
    fn finish_round<SC, TS>(&mut self, transcript: &mut TS, xi: EF, head: Vec<EF>, tail: EF) -> (Vec<EF>, EF)
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let degree = head.len();
        // claim = (1 - ξ) head(0) + ξ head(1) + tail, because tail has the factor X.
        let head0 = (self.claim - xi * head[0] - tail) * (EF::ONE - xi).inverse();
        let values: Vec<EF> = [&[head0], head.as_slice()].concat();
        let points: Vec<F> = (0..=degree).map(F::from_usize).collect();
        let head = UnivariatePoly::lagrange_interpolate(&points, &values);
        let at = |x: EF| {
            let eq = EF::ONE - xi + (xi.double() - EF::ONE) * x;
            eq * evaluate(head.coeffs(), x) + tail * x
        };
        let values: Vec<EF> = (1..=degree + 1).map(|x| at(EF::from_usize(x))).collect();
        for &value in &values {
            transcript.observe_ext(value);
        }
        let r: EF = transcript.sample_ext();
        self.claim = at(r);
        let eq = EF::ONE - xi - r + (xi * r).double();
        self.eq *= eq;
        self.eq_sharp *= eq;
        self.point.push(r);
        (values, r)
    }
}

/// Openings of a trace, part by part, the common main part first. If the constraints read the next row, each column's
/// opening is followed by that of its rotation. `columns` is [`FoldedTrace::columns`].
fn openings_by_part(trace: &AirTrace<'_>, columns: &[EF]) -> Vec<Vec<EF>> {
    // The selectors aren't opened.
    let mut rest = &columns[3..];
    let mut parts: Vec<Vec<EF>> = trace
        .matrices
        .iter()
        .map(|matrix| {
            let (this, next);
            (this, rest) = rest.split_at(matrix.width);
            if !trace.needs_next {
                return this.to_vec();
            }
            (next, rest) = rest.split_at(matrix.width);
            this.iter().zip(next).flat_map(|(&this, &next)| [this, next]).collect()
        })
        .collect();
    parts.rotate_right(1);
    parts
}

/// First `len` coefficients of the product of two polynomials.
fn product(a: &[EF], b: &[EF], len: usize) -> Vec<EF> {
    let mut product = vec![EF::ZERO; len];
    for (i, &a) in a.iter().enumerate() {
        for (to, &b) in product.iter_mut().skip(i).zip(b) {
            *to += a * b;
        }
    }
    product
}

/// Value of a polynomial at `x`.
fn evaluate(coefficients: &[EF], x: EF) -> EF {
    coefficients.iter().rev().fold(EF::ZERO, |value, &coefficient| value * x + coefficient)
}

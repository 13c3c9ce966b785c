//! Round 0 of the batch sumcheck, whose variable `Z` ranges over the skip domain `D` ("univariate skip").
//!
//! For a trace of `2^n` blocks and a function `g` of its row's variables (the constraints, numerators or denominators),
//! the round polynomial without its factor in `Z` is
//!
//!   s'_0(Z) = Σ over x in H_n of eq(ξ[l_skip..l_skip + n], x) g(q(Z, x)).
//!
//! Each column of a block is interpolated and evaluated on cosets of `D`, and `g` is evaluated there. A vector holds
//! the same row of [`LANES`] blocks, so the small transforms and `g` are operations on whole vectors.

use openvm_stark_backend::poly_common::UnivariatePoly;
use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_util::reverse_bits_len;
use rayon::prelude::*;

use crate::{
    constraints::{
        program::{LinearForm, PackedBase},
        trace::AirTrace,
    },
    field::{EF, EP, F, LANES, P, pack, small_dft::SmallDft, sum_lanes},
};

/// Points of `D` at which a program runs together.
const POINTS: usize = 4;

/// The functions of a row that a trace's sumcheck is over, batched over the constraints and over the interactions.
pub(crate) struct RowForms {
    /// `Σ λ^k constraint_k`, over [`AirTrace::program`].
    pub(crate) constraints: LinearForm,
    /// Numerators and denominators, each summed over the interactions with `eq(ξ, b)` of their index b in the stacked
    /// fractions; over [`AirTrace::program`].
    pub(crate) joint: [LinearForm; 2],
    /// The same, over [`AirTrace::interactions_program`].
    pub(crate) interactions: [LinearForm; 2],
}

/// Buffers of one thread, and its sums.
struct Scratch {
    /// Coefficients of the variables in a tile, `2^l_skip` vectors each, in bit-reversed order.
    coefficients: Vec<P>,
    /// Values of the variables on a coset, `2^l_skip` vectors each.
    values: Vec<P>,
    slots: Vec<[P; POINTS]>,
    /// Constraints, numerators and denominators at each point of each coset: coset by coset, `2^l_skip` points each.
    sums: Vec<[EP; 3]>,
}

/// Computes `s'_0` of a trace, in coefficient form: of the constraints, the numerators and the denominators. `eq` has
/// the blocks' weights in bit-reversed order.
pub(crate) fn polynomials(trace: &AirTrace<'_>, eq: &[EF], forms: &RowForms) -> [UnivariatePoly<EF>; 3] {
    let cosets = trace.degree;
    if cosets == 0 {
        return std::array::from_fn(|_| UnivariatePoly::new(vec![]));
    }
    let size = 1usize << trace.l_skip;
    let shifts: Vec<F> = F::GENERATOR.powers().skip(1).take(cosets).collect();
    let evaluator = CosetEvaluator::new(trace, eq, forms, &shifts);
    let zero = || vec![[EF::ZERO; 3]; size * cosets];
    let sums = (0..trace.tiles())
        .into_par_iter()
        .fold(
            || evaluator.scratch(),
            |mut scratch, tile| {
                evaluator.add_tile(&mut scratch, tile);
                scratch
            },
        )
        .map(|scratch| scratch.sums.into_iter().map(|sums| sums.map(sum_lanes)).collect::<Vec<_>>())
        .reduce(zero, |mut sums, more| {
            for (sums, more) in sums.iter_mut().zip(more) {
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            sums
        });
    interpolate(trace, &shifts, &sums)
}

/// Evaluation of a trace's functions on cosets of `D`.
struct CosetEvaluator<'a> {
    trace: &'a AirTrace<'a>,
    /// The blocks' weights eq(ξ, x), in bit-reversed order.
    eq: &'a [EF],
    forms: &'a RowForms,
    dft: SmallDft,
    /// Factors that take coefficients to each coset, in bit-reversed order. The
    /// interpolation's `1 / 2^l_skip` is part of them.
    twists: Vec<Vec<F>>,
    /// Index in the joint program's variables of each variable of the interactions' program.
    interaction_variables: Vec<usize>,
}

impl<'a> CosetEvaluator<'a> {
    fn new(trace: &'a AirTrace<'a>, eq: &'a [EF], forms: &'a RowForms, shifts: &[F]) -> Self {
        let size = 1usize << trace.l_skip;
        let scale = F::from_usize(size).inverse();
        let twists = shifts
            .iter()
            .map(|shift| {
                let powers: Vec<F> = shift.powers().take(size).map(|power| power * scale).collect();
                (0..size).map(|index| powers[reverse_bits_len(index, trace.l_skip)]).collect()
            })
            .collect();
        let variables = &trace.program.variables;
        let interaction_variables = trace
            .interactions_program
            .variables
            .iter()
            .map(|variable| {
                variables.binary_search(variable).unwrap_or_else(|_| unreachable!("it is a part"))
            })
            .collect();
        Self { trace, eq, forms, dft: SmallDft::new(trace.l_skip), twists, interaction_variables }
    }

    fn scratch(&self) -> Scratch {
        let size = 1usize << self.trace.l_skip;
        let (program, interactions) = (&self.trace.program, &self.trace.interactions_program);
        Scratch {
            coefficients: vec![P::ZERO; size * program.variables.len()],
            values: vec![P::ZERO; size * program.variables.len()],
            slots: vec![[P::ZERO; POINTS]; program.slots.max(interactions.slots)],
            sums: vec![[EP::ZERO; 3]; size * self.twists.len()],
        }
    }

    /// Evaluates the functions on all cosets in a tile, and adds them to the sums.
    fn add_tile(&self, scratch: &mut Scratch, tile: usize) {
        let Self { trace, eq, forms, dft, .. } = self;
        let Scratch { coefficients, values, slots, sums } = scratch;
        let size = 1usize << trace.l_skip;
        let variables = trace.program.variables.len();
        let has_interactions = !trace.interactions.is_empty();
        let blocks = trace.blocks(tile);
        let weight = pack(|lane| eq.get(tile * LANES + lane).copied().unwrap_or(EF::ZERO));
        for z in 0..size {
            let rows = blocks.map(|block| (block << trace.l_skip) + z);
            trace.load(&trace.loads, &rows, |slot, values| coefficients[slot * size + z] = values);
        }
        coefficients.chunks_exact_mut(size).for_each(|column| dft.interpolate(column));
        for (coset, twist) in self.twists.iter().enumerate() {
            // The constraints' quotient needs one coset less.
            let interactions_only = coset + 1 == self.twists.len();
            if interactions_only && !has_interactions {
                break;
            }
            for (to, from) in values.chunks_exact_mut(size).zip(coefficients.chunks_exact(size)) {
                for ((to, &from), &twist) in to.iter_mut().zip(from).zip(twist) {
                    *to = from * P::from(twist);
                }
                dft.evaluate(to);
            }
            for first in (0..size).step_by(POINTS) {
                let points = POINTS.min(size - first);
                let mut fill = |slot: usize, variable: usize| {
                    slots[slot][..points].copy_from_slice(&values[variable * size + first..][..points]);
                };
                let [numerators, denominators] = if interactions_only {
                    let variables = self.interaction_variables.iter();
                    variables.enumerate().for_each(|(slot, &variable)| fill(slot, variable));
                    trace.interactions_program.run::<PackedBase, POINTS>(slots);
                    &forms.interactions
                } else {
                    (0..variables).for_each(|variable| fill(variable, variable));
                    trace.program.run::<PackedBase, POINTS>(slots);
                    &forms.joint
                };
                for point in 0..points {
                    let sums = &mut sums[coset * size + first + point];
                    if !interactions_only {
                        sums[0] += weight * forms.constraints.apply::<PackedBase, POINTS>(slots, point);
                    }
                    if has_interactions {
                        sums[1] += weight * numerators.apply::<PackedBase, POINTS>(slots, point);
                        sums[2] += weight * denominators.apply::<PackedBase, POINTS>(slots, point);
                    }
                }
            }
        }
    }
}

/// Interpolates the three polynomials from the sums at each point of each coset: coset by coset, `2^l_skip` points
/// each.
fn interpolate(trace: &AirTrace<'_>, shifts: &[F], sums: &[[EF; 3]]) -> [UnivariatePoly<EF>; 3] {
    let size = 1usize << trace.l_skip;
    let empty = || UnivariatePoly::new(vec![]);
    // The matrix [2^l_skip points × cosets, row-major] determines the polynomial.
    let interpolate = |which: usize, cosets: usize, factor: &dyn Fn(F) -> F| {
        let values = (0..size)
            .flat_map(|z| (0..cosets).map(move |coset| (z, coset)))
            .map(|(z, coset)| sums[coset * size + z][which] * factor(shifts[coset]))
            .collect();
        if cosets == 0 {
            return empty();
        }
        UnivariatePoly::from_geometric_cosets_evals_idft(
            RowMajorMatrix::new(values, cosets),
            F::GENERATOR,
            F::GENERATOR,
        )
    };
    // The constraints vanish on D, so their sum is a multiple of Z^(2^l_skip) - 1, which is constant on a coset. The
    // quotient needs one coset less.
    let quotient =
        interpolate(0, shifts.len() - 1, &|shift| (shift.exp_power_of_2(trace.l_skip) - F::ONE).inverse());
    let mut constraints = vec![EF::ZERO; quotient.coeffs().len() + size];
    for (index, &coefficient) in quotient.coeffs().iter().enumerate() {
        constraints[index] -= coefficient;
        constraints[index + size] += coefficient;
    }
    let constraints = UnivariatePoly::new(constraints);
    if trace.interactions.is_empty() {
        return [constraints, empty(), empty()];
    }
    let norm = trace.norm();
    [constraints, interpolate(1, shifts.len(), &|_| norm), interpolate(2, shifts.len(), &|_| F::ONE)]
}

//! LogUp's fractions `p / q`, one for each interaction and row of each trace.
//!
//! An interaction sends the message `m_0, …, m_(k-1)` to the bus `b` with multiplicity `count`:
//!
//!   p = count,   q = α + β^k (b + 1) + Σ β^j m_j.
//!
//! The fractions are stacked to one column of `2^(l_skip + n_logup)` entries, the input layer of the fractional
//! sumcheck.

use openvm_stark_backend::prover::stacked_pcs::StackedLayout;
use p3_field::{BasedVectorSpace, PackedValue, PrimeCharacteristicRing};
use p3_util::reverse_bits_len;
use rayon::prelude::*;

use crate::{
    constraints::{
        program::{Domain, LinearForm, Output, PackedBase},
        trace::{AirTrace, CompiledInteraction},
    },
    field::{EF, EP, LANES, LOG_LANES, P},
    logup::fractional_sumcheck::InputLayer,
};

/// Computes the fractions of all traces, stacked by `layout` to `2^log_len` entries. Entries without a fraction have
/// p = 0 and q = α.
pub(crate) fn fractions(
    traces: &[AirTrace<'_>],
    layout: &StackedLayout,
    log_len: usize,
    alpha: EF,
    beta_powers: &[EF],
) -> InputLayer {
    let mut layer = InputLayer::new(log_len, alpha);
    for (index, trace) in traces.iter().enumerate() {
        let starts: Vec<usize> = (0..trace.interactions.len())
            .map(|interaction| layout.get(index, interaction).map_or(0, |slice| slice.row_idx))
            .collect();
        if starts.is_empty() {
            continue;
        }
        let denominators: Vec<LinearForm> = trace
            .interactions
            .iter()
            .map(|interaction| denominator(interaction, alpha, beta_powers))
            .collect();
        let evaluate = |rows: &[usize; LANES], slots: &mut [[P; 1]]| {
            trace.load(&trace.interactions_loads, rows, |slot, values| slots[slot] = [values]);
            trace.interactions_program.run::<PackedBase, 1>(slots);
        };
        let numerator = |interaction: &CompiledInteraction, slots: &[[P; 1]]| match interaction.count {
            Output::Slot(slot) => slots[slot][0],
            Output::Constant(constant) => constant.into(),
        };
        let new_slots = || vec![[P::ZERO]; trace.interactions_program.slots];
        let height = trace.log_height;

        if height >= trace.l_skip.max(LOG_LANES) {
            // In bit-reversed order, the fractions of a row lie in one aligned range of 2^log_chunk entries, and those
            // of LANES rows in a chunk that no other task writes.
            let log_chunk = log_len - height;
            let offsets: Vec<usize> =
                starts.iter().map(|start| reverse_bits_len(start >> height, log_chunk)).collect();
            let p = layer.p.par_chunks_exact_mut(1 << log_chunk);
            let q = layer.q.par_chunks_exact_mut(4 << log_chunk);
            p.zip(q).enumerate().for_each_init(new_slots, |slots, (tile, (p, q))| {
                let rows = std::array::from_fn(|lane| reverse_bits_len(tile * LANES + lane, height));
                evaluate(&rows, slots);
                for ((interaction, denominator), &offset) in
                    trace.interactions.iter().zip(&denominators).zip(&offsets)
                {
                    let numerator = numerator(interaction, slots);
                    let denominator = denominator.apply::<PackedBase, 1>(slots, 0);
                    for lane in 0..LANES {
                        put(p, q, (lane << log_chunk) | offset, numerator, denominator, lane);
                    }
                }
            });
        } else {
            let norm = trace.norm();
            let mut slots = new_slots();
            // The lift of a low trace: its rows are repeated to 2^l_skip.
            for first in (0..1usize << height.max(trace.l_skip)).step_by(LANES) {
                evaluate(&std::array::from_fn(|lane| first + lane), &mut slots);
                for ((interaction, denominator), start) in
                    trace.interactions.iter().zip(&denominators).zip(&starts)
                {
                    let numerator = PackedBase::mul_constant(numerator(interaction, &slots), norm);
                    let denominator = denominator.apply::<PackedBase, 1>(&slots, 0);
                    for lane in 0..LANES.min((1usize << height.max(trace.l_skip)) - first) {
                        let entry = reverse_bits_len(start + first + lane, log_len);
                        put(&mut layer.p, &mut layer.q, entry, numerator, denominator, lane);
                    }
                }
            }
        }
    }
    layer
}

/// The form `constant + β^k (bus + 1) + Σ β^j m_j`.
fn denominator(interaction: &CompiledInteraction, constant: EF, beta_powers: &[EF]) -> LinearForm {
    let bus = beta_powers[interaction.message.len()] * interaction.bus;
    LinearForm::new(interaction.message.iter().copied().zip(beta_powers.iter().copied()), constant + bus)
}

/// The numerators and the denominators (without α) of a row, each summed over the interactions with `weights`.
pub(crate) fn weighted_sums(
    interactions: &[CompiledInteraction],
    weights: &[EF],
    beta_powers: &[EF],
) -> [LinearForm; 2] {
    let numerators =
        interactions.iter().zip(weights).map(|(interaction, &weight)| (interaction.count, weight));
    let constant = interactions
        .iter()
        .zip(weights)
        .map(|(interaction, &weight)| weight * beta_powers[interaction.message.len()] * interaction.bus)
        .sum();
    let messages = interactions.iter().zip(weights).flat_map(|(interaction, &weight)| {
        interaction.message.iter().zip(beta_powers).map(move |(&output, &power)| (output, weight * power))
    });
    [LinearForm::new(numerators, EF::ZERO), LinearForm::new(messages, constant)]
}

/// Writes lane `lane` of a fraction to entry `entry` of `p` and of `q`, which has four vectors for one of `p`.
#[inline]
fn put(p: &mut [P], q: &mut [P], entry: usize, numerator: P, denominator: EP, lane: usize) {
    let (vector, to) = (entry / LANES, entry % LANES);
    p[vector].as_slice_mut()[to] = numerator.as_slice()[lane];
    let coordinates: &[P] = denominator.as_basis_coefficients_slice();
    for (q, coordinate) in q[4 * vector..4 * vector + 4].iter_mut().zip(coordinates) {
        q.as_slice_mut()[to] = coordinate.as_slice()[lane];
    }
}

//! LogUp's fractions: one for each interaction and row of each table.

use openvm_stark_backend::prover::stacked_pcs::StackedLayout;
use p3_field::{BasedVectorSpace, PackedValue, PrimeCharacteristicRing};
use p3_util::reverse_bits_len;
use rayon::prelude::*;

use crate::{
    field::{EF, EP, LANES, LOG_LANES, P},
    gkr::Leaves,
    program::{Functional, Kind, PackedBase, Root},
    table::{Table, TableInteraction},
};

/// The fractions of all tables, stacked as `layout` says, over `2^log_len` places. Places without a fraction hold
/// 0 / α.
pub(crate) fn fractions(
    tables: &[Table<'_>],
    layout: &StackedLayout,
    log_len: usize,
    alpha: EF,
    beta_powers: &[EF],
) -> Leaves {
    let mut leaves = Leaves::new(log_len, alpha);
    for (index, table) in tables.iter().enumerate() {
        let starts: Vec<usize> = (0..table.interactions.len())
            .map(|interaction| layout.get(index, interaction).map_or(0, |slice| slice.row_idx))
            .collect();
        if starts.is_empty() {
            continue;
        }
        let denominators: Vec<Functional> = table
            .interactions
            .iter()
            .map(|interaction| denominator(interaction, alpha, beta_powers))
            .collect();
        let evaluate = |rows: &[usize; LANES], slots: &mut [[P; 1]]| {
            table.load(&table.interactions_loads, rows, |slot, values| slots[slot] = [values]);
            table.interactions_program.run::<PackedBase, 1>(slots);
        };
        let numerator = |interaction: &TableInteraction, slots: &[[P; 1]]| match interaction.count {
            Root::Slot(slot) => slots[slot][0],
            Root::Constant(constant) => constant.into(),
        };
        let new_slots = || vec![[P::ZERO]; table.interactions_program.slots];
        let height = table.log_height;

        if height >= table.l_skip.max(LOG_LANES) {
            // The fractions of a row are close together, and those of a tile of rows are a chunk of their own.
            let log_chunk = log_len - height;
            let places: Vec<usize> =
                starts.iter().map(|start| reverse_bits_len(start >> height, log_chunk)).collect();
            let p = leaves.p.par_chunks_exact_mut(1 << log_chunk);
            let q = leaves.q.par_chunks_exact_mut(4 << log_chunk);
            p.zip(q).enumerate().for_each_init(new_slots, |slots, (tile, (p, q))| {
                let rows = std::array::from_fn(|lane| reverse_bits_len(tile * LANES + lane, height));
                evaluate(&rows, slots);
                for ((interaction, denominator), &place) in
                    table.interactions.iter().zip(&denominators).zip(&places)
                {
                    let numerator = numerator(interaction, slots);
                    let denominator = denominator.apply::<PackedBase, 1>(slots, 0);
                    for lane in 0..LANES {
                        put(p, q, (lane << log_chunk) | place, numerator, denominator, lane);
                    }
                }
            });
        } else {
            let norm = table.norm();
            let mut slots = new_slots();
            // A table of few rows is repeated to 2^l_skip of them.
            for first in (0..1usize << height.max(table.l_skip)).step_by(LANES) {
                evaluate(&std::array::from_fn(|lane| first + lane), &mut slots);
                for ((interaction, denominator), start) in
                    table.interactions.iter().zip(&denominators).zip(&starts)
                {
                    let numerator = PackedBase::mul(numerator(interaction, &slots), norm);
                    let denominator = denominator.apply::<PackedBase, 1>(&slots, 0);
                    for lane in 0..LANES.min((1usize << height.max(table.l_skip)) - first) {
                        let place = reverse_bits_len(start + first + lane, log_len);
                        put(&mut leaves.p, &mut leaves.q, place, numerator, denominator, lane);
                    }
                }
            }
        }
    }
    leaves
}

/// β^length (bus + 1) + Σ β^j message_j + `constant`.
fn denominator(interaction: &TableInteraction, constant: EF, beta_powers: &[EF]) -> Functional {
    let bus = beta_powers[interaction.message.len()] * interaction.bus;
    Functional::new(interaction.message.iter().copied().zip(beta_powers.iter().copied()), constant + bus)
}

/// The numerators and the denominators of a row, each summed over the interactions with `weights`.
pub(crate) fn weighted(
    interactions: &[TableInteraction],
    weights: &[EF],
    beta_powers: &[EF],
) -> [Functional; 2] {
    let numerators =
        interactions.iter().zip(weights).map(|(interaction, &weight)| (interaction.count, weight));
    let constant = interactions
        .iter()
        .zip(weights)
        .map(|(interaction, &weight)| weight * beta_powers[interaction.message.len()] * interaction.bus)
        .sum();
    let messages = interactions.iter().zip(weights).flat_map(|(interaction, &weight)| {
        interaction.message.iter().zip(beta_powers).map(move |(&root, &power)| (root, weight * power))
    });
    [Functional::new(numerators, EF::ZERO), Functional::new(messages, constant)]
}

/// Puts one lane of a fraction in its place.
#[inline]
fn put(p: &mut [P], q: &mut [P], place: usize, numerator: P, denominator: EP, lane: usize) {
    let (vector, to) = (place / LANES, place % LANES);
    p[vector].as_slice_mut()[to] = numerator.as_slice()[lane];
    let coordinates: &[P] = denominator.as_basis_coefficients_slice();
    for (q, coordinate) in q[4 * vector..4 * vector + 4].iter_mut().zip(coordinates) {
        q.as_slice_mut()[to] = coordinate.as_slice()[lane];
    }
}

//! The first round of the batch sumcheck, whose variable ranges over the group of order 2^l_skip ("univariate skip").
//!
//! Block by block of 2^l_skip rows, each column is interpolated and evaluated on cosets of the group, and the
//! constraints there. A vector holds the same place of as many blocks, so that the small Fourier transforms and the
//! constraints alike are operations on whole vectors.

use openvm_stark_backend::poly_common::UnivariatePoly;
use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_util::reverse_bits_len;
use rayon::prelude::*;

use crate::{
    field::{EF, EP, F, LANES, P, pack, sum_lanes},
    fourier::SmallFourier,
    program::{Functional, PackedBase},
    table::Table,
};

/// How many points of the group the constraints are evaluated at together.
const POINTS: usize = 4;

/// The weights with which a table's results are summed.
pub(crate) struct Weighted {
    /// λ^k for each constraint, over the table's program.
    pub(crate) constraints: Functional,
    /// Numerators and denominators over the table's program.
    pub(crate) joint: [Functional; 2],
    /// The same over the table's program of interactions alone.
    pub(crate) interactions: [Functional; 2],
}

/// The buffers of one thread, and its sums: for each coset and point, constraints, numerators, denominators.
struct Scratch {
    coefficients: Vec<P>,
    values: Vec<P>,
    slots: Vec<[P; POINTS]>,
    sums: Vec<[EP; 3]>,
}

/// The round polynomials of a table, without the factor eq(ξ, Z): of the constraints, the numerators and the
/// denominators. `eq` holds the blocks' weights in bit-reversed order.
pub(crate) fn polynomials(table: &Table<'_>, eq: &[EF], weighted: &Weighted) -> [UnivariatePoly<EF>; 3] {
    let empty = || UnivariatePoly::new(vec![]);
    let has_interactions = !table.interactions.is_empty();
    let cosets = table.degree;
    if cosets == 0 {
        return [empty(), empty(), empty()];
    }
    let size = 1usize << table.l_skip;
    let fourier = SmallFourier::new(table.l_skip);
    let shifts: Vec<F> = F::GENERATOR.powers().skip(1).take(cosets).collect();
    let scale = F::from_usize(size).inverse();
    // What brings coefficients to a coset, in their order.
    let twists: Vec<Vec<F>> = shifts
        .iter()
        .map(|shift| {
            let powers: Vec<F> = shift.powers().take(size).map(|power| power * scale).collect();
            (0..size).map(|index| powers[reverse_bits_len(index, table.l_skip)]).collect()
        })
        .collect();
    let variables = &table.program.variables;
    let of_interactions: Vec<usize> = table
        .interactions_program
        .variables
        .iter()
        .map(|variable| variables.binary_search(variable).unwrap_or_else(|_| unreachable!("it is a part")))
        .collect();

    let new = || Scratch {
        coefficients: vec![P::ZERO; size * variables.len()],
        values: vec![P::ZERO; size * variables.len()],
        slots: vec![[P::ZERO; POINTS]; table.program.slots.max(table.interactions_program.slots)],
        sums: vec![[EP::ZERO; 3]; size * cosets],
    };
    let tile = |mut scratch: Scratch, tile: usize| {
        let Scratch { coefficients, values, slots, sums } = &mut scratch;
        let blocks = table.blocks(tile);
        let weight = pack(|lane| eq.get(tile * LANES + lane).copied().unwrap_or(EF::ZERO));
        for z in 0..size {
            let rows = blocks.map(|block| (block << table.l_skip) + z);
            table.load(&table.loads, &rows, |slot, values| coefficients[slot * size + z] = values);
        }
        coefficients.chunks_exact_mut(size).for_each(|column| fourier.interpolate(column));
        for (coset, twist) in twists.iter().enumerate() {
            let interactions_only = coset + 1 == cosets;
            if interactions_only && !has_interactions {
                break;
            }
            for (to, from) in values.chunks_exact_mut(size).zip(coefficients.chunks_exact(size)) {
                for ((to, &from), &twist) in to.iter_mut().zip(from).zip(twist) {
                    *to = from * P::from(twist);
                }
                fourier.evaluate(to);
            }
            for first in (0..size).step_by(POINTS) {
                let points = POINTS.min(size - first);
                let mut fill = |slot: usize, variable: usize| {
                    slots[slot][..points].copy_from_slice(&values[variable * size + first..][..points]);
                };
                let [numerators, denominators] = if interactions_only {
                    of_interactions.iter().enumerate().for_each(|(slot, &variable)| fill(slot, variable));
                    table.interactions_program.run::<PackedBase, POINTS>(slots);
                    &weighted.interactions
                } else {
                    (0..variables.len()).for_each(|variable| fill(variable, variable));
                    table.program.run::<PackedBase, POINTS>(slots);
                    &weighted.joint
                };
                for point in 0..points {
                    let sums = &mut sums[coset * size + first + point];
                    if !interactions_only {
                        sums[0] += weight * weighted.constraints.apply::<PackedBase, POINTS>(slots, point);
                    }
                    if has_interactions {
                        sums[1] += weight * numerators.apply::<PackedBase, POINTS>(slots, point);
                        sums[2] += weight * denominators.apply::<PackedBase, POINTS>(slots, point);
                    }
                }
            }
        }
        scratch
    };
    let zero = || vec![[EF::ZERO; 3]; size * cosets];
    let sums = (0..table.tiles())
        .into_par_iter()
        .fold(new, tile)
        .map(|scratch| scratch.sums.into_iter().map(|sums| sums.map(sum_lanes)).collect::<Vec<_>>())
        .reduce(zero, |mut sums, more| {
            for (sums, more) in sums.iter_mut().zip(more) {
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            sums
        });

    // Rows are points of the group, columns are cosets.
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
    // The constraints vanish on the group, so their sum is a multiple of Z^size - 1, which is constant on a coset.
    let quotient =
        interpolate(0, cosets - 1, &|shift| (shift.exp_power_of_2(table.l_skip) - F::ONE).inverse());
    let mut constraints = vec![EF::ZERO; quotient.coeffs().len() + size];
    for (index, &coefficient) in quotient.coeffs().iter().enumerate() {
        constraints[index] -= coefficient;
        constraints[index + size] += coefficient;
    }
    let constraints = UnivariatePoly::new(constraints);
    if !has_interactions {
        return [constraints, empty(), empty()];
    }
    let norm = table.norm();
    [constraints, interpolate(1, cosets, &|_| norm), interpolate(2, cosets, &|_| F::ONE)]
}

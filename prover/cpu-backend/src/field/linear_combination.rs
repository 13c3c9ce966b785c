//! Linear combinations `Σ w_i x_i` of base field elements `x_i` with weights `w_i` in the extension field.
//!
//! Four products are added up before the sum is reduced.

use p3_field::{BasedVectorSpace, PackedField, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

use crate::field::{EF, EP, F, LANES, P, unpack_to};

/// Products that are reduced together.
pub(crate) const TERMS: usize = 4;

/// Weights of four terms, coordinate by coordinate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TermWeights([[F; TERMS]; 4]);

impl TermWeights {
    /// The first four of `weights`, padded with zeros.
    pub(crate) fn new(weights: &[EF]) -> Self {
        Self(std::array::from_fn(|coordinate| {
            std::array::from_fn(|term| {
                let weight = weights.get(term).copied().unwrap_or(EF::ZERO);
                <EF as BasedVectorSpace<F>>::as_basis_coefficients_slice(&weight)[coordinate]
            })
        }))
    }

    /// Linear combination of four values.
    #[inline]
    pub(crate) fn sum(&self, values: &[P; TERMS]) -> EP {
        EP::from_basis_coefficients_fn(|coordinate| {
            P::packed_linear_combination::<TERMS>(&self.0[coordinate], values)
        })
    }

    /// Weight of a term.
    #[inline]
    pub(crate) fn get(&self, term: usize) -> EF {
        EF::from_basis_coefficients_fn(|coordinate| self.0[coordinate][term])
    }
}

/// Weights of a linear combination of any number of terms.
pub(crate) struct Weights(Vec<TermWeights>);

impl Weights {
    pub(crate) fn new(weights: &[EF]) -> Self {
        Self(weights.chunks(TERMS).map(TermWeights::new).collect())
    }

    /// Linear combination of `values`, one for each weight.
    #[inline]
    pub(crate) fn sum(&self, values: &[P]) -> EP {
        let mut sum = EP::ZERO;
        for (weights, values) in self.0.iter().zip(values.chunks(TERMS)) {
            let values = std::array::from_fn(|term| values.get(term).copied().unwrap_or(P::ZERO));
            sum += weights.sum(&values);
        }
        sum
    }
}

/// Rows that a task of [`add_up`] adds up.
const ROWS_PER_TASK: usize = 1 << 10;

/// Sums `weight * column` over `columns`, row by row. Each column has `height` rows, a power of two.
pub(crate) fn add_up(columns: &[(&[F], EF)], height: usize) -> Vec<EF> {
    let mut sum = vec![EF::ZERO; height];
    if height < LANES {
        for &(column, weight) in columns {
            sum.iter_mut().zip(column).for_each(|(sum, &value)| *sum += weight * value);
        }
        return sum;
    }
    let groups: Vec<([&[F]; TERMS], TermWeights)> = columns
        .chunks(TERMS)
        .map(|group| {
            let weights: Vec<EF> = group.iter().map(|&(_, weight)| weight).collect();
            (std::array::from_fn(|term| group[term.min(group.len() - 1)].0), TermWeights::new(&weights))
        })
        .collect();
    sum.par_chunks_mut(ROWS_PER_TASK).enumerate().for_each(|(task, sum)| {
        let first = task * ROWS_PER_TASK;
        let mut packed = vec![EP::ZERO; sum.len() / LANES];
        for (columns, weights) in &groups {
            let columns = columns.map(|column| P::pack_slice(&column[first..first + sum.len()]));
            for (row, sum) in packed.iter_mut().enumerate() {
                *sum += weights.sum(&columns.map(|column| column[row]));
            }
        }
        unpack_to(&packed, sum);
    });
    sum
}

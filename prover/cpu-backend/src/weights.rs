//! Sums of base field elements with weights of the extension.
//!
//! Four products are added up before they are reduced.

use p3_field::{BasedVectorSpace, PackedField, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

use crate::field::{EF, EP, F, LANES, P, unpack_to};

/// How many products are reduced together.
pub(crate) const FOUR: usize = 4;

/// Four weights, coordinate by coordinate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Four([[F; FOUR]; 4]);

impl Four {
    /// The first weights of `weights`, and zeros where there are fewer.
    pub(crate) fn new(weights: &[EF]) -> Self {
        Self(std::array::from_fn(|coordinate| {
            std::array::from_fn(|term| {
                let weight = weights.get(term).copied().unwrap_or(EF::ZERO);
                <EF as BasedVectorSpace<F>>::as_basis_coefficients_slice(&weight)[coordinate]
            })
        }))
    }

    /// The sum of `values`, weighted.
    #[inline]
    pub(crate) fn sum(&self, values: &[P; FOUR]) -> EP {
        EP::from_basis_coefficients_fn(|coordinate| {
            P::packed_linear_combination::<FOUR>(&self.0[coordinate], values)
        })
    }

    /// One of the weights.
    #[inline]
    pub(crate) fn get(&self, term: usize) -> EF {
        EF::from_basis_coefficients_fn(|coordinate| self.0[coordinate][term])
    }
}

/// Weights of a sum over the base field.
pub(crate) struct Weights(Vec<Four>);

impl Weights {
    pub(crate) fn new(weights: &[EF]) -> Self {
        Self(weights.chunks(FOUR).map(Four::new).collect())
    }

    /// The sum of `values`, weighted. There are as many values as weights.
    #[inline]
    pub(crate) fn sum(&self, values: &[P]) -> EP {
        let mut sum = EP::ZERO;
        for (weights, values) in self.0.iter().zip(values.chunks(FOUR)) {
            let values = std::array::from_fn(|term| values.get(term).copied().unwrap_or(P::ZERO));
            sum += weights.sum(&values);
        }
        sum
    }
}

/// How many rows a task of [`add_up`] adds up.
const ROWS_A_TASK: usize = 1 << 10;

/// Adds `weight * column` of all `columns` up, row by row. All have `height` rows, a power of two.
pub(crate) fn add_up(columns: &[(&[F], EF)], height: usize) -> Vec<EF> {
    let mut sum = vec![EF::ZERO; height];
    if height < LANES {
        for &(column, weight) in columns {
            sum.iter_mut().zip(column).for_each(|(sum, &value)| *sum += weight * value);
        }
        return sum;
    }
    let groups: Vec<([&[F]; FOUR], Four)> = columns
        .chunks(FOUR)
        .map(|group| {
            let weights: Vec<EF> = group.iter().map(|&(_, weight)| weight).collect();
            (std::array::from_fn(|term| group[term.min(group.len() - 1)].0), Four::new(&weights))
        })
        .collect();
    sum.par_chunks_mut(ROWS_A_TASK).enumerate().for_each(|(task, sum)| {
        let first = task * ROWS_A_TASK;
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

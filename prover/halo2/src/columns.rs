//! Values of the circuit's columns on its rows.

use std::collections::BTreeMap;

use halo2_proofs::plonk::{Any, Column};
use halo2curves::bn256::Fr;

use crate::{
    error::Error,
    expression::Poly,
    key::{ProvingKey, Section},
};

/// Advice and instance columns [n values each], and the fixed columns that the present step needs.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    key: &'a ProvingKey,
    pub(crate) advice: Vec<Vec<Fr>>,
    pub(crate) instance: Vec<Vec<Fr>>,
    fixed: BTreeMap<usize, Vec<Fr>>,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(key: &'a ProvingKey, advice: Vec<Vec<Fr>>, instance: Vec<Vec<Fr>>) -> Self {
        Self { key, advice, instance, fixed: BTreeMap::new() }
    }

    /// Reads the fixed columns among these into memory, and frees the others.
    pub(crate) fn hold(&mut self, polys: &[Poly]) -> Result<(), Error> {
        self.fixed.retain(|index, _| polys.contains(&Poly::Fixed(*index)));
        for poly in polys {
            if let Poly::Fixed(index) = poly
                && !self.fixed.contains_key(index)
            {
                self.fixed.insert(*index, self.key.field(Section::FixedValues(*index))?);
            }
        }
        Ok(())
    }

    /// Returns a column's values.
    ///
    /// # Panics
    /// When `poly` is a fixed column that is not in memory, or no column.
    pub(crate) fn get(&self, poly: Poly) -> &[Fr] {
        match poly {
            Poly::Advice(index) => &self.advice[index],
            Poly::Instance(index) => &self.instance[index],
            Poly::Fixed(index) => &self.fixed[&index],
            _ => unreachable!("constraints on rows are about columns"),
        }
    }
}

/// Name of a column's polynomial.
pub(crate) fn poly(column: &Column<Any>) -> Poly {
    match column.column_type() {
        Any::Advice(_) => Poly::Advice(column.index()),
        Any::Fixed => Poly::Fixed(column.index()),
        Any::Instance => Poly::Instance(column.index()),
    }
}

//! Polynomials as coefficients: the witness's in memory, the circuit's in the key file.

use std::collections::BTreeMap;

use halo2_proofs::arithmetic::eval_polynomial;
use halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;

use crate::{
    error::Error,
    expression::Poly,
    key::{ProvingKey, Section},
};

/// All polynomials of a proof [n coefficients each, or fewer].
#[derive(Debug)]
pub(crate) struct Polynomials<'a> {
    key: &'a ProvingKey,
    held: BTreeMap<Poly, Vec<Fr>>,
}

impl<'a> Polynomials<'a> {
    pub(crate) fn new(key: &'a ProvingKey) -> Self {
        Self { key, held: BTreeMap::new() }
    }

    pub(crate) fn insert(&mut self, poly: Poly, coefficients: Vec<Fr>) {
        self.held.insert(poly, coefficients);
    }

    pub(crate) fn remove(&mut self, poly: Poly) {
        self.held.remove(&poly);
    }

    /// Section of the key file with a polynomial of the circuit.
    fn section(poly: Poly) -> Section {
        match poly {
            Poly::Fixed(index) => Section::FixedCoefficients(index),
            Poly::Sigma(index) => Section::SigmaCoefficients(index),
            _ => unreachable!("the proof has made its own polynomials"),
        }
    }

    fn read(&self, poly: Poly) -> Result<Vec<Fr>, Error> {
        self.key.field(Self::section(poly))
    }

    /// Replaces `values` by a copy of the coefficients. Its memory is used again, because new memory comes page by
    /// page.
    pub(crate) fn copy_to(&self, poly: Poly, values: &mut Vec<Fr>) -> Result<(), Error> {
        match self.held.get(&poly) {
            Some(held) => {
                values.resize(held.len(), Fr::ZERO);
                values.par_iter_mut().zip(held).for_each(|(value, held)| *value = *held);
                Ok(())
            }
            None => self.key.field_to(Self::section(poly), values),
        }
    }

    /// Returns the coefficients, and frees those in memory.
    pub(crate) fn take(&mut self, poly: Poly) -> Result<Vec<Fr>, Error> {
        self.held.remove(&poly).map_or_else(|| self.read(poly), Ok)
    }

    /// Evaluates a polynomial at some points.
    pub(crate) fn evaluate(&self, poly: Poly, points: &[Fr]) -> Result<Vec<Fr>, Error> {
        let read;
        let coefficients = match self.held.get(&poly) {
            Some(held) => held,
            None => {
                read = self.read(poly)?;
                &read
            }
        };
        Ok(points.iter().map(|point| eval_polynomial(coefficients, *point)).collect())
    }
}

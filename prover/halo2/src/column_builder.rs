//! Columns that a circuit's synthesis fills.

use std::collections::HashMap;

use halo2_proofs::{circuit::Value, plonk::Assigned};
use halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};

/// Column of n values. The denominators of fractions are inverted together at the end. There are few of them, so they
/// are kept apart and cost the other values nothing.
#[derive(Clone, Debug)]
pub(crate) struct ColumnBuilder {
    values: Vec<Fr>,
    denominators: HashMap<usize, Fr>,
}

impl ColumnBuilder {
    pub(crate) fn new(n: usize) -> Self {
        Self { values: vec![Fr::ZERO; n], denominators: HashMap::new() }
    }

    /// Assigns a row. The last assignment counts.
    pub(crate) fn set(&mut self, row: usize, value: Assigned<Fr>) {
        self.values[row] = value.numerator();
        if let Some(denominator) = value.denominator() {
            self.denominators.insert(row, denominator);
        } else if !self.denominators.is_empty() {
            self.denominators.remove(&row);
        }
    }

    /// Returns the values, with fractions computed. The same as in halo2, a fraction with denominator 0 is 0.
    pub(crate) fn finish(mut self) -> Vec<Fr> {
        let (rows, mut inverses): (Vec<usize>, Vec<Fr>) = self.denominators.into_iter().unzip();
        inverses.iter_mut().batch_invert();
        for (row, inverse) in rows.into_iter().zip(inverses) {
            self.values[row] *= inverse;
        }
        self.values
    }
}

/// Returns a value if it is known.
pub(crate) fn value_of<V>(value: Value<V>) -> Option<V> {
    let mut known = None;
    let _ = value.map(|value| known = Some(value));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_assignment_counts() {
        let [two, three] = [2, 3].map(Fr::from);
        let mut column = ColumnBuilder::new(6);
        column.set(0, Assigned::Rational(two, three));
        column.set(0, Assigned::Trivial(two));
        column.set(1, Assigned::Rational(three, two));
        column.set(1, Assigned::Rational(two, three));
        column.set(2, Assigned::Trivial(three));
        column.set(2, Assigned::Rational(two, Fr::ZERO));
        column.set(3, Assigned::Rational(two, three));
        column.set(3, Assigned::Zero);
        column.set(4, Assigned::Trivial(three));
        let third = two * three.invert().unwrap();
        assert_eq!(column.finish(), [two, third, Fr::ZERO, Fr::ZERO, three, Fr::ZERO]);
    }
}

//! Columns while a circuit's synthesis fills them.

use std::collections::HashMap;

use halo2_proofs::{circuit::Value, plonk::Assigned};
use halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};

/// A column of n values. Fractions are inverted together at the end; there are few of them, so their
/// denominators are kept beside the values and cost the rest nothing.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    values: Vec<Fr>,
    denominators: HashMap<usize, Fr>,
}

impl Filling {
    pub(crate) fn new(n: usize) -> Self {
        Self { values: vec![Fr::ZERO; n], denominators: HashMap::new() }
    }

    pub(crate) fn set(&mut self, row: usize, value: Assigned<Fr>) {
        self.values[row] = value.numerator();
        if let Some(denominator) = value.denominator() {
            self.denominators.insert(row, denominator);
        } else if !self.denominators.is_empty() {
            self.denominators.remove(&row);
        }
    }

    /// The values, fractions done. As in halo2, a fraction with denominator 0 is 0.
    pub(crate) fn finish(mut self) -> Vec<Fr> {
        let (rows, mut inverses): (Vec<usize>, Vec<Fr>) = self.denominators.into_iter().unzip();
        inverses.iter_mut().batch_invert();
        for (row, inverse) in rows.into_iter().zip(inverses) {
            self.values[row] *= inverse;
        }
        self.values
    }
}

/// What a `Value` holds, if it is known.
pub(crate) fn known<V>(value: Value<V>) -> Option<V> {
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
        let mut column = Filling::new(6);
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

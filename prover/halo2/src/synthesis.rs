//! Synthesis of a circuit, for its key and for its witness.

use halo2_proofs::{
    circuit::Value,
    plonk::{
        self, Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Fixed,
        FloorPlanner, Instance, Selector,
    },
};
use halo2curves::bn256::Fr;

use crate::{
    column_builder::{ColumnBuilder, value_of},
    copy_constraints::CopyConstraints,
    error::{Cell, ColumnKind, Error},
};

/// Refuses circuits that the prover doesn't support, and constraint systems that don't fit 2^k rows.
pub(crate) fn check_supported(cs: &ConstraintSystem<Fr>, k: u32) -> Result<(), Error> {
    if let Some(phase) = cs.advice_column_phase().into_iter().max().filter(|phase| *phase > 0) {
        return Err(Error::Unsupported(format!("has advice columns in {} phases", phase + 1)));
    }
    if cs.num_challenges() > 0 {
        return Err(Error::Unsupported("uses challenges".into()));
    }
    let degrees = cs.gates().iter().flat_map(|gate| gate.polynomials()).map(|polynomial| polynomial.degree());
    let lookups = cs.lookups().iter().map(|lookup| {
        let degree = |expressions: &[plonk::Expression<Fr>]| {
            expressions.iter().map(plonk::Expression::degree).max().unwrap_or(1).max(1)
        };
        2 + degree(lookup.input_expressions()) + degree(lookup.table_expressions())
    });
    // Halo2 caps the degree (MAX_DEGREE, 5 by default) and would make proofs that don't verify.
    if let Some(degree) = degrees.chain(lookups).max().filter(|degree| *degree > cs.degree()) {
        return Err(Error::Unsupported(format!("has degree {degree}, above the cap of {}", cs.degree())));
    }
    if (1u64 << k) < cs.minimum_rows() as u64 {
        let need = format!("blinding alone takes {}", cs.minimum_rows());
        return Err(Error::NotEnoughRows { k, need });
    }
    Ok(())
}

/// Count of the rows that a circuit may assign: `0` to one before this count, of the 2^k. In the rows after them, advice
/// columns have random values, which hide the witness, and the permutation and lookup arguments end.
pub(crate) fn usable_rows(cs: &ConstraintSystem<Fr>, k: u32) -> usize {
    (1 << k) - (cs.blinding_factors() + 1)
}

const UNUSABLE: &str = "the row is beyond those that a circuit may use";

/// Rows that a circuit may fill, and the first fault of its synthesis.
#[derive(Debug)]
struct RowGuard {
    k: u32,
    usable_rows: usize,
    fault: Option<Error>,
}

impl RowGuard {
    fn new(cs: &ConstraintSystem<Fr>, k: u32) -> Self {
        Self { k, usable_rows: usable_rows(cs, k), fault: None }
    }

    fn is_usable(&self, row: usize) -> bool {
        row < self.usable_rows
    }

    fn check(&self, row: usize) -> Result<(), plonk::Error> {
        if self.is_usable(row) {
            Ok(())
        } else {
            Err(plonk::Error::NotEnoughRowsAvailable { current_k: self.k })
        }
    }

    /// Keeps the first fault, because the methods of `Assignment` that meet one return nothing.
    fn fault(&mut self, column: impl Into<Column<Any>>, row: usize, reason: &'static str) {
        let column = column.into();
        let cell = Cell { kind: ColumnKind::from(column.column_type()), column: column.index(), row };
        self.fault.get_or_insert(Error::Assignment { cell, reason });
    }

    /// Returns the error of a synthesis, if there is one.
    fn outcome(&mut self, synthesised: Result<(), plonk::Error>) -> Result<(), Error> {
        // The fault came first, and says more.
        self.fault.take().map_or(Ok(()), Err)?;
        synthesised.map_err(Error::Synthesis)
    }
}

/// Methods of `Assignment` without an effect here: names for debugging, and challenges, which are refused before.
macro_rules! ignored_methods {
    () => {
        fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

        fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

        fn exit_region(&mut self) {}

        fn get_challenge(&self, _: Challenge) -> Value<Fr> {
            Value::unknown()
        }

        fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

        fn pop_namespace(&mut self, _: Option<String>) {}
    };
}

/// Fixed columns, selectors and copy constraints of a circuit.
#[derive(Debug)]
pub(crate) struct Layout {
    guard: RowGuard,
    pub(crate) fixed: Vec<ColumnBuilder>,
    /// Flags of each selector, one a row: whether it is on.
    pub(crate) selectors: Vec<Vec<bool>>,
    pub(crate) copies: CopyConstraints,
}

/// Synthesises a circuit without its witness.
pub(crate) fn layout<C: Circuit<Fr>>(
    circuit: &C,
    config: C::Config,
    cs: &ConstraintSystem<Fr>,
    k: u32,
) -> Result<Layout, Error> {
    let n = 1 << k;
    let mut layout = Layout {
        guard: RowGuard::new(cs, k),
        fixed: vec![ColumnBuilder::new(n); cs.num_fixed_columns()],
        selectors: vec![vec![false; n]; cs.num_selectors()],
        copies: CopyConstraints::new(k, cs.permutation().get_columns())?,
    };
    let synthesised = C::FloorPlanner::synthesize(&mut layout, circuit, config, cs.constants().clone());
    layout.guard.outcome(synthesised)?;
    Ok(layout)
}

impl Assignment<Fr> for Layout {
    ignored_methods!();

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        selector: &Selector,
        row: usize,
    ) -> Result<(), plonk::Error> {
        self.guard.check(row)?;
        self.selectors[selector.index()][row] = true;
        Ok(())
    }

    fn query_instance(&self, _: Column<Instance>, row: usize) -> Result<Value<Fr>, plonk::Error> {
        self.guard.check(row)?;
        Ok(Value::unknown())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        if self.guard.is_usable(row) {
            self.fixed[column.index()].set(row, to);
        } else {
            self.guard.fault(column, row, UNUSABLE);
        }
    }

    fn copy(
        &mut self,
        left_column: Column<Any>,
        left_row: usize,
        right_column: Column<Any>,
        right_row: usize,
    ) {
        let mut numbers = [0; 2];
        for ((column, row), number) in
            [(left_column, left_row), (right_column, right_row)].into_iter().zip(&mut numbers)
        {
            if !self.guard.is_usable(row) {
                return self.guard.fault(column, row, UNUSABLE);
            }
            match self.copies.cell(column, row) {
                Some(cell) => *number = cell,
                None => {
                    let reason = "a copied cell's column must be enabled for equality";
                    return self.guard.fault(column, row, reason);
                }
            }
        }
        self.copies.join(numbers[0], numbers[1]);
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Result<(), plonk::Error> {
        self.guard.check(row)?;
        let to = value_of(to).ok_or(plonk::Error::Synthesis)?;
        (row..self.guard.usable_rows).for_each(|row| self.fixed[column.index()].set(row, to));
        Ok(())
    }
}

/// Advice columns of a circuit.
struct Witness<'a> {
    guard: RowGuard,
    instances: &'a [&'a [Fr]],
    advice: Vec<ColumnBuilder>,
}

/// Synthesises a circuit's witness: its advice columns, of n values each.
pub(crate) fn witness<C: Circuit<Fr>>(
    circuit: &C,
    config: C::Config,
    cs: &ConstraintSystem<Fr>,
    k: u32,
    instances: &[&[Fr]],
) -> Result<Vec<Vec<Fr>>, Error> {
    let mut witness = Witness {
        guard: RowGuard::new(cs, k),
        instances,
        advice: vec![ColumnBuilder::new(1 << k); cs.num_advice_columns()],
    };
    let synthesised = C::FloorPlanner::synthesize(&mut witness, circuit, config, cs.constants().clone());
    witness.guard.outcome(synthesised)?;
    Ok(witness.advice.into_iter().map(ColumnBuilder::finish).collect())
}

impl Assignment<Fr> for Witness<'_> {
    ignored_methods!();

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), plonk::Error> {
        Ok(())
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Fr>, plonk::Error> {
        self.guard.check(row)?;
        let value = self.instances.get(column.index()).and_then(|column| column.get(row));
        value.map(|value| Value::known(*value)).ok_or(plonk::Error::BoundsFailure)
    }

    /// Assigns a value and returns no reference to it. A reference that outlives the borrow can't be had safely, and
    /// the circuits of halo2-base keep their values themselves.
    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        match value_of(to) {
            Some(value) if self.guard.is_usable(row) => self.advice[column.index()].set(row, value),
            Some(_) => self.guard.fault(column, row, UNUSABLE),
            None => {
                let reason =
                    "the value is unknown; a circuit that reads back what it assigned isn't supported";
                self.guard.fault(column, row, reason);
            }
        }
        Value::unknown()
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        _: Column<Fixed>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Result<(), plonk::Error> {
        Ok(())
    }
}

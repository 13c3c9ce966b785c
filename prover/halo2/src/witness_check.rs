//! Check that the witness satisfies gates and copy constraints, before anything is proved. Lookups are checked when
//! their columns are permuted.

use halo2_proofs::plonk::{Any, Column};
use halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;

use crate::{
    columns::{self, Columns},
    error::{Cell, ColumnKind, Error, Unsatisfied},
    expression::{Coset, Graph},
    fft::Fft,
    key::ProvingKey,
};

/// Checks that all gates' polynomials are zero on all rows, and names the first row where one isn't. The rows for
/// blinding count too, because the quotient exists only if the polynomials vanish on all rows.
pub(crate) fn gates(key: &ProvingKey, fft: &Fft, columns: &mut Columns<'_>) -> Result<(), Error> {
    let gates = key.verifying_key().cs().gates();
    let mut graph = Graph::default();
    let (indices, outputs): (Vec<_>, Vec<_>) = gates
        .iter()
        .enumerate()
        .flat_map(|(index, gate)| {
            gate.polynomials().iter().enumerate().map(move |(i, poly)| ((index, i), poly))
        })
        .map(|(indices, polynomial)| (indices, graph.expression(polynomial)))
        .unzip();
    let program = graph.compile(&outputs);
    columns.hold(program.polys())?;
    let found = program.find_nonzero(|poly| columns.get(poly), Coset { fft, shift: Fr::ONE });
    found.map_or(Ok(()), |(row, output)| {
        let (index, constraint) = indices[output];
        let gate = &gates[index];
        Err(Unsatisfied::Gate {
            index,
            name: gate.name().to_owned(),
            constraint,
            constraint_name: gate.constraint_name(constraint).to_owned(),
            row,
        }
        .into())
    })
}

/// Checks that every cell is equal to its successor in its cycle, and names the first one that isn't.
pub(crate) fn copies(key: &ProvingKey, columns: &mut Columns<'_>) -> Result<(), Error> {
    let permuted = key.verifying_key().cs().permutation().get_columns();
    let polys: Vec<_> = permuted.iter().map(columns::poly).collect();
    columns.hold(&polys)?;
    let values: Vec<&[Fr]> = polys.iter().map(|poly| columns.get(*poly)).collect();
    let cell = |column: &Column<Any>, row| Cell {
        kind: ColumnKind::from(column.column_type()),
        column: column.index(),
        row,
    };
    for (index, column) in permuted.iter().enumerate() {
        let next = key.permutation(index)?;
        let n = next.len();
        let differs = |row: usize| {
            let next = next[row] as usize;
            values[index][row] != values[next / n][next % n]
        };
        if let Some(row) = (0..n).into_par_iter().find_first(|row| differs(*row)) {
            let next = next[row] as usize;
            let right = cell(&permuted[next / n], next % n);
            return Err(Unsatisfied::Copy { left: cell(column, row), right }.into());
        }
    }
    Ok(())
}

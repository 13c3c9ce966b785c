//! Whether the witness satisfies gates and copy constraints, before anything is proved. (Lookups are checked
//! when their columns are permuted.)

use halo2_proofs::plonk::{Any, Column};
use rayon::prelude::*;

use halo2curves::{bn256::Fr, ff::Field};

use crate::{
    Cell, ColumnKind, Error, ProvingKey, Unsatisfied,
    columns::{self, Columns},
    fft::Fft,
    program::{Graph, Rows},
};

/// Finds the first row at which a gate's polynomial isn't zero. All rows count, those for blinding too: the
/// quotient exists only if the polynomials vanish on all of them.
pub(crate) fn gates(key: &ProvingKey, fft: &Fft, columns: &mut Columns<'_>) -> Result<(), Error> {
    let gates = key.verifying_key().cs().gates();
    let mut graph = Graph::default();
    let (places, outputs): (Vec<_>, Vec<_>) = gates
        .iter()
        .enumerate()
        .flat_map(|(index, gate)| {
            gate.polynomials().iter().enumerate().map(move |(i, poly)| ((index, i), poly))
        })
        .map(|(place, polynomial)| (place, graph.expression(polynomial)))
        .unzip();
    let program = graph.compile(&outputs);
    columns.hold(program.polys())?;
    let found = program.find_nonzero(|poly| columns.get(poly), Rows { fft, shift: Fr::ONE });
    found.map_or(Ok(()), |(row, output)| {
        let (index, constraint) = places[output];
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

/// Finds the first cell that differs from its successor in its cycle.
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

//! The copy constraints, as a permutation of cells whose cycles are the sets of equal cells.

use halo2_proofs::plonk::{Any, Column};
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rayon::prelude::*;

use crate::{Error, fft::Fft};

/// A permutation of the cells of the permutation argument's columns. Cell (i, j), column and row, is the number
/// i n + j: four bytes a cell for the permutation, four for the sets while it is built.
#[derive(Debug)]
pub(crate) struct Copies {
    k: u32,
    columns: Vec<Column<Any>>,
    next: Vec<u32>,
    /// Union-find forest over the cells.
    parent: Vec<u32>,
}

impl Copies {
    pub(crate) fn new(k: u32, columns: Vec<Column<Any>>) -> Result<Self, Error> {
        let cells = (columns.len() as u64) << k;
        let cells = u32::try_from(cells).map_err(|_| {
            Error::Unsupported(format!("has {} columns of 2^{k} rows under copy constraints", columns.len()))
        })?;
        let identity: Vec<u32> = (0..cells).collect();
        Ok(Self { k, columns, parent: identity.clone(), next: identity })
    }

    /// The cell's number, if the column takes part.
    pub(crate) fn cell(&self, column: Column<Any>, row: usize) -> Option<u32> {
        let index = self.columns.iter().position(|known| *known == column)?;
        Some((index << self.k | row) as u32)
    }

    fn root(&mut self, mut cell: u32) -> u32 {
        while self.parent[cell as usize] != cell {
            let grandparent = self.parent[self.parent[cell as usize] as usize];
            self.parent[cell as usize] = grandparent;
            cell = grandparent;
        }
        cell
    }

    /// Makes two cells equal. Joining two cycles is swapping the successors of a cell of each (halo2 book,
    /// "Permutation argument"), so the permutation, and with it the key, depends on the cells and their order only.
    pub(crate) fn join(&mut self, left: u32, right: u32) {
        let (left_root, right_root) = (self.root(left), self.root(right));
        if left_root != right_root {
            // Hanging the later cell under the earlier keeps constants, which many cells copy, near the root.
            self.parent[left_root.max(right_root) as usize] = left_root.min(right_root);
            self.next.swap(left as usize, right as usize);
        }
    }

    /// The permutation, column by column.
    pub(crate) fn finish(self) -> Vec<u32> {
        self.next
    }
}

/// Values of a column's permutation polynomial: delta^i w^j for each cell's successor (i, j).
pub(crate) fn sigma(fft: &Fft, next: &[u32]) -> Vec<Fr> {
    let n = fft.len();
    let columns = next.iter().max().map_or(0, |last| *last as usize / n) + 1;
    let deltas: Vec<Fr> = (0..columns).map(|i| Fr::DELTA.pow_vartime([i as u64])).collect();
    next.par_iter()
        .map(|cell| {
            let (column, row) = (*cell as usize / n, *cell as usize % n);
            let power = fft.root_power(row);
            if column == 0 { power } else { power * deltas[column] }
        })
        .collect()
}

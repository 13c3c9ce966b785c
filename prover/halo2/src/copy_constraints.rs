//! Copy constraints, as a permutation of cells. Its cycles are the sets of equal cells.

use halo2_proofs::plonk::{Any, Column};
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rayon::prelude::*;

use crate::{error::Error, fft::Fft};

/// Permutation of the cells of the permutation argument's columns. The cell in column i and row j has the number i n +
/// j. A cell takes four bytes for the permutation, and four for the sets while they are built.
#[derive(Debug)]
pub(crate) struct CopyConstraints {
    k: u32,
    columns: Vec<Column<Any>>,
    /// Successor of each cell in its cycle.
    next: Vec<u32>,
    /// Parent of each cell in a union-find forest.
    parent: Vec<u32>,
}

impl CopyConstraints {
    /// Makes the identity.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the cells' numbers don't fit 32 bits.
    pub(crate) fn new(k: u32, columns: Vec<Column<Any>>) -> Result<Self, Error> {
        let cells = (columns.len() as u64) << k;
        let cells = u32::try_from(cells).map_err(|_| {
            Error::Unsupported(format!("has {} columns of 2^{k} rows under copy constraints", columns.len()))
        })?;
        let identity: Vec<u32> = (0..cells).collect();
        Ok(Self { k, columns, parent: identity.clone(), next: identity })
    }

    /// Returns the cell's number, if its column takes part.
    pub(crate) fn cell(&self, column: Column<Any>, row: usize) -> Option<u32> {
        let index = self.columns.iter().position(|known| *known == column)?;
        Some((index << self.k | row) as u32)
    }

    /// Finds the root of a cell's tree, and halves the path to it.
    fn root(&mut self, mut cell: u32) -> u32 {
        while self.parent[cell as usize] != cell {
            let grandparent = self.parent[self.parent[cell as usize] as usize];
            self.parent[cell as usize] = grandparent;
            cell = grandparent;
        }
        cell
    }

    /// Makes two cells equal. Two cycles are joined by swapping the successors of one cell of each (halo2 book,
    /// "Permutation argument"). So the permutation, and with it the key, depends only on the cells and their order.
    pub(crate) fn join(&mut self, left: u32, right: u32) {
        let (left_root, right_root) = (self.root(left), self.root(right));
        if left_root != right_root {
            // The earlier cell becomes the parent. That keeps constants, which many cells copy, near the root.
            self.parent[left_root.max(right_root) as usize] = left_root.min(right_root);
            self.next.swap(left as usize, right as usize);
        }
    }

    /// Returns the permutation, column by column.
    pub(crate) fn finish(self) -> Vec<u32> {
        self.next
    }
}

/// Values of a column's permutation polynomial [n]: delta^i w^j for each cell, with (i, j) its successor.
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

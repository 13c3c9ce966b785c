//! The configurations' hash functions, many hashes at once.

pub(crate) mod babybear;
pub mod bn254;

use openvm_stark_backend::{StarkProtocolConfig, prover::error::StackedPcsError};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use rayon::prelude::*;
use tracing::instrument;

use crate::field::F;

/// Hash function of a configuration, many hashes at once.
pub trait Hashing<SC: StarkProtocolConfig>: Clone + Send + Sync {
    /// Leaves that one task of the thread pool hashes.
    fn leaves_per_task(&self) -> usize;

    /// Inner nodes that one task of the thread pool compresses.
    fn nodes_per_task(&self) -> usize;

    /// Writes the digest of leaf `first + i` to `out[i]`: the root of the binary tree over the digests of the rows
    /// `first + i + t stride`, for `t` below `rows_per_leaf`.
    fn leaves(
        &self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_per_leaf: usize,
        first: usize,
        out: &mut [SC::Digest],
    );

    /// Writes the compression of `nodes[2 i]` and `nodes[2 i + 1]` to `out[i]`.
    fn compress(&self, nodes: &[SC::Digest], out: &mut [SC::Digest]);

    /// Layers of the Merkle tree over `rows`, `[2^l rows × width columns, row-major]`: the leaves first, the root last.
    ///
    /// A query opens the `rows_per_leaf` rows of a leaf together. Leaf `i` of `n` is the root of the binary tree over the
    /// digests of the rows `i + t n`. The rows' own digests are not kept.
    ///
    /// # Errors
    /// If the number of rows is zero or not a power of two, or `rows_per_leaf` is not a power of two that divides it.
    #[instrument(level = "debug", skip_all)]
    fn digest_layers(
        &self,
        rows: &RowMajorMatrix<F>,
        rows_per_leaf: usize,
    ) -> Result<Vec<Vec<SC::Digest>>, StackedPcsError> {
        let stride = check_shape(rows, rows_per_leaf)?;
        let task = self.leaves_per_task();
        let mut leaves = vec![SC::Digest::default(); stride];
        leaves
            .par_chunks_mut(task)
            .enumerate()
            .for_each(|(i, out)| self.leaves(rows, stride, rows_per_leaf, i * task, out));
        let task = self.nodes_per_task();
        let mut layers = vec![leaves];
        for log_len in (0..stride.ilog2()).rev() {
            let mut layer = vec![SC::Digest::default(); 1 << log_len];
            if let Some(below) = layers.last() {
                layer
                    .par_chunks_mut(task)
                    .zip(below.par_chunks(2 * task))
                    .for_each(|(out, nodes)| self.compress(nodes, out));
            }
            layers.push(layer);
        }
        Ok(layers)
    }
}

/// Number of leaves of a tree over `rows`, if they have the right shape.
fn check_shape(rows: &RowMajorMatrix<F>, rows_per_leaf: usize) -> Result<usize, StackedPcsError> {
    let height = rows.height();
    if height == 0 {
        return Err(StackedPcsError::MerkleTreeEmptyMatrix);
    }
    if !rows_per_leaf.is_power_of_two() {
        return Err(StackedPcsError::MerkleTreeRowsPerQueryNotPow2 { rows_per_query: rows_per_leaf });
    }
    if !height.is_power_of_two() || rows_per_leaf > height {
        let num_leaves = height;
        return Err(StackedPcsError::MerkleTreeRowsPerQueryExceeded {
            rows_per_query: rows_per_leaf,
            num_leaves,
        });
    }
    Ok(height / rows_per_leaf)
}

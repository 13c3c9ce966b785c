//! Merkle trees of the root configuration.

use openvm_cpu_backend::merkle::CpuMerkleTree;
use openvm_stark_backend::prover::error::StackedPcsError;
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{Digest, F};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use rayon::prelude::*;
use tracing::instrument;

use crate::bn254::Kernel;

/// Values of the kernel that one task of the thread pool does.
const VALUES_A_TASK: usize = 8;

/// The layers of digests over `rows`, leaves first, the root last.
///
/// A leaf is `rows_a_leaf` rows, which a query opens together: leaf `i` of `n` is the binary tree over the digests of
/// the rows `i + t n`. The rows' own digests are not kept.
///
/// # Errors
/// If the number of rows is zero or not a power of two, or `rows_a_leaf` is not one that divides it.
#[instrument(level = "debug", skip_all)]
pub fn digest_layers(
    kernel: Kernel,
    rows: &RowMajorMatrix<F>,
    rows_a_leaf: usize,
) -> Result<Vec<Vec<Digest>>, StackedPcsError> {
    let height = rows.height();
    if height == 0 {
        return Err(StackedPcsError::MerkleTreeEmptyMatrix);
    }
    if !rows_a_leaf.is_power_of_two() {
        return Err(StackedPcsError::MerkleTreeRowsPerQueryNotPow2 { rows_per_query: rows_a_leaf });
    }
    if !height.is_power_of_two() || rows_a_leaf > height {
        let num_leaves = height;
        return Err(StackedPcsError::MerkleTreeRowsPerQueryExceeded {
            rows_per_query: rows_a_leaf,
            num_leaves,
        });
    }
    let task = kernel.width() * VALUES_A_TASK;
    let stride = height / rows_a_leaf;
    let mut leaves = vec![Digest::default(); stride];
    leaves
        .par_chunks_mut(task)
        .enumerate()
        .for_each(|(i, out)| kernel.leaves(rows, stride, rows_a_leaf, i * task, out));
    let mut layers = vec![leaves];
    for log_len in (0..stride.ilog2()).rev() {
        let mut layer = vec![Digest::default(); 1 << log_len];
        if let Some(below) = layers.last() {
            layer
                .par_chunks_mut(task)
                .zip(below.par_chunks(2 * task))
                .for_each(|(out, nodes)| kernel.compress(nodes, out));
        }
        layers.push(layer);
    }
    Ok(layers)
}

/// The Merkle tree over `rows`.
///
/// # Errors
/// As [`digest_layers`].
pub(crate) fn tree(
    kernel: Kernel,
    rows: RowMajorMatrix<F>,
    rows_a_leaf: usize,
) -> Result<CpuMerkleTree<F, Digest>, StackedPcsError> {
    let layers = digest_layers(kernel, &rows, rows_a_leaf)?;
    #[allow(unsafe_code)]
    // SAFETY: the layers are those of the rows, of which there is a power of two that `rows_a_leaf` divides.
    let tree = unsafe { CpuMerkleTree::from_raw_parts(rows, layers, rows_a_leaf) };
    Ok(tree)
}

//! Merkle trees.

use openvm_cpu_backend::merkle::CpuMerkleTree;
use openvm_stark_backend::{StarkProtocolConfig, prover::error::StackedPcsError};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{BabyBearBn254Poseidon2Config, Digest};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use rayon::prelude::*;
use tracing::instrument;

use crate::{bn254::Kernel, field::F};

/// Values of the kernel that one task of the thread pool does.
const VALUES_A_TASK: usize = 8;

/// A configuration's hash function, many hashes at once.
pub trait Hashing<SC: StarkProtocolConfig>: Clone + Send + Sync {
    /// The layers of digests over `rows`, leaves first, the root last.
    ///
    /// A leaf is `rows_a_leaf` rows, which a query opens together: leaf `i` of `n` is the binary tree over the digests
    /// of the rows `i + t n`. The rows' own digests are not kept.
    ///
    /// # Errors
    /// If the number of rows is zero or not a power of two, or `rows_a_leaf` is not one that divides it.
    fn digest_layers(
        &self,
        rows: &RowMajorMatrix<F>,
        rows_a_leaf: usize,
    ) -> Result<Vec<Vec<SC::Digest>>, StackedPcsError>;
}

/// The number of leaves of a tree over `rows`.
pub(crate) fn check_shape(rows: &RowMajorMatrix<F>, rows_a_leaf: usize) -> Result<usize, StackedPcsError> {
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
    Ok(height / rows_a_leaf)
}

impl Hashing<BabyBearBn254Poseidon2Config> for Kernel {
    #[instrument(level = "debug", skip_all)]
    fn digest_layers(
        &self,
        rows: &RowMajorMatrix<F>,
        rows_a_leaf: usize,
    ) -> Result<Vec<Vec<Digest>>, StackedPcsError> {
        let stride = check_shape(rows, rows_a_leaf)?;
        let task = self.width() * VALUES_A_TASK;
        let mut leaves = vec![Digest::default(); stride];
        leaves
            .par_chunks_mut(task)
            .enumerate()
            .for_each(|(i, out)| self.leaves(rows, stride, rows_a_leaf, i * task, out));
        let mut layers = vec![leaves];
        for log_len in (0..stride.ilog2()).rev() {
            let mut layer = vec![Digest::default(); 1 << log_len];
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

/// The Merkle tree over `rows`.
///
/// # Errors
/// As [`Hashing::digest_layers`].
pub(crate) fn tree<SC: StarkProtocolConfig, H: Hashing<SC>>(
    hashing: &H,
    rows: RowMajorMatrix<F>,
    rows_a_leaf: usize,
) -> Result<CpuMerkleTree<F, SC::Digest>, StackedPcsError> {
    let layers = hashing.digest_layers(&rows, rows_a_leaf)?;
    #[allow(unsafe_code)]
    // SAFETY: the layers are those of the rows, of which there is a power of two that `rows_a_leaf` divides.
    let tree = unsafe { CpuMerkleTree::from_raw_parts(rows, layers, rows_a_leaf) };
    Ok(tree)
}

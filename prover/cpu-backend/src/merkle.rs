//! Merkle trees.

use openvm_cpu_backend::merkle::CpuMerkleTree;
use openvm_stark_backend::{StarkProtocolConfig, prover::error::StackedPcsError};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{BabyBearBn254Poseidon2Config, Digest};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use rayon::prelude::*;
use tracing::instrument;

use crate::{bn254::Kernel, field::F};

/// Values of a BN254 kernel that one task of the thread pool does.
const VALUES_A_TASK: usize = 8;

/// A configuration's hash function, many hashes at once.
pub trait Hashing<SC: StarkProtocolConfig>: Clone + Send + Sync {
    /// How many leaves one task of the thread pool does.
    fn leaves_a_task(&self) -> usize;

    /// How many inner nodes one task of the thread pool does.
    fn nodes_a_task(&self) -> usize;

    /// Writes to `out[i]` the digest of leaf `first + i`: the root of the binary tree over the digests of the rows
    /// `first + i + t stride`, `t` from 0 to `rows_a_leaf - 1`.
    fn leaves(
        &self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_a_leaf: usize,
        first: usize,
        out: &mut [SC::Digest],
    );

    /// Writes to `out[i]` the compression of `nodes[2 i]` and `nodes[2 i + 1]`.
    fn compress(&self, nodes: &[SC::Digest], out: &mut [SC::Digest]);

    /// The layers of digests over `rows`, leaves first, the root last.
    ///
    /// A leaf is `rows_a_leaf` rows, which a query opens together: leaf `i` of `n` is the binary tree over the digests
    /// of the rows `i + t n`. The rows' own digests are not kept.
    ///
    /// # Errors
    /// If the number of rows is zero or not a power of two, or `rows_a_leaf` is not one that divides it.
    #[instrument(level = "debug", skip_all)]
    fn digest_layers(
        &self,
        rows: &RowMajorMatrix<F>,
        rows_a_leaf: usize,
    ) -> Result<Vec<Vec<SC::Digest>>, StackedPcsError> {
        let stride = check_shape(rows, rows_a_leaf)?;
        let task = self.leaves_a_task();
        let mut leaves = vec![SC::Digest::default(); stride];
        leaves
            .par_chunks_mut(task)
            .enumerate()
            .for_each(|(i, out)| self.leaves(rows, stride, rows_a_leaf, i * task, out));
        let task = self.nodes_a_task();
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

/// The number of leaves of a tree over `rows`.
fn check_shape(rows: &RowMajorMatrix<F>, rows_a_leaf: usize) -> Result<usize, StackedPcsError> {
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
    fn leaves_a_task(&self) -> usize {
        self.width() * VALUES_A_TASK
    }

    fn nodes_a_task(&self) -> usize {
        self.width() * VALUES_A_TASK
    }

    fn leaves(
        &self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_a_leaf: usize,
        first: usize,
        out: &mut [Digest],
    ) {
        Kernel::leaves(*self, rows, stride, rows_a_leaf, first, out);
    }

    fn compress(&self, nodes: &[Digest], out: &mut [Digest]) {
        Kernel::compress(*self, nodes, out);
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

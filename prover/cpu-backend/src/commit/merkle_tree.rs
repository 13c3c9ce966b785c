//! Merkle trees over the rows of an encoded matrix.

use openvm_cpu_backend::merkle::CpuMerkleTree;
use openvm_stark_backend::{StarkProtocolConfig, prover::error::StackedPcsError};
use p3_matrix::dense::RowMajorMatrix;

use crate::{field::F, hash::Hashing};

/// Builds the Merkle tree over `rows`, [height × width, row-major], with `rows_per_leaf` rows per leaf.
///
/// # Errors
/// Same as [`Hashing::digest_layers`].
pub(crate) fn merkle_tree<SC: StarkProtocolConfig, H: Hashing<SC>>(
    hashing: &H,
    rows: RowMajorMatrix<F>,
    rows_per_leaf: usize,
) -> Result<CpuMerkleTree<F, SC::Digest>, StackedPcsError> {
    let layers = hashing.digest_layers(&rows, rows_per_leaf)?;
    #[expect(unsafe_code, reason = "the tree's constructor from digests that were computed elsewhere")]
    // SAFETY: the layers are those of the rows. `digest_layers` has checked that the height is a power of two and that
    // `rows_per_leaf` divides it.
    let tree = unsafe { CpuMerkleTree::from_raw_parts(rows, layers, rows_per_leaf) };
    Ok(tree)
}

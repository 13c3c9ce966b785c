//! Merkle trees of the root configuration, hashed with Poseidon2 over BN254.

use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{BabyBearBn254Poseidon2Config, Digest};
use p3_matrix::dense::RowMajorMatrix;

use super::Kernel;
use crate::{field::F, hash::Hashing};

/// Batches of a kernel's width that one task of the thread pool hashes.
const BATCHES_PER_TASK: usize = 8;

impl Hashing<BabyBearBn254Poseidon2Config> for Kernel {
    fn leaves_per_task(&self) -> usize {
        self.width() * BATCHES_PER_TASK
    }

    fn nodes_per_task(&self) -> usize {
        self.width() * BATCHES_PER_TASK
    }

    fn leaves(
        &self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_per_leaf: usize,
        first: usize,
        out: &mut [Digest],
    ) {
        Kernel::leaves(*self, rows, stride, rows_per_leaf, first, out);
    }

    fn compress(&self, nodes: &[Digest], out: &mut [Digest]) {
        Kernel::compress(*self, nodes, out);
    }
}

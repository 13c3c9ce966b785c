//! Merkle trees of the BabyBear configuration, hashed with Poseidon2 of width 16, [`LANES`] rows at once.

use openvm_stark_backend::p3_symmetric::{
    CryptographicHasher, PaddingFreeSponge, PseudoCompressionFunction, TruncatedPermutation,
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2Config, Digest};
use p3_field::PackedValue;
use p3_matrix::dense::RowMajorMatrix;

use crate::{
    field::{F, LANES, P, transpose},
    hash::{Hashing, babybear::permutation::Poseidon2Permutation},
};

type Sponge = PaddingFreeSponge<Poseidon2Permutation, 16, 8, 8>;
type Compression = TruncatedPermutation<Poseidon2Permutation, 2, 8, 16>;

/// Vectors of nodes that a task compresses.
const VECTORS_PER_TASK: usize = 32;

/// Poseidon2 over BabyBear: a padding-free sponge of rate 8 for rows, and a compression of two digests of 8 elements.
#[derive(Clone, Debug)]
pub struct Poseidon2 {
    sponge: Sponge,
    compression: Compression,
}

impl Default for Poseidon2 {
    fn default() -> Self {
        let permutation = Poseidon2Permutation::default();
        Self { sponge: Sponge::new(permutation.clone()), compression: Compression::new(permutation) }
    }
}

impl Poseidon2 {
    /// Digest of the leaf with the rows `row(0)` to `row(rows - 1)`, given cell by cell.
    fn leaf<T: Copy + Default, R: Iterator<Item = T>>(&self, rows: usize, row: impl Fn(usize) -> R) -> [T; 8]
    where
        Sponge: CryptographicHasher<T, [T; 8]>,
        Compression: PseudoCompressionFunction<[T; 8], 2>,
    {
        let mut nodes: Vec<[T; 8]> = (0..rows).map(|t| self.sponge.hash_iter(row(t))).collect();
        while nodes.len() > 1 {
            nodes = nodes.as_chunks::<2>().0.iter().map(|&pair| self.compression.compress(pair)).collect();
        }
        nodes.pop().unwrap_or_default()
    }
}

/// Transposes [`LANES`] rows to vectors, one for each column.
fn columns(rows: [&[F]; LANES]) -> Vec<P> {
    let width = rows[0].len();
    let mut columns = Vec::with_capacity(width);
    for first in (0..width - width % LANES).step_by(LANES) {
        let mut square = rows.map(|row| *P::from_slice(&row[first..first + LANES]));
        transpose(&mut square);
        columns.extend(square);
    }
    columns.extend((columns.len()..width).map(|column| P::from_fn(|lane| rows[lane][column])));
    columns
}

/// Writes the digest of each lane.
fn unpack(digest: &[P; 8], out: &mut [Digest]) {
    for (lane, out) in out.iter_mut().enumerate() {
        *out = std::array::from_fn(|word| digest[word].as_slice()[lane]);
    }
}

impl Hashing<BabyBearPoseidon2Config> for Poseidon2 {
    fn leaves_per_task(&self) -> usize {
        LANES
    }

    fn nodes_per_task(&self) -> usize {
        VECTORS_PER_TASK * LANES
    }

    fn leaves(
        &self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_per_leaf: usize,
        first: usize,
        out: &mut [Digest],
    ) {
        let row = |index: usize| &rows.values[index * rows.width..][..rows.width];
        if out.len() < LANES {
            for (index, digest) in (first..).zip(out) {
                *digest = self.leaf(rows_per_leaf, |t| row(t * stride + index).iter().copied());
            }
            return;
        }
        let digest = self.leaf(rows_per_leaf, |t| {
            columns(std::array::from_fn(|lane| row(t * stride + first + lane))).into_iter()
        });
        unpack(&digest, out);
    }

    fn compress(&self, nodes: &[Digest], out: &mut [Digest]) {
        for (nodes, out) in nodes.chunks(2 * LANES).zip(out.chunks_mut(LANES)) {
            if out.len() < LANES {
                for (pair, out) in nodes.as_chunks::<2>().0.iter().zip(out) {
                    *out = self.compression.compress(*pair);
                }
            } else {
                let child = |side: usize| -> [P; 8] {
                    std::array::from_fn(|word| P::from_fn(|lane| nodes[2 * lane + side][word]))
                };
                unpack(&self.compression.compress([child(0), child(1)]), out);
            }
        }
    }
}

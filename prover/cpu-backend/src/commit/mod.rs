//! Commitments to traces: stacked, encoded, hashed to one root.

pub(crate) mod coset_dft;
pub(crate) mod merkle_tree;
pub(crate) mod reed_solomon;
pub(crate) mod stacked_matrix;

//! Openings of the committed columns.

pub(crate) mod stacked_reduction;
pub(crate) mod whir;

//! The sumcheck over all constraints and interactions, down to openings of columns.

pub(crate) mod batch_sumcheck;
pub(crate) mod univariate_skip;

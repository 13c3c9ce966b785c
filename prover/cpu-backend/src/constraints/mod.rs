//! Constraints as programs, and the traces that they read.

pub(crate) mod program;
pub(crate) mod trace;

//! Expressions over columns, compiled to straight-line programs that run over blocks of rows.
//!
//! A [`Graph`] shares equal subexpressions. Its compiler puts the operations that some outputs need in order, and gives
//! them registers, each a block of rows wide. So an instruction's dispatch is paid once per block, not once per row,
//! and the registers stay in the cache. The rows of a register lie in the lanes of a kernel
//! ([`Lanes`](zeno_bn254::Lanes)), as Montgomery factors. The compiler knows which of them must be settled before a sum
//! or a product.

mod compile;
mod graph;
mod run;

pub(crate) use compile::Program;
pub(crate) use graph::{Graph, Node, Poly};
pub(crate) use run::Coset;

//! A prover device for this kind of machine: SWIRL over BabyBear, on the processor's vector units.
//!
//! The protocol is `openvm-stark-backend`'s, message by message: given the same traces, the proof equals the one of
//! the stock device, `openvm-cpu-backend`, and the unmodified verifier checks it. Here is written anew what took
//! most of the stock device's time:
//!
//! | module | what |
//! |---|---|
//! | `leaves`, `gkr` | LogUp's fractions and the sumcheck over their sum |
//! | `program`, `table` | constraints as straight-line programs over vectors of rows |
//! | `round0`, `batch` | the sumcheck that batches constraints and interactions |
//!
//! Commitments and openings are the stock device's.

mod batch;
mod device;
mod field;
mod gkr;
mod leaves;
mod program;
mod round0;
mod table;

pub use device::{Device, Engine};

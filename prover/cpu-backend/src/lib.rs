//! A prover device for SWIRL over BabyBear, on the processor's vector units: for the machine's segments, for their
//! aggregation, and for the root proof that is wrapped for the EVM.
//!
//! The protocol is `openvm-stark-backend`'s, message by message: given the same traces, the proof equals the one of
//! the stock device, `openvm-cpu-backend`, and the unmodified verifier checks it. The matrices and the committed data
//! are the stock backend's types.
//!
//! | module | what |
//! |---|---|
//! | `leaves`, `gkr` | LogUp's fractions and the sumcheck over their sum |
//! | `program`, `table`, `weights` | constraints as straight-line programs over vectors of rows, and weighted sums |
//! | `round0`, `batch` | the sumcheck that batches constraints and interactions |
//! | `stacking` | from openings of columns to openings of stacked columns |
//! | `stack`, `code`, `transform`, `merkle`, `whir` | commitments and their openings |
//! | `poseidon2`, `permutation`, [`bn254`] | the configurations' hash functions, many hashes at once |
//! | `avx512` | what p3's vectors leave to gain on processors that have it |
//! | [`record`] | instances of proofs in files |

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
mod avx512;
mod batch;
pub mod bn254;
mod code;
mod device;
mod engine;
mod field;
mod fourier;
mod gkr;
mod leaves;
mod merkle;
mod permutation;
mod poseidon2;
mod program;
pub mod record;
mod round0;
mod stack;
mod stacking;
mod table;
mod transcript;
mod transform;
mod weights;
mod whir;

pub use device::Device;
pub use engine::{Engine, RootEngine};
pub use merkle::Hashing;
pub use poseidon2::Poseidon2;
pub use transcript::{RootTranscript, Transcript};

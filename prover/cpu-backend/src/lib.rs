//! Prover device for SWIRL over BabyBear, on the processor's vector units. It proves the VM's segments, their
//! aggregation, and the root proof that is wrapped for the EVM.
//!
//! The protocol is `openvm-stark-backend`'s, message by message. Given the same traces, a proof equals that of OpenVM's
//! device, `openvm-cpu-backend`, and the unmodified verifier accepts it. Matrices and committed data have
//! `openvm-cpu-backend`'s types.
//!
//! | module, in the protocol's order | contents |
//! |---|---|
//! | `commit` | stacking of traces into one matrix, its Reed-Solomon code and its Merkle tree |
//! | `constraints` | constraints as straight-line programs over vectors of rows, and the traces that they read |
//! | `logup` | LogUp's fractions, and the fractional sumcheck (GKR) over them |
//! | `zerocheck` | the sumcheck that batches constraints and interactions, with its univariate skip round |
//! | `open` | the stacked opening reduction, from columns to stacked columns, and WHIR for those |
//! | [`hash`] | the configurations' hash functions, many hashes at once |
//! | `field` | vectors of field elements, linear combinations, small transforms |
//! | [`instance_file`] | instances of proofs in files, for benchmarks |
//!
//! Symbols are those of `openvm-stark-backend`:
//!
//! | symbol | meaning |
//! |---|---|
//! | `D`, `l_skip` | univariate skip domain, the subgroup of order `2^l_skip`; the first variable `Z` ranges over it |
//! | `H_n` | the hypercube `{0, 1}^n` |
//! | `n` of a trace | `log2(height) - l_skip`; 0 for a lower trace, which is *lifted*: its rows repeat to `2^l_skip` |
//! | `n_max` | greatest `n` of the traces |
//! | `n_logup` | the fractional sumcheck is over `2^(l_skip + n_logup)` fractions |
//! | `n_stack` | the stacked matrix has `2^(l_skip + n_stack)` rows |
//! | `α`, `β` | challenges of LogUp's denominators |
//! | `ξ` | point of the fractional sumcheck's claim, extended to `l_skip + max(n_max, n_logup)` coordinates |
//! | `λ`, `μ` | batching challenges, within a trace and over the traces |
//! | `r = (r_0, …)` | point of the columns' openings, `1 + n_max` coordinates |
//! | `u = (u_0, …)` | point of the stacked columns' openings, `1 + n_stack` coordinates |
//! | `eq` | equality polynomial over `H_n`; over `D` it is `eq_D` |

mod commit;
mod constraints;
mod device;
mod engine;
mod field;
pub mod hash;
pub mod instance_file;
mod logup;
mod open;
mod params;
mod transcript;
mod zerocheck;

pub use device::Device;
pub use engine::{Engine, RootEngine};
pub use hash::{Hashing, babybear::merkle::Poseidon2};
pub use transcript::{RootTranscript, Transcript};

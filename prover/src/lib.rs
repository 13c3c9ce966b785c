//! Runs the guest in the zkVM, proves the run and aggregates the proofs to one STARK.
//!
//! ```no_run
//! use zeno_prover::{Guest, Prover, default_cache_folder};
//! # let (input, claim): (Vec<u8>, zeno_verifier::ChainClaim) = unimplemented!();
//!
//! let prover = Prover::new(Guest::committed()?, default_cache_folder());
//! let execution = prover.execute(&input)?; // seconds: the guest runs, nothing is proven
//! let proved = prover.prove(&input, &claim)?; // minutes to hours
//! proved.file.write("block.proof")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The way of a proof: the guest runs once without proving, which finds where to cut the run into segments;
//! each segment is proven on its own; up to four segments' proofs go into one leaf proof, and up to three of
//! those into one above, until one is left. What has been proven is kept in the cache folder until the end, so
//! that a run that was interrupted goes on where it was.

mod backend;
mod cache;
mod error;
mod evm;
mod execute;
mod guest;
mod keys;
mod machine;
mod profile;
mod program;
mod progress;
mod prove;
mod stdout;
mod work;

pub use backend::Backend;
pub use cache::default_cache_folder;
pub use error::ProverError;
pub use evm::Setup;
pub use execute::Execution;
pub use guest::{Guest, make_aborts_traps};
pub use machine::{LOG_STACKED_HEIGHT, SEGMENT_MEMORY, vm_config};
pub use profile::{Cost, Profile};
pub use progress::{Progress, Step};
pub use prove::{EvmTimings, Proved, Prover, Timings};

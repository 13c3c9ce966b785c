//! Runs the guest in the zkVM, proves the run and aggregates the proofs to one STARK.
//!
//! ```no_run
//! use zeno_prover::{Guest, Prover, default_cache_folder, prepare_folder};
//! # let (input, claim): (Vec<u8>, zeno_verifier::ChainClaim) = unimplemented!();
//!
//! let cache = default_cache_folder().ok_or("no HOME")?;
//! let cache = prepare_folder(&cache)?; // nobody else may write to it
//! let prover = Prover::new(Guest::committed()?, cache);
//! let execution = prover.execute(&input)?; // seconds: the guest runs, nothing is proven
//! let proved = prover.prove(&input, &claim)?; // minutes to hours
//! proved.file.write("block.proof")?;
//! proved.finish(); // what was kept for an interrupted run is removed
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
mod folder;
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
pub use folder::{FolderError, check_folder, prepare_folder};
pub use guest::{Guest, make_aborts_traps};
pub use machine::{LOG_STACKED_HEIGHT, SEGMENT_MEMORY, vm_config};
pub use profile::{Cost, Profile};
pub use progress::{Progress, Step};
pub use prove::{EvmTimings, Proved, Prover, Timings};

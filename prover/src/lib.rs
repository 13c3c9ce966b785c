//! Runs the guest in the zkVM, proves the run, aggregates the proofs to one STARK, and wraps it in a proof for the EVM.
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
//! The guest first runs without proving, which finds the cuts between segments. Each segment is proven on its own. Up
//! to four segments' proofs go into one leaf proof, and up to three of those into one above, until one is left.
//! Everything proven is kept in the cache folder until the end, so that an interrupted run resumes where it was.

mod cache_dir;
mod checkpoint;
mod error;
mod folder;
mod guest;
mod keys;
mod profile;
mod progress;
mod prove;
mod wrap;

pub use cache_dir::default_cache_folder;
pub use error::ProverError;
pub use folder::{FolderError, check_folder, prepare_folder};
pub use guest::{Guest, make_aborts_traps};
pub use profile::{Cost, Profile};
pub use progress::{Progress, Step};
pub use prove::{EvmTimings, Proved, Prover, Timings};
pub use wrap::Setup;
pub use zeno_vm::{Backend, Execution, LOG_STACKED_HEIGHT, Metered, SEGMENT_MEMORY, VmError, vm_config};

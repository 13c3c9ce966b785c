//! Zeno's verbs as a library: fetch, validate, execute, prove, wrap, verify, and the contracts.
//!
//! Each verb takes its options and a [`Context`](context::Context), tells the context's observer of its
//! [events](event::Event), and returns an outcome of its own that serializes. A failed verb returns an
//! [`Error`](error::Error), and where it had established facts, a [`Failed`](error::Failed) with them. No verb prints, ends
//! the process, or keeps state outside of its arguments: any number of jobs may run at once.
//!
//! ```no_run
//! use std::sync::Arc;
//! use zeno_pipeline::{cache_dir::CacheDir, context::Context, event::Event, prove::BlockProver, source::Source};
//! use zeno_prover::Backend;
//! use zeno_verifier::ProofKind;
//!
//! let context = Context {
//!     cache: CacheDir::new(Some("cache".into())),
//!     observer: Arc::new(|event: Event| eprintln!("{event}")),
//! };
//! let prover = BlockProver::new(Backend::default(), &context)?;
//! let source = Source::File { path: "block.zeno".into(), chain: None };
//! let validated = source.load(&context).and_then(|loaded| loaded.validate()).map_err(|failed| failed.error)?;
//! let proved = prover.prove(validated, ProofKind::Stark).map_err(|failed| failed.error)?;
//! std::fs::write("block.proof", &proved.file)?;
//! proved.finish();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Errors and findings name all that they are about, and each ends a verb: their size costs nothing.
#![allow(clippy::result_large_err)]

pub mod block;
pub mod cache_dir;
pub mod chain_client;
pub mod chains;
pub mod claim;
pub mod context;
pub mod contract;
pub mod contract_checks;
pub mod error;
pub mod ether;
pub mod event;
pub mod evm_keys;
pub mod execute;
pub mod files;
pub mod inspect;
mod local_evm;
pub mod node_options;
pub mod observer;
pub mod proof;
pub mod prove;
mod revert_reason;
pub mod setting;
pub mod signer;
pub mod source;
pub mod srs;
pub mod text;
pub mod validate;
pub mod verify;
pub mod wrap;

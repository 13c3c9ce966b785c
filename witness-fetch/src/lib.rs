//! Fetches a block and its state witness over JSON-RPC.
//!
//! [`Fetcher::fetch`] returns an input that was validated natively, so that nobody spends an hour on proving a bad
//! one. There are two ways to the witness:
//!
//! - `debug_executionWitness`, if the node has it;
//! - otherwise local execution of the block. `eth_getProof`, `eth_getCode` and block headers supply what it reads.
//!   Every answer is checked against the parent's state root before it is kept.
//!
//! Every request names the block by its hash, so that a reorganisation between two requests can't mix two chains.
//!
//! [`Fetcher::fetch_run`] does so for consecutive blocks, and puts them together to one input.

// Errors name everything that they are about. Each one ends a fetch of seconds, so their size costs nothing.
#![allow(clippy::result_large_err)]

mod ancestors;
mod block_access_list;
mod block_json;
mod blocks;
mod cache;
mod error;
mod execution_witness;
mod fetcher;
mod joined;
mod json;
mod lazy_execution;
mod options;
mod prefetch;
mod progress;
mod removal_siblings;
mod rpc;
mod selector;
mod state_proofs;
mod supported;
mod target;

pub use error::{FetchError, JudgedBy, Subject};
pub use fetcher::Fetcher;
pub use options::{FetchOptions, Method};
pub use progress::{Event, Progress};
pub use rpc::{
    Rpc,
    endpoint::SecretHeader,
    error::{EndpointError, Problem, RpcError},
    options::RpcOptions,
};
pub use selector::{BlockRun, BlockSelector, BlocksSelector, SelectorError};
pub use supported::{NotSupported, check_supported, may_be_of_later_fork};

//! Options of a fetch.

use crate::rpc::options::RpcOptions;
use std::path::PathBuf;
use zeno_guest_evm::chain::Chain;

/// Way to the state witness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `debug_executionWitness` if the node has it and its witness is complete, otherwise proofs.
    #[default]
    Auto,
    /// `debug_executionWitness` alone.
    ExecutionWitness,
    /// Local execution and `eth_getProof` alone.
    Proofs,
}

/// Source of the blocks, and the way to fetch them. [`FetchOptions::new`] sets the defaults.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Access to the node.
    pub rpc: RpcOptions,
    /// Rules of the chain and their end, if they are not built in.
    pub chain: Option<Chain>,
    /// Way to the state witness.
    pub method: Method,
    /// Folder for the fetched inputs; `None` keeps none.
    pub cache_dir: Option<PathBuf>,
    /// Fetches a block even if its input is in the cache.
    pub refresh: bool,
}

impl FetchOptions {
    /// The defaults for the node at `url`: those of [`RpcOptions::new`], a built-in chain, either method, no cache.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            rpc: RpcOptions::new(url),
            chain: None,
            method: Method::default(),
            cache_dir: None,
            refresh: false,
        }
    }
}

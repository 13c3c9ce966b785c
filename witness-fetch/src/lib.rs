//! A block and its state witness from JSON-RPC.
//!
//! [`Fetcher::fetch`] answers with an input that was validated natively, so that nobody proves a
//! bad one for an hour. There are two ways to the witness:
//!
//! - `debug_executionWitness`, where the node has it;
//! - else the block is executed locally, and `eth_getProof`, `eth_getCode` and block headers supply
//!   what it reads, each answer checked against the parent's state root before it is kept.
//!
//! Everything is asked for by block hash, so that a reorganisation between two calls can't mix two
//! chains.

// Errors name all that they are about, and each ends a fetch of seconds: their size costs nothing.
#![allow(clippy::result_large_err)]

mod ancestors;
mod block_json;
mod cache;
mod endpoint;
mod error;
mod execution_witness;
mod json;
mod local;
mod node;
mod progress;
mod proofs;
mod rate_limit;
mod rpc;
mod selector;
mod siblings;
mod supported;

pub use endpoint::SecretHeader;
pub use error::{FetchError, JudgedBy, Problem, RpcError, Subject};
pub use progress::{Event, Progress};
pub use rpc::Rpc;
pub use selector::{BlockSelector, SelectorError};
pub use supported::{NotSupported, check_supported, may_be_of_later_fork};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, keccak256};
use ancestors::Ancestors;
use cache::Cache;
use endpoint::Endpoint;
use node::Sealed;
use proofs::Proofs;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::task;
use tracing::{info, warn};
use zeno_guest_evm::{
    Block, ChainClaim, ChainSpec, PublicKey, StatelessInput, ValidationError, Witness, minimize, public_keys,
    state::StateError,
};

/// How to get at the witness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `debug_executionWitness` if the node has it and it is enough, else proofs.
    #[default]
    Auto,
    /// `debug_executionWitness` alone.
    ExecutionWitness,
    /// Local execution and proofs alone.
    Proofs,
}

/// Where and how to fetch. [`FetchOptions::new`] has the defaults.
#[derive(Clone)]
pub struct FetchOptions {
    /// The node's URL, `http` or `https`. It may hold secrets; they are never shown.
    pub url: String,
    /// HTTP headers for every request, such as API keys. Their values are never shown.
    pub headers: Vec<SecretHeader>,
    /// The chain's rules, where they are not built in.
    pub chain: Option<ChainSpec>,
    /// How to get at the witness.
    pub method: Method,
    /// How long a single request may take.
    pub timeout: Duration,
    /// How long the request for a whole witness may take, which is asked for once; none for
    /// [`WITNESS_TIMEOUTS`](Self::WITNESS_TIMEOUTS) times as long as any other.
    pub witness_timeout: Option<Duration>,
    /// How often a request is tried again after it failed in a way that may pass.
    pub retries: u32,
    /// Pause before the first retry; each further one is twice as long, shortened at random by up to
    /// a half.
    pub first_pause: Duration,
    /// Requests under way at the same time.
    pub concurrency: usize,
    /// Longest answer that is read, in bytes, after decompression: a witness. All answers under way have no more together,
    /// nor has the state that is fetched piece by piece; for most methods the limit is a lower one of their own.
    pub max_answer_bytes: usize,
    /// Folder where inputs are kept; none to keep none.
    pub cache_dir: Option<PathBuf>,
    /// Whether to fetch even what is in the cache.
    pub refresh: bool,
}

impl std::fmt::Debug for FetchOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = Endpoint::new(&self.url, &self.headers).map(|endpoint| endpoint.to_string());
        f.debug_struct("FetchOptions")
            .field("url", &url)
            .field("headers", &self.headers)
            .field("method", &self.method)
            .field("cache_dir", &self.cache_dir)
            .finish_non_exhaustive()
    }
}

impl FetchOptions {
    /// How many times as long as any other request that for a whole witness may take.
    pub const WITNESS_TIMEOUTS: u32 = 4;

    /// The defaults, for this node: a minute a request, four for a witness, five retries, sixteen requests at a time,
    /// answers of up to a GiB, no cache.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            chain: None,
            method: Method::Auto,
            timeout: Duration::from_secs(60),
            witness_timeout: None,
            retries: 5,
            first_pause: Duration::from_millis(250),
            concurrency: 16,
            max_answer_bytes: 1 << 30,
            cache_dir: None,
            refresh: false,
        }
    }
}

/// Fetches blocks from one node.
#[derive(Debug)]
pub struct Fetcher {
    proofs: Arc<Proofs>,
    chain: Option<ChainSpec>,
    method: Method,
    cache: Option<Cache>,
    refresh: bool,
}

/// A block that is fetched, and what is known of it.
pub(crate) struct Job {
    pub(crate) spec: ChainSpec,
    pub(crate) block: Block,
    pub(crate) sealed: Sealed,
    pub(crate) parent: Sealed,
    keys: Vec<PublicKey>,
    pub(crate) senders: Vec<Address>,
    /// Whether only the node says which chain's rules these are.
    node_says: bool,
    progress: Progress,
}

impl Fetcher {
    /// # Errors
    /// [`FetchError`] if the URL can't be used.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let rpc = Rpc::new(&options)?;
        Ok(Self {
            proofs: Arc::new(Proofs::new(rpc)),
            chain: options.chain,
            method: options.method,
            cache: options.cache_dir.map(Cache::new),
            refresh: options.refresh,
        })
    }

    /// Fetches a block and its witness. The answer validates, and its witness is minimal.
    ///
    /// Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`FetchError`] if the node doesn't answer, answers falsely, or lacks the block or its state;
    /// [`FetchError::NotSupported`] if the block is of a kind that isn't judged; [`FetchError::Invalid`] if the block itself
    /// is invalid: the header with its hash, and the body by that header's roots.
    pub async fn fetch(
        &self,
        selector: &BlockSelector,
        progress: Progress,
    ) -> Result<StatelessInput, FetchError> {
        let rpc = self.proofs.rpc();
        progress(Event::Resolving(*selector));
        let spec = self.spec(node::chain_id(rpc).await?)?;
        let sealed = node::resolve(rpc, *selector).await?.ok_or(FetchError::NoBlock(*selector))?;
        progress(Event::Block { number: sealed.header.number, hash: sealed.hash });
        // Before anything of it is judged: a later fork may have changed any rule, and old bodies are read otherwise.
        check_supported(&spec, &sealed.header)
            .map_err(|reason| FetchError::NotSupported { block: sealed.hash, reason })?;
        if let Some(cache) = self.cache.as_ref().filter(|_| !self.refresh)
            && let Some(input) = cache.load(&spec, sealed.hash)
        {
            progress(Event::Cached);
            return Ok(input);
        }
        let hash = sealed.hash;
        let (input, claim) = match self.fetch_resolved(spec.clone(), sealed.clone(), progress).await {
            Err(FetchError::Invalid { block, error, .. })
                if may_be_of_later_fork(&spec, &sealed.header, &error) =>
            {
                let reason = NotSupported::BlobParameters(error.to_string());
                return Err(FetchError::NotSupported { block, reason });
            }
            // An invalid block stays invalid; everything else may have come from a reorganisation.
            Err(error) if !matches!(error, FetchError::Invalid { .. } | FetchError::Reorg { .. }) => {
                return Err(self.explained(error, *selector, &sealed).await);
            }
            outcome => outcome?,
        };
        debug_assert_eq!(claim.last_block_hash, hash);
        if let Some(cache) = &self.cache {
            cache.store(&spec, hash, &input);
        }
        Ok(input)
    }

    fn spec(&self, chain_id: u64) -> Result<ChainSpec, FetchError> {
        match &self.chain {
            Some(spec) if spec.chain_id == chain_id => Ok(spec.clone()),
            Some(spec) => Err(FetchError::ChainMismatch { node: chain_id, configured: spec.chain_id }),
            None => ChainSpec::by_chain_id(chain_id).ok_or(FetchError::UnknownChain(chain_id)),
        }
    }

    /// The error, or that the chain was reorganised, if it was.
    async fn explained(&self, error: FetchError, selector: BlockSelector, sealed: &Sealed) -> FetchError {
        // A block that was asked for by hash needn't be canonical.
        if matches!(selector, BlockSelector::Hash(_)) {
            return error;
        }
        match self.proofs.check_canonical(sealed).await {
            Err(reorg @ FetchError::Reorg { .. }) => {
                warn!(%error, "failed because of a reorganisation");
                reorg
            }
            _ => error,
        }
    }

    async fn fetch_resolved(
        &self,
        spec: ChainSpec,
        sealed: Sealed,
        progress: Progress,
    ) -> Result<(StatelessInput, ChainClaim), FetchError> {
        let job = Job::new(self.proofs.rpc(), spec, self.chain.is_none(), sealed, progress).await?;
        let job = Arc::new(job);
        let parent = alloy_rlp::encode(&job.parent.header).into();
        let mut witness = Witness { headers: vec![parent], ..Witness::default() };
        // What is wrong with the block alone is found before its state is fetched.
        match job.minimize(witness.clone()).await? {
            Ok(minimal) => return Ok(minimal),
            Err(ValidationError::State(_)) => {}
            Err(error) => return Err(job.invalid(error)),
        }
        if self.method != Method::Proofs {
            match self.by_execution_witness(&job, &mut witness).await {
                Ok(minimal) => return Ok(minimal),
                Err(error) if self.method == Method::Auto && proofs_may_help(&error) => {
                    job.report(Event::Fallback { reason: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        local::complete(self.proofs.clone(), job, witness).await
    }

    /// `witness` keeps what the node gave, even if it is not enough.
    async fn by_execution_witness(
        &self,
        job: &Arc<Job>,
        witness: &mut Witness,
    ) -> Result<(StatelessInput, ChainClaim), FetchError> {
        job.report(Event::ExecutionWitness);
        let rpc = self.proofs.rpc();
        let mut ancestors = Ancestors::of(job);
        let answer = execution_witness::fetch(rpc, &job.sealed).await?;
        witness.headers.extend(answer.headers);
        witness.codes.extend(answer.codes);
        witness.state.extend(answer.state);
        loop {
            job.report(Event::Validating);
            match job.minimize(witness.clone()).await? {
                Ok(minimal) => return Ok(minimal),
                // Some clients leave out the headers.
                Err(ValidationError::State(StateError::MissingHeader { number, hash })) => {
                    witness.headers.extend(ancestors.fetch(rpc, number, hash, None).await?);
                }
                Err(ValidationError::State(error)) => {
                    return Err(FetchError::IncompleteWitness { method: execution_witness::METHOD, error });
                }
                Err(error) => return Err(job.invalid(error)),
            }
        }
    }
}

/// Whether the node can't give a witness as a whole, but perhaps its parts.
fn proofs_may_help(error: &FetchError) -> bool {
    match error {
        FetchError::NoWitnessMethod(_) | FetchError::IncompleteWitness { .. } => true,
        // A node that can't be reached won't give proofs either; one that took too long, or broke off, may.
        FetchError::Rpc(error) => !matches!(error.problem, Problem::Unreachable(_)),
        _ => false,
    }
}

impl Job {
    async fn new(
        rpc: &Rpc,
        spec: ChainSpec,
        node_says: bool,
        sealed: Sealed,
        progress: Progress,
    ) -> Result<Self, FetchError> {
        let lost = FetchError::no_block;
        let block = node::block(rpc, sealed.hash, spec.chain_id).await?.ok_or_else(|| lost(sealed.hash))?;
        if node_says {
            // The body is the header's, and its signatures are bound to a chain: the node's word is not believed over theirs.
            let mut signed = block.body.transactions.iter().filter_map(|transaction| transaction.chain_id());
            if let Some(signed) = signed.find(|signed| *signed != spec.chain_id) {
                return Err(FetchError::SignedForAnother { node: spec.chain_id, signed });
            }
        }
        let parent_hash = sealed.header.parent_hash;
        let parent = node::header(rpc, parent_hash).await?.ok_or_else(|| lost(parent_hash))?;
        // The body is that of the header, so these are the block's own signatures.
        let rules = JudgedBy { chain_id: spec.chain_id, node_says };
        let keys =
            public_keys(&block).map_err(|error| FetchError::Invalid { block: sealed.hash, error, rules })?;
        let senders = keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect();
        Ok(Self { spec, block, sealed, parent, keys, senders, node_says, progress })
    }

    /// The block breaks a rule.
    pub(crate) fn invalid(&self, error: ValidationError) -> FetchError {
        let rules = JudgedBy { chain_id: self.spec.chain_id, node_says: self.node_says };
        FetchError::Invalid { block: self.sealed.hash, error, rules }
    }

    pub(crate) fn report(&self, event: Event) {
        info!("{event}");
        (self.progress)(event);
    }

    pub(crate) fn input(&self, witness: Witness) -> StatelessInput {
        StatelessInput {
            chain: self.spec.encode().into(),
            block: alloy_rlp::encode(&self.block).into(),
            witness,
            public_keys: self.keys.clone(),
            destinations: Vec::new(),
        }
    }

    /// Validates natively, off the runtime's threads.
    async fn minimize(
        self: &Arc<Self>,
        witness: Witness,
    ) -> Result<Result<(StatelessInput, ChainClaim), ValidationError>, FetchError> {
        let input = self.input(witness);
        task::spawn_blocking(move || minimize(&input)).await.map_err(|_| FetchError::Interrupted)
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("block", &self.sealed.hash).finish_non_exhaustive()
    }
}

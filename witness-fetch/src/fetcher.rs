//! A block and its witness, from the selector to the minimal input.

use crate::{
    ancestors::Ancestors,
    blocks::{self, SealedHeader},
    cache::Cache,
    error::FetchError,
    execution_witness,
    joined::Joined,
    lazy_execution,
    options::{FetchOptions, Method},
    progress::{Event, Progress},
    rpc::{Rpc, error::Problem},
    selector::{BlockRun, BlockSelector},
    state_proofs::StateProofs,
    supported::{NotSupported, check_supported, may_be_of_later_fork},
    target::Target,
};
use std::sync::Arc;
use tracing::warn;
use zeno_guest_evm::{
    ChainClaim, ChainSpec, StatelessInput, ValidationError, Witness, chain::Chain, state::StateError,
};

/// Fetches blocks from one node.
#[derive(Debug)]
pub struct Fetcher {
    proofs: Arc<StateProofs>,
    chain: Option<Chain>,
    method: Method,
    cache: Option<Cache>,
    refresh: bool,
}

impl Fetcher {
    /// Creates a fetcher; sends no request.
    ///
    /// # Errors
    /// [`FetchError::Endpoint`] if the URL can't be used.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let rpc = Rpc::new(&options.rpc)?;
        Ok(Self {
            proofs: Arc::new(StateProofs::new(rpc)),
            chain: options.chain,
            method: options.method,
            cache: options.cache_dir.map(Cache::new),
            refresh: options.refresh,
        })
    }

    /// Fetches a block and its witness. The returned input validates, and its witness is minimal.
    ///
    /// Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// - [`FetchError::NotSupported`] if the block is of a kind that isn't judged.
    /// - [`FetchError::Invalid`] if the block itself is invalid. Its header has the hash that was asked for, and its
    ///   body the roots of that header.
    /// - Another [`FetchError`] if the node doesn't answer, answers falsely, or lacks the block or its state.
    pub async fn fetch(
        &self,
        selector: &BlockSelector,
        progress: Progress,
    ) -> Result<StatelessInput, FetchError> {
        progress(Event::Resolving(*selector));
        let chain = self.chain(blocks::chain_id(self.proofs.rpc()).await?)?;
        Ok(self.fetch_of_chain(&chain, *selector, progress).await?.1)
    }

    /// Fetches consecutive blocks and their witnesses, one after the other, and puts them together to one input. It
    /// validates, and its witness is minimal. Each block has its own place in the cache, so that an interrupted run is
    /// not begun anew.
    ///
    /// Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// - [`FetchError::InRun`] with the number of a block, and the error that [`fetch`](Self::fetch) has for it.
    /// - [`FetchError::Reorg`] if a block is not the child of the one before it.
    /// - [`FetchError::RunTooLarge`] as soon as the blocks so far take more memory than the guest has.
    pub async fn fetch_run(&self, run: BlockRun, progress: Progress) -> Result<StatelessInput, FetchError> {
        progress(Event::Resolving(BlockSelector::Number(run.first())));
        let chain = self.chain(blocks::chain_id(self.proofs.rpc()).await?)?;
        let mut joined = Joined::new(run, progress.clone());
        let mut before: Option<SealedHeader> = None;
        for number in run.first()..=run.last() {
            progress(Event::NextOfRun { position: number - run.first() + 1, count: run.count() });
            let (sealed, input) = self
                .fetch_of_chain(&chain, BlockSelector::Number(number), progress.clone())
                .await
                .map_err(|error| FetchError::InRun { number, error: Box::new(error) })?;
            if let Some(before) = before
                && sealed.header.parent_hash != before.hash
            {
                let (number, now) = (before.header.number, Some(sealed.header.parent_hash));
                return Err(FetchError::Reorg { number, before: before.hash, now });
            }
            before = Some(sealed);
            joined.add(input).await?;
        }
        joined.finish().await
    }

    /// Fetches a block of a chain with these rules. Returns the input with the block's header.
    async fn fetch_of_chain(
        &self,
        chain: &Chain,
        selector: BlockSelector,
        progress: Progress,
    ) -> Result<(SealedHeader, StatelessInput), FetchError> {
        let rpc = self.proofs.rpc();
        let sealed = blocks::resolve(rpc, selector).await?.ok_or(FetchError::NoBlock(selector))?;
        progress(Event::Block { number: sealed.header.number, hash: sealed.hash });
        // First of all: a later fork may have changed any rule, and the bodies of old blocks have another format.
        check_supported(chain, &sealed.header)
            .map_err(|reason| FetchError::NotSupported { block: sealed.hash, reason })?;
        if let Some(cache) = self.cache.as_ref().filter(|_| !self.refresh)
            && let Some(input) = cache.load(&chain.spec, &sealed)
        {
            progress(Event::Cached);
            return Ok((sealed, input));
        }
        let (input, claim) = match self.fetch_resolved(chain.spec.clone(), sealed.clone(), progress).await {
            Err(FetchError::Invalid { block, error, .. })
                if may_be_of_later_fork(chain, &sealed.header, &error) =>
            {
                let reason = NotSupported::BlobParameters(error.to_string());
                return Err(FetchError::NotSupported { block, reason });
            }
            // An invalid block stays invalid; every other error may come from a reorganisation.
            Err(error) if !matches!(error, FetchError::Invalid { .. } | FetchError::Reorg { .. }) => {
                return Err(self.reorg_or(error, selector, &sealed).await);
            }
            outcome => outcome?,
        };
        debug_assert_eq!(claim.last_block_hash, sealed.hash);
        if let Some(cache) = &self.cache {
            cache.store(&chain.spec, &sealed, &input);
        }
        Ok((sealed, input))
    }

    /// Rules of the node's chain and their end: the given ones, or the built-in ones.
    fn chain(&self, chain_id: u64) -> Result<Chain, FetchError> {
        match &self.chain {
            Some(chain) if chain.spec.chain_id == chain_id => Ok(chain.clone()),
            Some(chain) => Err(FetchError::ChainMismatch { node: chain_id, configured: chain.spec.chain_id }),
            None => Chain::by_chain_id(chain_id).ok_or(FetchError::UnknownChain(chain_id)),
        }
    }

    /// [`FetchError::Reorg`] if the block is no longer canonical, otherwise `error`.
    async fn reorg_or(
        &self,
        error: FetchError,
        selector: BlockSelector,
        sealed: &SealedHeader,
    ) -> FetchError {
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
        sealed: SealedHeader,
        progress: Progress,
    ) -> Result<(StatelessInput, ChainClaim), FetchError> {
        let target = Target::fetch(self.proofs.rpc(), spec, self.chain.is_none(), sealed, progress).await?;
        let target = Arc::new(target);
        let parent = alloy_rlp::encode(&target.parent.header).into();
        let mut witness = Witness { headers: vec![parent], ..Witness::default() };
        // Rules on the block alone are checked before any of its state is fetched.
        match target.minimize(witness.clone()).await? {
            Ok(minimal) => return Ok(minimal),
            Err(ValidationError::State(_)) => {}
            Err(error) => return Err(target.invalid(error)),
        }
        if self.method != Method::Proofs {
            match self.fetch_execution_witness(&target, &mut witness).await {
                Ok(minimal) => return Ok(minimal),
                Err(error) if self.method == Method::Auto && proofs_may_help(&error) => {
                    target.report(Event::Fallback { reason: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        lazy_execution::complete(self.proofs.clone(), target, witness).await
    }

    /// Validates the block over the node's execution witness. `witness` keeps the node's items even if they are not
    /// enough.
    async fn fetch_execution_witness(
        &self,
        target: &Arc<Target>,
        witness: &mut Witness,
    ) -> Result<(StatelessInput, ChainClaim), FetchError> {
        target.report(Event::ExecutionWitness);
        let rpc = self.proofs.rpc();
        let mut ancestors = Ancestors::of(target);
        let answer = execution_witness::fetch(rpc, &target.sealed).await?;
        witness.headers.extend(answer.headers);
        witness.codes.extend(answer.codes);
        witness.state.extend(answer.state);
        loop {
            target.report(Event::Validating);
            match target.minimize(witness.clone()).await? {
                Ok(minimal) => return Ok(minimal),
                // Some clients leave out the headers.
                Err(ValidationError::State(StateError::MissingHeader { number, hash })) => {
                    witness.headers.extend(ancestors.fetch(rpc, number, hash, None).await?);
                }
                Err(ValidationError::State(error)) => {
                    return Err(FetchError::IncompleteWitness { method: execution_witness::METHOD, error });
                }
                Err(error) => return Err(target.invalid(error)),
            }
        }
    }
}

/// Returns whether proofs may succeed after the request for a whole witness failed like this.
fn proofs_may_help(error: &FetchError) -> bool {
    match error {
        FetchError::NoWitnessMethod(_) | FetchError::IncompleteWitness { .. } => true,
        // A node that can't be reached has no proofs either; one that took too long, or broke off, may have.
        FetchError::Rpc(error) => !matches!(error.problem, Problem::Unreachable(_)),
        _ => false,
    }
}

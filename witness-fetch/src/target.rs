//! The block that is being fetched.

use crate::{
    block_access_list::BlockAccessList,
    block_json::ReadBlock,
    blocks::{self, SealedHeader},
    error::{FetchError, JudgedBy},
    progress::{Event, Progress},
    rpc::Rpc,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, keccak256};
use std::{fmt, sync::Arc};
use tokio::task;
use tracing::info;
use zeno_guest_evm::{
    Block, ChainClaim, ChainSpec, PublicKey, StatelessInput, ValidationError, Witness, minimize, public_keys,
};

/// A block that is being fetched, with its parent's header and its senders.
pub(crate) struct Target {
    pub(crate) spec: ChainSpec,
    pub(crate) block: Block,
    pub(crate) sealed: SealedHeader,
    pub(crate) parent: SealedHeader,
    /// The block's access list (EIP-7928), as the node gave it with the block, unchecked.
    pub(crate) access_list: Option<BlockAccessList>,
    /// Public keys of the senders, one a transaction.
    keys: Vec<PublicKey>,
    /// Senders, one a transaction.
    pub(crate) senders: Vec<Address>,
    /// Tells whether the node alone names the chain.
    node_says: bool,
    progress: Progress,
}

impl Target {
    /// Fetches the block of a header, and its parent's header.
    ///
    /// # Errors
    /// [`FetchError`] if the node lacks either, if the block is signed for another chain than the node names, or if
    /// its signatures are invalid.
    pub(crate) async fn fetch(
        rpc: &Rpc,
        spec: ChainSpec,
        node_says: bool,
        sealed: SealedHeader,
        progress: Progress,
    ) -> Result<Self, FetchError> {
        let missing = FetchError::no_block;
        let ReadBlock { block, access_list } =
            blocks::block(rpc, sealed.hash, spec.chain_id).await?.ok_or_else(|| missing(sealed.hash))?;
        if node_says {
            // The body matches the header, and its signatures name a chain (EIP-155): they outweigh the node's word.
            let mut signed = block.body.transactions.iter().filter_map(|transaction| transaction.chain_id());
            if let Some(signed) = signed.find(|signed| *signed != spec.chain_id) {
                return Err(FetchError::SignedForAnother { node: spec.chain_id, signed });
            }
        }
        let parent_hash = sealed.header.parent_hash;
        let parent = blocks::header(rpc, parent_hash).await?.ok_or_else(|| missing(parent_hash))?;
        // The body matches the header, so these are the block's own signatures.
        let rules = JudgedBy { chain_id: spec.chain_id, node_says };
        let keys =
            public_keys(&block).map_err(|error| FetchError::Invalid { block: sealed.hash, error, rules })?;
        let senders = keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect();
        Ok(Self { spec, block, sealed, parent, access_list, keys, senders, node_says, progress })
    }

    /// The error of a block that breaks a rule.
    pub(crate) fn invalid(&self, error: ValidationError) -> FetchError {
        let rules = JudgedBy { chain_id: self.spec.chain_id, node_says: self.node_says };
        FetchError::Invalid { block: self.sealed.hash, error, rules }
    }

    /// Reports an event to the caller and to the log.
    pub(crate) fn report(&self, event: Event) {
        info!("{event}");
        (self.progress)(event);
    }

    /// The guest's input with this witness.
    pub(crate) fn input(&self, witness: Witness) -> StatelessInput {
        StatelessInput {
            chain: self.spec.encode().into(),
            blocks: vec![alloy_rlp::encode(&self.block).into()],
            witness,
            public_keys: self.keys.clone(),
            destinations: Vec::new(),
        }
    }

    /// Validates the block over a witness, outside the runtime's own threads. Returns the minimal input.
    pub(crate) async fn minimize(
        self: &Arc<Self>,
        witness: Witness,
    ) -> Result<Result<(StatelessInput, ChainClaim), ValidationError>, FetchError> {
        let input = self.input(witness);
        task::spawn_blocking(move || minimize(&input)).await.map_err(|_| FetchError::Interrupted)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("block", &self.sealed.hash).finish_non_exhaustive()
    }
}

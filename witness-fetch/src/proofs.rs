//! State by `eth_getProof` and `eth_getCode`, each answer checked before it is kept.

use crate::{
    FetchError,
    error::{Problem, RpcError, Subject},
    node::{self, Sealed},
    rpc::Rpc,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_rpc_types_eth::EIP1186AccountProofResponse;
use alloy_trie::TrieAccount;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use zeno_guest_evm::trie::{Preimages, Trie, TrieError};

const GET_PROOF: &str = "eth_getProof";
const GET_CODE: &str = "eth_getCode";
/// Slots that are asked for in one request. Nodes bound the size of an answer.
const SLOTS_PER_REQUEST: usize = 128;

/// An account as a checked proof shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// The account; none if the state provably lacks it.
    pub(crate) account: Option<TrieAccount>,
    /// Nodes on the path to the account.
    pub(crate) account_nodes: Vec<Bytes>,
    /// Nodes on the paths to the slots, of the account's storage trie.
    pub(crate) storage_nodes: Vec<Bytes>,
}

/// The state of one node.
#[derive(Debug)]
pub(crate) struct Proofs {
    rpc: Rpc,
    /// Whether the node takes no block hash (EIP-1898) in state queries, but only a number.
    numbers_only: AtomicBool,
}

impl Proofs {
    pub(crate) fn new(rpc: Rpc) -> Self {
        Self { rpc, numbers_only: AtomicBool::new(false) }
    }

    pub(crate) fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// An account and slots of it in the state after `block`.
    pub(crate) async fn account(
        &self,
        block: &Sealed,
        address: Address,
        slots: &[U256],
    ) -> Result<Proof, FetchError> {
        let mut whole = Proof::default();
        // At least one request, for the account alone.
        for chunk in slots.chunks(SLOTS_PER_REQUEST).chain(slots.is_empty().then_some(&[][..])) {
            let response = self.response(block, address, chunk).await?;
            let part = check(block, address, chunk, response)?;
            whole.account = part.account;
            whole.account_nodes = part.account_nodes;
            whole.storage_nodes.extend(part.storage_nodes);
        }
        Ok(whole)
    }

    /// The nodes that the node gives for an account and slots of it, unchecked.
    pub(crate) async fn response(
        &self,
        block: &Sealed,
        address: Address,
        slots: &[U256],
    ) -> Result<EIP1186AccountProofResponse, FetchError> {
        let slots = slots.iter().map(|slot| B256::from(*slot)).collect::<Vec<_>>();
        self.state_query(GET_PROOF, block, |at| json!([address, slots, at])).await
    }

    /// The code of an account, which must have this hash.
    pub(crate) async fn code(
        &self,
        block: &Sealed,
        address: Address,
        hash: B256,
    ) -> Result<Bytes, FetchError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        let code: Bytes = self.state_query(GET_CODE, block, |at| json!([address, at])).await?;
        match keccak256(&code) {
            actual if actual == hash => Ok(code),
            actual => Err(FetchError::FalseCode { method: GET_CODE, address, actual, expected: hash }),
        }
    }

    /// A query of the state after `block`, by the block's hash where the node takes one.
    pub(crate) async fn state_query<T: DeserializeOwned>(
        &self,
        method: &'static str,
        block: &Sealed,
        params: impl Fn(Value) -> Value,
    ) -> Result<T, FetchError> {
        if !self.numbers_only.load(Ordering::Relaxed) {
            let answer = self.rpc.call(method, &params(json!({ "blockHash": block.hash }))).await;
            match answer {
                Err(error) if refuses_hash(&error) => {
                    tracing::warn!(%error, "state is asked for by block number, since the node refuses block hashes");
                    self.numbers_only.store(true, Ordering::Relaxed);
                }
                answer => return Ok(answer?),
            }
        }
        let number = block.header.number;
        let answer = self.rpc.call(method, &params(json!(format!("{number:#x}")))).await;
        // By number the answer may be another block's, so a reorganisation has to be ruled out.
        self.check_canonical(block).await?;
        Ok(answer?)
    }

    /// # Errors
    /// [`FetchError::Reorg`] if the node's canonical chain doesn't have this block (any more).
    pub(crate) async fn check_canonical(&self, block: &Sealed) -> Result<(), FetchError> {
        let number = block.header.number;
        let now =
            node::resolve(&self.rpc, crate::BlockSelector::Number(number)).await?.map(|sealed| sealed.hash);
        if now == Some(block.hash) {
            return Ok(());
        }
        Err(FetchError::Reorg { number, before: block.hash, now })
    }
}

/// Whether the node can't read a block parameter that is an object.
fn refuses_hash(error: &RpcError) -> bool {
    match &error.problem {
        Problem::Answer { code: -32602, .. } => true,
        Problem::Answer { message, .. } => {
            let message = message.to_lowercase();
            ["invalid argument", "cannot unmarshal", "invalid params", "invalid block", "expected string"]
                .iter()
                .any(|words| message.contains(words))
        }
        _ => false,
    }
}

/// Checks an answer against the block's state root; what is no part of the proof is left out.
fn check(
    block: &Sealed,
    address: Address,
    slots: &[U256],
    response: EIP1186AccountProofResponse,
) -> Result<Proof, FetchError> {
    let lie = |subject, reason: String| FetchError::FalseProof {
        method: GET_PROOF,
        subject,
        block: block.hash,
        reason,
    };
    let subject = Subject::Account(address);
    if response.address != address {
        return Err(lie(subject, format!("it is about account {}", response.address)));
    }
    let mut nodes = Preimages::new(response.account_proof);
    let mut trie = Trie::from_root(block.header.state_root);
    let leaf = trie.get(&keccak256(address), &mut nodes).map_err(|error| lie(subject, explain(*error)))?;
    let account = leaf
        .map(alloy_rlp::decode_exact::<TrieAccount>)
        .transpose()
        .map_err(|error| lie(subject, format!("the account's leaf is malformed: {error}")))?;
    if let Some(TrieAccount { nonce, balance, storage_root, code_hash }) = account {
        let said = (response.nonce, response.balance, response.storage_hash, response.code_hash);
        if said != (nonce, balance, storage_root, code_hash) {
            return Err(lie(subject, "its values are not those that it proves".into()));
        }
    }
    let mut storage_nodes = Vec::new();
    if let Some(account) = &account {
        let said = response.storage_proof.iter().map(|slot| slot.value).collect::<Vec<_>>();
        // One trie for all slots: the proofs share their first nodes.
        let mut nodes = Preimages::new(response.storage_proof.into_iter().flat_map(|slot| slot.proof));
        let mut trie = Trie::from_root(account.storage_root);
        for (index, slot) in slots.iter().enumerate() {
            let subject = Subject::Slot(address, *slot);
            let leaf =
                trie.get(&slot_key(*slot), &mut nodes).map_err(|error| lie(subject, explain(*error)))?;
            let value = leaf
                .map_or(Ok(U256::ZERO), alloy_rlp::decode_exact)
                .map_err(|error| lie(subject, format!("the slot's leaf is malformed: {error}")))?;
            if said.get(index) != Some(&value) {
                return Err(lie(subject, format!("it proves the value {value:#x}, but says another")));
            }
        }
        storage_nodes = used(nodes);
    }
    Ok(Proof { account, account_nodes: used(nodes), storage_nodes })
}

fn explain(error: TrieError) -> String {
    match error {
        TrieError::Missing { hash, path } => {
            format!("it lacks the trie node {hash} at path {}", hex_path(&path))
        }
        error => error.to_string(),
    }
}

/// Nibbles in hexadecimal.
pub(crate) fn hex_path(path: &[u8]) -> String {
    path.iter().map(|nibble| format!("{nibble:x}")).collect()
}

fn used(nodes: Preimages) -> Vec<Bytes> {
    nodes.into_used().collect()
}

/// Key of a slot in its storage trie.
pub(crate) fn slot_key(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

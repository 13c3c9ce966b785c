//! State by `eth_getProof` and `eth_getCode`, each answer checked before it is kept.

use crate::{
    FetchError,
    error::{Problem, RpcError, Subject},
    json::{Object, parse},
    node::{self, Sealed},
    rpc::{Effort, Rpc},
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256};
use alloy_trie::TrieAccount;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::{debug, warn};
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

/// What `eth_getProof` answers. The nodes alone count; the rest is repeated beside them, or left out.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) account_proof: Vec<Bytes>,
    /// In the order of the slots that were asked for.
    pub(crate) storage_proofs: Vec<SlotResponse>,
    address: Option<Address>,
    nonce: Option<U64>,
    balance: Option<U256>,
    storage_hash: Option<B256>,
    code_hash: Option<B256>,
}

/// The part of a [`Response`] that is about one slot.
#[derive(Debug)]
pub(crate) struct SlotResponse {
    pub(crate) proof: Vec<Bytes>,
    value: Option<U256>,
}

impl Response {
    fn read(value: &RawValue) -> Result<Self, String> {
        let object = Object::parse(value)?;
        if object.get(&["accountProof", "storageProof", "address"]).is_none() {
            return Err("field `accountProof` is missing".into());
        }
        // What is only repeated may be unreadable.
        Ok(Self {
            account_proof: object.list(&["accountProof"], parse)?,
            storage_proofs: object.list(&["storageProof"], |slot| {
                let slot = Object::parse(slot)?;
                Ok(SlotResponse {
                    proof: slot.list(&["proof"], parse)?,
                    value: slot.read(&["value"]).ok().flatten(),
                })
            })?,
            address: object.read(&["address"]).ok().flatten(),
            nonce: object.read(&["nonce"]).ok().flatten(),
            balance: object.read(&["balance"]).ok().flatten(),
            storage_hash: object.read(&["storageHash"]).ok().flatten(),
            code_hash: object.read(&["codeHash"]).ok().flatten(),
        })
    }

    /// The first of what is repeated beside the nodes that is another account's, by its name.
    fn differs(&self, address: Address, account: &TrieAccount) -> Option<&'static str> {
        let pairs = [
            ("address", self.address.is_none_or(|said| said == address)),
            ("nonce", self.nonce.is_none_or(|said| said == U64::from(account.nonce))),
            ("balance", self.balance.is_none_or(|said| said == account.balance)),
            ("storageHash", self.storage_hash.is_none_or(|said| said == account.storage_root)),
            ("codeHash", self.code_hash.is_none_or(|said| said == account.code_hash)),
        ];
        pairs.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }
}

/// The state of one node.
#[derive(Debug)]
pub(crate) struct Proofs {
    rpc: Rpc,
    /// Whether it was said already that the node repeats falsely what it proves.
    warned: AtomicBool,
    /// The methods in which the node takes no block hash (EIP-1898), but a number.
    by_number: Mutex<BTreeSet<&'static str>>,
}

impl Proofs {
    pub(crate) fn new(rpc: Rpc) -> Self {
        Self { rpc, warned: AtomicBool::new(false), by_number: Mutex::default() }
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
        effort: Effort,
    ) -> Result<Proof, FetchError> {
        let mut whole = Proof::default();
        // At least one request, for the account alone.
        for chunk in slots.chunks(SLOTS_PER_REQUEST).chain(slots.is_empty().then_some(&[][..])) {
            let response = self.response(block, address, chunk, effort).await?;
            let part = self.check(block, address, chunk, response)?;
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
        effort: Effort,
    ) -> Result<Response, FetchError> {
        let slots = slots.iter().map(|slot| B256::from(*slot)).collect::<Vec<_>>();
        let params = |at| json!([address, slots, at]);
        self.state_query(GET_PROOF, block, effort, params, Response::read).await
    }

    /// The code of an account, which must have this hash.
    pub(crate) async fn code(
        &self,
        block: &Sealed,
        address: Address,
        hash: B256,
        effort: Effort,
    ) -> Result<Bytes, FetchError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        let params = |at| json!([address, at]);
        let code: Bytes = self.state_query(GET_CODE, block, effort, params, parse).await?;
        match keccak256(&code) {
            actual if actual == hash => Ok(code),
            actual => Err(FetchError::FalseCode { method: GET_CODE, address, actual, expected: hash }),
        }
    }

    /// A query of the state after `block`, by the block's hash where the node takes one.
    pub(crate) async fn state_query<T>(
        &self,
        method: &'static str,
        block: &Sealed,
        effort: Effort,
        params: impl Fn(Value) -> Value,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> Result<T, FetchError> {
        let by_number = || self.by_number.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refusal = None;
        if !by_number().contains(method) {
            let params = params(json!({ "blockHash": block.hash }));
            match self.rpc.ask(method, &params, effort, &read).await {
                Err(error) if refuses_hash(&error) => refusal = Some(error),
                answer => return Ok(answer?),
            }
        }
        let number = block.header.number;
        let answer = self.rpc.ask(method, &params(json!(format!("{number:#x}"))), effort, &read).await;
        // By number the answer may be another block's, so a reorganisation has to be ruled out.
        let canonical = self.check_canonical(block).await;
        let Some(refusal) = refusal else {
            canonical?;
            return Ok(answer?);
        };
        match (answer, canonical) {
            // What was refused is the hash, and nothing else.
            (Ok(answer), Ok(())) => {
                if by_number().insert(method) {
                    let error = refusal;
                    warn!(%error, "{method} is called with block numbers, since the node refuses block hashes there");
                }
                Ok(answer)
            }
            // A block beside the chain has no number to ask for it by.
            (_, Err(FetchError::Reorg { .. })) => Err(refusal.into()),
            (_, Err(error)) => Err(error),
            (Err(error), Ok(())) if refuses_hash(&error) => Err(refusal.into()),
            (Err(error), Ok(())) => Err(error.into()),
        }
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

    /// Checks an answer against the block's state root; what is no part of the proof is left out.
    fn check(
        &self,
        block: &Sealed,
        address: Address,
        slots: &[U256],
        response: Response,
    ) -> Result<Proof, FetchError> {
        let lie = |subject, reason: String| FetchError::FalseProof {
            method: GET_PROOF,
            subject,
            block: block.hash,
            reason,
        };
        let subject = Subject::Account(address);
        let mut nodes = Preimages::new(response.account_proof.iter().cloned());
        let mut trie = Trie::from_root(block.header.state_root);
        let leaf =
            trie.get(&keccak256(address), &mut nodes).map_err(|error| lie(subject, explain(*error)))?;
        let account = leaf
            .map(alloy_rlp::decode_exact::<TrieAccount>)
            .transpose()
            .map_err(|error| lie(subject, format!("the account's leaf is malformed: {error}")))?;
        let mut storage_nodes = Vec::new();
        if let Some(account) = &account {
            if let Some(field) = response.differs(address, account) {
                self.warn(subject, field);
            }
            let said = response.storage_proofs.iter().map(|slot| slot.value).collect::<Vec<_>>();
            // One trie for all slots: the proofs share their first nodes.
            let mut nodes = Preimages::new(response.storage_proofs.into_iter().flat_map(|slot| slot.proof));
            let mut trie = Trie::from_root(account.storage_root);
            for (index, slot) in slots.iter().enumerate() {
                let subject = Subject::Slot(address, *slot);
                let leaf =
                    trie.get(&slot_key(*slot), &mut nodes).map_err(|error| lie(subject, explain(*error)))?;
                let value: U256 = leaf
                    .map_or(Ok(U256::ZERO), alloy_rlp::decode_exact)
                    .map_err(|error| lie(subject, format!("the slot's leaf is malformed: {error}")))?;
                if said.get(index).copied().flatten().is_some_and(|said| said != value) {
                    self.warn(subject, "value");
                }
            }
            storage_nodes = used(nodes);
        }
        Ok(Proof { account, account_nodes: used(nodes), storage_nodes })
    }

    /// Says once that a field beside a proof is another than what is proven, which alone counts.
    fn warn(&self, subject: Subject, field: &'static str) {
        const MESSAGE: &str =
            "the node repeats beside a proof another value than it proves; the proven one counts";
        if self.warned.swap(true, Ordering::Relaxed) {
            debug!(%subject, field, "{MESSAGE}");
        } else {
            warn!(%subject, field, "{MESSAGE}");
        }
    }
}

/// Whether the node can't read a block parameter that is an object.
fn refuses_hash(error: &RpcError) -> bool {
    match &error.problem {
        Problem::Answer { code: -32602, .. } => true,
        Problem::Answer { message, .. } => {
            let message = message.to_lowercase();
            [
                "invalid argument",
                "cannot unmarshal",
                "invalid params",
                "incorrect params",
                "invalid block",
                "expected string",
                "string expected",
            ]
            .iter()
            .any(|words| message.contains(words))
        }
        _ => false,
    }
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

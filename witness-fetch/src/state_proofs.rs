//! State from `eth_getProof` and `eth_getCode`. Each answer is checked before it is kept.

use crate::{
    blocks::{self, SealedHeader},
    error::{FetchError, Subject},
    json::{Object, parse},
    rpc::{
        Effort, Rpc,
        error::{Problem, RpcError},
    },
    selector::BlockSelector,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256};
use alloy_trie::TrieAccount;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::{debug, warn};
use zeno_guest_evm::trie::{Preimages, Trie, TrieError};

const GET_PROOF: &str = "eth_getProof";
const GET_CODE: &str = "eth_getCode";
/// Limit on the slots of one request, because nodes limit the size of an answer.
const SLOTS_PER_REQUEST: usize = 128;

/// Accounts, and slots of them.
pub(crate) type Touched = BTreeMap<Address, BTreeSet<U256>>;

/// An account and the trie nodes of its checked proof.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountProof {
    /// The account; `None` if the state provably lacks it.
    pub(crate) account: Option<TrieAccount>,
    /// Nodes on the path to the account.
    pub(crate) account_nodes: Vec<Bytes>,
    /// Nodes on the paths to the slots, in the account's storage trie.
    pub(crate) storage_nodes: Vec<Bytes>,
}

/// Answer of `eth_getProof`. Only the nodes count; the other fields repeat what the nodes prove, and may be absent.
#[derive(Debug)]
pub(crate) struct ProofResponse {
    pub(crate) account_proof: Vec<Bytes>,
    /// Proofs in the order of the slots in the request.
    pub(crate) storage_proofs: Vec<SlotResponse>,
    address: Option<Address>,
    nonce: Option<U64>,
    balance: Option<U256>,
    storage_hash: Option<B256>,
    code_hash: Option<B256>,
}

/// Part of a [`ProofResponse`] about one slot.
#[derive(Debug)]
pub(crate) struct SlotResponse {
    pub(crate) proof: Vec<Bytes>,
    value: Option<U256>,
}

impl ProofResponse {
    fn read(value: &RawValue) -> Result<Self, String> {
        let object = Object::parse(value)?;
        if object.get(&["accountProof", "storageProof", "address"]).is_none() {
            return Err("field `accountProof` is missing".into());
        }
        // The repeated fields may be unreadable.
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

    /// Name of the first repeated field that differs from the proven account.
    fn differing_field(&self, address: Address, account: &TrieAccount) -> Option<&'static str> {
        let pairs = [
            ("address", self.address.is_none_or(|claimed| claimed == address)),
            ("nonce", self.nonce.is_none_or(|claimed| claimed == U64::from(account.nonce))),
            ("balance", self.balance.is_none_or(|claimed| claimed == account.balance)),
            ("storageHash", self.storage_hash.is_none_or(|claimed| claimed == account.storage_root)),
            ("codeHash", self.code_hash.is_none_or(|claimed| claimed == account.code_hash)),
        ];
        pairs.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }
}

/// Source of proven state: one node.
#[derive(Debug)]
pub(crate) struct StateProofs {
    rpc: Rpc,
    /// Tells whether the log already warns that a field beside a proof differs from the proven one.
    warned: AtomicBool,
    /// Methods in which the node takes no block hash (EIP-1898), but only a number.
    by_number: Mutex<BTreeSet<&'static str>>,
}

impl StateProofs {
    pub(crate) fn new(rpc: Rpc) -> Self {
        Self { rpc, warned: AtomicBool::new(false), by_number: Mutex::default() }
    }

    pub(crate) fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// Fetches an account and slots of it in the state after `block`, and checks their proofs.
    pub(crate) async fn account(
        &self,
        block: &SealedHeader,
        address: Address,
        slots: &[U256],
        effort: Effort,
    ) -> Result<AccountProof, FetchError> {
        let mut whole = AccountProof::default();
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

    /// Fetches the proofs of an account and slots of it, unchecked.
    pub(crate) async fn response(
        &self,
        block: &SealedHeader,
        address: Address,
        slots: &[U256],
        effort: Effort,
    ) -> Result<ProofResponse, FetchError> {
        let slots = slots.iter().map(|slot| B256::from(*slot)).collect::<Vec<_>>();
        let params = |at| json!([address, slots, at]);
        self.state_query(GET_PROOF, block, effort, params, ProofResponse::read).await
    }

    /// Fetches the code of an account, which must have this hash.
    pub(crate) async fn code(
        &self,
        block: &SealedHeader,
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

    /// Calls a method on the state after `block`, by the block's hash if the node takes one (EIP-1898). `params` makes
    /// the parameters from the one that names the block, and `read` reads the result.
    pub(crate) async fn state_query<T>(
        &self,
        method: &'static str,
        block: &SealedHeader,
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
        // The number may name another block meanwhile, so a reorganisation has to be ruled out.
        let canonical = self.check_canonical(block).await;
        let Some(refusal) = refusal else {
            canonical?;
            return Ok(answer?);
        };
        match (answer, canonical) {
            // The node refuses the hash, and nothing else.
            (Ok(answer), Ok(())) => {
                if by_number().insert(method) {
                    let error = refusal;
                    warn!(%error, "{method} is called with block numbers, since the node refuses block hashes there");
                }
                Ok(answer)
            }
            // The number of a block that isn't canonical names another block.
            (_, Err(FetchError::Reorg { .. })) => Err(refusal.into()),
            (_, Err(error)) => Err(error),
            (Err(error), Ok(())) if refuses_hash(&error) => Err(refusal.into()),
            (Err(error), Ok(())) => Err(error.into()),
        }
    }

    /// Checks that a block is canonical.
    ///
    /// # Errors
    /// [`FetchError::Reorg`] if the node's canonical chain lacks the block, or has lost it.
    pub(crate) async fn check_canonical(&self, block: &SealedHeader) -> Result<(), FetchError> {
        let number = block.header.number;
        let now = blocks::resolve(&self.rpc, BlockSelector::Number(number)).await?.map(|sealed| sealed.hash);
        if now == Some(block.hash) {
            return Ok(());
        }
        Err(FetchError::Reorg { number, before: block.hash, now })
    }

    /// Checks an answer against the block's state root. Nodes that are no part of the proof are left out.
    fn check(
        &self,
        block: &SealedHeader,
        address: Address,
        slots: &[U256],
        response: ProofResponse,
    ) -> Result<AccountProof, FetchError> {
        let subject = Subject::Account(address);
        let mut nodes = Preimages::new(response.account_proof.iter().cloned());
        let mut trie = Trie::from_root(block.header.state_root);
        let leaf = trie
            .get(&keccak256(address), &mut nodes)
            .map_err(|error| false_proof(block, subject, explain(*error)))?;
        let account = leaf.map(alloy_rlp::decode_exact::<TrieAccount>).transpose().map_err(|error| {
            false_proof(block, subject, format!("the account's leaf is malformed: {error}"))
        })?;
        let mut storage_nodes = Vec::new();
        if let Some(account) = &account {
            if let Some(field) = response.differing_field(address, account) {
                self.warn(subject, field);
            }
            let storage = (address, account.storage_root);
            storage_nodes = self.check_slots(block, storage, slots, response.storage_proofs)?;
        }
        Ok(AccountProof { account, account_nodes: used(nodes), storage_nodes })
    }

    /// Checks the proofs of slots against the root of the account's storage. Returns the nodes of the proofs.
    fn check_slots(
        &self,
        block: &SealedHeader,
        (address, storage_root): (Address, B256),
        slots: &[U256],
        responses: Vec<SlotResponse>,
    ) -> Result<Vec<Bytes>, FetchError> {
        let claimed = responses.iter().map(|slot| slot.value).collect::<Vec<_>>();
        // One trie for all slots: the proofs share their first nodes.
        let mut nodes = Preimages::new(responses.into_iter().flat_map(|slot| slot.proof));
        let mut trie = Trie::from_root(storage_root);
        for (index, slot) in slots.iter().enumerate() {
            let subject = Subject::Slot(address, *slot);
            let leaf = trie
                .get(&slot_key(*slot), &mut nodes)
                .map_err(|error| false_proof(block, subject, explain(*error)))?;
            let value: U256 = leaf.map_or(Ok(U256::ZERO), alloy_rlp::decode_exact).map_err(|error| {
                false_proof(block, subject, format!("the slot's leaf is malformed: {error}"))
            })?;
            if claimed.get(index).copied().flatten().is_some_and(|claimed| claimed != value) {
                self.warn(subject, "value");
            }
        }
        Ok(used(nodes))
    }

    /// Logs that a field of an answer differs from what its proof proves, once as a warning. The proof's value is used.
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

fn false_proof(block: &SealedHeader, subject: Subject, reason: String) -> FetchError {
    FetchError::FalseProof { method: GET_PROOF, subject, block: block.hash, reason }
}

/// Returns whether the node can't read a block parameter that is an object (EIP-1898).
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

/// Nibbles in hexadecimal, one digit each.
pub(crate) fn hex_path(path: &[u8]) -> String {
    path.iter().map(|nibble| format!("{nibble:x}")).collect()
}

/// Nodes that were looked up.
fn used(nodes: Preimages) -> Vec<Bytes> {
    nodes.into_used().collect()
}

/// Key of a slot in its account's storage trie.
pub(crate) fn slot_key(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

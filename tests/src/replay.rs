//! Replaying node: answers JSON-RPC calls about a few blocks from records of them.

use crate::{
    access_list::access_list,
    devchain::DevChain,
    mainnet::Recorded,
    rpc_server::{Call, Reply},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_rpc_types_eth as rpc_types;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Mutex;
use zeno_guest_evm::{
    Block, ChainSpec, StatelessInput, Transaction, decode_block, transition,
    trie::{Preimages, Trie},
};

/// Node that knows a few blocks and parts of their states.
#[derive(Debug)]
pub struct ReplayNode {
    chain_id: u64,
    blocks: Vec<ReplayBlock>,
    nodes: Mutex<Preimages>,
    codes: Mutex<Preimages>,
}

#[derive(Clone, Debug)]
struct ReplayBlock {
    hash: B256,
    header: Header,
    /// Result of `eth_getBlockByHash` with full transactions.
    json: Value,
    raw: Option<Bytes>,
    witness: Option<Value>,
    /// The block's access list (EIP-7928), in JSON, and its RLP.
    access_list: Option<(Value, Bytes)>,
}

/// JSON-RPC error: code and message.
type Refusal = (i64, String);

impl ReplayNode {
    /// Node with a recorded block and its parent. It knows the part of their states that the witness and the block's
    /// execution reveal.
    ///
    /// # Panics
    /// If the record is malformed.
    pub fn of_record(record: &Recorded) -> Self {
        Self::of_chain(&record.input()).with_record(record)
    }

    /// Node with an input's block and the headers of the input's witness.
    ///
    /// # Panics
    /// If the input isn't valid.
    pub fn of_input(input: &StatelessInput) -> Self {
        Self::of_chain(input).with_input(input)
    }

    /// Node of an input's chain that knows no block.
    fn of_chain(input: &StatelessInput) -> Self {
        let chain_id = ChainSpec::decode(&input.chain).expect("the input is valid").chain_id;
        Self { chain_id, blocks: Vec::new(), nodes: Mutex::default(), codes: Mutex::default() }
    }

    /// Adds a recorded block as [`of_record`](Self::of_record) has it.
    ///
    /// # Panics
    /// If the record is malformed.
    #[must_use]
    pub fn with_record(self, record: &Recorded) -> Self {
        let mut node = self.with_input(&record.input());
        let block = node.blocks.last_mut().expect("the block was just put there");
        block.json = record.block.clone();
        block.witness = Some(record.witness.clone());
        node
    }

    /// Adds an input's block as [`of_input`](Self::of_input) has it. It is the latest one from now on: blocks are added
    /// in their order.
    ///
    /// # Panics
    /// If the input isn't valid, or has more than one block.
    #[must_use]
    pub fn with_input(mut self, input: &StatelessInput) -> Self {
        let (_, state) = transition(input).expect("the input is valid");
        let (nodes, codes) = state.revealed();
        let witness = &input.witness;
        for rlp in &witness.headers {
            let hash = keccak256(rlp);
            if self.blocks.iter().any(|block| block.hash == hash) {
                continue;
            }
            let header: Header = alloy_rlp::decode_exact(rlp).expect("the header is valid");
            let mut json = json!({ "hash": hash, "transactions": [], "uncles": [] });
            merge(&mut json, serde_json::to_value(&header).expect("a header is JSON"));
            self.blocks.push(ReplayBlock { hash, header, json, raw: None, witness: None, access_list: None });
        }
        let [rlp] = &input.blocks[..] else { panic!("an input of one block") };
        let block = decode_block(rlp).expect("the block is valid");
        let lists = json!({
            "state": witness.state, "codes": witness.codes, "headers": witness.headers, "keys": [],
        });
        let access_list = block.header.block_access_list_hash.map(|_| access_list(input));
        let access_list = access_list.map(|list| (json!(list), alloy_rlp::encode(&list).into()));
        self.blocks.push(ReplayBlock { witness: Some(lists), access_list, ..ReplayBlock::new(block) });
        add(&self.nodes, witness.state.iter().cloned().chain(nodes));
        add(&self.codes, witness.codes.iter().cloned().chain(codes));
        self
    }

    /// Adds the complete state of a chain.
    #[must_use]
    pub fn with_state(self, chain: &DevChain) -> Self {
        let (nodes, codes) = chain.state();
        add(&self.nodes, nodes.iter().cloned());
        add(&self.codes, codes.iter().cloned());
        self
    }

    /// Adds a block, whose state the node does not know.
    ///
    /// # Panics
    /// If a transaction isn't signed.
    #[must_use]
    pub fn with_block(mut self, block: Block) -> Self {
        self.blocks.push(ReplayBlock::new(block));
        self
    }

    /// Answers a call.
    pub fn answer(&self, call: &Call) -> Reply {
        match self.result(&call.method, &call.params) {
            Ok(value) => Reply::Result(value),
            Err((code, message)) => Reply::Error(code, message),
        }
    }

    fn result(&self, method: &str, params: &Value) -> Result<Value, Refusal> {
        let first = &params[0];
        match method {
            "eth_chainId" => Ok(json!(format!("{:#x}", self.chain_id))),
            "eth_getBlockByHash" | "eth_getBlockByNumber" => {
                let Some(block) = self.block(first)? else { return Ok(Value::Null) };
                Ok(block.json(params[1].as_bool().unwrap_or_default()))
            }
            "debug_getRawBlock" => Ok(json!(self.known(first)?.raw)),
            "debug_executionWitness" | "debug_executionWitnessByBlockHash" => {
                self.known(first)?.witness.clone().ok_or_else(|| (-32000, "no witness was recorded".into()))
            }
            "eth_getBlockAccessList" => Ok(self.access_list(first)?.0.clone()),
            "debug_getRawBlockAccessList" => Ok(json!(self.access_list(first)?.1)),
            "eth_getProof" => self.proof(argument(first)?, argument(&params[1])?, self.known(&params[2])?),
            "eth_getCode" => self.code(argument(first)?, self.known(&params[1])?),
            _ => Err((-32601, format!("the method {method} does not exist/is not available"))),
        }
    }

    fn known(&self, id: &Value) -> Result<&ReplayBlock, Refusal> {
        self.block(id)?.ok_or_else(|| (-32000, "header not available".into()))
    }

    /// Access list of a block.
    fn access_list(&self, id: &Value) -> Result<&(Value, Bytes), Refusal> {
        self.known(id)?.access_list.as_ref().ok_or_else(|| (-32001, "Resource not found".into()))
    }

    /// Block with this hash, number or tag, or with the hash in an object (EIP-1898).
    fn block(&self, id: &Value) -> Result<Option<&ReplayBlock>, Refusal> {
        let id = id.get("blockHash").unwrap_or(id);
        let text: String = argument(id)?;
        Ok(match text.as_str() {
            "latest" | "safe" | "finalized" => self.blocks.last(),
            text if text.len() == 66 => self.blocks.iter().find(|block| block.hash.to_string() == text),
            _ => {
                let number: U256 = argument(id)?;
                self.blocks.iter().find(|block| U256::from(block.header.number) == number)
            }
        })
    }

    /// Value at a key, and the proof: the nodes on the path from the root to the key.
    fn walk(&self, root: B256, key: B256) -> Result<(Option<Bytes>, Vec<Bytes>), Refusal> {
        let mut nodes = self.nodes.lock().expect("nothing panicked");
        let mut trie = Trie::from_root(root);
        // The recorded state is incomplete, like that of a pruned node.
        let value =
            trie.get(&key, &mut nodes).map_err(|error| (-32000, format!("missing trie node: {error}")))?;
        Ok((value.map(Bytes::copy_from_slice), trie.revealed()))
    }

    fn account(
        &self,
        address: Address,
        block: &ReplayBlock,
    ) -> Result<(Option<TrieAccount>, Vec<Bytes>), Refusal> {
        let (leaf, nodes) = self.walk(block.header.state_root, keccak256(address))?;
        Ok((leaf.map(|leaf| alloy_rlp::decode_exact(leaf).expect("the leaf is an account")), nodes))
    }

    fn proof(&self, address: Address, slots: Vec<U256>, block: &ReplayBlock) -> Result<Value, Refusal> {
        let (account, account_proof) = self.account(address, block)?;
        let account = account.unwrap_or_default();
        let storage_proof = slots
            .into_iter()
            .map(|slot| {
                let (value, proof) = match account.storage_root {
                    root if root == EMPTY_ROOT_HASH => (None, Vec::new()),
                    root => self.walk(root, keccak256(slot.to_be_bytes::<32>()))?,
                };
                let value = value.map_or(U256::ZERO, |leaf| alloy_rlp::decode_exact(leaf).expect("a number"));
                Ok(json!({ "key": B256::from(slot), "value": value, "proof": proof }))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        Ok(json!({
            "address": address,
            "balance": account.balance,
            "nonce": format!("{:#x}", account.nonce),
            "codeHash": account.code_hash,
            "storageHash": account.storage_root,
            "accountProof": account_proof,
            "storageProof": storage_proof,
        }))
    }

    fn code(&self, address: Address, block: &ReplayBlock) -> Result<Value, Refusal> {
        let (account, _) = self.account(address, block)?;
        let hash = account.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if hash == KECCAK256_EMPTY {
            return Ok(json!("0x"));
        }
        let code = self.codes.lock().expect("nothing panicked").get(&hash).cloned();
        Ok(json!(code.ok_or_else(|| (-32000, format!("code {hash} is not found")))?))
    }
}

impl ReplayBlock {
    fn new(block: Block) -> Self {
        let header = block.header.clone();
        let raw = Some(alloy_rlp::encode(&block).into());
        let json = serde_json::to_value(rpc_block(block)).expect("a block is JSON");
        Self { hash: header.hash_slow(), header, json, raw, witness: None, access_list: None }
    }

    fn json(&self, full: bool) -> Value {
        let mut json = self.json.clone();
        if !full && let Some(transactions) = json["transactions"].as_array_mut() {
            transactions.iter_mut().for_each(|transaction| *transaction = transaction["hash"].take());
        }
        json
    }
}

fn rpc_block(block: Block) -> rpc_types::Block<rpc_types::Transaction<Transaction>> {
    use alloy_consensus::transaction::SignerRecoverable;
    let header = rpc_types::Header::new(block.header.clone());
    let transactions = block
        .body
        .transactions
        .into_iter()
        .map(|transaction| rpc_types::Transaction {
            inner: transaction.try_into_recovered().expect("the transactions are signed"),
            block_hash: Some(header.hash),
            block_number: Some(header.inner.number),
            transaction_index: None,
            effective_gas_price: None,
            block_timestamp: None,
        })
        .collect();
    rpc_types::Block::new(header, rpc_types::BlockTransactions::Full(transactions))
        .with_withdrawals(block.body.withdrawals)
}

fn add(known: &Mutex<Preimages>, items: impl IntoIterator<Item = Bytes>) {
    let mut known = known.lock().expect("nothing panicked");
    items.into_iter().for_each(|item| known.add(item));
}

fn merge(object: &mut Value, more: Value) {
    let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) else { return };
    object.extend(more);
}

fn argument<T: DeserializeOwned>(value: &Value) -> Result<T, Refusal> {
    serde_json::from_value(value.clone()).map_err(|error| (-32602, format!("invalid argument: {error}")))
}

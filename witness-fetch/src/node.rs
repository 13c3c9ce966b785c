//! What a node says of its chain: identity, headers, blocks. Checked by hash before it is believed.

use crate::{BlockSelector, FetchError, rpc::Rpc};
use alloy_consensus::{
    Header,
    proofs::{calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_eth as rpc_types;
use serde_json::{Value, json};
use zeno_guest_evm::{Block, Transaction, decode_block};

/// Header of a block, and its hash.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) hash: B256,
    pub(crate) header: Header,
}

impl Sealed {
    fn new(header: Header) -> Self {
        Self { hash: header.hash_slow(), header }
    }
}

/// EIP-155 chain id.
pub(crate) async fn chain_id(rpc: &Rpc) -> Result<u64, FetchError> {
    Ok(rpc.call::<U64>("eth_chainId", &json!([])).await?.to())
}

/// Header of the block that is meant, if the node has it.
pub(crate) async fn resolve(rpc: &Rpc, selector: BlockSelector) -> Result<Option<Sealed>, FetchError> {
    let Some(number_or_tag) = selector.number_or_tag() else {
        let BlockSelector::Hash(hash) = selector else { return Ok(None) };
        return header(rpc, hash).await;
    };
    let method = "eth_getBlockByNumber";
    let Some(value) = rpc.call_optional::<Value>(method, &json!([number_or_tag, false])).await? else {
        return Ok(None);
    };
    let sealed = parse_header(rpc, method, &value)?;
    if let BlockSelector::Number(asked) = selector
        && sealed.header.number != asked
    {
        return Err(FetchError::WrongBlock {
            method,
            asked: asked.to_string(),
            answered: sealed.header.number.to_string(),
        });
    }
    Ok(Some(sealed))
}

/// The header with this hash, if the node has it.
pub(crate) async fn header(rpc: &Rpc, hash: B256) -> Result<Option<Sealed>, FetchError> {
    let method = "eth_getBlockByHash";
    let Some(value) = rpc.call_optional::<Value>(method, &json!([hash, false])).await? else {
        return Ok(None);
    };
    let sealed = parse_header(rpc, method, &value)?;
    same_block(method, hash, sealed.hash)?;
    Ok(Some(sealed))
}

/// The block with this hash, its body checked against its header; none if the node doesn't have it.
pub(crate) async fn block(rpc: &Rpc, hash: B256) -> Result<Option<Block>, FetchError> {
    let method = "eth_getBlockByHash";
    let Some(value) = rpc.call_optional::<Value>(method, &json!([hash, true])).await? else {
        return Ok(None);
    };
    match parse_block(rpc, method, value).and_then(|block| check_block(method, hash, block)) {
        Ok(block) => Ok(Some(block)),
        // Some clients' JSON lacks fields of new transaction types; the block's RLP lacks nothing.
        Err(error) => match raw_block(rpc, hash).await? {
            Some(block) => Ok(Some(block)),
            None => Err(error),
        },
    }
}

/// The block from its RLP; none if the node can't or won't say.
async fn raw_block(rpc: &Rpc, hash: B256) -> Result<Option<Block>, FetchError> {
    let method = "debug_getRawBlock";
    let Ok(Some(rlp)) = rpc.call_optional::<Bytes>(method, &json!([hash])).await else { return Ok(None) };
    let block = decode_block(&rlp).map_err(|error| malformed(rpc, method, &error.to_string()))?;
    check_block(method, hash, block).map(Some)
}

fn parse_header(rpc: &Rpc, method: &'static str, value: &Value) -> Result<Sealed, FetchError> {
    let header: Header =
        serde::Deserialize::deserialize(value).map_err(|error| malformed_json(rpc, method, &error))?;
    let sealed = Sealed::new(header);
    // A hash that isn't the header's shows a false or misread header before anything builds on it.
    let claimed: B256 = serde::Deserialize::deserialize(&value["hash"])
        .map_err(|error| malformed_json(rpc, method, &error))?;
    same_block(method, claimed, sealed.hash)?;
    Ok(sealed)
}

fn parse_block(rpc: &Rpc, method: &'static str, value: Value) -> Result<Block, FetchError> {
    let block: rpc_types::Block<rpc_types::Transaction<Transaction>> =
        serde_json::from_value(value).map_err(|error| malformed_json(rpc, method, &error))?;
    if !block.transactions.is_full() && !block.transactions.is_empty() {
        return Err(malformed(rpc, method, "the transactions are given by their hashes only"));
    }
    Ok(block
        .map_transactions(|transaction| transaction.inner.into_inner())
        .map_header(|header| header.inner)
        .into_consensus_block())
}

/// The block is the one with this hash, and its body is its header's.
fn check_block(method: &'static str, hash: B256, block: Block) -> Result<Block, FetchError> {
    let header = &block.header;
    same_block(method, hash, header.hash_slow())?;
    let wrong =
        |part, actual, expected| FetchError::WrongBody { method, block: hash, part, actual, expected };
    let root = calculate_transaction_root(&block.body.transactions);
    if root != header.transactions_root {
        return Err(wrong("transactions", root, header.transactions_root));
    }
    if let Some(expected) = header.withdrawals_root {
        let root =
            calculate_withdrawals_root(block.body.withdrawals.as_deref().map_or(&[][..], |list| &list[..]));
        if root != expected {
            return Err(wrong("withdrawals", root, expected));
        }
    }
    Ok(block)
}

fn same_block(method: &'static str, asked: B256, answered: B256) -> Result<(), FetchError> {
    if asked == answered {
        return Ok(());
    }
    Err(FetchError::WrongBlock { method, asked: asked.to_string(), answered: answered.to_string() })
}

fn malformed_json(rpc: &Rpc, method: &'static str, error: &serde_json::Error) -> FetchError {
    malformed(rpc, method, &error.to_string())
}

fn malformed(rpc: &Rpc, method: &'static str, reason: &str) -> FetchError {
    rpc.malformed(method, reason).into()
}

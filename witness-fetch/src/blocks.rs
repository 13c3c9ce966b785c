//! A node's chain id, headers and blocks. Headers and blocks are checked by their hash.

use crate::{
    block_json::{ReadBlock, ReadHeader, read_block, read_header},
    error::FetchError,
    json::parse,
    rpc::{Effort, Rpc},
    selector::BlockSelector,
};
use alloy_consensus::{
    Header,
    proofs::{calculate_ommers_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{B256, Bytes, U64};
use serde_json::{json, value::RawValue};
use tracing::debug;
use zeno_guest_evm::{Block, decode_block};

const BY_NUMBER: &str = "eth_getBlockByNumber";
const BY_HASH: &str = "eth_getBlockByHash";
const RAW: &str = "debug_getRawBlock";

/// A header with its hash.
#[derive(Clone, Debug)]
pub(crate) struct SealedHeader {
    pub(crate) hash: B256,
    pub(crate) header: Header,
}

/// Fetches the node's chain id (EIP-155).
pub(crate) async fn chain_id(rpc: &Rpc) -> Result<u64, FetchError> {
    // `U64` reads zero from a text without digits.
    let read = |value: &RawValue| match value.get() {
        r#""0x""# | r#""0X""# | r#""""# => Err(format!("{} has no digits", value.get())),
        _ => parse::<U64>(value),
    };
    Ok(rpc.ask("eth_chainId", &json!([]), Effort::Needed, read).await?.to())
}

/// Fetches the header of the selected block, if the node has it.
pub(crate) async fn resolve(rpc: &Rpc, selector: BlockSelector) -> Result<Option<SealedHeader>, FetchError> {
    let Some(number_or_tag) = selector.number_or_tag() else {
        let BlockSelector::Hash(hash) = selector else { return Ok(None) };
        return header(rpc, hash).await;
    };
    let params = json!([number_or_tag, false]);
    let Some(read) = rpc.ask_optional(BY_NUMBER, &params, Effort::Needed, read_header).await? else {
        return Ok(None);
    };
    let sealed = seal(BY_NUMBER, read.claimed, read)?;
    if let BlockSelector::Number(asked) = selector
        && sealed.header.number != asked
    {
        return Err(FetchError::WrongBlock {
            method: BY_NUMBER,
            asked: asked.to_string(),
            answered: sealed.header.number.to_string(),
        });
    }
    Ok(Some(sealed))
}

/// Fetches the header with this hash, if the node has it.
pub(crate) async fn header(rpc: &Rpc, hash: B256) -> Result<Option<SealedHeader>, FetchError> {
    match rpc.ask_optional(BY_HASH, &json!([hash, false]), Effort::Needed, read_header).await? {
        Some(read) => seal(BY_HASH, Some(hash), read).map(Some),
        None => Ok(None),
    }
}

/// Fetches the header with this number of the node's canonical chain; `None` if the node doesn't give it now.
pub(crate) async fn canonical_header(rpc: &Rpc, number: u64) -> Option<SealedHeader> {
    let params = json!([format!("{number:#x}"), false]);
    match rpc.ask_optional(BY_NUMBER, &params, Effort::Hint, read_header).await {
        Ok(read) => read.map(|ReadHeader { header, .. }| SealedHeader { hash: header.hash_slow(), header }),
        Err(error) => {
            debug!(%error, "no header");
            None
        }
    }
}

/// Fetches the block with this hash, and checks its body against its header; `None` if the node lacks it. The access list
/// beside it is not checked. Transactions that leave out their chain id have `chain_id`.
pub(crate) async fn block(rpc: &Rpc, hash: B256, chain_id: u64) -> Result<Option<ReadBlock>, FetchError> {
    let read = |value: &RawValue| read_block(value, chain_id);
    let answer = rpc.ask_optional(BY_HASH, &json!([hash, true]), Effort::Needed, read).await;
    let outcome = match answer {
        Ok(None) => return Ok(None),
        Ok(Some(ReadBlock { block, access_list })) => {
            check_block(BY_HASH, hash, block).map(|block| ReadBlock { block, access_list })
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(block) => Ok(Some(block)),
        // The JSON of some clients lacks fields of new transaction types; the block's RLP lacks nothing.
        Err(error) => match raw_block(rpc, hash).await {
            Ok(Some(block)) => Ok(Some(ReadBlock { block, access_list: None })),
            Ok(None) => Err(error),
            Err(raw) => {
                debug!(error = %raw, "the block's RLP is no better");
                Err(error)
            }
        },
    }
}

/// Fetches the block with this hash in RLP; `None` if the node lacks it.
async fn raw_block(rpc: &Rpc, hash: B256) -> Result<Option<Block>, FetchError> {
    let Some(rlp) = rpc.call_optional::<Bytes>(RAW, &json!([hash])).await? else { return Ok(None) };
    let block = decode_block(&rlp).map_err(|error| rpc.malformed(RAW, &error.to_string()))?;
    check_block(RAW, hash, block).map(Some)
}

/// Computes a header's hash, which must be the one that was asked for. The hash in the answer doesn't count.
fn seal(method: &'static str, asked: Option<B256>, read: ReadHeader) -> Result<SealedHeader, FetchError> {
    let ReadHeader { header, claimed, unknown } = read;
    let hash = header.hash_slow();
    match asked {
        Some(asked) if asked != hash => {
            // The answer claims the right hash, so its unknown fields explain the difference.
            if claimed == Some(asked) && !unknown.is_empty() {
                return Err(FetchError::UnknownFields { method, block: asked, fields: unknown });
            }
            Err(wrong_block(method, asked, hash))
        }
        _ => Ok(SealedHeader { hash, header }),
    }
}

/// Checks that a block has this hash, and that its body has the roots of its header. The presence of a withdrawals root
/// decides whether a list without withdrawals is empty or absent.
fn check_block(method: &'static str, hash: B256, mut block: Block) -> Result<Block, FetchError> {
    let actual = block.header.hash_slow();
    if actual != hash {
        return Err(wrong_block(method, hash, actual));
    }
    let (header, body) = (&block.header, &mut block.body);
    let equal = |part, actual, expected| match actual == expected {
        true => Ok(()),
        false => Err(FetchError::WrongBody { method, block: hash, part, actual, expected }),
    };
    equal("transactions", calculate_transaction_root(&body.transactions), header.transactions_root)?;
    equal("uncles", calculate_ommers_root(&body.ommers), header.ommers_hash)?;
    match header.withdrawals_root {
        Some(expected) => {
            let withdrawals = body.withdrawals.get_or_insert_with(Withdrawals::default);
            equal("withdrawals", calculate_withdrawals_root(withdrawals), expected)?;
        }
        None => body.withdrawals = None,
    }
    Ok(block)
}

fn wrong_block(method: &'static str, asked: B256, answered: B256) -> FetchError {
    FetchError::WrongBlock { method, asked: asked.to_string(), answered: answered.to_string() }
}

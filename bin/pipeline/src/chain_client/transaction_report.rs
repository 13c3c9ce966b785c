//! Transactions, as outcomes report them.

use alloy_primitives::{Address, B256, U256};
use serde::Serialize;

/// A transaction that was sent, or that a dry run would send.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TransactionReport {
    /// Subject of the transaction.
    pub what: &'static str,
    /// `true` if it was sent.
    pub sent: bool,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The account.
    pub from: Address,
    /// Recipient. `None` for the creation of a contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// Estimate of the gas.
    pub gas_estimate: u64,
    /// Greatest cost, in wei.
    pub most_wei: U256,
    /// Share of that cost for keeping the data on the chain below, in wei, by the node's estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_fee_wei: Option<U256>,
    /// Nonce of the transaction, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Hash of the mined version, or of the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<B256>,
    /// Hashes of the other versions with the same nonce, which were not mined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<B256>,
    /// Number of its block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mined_in: Option<u64>,
    /// Depth in blocks that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmations: Option<u64>,
    /// Gas that it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
}

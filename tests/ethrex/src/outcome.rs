//! Result of executing a block, in the terms of neither implementation, and the difference between two of them.

use alloy_primitives::{Address, B256, Bloom, Bytes};

/// Log of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) address: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
}

/// Receipt of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) kind: u8,
    pub(crate) success: bool,
    pub(crate) cumulative_gas_used: u64,
    pub(crate) logs: Vec<Log>,
}

/// Result of executing a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) gas_used: u64,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) receipts_root: B256,
    pub(crate) logs_bloom: Bloom,
    /// Requests that are not empty, each with its type (EIP-7685).
    pub(crate) requests: Vec<Bytes>,
    pub(crate) requests_hash: B256,
    /// Number of items of the block access list, and the hash of its RLP (EIP-7928).
    pub(crate) access_list: Option<(u64, B256)>,
    pub(crate) state_root: B256,
}

impl Outcome {
    /// Fields in which the outcomes differ, each with both values.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut list = Vec::new();
        let mut compare = |name: &str, one: String, another: String| {
            if one != another {
                list.push(format!("{name}: {one} by Zeno, {another} by ethrex"));
            }
        };
        for (index, (one, another)) in self.receipts.iter().zip(&other.receipts).enumerate() {
            compare(&format!("type of receipt {index}"), one.kind.to_string(), another.kind.to_string());
            compare(
                &format!("success of transaction {index}"),
                one.success.to_string(),
                another.success.to_string(),
            );
            let gas = |it: &Receipt| it.cumulative_gas_used.to_string();
            compare(&format!("cumulative gas of receipt {index}"), gas(one), gas(another));
            let logs = |it: &Receipt| format!("{:?}", it.logs);
            compare(&format!("logs of transaction {index}"), logs(one), logs(another));
        }
        compare("number of receipts", self.receipts.len().to_string(), other.receipts.len().to_string());
        compare("receipts root", self.receipts_root.to_string(), other.receipts_root.to_string());
        compare("logs bloom", self.logs_bloom.to_string(), other.logs_bloom.to_string());
        compare("gas used", self.gas_used.to_string(), other.gas_used.to_string());
        compare("requests", format!("{:?}", self.requests), format!("{:?}", other.requests));
        compare("requests hash", self.requests_hash.to_string(), other.requests_hash.to_string());
        compare("access list", format!("{:?}", self.access_list), format!("{:?}", other.access_list));
        compare("state root", self.state_root.to_string(), other.state_root.to_string());
        list
    }
}

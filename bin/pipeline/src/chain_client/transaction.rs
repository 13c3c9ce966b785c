//! Transactions before and after their signature, and the answers of nodes that are given one.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use zeno_witness_fetch::{Problem, RpcError};

/// Price of a unit of gas, in wei (EIP-1559).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fees {
    /// Limit in all.
    pub(super) most: u128,
    /// Share of the maker of the block.
    pub(super) tip: u128,
}

impl Fees {
    /// Fees for a base fee that may double, which takes six full blocks.
    pub(super) fn new(base: u128, tip: u128) -> Self {
        Self { most: base.saturating_mul(2).saturating_add(tip), tip }
    }

    /// Fees that replace a transaction with these: nodes require both to be higher, by an eighth at most.
    pub(super) fn raised(self) -> Self {
        let raise = |fee: u128| fee.saturating_add(fee.div_ceil(8)).saturating_add(1);
        Self { most: raise(self.most), tip: raise(self.tip) }
    }

    /// Greatest cost of this much gas, in wei.
    pub(super) fn cost(self, gas: u64) -> U256 {
        U256::from(self.most) * U256::from(gas)
    }
}

/// A transaction without its fees.
#[derive(Debug)]
pub(super) struct Draft {
    /// Subject of the transaction.
    pub(super) what: &'static str,
    pub(super) nonce: u64,
    /// Recipient. `None` creates a contract.
    pub(super) to: Option<Address>,
    pub(super) data: Bytes,
    pub(super) gas_limit: u64,
}

impl Draft {
    /// The transaction on a chain, with its fees.
    pub(super) fn transaction(&self, chain_id: u64, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: fees.most,
            max_priority_fee_per_gas: fees.tip,
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            value: U256::ZERO,
            access_list: Default::default(),
            input: self.data.clone(),
        }
    }
}

/// A signed transaction. A nonce may have several versions, of which one is mined.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) hash: B256,
    /// EIP-2718 encoding.
    pub(super) raw: Bytes,
    pub(super) fees: Fees,
    /// Cost beside the gas, in wei.
    pub(super) data_fee: U256,
}

/// Returns whether a node refuses a transaction because another with its nonce pays as much.
pub(super) fn is_underpriced(error: &RpcError) -> bool {
    match &error.problem {
        Problem::Answer { message, .. } => message.to_lowercase().contains("underpriced"),
        _ => false,
    }
}

/// Returns whether a node answered that it refuses a transaction.
pub(super) fn is_refusal(error: &RpcError) -> bool {
    matches!(error.problem, Problem::Answer { .. })
}

/// Returns whether a node refuses a transaction because it has it already, in the words of geth, Erigon, Besu, Nethermind and
/// others.
pub(super) fn is_known(error: &RpcError) -> bool {
    let Problem::Answer { message, .. } = &error.problem else { return false };
    let message = message.to_lowercase();
    let words = ["already known", "alreadyknown", "already imported", "known transaction"];
    words.iter().any(|words| message.contains(words)) && !message.contains("unknown")
}

/// The gas limit for an estimate: the state may change until the transaction is mined.
pub(super) fn with_margin(estimate: u64) -> u64 {
    estimate.saturating_add(estimate / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_of_any_size_are_no_panic() {
        let absurd = Fees::new(u128::MAX, u128::MAX);
        assert_eq!((absurd.most, absurd.raised().most), (u128::MAX, u128::MAX));
        assert!(absurd.cost(u64::MAX) > U256::from(u128::MAX));
        assert_eq!(with_margin(u64::MAX), u64::MAX);
    }

    /// Nodes refuse a replacement that pays less than 10 % more, some 12.5 %, of both fees.
    #[test]
    fn a_replacement_pays_an_eighth_more() {
        for fee in [0, 1, 7, 8, 9, 1_000_000_000, 1_999_999_999] {
            let fees = Fees { most: fee, tip: fee };
            let raised = fees.raised();
            assert!(raised.most * 8 >= fee * 9 && raised.tip * 8 >= fee * 9 && raised.tip > fee, "{fee}");
            assert!(raised.most <= fee + fee / 8 + 2, "{fee}");
        }
    }

    #[test]
    fn what_is_known_already_is_published() {
        let error = |message: &str| RpcError {
            method: "eth_sendRawTransaction",
            endpoint: String::new(),
            attempts: 1,
            problem: Problem::Answer { code: -32000, message: message.to_owned(), data: None },
        };
        for known in [
            "already known",
            "ALREADY KNOWN",
            "Known transaction",
            "known transaction: 0x12",
            "AlreadyKnown",
            "transaction already imported",
            "Transaction with the same hash was already imported.",
        ] {
            assert!(is_known(&error(known)) && is_refusal(&error(known)), "{known}");
        }
        for other in ["nonce too low", "unknown transaction type", "underpriced", ""] {
            assert!(!is_known(&error(other)), "{other}");
        }
    }
}

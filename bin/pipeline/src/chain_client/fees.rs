//! Costs of a transaction, by the node's word.

use super::{
    CallError, ChainClient, Head,
    quantity::Quantity,
    transaction::{Draft, Fees},
};
use crate::error::Error;
use alloy_consensus::SignableTransaction;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, U256, address, keccak256};
use alloy_sol_types::{SolCall, sol};
use serde_json::json;

/// Share of the maker of the block where the node names none, in wei for a unit of gas: one gwei.
const DEFAULT_TIP: u128 = 1_000_000_000;
/// Address of the contract that says the cost of a transaction beside its gas, on chains of the OP stack.
const GAS_PRICE_ORACLE: Address = address!("0x420000000000000000000000000000000000000F");

// <https://github.com/ethereum-optimism/optimism/blob/develop/packages/contracts-bedrock/src/L2/GasPriceOracle.sol>
sol! {
    /// The fee for keeping a transaction's data on the chain below, in wei.
    function getL1Fee(bytes data) external view returns (uint256);
    /// The fee of the chain's operator, in wei; since the fork Isthmus.
    function getOperatorFee(uint256 gas) external view returns (uint256);
}

impl ChainClient {
    /// Fees by the latest block and the node's proposal, with a tip of at most `max_tip`; and the gas limit of a block.
    pub(super) fn fees(&self, max_tip: u128) -> Result<(Fees, u64), Error> {
        let head: Head = self.ask("eth_getBlockByNumber", json!(["latest", false]))?;
        let base = head.base_fee_per_gas.ok_or_else(|| {
            Error::other(format_args!(
                "chain {} has no base fee, and transactions are made by EIP-1559 alone",
                self.chain_id
            ))
        })?;
        // A number that doesn't fit is above the limit.
        let tip = match self.ask_optional::<Quantity<U256>>("eth_maxPriorityFeePerGas", json!([])) {
            Ok(tip) => tip.map_or(DEFAULT_TIP, |tip| tip.0.saturating_to()),
            Err(error) if error.is_unsupported() => DEFAULT_TIP,
            Err(error) => return Err(error.into()),
        };
        Ok((Fees::new(base.0.to(), tip.min(max_tip)), head.gas_limit.0.to()))
    }

    /// Cost of a transaction beside its gas, in wei: twice its present value. Zero where the chain is not of the OP stack. The
    /// chain below decides on the cost, so a transaction can't limit it.
    pub(super) fn data_fee(&self, draft: &Draft, fees: Fees) -> Result<U256, Error> {
        // As long as a real signature, and as hard to compress; nothing is signed before the cost is known.
        let word = |seed: &str| U256::from_be_bytes(keccak256(seed).0);
        let signature = Signature::new(word("r"), word("s"), false);
        let raw = draft.transaction(self.chain_id, fees).into_signed(signature).encoded_2718();
        let Some(data_fee) = self.oracle(&getL1FeeCall { data: raw.into() })? else { return Ok(U256::ZERO) };
        let operator_fee = self.oracle(&getOperatorFeeCall { gas: U256::from(draft.gas_limit) })?;
        Ok(data_fee.saturating_add(operator_fee.unwrap_or_default()).saturating_mul(U256::from(2)))
    }

    /// Answer of the chain's oracle of prices. `None` where there is no oracle, or it has no such function.
    fn oracle<C: SolCall>(&self, call: &C) -> Result<Option<U256>, Error> {
        let request = json!({ "to": GAS_PRICE_ORACLE, "data": Bytes::from(call.abi_encode()) });
        match self.ask_optional::<Bytes>("eth_call", json!([request, "latest"])) {
            Ok(answer) => {
                Ok(answer.and_then(|answer| U256::try_from_be_slice(&answer).filter(|_| answer.len() == 32)))
            }
            Err(error) if error.is_unsupported() => Ok(None),
            Err(error) => match CallError::from(error) {
                CallError::Reverted(_) => Ok(None),
                CallError::Failed(error) => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_is_called_by_its_functions() {
        assert_eq!(getL1FeeCall::SELECTOR, keccak256("getL1Fee(bytes)")[..4]);
        assert_eq!(getOperatorFeeCall::SELECTOR, keccak256("getOperatorFee(uint256)")[..4]);
    }
}

//! Client of a chain's node: calls to contracts, and transactions.
//!
//! A node's word is believed where a lie would gain it nothing: a transaction's costs, its chain and a contract's address are
//! bounded, named or computed here.

mod event;
mod fees;
mod quantity;
mod receipt;
mod sender;
mod settlement;
mod transaction;
mod transaction_report;
mod wait;

pub use self::{
    event::{TransactionEvent, under_way},
    sender::SendingOptions,
    transaction_report::TransactionReport,
};
pub(crate) use self::{
    receipt::Receipt,
    sender::{SendError, Sender},
};

use self::quantity::Quantity;
use crate::{error::Error, node_options::NodeOptions, text::printable};
use alloy_primitives::{Address, B256, Bytes, U64, U128};
use alloy_sol_types::SolCall;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use zeno_witness_fetch::{Problem, Rpc, RpcError};

/// Time in which a node has to know the code of a contract whose creation it has confirmed.
const CODE_PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two questions to the node.
const POLL: Duration = Duration::from_millis(500);

/// Ids of chains for development, which have no public users and nothing of value: geth's `--dev` and ganache; anvil and
/// hardhat; the chain of the built-in example.
pub(crate) const DEVELOPMENT_CHAINS: [u64; 3] = [1337, 31337, 9366];

/// Returns whether a chain is one for development, by its id, which every transaction is signed for.
pub(crate) fn is_development(chain_id: u64) -> bool {
    DEVELOPMENT_CHAINS.contains(&chain_id)
}

/// Client of a node, for calls and transactions.
#[derive(Debug)]
pub(crate) struct ChainClient {
    rpc: Rpc,
    /// EIP-155 id of the node's chain, by the node's word.
    pub(crate) chain_id: u64,
}

/// Reason why a call has no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The contract reverted, with these bytes.
    Reverted(Bytes),
    /// Any other reason, such as a node without an answer.
    Failed(Error),
}

/// Header of a block, as far as transactions need it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    hash: B256,
    base_fee_per_gas: Option<Quantity<U128>>,
    gas_limit: Quantity<U64>,
}

impl ChainClient {
    /// Asks the node that `what` needs for its chain. Call this, and everything below, within a tokio runtime and on a thread
    /// that may block.
    pub(crate) fn connect(node: &NodeOptions, what: &str) -> Result<Self, Error> {
        let rpc = Rpc::new(&node.rpc(what)?)?;
        let mut client = Self { rpc, chain_id: 0 };
        client.chain_id = client.number("eth_chainId", json!([]))?;
        Ok(client)
    }

    fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, RpcError> {
        Handle::current().block_on(self.rpc.call(method, &params))
    }

    fn ask_optional<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, RpcError> {
        Handle::current().block_on(self.rpc.call_optional(method, &params))
    }

    fn number(&self, method: &'static str, params: Value) -> Result<u64, RpcError> {
        self.ask::<Quantity<U64>>(method, params).map(|number| number.0.to())
    }

    /// Calls a contract's function, from an account if that matters.
    pub(crate) fn call(&self, from: Option<Address>, to: Address, data: &[u8]) -> Result<Bytes, CallError> {
        let data = Bytes::copy_from_slice(data);
        let mut transaction = json!({ "to": to, "data": data });
        if let Some(from) = from {
            transaction["from"] = json!(from);
        }
        self.ask("eth_call", json!([transaction, "latest"])).map_err(CallError::from)
    }

    /// Calls a contract's view.
    pub(crate) fn view<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Error> {
        let name = C::SIGNATURE;
        let answer = self.call(None, to, &call.abi_encode()).map_err(|error| match error {
            CallError::Failed(error) => error,
            CallError::Reverted(_) => {
                Error::other(format_args!("the contract at {to} reverts on {name}: it is of another kind"))
            }
        })?;
        C::abi_decode_returns(&answer).map_err(|_| {
            Error::other(format_args!(
                "the contract at {to} answers {name} with {}: it is of another kind",
                printable(&answer.to_string())
            ))
        })
    }

    /// Refuses an address without code: a call to it would succeed.
    pub(crate) fn check_contract(&self, address: Address) -> Result<(), Error> {
        if self.code(address)?.is_empty() {
            return Err(Error::other(format_args!(
                "there is no contract at {address} on chain {}",
                self.chain_id
            )));
        }
        Ok(())
    }

    /// Code at an address.
    pub(crate) fn code(&self, address: Address) -> Result<Bytes, RpcError> {
        self.ask("eth_getCode", json!([address, "latest"]))
    }

    /// Refuses the code that the node has for a new contract, unless it is `expected`.
    pub(crate) fn check_code(&self, name: &str, address: Address, expected: &Bytes) -> Result<(), Error> {
        let start = Instant::now();
        let code = loop {
            // The nodes of a load balancer are not all at the same block.
            let code = self.ask_optional::<Bytes>("eth_getCode", json!([address, "latest"]));
            let is_there = code.as_ref().is_ok_and(|code| code.as_ref().is_some_and(|code| !code.is_empty()));
            if is_there || start.elapsed() >= CODE_PATIENCE {
                break code;
            }
            std::thread::sleep(POLL);
        };
        let code = code
            .map_err(|error| {
                Error::other(format_args!(
                    "{name} is created at {address} on chain {}, by a confirmed transaction, and its code can't be compared: \
                     {error}; compare it before you use the contract",
                    self.chain_id
                ))
            })?
            .unwrap_or_default();
        if code == *expected {
            return Ok(());
        }
        Err(Error::other(format_args!(
            "{name}: the code at {address} is not what its creation leaves ({} bytes instead of {}): the node doesn't tell the \
             truth, or chain {} is no EVM like Ethereum's; don't use the contract",
            code.len(),
            expected.len(),
            self.chain_id
        )))
    }

    fn head(&self, block: &str) -> Result<Option<Head>, RpcError> {
        self.ask_optional("eth_getBlockByNumber", json!([block, false]))
    }

    /// Receipt of a transaction, if the node has one. An answer that can't be read as a receipt is no lack of an answer.
    fn receipt(&self, hash: B256) -> Result<Option<Receipt>, Look> {
        let method = "eth_getTransactionReceipt";
        let answer: Option<Value> = self.ask_optional(method, json!([hash]))?;
        let receipt = answer.map(serde_json::from_value).transpose().map_err(|error| {
            Error::other(format_args!(
                "the node answers {method} with something that is no receipt: {}; use another",
                printable(&error.to_string())
            ))
        })?;
        Ok(receipt)
    }

    /// Depth of a block in the chain, itself counted. `None` if it is not the chain's.
    fn depth(&self, number: u64, hash: B256) -> Result<Option<u64>, RpcError> {
        let canonical = self.head(&format!("{number:#x}"))?;
        if canonical.is_none_or(|head| head.hash != hash) {
            return Ok(None);
        }
        let head = self.number("eth_blockNumber", json!([]))?;
        Ok(Some(head.checked_sub(number).map_or(0, |above| above.saturating_add(1))))
    }
}

impl From<RpcError> for CallError {
    fn from(error: RpcError) -> Self {
        match error.problem {
            // A node's answer about a revert has bytes, if any reason was given; the code is 3 by geth's convention.
            Problem::Answer { data: Some(data), .. } => Self::Reverted(data),
            Problem::Answer { code: 3, .. } => Self::Reverted(Bytes::new()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reason why nothing is known of a transaction.
enum Look {
    /// The node gives no answer at the moment.
    NoAnswer(RpcError),
    Failed(Error),
}

impl From<RpcError> for Look {
    fn from(error: RpcError) -> Self {
        // The page of a proxy is no answer either.
        Self::NoAnswer(error)
    }
}

impl From<Error> for Look {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

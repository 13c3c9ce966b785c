//! The node of the chain that the contracts are on: calls, and transactions.

use crate::{
    args::{NodeArgs, SendingArgs},
    failure::Failure,
    report::{Report, TransactionReport},
    signer,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use zeno_witness_fetch::{Problem, Rpc, RpcError};

/// How long a transaction may take to be mined.
const MINING_LIMIT: Duration = Duration::from_secs(300);
/// How often the node is asked for a receipt.
const POLL: Duration = Duration::from_millis(500);
/// Wei a gas for whoever makes the block, where the node doesn't say: one gwei.
const DEFAULT_TIP: u128 = 1_000_000_000;

/// A node, and the chain that it is on.
#[derive(Debug)]
pub(crate) struct Node {
    rpc: Rpc,
    /// EIP-155 id of its chain.
    pub(crate) chain_id: u64,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The contract reverted, with this.
    Reverted(Bytes),
    /// There is no answer, or something else is wrong.
    Failed(Failure),
}

/// What there is to know of a mined transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    transaction_hash: B256,
    status: U64,
    block_number: U64,
    gas_used: U64,
    pub(crate) contract_address: Option<Address>,
    pub(crate) logs: Vec<LogEntry>,
}

/// An event.
#[derive(Debug, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) address: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
}

impl Node {
    /// Asks the node that `what` needs for its chain.
    pub(crate) fn connect(args: &NodeArgs, what: &str) -> Result<Self, Failure> {
        let rpc = Rpc::new(&args.options(what)?)?;
        let mut node = Self { rpc, chain_id: 0 };
        node.chain_id = node.ask::<U64>("eth_chainId", json!([]))?.to();
        Ok(node)
    }

    fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, RpcError> {
        // Commands run on a thread of the runtime that is made for blocking.
        Handle::current().block_on(self.rpc.call(method, &params))
    }

    fn ask_optional<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, RpcError> {
        Handle::current().block_on(self.rpc.call_optional(method, &params))
    }

    /// The result of a contract's function, called from an account if that matters.
    pub(crate) fn call(&self, from: Option<Address>, to: Address, data: &[u8]) -> Result<Bytes, CallError> {
        let data = Bytes::copy_from_slice(data);
        let mut transaction = json!({ "to": to, "data": data });
        if let Some(from) = from {
            transaction["from"] = json!(from);
        }
        self.ask("eth_call", json!([transaction, "latest"])).map_err(CallError::from)
    }

    /// The result of one of a contract's views.
    pub(crate) fn view<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Failure> {
        let name = C::SIGNATURE;
        let answer = self.call(None, to, &call.abi_encode()).map_err(|error| match error {
            CallError::Failed(failure) => failure,
            CallError::Reverted(_) => {
                Failure::other(format_args!("the contract at {to} reverts on {name}: it is of another kind"))
            }
        })?;
        C::abi_decode_returns(&answer).map_err(|_| {
            Failure::other(format_args!(
                "the contract at {to} answers {name} with {answer}: it is of another kind"
            ))
        })
    }

    /// Refuses an address without code: a call to it would succeed.
    pub(crate) fn check_contract(&self, address: Address) -> Result<(), Failure> {
        let code: Bytes = self.ask("eth_getCode", json!([address, "latest"]))?;
        if code.is_empty() {
            return Err(Failure::other(format_args!(
                "there is no contract at {address} on chain {}",
                self.chain_id
            )));
        }
        Ok(())
    }
}

impl From<RpcError> for CallError {
    fn from(error: RpcError) -> Self {
        match error.problem {
            // What a node says of a revert has bytes, if any reason was given; the code is 3 by geth's convention.
            Problem::Answer { data: Some(data), .. } => Self::Reverted(data),
            Problem::Answer { code: 3, .. } => Self::Reverted(Bytes::new()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::other(error)
    }
}

/// Makes transactions on a node's chain.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) node: Node,
    signer: PrivateKeySigner,
    pub(crate) dry_run: bool,
}

/// What gas costs, in wei (EIP-1559).
#[derive(Clone, Copy, Debug)]
struct Fees {
    /// Of the latest block.
    base: u128,
    /// For whoever makes the block.
    tip: u128,
}

impl Fees {
    /// The most that is paid: the base fee may double, which takes six full blocks.
    fn most(self) -> u128 {
        self.base.saturating_mul(2).saturating_add(self.tip)
    }
}

impl Sender {
    /// With the node and the signer that the arguments name.
    pub(crate) fn new(args: &SendingArgs, what: &str) -> Result<Self, Failure> {
        let signer = signer::load(&args.signer)?;
        let node = Node::connect(&args.node, what)?;
        if let Some(expected) = args.chain_id.filter(|expected| *expected != node.chain_id) {
            return Err(Failure::other(format_args!(
                "the node is on chain {}, and --chain-id asks for {expected}",
                node.chain_id
            )));
        }
        Ok(Self { node, signer, dry_run: args.dry_run })
    }

    /// Whose account pays.
    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /// Estimates a transaction to `to`, or one that creates a contract, and sends it unless this is a dry run. Returns
    /// when it is mined, with its receipt. Everything is reported.
    pub(crate) fn send(
        &self,
        what: &'static str,
        to: Option<Address>,
        data: Bytes,
        report: &mut Report,
    ) -> Result<Option<Receipt>, CallError> {
        let mut request = json!({ "from": self.address(), "data": data });
        if let Some(to) = to {
            request["to"] = json!(to);
        }
        let estimate: u64 = self.node.ask::<U64>("eth_estimateGas", json!([request]))?.to();
        let fees = self.fees()?;
        report.transactions_sent.push(TransactionReport {
            what,
            chain_id: self.node.chain_id,
            from: self.address(),
            to,
            gas_estimate: estimate,
            most_wei: U256::from(limit(estimate)) * U256::from(fees.most()),
            ..TransactionReport::default()
        });
        if self.dry_run {
            return Ok(None);
        }
        let receipt = self.sign_and_send(what, to, data, limit(estimate), fees)?;
        if let Some(sent) = report.transactions_sent.last_mut() {
            sent.hash = Some(receipt.transaction_hash);
            sent.mined_in = Some(receipt.block_number.to());
            sent.gas_used = Some(receipt.gas_used.to());
        }
        if receipt.status.is_zero() {
            return Err(CallError::Failed(Failure::other(format_args!(
                "{what}: transaction {} was mined in block {} and failed",
                receipt.transaction_hash, receipt.block_number
            ))));
        }
        Ok(Some(receipt))
    }

    fn fees(&self) -> Result<Fees, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Header {
            base_fee_per_gas: Option<U128>,
        }
        let header: Header = self.node.ask("eth_getBlockByNumber", json!(["latest", false]))?;
        let base = header.base_fee_per_gas.ok_or_else(|| {
            Failure::other(format_args!(
                "chain {} has no base fee, and transactions are made by EIP-1559 alone",
                self.node.chain_id
            ))
        })?;
        let tip = match self.node.ask::<U128>("eth_maxPriorityFeePerGas", json!([])) {
            Ok(tip) => tip.to(),
            Err(error) if error.is_unsupported() => DEFAULT_TIP,
            Err(error) => return Err(error.into()),
        };
        Ok(Fees { base: base.to(), tip })
    }

    fn sign_and_send(
        &self,
        what: &str,
        to: Option<Address>,
        data: Bytes,
        gas_limit: u64,
        fees: Fees,
    ) -> Result<Receipt, Failure> {
        let address = self.address();
        let balance: U256 = self.node.ask("eth_getBalance", json!([address, "pending"]))?;
        let most = U256::from(gas_limit) * U256::from(fees.most());
        if balance < most {
            return Err(Failure::other(format_args!(
                "{what}: {address} has {balance} wei on chain {}, and the transaction may cost {most}; send it more",
                self.node.chain_id
            )));
        }
        let nonce: U64 = self.node.ask("eth_getTransactionCount", json!([address, "pending"]))?;
        let transaction = TxEip1559 {
            chain_id: self.node.chain_id,
            nonce: nonce.to(),
            gas_limit,
            max_fee_per_gas: fees.most(),
            max_priority_fee_per_gas: fees.tip,
            to: to.map_or(TxKind::Create, TxKind::Call),
            value: U256::ZERO,
            access_list: Default::default(),
            input: data,
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash()).map_err(Failure::other)?;
        let signed = transaction.into_signed(signature);
        let hash = *signed.hash();
        let raw = Bytes::from(signed.encoded_2718());
        if let Err(error) = self.node.ask::<B256>("eth_sendRawTransaction", json!([raw])) {
            // An answer may have got lost, and the second attempt been refused as known.
            let known = self.node.ask_optional::<Value>("eth_getTransactionByHash", json!([hash]))?;
            if known.is_none() {
                return Err(error.into());
            }
        }
        self.receipt(what, hash)
    }

    fn receipt(&self, what: &str, hash: B256) -> Result<Receipt, Failure> {
        let start = Instant::now();
        loop {
            if let Some(receipt) = self.node.ask_optional("eth_getTransactionReceipt", json!([hash]))? {
                return Ok(receipt);
            }
            if start.elapsed() > MINING_LIMIT {
                return Err(Failure::other(format_args!(
                    "{what}: transaction {hash} was sent and is not mined after {} s; look it up before sending it again",
                    MINING_LIMIT.as_secs()
                )));
            }
            std::thread::sleep(POLL);
        }
    }
}

/// The limit for an estimate of gas: state may move until the transaction is mined.
fn limit(estimate: u64) -> u64 {
    estimate.saturating_add(estimate / 10)
}

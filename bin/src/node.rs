//! The node of the chain that the contracts are on: calls, and transactions.
//!
//! What it says is believed of nothing that it could gain by: a transaction's costs, its chain and a contract's address are
//! bounded, named or computed here.

use crate::{
    args::{NodeArgs, SendingArgs},
    cost,
    failure::Failure,
    local_evm::MAX_GAS,
    progress::Display,
    report::{Report, TransactionReport},
    signer,
    text::printable,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U64, U128, U256, address, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, sol};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Value, json};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use zeno_witness_fetch::{Problem, Rpc, RpcError};

/// How long nothing may happen to a transaction: until it is mined, from then on until the next confirmation, or until
/// earlier transactions of the account are.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a transaction is waited for in all, and how much longer for each confirmation that is asked for.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_CONFIRMATION: Duration = Duration::from_secs(60);
/// How long a transaction may be missing from the block that it was in before that counts as lost: the nodes behind a load
/// balancer are not all equally far.
const LOSS_PATIENCE: Duration = Duration::from_secs(2);
/// How many times a transaction's block may be lost.
const MAX_LOSSES: u32 = 10;
/// How long a node may give no answer to a transaction that it is given.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(60);
/// How long a node may take to know the code of a contract whose creation it has confirmed.
const CODE_PATIENCE: Duration = Duration::from_secs(10);
/// How often the node is asked.
const POLL: Duration = Duration::from_millis(500);
/// Wei a gas for whoever makes the block, where the node doesn't say: one gwei.
const DEFAULT_TIP: u128 = 1_000_000_000;
/// Where chains of the OP stack have the contract that says what a transaction costs beside its gas.
const GAS_PRICE_ORACLE: Address = address!("0x420000000000000000000000000000000000000F");
/// How many blocks deep a transaction has to be on a public chain.
const CONFIRMATIONS: u64 = 3;

/// Ids of chains for development, which have no public chain's users and nothing of value: geth's `--dev` and ganache;
/// anvil and hardhat; that of the built-in example.
pub(crate) const DEVELOPMENT_CHAINS: [u64; 3] = [1337, 31337, 9366];

// <https://github.com/ethereum-optimism/optimism/blob/develop/packages/contracts-bedrock/src/L2/GasPriceOracle.sol>
sol! {
    /// What it costs to keep a transaction's data on the chain below, in wei.
    function getL1Fee(bytes data) external view returns (uint256);
    /// What whoever runs the chain takes beside, in wei; since the fork Isthmus.
    function getOperatorFee(uint256 gas) external view returns (uint256);
}

/// Whether a chain is one for development, by its id, which every transaction is signed for.
pub(crate) fn is_development(chain_id: u64) -> bool {
    DEVELOPMENT_CHAINS.contains(&chain_id)
}

/// Hashes of transactions that were signed for the node and are not settled.
static UNDER_WAY: Mutex<Vec<B256>> = Mutex::new(Vec::new());

fn transactions_under_way() -> MutexGuard<'static, Vec<B256>> {
    UNDER_WAY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Which transactions may be under way, in a sentence, for whoever ends the program before they are settled.
pub(crate) fn under_way() -> Option<String> {
    let hashes: Vec<String> = transactions_under_way().iter().map(B256::to_string).collect();
    match hashes.as_slice() {
        [] => None,
        [hash] => Some(format!("transaction {hash} may be under way: look it up before sending it again")),
        hashes => Some(format!(
            "one of the transactions {} may be under way: look them up before sending it again",
            hashes.join(", ")
        )),
    }
}

/// A node, and the chain that it is on.
#[derive(Debug)]
pub(crate) struct Node {
    rpc: Rpc,
    /// EIP-155 id of its chain, as it says.
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

/// A quantity of JSON-RPC. One without digits is none, which the numbers' own types would read as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quantity<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Quantity<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if let Some(text) = value.as_str() {
            let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => (digits, 16),
                None => (text, 10),
            };
            if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
                return Err(D::Error::custom(format_args!("{text:?} is no quantity")));
            }
        }
        serde_json::from_value(value).map(Self).map_err(D::Error::custom)
    }
}

/// What there is to know of a transaction that has a receipt. Clients leave out different parts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    transaction_hash: B256,
    from: Option<Address>,
    to: Option<Address>,
    /// Absent before Byzantium, when receipts had a state root instead.
    status: Option<Quantity<U64>>,
    /// Neither is there while it is in no block.
    block_number: Option<Quantity<U64>>,
    block_hash: Option<B256>,
    gas_used: Option<Quantity<U64>>,
    contract_address: Option<Address>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(crate) logs: Vec<LogEntry>,
}

/// A list, or `null` for an empty one.
fn or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LogEntry>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Receipt {
    /// Number and hash of the block that it is in, if any.
    fn block(&self) -> Option<(u64, B256)> {
        Some((self.block_number?.0.to(), self.block_hash?))
    }

    /// Whether the transaction failed, as far as the receipt says.
    fn is_failure(&self) -> bool {
        self.status.is_some_and(|status| status.0.is_zero())
    }

    /// Says why this can't be the receipt of a transaction, if it can't: of its hash, from an account, by its draft.
    fn lie(&self, hash: B256, account: Address, draft: &Draft<'_>) -> Option<String> {
        // Some clients write nobody as zero.
        let some = |address: Option<Address>| address.filter(|address| !address.is_zero());
        let created = account.create(draft.nonce);
        let contract = some(self.contract_address);
        if self.transaction_hash != hash {
            return Some(format!("is of transaction {}", self.transaction_hash));
        }
        if let Some(from) = self.from.filter(|from| *from != account) {
            return Some(format!("says that {from} sent it"));
        }
        if some(self.to) != draft.to {
            let to = self.to.map_or("nobody".to_owned(), |to| to.to_string());
            return Some(format!("says that it went to {to}"));
        }
        if let Some(used) = self.gas_used.filter(|used| used.0.to::<u64>() > draft.gas_limit) {
            return Some(format!("says that it took {} gas, of {}", used.0, draft.gas_limit));
        }
        let contract = contract.filter(|contract| draft.to.is_none() && *contract != created)?;
        (!self.is_failure())
            .then(|| format!("says that the contract is at {contract}, and it is at {created}"))
    }
}

/// An event.
#[derive(Debug, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) address: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
}

/// What transactions need to know of a block.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    hash: B256,
    base_fee_per_gas: Option<Quantity<U128>>,
    gas_limit: Quantity<U64>,
}

impl Node {
    /// Asks the node that `what` needs for its chain.
    pub(crate) fn connect(args: &NodeArgs, what: &str) -> Result<Self, Failure> {
        let rpc = Rpc::new(&args.options(what)?)?;
        let mut node = Self { rpc, chain_id: 0 };
        node.chain_id = node.number("eth_chainId", json!([]))?;
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

    fn number(&self, method: &'static str, params: Value) -> Result<u64, RpcError> {
        self.ask::<Quantity<U64>>(method, params).map(|number| number.0.to())
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
                "the contract at {to} answers {name} with {}: it is of another kind",
                printable(&answer.to_string())
            ))
        })
    }

    /// Refuses an address without code: a call to it would succeed.
    pub(crate) fn check_contract(&self, address: Address) -> Result<(), Failure> {
        if self.code(address)?.is_empty() {
            return Err(Failure::other(format_args!(
                "there is no contract at {address} on chain {}",
                self.chain_id
            )));
        }
        Ok(())
    }

    pub(crate) fn code(&self, address: Address) -> Result<Bytes, RpcError> {
        self.ask("eth_getCode", json!([address, "latest"]))
    }

    /// Refuses what the node says is at a new contract's address, unless it is `expected`.
    pub(crate) fn check_code(&self, name: &str, address: Address, expected: &Bytes) -> Result<(), Failure> {
        let start = Instant::now();
        let code = loop {
            // The nodes behind a load balancer are not all equally far.
            let code = self.ask_optional::<Bytes>("eth_getCode", json!([address, "latest"]));
            let is_there = code.as_ref().is_ok_and(|code| code.as_ref().is_some_and(|code| !code.is_empty()));
            if is_there || start.elapsed() >= CODE_PATIENCE {
                break code;
            }
            std::thread::sleep(POLL);
        };
        let code = code
            .map_err(|error| {
                Failure::other(format_args!(
                    "{name} is created at {address} on chain {}, by a confirmed transaction, and its code can't be compared: \
                     {error}; compare it before you use the contract",
                    self.chain_id
                ))
            })?
            .unwrap_or_default();
        if code == *expected {
            return Ok(());
        }
        Err(Failure::other(format_args!(
            "{name}: the code at {address} is not what its creation leaves ({} bytes instead of {}): the node doesn't tell the \
             truth, or chain {} is no EVM like Ethereum's; don't use the contract",
            code.len(),
            expected.len(),
            self.chain_id
        )))
    }

    fn head(&self, place: &str) -> Result<Option<Head>, RpcError> {
        self.ask_optional("eth_getBlockByNumber", json!([place, false]))
    }

    /// What the node has as a transaction's receipt. What can't be read as one is no lack of an answer.
    fn receipt(&self, hash: B256) -> Result<Option<Receipt>, Look> {
        let method = "eth_getTransactionReceipt";
        let answer: Option<Value> = self.ask_optional(method, json!([hash]))?;
        let receipt = answer.map(serde_json::from_value).transpose().map_err(|error| {
            Failure::other(format_args!(
                "the node answers {method} with something that is no receipt: {}; use another",
                printable(&error.to_string())
            ))
        })?;
        Ok(receipt)
    }

    /// How many blocks deep a block is, itself counted; none if it is not the chain's.
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
    account: Address,
    /// None where nothing is to be signed.
    signer: Option<PrivateKeySigner>,
    pub(crate) dry_run: bool,
    limits: Limits,
    confirmations: u64,
    replace_after: Duration,
    replace_pending: bool,
    /// The most that the transactions signed so far may cost together, in wei.
    committed: Cell<U256>,
    /// The gas that the next creations take at least, whatever the node says.
    expected_gas: RefCell<VecDeque<u64>>,
    /// No smaller nonce is free.
    next_nonce: Cell<u64>,
    display: Arc<Display>,
    /// What was said last.
    said: RefCell<String>,
}

/// What transactions may cost, whatever the node says.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// All together, in wei.
    cost: U256,
    /// Wei a gas for whoever makes the block.
    tip: u128,
}

/// What gas may cost, in wei (EIP-1559).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fees {
    /// The most in all.
    most: u128,
    /// For whoever makes the block.
    tip: u128,
}

impl Fees {
    /// By a block's base fee, which may double, as takes six full blocks.
    fn new(base: u128, tip: u128) -> Self {
        Self { most: base.saturating_mul(2).saturating_add(tip), tip }
    }

    /// What replaces a transaction with these fees: nodes want both to be higher, by an eighth at most.
    fn raised(self) -> Self {
        let raise = |fee: u128| fee.saturating_add(fee.div_ceil(8)).saturating_add(1);
        Self { most: raise(self.most), tip: raise(self.tip) }
    }

    /// What this much gas costs at most.
    fn cost(self, gas: u64) -> U256 {
        U256::from(self.most) * U256::from(gas)
    }
}

/// A transaction, but for its fees.
#[derive(Debug)]
struct Draft<'a> {
    what: &'a str,
    nonce: u64,
    to: Option<Address>,
    data: Bytes,
    gas_limit: u64,
}

/// A transaction as it was signed: one nonce may have several, of which one is mined.
#[derive(Debug)]
struct Version {
    hash: B256,
    raw: Bytes,
    fees: Fees,
    /// What it costs beside its gas, in wei.
    data_fee: U256,
}

/// How long a transaction is waited for: each step towards its confirmation has its time, and a node that takes steps back and
/// forth gets no more of it.
#[derive(Debug)]
struct Wait {
    begun: Instant,
    last_step: Instant,
    confirmations: u64,
    /// How many blocks deep it is; none while it is in no block.
    depth: Option<u64>,
    /// The most that it ever was.
    deepest: Option<u64>,
    /// Since when it is missing from the block that it was in.
    missing: Option<Instant>,
    losses: u32,
}

impl Wait {
    fn new(confirmations: u64, now: Instant) -> Self {
        Self {
            begun: now,
            last_step: now,
            confirmations,
            depth: None,
            deepest: None,
            missing: None,
            losses: 0,
        }
    }

    /// Takes note that it is in a block, this deep. Returns whether that is news.
    fn found(&mut self, depth: u64, now: Instant) -> bool {
        let is_step = self.deepest.is_none_or(|deepest| depth > deepest);
        if is_step {
            self.deepest = Some(depth);
            self.last_step = now;
        }
        self.missing = None;
        self.depth.replace(depth).is_none() || is_step
    }

    /// Takes note that it is in no block. Returns whether the block that it was in is lost by that.
    fn missed(&mut self, now: Instant) -> bool {
        if self.depth.is_none() || now - *self.missing.get_or_insert(now) < LOSS_PATIENCE {
            return false;
        }
        self.depth = None;
        self.missing = None;
        self.losses += 1;
        self.last_step = now;
        true
    }

    /// Why it is not waited for any more.
    fn end(&self, now: Instant) -> Option<String> {
        let confirmations = u32::try_from(self.confirmations).unwrap_or(u32::MAX);
        let longest = LONGEST + LONGEST_CONFIRMATION.saturating_mul(confirmations);
        if self.losses > MAX_LOSSES {
            Some(format!(
                "its block was lost {} times: the node contradicts itself; ask another",
                self.losses
            ))
        } else if now - self.last_step > PATIENCE {
            Some(format!("nothing has happened for {} s", PATIENCE.as_secs()))
        } else if now - self.begun > longest {
            Some(format!("it was waited for {} s", longest.as_secs()))
        } else {
            None
        }
    }
}

/// A transaction that is mined and confirmed.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) receipt: Receipt,
    /// The transaction's nonce, which decides where a contract is created.
    pub(crate) nonce: u64,
}

impl Sender {
    /// With the node and the signer that the arguments name.
    pub(crate) fn new(args: &SendingArgs, what: &str, display: &Arc<Display>) -> Result<Self, Failure> {
        let (account, signer) = match args.signer.from {
            Some(from) => (from, None),
            None => {
                let signer = signer::load(&args.signer)?;
                (signer.address(), Some(signer))
            }
        };
        let node = Node::connect(&args.node, what)?;
        let chain_id = node.chain_id;
        match args.chain_id {
            Some(expected) if expected != chain_id => {
                return Err(Failure::other(format_args!(
                    "the node is on chain {chain_id}, and --chain-id asks for {expected}"
                )));
            }
            None if !args.dry_run => {
                return Err(Failure::other(format_args!(
                    "a transaction is signed for a chain: name its id with --chain-id. The node says that it is on chain \
                     {chain_id}; check that this is the chain that you mean, the node may not tell the truth"
                )));
            }
            _ => {}
        }
        let confirmations =
            args.confirmations.unwrap_or(if is_development(chain_id) { 1 } else { CONFIRMATIONS });
        Ok(Self {
            node,
            account,
            signer,
            dry_run: args.dry_run,
            limits: Limits { cost: args.max_cost, tip: args.max_priority_fee },
            confirmations,
            replace_after: Duration::from_secs(args.replace_after),
            replace_pending: args.replace_pending,
            committed: Cell::default(),
            expected_gas: RefCell::default(),
            next_nonce: Cell::default(),
            display: display.clone(),
            said: RefCell::default(),
        })
    }

    /// Says what is waited for, once.
    fn say(&self, message: &str) {
        if *self.said.borrow() != message {
            self.display.say(message);
            message.clone_into(&mut self.said.borrow_mut());
        }
    }

    /// Whose account pays.
    pub(crate) fn address(&self) -> Address {
        self.account
    }

    /// Takes note of the gas that a creation takes in an EVM here. The next one gets no less, whatever the node says.
    pub(crate) fn expect_gas(&self, gas: u64) {
        self.expected_gas.borrow_mut().push_back(gas);
    }

    /// Refuses creations that would take more than the limit together, or than the account has, before the first is signed.
    /// `gas` is what they take in an EVM here, in the order in which they are sent.
    pub(crate) fn check_affordable(&self, what: &str, gas: &[u64]) -> Result<(), Failure> {
        let (fees, _) = self.fees()?;
        let cost = gas.iter().fold(U256::ZERO, |cost, gas| cost.saturating_add(fees.cost(with_margin(*gas))));
        self.check_cost(what, cost, U256::ZERO, fees)?;
        gas.iter().for_each(|gas| self.expect_gas(*gas));
        if self.dry_run { Ok(()) } else { self.check_balance(what, cost) }
    }

    /// Refuses a sum of costs beyond the limit; `data_fee` of it is not for gas.
    fn check_cost(&self, what: &str, cost: U256, data_fee: U256, fees: Fees) -> Result<(), Failure> {
        if cost <= self.limits.cost {
            return Ok(());
        }
        let data = if data_fee.is_zero() {
            String::new()
        } else {
            format!(" and {} for the chain below", cost::amount(data_fee))
        };
        Err(Failure::other(format_args!(
            "{what}: transactions may cost {} in all, at {} for a unit of gas{data} as the node has it, and --max-cost allows \
             {}; if the price is right, allow more",
            cost::amount(cost),
            cost::amount(U256::from(fees.most)),
            cost::amount(self.limits.cost)
        )))
    }

    /// Reports a transaction that a dry run can't have the node estimate, with the gas that it takes in an EVM here.
    pub(crate) fn forecast(&self, what: &'static str, gas: u64, report: &mut Report) -> Result<(), Failure> {
        let (fees, _) = self.fees()?;
        report.transactions_sent.push(TransactionReport {
            what,
            chain_id: self.node.chain_id,
            from: self.address(),
            gas_estimate: gas,
            most_wei: fees.cost(with_margin(gas)),
            ..TransactionReport::default()
        });
        Ok(())
    }

    /// Estimates a transaction to `to`, or one that creates a contract, and sends it unless this is a dry run. Returns
    /// when it is confirmed. Everything is reported.
    pub(crate) fn send(
        &self,
        what: &'static str,
        to: Option<Address>,
        data: Bytes,
        report: &mut Report,
    ) -> Result<Option<Sent>, CallError> {
        let mut request = json!({ "from": self.address(), "data": data });
        if let Some(to) = to {
            request["to"] = json!(to);
        }
        let estimate = self.node.number("eth_estimateGas", json!([request]))?;
        let least = if to.is_none() { self.expected_gas.borrow_mut().pop_front() } else { None };
        let estimate = estimate.max(least.unwrap_or_default());
        let (fees, block_gas_limit) = self.fees()?;
        let most_gas = MAX_GAS.min(block_gas_limit);
        let gas_limit = with_margin(estimate).min(most_gas);
        // The nonce is not known yet, and hardly matters to what the data costs.
        let mut draft = Draft { what, nonce: 0, to, data, gas_limit };
        let data_fee = self.data_fee(&draft, fees)?;
        let cost = fees.cost(with_margin(estimate)).saturating_add(data_fee);
        report.transactions_sent.push(TransactionReport {
            what,
            chain_id: self.node.chain_id,
            from: self.address(),
            to,
            gas_estimate: estimate,
            most_wei: cost,
            l1_fee_wei: Some(data_fee).filter(|fee| !fee.is_zero()),
            ..TransactionReport::default()
        });
        if estimate > most_gas {
            return Err(CallError::Failed(Failure::other(format_args!(
                "{what}: the node says that it takes {estimate} gas, and a transaction of chain {} may have {most_gas}",
                self.node.chain_id
            ))));
        }
        let cost = fees.cost(gas_limit).saturating_add(data_fee);
        self.check_cost(what, self.committed.get().saturating_add(cost), data_fee, fees)?;
        if self.dry_run {
            return Ok(None);
        }
        self.check_balance(what, cost)?;
        draft.nonce = self.nonce(what)?;
        let mut versions = Vec::new();
        let settled = self.settle(&draft, fees, &mut versions);
        if let Some(sent) = report.transactions_sent.last_mut() {
            sent.nonce = Some(draft.nonce);
            if let Some(Version { hash, fees, data_fee, .. }) = versions.last() {
                sent.sent = true;
                sent.hash = Some(*hash);
                sent.most_wei = fees.cost(gas_limit).saturating_add(*data_fee);
                sent.l1_fee_wei = Some(*data_fee).filter(|fee| !fee.is_zero());
            }
            sent.replaced = versions.iter().map(|version| version.hash).collect();
            if let Ok(receipt) = &settled {
                sent.hash = Some(receipt.transaction_hash);
                sent.mined_in = receipt.block().map(|(number, _)| number);
                sent.gas_used = receipt.gas_used.map(|used| used.0.to());
                sent.confirmations = Some(self.confirmations);
            }
            let hash = sent.hash;
            sent.replaced.retain(|replaced| Some(*replaced) != hash);
        }
        let receipt = settled.map_err(|failure| match under_way() {
            Some(sentence) => Failure::other(format_args!("{failure}; {sentence}")),
            None => failure,
        })?;
        transactions_under_way().clear();
        self.next_nonce.set(draft.nonce + 1);
        if receipt.is_failure() {
            let number = receipt.block().map_or(0, |(number, _)| number);
            return Err(CallError::Failed(Failure::other(format_args!(
                "{what}: transaction {} was mined in block {number} and failed",
                receipt.transaction_hash
            ))));
        }
        Ok(Some(Sent { receipt, nonce: draft.nonce }))
    }

    /// What gas costs by the latest block, and what the node proposes, within the limit; and how much gas a block has.
    fn fees(&self) -> Result<(Fees, u64), Failure> {
        let head: Head = self.node.ask("eth_getBlockByNumber", json!(["latest", false]))?;
        let base = head.base_fee_per_gas.ok_or_else(|| {
            Failure::other(format_args!(
                "chain {} has no base fee, and transactions are made by EIP-1559 alone",
                self.node.chain_id
            ))
        })?;
        // More than fits is more than the limit.
        let tip = match self.node.ask_optional::<Quantity<U256>>("eth_maxPriorityFeePerGas", json!([])) {
            Ok(tip) => tip.map_or(DEFAULT_TIP, |tip| tip.0.saturating_to()),
            Err(error) if error.is_unsupported() => DEFAULT_TIP,
            Err(error) => return Err(error.into()),
        };
        Ok((Fees::new(base.0.to(), tip.min(self.limits.tip)), head.gas_limit.0.to()))
    }

    /// What a transaction may cost beside its gas, in wei, by the node's word: twice what it is at present. Zero where the
    /// chain is not of the OP stack. The chain below decides on it, so a transaction can't limit it.
    fn data_fee(&self, draft: &Draft<'_>, fees: Fees) -> Result<U256, Failure> {
        // As long as a real one, and as little to compress; nothing is signed before the cost is known.
        let word = |seed: &str| U256::from_be_bytes(keccak256(seed).0);
        let signature = Signature::new(word("r"), word("s"), false);
        let raw = self.transaction(draft, fees).into_signed(signature).encoded_2718();
        let Some(data_fee) = self.oracle(&getL1FeeCall { data: raw.into() })? else { return Ok(U256::ZERO) };
        let operator_fee = self.oracle(&getOperatorFeeCall { gas: U256::from(draft.gas_limit) })?;
        Ok(data_fee.saturating_add(operator_fee.unwrap_or_default()).saturating_mul(U256::from(2)))
    }

    /// What the chain's oracle of prices says; none where there is none, or it has no such function.
    fn oracle<C: SolCall>(&self, call: &C) -> Result<Option<U256>, Failure> {
        let request = json!({ "to": GAS_PRICE_ORACLE, "data": Bytes::from(call.abi_encode()) });
        match self.node.ask_optional::<Bytes>("eth_call", json!([request, "latest"])) {
            Ok(answer) => {
                Ok(answer.and_then(|answer| U256::try_from_be_slice(&answer).filter(|_| answer.len() == 32)))
            }
            Err(error) if error.is_unsupported() => Ok(None),
            Err(error) => match CallError::from(error) {
                CallError::Reverted(_) => Ok(None),
                CallError::Failed(failure) => Err(failure),
            },
        }
    }

    fn check_balance(&self, what: &str, most: U256) -> Result<(), Failure> {
        let address = self.address();
        let Quantity(balance) =
            self.node.ask::<Quantity<U256>>("eth_getBalance", json!([address, "latest"]))?;
        if balance >= most {
            return Ok(());
        }
        Err(Failure::other(format_args!(
            "{what}: {address} has {} on chain {}, and may have to pay {}; send it more",
            cost::amount(balance),
            self.node.chain_id,
            cost::amount(most)
        )))
    }

    /// The nonce of the account's next transaction, when no other transaction of it is under way, or when those are to be
    /// replaced.
    fn nonce(&self, what: &str) -> Result<u64, Failure> {
        let address = self.address();
        let count = |place: &str| self.node.number("eth_getTransactionCount", json!([address, place]));
        let start = Instant::now();
        loop {
            let (mined, pending) = (count("latest")?, count("pending")?);
            if mined == u64::MAX {
                return Err(Failure::other(format_args!(
                    "{what}: the node says that {address} has made {mined} transactions, and no account can make more"
                )));
            }
            let behind = mined < self.next_nonce.get();
            if !behind && (pending <= mined || self.replace_pending) {
                return Ok(mined);
            }
            let (reason, advice) = if behind {
                ("the node doesn't know yet what it has confirmed".to_owned(), "try again later")
            } else {
                (
                    format!("{} earlier transactions of {address} are in no block yet", pending - mined),
                    "wait for them, or take their place with --replace-pending",
                )
            };
            if start.elapsed() > PATIENCE {
                return Err(Failure::other(format_args!(
                    "{what}: after {} s, {reason}; {advice}",
                    PATIENCE.as_secs()
                )));
            }
            self.say(&format!("{what}: waiting, {reason}"));
            std::thread::sleep(POLL);
        }
    }

    fn transaction(&self, draft: &Draft<'_>, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.node.chain_id,
            nonce: draft.nonce,
            gas_limit: draft.gas_limit,
            max_fee_per_gas: fees.most,
            max_priority_fee_per_gas: fees.tip,
            to: draft.to.map_or(TxKind::Create, TxKind::Call),
            value: U256::ZERO,
            access_list: Default::default(),
            input: draft.data.clone(),
        }
    }

    /// Signs a transaction within the limit of costs. Of several with the same nonce one is mined, so the dearest counts.
    fn sign(&self, draft: &Draft<'_>, fees: Fees, before: U256) -> Result<Version, Failure> {
        let data_fee = self.data_fee(draft, fees)?;
        let cost = before.saturating_add(fees.cost(draft.gas_limit)).saturating_add(data_fee);
        self.check_cost(draft.what, cost, data_fee, fees)?;
        let transaction = self.transaction(draft, fees);
        let signer = self.signer.as_ref().ok_or_else(|| Failure::other("a dry run signs nothing"))?;
        let signature = signer.sign_hash_sync(&transaction.signature_hash()).map_err(Failure::other)?;
        let signed = transaction.into_signed(signature);
        let hash = *signed.hash();
        self.committed.set(cost.max(self.committed.get()));
        transactions_under_way().push(hash);
        Ok(Version { hash, raw: signed.encoded_2718().into(), fees, data_fee })
    }

    /// Gives a transaction to the node. One that is known already is no error.
    fn publish(&self, version: &Version) -> Result<(), RpcError> {
        let Err(error) = self.node.ask::<B256>("eth_sendRawTransaction", json!([version.raw])) else {
            return Ok(());
        };
        if is_known(&error) {
            return Ok(());
        }
        // An answer may have got lost, and the second attempt been refused as known.
        match self.node.ask_optional::<Value>("eth_getTransactionByHash", json!([version.hash])) {
            Ok(Some(_)) => Ok(()),
            _ => Err(error),
        }
    }

    /// The same, and again for a while where the node gives no answer: then the transaction may be on its way.
    fn publish_first(&self, what: &str, version: &Version) -> Result<(), RpcError> {
        let start = Instant::now();
        loop {
            match self.publish(version) {
                Err(error) if !is_refusal(&error) && start.elapsed() < PUBLISH_PATIENCE => {
                    self.say(&format!("{what}: {error}"));
                    std::thread::sleep(POLL);
                }
                published => return published,
            }
        }
    }

    /// Fees that replace a transaction with the `old` ones, and that the latest block asks for; none within the limit.
    fn replacement(&self, old: Fees) -> Result<Option<Fees>, Failure> {
        let (latest, _) = self.fees()?;
        let raised = old.raised();
        let fees = Fees { most: raised.most.max(latest.most), tip: raised.tip.max(latest.tip) };
        Ok((fees.tip <= self.limits.tip).then_some(fees))
    }

    /// Sends a transaction, and waits until it is confirmed: publishes it again where a block is lost, and replaces it where
    /// it is stuck.
    fn settle(
        &self,
        draft: &Draft<'_>,
        first: Fees,
        versions: &mut Vec<Version>,
    ) -> Result<Receipt, Failure> {
        let what = draft.what;
        let before = self.committed.get();
        let mut fees = first;
        loop {
            let version = self.sign(draft, fees, before)?;
            let published = self.publish_first(what, &version);
            versions.push(version);
            let Err(error) = published else { break };
            // Those that are to be replaced may have paid more.
            let next =
                if self.replace_pending && is_underpriced(&error) { self.replacement(fees)? } else { None };
            fees = next.ok_or_else(|| Failure::other(format_args!("{what}: {error}")))?;
        }

        let mut wait = Wait::new(self.confirmations, Instant::now());
        let mut last_version = Instant::now();
        let mut nonce_is_used = false;
        let mut trouble: Option<RpcError> = None;
        let mut limited = None;
        loop {
            match self.look(draft, versions) {
                Ok(Some((receipt, number, depth))) => {
                    nonce_is_used = false;
                    if wait.found(depth, Instant::now()) && depth < self.confirmations {
                        self.say(&format!(
                            "{what}: in block {number}, confirmation {depth} of {}",
                            self.confirmations
                        ));
                    }
                    if depth >= self.confirmations {
                        return Ok(receipt);
                    }
                }
                Ok(None) => {
                    if wait.missed(Instant::now()) {
                        self.say(&format!("{what}: its block is lost by a reorganisation, sending it again"));
                        last_version = Instant::now();
                        if let Some(version) = versions.last() {
                            trouble = self.publish(version).err().or(trouble);
                        }
                    }
                    nonce_is_used = self.is_used(draft.nonce);
                    if nonce_is_used {
                        self.say(&format!(
                            "{what}: waiting for the receipt, the nonce {} is used",
                            draft.nonce
                        ));
                    } else if wait.depth.is_none() && last_version.elapsed() > self.replace_after {
                        last_version = Instant::now();
                        match self.replace(draft, versions, before) {
                            Ok(error) => trouble = error.or(trouble),
                            Err(failure) => limited = Some(failure),
                        }
                    } else if wait.depth.is_none() && wait.last_step.elapsed() > POLL {
                        self.say(&format!("{what}: waiting to be included in a block"));
                    }
                }
                Err(Look::Failed(failure)) => return Err(failure),
                Err(Look::NoAnswer(error)) => {
                    self.say(&format!("{what}: {error}"));
                    trouble = Some(error);
                }
            }
            if let Some(end) = wait.end(Instant::now()) {
                let state = match wait.depth {
                    Some(depth) => {
                        format!("the transaction has {depth} confirmations of {}", self.confirmations)
                    }
                    None if nonce_is_used => self.without_receipt(draft.nonce, versions),
                    None => "the transaction is in no block".to_owned(),
                };
                let why = match (limited, trouble) {
                    (Some(failure), _) => format!(" (it was not replaced any more: {failure})"),
                    (None, Some(error)) => format!(" (the last error: {error})"),
                    (None, None) => String::new(),
                };
                return Err(Failure::other(format_args!("{what}: {state}, and {end}{why}")));
            }
            std::thread::sleep(POLL);
        }
    }

    /// The receipt of whichever version is mined, in which block, and how deep.
    fn look(&self, draft: &Draft<'_>, versions: &[Version]) -> Result<Option<(Receipt, u64, u64)>, Look> {
        for version in versions {
            let Some(receipt) = self.node.receipt(version.hash)? else { continue };
            if let Some(lie) = receipt.lie(version.hash, self.address(), draft) {
                return Err(Look::Failed(Failure::other(format_args!(
                    "{}: the node's receipt of transaction {} {lie}: the node doesn't tell the truth; use another",
                    draft.what, version.hash
                ))));
            }
            // Some nodes have receipts of what is in no block yet.
            let Some((number, hash)) = receipt.block() else { continue };
            if let Some(depth) = self.node.depth(number, hash)? {
                return Ok(Some((receipt, number, depth)));
            }
        }
        Ok(None)
    }

    /// Whether a nonce is used by a transaction in a block; not, where there is no answer.
    fn is_used(&self, nonce: u64) -> bool {
        let mined = self.node.number("eth_getTransactionCount", json!([self.address(), "latest"]));
        mined.is_ok_and(|mined| mined > nonce)
    }

    /// What is known of a transaction whose nonce is used and that has no receipt. That another one used it would take more
    /// than a node's silence to know.
    fn without_receipt(&self, nonce: u64, versions: &[Version]) -> String {
        let known = versions.iter().map(|version| version.hash).find(|hash| {
            let answer = self.node.ask_optional::<Value>("eth_getTransactionByHash", json!([hash]));
            answer.is_ok_and(|transaction| transaction.is_some())
        });
        match known {
            Some(hash) => {
                format!("its nonce {nonce} is used, and the node knows {hash} and has no receipt of it")
            }
            None => format!("its nonce {nonce} is used and no receipt of it is known"),
        }
    }

    /// Makes another version with higher fees and publishes it; what the node says against it is no failure. The failure is
    /// that the limits allow none.
    fn replace(
        &self,
        draft: &Draft<'_>,
        versions: &mut Vec<Version>,
        before: U256,
    ) -> Result<Option<RpcError>, Failure> {
        let Some(last) = versions.last() else { return Ok(None) };
        // It may have been forgotten.
        let forgotten = self.publish(last).err();
        let fees = self.replacement(last.fees)?.ok_or_else(|| {
            Failure::other(format_args!(
                "{}: a replacement would pay more than --max-priority-fee, {}, for a unit of gas",
                draft.what,
                cost::amount(U256::from(self.limits.tip))
            ))
        })?;
        let version = self.sign(draft, fees, before)?;
        self.say(&format!(
            "{}: in no block after {} s, replacing it: {} for a unit of gas at most",
            draft.what,
            self.replace_after.as_secs(),
            cost::amount(U256::from(fees.most))
        ));
        let error = self.publish(&version).err();
        versions.push(version);
        Ok(error.or(forgotten))
    }
}

/// Why nothing is known of a transaction.
enum Look {
    /// The node gives no answer at the moment.
    NoAnswer(RpcError),
    Failed(Failure),
}

impl From<RpcError> for Look {
    fn from(error: RpcError) -> Self {
        // A proxy's page is no answer either.
        Self::NoAnswer(error)
    }
}

impl From<Failure> for Look {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Whether a node refuses a transaction because another with its nonce pays as much.
fn is_underpriced(error: &RpcError) -> bool {
    match &error.problem {
        Problem::Answer { message, .. } => message.to_lowercase().contains("underpriced"),
        _ => false,
    }
}

/// Whether a node answered that it doesn't take a transaction.
fn is_refusal(error: &RpcError) -> bool {
    matches!(error.problem, Problem::Answer { .. })
}

/// Whether a node refuses a transaction because it has it already, in the words of geth, Erigon, Besu, Nethermind and others.
fn is_known(error: &RpcError) -> bool {
    let Problem::Answer { message, .. } = &error.problem else { return false };
    let message = message.to_lowercase();
    let words = ["already known", "alreadyknown", "already imported", "known transaction"];
    words.iter().any(|words| message.contains(words)) && !message.contains("unknown")
}

/// The limit for an estimate of gas: state may move until the transaction is mined.
fn with_margin(estimate: u64) -> u64 {
    estimate.saturating_add(estimate / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

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
    fn a_quantity_has_digits() {
        let read = |value: Value| {
            serde_json::from_value::<Quantity<U64>>(value).ok().map(|quantity| quantity.0.to())
        };
        for (value, number) in [
            (json!("0x0"), 0_u64),
            (json!("0x1f"), 31),
            (json!("0X1F"), 31),
            (json!("12"), 12),
            (json!(7), 7),
        ] {
            assert_eq!(read(value), Some(number));
        }
        for value in ["", "0x", "0X", "0x_", "_", "-1", "0xg", "1f", " ", "0x1ffffffffffffffff"] {
            assert_eq!(read(json!(value)), None, "{value}");
        }
        assert_eq!((read(Value::Null), read(json!([]))), (None, None));
        let balance =
            serde_json::from_value::<Quantity<U256>>(json!(format!("0x{}", "f".repeat(64)))).unwrap();
        assert_eq!(balance.0, U256::MAX);
    }

    const ACCOUNT: Address = Address::repeat_byte(0x11);
    const HASH: B256 = B256::repeat_byte(0x22);

    fn draft(to: Option<Address>) -> Draft<'static> {
        Draft { what: "a contract", nonce: 5, to, data: Bytes::new(), gas_limit: 100 }
    }

    /// A receipt of a creation, changed.
    fn receipt(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Receipt, serde_json::Error> {
        let receipt = json!({
            "transactionHash": HASH, "from": ACCOUNT, "to": null, "status": "0x1", "blockNumber": "0x7",
            "blockHash": B256::ZERO, "gasUsed": "0x64", "contractAddress": ACCOUNT.create(5), "logs": [],
        });
        let Value::Object(mut fields) = receipt else { unreachable!() };
        change(&mut fields);
        serde_json::from_value(Value::Object(fields))
    }

    fn with(field: &str, value: Value) -> Result<Receipt, serde_json::Error> {
        receipt(|fields| {
            fields.insert(field.to_owned(), value);
        })
    }

    /// Clients' receipts differ.
    #[test]
    fn receipts_may_lack_what_is_known_without_them() {
        let lie = |receipt: &Receipt| receipt.lie(HASH, ACCOUNT, &draft(None));
        for field in
            ["from", "to", "status", "blockNumber", "blockHash", "gasUsed", "contractAddress", "logs"]
        {
            let absent = receipt(|fields| {
                fields.remove(field).expect(field);
            });
            for receipt in [absent, with(field, Value::Null)] {
                let receipt = receipt.expect(field);
                assert_eq!(lie(&receipt), None, "{field}");
                assert!(!receipt.is_failure() && receipt.logs.is_empty(), "{field}");
                assert_eq!(receipt.block().is_some(), !field.starts_with("block"), "{field}");
            }
        }
        for field in ["to", "contractAddress"] {
            assert_eq!(lie(&with(field, json!(Address::ZERO)).unwrap()), None, "{field}");
        }
        for field in ["status", "blockNumber", "gasUsed"] {
            for value in ["", "0x"] {
                assert!(with(field, json!(value)).is_err(), "{field}");
            }
        }
        assert!(with("status", json!("0x0")).unwrap().is_failure());
    }

    #[test]
    fn a_receipt_of_something_else_is_a_lie() {
        let other = json!(Address::repeat_byte(0x66));
        for (field, value) in [
            ("transactionHash", json!(B256::ZERO)),
            ("from", other.clone()),
            ("to", other.clone()),
            ("gasUsed", json!("0x65")),
            ("contractAddress", other.clone()),
        ] {
            let receipt = with(field, value).unwrap();
            assert!(receipt.lie(HASH, ACCOUNT, &draft(None)).is_some(), "{field}");
        }
        let called = Some(Address::repeat_byte(0x66));
        let lie = |to: Value| with("to", to).unwrap().lie(HASH, ACCOUNT, &draft(called));
        assert_eq!(lie(other), None);
        for to in [Value::Null, json!(Address::ZERO), json!(ACCOUNT)] {
            assert!(lie(to).is_some());
        }
    }

    /// A node that takes steps back and forth ends the wait, and so does one that takes none.
    #[test]
    fn no_node_makes_the_wait_last_for_ever() {
        let seconds = Duration::from_secs;
        let ends = |step: Duration, look: &dyn Fn(u64) -> Option<u64>| {
            let begun = Instant::now();
            let mut wait = Wait::new(3, begun);
            for index in 0.. {
                let now = begun + step * index as u32;
                match look(index) {
                    Some(depth) => {
                        wait.found(depth, now);
                    }
                    None => {
                        wait.missed(now);
                    }
                }
                if let Some(end) = wait.end(now) {
                    return (now - begun, end);
                }
                assert!(now - begun < seconds(100_000), "it still waits");
            }
            unreachable!()
        };
        // Nothing; right twice and wrong twice; a depth that comes and goes.
        let half = Duration::from_millis(500);
        for look in [
            &(|_| None) as &dyn Fn(u64) -> Option<u64>,
            &|index| (index / 2 % 2 == 0).then_some(1),
            &|index| Some(index % 3),
            &|_| Some(0),
        ] {
            let (after, end) = ends(half, look);
            assert!(after <= PATIENCE + seconds(10), "{after:?}");
            assert!(end.contains("nothing has happened"), "{end}");
        }
        // A block that is lost again and again: often, and slowly.
        let (after, end) = ends(seconds(1), &|index| (index % 10 < 5).then_some(1));
        assert!(after < seconds(200) && end.contains("lost 11 times"), "{after:?}: {end}");
        let (after, end) = ends(seconds(100), &|index| (index % 6 < 3).then_some(1));
        assert!(after < seconds(4_000) && end.contains("waited for"), "{after:?}: {end}");
    }

    #[test]
    fn a_wait_goes_on_as_long_as_blocks_come() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut wait = Wait::new(3, begun);
        assert!(wait.found(1, at(500)) && !wait.found(1, at(501)));
        // A moment is no loss.
        assert!(!wait.missed(at(502)) && !wait.found(1, at(503)) && !wait.missed(at(504)));
        assert!(wait.missed(at(506)), "a while is");
        assert!(wait.end(at(1100)).is_none() && wait.found(1, at(1100)), "that is news again");
        assert!(wait.end(at(1107)).is_some());
        assert!(wait.found(2, at(1101)) && wait.end(at(1700)).is_none());
        // Many confirmations take their time.
        let mut wait = Wait::new(1000, begun);
        for depth in 0..1000 {
            assert!(wait.found(depth, at(12 * depth)) && wait.end(at(12 * depth)).is_none());
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

    #[test]
    fn the_oracle_is_called_by_its_functions() {
        assert_eq!(getL1FeeCall::SELECTOR, keccak256("getL1Fee(bytes)")[..4]);
        assert_eq!(getOperatorFeeCall::SELECTOR, keccak256("getOperatorFee(uint256)")[..4]);
    }
}

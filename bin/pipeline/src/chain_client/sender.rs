//! Transactions of one account: their costs are limited, and each is confirmed before the next.

use super::{
    CallError, ChainClient, POLL, TransactionEvent, TransactionReport, is_development,
    quantity::Quantity,
    receipt::Receipt,
    settlement::Settlement,
    transaction::{Draft, Fees, Version, with_margin},
    under_way,
    wait::PATIENCE,
};
use crate::{
    context::Context,
    error::Error,
    ether,
    event::Event,
    local_evm::MAX_GAS,
    node_options::NodeOptions,
    observer::Observer,
    setting::Setting,
    signer::{self, SignerOptions},
};
use alloy_consensus::SignableTransaction;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use serde_json::json;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt::{self, Debug, Formatter},
    sync::Arc,
    time::{Duration, Instant},
};
use zeno_witness_fetch::RpcError;

/// Depth in blocks that a transaction has to reach on a chain that is not one for development.
const CONFIRMATIONS: u64 = 3;

/// Way to make transactions.
#[derive(Clone, Debug)]
pub struct SendingOptions {
    /// Access to the node.
    pub node: NodeOptions,
    /// The account that pays.
    pub signer: SignerOptions,
    /// EIP-155 id of the chain that transactions are signed for. Nothing is signed without it, whatever the node says.
    pub chain_id: Option<u64>,
    /// Calls and estimates only, and sends nothing.
    pub dry_run: bool,
    /// Limit on the costs of all transactions of a verb together, in wei.
    pub max_cost: U256,
    /// Limit on the share of the maker of the block, in wei for a unit of gas.
    pub max_priority_fee: u128,
    /// Depth in blocks that a transaction has to reach. `None` stands for 3, and 1 on a chain for development.
    pub confirmations: Option<u64>,
    /// Time after which a transaction that is in no block is replaced by one with higher fees.
    pub replace_after: Duration,
    /// Replaces the account's transactions that are in no block yet, instead of waiting for them.
    pub replace_pending: bool,
}

/// Sender of one account's transactions on a node's chain.
pub(crate) struct Sender {
    pub(crate) client: ChainClient,
    account: Address,
    /// `None` where nothing is to be signed.
    signer: Option<PrivateKeySigner>,
    dry_run: bool,
    limits: Limits,
    pub(super) confirmations: u64,
    pub(super) replace_after: Duration,
    pub(super) replace_pending: bool,
    /// Greatest cost of the transactions signed so far together, in wei.
    pub(super) committed: Cell<U256>,
    /// Gas that the next creations use at least, whatever the node says.
    expected_gas: RefCell<VecDeque<u64>>,
    /// Smallest nonce that may be free.
    next_nonce: Cell<u64>,
    /// Hashes of transactions that are signed and not settled.
    under_way: RefCell<Vec<B256>>,
    observer: Arc<dyn Observer>,
    /// The last event that was told.
    told: RefCell<Option<Event>>,
}

impl Debug for Sender {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("client", &self.client)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Limits on the costs of transactions, whatever the node says.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// All costs together, in wei.
    cost: U256,
    /// Share of the maker of the block, in wei for a unit of gas.
    tip: u128,
}

/// A transaction before it is signed.
#[derive(Debug)]
struct Plan {
    /// All but the nonce.
    draft: Draft,
    fees: Fees,
    /// Estimate of the gas.
    estimate: u64,
    /// Limit on the gas of a transaction.
    most_gas: u64,
    /// Cost beside the gas, in wei.
    data_fee: U256,
}

/// A transaction after [`Sender::send`].
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) report: TransactionReport,
    /// The confirmed transaction. `None` on a dry run.
    pub(crate) sent: Option<Sent>,
}

/// A confirmed transaction.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) receipt: Receipt,
    /// Nonce of the transaction, which decides on the address of a contract that it creates.
    pub(crate) nonce: u64,
}

/// A failure of [`Sender::send`].
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) error: CallError,
    /// The transaction, if it came as far as an estimate.
    pub(crate) report: Option<TransactionReport>,
}

impl<E: Into<CallError>> From<E> for SendError {
    fn from(error: E) -> Self {
        Self { error: error.into(), report: None }
    }
}

impl Sender {
    /// A sender with the node and the signer that the options name. `what` needs the node.
    pub(crate) fn new(options: &SendingOptions, what: &str, context: &Context) -> Result<Self, Error> {
        let (account, signer) = signer::load(&options.signer)?;
        let client = ChainClient::connect(&options.node, what)?;
        let chain_id = client.chain_id;
        match options.chain_id {
            Some(expected) if expected != chain_id => {
                return Err(Error::other(format_args!(
                    "the node is on chain {chain_id}, and the transactions are for chain {expected}"
                ))
                .with_settings([Setting::ChainId]));
            }
            None if !options.dry_run => {
                return Err(Error::other(format_args!(
                    "a transaction is signed for a chain: name its id. The node says that it is on chain {chain_id}; check \
                     that this is the chain that you mean, the node may not tell the truth"
                ))
                .with_settings([Setting::ChainId]));
            }
            _ => {}
        }
        let confirmations =
            options.confirmations.unwrap_or(if is_development(chain_id) { 1 } else { CONFIRMATIONS });
        Ok(Self {
            client,
            account,
            signer,
            dry_run: options.dry_run,
            limits: Limits { cost: options.max_cost, tip: options.max_priority_fee },
            confirmations,
            replace_after: options.replace_after,
            replace_pending: options.replace_pending,
            committed: Cell::default(),
            expected_gas: RefCell::default(),
            next_nonce: Cell::default(),
            under_way: RefCell::default(),
            observer: context.observer.clone(),
            told: RefCell::default(),
        })
    }

    /// Tells of an event, unless it is the one that was told last.
    pub(super) fn tell(&self, what: &'static str, event: TransactionEvent) {
        let event = Event::Transaction { what, event };
        if self.told.borrow().as_ref() != Some(&event) {
            self.observer.notify(event.clone());
            self.told.replace(Some(event));
        }
    }

    /// Address of the account that pays.
    pub(crate) fn address(&self) -> Address {
        self.account
    }

    /// Refuses creations that would cost more than the limit together, or than the account has, before the first is signed.
    /// `gas` is their gas in an EVM in memory, in the order in which they are sent: none gets less, whatever the node says.
    pub(crate) fn check_affordable(&self, what: &str, gas: &[u64]) -> Result<(), Error> {
        let (fees, _) = self.fees()?;
        let cost = gas.iter().fold(U256::ZERO, |cost, gas| cost.saturating_add(fees.cost(with_margin(*gas))));
        self.check_cost(what, cost, U256::ZERO, fees)?;
        self.expected_gas.borrow_mut().extend(gas);
        if self.dry_run { Ok(()) } else { self.check_balance(what, cost) }
    }

    /// Refuses a sum of costs above the limit; `data_fee` of it is not for gas.
    fn check_cost(&self, what: &str, cost: U256, data_fee: U256, fees: Fees) -> Result<(), Error> {
        if cost <= self.limits.cost {
            return Ok(());
        }
        let data = if data_fee.is_zero() {
            String::new()
        } else {
            format!(" and {} for the chain below", ether::amount(data_fee))
        };
        Err(Error::other(format_args!(
            "{what}: transactions may cost {} in all, at {} for a unit of gas{data} as the node has it, and the limit is {}; if \
             the price is right, allow more",
            ether::amount(cost),
            ether::amount(U256::from(fees.most)),
            ether::amount(self.limits.cost)
        ))
        .with_settings([Setting::MaxCost]))
    }

    /// Reports on a transaction that the node can't estimate on a dry run, with its gas in an EVM in memory.
    pub(crate) fn forecast(&self, what: &'static str, gas: u64) -> Result<TransactionReport, Error> {
        let (fees, _) = self.fees()?;
        Ok(TransactionReport {
            what,
            chain_id: self.client.chain_id,
            from: self.address(),
            gas_estimate: gas,
            most_wei: fees.cost(with_margin(gas)),
            ..TransactionReport::default()
        })
    }

    /// Estimates a transaction to `to`, or one that creates a contract, and sends it unless this is a dry run. Returns when
    /// it is confirmed.
    pub(crate) fn send(
        &self,
        what: &'static str,
        to: Option<Address>,
        data: Bytes,
    ) -> Result<Sending, SendError> {
        let plan = self.plan(what, to, data)?;
        let mut report = TransactionReport {
            what,
            chain_id: self.client.chain_id,
            from: self.address(),
            to,
            gas_estimate: plan.estimate,
            most_wei: plan.fees.cost(with_margin(plan.estimate)).saturating_add(plan.data_fee),
            l1_fee_wei: Some(plan.data_fee).filter(|fee| !fee.is_zero()),
            ..TransactionReport::default()
        };
        match self.carry_out(plan, &mut report) {
            Ok(sent) => Ok(Sending { report, sent }),
            Err(error) => Err(SendError { error: error.into(), report: Some(report) }),
        }
    }

    /// Estimates a transaction.
    fn plan(&self, what: &'static str, to: Option<Address>, data: Bytes) -> Result<Plan, CallError> {
        let mut request = json!({ "from": self.address(), "data": data });
        if let Some(to) = to {
            request["to"] = json!(to);
        }
        let estimate = self.client.number("eth_estimateGas", json!([request]))?;
        let least = if to.is_none() { self.expected_gas.borrow_mut().pop_front() } else { None };
        let estimate = estimate.max(least.unwrap_or_default());
        let (fees, block_gas_limit) = self.fees()?;
        let most_gas = MAX_GAS.min(block_gas_limit);
        let gas_limit = with_margin(estimate).min(most_gas);
        // The nonce is not known yet, and hardly matters to the cost of the data.
        let draft = Draft { what, nonce: 0, to, data, gas_limit };
        let data_fee = self.client.data_fee(&draft, fees)?;
        Ok(Plan { draft, fees, estimate, most_gas, data_fee })
    }

    /// Sends a transaction unless this is a dry run, waits for its confirmation, and completes the report.
    fn carry_out(&self, plan: Plan, report: &mut TransactionReport) -> Result<Option<Sent>, Error> {
        let Plan { mut draft, fees, estimate, most_gas, data_fee } = plan;
        let what = draft.what;
        if estimate > most_gas {
            return Err(Error::other(format_args!(
                "{what}: the node says that it takes {estimate} gas, and a transaction of chain {} may have {most_gas}",
                self.client.chain_id
            )));
        }
        let cost = fees.cost(draft.gas_limit).saturating_add(data_fee);
        self.check_cost(what, self.committed.get().saturating_add(cost), data_fee, fees)?;
        if self.dry_run {
            return Ok(None);
        }
        self.check_balance(what, cost)?;
        draft.nonce = self.nonce(what)?;
        let mut settlement = Settlement::new(self, &draft);
        let settled = settlement.run(fees);
        self.complete(report, &draft, settlement.versions(), settled.as_ref().ok());
        let receipt = settled.map_err(|error| match under_way(&self.under_way.borrow()) {
            Some(sentence) => error.continued(sentence),
            None => error,
        })?;
        self.under_way.borrow_mut().clear();
        self.observer.notify(Event::Transaction { what, event: TransactionEvent::Settled });
        self.next_nonce.set(draft.nonce + 1);
        if receipt.is_failure() {
            let number = receipt.block().map_or(0, |(number, _)| number);
            return Err(Error::other(format_args!(
                "{what}: transaction {} was mined in block {number} and failed",
                receipt.transaction_hash
            )));
        }
        Ok(Some(Sent { receipt, nonce: draft.nonce }))
    }

    /// Adds the versions of a transaction, and the receipt of the mined one, to the report.
    fn complete(
        &self,
        report: &mut TransactionReport,
        draft: &Draft,
        versions: &[Version],
        receipt: Option<&Receipt>,
    ) {
        report.nonce = Some(draft.nonce);
        if let Some(Version { hash, fees, data_fee, .. }) = versions.last() {
            report.sent = true;
            report.hash = Some(*hash);
            report.most_wei = fees.cost(draft.gas_limit).saturating_add(*data_fee);
            report.l1_fee_wei = Some(*data_fee).filter(|fee| !fee.is_zero());
        }
        if let Some(receipt) = receipt {
            report.hash = Some(receipt.transaction_hash);
            report.mined_in = receipt.block().map(|(number, _)| number);
            report.gas_used = receipt.gas_used.map(|used| used.0.to());
            report.confirmations = Some(self.confirmations);
        }
        let hashes = versions.iter().map(|version| version.hash);
        report.replaced = hashes.filter(|hash| Some(*hash) != report.hash).collect();
    }

    /// Fees by the latest block and the node's proposal, within the limit; and the gas limit of a block.
    fn fees(&self) -> Result<(Fees, u64), Error> {
        self.client.fees(self.limits.tip)
    }

    fn check_balance(&self, what: &str, most: U256) -> Result<(), Error> {
        let address = self.address();
        let Quantity(balance) =
            self.client.ask::<Quantity<U256>>("eth_getBalance", json!([address, "latest"]))?;
        if balance >= most {
            return Ok(());
        }
        Err(Error::other(format_args!(
            "{what}: {address} has {} on chain {}, and may have to pay {}; send it more",
            ether::amount(balance),
            self.client.chain_id,
            ether::amount(most)
        )))
    }

    /// The nonce of the account's next transaction, once no other transaction of it is under way, or at once where those are
    /// to be replaced.
    fn nonce(&self, what: &'static str) -> Result<u64, Error> {
        let address = self.address();
        let count = |block: &str| self.client.number("eth_getTransactionCount", json!([address, block]));
        let start = Instant::now();
        loop {
            let (mined, pending) = (count("latest")?, count("pending")?);
            if mined == u64::MAX {
                return Err(Error::other(format_args!(
                    "{what}: the node says that {address} has made {mined} transactions, and no account can make more"
                )));
            }
            let behind = mined < self.next_nonce.get();
            if !behind && (pending <= mined || self.replace_pending) {
                return Ok(mined);
            }
            let (reason, advice, setting) = if behind {
                ("the node doesn't know yet what it has confirmed".to_owned(), "try again later", None)
            } else {
                (
                    format!("{} earlier transactions of {address} are in no block yet", pending - mined),
                    "wait for them, or have them replaced",
                    Some(Setting::ReplacePending),
                )
            };
            if start.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Err(Error::other(format_args!("{what}: after {seconds} s, {reason}; {advice}"))
                    .with_settings(setting));
            }
            self.tell(what, TransactionEvent::Waiting { reason });
            std::thread::sleep(POLL);
        }
    }

    /// Signs a transaction within the limit of costs, of which `before` are committed to others. Of several versions with the
    /// same nonce one is mined, so the dearest counts.
    pub(super) fn sign(&self, draft: &Draft, fees: Fees, before: U256) -> Result<Version, Error> {
        let data_fee = self.client.data_fee(draft, fees)?;
        let cost = before.saturating_add(fees.cost(draft.gas_limit)).saturating_add(data_fee);
        self.check_cost(draft.what, cost, data_fee, fees)?;
        let transaction = draft.transaction(self.client.chain_id, fees);
        let signer = self.signer.as_ref().ok_or_else(|| Error::other("a dry run signs nothing"))?;
        let signature = signer.sign_hash_sync(&transaction.signature_hash()).map_err(Error::other)?;
        let signed = transaction.into_signed(signature);
        let hash = *signed.hash();
        self.committed.set(cost.max(self.committed.get()));
        self.under_way.borrow_mut().push(hash);
        self.observer
            .notify(Event::Transaction { what: draft.what, event: TransactionEvent::Signed { hash } });
        Ok(Version { hash, raw: signed.encoded_2718().into(), fees, data_fee })
    }

    /// Fees that replace a transaction with the `old` ones and meet those of the latest block. `None` where the limit on the
    /// tip allows none.
    pub(super) fn replacement(&self, old: Fees) -> Result<Option<Fees>, Error> {
        let (latest, _) = self.fees()?;
        let raised = old.raised();
        let fees = Fees { most: raised.most.max(latest.most), tip: raised.tip.max(latest.tip) };
        Ok((fees.tip <= self.limits.tip).then_some(fees))
    }

    /// The error that the limit on the tip allows no replacement.
    pub(super) fn no_replacement(&self, what: &str) -> Error {
        Error::other(format_args!(
            "{what}: a replacement would pay a tip of more than {} for a unit of gas, which is the limit",
            ether::amount(U256::from(self.limits.tip))
        ))
        .with_settings([Setting::MaxPriorityFee])
    }

    /// Tells of an answer that the node does not give at the moment.
    pub(super) fn tell_no_answer(&self, what: &'static str, error: &RpcError) {
        self.tell(what, TransactionEvent::NoAnswer { error: error.to_string() });
    }
}

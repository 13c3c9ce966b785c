//! The way of one transaction from its signature to its confirmation.

use super::{
    Look, POLL, TransactionEvent,
    receipt::Receipt,
    sender::Sender,
    transaction::{Draft, Fees, Version, is_known, is_refusal, is_underpriced},
    wait::Wait,
};
use crate::error::Error;
use alloy_primitives::{B256, U256};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};
use zeno_witness_fetch::RpcError;

/// Time for which a node may give no answer to a transaction that it is given.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(60);

/// One transaction from its signature to its confirmation: it is published again where its block is lost, and replaced where
/// it is stuck.
#[derive(Debug)]
pub(super) struct Settlement<'a> {
    sender: &'a Sender,
    draft: &'a Draft,
    /// Cost that is committed to other transactions, in wei.
    before: U256,
    versions: Vec<Version>,
    wait: Wait,
    /// Time of the last version, or of its last publication.
    last_version: Instant,
    nonce_is_used: bool,
    /// The last error of the node.
    last_error: Option<RpcError>,
    /// The reason why the limits allow no replacement any more.
    limited: Option<Error>,
}

impl<'a> Settlement<'a> {
    pub(super) fn new(sender: &'a Sender, draft: &'a Draft) -> Self {
        let now = Instant::now();
        Self {
            sender,
            draft,
            before: sender.committed.get(),
            versions: Vec::new(),
            wait: Wait::new(sender.confirmations, now),
            last_version: now,
            nonce_is_used: false,
            last_error: None,
            limited: None,
        }
    }

    /// The signed versions, in their order.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Sends the transaction, with these fees first, and waits until it is confirmed.
    pub(super) fn run(&mut self, first: Fees) -> Result<Receipt, Error> {
        self.send(first)?;
        self.wait = Wait::new(self.sender.confirmations, Instant::now());
        self.last_version = Instant::now();
        loop {
            match self.look() {
                Ok(Some((receipt, block, depth))) => {
                    self.nonce_is_used = false;
                    let confirmations = self.sender.confirmations;
                    if self.wait.found(depth, Instant::now()) && depth < confirmations {
                        self.tell(TransactionEvent::Included { block, depth, confirmations });
                    }
                    if depth >= confirmations {
                        return Ok(receipt);
                    }
                }
                Ok(None) => self.advance(),
                Err(Look::Failed(error)) => return Err(error),
                Err(Look::NoAnswer(error)) => {
                    self.sender.tell_no_answer(self.draft.what, &error);
                    self.last_error = Some(error);
                }
            }
            if let Some(end) = self.wait.end(Instant::now()) {
                return Err(self.ended(&end));
            }
            thread::sleep(POLL);
        }
    }

    fn tell(&self, event: TransactionEvent) {
        self.sender.tell(self.draft.what, event);
    }

    /// Signs and publishes the first version, and further ones as long as they are too cheap to replace others.
    fn send(&mut self, first: Fees) -> Result<(), Error> {
        let mut fees = first;
        loop {
            let version = self.sender.sign(self.draft, fees, self.before)?;
            let published = self.publish_first(&version);
            self.versions.push(version);
            let Err(error) = published else { return Ok(()) };
            // Those that are to be replaced may have paid more.
            let next = if self.sender.replace_pending && is_underpriced(&error) {
                self.sender.replacement(fees)?
            } else {
                None
            };
            fees = next.ok_or_else(|| Error::other(format_args!("{}: {error}", self.draft.what)))?;
        }
    }

    /// Does what helps a transaction that is in no block.
    fn advance(&mut self) {
        if self.wait.missed(Instant::now()) {
            self.tell(TransactionEvent::BlockLost);
            self.last_version = Instant::now();
            if let Some(version) = self.versions.last() {
                self.last_error = self.publish(version).err().or(self.last_error.take());
            }
        }
        self.nonce_is_used = self.is_nonce_used();
        if self.nonce_is_used {
            self.tell(TransactionEvent::AwaitingReceipt { nonce: self.draft.nonce });
        } else if self.wait.depth.is_none() && self.last_version.elapsed() > self.sender.replace_after {
            self.last_version = Instant::now();
            match self.replace() {
                Ok(error) => self.last_error = error.or(self.last_error.take()),
                Err(error) => self.limited = Some(error),
            }
        } else if self.wait.depth.is_none() && self.wait.last_step.elapsed() > POLL {
            self.tell(TransactionEvent::Pending);
        }
    }

    /// The error of a wait that ended without a confirmation.
    fn ended(&self, end: &str) -> Error {
        let state = match self.wait.depth {
            Some(depth) => {
                format!("the transaction has {depth} confirmations of {}", self.sender.confirmations)
            }
            None if self.nonce_is_used => self.without_receipt(),
            None => "the transaction is in no block".to_owned(),
        };
        let why = match (&self.limited, &self.last_error) {
            (Some(error), _) => format!(" (it was not replaced any more: {error})"),
            (None, Some(error)) => format!(" (the last error: {error})"),
            (None, None) => String::new(),
        };
        Error::other(format_args!("{}: {state}, and {end}{why}", self.draft.what))
            .with_settings(self.limited.iter().flat_map(Error::settings))
    }

    /// Receipt of the mined version, the number of its block, and the block's depth.
    fn look(&self) -> Result<Option<(Receipt, u64, u64)>, Look> {
        for version in &self.versions {
            let Some(receipt) = self.sender.client.receipt(version.hash)? else { continue };
            if let Some(lie) = receipt.lie(version.hash, self.sender.address(), self.draft) {
                return Err(Look::Failed(Error::other(format_args!(
                    "{}: the node's receipt of transaction {} {lie}: the node doesn't tell the truth; use another",
                    self.draft.what, version.hash
                ))));
            }
            // Some nodes have receipts of transactions that are in no block yet.
            let Some((number, hash)) = receipt.block() else { continue };
            if let Some(depth) = self.sender.client.depth(number, hash)? {
                return Ok(Some((receipt, number, depth)));
            }
        }
        Ok(None)
    }

    /// Returns whether the nonce is used by a transaction in a block. Without an answer it counts as free.
    fn is_nonce_used(&self) -> bool {
        let params = json!([self.sender.address(), "latest"]);
        let mined = self.sender.client.number("eth_getTransactionCount", params);
        mined.is_ok_and(|mined| mined > self.draft.nonce)
    }

    /// A clause about a transaction whose nonce is used and that has no receipt. A node's silence is not enough to know that
    /// another transaction used the nonce.
    fn without_receipt(&self) -> String {
        let nonce = self.draft.nonce;
        let known =
            self.versions.iter().map(|version| version.hash).find(|hash| self.is_known_to_node(*hash));
        match known {
            Some(hash) => {
                format!("its nonce {nonce} is used, and the node knows {hash} and has no receipt of it")
            }
            None => format!("its nonce {nonce} is used and no receipt of it is known"),
        }
    }

    /// Returns whether the node answers that it has a transaction.
    fn is_known_to_node(&self, hash: B256) -> bool {
        let answer = self.sender.client.ask_optional::<Value>("eth_getTransactionByHash", json!([hash]));
        answer.is_ok_and(|transaction| transaction.is_some())
    }

    /// Gives a version to the node. One that the node has already is no error.
    fn publish(&self, version: &Version) -> Result<(), RpcError> {
        let sent = self.sender.client.ask::<B256>("eth_sendRawTransaction", json!([version.raw]));
        let Err(error) = sent else { return Ok(()) };
        // An answer may have got lost, and the second attempt been refused because the node has it.
        if is_known(&error) || self.is_known_to_node(version.hash) { Ok(()) } else { Err(error) }
    }

    /// Gives the first version to the node, again and again for a while where the node gives no answer: then the transaction
    /// may be on its way.
    fn publish_first(&self, version: &Version) -> Result<(), RpcError> {
        let start = Instant::now();
        loop {
            match self.publish(version) {
                Err(error) if !is_refusal(&error) && start.elapsed() < PUBLISH_PATIENCE => {
                    self.sender.tell_no_answer(self.draft.what, &error);
                    thread::sleep(POLL);
                }
                published => return published,
            }
        }
    }

    /// Publishes a version with higher fees. The node's words against it are no failure, and are returned; the failure is
    /// that the limits allow no such version.
    fn replace(&mut self) -> Result<Option<RpcError>, Error> {
        let Some(last) = self.versions.last() else { return Ok(None) };
        // The node may have forgotten it.
        let forgotten = self.publish(last).err();
        let fees = self.sender.replacement(last.fees)?;
        let fees = fees.ok_or_else(|| self.sender.no_replacement(self.draft.what))?;
        let version = self.sender.sign(self.draft, fees, self.before)?;
        self.tell(TransactionEvent::Replaced {
            seconds: self.sender.replace_after.as_secs(),
            price: fees.most,
        });
        let error = self.publish(&version).err();
        self.versions.push(version);
        Ok(error.or(forgotten))
    }
}

//! Fetches the state that a block is likely to read, all at once, before it is executed.
//!
//! The block itself names some of it. `eth_createAccessList` names nearly all of the rest, if the node has it.

use crate::{
    block_json::access_list,
    error::FetchError,
    json::Object,
    progress::Event,
    rpc::{Effort, error::Problem},
    state_proofs::{StateProofs, Touched},
    target::Target,
};
use alloy_consensus::Transaction as _;
use alloy_eips::{
    eip2930::AccessList, eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, U256};
use futures_util::future::join_all;
use serde_json::{json, value::RawValue};
use std::collections::BTreeSet;
use tracing::debug;
use zeno_guest_evm::{Transaction, Witness};

const CREATE_ACCESS_LIST: &str = "eth_createAccessList";
/// Limit on the accounts and slots that are fetched on the node's hint. Further ones are fetched when they are read.
const MAX_HINTS: usize = 20_000;

/// Adds the state that the block is likely to read to `witness`. A request that fails is only logged: its part is not
/// needed, or is fetched again when it is read.
pub(crate) async fn prefetch(proofs: &StateProofs, target: &Target, witness: &mut Witness) {
    let mut touched = named_by_block(target);
    let hints = named_by_node(proofs, target).await.into_iter().flat_map(|(address, slots)| {
        [(address, None)].into_iter().chain(slots.into_iter().map(move |slot| (address, Some(slot))))
    });
    for (address, slot) in hints.take(MAX_HINTS) {
        touched.entry(address).or_default().extend(slot);
    }
    target.report(Event::Prefetching {
        accounts: touched.len(),
        slots: touched.values().map(BTreeSet::len).sum(),
    });
    let requests = touched.into_iter().map(async |(address, slots)| {
        let slots = slots.into_iter().collect::<Vec<_>>();
        let proof = proofs.account(&target.parent, address, &slots, Effort::Hint).await?;
        let code = match &proof.account {
            Some(account) => {
                // The proof is worth keeping without the code.
                let code = proofs.code(&target.parent, address, account.code_hash, Effort::Hint).await;
                code.map_err(|error| debug!(%error, "prefetch failed")).ok()
            }
            None => None,
        };
        Ok((proof, code))
    });
    for answer in join_all(requests).await {
        match answer {
            Ok((proof, code)) => {
                witness.state.extend(proof.account_nodes);
                witness.state.extend(proof.storage_nodes);
                witness.codes.extend(code);
            }
            Err::<_, FetchError>(error) => debug!(%error, "prefetch failed"),
        }
    }
}

/// Accounts and slots that the block itself names: system contracts, fee recipient, senders, withdrawals, recipients,
/// delegates (EIP-7702) and access lists (EIP-2930).
fn named_by_block(target: &Target) -> Touched {
    let mut touched = Touched::new();
    let body = &target.block.body;
    let system = [
        BEACON_ROOTS_ADDRESS,
        HISTORY_STORAGE_ADDRESS,
        WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        target.block.header.beneficiary,
    ];
    let withdrawals = body.withdrawals.iter().flatten().map(|withdrawal| withdrawal.address);
    let recipients = body.transactions.iter().filter_map(|transaction| transaction.to());
    let delegates = body.transactions.iter().flat_map(|transaction| {
        transaction.authorization_list().unwrap_or_default().iter().map(|authorization| authorization.address)
    });
    let addresses = system.into_iter().chain(target.senders.iter().copied());
    for address in addresses.chain(withdrawals).chain(recipients).chain(delegates) {
        touched.entry(address).or_default();
    }
    for list in body.transactions.iter().filter_map(|transaction| transaction.access_list()) {
        add_access_list(&mut touched, list);
    }
    touched
}

/// Accounts and slots that the node finds by executing each transaction by itself on the parent's state.
async fn named_by_node(proofs: &StateProofs, target: &Target) -> Touched {
    let query = async |(transaction, sender): (&Transaction, &Address)| {
        let call = json!({
            "from": sender,
            "to": transaction.to(),
            "gas": format!("{:#x}", transaction.gas_limit()),
            "value": transaction.value(),
            "input": transaction.input(),
            "accessList": transaction.access_list().cloned().unwrap_or_default(),
        });
        let params = |at| json!([call, at]);
        proofs.state_query(CREATE_ACCESS_LIST, &target.parent, Effort::Hint, params, read_access_list).await
    };
    let mut calls = target.block.body.transactions.iter().zip(&target.senders);
    let mut touched = Touched::new();
    let Some(first) = calls.next() else { return touched };
    let first = query(first).await;
    if let Err(FetchError::Rpc(error)) = &first
        // An error that the node answers is about this transaction alone, unless it is final.
        && (error.problem.is_final() || !matches!(error.problem, Problem::Answer { .. }))
    {
        debug!(%error, "no prefetch by access lists");
        return touched;
    }
    for answer in [first].into_iter().chain(join_all(calls.map(query)).await) {
        match answer {
            Ok(list) => add_access_list(&mut touched, &list),
            // It is only a hint: unlisted state is fetched when it is read.
            Err(error) => debug!(%error, "no access list"),
        }
    }
    touched
}

fn read_access_list(value: &RawValue) -> Result<AccessList, String> {
    access_list(&Object::parse(value)?)
}

fn add_access_list(touched: &mut Touched, list: &AccessList) {
    for item in &list.0 {
        let slots = item.storage_keys.iter().map(|slot| U256::from_be_bytes(slot.0));
        touched.entry(item.address).or_default().extend(slots);
    }
}

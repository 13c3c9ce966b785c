//! Fetches the state that a block is likely to read, all at once, before it is executed.
//!
//! The block itself names some of it. From Amsterdam on, a block's access list (EIP-7928) names all of it. If the node gives
//! that list, and its hash is the header's, execution fetches nothing more. Before, or without it, `eth_createAccessList`
//! names nearly all of the rest, if the node has it. Everything is a hint.

use crate::{
    block_access_list::BlockAccessList,
    block_json::access_list,
    error::FetchError,
    json::Object,
    progress::Event,
    removal_siblings::RemovalSiblings,
    rpc::{Effort, error::Problem},
    state_proofs::{StateProofs, Touched},
    target::Target,
};
use alloy_consensus::Transaction as _;
use alloy_eips::{eip2930::AccessList, eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_primitives::{Address, B256, Bytes, U256};
use futures_util::{
    StreamExt,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use serde_json::{json, value::RawValue};
use std::collections::{BTreeSet, HashSet};
use tracing::debug;
use zeno_guest_evm::{Transaction, Witness};

const CREATE_ACCESS_LIST: &str = "eth_createAccessList";
/// Methods that take a block's hash and give its access list, in JSON or RLP: the standard one, Reth's own, and the standard
/// one for RLP.
const BLOCK_ACCESS_LIST: [&str; 3] =
    ["eth_getBlockAccessList", "eth_getBlockAccessListByBlockHash", "debug_getRawBlockAccessList"];
/// Limit on the accounts and slots that are fetched on the node's hint. Further ones are fetched when they are read. A
/// block's own access list has no limit but that on its length.
const MAX_HINTS: usize = 20_000;

/// Adds the state that the block is likely to read to `witness`, and what removals are likely to need to `siblings`. A
/// request that fails is only logged: its part is not needed, or is fetched again when it is read.
pub(crate) async fn prefetch(
    proofs: &StateProofs,
    target: &Target,
    witness: &mut Witness,
    siblings: &mut RemovalSiblings,
) {
    let mut touched = named_by_block(target);
    let Named { hints, removed, is_complete } = named_by_node(proofs, target).await;
    let hints = hints.into_iter().flat_map(|(address, slots)| {
        [(address, None)].into_iter().chain(slots.into_iter().map(move |slot| (address, Some(slot))))
    });
    for (address, slot) in hints.take(if is_complete { usize::MAX } else { MAX_HINTS }) {
        touched.entry(address).or_default().extend(slot);
    }
    target.report(Event::Prefetching {
        accounts: touched.len(),
        slots: touched.values().map(BTreeSet::len).sum(),
    });
    let state = fetch_state(proofs, target, touched, witness);
    // Removals that a mere hint names are not worth a request.
    if is_complete && !removed.is_empty() {
        join(state, siblings.prefetch(proofs, target, removed)).await;
    } else {
        state.await;
    }
}

/// Fetches accounts with their codes, and slots, concurrently, within the limit on the whole state.
async fn fetch_state(proofs: &StateProofs, target: &Target, touched: Touched, witness: &mut Witness) {
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
    let mut answers = requests.collect::<FuturesUnordered<_>>();
    // Proofs share the nodes near the root.
    let mut seen = HashSet::<Bytes>::new();
    let mut size = 0;
    while let Some(answer) = answers.next().await {
        let (proof, code) = match answer {
            Ok(answer) => answer,
            Err::<_, FetchError>(error) => {
                debug!(%error, "prefetch failed");
                continue;
            }
        };
        let nodes = proof.account_nodes.into_iter().chain(proof.storage_nodes);
        let new = nodes.filter(|node| seen.insert(node.clone())).collect::<Vec<_>>();
        size += new.iter().chain(&code).map(|item| item.len()).sum::<usize>();
        witness.state.extend(new);
        witness.codes.extend(code);
        if size > proofs.rpc().max_answer() {
            debug!(size, "the prefetched state is too large");
            break;
        }
    }
}

/// Accounts and slots that the block itself names: system contracts, fee recipient, senders, withdrawals, recipients,
/// delegates (EIP-7702) and access lists (EIP-2930).
fn named_by_block(target: &Target) -> Touched {
    let mut touched = Touched::new();
    let body = &target.block.body;
    let header = &target.block.header;
    let rules = target.spec.fork_at(header.timestamp).rules();
    let system = [BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS, header.beneficiary];
    let system = system.into_iter().chain(rules.requests.iter().map(|contract| contract.address()));
    let withdrawals = body.withdrawals.iter().flatten().map(|withdrawal| withdrawal.address);
    let recipients = body.transactions.iter().filter_map(|transaction| transaction.to());
    let delegates = body.transactions.iter().flat_map(|transaction| {
        transaction.authorization_list().unwrap_or_default().iter().map(|authorization| authorization.address)
    });
    let addresses = system.chain(target.senders.iter().copied());
    for address in addresses.chain(withdrawals).chain(recipients).chain(delegates) {
        touched.entry(address).or_default();
    }
    for list in body.transactions.iter().filter_map(|transaction| transaction.access_list()) {
        add_access_list(&mut touched, list);
    }
    touched
}

/// Accounts and slots that the node names.
#[derive(Debug, Default)]
struct Named {
    hints: Touched,
    /// Accounts that the block may remove, and slots that it may set to zero.
    removed: Touched,
    /// Tells whether `hints` has all that the block accesses.
    is_complete: bool,
}

/// Asks the node for what the block accesses: by its access list, or else by the transactions alone.
async fn named_by_node(proofs: &StateProofs, target: &Target) -> Named {
    let list = match target.block.header.block_access_list_hash {
        Some(hash) => block_access_list(proofs, target, hash).await,
        None => None,
    };
    let mut named = Named::default();
    if let Some((list, is_complete)) = list {
        named.is_complete = is_complete;
        for (address, slots) in list.accessed() {
            named.hints.entry(address).or_default().extend(slots);
        }
        for (address, slots) in list.removed() {
            named.removed.entry(address).or_default().extend(slots);
        }
    }
    if !named.is_complete {
        for (address, slots) in named_by_transactions(proofs, target).await {
            named.hints.entry(address).or_default().extend(slots);
        }
    }
    named
}

/// Asks for the block's access list, which has this hash, until a node's list has it; `true` tells that this one does. Of
/// other lists, the first is returned.
async fn block_access_list(
    proofs: &StateProofs,
    target: &Target,
    hash: B256,
) -> Option<(BlockAccessList, bool)> {
    let mut other = match target.access_list.clone() {
        Some(given) if given.hash == hash => return Some((given, true)),
        given => given,
    };
    for method in BLOCK_ACCESS_LIST {
        let params = json!([target.sealed.hash]);
        match proofs.rpc().ask_optional(method, &params, Effort::Hint, BlockAccessList::read).await {
            Ok(Some(list)) if list.hash == hash => return Some((list, true)),
            Ok(list) => other = other.or(list),
            Err(error) => debug!(%error, "no access list of the block"),
        }
    }
    other.map(|list| (list, false))
}

/// Accounts and slots that the node finds by executing each transaction by itself on the parent's state.
async fn named_by_transactions(proofs: &StateProofs, target: &Target) -> Touched {
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

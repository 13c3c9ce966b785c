//! The second way: local execution over a state that is fetched as it is read.

use crate::{
    Event, FetchError, Job,
    ancestors::Ancestors,
    block_json::access_list,
    error::{Problem, Subject},
    json::Object,
    proofs::{Proof, Proofs, slot_key},
    rpc::Effort,
    siblings::Siblings,
};
use alloy_consensus::Transaction as _;
use alloy_eips::{
    eip2930::AccessList, eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{
    Address, B256, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map},
};
use futures_util::future::join_all;
use revm::{
    Database, DatabaseCommit,
    state::{Account, AccountInfo, Bytecode},
};
use serde_json::{json, value::RawValue};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::{runtime::Handle, task};
use tracing::debug;
use zeno_guest_evm::{
    ChainClaim, State, StatelessInput, ValidationError, Witness, execute, minimize,
    state::{StateError, WitnessState},
    trie::{Preimages, TrieError},
};

/// How often the progress of lazy reading is reported.
const PIECES_PER_REPORT: usize = 100;
/// Accounts and slots of them that are fetched because the node says that they will be read. What is beyond is fetched when
/// it is.
const MAX_HINTS: usize = 20_000;

/// Accounts and slots of them.
type Touched = BTreeMap<Address, BTreeSet<U256>>;

/// Completes a witness, which may be empty, until the block validates over it.
pub(crate) async fn complete(
    proofs: Arc<Proofs>,
    job: Arc<Job>,
    mut witness: Witness,
) -> Result<(StatelessInput, ChainClaim), FetchError> {
    prefetch(&proofs, &job, &mut witness).await;
    job.report(Event::Executing { transactions: job.block.body.transactions.len() });
    let (found, removed) = execute_lazily(&proofs, &job, witness).await?;
    let mut siblings = Siblings::default();
    siblings.prefetch(&proofs, &job, removed).await;
    validate_completing(&proofs, &job, found, &mut siblings).await
}

/// Fetches what is likely to be read, many accounts at a time. Whatever fails is not needed, or is asked for again when it
/// is.
async fn prefetch(proofs: &Proofs, job: &Job, witness: &mut Witness) {
    let mut touched = obvious(job);
    let hints = listed(proofs, job).await.into_iter().flat_map(|(address, slots)| {
        [(address, None)].into_iter().chain(slots.into_iter().map(move |slot| (address, Some(slot))))
    });
    for (address, slot) in hints.take(MAX_HINTS) {
        touched.entry(address).or_default().extend(slot);
    }
    job.report(Event::Prefetching {
        accounts: touched.len(),
        slots: touched.values().map(BTreeSet::len).sum(),
    });
    let requests = touched.into_iter().map(async |(address, slots)| {
        let slots = slots.into_iter().collect::<Vec<_>>();
        let proof = proofs.account(&job.parent, address, &slots, Effort::Hint).await?;
        let code = match &proof.account {
            Some(account) => {
                // The proof is worth keeping without it.
                let code = proofs.code(&job.parent, address, account.code_hash, Effort::Hint).await;
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

/// What the block itself names.
fn obvious(job: &Job) -> Touched {
    let mut touched = Touched::new();
    let body = &job.block.body;
    let system = [
        BEACON_ROOTS_ADDRESS,
        HISTORY_STORAGE_ADDRESS,
        WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        job.block.header.beneficiary,
    ];
    let withdrawals = body.withdrawals.iter().flatten().map(|withdrawal| withdrawal.address);
    let called = body.transactions.iter().filter_map(|transaction| transaction.to());
    let delegates = body.transactions.iter().flat_map(|transaction| {
        transaction.authorization_list().unwrap_or_default().iter().map(|authorization| authorization.address)
    });
    let addresses = system.into_iter().chain(job.senders.iter().copied());
    for address in addresses.chain(withdrawals).chain(called).chain(delegates) {
        touched.entry(address).or_default();
    }
    for list in body.transactions.iter().filter_map(|transaction| transaction.access_list()) {
        add_list(&mut touched, list);
    }
    touched
}

fn add_list(touched: &mut Touched, list: &AccessList) {
    for item in &list.0 {
        let slots = item.storage_keys.iter().map(|slot| U256::from_be_bytes(slot.0));
        touched.entry(item.address).or_default().extend(slots);
    }
}

/// What the node finds that the transactions touch, each on its own on the parent's state: nearly
/// all, if it has the method.
async fn listed(proofs: &Proofs, job: &Job) -> Touched {
    let method = "eth_createAccessList";
    let query = async |(transaction, sender): (&zeno_guest_evm::Transaction, &Address)| {
        let call = json!({
            "from": sender,
            "to": transaction.to(),
            "gas": format!("{:#x}", transaction.gas_limit()),
            "value": transaction.value(),
            "input": transaction.input(),
            "accessList": transaction.access_list().cloned().unwrap_or_default(),
        });
        proofs.state_query(method, &job.parent, Effort::Hint, |at| json!([call, at]), read_list).await
    };
    let mut calls = job.block.body.transactions.iter().zip(&job.senders);
    let mut touched = Touched::new();
    let Some(first) = calls.next() else { return touched };
    let first = query(first).await;
    if let Err(FetchError::Rpc(error)) = &first
        // Only an answer about this transaction says nothing about the others.
        && (error.is_final() || !matches!(error.problem, Problem::Answer { .. }))
    {
        debug!(%error, "no prefetch by access lists");
        return touched;
    }
    for answer in [first].into_iter().chain(join_all(calls.map(query)).await) {
        match answer {
            Ok(list) => add_list(&mut touched, &list),
            // Only a hint: what isn't listed is fetched when it is read.
            Err(error) => debug!(%error, "no access list"),
        }
    }
    touched
}

fn read_list(value: &RawValue) -> Result<AccessList, String> {
    access_list(&Object::parse(value)?)
}

/// Executes the block, and answers with the whole witness of what it reads, and with what it removes.
async fn execute_lazily(
    proofs: &Arc<Proofs>,
    job: &Arc<Job>,
    witness: Witness,
) -> Result<(Witness, Touched), FetchError> {
    let (proofs, job, runtime) = (proofs.clone(), job.clone(), Handle::current());
    let execution = task::spawn_blocking(move || {
        let [nodes, codes, headers] = [&witness.state, &witness.codes, &witness.headers]
            .map(|list| Preimages::new(list.iter().cloned()));
        let parent = &job.parent;
        let mut state = LazyState {
            state: WitnessState::new(&parent.header, parent.hash, nodes, codes, headers)
                .at_fork(job.spec.fork_at(job.block.header.timestamp)),
            proofs,
            job: job.clone(),
            runtime,
            ancestors: Ancestors::as_read(&job),
            oldest_asked: None,
            owners: B256Map::default(),
            size: size(&witness),
            found: witness,
            removed: Touched::new(),
            pieces: 0,
            error: None,
            failure: None,
        };
        let outcome = execute(&job.spec, &job.block, &job.senders, &mut state);
        match (state.failure, outcome) {
            (Some(failure), _) => Err(failure),
            (None, Err(ValidationError::State(error))) => Err(FetchError::Stuck(error)),
            (None, Err(error)) => Err(job.invalid(error)),
            (None, Ok(_)) => Ok((state.found, state.removed)),
        }
    });
    execution.await.map_err(|_| FetchError::Interrupted)?
}

/// Validates the block, and fetches what removals need besides, until nothing is missing.
async fn validate_completing(
    proofs: &Proofs,
    job: &Job,
    witness: Witness,
    siblings: &mut Siblings,
) -> Result<(StatelessInput, ChainClaim), FetchError> {
    let mut input = job.input(witness);
    let mut ancestors = Ancestors::of(job);
    let mut last = None;
    loop {
        job.report(Event::Validating);
        let (attempted, outcome) = task::spawn_blocking(move || {
            let outcome = minimize(&input);
            (input, outcome)
        })
        .await
        .map_err(|_| FetchError::Interrupted)?;
        input = attempted;
        let error = match outcome {
            Ok(minimal) => return Ok(minimal),
            Err(ValidationError::State(error)) => error,
            Err(error) => return Err(job.invalid(error)),
        };
        if last.as_ref() == Some(&error) {
            return Err(FetchError::Stuck(error));
        }
        add(&mut input.witness, supply(proofs, job, &error, (&mut ancestors, None), Some(siblings)).await?);
        last = Some(error);
    }
}

fn add(witness: &mut Witness, more: Witness) {
    witness.headers.extend(more.headers);
    witness.codes.extend(more.codes);
    witness.state.extend(more.state);
}

/// Bytes of a witness.
fn size(witness: &Witness) -> usize {
    [&witness.headers, &witness.codes, &witness.state].into_iter().flatten().map(|item| item.len()).sum()
}

/// What an error says is missing. Of ancestors' headers, all down to this number, if it is known. Without `siblings`, only
/// what lies on the way to a key.
async fn supply(
    proofs: &Proofs,
    job: &Job,
    error: &StateError,
    (ancestors, oldest): (&mut Ancestors, Option<u64>),
    siblings: Option<&mut Siblings>,
) -> Result<Witness, FetchError> {
    let stuck = || FetchError::Stuck(error.clone());
    let (subject, key, missing, path) = match error {
        StateError::MissingHeader { number, hash } => {
            let headers = ancestors.fetch(proofs.rpc(), *number, *hash, oldest).await?;
            return Ok(Witness { headers, ..Witness::default() });
        }
        StateError::State { address, error: TrieError::Missing { hash, path } } => {
            (Subject::Account(*address), alloy_primitives::keccak256(address), hash, path)
        }
        StateError::Storage { address, slot, error: TrieError::Missing { hash, path } } => {
            (Subject::Slot(*address, *slot), slot_key(*slot), hash, path)
        }
        _ => return Err(stuck()),
    };
    if alloy_trie::Nibbles::unpack(key).to_vec().starts_with(path) {
        let (address, slots) = match subject {
            Subject::Account(address) => (address, Vec::new()),
            Subject::Slot(address, slot) => (address, vec![slot]),
        };
        let Proof { mut account_nodes, storage_nodes, .. } =
            proofs.account(&job.parent, address, &slots, Effort::Needed).await?;
        account_nodes.extend(storage_nodes);
        return Ok(Witness { state: account_nodes, ..Witness::default() });
    }
    let siblings = siblings.ok_or_else(stuck)?;
    let node = siblings.find(proofs, job, subject, *missing, path).await?;
    Ok(Witness { state: vec![node], ..Witness::default() })
}

/// A state that asks the node for what it lacks, and goes on.
#[derive(Debug)]
struct LazyState {
    state: WitnessState,
    proofs: Arc<Proofs>,
    job: Arc<Job>,
    runtime: Handle,
    ancestors: Ancestors,
    /// Number of the oldest ancestor whose header is needed for the hash that is read.
    oldest_asked: Option<u64>,
    /// An account for each code hash that was met.
    owners: B256Map<Address>,
    found: Witness,
    /// Bytes of what was found.
    size: usize,
    /// Accounts that were removed, and slots that were set to zero.
    removed: Touched,
    /// Pieces of state that were fetched during the execution.
    pieces: usize,
    error: Option<StateError>,
    failure: Option<FetchError>,
}

impl LazyState {
    fn read<T>(
        &mut self,
        mut read: impl FnMut(&mut WitnessState) -> Result<T, Box<StateError>>,
    ) -> Result<T, Box<StateError>> {
        let mut last = None;
        loop {
            let error = match read(&mut self.state) {
                Ok(value) => return Ok(value),
                // Nothing is missing.
                Err(error) if matches!(*error, StateError::Unsupported(_)) => return Err(error),
                Err(error) => error,
            };
            // The inner state remembers it, but it isn't lost yet.
            self.state.take_error();
            let more = if last.as_ref() == Some(&error) {
                Err(FetchError::Stuck((*error).clone()))
            } else {
                self.runtime.clone().block_on(self.fetch(&error))
            };
            match more {
                Ok(more) => {
                    self.pieces += 1;
                    if self.pieces.is_multiple_of(PIECES_PER_REPORT) {
                        self.job.report(Event::Reading { pieces: self.pieces });
                    }
                    self.state.add(more.clone());
                    add(&mut self.found, more);
                }
                Err(failure) => {
                    self.failure.get_or_insert(failure);
                    self.error.get_or_insert_with(|| (*error).clone());
                    return Err(error);
                }
            }
            last = Some(error);
        }
    }

    async fn fetch(&mut self, error: &StateError) -> Result<Witness, FetchError> {
        let more = match error {
            StateError::MissingCode(hash) => {
                let owner = self.owners.get(hash).ok_or_else(|| FetchError::Stuck(error.clone()))?;
                let code = self.proofs.code(&self.job.parent, *owner, *hash, Effort::Needed).await?;
                Witness { codes: vec![code], ..Witness::default() }
            }
            error => {
                let ancestors = (&mut self.ancestors, self.oldest_asked);
                supply(&self.proofs, &self.job, error, ancestors, None).await?
            }
        };
        self.size += size(&more);
        match self.proofs.rpc().max_answer() {
            limit if self.size > limit => Err(FetchError::TooMuchState(limit)),
            _ => Ok(more),
        }
    }
}

impl State for LazyState {
    fn take_error(&mut self) -> Option<StateError> {
        self.error.take().or_else(|| self.state.take_error())
    }

    fn keep_error(&mut self, error: StateError) {
        self.error.get_or_insert(error);
    }

    fn storage_only(&self) -> &[Address] {
        self.state.storage_only()
    }
}

impl Database for LazyState {
    type Error = Box<StateError>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Box<StateError>> {
        let info = self.read(|state| state.basic(address))?;
        if let Some(info) = info.as_ref().filter(|info| info.code_hash != KECCAK256_EMPTY) {
            self.owners.entry(info.code_hash).or_insert(address);
        }
        Ok(info)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Box<StateError>> {
        self.read(|state| state.code_by_hash(code_hash))
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Box<StateError>> {
        self.read(|state| state.storage(address, index))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Box<StateError>> {
        // The hash of a block is in its child.
        self.oldest_asked = number.checked_add(1);
        self.read(|state| state.block_hash(number))
    }
}

impl DatabaseCommit for LazyState {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, change) in changes.iter().filter(|(_, change)| change.is_touched()) {
            if change.is_selfdestructed() || change.info.is_empty() {
                self.removed.entry(*address).or_default();
            }
            for (slot, value) in change.storage.iter().filter(|(_, value)| value.is_changed()) {
                if value.present_value().is_zero() {
                    self.removed.entry(*address).or_default().insert(*slot);
                } else if let Some(slots) = self.removed.get_mut(address) {
                    slots.remove(slot);
                }
            }
        }
        self.state.commit(changes);
    }
}

impl Siblings {
    /// Asks for the state after the block at all keys that it removed, many at a time.
    /// Most removals need none of it, so what fails is only noted.
    async fn prefetch(&mut self, proofs: &Proofs, job: &Job, removed: Touched) {
        job.report(Event::Removals { keys: removed.values().map(|slots| slots.len().max(1)).sum() });
        let requests = removed.into_iter().map(async |(address, slots)| {
            let slots = slots.into_iter().collect::<Vec<_>>();
            Siblings::after(proofs, job, address, &slots).await
        });
        for answer in join_all(requests).await {
            match answer {
                Ok(shorts) => self.extend(shorts),
                Err(error) => debug!(%error, "no proof of the state after the block"),
            }
        }
    }
}

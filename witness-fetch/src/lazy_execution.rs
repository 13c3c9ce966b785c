//! The witness by local execution: the block is executed over a state that is fetched when it is read.

use crate::{
    ancestors::Ancestors,
    error::{FetchError, Subject},
    prefetch::prefetch,
    progress::Event,
    removal_siblings::RemovalSiblings,
    rpc::Effort,
    state_proofs::{StateProofs, Touched, slot_key},
    target::Target,
};
use alloy_primitives::{
    Address, B256, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map},
};
use alloy_trie::Nibbles;
use revm::{
    Database, DatabaseCommit,
    state::{Account, AccountInfo, Bytecode},
};
use std::sync::Arc;
use tokio::{runtime::Handle, task};
use zeno_guest_evm::{
    AccessList, ChainClaim, State, StatelessInput, ValidationError, Witness, execute, minimize,
    state::{StateError, WitnessState},
    trie::{Preimages, TrieError},
};

/// Pieces of lazily read state between two reports of progress.
const PIECES_PER_REPORT: usize = 100;

/// Completes a witness, which may be empty, until the block validates over it. Returns the minimal input.
pub(crate) async fn complete(
    proofs: Arc<StateProofs>,
    target: Arc<Target>,
    mut witness: Witness,
) -> Result<(StatelessInput, ChainClaim), FetchError> {
    let mut siblings = RemovalSiblings::default();
    prefetch(&proofs, &target, &mut witness, &mut siblings).await;
    target.report(Event::Executing { transactions: target.block.body.transactions.len() });
    let (found, removed) = execute_lazily(&proofs, &target, witness).await?;
    siblings.prefetch(&proofs, &target, removed).await;
    validate_completing(&proofs, &target, found, &mut siblings).await
}

/// Executes the block. Returns the witness of all that it reads, and the accounts and slots that it removes.
async fn execute_lazily(
    proofs: &Arc<StateProofs>,
    target: &Arc<Target>,
    witness: Witness,
) -> Result<(Witness, Touched), FetchError> {
    let (proofs, target, runtime) = (proofs.clone(), target.clone(), Handle::current());
    let execution = task::spawn_blocking(move || {
        let mut state = LazyState::new(proofs, target.clone(), runtime, witness);
        let outcome = execute(&target.spec, &target.block, &target.senders, &mut state);
        match (state.failure, outcome) {
            (Some(failure), _) => Err(failure),
            (None, Err(ValidationError::State(error))) => Err(FetchError::Stuck(error)),
            (None, Err(error)) => Err(target.invalid(error)),
            (None, Ok(_)) => Ok((state.found, state.removed)),
        }
    });
    execution.await.map_err(|_| FetchError::Interrupted)?
}

/// Validates the block, and fetches the siblings that removals need, until nothing is missing.
async fn validate_completing(
    proofs: &StateProofs,
    target: &Target,
    witness: Witness,
    siblings: &mut RemovalSiblings,
) -> Result<(StatelessInput, ChainClaim), FetchError> {
    let mut input = target.input(witness);
    let mut ancestors = Ancestors::of(target);
    let mut last = None;
    loop {
        target.report(Event::Validating);
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
            Err(error) => return Err(target.invalid(error)),
        };
        if last.as_ref() == Some(&error) {
            return Err(FetchError::Stuck(error));
        }
        let more = fetch_missing(proofs, target, &error, (&mut ancestors, None), Some(siblings)).await?;
        add(&mut input.witness, more);
        last = Some(error);
    }
}

fn add(witness: &mut Witness, more: Witness) {
    witness.headers.extend(more.headers);
    witness.codes.extend(more.codes);
    witness.state.extend(more.state);
}

/// Size of a witness, in bytes.
fn size(witness: &Witness) -> usize {
    [&witness.headers, &witness.codes, &witness.state].into_iter().flatten().map(|item| item.len()).sum()
}

/// Fetches the part of the state that an error says is missing. If the number of the oldest needed ancestor is known,
/// all headers down to it are fetched. Without `siblings`, only nodes on the path to a key are fetched.
async fn fetch_missing(
    proofs: &StateProofs,
    target: &Target,
    error: &StateError,
    (ancestors, oldest): (&mut Ancestors, Option<u64>),
    siblings: Option<&mut RemovalSiblings>,
) -> Result<Witness, FetchError> {
    let stuck = || FetchError::Stuck(error.clone());
    let (subject, key, missing, path) = match error {
        StateError::MissingHeader { number, hash } => {
            let headers = ancestors.fetch(proofs.rpc(), *number, *hash, oldest).await?;
            return Ok(Witness { headers, ..Witness::default() });
        }
        StateError::State { address, error: TrieError::Missing { hash, path } } => {
            (Subject::Account(*address), keccak256(address), hash, path)
        }
        StateError::Storage { address, slot, error: TrieError::Missing { hash, path } } => {
            (Subject::Slot(*address, *slot), slot_key(*slot), hash, path)
        }
        _ => return Err(stuck()),
    };
    if Nibbles::unpack(key).to_vec().starts_with(path) {
        let (address, slots) = subject.address_and_slots();
        let proof = proofs.account(&target.parent, address, &slots, Effort::Needed).await?;
        let mut state = proof.account_nodes;
        state.extend(proof.storage_nodes);
        return Ok(Witness { state, ..Witness::default() });
    }
    let siblings = siblings.ok_or_else(stuck)?;
    let node = siblings.find(proofs, target, subject, *missing, path).await?;
    Ok(Witness { state: vec![node], ..Witness::default() })
}

/// The parent's state, whose missing parts are fetched from the node when they are read.
#[derive(Debug)]
struct LazyState {
    state: WitnessState,
    proofs: Arc<StateProofs>,
    target: Arc<Target>,
    runtime: Handle,
    ancestors: Ancestors,
    /// Number of the oldest ancestor whose header is needed for the hash that is being read.
    oldest_asked: Option<u64>,
    /// One account for each code hash that was read.
    owners: B256Map<Address>,
    found: Witness,
    /// Size of `found`, in bytes.
    size: usize,
    /// Accounts that were removed, and slots that were set to zero.
    removed: Touched,
    /// Number of pieces of state that were fetched during the execution.
    pieces: usize,
    error: Option<StateError>,
    failure: Option<FetchError>,
}

impl LazyState {
    fn new(proofs: Arc<StateProofs>, target: Arc<Target>, runtime: Handle, witness: Witness) -> Self {
        let [nodes, codes, headers] = [&witness.state, &witness.codes, &witness.headers]
            .map(|list| Preimages::new(list.iter().cloned()));
        let parent = &target.parent;
        Self {
            state: WitnessState::new(&parent.header, parent.hash, nodes, codes, headers)
                .at_fork(target.spec.fork_at(target.block.header.timestamp)),
            proofs,
            runtime,
            ancestors: Ancestors::on_demand(&target),
            oldest_asked: None,
            owners: B256Map::default(),
            size: size(&witness),
            found: witness,
            removed: Touched::new(),
            pieces: 0,
            error: None,
            failure: None,
            target,
        }
    }

    /// Reads from the state. While a part is missing, fetches it and reads again.
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
            // The inner state remembers the error, but it may still be mended.
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
                        self.target.report(Event::Reading { pieces: self.pieces });
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

    /// Fetches the part of the state that an error says is missing, within the limit on the whole state.
    async fn fetch(&mut self, error: &StateError) -> Result<Witness, FetchError> {
        let more = match error {
            StateError::MissingCode(hash) => {
                let owner = self.owners.get(hash).ok_or_else(|| FetchError::Stuck(error.clone()))?;
                let code = self.proofs.code(&self.target.parent, *owner, *hash, Effort::Needed).await?;
                Witness { codes: vec![code], ..Witness::default() }
            }
            error => {
                let ancestors = (&mut self.ancestors, self.oldest_asked);
                fetch_missing(&self.proofs, &self.target, error, ancestors, None).await?
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

    fn record_accesses(&mut self, index: u32) {
        self.state.record_accesses(index);
    }

    fn take_access_list(&mut self) -> AccessList {
        self.state.take_access_list()
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
            let was_there = !change.is_loaded_as_not_existing();
            if was_there && (change.is_selfdestructed() || change.info.is_empty()) {
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

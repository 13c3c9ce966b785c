//! The state before a run of blocks, read from a witness and changed by execution.
//!
//! The state lives as long as the run. What a block read or changed, the next one finds here, so the witness has each
//! node and code only once. After a block, its changes become what the next one starts from
//! ([`WitnessState::settle`]).

use crate::{
    bytecode::{self, AnalyseWithHints, jump_hints},
    error::Unsupported,
    execute::eip7928::{Access, AccessList},
    word::{Portable, WordOps},
};
use alloc::{boxed::Box, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map, U256Map, hash_map::Entry},
};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use core::fmt;
use revm::{
    Database, DatabaseCommit,
    database_interface::DBErrorMarker,
    state::{Account, AccountInfo, Bytecode},
};
use zeno_trie::{Preimages, Trie, TrieError, account::decode_account};
use zeno_types::{
    chain::{Fork, ForkRules},
    input::Witness,
    rlp::number,
};

/// Error when the state is read or updated: the witness lacks something, or is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Error in the state trie.
    #[error("in the state trie, for account {address}: {error}")]
    State {
        /// The account that was read or updated.
        address: Address,
        /// The trie's error.
        error: TrieError,
    },
    /// Error in a storage trie.
    #[error("in the storage trie of account {address}, for slot {slot}: {error}")]
    Storage {
        /// The account.
        address: Address,
        /// The slot that was read or updated.
        slot: U256,
        /// The trie's error.
        error: TrieError,
    },
    /// A leaf of the state trie that is no account.
    #[error("the state trie's leaf of account {address} is malformed: {error}")]
    MalformedAccount {
        /// The account.
        address: Address,
        /// The decoder's error.
        error: alloy_rlp::Error,
    },
    /// A leaf of a storage trie that is no 256-bit number.
    #[error("the storage of account {address} is malformed at slot {slot}: {error}")]
    MalformedSlot {
        /// The account.
        address: Address,
        /// The slot.
        slot: U256,
        /// The decoder's error.
        error: alloy_rlp::Error,
    },
    /// The witness lacks a code.
    #[error("the witness lacks the code with hash {0}")]
    MissingCode(B256),
    /// The state is not at fault: the block needs more than this program supports.
    #[error(transparent)]
    Unsupported(Unsupported),
    /// The witness lacks a header that `BLOCKHASH` needs.
    #[error("the witness lacks the header of block {number} with hash {hash}, which BLOCKHASH needs")]
    MissingHeader {
        /// The block's number.
        number: u64,
        /// The block's hash, from its child.
        hash: B256,
    },
    /// A trie that was changed has a node that no trie has.
    #[error("a changed trie can't be encoded: {0}")]
    Malformed(TrieError),
    /// A header of the witness does not decode.
    #[error("the witness's header of block {number} with hash {hash} is malformed: {error}")]
    MalformedHeader {
        /// The block's number.
        number: u64,
        /// The block's hash.
        hash: B256,
        /// The decoder's error.
        error: alloy_rlp::Error,
    },
    /// The hash of a block was requested that is not among the 256 latest ancestors.
    #[error("the hash of block {0} was asked for, which is no ancestor")]
    NoAncestor(u64),
}

impl DBErrorMarker for Box<StateError> {}

/// Result with a boxed error, because results are copied often.
type Result<T> = core::result::Result<T, Box<StateError>>;

// Not inlined: the compiler would move the error's parts before it knows that there is an error.
#[cold]
#[inline(never)]
fn in_state(address: Address, error: Box<TrieError>) -> Box<StateError> {
    Box::new(StateError::State { address, error: *error })
}

#[cold]
#[inline(never)]
fn in_storage(address: Address, slot: U256, error: Box<TrieError>) -> Box<StateError> {
    Box::new(StateError::Storage { address, slot, error: *error })
}

/// State on which a block can be executed: [`WitnessState`], or one that fetches missing data.
pub trait State: Database<Error = Box<StateError>> + DatabaseCommit + fmt::Debug {
    /// Takes the first error that occurred, if any.
    fn take_error(&mut self) -> Option<StateError>;

    /// Keeps an error that does not come from the state, for [`take_error`](Self::take_error), unless there
    /// already is one.
    fn keep_error(&mut self, error: StateError);

    /// Accounts read so far that have storage, but neither code nor nonce (EIP-7610).
    fn storage_only(&self) -> &[Address];

    /// Records the commits from now on as accesses with this index of the block's access list (EIP-7928).
    fn record_accesses(&mut self, index: u32);

    /// Ends the recording, and takes all that was recorded.
    fn take_access_list(&mut self) -> AccessList;
}

impl State for WitnessState {
    fn take_error(&mut self) -> Option<StateError> {
        self.take_error()
    }

    fn keep_error(&mut self, error: StateError) {
        self.keep_error(error);
    }

    fn storage_only(&self) -> &[Address] {
        self.storage_only()
    }

    fn record_accesses(&mut self, index: u32) {
        self.access_index = Some(index);
    }

    fn take_access_list(&mut self) -> AccessList {
        self.access_index = None;
        let Self { accounts, accessed, .. } = self;
        let take = |index: usize| {
            let account = &mut accounts[index];
            Some((account.address, account.access.take()?))
        };
        let list = AccessList::new(accessed.drain(..).filter_map(take).collect());
        if CHECKED {
            assert!(accounts.iter().all(|account| account.access.is_none()), "an access was not listed");
        }
        list
    }
}

/// Says whether the lists of what a block changed are compared with all that is known. The tests do so.
const CHECKED: bool = cfg!(any(test, debug_assertions));

/// Initial capacity for accounts. Most blocks touch fewer.
const ACCOUNTS: usize = 800;
/// Initial capacity for codes. Most blocks run fewer.
const CODES: usize = 200;

/// State on which blocks are executed: revm's database over a witness.
///
/// The first error is kept, so that none can get lost on its way through the executor.
#[derive(Debug)]
pub struct WitnessState {
    nodes: Preimages,
    codes: Preimages,
    /// Hints to jump destinations, one item per code of the witness, in the order of the codes.
    destinations: Vec<Bytes>,
    /// Function that checks the hints.
    analyse_with_hints: AnalyseWithHints,
    /// Says whether codes may be delegations (EIP-7702).
    delegations: bool,
    headers: Preimages,
    /// Codes that were loaded, each analysed once, and codes that the blocks deployed, which the witness need
    /// not have.
    bytecodes: B256Map<Bytecode>,
    trie: Trie,
    accounts: Vec<CachedAccount>,
    /// Index of each loaded account.
    places: AddressMap<usize>,
    /// Direct-mapped cache of these indices on the address's last byte, because accesses repeat.
    recent: Box<[usize; 256]>,
    /// Indices of the accounts that are marked as changed. A later block of a run would otherwise pay for those of
    /// all earlier ones.
    changed: Vec<usize>,
    /// Indices of the accounts with recorded accesses.
    accessed: Vec<usize>,
    /// Accounts with storage, but without code and nonce.
    storage_only: Vec<Address>,
    /// Hashes of the ancestors, from the parent's down.
    ancestors: Vec<B256>,
    parent_number: u64,
    /// Index with which commits are recorded in the block's access list, if they are.
    access_index: Option<u32>,
    error: Option<Box<StateError>>,
}

/// Account in its present state, with everything that is needed to write it back.
#[derive(Debug)]
struct CachedAccount {
    address: Address,
    key: B256,
    /// The account before the block.
    original: Option<TrieAccount>,
    /// The account at present; `None` if it doesn't exist.
    info: Option<AccountInfo>,
    /// The storage before the block; empty once it was wiped.
    storage: Trie,
    slots: U256Map<Slot>,
    /// Slots whose present value is or was another one than the original, since the account was settled. One may be
    /// there twice, or be gone from `slots`. `None` until the account is settled for the first time: till then
    /// all of `slots` are gone through.
    written: Option<Vec<U256>>,
    /// Says whether the storage before the block is gone, because the account was destroyed or created anew.
    wiped: bool,
    /// Says whether the block touched the account. Then it is in [`WitnessState::changed`].
    changed: bool,
    /// Accesses to it that were recorded, if there were any. They remain when the storage is wiped.
    access: Option<Box<Access>>,
}

/// Values of an account that a block access list has, with the hash instead of the code.
struct Values {
    nonce: u64,
    balance: U256,
    code_hash: B256,
}

/// Size of what a state keeps beside the witness.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "native"), expect(dead_code, reason = "only hosts estimate the memory"))]
pub(crate) struct StateSize {
    /// Number of loaded accounts.
    pub(crate) accounts: usize,
    /// Number of slots for which the accounts' tables have room.
    pub(crate) slots: usize,
}

/// Account, with the nodes from which its storage is read.
struct Loaded<'a> {
    account: &'a mut CachedAccount,
    nodes: &'a mut Preimages,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Key in the storage trie: the slot's keccak-256 hash.
    key: B256,
    /// The value before the block, which the storage trie has.
    original: U256,
    present: U256,
}

impl WitnessState {
    /// Makes the state with the parent's state root. `headers` must contain the parent's.
    pub fn new(
        parent: &Header,
        parent_hash: B256,
        nodes: Preimages,
        codes: Preimages,
        headers: Preimages,
    ) -> Self {
        Self {
            nodes,
            codes,
            destinations: Vec::new(),
            analyse_with_hints: jump_hints::analyse_with_hints::<Portable>,
            delegations: true,
            headers,
            bytecodes: B256Map::with_capacity_and_hasher(CODES, Default::default()),
            trie: Trie::from_root(parent.state_root),
            accounts: Vec::with_capacity(ACCOUNTS),
            places: AddressMap::with_capacity_and_hasher(ACCOUNTS, Default::default()),
            recent: Box::new([0; 256]),
            changed: Vec::new(),
            accessed: Vec::new(),
            storage_only: Vec::new(),
            ancestors: alloc::vec![parent_hash, parent.parent_hash],
            parent_number: parent.number,
            access_index: None,
            error: None,
        }
    }

    /// Adds hints to jump destinations, one item per code of the witness, in the order of the codes. They are
    /// checked by the word arithmetic `W`.
    pub fn with_destinations<W: WordOps>(mut self, destinations: Vec<Bytes>) -> Self {
        self.destinations = destinations;
        self.analyse_with_hints = jump_hints::analyse_with_hints::<W>;
        self
    }

    /// Sets the fork whose rules hold; without it, those of the last fork hold.
    pub fn at_fork(mut self, fork: Fork) -> Self {
        self.set_fork(fork);
        self
    }

    /// Sets the fork of the next block, which is not before that of the last one.
    pub(crate) fn set_fork(&mut self, fork: Fork) {
        let ForkRules { delegations, .. } = *fork.rules();
        if delegations && !self.delegations {
            self.find_delegations();
        }
        self.delegations = delegations;
    }

    /// Turns the codes that are delegations from now on into those.
    #[cold]
    #[inline(never)]
    fn find_delegations(&mut self) {
        for code in self.bytecodes.values_mut() {
            if let Some(delegation) = bytecode::delegation(&code.original_bytes()) {
                *code = delegation;
            }
        }
        // Accounts that were changed have their codes, too.
        for info in self.accounts.iter_mut().filter_map(|account| account.info.as_mut()) {
            info.code = None;
        }
    }

    /// Adds to the witness, so that missing data can be requested again.
    pub fn add(&mut self, more: Witness) {
        let Witness { headers, codes, state } = more;
        for (known, items) in
            [(&mut self.headers, headers), (&mut self.codes, codes), (&mut self.nodes, state)]
        {
            items.into_iter().for_each(|bytes| known.add(bytes));
        }
    }

    /// Takes the first error that occurred, if any.
    pub fn take_error(&mut self) -> Option<StateError> {
        self.error.take().map(|error| *error)
    }

    /// Keeps an error, unless there already is one.
    pub(crate) fn keep_error(&mut self, error: StateError) {
        self.error.get_or_insert_with(|| Box::new(error));
    }

    /// Accounts read so far that have storage, but neither code nor nonce. Nothing can be created there
    /// (EIP-7610).
    pub fn storage_only(&self) -> &[Address] {
        &self.storage_only
    }

    /// Returns how much the state keeps beside the witness.
    pub(crate) fn size(&self) -> StateSize {
        let rooms = self.accounts.iter().map(|account| account.slots.capacity());
        StateSize { accounts: self.accounts.len(), slots: rooms.sum() }
    }

    /// Returns the part of the witness that was used, in the order of use. In this order [`Preimages`] are
    /// the fastest.
    pub fn into_witness(self) -> Witness {
        let [headers, codes, state] =
            [self.headers, self.codes, self.nodes].map(|preimages| preimages.into_used().collect());
        Witness { headers, codes, state }
    }

    /// Returns all revealed trie nodes, including those that the changes made, and all codes that were loaded
    /// or deployed. Together with the witness that was read, they are the state after the block, as far as
    /// the witness had the state before it. To be called after [`root`](Self::root).
    pub fn revealed(&self) -> (Vec<Bytes>, Vec<Bytes>) {
        let mut nodes = self.trie.revealed();
        for account in &self.accounts {
            nodes.extend(account.storage.revealed());
        }
        (nodes, self.bytecodes.values().map(Bytecode::original_bytes).collect())
    }

    /// Returns the state root with all changes so far.
    ///
    /// # Errors
    /// [`StateError`] if the witness lacks nodes that the changes need.
    pub fn root(&mut self) -> Result<B256> {
        self.root_with(false)
    }

    /// Returns the state root with all changes so far, which become what the next block starts from.
    ///
    /// # Errors
    /// Same as [`root`](Self::root), and if a node of the witness is no node of any trie.
    pub fn settle(&mut self) -> Result<B256> {
        let root = self.root_with(true)?;
        let Self { accounts, changed, .. } = self;
        changed.drain(..).for_each(|index| accounts[index].settle());
        Ok(root)
    }

    /// Adds a block after the last one, as the parent of the next.
    pub fn add_ancestor(&mut self, number: u64, hash: B256) {
        self.ancestors.insert(0, hash);
        self.parent_number = number;
    }

    /// Writes all changes so far to the tries, and returns the state root. It settles the tries if the run continues.
    #[inline(never)]
    fn root_with(&mut self, settle: bool) -> Result<B256> {
        let Self { accounts, changed, trie, nodes, .. } = self;
        if CHECKED {
            let marked = accounts.iter().filter(|account| account.changed).count();
            assert!(changed.len() == marked, "an account was changed, and not listed once");
        }
        // In this order the trie is passed once, and the witness has its nodes in the same order.
        changed.sort_unstable_by_key(|index| accounts[*index].key);
        let mut removed = Vec::new();
        for index in changed {
            let account = &mut accounts[*index];
            let address = account.address;
            let failed = |error| in_state(address, error);
            let Some(leaf) = account.leaf(nodes, settle)? else {
                if account.original.is_some() {
                    removed.push((address, account.key));
                }
                continue;
            };
            if account.original.as_ref() != Some(&leaf) {
                trie.insert(&account.key, alloy_rlp::encode(leaf).into(), nodes).map_err(failed)?;
            }
        }
        // Removals come last, so that a branch collapses only if it does so in the end. Then the witness
        // needs fewer siblings.
        for (address, key) in removed {
            trie.remove(&key, nodes).map_err(|error| in_state(address, error))?;
        }
        root_of(trie, settle)
    }

    /// Keeps the answer's error, unless there already is one.
    fn keep<T>(&mut self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer {
            self.error.get_or_insert_with(|| error.clone());
        }
        answer
    }

    /// Returns the account, and the nodes from which its storage is read.
    #[inline(never)]
    fn load(&mut self, address: Address) -> Result<Loaded<'_>> {
        let last = usize::from(address[19]);
        let is_known = |account: &CachedAccount| account.address == address;
        if !self.accounts.get(self.recent[last]).is_some_and(is_known) {
            self.recent[last] = self.place(address)?;
        }
        let Self { accounts, recent, nodes, .. } = self;
        Ok(Loaded { account: &mut accounts[recent[last]], nodes })
    }

    /// Index of the account, which is read if it is new.
    #[inline(never)]
    fn place(&mut self, address: Address) -> Result<usize> {
        let Self { accounts, places, trie, nodes, storage_only, .. } = self;
        match places.entry(address) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(place) => {
                let account = CachedAccount::load(address, trie, nodes)?;
                if account.is_storage_only() {
                    storage_only.push(address);
                }
                accounts.push(account);
                Ok(*place.insert(accounts.len() - 1))
            }
        }
    }

    /// Returns the code with this hash, and analyses it if it is new.
    fn code(&mut self, hash: B256) -> Result<Bytecode> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.bytecodes.get(&hash) {
            return Ok(code.clone());
        }
        let bytes = self.codes.get(&hash).ok_or_else(|| Box::new(StateError::MissingCode(hash)))?;
        if bytes.len() > bytecode::MAX_CODE {
            let length = bytes.len();
            return Err(Box::new(StateError::Unsupported(Unsupported::CodeLength { hash, length })));
        }
        let bytes = bytes.clone();
        let hints = self.codes.last_used().and_then(|index| self.destinations.get(index));
        let hints = hints.map_or(&[][..], |hints| &hints[..]);
        let code = bytecode::analyse(bytes, hints, self.analyse_with_hints, self.delegations);
        self.bytecodes.insert(hash, code.clone());
        Ok(code)
    }

    /// Returns the slot's present value, and reads it if it is new.
    fn slot(&mut self, address: Address, slot: U256) -> Result<U256> {
        let Loaded { account, nodes, .. } = self.load(address)?;
        let CachedAccount { slots, storage, .. } = account;
        match slots.entry(slot) {
            Entry::Occupied(known) => Ok(known.get().present),
            Entry::Vacant(place) => {
                let key = slot_key(slot);
                let value = original_slot(storage, address, slot, &key, nodes)?;
                place.insert(Slot { key, original: value, present: value });
                Ok(value)
            }
        }
    }

    /// Returns the hash of an ancestor, one of the 256 latest, by following the headers from the parent's.
    fn ancestor_hash(&mut self, number: u64) -> Result<B256> {
        let depth = self
            .parent_number
            .checked_sub(number)
            .filter(|depth| *depth < 256)
            .ok_or_else(|| Box::new(StateError::NoAncestor(number)))? as usize;
        while self.ancestors.len() <= depth {
            let number = self.parent_number - (self.ancestors.len() as u64 - 1);
            let hash = *self.ancestors.last().expect("the parent is there");
            let bytes = self
                .headers
                .get(&hash)
                .ok_or_else(|| Box::new(StateError::MissingHeader { number, hash }))?;
            let header = Header::decode(&mut &bytes[..])
                .map_err(|error| Box::new(StateError::MalformedHeader { number, hash, error }))?;
            self.ancestors.push(header.parent_hash);
        }
        Ok(self.ancestors[depth])
    }

    /// Applies the change of an account by a transaction or system call.
    fn apply(&mut self, address: Address, change: &Account) -> Result<()> {
        if !change.is_touched() {
            return Ok(());
        }
        self.load(address)?;
        let index = self.recent[usize::from(address[19])];
        let Self { accounts, changed, storage_only, bytecodes, .. } = self;
        let account = &mut accounts[index];
        // Deployed, or delegated to (EIP-7702): any other code was loaded from this state.
        if account.info.as_ref().is_none_or(|info| info.code_hash != change.info.code_hash)
            && let Some(code) = change.info.code.as_ref().filter(|code| !code.is_empty())
        {
            bytecodes.entry(change.info.code_hash).or_insert_with(|| code.clone());
        }
        if !account.changed {
            account.changed = true;
            changed.push(index);
        }
        if change.is_selfdestructed() || change.is_created() || change.info.is_empty() {
            account.wipe();
            storage_only.retain(|emptied| *emptied != address);
        }
        // EIP-161: an account that is touched and empty no longer exists.
        if change.is_selfdestructed() || change.info.is_empty() {
            account.info = None;
            return Ok(());
        }
        account.info = Some(change.info.clone());
        for (&slot, value) in &change.storage {
            if !value.is_changed() {
                continue;
            }
            let original = if account.wiped { U256::ZERO } else { value.original_value() };
            let new = || Slot { key: slot_key(slot), original, present: original };
            let known = account.slots.entry(slot).or_insert_with(new);
            if let Some(written) = &mut account.written
                && known.present == known.original
            {
                written.push(slot);
            }
            known.present = value.present_value();
        }
        Ok(())
    }
}

impl WitnessState {
    /// Applies the change of an account, and records the access: its values before and after the change.
    #[inline(never)]
    fn apply_and_record(&mut self, address: Address, change: &Account, index: u32) -> Result<()> {
        let before = self.load(address)?.account.values();
        self.apply(address, change)?;
        self.load(address)?;
        let place = self.recent[usize::from(address[19])];
        let Self { accounts, accessed, .. } = self;
        let account = &mut accounts[place];
        let after = account.values();
        let exists = account.info.is_some();
        if account.access.is_none() {
            accessed.push(place);
        }
        let access = account.access.get_or_insert_default();
        access.nonce(index, before.nonce, after.nonce);
        access.balance(index, before.balance, after.balance);
        for (slot, value) in &change.storage {
            let before = value.original_value();
            let after = match (change.is_touched(), exists) {
                (false, _) => before,
                (true, false) => U256::ZERO,
                (true, true) => value.present_value(),
            };
            access.slot(index, *slot, before, after);
        }
        if before.code_hash != after.code_hash {
            let code = self.code(after.code_hash)?.original_bytes();
            let Loaded { account, .. } = self.load(address)?;
            account.access.get_or_insert_default().code(index, before.code_hash, after.code_hash, code);
        }
        Ok(())
    }
}

impl CachedAccount {
    fn load(address: Address, trie: &mut Trie, nodes: &mut Preimages) -> Result<Self> {
        let key = keccak256(address);
        let leaf = trie.get(&key, nodes).map_err(|error| in_state(address, error))?;
        let original = leaf
            .map(decode_account)
            .transpose()
            .map_err(|error| Box::new(StateError::MalformedAccount { address, error }))?;
        let info = original.map(|TrieAccount { nonce, balance, code_hash, .. }| AccountInfo {
            balance,
            nonce,
            code_hash,
            code: None,
            ..AccountInfo::default()
        });
        let storage = Trie::from_root(original.map_or(EMPTY_ROOT_HASH, |account| account.storage_root));
        Ok(Self {
            address,
            key,
            original,
            info,
            storage,
            slots: U256Map::default(),
            written: None,
            wiped: false,
            changed: false,
            access: None,
        })
    }

    /// Returns the present values; those of an empty account if it doesn't exist.
    fn values(&self) -> Values {
        let empty = Values { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY };
        self.info.as_ref().map_or(empty, |info| Values {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        })
    }

    /// Returns whether the state before the block has storage here, but neither code nor nonce.
    fn is_storage_only(&self) -> bool {
        self.original.is_some_and(|TrieAccount { nonce, storage_root, code_hash, .. }| {
            nonce == 0 && code_hash == KECCAK256_EMPTY && storage_root != EMPTY_ROOT_HASH
        })
    }

    /// Drops all storage so far.
    fn wipe(&mut self) {
        self.wiped = true;
        self.storage = Trie::default();
        self.slots.clear();
    }

    /// Returns the leaf to write back, with the storage root after all changes; `None` if the account doesn't
    /// exist.
    fn leaf(&mut self, nodes: &mut Preimages, settle: bool) -> Result<Option<TrieAccount>> {
        let Some(AccountInfo { nonce, balance, code_hash, .. }) = self.info else { return Ok(None) };
        let is_changed = |(_, slot): &(&U256, &Slot)| slot.original != slot.present;
        let mut changed = match &self.written {
            None => self.slots.iter().filter(is_changed).collect::<Vec<_>>(),
            Some(written) => {
                let known = written.iter().filter_map(|slot| self.slots.get_key_value(slot));
                known.filter(is_changed).collect()
            }
        };
        changed.sort_unstable_by_key(|(_, slot)| slot.key);
        changed.dedup_by_key(|(_, slot)| slot.key);
        if CHECKED {
            assert!(changed.len() == self.slots.iter().filter(is_changed).count(), "a slot was not listed");
        }
        let (removed, set) = changed.into_iter().partition::<Vec<_>, _>(|(_, slot)| slot.present.is_zero());
        let address = self.address;
        let storage_error = |slot| move |error| in_storage(address, slot, error);
        for (slot, Slot { key, present, .. }) in set {
            let value = alloy_rlp::encode(present).into();
            self.storage.insert(key, value, nodes).map_err(storage_error(*slot))?;
        }
        // Removals come last, as in the state trie.
        for (slot, Slot { key, .. }) in removed {
            self.storage.remove(key, nodes).map_err(storage_error(*slot))?;
        }
        let storage_root = root_of(&mut self.storage, settle)?;
        Ok(Some(TrieAccount { nonce, balance, code_hash, storage_root }))
    }

    /// Makes the present values those before the next block. The changes are in the storage trie, which is settled.
    fn settle(&mut self) {
        let Self { original, info, storage, slots, written, wiped, changed, .. } = self;
        *original = info.as_ref().map(|info| TrieAccount {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root: storage.hash(),
        });
        match written {
            None => {
                slots.values_mut().for_each(|slot| slot.original = slot.present);
                *written = Some(Vec::new());
            }
            Some(written) => {
                for slot in written.drain(..) {
                    if let Some(slot) = slots.get_mut(&slot) {
                        slot.original = slot.present;
                    }
                }
            }
        }
        if CHECKED {
            assert!(slots.values().all(|slot| slot.original == slot.present), "a slot was not listed");
        }
        (*wiped, *changed) = (false, false);
    }
}

/// Root of a trie, which is settled if the run continues.
fn root_of(trie: &mut Trie, settle: bool) -> Result<B256> {
    if settle {
        trie.settle().map_err(|error| Box::new(StateError::Malformed(*error)))
    } else {
        Ok(trie.hash())
    }
}

/// Value of a slot in a storage trie.
fn original_slot(
    storage: &mut Trie,
    address: Address,
    slot: U256,
    key: &B256,
    nodes: &mut Preimages,
) -> Result<U256> {
    let leaf = storage.get(key, nodes).map_err(|error| in_storage(address, slot, error))?;
    leaf.map(number)
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(|error| Box::new(StateError::MalformedSlot { address, slot, error }))
}

fn slot_key(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

impl Database for WitnessState {
    type Error = Box<StateError>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>> {
        let answer = self.load(address).map(|loaded| loaded.account.info.clone());
        self.keep(answer)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode> {
        let answer = self.code(code_hash);
        self.keep(answer)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256> {
        let answer = self.slot(address, index);
        self.keep(answer)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256> {
        let answer = self.ancestor_hash(number);
        self.keep(answer)
    }
}

impl DatabaseCommit for WitnessState {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, change) in &changes {
            let answer = match self.access_index {
                None => self.apply(*address, change),
                Some(index) => self.apply_and_record(*address, change, index),
            };
            // The trait can't return an error; it waits in `self.error`.
            let _ = self.keep(answer);
        }
    }
}

/// Makes preimages of these bytes, which are shared.
pub(crate) fn preimages(items: &[Bytes]) -> Preimages {
    Preimages::new(items.iter().cloned())
}

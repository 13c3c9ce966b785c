//! The parent's state, read from a witness and changed by execution.

use crate::{
    bytecode::{self, Hinted},
    chain::Fork,
    error::Unsupported,
    input::Witness,
    trie::{Preimages, Trie, TrieError},
    words::{Portable, Words, from_be_bytes},
};
use alloc::{boxed::Box, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map, U256Map, hash_map::Entry},
};
use alloy_rlp::{Decodable, EMPTY_STRING_CODE};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use revm::{
    Database, DatabaseCommit,
    database_interface::DBErrorMarker,
    state::{Account, AccountInfo, Bytecode},
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

/// Initial capacity for accounts. Most blocks touch fewer.
const ACCOUNTS: usize = 800;
/// Initial capacity for codes. Most blocks run fewer.
const CODES: usize = 200;

/// State on which a block is executed: revm's database over a witness.
///
/// The first error is kept, so that none can get lost on its way through the executor.
#[derive(Debug)]
pub struct WitnessState {
    nodes: Preimages,
    codes: Preimages,
    /// Hints to jump destinations, one item per code of the witness, in the order of the codes.
    destinations: Vec<Bytes>,
    /// Function that checks the hints.
    hinted: Hinted,
    /// Says whether codes may be delegations (EIP-7702).
    delegations: bool,
    headers: Preimages,
    /// Codes that were loaded, each analysed once, and codes that this block deployed, which the witness need
    /// not have.
    bytecodes: B256Map<Bytecode>,
    trie: Trie,
    accounts: Vec<CachedAccount>,
    /// Index of each loaded account.
    places: AddressMap<usize>,
    /// Direct-mapped cache of these indices on the address's last byte, because accesses repeat.
    recent: Box<[usize; 256]>,
    /// Accounts with storage, but without code and nonce.
    storage_only: Vec<Address>,
    /// Hashes of the ancestors, from the parent's down.
    ancestors: Vec<B256>,
    parent_number: u64,
    error: Option<Box<StateError>>,
}

/// Account in its present state, with everything that is needed to write it back.
#[derive(Debug)]
struct CachedAccount {
    address: Address,
    key: B256,
    /// The account in the parent's state.
    original: Option<TrieAccount>,
    /// The account at present; `None` if it doesn't exist.
    info: Option<AccountInfo>,
    /// The parent's storage; empty once it was wiped.
    storage: Trie,
    slots: U256Map<Slot>,
    /// Says whether the parent's storage is gone, because the account was destroyed or created anew.
    wiped: bool,
    changed: bool,
}

/// Account, with the other parts of the state that are needed beside it.
struct Loaded<'a> {
    account: &'a mut CachedAccount,
    nodes: &'a mut Preimages,
    storage_only: &'a mut Vec<Address>,
    bytecodes: &'a mut B256Map<Bytecode>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Key in the storage trie: the slot's keccak-256 hash.
    key: B256,
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
            hinted: bytecode::hinted::<Portable>,
            delegations: true,
            headers,
            bytecodes: B256Map::with_capacity_and_hasher(CODES, Default::default()),
            trie: Trie::from_root(parent.state_root),
            accounts: Vec::with_capacity(ACCOUNTS),
            places: AddressMap::with_capacity_and_hasher(ACCOUNTS, Default::default()),
            recent: Box::new([0; 256]),
            storage_only: Vec::new(),
            ancestors: alloc::vec![parent_hash, parent.parent_hash],
            parent_number: parent.number,
            error: None,
        }
    }

    /// Adds hints to jump destinations, one item per code of the witness, in the order of the codes. They are
    /// checked by the word arithmetic `W`.
    pub fn with_destinations<W: Words>(mut self, destinations: Vec<Bytes>) -> Self {
        self.destinations = destinations;
        self.hinted = bytecode::hinted::<W>;
        self
    }

    /// Sets the fork whose rules hold; without it, those of the last fork hold.
    pub fn at_fork(mut self, fork: Fork) -> Self {
        self.delegations = fork >= Fork::Prague;
        self
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
    #[inline(never)]
    pub fn root(&mut self) -> Result<B256> {
        let Self { accounts, trie, nodes, .. } = self;
        let mut changed = accounts.iter_mut().filter(|account| account.changed).collect::<Vec<_>>();
        // In this order the trie is passed once, and the witness has its nodes in the same order.
        changed.sort_unstable_by_key(|account| account.key);
        let mut removed = Vec::new();
        for account in changed {
            let address = account.address;
            let failed = |error| in_state(address, error);
            let Some(leaf) = account.leaf(nodes)? else {
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
        Ok(trie.hash())
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
        let Self { accounts, recent, nodes, storage_only, bytecodes, .. } = self;
        Ok(Loaded { account: &mut accounts[recent[last]], nodes, storage_only, bytecodes })
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
        let code = bytecode::analyse(bytes, hints, self.hinted, self.delegations);
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
        let Loaded { account, storage_only, bytecodes, .. } = self.load(address)?;
        // Deployed, or delegated to (EIP-7702): any other code was loaded from this state.
        if account.info.as_ref().is_none_or(|info| info.code_hash != change.info.code_hash)
            && let Some(code) = change.info.code.as_ref().filter(|code| !code.is_empty())
        {
            bytecodes.entry(change.info.code_hash).or_insert_with(|| code.clone());
        }
        account.changed = true;
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
            account.slots.entry(slot).or_insert_with(new).present = value.present_value();
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
            wiped: false,
            changed: false,
        })
    }

    /// Returns whether the parent's state has storage here, but neither code nor nonce.
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
    fn leaf(&mut self, nodes: &mut Preimages) -> Result<Option<TrieAccount>> {
        let Some(AccountInfo { nonce, balance, code_hash, .. }) = self.info else { return Ok(None) };
        let mut changed =
            self.slots.iter().filter(|(_, slot)| slot.original != slot.present).collect::<Vec<_>>();
        changed.sort_unstable_by_key(|(_, slot)| slot.key);
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
        Ok(Some(TrieAccount { nonce, balance, code_hash, storage_root: self.storage.hash() }))
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

/// Decodes a number from exactly this RLP.
fn number(mut rlp: &[u8]) -> alloy_rlp::Result<U256> {
    let number = next_number(&mut rlp)?;
    if !rlp.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    Ok(number)
}

/// Decodes an account from exactly this RLP (yellow paper, section 4.1): by the fast path where it applies.
fn decode_account(rlp: &[u8]) -> alloy_rlp::Result<TrieAccount> {
    match account(rlp) {
        Some(account) => Ok(account),
        None => decode_any_account(rlp),
    }
}

/// Decodes the usual encoding of an account. `None` means that [`decode_any_account`] has to decide.
fn account(rlp: &[u8]) -> Option<TrieAccount> {
    const HASH: u8 = EMPTY_STRING_CODE + 32;
    // The two hashes make it longer than 55 bytes, and it is always shorter than 256.
    let [0xf8, length, fields @ ..] = rlp else { return None };
    let mut fields = fields;
    if usize::from(*length) != fields.len() {
        return None;
    }
    let mut number = |most: usize| {
        let (first, rest) = fields.split_first()?;
        let length = match *first {
            0 => return None,
            1..EMPTY_STRING_CODE => {
                fields = rest;
                return Some(U256::from(*first));
            }
            first => usize::from(first - EMPTY_STRING_CODE),
        };
        let (bytes, rest) = rest.split_at_checked(length).filter(|_| length <= most)?;
        // Neither leading zeros, nor a byte that would be its own encoding.
        if bytes.first() == Some(&0) || (length == 1 && bytes[0] < EMPTY_STRING_CODE) {
            return None;
        }
        fields = rest;
        Some(from_be_bytes(bytes))
    };
    let (nonce, balance) = (number(8)?, number(32)?);
    let fields: &[u8; 66] = fields.try_into().ok()?;
    let (root, code) = (fields[1..33].try_into().ok()?, fields[34..].try_into().ok()?);
    (fields[0] == HASH && fields[33] == HASH).then(|| TrieAccount {
        nonce: nonce.as_limbs()[0],
        balance,
        storage_root: B256::new(root),
        code_hash: B256::new(code),
    })
}

/// Decodes an account as alloy's decoder does, but with [`next_number`].
#[cold]
fn decode_any_account(mut rlp: &[u8]) -> alloy_rlp::Result<TrieAccount> {
    let mut fields = alloy_rlp::Header::decode_bytes(&mut rlp, true)?;
    let nonce = next_number(&mut fields)?.try_into().map_err(|_| alloy_rlp::Error::Overflow)?;
    let balance = next_number(&mut fields)?;
    let mut hash = || {
        let bytes = alloy_rlp::Header::decode_bytes(&mut fields, false)?;
        B256::try_from(bytes).map_err(|_| alloy_rlp::Error::UnexpectedLength)
    };
    let (storage_root, code_hash) = (hash()?, hash()?);
    if !fields.is_empty() || !rlp.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    Ok(TrieAccount { nonce, balance, storage_root, code_hash })
}

/// Takes a number off the RLP as alloy's decoder does, but without copies of single bytes.
#[inline]
fn next_number(rlp: &mut &[u8]) -> alloy_rlp::Result<U256> {
    let bytes = alloy_rlp::Header::decode_bytes(rlp, false)?;
    match bytes.first() {
        Some(0) => Err(alloy_rlp::Error::LeadingZero),
        _ if bytes.len() > 32 => Err(alloy_rlp::Error::Overflow),
        _ => Ok(from_be_bytes(bytes)),
    }
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
            let answer = self.apply(*address, change);
            // The trait can't return an error; it waits in `self.error`.
            let _ = self.keep(answer);
        }
    }
}

/// Makes preimages of these bytes, which are shared.
pub(crate) fn preimages(items: &[Bytes]) -> Preimages {
    Preimages::new(items.iter().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn numbers_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(9);
        let mut valid = 0;
        for _ in 0..20_000 {
            let number_of_bits = rng.random_range(0..=256usize);
            let value = U256::from_limbs(rng.random()).wrapping_shr(number_of_bits);
            let mut rlp = alloy_rlp::encode(value);
            match rng.random_range(0..6) {
                0 => rlp.push(rng.random()),
                1 => _ = rlp.pop(),
                2 => rlp.insert(1.min(rlp.len()), 0),
                3 => rlp[0] = rng.random(),
                4 if rlp.len() > 1 => rlp[1] = 0,
                _ => {}
            }
            let (ours, theirs) = (number(&rlp), alloy_rlp::decode_exact::<U256>(&rlp));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{rlp:02x?}: {ours:?}, {theirs:?}");
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours, theirs);
                valid += 1;
            }
        }
        assert!((3000..17_000).contains(&valid), "{valid}");
    }

    #[test]
    fn accounts_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(12);
        let mut valid = 0;
        for _ in 0..20_000 {
            let account = TrieAccount {
                nonce: rng.random::<u64>() >> rng.random_range(0..64),
                balance: U256::from_limbs(rng.random()).wrapping_shr(rng.random_range(0..=256usize)),
                storage_root: B256::from(rng.random::<[u8; 32]>()),
                code_hash: B256::from(rng.random::<[u8; 32]>()),
            };
            let mut rlp = alloy_rlp::encode(account);
            // Mostly at the lengths.
            let at = match rng.random_range(0..3) {
                0 => rng.random_range(0..4),
                1 => rlp.len() - 33,
                _ => rng.random_range(0..rlp.len()),
            };
            match rng.random_range(0..6) {
                0 => rlp.push(rng.random()),
                1 => _ = rlp.pop(),
                2 => rlp.insert(at, 0),
                3 => rlp[at] = rng.random(),
                4 => rlp[at] ^= 1 << rng.random_range(0..8),
                _ => {}
            }
            let (ours, theirs) = (decode_account(&rlp), alloy_rlp::decode_exact::<TrieAccount>(&rlp));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{rlp:02x?}: {ours:?}, {theirs:?}");
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours, theirs);
                valid += 1;
            }
        }
        assert!((3000..17_000).contains(&valid), "{valid}");
    }
}

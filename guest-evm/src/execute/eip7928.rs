//! EIP-7928: the list of all accounts and slots that a block accesses, with the changes of each.
//!
//! It is recorded from the commits of transactions and system calls alone: what is read but not committed, as in a run
//! that is repeated, is no access. Commits contain all that was loaded, also by frames that failed.
//!
//! Several commits may have one index: all system calls before the transactions have the first, and the withdrawals and
//! all system calls after the transactions the last. A value is in the list with an index if the last commit of the index
//! leaves it different from what it was before the index. Revm's `BalWrites` takes the value before each commit instead,
//! so it loses changes when a later commit of an index only reads, and keeps those that a later commit undoes.
//!
//! The header has the hash of the list's RLP. It is written in order, straight into the hash.

use crate::{platform::Platform, sponge::HashedStream};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, map::U256Map};
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE};
use zeno_types::rlp::{header_length, is_own_encoding};

/// Values of an account or slot in the order of their indices, each index once. Index 0 is before the transactions, 1 is
/// the first of them, and the one after the last transaction's is after them.
#[derive(Clone, Debug)]
pub(crate) struct Changes<T> {
    /// The value before the first change, whose index has no meaning, and then the changes. Each differs from the value
    /// before it. Empty if nothing ever changed.
    values: Vec<(u32, T)>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { values: Vec::new() }
    }
}

impl<T> Changes<T> {
    /// Returns the changes.
    fn list(&self) -> &[(u32, T)] {
        self.values.get(1..).unwrap_or_default()
    }
}

impl<T: PartialEq> Changes<T> {
    /// Notes the value before and after a commit.
    fn note(&mut self, index: u32, before: T, after: T) {
        let is_restored = match &mut self.values[..] {
            [.., (_, earlier), (last, value)] if *last == index => {
                *value = after;
                *value == *earlier
            }
            _ => {
                if before != after {
                    if self.values.is_empty() {
                        self.values.push((0, before));
                    }
                    self.values.push((index, after));
                }
                false
            }
        };
        if is_restored {
            self.values.pop();
        }
    }
}

/// Code, which is compared by its hash.
#[derive(Clone, Debug)]
struct Code {
    hash: B256,
    bytes: Bytes,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

/// Accesses to one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    balances: Changes<U256>,
    nonces: Changes<u64>,
    codes: Changes<Code>,
    /// All slots that were accessed. Those that only were read have no changes.
    slots: U256Map<Changes<U256>>,
}

impl Access {
    /// Notes the balance before and after a commit.
    pub(crate) fn balance(&mut self, index: u32, before: U256, after: U256) {
        self.balances.note(index, before, after);
    }

    /// Notes the nonce before and after a commit.
    pub(crate) fn nonce(&mut self, index: u32, before: u64, after: u64) {
        self.nonces.note(index, before, after);
    }

    /// Notes a code that a commit changed: the hashes before and after it, and the code after it.
    pub(crate) fn code(&mut self, index: u32, before: B256, after: B256, bytes: Bytes) {
        let before = Code { hash: before, bytes: Bytes::new() };
        self.codes.note(index, before, Code { hash: after, bytes });
    }

    /// Notes an access to a slot, and its value before and after the commit.
    pub(crate) fn slot(&mut self, index: u32, slot: U256, before: U256, after: U256) {
        self.slots.entry(slot).or_default().note(index, before, after);
    }
}

/// Block access list.
#[derive(Clone, Debug, Default)]
pub struct AccessList(Vec<(Address, Box<Access>)>);

/// The parts of a block access list to which rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessListDigest {
    /// Number of addresses and slots.
    pub items: u64,
    /// keccak256 of the list's RLP.
    pub hash: B256,
}

impl AccessList {
    /// Makes the list of accounts that are in any order.
    pub(crate) fn new(mut accounts: Vec<(Address, Box<Access>)>) -> Self {
        accounts.sort_unstable_by_key(|(address, _)| *address);
        Self(accounts)
    }

    /// Counts and hashes the list.
    #[inline(never)]
    pub(crate) fn digest<P: Platform>(&self) -> AccessListDigest {
        let accounts =
            self.0.iter().map(|(address, access)| Account::new(address, access)).collect::<Vec<_>>();
        let items = accounts.iter().map(|account| 1 + account.slots.len() as u64).sum();
        let mut rlp = Rlp::<P>(HashedStream::new());
        rlp.header(EMPTY_LIST_CODE, accounts.iter().map(|account| with_header(account.payload)).sum());
        for account in &accounts {
            account.write(&mut rlp);
        }
        AccessListDigest { items, hash: rlp.0.finish() }
    }
}

/// Account of the list, with its slots in order.
struct Account<'a> {
    address: &'a Address,
    access: &'a Access,
    slots: Vec<(&'a U256, &'a Changes<U256>)>,
    /// Length of the payloads of the five lists, in bytes.
    lists: [usize; 5],
    /// Length of the payload of the account, in bytes.
    payload: usize,
}

impl<'a> Account<'a> {
    fn new(address: &'a Address, access: &'a Access) -> Self {
        let mut slots = access.slots.iter().collect::<Vec<_>>();
        slots.sort_unstable_by_key(|(slot, _)| **slot);
        let mut account = Self { address, access, slots, lists: [0; 5], payload: 0 };
        // All sums of lengths fit, because everything that is encoded takes more memory than its encoding has bytes. Codes
        // with one hash share their bytes here, but the state has each code that was deployed in its account, too, as a
        // copy of its own.
        account.lists = [
            account.written().map(|(slot, changes)| with_header(slot_payload(slot, changes))).sum(),
            account.read().map(Item::length).sum(),
            changes_payload(&access.balances),
            changes_payload(&access.nonces),
            changes_payload(&access.codes),
        ];
        account.payload = 1 + ADDRESS + account.lists.into_iter().map(with_header).sum::<usize>();
        account
    }

    /// Slots with changes.
    fn written(&self) -> impl Iterator<Item = (&'a U256, &'a Changes<U256>)> {
        self.slots.iter().copied().filter(|(_, changes)| !changes.list().is_empty())
    }

    /// Slots without changes.
    fn read(&self) -> impl Iterator<Item = &'a U256> {
        self.slots.iter().filter(|(_, changes)| changes.list().is_empty()).map(|(slot, _)| *slot)
    }

    fn write<P: Platform>(&self, rlp: &mut Rlp<P>) {
        let [written, read, balances, nonces, codes] = self.lists;
        rlp.header(EMPTY_LIST_CODE, self.payload);
        rlp.header(EMPTY_STRING_CODE, ADDRESS);
        rlp.0.put(self.address.as_slice());
        rlp.header(EMPTY_LIST_CODE, written);
        for (slot, changes) in self.written() {
            rlp.header(EMPTY_LIST_CODE, slot_payload(slot, changes));
            slot.write(rlp);
            rlp.changes(changes_payload(changes), changes);
        }
        rlp.header(EMPTY_LIST_CODE, read);
        for slot in self.read() {
            slot.write(rlp);
        }
        rlp.changes(balances, &self.access.balances);
        rlp.changes(nonces, &self.access.nonces);
        rlp.changes(codes, &self.access.codes);
    }
}

/// Length of an address, in bytes.
const ADDRESS: usize = 20;

/// Length of an item that has a header, in bytes. `payload` is that of its payload.
fn with_header(payload: usize) -> usize {
    header_length(payload) + payload
}

/// Length of the payload of a slot with its changes, in bytes.
fn slot_payload(slot: &U256, changes: &Changes<U256>) -> usize {
    slot.length() + with_header(changes_payload(changes))
}

/// Length of the payload of a list of changes, in bytes.
fn changes_payload<T: Item>(changes: &Changes<T>) -> usize {
    changes.list().iter().map(|(index, value)| with_header(index.length() + value.length())).sum()
}

/// RLP that is hashed as it is written.
struct Rlp<P: Platform>(HashedStream<P::Sponge>);

impl<P: Platform> Rlp<P> {
    /// Writes the header of a string or list; `code` is that of the empty one.
    fn header(&mut self, code: u8, payload: usize) {
        if payload < 56 {
            return self.0.byte(code + payload as u8);
        }
        let bytes = header_length(payload) - 1;
        self.0.byte(code + 55 + bytes as u8);
        for index in (0..bytes).rev() {
            self.0.byte((payload >> (8 * index)) as u8);
        }
    }

    /// Writes a list of changes, with the length of its payload in bytes.
    fn changes<T: Item>(&mut self, payload: usize, changes: &Changes<T>) {
        self.header(EMPTY_LIST_CODE, payload);
        for (index, value) in changes.list() {
            self.header(EMPTY_LIST_CODE, index.length() + value.length());
            index.write(self);
            value.write(self);
        }
    }

    /// Writes a number by its bytes, big-endian and without zeros before them.
    fn number(&mut self, bytes: &[u8]) {
        match bytes {
            [byte @ 1..EMPTY_STRING_CODE] => self.0.byte(*byte),
            bytes => {
                self.0.byte(EMPTY_STRING_CODE + bytes.len() as u8);
                self.0.put(bytes);
            }
        }
    }
}

/// Item of RLP that is no list.
trait Item {
    /// Length with its header, in bytes.
    fn length(&self) -> usize;
    fn write<P: Platform>(&self, rlp: &mut Rlp<P>);
}

/// Length of a number without zeros before it, in bytes.
#[inline(always)]
fn significant(number: u64) -> usize {
    8 - number.leading_zeros() as usize / 8
}

impl Item for u64 {
    fn length(&self) -> usize {
        if *self < u64::from(EMPTY_STRING_CODE) { 1 } else { 1 + significant(*self) }
    }

    fn write<P: Platform>(&self, rlp: &mut Rlp<P>) {
        rlp.number(&self.to_be_bytes()[8 - significant(*self)..]);
    }
}

impl Item for u32 {
    fn length(&self) -> usize {
        u64::from(*self).length()
    }

    fn write<P: Platform>(&self, rlp: &mut Rlp<P>) {
        u64::from(*self).write(rlp);
    }
}

impl Item for U256 {
    fn length(&self) -> usize {
        match self.as_limbs() {
            [low, 0, 0, 0] => low.length(),
            [_, limb, 0, 0] => 9 + significant(*limb),
            [_, _, limb, 0] => 17 + significant(*limb),
            [_, _, _, limb] => 25 + significant(*limb),
        }
    }

    fn write<P: Platform>(&self, rlp: &mut Rlp<P>) {
        if let [low, 0, 0, 0] = self.as_limbs() {
            return low.write(rlp);
        }
        let mut bytes = [0; 32];
        P::reverse(&self.to_le_bytes(), &mut bytes);
        rlp.number(&bytes[33 - self.length()..]);
    }
}

impl Item for Bytes {
    fn length(&self) -> usize {
        if is_own_encoding(self) { 1 } else { with_header(self.len()) }
    }

    fn write<P: Platform>(&self, rlp: &mut Rlp<P>) {
        if !is_own_encoding(self) {
            rlp.header(EMPTY_STRING_CODE, self.len());
        }
        rlp.0.put(self);
    }
}

impl Item for Code {
    fn length(&self) -> usize {
        self.bytes.length()
    }

    fn write<P: Platform>(&self, rlp: &mut Rlp<P>) {
        self.bytes.write(rlp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block::{Block, Transaction},
        bytecode::jump_recorder::JumpRecorder,
        execute::{
            evm::Memory,
            execute, execute_with,
            test_block::{self, BENEFICIARY, Content, SENDER},
        },
        state::{State, StateError, WitnessState},
        word::Portable,
    };
    use alloy_consensus::{Header, SignableTransaction, TxEip7702};
    use alloy_eips::{
        eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
        eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE, SYSTEM_ADDRESS},
        eip4895::{Withdrawal, Withdrawals},
        eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
        eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
        eip7702::{Authorization, SignedAuthorization},
        eip7928::{
            AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges,
            StorageChange, compute_block_access_list_hash, total_bal_items,
        },
        eip8282::{
            BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_DEPOSIT_CONTRACT_CODE, BUILDER_EXIT_CONTRACT_ADDRESS,
            BUILDER_EXIT_CONTRACT_CODE,
        },
    };
    use alloy_primitives::{Signature, TxKind, hex, keccak256, map::AddressMap, uint};
    use alloy_trie::EMPTY_ROOT_HASH;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::{
        Database, DatabaseCommit,
        bytecode::opcode,
        database_interface::bal::BalState,
        state::{Account as Change, AccountInfo, Bytecode, EvmStorageSlot, TransactionId},
    };
    use zeno_trie::Preimages;
    use zeno_types::chain::Fork;

    /// The list in alloy's types.
    fn alloy(list: &AccessList) -> Vec<AccountChanges> {
        fn changes<T, U>(changes: &Changes<T>, new: fn(BlockAccessIndex, T) -> U) -> Vec<U>
        where
            T: Clone,
        {
            let change =
                |(index, value): &(u32, T)| new(BlockAccessIndex::new((*index).into()), value.clone());
            changes.list().iter().map(change).collect()
        }
        let account = |(address, access): &(Address, Box<Access>)| {
            let account = Account::new(address, access);
            AccountChanges {
                address: *address,
                storage_changes: account
                    .written()
                    .map(|(slot, writes)| SlotChanges::new(*slot, changes(writes, StorageChange::new)))
                    .collect(),
                storage_reads: account.read().copied().collect(),
                balance_changes: changes(&access.balances, BalanceChange::new),
                nonce_changes: changes(&access.nonces, NonceChange::new),
                code_changes: changes(&access.codes, |index, code| CodeChange::new(index, code.bytes)),
            }
        };
        list.0.iter().map(account).collect()
    }

    /// Compares the digest with that of alloy's types.
    fn check_digest(list: &AccessList) {
        let alloy = alloy(list);
        let digest = list.digest::<Portable>();
        assert_eq!(digest.hash, compute_block_access_list_hash(&alloy));
        assert_eq!(digest.items, total_bal_items(&alloy));
    }

    /// Number with any number of bits.
    fn number(rng: &mut StdRng) -> U256 {
        U256::from_limbs(rng.random()).wrapping_shr(rng.random_range(0..=256))
    }

    /// Some changes with indices that never are the same.
    fn changes<T>(rng: &mut StdRng, most: usize, value: impl Fn(&mut StdRng) -> T) -> Changes<T> {
        let mut index = 0;
        let count = rng.random_range(0..=most);
        let change = |_| {
            let most = [1, 200, 70_000][rng.random_range(0..3)];
            index += rng.random_range(1..=most);
            (index, value(rng))
        };
        // With the value before them.
        Changes { values: (0..count + 1).map(change).collect() }
    }

    #[test]
    fn the_encoding_is_that_of_alloy() {
        let mut rng = StdRng::seed_from_u64(14);
        check_digest(&AccessList::default());
        for round in 0..300 {
            let accounts = (0..rng.random_range(0..12)).map(|_| {
                let most = [0, 3, 40][rng.random_range(0..3)];
                let slots = (0..rng.random_range(0..=most)).map(|_| {
                    let most = rng.random_range(0..3);
                    (number(&mut rng), changes(&mut rng, most, number))
                });
                let slots = slots.collect();
                let lengths = [0, 1, 1, 23, 54, 55, 56, 255, 256, 70_000];
                let access = Access {
                    balances: changes(&mut rng, most, number),
                    nonces: changes(&mut rng, most, |rng| number(rng).as_limbs()[0]),
                    codes: changes(&mut rng, most / 3, |rng| {
                        let length = lengths[rng.random_range(0..lengths.len())];
                        let bytes =
                            (0..length).map(|_| rng.random::<u8>() >> rng.random_range(0..8)).collect();
                        Code { hash: B256::ZERO, bytes }
                    }),
                    slots,
                };
                (Address::from(rng.random::<[u8; 20]>()), Box::new(access))
            });
            check_digest(&AccessList::new(accounts.collect()));
            // An index of four bytes.
            let mut access = Access::default();
            access.nonce(u32::MAX - round, 6, 7);
            check_digest(&AccessList::new(Vec::from([(Address::repeat_byte(1), Box::new(access))])));
        }
    }

    /// Lengths at which the form of a number or header changes.
    #[test]
    fn numbers_are_those_of_alloy() {
        for bits in 0..=256_usize {
            for value in [(U256::ONE << bits) - U256::ONE, U256::ONE << bits, (U256::ONE << bits) + U256::ONE]
            {
                let mut rlp = Rlp::<Portable>(HashedStream::new());
                value.write(&mut rlp);
                let expected = alloy_rlp::encode(value);
                assert_eq!(
                    (value.length(), rlp.0.finish()),
                    (expected.len(), keccak256(expected)),
                    "{value}"
                );
                let [low, ..] = *value.as_limbs();
                for value in [low, low as u32 as u64] {
                    let expected = alloy_rlp::encode(value);
                    let mut rlp = Rlp::<Portable>(HashedStream::new());
                    value.write(&mut rlp);
                    assert_eq!((value.length(), rlp.0.finish()), (expected.len(), keccak256(expected)));
                }
            }
        }
    }

    /// Recorder under test, with revm's beside it, and the state as transactions find it.
    struct World {
        state: WitnessState,
        revm: BalState,
        accounts: AddressMap<AccountInfo>,
        slots: AddressMap<U256Map<U256>>,
    }

    impl World {
        /// Empty state, whose changes are not recorded yet.
        fn new() -> Self {
            let parent = Header { state_root: EMPTY_ROOT_HASH, ..Header::default() };
            let [nodes, codes, headers] = [(); 3].map(|()| Preimages::default());
            Self {
                state: WitnessState::new(&parent, B256::ZERO, nodes, codes, headers),
                revm: BalState::new(),
                accounts: AddressMap::default(),
                slots: AddressMap::default(),
            }
        }

        /// Begins the commits of an index.
        fn begin(&mut self, index: u32) {
            self.state.record_accesses(index);
            if self.revm.bal_builder.is_none() {
                self.revm.bal_builder = Some(Default::default());
            }
            self.revm.bal_index = BlockAccessIndex::new(index.into());
        }

        /// Loads an account, as revm's journal does.
        fn load(&self, address: Address) -> Change {
            match self.accounts.get(&address) {
                Some(info) => Change::from(info.clone()),
                None => Change::new_not_existing(TransactionId::ZERO),
            }
        }

        /// Loads a slot of an account. Those of an account that was created before are zero.
        fn slot(&self, change: &mut Change, address: Address, slot: U256) -> U256 {
            let value = self.slots.get(&address).and_then(|slots| slots.get(&slot)).copied();
            let value = if change.is_created() { U256::ZERO } else { value.unwrap_or_default() };
            let loaded = || EvmStorageSlot::new(value, TransactionId::ZERO);
            change.storage.entry(slot).or_insert_with(loaded).present_value
        }

        /// Loads a slot and writes to it.
        fn set(&self, change: &mut Change, address: Address, slot: U256, value: U256) {
            self.slot(change, address, slot);
            change.storage.get_mut(&slot).unwrap().present_value = value;
            change.mark_touch();
        }

        fn commit(&mut self, changes: AddressMap<Change>) {
            self.revm.commit(&changes);
            for (address, change) in changes.iter().filter(|(_, change)| change.is_touched()) {
                if change.is_selfdestructed() || change.info.is_empty() {
                    self.accounts.remove(address);
                    self.slots.remove(address);
                    continue;
                }
                if change.is_created() {
                    self.slots.remove(address);
                }
                self.accounts.insert(*address, change.info.clone());
                let slots = self.slots.entry(*address).or_default();
                slots.extend(change.storage.iter().map(|(slot, value)| (*slot, value.present_value)));
            }
            self.state.commit(changes);
        }

        /// Returns our list and revm's.
        fn finish(&mut self) -> (Vec<AccountChanges>, Vec<AccountChanges>) {
            assert_eq!(self.state.take_error(), None);
            let ours = self.state.take_access_list();
            check_digest(&ours);
            let mut theirs = self.revm.take_built_alloy_bal().unwrap();
            theirs.sort_unstable_by_key(|account| account.address);
            (alloy(&ours), theirs)
        }
    }

    /// Commit of a transaction or system call: accounts that it read, changed, created, destroyed.
    fn random_commit(world: &World, rng: &mut StdRng) -> AddressMap<Change> {
        let mut changes = AddressMap::default();
        for _ in 0..rng.random_range(0..8) {
            let address = Address::with_last_byte(rng.random_range(0..12));
            let mut change = world.load(address);
            let slot = |rng: &mut StdRng| U256::from(rng.random_range(0..5));
            let is_new = change.info.nonce == 0 && change.info.is_empty_code_hash();
            if is_new && rng.random_bool(0.3) {
                change.mark_created_locally();
                change.mark_touch();
                change.info.nonce = 1;
            }
            // Contracts access their storage, and others can't.
            if change.is_created() || !change.info.is_empty_code_hash() {
                for _ in 0..rng.random_range(0..4) {
                    let slot = slot(rng);
                    if rng.random() {
                        world.slot(&mut change, address, slot);
                    } else {
                        world.set(&mut change, address, slot, U256::from(rng.random_range(0..3)));
                    }
                }
            }
            if change.is_created() && rng.random() {
                let code = Bytecode::new_legacy(Bytes::from(Vec::from([rng.random_range(0..9), 0])));
                change.info.code_hash = code.hash_slow();
                change.info.code = Some(code);
            }
            if rng.random_bool(0.3) {
                change.mark_touch();
                change.info.nonce += rng.random_range(0..2);
                change.info.balance = U256::from(rng.random_range(0..3));
            }
            if change.is_created() && rng.random_bool(0.4) {
                if rng.random() {
                    change.info.balance = U256::ZERO;
                    change.mark_selfdestructed_locally();
                } else {
                    // EIP-8246: the balance remains, and revm clears all else in place.
                    change.info.balance = U256::ONE;
                    change.info.nonce = 0;
                    change.info.code_hash = AccountInfo::default().code_hash;
                    change.info.code = Some(Bytecode::default());
                    change.storage.values_mut().for_each(|value| value.present_value = U256::ZERO);
                }
            }
            changes.insert(address, change);
        }
        changes
    }

    /// With one commit for each index, revm's builder is right.
    #[test]
    fn the_list_is_that_of_revm() {
        let mut rng = StdRng::seed_from_u64(15);
        let mut counts = [0; 5];
        for _ in 0..2000 {
            let mut world = World::new();
            for index in 0..12 {
                // The state before the block comes from commits that are not recorded.
                if index >= 4 {
                    world.begin(index - 4);
                }
                let changes = random_commit(&world, &mut rng);
                world.commit(changes);
            }
            let (ours, theirs) = world.finish();
            assert_eq!(ours, theirs);
            for account in ours {
                for (count, length) in counts.iter_mut().zip([
                    account.storage_changes.len(),
                    account.storage_reads.len(),
                    account.balance_changes.len(),
                    account.nonce_changes.len(),
                    account.code_changes.len(),
                ]) {
                    *count += length;
                }
            }
            // Nothing is left for the next block.
            world.begin(0);
            assert_eq!(world.finish(), Default::default());
        }
        assert!(counts.iter().all(|count| *count > 1000), "{counts:?}");
    }

    const CONTRACT: Address = Address::repeat_byte(7);

    /// Contract with a balance of 10, whose slots 1 and 2 are 5.
    fn world_with_contract() -> World {
        let mut world = World::new();
        let code = Bytecode::new_legacy(Bytes::from_static(&[0]));
        let mut contract = world.load(CONTRACT);
        contract.info = AccountInfo { balance: U256::from(10), nonce: 1, ..AccountInfo::from_bytecode(code) };
        contract.mark_created_locally();
        for slot in [1, 2] {
            world.set(&mut contract, CONTRACT, U256::from(slot), U256::from(5));
        }
        world.commit(AddressMap::from_iter([(CONTRACT, contract)]));
        world
    }

    /// Commits one change of the contract.
    fn commit(world: &mut World, change: impl FnOnce(&World, &mut Change)) {
        let mut contract = world.load(CONTRACT);
        change(world, &mut contract);
        world.commit(AddressMap::from_iter([(CONTRACT, contract)]));
    }

    fn list(slots: &[(u64, u64)], reads: &[u64], balances: &[(u64, u64)]) -> Vec<AccountChanges> {
        let index = BlockAccessIndex::new;
        let mut account = AccountChanges::new(CONTRACT);
        account.storage_reads = reads.iter().copied().map(U256::from).collect();
        account.balance_changes =
            balances.iter().map(|(at, value)| BalanceChange::new(index(*at), U256::from(*value))).collect();
        for (slot, value) in slots {
            let change = StorageChange::new(index(3), U256::from(*value));
            account.storage_changes.push(SlotChanges::new(U256::from(*slot), Vec::from([change])));
        }
        Vec::from([account])
    }

    /// Several system calls have one index. A later one that only reads what an earlier one wrote is where revm
    /// loses the change.
    #[test]
    fn a_later_read_of_the_same_index_keeps_the_change() {
        let (one, two, nine) = (U256::from(1), U256::from(2), U256::from(9));
        let mut world = world_with_contract();
        world.begin(3);
        commit(&mut world, |world, contract| world.set(contract, CONTRACT, one, nine));
        commit(&mut world, |world, contract| {
            assert_eq!(world.slot(contract, CONTRACT, one), nine);
            world.set(contract, CONTRACT, two, nine);
        });
        let (ours, theirs) = world.finish();
        assert_eq!(ours, list(&[(1, 9), (2, 9)], &[], &[]));
        assert_eq!(theirs, list(&[(2, 9)], &[1], &[]), "revm loses the change: has it been mended?");
    }

    /// A withdrawal of nothing to an account to which a system call paid.
    #[test]
    fn a_withdrawal_of_nothing_keeps_the_change() {
        let mut world = world_with_contract();
        world.begin(3);
        commit(&mut world, |_, contract| {
            contract.info.balance = U256::from(8);
            contract.mark_touch();
        });
        commit(&mut world, |_, contract| contract.mark_touch());
        let (ours, theirs) = world.finish();
        assert_eq!(ours, list(&[], &[], &[(3, 8)]));
        assert_eq!(theirs, list(&[], &[], &[]), "revm loses the change: has it been mended?");
    }

    /// Commits of one index change values and restore them: then they were only read. Those of two indices change them
    /// twice.
    #[test]
    fn a_value_that_its_index_restores_is_no_change() {
        for (second, expected) in [(3, 0), (4, 2)] {
            let mut world = world_with_contract();
            let original = world.load(CONTRACT).info;
            let code = Bytecode::new_legacy(Bytes::from_static(&[1]));
            let other = AccountInfo { balance: U256::from(14), nonce: 5, ..AccountInfo::from_bytecode(code) };
            for (index, info, value) in [(3, other, 9), (second, original, 5)] {
                world.begin(index);
                commit(&mut world, |world, contract| {
                    world.set(contract, CONTRACT, U256::from(1), U256::from(value));
                    contract.info = info;
                });
            }
            let (ours, _) = world.finish();
            let [account] = &ours[..] else { panic!("{ours:?}") };
            let counts = [
                account.storage_changes.first().map_or(0, |slot| slot.changes.len()),
                account.balance_changes.len(),
                account.nonce_changes.len(),
                account.code_changes.len(),
            ];
            assert_eq!(counts, [expected; 4], "{account:?}");
            let reads = if expected == 0 { &[U256::ONE][..] } else { &[] };
            assert_eq!(account.storage_reads, reads);
        }
    }

    /// A value that an index restores may change again, in the same index and later.
    #[test]
    fn a_restored_value_changes_again() {
        let mut world = world_with_contract();
        for (index, balances) in
            [(1, &[11, 10, 12][..]), (2, &[10]), (3, &[9, 10]), (5, &[11, 10, 12, 10]), (6, &[7])]
        {
            world.begin(index);
            for balance in balances {
                commit(&mut world, |_, contract| {
                    contract.info.balance = U256::from(*balance);
                    contract.mark_touch();
                });
            }
        }
        let (ours, _) = world.finish();
        assert_eq!(ours, list(&[], &[], &[(1, 12), (2, 10), (6, 7)]));
    }

    /// Values of the next index are compared with the last ones of the index before.
    #[test]
    fn each_index_has_its_last_value() {
        let mut world = world_with_contract();
        for (index, balances) in [(0, &[11, 12][..]), (1, &[12]), (2, &[13, 11, 14]), (4, &[10])] {
            world.begin(index);
            for balance in balances {
                commit(&mut world, |_, contract| {
                    contract.info.balance = U256::from(*balance);
                    contract.mark_touch();
                });
            }
        }
        let (ours, _) = world.finish();
        assert_eq!(ours, list(&[], &[], &[(0, 12), (2, 14), (4, 10)]));
    }

    /// Reads outlast the wiping of the storage.
    #[test]
    fn accesses_to_a_destroyed_account_stay() {
        let created = Address::repeat_byte(8);
        let mut world = World::new();
        world.begin(1);
        let mut account = world.load(created);
        account.mark_created_locally();
        account.info.nonce = 1;
        world.slot(&mut account, created, U256::from(1));
        world.set(&mut account, created, U256::from(2), U256::from(7));
        account.mark_selfdestructed_locally();
        world.commit(AddressMap::from_iter([(created, account)]));
        // It receives ether later.
        world.begin(2);
        let mut account = world.load(created);
        account.info.balance = U256::from(3);
        account.mark_touch();
        world.commit(AddressMap::from_iter([(created, account)]));
        let (ours, theirs) = world.finish();
        let mut expected = AccountChanges::new(created);
        expected.storage_reads = Vec::from([U256::from(1), U256::from(2)]);
        expected.balance_changes.push(BalanceChange::new(BlockAccessIndex::new(2), U256::from(3)));
        assert_eq!(ours, [expected]);
        assert_eq!(ours, theirs);
    }

    /// Commits before the recording are no accesses.
    #[test]
    fn what_is_not_recorded_is_not_in_the_list() {
        let mut world = world_with_contract();
        world.begin(0);
        assert_eq!(world.finish(), Default::default());
        commit(&mut world, |_, contract| contract.mark_touch());
        world.begin(0);
        assert_eq!(world.finish(), Default::default());
    }

    /// State under test, whose commits revm's recorder sees as well.
    #[derive(Debug)]
    struct Both {
        state: WitnessState,
        revm: BalState,
        list: AccessList,
    }

    impl State for Both {
        fn take_error(&mut self) -> Option<StateError> {
            State::take_error(&mut self.state)
        }

        fn keep_error(&mut self, error: StateError) {
            State::keep_error(&mut self.state, error);
        }

        fn storage_only(&self) -> &[Address] {
            self.state.storage_only()
        }

        fn record_accesses(&mut self, index: u32) {
            self.state.record_accesses(index);
            self.revm.bal_index = BlockAccessIndex::new(index.into());
        }

        fn take_access_list(&mut self) -> AccessList {
            self.list = self.state.take_access_list();
            self.list.clone()
        }
    }

    impl Database for Both {
        type Error = Box<StateError>;

        fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Box<StateError>> {
            self.state.basic(address)
        }

        fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Box<StateError>> {
            self.state.code_by_hash(code_hash)
        }

        fn storage(&mut self, address: Address, index: U256) -> Result<U256, Box<StateError>> {
            self.state.storage(address, index)
        }

        fn block_hash(&mut self, number: u64) -> Result<B256, Box<StateError>> {
            self.state.block_hash(number)
        }
    }

    impl DatabaseCommit for Both {
        fn commit(&mut self, changes: AddressMap<Change>) {
            self.revm.commit(&changes);
            self.state.commit(changes);
        }
    }

    /// Executes a block of Amsterdam. Returns our list and revm's, and the state.
    fn execute_both(
        accounts: &[(Address, Content<'_>)],
        block: &Block,
    ) -> (Vec<AccountChanges>, Vec<AccountChanges>, WitnessState) {
        let state = test_block::state(accounts);
        let mut both = Both { state, revm: BalState::new().with_bal_builder(), list: AccessList::default() };
        let senders = alloc::vec![SENDER; block.body.transactions.len()];
        let outcome = execute(&test_block::chain(Fork::Amsterdam), block, &senders, &mut both).unwrap();
        check_digest(&both.list);
        assert_eq!(outcome.access_list.unwrap(), both.list.digest::<Portable>());
        // Inspected, by revm's instructions alone, it is the same.
        let (mut state, jumps) = (test_block::state(accounts), Some(JumpRecorder::default()));
        let chain = test_block::chain(Fork::Amsterdam);
        let memory = Memory::default();
        let inspected =
            execute_with::<Portable, _>(&chain, block, &senders, &mut state, jumps, &memory).unwrap();
        assert_eq!(inspected.access_list, outcome.access_list);
        assert_eq!((inspected.receipts, inspected.gas_used), (outcome.receipts, outcome.gas_used));
        let mut theirs = both.revm.take_built_alloy_bal().unwrap();
        theirs.sort_unstable_by_key(|account| account.address);
        (alloy(&both.list), theirs, both.state)
    }

    /// Adds an account without changes.
    fn add(list: &mut Vec<AccountChanges>, address: Address) -> &mut AccountChanges {
        list.push(AccountChanges::new(address));
        list.last_mut().unwrap()
    }

    /// A list written by hand from the EIP: reads, writes, a frame that fails, withdrawals of nothing and of
    /// something, and accounts that are accessed but not changed.
    #[test]
    fn the_list_is_that_of_the_eip() {
        let [reader, empty, paid] = [3, 4, 5].map(Address::repeat_byte);
        let contract = Address::repeat_byte(2);
        // SLOAD 1, POP; SSTORE 2 := 7; SSTORE 5 := 9; SSTORE 5 := 0; CALL of the reader, POP.
        let call = [&hex!("5f5f5f5f5f73")[..], reader.as_slice(), &hex!("5af150")].concat();
        let code = [&hex!("60015450600760025560096005555f600555")[..], &call].concat();
        // SLOAD 3, POP; SSTORE 4 := 1; EXTCODESIZE of the empty account, POP; REVERT.
        let failing = [&hex!("60035450600160045573")[..], empty.as_slice(), &hex!("3b505f5ffd")].concat();
        let mut block = test_block::block(60_000_000);
        for nonce in 0..2 {
            let transaction =
                test_block::transaction(nonce, 1_000_000, TxKind::Call(contract), 5, Bytes::new());
            block.body.transactions.push(transaction);
        }
        let withdrawal = |address, amount| Withdrawal { address, amount, ..Withdrawal::default() };
        let withdrawals = [withdrawal(paid, 1), withdrawal(Address::repeat_byte(6), 0), withdrawal(paid, 2)];
        block.body.withdrawals = Some(Withdrawals::new(withdrawals.to_vec()));
        let (ours, theirs, _) = execute_both(&[(contract, Ok(&code)), (reader, Ok(&failing))], &block);

        let index = BlockAccessIndex::new;
        let balance = U256::MAX >> 8;
        let mut expected = Vec::new();
        // System contracts: those without code and those whose code stops are accessed.
        for contract in Fork::Amsterdam.rules().requests {
            add(&mut expected, contract.address());
        }
        add(&mut expected, BEACON_ROOTS_ADDRESS);
        add(&mut expected, HISTORY_STORAGE_ADDRESS);
        let sender = add(&mut expected, SENDER);
        sender.nonce_changes =
            [(1, 1), (2, 2)].map(|(at, nonce)| NonceChange::new(index(at), nonce)).to_vec();
        sender.balance_changes = [(1, 5), (2, 10)]
            .map(|(at, paid)| BalanceChange::new(index(at), balance - U256::from(paid)))
            .to_vec();
        let called = add(&mut expected, contract);
        // The second transaction writes the same value.
        let change = Vec::from([StorageChange::new(index(1), U256::from(7))]);
        called.storage_changes.push(SlotChanges::new(U256::from(2), change));
        called.storage_reads = [1, 5].map(U256::from).to_vec();
        called.balance_changes = [(1, 5), (2, 10)]
            .map(|(at, paid)| BalanceChange::new(index(at), balance + U256::from(paid)))
            .to_vec();
        add(&mut expected, reader).storage_reads = [3, 4].map(U256::from).to_vec();
        add(&mut expected, empty);
        add(&mut expected, paid)
            .balance_changes
            .push(BalanceChange::new(index(3), U256::from(3_000_000_000_u64)));
        add(&mut expected, Address::repeat_byte(6));
        add(&mut expected, BENEFICIARY);
        expected.sort_unstable_by_key(|account| account.address);
        assert_eq!(ours, expected);
        assert_eq!(ours, theirs);
    }

    /// Signs an authorization (EIP-7702). The random number of a signature is 1 here, so `r` is a coordinate of the
    /// generator.
    fn authorize(key: u64, chain_id: u64, address: Address, nonce: u64) -> SignedAuthorization {
        let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let r = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);
        let content = Authorization { chain_id: U256::from(chain_id), address, nonce };
        let hash = U256::from_be_bytes(content.signature_hash().0);
        let s = hash.add_mod(r.mul_mod(U256::from(key), order), order);
        // The generator's other coordinate is even, and only the lower half of the numbers is valid (EIP-2).
        let is_high = s > order >> 1;
        let s = if is_high { order - s } else { s };
        content.into_signed(Signature::new(r, s, is_high))
    }

    /// Address that authorizes with this key.
    fn authority(key: u64) -> Address {
        authorize(key, 0, Address::ZERO, 0).recover_authority().unwrap()
    }

    /// EIP-7702 in the list: authorities are accessed once their authorization is looked at, and delegations are codes.
    #[test]
    fn delegations_are_in_the_list() {
        let [first, second, third, fourth, last] = [1, 2, 3, 4, 5].map(authority);
        let [stopping, storing, other] = [2, 3, 0x55].map(Address::repeat_byte);
        // PUSH1 1, PUSH1 1, SSTORE.
        let code: &[u8] = &hex!("6001600155");
        let mut block = test_block::block(200_000_000);
        for (nonce, (to, gas_limit, authorization_list)) in [
            (
                stopping,
                3_000_000,
                Vec::from([
                    authorize(1, 0, storing, 0),
                    authorize(1, 1, Address::ZERO, 1),
                    authorize(2, 1, storing, 0),
                    // The nonce is another, and then the chain.
                    authorize(3, 0, storing, 5),
                    authorize(4, 2, storing, 0),
                ]),
            ),
            (second, 3_000_000, Vec::from([authorize(4, 2, storing, 0)])),
            (stopping, 3_000_000, Vec::from([authorize(2, 0, stopping, 1)])),
            // The gas is enough for the first authorization alone. What the second one read stays in the list, and the
            // recipient is not loaded.
            (
                other,
                12_000 + 3000 + 2 * 7816 + 9000 + 35_190,
                Vec::from([authorize(2, 0, storing, 2), authorize(5, 0, storing, 0)]),
            ),
            (stopping, 3_000_000, Vec::from([authorize(2, 0, Address::ZERO, 2)])),
        ]
        .into_iter()
        .enumerate()
        {
            let nonce = nonce as u64;
            let content =
                TxEip7702 { chain_id: 1, nonce, gas_limit, to, authorization_list, ..TxEip7702::default() };
            let signed = content.into_signed(Signature::new(U256::ONE, U256::ONE, false));
            block.body.transactions.push(Transaction::Eip7702(signed));
        }
        let (ours, theirs, _) = execute_both(&[(stopping, Ok(&[0])), (storing, Ok(code))], &block);
        assert_eq!(ours, theirs);
        let find = |address: Address| ours.iter().find(|account| account.address == address);
        let index = BlockAccessIndex::new;
        let nonces = |list: &[(u64, u64)]| {
            list.iter().map(|(at, nonce)| NonceChange::new(index(*at), *nonce)).collect::<Vec<_>>()
        };
        let restored = find(first).unwrap();
        assert_eq!(restored.nonce_changes, nonces(&[(1, 2)]));
        assert!(restored.code_changes.is_empty());
        let delegated = find(second).unwrap();
        assert_eq!(delegated.nonce_changes, nonces(&[(1, 1), (3, 2), (5, 3)]));
        let delegation = |to: Address| Bytes::from([&hex!("ef0100")[..], to.as_slice()].concat());
        let codes = [(1, delegation(storing)), (3, delegation(stopping)), (5, Bytes::new())];
        assert_eq!(delegated.code_changes, codes.map(|(at, code)| CodeChange::new(index(at), code)));
        assert_eq!(delegated.storage_changes.len(), 1);
        assert!(find(storing).is_some());
        for read in [third, last] {
            assert_eq!(find(read), Some(&AccountChanges::new(read)));
        }
        assert!(find(fourth).is_none() && find(other).is_none());
    }

    /// Address of one of the accounts of a random block.
    fn random_address(rng: &mut StdRng) -> Address {
        match rng.random_range(0..12) {
            0 => SENDER,
            1 => BENEFICIARY,
            2 => SYSTEM_ADDRESS,
            3 => Fork::Amsterdam.rules().requests[rng.random_range(0..4)].address(),
            4 => Address::with_last_byte(rng.random_range(1..6)),
            _ => Address::repeat_byte(rng.random_range(2..9)),
        }
    }

    /// Code that accesses accounts and slots, calls, creates, destroys and fails.
    fn random_code(rng: &mut StdRng) -> Vec<u8> {
        let mut code = Vec::new();
        for _ in 0..rng.random_range(0..10) {
            let (slot, value) = (rng.random_range(0..4), rng.random_range(0..3));
            let address = random_address(rng);
            let push = [&[opcode::PUSH20], address.as_slice()].concat();
            let gas =
                if rng.random() { [opcode::GAS].to_vec() } else { [opcode::PUSH2, value, slot].to_vec() };
            let zeros = [opcode::PUSH0; 4];
            match rng.random_range(0..20) {
                0..5 => code.extend([opcode::PUSH1, value, opcode::PUSH1, slot, opcode::SSTORE]),
                5..8 => code.extend([opcode::PUSH1, slot, opcode::SLOAD, opcode::POP]),
                8..10 => {
                    let access = [opcode::BALANCE, opcode::EXTCODESIZE, opcode::EXTCODEHASH];
                    code.extend([&push[..], &[access[rng.random_range(0..3)], opcode::POP]].concat());
                }
                10..14 => {
                    let value = [opcode::PUSH1, value / 2];
                    code.extend([&zeros[..], &value, &push, &gas, &[opcode::CALL, opcode::POP]].concat());
                }
                14 => code.extend([&zeros[..], &push, &gas, &[opcode::DELEGATECALL, opcode::POP]].concat()),
                15 => code.extend([&zeros[..], &push, &gas, &[opcode::STATICCALL, opcode::POP]].concat()),
                16..18 => {
                    let init: &[u8] = match rng.random_range(0..5) {
                        // SSTORE 1 := 1; SELFDESTRUCT to the caller, to itself.
                        0 => &hex!("600160015533ff"),
                        1 => &hex!("600160015530ff"),
                        // SLOAD 2, POP; RETURN of a byte, or REVERT.
                        2 => &hex!("6002545060015ff3"),
                        3 => &hex!("600254505f5ffd"),
                        _ => &[],
                    };
                    let mut word = init.to_vec();
                    word.resize(32, 0);
                    let store = [&[opcode::PUSH32][..], &word, &[opcode::PUSH0, opcode::MSTORE]].concat();
                    let length = [opcode::PUSH1, init.len() as u8, opcode::PUSH0, opcode::PUSH1, value / 2];
                    code.extend([&store[..], &length, &[opcode::CREATE, opcode::POP]].concat());
                }
                18 if rng.random_bool(0.3) => code.extend([&push[..], &[opcode::SELFDESTRUCT]].concat()),
                _ if rng.random_bool(0.2) => code.extend([opcode::PUSH0, opcode::PUSH0, opcode::REVERT]),
                _ => {}
            }
        }
        code
    }

    /// Blocks of transactions and withdrawals over the real system contracts. Revm's builder is right there, because no
    /// commit of an index touches what an earlier one of the index changed.
    #[test]
    fn lists_of_blocks_are_those_of_revm() {
        let mut rng = StdRng::seed_from_u64(16);
        let mut counts = [0; 6];
        for _ in 0..1000 {
            let codes = (2..9).map(|_| random_code(&mut rng)).collect::<Vec<_>>();
            let mut accounts = Vec::from([
                (HISTORY_STORAGE_ADDRESS, Ok(&HISTORY_STORAGE_CODE[..])),
                (BEACON_ROOTS_ADDRESS, Ok(&BEACON_ROOTS_CODE[..])),
                (BUILDER_DEPOSIT_CONTRACT_ADDRESS, Ok(&BUILDER_DEPOSIT_CONTRACT_CODE[..])),
                (BUILDER_EXIT_CONTRACT_ADDRESS, Ok(&BUILDER_EXIT_CONTRACT_CODE[..])),
                (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, Ok(&WITHDRAWAL_REQUEST_PREDEPLOY_CODE[..])),
                (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, Ok(&CONSOLIDATION_REQUEST_PREDEPLOY_CODE[..])),
            ]);
            let addresses = (2..9).map(Address::repeat_byte);
            accounts.extend(addresses.zip(&codes).map(|(address, code)| (address, Ok(&code[..]))));
            let mut block = test_block::block(200_000_000);
            let count = rng.random_range(0..6);
            for nonce in 0..count {
                let (to, input) = match rng.random_range(0..5) {
                    0 => (TxKind::Create, random_code(&mut rng)),
                    _ => (TxKind::Call(random_address(&mut rng)), Vec::new()),
                };
                let gas = rng.random_range(300_000..12_000_000);
                let value = rng.random_range(0..2);
                let transaction = test_block::transaction(nonce, gas, to, value, input.into());
                block.body.transactions.push(transaction);
            }
            // Not to the contracts that are called after them: revm would lose the change.
            let requests = Fork::Amsterdam.rules().requests.iter().map(|contract| contract.address());
            let requests = requests.collect::<Vec<_>>();
            let mut payee = || loop {
                let address = random_address(&mut rng);
                if !requests.contains(&address) {
                    break address;
                }
            };
            let payees = (0..3).map(|_| payee()).collect::<Vec<_>>();
            let withdrawals = payees.into_iter().take(rng.random_range(0..4)).map(|address| Withdrawal {
                address,
                amount: rng.random_range(0..2),
                ..Withdrawal::default()
            });
            block.body.withdrawals = Some(Withdrawals::new(withdrawals.collect()));
            let (ours, theirs, mut state) = execute_both(&accounts, &block);
            assert_eq!(ours, theirs);
            for account in ours {
                // The last change of each value is the state after the block.
                let info = state.basic(account.address).unwrap().unwrap_or_default();
                assert!(account.nonce_post_state().is_none_or(|nonce| nonce == info.nonce));
                assert!(account.balance_post_state().is_none_or(|balance| balance == info.balance));
                assert!(account.code_hash_post_state().is_none_or(|hash| hash == info.code_hash));
                for (slot, value) in account.storage_post_states() {
                    assert_eq!(state.storage(account.address, slot).unwrap(), value);
                }
                for slot in &account.storage_reads {
                    let value = state.storage(account.address, *slot).unwrap();
                    // Only deployed contracts have storage before the block, and all of it is zero.
                    assert_eq!(value, U256::ZERO);
                }
                for (count, length) in counts.iter_mut().zip([
                    1,
                    account.storage_changes.len(),
                    account.storage_reads.len(),
                    account.balance_changes.len(),
                    account.nonce_changes.len(),
                    account.code_changes.len(),
                ]) {
                    *count += length;
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    }
}

//! EIP-7928: the list of all accounts and slots that a block accesses, with the changes of each.
//!
//! It is recorded from the commits of transactions and system calls alone: what is read but not committed, as in a run
//! that is repeated, is no access. Commits contain all that was loaded, also by frames that failed.
//!
//! Several commits may have one index: all system calls before the transactions have the first, and all those after
//! them, with the withdrawals, the last. As in the execution specifications (`update_builder_from_tx`), each commit is
//! compared with the state just before it, and the last value of an index that differs stays in the list. Revm's
//! `BalWrites` compares with the state before the index, and loses changes when a later commit of that index only reads.
//!
//! The header has the hash of the list's RLP. It is written in order, straight into the hash.

use crate::{platform::Platform, sponge::HashedStream};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, map::U256Map};
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE};
use zeno_types::rlp::{header_length, is_own_encoding};

/// Values in the order of their indices, each index once. Index 0 is before the transactions, 1 is the first of them,
/// and the one after the last transaction's is after them.
type Changes<T> = Vec<(u32, T)>;

/// Accesses to one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    balances: Changes<U256>,
    nonces: Changes<u64>,
    codes: Changes<Bytes>,
    /// All slots that were accessed. Those that only were read have no changes.
    slots: U256Map<Changes<U256>>,
}

impl Access {
    /// Notes the balance before and after a commit.
    pub(crate) fn balance(&mut self, index: u32, before: U256, after: U256) {
        note(&mut self.balances, index, &before, after);
    }

    /// Notes the nonce before and after a commit.
    pub(crate) fn nonce(&mut self, index: u32, before: u64, after: u64) {
        note(&mut self.nonces, index, &before, after);
    }

    /// Notes a code that a commit changed.
    pub(crate) fn code(&mut self, index: u32, after: Bytes) {
        put(&mut self.codes, index, after);
    }

    /// Notes an access to a slot, and its value before and after the commit.
    pub(crate) fn slot(&mut self, index: u32, slot: U256, before: &U256, after: U256) {
        note(self.slots.entry(slot).or_default(), index, before, after);
    }
}

/// Adds a value if a commit changed it.
fn note<T: PartialEq>(changes: &mut Changes<T>, index: u32, before: &T, after: T) {
    if *before != after {
        put(changes, index, after);
    }
}

/// Adds a value, which replaces an earlier one of the same index.
fn put<T>(changes: &mut Changes<T>, index: u32, after: T) {
    match changes.last_mut() {
        Some((last, value)) if *last == index => *value = after,
        _ => changes.push((index, after)),
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
        // Each part takes more memory than its encoding has bytes, so all sums of lengths fit.
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
        self.slots.iter().copied().filter(|(_, changes)| !changes.is_empty())
    }

    /// Slots without changes.
    fn read(&self) -> impl Iterator<Item = &'a U256> {
        self.slots.iter().filter(|(_, changes)| changes.is_empty()).map(|(slot, _)| *slot)
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
    changes.iter().map(|(index, value)| with_header(index.length() + value.length())).sum()
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
        for (index, value) in changes {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        state::{State, WitnessState},
        word::Portable,
    };
    use alloy_consensus::Header;
    use alloy_eips::eip7928::{
        AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges, StorageChange,
        compute_block_access_list_hash, total_bal_items,
    };
    use alloy_primitives::{keccak256, map::AddressMap};
    use alloy_trie::EMPTY_ROOT_HASH;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::{
        DatabaseCommit,
        database_interface::bal::BalState,
        state::{Account as Change, AccountInfo, Bytecode, EvmStorageSlot, TransactionId},
    };
    use zeno_trie::Preimages;

    /// The list in alloy's types.
    fn alloy(list: &AccessList) -> Vec<AccountChanges> {
        fn changes<T, U>(changes: &Changes<T>, new: fn(BlockAccessIndex, T) -> U) -> Vec<U>
        where
            T: Clone,
        {
            let change =
                |(index, value): &(u32, T)| new(BlockAccessIndex::new((*index).into()), value.clone());
            changes.iter().map(change).collect()
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
                code_changes: changes(&access.codes, CodeChange::new),
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
        (0..count).map(change).collect()
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
                        (0..length).map(|_| rng.random::<u8>() >> rng.random_range(0..8)).collect()
                    }),
                    slots,
                };
                (Address::from(rng.random::<[u8; 20]>()), Box::new(access))
            });
            check_digest(&AccessList::new(accounts.collect()));
            // An index of four bytes.
            let access = Access { nonces: Vec::from([(u32::MAX - round, 7)]), ..Access::default() };
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

    /// The specification keeps a value that commits of one index changed and restored (`update_builder_from_tx`
    /// compares each with the state before it). One commit that does so changes nothing.
    #[test]
    fn a_value_that_is_restored_by_another_commit_stays() {
        let mut world = world_with_contract();
        world.begin(2);
        commit(&mut world, |world, contract| {
            world.set(contract, CONTRACT, U256::from(1), U256::from(9));
            world.set(contract, CONTRACT, U256::from(1), U256::from(5));
            contract.info.balance = U256::from(10);
        });
        world.begin(3);
        for value in [9, 5] {
            commit(&mut world, |world, contract| {
                world.set(contract, CONTRACT, U256::from(1), U256::from(value));
                contract.info.balance = U256::from(value + 5);
            });
        }
        let (ours, _) = world.finish();
        assert_eq!(ours, list(&[(1, 5)], &[], &[(3, 10)]));
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
}

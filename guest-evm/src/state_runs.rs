//! Random commits of several blocks on one state, compared with a model whose roots are `alloy-trie`'s.

use crate::state::{State as _, WitnessState};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256, map::AddressMap};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root};
use rand::{Rng, SeedableRng, rngs::StdRng};
use revm::{
    Database, DatabaseCommit,
    state::{Account, AccountInfo, AccountStatus, Bytecode, EvmStorageSlot, TransactionId},
};
use zeno_trie::{Preimages, Trie};

#[derive(Clone, Default, Debug)]
struct Model {
    nonce: u64,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

impl Model {
    fn code_hash(&self) -> B256 {
        if self.code.is_empty() { KECCAK256_EMPTY } else { keccak256(&self.code) }
    }
    fn storage_root(&self) -> B256 {
        if self.storage.is_empty() {
            return EMPTY_ROOT_HASH;
        }
        root::storage_root_unhashed(self.storage.iter().map(|(slot, value)| (B256::from(*slot), *value)))
    }
    fn leaf(&self) -> TrieAccount {
        TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage_root(),
            code_hash: self.code_hash(),
        }
    }
    fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code.is_empty()
    }
}

type World = BTreeMap<Address, Model>;

fn world_root(world: &World) -> B256 {
    if world.is_empty() {
        return EMPTY_ROOT_HASH;
    }
    root::state_root_unhashed(world.iter().map(|(address, model)| (*address, model.leaf())))
}

fn trie_of(items: impl Iterator<Item = (B256, Vec<u8>)>) -> Trie {
    let mut trie = Trie::default();
    items.for_each(|(key, value)| trie.insert(&key, value.into(), &mut Preimages::default()).unwrap());
    trie
}

fn witness(world: &World) -> (Vec<Bytes>, Vec<Bytes>) {
    let mut nodes =
        trie_of(world.iter().map(|(a, m)| (keccak256(a), alloy_rlp::encode(m.leaf())))).revealed();
    for model in world.values() {
        let slots = model.storage.iter().map(|(s, v)| (keccak256(B256::from(*s)), alloy_rlp::encode(v)));
        nodes.extend(trie_of(slots).revealed());
    }
    let codes = world.values().map(|model| model.code.clone()).filter(|code| !code.is_empty()).collect();
    (nodes, codes)
}

fn number(rng: &mut StdRng) -> U256 {
    match rng.random_range(0..5) {
        0 | 1 => U256::ZERO,
        2 => U256::from(rng.random_range(1..3u8)),
        3 => U256::from(rng.random::<u64>()),
        _ => U256::from_limbs(rng.random()),
    }
}

fn code(rng: &mut StdRng) -> Bytes {
    match rng.random_range(0..4) {
        0 => Bytes::new(),
        1 => vec![0x60, rng.random_range(0..3)].into(),
        _ => vec![0x5b; rng.random_range(1..4)].into(),
    }
}

fn state_of(world: &World) -> WitnessState {
    let (nodes, codes) = witness(world);
    let parent = Header { state_root: world_root(world), ..Header::default() };
    WitnessState::new(&parent, B256::ZERO, Preimages::new(nodes), Preimages::new(codes), Preimages::default())
}

/// Changes the account as one transaction may, and returns revm's account.
fn change(
    rng: &mut StdRng,
    state: &mut WitnessState,
    world: &mut World,
    address: Address,
    slots: u64,
) -> Account {
    let known = world.get(&address).cloned();
    let info = state.basic(address).unwrap();
    assert_eq!(info.is_some(), known.is_some(), "{address}");
    let mut model = known.clone().unwrap_or_default();
    if let Some(info) = &info {
        assert_eq!(
            (info.nonce, info.balance, info.code_hash),
            (model.nonce, model.balance, model.code_hash())
        );
        let code = match &info.code {
            Some(code) => code.clone(),
            None => state.code_by_hash(info.code_hash).unwrap(),
        };
        assert_eq!(code.original_bytes(), model.code);
    }
    let mut info = info.unwrap_or_default();
    if rng.random_bool(0.5) {
        info.code = Some(state.code_by_hash(info.code_hash).unwrap());
    }
    let mut status = AccountStatus::Touched;
    let mut account = Account::from(info.clone());
    let created = model.nonce == 0 && model.code.is_empty() && rng.random_bool(0.4);
    let old_storage = model.storage.clone();
    if created {
        status |= AccountStatus::Created | AccountStatus::CreatedLocal;
        model = Model { nonce: 1, balance: model.balance, code: code(rng), storage: BTreeMap::new() };
        info = AccountInfo {
            nonce: 1,
            balance: model.balance,
            code_hash: model.code_hash(),
            code: Some(Bytecode::new_legacy(model.code.clone())),
            ..AccountInfo::default()
        };
        if model.code.is_empty() {
            info.code = Some(Bytecode::default());
        }
    }
    match rng.random_range(0..8) {
        0 => {
            model.balance = number(rng);
            info.balance = model.balance;
        }
        1 => {
            model.balance = U256::ZERO;
            info.balance = U256::ZERO;
        }
        // A world of the prover's: nonces may be reset by nothing, but the database need not know.
        2 => {
            model.nonce = u64::from(rng.random_bool(0.5));
            info.nonce = model.nonce;
        }
        _ => {}
    }
    for slot in 0..slots {
        if rng.random_bool(0.5) {
            continue;
        }
        let slot = U256::from(slot);
        let original = if created { U256::ZERO } else { state.storage(address, slot).unwrap() };
        assert_eq!(
            original,
            if created { U256::ZERO } else { old_storage.get(&slot).copied().unwrap_or_default() },
            "{address} {slot}"
        );
        let mut present = original;
        if rng.random_bool(0.6) && (created || known.is_some()) {
            present = number(rng);
        }
        if present.is_zero() {
            model.storage.remove(&slot);
        } else {
            model.storage.insert(slot, present);
        }
        account.storage.insert(slot, EvmStorageSlot::new_changed(original, present, TransactionId::ZERO));
    }
    let destroyed = rng.random_bool(0.15);
    if destroyed {
        status |= AccountStatus::SelfDestructed | AccountStatus::SelfDestructedLocal;
    }
    if !created && !destroyed && rng.random_bool(0.1) {
        // Only read.
        account.storage.values_mut().for_each(|slot| slot.present_value = slot.original_value);
        account.status = AccountStatus::empty();
        return account;
    }
    account.info = info;
    account.status = status;
    if destroyed || model.is_empty() {
        world.remove(&address);
    } else {
        world.insert(address, model);
    }
    account
}

fn run(seed: u64, record: bool) {
    let mut rng = StdRng::seed_from_u64(seed);
    let pool =
        (0..[3, 12, 40][rng.random_range(0..3)]).map(|n: u8| Address::repeat_byte(n)).collect::<Vec<_>>();
    let slots = [2, 6, 30][rng.random_range(0..3)];
    let mut world = World::new();
    for address in &pool {
        if rng.random_bool(0.5) {
            continue;
        }
        let storage = (0..slots).filter(|_| rng.random_bool(0.5)).map(U256::from).collect::<Vec<_>>();
        let storage =
            storage.into_iter().map(|slot| (slot, number(&mut rng))).filter(|(_, v)| !v.is_zero()).collect();
        let model =
            Model { nonce: rng.random_range(0..2), balance: number(&mut rng), code: code(&mut rng), storage };
        world.insert(*address, model);
    }
    let mut state = state_of(&world);
    let blocks = rng.random_range(2..9);
    for block in 0..blocks {
        for tx in 0..rng.random_range(0..5) {
            if record {
                state.record_accesses(tx);
            }
            let mut changes = AddressMap::default();
            for _ in 0..rng.random_range(1..5) {
                let address = pool[rng.random_range(0..pool.len())];
                if changes.contains_key(&address) {
                    continue;
                }
                let changed = change(&mut rng, &mut state, &mut world, address, slots);
                changes.insert(address, changed);
            }
            state.commit(changes);
            assert!(state.take_error().is_none());
        }
        if record {
            _ = state.take_access_list();
        }
        let expected = world_root(&world);
        if rng.random_bool(0.1) {
            assert_eq!(state.root().unwrap(), expected, "seed {seed}, root before settle in {block}");
        }
        assert_eq!(state.settle().unwrap(), expected, "seed {seed}, block {block} of {blocks}");
        if rng.random_bool(0.2) {
            assert_eq!(state.settle().unwrap(), expected, "seed {seed}, twice");
        }
        if rng.random_bool(0.1) {
            state = state_of(&world);
        }
    }
    assert_eq!(state.root().unwrap(), world_root(&world), "seed {seed}, in the end");
    for address in &pool {
        assert_eq!(state.basic(*address).unwrap().is_some(), world.contains_key(address));
        for slot in 0..slots {
            let slot = U256::from(slot);
            let expected = world.get(address).and_then(|m| m.storage.get(&slot)).copied().unwrap_or_default();
            assert_eq!(state.storage(*address, slot).unwrap(), expected, "seed {seed}");
        }
    }
}

#[test]
fn runs_of_commits_are_those_of_a_model() {
    (0..600).for_each(|seed| run(seed, seed % 3 == 0));
}

/// A code that was deployed before EIP-3541 is a delegation since Prague, in accounts too that earlier blocks changed.
#[test]
fn a_run_across_prague_finds_delegations_in_changed_accounts() {
    use zeno_types::chain::Fork;
    let (address, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let code = Bytes::from([&[0xef, 0x01, 0x00][..], &[7; 20]].concat());
    let model = Model { nonce: 1, code, ..Model::default() };
    let world = World::from([(address, model.clone()), (other, model)]);
    let mut state = state_of(&world).at_fork(Fork::Cancun);
    let mut info = state.basic(address).unwrap().unwrap();
    let code = state.code_by_hash(info.code_hash).unwrap();
    assert!(code.is_legacy());
    info.code = Some(code);
    info.balance = U256::ONE;
    let mut account = Account::from(info);
    account.mark_touch();
    state.commit(AddressMap::from_iter([(address, account)]));
    state.settle().unwrap();
    state.set_fork(Fork::Prague);
    for address in [address, other] {
        let info = state.basic(address).unwrap().unwrap();
        let code = info.code.unwrap_or_else(|| state.code_by_hash(info.code_hash).unwrap());
        assert!(code.is_eip7702(), "{address}");
    }
}

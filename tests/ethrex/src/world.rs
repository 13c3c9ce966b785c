//! Random blocks, each a function of its seed, with their chain, ancestors and state.

use crate::{
    dice::Dice,
    program::{self, PRICES, Scene},
};
use alloy_consensus::{
    BlockBody, EMPTY_OMMER_ROOT_HASH, EthereumTypedTransaction, Header, SignableTransaction,
    Transaction as _, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
    proofs::{calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{
    eip1559::BaseFeeParams,
    eip2930::{AccessList, AccessListItem},
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
    eip4844::VERSIONED_HASH_VERSION_KZG,
    eip4895::{Withdrawal, Withdrawals},
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
    eip7702::{Authorization, SignedAuthorization},
    eip8282::{
        BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_DEPOSIT_CONTRACT_CODE, BUILDER_EXIT_CONTRACT_ADDRESS,
        BUILDER_EXIT_CONTRACT_CODE,
    },
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use k256::ecdsa::SigningKey;
use revm::bytecode::opcode as op;
use std::collections::BTreeMap;
use zeno_guest_evm::{
    Block, ChainSpec, Transaction,
    chain::{BlobActivation, BlobSchedule, Fork, ForkActivation, HeaderField},
    trie::{Preimages, Trie},
};

/// Greatest gas of a transaction to Osaka, and greatest gas that a transaction may execute by since then (EIP-7825).
const MAX_EXECUTION_GAS: u64 = 1 << 24;
/// Trait of a world in which a system contract has a code that no chain has.
pub(crate) const MADE_UP: &str = "a made-up system contract";
/// Number of accounts that sign transactions.
const SENDERS: usize = 3;
/// Number of accounts that sign authorizations; the senders are among them.
const SIGNERS: usize = 6;

/// Rules that a block has, with those that its parent had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rules {
    /// Osaka, with blob parameters of its own (EIP-7892), for the parent, too.
    Bpo2,
    /// The first block of Amsterdam.
    Transition,
    Amsterdam,
    /// Forks before Osaka.
    Earlier(Fork),
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bpo2 => f.write_str("BPO2"),
            Self::Transition => f.write_str("BPO2 to Amsterdam"),
            Self::Amsterdam => f.write_str("Amsterdam"),
            Self::Earlier(fork) => write!(f, "{fork}"),
        }
    }
}

/// Account of the state before the block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code: Bytes,
    pub(crate) storage: BTreeMap<U256, U256>,
}

/// Transaction that can still be changed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    key: SigningKey,
    pub(crate) content: EthereumTypedTransaction<TxEip4844>,
}

impl Draft {
    fn sign(&self) -> Transaction {
        let signature = sign(&self.key, &self.content.signature_hash());
        self.content.clone().into_signed(signature).into()
    }

    /// Sets the gas limit.
    pub(crate) fn set_gas(&mut self, gas: u64) {
        match &mut self.content {
            EthereumTypedTransaction::Legacy(it) => it.gas_limit = gas,
            EthereumTypedTransaction::Eip2930(it) => it.gas_limit = gas,
            EthereumTypedTransaction::Eip1559(it) => it.gas_limit = gas,
            EthereumTypedTransaction::Eip4844(it) => it.gas_limit = gas,
            EthereumTypedTransaction::Eip7702(it) => it.gas_limit = gas,
        }
    }
}

fn sign(key: &SigningKey, hash: &B256) -> Signature {
    key.sign_prehash_recoverable(hash.as_slice()).expect("a hash can be signed").into()
}

/// Random block with its chain, ancestors and state. The header lacks the commitments to the block's execution.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) spec: ChainSpec,
    /// Headers from the genesis to the parent.
    pub(crate) ancestors: Vec<Header>,
    pub(crate) accounts: BTreeMap<Address, Account>,
    header: Header,
    pub(crate) transactions: Vec<Draft>,
    withdrawals: Option<Withdrawals>,
    /// Traits of the world that no public chain has.
    pub(crate) odd: Vec<&'static str>,
}

impl World {
    /// Generates the world of a seed, by some of the rules only if a list is given.
    pub(crate) fn new(seed: u64, rules: &[Rules]) -> Self {
        let mut dice = Dice::new(seed);
        let any = match dice.weighted([22, 10, 62, 6]) {
            0 => Rules::Bpo2,
            1 => Rules::Transition,
            2 => Rules::Amsterdam,
            _ => Rules::Earlier(Fork::ALL[dice.index(4)]),
        };
        let rules = if rules.is_empty() { any } else { dice.pick(rules) };
        Builder::new(dice, rules).build()
    }

    pub(crate) fn fork(&self) -> Fork {
        self.spec.fork_at(self.header.timestamp)
    }

    pub(crate) fn parent(&self) -> &Header {
        self.ancestors.last().expect("there is a parent")
    }

    /// The block, with commitments to its body, but not to its execution.
    pub(crate) fn block(&self) -> Block {
        let transactions = self.transactions.iter().map(Draft::sign).collect::<Vec<_>>();
        let mut header = self.header.clone();
        header.transactions_root = calculate_transaction_root(&transactions);
        let blob_gas = transactions.iter().filter_map(alloy_consensus::Transaction::blob_gas_used).sum();
        header.blob_gas_used = header.blob_gas_used.map(|_| blob_gas);
        header.withdrawals_root = self.withdrawals.as_ref().map(|list| calculate_withdrawals_root(list));
        let withdrawals = self.withdrawals.clone();
        Block { header, body: BlockBody { transactions, ommers: Vec::new(), withdrawals } }
    }

    pub(crate) fn gas_limit(&self) -> u64 {
        self.header.gas_limit
    }

    /// Adds withdrawals to this number of new accounts.
    pub(crate) fn withdraw(&mut self, count: u64, dice: &mut Dice) {
        let mut withdrawals = self.withdrawals.take().unwrap_or_default().into_inner();
        let amount = dice.below(2);
        withdrawals.extend((0..count).map(|index| Withdrawal {
            index,
            validator_index: index,
            address: address(dice),
            amount,
        }));
        self.withdrawals = Some(withdrawals.into());
    }

    /// Same world with another instruction instead of one, in all codes and init codes.
    pub(crate) fn with_instruction(&self, before: u8, after: u8) -> Self {
        let mut world = self.clone();
        for account in world.accounts.values_mut().filter(|account| !account.code.starts_with(&DELEGATION)) {
            account.code = replace(&account.code, before, after);
        }
        for transaction in world.transactions.iter_mut().filter(|it| it.content.kind().is_create()) {
            let input = match &mut transaction.content {
                EthereumTypedTransaction::Legacy(it) => &mut it.input,
                EthereumTypedTransaction::Eip2930(it) => &mut it.input,
                EthereumTypedTransaction::Eip1559(it) => &mut it.input,
                EthereumTypedTransaction::Eip4844(it) => &mut it.input,
                EthereumTypedTransaction::Eip7702(it) => &mut it.input,
            };
            *input = replace(input, before, after);
        }
        let parent = world.ancestors.last_mut().expect("there is a parent");
        parent.state_root = tries(&world.accounts).0;
        world.header.parent_hash = parent.hash_slow();
        world
    }

    /// Nodes of the state's tries.
    pub(crate) fn nodes(&self) -> Vec<Bytes> {
        tries(&self.accounts).1
    }
}

/// Root and nodes of the tries of these accounts.
fn tries(accounts: &BTreeMap<Address, Account>) -> (B256, Vec<Bytes>) {
    let mut none = Preimages::default();
    let mut insert = |trie: &mut Trie, key: &[u8], value: Vec<u8>| {
        trie.insert(&keccak256(key), value.into(), &mut none).expect("a trie in memory lacks nothing");
    };
    let (mut state, mut nodes) = (Trie::default(), Vec::new());
    for (address, account) in accounts {
        let mut storage = Trie::default();
        for (slot, value) in &account.storage {
            insert(&mut storage, &slot.to_be_bytes::<32>(), alloy_rlp::encode(value));
        }
        nodes.extend(storage.revealed());
        let account = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: if account.storage.is_empty() { EMPTY_ROOT_HASH } else { storage.hash() },
            code_hash: keccak256(&account.code),
        };
        insert(&mut state, address.as_slice(), alloy_rlp::encode(account));
    }
    nodes.extend(state.revealed());
    (state.hash(), nodes)
}

/// Generator of one world.
struct Builder {
    dice: Dice,
    rules: Rules,
    fork: Fork,
    keys: Vec<SigningKey>,
    scene: Scene,
    accounts: BTreeMap<Address, Account>,
    odd: Vec<&'static str>,
}

impl Builder {
    fn new(mut dice: Dice, rules: Rules) -> Self {
        let fork = match rules {
            Rules::Bpo2 => Fork::Osaka,
            Rules::Transition | Rules::Amsterdam => Fork::Amsterdam,
            Rules::Earlier(fork) => fork,
        };
        let keys = (0..SIGNERS)
            .map(|index| SigningKey::from_slice(&[index as u8 + 1; 32]).expect("the key is in range"))
            .collect();
        let contracts = (0..1 + dice.below(6)).map(|_| address(&mut dice)).collect();
        let scene = Scene { fork, contracts, others: Vec::new() };
        Self { dice, rules, fork, keys, scene, accounts: BTreeMap::new(), odd: Vec::new() }
    }

    fn signer(&self, index: usize) -> Address {
        Address::from_public_key(self.keys[index].verifying_key())
    }

    fn build(mut self) -> World {
        self.name_accounts();
        self.contracts();
        self.system_contracts();
        self.signers();
        let beneficiary = self.beneficiary();

        let time = 1 + self.dice.up_to_bits(34);
        let spec = self.spec(time);
        let (state_root, _) = tries(&self.accounts);
        let ancestors = self.ancestors(&spec, time, state_root);
        let parent = ancestors.last().expect("there is a parent");
        let header = self.header(&spec, parent, time, beneficiary);
        let withdrawals = header.withdrawals_root.map(|_| self.withdrawals());
        let transactions = self.transactions(&spec, &header);
        let Self { rules, accounts, odd, .. } = self;
        World { rules, spec, ancestors, accounts, header, transactions, withdrawals, odd }
    }

    /// Chooses the addresses that programs and transactions name.
    fn name_accounts(&mut self) {
        let mut others = (0..SIGNERS).map(|index| self.signer(index)).collect::<Vec<_>>();
        // Some exist and some do not.
        others.extend((0..4).map(|_| address(&mut self.dice)));
        // Accounts that transactions and contracts may create.
        let nonce = self.dice.below(3);
        others.push(self.signer(0).create(nonce));
        others.push(self.signer(1).create(1));
        let contract = self.dice.pick(&self.scene.contracts);
        others.push(contract.create(1));
        others.push(contract.create(2));
        if self.dice.percent(30) {
            others.push(Address::ZERO);
        }
        self.scene.others = others;
    }

    /// Balance far from 2^256: there is less ether, and the specification has no rule for a sum that overflows.
    fn balance(&mut self) -> U256 {
        match self.dice.weighted([35, 25, 30, 10]) {
            0 => U256::ZERO,
            1 => U256::from(1 + self.dice.below(3)),
            2 => U256::from(self.dice.up_to_bits(64)),
            _ => self.dice.word() >> 150,
        }
    }

    fn storage(&mut self) -> BTreeMap<U256, U256> {
        let count = self.dice.pick(&[0, 0, 1, 2, 4, 6]);
        let slot = |dice: &mut Dice| {
            let slot = if dice.percent(90) { U256::from(dice.below(6)) } else { dice.interesting() };
            let value = if dice.percent(70) { U256::from(1 + dice.below(3)) } else { dice.interesting() };
            (slot, value.max(U256::ONE))
        };
        (0..count).map(|_| slot(&mut self.dice)).collect()
    }

    fn contracts(&mut self) {
        for address in self.scene.contracts.clone() {
            // Before Prague ethrex takes such a code for a delegation, too: there it is an invalid instruction. No chain has one.
            let code = if self.fork >= Fork::Prague && self.dice.percent(12) {
                let target = self.scene.account(&mut self.dice);
                delegation(target)
            } else {
                program::contract(&mut self.dice, &self.scene).into()
            };
            let nonce = match self.dice.below(60) {
                0 => u64::MAX,
                1 => u64::MAX - 1,
                _ => 1,
            };
            let (balance, storage) = (self.balance(), self.storage());
            self.accounts.insert(address, Account { nonce, balance, code, storage });
        }
        for address in self.scene.others.clone().into_iter().skip(SIGNERS) {
            let account = match self.dice.weighted([55, 30, 9, 4, 2]) {
                0 => continue,
                1 => Account { balance: self.balance().max(U256::ONE), ..Account::default() },
                2 => Account { nonce: 1, ..Account::default() },
                3 => Account { nonce: 1, code: Bytes::from_static(&[0]), ..Account::default() },
                _ => {
                    self.odd.push("an account with storage alone");
                    let balance = self.balance().max(U256::ONE);
                    Account { storage: [(U256::ZERO, U256::ONE)].into(), balance, ..Account::default() }
                }
            };
            self.accounts.insert(address, account);
        }
    }

    /// Adds the contracts that blocks call, with requests in some of their queues.
    fn system_contracts(&mut self) {
        let contracts = [
            (BEACON_ROOTS_ADDRESS, &BEACON_ROOTS_CODE, Fork::Cancun),
            (HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE, Fork::Prague),
            (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &WITHDRAWAL_REQUEST_PREDEPLOY_CODE, Fork::Prague),
            (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &CONSOLIDATION_REQUEST_PREDEPLOY_CODE, Fork::Prague),
            (BUILDER_DEPOSIT_CONTRACT_ADDRESS, &BUILDER_DEPOSIT_CONTRACT_CODE, Fork::Amsterdam),
            (BUILDER_EXIT_CONTRACT_ADDRESS, &BUILDER_EXIT_CONTRACT_CODE, Fork::Amsterdam),
        ];
        for (index, (address, code, since)) in contracts.into_iter().enumerate() {
            let mut account = Account { nonce: 1, code: code.clone(), ..Account::default() };
            if self.fork < since && self.dice.percent(90) {
                continue;
            }
            if index > 1 && self.dice.percent(30) {
                let (head, length) = (self.dice.below(3), self.dice.pick(&[0, 1, 3, 17, 70]));
                let (excess, count) =
                    (self.dice.pick(&[0, 0, 1, 5, 100, 1000]), self.dice.pick(&[0, 0, 1, 3, 20]));
                // EIP-7002: excess, count, head and tail, then three to six slots for each request.
                let words = [excess, count, head, head + length].map(U256::from);
                let queue =
                    (0..6 * (head + length)).map(|_| self.dice.word() >> self.dice.pick(&[0, 96, 128]));
                let words = words.into_iter().chain(queue).enumerate();
                account.storage = words
                    .map(|(slot, word)| (U256::from(slot), word))
                    .filter(|(_, word)| !word.is_zero())
                    .collect();
            }
            // Until Osaka, it could tell whether addresses are warm, where neither Zeno nor ethrex is as the specification.
            if self.dice.percent(3) && self.fork >= Fork::Amsterdam {
                self.odd.push(MADE_UP);
                account.code = program::contract(&mut self.dice, &self.scene).into();
                account.storage = self.storage();
            } else if self.dice.percent(1) {
                self.odd.push("a system contract that is absent");
                continue;
            }
            self.accounts.insert(address, account);
        }
    }

    fn signers(&mut self) {
        for index in 0..SIGNERS {
            let balance = match self.dice.below(20) {
                0 if index >= SENDERS => U256::ZERO,
                0 => U256::from(1_000_000_000_000_000_u64),
                _ => U256::from(u128::MAX),
            };
            let nonce = self.dice.pick(&[0, 0, 1, 1, 2, 5]);
            let mut account = Account { nonce, balance, ..Account::default() };
            if self.fork >= Fork::Prague && self.dice.percent(25) {
                let target = self.scene.account(&mut self.dice);
                account.code = delegation(target);
                account.nonce = account.nonce.max(1);
                account.storage = self.storage();
            }
            // No state has an empty account (EIP-7523).
            let is_empty = account.nonce == 0 && account.balance.is_zero();
            if is_empty || index >= SENDERS && self.dice.percent(30) {
                continue;
            }
            self.accounts.insert(self.signer(index), account);
        }
    }

    fn beneficiary(&mut self) -> Address {
        match self.dice.weighted([60, 10, 15, 10, 3, 2]) {
            0 => address(&mut self.dice),
            1 => self.signer(0),
            2 => self.dice.pick(&self.scene.others),
            3 => self.dice.pick(&self.scene.contracts),
            4 => program::precompile(&mut self.dice),
            _ => {
                self.odd.push("a beneficiary that is a system contract");
                self.dice.pick(&program::system_contracts())
            }
        }
    }

    fn spec(&mut self, time: u64) -> ChainSpec {
        let begun = if self.rules == Rules::Transition { time } else { self.dice.pick(&[0, time]) };
        let begun = if self.rules == Rules::Amsterdam { 0 } else { begun };
        let forks = Fork::ALL.into_iter().skip(1).filter(|fork| *fork <= self.fork);
        let forks = forks.map(|fork| ForkActivation {
            fork,
            timestamp: if fork == self.fork && fork == Fork::Amsterdam { begun } else { 0 },
        });
        let blobs = match self.fork {
            Fork::Paris | Fork::Shanghai => None,
            Fork::Cancun => Some((3, 6, 3_338_477)),
            Fork::Prague => Some((6, 9, 5_007_716)),
            Fork::Osaka | Fork::Amsterdam | Fork::Bogota => Some((14, 21, 11_684_671)),
        };
        let blobs = blobs.map(|(target, max, base_fee_update_fraction)| BlobActivation {
            timestamp: 0,
            blobs: BlobSchedule { target, max, base_fee_update_fraction },
        });
        let deposit_contract = match self.dice.below(4) {
            0 => address(&mut self.dice),
            _ => self.dice.pick(&self.scene.contracts),
        };
        let spec = ChainSpec {
            chain_id: self.dice.pick(&[1, 1, 7, 0x0123_4567_89ab]),
            terminal_total_difficulty: U256::ZERO,
            merge_block: Some(0),
            deposit_contract: Some(deposit_contract),
            forks: forks.collect(),
            blobs: blobs.into_iter().collect(),
        };
        spec.check().expect("the rules are consistent");
        spec
    }

    fn ancestors(&mut self, spec: &ChainSpec, time: u64, state_root: B256) -> Vec<Header> {
        let gas_limit = match self.dice.weighted([12, 48, 20, 15, 5, 2]) {
            5 => 10 << 32,
            0 => 5_000 + self.dice.up_to_bits(22),
            1 => 60_000_000,
            2 => 17_000_000 + self.dice.up_to_bits(24),
            3 => 200_000_000,
            _ => self.dice.pick(&[40_000, 60_000, 100_000, 1 << 24, (1 << 24) + 1, 1 << 25]),
        };
        let count = 1 + self.dice.below(5);
        let mut list = Vec::<Header>::new();
        for number in 0..count {
            let is_parent = number + 1 == count;
            let timestamp = if is_parent { time - 1 } else { 0 };
            let mut header = Header {
                number,
                parent_hash: list.last().map_or(B256::ZERO, Header::hash_slow),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                state_root: if is_parent { state_root } else { self.dice.hash() },
                gas_limit,
                gas_used: match self.dice.below(3) {
                    0 => 0,
                    1 => gas_limit / 2,
                    _ => self.dice.below(gas_limit + 1),
                },
                timestamp,
                base_fee_per_gas: Some(self.dice.pick(&[7, 7, 8, 1000, 1_000_000_000])),
                ..Header::default()
            };
            self.fork_fields(&mut header, spec.fork_at(timestamp));
            if let (Some(excess), Some(params)) =
                (&mut header.excess_blob_gas, spec.blob_params_at(timestamp))
            {
                let used = self.dice.below(params.max_blob_count + 1);
                header.blob_gas_used = Some(used << 17);
                *excess = self.dice.pick(&[0, 0, 1 << 17, 30 << 17, 500 << 17, 2000 << 17]);
            }
            list.push(header);
        }
        list
    }

    /// Sets the fields that the fork and those before it add.
    fn fork_fields(&mut self, header: &mut Header, fork: Fork) {
        for field in Fork::ALL.iter().filter(|row| **row <= fork).flat_map(|row| row.rules().fields) {
            match field {
                HeaderField::WithdrawalsRoot => header.withdrawals_root = Some(EMPTY_ROOT_HASH),
                HeaderField::BlobGasUsed => header.blob_gas_used = Some(0),
                HeaderField::ExcessBlobGas => header.excess_blob_gas = Some(0),
                HeaderField::ParentBeaconBlockRoot => {
                    header.parent_beacon_block_root = Some(self.dice.hash())
                }
                HeaderField::RequestsHash => header.requests_hash = Some(B256::ZERO),
                HeaderField::BlockAccessListHash => header.block_access_list_hash = Some(B256::ZERO),
                HeaderField::SlotNumber => header.slot_number = Some(self.dice.up_to_bits(64)),
            }
        }
    }

    fn header(&mut self, spec: &ChainSpec, parent: &Header, time: u64, beneficiary: Address) -> Header {
        let most = parent.gas_limit / 1024;
        let gas_limit = match self.dice.below(4) {
            0 if most > 1 => parent.gas_limit + self.dice.below(most),
            1 if most > 1 => (parent.gas_limit - self.dice.below(most)).max(5_000),
            _ => parent.gas_limit,
        };
        let params = spec.blob_params_at(time);
        let mut header = Header {
            number: parent.number + 1,
            parent_hash: parent.hash_slow(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary,
            gas_limit,
            timestamp: time,
            mix_hash: self.dice.hash(),
            base_fee_per_gas: parent.next_block_base_fee(BaseFeeParams::ethereum()),
            ..Header::default()
        };
        self.fork_fields(&mut header, spec.fork_at(time));
        header.excess_blob_gas = params.map(|params| {
            parent.next_block_excess_blob_gas(params).expect("the parent has the fields of blobs")
        });
        header
    }

    fn withdrawals(&mut self) -> Withdrawals {
        let count = self.dice.pick(&[0, 0, 1, 2, 5]);
        let withdrawal = |dice: &mut Dice, scene: &Scene, index| Withdrawal {
            index,
            validator_index: dice.up_to_bits(64),
            address: if dice.percent(80) { scene.account(dice) } else { address(dice) },
            amount: match dice.below(6) {
                0..2 => 0,
                2 => 1,
                3 => dice.up_to_bits(64),
                _ => dice.up_to_bits(36),
            },
        };
        (0..count).map(|index| withdrawal(&mut self.dice, &self.scene, index)).collect::<Vec<_>>().into()
    }

    fn transactions(&mut self, spec: &ChainSpec, header: &Header) -> Vec<Draft> {
        let mut nonces = [0, 1, 2].map(|index| self.accounts[&self.signer(index)].nonce);
        let mut gas_left = header.gas_limit;
        let mut blobs_left = spec.blob_params_at(header.timestamp).map_or(0, |params| params.max_blob_count);
        let mut list = Vec::new();
        let count = self.dice.pick(&[0, 1, 1, 2, 2, 3, 4, 6, 9]);
        for _ in 0..count {
            let sender = self.dice.index(SENDERS);
            let nonce = &mut nonces[sender];
            let Some((draft, gas, blobs)) =
                self.transaction(spec, header, sender, *nonce, gas_left, blobs_left)
            else {
                continue;
            };
            *nonce += 1;
            // An authorization takes a nonce of its signer.
            if let EthereumTypedTransaction::Eip7702(content) = &draft.content {
                for signed in &content.authorization_list {
                    let authority = signed.recover_authority().ok();
                    let Some(index) = (0..SENDERS).find(|index| Some(self.signer(*index)) == authority)
                    else {
                        continue;
                    };
                    let chain_id = *signed.chain_id();
                    if signed.nonce() == nonces[index]
                        && (chain_id.is_zero() || chain_id == U256::from(spec.chain_id))
                    {
                        nonces[index] += 1;
                    }
                }
            }
            // Since Amsterdam transactions that fill the block together may still fit, because only what they use counts.
            gas_left =
                gas_left.saturating_sub(if self.dice.percent(70) { gas.min(MAX_EXECUTION_GAS) } else { 0 });
            blobs_left -= blobs;
            list.push(draft);
        }
        list
    }

    /// Transaction with its gas limit and its number of blobs, or `None` if the block has too little gas left for it.
    fn transaction(
        &mut self,
        spec: &ChainSpec,
        header: &Header,
        sender: usize,
        nonce: u64,
        gas_left: u64,
        blobs_left: u64,
    ) -> Option<(Draft, u64, u64)> {
        let fork = self.fork;
        let since = |since: Fork, weight| if fork >= since { weight } else { 0 };
        let kind = self.dice.weighted([
            20,
            18,
            25,
            if blobs_left > 0 { since(Fork::Cancun, 12) } else { 0 },
            since(Fork::Prague, 25),
        ]);
        let creates = kind < 3 && self.dice.percent(20);
        let to = match self.dice.weighted([62, 24, 5, 4, 5]) {
            0 => self.dice.pick(&self.scene.contracts),
            1 => self.dice.pick(&self.scene.others),
            2 => program::precompile(&mut self.dice),
            3 => self.signer(sender),
            _ => self.dice.pick(&program::system_contracts()),
        };
        let mut value = match self.dice.weighted([45, 30, 15, 10]) {
            0 => U256::ZERO,
            1 => U256::ONE,
            2 => U256::from(self.dice.up_to_bits(60)),
            _ => U256::from(self.dice.below(3)),
        };
        let input = if creates {
            match self.dice.below(30) {
                0 => Vec::new(),
                1 if self.fork < Fork::Amsterdam => vec![0; self.dice.pick(&[49_151, 49_152])],
                1 => vec![0; self.dice.pick(&[49_153, 131_071, 131_072])],
                _ => program::init_code(&mut self.dice, &self.scene),
            }
        } else if let Some((data, fee)) = self.request(to) {
            value = fee;
            data
        } else {
            match self.dice.weighted([35, 40, 15, 7, 3]) {
                0 => Vec::new(),
                1 => U256::from(self.dice.below(64)).to_be_bytes::<32>().to_vec(),
                2 => {
                    let length = self.dice.below(200) as usize;
                    self.dice.bytes(length)
                }
                3 => {
                    let length = self.dice.below(5_000) as usize;
                    self.dice.bytes(length)
                }
                // More than what execution takes: EIPs 7623 and 7976.
                _ => {
                    let length = 20_000 + self.dice.below(80_000) as usize;
                    self.dice.bytes(length)
                }
            }
        };
        let access_list = if kind > 0 { self.access_list() } else { AccessList::default() };
        let authorization_list = if kind == 4 { self.authorizations(spec.chain_id) } else { Vec::new() };
        let is_self = to == self.signer(sender) && !creates;
        let least = intrinsic_gas(
            fork,
            &input,
            creates,
            is_self,
            !value.is_zero(),
            &access_list,
            authorization_list.len(),
        );
        let gas_limit = self.gas(least, gas_left)?;

        let base_fee = u128::from(header.base_fee_per_gas.unwrap_or_default());
        let max_fee = base_fee + u128::from(self.dice.up_to_bits(24));
        let priority = if self.dice.percent(50) { 0 } else { max_fee.min(self.dice.up_to_bits(24).into()) };
        let recipient = if creates { TxKind::Create } else { TxKind::Call(to) };
        let (chain_id, input, mut blobs) = (spec.chain_id, Bytes::from(input), 0);
        let content: EthereumTypedTransaction<TxEip4844> = match kind {
            0 => TxLegacy {
                chain_id: self.dice.percent(80).then_some(chain_id),
                nonce,
                gas_price: max_fee,
                gas_limit,
                to: recipient,
                value,
                input,
            }
            .into(),
            1 => TxEip2930 {
                chain_id,
                nonce,
                gas_price: max_fee,
                gas_limit,
                to: recipient,
                value,
                access_list,
                input,
            }
            .into(),
            2 => TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: priority,
                to: recipient,
                value,
                access_list,
                input,
            }
            .into(),
            3 => {
                blobs = 1 + self.dice.below(blobs_left.min(6));
                let hash = |dice: &mut Dice| {
                    let mut hash = dice.hash();
                    hash[0] = VERSIONED_HASH_VERSION_KZG;
                    hash
                };
                TxEip4844 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: priority,
                    to,
                    value,
                    access_list,
                    blob_versioned_hashes: (0..blobs).map(|_| hash(&mut self.dice)).collect(),
                    max_fee_per_blob_gas: u128::from(u64::MAX),
                    input,
                }
                .into()
            }
            _ => TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: priority,
                to,
                value,
                access_list,
                authorization_list,
                input,
            }
            .into(),
        };
        Some((Draft { key: self.keys[sender].clone(), content }, gas_limit, blobs))
    }

    /// Gas limit of a transaction whose intrinsic gas is `least`, if the block has enough left.
    fn gas(&mut self, least: u64, left: u64) -> Option<u64> {
        let wanted = match self.dice.weighted([45, 18, 12, 5, 20]) {
            0 => least + 50_000 + self.dice.up_to_bits(22),
            1 => least + self.dice.below(60_000),
            2 => {
                let more = match self.dice.below(4) {
                    0 => self.dice.below(3),
                    1 => least + self.dice.below(3),
                    2 => self.dice.pick(&PRICES) + self.dice.below(3),
                    _ => self.dice.up_to_bits(26),
                };
                (MAX_EXECUTION_GAS - 1) + more
            }
            3 => least,
            _ => {
                let edge = self.dice.pick(&PRICES) + self.dice.pick(&PRICES) * self.dice.below(3);
                (least + edge + self.dice.below(20)).saturating_sub(self.dice.below(10)).max(least)
            }
        };
        // EIP-8037 bounds it as a whole.
        if left > 1 << 32 && self.fork >= Fork::Amsterdam && self.dice.percent(30) {
            return Some((1 << 32) - 2 + self.dice.below(2) + u64::from(self.dice.percent(5)));
        }
        let cap = match self.fork {
            Fork::Amsterdam => left,
            Fork::Osaka => left.min(MAX_EXECUTION_GAS),
            _ => left,
        };
        // A few are invalid.
        if self.dice.below(400) == 0 {
            self.odd.push("a gas limit that may be too low or too high");
            return Some(self.dice.pick(&[least.saturating_sub(1), left + 1, MAX_EXECUTION_GAS + 1]));
        }
        (least <= cap).then(|| wanted.min(cap))
    }

    /// Data and fee of a request to a system contract.
    fn request(&mut self, to: Address) -> Option<(Vec<u8>, U256)> {
        let length = match to {
            WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS => 56,
            CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS => 96,
            BUILDER_DEPOSIT_CONTRACT_ADDRESS => 184,
            BUILDER_EXIT_CONTRACT_ADDRESS => 48,
            _ => return None,
        };
        if self.dice.percent(20) {
            return None;
        }
        let mut data = (0..length).map(|_| self.dice.byte()).collect::<Vec<_>>();
        let mut fee = U256::from(self.dice.pick(&[1_u64, 1, 0, 1 << 40]));
        if to == BUILDER_DEPOSIT_CONTRACT_ADDRESS {
            // Its deposit is ether of the transaction's, in units of 10^9 wei.
            let amount = self.dice.below(40_000_000_000);
            data[80..88].copy_from_slice(&amount.to_be_bytes());
            fee += U256::from(amount) * U256::from(1_000_000_000_u64);
        }
        Some((data, fee))
    }

    fn access_list(&mut self) -> AccessList {
        let item = |dice: &mut Dice, scene: &Scene| AccessListItem {
            address: scene.account(dice),
            storage_keys: (0..dice.below(4)).map(|_| U256::from(dice.below(6)).into()).collect(),
        };
        let count = self.dice.pick(&[0, 0, 1, 2, 4, 40]);
        AccessList((0..count).map(|_| item(&mut self.dice, &self.scene)).collect())
    }

    fn authorizations(&mut self, chain_id: u64) -> Vec<SignedAuthorization> {
        let count = self.dice.pick(&[1, 1, 2, 3, 6]);
        (0..count)
            .map(|_| {
                let index = self.dice.index(SIGNERS);
                let nonce = self.accounts.get(&self.signer(index)).map_or(0, |account| account.nonce);
                let authorization = Authorization {
                    chain_id: match self.dice.below(8) {
                        0 => U256::ZERO,
                        1 => self.dice.interesting(),
                        _ => U256::from(chain_id),
                    },
                    address: match self.dice.below(5) {
                        0 => Address::ZERO,
                        _ => self.scene.account(&mut self.dice),
                    },
                    nonce: match self.dice.below(30) {
                        0 => u64::MAX,
                        _ => nonce + self.dice.pick(&[0, 0, 0, 0, 1, 2]),
                    },
                };
                let signature = match self.dice.below(30) {
                    // Not one of any account, or one that EIP-7702 refuses.
                    0 => Signature::new(self.dice.word(), self.dice.word(), self.dice.percent(50)),
                    1 => Signature::new(U256::ZERO, U256::ONE, false),
                    _ => sign(&self.keys[index], &authorization.signature_hash()),
                };
                authorization.into_signed(signature)
            })
            .collect()
    }
}

fn address(dice: &mut Dice) -> Address {
    Address::from_slice(&dice.hash()[..20])
}

/// Beginning of a delegation designator (EIP-7702).
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

/// Delegation designator (EIP-7702).
fn delegation(to: Address) -> Bytes {
    [&DELEGATION, &to[..]].concat().into()
}

/// Code with another instruction instead of one, also in codes that follow the program.
fn replace(code: &[u8], before: u8, after: u8) -> Bytes {
    let mut code = code.to_vec();
    let mut at = 0;
    while let Some(byte) = code.get_mut(at) {
        at += match *byte {
            push @ op::PUSH1..=op::PUSH32 => usize::from(push - op::PUSH1) + 2,
            _ => 1,
        };
        if *byte == before {
            *byte = after;
        }
    }
    code.into()
}

/// Least gas limit of a transaction (EIPs 2028, 2930, 3860, 7623, 7702; since Amsterdam EIPs 2780, 7976, 7981, 8038). It
/// only serves to be near it, so that a wrong one makes fewer good blocks.
fn intrinsic_gas(
    fork: Fork,
    input: &[u8],
    creates: bool,
    is_self: bool,
    has_value: bool,
    access_list: &AccessList,
    authorizations: usize,
) -> u64 {
    let zeros = input.iter().filter(|byte| **byte == 0).count();
    let keys = access_list.iter().map(|item| item.storage_keys.len()).sum::<usize>();
    let (others, addresses) = (input.len() - zeros, access_list.len());
    let words = if creates && fork >= Fork::Shanghai { 2 * input.len().div_ceil(32) } else { 0 };
    let data = 4 * zeros + 16 * others + words;
    let gas = if fork >= Fork::Amsterdam {
        let recipient = match (creates, is_self) {
            (true, _) => 12_000,
            (_, true) => 0,
            _ => 3_000,
        };
        let value = if has_value && !creates && !is_self { 6_000 } else { 0 };
        let (base, listed) = (12_000 + recipient + value, 1280 * addresses + 2048 * keys);
        let execution = base + data + 2900 * addresses + 2000 * keys + listed + 7816 * authorizations;
        execution.max(base + 64 * input.len() + listed)
    } else {
        let create = if creates { 32_000 } else { 0 };
        let execution = 21_000 + create + data + 2400 * addresses + 1900 * keys + 25_000 * authorizations;
        let floor = if fork >= Fork::Prague { 21_000 + 10 * zeros + 40 * others } else { 0 };
        execution.max(floor)
    };
    gas as u64
}

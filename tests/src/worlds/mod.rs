//! Worlds: random blocks with everything that a prover may invent around them. They serve to find differences between
//! native validation, the same code with 32 bits, and the guest in the VM.
//!
//! A [`World`] is a function of its seed. It has rules with any fork at any time, a parent with any gas limit, accounts
//! with codes that look for the limits of arithmetic, and a block or a run of blocks over them. The blocks are executed when
//! the world is generated, and their commitments are those of the execution. So they are valid, unless the execution refuses
//! one.
//! [`judges`] has the implementations that judge a world, and [`comparison`] compares their verdicts.

mod code;
pub mod comparison;
mod dice;
pub mod judges;

use self::{
    code::{Callee, MAX_ARBITRARY_GAS, Setting},
    dice::Dice,
};
use crate::{devchain::DevAccount, example::signed};
use alloy_consensus::{
    BlockBody, EMPTY_OMMER_ROOT_HASH, Header, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
    TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{
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
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256, keccak256};
use alloy_trie::TrieAccount;
use revm::{Database, bytecode::opcode};
use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};
use zeno_guest_evm::{
    Block, ChainSpec, Outcome, StatelessInput, Subject, Transaction, ValidationError, Value, Witness,
    chain::{BlobActivation, BlobSchedule, Fork, ForkActivation},
    execute, merge, minimize, public_keys,
    state::WitnessState,
    transition,
    trie::{Preimages, Trie},
};

/// Greatest gas limit of a block (yellow paper, equation 56).
const MAX_GAS_LIMIT: u64 = (1 << 63) - 1;
/// Greatest gas limit of a transaction (EIP-7825). In Amsterdam it is the greatest gas of execution, and a transaction may
/// have more, as state gas (EIP-8037).
pub const MAX_TRANSACTION_GAS: u64 = 1 << 24;
/// State gas of a slot, an account and an authorization's indicator, at 1530 gas a byte (EIP-8037).
const STATE_GAS: [u64; 3] = [64 * 1530, 120 * 1530, 23 * 1530];
/// Greatest number of blocks of a run.
const MAX_BLOCKS: u64 = 4;
/// Number of development accounts that sign transactions. The other accounts sign authorizations.
const SENDERS: usize = 3;

/// Program of the judge with 32 bits: `$ZENO_JUDGE_32`, or by default the one that `scripts/test-32 --build` makes, if
/// it exists.
pub fn default_judge() -> Option<PathBuf> {
    if let Some(named) = env::var_os("ZENO_JUDGE_32").filter(|value| !value.is_empty()) {
        return Some(named.into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/judge32/i686-unknown-linux-gnu/release/zeno-judge");
    built.is_file().then_some(built)
}

/// Random block with its chain, parent, state and witness.
#[derive(Clone, Debug)]
pub struct World {
    /// Seed of which the world is a function.
    pub seed: u64,
    /// Fork whose rules the last block follows.
    pub fork: Fork,
    /// The last block's gas limit.
    pub gas_limit: u64,
    /// The blocks and their witness, which is minimal in half of the worlds.
    pub input: StatelessInput,
    /// Result of executing the blocks.
    pub built: Built,
}

/// Result of executing a world's blocks while the world was generated.
#[derive(Clone, Debug)]
pub enum Built {
    /// The blocks were executed, and their headers have the commitments.
    Executed {
        /// Number of transactions.
        transactions: usize,
        /// Number of transactions that succeeded.
        succeeded: usize,
        /// Number of transactions with more gas than [`MAX_TRANSACTION_GAS`], although execution may not have more.
        large: usize,
        /// Gas that the transactions used.
        gas_used: u64,
        /// Greatest memory of a frame that the block's logs report, in bytes.
        memory: u64,
    },
    /// The execution refused the last block. Its header lacks the commitments, so validation must refuse it as well.
    Refused,
}

impl Built {
    /// Result of this and a later block.
    fn and(self, later: Self) -> Self {
        let (
            Self::Executed { transactions, succeeded, large, gas_used, memory },
            Self::Executed {
                transactions: more_transactions,
                succeeded: more_succeeded,
                large: more_large,
                gas_used: more_gas,
                memory: other_memory,
            },
        ) = (self, later)
        else {
            return Self::Refused;
        };
        Self::Executed {
            transactions: transactions + more_transactions,
            succeeded: succeeded + more_succeeded,
            large: large + more_large,
            gas_used: gas_used.saturating_add(more_gas),
            memory: memory.max(other_memory),
        }
    }
}

impl World {
    /// Generates the world of a seed.
    ///
    /// # Panics
    /// If the execution of a block panics.
    pub fn new(seed: u64) -> Self {
        WorldBuilder::new(Dice::new(seed)).build(seed)
    }
}

/// Account of a world's state.
#[derive(Clone, Debug, Default)]
struct Account {
    nonce: u64,
    balance: U256,
    code: Bytes,
    storage: Vec<(U256, U256)>,
}

/// Generator of one world.
struct WorldBuilder {
    dice: Dice,
    fork: Fork,
    spec: ChainSpec,
    timestamp: u64,
    gas_limit: u64,
    /// Binary logarithm of the gas that one transaction may execute with.
    gas_bits: u32,
    accounts: Vec<(Address, Account)>,
    callees: Vec<Callee>,
    /// Addresses that codes and transactions name.
    known: Vec<Address>,
    /// True if an account has storage, but neither a nonce nor code (EIP-7610). Such a world keeps the complete
    /// witness. Validation notices the account when it is read, and runs the transaction again. The minimal witness is
    /// that of a run that knows the account from the start.
    has_storage_only_account: bool,
}

impl WorldBuilder {
    fn new(mut dice: Dice) -> Self {
        let fork = Fork::ALL[dice.weighted([10, 10, 16, 16, 24, 24, 8])];
        let digits = if dice.percent(90) { 34 } else { 64 };
        let timestamp = dice.up_to_bits(digits).clamp(1, u64::MAX - 1);
        let bits = match dice.weighted([15, 40, 20, 25]) {
            0 => 13 + dice.below(9) as u32,
            1 => 22 + dice.below(8) as u32,
            2 => 29 + dice.below(7) as u32,
            _ => 34 + dice.below(30) as u32,
        };
        let gas_limit = dice.with_bits(bits).max(5001);
        let execution = if fork >= Fork::Osaka { gas_limit.min(MAX_TRANSACTION_GAS) } else { gas_limit };
        let spec = chain(&mut dice, fork, timestamp);
        Self {
            dice,
            fork,
            spec,
            timestamp,
            gas_limit,
            gas_bits: 64 - execution.leading_zeros(),
            accounts: Vec::new(),
            callees: Vec::new(),
            known: Vec::new(),
            has_storage_only_account: false,
        }
    }

    fn build(mut self, seed: u64) -> World {
        self.contracts();
        self.system_contracts();
        self.other_accounts();
        let (state_root, nodes, codes) = self.state();
        let (mut parent, ancestors) = self.parent(state_root);
        let chain = Bytes::from(self.spec.encode());
        let mut known = Witness { headers: ancestors, codes, state: nodes };
        let count = if self.dice.percent(75) { 1 } else { 1 + self.dice.below(MAX_BLOCKS) };
        let mut blocks = Vec::new();
        let mut built = None;
        for index in 0..count {
            let mut input =
                StatelessInput { chain: chain.clone(), witness: known.clone(), ..StatelessInput::default() };
            let mut block = Block { header: self.header(&parent), body: BlockBody::default() };
            block.body.withdrawals = block.header.withdrawals_root.map(|_| Withdrawals::default());
            fill_from_parent(&mut block, &mut input);
            block.body.withdrawals = block.header.withdrawals_root.map(|_| self.withdrawals());
            block.body.transactions = self.transactions(&block.header);
            let (one, state) = complete(&self.spec, &parent, &mut block, &mut input);
            blocks.push(input);
            built = Some(built.map_or(one.clone(), |before: Built| before.and(one)));
            let Some(state) = state else { break };
            if index + 1 == count || !self.advance(&block.header, state, &mut known) {
                break;
            }
            parent = block.header;
        }
        let built = built.expect("there is a block");
        let mut input = merge(blocks).expect("the rules are the same");
        if !self.has_storage_only_account
            && self.dice.percent(50)
            && let Ok((minimal, _)) = minimize(&input)
        {
            input = minimal;
        }
        if self.dice.percent(10) {
            // Wrong hints must change nothing.
            let hints = |dice: &mut Dice| (0..4 * dice.below(6)).map(|_| dice.byte()).collect::<Bytes>();
            input.destinations = input.witness.codes.iter().map(|_| hints(&mut self.dice)).collect();
        }
        World { seed, fork: self.fork, gas_limit: self.gas_limit, input, built }
    }

    /// Makes a block the parent of the next one, whose fork may be another. Returns whether there can be a next one.
    fn advance(&mut self, header: &Header, mut state: WitnessState, known: &mut Witness) -> bool {
        let step = 1 + self.dice.up_to_bits(6);
        let Some(timestamp) = header.timestamp.checked_add(step) else { return false };
        if header.number == u64::MAX {
            return false;
        }
        (self.timestamp, self.fork) = (timestamp, self.spec.fork_at(timestamp));
        let (nodes, codes) = state.revealed();
        known.headers.push(alloy_rlp::encode(header).into());
        for (list, new) in [(&mut known.state, nodes), (&mut known.codes, codes)] {
            let all = list.drain(..).chain(new).collect::<BTreeSet<_>>();
            list.extend(all);
        }
        for (address, account) in &mut self.accounts {
            // Of the accounts, only nonces are looked at from here on.
            if let Ok(Some(info)) = state.basic(*address) {
                account.nonce = info.nonce;
            }
        }
        true
    }

    /// Parameters of a program with at most 2^`gas_bits` gas.
    fn setting(&mut self, gas_bits: u32, risk: u64) -> Setting {
        let most = code::memory_bits(gas_bits.saturating_sub(2));
        // Mostly far below the memory that the guest supports, and sometimes near it.
        let cap = match self.dice.weighted([38, 27, 15, 12, 8]) {
            0 => 14,
            1 => 21,
            2 => 26,
            3 => 27,
            _ => 40,
        };
        Setting {
            fork: self.fork,
            gas_bits,
            memory_bits: most.min(cap).max(8),
            risk,
            callees: self.callees.clone(),
            known: self.known.clone(),
            must_succeed: false,
        }
    }

    /// Adds contracts. Each of them calls only earlier ones, so no chain of calls returns to the same contract.
    fn contracts(&mut self) {
        let count = 2 + self.dice.below(8) as usize;
        let addresses = (0..count).map(|_| Address::from_slice(&self.dice.hash()[..20])).collect::<Vec<_>>();
        self.known.extend(&addresses);
        self.known.extend((0..5).map(|index| DevAccount::new(index).address()));
        for (index, address) in addresses.into_iter().enumerate() {
            let (code, terminates) = self.contract(address, index);
            let storage = self.storage();
            let balance = self.balance();
            let nonce = if self.dice.percent(95) { 1 } else { u64::MAX - self.dice.below(3) };
            self.add(address, Account { nonce, balance, code: code.into(), storage }, terminates);
        }
        // Delegations to contracts, precompiles and empty accounts, and codes that resemble a delegation.
        for _ in 0..self.dice.below(3) {
            let address = Address::from_slice(&self.dice.hash()[..20]);
            let target = match self.dice.below(5) {
                0 => Callee {
                    address: Address::with_last_byte(1 + self.dice.below(10) as u8),
                    terminates: false,
                },
                1 => Callee { address: Address::from_slice(&self.dice.hash()[..20]), terminates: true },
                _ => self.dice.pick(&self.callees),
            };
            let account = Account {
                nonce: 1,
                balance: self.balance(),
                code: delegation(target.address),
                storage: self.storage(),
            };
            self.add(address, account, target.terminates);
        }
        if self.dice.percent(10) {
            let address = Address::from_slice(&self.dice.hash()[..20]);
            let mut code = delegation(address).to_vec();
            match self.dice.below(4) {
                0 => code.push(0),
                1 => code.truncate(22),
                2 => code.truncate(2 + self.dice.index(2)),
                _ => code[2] = 1,
            }
            // Revm's decoder refuses a code as corrupt if it has a delegation's prefix and is none.
            self.add(address, Account { nonce: 1, code: code.into(), ..Account::default() }, false);
        }
    }

    fn contract(&mut self, address: Address, index: usize) -> (Vec<u8>, bool) {
        // The callers keep a share of the gas.
        let gas_bits = self.gas_bits.saturating_sub(self.dice.below(4) as u32 + 1).max(12);
        let risk = self.dice.pick(&[0, 0, 1, 1, 2, 20]);
        let mut setting = self.setting(gas_bits, risk);
        let kind = if index == 0 { 0 } else { self.dice.weighted([62, 10, 9, 6, 4, 3, 3, 3]) };
        match kind {
            0 => (code::terminating(&mut self.dice, &setting), true),
            1 => (code::recursive(&mut self.dice, &setting, address), true),
            2 => {
                setting.risk = 60;
                setting.memory_bits = 12;
                (code::arbitrary(&mut self.dice, &setting), false)
            }
            3 => {
                let length = match self.dice.weighted([40, 30, 27, 3]) {
                    // Around the greatest length until Osaka (EIP-170), and since then (EIP-7954).
                    0 => self.dice.pick(&[24_576, 1 << 16]) + self.dice.below(3) - 1,
                    1 => 100 + self.dice.up_to_bits(16),
                    2 => self.dice.up_to_bits(19).max(5000),
                    // Around the greatest position that a hint can name.
                    _ => (1 << 24) + self.dice.pick(&[0, 1, 33, 4096]) - self.dice.below(40),
                };
                (code::long(&mut self.dice, &setting, length as usize), true)
            }
            4 => (code::gas_burner(&mut self.dice), false),
            5 => {
                let (length, from) = (
                    self.dice.near_power_of_two(setting.memory_bits),
                    self.dice.near_power_of_two(setting.memory_bits),
                );
                let how = self.dice.pick(&[opcode::RETURN, opcode::REVERT]);
                (code::zero_returner(length, from, how), true)
            }
            6 => (code::deposit_logger(&mut self.dice), true),
            _ => (Vec::new(), true),
        }
    }

    fn add(&mut self, address: Address, account: Account, terminates: bool) {
        self.callees.push(Callee { address, terminates });
        self.known.push(address);
        self.accounts.push((address, account));
    }

    fn storage(&mut self) -> Vec<(U256, U256)> {
        let count = self.dice.pick(&[0, 0, 1, 2, 6]);
        (0..count)
            .map(|_| {
                let slot = if self.dice.percent(90) {
                    U256::from(self.dice.below(6))
                } else {
                    self.dice.interesting()
                };
                (slot, self.dice.interesting())
            })
            .collect()
    }

    fn balance(&mut self) -> U256 {
        match self.dice.weighted([40, 30, 25, 5]) {
            0 => U256::ZERO,
            1 => U256::from(self.dice.up_to_bits(64)),
            2 => self.dice.word() >> 130,
            _ => self.dice.word() >> 4,
        }
    }

    /// Adds the contracts of EIPs 4788, 2935, 7002, 7251 and 8282: with their own code, with other code, or not at all.
    fn system_contracts(&mut self) {
        let contracts = [
            (BEACON_ROOTS_ADDRESS, &BEACON_ROOTS_CODE, false),
            (HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE, false),
            (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &WITHDRAWAL_REQUEST_PREDEPLOY_CODE, true),
            (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &CONSOLIDATION_REQUEST_PREDEPLOY_CODE, true),
            (BUILDER_DEPOSIT_CONTRACT_ADDRESS, &BUILDER_DEPOSIT_CONTRACT_CODE, true),
            (BUILDER_EXIT_CONTRACT_ADDRESS, &BUILDER_EXIT_CONTRACT_CODE, true),
        ];
        for (address, code, must_succeed) in contracts {
            // System calls have 30,000,000 gas.
            let mut setting = self.setting(24, 1);
            let kind = if must_succeed {
                self.dice.weighted([700, 5, 195, 90, 3, 3, 4])
            } else {
                self.dice.weighted([430, 150, 290, 60, 15, 25, 30])
            };
            let code = match kind {
                0 => code.to_vec(),
                1 => continue,
                2 => {
                    if must_succeed {
                        (setting.risk, setting.must_succeed) = (0, true);
                    }
                    code::terminating(&mut self.dice, &setting)
                }
                3 => {
                    let (length, from) =
                        (U256::from(self.dice.up_to_bits(20)), self.dice.near_power_of_two(20));
                    code::zero_returner(length, from, opcode::RETURN)
                }
                4 => code::gas_burner(&mut self.dice),
                5 => code::zero_returner(U256::from(self.dice.up_to_bits(20)), U256::ZERO, opcode::REVERT),
                _ => code::arbitrary(&mut self.dice, &setting),
            };
            // The contracts with queues keep their counters in the first four slots.
            let storage = if self.dice.percent(70) { Vec::new() } else { self.storage() };
            let storage =
                if kind == 0 && must_succeed && self.dice.percent(80) { Vec::new() } else { storage };
            let balance = self.balance();
            self.add(address, Account { nonce: 1, balance, code: code.into(), storage }, false);
        }
    }

    /// Adds senders and authorities, and sometimes an account at an address where a contract will be created.
    fn other_accounts(&mut self) {
        let ample = U256::ONE << 250;
        for index in 0..5 {
            let address = DevAccount::new(index).address();
            let nonce = match self.dice.weighted([60, 35, 5]) {
                0 => 0,
                1 => self.dice.up_to_bits(20),
                _ => u64::MAX - 2 - self.dice.below(6),
            };
            let delegated = self.fork >= Fork::Prague && self.dice.percent(10);
            let code = if delegated {
                let target = self.dice.pick(&self.callees);
                delegation(target.address)
            } else {
                Bytes::new()
            };
            let balance = if index < SENDERS { ample } else { self.balance() };
            let storage = if delegated { self.storage() } else { Vec::new() };
            self.accounts.push((address, Account { nonce, balance, code, storage }));
            if delegated {
                self.callees.push(Callee { address, terminates: false });
            }
        }
        if self.dice.percent(20) {
            let (creator, account) = self.dice.pick(&self.accounts);
            let address = creator.create(account.nonce);
            let storage = vec![(U256::from(self.dice.below(6)), U256::from(7))];
            let mut occupant = Account { storage, balance: self.balance(), ..Account::default() };
            if self.dice.percent(30) {
                occupant.nonce = 1;
            } else {
                self.has_storage_only_account = true;
            }
            self.accounts.push((address, occupant));
        }
    }

    /// Root, trie nodes and codes of the state.
    fn state(&self) -> (B256, Vec<Bytes>, Vec<Bytes>) {
        let mut none = Preimages::default();
        let (mut state, mut nodes, mut codes) = (Trie::default(), BTreeSet::new(), BTreeSet::new());
        for (address, account) in &self.accounts {
            let mut storage = Trie::default();
            for (slot, value) in account.storage.iter().filter(|(_, value)| !value.is_zero()) {
                storage
                    .insert(&keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value).into(), &mut none)
                    .expect("a trie in memory lacks nothing");
            }
            let leaf = TrieAccount {
                nonce: account.nonce,
                balance: account.balance,
                storage_root: storage.hash(),
                code_hash: keccak256(&account.code),
            };
            state
                .insert(&keccak256(address), alloy_rlp::encode(leaf).into(), &mut none)
                .expect("a trie in memory lacks nothing");
            nodes.extend(storage.revealed());
            codes.insert(account.code.clone());
        }
        nodes.extend(state.revealed());
        (state.hash(), nodes.into_iter().collect(), codes.into_iter().collect())
    }

    /// Parent of the block, and RLP of the headers of some ancestors and the parent.
    fn parent(&mut self, state_root: B256) -> (Header, Vec<Bytes>) {
        let dice = &mut self.dice;
        let number = if dice.percent(95) { dice.up_to_bits(40) + 4 } else { u64::MAX - 1 };
        let mut ancestors = Vec::new();
        let mut parent_hash = dice.hash();
        for back in (1..=dice.below(4)).rev() {
            let header = Header { number: number - back, parent_hash, ..Header::default() };
            parent_hash = header.hash_slow();
            ancestors.push(Bytes::from(alloy_rlp::encode(header)));
        }
        let blobs = self.spec.blob_params_at(self.timestamp);
        let digits = if dice.percent(92) { 40 } else { 64 };
        let base_fee = dice.up_to_bits(digits);
        let target = self.gas_limit / 2;
        let gas_used = match dice.weighted([60, 20, 10, 10]) {
            0 => target,
            1 => dice.up_to_bits(63).min(self.gas_limit),
            2 => 0,
            _ => self.gas_limit,
        };
        let excess = blobs.map_or(0, |params| {
            let fraction = u64::try_from(params.update_fraction).unwrap_or(u64::MAX);
            match dice.weighted([50, 40, 10]) {
                0 => 0,
                1 => fraction.saturating_mul(dice.below(30)).saturating_add(dice.below(1000)),
                _ => dice.up_to_bits(22),
            }
        });
        let has_blobs = blobs.is_some() && dice.percent(95);
        let parent = Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            state_root,
            number,
            gas_limit: self.gas_limit,
            gas_used,
            timestamp: dice.up_to_bits(64) % self.timestamp,
            base_fee_per_gas: Some(base_fee),
            withdrawals_root: (self.fork >= Fork::Shanghai).then_some(B256::ZERO),
            blob_gas_used: has_blobs.then(|| dice.pick(&[0, 1 << 17, 6 << 17, 21 << 17])),
            excess_blob_gas: has_blobs.then_some(excess),
            parent_beacon_block_root: has_blobs.then_some(B256::ZERO),
            ..Header::default()
        };
        // The parent has no difficulty, so an unknown number of the merge block does not matter.
        self.spec.merge_block = match dice.below(3) {
            0 => None,
            1 => Some(0),
            // 1 is written 0.
            _ => Some(number - dice.below(3)).filter(|number| *number != 1),
        };
        ancestors.push(Bytes::from(alloy_rlp::encode(&parent)));
        (parent, ancestors)
    }

    /// Header of the block, without the fields that depend on its body and its execution.
    fn header(&mut self, parent: &Header) -> Header {
        let step = parent.gas_limit / 1024;
        let gas_limit = match self.dice.weighted([80, 10, 10]) {
            1 if step > 1 => (parent.gas_limit + step - 1).min(MAX_GAS_LIMIT),
            2 if step > 1 => (parent.gas_limit - step + 1).max(5000),
            _ => parent.gas_limit,
        };
        self.gas_limit = gas_limit;
        let beneficiary = match self.dice.below(4) {
            0 => Address::from_slice(&self.dice.hash()[..20]),
            1 => Address::with_last_byte(self.dice.byte()),
            _ => self.dice.pick(&self.known),
        };
        let since = |fork| self.fork >= fork;
        Header {
            parent_hash: parent.hash_slow(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary,
            number: parent.number + 1,
            gas_limit,
            timestamp: self.timestamp,
            mix_hash: self.dice.hash(),
            base_fee_per_gas: Some(0),
            withdrawals_root: since(Fork::Shanghai).then_some(B256::ZERO),
            blob_gas_used: since(Fork::Cancun).then_some(0),
            excess_blob_gas: since(Fork::Cancun).then_some(0),
            parent_beacon_block_root: since(Fork::Cancun).then(|| self.dice.hash()),
            requests_hash: since(Fork::Prague).then_some(B256::ZERO),
            block_access_list_hash: since(Fork::Amsterdam).then_some(B256::ZERO),
            slot_number: since(Fork::Amsterdam).then(|| self.dice.up_to_bits(64)),
            // A wrong root, so that validation ends before the execution.
            transactions_root: B256::ZERO,
            ..Header::default()
        }
    }

    fn withdrawals(&mut self) -> Withdrawals {
        let count = self.dice.pick(&[0, 0, 1, 4]);
        let withdrawal = |dice: &mut Dice, known: &[Address]| Withdrawal {
            index: dice.up_to_bits(64),
            validator_index: dice.up_to_bits(64),
            address: if dice.percent(70) {
                dice.pick(known)
            } else {
                Address::from_slice(&dice.hash()[..20])
            },
            amount: dice.up_to_bits(64),
        };
        (0..count).map(|_| withdrawal(&mut self.dice, &self.known)).collect::<Vec<_>>().into()
    }

    fn transactions(&mut self, header: &Header) -> Vec<Transaction> {
        let mut nonces = [0, 1, 2].map(|index| {
            let address = DevAccount::new(index).address();
            let account = self.accounts.iter().find(|(other, _)| *other == address);
            account.expect("the senders are there").1.nonce
        });
        let mut gas_left = header.gas_limit;
        let mut blobs_left =
            self.spec.blob_params_at(header.timestamp).map_or(0, |params| params.max_blob_count);
        let mut transactions = Vec::new();
        let count = 1 + self.dice.below(5);
        for index in 0..count {
            let sender = self.dice.index(SENDERS);
            let most = gas_left / (count - index);
            let Some((transaction, gas, blobs)) =
                self.transaction(header, sender, nonces[sender], most, blobs_left)
            else {
                continue;
            };
            nonces[sender] = nonces[sender].saturating_add(1);
            gas_left -= gas;
            blobs_left -= blobs;
            transactions.push(transaction);
        }
        transactions
    }

    /// Transaction with its gas limit and its number of blobs, or `None` if `most` gas is not enough for it.
    fn transaction(
        &mut self,
        header: &Header,
        sender: usize,
        nonce: u64,
        most: u64,
        blobs_left: u64,
    ) -> Option<(Transaction, u64, u64)> {
        let chain_id = self.spec.chain_id;
        let fork = self.fork;
        let since = |since: Fork, weight| if fork >= since { weight } else { 0 };
        let kind = self.dice.weighted([
            20,
            20,
            30,
            if blobs_left > 0 { since(Fork::Cancun, 20) } else { 0 },
            since(Fork::Prague, 25),
        ]);
        let creates = kind < 3 && self.dice.percent(20);
        let (to, terminates) = match self.dice.weighted([85, 5, 10]) {
            0 => {
                // Prefers later contracts, because they call the earlier ones.
                let contracts = self.callees.len();
                let index = self.dice.index(contracts).max(self.dice.index(contracts));
                let callee = self.callees[index];
                (callee.address, callee.terminates)
            }
            1 => (code::precompile(&mut self.dice), false),
            _ => (self.dice.pick(&self.known), false),
        };
        let mut terminates = terminates || creates;
        let input = if creates {
            let risk = self.dice.pick(&[0, 1, 5]);
            let setting = self.setting(self.gas_bits.saturating_sub(1), risk);
            code::terminating(&mut self.dice, &setting)
        } else {
            let length = match self.dice.weighted([40, 40, 17, 3]) {
                0 => 0,
                1 => self.dice.below(200),
                2 => self.dice.up_to_bits(12),
                _ => self.dice.up_to_bits(16),
            };
            self.dice.bytes(length as usize)
        };
        let access_list = if kind > 0 { self.access_list() } else { AccessList::default() };
        let authorizations = if kind == 4 { self.authorizations(chain_id) } else { Vec::new() };
        if authorizations.iter().any(|it| it.recover_authority().is_ok_and(|authority| authority == to)) {
            terminates = false;
        }

        let least = intrinsic_gas_bound(&input, creates, &access_list, authorizations.len());
        let cap = if self.fork == Fork::Osaka { MAX_TRANSACTION_GAS } else { u64::MAX };
        let cap = if terminates { cap } else { cap.min(least + MAX_ARBITRARY_GAS) };
        let most = most.min(cap);
        if most < least {
            return None;
        }
        let gas_limit = match self.dice.weighted([75, 15, 10, since(Fork::Amsterdam, 60)]) {
            0 => most,
            1 => least.max(self.dice.up_to_bits(64).min(most)),
            2 => least + self.dice.below((most - least).min(200_000) + 1),
            _ => self.gas_with_state(least).clamp(least, most),
        };

        let base_fee = u128::from(header.base_fee_per_gas.unwrap_or_default());
        let max_fee = base_fee + u128::from(self.dice.up_to_bits(30));
        let priority = if self.dice.percent(50) { 0 } else { max_fee.min(self.dice.up_to_bits(30).into()) };
        let value = U256::from(if self.dice.percent(60) { 0 } else { self.dice.up_to_bits(64) });
        let account = DevAccount::new(sender);
        let kind_of_call = if creates { TxKind::Create } else { TxKind::Call(to) };
        let input = Bytes::from(input);
        let mut blobs = 0;
        let transaction = match kind {
            0 => {
                let chain_id = self.dice.percent(80).then_some(chain_id);
                let legacy = TxLegacy {
                    chain_id,
                    nonce,
                    gas_price: max_fee,
                    gas_limit,
                    to: kind_of_call,
                    value,
                    input,
                };
                signed(legacy, &account)
            }
            1 => signed(
                TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price: max_fee,
                    gas_limit,
                    to: kind_of_call,
                    value,
                    access_list,
                    input,
                },
                &account,
            ),
            2 => signed(
                TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: priority,
                    to: kind_of_call,
                    value,
                    access_list,
                    input,
                },
                &account,
            ),
            3 => {
                blobs = 1 + self.dice.below(blobs_left.min(6));
                let hash = |dice: &mut Dice| {
                    let mut hash = dice.hash();
                    hash[0] = VERSIONED_HASH_VERSION_KZG;
                    hash
                };
                signed(
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
                        max_fee_per_blob_gas: u128::MAX >> self.dice.below(16),
                        input,
                    },
                    &account,
                )
            }
            _ => signed(
                TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: priority,
                    to,
                    value,
                    access_list,
                    authorization_list: authorizations,
                    input,
                },
                &account,
            ),
        };
        Some((transaction, gas_limit, blobs))
    }

    /// Gas limit near a bound of EIP-8037: what execution may have, and around it state gas for a few slots, accounts and
    /// authorizations.
    fn gas_with_state(&mut self, least: u64) -> u64 {
        let dice = &mut self.dice;
        let execution = match dice.weighted([50, 30, 20]) {
            0 => MAX_TRANSACTION_GAS,
            1 => least + dice.below(100_000),
            _ => least.max(MAX_TRANSACTION_GAS / 2),
        };
        let state = STATE_GAS.map(|gas| gas * dice.below(4)).into_iter().sum::<u64>();
        // State gas of a code of the greatest length (EIP-7954).
        let code = if dice.percent(25) { 1530 << 16 } else { 0 };
        let near = dice.pick(&[0, 0, 1, 2, 100, 2100, 10_000]);
        let gas = execution + state + code;
        if dice.percent(50) { gas - near } else { gas + near }
    }

    fn access_list(&mut self) -> AccessList {
        let item = |dice: &mut Dice, known: &[Address]| AccessListItem {
            address: dice.pick(known),
            storage_keys: (0..dice.below(4)).map(|_| U256::from(dice.below(6)).into()).collect(),
        };
        let count = self.dice.pick(&[0, 0, 1, 3]);
        AccessList((0..count).map(|_| item(&mut self.dice, &self.known)).collect())
    }

    fn authorizations(&mut self, chain_id: u64) -> Vec<SignedAuthorization> {
        let count = 1 + self.dice.below(3);
        (0..count)
            .map(|_| {
                let authority = DevAccount::new(SENDERS + self.dice.index(2));
                let address = authority.address();
                let nonce =
                    self.accounts.iter().find(|(other, _)| *other == address).map_or(0, |it| it.1.nonce);
                let authorization = Authorization {
                    chain_id: match self.dice.below(6) {
                        0 => U256::ZERO,
                        1 => self.dice.interesting(),
                        _ => U256::from(chain_id),
                    },
                    address: match self.dice.below(8) {
                        0 => Address::ZERO,
                        1 => code::precompile(&mut self.dice),
                        _ => self.dice.pick(&self.known),
                    },
                    nonce: nonce.saturating_add(self.dice.pick(&[0, 0, 0, 1, 2])),
                };
                let signature = authority.sign(&authorization.signature_hash());
                authorization.into_signed(signature)
            })
            .collect()
    }
}

/// Rules under which a block with this timestamp belongs to this fork.
fn chain(dice: &mut Dice, fork: Fork, timestamp: u64) -> ChainSpec {
    let mut forks = Vec::new();
    let mut from = 0;
    for later in Fork::ALL.into_iter().skip(1) {
        if later <= fork {
            from = match dice.below(3) {
                0 => from,
                1 => from + dice.below(timestamp - from + 1),
                _ if later == fork => timestamp,
                _ => from,
            };
        } else if timestamp == u64::MAX || dice.percent(30) {
            break;
        } else {
            from = from.max(timestamp + 1);
            let most = u64::MAX - from;
            // Mostly in time for the next blocks.
            from += if dice.percent(70) { dice.below(80).min(most) } else { dice.below(most + 1) };
        }
        forks.push(ForkActivation { fork: later, timestamp: from });
    }
    let blobs = blobs(dice, &forks, timestamp);
    let spec = ChainSpec {
        chain_id: if dice.percent(70) { 1 } else { dice.up_to_bits(63) },
        terminal_total_difficulty: dice.interesting(),
        merge_block: None,
        deposit_contract: match dice.below(3) {
            0 => None,
            1 => Some(Address::from_slice(&dice.hash()[..20])),
            _ => Some(Address::with_last_byte(dice.byte().max(1))),
        },
        forks,
        blobs,
    };
    spec.check().expect("the rules are consistent");
    spec
}

/// Blob parameters of a chain with these forks: from Cancun's time on, some of them around the time of the block.
fn blobs(dice: &mut Dice, forks: &[ForkActivation], timestamp: u64) -> Vec<BlobActivation> {
    let Some(cancun) = forks.iter().find(|activation| activation.fork == Fork::Cancun) else {
        return Vec::new();
    };
    let mut last = BlobActivation { timestamp: cancun.timestamp, blobs: blob_schedule(dice) };
    let mut blobs = vec![last];
    for _ in 0..dice.below(4) {
        let from = match dice.below(3) {
            0 => dice.pick(forks).timestamp,
            1 => timestamp,
            _ => last.timestamp.saturating_add(dice.up_to_bits(40)),
        };
        let next = BlobActivation { timestamp: from, blobs: blob_schedule(dice) };
        if next.timestamp > last.timestamp && next.blobs != last.blobs {
            blobs.push(next);
            last = next;
        }
    }
    blobs
}

fn blob_schedule(dice: &mut Dice) -> BlobSchedule {
    let max = match dice.weighted([60, 30, 10]) {
        0 => 1 + dice.below(21),
        1 => 1 + dice.up_to_bits(10),
        _ => dice.up_to_bits(32).max(1),
    };
    let fraction = match dice.weighted([75, 20, 5]) {
        0 => 3_338_477,
        1 => dice.up_to_bits(64).max(1 << 20),
        _ => dice.up_to_bits(64).max(1),
    };
    BlobSchedule { target: dice.below(max + 1), max, base_fee_update_fraction: fraction }
}

/// Delegation designator (EIP-7702).
fn delegation(to: Address) -> Bytes {
    [&[0xef, 0x01, 0x00], &to[..]].concat().into()
}

/// Upper bound of a transaction's intrinsic gas under the rules of all forks. A byte of data costs 64 gas at most, and one of
/// the access list 64 beside the price of its item (EIP-7976, EIP-7981).
fn intrinsic_gas_bound(input: &[u8], creates: bool, access_list: &AccessList, authorizations: usize) -> u64 {
    let keys = access_list.iter().map(|item| item.storage_keys.len()).sum::<usize>();
    let words = input.len().div_ceil(32);
    let create = if creates { 32_000 + 2 * words } else { 0 };
    (21_000 + 64 * input.len() + create + 4180 * access_list.len() + 4048 * keys + 25_000 * authorizations)
        as u64
}

/// Sets the header's fields that follow from the parent: the base fee and the excess blob gas.
fn fill_from_parent(block: &mut Block, input: &mut StatelessInput) {
    for _ in 0..2 {
        input.blocks = vec![alloy_rlp::encode(&*block).into()];
        let Err(ValidationError::Mismatch { subject, expected: Value::Number(expected), .. }) =
            transition(input)
        else {
            return;
        };
        let expected = u64::try_from(expected).unwrap_or(u64::MAX);
        match subject {
            Subject::BaseFee => block.header.base_fee_per_gas = Some(expected),
            Subject::ExcessBlobGas => block.header.excess_blob_gas = Some(expected),
            _ => return,
        }
    }
}

/// Executes the block, and sets the header's fields that depend on its body and its execution. Returns the state after it,
/// unless the execution refuses the block.
fn complete(
    spec: &ChainSpec,
    parent: &Header,
    block: &mut Block,
    input: &mut StatelessInput,
) -> (Built, Option<WitnessState>) {
    let header = &mut block.header;
    header.transactions_root = calculate_transaction_root(&block.body.transactions);
    header.withdrawals_root = block.body.withdrawals.as_ref().map(|list| calculate_withdrawals_root(list));
    let blob_gas =
        block.body.transactions.iter().filter_map(alloy_consensus::Transaction::blob_gas_used).sum();
    header.blob_gas_used = header.blob_gas_used.map(|_| blob_gas);
    input.public_keys = public_keys(block).expect("the transactions are signed");
    let senders =
        input.public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();

    let [nodes, codes, headers] = [&input.witness.state, &input.witness.codes, &input.witness.headers]
        .map(|list| Preimages::new(list.iter().cloned()));
    let mut state = WitnessState::new(parent, parent.hash_slow(), nodes, codes, headers)
        .at_fork(spec.fork_at(block.header.timestamp));
    let result = execute(spec, block, &senders, &mut state).and_then(|outcome| Ok((outcome, state.root()?)));
    let built = match result {
        Err(_) => (Built::Refused, None),
        Ok((outcome, root)) => {
            fill_commitments(&mut block.header, &outcome, root);
            let gas_limits = block.body.transactions.iter().map(alloy_consensus::Transaction::gas_limit);
            let has_state_gas = spec.fork_at(block.header.timestamp) >= Fork::Amsterdam;
            let large = gas_limits.filter(|gas| has_state_gas && *gas > MAX_TRANSACTION_GAS).count();
            (executed(&outcome, large), Some(state))
        }
    };
    input.blocks = vec![alloy_rlp::encode(&*block).into()];
    built
}

/// Sets the header's commitments to the outcome of the execution.
fn fill_commitments(header: &mut Header, outcome: &Outcome, root: B256) {
    let receipts = outcome.receipts.iter().map(TxReceipt::with_bloom_ref).collect::<Vec<_>>();
    header.receipts_root = calculate_receipt_root(&receipts);
    header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
    header.gas_used = outcome.gas_used;
    header.requests_hash = header.requests_hash.map(|_| outcome.requests.requests_hash());
    header.block_access_list_hash = outcome.access_list.map(|list| list.hash);
    header.state_root = root;
}

/// Statistics of an executed block. `large` is the number of its transactions that must not execute with all their gas.
fn executed(outcome: &Outcome, large: usize) -> Built {
    let logs = outcome.receipts.iter().flat_map(|receipt| &receipt.logs);
    let memory = logs
        .filter_map(|log| match log.topics() {
            [topic, size] if U256::from_be_bytes(topic.0) == code::MEMORY_TOPIC => {
                u64::try_from(U256::from_be_bytes(size.0)).ok()
            }
            _ => None,
        })
        .max()
        .unwrap_or_default();
    Built::Executed {
        transactions: outcome.receipts.len(),
        succeeded: outcome.receipts.iter().filter(|receipt| receipt.success).count(),
        large,
        gas_used: outcome.gas_used,
        memory,
    }
}

//! State and transactions of a case, and the valid blocks that are made of them.

use super::{
    hashing,
    trace::{self, Trace},
};
use alloy_consensus::{
    BlockBody, EMPTY_OMMER_ROOT_HASH, Header, SignableTransaction, Transaction as _, TxEip1559, TxReceipt,
    constants::EMPTY_WITHDRAWALS,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::{
    eip1559::BaseFeeParams,
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
    eip4895::Withdrawals,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
    eip7685::EMPTY_REQUESTS_HASH,
    eip8282::{
        BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_DEPOSIT_CONTRACT_CODE, BUILDER_EXIT_CONTRACT_ADDRESS,
        BUILDER_EXIT_CONTRACT_CODE,
    },
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Signature, TxKind, U256, address, keccak256};
use alloy_trie::TrieAccount;
use k256::ecdsa::SigningKey;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use zeno_guest_evm::{
    Block, ChainClaim, ChainSpec, StatelessInput, Transaction, Witness,
    chain::{BlobActivation, Fork, ForkActivation},
    execute, minimize, public_keys,
    state::WitnessState,
    transition,
    trie::{Preimages, Trie},
};

/// Number of the block.
pub const NUMBER: u64 = 20_000_000;
/// Contract that transactions call.
pub const CONTRACT: Address = address!("0xc0de00000000000000000000000000000000c0de");
/// Contract that it calls.
pub const CALLEE: Address = address!("0xca11ee0000000000000000000000000000ca11ee");
/// First of the accounts that are named by a counter.
pub const FIRST: Address = address!("0x7000000000000000000000000000000000000000");
/// Greatest gas of a transaction until Osaka, and greatest gas of execution since (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 1 << 24;
/// Number of full branches on the way to an account or slot: more than mainnet's tries have on most.
pub const DEPTH: usize = 9;

/// Gas limit of the block. Only the size of the block access list depends on it.
const GAS_LIMIT: u64 = 60_000_000;
/// A balance that no case spends.
const RICH: U256 = U256::from_limbs([0, 0, 1, 0]);
const GWEI: u128 = 1_000_000_000;

/// Account of the state before the block.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Nonce.
    pub nonce: u64,
    /// Balance, in wei.
    pub balance: U256,
    /// Code.
    pub code: Bytes,
    /// Slots with their values.
    pub storage: BTreeMap<U256, U256>,
}

impl Account {
    /// Contract with this code.
    pub fn contract(code: impl Into<Bytes>) -> Self {
        Self { nonce: 1, balance: RICH, code: code.into(), storage: BTreeMap::new() }
    }

    /// Account without code.
    pub fn plain() -> Self {
        Self { nonce: 1, balance: RICH, ..Self::default() }
    }
}

/// Branches on the ways to accounts and slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Number of branches, from the root on.
    pub levels: usize,
    /// Number of children of each, from 2 to 16.
    pub width: u8,
}

/// Transactions of a case.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Calls of [`CONTRACT`] with this data, which have all gas of the block between them.
    Calls(Bytes),
    /// The first ones of these, for which the block has gas.
    List(Vec<Transaction>),
}

/// State and transactions of a case.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The fork.
    pub fork: Fork,
    /// Accounts, besides the first signer and the system contracts.
    pub accounts: BTreeMap<Address, Account>,
    /// Addresses that do not exist, on whose ways there are branches as well.
    pub absent: Vec<Address>,
    /// Slots of the contract that have no value, on whose ways there are branches as well.
    pub absent_slots: Vec<u64>,
    /// Branches on the ways to all these accounts and slots, and to the slots that have a value.
    pub depth: Option<Depth>,
    /// Number of headers in the witness before the parent.
    pub ancestors: u64,
    /// The transactions.
    pub plan: Plan,
}

impl Scene {
    /// Scene in which a contract with this code is called.
    pub fn call(fork: Fork, code: Bytes) -> Self {
        Self {
            fork,
            accounts: BTreeMap::from([(CONTRACT, Account::contract(code))]),
            absent: Vec::new(),
            absent_slots: Vec::new(),
            depth: None,
            ancestors: 0,
            plan: Plan::Calls(Bytes::new()),
        }
    }

    /// Scene with these transactions.
    pub fn list(fork: Fork, transactions: Vec<Transaction>) -> Self {
        Self { plan: Plan::List(transactions), ..Self::call(fork, Bytes::from_static(&[0])) }
    }

    /// Adds an account.
    pub fn with(mut self, address: Address, account: Account) -> Self {
        self.accounts.insert(address, account);
        self
    }

    /// Adds `count` accounts, from [`FIRST`] on.
    pub fn with_many(mut self, count: u64, account: impl Fn(u64) -> Account) -> Self {
        self.accounts.extend((0..count).map(|index| (numbered(index), account(index))));
        self
    }

    /// Gives the contract slots with the value 1, from 0 to `count`.
    pub fn with_slots(mut self, count: u64) -> Self {
        let contract = self.accounts.get_mut(&CONTRACT).expect("every scene has it");
        contract.storage = (0..=count).map(|slot| (U256::from(slot), U256::ONE)).collect();
        self
    }

    /// Makes the tries deep, with full branches.
    pub fn deep(self) -> Self {
        self.with_depth(Depth { levels: DEPTH, width: 16 })
    }

    /// Makes the tries deep.
    pub fn with_depth(mut self, depth: Depth) -> Self {
        self.depth = Some(depth);
        self
    }

    /// Makes the state, and all that blocks of this scene have in common.
    pub fn prepare(self) -> Prepared {
        Prepared::new(self)
    }
}

/// Account by its index after [`FIRST`].
pub fn numbered(index: u64) -> Address {
    let word = U256::from_be_slice(FIRST.as_slice()) + U256::from(index);
    Address::from_word(word.into())
}

/// Key of a signer by its index.
///
/// # Panics
/// Never in practice: of 2^128 hashes, one is no key.
pub fn signer(index: u64) -> SigningKey {
    let hash = keccak256([&b"worst case"[..], &index.to_be_bytes()].concat());
    SigningKey::from_slice(hash.as_slice()).expect("the hash is in range")
}

/// Address of a signer.
pub fn signer_address(index: u64) -> Address {
    Address::from_public_key(signer(index).verifying_key())
}

/// Signature of a hash by a signer.
///
/// # Panics
/// Never in practice: only a zero nonce could fail.
pub fn signature(index: u64, hash: &B256) -> Signature {
    signer(index).sign_prehash_recoverable(hash.as_slice()).expect("a hash can be signed").into()
}

/// Signs a transaction.
pub fn signed<T>(transaction: T, index: u64) -> Transaction
where
    T: SignableTransaction<Signature>,
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let signature = signature(index, &transaction.signature_hash());
    transaction.into_signed(signature).into()
}

/// Transaction without value and access list.
pub fn transaction(nonce: u64, to: Address, gas_limit: u64, input: Bytes) -> TxEip1559 {
    TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit,
        max_fee_per_gas: GWEI,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        input,
        ..TxEip1559::default()
    }
}

/// Rules of a chain that has always been in this fork.
fn chain(fork: Fork) -> ChainSpec {
    let mainnet = ChainSpec::mainnet();
    let forks = Fork::ALL[1..].iter().filter(|earlier| **earlier <= fork);
    ChainSpec {
        forks: forks.map(|fork| ForkActivation { fork: *fork, timestamp: 0 }).collect(),
        blobs: vec![BlobActivation { timestamp: 0, ..mainnet.blobs[0] }],
        ..mainnet
    }
}

/// Scene with its state's tries.
#[derive(Debug)]
pub struct Prepared {
    scene: Scene,
    spec: ChainSpec,
    parent: Header,
    headers: Vec<Bytes>,
    nodes: Vec<Bytes>,
    codes: Vec<Bytes>,
}

/// Valid block, with what is known of it without the VM.
#[derive(Clone, Debug)]
pub struct Built {
    /// Minimal input.
    pub input: StatelessInput,
    /// Claim of the block.
    pub claim: ChainClaim,
    /// Gas that the block used, by its header.
    pub gas_used: u64,
    /// Number of transactions.
    pub transactions: usize,
    /// Number of the transactions that failed.
    pub failed: usize,
    /// Number of permutations of Keccak that its validation needs at least.
    pub permutations: u64,
    /// Its instructions and calls.
    pub trace: Trace,
}

impl Prepared {
    fn new(mut scene: Scene) -> Self {
        let contracts = [
            (BEACON_ROOTS_ADDRESS, &BEACON_ROOTS_CODE, Fork::Cancun),
            (HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE, Fork::Prague),
            (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &WITHDRAWAL_REQUEST_PREDEPLOY_CODE, Fork::Prague),
            (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &CONSOLIDATION_REQUEST_PREDEPLOY_CODE, Fork::Prague),
            (BUILDER_DEPOSIT_CONTRACT_ADDRESS, &BUILDER_DEPOSIT_CONTRACT_CODE, Fork::Amsterdam),
            (BUILDER_EXIT_CONTRACT_ADDRESS, &BUILDER_EXIT_CONTRACT_CODE, Fork::Amsterdam),
        ];
        for (address, code, _) in contracts.into_iter().filter(|(_, _, since)| *since <= scene.fork) {
            let account = Account { nonce: 1, code: code.clone(), ..Account::default() };
            scene.accounts.insert(address, account);
        }
        scene.accounts.entry(signer_address(0)).or_insert(Account { nonce: 0, ..Account::plain() });
        let spec = chain(scene.fork);
        let (state_root, nodes) = tries(&scene);
        let codes = scene.accounts.values().map(|account| account.code.clone()).collect::<BTreeSet<_>>();
        let mut headers = Vec::new();
        let mut parent = Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            gas_limit: GAS_LIMIT,
            timestamp: 1_800_000_000,
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        for back in (1..=scene.ancestors + 1).rev() {
            parent.number = NUMBER - back;
            parent.state_root = if back == 1 { state_root } else { B256::repeat_byte(7) };
            headers.push(Bytes::from(alloy_rlp::encode(&parent)));
            if back > 1 {
                parent.parent_hash = parent.hash_slow();
            }
        }
        Self { scene, spec, parent, headers, nodes, codes: codes.into_iter().collect() }
    }

    /// Transactions that have at most this gas between them.
    fn transactions(&self, gas: u64) -> Vec<Transaction> {
        let mut left = gas;
        match &self.scene.plan {
            Plan::Calls(input) => {
                let mut list = Vec::new();
                while left > 0 {
                    let part = left.min(MAX_TRANSACTION_GAS);
                    let call = transaction(list.len() as u64, CONTRACT, part, input.clone());
                    list.push(signed(call, 0));
                    left -= part;
                }
                list
            }
            Plan::List(list) => {
                let mut fitting = Vec::new();
                for transaction in list {
                    let Some(rest) = left.checked_sub(transaction.gas_limit()) else { break };
                    left = rest;
                    fitting.push(transaction.clone());
                }
                fitting
            }
        }
    }

    /// Header of the block, without the commitments to its execution.
    fn header(&self, transactions: &[Transaction]) -> Header {
        let timestamp = self.parent.timestamp + 12;
        let blobs = self.spec.blob_params_at(timestamp).expect("the chain has blobs");
        let has_access_list = self.scene.fork.rules().access_list.is_some();
        Header {
            parent_hash: self.parent.hash_slow(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: Address::repeat_byte(0xfe),
            number: NUMBER,
            timestamp,
            gas_limit: GAS_LIMIT,
            base_fee_per_gas: self.parent.next_block_base_fee(BaseFeeParams::ethereum()),
            transactions_root: calculate_transaction_root(transactions),
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: self.parent.next_block_excess_blob_gas(blobs),
            parent_beacon_block_root: Some(B256::repeat_byte(3)),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            slot_number: has_access_list.then_some(NUMBER),
            ..Header::default()
        }
    }

    /// State before the block.
    fn state(&self) -> WitnessState {
        let [nodes, codes, headers] =
            [&self.nodes, &self.codes, &self.headers].map(|list| Preimages::new(list.iter().cloned()));
        WitnessState::new(&self.parent, self.parent.hash_slow(), nodes, codes, headers)
            .at_fork(self.scene.fork)
    }

    /// Builds the block whose transactions have at most this gas between them.
    ///
    /// # Errors
    /// The reason for which the block can't be made, or is not valid.
    pub fn block(&self, gas: u64) -> Result<Built, String> {
        let transactions = self.transactions(gas);
        let header = self.header(&transactions);
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals: Some(Withdrawals::default()) };
        let mut block = Block { header, body };
        let public_keys = public_keys(&block).map_err(|error| error.to_string())?;
        let senders = public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..]));
        let senders = senders.collect::<Vec<_>>();

        let mut state = self.state();
        let outcome = execute(&self.spec, &block, &senders, &mut state).map_err(|error| error.to_string())?;
        let receipts = outcome.receipts.iter().map(TxReceipt::with_bloom_ref).collect::<Vec<_>>();
        let header = &mut block.header;
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
        header.gas_used = outcome.gas_used;
        header.requests_hash = Some(outcome.requests.requests_hash());
        header.block_access_list_hash = outcome.access_list.map(|list| list.hash);
        header.state_root = state.root().map_err(|error| error.to_string())?;

        let complete = StatelessInput {
            chain: self.spec.encode().into(),
            blocks: vec![alloy_rlp::encode(&block).into()],
            witness: Witness {
                headers: self.headers.clone(),
                codes: self.codes.clone(),
                state: self.nodes.clone(),
            },
            public_keys,
            destinations: Vec::new(),
        };
        let (input, claim) = minimize(&complete).map_err(|error| error.to_string())?;
        let (_, after) = transition(&input).map_err(|error| format!("the minimal input: {error}"))?;
        let trace = trace::run(self.scene.fork, &block, &senders, self.state())?;
        if trace.gas_used != outcome.gas_used {
            return Err(format!(
                "the block uses {} gas, but {} by revm's own instructions",
                outcome.gas_used, trace.gas_used
            ));
        }
        let permutations = hashing::of_witness(&input.witness)
            + hashing::of_changes(&input.witness, &after.revealed().0)
            + hashing::of_block(&block, &receipts)
            + hashing::of_accesses(&trace, outcome.access_list.map_or(0, |list| list.items))
            + trace.permutations;
        let failed = outcome.receipts.iter().filter(|receipt| !receipt.success).count();
        let transactions = outcome.receipts.len();
        Ok(Built { input, claim, gas_used: outcome.gas_used, transactions, failed, permutations, trace })
    }
}

/// Root and nodes of the state's tries.
fn tries(scene: &Scene) -> (B256, Vec<Bytes>) {
    let leaf = |trie: &mut Trie, key: &B256, value: Vec<u8>| {
        trie.insert(key, value.into(), &mut Preimages::default()).expect("a trie in memory lacks nothing");
    };
    let (mut state, mut nodes) = (Trie::default(), Vec::new());
    let mut ways = Vec::new();
    for (address, account) in &scene.accounts {
        let mut storage = Trie::default();
        let mut slots = Vec::new();
        for (slot, value) in &account.storage {
            let key = keccak256(slot.to_be_bytes::<32>());
            leaf(&mut storage, &key, alloy_rlp::encode(value));
            slots.push(key);
        }
        if *address == CONTRACT {
            slots.extend(
                scene.absent_slots.iter().map(|slot| keccak256(U256::from(*slot).to_be_bytes::<32>())),
            );
        }
        for key in beside(&slots, scene.depth) {
            leaf(&mut storage, &key, alloy_rlp::encode(U256::MAX));
        }
        nodes.extend(storage.revealed());
        let content = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: storage.hash(),
            code_hash: keccak256(&account.code),
        };
        let key = keccak256(address);
        leaf(&mut state, &key, alloy_rlp::encode(content));
        ways.push(key);
    }
    ways.extend(scene.absent.iter().map(keccak256));
    let plain = TrieAccount { balance: RICH, ..TrieAccount::default() };
    for key in beside(&ways, scene.depth) {
        leaf(&mut state, &key, alloy_rlp::encode(plain));
    }
    nodes.extend(state.revealed());
    (state.hash(), nodes)
}

/// Keys beside the ways to these keys, so that there is a branch at each nibble of the depth.
///
/// An account or slot of a chain has to be found by hashing, but what lies beside it need not belong to the attacker. So
/// the keys are made up. A branch at the depth d of a real trie takes 16^d hashes or neighbours.
fn beside(keys: &[B256], depth: Option<Depth>) -> Vec<B256> {
    let Some(Depth { levels, width }) = depth else { return Vec::new() };
    let nibble = |key: &B256, index: usize| key[index / 2] >> (4 * (1 - index % 2)) & 0xf;
    // A way's first nibbles, in a word whose first bit makes them different from shorter ones.
    let start = |key: &B256, length: usize| {
        (0..length).fold(1_u64, |start, at| start << 4 | u64::from(nibble(key, at)))
    };
    assert!(levels <= 15, "{levels} levels do not fit a word");
    let mut taken = keys
        .iter()
        .flat_map(|key| (1..=levels).map(move |length| start(key, length)))
        .collect::<HashSet<_>>();
    let mut list = Vec::new();
    for key in keys {
        for level in 0..levels {
            let own = nibble(key, level);
            for other in (1..width).map(|step| (own + step) % 16) {
                let beginning = start(key, level) << 4 | u64::from(other);
                if !taken.insert(beginning) {
                    continue;
                }
                let mut beside = keccak256(beginning.to_be_bytes());
                for index in 0..=level {
                    let nibble = if index == level { other } else { nibble(key, index) };
                    let shift = 4 * (1 - index % 2);
                    beside[index / 2] = beside[index / 2] & !(0xf << shift) | nibble << shift;
                }
                list.push(beside);
            }
        }
    }
    list
}

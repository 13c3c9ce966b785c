//! Random contracts in worlds with one block each.
//!
//! The guest's interpreter loop executes the block, and the header gets the commitments of this execution. Then revm's
//! own instructions, which record the jumps, must find the block valid. The loop must do so again, with the recorded
//! jumps as hints.

use crate::{answer::Answer, assembler::assemble};
use alloy_consensus::{
    BlockBody, EMPTY_OMMER_ROOT_HASH, Header, SignableTransaction, TxEip1559, TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::BEACON_ROOTS_ADDRESS,
    eip4895::Withdrawals,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip8282::{BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_EXIT_CONTRACT_ADDRESS},
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Signature, TxKind, U256, keccak256, uint};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use arbitrary::{Arbitrary, Unstructured};
use revm::bytecode::opcode;
use std::collections::BTreeMap;
use zeno_guest_evm::{
    Block, ChainSpec, Portable, StatelessInput, Transaction, ValidationError, Witness,
    chain::{BlobActivation, Fork, ForkActivation},
    execute, minimize, public_keys,
    state::WitnessState,
    trie::{Preimages, Trie},
    validate,
};

/// Number of contracts of a world.
const CONTRACTS: usize = 4;
/// Gas limit of the block and its parent.
const GAS_LIMIT: u64 = 100_000_000;
/// Account with a delegation to the first contract (EIP-7702).
const DELEGATING: Address = Address::repeat_byte(0xd0);
/// Address without an account.
const NOBODY: Address = Address::repeat_byte(0x0b);
/// System contracts, which every block calls (EIP-4788, EIP-2935, EIP-7002, EIP-7251, EIP-8282).
const SYSTEM: [Address; 6] = [
    BEACON_ROOTS_ADDRESS,
    HISTORY_STORAGE_ADDRESS,
    WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    BUILDER_DEPOSIT_CONTRACT_ADDRESS,
    BUILDER_EXIT_CONTRACT_ADDRESS,
];
/// Value of r in all signatures. It is the x-coordinate of a point, so every signature has a public key.
const X: U256 = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);

/// Parts of a world that have a fixed size.
#[derive(Arbitrary, Debug)]
struct Head {
    fork: u8,
    transactions: [Call; 2],
    /// Kind of the hints to jump destinations, for each code.
    hints: [u8; CONTRACTS],
    /// Slots of the contracts that are not zero, as four bits for each contract.
    storage: u16,
    /// Code of the system contracts.
    system: u8,
    /// Lengths in bytes of the parts that describe the codes. The first contract's part is the rest of the input.
    lengths: [u8; CONTRACTS],
}

/// Description of a transaction.
#[derive(Arbitrary, Debug)]
struct Call {
    kind: u8,
    gas: u16,
    gas_scale: u8,
    data: u8,
    data_length: u8,
}

/// Block with its chain, parent, state and witness. The header lacks the fields that depend on the block's execution.
#[derive(Debug)]
pub struct World {
    chain: ChainSpec,
    block: Block,
    senders: Vec<Address>,
    parent: Header,
    /// Input, which lacks the block at first.
    input: StatelessInput,
}

fn contract(index: usize) -> Address {
    Address::repeat_byte(0xc0 + index as u8)
}

impl World {
    /// World that these bytes describe, or `None` if there are too few bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Unstructured::new(bytes);
        let head = bytes.arbitrary::<Head>().ok()?;
        let fork = match head.fork {
            0..64 => Fork::Osaka,
            64..128 => Fork::Amsterdam,
            fork => Fork::ALL[usize::from(fork) % Fork::ALL.len()],
        };
        let addresses = [contract(0), contract(1), contract(2), contract(3), DELEGATING, NOBODY];
        // There is one part more than there are contracts, for the code that creates a contract.
        let mut codes = Vec::new();
        for length in head.lengths {
            let length = usize::from(length).min(bytes.len() / CONTRACTS);
            codes.push(assemble(bytes.bytes(length).ok()?, &addresses, fork));
        }
        codes.insert(0, assemble(bytes.take_rest(), &addresses, fork));
        let initcode = codes.pop().unwrap_or_default();

        let chain = chain(fork);
        let transactions = (head.transactions.iter().enumerate())
            // Half of the worlds have a second transaction.
            .filter(|(index, call)| *index == 0 || call.kind >= 128)
            .map(|(_, call)| call.transaction(fork, chain.chain_id, &codes, &initcode))
            .collect::<Vec<_>>();
        let mut block = Block {
            header: Header::default(),
            body: BlockBody { transactions, ommers: Vec::new(), withdrawals: None },
        };
        let public_keys = public_keys(&block).expect("a key made each signature");
        let senders =
            public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();

        let (state_root, witness) = head.state(&codes, &senders);
        let mut parent = Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            state_root,
            gas_limit: GAS_LIMIT,
            // The target of EIP-1559, so that the base fee does not change.
            gas_used: GAS_LIMIT / 2,
            timestamp: 1000,
            base_fee_per_gas: Some(7),
            ..Header::default()
        };
        let withdrawals = (fork >= Fork::Shanghai).then(Withdrawals::default);
        parent.withdrawals_root = withdrawals.as_ref().map(|list| calculate_withdrawals_root(list));
        parent.blob_gas_used = (fork >= Fork::Cancun).then_some(0);
        parent.excess_blob_gas = parent.blob_gas_used;
        parent.parent_beacon_block_root = parent.blob_gas_used.map(|_| B256::repeat_byte(0xbe));
        parent.requests_hash = (fork >= Fork::Prague).then_some(B256::ZERO);
        parent.block_access_list_hash = (fork >= Fork::Amsterdam).then_some(B256::ZERO);
        parent.slot_number = (fork >= Fork::Amsterdam).then_some(7);
        block.header = Header {
            parent_hash: parent.hash_slow(),
            beneficiary: Address::repeat_byte(0xcb),
            transactions_root: calculate_transaction_root(&block.body.transactions),
            number: 1,
            gas_used: 0,
            timestamp: 1012,
            mix_hash: B256::repeat_byte(0x77),
            ..parent.clone()
        };
        block.body.withdrawals = withdrawals;

        let headers = vec![alloy_rlp::encode(&parent).into()];
        let input = StatelessInput {
            chain: chain.encode().into(),
            blocks: Vec::new(),
            destinations: codes.iter().zip(head.hints).map(|(code, choice)| hints(code, choice)).collect(),
            witness: Witness { headers, ..witness },
            public_keys,
        };
        Some(Self { chain, block, senders, parent, input })
    }

    /// Executes the block by the guest's loop, and completes its header. Returns whether the first transaction
    /// succeeds.
    ///
    /// # Errors
    /// [`ValidationError`] if no header makes the block valid.
    pub fn complete(&mut self) -> Result<bool, ValidationError> {
        let Witness { headers, codes, state } = self.input.witness.clone();
        let [headers, codes, nodes] = [headers, codes, state].map(Preimages::new);
        let mut state = WitnessState::new(&self.parent, self.block.header.parent_hash, nodes, codes, headers)
            .at_fork(self.chain.fork_at(self.block.header.timestamp))
            .with_destinations::<Portable>(self.input.destinations.clone());
        let done = execute(&self.chain, &self.block, &self.senders, &mut state).and_then(|outcome| {
            let receipts =
                outcome.receipts.iter().map(|receipt| receipt.clone().into_with_bloom()).collect::<Vec<_>>();
            let header = &mut self.block.header;
            header.gas_used = outcome.gas_used;
            header.receipts_root = calculate_receipt_root(&receipts);
            header.logs_bloom =
                receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
            if let Some(hash) = &mut header.requests_hash {
                *hash = outcome.requests.requests_hash();
            }
            header.block_access_list_hash = outcome.access_list.map(|list| list.hash);
            header.state_root = state.root()?;
            Ok(receipts.first().is_some_and(|receipt| receipt.status()))
        });
        self.input.blocks = vec![alloy_rlp::encode(&self.block).into()];
        done
    }

    /// The input. Its block is empty until the world is [completed](Self::complete).
    pub const fn input(&self) -> &StatelessInput {
        &self.input
    }
}

/// Rules under which this fork is active from the genesis on.
fn chain(fork: Fork) -> ChainSpec {
    let mainnet = ChainSpec::mainnet();
    let forks = Fork::ALL.into_iter().filter(|other| (Fork::Shanghai..=fork).contains(other));
    // A fork that mainnet does not schedule has the parameters of its last one.
    let blobs = mainnet.blobs_at(mainnet.activation(fork).unwrap_or(u64::MAX));
    ChainSpec {
        merge_block: Some(0),
        forks: forks.map(|fork| ForkActivation { fork, timestamp: 0 }).collect(),
        blobs: blobs.map(|blobs| BlobActivation { timestamp: 0, blobs }).into_iter().collect(),
        ..mainnet
    }
}

impl Call {
    fn transaction(&self, fork: Fork, chain_id: u64, codes: &[Vec<u8>], initcode: &[u8]) -> Transaction {
        let (to, input) = match self.kind % 16 {
            0 => (TxKind::Create, initcode.to_vec()),
            1 => (TxKind::Call(DELEGATING), self.data()),
            2..6 => (TxKind::Call(contract(usize::from(self.kind) % codes.len())), self.data()),
            _ => (TxKind::Call(contract(0)), self.data()),
        };
        // Upper bound of the intrinsic gas, which includes at most 64 gas for a byte of data since EIP-7976.
        let least = 53_000 + 66 * input.len() as u64;
        let scale = [1, 1, 1, 4, 4, 4, 16, 64][usize::from(self.gas_scale % 8)];
        let mut gas_limit = least + scale * u64::from(self.gas);
        if fork >= Fork::Amsterdam && self.gas_scale >= 128 {
            // State gas beside, or around what a transaction may execute with (EIP-8037).
            let state = 1530 * [32, 64, 120, 23][usize::from(self.gas_scale / 8 % 4)];
            gas_limit += state * u64::from(self.gas_scale / 32 % 4 + 1);
            if self.gas_scale >= 240 {
                gas_limit = gas_limit.max((1 << 24) - 100) + u64::from(self.gas_scale);
            }
        }
        let transaction = TxEip1559 {
            chain_id,
            nonce: 0,
            gas_limit,
            max_fee_per_gas: 10,
            max_priority_fee_per_gas: 1,
            to,
            value: U256::from(self.kind / 64),
            access_list: Default::default(),
            input: input.into(),
        };
        Transaction::Eip1559(transaction.into_signed(Signature::new(X, U256::from(5), false)))
    }

    fn data(&self) -> Vec<u8> {
        (0..self.data_length).map(|index| self.data.wrapping_mul(index).wrapping_add(index)).collect()
    }
}

impl Head {
    /// Root of the state, and a witness with its nodes and codes.
    fn state(&self, codes: &[Vec<u8>], senders: &[Address]) -> (B256, Witness) {
        let mut none = Preimages::default();
        let mut witness = Witness::default();
        let mut accounts = BTreeMap::<Address, TrieAccount>::new();
        let account = |code: &[u8], balance: u64| TrieAccount {
            nonce: 1,
            balance: U256::from(balance),
            storage_root: EMPTY_ROOT_HASH,
            code_hash: keccak256(code),
        };
        for (index, code) in codes.iter().enumerate() {
            let mut storage = Trie::default();
            for slot in (0..4_u8).filter(|slot| self.storage >> (4 * index) >> slot & 1 != 0) {
                let (key, value) = (keccak256(B256::with_last_byte(slot)), alloy_rlp::encode(slot + 1));
                storage.insert(&key, value.into(), &mut none).expect("a trie in memory lacks nothing");
            }
            witness.state.extend(storage.revealed());
            let account = TrieAccount { storage_root: storage.hash(), ..account(code, 1000 * index as u64) };
            accounts.insert(contract(index), account);
            witness.codes.push(code.clone().into());
        }
        let delegation = [&[0xef, 1, 0][..], contract(0).as_slice()].concat();
        accounts.insert(DELEGATING, account(&delegation, 77));
        let system = match &codes[usize::from(self.system) % codes.len()] {
            // System calls have much gas, so only code that can't run repeatedly ends in a short time.
            code if self.system >= 224 && !code.iter().any(|byte| repeats(*byte)) => code.clone(),
            _ => vec![opcode::STOP],
        };
        accounts.extend(SYSTEM.map(|address| (address, account(&system, 0))));
        witness.codes.extend([delegation.into(), system.into()]);
        for sender in senders {
            let balance = U256::from(u64::MAX);
            accounts.insert(*sender, TrieAccount { nonce: 0, balance, ..TrieAccount::default() });
        }
        let mut state = Trie::default();
        for (address, account) in accounts {
            let account = alloy_rlp::encode(account);
            state
                .insert(&keccak256(address), account.into(), &mut none)
                .expect("a trie in memory lacks nothing");
        }
        witness.state.extend(state.revealed());
        (state.hash(), witness)
    }
}

/// Returns whether code with this instruction may run more than once.
fn repeats(code: u8) -> bool {
    matches!(code, opcode::JUMP | opcode::JUMPI | opcode::CREATE..=opcode::CALLCODE | opcode::DELEGATECALL..)
}

/// Hints to the jump destinations of a code: to none, some or all of them, with correct or wrong distances, and to
/// other bytes.
fn hints(code: &[u8], choice: u8) -> Bytes {
    let marks = (0..code.len()).filter(|at| code[*at] == opcode::JUMPDEST);
    let hint = |at: usize, distance: usize| (at as u32 | (distance as u32) << 24).to_le_bytes();
    let choice = usize::from(choice);
    match choice % 8 {
        0 | 1 => Bytes::new(),
        // Distances from the beginning of the code, where an instruction begins.
        2 => marks.flat_map(|at| hint(at, at.min(255))).collect(),
        3 => marks.flat_map(|at| hint(at, 0)).collect(),
        4 => marks
            .enumerate()
            .filter(|(index, _)| (index + choice / 8) % 3 > 0)
            .flat_map(|(_, at)| hint(at, 0))
            .collect(),
        5 => marks.flat_map(|at| hint(at, choice / 8)).collect(),
        6 => (0..code.len() + 40).step_by(1 + choice / 32).flat_map(|at| hint(at, choice / 8)).collect(),
        _ => [hint(code.len() - 1, choice / 8), hint(code.len(), 0), hint(0xff_ffff, 255), [0xff; 4]]
            .concat()
            .into(),
    }
}

/// Error message without the reason for which a frame halted. All halts have the same effect, and a frame may halt for
/// two reasons at once, of which the message names one.
fn reason(error: &ValidationError) -> String {
    let error = error.to_string();
    error.split_inclusive("halted").next().unwrap_or_default().into()
}

/// Executes the world that the bytes describe, by the guest's loop and by revm.
///
/// # Panics
/// If the results differ.
pub fn evm(bytes: &[u8]) -> Answer {
    let Some(mut world) = World::new(bytes) else { return Answer::nothing() };
    let done = world.complete();
    let by_revm = minimize(world.input());
    let (succeeds, (least, claim)) = match (done, by_revm) {
        (Ok(succeeds), Ok(answer)) => (succeeds, answer),
        (Err(error), Err(by_revm)) => {
            let [error, by_revm] = [error, by_revm].map(|error| reason(&error));
            assert_eq!(error, by_revm, "the loop and revm refuse for different reasons: {world:?}");
            return Answer::new("refused", error);
        }
        (Err(error), Ok(_)) => panic!("the loop refuses what is valid with revm: {error}: {world:?}"),
        (Ok(_), Err(error)) => panic!("the loop's answer is none with revm: {error}: {world:?}"),
    };
    match validate(&least) {
        Ok(answer) => assert_eq!(answer, claim, "with hints: {world:?}"),
        Err(error) => panic!("invalid with hints: {error}: {world:?}"),
    }
    Answer::new(if succeeds { "valid, succeeds" } else { "valid, fails" }, claim.digest())
}

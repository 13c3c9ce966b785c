//! Random runs of blocks, compared with the validation of each block for itself.

use crate::{
    block::{
        Block, Transaction, header,
        senders::{public_keys, verify_signature},
    },
    error::ValidationError,
    execute::{
        execute,
        test_block::{self, Content},
    },
    merge::{MergeError, merge},
    state::WitnessState,
    validate::{minimize, requests_hash, transition, validate, validate_with},
    word::Portable,
};
use alloc::{collections::BTreeSet, vec, vec::Vec};
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Header, SignableTransaction, Transaction as _, TxEip7702, TxLegacy, TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::BEACON_ROOTS_ADDRESS,
    eip4895::{Withdrawal, Withdrawals},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Signature, TxKind, U256, hex, keccak256};
use alloy_rlp::Decodable;
use core::sync::atomic::{AtomicU64, Ordering};
use rand::{Rng, SeedableRng, rngs::StdRng};
use zeno_trie::Preimages;
use zeno_types::{
    chain::{BlobActivation, ChainSpec, Fork, ForkActivation},
    claim::ChainClaim,
    input::{InputError, StatelessInput, Witness},
};

/// Sets a slot: both are words of the input.
const STORE: Address = Address::repeat_byte(0x51);
/// Creates a child by `CREATE2`. The salt is a word of the input.
const FACTORY: Address = Address::repeat_byte(0x52);
/// Stores the hash of a block. Its distance is a word of the input.
const HASHES: Address = Address::repeat_byte(0x53);
/// Sends a value to an account: both are words of the input.
const PAY: Address = Address::repeat_byte(0x54);
/// Has a code that is a delegation to `STORE` since Prague, and none that runs before.
const DELEGATED: Address = Address::repeat_byte(0x55);

const STORE_CODE: [u8; 7] = hex!("60203560003555");
const HASHES_CODE: [u8; 8] = hex!("6000354303404355");
const PAY_CODE: [u8; 17] = hex!("60006000600060006020356000355af100");
/// Stores the time in slot 1, and returns a code that sets a slot like `STORE`, or destroys itself without an input.
const CHILD_INIT: [u8; 31] = hex!("42600155600f6010600039600f6000f33660065733ff5b6020356000355500");

/// Timestamp of the first block of a later fork.
const LATER: u64 = 1000;
/// Gas of a transaction.
const GAS: u64 = 2_000_000;
/// Number of a chain's first block.
const FIRST: u64 = 20;

/// Chain of made-up blocks, of whose state everything is known.
struct World {
    chain: ChainSpec,
    head: Header,
    witness: Witness,
    /// Accounts to call.
    targets: Vec<Address>,
}

/// Rules that begin with `fork` and continue with `later` at [`LATER`].
fn chain(fork: Fork, later: Option<Fork>) -> ChainSpec {
    let later = later.map(|fork| ForkActivation { fork, timestamp: LATER });
    let mut chain = test_block::chain(fork);
    let [_, first, second, ..] = ChainSpec::mainnet().blobs[..] else { panic!("mainnet has more") };
    match later {
        Some(ForkActivation { fork: Fork::Cancun, .. }) => {
            chain.blobs.push(BlobActivation { timestamp: LATER, ..first });
        }
        // Other parameters at the same time.
        Some(_) if !chain.blobs.is_empty() => chain.blobs.push(BlobActivation { timestamp: LATER, ..second }),
        _ => {}
    }
    chain.forks.extend(later);
    chain
}

impl World {
    /// Makes a chain whose first state has these accounts too.
    fn new(chain: ChainSpec, others: &[(Address, Content<'_>)]) -> Self {
        let init = [&[0x7e][..], &CHILD_INIT, &hex!("600052600035601f60016000f500")].concat();
        let delegation = [&hex!("ef0100")[..], STORE.as_slice()].concat();
        let mut accounts: Vec<(Address, Content<'_>)> = vec![
            (STORE, Ok(&STORE_CODE)),
            (FACTORY, Ok(&init)),
            (HASHES, Ok(&HASHES_CODE)),
            (PAY, Ok(&PAY_CODE)),
            (DELEGATED, Ok(&delegation)),
            // The system calls store their input at the block's number.
            (HISTORY_STORAGE_ADDRESS, Ok(&hex!("6000354355"))),
            (BEACON_ROOTS_ADDRESS, Ok(&hex!("6000354355"))),
        ];
        accounts.extend_from_slice(others);
        let (trie, codes) = test_block::genesis(&accounts);
        let mut headers = Vec::new();
        let mut head = Header::default();
        for number in FIRST - 5..FIRST {
            head = Header {
                parent_hash: head.hash_slow(),
                number,
                timestamp: number,
                gas_limit: 100_000_000,
                base_fee_per_gas: Some(0),
                state_root: trie.hash(),
                ..Header::default()
            };
            headers.push(alloy_rlp::encode(&head).into());
        }
        let children =
            (0..3u8).map(|salt| FACTORY.create2(U256::from(salt).to_be_bytes::<32>(), keccak256(CHILD_INIT)));
        let targets = [STORE, STORE, FACTORY, FACTORY, HASHES, PAY, DELEGATED].into_iter().chain(children);
        let targets = targets.collect();
        Self { chain, head, witness: Witness { headers, codes, state: trie.revealed() }, targets }
    }

    /// Makes a block on the present head, and returns its input with all of the state.
    fn block(&mut self, rng: &mut StdRng, timestamp: u64) -> StatelessInput {
        let rules = self.chain.fork_at(timestamp).rules();
        let has = |fork: Fork| rules.fork >= fork;
        let parent = self.head.clone();
        let parent_hash = parent.hash_slow();
        let mut block = Block::default();
        for _ in 0..rng.random_range(0..6) {
            let transaction = self.transaction(rng, rules.delegations);
            block.body.transactions.push(transaction);
        }
        block.body.withdrawals = has(Fork::Shanghai).then(|| {
            let address = self.any_address(rng);
            let amount = rng.random_range(0..2);
            Withdrawals(vec![Withdrawal { index: 0, validator_index: 0, address, amount }])
        });
        block.header = Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: test_block::BENEFICIARY,
            number: parent.number + 1,
            timestamp,
            gas_limit: parent.gas_limit,
            base_fee_per_gas: Some(0),
            transactions_root: calculate_transaction_root(&block.body.transactions),
            withdrawals_root: block.body.withdrawals.as_deref().map(|list| calculate_withdrawals_root(list)),
            blob_gas_used: rules.blobs.map(|_| 0),
            excess_blob_gas: rules.blobs.map(|_| 0),
            parent_beacon_block_root: has(Fork::Cancun).then(|| rng.random::<[u8; 32]>().into()),
            slot_number: has(Fork::Amsterdam).then_some(parent.number),
            ..Header::default()
        };
        let public_keys = public_keys(&block).unwrap();
        let senders = public_keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..]));
        let senders = senders.collect::<Vec<_>>();
        let [headers, codes, state] = [&self.witness.headers, &self.witness.codes, &self.witness.state]
            .map(|list| Preimages::new(list.iter().cloned()));
        let mut state = WitnessState::new(&parent, parent_hash, state, codes, headers).at_fork(rules.fork);
        let outcome = execute(&self.chain, &block, &senders, &mut state).unwrap();
        let receipts = outcome.receipts.iter().map(TxReceipt::with_bloom_ref).collect::<Vec<_>>();
        let header = &mut block.header;
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.logs_bloom);
        header.gas_used = outcome.gas_used;
        header.requests_hash = rules.requests_hash.then(|| requests_hash(&outcome));
        header.block_access_list_hash = outcome.access_list.map(|list| list.hash);
        header.state_root = state.root().unwrap();
        header::check(&self.chain, header, &parent).unwrap();
        self.head = header.clone();
        let input = StatelessInput {
            chain: self.chain.encode().into(),
            blocks: vec![alloy_rlp::encode(&block).into()],
            witness: self.witness.clone(),
            public_keys,
            destinations: Vec::new(),
        };
        let (nodes, codes) = state.revealed();
        self.witness.headers.push(alloy_rlp::encode(&self.head).into());
        self.witness.state.extend(nodes);
        self.witness.codes.extend(codes);
        let Witness { codes, state, .. } = &mut self.witness;
        for list in [codes, state] {
            *list = list.drain(..).collect::<BTreeSet<_>>().into_iter().collect();
        }
        input
    }

    fn any_address(&self, rng: &mut StdRng) -> Address {
        match rng.random_range(0..3) {
            0 => Address::repeat_byte(rng.random_range(0xa0..0xa4)),
            _ => self.targets[rng.random_range(0..self.targets.len())],
        }
    }

    /// Makes a transaction by a new sender, who has nothing.
    fn transaction(&mut self, rng: &mut StdRng, delegations: bool) -> Transaction {
        let to = self.any_address(rng);
        let number = |rng: &mut StdRng| U256::from([0, 0, 1, rng.random::<u64>()][rng.random_range(0..4)]);
        let words = match to {
            FACTORY => vec![U256::from(rng.random_range(0..3u8))],
            HASHES => vec![U256::from(rng.random_range(1..6u8))],
            PAY => vec![U256::from_be_slice(self.any_address(rng).as_slice()), number(rng)],
            _ if rng.random_bool(0.4) => Vec::new(),
            _ => vec![U256::from(rng.random_range(0..4u8)), number(rng)],
        };
        let input = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect::<Bytes>();
        if delegations && rng.random_bool(0.2) {
            let address = [STORE, HASHES, Address::ZERO][rng.random_range(0..3)];
            let authorization = Authorization { chain_id: U256::ZERO, address, nonce: 0 };
            let (signature, authority) = signature(rng, authorization.signature_hash());
            self.targets.push(authority);
            let (parity, r, s) = (signature.v().into(), signature.r(), signature.s());
            let transaction = TxEip7702 {
                chain_id: self.chain.chain_id,
                gas_limit: GAS,
                to,
                input,
                authorization_list: vec![SignedAuthorization::new_unchecked(authorization, parity, r, s)],
                ..TxEip7702::default()
            };
            let signature = signature_of(rng, &transaction);
            return Transaction::Eip7702(transaction.into_signed(signature));
        }
        let transaction = TxLegacy { gas_limit: GAS, to: TxKind::Call(to), input, ..TxLegacy::default() };
        let signature = signature_of(rng, &transaction);
        Transaction::Legacy(transaction.into_signed(signature))
    }
}

fn signature_of<T: SignableTransaction<Signature>>(rng: &mut StdRng, transaction: &T) -> Signature {
    signature(rng, transaction.signature_hash()).0
}

/// Makes a signature of nobody's: some key recovers from most numbers. Returns it with the address of this key.
fn signature(rng: &mut StdRng, hash: B256) -> (Signature, Address) {
    loop {
        let number = |rng: &mut StdRng| U256::from(rng.random::<u64>()) + U256::ONE;
        let signature = Signature::new(number(rng), number(rng), rng.random());
        if let Ok(address) = signature.recover_address_from_prehash(&hash) {
            return (signature, address);
        }
    }
}

/// Inputs of a random run, and the claim of each block for itself.
fn random_run(seed: u64, fork: Fork, later: Option<Fork>) -> Vec<(StatelessInput, ChainClaim)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::new(chain(fork, later), &[]);
    let count = rng.random_range(2..7);
    let before = later.map_or(count, |_| rng.random_range(1..count));
    (0..count)
        .map(|index| {
            let timestamp = if index < before { 100 } else { LATER } + index;
            let input = world.block(&mut rng, timestamp);
            let claim = validate(&input).unwrap();
            (input, claim)
        })
        .collect()
}

/// Claim of a run, of the claims of its blocks.
fn joined(claims: &[ChainClaim]) -> ChainClaim {
    let (first, last) = (claims.first().unwrap(), claims.last().unwrap());
    ChainClaim { first_parent_hash: first.first_parent_hash, block_count: claims.len() as u64, ..*last }
}

fn merged(inputs: &[StatelessInput]) -> StatelessInput {
    merge(inputs.iter().cloned()).unwrap()
}

/// Each run, and each part of it, is as valid as its blocks, and ends where they do.
fn check_run(seed: u64, fork: Fork, later: Option<Fork>) {
    let (inputs, claims) = random_run(seed, fork, later).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    for start in 0..inputs.len() {
        let run = merged(&inputs[start..]);
        let expected = joined(&claims[start..]);
        let (claim, state) = transition(&run).unwrap_or_else(|error| {
            panic!("seed {seed}, {fork} to {later:?}, blocks from {start} of {}: {error}", inputs.len())
        });
        assert_eq!(claim, expected, "seed {seed}, {fork} to {later:?}, from {start}");
        if let Some(root) = state.revealed().0.first() {
            assert_eq!(keccak256(root), claim.last_state_root);
        }
        // The witnesses of the single blocks, as small as they can be, are enough.
        let parts = inputs[start..].iter().map(|input| minimize(input).unwrap().0).collect::<Vec<_>>();
        let (small, claim) = minimize(&merged(&parts)).unwrap();
        assert_eq!(claim, expected);
        assert_eq!(validate(&small).unwrap(), expected);
        assert_eq!(minimize(&small).unwrap().0, small);
        let length =
            |input: &StatelessInput| input.witness.state.iter().map(|node| node.len()).sum::<usize>();
        assert!(length(&small) <= parts.iter().map(length).sum::<usize>());
    }
}

/// The guest runs each transaction plainly before it is inspected for creations where there only is storage (EIP-7610). There
/// such a creation runs, and reads what an inspected run doesn't.
#[test]
fn minimal_inputs_have_what_colliding_creations_read() {
    let (maker, read) = (Address::repeat_byte(0x56), Address::repeat_byte(0x57));
    // PUSH20, BALANCE, POP, STOP.
    let init = [&[0x73][..], read.as_slice(), &hex!("315000")].concat();
    // PUSH24 it, PUSH1 0, MSTORE; CREATE2 with it.
    let code = [&[0x77][..], &init, &hex!("6000526000601860086000f500")].concat();
    let child = maker.create2(B256::ZERO, keccak256(&init));
    let accounts = [(maker, Ok(&code[..])), (read, Ok(&[][..])), (child, Err(B256::repeat_byte(7)))];
    let mut rng = StdRng::seed_from_u64(5);
    for fork in [Fork::Shanghai, Fork::Cancun, Fork::Prague, Fork::Osaka] {
        let mut world = World::new(chain(fork, None), &accounts);
        world.targets = vec![maker, STORE];
        let mut collisions = 0;
        for timestamp in 100..120 {
            let input = world.block(&mut rng, timestamp);
            let claim = validate(&input).unwrap();
            let (small, same) = minimize(&input).unwrap();
            assert_eq!(same, claim);
            assert_eq!(validate(&small).unwrap_or_else(|error| panic!("{fork} {timestamp}: {error}")), claim);
            assert_eq!(minimize(&small).unwrap().0, small);
            let block = Block::decode(&mut &input.blocks[0][..]).unwrap();
            for transaction in block.body.transactions {
                collisions += usize::from(transaction.to() == Some(maker));
            }
        }
        assert!(collisions > 0, "{fork}");
    }
}

#[test]
fn runs_of_each_fork_are_valid_as_their_blocks_are() {
    for fork in Fork::ALL {
        (0..12).for_each(|seed| check_run(seed, fork, None));
    }
}

/// Destroyed contracts are created again, in other blocks too.
#[test]
fn runs_before_cancun_are_valid_as_their_blocks_are() {
    (100..160).for_each(|seed| check_run(seed, Fork::Shanghai, None));
}

#[test]
fn runs_across_each_fork_are_valid_as_their_blocks_are() {
    for pair in Fork::ALL.windows(2) {
        (200..212).for_each(|seed| check_run(seed, pair[0], Some(pair[1])));
    }
}

/// The witness of a run has nothing that the run makes, and nothing more than it needs.
#[test]
fn every_node_of_a_run_is_needed() {
    let inputs = random_run(7, Fork::Shanghai, None).into_iter().map(|(input, _)| input).collect::<Vec<_>>();
    let (small, _) = minimize(&merged(&inputs)).unwrap();
    for index in 0..small.witness.state.len() {
        let mut less = small.clone();
        let hole = less.witness.state.remove(index);
        if less.witness.state.contains(&hole) {
            continue;
        }
        let error = validate(&less).unwrap_err();
        let ValidationError::InRun { error, .. } = &error else { panic!("{error}") };
        assert!(matches!(**error, ValidationError::State(_)), "{error}");
        assert!(!error.blames_block());
    }
}

#[test]
fn blocks_have_to_be_consecutive() {
    let inputs = random_run(8, Fork::Osaka, Some(Fork::Amsterdam));
    let inputs = inputs.into_iter().map(|(input, _)| input).collect::<Vec<_>>();
    assert!(inputs.len() > 2);
    let run = merged(&inputs);
    for blocks in [[0, 2], [1, 0], [1, 1]] {
        let part = merged(&blocks.map(|index| inputs[index].clone()));
        let error = validate(&part).unwrap_err();
        assert!(!error.blames_block());
        let ValidationError::InRun { index: 1, error } = error else { panic!("{error}") };
        assert!(matches!(*error, ValidationError::NotConsecutive { .. }), "{error}");
    }
    let none = StatelessInput { blocks: Vec::new(), ..run.clone() };
    let error = validate(&none).unwrap_err();
    assert!(matches!(error, ValidationError::Input(InputError::NoBlock)) && !error.blames_block(), "{error}");
    // A block that is wrong is named.
    let mut wrong = run.clone();
    let last = wrong.blocks.len() - 1;
    let mut block = crate::block::decode_block(&wrong.blocks[last]).unwrap();
    block.header.gas_used += 1;
    wrong.blocks[last] = alloy_rlp::encode(&block).into();
    let error = validate(&wrong).unwrap_err();
    assert!(error.blames_block());
    assert!(matches!(error, ValidationError::InRun { index, .. } if index == last), "{error}");
}

/// The keys of all blocks are one list, which ends with the last block.
#[test]
fn keys_are_those_of_all_blocks() {
    let inputs = random_run(9, Fork::Prague, None).into_iter().map(|(input, _)| input).collect::<Vec<_>>();
    let run = merged(&inputs);
    assert!(run.public_keys.len() > 1);
    let refused = |change: &dyn Fn(&mut StatelessInput)| {
        let mut run = run.clone();
        change(&mut run);
        let error = validate(&run).unwrap_err();
        assert!(!error.blames_block());
        let ValidationError::InRun { error, .. } = error else { panic!("{error}") };
        *error
    };
    let errors = [
        refused(&|run| run.public_keys.truncate(run.public_keys.len() - 1)),
        refused(&|run| run.public_keys.clear()),
        refused(&|run| run.public_keys.push(run.public_keys[0])),
    ];
    for error in errors {
        assert!(matches!(error, ValidationError::PublicKeyCount { .. }), "{error}");
    }
    let error = refused(&|run| run.public_keys.swap(0, 1));
    assert!(matches!(error, ValidationError::PublicKey { index: 0, .. }), "{error}");
}

#[test]
fn inputs_of_other_chains_are_not_merged() {
    let inputs = random_run(10, Fork::Prague, None).into_iter().map(|(input, _)| input).collect::<Vec<_>>();
    let mut other = inputs[1].clone();
    other.chain = chain(Fork::Osaka, None).encode().into();
    assert_eq!(merge([inputs[0].clone(), other]), Err(MergeError::Chain(1)));
    assert_eq!(merge([]), Ok(StatelessInput::default()));
}

/// The hashers are seeded once, with the hash that the authors of all transactions did not know.
#[test]
fn the_last_hash_seeds_the_maps() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    static SEEN: AtomicU64 = AtomicU64::new(0);
    fn start(hash: &[u8; 32]) -> u64 {
        u64::from_be_bytes(*hash.first_chunk().unwrap())
    }
    fn seed(hash: &[u8; 32]) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        SEEN.store(start(hash), Ordering::Relaxed);
    }
    let (inputs, claims) = random_run(11, Fork::Osaka, None).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let claim = validate_with::<Portable>(merged(&inputs), verify_signature, seed).unwrap();
    assert_eq!(claim, joined(&claims));
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
    assert_eq!(SEEN.load(Ordering::Relaxed), start(&claim.last_block_hash.0));
}

/// Each block of a run is checked in full, the earlier ones too: a wrong one is named, with what is wrong with it.
#[test]
fn earlier_blocks_of_a_run_are_checked() {
    use crate::error::Subject;
    let inputs = random_run(8, Fork::Osaka, Some(Fork::Amsterdam));
    let run = merged(&inputs.into_iter().map(|(input, _)| input).collect::<Vec<_>>());
    assert!(run.blocks.len() > 2);
    let refused = |at: usize, change: &dyn Fn(&mut Block)| {
        let mut run = run.clone();
        let mut parent = None;
        for (index, rlp) in run.blocks.iter_mut().enumerate() {
            let mut block = crate::block::decode_block(rlp).unwrap();
            if let Some(hash) = parent {
                block.header.parent_hash = hash;
            }
            if index == at {
                change(&mut block);
            }
            parent = Some(block.header.hash_slow());
            *rlp = alloy_rlp::encode(&block).into();
        }
        match validate(&run).unwrap_err() {
            ValidationError::InRun { index, error } => {
                assert_eq!(index, at, "{error}");
                *error
            }
            error => panic!("{error}"),
        }
    };
    let decoded = run.blocks.iter().map(|rlp| crate::block::decode_block(rlp).unwrap()).collect::<Vec<_>>();
    for at in 0..run.blocks.len() {
        // A key that is not the signature's.
        let before = decoded[..at].iter().map(|block| block.body.transactions.len()).sum::<usize>();
        if !decoded[at].body.transactions.is_empty() {
            let mut wrong = run.clone();
            wrong.public_keys[before].0[5] ^= 1;
            match validate(&wrong).unwrap_err() {
                ValidationError::InRun { index, error } => {
                    assert_eq!(index, at);
                    assert!(matches!(*error, ValidationError::PublicKey { index: 0, .. }), "{error}");
                }
                error => panic!("{error}"),
            }
        }
        let mismatch = |subject: Subject, change: &dyn Fn(&mut Block)| {
            let error = refused(at, change);
            let found = match &error {
                ValidationError::Mismatch { subject, .. } | ValidationError::OutOfBounds { subject, .. } => {
                    *subject
                }
                error => panic!("block {at}, {subject}: {error}"),
            };
            assert_eq!(found, subject, "block {at}: {error}");
            assert!(error.blames_block());
        };
        mismatch(Subject::StateRoot, &|block| block.header.state_root.0[7] ^= 1);
        mismatch(Subject::ReceiptsRoot, &|block| block.header.receipts_root.0[7] ^= 1);
        mismatch(Subject::TransactionsRoot, &|block| block.header.transactions_root.0[7] ^= 1);
        mismatch(Subject::WithdrawalsRoot, &|block| {
            block.header.withdrawals_root.as_mut().unwrap().0[7] ^= 1
        });
        mismatch(Subject::LogsBloom, &|block| block.header.logs_bloom.0[7] ^= 1);
        mismatch(Subject::Number, &|block| block.header.number += 1);
        mismatch(Subject::Timestamp, &|block| block.header.timestamp = 5);
        mismatch(Subject::BaseFee, &|block| block.header.base_fee_per_gas = Some(1));
        mismatch(Subject::RequestsHash, &|block| block.header.requests_hash.as_mut().unwrap().0[7] ^= 1);
    }
}

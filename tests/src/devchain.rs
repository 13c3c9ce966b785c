//! Development chain in memory: a genesis, and blocks that the workspace's own executor builds on it.

use alloy_consensus::{
    Block, BlockBody, EMPTY_OMMER_ROOT_HASH, Header, TxReceipt,
    constants::EMPTY_WITHDRAWALS,
    proofs::{calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{eip1559::BaseFeeParams, eip4895::Withdrawals, eip7685::EMPTY_REQUESTS_HASH};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bloom, Bytes, Signature, hex, keccak256};
use alloy_trie::TrieAccount;
use k256::ecdsa::SigningKey;
use zeno_guest_evm::{
    ChainSpec, StatelessInput, Transaction, Witness,
    chain::Chain,
    execute, minimize, public_keys,
    state::WitnessState,
    transition,
    trie::{Preimages, Trie},
};

/// Private keys of the accounts that development tools fund by default, which are public. They are the first ones of
/// the mnemonic "test test test test test test test test test test test junk".
const KEYS: [[u8; 32]; 5] = [
    hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    hex!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    hex!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    hex!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    hex!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
];

/// Funded account that can sign.
#[derive(Clone, Debug)]
pub struct DevAccount(SigningKey);

impl DevAccount {
    /// Account with this index, from 0 to 4.
    ///
    /// # Panics
    /// If the index is greater than 4.
    pub fn new(index: usize) -> Self {
        Self(SigningKey::from_slice(&KEYS[index]).expect("the key is in range"))
    }

    /// Address of the account.
    pub fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    /// Signs a hash. The nonce is deterministic (RFC 6979), so the signature is always the same.
    ///
    /// # Panics
    /// Never in practice: only a zero nonce could fail.
    pub fn sign(&self, hash: &B256) -> Signature {
        self.0.sign_prehash_recoverable(hash.as_slice()).expect("a hash can be signed").into()
    }
}

/// Contents of a block that is to be built. The rest of its header follows from them.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Signed transactions.
    pub transactions: Vec<Transaction>,
    /// Withdrawals of the consensus layer.
    pub withdrawals: Withdrawals,
    /// Recipient of the priority fees.
    pub beneficiary: Address,
    /// The beacon chain's randomness.
    pub prev_randao: B256,
    /// Root of the parent's beacon block.
    pub parent_beacon_block_root: B256,
}

/// Chain in memory with its complete state. Every fork up to Prague is active; later ones may be.
#[derive(Clone, Debug)]
pub struct DevChain {
    /// The chain's rules.
    pub spec: ChainSpec,
    /// Header of the last block.
    pub head: Header,
    ancestors: Vec<Bytes>,
    nodes: Vec<Bytes>,
    codes: Vec<Bytes>,
}

/// Time between two blocks, in seconds.
const SLOT_TIME: u64 = 12;

impl DevChain {
    /// Chain that begins with a geth-style genesis.
    ///
    /// # Panics
    /// If the JSON is not a genesis with every fork up to Prague active.
    pub fn from_genesis(json: &str) -> Self {
        let genesis: Genesis = serde_json::from_str(json).expect("this is a geth-style genesis");
        let spec = Chain::from_json(json).expect("the genesis has a chain configuration").spec;
        let (mut state, mut nodes, mut codes) = (Trie::default(), Vec::new(), Vec::new());
        let mut none = Preimages::default();
        for (address, account) in genesis.alloc {
            codes.extend(account.non_empty_code().cloned());
            let mut storage = Trie::default();
            for (slot, value) in account.storage_slots().filter(|(_, value)| !value.is_zero()) {
                storage
                    .insert(&keccak256(slot), alloy_rlp::encode(value).into(), &mut none)
                    .expect("a trie in memory lacks nothing");
            }
            nodes.extend(storage.revealed());
            let account = TrieAccount::from(account);
            // `alloy-trie` computes the storage root by an independent method.
            assert_eq!(account.storage_root, storage.hash(), "storage root of {address}");
            state
                .insert(&keccak256(address), alloy_rlp::encode(account).into(), &mut none)
                .expect("a trie in memory lacks nothing");
        }
        nodes.extend(state.revealed());
        let head = Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: genesis.coinbase,
            state_root: state.hash(),
            difficulty: genesis.difficulty,
            gas_limit: genesis.gas_limit,
            timestamp: genesis.timestamp,
            extra_data: genesis.extra_data,
            mix_hash: genesis.mix_hash,
            base_fee_per_gas: genesis
                .base_fee_per_gas
                .map(|fee| fee.try_into().expect("a base fee has 64 bits")),
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        Self { spec, head, ancestors: Vec::new(), nodes, codes }
    }

    /// Trie nodes and codes of all states so far.
    pub fn state(&self) -> (&[Bytes], &[Bytes]) {
        (&self.nodes, &self.codes)
    }

    /// Header of the next block, without the fields that its execution determines.
    pub fn next_header(&self, draft: &Draft) -> Header {
        let parent = &self.head;
        let timestamp = parent.timestamp + SLOT_TIME;
        let has_access_list = self.spec.fork_at(timestamp).rules().access_list.is_some();
        let blobs = self.spec.blob_params_at(timestamp).expect("Cancun is active");
        Header {
            parent_hash: parent.hash_slow(),
            number: parent.number + 1,
            timestamp,
            gas_limit: parent.gas_limit,
            beneficiary: draft.beneficiary,
            mix_hash: draft.prev_randao,
            base_fee_per_gas: parent.next_block_base_fee(BaseFeeParams::ethereum()),
            excess_blob_gas: parent.next_block_excess_blob_gas(blobs),
            parent_beacon_block_root: Some(draft.parent_beacon_block_root),
            transactions_root: calculate_transaction_root(&draft.transactions),
            withdrawals_root: Some(calculate_withdrawals_root(&draft.withdrawals)),
            // The fork that adds the list adds the slot's number, which may be any (EIP-7843).
            slot_number: has_access_list.then_some(2 * (parent.number + 1)),
            ..Header::default()
        }
    }

    /// Builds the next block, validates it, and returns its minimal input.
    ///
    /// # Panics
    /// If a transaction can't be part of the block.
    pub fn append(&mut self, draft: Draft) -> StatelessInput {
        let header = self.next_header(&draft);
        let body = BlockBody {
            transactions: draft.transactions,
            ommers: Vec::new(),
            withdrawals: Some(draft.withdrawals),
        };
        let mut block = Block { header, body };
        let keys = public_keys(&block).expect("the transactions are signed");
        let senders = keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();

        let parent = self.head.clone();
        self.ancestors.push(alloy_rlp::encode(&parent).into());
        let [nodes, codes, headers] =
            [&self.nodes, &self.codes, &self.ancestors].map(|list| Preimages::new(list.iter().cloned()));
        let mut state = WitnessState::new(&parent, parent.hash_slow(), nodes, codes, headers)
            .at_fork(self.spec.fork_at(block.header.timestamp));
        let outcome = execute(&self.spec, &block, &senders, &mut state).expect("the block can be executed");

        let receipts = outcome.receipts.iter().map(TxReceipt::with_bloom_ref).collect::<Vec<_>>();
        let header = &mut block.header;
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
        header.gas_used = outcome.gas_used;
        header.blob_gas_used = Some(outcome.blob_gas_used);
        header.requests_hash = Some(outcome.requests.requests_hash());
        header.block_access_list_hash = outcome.access_list.map(|list| list.hash);
        header.state_root = state.root().expect("the whole state is known");

        let input = StatelessInput {
            chain: self.spec.encode().into(),
            blocks: vec![alloy_rlp::encode(&block).into()],
            witness: Witness {
                headers: self.ancestors.clone(),
                codes: self.codes.clone(),
                state: self.nodes.clone(),
            },
            public_keys: keys,
            destinations: Vec::new(),
        };
        let (_, state) = transition(&input).expect("the block that was built is valid");
        let (nodes, codes) = state.revealed();
        self.nodes.extend(nodes);
        self.codes.extend(codes);
        self.head = block.header;
        // A fetcher returns the same form: only what validation reads, and jump hints.
        minimize(&input).expect("it is valid").0
    }
}

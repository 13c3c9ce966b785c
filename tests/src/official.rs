//! The official Ethereum BlockchainTests, run through the stateless path.
//!
//! A test is a genesis state and blocks, some of them invalid, some on side chains. The whole
//! state is kept as trie nodes and codes by hash; each block is validated over all of it, and, if
//! that succeeds, once more over the minimal witness alone, as the guest would.

use crate::{mainnet::shared_dir, rejection};
use alloy_consensus::proofs::calculate_transaction_root;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    env, fs, io,
    path::{Path, PathBuf},
};
use zeno_guest_evm::{
    ChainClaim, ChainSpec, StatelessInput, Subject, ValidationError, Witness,
    chain::{Fork, ForkActivation},
    decode_block, public_keys,
    state::WitnessState,
    transition,
    trie::{Preimages, Trie},
    validate,
};

/// One BlockchainTest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Whose rules the blocks follow, such as `Cancun` or `ParisToShanghaiAtTime15k`.
    pub network: String,
    #[serde(rename = "genesisRLP")]
    genesis_rlp: Bytes,
    genesis_block_header: KnownHeader,
    pre: Accounts,
    blocks: Vec<Block>,
    #[serde(rename = "lastblockhash")]
    last_block_hash: B256,
    post_state: Option<Accounts>,
    post_state_hash: Option<B256>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    rlp: Bytes,
    /// Why the block must be refused; none for a valid one.
    expect_exception: Option<String>,
    block_header: Option<KnownHeader>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KnownHeader {
    hash: B256,
    state_root: B256,
}

type Accounts = BTreeMap<Address, Account>;

#[derive(Debug, Deserialize)]
struct Account {
    nonce: U256,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

/// How a block of a test was judged, as the test demands.
#[derive(Clone, Copy, Debug)]
pub enum Judged<'a> {
    /// Valid; `input` has the minimal witness.
    Valid(&'a StatelessInput, &'a ChainClaim),
    /// Refused; `input` has the whole state. None if the block's RLP or its signatures are so
    /// malformed that there is no input.
    Refused(Option<&'a StatelessInput>, &'a ValidationError),
}

/// Where the tests are: `$ETHEREUM_TESTS_DIR`, or else among the shared data.
pub fn folder() -> PathBuf {
    env::var_os("ETHEREUM_TESTS_DIR").map_or_else(|| shared_dir().join("ethereum-tests"), PathBuf::from)
}

/// All JSON files below a folder, largest first, so that no long one is left for the end.
///
/// # Errors
/// If the folder can't be read.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push((entry.metadata()?.len(), path));
            }
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The tests of a file, by name.
///
/// # Errors
/// If it can't be read, or is no file of BlockchainTests.
pub fn read(file: &Path) -> Result<BTreeMap<String, Test>, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

impl Test {
    /// Whether the test has a block that must be refused.
    pub fn has_invalid_block(&self) -> bool {
        self.blocks.iter().any(|block| block.expect_exception.is_some())
    }

    /// Runs the test, and shows every block to `observe` once it was judged rightly.
    ///
    /// # Errors
    /// What was not as the test says.
    pub fn run(&self, observe: &mut dyn FnMut(Judged<'_>)) -> Result<(), String> {
        let spec =
            chain_spec(&self.network).ok_or_else(|| format!("the network {} is not known", self.network))?;
        let chain = Bytes::from(spec.encode());
        let mut archive = Archive::new(&self.pre)?;
        self.check_genesis(&mut archive)?;

        let mut last = (self.genesis_block_header.hash, self.genesis_block_header.state_root);
        for (index, block) in self.blocks.iter().enumerate() {
            let judged = match (&block.expect_exception, archive.attempt(&chain, &block.rlp)) {
                (None, Ok((input, claim))) => {
                    last = (claim.last_block_hash, claim.last_state_root);
                    check_claim(&spec, block, &input, &claim).map(|()| observe(Judged::Valid(&input, &claim)))
                }
                (None, Err(refusal)) => Err(format!("a valid block was refused: {}", refusal.error)),
                (Some(exception), Ok(_)) => {
                    Err(format!("the block must be refused for {exception}, but passed"))
                }
                (Some(exception), Err(refusal)) => {
                    let Refusal { input, error } = &*refusal;
                    check_refusal(&mut archive, &chain, &block.rlp, exception, error)
                        .map(|()| observe(Judged::Refused(input.as_ref(), error)))
                }
            };
            judged.map_err(|reason| format!("block {index}: {reason}"))?;
        }
        self.check_end(last)
    }

    fn check_genesis(&self, archive: &mut Archive) -> Result<(), String> {
        let genesis = decode_block(&self.genesis_rlp).map_err(|error| format!("genesis: {error}"))?;
        let header = archive.add_header(&genesis.header);
        let KnownHeader { hash, state_root } = self.genesis_block_header;
        same("the genesis hash", header, hash)?;
        same("the root of the test's `pre`", archive.root, state_root)
    }

    fn check_end(&self, (hash, state_root): (B256, B256)) -> Result<(), String> {
        // After the merge there is no work to choose by: the head is the last valid block.
        same("the last block's hash", hash, self.last_block_hash)?;
        if let Some(root) = self.post_state_hash {
            same("the last state root", state_root, root)?;
        }
        if let Some(accounts) = &self.post_state {
            same("the last state root", state_root, Archive::new(accounts)?.root)?;
        }
        if self.post_state.is_none() && self.post_state_hash.is_none() {
            return Err("the test has no state to end with".into());
        }
        Ok(())
    }
}

fn check_claim(
    spec: &ChainSpec,
    block: &Block,
    minimal: &StatelessInput,
    claim: &ChainClaim,
) -> Result<(), String> {
    let header = block.block_header.as_ref().ok_or("a valid block has no header in the test")?;
    same("the claim's block hash", claim.last_block_hash, header.hash)?;
    same("the claim's state root", claim.last_state_root, header.state_root)?;
    same("the claim's chain", claim.chain_spec, spec.hash())?;
    let encoded = Bytes::from(minimal.encode());
    let decoded =
        StatelessInput::decode(&encoded).map_err(|error| format!("the input's encoding: {error}"))?;
    let again = validate(&decoded).map_err(|error| format!("over the minimal witness: {error}"))?;
    same("the claim over the minimal witness", again.digest(), claim.digest())
}

/// Checks that a block was refused for what the test says.
fn check_refusal(
    archive: &mut Archive,
    chain: &Bytes,
    rlp: &Bytes,
    exception: &str,
    error: &ValidationError,
) -> Result<(), String> {
    let wrong = |error: &ValidationError| {
        if rejection::fits(exception, error) {
            return Ok(());
        }
        Err(format!("the block must be refused for {exception}, but was for this: {error}"))
    };
    let ValidationError::Mismatch { subject: Subject::TransactionsRoot, .. } = error else {
        return wrong(error);
    };
    if !exception.contains("TransactionException") {
        return wrong(error);
    }
    // The tests' generator left the invalid transactions out of the root. With the right one, the
    // transaction itself must be what is wrong.
    let mut block = decode_block(rlp).map_err(|error| error.to_string())?;
    block.header.transactions_root = calculate_transaction_root(&block.body.transactions);
    match archive.attempt(chain, &alloy_rlp::encode(&block).into()) {
        Ok(_) => Err(format!(
            "the block must be refused for {exception}, but passes with the right transactions root"
        )),
        Err(refusal) => wrong(&refusal.error),
    }
}

fn same(what: &str, actual: B256, expected: B256) -> Result<(), String> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what} is {actual}, but must be {expected}"))
}

/// Why a block was refused, and the input of which that is said, if it came to one.
struct Refusal {
    input: Option<StatelessInput>,
    error: ValidationError,
}

impl Refusal {
    fn without_input(error: ValidationError) -> Box<Self> {
        Box::new(Self { input: None, error })
    }
}

/// All states and headers so far, by hash.
struct Archive {
    /// State root of the accounts that it was made from.
    root: B256,
    nodes: HashSet<Bytes>,
    codes: HashSet<Bytes>,
    headers: Vec<Bytes>,
}

impl Archive {
    fn new(accounts: &Accounts) -> Result<Self, String> {
        let mut archive =
            Self { root: B256::ZERO, nodes: HashSet::new(), codes: HashSet::new(), headers: Vec::new() };
        let mut state = Trie::default();
        for (address, account) in accounts {
            let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
            let mut storage = Trie::default();
            for (slot, value) in slots {
                set(&mut storage, keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value))?;
            }
            let nonce =
                u64::try_from(account.nonce).map_err(|_| format!("{address} has an impossible nonce"))?;
            // nonce, balance, storage root, code hash: yellow paper, section 4.1.
            let mut fields = alloy_rlp::encode(nonce);
            fields.extend(alloy_rlp::encode(account.balance));
            fields.extend(alloy_rlp::encode(storage.hash()));
            fields.extend(alloy_rlp::encode(keccak256(&account.code)));
            let mut leaf = Vec::new();
            alloy_rlp::Header { list: true, payload_length: fields.len() }.encode(&mut leaf);
            leaf.extend(fields);
            set(&mut state, keccak256(address), leaf)?;
            archive.nodes.extend(storage.revealed());
            archive.codes.insert(account.code.clone());
        }
        archive.root = state.hash();
        archive.nodes.extend(state.revealed());
        Ok(archive)
    }

    fn add_header(&mut self, header: &alloy_consensus::Header) -> B256 {
        let bytes = Bytes::from(alloy_rlp::encode(header));
        let hash = keccak256(&bytes);
        self.headers.push(bytes);
        hash
    }

    /// Validates a block over everything that is known; if it is valid, its state is known from now
    /// on. The input that it answers with has the minimal witness if the block is valid.
    fn attempt(&mut self, chain: &Bytes, rlp: &Bytes) -> Result<(StatelessInput, ChainClaim), Box<Refusal>> {
        let block = decode_block(rlp).map_err(Refusal::without_input)?;
        let witness = Witness {
            headers: self.headers.clone(),
            codes: self.codes.iter().cloned().collect(),
            state: self.nodes.iter().cloned().collect(),
        };
        let public_keys = public_keys(&block).map_err(Refusal::without_input)?;
        let mut input = StatelessInput {
            chain: chain.clone(),
            block: rlp.clone(),
            witness,
            public_keys,
            destinations: Vec::new(),
        };
        match transition(&input) {
            Err(error) => Err(Box::new(Refusal { input: Some(input), error })),
            Ok((claim, state)) => {
                input.witness = self.advance(state);
                self.add_header(&block.header);
                Ok((input, claim))
            }
        }
    }

    /// Keeps the state after a block, and answers with the witness that the block needed.
    fn advance(&mut self, state: WitnessState) -> Witness {
        let (nodes, codes) = state.revealed();
        self.nodes.extend(nodes);
        self.codes.extend(codes);
        state.into_witness()
    }
}

fn set(trie: &mut Trie, key: B256, value: Vec<u8>) -> Result<(), String> {
    trie.insert(&key, value.into(), &mut Preimages::default()).map_err(|error| error.to_string())
}

/// The rules of a network, by the name that the tests have for it; none if it isn't known, or not
/// after the merge.
pub fn chain_spec(network: &str) -> Option<ChainSpec> {
    /// Seconds after which a transition test changes its fork.
    const TRANSITION: u64 = 15_000;
    let fork = |name: &str| match name {
        "Merge" | "Paris" => Some(Fork::Paris),
        "Shanghai" => Some(Fork::Shanghai),
        "Cancun" => Some(Fork::Cancun),
        "Prague" => Some(Fork::Prague),
        "Osaka" => Some(Fork::Osaka),
        _ => None,
    };
    let (before, after) = match network.strip_suffix("AtTime15k").and_then(|names| names.split_once("To")) {
        Some((before, after)) => (fork(before)?, fork(after)?),
        None => (fork(network)?, fork(network)?),
    };
    let mainnet = ChainSpec::mainnet();
    let activations = mainnet.forks.into_iter().filter(|activation| activation.fork <= after);
    Some(ChainSpec {
        chain_id: 1,
        terminal_total_difficulty: U256::ZERO,
        merge_block: Some(0),
        deposit_contract: mainnet.deposit_contract,
        unsupported_from: None,
        forks: activations
            .map(|activation| {
                let timestamp = if activation.fork <= before { 0 } else { TRANSITION };
                ForkActivation { timestamp, ..activation }
            })
            .collect(),
    })
}

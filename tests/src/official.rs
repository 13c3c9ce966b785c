//! The official Ethereum BlockchainTests, run through the stateless path.
//!
//! There are three suites among the shared data: `ethereum-tests`, a folder; `filled-tests`, an
//! archive of tests that were made since; and `soundness`, what was found in this program.
//!
//! A test is a genesis state and blocks, some of them invalid, some on side chains. The whole
//! state is kept as trie nodes and codes by hash; each block is validated over all of it, and, if
//! that succeeds, once more over the minimal witness alone, as the guest would.
//!
//! A block must be refused for the reason that the test names. The tests' generator leaves the
//! header's commitments as it pleases where it makes a block invalid: so where one of those is what
//! is found wrong, though the test names something else, it is put right, and the block tried again.
//! Otherwise a wrong root would hide that the rule itself is not checked.

use crate::{
    mainnet::shared_dir,
    rejection::{Expected, correct},
};
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    env, fs, io,
    path::{Path, PathBuf},
};
use zeno_guest_evm::{
    ChainClaim, ChainSpec, StatelessInput, ValidationError, Witness,
    chain::{BlobSchedule, Fork, ForkActivation},
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
    /// More about them, in newer tests.
    config: Option<Config>,
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
struct Config {
    chainid: U64,
    /// By the forks' names; none where no fork of the network has blobs.
    #[serde(default)]
    blob_schedule: BTreeMap<String, Blobs>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blobs {
    target: U64,
    max: U64,
    base_fee_update_fraction: U64,
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

/// How a block of a test was judged.
#[derive(Clone, Copy, Debug)]
pub enum Judged<'a> {
    /// Valid; `input` has the minimal witness.
    Valid(&'a StatelessInput, &'a ChainClaim),
    /// Refused; `input` has the whole state. None if the block's RLP or its signatures are so
    /// malformed that there is no input.
    Refused(Option<&'a StatelessInput>, &'a ValidationError),
}

/// How many blocks of a test were judged, as the test demands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Valid ones.
    pub valid: usize,
    /// Invalid ones.
    pub refused: usize,
    /// Those of the invalid ones whose commitments were put right until the reason was the test's.
    pub corrected: usize,
}

/// Names of the suites.
pub const SUITES: [&str; 3] = ["ethereum-tests", "filled-tests", "soundness"];

/// The files of a suite.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The folder that they are below.
    pub folder: PathBuf,
    /// Those to run, largest first.
    pub files: Vec<PathBuf>,
    /// Those of devnets, for rules that no chain has; the final Amsterdam's are different.
    pub skipped: Vec<PathBuf>,
}

impl Suite {
    /// The suite of this name. Archives are unpacked into the build folder.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn open(name: &str, build: &Path) -> io::Result<Self> {
        let folder = match name {
            "ethereum-tests" => folder(),
            "filled-tests" => unpacked(&shared_dir().join("filled-tests.tar.zst"), build)?.join(name),
            "soundness" => shared_dir().join("cases/soundness"),
            _ => return Err(io::Error::other(format!("there is no suite {name}, but {SUITES:?}"))),
        };
        let in_folder = |error: io::Error| io::Error::other(format!("{}: {error}", folder.display()));
        let (skipped, files) = files(&folder).map_err(in_folder)?.into_iter().partition(|file| {
            let inner = file.strip_prefix(&folder).unwrap_or(file);
            inner.to_str().is_some_and(|path| path.starts_with("amsterdam-"))
        });
        Ok(Self { folder, files, skipped })
    }
}

/// Where the first suite is: `$ETHEREUM_TESTS_DIR`, or else among the shared data.
pub fn folder() -> PathBuf {
    env::var_os("ETHEREUM_TESTS_DIR").map_or_else(|| shared_dir().join("ethereum-tests"), PathBuf::from)
}

/// Unpacks a compressed archive into a folder that is named after its digest, unless that is there.
fn unpacked(archive: &Path, build: &Path) -> io::Result<PathBuf> {
    let in_archive = |error: io::Error| io::Error::other(format!("{}: {error}", archive.display()));
    let bytes = fs::read(archive).map_err(in_archive)?;
    let folder = build.join("unpacked").join(keccak256(&bytes).to_string());
    if folder.is_dir() {
        return Ok(folder);
    }
    let parent = build.join("unpacked");
    fs::create_dir_all(&parent)?;
    // All of it or nothing: beside, and renamed when it is whole.
    let beside = tempfile::tempdir_in(&parent)?;
    tar::Archive::new(zstd::Decoder::new(&bytes[..])?).unpack(beside.path()).map_err(in_archive)?;
    match fs::rename(beside.path(), &folder) {
        // Another process may have been quicker.
        Err(error) if !folder.is_dir() => Err(error),
        _ => Ok(folder),
    }
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

    /// Checks that a reason is known for each name by which the test says why a block is invalid.
    ///
    /// # Errors
    /// If one is not.
    pub fn check_names(&self) -> Result<(), String> {
        self.blocks
            .iter()
            .filter_map(|block| block.expect_exception.as_ref())
            .try_for_each(|exception| Expected::new(exception).map(|_| ()))
    }

    /// Whether the test begins before the merge.
    pub fn is_before_merge(&self) -> bool {
        /// What the names of such networks begin with.
        const NAMES: [&str; 11] = [
            "Frontier",
            "Homestead",
            "EIP150",
            "EIP158",
            "Byzantium",
            "Constantinople",
            "Istanbul",
            "Berlin",
            "London",
            "ArrowGlacier",
            "GrayGlacier",
        ];
        NAMES.iter().any(|name| self.network.starts_with(name))
    }

    /// Runs the test, and shows every block to `observe` with how it was judged: also those that were
    /// made of a block by putting its commitments right.
    ///
    /// # Errors
    /// What was not as the test says.
    pub fn run(&self, observe: &mut dyn FnMut(Judged<'_>)) -> Result<Counts, String> {
        let spec = self.chain_spec()?;
        let chain = Bytes::from(spec.encode());
        let mut counts = Counts::default();
        let mut archive = Archive::new(&self.pre)?;
        self.check_genesis(&mut archive)?;

        let mut last = (self.genesis_block_header.hash, self.genesis_block_header.state_root);
        for (index, block) in self.blocks.iter().enumerate() {
            let judged = match (&block.expect_exception, archive.attempt(&chain, &block.rlp)) {
                (None, Ok((input, claim))) => {
                    last = (claim.last_block_hash, claim.last_state_root);
                    counts.valid += 1;
                    check_claim(&spec, block, &input, &claim).map(|()| observe(Judged::Valid(&input, &claim)))
                }
                (None, Err(refusal)) => Err(format!("a valid block was refused: {}", refusal.error)),
                (Some(exception), Ok(_)) => {
                    Err(format!("the block must be refused for {exception}, but passed"))
                }
                (Some(exception), Err(refusal)) => {
                    check_refusal(&mut archive, &chain, exception, *refusal, observe).map(|corrected| {
                        counts.refused += 1;
                        counts.corrected += usize::from(corrected);
                    })
                }
            };
            judged.map_err(|reason| format!("block {index}: {reason}"))?;
        }
        self.check_end(last)?;
        Ok(counts)
    }

    /// The rules of the test's network.
    fn chain_spec(&self) -> Result<ChainSpec, String> {
        /// Seconds after which a transition test changes its fork.
        const TRANSITION: u64 = 15_000;
        let fork = |name: &str| {
            // The network's old name.
            let name = if name == "Merge" { "Paris" } else { name };
            Fork::ALL
                .into_iter()
                .find(|fork| fork.name().eq_ignore_ascii_case(name))
                .ok_or_else(|| format!("the network {} is not known", self.network))
        };
        let transition = self.network.strip_suffix("AtTime15k").and_then(|names| names.split_once("To"));
        let (before, after) = transition.unwrap_or((&self.network, &self.network));
        let (before, after) = (fork(before)?, fork(after)?);
        let mainnet = ChainSpec::mainnet();
        let mut forks = Vec::new();
        for activation in mainnet.forks.into_iter().filter(|activation| activation.fork <= after) {
            let fork = activation.fork;
            let timestamp = if fork <= before { 0 } else { TRANSITION };
            let blobs = match &self.config {
                Some(config) if fork.has_blobs() => Some(config.blobs(fork)?),
                _ => activation.blobs,
            };
            forks.push(ForkActivation { fork, timestamp, blobs });
        }
        Ok(ChainSpec {
            chain_id: self.config.as_ref().map_or(1, |config| config.chainid.to()),
            terminal_total_difficulty: U256::ZERO,
            merge_block: Some(0),
            deposit_contract: mainnet.deposit_contract,
            unsupported_from: None,
            forks,
        })
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

impl Config {
    fn blobs(&self, fork: Fork) -> Result<BlobSchedule, String> {
        let (_, blobs) = self
            .blob_schedule
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(fork.name()))
            .ok_or_else(|| format!("the test's blob schedule lacks {fork}"))?;
        Ok(BlobSchedule {
            target: blobs.target.to(),
            max: blobs.max.to(),
            base_fee_update_fraction: blobs.base_fee_update_fraction.to(),
        })
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

/// Checks that a block was refused for what the test says, if need be with its commitments put right;
/// whether that was needed is the answer.
fn check_refusal(
    archive: &mut Archive,
    chain: &Bytes,
    exception: &str,
    mut refusal: Refusal,
    observe: &mut dyn FnMut(Judged<'_>),
) -> Result<bool, String> {
    /// A header has eight commitments, and one of them is compared with two values.
    const MAX_CORRECTIONS: usize = 9;
    let expected = Expected::new(exception)?;
    for corrections in 0..=MAX_CORRECTIONS {
        let Refusal { input, error } = &refusal;
        observe(Judged::Refused(input.as_ref(), error));
        if expected.fits(error) {
            return Ok(corrections > 0);
        }
        let corrected = input.as_ref().and_then(|input| {
            let mut block = decode_block(&input.block).ok()?;
            correct(&mut block.header, error).then_some(block)
        });
        let Some(block) = corrected else {
            let with = if corrections > 0 { ", with the right commitments" } else { "" };
            return Err(format!(
                "the block must be refused for {exception}, but was{with} for this: {error}"
            ));
        };
        match archive.attempt(chain, &alloy_rlp::encode(&block).into()) {
            Ok(_) => {
                return Err(format!(
                    "the block must be refused for {exception}, but passes with the right commitments; the last that was put right: {error}"
                ));
            }
            Err(next) => refusal = *next,
        }
    }
    Err(format!("the block must be refused for {exception}, but there is always another commitment wrong"))
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

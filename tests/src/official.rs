//! Official Ethereum BlockchainTests, run through stateless validation.
//!
//! The shared data have three suites: `ethereum-tests`, a folder; `filled-tests`, an archive of newer tests; and
//! `soundness`, tests of faults that this program had.
//!
//! A test is a genesis state and blocks. Some of the blocks are invalid, and some are on side chains. The complete
//! state is kept as trie nodes and codes by hash. Each block is validated over all of it. A valid block is validated
//! again over its minimal witness alone, as the guest does it. Consecutive valid blocks are also validated as a run.
//!
//! A block must be refused for the reason that the test names. The tests' generator does not update the header's
//! commitments when it makes a block invalid. So if validation finds a wrong commitment, and the test names another
//! reason, the commitment is corrected, and the block is validated again. Otherwise a wrong root would hide that the
//! rule itself is not checked.

pub mod devnet;

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
    chain::{BlobActivation, BlobSchedule, Fork, ForkActivation},
    decode_block, merge, public_keys,
    state::WitnessState,
    transition,
    trie::{Preimages, Trie},
    validate,
};

/// BlockchainTest of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Name of the rules that the blocks follow, such as `Cancun` or `ParisToShanghaiAtTime15k`.
    pub network: String,
    /// Parameters of the rules. Older tests have none.
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
    /// Blob parameters by the fork's name. Empty if no fork of the network has blobs.
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
    /// Names of the reasons for which the block must be refused, or `None` if it is valid.
    expect_exception: Option<String>,
    block_header: Option<KnownHeader>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KnownHeader {
    hash: B256,
    state_root: B256,
}

/// Names of the tests' networks, in order, and the fork that begins with each. BPO1 and BPO2 change only the parameters of
/// blobs (EIP-7892).
const STEPS: [(&str, Option<Fork>); 8] = [
    ("Paris", Some(Fork::Paris)),
    ("Shanghai", Some(Fork::Shanghai)),
    ("Cancun", Some(Fork::Cancun)),
    ("Prague", Some(Fork::Prague)),
    ("Osaka", Some(Fork::Osaka)),
    ("BPO1", None),
    ("BPO2", None),
    ("Amsterdam", Some(Fork::Amsterdam)),
];

type Accounts = BTreeMap<Address, Account>;

#[derive(Clone, Debug, Deserialize)]
struct Account {
    nonce: U256,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

/// Result of validating a block of a test.
#[derive(Clone, Copy, Debug)]
pub enum Judged<'a> {
    /// Valid block: the input with the minimal witness, and the claim.
    Valid(&'a StatelessInput, &'a ChainClaim),
    /// Refused block: the input with the complete state, and the error. The input is `None` if the block's RLP or its
    /// signatures are too malformed to make one.
    Refused(Option<&'a StatelessInput>, &'a ValidationError),
}

/// Numbers of blocks that were judged as their test demands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Valid blocks.
    pub valid: usize,
    /// Refused blocks.
    pub refused: usize,
    /// Refused blocks whose commitments were corrected before the reason was the test's.
    pub corrected: usize,
    /// Runs of more than one valid block, which were validated as one input.
    pub runs: usize,
}

/// Names of the suites.
pub const SUITES: [&str; 3] = ["ethereum-tests", "filled-tests", "soundness"];

/// Files of a suite.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Folder that contains the files.
    pub folder: PathBuf,
    /// Files to run, largest first.
    pub files: Vec<PathBuf>,
    /// Files of devnets of Amsterdam, which had other rules than the final ones: see [`devnet`].
    pub devnets: Vec<PathBuf>,
}

impl Suite {
    /// Opens the suite of this name. An archive is unpacked into the folder `build`.
    ///
    /// # Errors
    /// If the suite does not exist or can't be read.
    pub fn open(name: &str, build: &Path) -> io::Result<Self> {
        let folder = match name {
            "ethereum-tests" => folder(),
            "filled-tests" => unpacked(&shared_dir().join("filled-tests.tar.zst"), build)?.join(name),
            "soundness" => shared_dir().join("cases/soundness"),
            _ => return Err(io::Error::other(format!("there is no suite {name}, but {SUITES:?}"))),
        };
        let in_folder = |error: io::Error| io::Error::other(format!("{}: {error}", folder.display()));
        let (devnets, files) = files(&folder).map_err(in_folder)?.into_iter().partition(|file| {
            let inner = file.strip_prefix(&folder).unwrap_or(file);
            inner.to_str().is_some_and(|path| path.starts_with("amsterdam-"))
        });
        Ok(Self { folder, files, devnets })
    }
}

/// Folder of the suite `ethereum-tests`: `$ETHEREUM_TESTS_DIR`, or by default a folder of the shared data.
pub fn folder() -> PathBuf {
    env::var_os("ETHEREUM_TESTS_DIR").map_or_else(|| shared_dir().join("ethereum-tests"), PathBuf::from)
}

/// Unpacks a compressed archive into a folder that is named after its digest, unless the folder exists.
fn unpacked(archive: &Path, build: &Path) -> io::Result<PathBuf> {
    let in_archive = |error: io::Error| io::Error::other(format!("{}: {error}", archive.display()));
    let bytes = fs::read(archive).map_err(in_archive)?;
    let folder = build.join("unpacked").join(keccak256(&bytes).to_string());
    if folder.is_dir() {
        return Ok(folder);
    }
    let parent = build.join("unpacked");
    fs::create_dir_all(&parent)?;
    // Unpacked beside and renamed afterwards, so the folder is complete if it exists.
    let unfinished = tempfile::tempdir_in(&parent)?;
    tar::Archive::new(zstd::Decoder::new(&bytes[..])?).unpack(unfinished.path()).map_err(in_archive)?;
    match fs::rename(unfinished.path(), &folder) {
        // Another process may have been faster.
        Err(error) if !folder.is_dir() => Err(error),
        _ => Ok(folder),
    }
}

/// All JSON files below a folder, largest first, so that no long one runs alone at the end.
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

/// Reads the tests of a file, by name.
///
/// # Errors
/// If the file can't be read, or is no file of BlockchainTests.
pub fn read(file: &Path) -> Result<BTreeMap<String, Test>, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

impl Test {
    /// Returns whether the test has a block that must be refused.
    pub fn has_invalid_block(&self) -> bool {
        self.blocks.iter().any(|block| block.expect_exception.is_some())
    }

    /// Checks that this crate knows the reasons that the test names for its invalid blocks.
    ///
    /// # Errors
    /// The first name that is unknown.
    pub fn check_names(&self) -> Result<(), String> {
        self.blocks
            .iter()
            .filter_map(|block| block.expect_exception.as_ref())
            .try_for_each(|exception| Expected::new(exception).map(|_| ()))
    }

    /// Returns whether the test begins before the merge.
    pub fn is_before_merge(&self) -> bool {
        /// Prefixes of the names of such networks.
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

    /// Runs the test, and passes the result of every block to `observe`. This includes the blocks whose commitments
    /// were corrected.
    ///
    /// # Errors
    /// A description of the first result that is not the test's.
    pub fn run(&self, observe: &mut dyn FnMut(Judged<'_>)) -> Result<Counts, String> {
        let spec = self.chain_spec()?;
        let chain = Bytes::from(spec.encode());
        let mut counts = Counts::default();
        let mut archive = Archive::new(&self.pre)?;
        self.check_genesis(&mut archive)?;

        let mut last = (self.genesis_block_header.hash, self.genesis_block_header.state_root);
        let mut run = Run::default();
        for (index, block) in self.blocks.iter().enumerate() {
            let judged = match (&block.expect_exception, archive.attempt(&chain, &block.rlp)) {
                (None, Ok((input, claim))) => {
                    last = (claim.last_block_hash, claim.last_state_root);
                    counts.valid += 1;
                    check_claim(&spec, block, &input, &claim).and_then(|()| {
                        observe(Judged::Valid(&input, &claim));
                        counts.runs += usize::from(run.add(input, claim)?);
                        Ok(())
                    })
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
        counts.runs += usize::from(run.finish()?);
        Ok(counts)
    }

    /// Rules of the test's network.
    fn chain_spec(&self) -> Result<ChainSpec, String> {
        /// Timestamp at which a transition test changes its fork, in seconds.
        const TRANSITION: u64 = 15_000;
        let step = |name: &str| {
            // The official tests call Paris by its old name.
            let name = if name == "Merge" { "Paris" } else { name };
            STEPS
                .iter()
                .position(|(step, _)| step.eq_ignore_ascii_case(name))
                .ok_or_else(|| format!("the network {} is not known", self.network))
        };
        let transition = self.network.strip_suffix("AtTime15k").and_then(|names| names.split_once("To"));
        let (before, after) = transition.unwrap_or((&self.network, &self.network));
        let (before, after) = (step(before)?, step(after)?);
        let (mut forks, mut blobs) = (Vec::new(), Vec::<BlobActivation>::new());
        for (index, (name, fork)) in STEPS.iter().enumerate().take(after + 1).skip(1) {
            let timestamp = if index <= before { 0 } else { TRANSITION };
            forks.extend(fork.map(|fork| ForkActivation { fork, timestamp }));
            if let Some(parameters) = self.blobs(name)? {
                // Of those at one time, only the last apply.
                blobs.pop_if(|last| last.timestamp == timestamp);
                blobs.push(BlobActivation { timestamp, blobs: parameters });
            }
        }
        blobs.dedup_by_key(|activation| activation.blobs);
        let spec = ChainSpec {
            chain_id: self.config.as_ref().map_or(1, |config| config.chainid.to()),
            terminal_total_difficulty: U256::ZERO,
            merge_block: Some(0),
            deposit_contract: ChainSpec::mainnet().deposit_contract,
            forks,
            blobs,
        };
        spec.check().map_err(|error| format!("the network {}: {error}", self.network))?;
        Ok(spec)
    }

    /// Blob parameters that a step of [`STEPS`] brings: those of the test's configuration, or else mainnet's.
    fn blobs(&self, step: &str) -> Result<Option<BlobSchedule>, String> {
        /// Steps that bring parameters of their own on mainnet, in the order of its schedule.
        const OWN: [&str; 4] = ["Cancun", "Prague", "BPO1", "BPO2"];
        if matches!(step, "Paris" | "Shanghai") {
            return Ok(None);
        }
        let Some(config) = &self.config else {
            let own = OWN.iter().position(|name| *name == step);
            return Ok(own.map(|index| ChainSpec::mainnet().blobs[index].blobs));
        };
        match config.blobs(step) {
            // No chain has parameters for it, and those before it continue to apply.
            None if step == "Amsterdam" => Ok(None),
            None => Err(format!("the test's blob schedule lacks {step}")),
            blobs => Ok(blobs),
        }
    }

    fn check_genesis(&self, archive: &mut Archive) -> Result<(), String> {
        let genesis = decode_block(&self.genesis_rlp).map_err(|error| format!("genesis: {error}"))?;
        let header = archive.add_header(&genesis.header);
        let KnownHeader { hash, state_root } = self.genesis_block_header;
        same("the genesis hash", header, hash)?;
        same("the root of the test's `pre`", archive.root, state_root)
    }

    fn check_end(&self, (hash, state_root): (B256, B256)) -> Result<(), String> {
        // After the merge no difficulty decides between branches: the head is the last valid block.
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
    fn blobs(&self, step: &str) -> Option<BlobSchedule> {
        let (_, blobs) = self.blob_schedule.iter().find(|(name, _)| name.eq_ignore_ascii_case(step))?;
        Some(BlobSchedule {
            target: blobs.target.to(),
            max: blobs.max.to(),
            base_fee_update_fraction: blobs.base_fee_update_fraction.to(),
        })
    }
}

/// Inputs of consecutive valid blocks, and their claims.
#[derive(Debug, Default)]
struct Run {
    inputs: Vec<StatelessInput>,
    claims: Vec<ChainClaim>,
}

impl Run {
    /// Adds a block. If it is not the child of the last one, the run before it ends. Returns whether a run was validated.
    fn add(&mut self, input: StatelessInput, claim: ChainClaim) -> Result<bool, String> {
        let ends = self.claims.last().is_some_and(|last| last.last_block_hash != claim.first_parent_hash);
        let validated = ends && std::mem::take(self).finish()?;
        self.inputs.push(input);
        self.claims.push(claim);
        Ok(validated)
    }

    /// Validates the run. Its claim must go from the parent of the first block to the last one. Returns whether it has more
    /// than one block.
    fn finish(self) -> Result<bool, String> {
        let [first, .., last] = &self.claims[..] else { return Ok(false) };
        let run = merge(self.inputs).map_err(|error| error.to_string())?;
        let claim = validate(&run).map_err(|error| format!("the valid blocks as a run: {error}"))?;
        let block_count = self.claims.len() as u64;
        let expected = ChainClaim { first_parent_hash: first.first_parent_hash, block_count, ..*last };
        same("the claim of the run", claim.digest(), expected.digest())?;
        Ok(true)
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
    same("the claim's chain", claim.chain_spec, spec.digest_at(claim.last_timestamp))?;
    let encoded = Bytes::from(minimal.encode());
    let decoded =
        StatelessInput::decode(&encoded).map_err(|error| format!("the input's encoding: {error}"))?;
    let again = validate(&decoded).map_err(|error| format!("over the minimal witness: {error}"))?;
    same("the claim over the minimal witness", again.digest(), claim.digest())
}

/// Checks that a block was refused for the reason that the test names, if necessary with corrected commitments. Returns
/// whether a correction was necessary.
fn check_refusal(
    archive: &mut Archive,
    chain: &Bytes,
    exception: &str,
    mut refusal: Refusal,
    observe: &mut dyn FnMut(Judged<'_>),
) -> Result<bool, String> {
    /// Greatest number of corrections: a header has eight commitments, and one of them is compared with two values.
    const MAX_CORRECTIONS: usize = 9;
    let expected = Expected::new(exception)?;
    for corrections in 0..=MAX_CORRECTIONS {
        let Refusal { input, error } = &refusal;
        observe(Judged::Refused(input.as_ref(), error));
        if expected.fits(error) {
            return Ok(corrections > 0);
        }
        let corrected = input.as_ref().and_then(|input| {
            let mut block = decode_block(&input.blocks[0]).ok()?;
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

/// Error for which a block was refused, and the input that was validated, if the block could be made into one.
struct Refusal {
    input: Option<StatelessInput>,
    error: ValidationError,
}

impl Refusal {
    fn without_input(error: ValidationError) -> Box<Self> {
        Box::new(Self { input: None, error })
    }
}

/// All states and headers so far.
struct Archive {
    /// State root of the initial accounts.
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
            // Nonce, balance, storage root, code hash: yellow paper, section 4.1.
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

    /// Validates a block over all states and headers so far. A valid block's own state and header are added to them.
    /// Returns the claim and the input, which has the minimal witness.
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
            blocks: vec![rlp.clone()],
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

    /// Adds the state after a block, and returns the witness that the block needed.
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

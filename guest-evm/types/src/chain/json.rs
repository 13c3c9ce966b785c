//! Chains from geth's JSON: a whole genesis, or its `config` object alone.
//!
//! Numbers are read digit by digit, because a floating-point number would change a terminal total difficulty.

use super::{
    BlobActivation, BlobSchedule, ChainSpec, ChainSpecError, ForkActivation,
    fork::Fork,
    horizon::{Chain, End, EndReason},
};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_eips::{
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, U256};
use core::fmt;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Keys of forks up to London, and of the merge. All of them are in the past of any proof-of-stake block.
const OLD_FORKS: [&str; 16] = [
    "homesteadBlock",
    "daoForkBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
    "mergeNetsplitBlock",
    "mergeForkBlock",
];
/// Forks that have a name, but aren't implemented.
const LATER_FORKS: [&str; 1] = ["bogota"];
/// Beginnings of the names of other forks that aren't implemented, in lower case.
const LATER_BEGINNINGS: [&str; 7] = ["bpo", "verkle", "ubt", "glamsterdam", "gloas", "hegot", "heze"];
/// Keys that look like those of forks, but aren't.
const NO_FORKS: [&str; 5] =
    ["terminalBlockHash", "terminalBlockNumber", "daoForkSupport", "period", "eip150Hash"];
/// Keys of other things that are read.
const READ: [&str; 5] = [
    "chainId",
    "terminalTotalDifficulty",
    "terminalTotalDifficultyPassed",
    "blobSchedule",
    "depositContractAddress",
];
/// Fields of an entry of `blobSchedule`.
const BLOB_FIELDS: [&str; 3] = ["target", "max", "baseFeeUpdateFraction"];
/// Keys that identify a chain with rules of its own, however they are written.
const OTHER_CHAINS: [&str; 8] =
    ["optimism", "arbitrum", "bor", "parlia", "scroll", "taiko", "celo", "congress"];
/// Keys that change rules, however they are written, of clients that also run other chains. `false` and what is empty
/// change nothing.
const OTHER_RULES: [&str; 7] = [
    "contractSizeLimit",
    "evmStackSize",
    "zeroBaseFee",
    "fixedBaseFee",
    "ecCurve",
    "transitions",
    "futureEips",
];
/// Keys of the contracts whose addresses are the same on every chain, however they are written.
const FIXED_CONTRACTS: [(&str, Address); 2] = [
    ("withdrawalRequestContractAddress", WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
    ("consolidationRequestContractAddress", CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
];
/// Maximum number of forks of blob parameters alone. The public chains have two.
const MAX_BPOS: usize = 256;
/// Edits that are taken for a slip of the pen: a character more, less or other, or two that changed places.
const SLIP: usize = 2;
/// Length from which on a key that is a slip away from another is taken for it, in letters and digits.
const MIN_LENGTH: usize = 6;
/// Length of a configuration's own text in an error, in characters.
const MAX_SHOWN: usize = 80;

/// Reason why JSON is not a chain configuration that this crate can follow.
#[derive(Debug, thiserror::Error)]
pub enum ChainConfigError {
    /// The text is not JSON, or not an object.
    #[error("this is not a geth-style genesis or chain configuration: {0}")]
    Json(String),
    /// A field has the wrong type.
    #[error("the chain configuration's {0} can't be read: {1}")]
    Field(String, String),
    /// A field is not a whole number, or too large.
    #[error("the chain configuration's {0} is {1}, but must be a whole number below 2^{2}")]
    Number(String, String, usize),
    /// `chainId` is missing.
    #[error("the chain configuration has no chainId")]
    NoChainId,
    /// The chain never merges.
    #[error("the chain configuration has no terminalTotalDifficulty: this chain has no proof of stake")]
    NeverMerges,
    /// A fork from before the merge begins neither with the chain nor before the merge.
    #[error("the chain configuration has no londonBlock: every fork up to London must be active")]
    NoLondon,
    /// A fork is unknown, and is not later than those that are known.
    #[error("the chain configuration has {0}, a fork that this program does not know")]
    UnknownFork(String),
    /// The chain follows rules other than Ethereum's.
    #[error("the chain configuration has {0}: a chain of other rules, which this program does not know")]
    OtherRules(String),
    /// A key differs from a known one only in the case of its letters, in its ending, or by a slip of the pen.
    #[error("the chain configuration has {0}; it is to be written {1}")]
    Misspelt(String, String),
    /// The blob schedule has an entry that belongs to no fork.
    #[error("the chain configuration has {0}, but there is no fork of this name")]
    UnknownEntry(String),
    /// An entry of the blob schedule has a field that is none.
    #[error(
        "the chain configuration has {0}, but the fields of an entry are target, max and baseFeeUpdateFraction"
    )]
    UnknownField(String),
    /// A fork that must bring blob parameters has none.
    #[error("the chain configuration schedules {0} and has no blobSchedule.{0}")]
    NoBlobs(String),
    /// A fork of blob parameters is scheduled without the fork that it builds on.
    #[error("the chain configuration schedules {0}, but not {1}, which it builds on")]
    MissingFork(String, String),
    /// Too many forks of blob parameters alone are scheduled.
    #[error(
        "the chain configuration schedules {0} forks of blob parameters alone, but at most {MAX_BPOS} are read"
    )]
    TooManyBpos(usize),
    /// Forks of blob parameters are out of order.
    #[error(
        "the chain configuration has {later} at {later_time}, but it must not precede {earlier} at {earlier_time}"
    )]
    Order {
        /// The fork that must come first.
        earlier: String,
        /// Its timestamp.
        earlier_time: u64,
        /// The fork that must follow it.
        later: String,
        /// Its timestamp.
        later_time: u64,
    },
    /// Two entries have parameters for the same time, and clients differ in which of them apply.
    #[error(
        "the chain configuration has different parameters in {0} and {1}, both for the time {2}: keep one of them"
    )]
    SameTime(String, String, u64),
    /// The schedule is impossible.
    #[error(transparent)]
    Spec(#[from] ChainSpecError),
}

/// Fields of an object, with their values as JSON text. Clients differ in what a key means that is given twice, so none is.
#[derive(Default)]
struct Fields(BTreeMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("{} is given twice", shown(&name))));
                    }
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

impl Chain {
    /// Reads a geth-style genesis, or its `config` object alone.
    ///
    /// Keys of forks are `{name}Time`, and `bpo{number}Time` for forks of blob parameters alone (EIP-7892). Their
    /// parameters are in `blobSchedule`. If that lacks a fork of another kind, the parameters before it continue to apply.
    ///
    /// The first fork that has a name but isn't implemented, or anything else with a time that may be a fork's, is the end
    /// of the chain.
    ///
    /// # Errors
    /// [`ChainConfigError`] if a field is missing or malformed, or the schedule is impossible.
    pub fn from_json(json: &str) -> Result<Self, ChainConfigError> {
        let malformed = |error: serde_json::Error| ChainConfigError::Json(shown(&error.to_string()));
        let mut fields: Fields = serde_json::from_str(json).map_err(malformed)?;
        if let Some(config) = fields.0.remove("config") {
            fields = serde_json::from_str(config.get()).map_err(malformed)?;
        }
        from_config(&Config(fields))
    }
}

/// Configuration object, in which `null` counts as absent.
struct Config(Fields);

impl Config {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.0.get(name).map(Box::as_ref).filter(|value| value.get() != "null")
    }

    /// Returns the names of the fields that are not absent.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.0.0.keys().filter(|name| self.get(name).is_some())
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ChainConfigError> {
        self.get(name).map(|value| number_of_64_bits(name, value)).transpose()
    }
}

fn from_config(config: &Config) -> Result<Chain, ChainConfigError> {
    // Checked before any field is read by Ethereum's rules.
    if let Some(name) = config.names().find(|name| has_other_rules(config, name)) {
        return Err(ChainConfigError::OtherRules(shown(name)));
    }
    let known = Spellings::of_keys();
    for name in config.names() {
        if let Some(expected) = misspelt(name, &known) {
            return Err(ChainConfigError::Misspelt(shown(name), expected));
        }
    }
    let chain_id = config.number("chainId")?.ok_or(ChainConfigError::NoChainId)?;
    if config.get("londonBlock").is_none() {
        return Err(ChainConfigError::NoLondon);
    }
    let passed = config.get("terminalTotalDifficultyPassed").is_some_and(|value| value.get() == "true");
    let terminal_total_difficulty = match config.get("terminalTotalDifficulty") {
        Some(value) => number("terminalTotalDifficulty", value, 256)?,
        None if passed => U256::ZERO,
        None => return Err(ChainConfigError::NeverMerges),
    };
    let forks = forks(config)?;
    let changes = blob_changes(config)?;
    let times = forks.iter().map(|fork| fork.timestamp).chain(changes.iter().map(|change| change.timestamp));
    let end = first_later_fork(config, times.max().unwrap_or(0))?;
    let deposit_contract = config.get("depositContractAddress").map(|value| {
        let text = value.get().trim_matches('"');
        text.parse::<Address>()
            .map_err(|error| ChainConfigError::Field("depositContractAddress".to_owned(), error.to_string()))
    });
    // A configuration does not contain the number of the merge block, unless it is genesis. This program knows that of the
    // public chains. `mergeNetsplitBlock` is another: a fork of the peer-to-peer network's only.
    let same_merge = |preset: &ChainSpec| {
        (preset.chain_id, preset.terminal_total_difficulty) == (chain_id, terminal_total_difficulty)
    };
    let preset = ChainSpec::presets().into_iter().find(same_merge);
    let at_genesis = terminal_total_difficulty.is_zero().then_some(0);
    let spec = ChainSpec {
        chain_id,
        merge_block: preset.and_then(|preset| preset.merge_block).or(at_genesis),
        terminal_total_difficulty,
        deposit_contract: deposit_contract.transpose()?.filter(|address| *address != Address::ZERO),
        forks,
        blobs: in_one_form(changes)?,
    };
    spec.check()?;
    Ok(Chain { spec, end })
}

/// Reads the forks that are implemented.
fn forks(config: &Config) -> Result<Vec<ForkActivation>, ChainConfigError> {
    let mut forks = Vec::new();
    for fork in &Fork::ALL[1..] {
        if let Some(timestamp) = config.number(&time_key(fork.name()))? {
            forks.push(ForkActivation { fork: *fork, timestamp });
        }
    }
    Ok(forks)
}

/// Fork that may bring blob parameters: one of the table, or one of blob parameters alone, by its number from 1 on.
/// The order is that in which clients apply them if their times are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum BlobFork {
    UntilOsaka(Fork),
    /// The two that came before Amsterdam on the public chains.
    EarlyBpo(u64),
    SinceAmsterdam(Fork),
    LaterBpo(u64),
}

impl BlobFork {
    fn fork(fork: Fork) -> Self {
        if fork <= Fork::Osaka { Self::UntilOsaka(fork) } else { Self::SinceAmsterdam(fork) }
    }

    fn bpo(number: u64) -> Self {
        if number <= 2 { Self::EarlyBpo(number) } else { Self::LaterBpo(number) }
    }

    fn name(self) -> String {
        match self {
            Self::UntilOsaka(fork) | Self::SinceAmsterdam(fork) => fork.name().to_owned(),
            Self::EarlyBpo(number) | Self::LaterBpo(number) => format!("bpo{number}"),
        }
    }

    /// Returns the spellings of the fork in `blobSchedule`.
    fn spellings(self) -> Vec<String> {
        let name = self.name();
        match self {
            // geth writes all names in lower case. alloy-genesis gives the forks after Osaka a capital.
            Self::SinceAmsterdam(_) => alloc::vec![name.clone(), name[..1].to_uppercase() + &name[1..]],
            _ => alloc::vec![name],
        }
    }

    /// Returns whether the fork can't be without parameters of its own.
    fn brings_parameters(self) -> bool {
        match self {
            Self::UntilOsaka(fork) | Self::SinceAmsterdam(fork) => {
                fork.rules().blobs.is_some_and(|blobs| blobs.brings_parameters)
            }
            // geth's `latestBlobConfig` passes over those without an entry.
            Self::EarlyBpo(_) | Self::LaterBpo(_) => false,
        }
    }
}

/// Blob parameters of a fork, at its time in seconds.
struct BlobChange {
    timestamp: u64,
    fork: BlobFork,
    /// Path of the parameters in the configuration.
    path: String,
    blobs: BlobSchedule,
}

/// Reads the blob parameters of all forks that have a time, in the order in which they apply.
fn blob_changes(config: &Config) -> Result<Vec<BlobChange>, ChainConfigError> {
    let field = |path: &str, error: serde_json::Error| {
        ChainConfigError::Field(path.to_owned(), shown(&error.to_string()))
    };
    let entries = match config.get("blobSchedule") {
        Some(value) => serde_json::from_str(value.get()).map_err(|error| field("blobSchedule", error))?,
        None => Fields::default(),
    };
    let entries = Config(entries);
    let forks =
        Fork::ALL[1..].iter().filter(|fork| fork.rules().blobs.is_some()).copied().map(BlobFork::fork);
    let mut forks = forks.chain(bpos(config)?.into_iter().map(BlobFork::bpo)).collect::<Vec<_>>();
    for name in entries.names() {
        check_entry(config, &entries, name)?;
    }
    // Parameters of a fork without a time have no effect.
    let mut changes = Vec::new();
    forks.sort();
    for fork in forks {
        let Some(timestamp) = config.number(&time_key(&fork.name()))? else { continue };
        let mut found = Vec::new();
        for spelling in fork.spellings() {
            let Some(value) = entries.get(&spelling) else { continue };
            let path = format!("blobSchedule.{spelling}");
            let parameters = serde_json::from_str(value.get()).map_err(|error| field(&path, error))?;
            let blobs = parameters_of_blobs(&path, &Config(parameters))?;
            found.push(BlobChange { timestamp, fork, path, blobs });
        }
        if found.is_empty() && fork.brings_parameters() {
            return Err(ChainConfigError::NoBlobs(fork.name()));
        }
        changes.extend(found);
    }
    changes.sort_by_key(|change| (change.timestamp, change.fork));
    Ok(changes)
}

/// Checks the name of an entry of the blob schedule, and those of its fields.
fn check_entry(config: &Config, entries: &Config, name: &str) -> Result<(), ChainConfigError> {
    let path = format!("blobSchedule.{name}");
    let fork = Fork::ALL.into_iter().map(BlobFork::fork);
    let bpo = bpo_number(name).map(BlobFork::bpo);
    if !fork.chain(bpo).any(|fork| fork.spellings().iter().any(|spelling| spelling == name)) {
        // alloy-genesis gives the forks after Osaka a capital.
        let lower = name.to_lowercase();
        let capital = name.chars().skip(1).all(|character| !character.is_uppercase());
        let begins = |beginning: &&str| *beginning != "bpo" && lower.starts_with(*beginning);
        let later = LATER_FORKS.contains(&lower.as_str()) || LATER_BEGINNINGS.iter().any(begins);
        let has_time = [name, &lower].iter().any(|name| config.get(&time_key(name)).is_some());
        if capital && later || has_time && !is_known(&time_key(&lower)) {
            // A later fork may have other fields.
            return Ok(());
        }
        let names = Fork::ALL.iter().map(|fork| fork.name().to_owned());
        let names = names.chain(LATER_FORKS.map(ToOwned::to_owned)).chain(bpo_like(name));
        return Err(match Spellings::of(names).nearest(name) {
            Some(expected) => ChainConfigError::Misspelt(shown(&path), format!("blobSchedule.{expected}")),
            None => ChainConfigError::UnknownEntry(shown(&path)),
        });
    }
    // What is no object has no effect, or is refused when it is read.
    let Some(fields) = entries.get(name).and_then(|entry| serde_json::from_str::<Fields>(entry.get()).ok())
    else {
        return Ok(());
    };
    let fields = Config(fields);
    let Some(field) = fields.names().find(|field| !BLOB_FIELDS.contains(&field.as_str())) else {
        return Ok(());
    };
    let actual = shown(&format!("{path}.{field}"));
    Err(match Spellings::of(BLOB_FIELDS.map(ToOwned::to_owned)).nearest(field) {
        Some(expected) => ChainConfigError::Misspelt(actual, format!("{path}.{expected}")),
        None => ChainConfigError::UnknownField(actual),
    })
}

/// Reads one entry of the blob schedule. `path` is its own in the configuration.
fn parameters_of_blobs(path: &str, parameters: &Config) -> Result<BlobSchedule, ChainConfigError> {
    let parameter = |name: &str| {
        let path = format!("{path}.{name}");
        match parameters.get(name) {
            Some(value) => number_of_64_bits(&path, value),
            None => Err(ChainConfigError::Field(path, "it is missing".to_owned())),
        }
    };
    Ok(BlobSchedule {
        target: parameter("target")?,
        max: parameter("max")?,
        base_fee_update_fraction: parameter("baseFeeUpdateFraction")?,
    })
}

/// Returns the numbers of the forks of blob parameters alone that have a time, in their order. They build on Osaka and on
/// each other, but not on forks after Osaka, nor those on them.
fn bpos(config: &Config) -> Result<Vec<u64>, ChainConfigError> {
    let numbers = config.names().filter_map(|name| name.strip_suffix("Time").and_then(bpo_number));
    let mut numbers = numbers.collect::<Vec<_>>();
    if numbers.len() > MAX_BPOS {
        return Err(ChainConfigError::TooManyBpos(numbers.len()));
    }
    numbers.sort_unstable();
    let mut earlier = Fork::Osaka.name().to_owned();
    for number in &numbers {
        let later = format!("bpo{number}");
        let times = (config.number(&time_key(&earlier))?, config.number(&time_key(&later))?);
        let (Some(earlier_time), Some(later_time)) = times else {
            return Err(ChainConfigError::MissingFork(later, earlier));
        };
        if later_time < earlier_time {
            return Err(ChainConfigError::Order { earlier, earlier_time, later, later_time });
        }
        earlier = later;
    }
    Ok(numbers)
}

/// Reads the number of a fork of blob parameters alone from its name, `bpo` and the number; `None` for other names.
fn bpo_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("bpo")?;
    let decimal =
        !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| digits.parse().ok()).flatten()
}

/// Schedules the parameters, which are in the order in which they apply, in the one form of their effect: of those at one
/// time, the last, and none that change nothing.
fn in_one_form(changes: Vec<BlobChange>) -> Result<Vec<BlobActivation>, ChainConfigError> {
    let same_time = changes.chunk_by(|one, next| one.timestamp == next.timestamp);
    let pairs = same_time.flat_map(|same| same.iter().zip(same.iter().rev().take(1).cycle()));
    for (first, last) in pairs {
        let unclear = match (first.fork, last.fork) {
            // Two spellings.
            (BlobFork::SinceAmsterdam(first), BlobFork::SinceAmsterdam(last)) => first == last,
            // geth applies the last, alloy the first.
            (BlobFork::SinceAmsterdam(_), BlobFork::LaterBpo(_)) => true,
            _ => false,
        };
        if unclear && first.blobs != last.blobs {
            let paths = (first.path.clone(), last.path.clone());
            return Err(ChainConfigError::SameTime(paths.0, paths.1, first.timestamp));
        }
    }
    let mut blobs: Vec<BlobActivation> = Vec::new();
    for BlobChange { timestamp, blobs: parameters, .. } in changes {
        blobs.pop_if(|last| last.timestamp == timestamp);
        blobs.push(BlobActivation { timestamp, blobs: parameters });
    }
    blobs.dedup_by_key(|activation| activation.blobs);
    Ok(blobs)
}

/// Finds the first fork that isn't implemented. `last` is the timestamp of the last change that is, in seconds.
fn first_later_fork(config: &Config, last: u64) -> Result<Option<End>, ChainConfigError> {
    let mut first: Option<End> = None;
    for name in config.names() {
        let named = LATER_FORKS.iter().any(|fork| name.strip_suffix("Time") == Some(fork));
        // A fork that is switched off is no fork.
        let switched_off = config.get(name).is_some_and(|value| value.get() == "false");
        if is_known(name) || !named && (!is_fork_like(name) || switched_off) {
            continue;
        }
        let unknown = |text: &str| Err(ChainConfigError::UnknownFork(text.to_owned()));
        let path = shown(name);
        let text = config.get(name).map_or("", RawValue::get);
        // A block number tells nothing about the time.
        if name.to_lowercase().contains("block")
            || matches!(text, "true" | "false")
            || text.starts_with(['{', '['])
        {
            return unknown(&path);
        }
        let Some(from) = config.number(name)? else { continue };
        // An unknown fork at or before `last` could change rules that this program applies.
        if !named && from <= last {
            return unknown(&format!("{path} {from}"));
        }
        if first.as_ref().is_none_or(|first| from < first.from) {
            let fork = name.strip_suffix("Time").unwrap_or(name);
            let reason = EndReason::LaterFork(fork.chars().take(MAX_SHOWN).collect());
            first = Some(End { from, reason });
        }
    }
    Ok(first)
}

/// Reduces a name to its letters and digits, in lower case.
fn condensed(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns whether a key belongs to an implemented fork, or to none.
fn is_known(name: &str) -> bool {
    OLD_FORKS.contains(&name)
        || NO_FORKS.contains(&name)
        || Fork::ALL.iter().any(|fork| time_key(fork.name()) == name)
        || name.strip_suffix("Time").and_then(bpo_number).is_some()
}

/// Returns whether a key identifies a chain with rules of its own, or changes a rule.
fn has_other_rules(config: &Config, name: &str) -> bool {
    let key = condensed(name);
    let text = config.get(name).map_or("", RawValue::get);
    let is = |known: &str| condensed(known) == key;
    if let Some((_, address)) = FIXED_CONTRACTS.iter().find(|(contract, _)| is(contract)) {
        return text.trim_matches('"').parse::<Address>() != Ok(*address);
    }
    let changes_nothing = || {
        let text = text.split_whitespace().collect::<String>();
        ["false", "{}", "[]"].contains(&text.as_str())
    };
    OTHER_CHAINS.into_iter().any(is) || OTHER_RULES.into_iter().any(is) && !changes_nothing()
}

/// Known names, with their letters and digits in lower case.
struct Spellings(Vec<(String, Vec<char>)>);

impl Spellings {
    fn of(names: impl IntoIterator<Item = String>) -> Self {
        let condense = |name: String| {
            let characters = condensed(&name).chars().collect();
            (name, characters)
        };
        Self(names.into_iter().map(condense).collect())
    }

    /// Returns those of the configuration's keys that have an effect, but for those with a number.
    fn of_keys() -> Self {
        let forks = Fork::ALL[1..].iter().map(|fork| fork.name()).chain(LATER_FORKS).map(time_key);
        let fixed = FIXED_CONTRACTS.into_iter().map(|(name, _)| name);
        let others = READ.into_iter().chain(OLD_FORKS).chain(fixed).chain(OTHER_RULES).chain(OTHER_CHAINS);
        Self::of(forks.chain(others.map(ToOwned::to_owned)))
    }

    /// Returns the known name that is the fewest edits away, if these may be a slip of the pen.
    fn nearest(&self, name: &str) -> Option<&str> {
        let name = condensed(name).chars().collect::<Vec<_>>();
        let near = |edits| self.0.iter().find(|(_, known)| is_within(edits, &name, known));
        (0..=SLIP).find_map(near).map(|(known, _)| known.as_str())
    }
}

/// Returns whether so many edits lead from one text to the other (Damerau and Levenshtein's distance).
fn is_within(edits: usize, one: &[char], other: &[char]) -> bool {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[same..], &other[same..]);
    let Some(edits) = edits.checked_sub(1) else { return one.is_empty() && other.is_empty() };
    match (one, other) {
        ([], _) => other.len() <= edits + 1,
        (_, []) => one.len() <= edits + 1,
        ([first, one_rest @ ..], [second, other_rest @ ..]) => {
            let changed_places = || match (one_rest, other_rest) {
                ([one_next, one @ ..], [other_next, other @ ..]) => {
                    (first, one_next) == (other_next, second) && is_within(edits, one, other)
                }
                _ => false,
            };
            is_within(edits, one_rest, other)
                || is_within(edits, one, other_rest)
                || is_within(edits, one_rest, other_rest)
                || changed_places()
        }
    }
}

/// Returns the right spelling of a key that means a known one, but differs from it.
fn misspelt(name: &str, known: &Spellings) -> Option<String> {
    if is_known(name) || known.0.iter().any(|(known, _)| known == name) {
        return None;
    }
    let condensed = condensed(name);
    // The name of a fork by time may also stand alone, or have another ending.
    let means = |fork: &&Fork| condensed.starts_with(fork.name());
    let fork = Fork::ALL[1..].iter().find(means).map(|fork| fork.name().to_owned());
    if let Some(fork) = fork.or_else(|| bpo_like(name)) {
        return Some(time_key(&fork));
    }
    // Names of later forks that resemble others.
    if condensed.chars().count() < MIN_LENGTH
        || LATER_BEGINNINGS.iter().any(|beginning| condensed.starts_with(beginning))
    {
        return None;
    }
    let expected = known.nearest(name).filter(|expected| expected.len() >= MIN_LENGTH)?;
    // Those that have an effect however they are written.
    let fixed = FIXED_CONTRACTS.into_iter().map(|(name, _)| name);
    let is_read = fixed.chain(OTHER_RULES).any(|known| self::condensed(known) == condensed);
    (!is_read).then(|| expected.to_owned())
}

/// Returns the name of the fork of blob parameters alone with which this one begins, or would but for two letters that
/// changed places.
fn bpo_like(name: &str) -> Option<String> {
    let condensed = condensed(name);
    let number = ["bpo", "bop", "pbo"].iter().find_map(|letters| condensed.strip_prefix(letters))?;
    let rest = number.trim_start_matches(|character: char| character.is_ascii_digit());
    let number = number.strip_suffix(rest)?.trim_start_matches('0');
    bpo_number(&format!("bpo{number}")).map(|number| format!("bpo{number}"))
}

/// Returns whether a key may belong to a fork that isn't known.
fn is_fork_like(name: &str) -> bool {
    let name = condensed(name);
    let begins = |beginning: &&str| name.starts_with(*beginning);
    ["time", "block", "atgenesis"].iter().any(|part| name.contains(part))
        || LATER_FORKS.iter().any(begins)
        || LATER_BEGINNINGS.iter().any(begins)
        || name.strip_prefix("eip").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Key of the timestamp of the fork with this name.
fn time_key(fork: &str) -> String {
    format!("{fork}Time")
}

/// Shortens a configuration's own text, and puts it on one line.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(MAX_SHOWN) {
        match character {
            // JSON itself has these characters, so they are not escaped.
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn number_of_64_bits(name: &str, value: &RawValue) -> Result<u64, ChainConfigError> {
    number(name, value, 64)
}

/// Reads a number of so many bits digit by digit: bare, or in a string, where it may be hexadecimal.
fn number<T: TryFrom<U256>>(name: &str, value: &RawValue, bits: usize) -> Result<T, ChainConfigError> {
    let text = value.get();
    let number = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => match text.strip_prefix("0x") {
            // The parser of the library allows underscores, too.
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                U256::from_str_radix(digits, 16).ok()
            }
            Some(_) => None,
            None => whole(text),
        },
        None => whole(text),
    };
    let number = number.and_then(|number| number.try_into().ok());
    number.ok_or_else(|| ChainConfigError::Number(shown(name), shown(text), bits))
}

/// Reads the exact number of a JSON literal; `None` if it isn't a whole number.
fn whole(literal: &str) -> Option<U256> {
    let (mantissa, exponent) = match literal.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (literal, 0),
    };
    // A dot has digits on both sides.
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if integer.is_empty() || fraction.is_empty() {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    // A number of 256 bits has fewer than 80 digits.
    let zeros = exponent.checked_sub(fraction.len() as i64).filter(|zeros| (0..80).contains(zeros))?;
    let digits = format!("{integer}{fraction}{}", "0".repeat(zeros as usize));
    let decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| U256::from_str_radix(&digits, 10).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    const CONFIG: &str = r#"{
        "chainId": 1337, "londonBlock": 0, "terminalTotalDifficulty": 0,
        "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 10, "osakaTime": 20, "bpo1Time": 30,
        "depositContractAddress": "0x4242424242424242424242424242424242424242",
        "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
                         "bpo1": {"target": 9, "max": 14, "baseFeeUpdateFraction": 8832827}}
    }"#;

    /// The schedule of the public chains, with the times of a chain file.
    const PUBLIC: &str = r#"{
        "chainId": 11155111, "londonBlock": 0, "terminalTotalDifficulty": 17000000000000000,
        "shanghaiTime": 1677557088, "cancunTime": 1706655072, "pragueTime": 1741159776, "osakaTime": 1760427360,
        "bpo1Time": 1761017184, "bpo2Time": 1761607008, "amsterdamTime": 1791294816,
        "depositContractAddress": "0x7f02c3e3c98b133055b8b348b2ac625669ed295d",
        "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
                         "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
                         "osaka": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
                         "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193},
                         "bpo2": {"target": 14, "max": 21, "baseFeeUpdateFraction": 11684671},
                         "amsterdam": {"target": 14, "max": 21, "baseFeeUpdateFraction": 11684671}}
    }"#;

    fn spec(json: &str) -> ChainSpec {
        Chain::from_json(json).unwrap().spec
    }

    #[test]
    fn reads_a_configuration_and_a_genesis() {
        let chain = Chain::from_json(CONFIG).unwrap();
        let spec = &chain.spec;
        assert_eq!(chain.end, None);
        assert_eq!(spec.chain_id, 1337);
        assert_eq!(spec.merge_block, Some(0));
        assert_eq!(spec.deposit_contract, Some(address!("0x4242424242424242424242424242424242424242")));
        assert_eq!(spec.fork_at(9), Fork::Cancun);
        assert_eq!(spec.fork_at(10), Fork::Prague);
        assert_eq!(spec.blob_params_at(29).unwrap().max_blob_count, 6);
        assert_eq!(spec.blob_params_at(30).unwrap().max_blob_count, 14);
        let genesis = alloc::format!(r#"{{"config": {CONFIG}, "alloc": {{}}}}"#);
        assert_eq!(Chain::from_json(&genesis).unwrap(), chain);
    }

    /// Clients' spellings, and entries that say nothing new, make no other schedule. It would have another digest.
    #[test]
    fn a_file_of_a_public_chain_has_the_built_in_schedule() {
        let sepolia = ChainSpec::sepolia();
        for (from, to) in [
            ("", ""),
            ("\"amsterdam\":", "\"Amsterdam\":"),
            (
                "\"amsterdam\":",
                "\"Amsterdam\": {\"target\": 14, \"max\": 21, \"baseFeeUpdateFraction\": 11684671}, \"amsterdam\":",
            ),
            ("\"amsterdam\":", "\"bogota\":"),
            ("\"osaka\":", "\"Bogota\":"),
            ("\"amsterdam\":", "\"bpo3\": {\"target\": 9}, \"amsterdam\":"),
        ] {
            let read = spec(&PUBLIC.replace(from, to));
            assert_eq!(read, sepolia, "{to}");
            assert_eq!(read.digest_at(u64::MAX), sepolia.digest_at(u64::MAX), "{to}");
        }
        // The merge is known of the public chains only.
        for (from, to) in [("11155111", "11155112"), ("17000000000000000", "17000000000000001")] {
            assert_eq!(spec(&PUBLIC.replace(from, to)).merge_block, None, "{to}");
        }
    }

    #[test]
    fn a_file_of_mainnet_has_the_built_in_digest() {
        let json = r#"{
            "chainId": 1, "londonBlock": 12965000, "terminalTotalDifficulty": 58750000000000000000000,
            "shanghaiTime": 1681338455, "cancunTime": 1710338135, "pragueTime": 1746612311, "osakaTime": 1764798551,
            "bpo1Time": 1765290071, "bpo2Time": 1767747671,
            "depositContractAddress": "0x00000000219ab540356cbb839cbe05303d7705fa",
            "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
                             "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
                             "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193},
                             "bpo2": {"target": 14, "max": 21, "baseFeeUpdateFraction": 11684671}}
        }"#;
        let (read, mainnet) = (spec(json), ChainSpec::mainnet());
        assert_eq!(read, mainnet);
        assert_eq!(read.digest_at(1_700_000_000), mainnet.digest_at(1_700_000_000));
    }

    #[test]
    fn a_key_that_is_given_twice_is_refused() {
        let with = |from: &str, to: &str| Chain::from_json(&CONFIG.replace(from, to));
        for (from, to, named) in [
            ("\"osakaTime\": 20", "\"osakaTime\": 20, \"osakaTime\": null", "osakaTime is given twice"),
            ("\"chainId\"", "\"blobSchedule\": {}, \"chainId\"", "blobSchedule is given twice"),
            ("\"bpo1\": {", "\"bpo1\": {}, \"bpo1\": {", "bpo1 is given twice"),
            ("\"max\": 6", "\"max\": 6, \"max\": 6", "max is given twice"),
            ("\"chainId\"", "\"a\\n\": 1, \"a\\n\": 1, \"chainId\"", "a\\n is given twice"),
        ] {
            let error = with(from, to).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
        let error = Chain::from_json(&alloc::format!(r#"{{"config": {CONFIG}, "config": {CONFIG}}}"#));
        assert!(error.unwrap_err().to_string().contains("config is given twice"));
    }

    /// Bound of what a file may contain, so that its reading takes no long time.
    #[test]
    fn forks_of_blob_parameters_are_bounded() {
        let with = |count: usize| {
            let times = (2..=count).map(|number| alloc::format!("\"bpo{number}Time\": {}, ", 30 + number));
            let entries = (2..=count).map(|number| {
                alloc::format!(
                    "\"bpo{number}\": {{\"target\": {number}, \"max\": 900, \"baseFeeUpdateFraction\": 7}}, "
                )
            });
            let json = CONFIG.replace("\"chainId\"", &(times.collect::<String>() + "\"chainId\""));
            Chain::from_json(&json.replace("\"bpo1\":", &(entries.collect::<String>() + "\"bpo1\":")))
        };
        assert_eq!(with(MAX_BPOS).unwrap().spec.blobs.len(), MAX_BPOS + 1);
        let error = with(MAX_BPOS + 1).unwrap_err();
        assert!(matches!(error, ChainConfigError::TooManyBpos(257)), "{error}");
    }

    #[test]
    fn a_fork_that_is_not_implemented_ends_what_is_supported() {
        let fulu = PUBLIC.replace("\"chainId\"", "\"fuluTime\": 1900000000, \"chainId\"");
        let chain = Chain::from_json(&fulu).unwrap();
        assert_eq!(chain.spec, spec(PUBLIC));
        assert_eq!(chain.covers(1_899_999_999), Ok(()));
        let error = chain.covers(1_900_000_000).unwrap_err().to_string();
        assert!(error.contains("fulu") && error.contains("1900000000"), "{error}");
        assert_eq!(Chain::from_json(PUBLIC).unwrap().end, None);
    }

    #[test]
    fn a_fork_without_blob_parameters_has_those_of_the_one_before() {
        let cancun = BlobSchedule { target: 3, max: 6, base_fee_update_fraction: 3_338_477 };
        let bpo1 = BlobSchedule { target: 9, max: 14, base_fee_update_fraction: 8_832_827 };
        let activations = |json: &str| {
            spec(json)
                .blobs
                .iter()
                .map(|activation| (activation.timestamp, activation.blobs))
                .collect::<Vec<_>>()
        };
        assert_eq!(activations(CONFIG), [(0, cancun), (30, bpo1)]);
        let amsterdam = CONFIG.replace("\"bpo1Time\"", "\"amsterdamTime\": 40, \"bpo1Time\"");
        assert_eq!(activations(&amsterdam), [(0, cancun), (30, bpo1)]);
        assert_eq!(spec(&amsterdam).blobs_at(40), Some(bpo1));
        for absent in
            [CONFIG.replace("\"cancun\": {", "\"paris\": {"), CONFIG.replace("\"blobSchedule\"", "\"x\"")]
        {
            let error = Chain::from_json(&absent).unwrap_err();
            assert!(matches!(&error, ChainConfigError::NoBlobs(fork) if fork == "cancun"), "{error}");
            assert!(error.to_string().contains("blobSchedule.cancun"), "{error}");
        }
        // A fork of blob parameters alone has no effect without them, and not those of another chain.
        assert_eq!(activations(&CONFIG.replace("\"bpo1\": {", "\"bpo2\": {")), [(0, cancun)]);
        for (from, to, named) in [
            ("\"bpo1\": {", "\"Bpo1\": {", "blobSchedule.Bpo1"),
            (
                "\"bpo1\": {",
                "\"bpo1\": {}, \"BPO7\": {",
                "blobSchedule.BPO7; it is to be written blobSchedule.bpo7",
            ),
            ("\"bpo1\": {", "\"bpo1\": {}, \"AMSTERDAM\": {", "it is to be written blobSchedule.amsterdam"),
            ("\"bpo1\": {", "\"bpo1\": {}, \"Prague\": {", "it is to be written blobSchedule.prague"),
            ("\"max\": 14", "\"min\": 14", "blobSchedule.bpo1.max"),
        ] {
            let error = Chain::from_json(&CONFIG.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    /// Forks of blob parameters alone may be any number, before or after Amsterdam. Their time decides.
    #[test]
    fn blob_parameters_change_by_time() {
        let entry = |name: &str, target| {
            alloc::format!(r#""{name}": {{"target": {target}, "max": 90, "baseFeeUpdateFraction": 7}}"#)
        };
        let chain = |times: &[(&str, u64)], entries: &[(&str, u64)]| {
            let times = times.iter().map(|(name, time)| alloc::format!("\"{name}Time\": {time}"));
            let entries = entries.iter().map(|(name, target)| entry(name, *target)).collect::<Vec<_>>();
            Chain::from_json(&alloc::format!(
                r#"{{"chainId": 7, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0, "cancunTime": 0,
                     "pragueTime": 0, "osakaTime": 0, {}, "blobSchedule": {{{}}}}}"#,
                times.collect::<Vec<_>>().join(", "),
                entries.join(", ")
            ))
        };
        let targets = |times: &[(&str, u64)], entries: &[(&str, u64)]| {
            let spec = chain(times, entries).unwrap().spec;
            spec.blobs.iter().map(|blobs| (blobs.timestamp, blobs.blobs.target)).collect::<Vec<_>>()
        };
        let times = [("bpo1", 10), ("amsterdam", 20), ("bpo3", 30), ("bpo117", 40)];
        let entries = [("cancun", 1), ("bpo1", 2), ("bpo3", 3), ("bpo117", 4), ("bpo4", 5)];
        assert_eq!(targets(&times, &entries), [(0, 1), (10, 2), (30, 3), (40, 4)]);
        let later = chain(&times, &entries).unwrap().spec;
        assert_eq!((later.fork_at(40), later.fork_at(19)), (Fork::Amsterdam, Fork::Osaka));
        // Parameters of Amsterdam between those of other forks.
        let times = [("bpo1", 10), ("bpo2", 15), ("amsterdam", 20), ("bpo3", 25)];
        let entries = [("cancun", 1), ("bpo1", 2), ("bpo2", 3), ("Amsterdam", 4), ("bpo3", 5)];
        assert_eq!(targets(&times, &entries), [(0, 1), (10, 2), (15, 3), (20, 4), (25, 5)]);
        // All at one time: the last of the forks counts.
        let entries =
            [("cancun", 1), ("prague", 2), ("osaka", 3), ("bpo1", 4), ("bpo2", 5), ("amsterdam", 6)];
        for (count, target) in [(1, 3), (2, 4), (3, 5), (4, 6)] {
            let times = [("paris", 0), ("bpo1", 0), ("bpo2", 0), ("amsterdam", 0)];
            assert_eq!(targets(&times[..count], &entries), [(0, target)]);
        }
        // Clients differ in what counts at one time, or which spelling.
        let same = [("amsterdam", 20), ("bpo3", 20), ("bpo4", 20)];
        let error = chain(&same, &[("cancun", 1), ("amsterdam", 2), ("bpo3", 2), ("bpo4", 3)]).unwrap_err();
        assert!(error.to_string().contains("blobSchedule.amsterdam and blobSchedule.bpo4"), "{error}");
        let both = [("cancun", 1), ("amsterdam", 2), ("Amsterdam", 3), ("bpo3", 2), ("bpo4", 2)];
        let error = chain(&same, &both).unwrap_err();
        assert!(error.to_string().contains("blobSchedule.Amsterdam and blobSchedule.bpo4"), "{error}");
        let error = chain(&same[..1], &both).unwrap_err();
        assert!(error.to_string().contains("blobSchedule.amsterdam and blobSchedule.Amsterdam"), "{error}");
        assert_eq!(
            targets(&same, &[("cancun", 1), ("amsterdam", 2), ("bpo3", 3), ("bpo4", 2)]),
            [(0, 1), (20, 2)]
        );
        assert_eq!(targets(&same, &[("cancun", 1), ("bpo3", 2), ("bpo4", 3)]), [(0, 1), (20, 3)]);
        // Parameters of a fork without a time have no effect, whatever they are.
        assert_eq!(targets(&[("bpo1", 5)], &[("cancun", 1), ("bpo1", 2), ("bpo2", 91)]), [(0, 1), (5, 2)]);
        // They change back.
        let back = [("cancun", 1), ("bpo1", 2), ("bpo2", 1), ("bpo3", 1)];
        assert_eq!(targets(&[("bpo1", 5), ("bpo2", 6), ("bpo3", 7)], &back), [(0, 1), (5, 2), (6, 1)]);

        let error =
            chain(&[("bpo1", 20), ("bpo3", 10)], &[("cancun", 1), ("bpo1", 2), ("bpo3", 3)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the chain configuration has bpo3 at 10, but it must not precede bpo1 at 20"
        );
        let error = Chain::from_json(&CONFIG.replace("\"bpo1Time\": 30", "\"bpo1Time\": 19")).unwrap_err();
        assert!(error.to_string().contains("must not precede osaka at 20"), "{error}");
        let error = Chain::from_json(&CONFIG.replace("\"osakaTime\": 20,", "")).unwrap_err();
        assert!(error.to_string().contains("schedules bpo1, but not osaka"), "{error}");
    }

    /// A floating-point number has 53 bits.
    #[test]
    fn numbers_are_read_by_their_digits() {
        let with = |value: &str| {
            let json = CONFIG.replace(
                "\"terminalTotalDifficulty\": 0",
                &alloc::format!("\"terminalTotalDifficulty\": {value}"),
            );
            Chain::from_json(&json).map(|chain| chain.spec.terminal_total_difficulty)
        };
        let mainnet = ChainSpec::mainnet().terminal_total_difficulty;
        for value in [
            "58750000000000000000000",
            "\"58750000000000000000000\"",
            "\"0xc70d808a128d7380000\"",
            "5.875e22",
            "5.875E+22",
        ] {
            assert_eq!(with(value).unwrap(), mainnet, "{value}");
        }
        assert_eq!(with("58750000000000000000001").unwrap(), mainnet + U256::ONE);
        assert_eq!(with("9007199254740993").unwrap(), U256::from(9_007_199_254_740_993_u64));
        let too_large = alloc::format!("1{}", "0".repeat(78));
        let spelt = ["\"0x_\"", "\"0x1_0\"", "\"5.\"", "\".5e1\"", "\".\"", "\"+5\"", "\"1_0\"", "\"0X10\""];
        for value in spelt {
            assert!(matches!(with(value), Err(ChainConfigError::Number(..))), "{value}");
        }
        for value in ["-1", "0.5", "1e-3", "1e100", "true", "\"0x\"", "\"\"", "{}", &too_large] {
            assert!(matches!(with(value), Err(ChainConfigError::Number(..))), "{value}");
        }
        for (from, to) in [
            ("\"chainId\": 1337", "\"chainId\": 18446744073709551616"),
            ("\"chainId\": 1337", "\"chainId\": 1337.5"),
            ("\"pragueTime\": 10", "\"pragueTime\": 1e40"),
            ("\"max\": 6", "\"max\": -6"),
        ] {
            let error = Chain::from_json(&CONFIG.replace(from, to)).unwrap_err();
            assert!(matches!(error, ChainConfigError::Number(..)), "{to}: {error}");
        }
        let exact = CONFIG.replace("\"chainId\": 1337", "\"chainId\": 18446744073709551615");
        assert_eq!(spec(&exact).chain_id, u64::MAX);
    }

    /// The configuration, with one field more.
    fn with(field: &str) -> Result<Chain, ChainConfigError> {
        Chain::from_json(&CONFIG.replace("\"chainId\"", &alloc::format!("{field}, \"chainId\"")))
    }

    /// Fork that ends the configuration's chain by this field, which changes nothing else, and its time.
    fn end(field: &str) -> Option<(String, u64)> {
        let chain = with(field).unwrap();
        assert_eq!(chain.spec, spec(CONFIG), "{field}");
        chain.end.map(|end| match end.reason {
            EndReason::LaterFork(name) => (name, end.from),
            reason => panic!("{reason:?}"),
        })
    }

    fn named(name: &str, from: u64) -> Option<(String, u64)> {
        Some((name.to_owned(), from))
    }

    /// A fork that has a name ends the chain wherever it is, also before the last change that is known.
    #[test]
    fn forks_that_have_a_name_end_the_chain() {
        for later in LATER_FORKS {
            assert!(Fork::ALL.iter().all(|fork| fork.name() != later), "{later} is implemented");
            let ends = |field: &str| end(&field.replace("later", later));
            assert_eq!(ends("\"fuluTime\": 50, \"laterTime\": 60"), named("fulu", 50));
            assert_eq!(ends("\"fuluTime\": 70, \"laterTime\": 60"), named(later, 60));
            assert_eq!(ends("\"laterTime\": 5"), named(later, 5));
            let other = alloc::format!("{later}Timestamp");
            assert_eq!(ends("\"laterTimestamp\": 5000000000"), named(&other, 5_000_000_000));
            assert_eq!(ends("\"later\": 5000000000"), named(later, 5_000_000_000));
            let capital = later[..1].to_uppercase() + &later[1..];
            let error = with(&alloc::format!("\"{capital}Time\": 5")).unwrap_err().to_string();
            assert!(error.contains(&alloc::format!("{later}Time")), "{error}");
            for (field, shown) in [
                ("laterTimestamp\": 5", "laterTimestamp 5"),
                ("later\": 5", "later 5"),
                ("later\": {}", "later"),
            ] {
                let error =
                    with(&alloc::format!("\"{field}").replace("later", later)).unwrap_err().to_string();
                assert!(error.contains(&shown.replace("later", later)), "{field}: {error}");
            }
        }
    }

    #[test]
    fn forks_that_are_not_known_are_named() {
        for field in [
            "\"fuluTime\": null",
            "\"ethash\": {}",
            "\"clique\": {\"period\": 5}",
            "\"comment\": \"x\"",
            "\"enableVerkleAtGenesis\": false",
            "\"terminalBlockHash\": \"0x00\", \"terminalBlockNumber\": 0",
            "\"daoForkSupport\": true, \"daoForkBlock\": 0, \"eip150Block\": 0, \"mergeNetsplitBlock\": 0",
            "\"eip150Hash\": \"0x00\", \"period\": 5, \"eip155Block\": 0, \"eip158Block\": 0",
            "\"zeroBaseFee\": false, \"transitions\": { }, \"futureEips\": [], \"eip7999\": false",
            "\"withdrawalRequestContractAddress\": \"0x00000961Ef480Eb55e80D19ad83579A64c007002\"",
            "\"consolidationRequestContractAddress\": \"0x0000bbddc7ce488642fb579f8b00f3a590007251\"",
            "\"discovery\": {\"dns\": \"x\"}, \"checkpoint\": {\"number\": 5}",
            "\"amsterdamTime\": null, \"bpo2Time\": null",
            "\"bpo9Time\": 50",
        ] {
            assert_eq!(end(field), None, "{field}");
        }
        for (field, name) in [
            ("\"fuluTime\": 0", "fuluTime"),
            ("\"fuluTime\": 30", "fuluTime"),
            ("\"verkleTime\": 30", "verkleTime"),
            ("\"tangerineBlock\": 0", "tangerineBlock"),
            ("\"OsakaTime\": 5", "osakaTime"),
            ("\"AmsterdamTime\": 5", "amsterdamTime"),
            ("\"fuluTime\": \"soon\"", "fuluTime"),
            ("\"footime\": 5", "footime 5"),
            ("\"foo_time\": 5", "foo_time 5"),
            ("\"fooTimestamp\": 5", "fooTimestamp 5"),
            ("\"fooTime \": 5", "fooTime  5"),
            ("\"eip7862Timestamp\": 5", "eip7862Timestamp 5"),
            ("\"hegota\": 5", "hegota 5"),
            ("\"glamsterdamTime\": 5", "glamsterdamTime 5"),
            ("\"eip7999\": 5", "eip7999 5"),
            ("\"eip7999\": true", "eip7999"),
            ("\"eip-7999\": {}", "eip-7999"),
            ("\"amsterdamTimestamp\": 50", "it is to be written amsterdamTime"),
            ("\"amsterdam\": 50", "it is to be written amsterdamTime"),
            ("\"amsterdam\": {}", "it is to be written amsterdamTime"),
            ("\"amsterdamBlock\": 5000000000", "amsterdamBlock"),
            ("\"bpo9\": 50", "it is to be written bpo9Time"),
            ("\"BPO9Time\": 50", "it is to be written bpo9Time"),
            ("\"bpo09Time\": 50", "it is to be written bpo9Time"),
            ("\"bpo_9_timestamp\": 50", "it is to be written bpo9Time"),
            ("\"bpo0Time\": 5", "bpo0Time 5"),
            ("\"bpoTime\": 5", "bpoTime 5"),
            ("\"bpo99999999999999999999Time\": 5", "bpo99999999999999999999Time 5"),
            ("\"FOOBLOCK\": 5000000000", "FOOBLOCK"),
            ("\"enableVerkleAtGenesis\": true", "enableVerkleAtGenesis"),
            ("\"enableUBTAtGenesis\": true", "enableUBTAtGenesis"),
            ("\"prague\": 10", "pragueTime"),
            ("\"prague_time\": 10", "pragueTime"),
            ("\"osakaTimestamp\": 10", "osakaTime"),
            ("\"london_block\": 0", "londonBlock"),
        ] {
            let error = with(field).unwrap_err();
            assert!(error.to_string().contains(name), "{field}: {error}");
        }
        for (field, name) in [
            ("footime", "footime"),
            ("foo_time", "foo_time"),
            ("fooTimestamp", "fooTimestamp"),
            ("fooTime ", "fooTime "),
            ("eip7862Timestamp", "eip7862Timestamp"),
            ("verkle", "verkle"),
            ("hegota", "hegota"),
            ("hegotá", "hegotá"),
            ("eip7999", "eip7999"),
            ("bpo0Time", "bpo0"),
        ] {
            let field = alloc::format!("\"{field}\": 5000000000");
            assert_eq!(end(&field), named(name, 5_000_000_000), "{field}");
        }
        let blobs =
            CONFIG.replace("\"bpo1\": {", "\"bpo3\": {\"target\": 1}, \"amsterdam\": {}, \"bpo1\": {");
        assert_eq!(spec(&blobs), spec(CONFIG));
    }

    /// A key that is misspelt would be ignored, and the chain another than the one that was meant.
    #[test]
    fn misspelt_keys_are_refused_by_name() {
        for (key, meant) in [
            ("amsterdamTiem", "amsterdamTime"),
            ("amstredamTiem", "amsterdamTime"),
            ("amsterdmTime", "amsterdamTime"),
            ("amsterdam_at", "amsterdamTime"),
            ("osakaTimes", "osakaTime"),
            ("oskaTime", "osakaTime"),
            ("pragueEpoch", "pragueTime"),
            ("bogotaTiem", "bogotaTime"),
            ("bpo3Tiem", "bpo3Time"),
            ("bop3Time", "bpo3Time"),
            ("blobschedule", "blobSchedule"),
            ("blobSchedules", "blobSchedule"),
            ("blobSchudele", "blobSchedule"),
            ("depositContractAdress", "depositContractAddress"),
            ("depositContractAddress2", "depositContractAddress"),
            ("chainID", "chainId"),
            ("terminalTotalDifficulty2", "terminalTotalDifficulty"),
            ("terminalTotalDifficultyPassed2", "terminalTotalDifficultyPassed"),
            ("lodnonBlock", "londonBlock"),
            ("contractSizeLimits", "contractSizeLimit"),
            ("withdrawalRequestContractAdress", "withdrawalRequestContractAddress"),
            ("optimsm", "optimism"),
        ] {
            for value in ["1", "5000000000", "{}", "\"x\"", "false"] {
                let error = with(&alloc::format!("\"{key}\": {value}")).unwrap_err().to_string();
                let expected =
                    alloc::format!("the chain configuration has {key}; it is to be written {meant}");
                assert_eq!(error, expected, "{value}");
            }
        }
        // It counts more than what is missing without it.
        for (key, other) in [
            ("chainId", "chainid"),
            ("londonBlock", "londonBlocks"),
            ("blobSchedule", "blobschedule"),
            ("terminalTotalDifficulty", "terminalTotalDifficulty_"),
        ] {
            let json = CONFIG.replace(&alloc::format!("\"{key}\""), &alloc::format!("\"{other}\""));
            let error = Chain::from_json(&json).unwrap_err().to_string();
            assert!(error.ends_with(&alloc::format!("has {other}; it is to be written {key}")), "{error}");
        }
    }

    #[test]
    fn unknown_keys_of_the_blob_schedule_are_refused_by_name() {
        for (from, to, named) in [
            ("\"bpo1\": {", "\"amsterdan\": {", "amsterdan; it is to be written blobSchedule.amsterdam"),
            ("\"bpo1\": {", "\"osakka\": {", "osakka; it is to be written blobSchedule.osaka"),
            ("\"bpo1\": {", "\"osaak\": {", "osaak; it is to be written blobSchedule.osaka"),
            ("\"bpo1\": {", "\"Shanghai\": {", "Shanghai; it is to be written blobSchedule.shanghai"),
            ("\"bpo1\": {", "\"BOGOTA\": {", "BOGOTA; it is to be written blobSchedule.bogota"),
            ("\"bpo1\": {", "\"bop1\": {", "bop1; it is to be written blobSchedule.bpo1"),
            ("\"bpo1\": {", "\"bpo01\": {", "bpo01; it is to be written blobSchedule.bpo1"),
            ("\"bpo1\": {", "\"bpo0\": {", "blobSchedule.bpo0, but there is no fork of this name"),
            ("\"bpo1\": {", "\"comment\": {", "blobSchedule.comment, but there is no fork of this name"),
            ("\"bpo1\": {", "\"fulu\": {", "blobSchedule.fulu, but there is no fork of this name"),
            (
                "\"max\": 6",
                "\"max\": 6, \"fooo\": 1",
                "blobSchedule.cancun.fooo, but the fields of an entry are",
            ),
            ("\"max\": 6", "\"max\": 6, \"Max\": 1", "written blobSchedule.cancun.max"),
            (
                "\"bpo1\": {",
                "\"bpo2\": {\"baseFeeUpdateFractoin\": 1}, \"bpo1\": {",
                "bpo2.baseFeeUpdateFractoin; it is to be written blobSchedule.bpo2.baseFeeUpdateFraction",
            ),
        ] {
            let error = Chain::from_json(&CONFIG.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
        // Entries of other forks have no effect.
        for name in
            ["paris", "shanghai", "amsterdam", "Amsterdam", "bogota", "Bogota", "verkle", "ubt", "bpo7"]
        {
            let entry = alloc::format!("\"{name}\": {{\"max\": 7}}, \"bpo1\": {{");
            assert_eq!(spec(&CONFIG.replace("\"bpo1\": {", &entry)), spec(CONFIG), "{name}");
        }
        let fulu = CONFIG.replace("\"bpo1\": {", "\"Fulu\": {\"per\": 7}, \"bpo1\": {");
        let fulu = fulu.replace("\"chainId\"", "\"fuluTime\": 5000000000, \"chainId\"");
        assert_eq!(spec(&fulu), spec(CONFIG));
    }

    /// Keys that files of geth, reth, besu, nethermind, erigon, hive and kurtosis have.
    #[test]
    fn keys_of_clients_are_ignored() {
        for key in [
            "ethash",
            "clique",
            "aura",
            "ibft",
            "ibft2",
            "qbft",
            "consensus",
            "chainName",
            "networkId",
            "discovery",
            "checkpoint",
            "trustedCheckpoint",
            "trustedCheckpointOracle",
            "burntContract",
            "noPruneContracts",
            "feeCollector",
            "minBaseFee",
            "isQuorum",
            "comment",
            "_comment",
            "name",
            "parisTime",
            "daoForkSupport",
            "terminalTotalDifficultyPassed",
            "terminalBlockHash",
            "terminalBlockNumber",
            "eip150Hash",
            "period",
        ] {
            for value in ["1", "{}", "true", "\"x\""] {
                assert_eq!(end(&alloc::format!("\"{key}\": {value}")), None, "{key}: {value}");
            }
        }
        for key in OLD_FORKS.into_iter().filter(|key| *key != "londonBlock") {
            assert_eq!(end(&alloc::format!("\"{key}\": 0")), None, "{key}");
        }
        // These are read however they are written.
        for field in [
            "\"WithdrawalRequestContractAddress\": \"0x00000961Ef480Eb55e80D19ad83579A64c007002\"",
            "\"zerobasefee\": false",
        ] {
            assert_eq!(end(field), None, "{field}");
        }
        // No known key is taken for another.
        let known = Spellings::of_keys();
        assert!(known.0.iter().all(|(name, _)| misspelt(name, &known).is_none()));
    }

    #[test]
    fn edits_are_counted() {
        let distance = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.chars().collect::<Vec<_>>());
            (0..9).find(|edits| is_within(*edits, &one, &other)).unwrap()
        };
        for (one, other, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("time", "time", 0),
            ("time", "tiem", 1),
            ("time", "tim", 1),
            ("time", "ttime", 1),
            ("time", "tame", 1),
            ("amsterdam", "amstredma", 2),
            ("kitten", "sitting", 3),
            ("abc", "cab", 2),
        ] {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn numbers_that_are_refused_name_their_bound() {
        for value in ["1.5", "-1", "\"soon\"", "18446744073709551616", "1e100"] {
            let json = CONFIG.replace("\"osakaTime\": 20", &alloc::format!("\"osakaTime\": {value}"));
            let error = Chain::from_json(&json).unwrap_err().to_string();
            assert!(error.contains("osakaTime") && error.ends_with("below 2^64"), "{error}");
        }
        let json = CONFIG.replace("\"terminalTotalDifficulty\": 0", "\"terminalTotalDifficulty\": -1");
        assert!(Chain::from_json(&json).unwrap_err().to_string().ends_with("below 2^256"));
        // The merge has passed, so its difficulty may be missing.
        let passed = "\"terminalTotalDifficultyPassed\": true";
        assert_eq!(spec(&CONFIG.replace("\"terminalTotalDifficulty\": 0", passed)), spec(CONFIG));
    }

    #[test]
    fn chains_of_other_rules_are_refused() {
        for name in ["optimism", "arbitrum", "bor", "parlia", "Optimism"] {
            let field = alloc::format!("\"{name}\": {{\"x\": 1}}, \"chainId\"");
            let error = Chain::from_json(&CONFIG.replace("\"chainId\"", &field)).unwrap_err();
            assert!(matches!(&error, ChainConfigError::OtherRules(named) if named == name), "{error}");
        }
        for (name, value) in [
            ("contractSizeLimit", "2147483647"),
            ("evmStackSize", "2048"),
            ("zeroBaseFee", "true"),
            ("fixedBaseFee", "true"),
            ("ecCurve", "\"secp256r1\""),
            ("transitions", "{\"qbft\": []}"),
            ("futureEips", "{\"a\": 5}"),
            ("withdrawalRequestContractAddress", "\"0x0000000000000000000000000000000000000001\""),
            ("consolidationRequestContractAddress", "1"),
        ] {
            let field = alloc::format!("\"{name}\": {value}, \"chainId\"");
            let error = Chain::from_json(&CONFIG.replace("\"chainId\"", &field)).unwrap_err();
            assert!(matches!(&error, ChainConfigError::OtherRules(named) if named == name), "{error}");
        }
    }

    #[test]
    fn errors_are_short_whatever_the_configuration_is() {
        let long = "7".repeat(3 << 20);
        for json in [
            CONFIG.replace("1337", &long),
            CONFIG.replace("1337", &alloc::format!("\"{long}\"")),
            CONFIG.replace("1337", &alloc::format!("1, \"{long}Time\": 5")),
            CONFIG.replace("1337", &alloc::format!("1, \"{long}Block\": 5")),
            CONFIG.replace("\"max\": 6", &alloc::format!("\"max\": \"{long}\"")),
            CONFIG.replace("\"max\": 6", "\"max\": {}"),
            alloc::format!("\"{long}\""),
        ] {
            let error = Chain::from_json(&json).unwrap_err().to_string();
            assert!(error.len() < 500, "{} bytes: {}", error.len(), &error[..300]);
        }
        // Errors do not have several lines, either.
        let error = Chain::from_json(&CONFIG.replace("1337", "1, \"a\\u001b\\nTime\": 5")).unwrap_err();
        assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
    }

    #[test]
    fn refuses_what_it_cannot_follow() {
        let error = |from: &str, to: &str| Chain::from_json(&CONFIG.replace(from, to)).unwrap_err();
        assert!(matches!(error("{", "["), ChainConfigError::Json(_)));
        assert!(matches!(error("\"chainId\"", "\"chain\""), ChainConfigError::NoChainId));
        assert!(matches!(error("\"londonBlock\": 0,", ""), ChainConfigError::NoLondon));
        assert!(matches!(error("\"terminalTotalDifficulty\": 0,", ""), ChainConfigError::NeverMerges));
        assert!(matches!(
            error("\"pragueTime\": 10", "\"pragueTime\": 25"),
            ChainConfigError::Spec(ChainSpecError::Order { .. })
        ));
        assert!(matches!(
            error("\"pragueTime\": 10,", ""),
            ChainConfigError::Spec(ChainSpecError::MissingFork(Fork::Osaka, Fork::Prague))
        ));
    }
}

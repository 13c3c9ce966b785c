//! Chain specifications from geth's JSON: a whole genesis, or its `config` object alone.
//!
//! Numbers are read digit by digit, because a floating-point number would change a terminal total difficulty.

use super::{BlobSchedule, ChainSpec, ChainSpecError, Fork, ForkActivation};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_primitives::{Address, U256};
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
const LATER_FORKS: [&str; 5] = ["bpo3", "bpo4", "bpo5", "amsterdam", "bogota"];
/// Beginnings of the names of other forks that aren't implemented, in lower case.
const LATER_BEGINNINGS: [&str; 3] = ["bpo", "verkle", "ubt"];
/// Keys that look like those of forks, but aren't.
const NO_FORKS: [&str; 4] = ["terminalBlockHash", "terminalBlockNumber", "daoForkSupport", "period"];
/// Keys that identify a chain with rules of its own, in lower case.
const OTHER_CHAINS: [&str; 8] =
    ["optimism", "arbitrum", "bor", "parlia", "scroll", "taiko", "celo", "congress"];
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
    /// A key differs from a known one only in the case of its letters, or in its ending.
    #[error("the chain configuration has {0}; it is to be written {1}")]
    Misspelt(String, String),
    /// The first fork with blobs has no blob parameters.
    #[error("the chain configuration schedules {0} and has no blobSchedule.{0}")]
    NoBlobs(Fork),
    /// The schedule is impossible.
    #[error(transparent)]
    Spec(#[from] ChainSpecError),
}

/// Fork that a chain configuration schedules and this crate does not implement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaterFork {
    /// The fork's name in the configuration.
    pub name: String,
    /// The fork's timestamp, in seconds.
    pub timestamp: u64,
}

/// Fields of an object, with their values as JSON text.
type Fields = BTreeMap<String, Box<RawValue>>;

impl ChainSpec {
    /// Reads a geth-style genesis, or its `config` object alone.
    ///
    /// If `blobSchedule` lacks a fork, the parameters of the fork before it continue to apply.
    ///
    /// # Errors
    /// [`ChainConfigError`] if a field is missing or malformed, or the schedule is impossible.
    pub fn from_json(json: &str) -> Result<Self, ChainConfigError> {
        Self::from_json_with_later_forks(json).map(|(spec, _)| spec)
    }

    /// Same as [`from_json`](Self::from_json); also returns the forks that end the support of the chain.
    /// Those are forks that have a name but aren't implemented, and anything else for which the configuration
    /// has a time.
    ///
    /// # Errors
    /// Same as [`from_json`](Self::from_json).
    pub fn from_json_with_later_forks(json: &str) -> Result<(Self, Vec<LaterFork>), ChainConfigError> {
        let malformed = |error: serde_json::Error| ChainConfigError::Json(shown(&error.to_string()));
        let mut fields: Fields = serde_json::from_str(json).map_err(malformed)?;
        if let Some(config) = fields.remove("config") {
            fields = serde_json::from_str(config.get()).map_err(malformed)?;
        }
        from_config(&Config(fields))
    }
}

/// Configuration object, in which `null` counts as absent.
struct Config(Fields);

impl Config {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name).map(Box::as_ref).filter(|value| value.get() != "null")
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ChainConfigError> {
        self.get(name).map(|value| number_of_64_bits(name, value)).transpose()
    }
}

fn from_config(config: &Config) -> Result<(ChainSpec, Vec<LaterFork>), ChainConfigError> {
    // Checked before any field is read by Ethereum's rules.
    if let Some(name) = config.0.keys().find(|name| is_other_chain(name) && config.get(name).is_some()) {
        return Err(ChainConfigError::OtherRules(shown(name)));
    }
    let chain_id = config.number("chainId")?.ok_or(ChainConfigError::NoChainId)?;
    if config.get("londonBlock").is_none() {
        return Err(ChainConfigError::NoLondon);
    }
    let passed = config.get("terminalTotalDifficultyPassed").is_some_and(|value| value.get() == "true");
    let terminal_total_difficulty = match config.get("terminalTotalDifficulty") {
        Some(value) => number("terminalTotalDifficulty", value)?,
        None if passed => U256::ZERO,
        None => return Err(ChainConfigError::NeverMerges),
    };
    let forks = forks(config)?;
    let later = later_forks(config, forks.last().map_or(0, |fork| fork.timestamp))?;
    let deposit_contract = config.get("depositContractAddress").map(|value| {
        let text = value.get().trim_matches('"');
        text.parse::<Address>()
            .map_err(|error| ChainConfigError::Field("depositContractAddress".to_owned(), error.to_string()))
    });
    let spec = ChainSpec {
        chain_id,
        // A configuration does not contain the number of the merge block, unless it is genesis.
        merge_block: terminal_total_difficulty.is_zero().then_some(0),
        terminal_total_difficulty,
        deposit_contract: deposit_contract.transpose()?.filter(|address| *address != Address::ZERO),
        forks,
        unsupported_from: later.iter().map(|fork| fork.timestamp).min(),
    };
    spec.check()?;
    Ok((spec, later))
}

/// Reads the forks that are implemented, with their blob parameters.
fn forks(config: &Config) -> Result<Vec<ForkActivation>, ChainConfigError> {
    let schedule = blob_schedule(config)?;
    let mut forks = Vec::new();
    let mut blobs = None;
    for fork in &Fork::ALL[1..] {
        let Some(timestamp) = config.number(&time_key(*fork))? else { continue };
        if fork.has_blobs() {
            // As in geth, a fork without parameters has those of the fork before it. Parameters of another
            // chain are never used.
            blobs = schedule.get(fork).copied().or(blobs);
            if blobs.is_none() {
                return Err(ChainConfigError::NoBlobs(*fork));
            }
        }
        forks.push(ForkActivation { fork: *fork, timestamp, blobs });
    }
    Ok(forks)
}

/// Reads the blob parameters of all forks that are implemented.
fn blob_schedule(config: &Config) -> Result<BTreeMap<Fork, BlobSchedule>, ChainConfigError> {
    let field =
        |name: String, error: serde_json::Error| ChainConfigError::Field(name, shown(&error.to_string()));
    let Some(value) = config.get("blobSchedule") else { return Ok(BTreeMap::new()) };
    let entries: Fields =
        serde_json::from_str(value.get()).map_err(|error| field("blobSchedule".to_owned(), error))?;
    let mut schedule = BTreeMap::new();
    for (name, entry) in entries.iter().filter(|(_, entry)| entry.get() != "null") {
        let known = Fork::ALL.iter().find(|fork| fork.name().eq_ignore_ascii_case(name));
        // Parameters of a fork without a time have no effect.
        let Some(fork) = known else { continue };
        if fork.name() != name {
            let [actual, expected] = [name.as_str(), fork.name()].map(|name| format!("blobSchedule.{name}"));
            return Err(ChainConfigError::Misspelt(actual, expected));
        }
        let path = format!("blobSchedule.{name}");
        let parameters: Fields =
            serde_json::from_str(entry.get()).map_err(|error| field(path.clone(), error))?;
        let parameters = Config(parameters);
        let parameter = |name: &str| {
            let path = format!("{path}.{name}");
            match parameters.get(name) {
                Some(value) => number_of_64_bits(&path, value),
                None => Err(ChainConfigError::Field(path, "it is missing".to_owned())),
            }
        };
        let entry = BlobSchedule {
            target: parameter("target")?,
            max: parameter("max")?,
            base_fee_update_fraction: parameter("baseFeeUpdateFraction")?,
        };
        schedule.insert(*fork, entry);
    }
    Ok(schedule)
}

/// Reads the forks that aren't implemented. `last` is the timestamp of the last implemented one, in seconds.
fn later_forks(config: &Config, last: u64) -> Result<Vec<LaterFork>, ChainConfigError> {
    let mut later = Vec::new();
    for name in config.0.keys().filter(|name| config.get(name).is_some()) {
        if let Some(expected) = misspelt(name) {
            return Err(ChainConfigError::Misspelt(shown(name), expected));
        }
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
        let Some(timestamp) = config.number(name)? else { continue };
        // An unknown fork at or before `last` could change rules that this program applies.
        if !named && timestamp <= last {
            return unknown(&format!("{path} {timestamp}"));
        }
        let fork = name.strip_suffix("Time").unwrap_or(name);
        later.push(LaterFork { name: fork.chars().take(MAX_SHOWN).collect(), timestamp });
    }
    Ok(later)
}

/// Reduces a name to its letters and digits, in lower case.
fn condensed(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns whether a key belongs to an implemented fork, or to none.
fn is_known(name: &str) -> bool {
    OLD_FORKS.contains(&name)
        || NO_FORKS.contains(&name)
        || Fork::ALL.iter().any(|fork| time_key(*fork) == name)
}

/// Returns whether a key identifies a chain with rules of its own.
fn is_other_chain(name: &str) -> bool {
    OTHER_CHAINS.contains(&condensed(name).as_str())
}

/// Returns the right spelling of a key that means a fork with a known key, but differs from it.
fn misspelt(name: &str) -> Option<String> {
    let implemented = Fork::ALL.map(time_key);
    let condensed = condensed(name);
    let same = |known: &&str| condensed == self::condensed(known) && *known != name;
    // The name of a fork by time may also stand alone, or have another ending.
    let meant = Fork::ALL[1..].iter().find(|fork| {
        let rest = condensed.strip_prefix(&self::condensed(fork.name()));
        rest.is_some_and(|rest| ["", "time", "timestamp", "forktime"].contains(&rest))
            && time_key(**fork) != name
    });
    let later = LATER_FORKS.iter().map(|fork| format!("{fork}Time"));
    let mut later = later.filter(|known| known.eq_ignore_ascii_case(name) && known != name);
    let mut known = OLD_FORKS.iter().copied().chain(implemented.iter().map(String::as_str));
    known.find(same).map(str::to_owned).or_else(|| meant.map(|fork| time_key(*fork))).or_else(|| later.next())
}

/// Returns whether a key may belong to a fork that isn't known.
fn is_fork_like(name: &str) -> bool {
    let name = condensed(name);
    let begins = |beginning: &&str| name.starts_with(*beginning);
    ["time", "block", "atgenesis"].iter().any(|part| name.contains(part))
        || LATER_FORKS.iter().any(begins)
        || LATER_BEGINNINGS.iter().any(begins)
}

/// Key of a fork's timestamp.
fn time_key(fork: Fork) -> String {
    format!("{}Time", fork.name())
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
    let number = number(name, value)?;
    number.try_into().map_err(|_| ChainConfigError::Number(shown(name), shown(value.get()), 64))
}

/// Reads a number digit by digit: bare, or in a string, where it may be hexadecimal.
fn number(name: &str, value: &RawValue) -> Result<U256, ChainConfigError> {
    let text = value.get();
    let number = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => match text.strip_prefix("0x") {
            Some(digits) if !digits.is_empty() => U256::from_str_radix(digits, 16).ok(),
            Some(_) => None,
            None => whole(text),
        },
        None => whole(text),
    };
    number.ok_or_else(|| ChainConfigError::Number(shown(name), shown(text), 256))
}

/// Reads the exact number of a JSON literal; `None` if it isn't a whole number.
fn whole(literal: &str) -> Option<U256> {
    let (mantissa, exponent) = match literal.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (literal, 0),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    // A number of 256 bits has fewer than 80 digits.
    let zeros = exponent.checked_sub(fraction.len() as i64).filter(|zeros| (0..80).contains(zeros))?;
    let digits = format!("{integer}{fraction}{}", "0".repeat(zeros as usize));
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
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

    #[test]
    fn reads_a_configuration_and_a_genesis() {
        let spec = ChainSpec::from_json(CONFIG).unwrap();
        assert_eq!(spec.chain_id, 1337);
        assert_eq!(spec.merge_block, Some(0));
        assert_eq!(spec.deposit_contract, Some(address!("0x4242424242424242424242424242424242424242")));
        assert_eq!(spec.fork_at(9), Fork::Cancun);
        assert_eq!(spec.fork_at(10), Fork::Prague);
        assert_eq!(spec.blob_params_at(29).unwrap().max_blob_count, 6);
        assert_eq!(spec.blob_params_at(30).unwrap().max_blob_count, 14);
        let genesis = alloc::format!(r#"{{"config": {CONFIG}, "alloc": {{}}}}"#);
        assert_eq!(ChainSpec::from_json(&genesis).unwrap(), spec);
    }

    #[test]
    fn a_fork_that_is_not_implemented_ends_what_is_supported() {
        let later = CONFIG.replace("\"bpo1Time\"", "\"bpo4Time\": 50, \"amsterdamTime\"");
        assert_eq!(ChainSpec::from_json(&later).unwrap().unsupported_from, Some(30));
        assert_eq!(ChainSpec::from_json(CONFIG).unwrap().unsupported_from, None);
    }

    #[test]
    fn a_fork_without_blob_parameters_has_those_of_the_one_before() {
        let spec = ChainSpec::from_json(CONFIG).unwrap();
        let blobs = |fork| spec.forks.iter().find(|activation| activation.fork == fork).unwrap().blobs;
        assert_eq!(blobs(Fork::Prague), blobs(Fork::Cancun));
        assert_eq!(blobs(Fork::Osaka), blobs(Fork::Cancun));
        let bpo2 = CONFIG.replace("\"bpo1Time\": 30", "\"bpo1Time\": 30, \"bpo2Time\": 40");
        let spec = ChainSpec::from_json(&bpo2).unwrap();
        assert_eq!(spec.blob_params_at(40), spec.blob_params_at(30));
        for absent in
            [CONFIG.replace("\"cancun\": {", "\"other\": {"), CONFIG.replace("\"blobSchedule\"", "\"x\"")]
        {
            let error = ChainSpec::from_json(&absent).unwrap_err();
            assert!(matches!(error, ChainConfigError::NoBlobs(Fork::Cancun)), "{error}");
            assert!(error.to_string().contains("blobSchedule.cancun"), "{error}");
        }
        let error = ChainSpec::from_json(&CONFIG.replace("\"bpo1\": {", "\"Bpo1\": {")).unwrap_err();
        assert!(error.to_string().contains("blobSchedule.Bpo1"), "{error}");
        let error = ChainSpec::from_json(&CONFIG.replace("\"max\": 14", "\"min\": 14")).unwrap_err();
        assert!(error.to_string().contains("blobSchedule.bpo1.max"), "{error}");
    }

    /// A floating-point number has 53 bits.
    #[test]
    fn numbers_are_read_by_their_digits() {
        let with = |value: &str| {
            let json = CONFIG.replace(
                "\"terminalTotalDifficulty\": 0",
                &alloc::format!("\"terminalTotalDifficulty\": {value}"),
            );
            ChainSpec::from_json(&json).map(|spec| spec.terminal_total_difficulty)
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
        for value in ["-1", "0.5", "1e-3", "1e100", "true", "\"0x\"", "\"\"", "{}", &too_large] {
            assert!(matches!(with(value), Err(ChainConfigError::Number(..))), "{value}");
        }
        for (from, to) in [
            ("\"chainId\": 1337", "\"chainId\": 18446744073709551616"),
            ("\"chainId\": 1337", "\"chainId\": 1337.5"),
            ("\"pragueTime\": 10", "\"pragueTime\": 1e40"),
            ("\"max\": 6", "\"max\": -6"),
        ] {
            let error = ChainSpec::from_json(&CONFIG.replace(from, to)).unwrap_err();
            assert!(matches!(error, ChainConfigError::Number(..)), "{to}: {error}");
        }
        let exact = CONFIG.replace("\"chainId\": 1337", "\"chainId\": 18446744073709551615");
        assert_eq!(ChainSpec::from_json(&exact).unwrap().chain_id, u64::MAX);
    }

    #[test]
    fn forks_that_are_not_known_are_named() {
        let with = |field: &str| {
            ChainSpec::from_json_with_later_forks(
                &CONFIG.replace("\"chainId\"", &alloc::format!("{field}, \"chainId\"")),
            )
        };
        let (spec, later) = with("\"fuluTime\": 50, \"amsterdamTime\": 60").unwrap();
        assert_eq!(spec.unsupported_from, Some(50));
        let names = later.iter().map(|fork| (fork.name.as_str(), fork.timestamp)).collect::<Vec<_>>();
        assert_eq!(names, [("amsterdam", 60), ("fulu", 50)]);
        for field in
            ["\"fuluTime\": null", "\"ethash\": {}", "\"clique\": {\"period\": 5}", "\"comment\": \"x\""]
        {
            assert_eq!(with(field).unwrap(), (ChainSpec::from_json(CONFIG).unwrap(), Vec::new()), "{field}");
        }
        for (field, name) in [
            ("\"fuluTime\": 0", "fuluTime"),
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
            ("\"amsterdamTimestamp\": 5", "amsterdamTimestamp 5"),
            ("\"amsterdam\": 5", "amsterdam 5"),
            ("\"amsterdam\": {}", "amsterdam"),
            ("\"amsterdamBlock\": 5000000000", "amsterdamBlock"),
            ("\"bpo9\": 5", "bpo9 5"),
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
            ("amsterdamTimestamp", "amsterdamTimestamp"),
            ("amsterdam", "amsterdam"),
            ("verkle", "verkle"),
        ] {
            let (spec, later) = with(&alloc::format!("\"{field}\": 5000000000")).unwrap();
            assert_eq!(spec.unsupported_from, Some(5_000_000_000), "{field}");
            assert_eq!(later, [LaterFork { name: name.to_owned(), timestamp: 5_000_000_000 }]);
        }
        for field in [
            "\"enableVerkleAtGenesis\": false",
            "\"terminalBlockHash\": \"0x00\", \"terminalBlockNumber\": 0",
            "\"daoForkSupport\": true, \"daoForkBlock\": 0, \"eip150Block\": 0, \"mergeNetsplitBlock\": 0",
            "\"eip150Hash\": \"0x00\", \"period\": 5",
        ] {
            assert_eq!(with(field).unwrap(), (ChainSpec::from_json(CONFIG).unwrap(), Vec::new()), "{field}");
        }
        let blobs =
            CONFIG.replace("\"bpo1\": {", "\"bpo3\": {\"target\": 1}, \"amsterdam\": {}, \"bpo1\": {");
        assert_eq!(ChainSpec::from_json(&blobs).unwrap(), ChainSpec::from_json(CONFIG).unwrap());
    }

    #[test]
    fn chains_of_other_rules_are_refused() {
        for name in ["optimism", "arbitrum", "bor", "parlia", "Optimism"] {
            let field = alloc::format!("\"{name}\": {{\"x\": 1}}, \"chainId\"");
            let error = ChainSpec::from_json(&CONFIG.replace("\"chainId\"", &field)).unwrap_err();
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
            let error = ChainSpec::from_json(&json).unwrap_err().to_string();
            assert!(error.len() < 500, "{} bytes: {}", error.len(), &error[..300]);
        }
        // Errors do not have several lines, either.
        let error = ChainSpec::from_json(&CONFIG.replace("1337", "1, \"a\\u001b\\nTime\": 5")).unwrap_err();
        assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
    }

    #[test]
    fn refuses_what_it_cannot_follow() {
        let error = |from: &str, to: &str| ChainSpec::from_json(&CONFIG.replace(from, to)).unwrap_err();
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

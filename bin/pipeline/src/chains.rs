//! The chains that this program knows by name.

use crate::{error::Error, files, setting::Setting, text};
use alloy_primitives::B256;
use std::{ffi::OsStr, path::Path};
use tracing::warn;
use zeno_guest_evm::{
    ChainClaim, ChainSpec,
    chain::{Chain, EndReason},
};
use zeno_verifier::{known_rules, rules_of};

/// The development chain of the built-in example.
const DEVELOPMENT: &str = include_str!("../../../config/chains/dev.json");

/// Ids and names of the networks that anybody can join: name of an argument, and name in a sentence.
const PUBLIC: [(u64, &str, &str); 4] = [
    (1, "mainnet", "Ethereum mainnet"),
    (11_155_111, "sepolia", "the Sepolia test network"),
    (17_000, "holesky", "the Holesky test network"),
    (560_048, "hoodi", "the Hoodi test network"),
];

/// A chain whose rules are built in.
struct BuiltIn {
    /// Name of an argument.
    short: &'static str,
    /// Name in a sentence.
    name: &'static str,
    chain: Chain,
}

fn built_in() -> impl Iterator<Item = BuiltIn> {
    let public = PUBLIC
        .into_iter()
        .filter_map(|(id, short, name)| Chain::by_chain_id(id).map(|chain| BuiltIn { short, name, chain }));
    let development = Chain::from_json(DEVELOPMENT).ok().map(|chain| BuiltIn {
        short: "dev",
        name: "the example's development chain",
        chain,
    });
    public.chain(development)
}

/// Reads a geth-style genesis or chain configuration.
fn from_file(path: &Path) -> Result<Chain, Error> {
    let bytes = files::read(path, files::MAX_CHAIN)?;
    let json = std::str::from_utf8(&bytes).map_err(|error| {
        Error::file(path, format_args!("is no genesis or chain configuration as JSON: {error}"))
    })?;
    let chain = Chain::from_json(json).map_err(|error| Error::file(path, error))?;
    if let Some(end) = &chain.end
        && let EndReason::LaterFork(fork) = &end.reason
    {
        let (fork, from) = (fork.escape_debug().to_string(), end.from);
        warn!(
            fork,
            from,
            "the chain file schedules a fork that this program does not implement: no block is judged from then on"
        );
    }
    Ok(chain)
}

/// Finds a chain by an argument: the name or the chain id of a built-in one, or a file with a genesis or a chain
/// configuration. Returns its name in a sentence, and its rules with their end.
///
/// # Errors
/// [`Error`] where the argument is neither.
pub fn by_name(chain: impl AsRef<OsStr>) -> Result<(String, Chain), Error> {
    let chain = chain.as_ref();
    let by_name = built_in().find(|known| {
        chain == known.short || chain.to_str().is_some_and(|id| id.parse() == Ok(known.chain.spec.chain_id))
    });
    if let Some(known) = by_name {
        return Ok((known.name.to_owned(), known.chain));
    }
    if chain.to_string_lossy().contains("://") {
        // It may hold a key.
        return Err(Error::other("a URL is given as the chain; if it is the node's, name it as that")
            .with_settings([Setting::Node]));
    }
    let path = Path::new(chain);
    if !path.exists() {
        let names = built_in().map(|known| known.short).collect::<Vec<_>>().join(", ");
        return Err(Error::file(
            path,
            format_args!(
                "is no chain that is built in ({names}, or one's chain id), and no file with a genesis or a chain \
                 configuration"
            ),
        ));
    }
    let chain = from_file(path)?;
    let same = built_in().find(|known| known.chain.spec == chain.spec);
    let id = chain.spec.chain_id;
    let name =
        same.map_or_else(|| format!("chain {id} as in {}", text::path(path)), |known| known.name.to_owned());
    Ok((name, chain))
}

/// Finds the built-in chain with an id. Returns its name in a sentence, and its rules with their end.
pub(crate) fn by_chain_id(chain_id: u64) -> Option<(String, Chain)> {
    let known = built_in().find(|known| known.chain.spec.chain_id == chain_id)?;
    Some((known.name.to_owned(), known.chain))
}

/// The name of the chain that a claim is about, if this program knows it. Rules count at the time of the claim's last block:
/// of a claim under others, or after the end of the known ones, the chain id proves nothing.
pub fn name(claim: &ChainClaim) -> Option<&'static str> {
    of_claim(claim).map(|known| known.name)
}

/// The argument that names the chain that a claim is about.
pub fn short_name(claim: &ChainClaim) -> Option<&'static str> {
    of_claim(claim).map(|known| known.short)
}

/// Returns whether a claim is about a network that anybody can join.
pub fn is_public(claim: &ChainClaim) -> bool {
    known_rules(claim).is_ok()
}

/// The rules of a claim, in words.
pub fn rules(claim: &ChainClaim) -> String {
    in_words(name(claim), claim.chain_spec)
}

/// The name of the chain with these rules at this time, in seconds, if this program knows it.
pub(crate) fn name_at(spec: &ChainSpec, timestamp: u64) -> Option<&'static str> {
    let same = |known: &BuiltIn| {
        known.chain.covers(timestamp).is_ok() && known.chain.spec.until(timestamp) == spec.until(timestamp)
    };
    built_in().find(same).map(|known| known.name)
}

/// The rules with this digest, in words, if the chain that they belong to has this name.
pub(crate) fn in_words(name: Option<&str>, chain_spec: B256) -> String {
    match name {
        Some(name) => format!("the rules of {name}"),
        None => format!("rules that this program has no name for (chainSpec {chain_spec})"),
    }
}

/// End of what is known of a chain's rules, to which a block's time is near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NearEnd {
    /// First timestamp, in seconds, at which the rules are not known.
    pub(crate) from: u64,
    /// A sentence about it.
    pub(crate) warning: String,
}

/// Returns the end if a block of this time, in seconds, is near to it or after it.
pub(crate) fn near_end(chain: &Chain, timestamp: u64) -> Option<NearEnd> {
    chain.near_end(timestamp).map(|end| {
        let place = if timestamp < end.from { "NEAR" } else { "BEYOND" };
        let warning = format!(
            "{place} THE END OF THE KNOWN RULES: the block's timestamp is {timestamp}, and {end}. A newer zeno may know more."
        );
        NearEnd { from: end.from, warning }
    })
}

/// Same as [`near_end`], for the last block of a claim that is about a built-in chain.
pub(crate) fn near_end_of(claim: &ChainClaim) -> Option<NearEnd> {
    of_claim(claim).and_then(|known| near_end(&known.chain, claim.last_timestamp))
}

fn of_claim(claim: &ChainClaim) -> Option<BuiltIn> {
    built_in()
        .find(|known| known.chain.spec.chain_id == claim.chain_id && rules_of(&known.chain, claim).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::at_times as claim;
    use zeno_guest_evm::chain::{Fork, HORIZON, WARNING};

    #[test]
    fn chains_have_names_ids_and_files() {
        for (named, spec) in [
            ("mainnet", ChainSpec::mainnet()),
            ("1", ChainSpec::mainnet()),
            ("11155111", ChainSpec::sepolia()),
            ("holesky", ChainSpec::holesky()),
            ("hoodi", ChainSpec::hoodi()),
            ("dev", Chain::from_json(DEVELOPMENT).unwrap().spec),
        ] {
            let (_, chain) = by_name(named).unwrap();
            assert_eq!(chain.spec, spec, "{named}");
            assert_eq!(chain.end.is_some(), named != "dev", "{named}");
        }
        assert_eq!(PUBLIC.len(), Chain::presets().len());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/chains/dev.json");
        assert_eq!(by_name(file).unwrap(), by_name("dev").unwrap());
        let refused = by_name("ropsten").unwrap_err().to_string();
        assert!(
            refused.contains("ropsten") && refused.contains("mainnet, sepolia, holesky, hoodi, dev"),
            "{refused}"
        );
        let refused = by_name("/").unwrap_err().to_string();
        assert!(refused.contains("is a folder"), "{refused}");
    }

    #[test]
    fn only_networks_are_public() {
        let mainnet = claim(&ChainSpec::mainnet(), 1_750_000_000, 1_750_000_000);
        assert!(is_public(&mainnet));
        assert_eq!((name(&mainnet), short_name(&mainnet)), (Some("Ethereum mainnet"), Some("mainnet")));
        let development = claim(&by_name("dev").unwrap().1.spec, 5, 5);
        assert!(!is_public(&development) && name(&development).is_some());
        let unknown = ChainClaim { chain_spec: B256::ZERO, ..mainnet };
        assert!(!is_public(&unknown) && rules(&unknown).contains("no name"));
        assert_eq!(name(&ChainClaim { chain_id: 11_155_111, ..mainnet }), None);
    }

    /// A digest names a chain only at its time.
    #[test]
    fn names_depend_on_the_time() {
        let sepolia = ChainSpec::sepolia();
        let amsterdam = sepolia.activation(Fork::Amsterdam).unwrap();
        let named = |rules_at, timestamp| name(&claim(&sepolia, rules_at, timestamp)).is_some();
        assert!(named(amsterdam - 1, amsterdam - 1) && named(amsterdam, HORIZON - 1));
        assert!(!named(amsterdam - 1, amsterdam) && !named(amsterdam, amsterdam - 1));
        assert!(!named(HORIZON, HORIZON));
        // Rules in an input may know nothing of a fork that comes after its block.
        let mut earlier = sepolia.clone();
        earlier.forks.pop();
        assert!(name_at(&earlier, amsterdam - 1).is_some() && name_at(&earlier, amsterdam).is_none());
        assert!(name_at(&sepolia, HORIZON - 1).is_some() && name_at(&sepolia, HORIZON).is_none());
    }

    #[test]
    fn the_end_of_rules_is_announced() {
        let sepolia = Chain::by_chain_id(11_155_111).unwrap();
        assert_eq!(near_end(&sepolia, HORIZON - WARNING - 1), None);
        for (timestamp, beginning) in
            [(HORIZON - WARNING, "NEAR"), (HORIZON - 1, "NEAR"), (HORIZON, "BEYOND")]
        {
            let NearEnd { from, warning } = near_end(&sepolia, timestamp).unwrap();
            assert!(warning.starts_with(beginning) && warning.contains(&HORIZON.to_string()), "{warning}");
            assert_eq!(from, HORIZON);
        }
        let near = HORIZON - 1;
        assert_eq!(near_end_of(&claim(&sepolia.spec, near, near)), near_end(&sepolia, near));
        assert_eq!(near_end_of(&claim(&sepolia.spec, 0, near)), None);
        assert_eq!(near_end(&Chain { end: None, ..sepolia }, u64::MAX), None);
    }
}

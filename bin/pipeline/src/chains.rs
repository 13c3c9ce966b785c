//! The chains that this program knows by name.

use crate::{error::Error, files, setting::Setting, text};
use alloy_primitives::B256;
use std::{ffi::OsStr, path::Path};
use tracing::warn;
use zeno_guest_evm::ChainSpec;

/// The development chain of the built-in example.
const DEVELOPMENT: &str = include_str!("../../../config/chains/dev.json");

/// A chain whose rules are built in.
struct Known {
    /// Name of an argument.
    short: &'static str,
    /// Name in a sentence.
    name: &'static str,
    spec: ChainSpec,
    /// `true` if anybody can join its network.
    public: bool,
}

fn known() -> impl Iterator<Item = Known> {
    let public = [
        ("mainnet", "Ethereum mainnet", ChainSpec::mainnet()),
        ("sepolia", "the Sepolia test network", ChainSpec::sepolia()),
        ("holesky", "the Holesky test network", ChainSpec::holesky()),
        ("hoodi", "the Hoodi test network", ChainSpec::hoodi()),
    ];
    let public = public.into_iter().map(|(short, name, spec)| Known { short, name, spec, public: true });
    let development = ChainSpec::from_json(DEVELOPMENT).ok().map(|spec| Known {
        short: "dev",
        name: "the example's development chain",
        spec,
        public: false,
    });
    public.chain(development)
}

/// Reads a geth-style genesis or chain configuration.
fn from_file(path: &Path) -> Result<ChainSpec, Error> {
    let bytes = files::read(path, files::MAX_CHAIN)?;
    let json = std::str::from_utf8(&bytes).map_err(|error| {
        Error::file(path, format_args!("is no genesis or chain configuration as JSON: {error}"))
    })?;
    let (spec, later) =
        ChainSpec::from_json_with_later_forks(json).map_err(|error| Error::file(path, error))?;
    for fork in later {
        let (fork, from) = (fork.name.escape_debug().to_string(), fork.timestamp);
        warn!(
            fork,
            from,
            "the chain file schedules a fork that this program does not implement: no block is judged from then on"
        );
    }
    Ok(spec)
}

/// Finds a chain by an argument: the name or the chain id of a built-in one, or a file with a genesis or a chain
/// configuration. Returns its name in a sentence, and its rules.
///
/// # Errors
/// [`Error`] where the argument is neither.
pub fn by_name(chain: impl AsRef<OsStr>) -> Result<(String, ChainSpec), Error> {
    let chain = chain.as_ref();
    let by_name = known().find(|known| {
        chain == known.short || chain.to_str().is_some_and(|id| id.parse() == Ok(known.spec.chain_id))
    });
    if let Some(known) = by_name {
        return Ok((known.name.to_owned(), known.spec));
    }
    if chain.to_string_lossy().contains("://") {
        // It may hold a key.
        return Err(Error::other("a URL is given as the chain; if it is the node's, name it as that")
            .with_settings([Setting::Node]));
    }
    let path = Path::new(chain);
    if !path.exists() {
        let names = known().map(|known| known.short).collect::<Vec<_>>().join(", ");
        return Err(Error::file(
            path,
            format_args!(
                "is no chain that is built in ({names}, or one's chain id), and no file with a genesis or a chain \
                 configuration"
            ),
        ));
    }
    let spec = from_file(path)?;
    let name = name(spec.hash())
        .map_or_else(|| format!("chain {} as in {}", spec.chain_id, text::path(path)), str::to_owned);
    Ok((name, spec))
}

/// The name of the chain with these rules, if this program knows it. A proof under rules with another digest says nothing
/// about the chain that its chain id suggests.
pub fn name(chain_spec: B256) -> Option<&'static str> {
    by_rules(chain_spec).map(|known| known.name)
}

/// The argument that names the chain with these rules.
pub fn short_name(chain_spec: B256) -> Option<&'static str> {
    by_rules(chain_spec).map(|known| known.short)
}

/// Returns whether these are the rules of a network that anybody can join.
pub fn is_public(chain_spec: B256) -> bool {
    by_rules(chain_spec).is_some_and(|known| known.public)
}

/// The rules with this digest, in words.
pub fn rules(chain_spec: B256) -> String {
    rules_of(name(chain_spec), chain_spec)
}

/// The rules with this digest, in words, if the chain that they belong to has this name.
pub(crate) fn rules_of(name: Option<&str>, chain_spec: B256) -> String {
    match name {
        Some(name) => format!("the rules of {name}"),
        None => format!("rules that this program has no name for (chainSpec {chain_spec})"),
    }
}

fn by_rules(chain_spec: B256) -> Option<Known> {
    known().find(|known| known.spec.hash() == chain_spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_have_names_ids_and_files() {
        for (named, spec) in [
            ("mainnet", ChainSpec::mainnet()),
            ("1", ChainSpec::mainnet()),
            ("11155111", ChainSpec::sepolia()),
            ("hoodi", ChainSpec::hoodi()),
            ("dev", ChainSpec::from_json(DEVELOPMENT).unwrap()),
        ] {
            assert_eq!(by_name(named).unwrap().1, spec, "{named}");
        }
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
        assert!(is_public(ChainSpec::mainnet().hash()));
        let development = by_name("dev").unwrap().1.hash();
        assert!(!is_public(development) && name(development).is_some());
        assert!(!is_public(B256::ZERO));
    }
}

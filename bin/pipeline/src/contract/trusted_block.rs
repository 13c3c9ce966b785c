//! The block that a light client starts from.

use crate::{
    block::{Loaded, SourceKind},
    chains,
    error::Error,
    files,
    setting::Setting,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use alloy_sol_types::SolConstructor;
use serde::Serialize;
use std::path::Path;
use zeno_guest_evm::chain::Chain;
use zeno_verifier::{KnownRules, RulesError, compare_rules, contracts::ZenoLightClient, rules_table};
use zeno_witness_fetch::NotSupported;

/// The block that a light client starts from, by the user's word, and the chain that it follows.
#[derive(Clone, Debug, Serialize)]
pub struct TrustedReport {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Name of the chain in a sentence: of the named one, or of the built-in one with this id.
    pub chain: String,
    /// The chain's rules by time.
    pub rules: Vec<RulesReport>,
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
    /// State root after the block.
    pub state_root: B256,
    /// Timestamp of the block, in seconds.
    pub timestamp: u64,
}

/// Rules of a chain in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RulesReport {
    /// First timestamp of these rules, in seconds.
    pub from: u64,
    /// First timestamp after them, in seconds.
    pub end: u64,
    /// Digest of the rules.
    pub digest: B256,
}

impl From<KnownRules> for RulesReport {
    fn from(KnownRules { from, end, digest }: KnownRules) -> Self {
        Self { from, end, digest }
    }
}

/// Start of a light client.
pub(super) struct TrustedBlock {
    /// Arguments of the constructor, but for the verifier and the permission of its SRS.
    constructor: ZenoLightClient::constructorCall,
    /// Name of the chain in a sentence.
    chain: String,
    /// The chain's rules by time.
    rules: Vec<KnownRules>,
    header: Header,
}

impl TrustedBlock {
    /// Reads an input, and returns its block's parent if that is the block which the user trusts. `chain` names the chain to
    /// follow, by an argument of [`chains::by_name`]; `None` stands for the built-in one of the input's chain id. The block
    /// is validated, so that the rules and the header are those that a proof is about.
    pub(super) fn read(path: &Path, trusted: Option<B256>, chain: Option<&Path>) -> Result<Self, Error> {
        let loaded = Loaded::decode(files::read_input(path)?, SourceKind::File)
            .map_err(|failed| failed.error.in_file(path))?;
        let hash = loaded.first().parent_hash;
        let Some(trusted) = trusted else {
            return Err(Error::file(
                path,
                format_args!(
                    "a light client needs the hash of the block that it starts from and trusts. In this file it is {hash}; \
                     compare it with a source that you trust, and name it"
                ),
            )
            .with_settings([Setting::TrustedBlock]));
        };
        if hash != trusted {
            return Err(Error::file(
                path,
                format_args!("its block's parent is {hash}, and the one to trust is {trusted}"),
            )
            .with_settings([Setting::TrustedBlock]));
        }
        let (name, chain) = followed(path, &loaded, chain)?;
        let loaded = loaded.ending(chain.end.clone());
        loaded.check().map_err(|error| error.in_file(path))?;
        let headers = &loaded.input.witness.headers;
        let rlp = headers.iter().find(|header| keccak256(header) == hash).ok_or_else(|| {
            Error::file(path, format_args!("lacks the header of its block's parent, {hash}"))
        })?;
        let header = Header::decode(&mut &rlp[..]).map_err(|error| {
            Error::file(path, format_args!("has a header of block {hash} that can't be read: {error}"))
        })?;
        let rules = rules_table(&chain);
        Ok(Self {
            constructor: ZenoLightClient::constructorCall {
                verifier: Address::ZERO,
                chainId: chain.spec.chain_id,
                table: rules.iter().map(Into::into).collect(),
                trustedBlockHash: hash,
                trustedHeader: rlp.clone(),
                allowUnknownSrs: false,
            },
            chain: name,
            rules,
            header,
        })
    }

    /// The code that creates the light client.
    pub(super) fn creation_code(&self, verifier: Address, allow_unknown_srs: bool) -> Bytes {
        let constructor = ZenoLightClient::constructorCall {
            verifier,
            allowUnknownSrs: allow_unknown_srs,
            ..self.constructor.clone()
        };
        [&ZenoLightClient::BYTECODE[..], &constructor.abi_encode()].concat().into()
    }

    /// The block and the chain.
    pub(super) fn report(&self) -> TrustedReport {
        TrustedReport {
            chain_id: self.constructor.chainId,
            chain: self.chain.clone(),
            rules: self.rules.iter().copied().map(Into::into).collect(),
            number: self.header.number,
            hash: self.constructor.trustedBlockHash,
            state_root: self.header.state_root,
            timestamp: self.header.timestamp,
        }
    }

    /// The block and the chain, in words.
    pub(super) fn describe(&self) -> String {
        let TrustedReport { chain_id, chain, rules, number, hash, state_root, timestamp } = self.report();
        let rules = rules
            .iter()
            .map(|RulesReport { from, end, digest }| format!("{digest} from {from} to before {end}"));
        let rules = rules.collect::<Vec<_>>().join(", ");
        format!(
            "which follows {chain} (id {chain_id}), rules {rules}, and trusts block {number}, {hash}: state root {state_root}, \
             timestamp {timestamp}"
        )
    }
}

/// Finds the chain that a light client follows, with its name in a sentence: the named one, or the built-in one of the input's
/// chain id. The rules in the input only have to agree with it at the block's time. They are no source of the table, because
/// they may lack a later fork, and have no end.
fn followed(path: &Path, loaded: &Loaded, named: Option<&Path>) -> Result<(String, Chain), Error> {
    let spec = &loaded.chain.spec;
    let chain_id = spec.chain_id;
    let (name, chain) = match named {
        Some(named) => chains::by_name(named)?,
        None => chains::by_chain_id(chain_id).ok_or_else(|| {
            Error::file(
                path,
                format_args!(
                    "is of chain {chain_id}, which is not built in, and what the file says of its rules decides nothing; name \
                     the chain by a file with its genesis or configuration"
                ),
            )
            .with_settings([Setting::Chain])
        })?,
    };
    let timestamp = loaded.last().timestamp;
    match compare_rules(&chain, chain_id, spec.digest_at(timestamp), timestamp) {
        Ok(_) => Ok((name, chain)),
        Err(RulesError::BeyondEnd(beyond)) => {
            Err(Error::NotSupported(NotSupported::BeyondEnd(beyond)).in_file(path))
        }
        Err(error) => {
            let remedy = if error.is_mismatch() {
                "; fetch it again under that chain's rules, or name its own chain"
            } else {
                ""
            };
            Err(Error::file(path, format_args!("is not known to be of {name}: {error}{remedy}"))
                .with_settings([Setting::Chain]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::EXAMPLE;
    use std::{fs, path::PathBuf};
    use zeno_guest_evm::{
        ChainSpec, StatelessInput,
        chain::{HORIZON, RELEASED},
    };

    const DEVELOPMENT: &str = include_str!("../../../../config/chains/dev.json");
    /// Timestamp of a later fork, in seconds.
    const LATER: u64 = 4_000_000_000;

    /// A folder with the example, and with a file of its chain that has one more fork.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            fs::write(files.input(), EXAMPLE).unwrap();
            files
        }

        fn input(&self) -> PathBuf {
            self.0.path().join("input.zeno")
        }

        /// Writes a chain file with one more fork.
        fn chain(&self, key: &str, from: u64) -> PathBuf {
            let path = self.0.path().join("chain.json");
            let forks = format!("\"{key}\": {from}, \"bpo2Time\"");
            fs::write(&path, DEVELOPMENT.replacen("\"bpo2Time\"", &forks, 1)).unwrap();
            path
        }

        /// Reads the start of a light client from the example's parent on.
        fn read(&self, chain: Option<&Path>) -> Result<TrustedBlock, Error> {
            let parent = loaded(|_| {}).first().parent_hash;
            TrustedBlock::read(&self.input(), Some(parent), chain)
        }
    }

    /// Loads the example under rules that are altered.
    fn loaded(alter: impl FnOnce(&mut ChainSpec)) -> Loaded {
        let mut input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        let mut spec = ChainSpec::decode(&input.chain).unwrap();
        alter(&mut spec);
        input.chain = spec.encode().into();
        Loaded::decode(input.encode(), SourceKind::File).map_err(|failed| failed.error).unwrap()
    }

    fn refusal(loaded: &Loaded, chain: Option<&Path>) -> Error {
        let error = followed(Path::new("input.zeno"), loaded, chain).expect_err("it is refused");
        assert_eq!(error.verdict(), None, "{error}");
        assert!(error.to_string().starts_with("input.zeno: "), "{error}");
        assert_eq!(error.settings(), [Setting::Chain], "{error}");
        error
    }

    /// The example knows nothing of a fork that its chain has scheduled since. The light client knows it from the chain's file.
    #[test]
    fn forks_come_from_the_named_chain() {
        let files = Files::new();
        let path = files.chain("amsterdamTime", LATER);
        let (_, chain) = chains::by_name(&path).unwrap();
        let start = files.read(Some(&path)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(start.rules, rules_table(&chain));
        assert_eq!(start.constructor.table.len(), 2);
        let rules = start.report().rules;
        assert_eq!(
            [(rules[0].from, rules[0].end), (rules[1].from, rules[1].end)],
            [(0, LATER), (LATER, u64::MAX)]
        );
        assert!(start.describe().contains("chain.json"), "{}", start.describe());
    }

    /// A fork that this program does not implement ends the table.
    #[test]
    fn the_end_comes_from_the_named_chain() {
        let files = Files::new();
        let path = files.chain("fuluTime", LATER);
        let start = files.read(Some(&path)).unwrap_or_else(|error| panic!("{error}"));
        let ends: Vec<_> = start.rules.iter().map(|known| known.end).collect();
        assert_eq!(ends, [LATER]);
        // At the end and later, nothing is known of the block itself.
        let timestamp = loaded(|_| {}).last().timestamp;
        let path = files.chain("fuluTime", timestamp);
        let error = refusal(&loaded(|_| {}), Some(&path));
        assert!(error.to_string().contains("fulu, a fork that this program does not implement"), "{error}");
    }

    /// Without a name, only a built-in chain is followed.
    #[test]
    fn a_chain_that_is_not_built_in_has_to_be_named() {
        let files = Files::new();
        let start = files.read(None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(start.report().chain, "the example's development chain");
        let ends: Vec<_> = start.rules.iter().map(|known| known.end).collect();
        assert_eq!(ends, [u64::MAX]);
        let unknown = loaded(|spec| spec.chain_id = 31_337);
        let error = refusal(&unknown, None);
        assert!(error.to_string().contains("chain 31337, which is not built in"), "{error}");
        // The named chain has to be that of the file.
        for chain in [Path::new("dev"), Path::new("mainnet")] {
            let error = refusal(&unknown, Some(chain));
            assert!(error.to_string().contains("the chain id is 31337"), "{error}");
        }
        let other = loaded(|spec| spec.deposit_contract = None);
        assert!(refusal(&other, None).to_string().contains("fetch it again"));
    }

    /// A built-in chain has the rules and the end that this program knows.
    #[test]
    fn a_built_in_chain_has_its_own_rules() {
        let mainnet = Chain::by_chain_id(1).unwrap();
        let unaware = loaded(|spec| *spec = mainnet.spec.until(time()));
        let (name, chain) =
            followed(Path::new("input.zeno"), &unaware, None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((name.as_str(), &chain), ("Ethereum mainnet", &mainnet));
        assert_eq!(rules_table(&chain).last().map(|known| known.end), Some(HORIZON));
        assert!(time() < RELEASED);
    }

    /// Timestamp of the example's block, in seconds.
    fn time() -> u64 {
        loaded(|_| {}).last().timestamp
    }
}

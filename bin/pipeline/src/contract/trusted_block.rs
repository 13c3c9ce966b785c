//! The block that a light client starts from.

use crate::{
    block::{Loaded, SourceKind},
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
use zeno_verifier::{KnownRules, contracts::ZenoLightClient, rules_table};

/// The block that a light client starts from, by the user's word, and the chain that it follows.
#[derive(Clone, Debug, Serialize)]
pub struct TrustedReport {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Name of the chain with these rules, if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<&'static str>,
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
    /// Name of the chain, if this program knows it.
    chain: Option<&'static str>,
    /// The chain's rules by time.
    rules: Vec<KnownRules>,
    header: Header,
}

impl TrustedBlock {
    /// Reads an input, and returns its block's parent if that is the block which the user trusts. The block is validated, so
    /// that the rules and the header are those that a proof is about.
    pub(super) fn read(path: &Path, trusted: Option<B256>) -> Result<Self, Error> {
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
        let chain = followed(path, &loaded)?;
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
            chain: loaded.report.chain,
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
            chain: self.chain,
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
        let chain = match chain {
            Some(chain) => format!("{chain} (id {chain_id})"),
            None => format!("chain {chain_id}, under rules that this program has no name for"),
        };
        let rules = rules
            .iter()
            .map(|RulesReport { from, end, digest }| format!("{digest} from {from} to before {end}"));
        let rules = rules.collect::<Vec<_>>().join(", ");
        format!(
            "which follows {chain}, rules {rules}, and trusts block {number}, {hash}: state root {state_root}, timestamp \
             {timestamp}"
        )
    }
}

/// Finds the chain of an input, with the end of what is known of its rules. A built-in chain has its own rules, so that the
/// light client knows all of them.
fn followed(path: &Path, loaded: &Loaded) -> Result<Chain, Error> {
    let spec = &loaded.chain.spec;
    let Some(built_in) = Chain::by_chain_id(spec.chain_id) else { return Ok(loaded.chain.clone()) };
    let timestamp = loaded.last().timestamp;
    let [own, expected] = [spec, &built_in.spec].map(|spec| spec.digest_at(timestamp));
    if own == expected {
        return Ok(built_in);
    }
    Err(Error::file(
        path,
        format_args!(
            "has rules of its own for chain {}, {own}, and that chain's are {expected}; fetch it again under those",
            spec.chain_id
        ),
    ))
}

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
use zeno_guest_evm::ChainSpec;
use zeno_verifier::contracts::ZenoLightClient;

/// The block that a light client starts from, by the user's word, and the chain that it follows.
#[derive(Clone, Debug, Serialize)]
pub struct TrustedReport {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Name of the chain with these rules, if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<&'static str>,
    /// Digest of the chain's rules.
    pub chain_spec: B256,
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
    /// State root after the block.
    pub state_root: B256,
    /// Timestamp of the block, in seconds.
    pub timestamp: u64,
}

/// Start of a light client.
pub(super) struct TrustedBlock {
    /// Arguments of the constructor, but for the verifier and the permission of its SRS.
    constructor: ZenoLightClient::constructorCall,
    header: Header,
}

impl TrustedBlock {
    /// Reads an input, and returns its block's parent if that is the block which the user trusts. The block is validated, so
    /// that the rules and the header are those that a proof is about.
    pub(super) fn read(path: &Path, trusted: Option<B256>) -> Result<Self, Error> {
        let loaded = Loaded::decode(files::read_input(path)?, SourceKind::File)
            .map_err(|failed| failed.error.in_file(path))?;
        let hash = loaded.block.header.parent_hash;
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
        let spec = &loaded.spec;
        let built_in = ChainSpec::by_chain_id(spec.chain_id);
        if let Some(built_in) = built_in.filter(|built_in| built_in.hash() != spec.hash()) {
            return Err(Error::file(
                path,
                format_args!(
                    "has rules of its own for chain {}, {}, and that chain's are {}; fetch it again without rules of your own",
                    spec.chain_id,
                    spec.hash(),
                    built_in.hash()
                ),
            )
            .with_settings([Setting::Chain]));
        }
        loaded.check().map_err(|error| error.in_file(path))?;
        let headers = &loaded.input.witness.headers;
        let rlp = headers.iter().find(|header| keccak256(header) == hash).ok_or_else(|| {
            Error::file(path, format_args!("lacks the header of its block's parent, {hash}"))
        })?;
        let header = Header::decode(&mut &rlp[..]).map_err(|error| {
            Error::file(path, format_args!("has a header of block {hash} that can't be read: {error}"))
        })?;
        Ok(Self {
            constructor: ZenoLightClient::constructorCall {
                verifier: Address::ZERO,
                chainId: spec.chain_id,
                chainSpec: spec.hash(),
                trustedBlockHash: hash,
                trustedHeader: rlp.clone(),
                allowUnknownSrs: false,
            },
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
            chain: chains::name(self.constructor.chainSpec),
            chain_spec: self.constructor.chainSpec,
            number: self.header.number,
            hash: self.constructor.trustedBlockHash,
            state_root: self.header.state_root,
            timestamp: self.header.timestamp,
        }
    }

    /// The block and the chain, in words.
    pub(super) fn describe(&self) -> String {
        let TrustedReport { chain_id, chain, chain_spec, number, hash, state_root, timestamp } =
            self.report();
        let chain = match chain {
            Some(chain) => format!("{chain} (id {chain_id})"),
            None => format!("chain {chain_id}, under rules that this program has no name for"),
        };
        format!(
            "which follows {chain}, rules {chain_spec}, and trusts block {number}, {hash}: state root {state_root}, timestamp \
             {timestamp}"
        )
    }
}

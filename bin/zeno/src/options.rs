//! Arguments as options of the verbs.

use crate::{
    args::{
        Cli, ContractDeployArgs, ContractSubmitArgs, CostArg, EvmKeyArgs, NodeArgs, ProofArg, RpcArgs,
        SendingArgs, SignerArgs, SourceArgs, VerifyArgs, WitnessMethod,
    },
    block_arg::select,
};
use std::{env, path::PathBuf, time::Duration};
use zeno_pipeline::{
    cache_dir::CacheDir,
    chain_client::SendingOptions,
    contract::{DeployOptions, SubmitOptions},
    error::Error,
    evm_keys::KeyOptions,
    node_options::NodeOptions,
    signer::{KEY_VARIABLE, PASSWORD_VARIABLE, SignerOptions},
    source::{NodeSource, Source},
    verify::{VerifierOptions, VerifyOptions},
};
use zeno_prover::{Cost, default_cache_folder};
use zeno_verifier::ProofKind;
use zeno_witness_fetch::Method;
use zeroize::Zeroizing;

/// Variable with the cache folder.
const CACHE_VARIABLE: &str = "ZENO_CACHE_DIR";

impl Cli {
    /// The cache folder as it is named.
    pub(crate) fn cache_dir(&self) -> CacheDir {
        CacheDir::new(match &self.cache_dir {
            Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
            // An empty variable is one that isn't set; an empty argument is a mistake.
            Some(empty) if env::var_os(CACHE_VARIABLE).is_none_or(|value| !value.is_empty()) => {
                Some(PathBuf::from(empty))
            }
            _ => default_cache_folder(),
        })
    }

    /// The source of the block that the arguments ask for.
    pub(crate) fn source(&self, args: &SourceArgs) -> Result<Source, Error> {
        let chain = args.rpc.chain.clone();
        match (&args.block, &args.input) {
            (Some(block), _) => args.rpc.source(block).map(Source::Node),
            (None, Some(path)) => Ok(Source::File { path: path.clone(), chain }),
            // A variable that is empty leaves no argument: nobody who names a node means the example.
            (None, None) if self.names_node => Err(Error::other(
                "a node is named, and no block: name one, by its number or its hash, or latest, safe or finalized, or a run of \
                 blocks A..B; without both, the block is the example that is built in",
            )),
            (None, None) => Ok(Source::Example { chain }),
        }
    }
}

impl RpcArgs {
    /// The block of a node, or the run of blocks.
    pub(crate) fn source(&self, block: &str) -> Result<NodeSource, Error> {
        Ok(NodeSource {
            blocks: select(block)?,
            node: self.node.options(),
            chain: self.chain.clone(),
            method: match self.witness {
                WitnessMethod::Auto => Method::Auto,
                WitnessMethod::Execution => Method::ExecutionWitness,
                WitnessMethod::Proofs => Method::Proofs,
            },
            refresh: self.refresh,
        })
    }
}

impl NodeArgs {
    fn options(&self) -> NodeOptions {
        NodeOptions {
            url: self.rpc_url.clone(),
            headers: self.rpc_header.clone(),
            timeout: Some(Duration::from_secs(self.rpc_timeout)),
        }
    }
}

impl EvmKeyArgs {
    pub(crate) fn options(&self) -> KeyOptions {
        KeyOptions { path: self.keys.clone(), digest: self.key_digest }
    }
}

impl SignerArgs {
    /// The signer. Secrets in the environment are read only where they are needed.
    fn options(&self) -> SignerOptions {
        if let Some(account) = self.from {
            return SignerOptions::Account(account);
        }
        if let Some(path) = &self.keystore {
            let password_file = self.password_file.clone();
            let variable = || env::var(PASSWORD_VARIABLE).ok().map(Zeroizing::new);
            let password = if password_file.is_none() { variable() } else { None };
            return SignerOptions::Keystore { path: path.clone(), password_file, password };
        }
        if let Some(path) = &self.key_file {
            return SignerOptions::KeyFile(path.clone());
        }
        let key = env::var_os(KEY_VARIABLE);
        SignerOptions::Key(key.map(|text| Zeroizing::new(text.into_encoded_bytes())))
    }
}

impl SendingArgs {
    fn options(&self) -> SendingOptions {
        SendingOptions {
            node: self.node.options(),
            signer: self.signer.options(),
            chain_id: self.chain_id,
            dry_run: self.dry_run,
            max_cost: self.max_cost,
            max_priority_fee: self.max_priority_fee,
            confirmations: self.confirmations,
            replace_after: Duration::from_secs(self.replace_after),
            replace_pending: self.replace_pending,
        }
    }
}

impl VerifyArgs {
    pub(crate) fn options(&self) -> VerifyOptions {
        VerifyOptions {
            file: self.file.clone(),
            chain: self.chain.clone(),
            block: self.block.clone(),
            parent: self.parent,
            any_rules: self.any_rules,
            keys: self.keys.options(),
            allow_unknown_srs: self.allow_unknown_srs,
            contract: self.contract.map(|address| VerifierOptions {
                address,
                node: self.node.options(),
                trust: self.trust_contract,
            }),
        }
    }
}

impl ContractDeployArgs {
    pub(crate) fn options(&self) -> DeployOptions {
        DeployOptions {
            follow: self.follow.clone(),
            chain: self.chain.clone(),
            trusted_block: self.trusted_block,
            keys: self.keys.options(),
            allow_unknown_srs: self.sending.allow_unknown_srs,
            sending: self.sending.options(),
        }
    }
}

impl ContractSubmitArgs {
    pub(crate) fn options(&self) -> SubmitOptions {
        SubmitOptions {
            file: self.file.clone(),
            contract: self.contract,
            keys: self.keys.options(),
            allow_unknown_srs: self.sending.allow_unknown_srs,
            sending: self.sending.options(),
        }
    }
}

impl From<ProofArg> for ProofKind {
    fn from(proof: ProofArg) -> Self {
        match proof {
            ProofArg::Stark => Self::Stark,
            ProofArg::Evm => Self::Evm,
        }
    }
}

impl CostArg {
    /// Name of the unit.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Cells => "cells",
        }
    }

    /// Number of units of a cost.
    pub(crate) fn of(self, cost: &Cost) -> u64 {
        match self {
            Self::Instructions => cost.instructions,
            Self::Cells => cost.cells,
        }
    }
}

//! Expectations of a proof.

use super::VerifyOptions;
use crate::{chains, error::Error, setting::Setting};
use alloy_primitives::B256;
use zeno_verifier::ChainClaim;
use zeno_witness_fetch::BlockSelector;

/// The user's expectations of a proof.
pub(super) struct Expected {
    /// Name of the chain, and the digest of its rules.
    chain: Option<(String, B256)>,
    block: Option<BlockSelector>,
    parent: Option<B256>,
    any_rules: bool,
}

impl Expected {
    pub(super) fn new(options: &VerifyOptions) -> Result<Self, Error> {
        let chain = options.chain.as_deref().map(chains::by_name).transpose()?;
        let block =
            options.block.as_deref().map(str::parse::<BlockSelector>).transpose().map_err(Error::other)?;
        if let Some(tag) =
            block.filter(|block| !matches!(block, BlockSelector::Number(_) | BlockSelector::Hash(_)))
        {
            return Err(Error::other(format_args!(
                "a proof is of one block for ever, and {tag} is another every time; name its number or its hash"
            ))
            .with_settings([Setting::Block]));
        }
        Ok(Self {
            chain: chain.map(|(name, spec)| (name, spec.hash())),
            block,
            parent: options.parent,
            any_rules: options.any_rules,
        })
    }

    /// Compares a proven claim with the expectations, and returns its rules in words. A claim that differs is no less true,
    /// and not the one that was asked for: [`Error::Unexpected`].
    pub(super) fn check(&self, claim: &ChainClaim) -> Result<String, Error> {
        match self.block {
            Some(BlockSelector::Number(number)) if claim.last_block_number != number => {
                return Err(differs("block", claim.last_block_number, number));
            }
            Some(BlockSelector::Hash(hash)) if claim.last_block_hash != hash => {
                return Err(differs("block", claim.last_block_hash, hash));
            }
            _ => {}
        }
        if let Some(parent) = self.parent.filter(|parent| claim.first_parent_hash != *parent) {
            return Err(differs("first block's parent", claim.first_parent_hash, parent));
        }
        self.check_rules(claim)
    }

    /// Compares the claim's rules with the expected chain, or with the public ones, and returns them in words.
    fn check_rules(&self, claim: &ChainClaim) -> Result<String, Error> {
        let (chain_id, chain_spec) = (claim.chain_id, claim.chain_spec);
        let known = chains::name(chain_spec);
        if let Some((name, spec)) = &self.chain {
            if chain_spec == *spec {
                return Ok(chains::rules_of(Some(name), chain_spec));
            }
            let proven = known.map_or_else(
                || format!("one of other rules (chain id {chain_id}, rules {chain_spec})"),
                str::to_owned,
            );
            return Err(differs("chain", proven, format_args!("{name} (rules {spec})")));
        }
        if self.any_rules || chains::is_public(chain_spec) {
            return Ok(chains::rules(chain_spec));
        }
        let rules = match known {
            Some(name) => format!("those of {name}"),
            None => format!("none that this program knows (chain id {chain_id}, {chain_spec})"),
        };
        Err(Error::other(format_args!(
            "the proof is not accepted: the chain's rules are {rules}, and anybody can make up a chain; name the chain \
             that is meant, or allow any rules"
        ))
        .with_settings([Setting::Chain, Setting::AnyRules]))
    }
}

fn differs(what: &'static str, proven: impl ToString, expected: impl ToString) -> Error {
    Error::Unexpected { what, proven: proven.to_string(), expected: expected.to_string() }
}

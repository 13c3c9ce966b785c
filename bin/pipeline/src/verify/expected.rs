//! Expectations of a proof.

use super::VerifyOptions;
use crate::{
    chains::{self, NearEnd},
    claim::Blocks,
    error::Error,
    setting::Setting,
};
use alloy_primitives::B256;
use zeno_guest_evm::chain::Chain;
use zeno_verifier::{ChainClaim, RulesError, known_rules, rules_of};
use zeno_witness_fetch::{BlockSelector, BlocksSelector};

/// The user's expectations of a proof.
pub(super) struct Expected {
    /// Name of the chain, and its rules with their end.
    chain: Option<(String, Chain)>,
    blocks: Option<BlocksSelector>,
    parent: Option<B256>,
    any_rules: bool,
}

/// Rules of a claim that meets the expectations.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The rules, in words.
    pub(super) rules: String,
    /// End of what is known of them, if the last block's time is near to it.
    pub(super) near_end: Option<NearEnd>,
}

impl Expected {
    pub(super) fn new(options: &VerifyOptions) -> Result<Self, Error> {
        let chain = options.chain.as_deref().map(chains::by_name).transpose()?;
        let blocks = options.block.as_deref().map(str::parse::<BlocksSelector>).transpose();
        let blocks = blocks.map_err(Error::other)?;
        if let Some(BlocksSelector::One(tag)) = blocks
            && !matches!(tag, BlockSelector::Number(_) | BlockSelector::Hash(_))
        {
            return Err(Error::other(format_args!(
                "a proof is of one block for ever, and {tag} is another every time; name its number or its hash"
            ))
            .with_settings([Setting::Block]));
        }
        Ok(Self { chain, blocks, parent: options.parent, any_rules: options.any_rules })
    }

    /// Compares a proven claim with the expectations, and returns its rules. A claim that differs is no less true, and not the
    /// one that was asked for: [`Error::Unexpected`].
    pub(super) fn check(&self, claim: &ChainClaim) -> Result<Accepted, Error> {
        match self.blocks {
            Some(BlocksSelector::One(BlockSelector::Number(number))) if claim.last_block_number != number => {
                return Err(differs("block", claim.last_block_number, number));
            }
            Some(BlocksSelector::One(BlockSelector::Hash(hash))) if claim.last_block_hash != hash => {
                return Err(differs("block", claim.last_block_hash, hash));
            }
            Some(BlocksSelector::Run(run))
                if (claim.last_block_number, claim.block_count) != (run.last(), run.count()) =>
            {
                let (last, count) = (claim.last_block_number, claim.block_count);
                let proven = match Blocks::of(claim) {
                    Some(Blocks { first, .. }) => format!("{first}..{last}"),
                    None => format!("one of {count} blocks up to {last}"),
                };
                return Err(differs("run of blocks", proven, run));
            }
            _ => {}
        }
        if let Some(parent) = self.parent.filter(|parent| claim.first_parent_hash != *parent) {
            return Err(differs("first block's parent", claim.first_parent_hash, parent));
        }
        self.check_rules(claim)
    }

    /// Compares the claim's rules with those of the expected chain, or of the public ones, at the time of its last block.
    fn check_rules(&self, claim: &ChainClaim) -> Result<Accepted, Error> {
        let (chain_id, chain_spec) = (claim.chain_id, claim.chain_spec);
        let Some((name, chain)) = &self.chain else { return self.check_known_rules(claim) };
        match rules_of(chain, claim) {
            Ok(_) => Ok(Accepted {
                rules: chains::in_words(Some(name), chain_spec),
                near_end: chains::near_end(chain, claim.last_timestamp),
            }),
            Err(error) if error.is_mismatch() => {
                let proven = match (chains::name(claim), &error) {
                    (Some(known), _) => known.to_owned(),
                    (None, RulesError::OfAnotherTime { .. }) => format!("one of other rules ({error})"),
                    (None, _) => format!("one of other rules (chain id {chain_id}, rules {chain_spec})"),
                };
                let expected = chain.spec.digest_at(claim.last_timestamp);
                Err(differs("chain", proven, format_args!("{name} (rules {expected})")))
            }
            Err(error) => Err(Error::other(format_args!("the proof is not accepted: {error}"))
                .with_settings([Setting::Chain])),
        }
    }

    /// Checks that a claim is about a public chain, unless any rules are allowed.
    fn check_known_rules(&self, claim: &ChainClaim) -> Result<Accepted, Error> {
        let (chain_id, chain_spec) = (claim.chain_id, claim.chain_spec);
        let rules = match known_rules(claim) {
            Ok(_) => {
                return Ok(Accepted { rules: chains::rules(claim), near_end: chains::near_end_of(claim) });
            }
            Err(_) if self.any_rules => {
                return Ok(Accepted { rules: chains::rules(claim), near_end: None });
            }
            Err(
                error @ (RulesError::BeyondEnd(_)
                | RulesError::OfAnotherTime { .. }
                | RulesError::NotKnown { .. }),
            ) => {
                return Err(Error::other(format_args!("the proof is not accepted: {error}"))
                    .with_settings([Setting::Chain, Setting::AnyRules]));
            }
            Err(_) => match chains::name(claim) {
                Some(name) => format!("those of {name}"),
                None => format!("none that this program knows (chain id {chain_id}, {chain_spec})"),
            },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{claim::at_times as claim, error::Verdict};
    use zeno_guest_evm::{
        ChainSpec,
        chain::{Fork, HORIZON, RELEASED},
    };

    fn expected(chain: Option<&str>, any_rules: bool) -> Expected {
        let chain = chain.map(|chain| chains::by_name(chain).unwrap());
        Expected { chain, blocks: None, parent: None, any_rules }
    }

    /// A run is expected by both of its ends. A number alone is that of the last block.
    #[test]
    fn a_run_has_to_be_the_expected_one() {
        let spec = chains::by_name("dev").unwrap().1.spec;
        let claim = ChainClaim { last_block_number: 9, block_count: 5, ..claim(&spec, 5, 5) };
        let check = |block: &str| {
            let blocks = Some(block.parse().unwrap());
            Expected { blocks, ..expected(Some("dev"), false) }.check(&claim).map(|_| ())
        };
        for block in ["5..9", "9", "0x5..0x9"] {
            check(block).unwrap();
        }
        for block in ["5..8", "4..9", "9..9", "6..9", "6..10", "5"] {
            let error = check(block).unwrap_err();
            assert_eq!(error.verdict(), Some(Verdict::Unexpected), "{error}");
        }
        let error = check("4..9").unwrap_err().to_string();
        assert!(error.contains("its run of blocks is 5..9, expected 4..9"), "{error}");
    }

    /// The prover chooses the rules, and so could leave a fork out.
    #[test]
    fn a_claim_whose_schedule_left_a_fork_out_is_refused() {
        let sepolia = ChainSpec::sepolia();
        let amsterdam = sepolia.activation(Fork::Amsterdam).unwrap();
        let honest = [claim(&sepolia, amsterdam - 1, amsterdam - 1), claim(&sepolia, amsterdam, amsterdam)];
        let lying = claim(&sepolia, amsterdam - 1, amsterdam);
        for (chain, verdict) in [(Some("sepolia"), Some(Verdict::Unexpected)), (None, None)] {
            for claim in &honest {
                let accepted = expected(chain, false).check(claim).unwrap();
                assert_eq!(accepted.rules, "the rules of the Sepolia test network");
            }
            let error = expected(chain, false).check(&lying).unwrap_err();
            assert_eq!(error.verdict(), verdict, "{error}");
            assert!(error.to_string().contains("a fork was left out"), "{error}");
        }
        // Any rules are accepted only as such.
        let accepted = expected(None, true).check(&lying).unwrap();
        assert!(accepted.rules.contains("no name"), "{}", accepted.rules);
    }

    /// A fork may have been scheduled since the release.
    #[test]
    fn nothing_is_accepted_after_the_end_of_the_rules() {
        let mainnet = ChainSpec::mainnet();
        let warned = expected(None, false).check(&claim(&mainnet, HORIZON - 1, HORIZON - 1)).unwrap();
        assert!(warned.near_end.is_some_and(|end| end.warning.contains("NEAR THE END")));
        for chain in [None, Some("mainnet")] {
            let error = expected(chain, false).check(&claim(&mainnet, HORIZON, HORIZON)).unwrap_err();
            assert_eq!(error.verdict(), None, "{error}");
            assert!(error.to_string().contains("a newer zeno may know more"), "{error}");
            assert!(error.settings().contains(&Setting::Chain));
        }
    }

    /// Until the end, a claim under a fork that was scheduled since the release is not accepted, and not called wrong.
    #[test]
    fn rules_that_may_be_newer_are_no_verdict() {
        let sepolia = ChainSpec::sepolia();
        for timestamp in [RELEASED, HORIZON - 1] {
            let newer = ChainClaim { chain_spec: B256::ZERO, ..claim(&sepolia, timestamp, timestamp) };
            for chain in [None, Some("sepolia")] {
                let error = expected(chain, false).check(&newer).unwrap_err();
                assert_eq!(error.verdict(), None, "{error}");
                assert!(error.to_string().contains("can't be judged"), "{error}");
                assert!(error.settings().contains(&Setting::Chain));
            }
            // The chain's own rules of another time are not excused.
            let early = claim(&sepolia, 0, timestamp);
            let error = expected(Some("sepolia"), false).check(&early).unwrap_err();
            assert_eq!(error.verdict(), Some(Verdict::Unexpected), "{error}");
            // Nor is another chain.
            let error = expected(Some("mainnet"), false).check(&newer).unwrap_err();
            assert_eq!(error.verdict(), Some(Verdict::Unexpected), "{error}");
        }
        let before = RELEASED - 1;
        let wrong = ChainClaim { chain_spec: B256::ZERO, ..claim(&sepolia, before, before) };
        let error = expected(Some("sepolia"), false).check(&wrong).unwrap_err();
        assert_eq!(error.verdict(), Some(Verdict::Unexpected), "{error}");
    }

    #[test]
    fn other_chains_are_not_the_expected_one() {
        let (mainnet, time) = (ChainSpec::mainnet(), 1_750_000_000);
        let error = expected(Some("sepolia"), false).check(&claim(&mainnet, time, time)).unwrap_err();
        assert_eq!(error.verdict(), Some(Verdict::Unexpected));
        assert!(error.to_string().contains("Ethereum mainnet"), "{error}");
        let development = chains::by_name("dev").unwrap().1.spec;
        expected(Some("dev"), false).check(&claim(&development, 5, 5)).unwrap();
        let error = expected(None, false).check(&claim(&development, 5, 5)).unwrap_err();
        assert_eq!(error.verdict(), None);
        assert!(error.to_string().contains("those of the example's development chain"), "{error}");
        let unknown = ChainClaim { chain_id: 5, ..claim(&development, 5, 5) };
        let error = expected(None, false).check(&unknown).unwrap_err();
        assert!(error.to_string().contains("none that this program knows (chain id 5"), "{error}");
    }
}

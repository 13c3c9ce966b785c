//! Chain specifications from geth's JSON: a whole genesis, or its `config` object alone.

use super::{BlobSchedule, ChainSpec, ChainSpecError, Fork, ForkActivation};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use alloy_genesis::ChainConfig;
use alloy_primitives::{Address, U256};
use serde_json::Value;

/// Why JSON is not a chain configuration that this crate can follow.
#[derive(Debug, thiserror::Error)]
pub enum ChainConfigError {
    /// Not JSON, or a field of the wrong type.
    #[error("this is not a geth-style genesis or chain configuration: {0}")]
    Json(String),
    /// No `chainId`.
    #[error("the chain configuration has no chainId")]
    NoChainId,
    /// The chain never merges.
    #[error("the chain configuration has no terminalTotalDifficulty: this chain has no proof of stake")]
    NeverMerges,
    /// A fork from before the merge doesn't begin with the chain or before the merge.
    #[error("the chain configuration has no londonBlock: every fork up to London must be active")]
    NoLondon,
    /// Blob parameters out of range.
    #[error("the blob schedule of {0} has a baseFeeUpdateFraction of {1}, which is out of range")]
    UpdateFraction(Fork, u128),
    /// An impossible schedule.
    #[error(transparent)]
    Spec(#[from] ChainSpecError),
}

impl ChainSpec {
    /// Reads a geth-style genesis, or its `config` object alone.
    ///
    /// Where `blobSchedule` lacks a fork, the fork's own EIP supplies the parameters.
    ///
    /// # Errors
    /// [`ChainConfigError`] if a field is missing or malformed, or the schedule impossible.
    pub fn from_json(json: &str) -> Result<Self, ChainConfigError> {
        let malformed = |error: serde_json::Error| ChainConfigError::Json(error.to_string());
        let mut value: Value = serde_json::from_str(json).map_err(malformed)?;
        let config = match value.get_mut("config") {
            Some(config) => config.take(),
            None => value,
        };
        if config.get("chainId").is_none() {
            return Err(ChainConfigError::NoChainId);
        }
        Self::from_config(&serde_json::from_value(config).map_err(malformed)?)
    }

    fn from_config(config: &ChainConfig) -> Result<Self, ChainConfigError> {
        let unsupported_from =
            [config.bpo3_time, config.bpo4_time, config.bpo5_time, config.amsterdam_time, config.bogota_time]
                .into_iter()
                .flatten()
                .min();
        if config.london_block.is_none() {
            return Err(ChainConfigError::NoLondon);
        }
        let terminal_total_difficulty = match config.terminal_total_difficulty {
            Some(difficulty) => difficulty,
            None if config.terminal_total_difficulty_passed => U256::ZERO,
            None => return Err(ChainConfigError::NeverMerges),
        };
        let times = [
            config.shanghai_time,
            config.cancun_time,
            config.prague_time,
            config.osaka_time,
            config.bpo1_time,
            config.bpo2_time,
        ];
        let mut forks = Vec::new();
        for (fork, timestamp) in Fork::ALL[1..].iter().zip(times) {
            let Some(timestamp) = timestamp else { continue };
            let blobs = match config.blob_schedule.get(fork.name()) {
                Some(params) if fork.has_blobs() => Some(BlobSchedule {
                    target: params.target_blob_count,
                    max: params.max_blob_count,
                    base_fee_update_fraction: params
                        .update_fraction
                        .try_into()
                        .map_err(|_| ChainConfigError::UpdateFraction(*fork, params.update_fraction))?,
                }),
                _ => BlobSchedule::of_fork(*fork),
            };
            forks.push(ForkActivation { fork: *fork, timestamp, blobs });
        }
        let spec = Self {
            chain_id: config.chain_id,
            // The number of the merge block is no part of a configuration, unless it is genesis.
            merge_block: terminal_total_difficulty.is_zero().then_some(0),
            terminal_total_difficulty,
            deposit_contract: config.deposit_contract_address.filter(|address| *address != Address::ZERO),
            forks,
            unsupported_from,
        };
        spec.check()?;
        Ok(spec)
    }
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
        assert_eq!(spec.blob_params_at(29).unwrap().max_blob_count, 9);
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

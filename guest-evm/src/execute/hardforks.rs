//! A chain's rules for alloy-evm's block executor.

use alloy_evm::eth::spec::EthExecutorSpec;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::Address;
use zeno_types::chain::{ChainSpec, Fork};

/// Rules of a chain, by alloy-evm's traits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hardforks<'a>(pub(super) &'a ChainSpec);

impl EthereumHardforks for Hardforks<'_> {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        let scheduled = |fork| self.0.activation(fork).map_or(ForkCondition::Never, ForkCondition::Timestamp);
        match fork {
            EthereumHardfork::Shanghai => scheduled(Fork::Shanghai),
            EthereumHardfork::Cancun => scheduled(Fork::Cancun),
            EthereumHardfork::Prague => scheduled(Fork::Prague),
            EthereumHardfork::Osaka => scheduled(Fork::Osaka),
            EthereumHardfork::Amsterdam => scheduled(Fork::Amsterdam),
            EthereumHardfork::Bogota => scheduled(Fork::Bogota),
            // Only blocks after the merge are validated, and every fork up to it precedes them.
            EthereumHardfork::Paris => ForkCondition::TTD {
                activation_block_number: self.0.merge_block.unwrap_or(0),
                fork_block: None,
                total_difficulty: self.0.terminal_total_difficulty,
            },
            EthereumHardfork::Frontier
            | EthereumHardfork::Homestead
            | EthereumHardfork::Tangerine
            | EthereumHardfork::SpuriousDragon
            | EthereumHardfork::Byzantium
            | EthereumHardfork::Constantinople
            | EthereumHardfork::Petersburg
            | EthereumHardfork::Istanbul
            | EthereumHardfork::MuirGlacier
            | EthereumHardfork::Berlin
            | EthereumHardfork::London
            | EthereumHardfork::ArrowGlacier
            | EthereumHardfork::GrayGlacier => ForkCondition::Block(0),
            // The DAO's irregular state change precedes the merge. Forks of blob parameters alone are schedules of the
            // chain, and change nothing in the executor. All others are in the future.
            _ => ForkCondition::Never,
        }
    }
}

impl EthExecutorSpec for Hardforks<'_> {
    /// Deposit contract. A chain without one has deposits from no address, not from mainnet's.
    fn deposit_contract_address(&self) -> Option<Address> {
        Some(self.0.deposit_contract.unwrap_or(Address::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use alloy_evm::spec_by_timestamp_and_block_number;
    use alloy_hardforks::EthereumChainHardforks;
    use revm::primitives::hardfork::SpecId;
    use zeno_types::chain::{BlobActivation, ForkActivation};

    /// Returns the fork in alloy's terms, and its rules in the EVM. If the EVM's library has none of its own for the fork,
    /// they are those of the fork before it.
    fn in_libraries(fork: Fork) -> (EthereumHardfork, SpecId) {
        match fork {
            Fork::Paris => (EthereumHardfork::Paris, SpecId::MERGE),
            Fork::Shanghai => (EthereumHardfork::Shanghai, SpecId::SHANGHAI),
            Fork::Cancun => (EthereumHardfork::Cancun, SpecId::CANCUN),
            Fork::Prague => (EthereumHardfork::Prague, SpecId::PRAGUE),
            Fork::Osaka => (EthereumHardfork::Osaka, SpecId::OSAKA),
            Fork::Amsterdam => (EthereumHardfork::Amsterdam, SpecId::AMSTERDAM),
            Fork::Bogota => (EthereumHardfork::Bogota, SpecId::AMSTERDAM),
        }
    }

    /// A row of the table without its fork in the libraries would be executed by the rules of the fork before it.
    #[test]
    fn each_row_has_its_rules_in_the_evm() {
        for last in Fork::ALL {
            let forks = Fork::ALL[1..].iter().filter(|fork| **fork <= last);
            let forks = forks.map(|fork| ForkActivation { fork: *fork, timestamp: 10 * *fork as u64 });
            let chain = ChainSpec { forks: forks.collect(), ..ChainSpec::hoodi() };
            for fork in &Fork::ALL[1..] {
                let activation = Hardforks(&chain).ethereum_fork_activation(in_libraries(*fork).0);
                let expected = chain.activation(*fork).map(ForkCondition::Timestamp);
                assert_eq!(activation, expected.unwrap_or(ForkCondition::Never), "{fork}");
            }
            for timestamp in 0..100 {
                let fork = chain.fork_at(timestamp);
                let expected = Fork::ALL[(timestamp as usize / 10).min(last as usize)];
                assert_eq!(fork, expected, "{timestamp}");
                let spec = spec_by_timestamp_and_block_number(&Hardforks(&chain), timestamp, 1);
                assert_eq!(spec, in_libraries(fork).1, "{timestamp}");
            }
        }
        // Forks at one time: the last of them.
        let forks = Fork::ALL[1..].iter().map(|fork| ForkActivation { fork: *fork, timestamp: 5 });
        let chain = ChainSpec { forks: forks.collect(), ..ChainSpec::hoodi() };
        let spec = |timestamp| spec_by_timestamp_and_block_number(&Hardforks(&chain), timestamp, 1);
        let last = Fork::ALL[Fork::ALL.len() - 1];
        assert_eq!((spec(4), spec(5)), (SpecId::MERGE, in_libraries(last).1));
    }

    /// Compares the schedules with an independent table. Its constants are not the table: Hoodi's has a time of
    /// Amsterdam, although that was cancelled.
    #[test]
    fn agrees_with_alloy() {
        let chains = [
            (ChainSpec::mainnet(), EthereumChainHardforks::mainnet()),
            (ChainSpec::sepolia(), EthereumChainHardforks::sepolia()),
            (ChainSpec::holesky(), EthereumChainHardforks::holesky()),
            (ChainSpec::hoodi(), EthereumChainHardforks::hoodi()),
        ];
        for (ours, theirs) in chains {
            for fork in Fork::ALL[1..].iter().map(|fork| in_libraries(*fork).0) {
                assert_eq!(
                    Hardforks(&ours).ethereum_fork_activation(fork),
                    theirs.ethereum_fork_activation(fork),
                    "{} {fork}",
                    ours.chain_id
                );
            }
            // The table lacks no fork that is scheduled.
            let known = Fork::ALL.map(|fork| in_libraries(fork).0);
            for fork in EthereumHardfork::VARIANTS.iter().filter(|fork| !known.contains(fork)) {
                let is_of_blobs = EthereumHardfork::bpo_variants().contains(fork);
                let time = theirs.ethereum_fork_activation(*fork).as_timestamp();
                assert!(is_of_blobs || time.is_none(), "{} {fork}", ours.chain_id);
            }
            let times = [
                EthereumHardfork::Cancun,
                EthereumHardfork::Prague,
                EthereumHardfork::Bpo1,
                EthereumHardfork::Bpo2,
                EthereumHardfork::Bpo3,
                EthereumHardfork::Bpo4,
                EthereumHardfork::Bpo5,
            ];
            let times =
                times.into_iter().filter_map(|fork| theirs.ethereum_fork_activation(fork).as_timestamp());
            let ours_at = |BlobActivation { timestamp, .. }: &BlobActivation| *timestamp;
            assert_eq!(
                ours.blobs.iter().map(ours_at).collect::<Vec<_>>(),
                times.collect::<Vec<_>>(),
                "{}",
                ours.chain_id
            );
            let block = ours.merge_block.unwrap();
            assert!(theirs.is_paris_active_at_block(block));
            assert!(block == 0 || !theirs.is_paris_active_at_block(block - 1));
            if let ForkCondition::TTD { total_difficulty, .. } =
                theirs.ethereum_fork_activation(EthereumHardfork::Paris)
            {
                assert_eq!(ours.terminal_total_difficulty, total_difficulty);
            }
        }
    }
}

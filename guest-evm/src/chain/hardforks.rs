//! [`ChainSpec`] for alloy-evm's block executor.

use super::{ChainSpec, Fork};
use alloy_evm::eth::spec::EthExecutorSpec;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::Address;

impl EthereumHardforks for ChainSpec {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        let scheduled = |fork| self.activation(fork).map_or(ForkCondition::Never, ForkCondition::Timestamp);
        match fork {
            EthereumHardfork::Shanghai => scheduled(Fork::Shanghai),
            EthereumHardfork::Cancun => scheduled(Fork::Cancun),
            EthereumHardfork::Prague => scheduled(Fork::Prague),
            EthereumHardfork::Osaka => scheduled(Fork::Osaka),
            EthereumHardfork::Bpo1 => scheduled(Fork::Bpo1),
            EthereumHardfork::Bpo2 => scheduled(Fork::Bpo2),
            // Only blocks after the merge are validated, and every fork up to it precedes them.
            EthereumHardfork::Paris => ForkCondition::TTD {
                activation_block_number: self.merge_block.unwrap_or(0),
                fork_block: None,
                total_difficulty: self.terminal_total_difficulty,
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
            // The DAO's irregular state change precedes the merge; all others are in the future.
            _ => ForkCondition::Never,
        }
    }
}

impl EthExecutorSpec for ChainSpec {
    /// Deposit contract. A chain without one has deposits from no address, not from mainnet's.
    fn deposit_contract_address(&self) -> Option<Address> {
        Some(self.deposit_contract.unwrap_or(Address::ZERO))
    }
}

//! Chains that are built in.

use super::{BlobSchedule, ChainSpec, Fork, ForkActivation};
use alloc::vec::Vec;
use alloy_eips::{eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7840::BlobParams};
use alloy_primitives::{Address, U256, address, uint};

impl BlobSchedule {
    /// Returns the parameters that the EIPs set for this fork on the public chains; `None` before Cancun.
    pub(super) const fn of_fork(fork: Fork) -> Option<Self> {
        let params = match fork {
            Fork::Paris | Fork::Shanghai => return None,
            Fork::Cancun => BlobParams::cancun(),
            Fork::Prague => BlobParams::prague(),
            Fork::Osaka => BlobParams::osaka(),
            Fork::Bpo1 => BlobParams::bpo1(),
            Fork::Bpo2 => BlobParams::bpo2(),
        };
        Some(Self {
            target: params.target_blob_count,
            max: params.max_blob_count,
            base_fee_update_fraction: params.update_fraction as u64,
        })
    }
}

/// Timestamps of the forks after Paris, in order, in seconds.
type Schedule = [u64; Fork::ALL.len() - 1];

impl ChainSpec {
    /// Ethereum mainnet, as of BPO2.
    pub fn mainnet() -> Self {
        Self::public(
            1,
            uint!(58_750_000_000_000_000_000_000_U256),
            15_537_394,
            MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            [1_681_338_455, 1_710_338_135, 1_746_612_311, 1_764_798_551, 1_765_290_071, 1_767_747_671],
            None,
        )
    }

    /// The Sepolia test network.
    pub fn sepolia() -> Self {
        Self::public(
            11_155_111,
            uint!(17_000_000_000_000_000_U256),
            1_450_409,
            address!("0x7f02c3e3c98b133055b8b348b2ac625669ed295d"),
            [1_677_557_088, 1_706_655_072, 1_741_159_776, 1_760_427_360, 1_761_017_184, 1_761_607_008],
            // Amsterdam.
            Some(1_791_294_816),
        )
    }

    /// The Holesky test network.
    pub fn holesky() -> Self {
        Self::public(
            17_000,
            U256::ZERO,
            0,
            address!("0x4242424242424242424242424242424242424242"),
            [1_696_000_704, 1_707_305_664, 1_740_434_112, 1_759_308_480, 1_759_800_000, 1_760_389_824],
            None,
        )
    }

    /// The Hoodi test network.
    pub fn hoodi() -> Self {
        Self::public(
            560_048,
            U256::ZERO,
            0,
            MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            [0, 0, 1_742_999_832, 1_761_677_592, 1_762_365_720, 1_762_955_544],
            None,
        )
    }

    /// Returns the built-in chain with this id.
    pub fn by_chain_id(chain_id: u64) -> Option<Self> {
        [Self::mainnet(), Self::sepolia(), Self::holesky(), Self::hoodi()]
            .into_iter()
            .find(|spec| spec.chain_id == chain_id)
    }

    /// Makes the rules of a public chain.
    fn public(
        chain_id: u64,
        terminal_total_difficulty: U256,
        merge_block: u64,
        deposit_contract: Address,
        schedule: Schedule,
        unsupported_from: Option<u64>,
    ) -> Self {
        let forks = Fork::ALL[1..]
            .iter()
            .zip(schedule)
            .map(|(fork, timestamp)| ForkActivation {
                fork: *fork,
                timestamp,
                blobs: BlobSchedule::of_fork(*fork),
            })
            .collect::<Vec<_>>();
        Self {
            chain_id,
            terminal_total_difficulty,
            merge_block: Some(merge_block),
            deposit_contract: Some(deposit_contract),
            forks,
            unsupported_from,
        }
    }
}

#[cfg(all(test, feature = "evm"))]
mod tests {
    use super::*;
    use alloy_hardforks::{EthereumChainHardforks, EthereumHardfork, EthereumHardforks, ForkCondition};

    /// Compares the schedules with an independent table.
    #[test]
    fn agrees_with_alloy() {
        let chains = [
            (ChainSpec::mainnet(), EthereumChainHardforks::mainnet()),
            (ChainSpec::sepolia(), EthereumChainHardforks::sepolia()),
            (ChainSpec::holesky(), EthereumChainHardforks::holesky()),
            (ChainSpec::hoodi(), EthereumChainHardforks::hoodi()),
        ];
        for (ours, theirs) in chains {
            for fork in [
                EthereumHardfork::Shanghai,
                EthereumHardfork::Cancun,
                EthereumHardfork::Prague,
                EthereumHardfork::Osaka,
                EthereumHardfork::Bpo1,
                EthereumHardfork::Bpo2,
            ] {
                assert_eq!(
                    ours.ethereum_fork_activation(fork),
                    theirs.ethereum_fork_activation(fork),
                    "{} {fork}",
                    ours.chain_id
                );
            }
            let later = [
                EthereumHardfork::Bpo3,
                EthereumHardfork::Bpo4,
                EthereumHardfork::Bpo5,
                EthereumHardfork::Amsterdam,
            ];
            let first = later
                .into_iter()
                .filter_map(|fork| theirs.ethereum_fork_activation(fork).as_timestamp())
                .min();
            assert_eq!(ours.unsupported_from, first, "{}", ours.chain_id);
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

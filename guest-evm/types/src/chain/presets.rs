//! Chains that are built in.

use super::{BlobActivation, BlobSchedule, ChainSpec, ForkActivation, fork::Fork};
use alloc::vec::Vec;
use alloy_eips::{eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7840::BlobParams};
use alloy_primitives::{Address, U256, address, uint};

/// Parameters of the first and second blob-parameter-only fork, and of those forks that brought parameters of their
/// own, on the public chains. Osaka and Amsterdam brought none.
const CANCUN: BlobSchedule = schedule(BlobParams::cancun());
const PRAGUE: BlobSchedule = schedule(BlobParams::prague());
const BPO1: BlobSchedule = schedule(BlobParams::bpo1());
const BPO2: BlobSchedule = schedule(BlobParams::bpo2());

/// Returns what a chain schedules of these parameters.
const fn schedule(params: BlobParams) -> BlobSchedule {
    BlobSchedule {
        target: params.target_blob_count,
        max: params.max_blob_count,
        base_fee_update_fraction: params.update_fraction as u64,
    }
}

/// Merge of a public chain, and its deposit contract.
struct Beginning {
    chain_id: u64,
    terminal_total_difficulty: U256,
    merge_block: u64,
    deposit_contract: Address,
}

impl ChainSpec {
    /// Ethereum mainnet, as of BPO2.
    pub fn mainnet() -> Self {
        Self::public(
            Beginning {
                chain_id: 1,
                terminal_total_difficulty: uint!(58_750_000_000_000_000_000_000_U256),
                merge_block: 15_537_394,
                deposit_contract: MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            },
            &[1_681_338_455, 1_710_338_135, 1_746_612_311, 1_764_798_551],
            [1_765_290_071, 1_767_747_671],
        )
    }

    /// The Sepolia test network, as of Amsterdam.
    pub fn sepolia() -> Self {
        Self::public(
            Beginning {
                chain_id: 11_155_111,
                terminal_total_difficulty: uint!(17_000_000_000_000_000_U256),
                merge_block: 1_450_409,
                deposit_contract: address!("0x7f02c3e3c98b133055b8b348b2ac625669ed295d"),
            },
            &[1_677_557_088, 1_706_655_072, 1_741_159_776, 1_760_427_360, 1_791_294_816],
            [1_761_017_184, 1_761_607_008],
        )
    }

    /// The Holesky test network, which was shut down.
    pub fn holesky() -> Self {
        Self::public(
            Beginning {
                chain_id: 17_000,
                terminal_total_difficulty: U256::ZERO,
                merge_block: 0,
                deposit_contract: address!("0x4242424242424242424242424242424242424242"),
            },
            &[1_696_000_704, 1_707_305_664, 1_740_434_112, 1_759_308_480],
            [1_759_800_000, 1_760_389_824],
        )
    }

    /// The Hoodi test network, as of BPO2.
    pub fn hoodi() -> Self {
        Self::public(
            Beginning {
                chain_id: 560_048,
                terminal_total_difficulty: U256::ZERO,
                merge_block: 0,
                deposit_contract: MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            },
            &[0, 0, 1_742_999_832, 1_761_677_592],
            [1_762_365_720, 1_762_955_544],
        )
    }

    /// Returns the rules of all built-in chains.
    pub fn presets() -> [Self; 4] {
        [Self::mainnet(), Self::sepolia(), Self::holesky(), Self::hoodi()]
    }

    /// Makes the rules of a public chain. `forks` are the timestamps of the forks after Paris, in their order, and
    /// `bpos` those of the two blob-parameter-only forks, in seconds.
    fn public(beginning: Beginning, forks: &[u64], bpos: [u64; 2]) -> Self {
        let Beginning { chain_id, terminal_total_difficulty, merge_block, deposit_contract } = beginning;
        let forks = Fork::ALL[1..].iter().zip(forks);
        let forks = forks
            .map(|(fork, timestamp)| ForkActivation { fork: *fork, timestamp: *timestamp })
            .collect::<Vec<_>>();
        let at = |fork: Fork| forks[fork as usize - 1].timestamp;
        let blobs =
            [(at(Fork::Cancun), CANCUN), (at(Fork::Prague), PRAGUE), (bpos[0], BPO1), (bpos[1], BPO2)];
        let blobs = blobs.map(|(timestamp, blobs)| BlobActivation { timestamp, blobs }).to_vec();
        Self {
            chain_id,
            terminal_total_difficulty,
            merge_block: Some(merge_block),
            deposit_contract: Some(deposit_contract),
            forks,
            blobs,
        }
    }
}

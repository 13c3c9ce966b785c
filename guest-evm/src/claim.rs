//! The statement that a proof proves.

use alloy_primitives::{B256, U256, keccak256};

/// Statement of a proof. Under the rules that [`chain_spec`](Self::chain_spec) commits to, there are
/// [`block_count`](Self::block_count) valid consecutive blocks. They start with a child of
/// [`first_parent_hash`](Self::first_parent_hash) and end with [`last_block_hash`](Self::last_block_hash).
///
/// Nothing is proven about the origin of the first parent, nor that a consensus layer chose these blocks: a
/// consumer starts from a hash that it trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChainClaim {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// keccak256 of the canonical encoding of the chain's rules, [`ChainSpec::hash`](crate::ChainSpec::hash).
    pub chain_spec: B256,
    /// Hash of the parent of the first block.
    pub first_parent_hash: B256,
    /// Hash of the last block.
    pub last_block_hash: B256,
    /// Number of the last block.
    pub last_block_number: u64,
    /// State root after the last block.
    pub last_state_root: B256,
    /// Receipts root of the last block.
    pub last_receipts_root: B256,
    /// Timestamp of the last block, in seconds.
    pub last_timestamp: u64,
    /// Number of consecutive blocks that the claim covers, at least one.
    pub block_count: u64,
}

impl ChainClaim {
    /// Length of [`abi_encode`](Self::abi_encode)'s result, in bytes: nine words.
    pub const ENCODED_LEN: usize = 9 * 32;

    /// Encodes the claim as Solidity's `abi.encode(claim)` does.
    ///
    /// The type is `struct ChainClaim { uint64 chainId; bytes32 chainSpec; bytes32 firstParentHash; bytes32
    /// lastBlockHash; uint64 lastBlockNumber; bytes32 lastStateRoot; bytes32 lastReceiptsRoot; uint64
    /// lastTimestamp; uint64 blockCount; }`. Every field is static, so each is one big-endian word, in order.
    pub fn abi_encode(&self) -> [u8; Self::ENCODED_LEN] {
        let words = [
            word(self.chain_id),
            self.chain_spec,
            self.first_parent_hash,
            self.last_block_hash,
            word(self.last_block_number),
            self.last_state_root,
            self.last_receipts_root,
            word(self.last_timestamp),
            word(self.block_count),
        ];
        let mut out = [0; Self::ENCODED_LEN];
        for (chunk, word) in out.chunks_exact_mut(32).zip(words) {
            chunk.copy_from_slice(word.as_slice());
        }
        out
    }

    /// The 32 bytes that the guest reveals: `keccak256(abi.encode(claim))`.
    pub fn digest(&self) -> B256 {
        keccak256(self.abi_encode())
    }
}

/// The number as a big-endian word.
fn word(value: u64) -> B256 {
    U256::from(value).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::{SolValue, sol};

    sol! {
        struct SolChainClaim {
            uint64 chainId;
            bytes32 chainSpec;
            bytes32 firstParentHash;
            bytes32 lastBlockHash;
            uint64 lastBlockNumber;
            bytes32 lastStateRoot;
            bytes32 lastReceiptsRoot;
            uint64 lastTimestamp;
            uint64 blockCount;
        }
    }

    #[test]
    fn encodes_as_solidity_does() {
        for seed in 0..64u64 {
            let hash = |n: u64| keccak256((seed * 100 + n).to_be_bytes());
            let number = |n: u64| u64::from_be_bytes(hash(n)[..8].try_into().unwrap()) >> (seed % 64);
            let claim = ChainClaim {
                chain_id: number(0),
                chain_spec: hash(1),
                first_parent_hash: hash(2),
                last_block_hash: hash(3),
                last_block_number: number(4),
                last_state_root: hash(5),
                last_receipts_root: hash(6),
                last_timestamp: number(7),
                block_count: number(8),
            };
            let sol = SolChainClaim {
                chainId: claim.chain_id,
                chainSpec: claim.chain_spec,
                firstParentHash: claim.first_parent_hash,
                lastBlockHash: claim.last_block_hash,
                lastBlockNumber: claim.last_block_number,
                lastStateRoot: claim.last_state_root,
                lastReceiptsRoot: claim.last_receipts_root,
                lastTimestamp: claim.last_timestamp,
                blockCount: claim.block_count,
            };
            assert_eq!(claim.abi_encode().as_slice(), sol.abi_encode());
            assert_eq!(claim.digest(), keccak256(sol.abi_encode()));
        }
    }
}

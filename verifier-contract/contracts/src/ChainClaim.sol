// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

/// @dev Kind and version of the claim: `ZVC2`. It is the beginning of what the guest hashes, so that nothing of another kind
/// can be read as this claim.
bytes4 constant CLAIM_KIND = 0x5a564332;

/// @notice Statement of a proof: under the rules that `chainSpec` commits to, there are `blockCount` valid consecutive
/// blocks, from a child of `firstParentHash` to `lastBlockHash`.
/// @dev The guest reveals `keccak256(abi.encode(claim))`. All fields are static, so that encoding is ten words.
/// Nothing is said of how the first parent came to be, nor that a consensus layer chose these blocks.
struct ChainClaim {
    /// `CLAIM_KIND`.
    bytes4 kind;
    /// EIP-155 chain id.
    uint64 chainId;
    /// keccak256 of the canonical encoding of the chain's rules that had begun at `lastTimestamp`. It means these rules only
    /// together with that timestamp: a prover may leave out a fork.
    bytes32 chainSpec;
    /// Hash of the parent of the first block.
    bytes32 firstParentHash;
    /// Hash of the last block.
    bytes32 lastBlockHash;
    /// Number of the last block.
    uint64 lastBlockNumber;
    /// State root after the last block.
    bytes32 lastStateRoot;
    /// Receipts root of the last block.
    bytes32 lastReceiptsRoot;
    /// Timestamp of the last block, in seconds.
    uint64 lastTimestamp;
    /// Number of consecutive blocks that the claim covers, at least one.
    uint64 blockCount;
}

//! The statement that a proof proves.
//!
//! A program reveals only the hash of its claim. Its first four bytes are the [`KIND`], so that no claim of another kind
//! or version can be read as this one. A new kind gets four bytes that are not in this list:
//!
//! | kind | statement |
//! |---|---|
//! | none | the claim of releases 1 and 2: nine words, of which the first was the chain id |
//! | `ZVC2` | [`ChainClaim`] |

use alloy_primitives::{B256, FixedBytes, U256, keccak256};

/// Kind and version of the claim: the first four bytes of what is hashed.
pub const KIND: [u8; 4] = *b"ZVC2";

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
    /// Digest of the chain's rules that had begun at [`last_timestamp`](Self::last_timestamp), by
    /// [`ChainSpec::digest_at`](crate::ChainSpec::digest_at). It means these rules only together with that timestamp.
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

/// Reason why bytes are no claim of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The kind is another one.
    #[error("the claim is of kind {actual}, but must be of kind {expected}", expected = FixedBytes(KIND))]
    Kind {
        /// The first four bytes.
        actual: FixedBytes<4>,
    },
    /// The kind's word has more than the kind.
    #[error("the claim's kind is followed by bytes other than zeros")]
    Padding,
    /// A number has more than 64 bits.
    #[error("the claim's {0} has more than 64 bits")]
    Number(&'static str),
}

impl ChainClaim {
    /// Length of [`abi_encode`](Self::abi_encode)'s result, in bytes: ten words.
    pub const ENCODED_LEN: usize = 10 * 32;

    /// Encodes the claim as Solidity's `abi.encode(claim)` does.
    ///
    /// The type is `struct ChainClaim { bytes4 kind; uint64 chainId; bytes32 chainSpec; bytes32 firstParentHash; bytes32
    /// lastBlockHash; uint64 lastBlockNumber; bytes32 lastStateRoot; bytes32 lastReceiptsRoot; uint64 lastTimestamp; uint64
    /// blockCount; }`. Every field is static, so each is one word, in order. The [`KIND`] is at the beginning of its word,
    /// a number at the end.
    pub fn abi_encode(&self) -> [u8; Self::ENCODED_LEN] {
        let words = [
            kind(),
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

    /// Decodes what [`abi_encode`](Self::abi_encode) encodes. Every claim has one encoding.
    ///
    /// # Errors
    /// [`ClaimError`] if the kind is another one, or a word holds more than its field.
    pub fn decode(bytes: &[u8; Self::ENCODED_LEN]) -> Result<Self, ClaimError> {
        let word = |index: usize| B256::from_slice(&bytes[32 * index..32 * (index + 1)]);
        let number = |index: usize, name: &'static str| {
            u64::try_from(U256::from_be_bytes(word(index).0)).map_err(|_| ClaimError::Number(name))
        };
        let actual = FixedBytes::from_slice(&bytes[..KIND.len()]);
        if actual != KIND {
            return Err(ClaimError::Kind { actual });
        }
        if word(0) != kind() {
            return Err(ClaimError::Padding);
        }
        Ok(Self {
            chain_id: number(1, "chain id")?,
            chain_spec: word(2),
            first_parent_hash: word(3),
            last_block_hash: word(4),
            last_block_number: number(5, "last block number")?,
            last_state_root: word(6),
            last_receipts_root: word(7),
            last_timestamp: number(8, "last timestamp")?,
            block_count: number(9, "block count")?,
        })
    }

    /// The 32 bytes that the guest reveals: `keccak256(abi.encode(claim))`.
    pub fn digest(&self) -> B256 {
        keccak256(self.abi_encode())
    }
}

/// The [`KIND`] at the beginning of a word.
fn kind() -> B256 {
    B256::right_padding_from(&KIND)
}

/// The number as a big-endian word.
fn word(value: u64) -> B256 {
    U256::from(value).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloy_sol_types::{SolValue, sol};

    sol! {
        struct SolChainClaim {
            bytes4 kind;
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

    fn claim(seed: u64) -> ChainClaim {
        let hash = |n: u64| keccak256((seed * 100 + n).to_be_bytes());
        let number = |n: u64| u64::from_be_bytes(hash(n)[..8].try_into().unwrap()) >> (seed % 64);
        ChainClaim {
            chain_id: number(0),
            chain_spec: hash(1),
            first_parent_hash: hash(2),
            last_block_hash: hash(3),
            last_block_number: number(4),
            last_state_root: hash(5),
            last_receipts_root: hash(6),
            last_timestamp: number(7),
            block_count: number(8),
        }
    }

    #[test]
    fn encodes_as_solidity_does() {
        for seed in 0..64 {
            let claim = claim(seed);
            let sol = SolChainClaim {
                kind: KIND.into(),
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

    #[test]
    fn the_kind_comes_first() {
        let encoded = claim(7).abi_encode();
        assert_eq!(encoded[..4], [0x5a, 0x56, 0x43, 0x32]);
        assert_eq!(encoded[4..32], [0; 28]);
    }

    #[test]
    fn decodes_what_it_encodes_and_nothing_else() {
        for seed in 0..64 {
            let claim = claim(seed);
            let encoded = claim.abi_encode();
            assert_eq!(ChainClaim::decode(&encoded), Ok(claim));
            for index in 0..encoded.len() {
                let mut changed = encoded;
                changed[index] ^= 1 << (seed % 8);
                match ChainClaim::decode(&changed) {
                    Ok(other) => {
                        assert_ne!(other, claim);
                        assert_eq!(other.abi_encode(), changed);
                    }
                    Err(error) => {
                        let expected = match (index / 32, index % 32) {
                            (0, 0..4) => ClaimError::Kind { actual: FixedBytes::from_slice(&changed[..4]) },
                            (0, _) => ClaimError::Padding,
                            (1, 0..24) => ClaimError::Number("chain id"),
                            (5, 0..24) => ClaimError::Number("last block number"),
                            (8, 0..24) => ClaimError::Number("last timestamp"),
                            (9, 0..24) => ClaimError::Number("block count"),
                            _ => panic!("byte {index}: {error}"),
                        };
                        assert_eq!(error, expected, "byte {index}");
                    }
                }
            }
        }
    }

    /// The claim of release 2 begins with the chain id.
    #[test]
    fn a_claim_of_another_kind_is_refused_by_name() {
        let mut encoded = claim(1).abi_encode();
        for first in [[0; 4], *b"ZVC1", *b"ZVC3"] {
            encoded[..4].copy_from_slice(&first);
            let error = ChainClaim::decode(&encoded).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&FixedBytes(first).to_string()) && text.contains("0x5a564332"), "{text}");
        }
    }
}

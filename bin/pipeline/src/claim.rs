//! Claims and programs, as outcomes report them.

use crate::chains;
use alloy_primitives::{B256, FixedBytes};
use serde::Serialize;
use std::{
    fmt::{self, Display, Formatter},
    ops::Deref,
};
use zeno_guest_evm::{ChainClaim, claim::KIND};
use zeno_verifier::Release;

/// A claim. It serializes with its digest, and with the field names of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Claim(#[serde(with = "Fields")] pub ChainClaim);

impl Deref for Claim {
    type Target = ChainClaim;

    fn deref(&self) -> &ChainClaim {
        &self.0
    }
}

/// The claim's fields as they serialize. The claim's own type belongs to the guest program, which has no serde.
#[derive(Serialize)]
#[serde(remote = "ChainClaim", rename_all = "camelCase")]
struct Fields {
    #[serde(getter = "kind")]
    kind: FixedBytes<4>,
    chain_id: u64,
    chain_spec: B256,
    first_parent_hash: B256,
    last_block_hash: B256,
    last_block_number: u64,
    last_state_root: B256,
    last_receipts_root: B256,
    last_timestamp: u64,
    block_count: u64,
    #[serde(getter = "ChainClaim::digest")]
    digest: B256,
}

/// Kind of a claim, which its type stands for in Rust.
fn kind(_: &ChainClaim) -> FixedBytes<4> {
    FixedBytes(KIND)
}

/// A run of consecutive blocks, or a single block, by its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Blocks {
    /// Number of the first block.
    #[serde(rename = "first_block_number")]
    pub first: u64,
    /// Number of the last block.
    #[serde(rename = "last_block_number")]
    pub last: u64,
    /// Number of blocks, at least one.
    #[serde(rename = "block_count")]
    pub count: u64,
}

impl Blocks {
    /// The blocks of a claim. `None` stands for a claim that nothing can prove: one of no block, or of more blocks than there
    /// are numbers up to its last one.
    pub fn of(claim: &ChainClaim) -> Option<Self> {
        let (last, count) = (claim.last_block_number, claim.block_count);
        let first = last.checked_sub(count.checked_sub(1)?)?;
        Some(Self { first, last, count })
    }

    /// The beginning of a sentence about the blocks, and its verb: `Block 7 is`, `Blocks 5 to 9 are`.
    pub fn are(&self) -> String {
        format!("{self} {}", if self.count == 1 { "is" } else { "are" })
    }

    /// A file's name without its extension: `block-7`, `blocks-5-9`.
    pub fn file_name(&self) -> String {
        match self.count {
            1 => format!("block-{}", self.last),
            _ => format!("blocks-{}-{}", self.first, self.last),
        }
    }
}

impl Display for Blocks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "Block {}", self.last),
            _ => write!(f, "Blocks {} to {}", self.first, self.last),
        }
    }
}

/// The last block and the chain of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProvenBlock {
    /// Number of the claim's last block.
    #[serde(rename = "block_number")]
    pub number: u64,
    /// Hash of the claim's last block.
    #[serde(rename = "block_hash")]
    pub hash: B256,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Name of the chain that the claim is about, if this program knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<&'static str>,
    /// All blocks of the claim.
    #[serde(flatten)]
    pub blocks: Option<Blocks>,
}

impl From<&ChainClaim> for ProvenBlock {
    fn from(claim: &ChainClaim) -> Self {
        Self {
            number: claim.last_block_number,
            hash: claim.last_block_hash,
            chain_id: claim.chain_id,
            chain: chains::name(claim),
            blocks: Blocks::of(claim),
        }
    }
}

/// Program that a proof or a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramReport {
    /// Release of the guest program with this commitment, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// Reason why proofs of that release prove nothing, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<&'static str>,
    /// Reason why proofs of that release are not read any more, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded: Option<&'static str>,
    /// Commitment to the guest program.
    pub app_exe_commitment: B256,
    /// Commitment to the VM that runs it.
    pub app_vm_commitment: B256,
}

impl ProgramReport {
    /// The program with these commitments.
    pub fn new(app_exe_commitment: B256, app_vm_commitment: B256) -> Self {
        let release = Release::of(app_exe_commitment, app_vm_commitment);
        Self {
            release: release.map(|release| release.number),
            withdrawn: release.and_then(|release| release.withdrawn),
            superseded: release.and_then(|release| release.superseded),
            app_exe_commitment,
            app_vm_commitment,
        }
    }
}

/// Makes a claim of one block, of the rules that had begun at a time, for a block of another time.
#[cfg(test)]
pub(crate) fn at_times(spec: &zeno_guest_evm::ChainSpec, rules_at: u64, timestamp: u64) -> ChainClaim {
    ChainClaim {
        chain_id: spec.chain_id,
        chain_spec: spec.digest_at(rules_at),
        first_parent_hash: B256::ZERO,
        last_block_hash: B256::ZERO,
        last_block_number: 1,
        last_state_root: B256::ZERO,
        last_receipts_root: B256::ZERO,
        last_timestamp: timestamp,
        block_count: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_named_by_their_ends() {
        let claim = |last_block_number, block_count| ChainClaim {
            chain_id: 1,
            chain_spec: B256::ZERO,
            first_parent_hash: B256::ZERO,
            last_block_hash: B256::ZERO,
            last_block_number,
            last_state_root: B256::ZERO,
            last_receipts_root: B256::ZERO,
            last_timestamp: 1,
            block_count,
        };
        let one = Blocks::of(&claim(7, 1)).unwrap();
        assert_eq!((one.first, one.are(), one.file_name()), (7, "Block 7 is".into(), "block-7".into()));
        let five = Blocks::of(&claim(9, 5)).unwrap();
        assert_eq!(
            (five.first, five.are(), five.file_name()),
            (5, "Blocks 5 to 9 are".into(), "blocks-5-9".into())
        );
        assert_eq!(Blocks::of(&claim(9, 10)).unwrap().first, 0);
        // The maker of a proof's file writes any numbers there.
        for count in [0, 11, u64::MAX] {
            assert_eq!(Blocks::of(&claim(9, count)), None);
        }
        let json = serde_json::to_value(ProvenBlock::from(&claim(9, 5))).unwrap();
        assert_eq!(
            (&json["block_number"], &json["first_block_number"], &json["block_count"]),
            (&9.into(), &5.into(), &5.into())
        );
        assert_eq!(serde_json::to_value(ProvenBlock::from(&claim(9, 0))).unwrap().get("block_count"), None);
    }

    #[test]
    fn a_claim_serializes_with_all_fields_and_its_digest() {
        let [chain_spec, first_parent_hash, last_block_hash, last_state_root, last_receipts_root] =
            [1, 2, 3, 4, 5].map(B256::repeat_byte);
        let claim = ChainClaim {
            chain_id: 6,
            chain_spec,
            first_parent_hash,
            last_block_hash,
            last_block_number: 7,
            last_state_root,
            last_receipts_root,
            last_timestamp: 8,
            block_count: 9,
        };
        let json = serde_json::to_string(&Claim(claim)).unwrap();
        let expected = format!(
            "{{\"kind\":\"0x5a564332\",\"chainId\":6,\"chainSpec\":\"{chain_spec}\",\"firstParentHash\":\"{first_parent_hash}\",\
             \"lastBlockHash\":\"{last_block_hash}\",\"lastBlockNumber\":7,\"lastStateRoot\":\"{last_state_root}\",\
             \"lastReceiptsRoot\":\"{last_receipts_root}\",\"lastTimestamp\":8,\"blockCount\":9,\
             \"digest\":\"{}\"}}",
            claim.digest()
        );
        assert_eq!(json, expected);
        // One word of the encoding for each field.
        let fields = serde_json::from_str::<serde_json::Value>(&json).unwrap();
        assert_eq!(fields.as_object().unwrap().len(), ChainClaim::ENCODED_LEN / 32 + 1);
    }
}

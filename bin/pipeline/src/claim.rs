//! Claims and programs, as outcomes report them.

use crate::chains;
use alloy_primitives::B256;
use serde::{Serialize, Serializer};
use std::ops::Deref;
use zeno_guest_evm::ChainClaim;
use zeno_verifier::Release;

/// A claim. It serializes with its digest, and with the field names of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim(pub ChainClaim);

impl Deref for Claim {
    type Target = ChainClaim;

    fn deref(&self) -> &ChainClaim {
        &self.0
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A mirror, because the claim's own type belongs to the guest program, which has no serde.
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Mirror {
            chain_id: u64,
            chain_spec: B256,
            first_parent_hash: B256,
            last_block_hash: B256,
            last_block_number: u64,
            last_state_root: B256,
            last_receipts_root: B256,
            last_timestamp: u64,
            block_count: u64,
            digest: B256,
        }
        let digest = self.digest();
        let ChainClaim {
            chain_id,
            chain_spec,
            first_parent_hash,
            last_block_hash,
            last_block_number,
            last_state_root,
            last_receipts_root,
            last_timestamp,
            block_count,
        } = self.0;
        let mirror = Mirror {
            chain_id,
            chain_spec,
            first_parent_hash,
            last_block_hash,
            last_block_number,
            last_state_root,
            last_receipts_root,
            last_timestamp,
            block_count,
            digest,
        };
        mirror.serialize(serializer)
    }
}

/// The block and the chain of a claim.
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
    /// Name of the chain with the claim's rules, if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<&'static str>,
}

impl From<&ChainClaim> for ProvenBlock {
    fn from(claim: &ChainClaim) -> Self {
        Self {
            number: claim.last_block_number,
            hash: claim.last_block_hash,
            chain_id: claim.chain_id,
            chain: chains::name(claim.chain_spec),
        }
    }
}

/// Program that a proof or a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramReport {
    /// Release of the guest program with this commitment, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// Reason why proofs of that release are refused, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<&'static str>,
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
            app_exe_commitment,
            app_vm_commitment,
        }
    }
}

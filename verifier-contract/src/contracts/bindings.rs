//! Bindings of the contracts, from the committed artifacts.
#![allow(
    missing_docs,
    clippy::too_many_arguments,
    reason = "generated; the Solidity sources have the documentation"
)]

use alloy_sol_types::sol;
use zeno_guest_evm::{ChainClaim, claim::KIND};

use crate::rules::KnownRules;

sol!(
    #[derive(Debug, PartialEq, Eq)]
    IZenoVerifier,
    "contracts/artifacts/IZenoVerifier.json"
);

sol!(
    #[derive(Debug, PartialEq, Eq)]
    ZenoLightClient,
    "contracts/artifacts/ZenoLightClient.json"
);

// The verifier of the committed key. The verifiers of other keys have the same functions and errors.
sol!(
    #[derive(Debug, PartialEq, Eq)]
    ZenoVerifierInsecureDev,
    "contracts/artifacts/ZenoVerifierInsecureDev.json"
);

// The same contract without a key.
sol!(ZenoVerifierTemplate, "contracts/artifacts/ZenoVerifierTemplate.json");

/// Implements the conversion of a claim into the type of a contract's bindings, each of which has its own.
macro_rules! claim {
    ($contract:ident) => {
        impl From<&ChainClaim> for $contract::ChainClaim {
            fn from(claim: &ChainClaim) -> Self {
                Self {
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
                }
            }
        }
    };
}

claim!(IZenoVerifier);
claim!(ZenoLightClient);

impl From<&KnownRules> for ZenoLightClient::Rules {
    fn from(known: &KnownRules) -> Self {
        Self { from: known.from, end: known.end, digest: known.digest }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use alloy_sol_types::SolValue;

    use super::*;

    #[test]
    fn a_claim_is_encoded_as_the_guest_does() {
        let claim = ChainClaim {
            chain_id: 1,
            chain_spec: B256::repeat_byte(2),
            first_parent_hash: B256::repeat_byte(3),
            last_block_hash: B256::repeat_byte(4),
            last_block_number: 5,
            last_state_root: B256::repeat_byte(6),
            last_receipts_root: B256::repeat_byte(7),
            last_timestamp: 8,
            block_count: 9,
        };
        assert_eq!(IZenoVerifier::ChainClaim::from(&claim).abi_encode(), claim.abi_encode());
        assert_eq!(ZenoLightClient::ChainClaim::from(&claim).abi_encode(), claim.abi_encode());
    }
}

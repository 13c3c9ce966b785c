//! EIP-6110: deposits, from the logs of the deposit contract.

use crate::error::ValidationError;
use alloc::vec::Vec;
use alloy_consensus::EthereumReceipt;
use alloy_primitives::{B256, Bytes, Log, b256};
use zeno_types::chain::ChainSpec;

/// Data of the deposit request: the fields of each deposit's log, concatenated (EIP-6110,
/// `parse_deposit_data`).
///
/// The first topic determines whether a log is a deposit. Further topics don't matter.
pub(super) fn deposits(chain: &ChainSpec, receipts: &[EthereumReceipt]) -> Result<Vec<u8>, ValidationError> {
    let mut requests = Vec::new();
    let Some(contract) = chain.deposit_contract else { return Ok(requests) };
    let logs = receipts
        .iter()
        .flat_map(|receipt| &receipt.logs)
        .filter(|log| log.address == contract && log.topics().first() == Some(&DEPOSIT_TOPIC));
    for Log { data, .. } in logs {
        if !is_deposit_layout(&data.data) {
            return Err(ValidationError::DepositLayout(data.data.clone()));
        }
        let mut offset = 32 * DEPOSIT_LENGTHS.len();
        for length in DEPOSIT_LENGTHS {
            requests.extend_from_slice(&data.data[offset + 32..offset + 32 + length]);
            offset += 32 + length.next_multiple_of(32);
        }
    }
    Ok(requests)
}

/// keccak256 of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`.
const DEPOSIT_TOPIC: B256 = b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// Lengths of a deposit's public key, withdrawal credentials, amount, signature and index, in bytes.
const DEPOSIT_LENGTHS: [usize; 5] = [48, 32, 8, 96, 8];

/// Returns whether the data has EIP-6110's layout (`is_valid_deposit_event_data`). That is five dynamic
/// `bytes` of fixed lengths: first their offsets, then each with its length before it.
fn is_deposit_layout(data: &Bytes) -> bool {
    let word = |at: usize, value: usize| {
        data.get(at..at + 32).is_some_and(|word| {
            word[..24].iter().all(|byte| *byte == 0) && word[24..] == (value as u64).to_be_bytes()
        })
    };
    let mut offset = 32 * DEPOSIT_LENGTHS.len();
    for (index, length) in DEPOSIT_LENGTHS.into_iter().enumerate() {
        if !word(32 * index, offset) || !word(offset, length) {
            return false;
        }
        offset += 32 + length.next_multiple_of(32);
    }
    data.len() == offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use alloy_sol_types::SolValue;

    #[test]
    fn a_deposit_has_one_layout() {
        assert_eq!(DEPOSIT_TOPIC, keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)"));
        let part = |length| Bytes::from(alloc::vec![7; length]);
        let data = (part(48), part(32), part(8), part(96), part(8)).abi_encode_params();
        assert_eq!(data.len(), 576);
        assert!(is_deposit_layout(&data.clone().into()));
        for (index, changed) in [(31, 0xa1), (62, 0), (191, 47), (24, 1), (168, 1)] {
            let mut data = data.clone();
            data[index] = changed;
            assert!(!is_deposit_layout(&data.into()), "{index}");
        }
        assert!(!is_deposit_layout(&data[..575].to_vec().into()));
        assert!(!is_deposit_layout(&[&data[..], &[0; 32]].concat().into()));
        assert!(!is_deposit_layout(&Bytes::new()));
    }
}

//! The canonical encoding of a [`ChainSpec`], which its hash commits to.
//!
//! ```text
//! [version, chainId, terminalTotalDifficulty, [mergeBlock] or [], [depositContract] or [],
//!  [[fork, timestamp], ...], [[timestamp, target, max, baseFeeUpdateFraction], ...]]
//! ```
//!
//! A fork's number is its index in the table of forks: Shanghai's is 1. Numbers of version 1 meant other forks, so the
//! version comes first.

use super::{BlobActivation, BlobSchedule, ChainSpec, ChainSpecError, ForkActivation, fork::Fork};
use crate::rlp::put_list;
use alloc::vec::Vec;
use alloy_primitives::{Address, U256};
use alloy_rlp::{Decodable, Encodable, Header};

/// Version of the encoding.
pub(super) const VERSION: u64 = 2;

impl ChainSpec {
    /// Returns the canonical encoding: RLP of all rules.
    pub fn encode(&self) -> Vec<u8> {
        let mut forks = Vec::new();
        for ForkActivation { fork, timestamp } in &self.forks {
            let mut items = Vec::new();
            (*fork as u8).encode(&mut items);
            timestamp.encode(&mut items);
            put_list(&mut forks, &items);
        }
        let mut blobs = Vec::new();
        for BlobActivation { timestamp, blobs: schedule } in &self.blobs {
            let BlobSchedule { target, max, base_fee_update_fraction } = schedule;
            let mut items = Vec::new();
            for number in [timestamp, target, max, base_fee_update_fraction] {
                number.encode(&mut items);
            }
            put_list(&mut blobs, &items);
        }
        let mut items = Vec::new();
        VERSION.encode(&mut items);
        self.chain_id.encode(&mut items);
        self.terminal_total_difficulty.encode(&mut items);
        put_list(&mut items, &self.merge_block.as_ref().map(alloy_rlp::encode).unwrap_or_default());
        put_list(&mut items, &self.deposit_contract.as_ref().map(alloy_rlp::encode).unwrap_or_default());
        put_list(&mut items, &forks);
        put_list(&mut items, &blobs);
        let mut out = Vec::new();
        put_list(&mut out, &items);
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`ChainSpecError`] if the bytes are not the canonical encoding of a possible chain.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, ChainSpecError> {
        let mut items = Header::decode_bytes(&mut bytes, true)?;
        finished(bytes)?;
        let version = u64::decode(&mut items)?;
        if version != VERSION {
            return Err(ChainSpecError::Version(version));
        }
        let chain_id = u64::decode(&mut items)?;
        let terminal_total_difficulty = U256::decode(&mut items)?;
        let merge_block = optional::<u64>(&mut items)?;
        let deposit_contract = optional::<Address>(&mut items)?;
        let fork_list = Header::decode_bytes(&mut items, true)?;
        let blob_list = Header::decode_bytes(&mut items, true)?;
        finished(items)?;
        let spec = Self {
            chain_id,
            terminal_total_difficulty,
            merge_block,
            deposit_contract,
            forks: forks(fork_list)?,
            blobs: blobs(blob_list)?,
        };
        spec.check()?;
        Ok(spec)
    }
}

/// Decodes the forks from the payload of their list.
fn forks(mut list: &[u8]) -> Result<Vec<ForkActivation>, ChainSpecError> {
    let mut forks = Vec::new();
    while !list.is_empty() {
        let mut items = Header::decode_bytes(&mut list, true)?;
        let number = u8::decode(&mut items)?;
        let fork = *Fork::ALL.get(usize::from(number)).ok_or(ChainSpecError::UnknownFork(number))?;
        let timestamp = u64::decode(&mut items)?;
        finished(items)?;
        forks.push(ForkActivation { fork, timestamp });
    }
    Ok(forks)
}

/// Decodes the blob parameters from the payload of their list.
fn blobs(mut list: &[u8]) -> Result<Vec<BlobActivation>, ChainSpecError> {
    let mut activations = Vec::new();
    while !list.is_empty() {
        let mut items = Header::decode_bytes(&mut list, true)?;
        let timestamp = u64::decode(&mut items)?;
        let blobs = BlobSchedule {
            target: u64::decode(&mut items)?,
            max: u64::decode(&mut items)?,
            base_fee_update_fraction: u64::decode(&mut items)?,
        };
        finished(items)?;
        activations.push(BlobActivation { timestamp, blobs });
    }
    Ok(activations)
}

/// Takes a list of no or one item.
fn optional<T: Decodable>(items: &mut &[u8]) -> Result<Option<T>, alloy_rlp::Error> {
    let mut list = Header::decode_bytes(items, true)?;
    if list.is_empty() {
        return Ok(None);
    }
    let value = T::decode(&mut list)?;
    finished(list)?;
    Ok(Some(value))
}

/// Checks that nothing is left.
fn finished(rest: &[u8]) -> Result<(), alloy_rlp::Error> {
    if rest.is_empty() { Ok(()) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

//! Ranges of updates as the beacon API sends them: chunks, each with the length and the format of its update.

use crate::{
    config::Config,
    containers::LightClientUpdate,
    fork::Fork,
    ssz::SszError,
    types::{ForkDigest, Hex},
};
use alloc::vec::Vec;
use libssz_merkle::Sha256Hasher;
use thiserror::Error;

/// Reason why bytes are no range of updates.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// The bytes end inside of a chunk.
    #[error("chunk {index} has a length of {length} bytes, but {left} are left")]
    Truncated {
        /// Index of the chunk.
        index: usize,
        /// Length that the chunk claims, or that of what comes first in it.
        length: u64,
        /// Count of bytes that are left.
        left: usize,
    },
    /// The chunk has no room for its digest.
    #[error("chunk {index} has a length of {length} bytes, but its fork digest alone takes 4")]
    TooShort {
        /// Index of the chunk.
        index: usize,
        /// Length that the chunk claims.
        length: u64,
    },
    /// The digest is none of the network's, and the update has no format that the slot of its attested header asks for.
    #[error("chunk {index} has the fork digest {}, which network {network} doesn't have", Hex(.digest))]
    UnknownDigest {
        /// Index of the chunk.
        index: usize,
        /// Digest of the chunk.
        digest: ForkDigest,
        /// Name of the network.
        network: alloc::string::String,
    },
    /// The chunk is no update of its fork.
    #[error("chunk {index}: {error}")]
    Update {
        /// Index of the chunk.
        index: usize,
        /// Fault of the bytes.
        error: SszError,
    },
}

/// Decodes a response of `light_client/updates`: updates of consecutive periods.
///
/// A digest selects the format alone. One that is not known may be that of a change of blob parameters, which this program is
/// older than: then the format is the one that suits the slot of the attested header.
///
/// # Errors
/// If the bytes are no range of updates.
pub fn decode_updates<const N: usize>(
    config: &Config,
    hasher: &impl Sha256Hasher,
    mut bytes: &[u8],
) -> Result<Vec<LightClientUpdate<N>>, ChunkError> {
    let mut updates = Vec::new();
    while !bytes.is_empty() {
        let index = updates.len();
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(ChunkError::Truncated { index, length: 8, left: bytes.len() });
        };
        let length = u64::from_le_bytes(*length);
        let truncated = ChunkError::Truncated { index, length, left: rest.len() };
        let chunk = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let (chunk, rest) = chunk.ok_or(truncated)?;
        let Some((digest, update)) = chunk.split_first_chunk::<4>() else {
            return Err(ChunkError::TooShort { index, length });
        };
        updates.push(match config.fork_of_digest(hasher, *digest) {
            Some(fork) => LightClientUpdate::from_ssz_bytes(update, fork)
                .map_err(|error| ChunkError::Update { index, error })?,
            None => decode_by_slot(config, update).ok_or_else(|| ChunkError::UnknownDigest {
                index,
                digest: *digest,
                network: config.name.clone().into_owned(),
            })?,
        });
        bytes = rest;
    }
    Ok(updates)
}

/// Decodes an update in the one format that suits the slot of its attested header.
fn decode_by_slot<const N: usize>(config: &Config, bytes: &[u8]) -> Option<LightClientUpdate<N>> {
    Fork::ALL.into_iter().rev().find_map(|fork| {
        let update = LightClientUpdate::from_ssz_bytes(bytes, fork).ok()?;
        (config.fork_at_slot(update.attested_header.beacon.slot) == fork).then_some(update)
    })
}

/// Encodes updates as [`decode_updates`] reads them, each as an object of its attested header's fork.
///
/// # Errors
/// If an update has no such encoding.
pub fn encode_updates<const N: usize>(
    config: &Config,
    hasher: &impl Sha256Hasher,
    updates: &[LightClientUpdate<N>],
) -> Result<Vec<u8>, crate::ssz::EncodeError> {
    let mut bytes = Vec::new();
    for update in updates {
        let epoch = config.compute_epoch_at_slot(update.attested_header.beacon.slot);
        let encoded = update.to_ssz_bytes(config.forks.at(epoch))?;
        bytes.extend((encoded.len() as u64 + 4).to_le_bytes());
        bytes.extend(config.compute_fork_digest(hasher, epoch));
        bytes.extend(encoded);
    }
    Ok(bytes)
}

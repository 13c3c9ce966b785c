//! Host's cryptography: blst, and SHA-256 with the processor's instructions.

use super::{Crypto, DST, Sha256Hasher};
use crate::types::{BlsPublicKey, BlsSignature, Root};
use alloc::vec::Vec;
use blst::{
    BLST_ERROR,
    min_pk::{AggregatePublicKey, PublicKey, Signature},
};
use sha2::{Digest as _, Sha256};

/// Cryptography for hosts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Sha256Hasher for Native {
    fn hash(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }
}

impl Crypto for Native {
    fn fast_aggregate_verify(
        &self,
        keys: &[&BlsPublicKey],
        message: &Root,
        signature: &BlsSignature,
    ) -> bool {
        verify(keys, message, signature) == Ok(())
    }
}

/// Checks a signature.
///
/// # Errors
/// blst's reason.
fn verify(keys: &[&BlsPublicKey], message: &Root, signature: &BlsSignature) -> Result<(), BLST_ERROR> {
    // Each key is checked to be a point of the subgroup, and not infinity.
    let keys = keys.iter().map(|key| PublicKey::key_validate(*key)).collect::<Result<Vec<_>, _>>()?;
    let key = AggregatePublicKey::aggregate(&keys.iter().collect::<Vec<_>>(), false)?.to_public_key();
    let signature = Signature::sig_validate(signature, true)?;
    match signature.fast_aggregate_verify_pre_aggregated(false, message, DST, &key) {
        BLST_ERROR::BLST_SUCCESS => Ok(()),
        error => Err(error),
    }
}

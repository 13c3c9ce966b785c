//! The digest that a proof's program reveals.

use alloy_primitives::B256;
use zeno_guest_evm::ChainClaim;

use crate::error::VerifyError;

/// Computes the digest of a claim, which a proof of it reveals.
///
/// # Errors
/// [`VerifyError::NoClaim`] if it is zero. No claim is known to have this digest. A proof that a program reveals zeros shows
/// that the program, or its proof system, is not sound, and is accepted as nothing else.
pub(crate) fn claim_digest(claim: &ChainClaim) -> Result<B256, VerifyError> {
    refuse_zero(claim.digest())
}

fn refuse_zero(digest: B256) -> Result<B256, VerifyError> {
    if digest.is_zero() { Err(VerifyError::NoClaim) } else { Ok(digest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_digest_of_no_claim() {
        let error = refuse_zero(B256::ZERO).unwrap_err();
        assert!(matches!(error, VerifyError::NoClaim) && error.blames_proof(), "{error}");
        let digest = B256::with_last_byte(1);
        assert_eq!(refuse_zero(digest).unwrap(), digest);
    }
}

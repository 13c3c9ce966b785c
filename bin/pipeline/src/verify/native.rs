//! Native checks of proofs, with a verifying key.

use crate::{error::Error, evm_keys::EvmKey};
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, ProofFile, UnknownSrs, VerifyingKey, verify_evm, verify_stark,
};

/// Checks a STARK with the built-in key.
pub(crate) fn check_stark(file: &ProofFile) -> Result<ChainClaim, Error> {
    let key = VerifyingKey::committed().map_err(Error::other)?;
    Ok(verify_stark(file, &key)?)
}

/// Checks an EVM proof with one key after the other, until one accepts it. Returns the claim and that key.
pub(crate) fn check_natively<'a>(
    keys: &'a [EvmKey],
    file: &ProofFile,
    allow_unknown_srs: bool,
) -> Result<(ChainClaim, &'a EvmVerifyingKey), Error> {
    let allowed = if allow_unknown_srs { UnknownSrs::Allow } else { UnknownSrs::Refuse };
    let mut refusal = None;
    for EvmKey { key, .. } in keys {
        match verify_evm(file, key, allowed) {
            Ok(claim) => return Ok((claim, key)),
            Err(error) => refusal = Some(error),
        }
    }
    let Some(error) = refusal else { return Err(Error::other("there is no key to check the proof with")) };
    // A proof under another SRS is not invalid for that.
    let stated = file.srs.as_deref().unwrap_or_default();
    if error.blames_proof() && keys.iter().all(|keys| keys.key.origin().label() != stated) {
        let labels: Vec<_> = keys.iter().map(|keys| keys.key.origin().label()).collect();
        return Err(Error::other(format_args!(
            "the proof says that it was made under the SRS \"{stated}\", and there is no accepted key of that: by those of \
             \"{}\" it is not valid ({error})",
            labels.join("\", \"")
        )));
    }
    Err(error.into())
}

//! Verification of an EVM proof.

use alloy_primitives::U256;
use halo2_proofs::{
    plonk::verify_proof,
    poly::kzg::{commitment::KZGCommitmentScheme, multiopen::VerifierSHPLONK, strategy::SingleStrategy},
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine, G2Affine, G2Prepared},
    group::Group,
    pairing::{MillerLoopResult, MultiMillerLoop},
};
use zeno_guest_evm::ChainClaim;

use super::{
    curve::scalar,
    key::EvmVerifyingKey,
    proof_words::{ACCUMULATOR, accumulator, words},
    srs_origin::SrsOrigin,
    transcript::EvmTranscript,
};
use crate::{digest::claim_digest, error::VerifyError, proof_file::ProofFile, proof_kind::ProofKind};

/// Policy for a key whose SRS is from no known ceremony. The development SRS is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSrs {
    /// Refuse the key.
    Refuse,
    /// Accept the key. This is for tests, where forged proofs do no harm, and for callers who know better where the SRS
    /// comes from.
    Allow,
}

/// Checks that `file` proves its claim under `key`, and returns the claim.
///
/// The checks are those of the contracts (`ZenoVerifierBase` and the verifier below it):
///
/// - every word of the proof is reduced;
/// - the Halo2 proof is valid; its instances are the accumulator, the key's commitments and the claim's digest;
/// - the accumulator passes the pairing check.
///
/// The result is worth as much as the key is: [`EvmVerifyingKey::decode_pinned`] finds a trusted one.
///
/// # Errors
/// [`VerifyError`] names the check that fails. No file causes a panic.
pub fn verify_evm(
    file: &ProofFile,
    key: &EvmVerifyingKey,
    unknown: UnknownSrs,
) -> Result<ChainClaim, VerifyError> {
    file.check_origin(ProofKind::Evm, key.app_exe_commitment(), key.app_vm_commitment())?;
    match key.origin() {
        SrsOrigin::Ceremony(_) => {}
        _ if unknown == UnknownSrs::Allow => {}
        SrsOrigin::Development => return Err(VerifyError::Insecure),
        SrsOrigin::Unknown => return Err(VerifyError::UnknownSrs),
    }
    let digest = claim_digest(&file.claim)?;
    let words = words(&file.proof)?;
    let [lhs, rhs] = accumulator(&words)?;

    let commitments = [key.app_exe_commitment(), key.app_vm_commitment()];
    let instances: Vec<Fr> = words[..ACCUMULATOR]
        .iter()
        .copied()
        .chain(commitments.map(|commitment| U256::from_be_bytes(commitment.0)))
        .chain(digest.0.map(U256::from))
        .map(|word| {
            scalar(word).expect("limbs, bytes and the commitments of a key are less than the modulus")
        })
        .collect();
    let mut transcript = EvmTranscript::new(&file.proof[32 * ACCUMULATOR..]);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        key.params(),
        key.vk(),
        SingleStrategy::new(key.params()),
        &[&[instances.as_slice()]],
        &mut transcript,
    )
    .map_err(VerifyError::Halo2)?;
    debug_assert!(transcript.is_at_end(), "a proof has as many words as the key's circuit prescribes");

    if !pairing_holds(lhs, rhs, key.s_g2()) {
        return Err(VerifyError::Accumulator);
    }
    Ok(file.claim)
}

/// Checks the openings that the inner proof deferred to the accumulator: `e(lhs, g2) = e(rhs, s_g2)`.
fn pairing_holds(lhs: G1Affine, rhs: G1Affine, s_g2: G2Affine) -> bool {
    let (g2, minus_s_g2) = (G2Prepared::from(G2Affine::generator()), G2Prepared::from(-s_g2));
    Bn256::multi_miller_loop(&[(&lhs, &g2), (&rhs, &minus_s_g2)]).final_exponentiation().is_identity().into()
}

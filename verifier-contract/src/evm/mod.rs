//! Native verification of an EVM proof, without an EVM: what the contracts check, in Rust.

mod curve;
mod key;
mod pins;
mod srs;
mod transcript;

use alloy_primitives::{U256, uint};
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

use self::{
    curve::{g1, scalar},
    transcript::EvmTranscript,
};
use crate::{ProofFile, ProofKind, VerifyError};

pub use self::{
    key::{EvmKeyError, EvmVerifyingKey},
    srs::{CEREMONIES, Ceremony, SrsOrigin},
};

/// Order of BN254's groups, modulus of its scalar field (EIP-196).
const SCALAR_MODULUS: U256 = uint!(0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001_U256);
/// Modulus of the field of BN254's coordinates (EIP-196).
const BASE_MODULUS: U256 = uint!(0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47_U256);

/// A coordinate of the accumulator is `LIMBS` limbs of `LIMB_BITS` bits, from the lowest on.
const LIMBS: usize = 3;
const LIMB_BITS: usize = 88;
/// Words of the accumulator: two points, two coordinates each.
const ACCUMULATOR: usize = 4 * LIMBS;
/// Commitments, evaluations and points of the opening in the Halo2 proof of the wrapper circuit.
const COMMITMENTS: usize = 10;
const EVALUATIONS: usize = 19;
const OPENINGS: usize = 2;
/// Ends of the parts of a proof, in words.
const COMMITMENTS_END: usize = ACCUMULATOR + 2 * COMMITMENTS;
const EVALUATIONS_END: usize = COMMITMENTS_END + EVALUATIONS;
const WORDS: usize = EVALUATIONS_END + 2 * OPENINGS;

/// Length in bytes of an EVM proof: the limbs of the KZG accumulator, then the Halo2 proof, in big-endian words.
pub const EVM_PROOF_BYTES: usize = 32 * WORDS;

/// Instances of the wrapper circuit: the accumulator's limbs, two commitments, and the bytes of a claim's digest.
#[cfg(test)]
const INSTANCES: usize = ACCUMULATOR + 2 + 32;

/// What to do with a key whose SRS is of no ceremony that is known, the development SRS among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSrs {
    /// Refuse it.
    Refuse,
    /// Accept it: for tests, where it is no harm that whoever knows the secret can make proofs of anything, and for whoever
    /// knows better where the SRS comes from.
    Allow,
}

/// Checks that `file` proves its claim under `key`, and returns the claim.
///
/// What is checked is what the contracts check (`ZenoVerifierBase` and the verifier below it): that every word is
/// reduced, the Halo2 proof, whose instances are the accumulator, the commitments of the key and the digest of the
/// claim, and the pairing of the accumulator.
///
/// The answer is worth as much as the key: [`EvmVerifyingKey::decode_pinned`] says which to trust.
///
/// # Errors
/// [`VerifyError`] says what doesn't hold. There is no panic, whatever the file.
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
    let words = words(&file.proof)?;
    let [lhs, rhs] = accumulator(&words)?;

    let commitments = [key.app_exe_commitment(), key.app_vm_commitment()];
    let instances: Vec<Fr> = words[..ACCUMULATOR]
        .iter()
        .copied()
        .chain(commitments.map(|commitment| U256::from_be_bytes(commitment.0)))
        .chain(file.claim.digest().0.map(U256::from))
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

/// The words of a proof, each reduced: a proof has one form only.
fn words(proof: &[u8]) -> Result<[U256; WORDS], VerifyError> {
    let (chunks, rest) = proof.as_chunks::<32>();
    let chunks: &[[u8; 32]; WORDS] = match chunks.try_into() {
        Ok(chunks) if rest.is_empty() => chunks,
        _ => return Err(VerifyError::ProofLength { expected: EVM_PROOF_BYTES, actual: proof.len() }),
    };
    let words = chunks.map(U256::from_be_bytes);
    for (index, &value) in words.iter().enumerate() {
        let bound = match index {
            0..ACCUMULATOR => U256::ONE << LIMB_BITS,
            COMMITMENTS_END..EVALUATIONS_END => SCALAR_MODULUS,
            _ => BASE_MODULUS,
        };
        if value >= bound {
            return Err(VerifyError::NonCanonical { index, value, bound });
        }
    }
    Ok(words)
}

/// The two points of the accumulator, in the limbs that begin a proof.
fn accumulator(words: &[U256; WORDS]) -> Result<[G1Affine; 2], VerifyError> {
    let coordinate = |at: usize| {
        words[at..at + LIMBS].iter().rev().try_fold(U256::ZERO, |sum, limb| {
            // The highest limb has more bits than a coordinate has left for it.
            let shifted = sum << LIMB_BITS;
            (shifted >> LIMB_BITS == sum).then_some(shifted | *limb)
        })
    };
    let point = |at: usize| {
        let point = coordinate(at).zip(coordinate(at + LIMBS)).and_then(|(x, y)| g1(x, y));
        point.ok_or(VerifyError::AccumulatorPoint(at))
    };
    Ok([point(0)?, point(2 * LIMBS)?])
}

/// Whether `e(lhs, g2) = e(rhs, s_g2)`: the openings that the inner proof deferred to the accumulator hold.
fn pairing_holds(lhs: G1Affine, rhs: G1Affine, s_g2: G2Affine) -> bool {
    let (g2, minus_s_g2) = (G2Prepared::from(G2Affine::generator()), G2Prepared::from(-s_g2));
    Bn256::multi_miller_loop(&[(&lhs, &g2), (&rhs, &minus_s_g2)]).final_exponentiation().is_identity().into()
}

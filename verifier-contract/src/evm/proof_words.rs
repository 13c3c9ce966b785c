//! Layout of an EVM proof: 55 big-endian words of 32 bytes.
//!
//! | words | content | bound of each |
//! |---|---|---|
//! | 12 | KZG accumulator: two points of two coordinates of three limbs, the lowest limb first | 2^88 |
//! | 20 | commitments of the Halo2 proof: ten points | base modulus |
//! | 19 | evaluations of the Halo2 proof | scalar modulus |
//! | 4 | opening of the Halo2 proof: two points | base modulus |

use alloy_primitives::U256;
use halo2curves::bn256::G1Affine;

use super::curve::{BASE_MODULUS, SCALAR_MODULUS, g1};
use crate::error::VerifyError;

/// Limbs of a coordinate of the accumulator.
const LIMBS: usize = 3;
/// Bits of a limb.
const LIMB_BITS: usize = 88;
/// Words of the accumulator: two points of two coordinates.
pub(super) const ACCUMULATOR: usize = 4 * LIMBS;
/// Commitments in the Halo2 proof of the wrapper circuit.
pub(super) const COMMITMENTS: usize = 10;
/// Evaluations in the Halo2 proof of the wrapper circuit.
pub(super) const EVALUATIONS: usize = 19;
/// Points of the opening in the Halo2 proof.
const OPENINGS: usize = 2;
/// Index of the first word after the commitments.
const COMMITMENTS_END: usize = ACCUMULATOR + 2 * COMMITMENTS;
/// Index of the first word after the evaluations.
const EVALUATIONS_END: usize = COMMITMENTS_END + EVALUATIONS;
/// Words of a proof.
const WORDS: usize = EVALUATIONS_END + 2 * OPENINGS;

/// Length of an EVM proof, in bytes: the limbs of the KZG accumulator, then the Halo2 proof.
pub const EVM_PROOF_BYTES: usize = 32 * WORDS;

/// Instances of the wrapper circuit: the accumulator's limbs, two commitments, and the bytes of a claim's digest.
#[cfg(test)]
pub(super) const INSTANCES: usize = ACCUMULATOR + 2 + 32;

/// Splits a proof into its words, each of which must be reduced. Therefore a proof has one form only.
pub(super) fn words(proof: &[u8]) -> Result<[U256; WORDS], VerifyError> {
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

/// Assembles the accumulator's two points from the limbs at the start of a proof.
pub(super) fn accumulator(words: &[U256; WORDS]) -> Result<[G1Affine; 2], VerifyError> {
    let coordinate = |at: usize| {
        words[at..at + LIMBS].iter().rev().try_fold(U256::ZERO, |sum, limb| {
            // Three limbs have 264 bits, so the highest one may not fit a word.
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

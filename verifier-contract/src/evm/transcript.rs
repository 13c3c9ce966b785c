//! Transcript of an EVM proof, which `snark-verifier` defines.
//!
//! Scalars and coordinates are absorbed as big-endian words of 32 bytes. A challenge is a keccak256 hash, reduced to a
//! scalar. The hash's input is the previous challenge's hash, followed by the words absorbed since. If that is one word
//! in all, a byte 1 is appended.

use std::io;

use alloy_primitives::{U256, keccak256};
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead};
use halo2curves::{
    bn256::{Fr, G1Affine},
    group::prime::PrimeCurveAffine,
};

use super::curve::{G1_BYTES, SCALAR_MODULUS, read_g1, scalar, word, write_g1};

/// Reads a proof, and derives challenges from all that was read.
pub(super) struct EvmTranscript<'a> {
    proof: &'a [u8],
    absorbed: Vec<u8>,
}

/// Hash that is reduced to a scalar.
pub(super) struct Challenge(Fr);

impl EncodedChallenge<G1Affine> for Challenge {
    type Input = [u8; 32];

    fn new(hash: &[u8; 32]) -> Self {
        let reduced = U256::from_be_bytes(*hash) % SCALAR_MODULUS;
        Self(scalar(reduced).expect("it was reduced"))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

impl<'a> EvmTranscript<'a> {
    /// Starts at the beginning of `proof`. Nothing is absorbed yet.
    pub(super) fn new(proof: &'a [u8]) -> Self {
        Self { proof, absorbed: Vec::new() }
    }

    /// Returns whether the proof was read to its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.proof.is_empty()
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (taken, rest) = self.proof.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        self.proof = rest;
        Ok(*taken)
    }
}

impl Transcript<G1Affine, Challenge> for EvmTranscript<'_> {
    fn squeeze_challenge(&mut self) -> Challenge {
        if self.absorbed.len() == 32 {
            self.absorbed.push(1);
        }
        let hash = keccak256(&self.absorbed);
        self.absorbed.clear();
        self.absorbed.extend(hash);
        Challenge::new(&hash.0)
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        if bool::from(point.is_identity()) {
            return Err(io::Error::other("the identity has no coordinates"));
        }
        self.absorbed.extend(write_g1(&point));
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.absorbed.extend(word(scalar));
        Ok(())
    }
}

impl TranscriptRead<G1Affine, Challenge> for EvmTranscript<'_> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let bytes = self.take::<G1_BYTES>()?;
        let point = read_g1(&bytes).ok_or_else(|| io::Error::other("not a point of BN254"))?;
        self.absorbed.extend(bytes);
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let bytes = self.take::<32>()?;
        let scalar = scalar(U256::from_be_bytes(bytes)).ok_or_else(|| io::Error::other("not a scalar"))?;
        self.absorbed.extend(bytes);
        Ok(scalar)
    }
}

#[cfg(test)]
mod tests {
    use halo2_proofs::transcript::TranscriptWrite;
    use halo2curves::{
        bn256::G1,
        ff::Field,
        group::{Curve, Group},
    };
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{RngCore, SeedableRng},
    };
    use snark_verifier_sdk::snark_verifier::{
        loader::native::NativeLoader,
        system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript as Reference},
    };

    use super::{super::curve::BASE_MODULUS, *};

    type Writer = Reference<G1Affine, NativeLoader, Vec<u8>, Vec<u8>>;
    type Reader<'a> = Reference<G1Affine, NativeLoader, &'a [u8], Vec<u8>>;

    /// Step of a protocol, which reads or absorbs.
    #[derive(Clone, Copy)]
    enum Step {
        Squeeze,
        Scalar,
        Point,
        CommonScalar,
        CommonPoint,
    }

    #[test]
    fn is_snark_verifiers() {
        use Step::*;
        let mut random = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..20 {
            let steps: Vec<_> = (0..30)
                .map(|_| {
                    [Squeeze, Squeeze, Scalar, Point, CommonScalar, CommonPoint]
                        [random.next_u32() as usize % 6]
                })
                .collect();
            let points: Vec<G1Affine> = steps.iter().map(|_| G1::random(&mut random).to_affine()).collect();
            let scalars: Vec<Fr> = steps.iter().map(|_| Fr::random(&mut random)).collect();
            let mut writer = Writer::new(Vec::new());
            let mut expected = Vec::new();
            for (index, step) in steps.iter().enumerate() {
                match step {
                    Squeeze => {
                        let challenge: ChallengeEvm<G1Affine> = Transcript::squeeze_challenge(&mut writer);
                        expected.push(challenge.get_scalar());
                    }
                    Scalar => writer.write_scalar(scalars[index]).unwrap(),
                    Point => writer.write_point(points[index]).unwrap(),
                    CommonScalar => Transcript::common_scalar(&mut writer, scalars[index]).unwrap(),
                    CommonPoint => Transcript::common_point(&mut writer, points[index]).unwrap(),
                }
            }
            let proof = writer.finalize();

            let mut reader = EvmTranscript::new(&proof);
            let mut challenges = Vec::new();
            for (index, step) in steps.iter().enumerate() {
                match step {
                    Squeeze => challenges.push(reader.squeeze_challenge().get_scalar()),
                    Scalar => assert_eq!(reader.read_scalar().unwrap(), scalars[index]),
                    Point => assert_eq!(reader.read_point().unwrap(), points[index]),
                    CommonScalar => reader.common_scalar(scalars[index]).unwrap(),
                    CommonPoint => reader.common_point(points[index]).unwrap(),
                }
            }
            assert!(reader.is_at_end());
            assert_eq!(challenges, expected);
        }
    }

    /// Both transcripts refuse the same words, but the reference takes the identity. The generated contract refuses it,
    /// because (0, 0) is not on the curve.
    #[test]
    fn refuses_what_is_no_point_or_scalar() {
        let generator = write_g1(&G1Affine::generator());
        let modulus = SCALAR_MODULUS.to_be_bytes::<32>();
        let mut off = generator;
        off[63] ^= 1;
        let mut unreduced = generator;
        unreduced[..32].copy_from_slice(&(BASE_MODULUS + U256::ONE).to_be_bytes::<32>());
        assert!(EvmTranscript::new(&[0; 64]).read_point().is_err());
        let points: [&[u8]; 4] = [&off, &unreduced, &generator[..63], &[0xff; 64]];
        for bytes in points {
            assert!(EvmTranscript::new(bytes).read_point().is_err(), "{bytes:?}");
            let mut reference = Reader::new(bytes);
            assert!(TranscriptRead::<G1Affine, ChallengeEvm<_>>::read_point(&mut reference).is_err());
        }
        for bytes in [&modulus[..], &[0xff; 32], &[0; 31]] {
            assert!(EvmTranscript::new(bytes).read_scalar().is_err(), "{bytes:?}");
            let mut reference = Reader::new(bytes);
            assert!(TranscriptRead::<G1Affine, ChallengeEvm<_>>::read_scalar(&mut reference).is_err());
        }
        assert!(EvmTranscript::new(&[]).common_point(G1Affine::identity()).is_err());
    }
}

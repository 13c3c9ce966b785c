//! What the verifier of a Halo2-KZG proof needs of an SRS.

use halo2_proofs::{
    plonk::{self, VerifyingKey, verify_proof},
    poly::{
        commitment::{CommitmentScheme, ParamsProver},
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::VerifierSHPLONK,
            strategy::SingleStrategy,
        },
    },
    transcript::{EncodedChallenge, TranscriptRead},
};
use halo2curves::bn256::{Bn256, Fr, G1Affine, G2Affine};

/// The ends of an SRS: the generators and the secret in G2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KzgParams {
    pub(crate) g2: G2Affine,
    pub(crate) s_g2: G2Affine,
}

impl KzgParams {
    /// Halo2's parameters for circuits of 2^k rows with the first power alone: enough to verify, to compile a
    /// circuit's protocol and to write its Solidity verifier; not to commit.
    pub(crate) fn halo2(self, k: u32) -> ParamsKZG<Bn256> {
        let generator = vec![G1Affine::generator()];
        // The constructor is a method of the parameters; these two-row ones are given up.
        KZGCommitmentScheme::<Bn256>::new_params(1).from_parts(
            k,
            generator.clone(),
            Some(generator),
            self.g2,
            self.s_g2,
        )
    }

    /// Checks a proof, which the transcript reads.
    pub(crate) fn verify<E: EncodedChallenge<G1Affine>, T: TranscriptRead<G1Affine, E>>(
        self,
        key: &VerifyingKey<G1Affine>,
        values: &[Fr],
        transcript: &mut T,
    ) -> Result<(), plonk::Error> {
        let params = self.halo2(key.get_domain().k());
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params.verifier_params(),
            key,
            SingleStrategy::new(&params),
            &[&[values]],
            transcript,
        )
    }
}

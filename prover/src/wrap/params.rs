//! The part of an SRS that the verifier of a Halo2-KZG proof needs.

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

/// Ends of an SRS: the generators and the secret in G2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KzgParams {
    pub(crate) g2: G2Affine,
    pub(crate) s_g2: G2Affine,
}

impl KzgParams {
    /// Returns halo2's parameters for circuits of 2^k rows, with the first power alone. They are enough to verify, to
    /// compile a circuit's protocol and to write its Solidity verifier, but not to commit.
    pub(crate) fn halo2(self, k: u32) -> ParamsKZG<Bn256> {
        let generator = vec![G1Affine::generator()];
        // The constructor is a method of the parameters, so two-row ones are made for the call and dropped.
        KZGCommitmentScheme::<Bn256>::new_params(1).from_parts(
            k,
            generator.clone(),
            Some(generator),
            self.g2,
            self.s_g2,
        )
    }

    /// Returns halo2's parameters with nothing in them but the generator of G1, which is all that an aggregation circuit
    /// reads of them.
    pub(crate) fn generator_alone() -> ParamsKZG<Bn256> {
        Self { g2: G2Affine::default(), s_g2: G2Affine::default() }.halo2(1)
    }

    /// Verifies the proof that the transcript reads.
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

#[cfg(test)]
mod tests {
    use halo2_proofs::poly::commitment::ParamsProver;
    use halo2curves::group::GroupEncoding;

    use super::*;

    /// OpenVM's wrapper is made with this point (`openvm_static_verifier::wrapper::SVK`), and the pinned keys with it.
    #[test]
    fn the_generator_is_openvms() {
        let mut point = <G1Affine as GroupEncoding>::Repr::default();
        point.as_mut()[0] = 1;
        let params = KzgParams::generator_alone();
        assert_eq!(params.get_g(), [G1Affine::from_bytes(&point).unwrap()]);
    }
}

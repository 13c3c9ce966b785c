//! What the verifier of a Halo2-KZG proof needs of an SRS.

use halo2_proofs::poly::{
    commitment::CommitmentScheme,
    kzg::commitment::{KZGCommitmentScheme, ParamsKZG},
};
use halo2curves::bn256::{Bn256, G1Affine, G2Affine};

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
}

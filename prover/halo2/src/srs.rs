//! The structured reference string (SRS): powers of a secret s in BN254's first group, and their Lagrange form.

use std::{borrow::Cow, ops::Range};

use halo2_proofs::{SerdeFormat, poly::kzg::commitment::ParamsKZG};
use halo2curves::{
    bn256::{Bn256, G1Affine, G2Affine},
    serde::SerdeObject,
};
use rayon::prelude::*;
use zeno_srs::{SrsError, layout::G1_BYTES};

/// Points of a reference string, read in ranges, so that it need not lie in memory.
pub trait SrsPoints: Sync {
    /// Binary logarithm of n, the number of powers.
    fn k(&self) -> u32;

    /// Points s^i G1 for i in the range, which ends at n or before.
    ///
    /// # Errors
    /// Fails when the source can't be read, or has infinity or no points there.
    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError>;

    /// Points l_i(s) G1 for i in the range, with l_i the Lagrange polynomials over the subgroup of order n.
    ///
    /// # Errors
    /// The same as [`SrsPoints::g`]'s.
    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError>;

    /// Generator of the second group.
    fn g2(&self) -> G2Affine;

    /// Point s G2.
    fn s_g2(&self) -> G2Affine;
}

/// SRS of the cache folder.
impl SrsPoints for zeno_srs::Srs {
    fn k(&self) -> u32 {
        self.k()
    }

    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        self.g(range).map(Cow::Owned)
    }

    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        self.g_lagrange(range).map(Cow::Owned)
    }

    fn g2(&self) -> G2Affine {
        self.g2()
    }

    fn s_g2(&self) -> G2Affine {
        self.s_g2()
    }
}

/// Reference string in memory.
#[derive(Clone, Debug)]
pub struct MemorySrs {
    k: u32,
    g: Vec<G1Affine>,
    g_lagrange: Vec<G1Affine>,
    g2: G2Affine,
    s_g2: G2Affine,
}

/// Copies halo2's parameters. They give their Lagrange form only when they are serialised.
impl From<&ParamsKZG<Bn256>> for MemorySrs {
    fn from(params: &ParamsKZG<Bn256>) -> Self {
        let mut bytes = Vec::new();
        params
            .write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked)
            .expect("writing to memory doesn't fail");
        let k = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
        let (g, rest) = bytes[4..].split_at(G1_BYTES << k);
        let points = |bytes: &[u8]| {
            bytes.par_chunks_exact(G1_BYTES).map(G1Affine::from_raw_bytes_unchecked).collect::<Vec<_>>()
        };
        Self {
            k,
            g: points(g),
            g_lagrange: points(&rest[..G1_BYTES << k]),
            g2: params.g2(),
            s_g2: params.s_g2(),
        }
    }
}

impl SrsPoints for MemorySrs {
    fn k(&self) -> u32 {
        self.k
    }

    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        Ok(Cow::Borrowed(&self.g[range]))
    }

    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        Ok(Cow::Borrowed(&self.g_lagrange[range]))
    }

    fn g2(&self) -> G2Affine {
        self.g2
    }

    fn s_g2(&self) -> G2Affine {
        self.s_g2
    }
}

//! Fixtures of the tests: correct files, made from a known secret.

use std::{convert::Infallible, sync::LazyLock};

use halo2curves::{
    bn256::{Fq, Fr, G1Affine, G2Affine},
    ff::{Field, PrimeField},
    group::Curve,
};
use rand_core::{Error, RngCore};

use crate::{
    curve::{encode_g1, encode_g2},
    development,
    fixed_base::FixedBaseTable,
};

/// RNG that always gives the same byte.
pub(crate) struct FixedByte(pub(crate) u8);

impl RngCore for FixedByte {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes([self.0; 4])
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes([self.0; 8])
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// Raw bytes of `[scalar] H`, for the generator `H` of G2.
pub(crate) fn g2_bytes(scalar: Fr) -> [u8; 128] {
    encode_g2(&(G2Affine::generator() * scalar).to_affine())
}

/// The `.srs` file for `2^k` with the secret `tau`.
pub(crate) fn srs_bytes(k: u32, tau: Fr) -> Vec<u8> {
    static TABLE: LazyLock<FixedBaseTable> = LazyLock::new(|| FixedBaseTable::new(G1Affine::generator()));
    let mut bytes = Vec::new();
    let s_g2 = (G2Affine::generator() * tau).to_affine();
    let Ok(()) = development::write(k, tau, &s_g2, &TABLE, &(), |part| -> Result<(), Infallible> {
        bytes.extend_from_slice(part);
        Ok(())
    });
    bytes
}

/// A `.ptau` file that a test may alter before it is written.
#[derive(Clone)]
pub(crate) struct PtauWriter {
    pub(crate) version: u32,
    /// Number and content of each section.
    pub(crate) sections: Vec<(u32, Vec<u8>)>,
}

impl PtauWriter {
    /// The file of power `power` with the secret `tau`. Each point is computed by its own scalar multiplication.
    pub(crate) fn new(power: u32, tau: Fr) -> Self {
        let mut modulus = hex::decode(Fq::MODULUS.trim_start_matches("0x")).unwrap();
        modulus.reverse();
        let header =
            [&32_u32.to_le_bytes(), modulus.as_slice(), &power.to_le_bytes(), &28_u32.to_le_bytes()].concat();
        let power_of_tau = |exponent: u64| tau.pow_vartime([exponent]);
        let tau_g1 = g1_bytes((0..(2 << power) - 1).map(power_of_tau));
        let tau_g2 = (0..1 << power).map(power_of_tau).flat_map(g2_bytes).collect();
        let lagrange = (0..=power + 1).flat_map(|k| g1_bytes(snarkjs_lagrange(k, tau).into_iter())).collect();
        // Sections that are not read: alphaTauG1, betaTauG1, betaG2, contributions.
        let other = vec![0x5a; 99];
        let sections = vec![
            (1, header),
            (2, tau_g1),
            (3, tau_g2),
            (4, other.clone()),
            (5, other.clone()),
            (6, other.clone()),
            (7, other.clone()),
            (12, lagrange),
            (13, other),
        ];
        Self { version: 1, sections }
    }

    /// The content of a section.
    pub(crate) fn section(&mut self, id: u32) -> &mut Vec<u8> {
        &mut self.sections.iter_mut().find(|section| section.0 == id).unwrap().1
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"ptau".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.sections.len() as u32).to_le_bytes());
        for (id, content) in &self.sections {
            bytes.extend(id.to_le_bytes());
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(content);
        }
        bytes
    }
}

fn g1_bytes(scalars: impl Iterator<Item = Fr>) -> Vec<u8> {
    let points: Vec<G1Affine> = scalars.map(|scalar| (G1Affine::generator() * scalar).to_affine()).collect();
    encode_g1(&points)
}

/// `L_i(tau)` in snarkjs's order. The generator of the domain for `2^28` is ffjavascript's `Fr.w[28]`.
fn snarkjs_lagrange(k: u32, tau: Fr) -> Vec<Fr> {
    let mut generator =
        Fr::from_str_vartime("19103219067921713944291392827692070036145651957329286315305642004821462161904")
            .unwrap();
    for _ in k..28 {
        generator = generator.square();
    }
    let n = Fr::from(1 << k);
    (0..1_u64 << k)
        .map(|index| {
            let root = generator.pow_vartime([index]);
            (tau.pow_vartime([1_u64 << k]) - Fr::ONE) * root * (n * (tau - root)).invert().unwrap()
        })
        .collect()
}

//! Verifying key of EVM proofs.

use std::ops::RangeInclusive;

use alloy_primitives::{B256, U256, keccak256};
use halo2_base::gates::circuit::{BaseCircuitParams, builder::BaseCircuitBuilder};
use halo2_proofs::{
    SerdeFormat,
    plonk::{Circuit, ConstraintSystem, VerifyingKey, permutation},
    poly::kzg::commitment::ParamsKZG,
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine, G2, G2Affine},
    group::{Curve, prime::PrimeCurveAffine},
    serde::SerdeObject,
};
use thiserror::Error;

use super::{
    curve::{G1_BYTES, G2_BYTES, SCALAR_MODULUS, read_g1, read_g2, write_g1, write_g2},
    evaluation_domain::evaluation_domain,
    pins,
    srs_origin::SrsOrigin,
};

/// First eight bytes of every key: mark and version.
const MAGIC: [u8; 8] = *b"ZENOEVK\x01";
/// Allowed values of k, for 2^k rows. The instances and the rows for blinding take more than 2^5 rows. The quotient
/// takes a domain four times as large as the rows, and the scalar field's largest subgroup has 2^28 elements.
const DEGREES: RangeInclusive<u32> = 6..=26;

/// Count of commitments in a key: to the four fixed columns (two selectors, constants, the lookup table), and one for
/// each of the three columns under the permutation argument.
const POINTS: usize = 7;
/// Length of a key, in bytes.
const LENGTH: usize = MAGIC.len() + 1 + 64 + G2_BYTES + POINTS * G1_BYTES + 32;

/// Largest secret that is refused, as is its negative: anybody finds small secrets by trying.
const SMALL_SECRETS: usize = 256;

/// Key of the release in `config/guest/evm/3` under the development SRS, made by `zeno setup`.
static INSECURE_DEV: &[u8] = include_bytes!("../../../config/guest/evm/3/evm-verifying-key-insecure-dev");

/// Verifying key of EVM proofs: the wrapper circuit's Halo2 key, the secret of the SRS in G2, and the commitments that
/// pin the guest and the virtual machine.
///
/// It holds the same values as the generated contract, so both accept the same proofs.
#[derive(Clone, Debug)]
pub struct EvmVerifyingKey {
    vk: VerifyingKey<G1Affine>,
    params: ParamsKZG<Bn256>,
    app_exe_commitment: B256,
    app_vm_commitment: B256,
}

/// Reason why something is not a verifying key of EVM proofs.
#[derive(Debug, Error)]
pub enum EvmKeyError {
    /// The bytes don't start with the mark and version of this format.
    #[error("not a Zeno verifying key of EVM proofs, of format 1")]
    Foreign,
    /// The count of bytes is not the length of a key.
    #[error("a key has {LENGTH} bytes, this one has {0}")]
    Length(usize),
    /// The bytes were altered or damaged.
    #[error("altered or damaged: the checksum is {actual}, the key says {stated}")]
    Checksum {
        /// keccak256 of the bytes before the checksum.
        actual: B256,
        /// The checksum in the key.
        stated: B256,
    },
    /// The circuit has too few or too many rows.
    #[error("the circuit has 2^{0} rows, expected 2^{min} to 2^{max}", min = DEGREES.start(), max = DEGREES.end())]
    Degree(u32),
    /// The circuit doesn't have the one configuration whose proofs contracts take.
    #[error(
        "a key of another circuit: one column of advice, constants and instances each, with lookups by a selector and \
         without compression of selectors, is what contracts take proofs of"
    )]
    OtherCircuit,
    /// The commitment to the guest or to the virtual machine is no element of BN254's scalar field.
    #[error("the commitment {0} is not less than BN254's scalar modulus")]
    Commitment(B256),
    /// A commitment of the circuit is not a point of BN254's G1, or is the identity.
    #[error("commitment {0} of the circuit is not a point of BN254's G1 other than the identity")]
    Point(usize),
    /// `s_g2` of the SRS, `[tau] H`, is not in BN254's G2, or is the identity.
    #[error("the secret of the SRS in G2 is not a point of BN254's G2 other than the identity")]
    Secret,
    /// The secret of the SRS, or its negative, is so small that anybody finds it by trying.
    #[error(
        "the secret of the SRS is a number below {SMALL_SECRETS} or its negative, so anybody can forge proofs under it"
    )]
    SmallSecret,
    /// The key is neither in this program's table nor the one that was named.
    #[error(
        "the key with digest {digest}, SRS {srs}, is none that this program knows, and whoever made it can forge what it \
         accepts; compare the digest with the one that `zeno setup` gives under an SRS that you trust"
    )]
    NotPinned {
        /// The key's [`digest`](EvmVerifyingKey::digest).
        digest: B256,
        /// The [`label`](SrsOrigin::label) of the key's SRS.
        srs: &'static str,
    },
}

impl EvmVerifyingKey {
    /// Assembles a key.
    ///
    /// - `vk` is the wrapper circuit's Halo2 key.
    /// - `s_g2` is the secret in G2, `[tau] H`, of the SRS that `vk` was made from. The SRS's other points for
    ///   verification are the generators.
    /// - The commitments are of the guest and the virtual machine whose proofs the key shall accept. They are elements
    ///   of BN254's scalar field, big-endian.
    ///
    /// # Errors
    /// [`EvmKeyError`] when the circuit has another configuration, or when a part is out of range.
    pub fn new(
        vk: &VerifyingKey<G1Affine>,
        s_g2: G2Affine,
        app_exe_commitment: B256,
        app_vm_commitment: B256,
    ) -> Result<Self, EvmKeyError> {
        // The same checks as those of a key that is decoded.
        let s_g2 = read_g2(&write_g2(&s_g2)).ok_or(EvmKeyError::Secret)?;
        let points = vk.fixed_commitments().iter().chain(vk.permutation().commitments()).copied().collect();
        let k = vk.get_domain().k();
        let key = Self::assemble(k, points, s_g2, app_exe_commitment, app_vm_commitment)?;
        // This is a digest of everything in the circuit's key that verification depends on.
        if key.vk.transcript_repr() != vk.transcript_repr() {
            return Err(EvmKeyError::OtherCircuit);
        }
        Ok(key)
    }

    /// Returns the key of the guest that this program was built with, under the development SRS. INSECURE: anybody can
    /// make a proof that it accepts.
    ///
    /// # Errors
    /// [`EvmKeyError`] when the file in `config/guest/evm/3` was not a key at build time.
    pub fn insecure_dev() -> Result<Self, EvmKeyError> {
        Self::decode(INSECURE_DEV)
    }

    /// Decodes a key from an untrusted source, such as a folder.
    ///
    /// The key is accepted if this program knows it ([`is_pinned`](Self::is_pinned)), or if its
    /// [`digest`](Self::digest) is `accepted`. The user names that digest, and has it from a trusted source.
    ///
    /// The key under the development SRS may be pinned too. [`verify_evm`](super::verify_evm) refuses it unless it is
    /// told otherwise.
    ///
    /// # Errors
    /// The same as [`decode`](Self::decode)'s, and [`EvmKeyError::NotPinned`].
    pub fn decode_pinned(bytes: &[u8], accepted: Option<B256>) -> Result<Self, EvmKeyError> {
        let key = Self::decode(bytes)?;
        let digest = key.digest();
        if accepted == Some(digest) || key.is_pinned() {
            return Ok(key);
        }
        Err(EvmKeyError::NotPinned { digest, srs: key.origin().label() })
    }

    /// Decodes the bytes that [`encode`](Self::encode) gives, no matter who made them.
    ///
    /// A key decides what is believed, and its maker chose the commitments in it. A key of another circuit, or under an
    /// SRS whose secret somebody knows, accepts forged proofs. So use this function only if the bytes come from the
    /// source of the program, or were just made. In all other cases, use [`decode_pinned`](Self::decode_pinned). Never
    /// take a key from the sender of a proof.
    ///
    /// # Errors
    /// [`EvmKeyError`] when `bytes` is no such key.
    pub fn decode(bytes: &[u8]) -> Result<Self, EvmKeyError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(EvmKeyError::Foreign);
        }
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| EvmKeyError::Length(bytes.len()))?;
        let (body, checksum) = bytes.split_at(LENGTH - 32);
        let (actual, stated) = (keccak256(body), B256::from_slice(checksum));
        if actual != stated {
            return Err(EvmKeyError::Checksum { actual, stated });
        }
        let (commitments, body) = body[MAGIC.len() + 1..].split_at(64);
        let (app_exe_commitment, app_vm_commitment) = commitments.split_at(32);
        let s_g2 = body.first_chunk().and_then(read_g2).ok_or(EvmKeyError::Secret)?;
        let (points, _) = body[G2_BYTES..].as_chunks();
        let points = points
            .iter()
            .enumerate()
            .map(|(index, bytes)| read_g1(bytes).ok_or(EvmKeyError::Point(index)))
            .collect::<Result<_, _>>()?;
        let [app_exe_commitment, app_vm_commitment] =
            [app_exe_commitment, app_vm_commitment].map(B256::from_slice);
        Self::assemble(bytes[MAGIC.len()].into(), points, s_g2, app_exe_commitment, app_vm_commitment)
    }

    /// Encodes the key. Points and commitments are big-endian words:
    ///
    /// | bytes | content |
    /// |---|---|
    /// | 8 | `ZENOEVK` and a byte 1, the version of this layout |
    /// | 1 | k, for 2^k rows of the circuit |
    /// | 32 | commitment to the guest program |
    /// | 32 | commitment to the virtual machine |
    /// | 128 | the secret of the SRS in G2: x.c1, x.c0, y.c1, y.c0 (EIP-197) |
    /// | 4 · 64 | commitments to the fixed columns: x, y each (EIP-196) |
    /// | 3 · 64 | commitments to the permutation, one for each column under it |
    /// | 32 | keccak256 of everything before |
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(self.vk.get_domain().k() as u8);
        bytes.extend(self.app_exe_commitment);
        bytes.extend(self.app_vm_commitment);
        bytes.extend(write_g2(&self.params.s_g2()));
        for point in self.vk.fixed_commitments().iter().chain(self.vk.permutation().commitments()) {
            bytes.extend(write_g1(point));
        }
        bytes.extend(keccak256(&bytes));
        bytes
    }

    /// Returns the checksum at the end of [`encode`](Self::encode)'s bytes: keccak256 of everything before. Two keys
    /// with the same digest accept the same proofs.
    pub fn digest(&self) -> B256 {
        let bytes = self.encode();
        B256::from_slice(&bytes[LENGTH - 32..])
    }

    /// Returns the origin of the key's SRS. A proof is worth something to others only under the SRS of a ceremony.
    pub fn origin(&self) -> SrsOrigin {
        SrsOrigin::of(&self.params.s_g2())
    }

    /// Returns whether this program knows the key: the built-in table has its digest in the row of its SRS. That
    /// includes the key under the development SRS, which is insecure.
    pub fn is_pinned(&self) -> bool {
        pins::is_pinned(self.digest(), self.origin())
    }

    /// Returns whether the key is under the development SRS, whose secret is public. Then anybody can make a proof of
    /// anything. Other keys are not necessarily secure; see [`origin`](Self::origin).
    pub fn is_insecure(&self) -> bool {
        self.origin() == SrsOrigin::Development
    }

    /// Commitment to the guest program: its code, initial memory and entry point.
    pub fn app_exe_commitment(&self) -> B256 {
        self.app_exe_commitment
    }

    /// Commitment to the virtual machine and to the circuits that aggregate its proofs.
    pub fn app_vm_commitment(&self) -> B256 {
        self.app_vm_commitment
    }

    /// Secret of the SRS in G2, `[tau] H`, which tells one SRS from another.
    pub fn s_g2(&self) -> G2Affine {
        self.params.s_g2()
    }

    /// Representation of the circuit's key in a transcript: a digest of all its parts, as a big-endian scalar.
    #[cfg(feature = "contracts")]
    pub(crate) fn circuit_digest(&self) -> [u8; 32] {
        super::curve::word(self.vk.transcript_repr())
    }

    /// Negative of [`s_g2`](Self::s_g2) in the order of the EVM's pairing: x.c1, x.c0, y.c1, y.c0.
    #[cfg(feature = "contracts")]
    pub(crate) fn minus_s_g2(&self) -> [[u8; 32]; 4] {
        let bytes = write_g2(&-self.params.s_g2());
        let (words, _) = bytes.as_chunks();
        std::array::from_fn(|index| words[index])
    }

    /// Logarithm k of the circuit's count of rows, 2^k.
    #[cfg(feature = "contracts")]
    pub(crate) fn k(&self) -> u32 {
        self.vk.get_domain().k()
    }

    /// Generator of the evaluation domain over the rows.
    #[cfg(feature = "contracts")]
    pub(crate) fn omega(&self) -> Fr {
        self.vk.get_domain().get_omega()
    }

    /// Commitments to the fixed columns, then those to the permutation: x, y each, big-endian.
    #[cfg(feature = "contracts")]
    pub(crate) fn points(&self) -> impl Iterator<Item = [[u8; 32]; 2]> {
        let points = self.vk.fixed_commitments().iter().chain(self.vk.permutation().commitments());
        points.map(|point| [point.x, point.y].map(super::curve::word))
    }

    /// Halo2 key of the wrapper circuit.
    pub(crate) fn vk(&self) -> &VerifyingKey<G1Affine> {
        &self.vk
    }

    /// Points of the SRS that verification needs.
    pub(crate) fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// Checks the parts and assembles a key. `points` are the commitments to the fixed columns, then those to the
    /// permutation.
    pub(crate) fn assemble(
        k: u32,
        mut points: Vec<G1Affine>,
        s_g2: G2Affine,
        app_exe_commitment: B256,
        app_vm_commitment: B256,
    ) -> Result<Self, EvmKeyError> {
        for commitment in [app_exe_commitment, app_vm_commitment] {
            if U256::from_be_bytes(commitment.0) >= SCALAR_MODULUS {
                return Err(EvmKeyError::Commitment(commitment));
            }
        }
        if !DEGREES.contains(&k) {
            return Err(EvmKeyError::Degree(k));
        }
        if is_small_secret(&s_g2) {
            return Err(EvmKeyError::SmallSecret);
        }
        if points.len() != POINTS {
            return Err(EvmKeyError::OtherCircuit);
        }
        if let Some(index) = points.iter().position(|point| bool::from(point.is_identity())) {
            return Err(EvmKeyError::Point(index));
        }
        let cs = constraint_system(k);
        let domain = evaluation_domain(cs.degree(), k);
        let permutation =
            permutation::VerifyingKey::from_commitments(points.split_off(cs.num_fixed_columns()));
        let vk = VerifyingKey::from_parts(domain, points, permutation, cs, Vec::new(), false);
        Ok(Self { vk, params: verifier_params(k, s_g2), app_exe_commitment, app_vm_commitment })
    }
}

/// Returns whether `s_g2` is a multiple of the generator by at most [`SMALL_SECRETS`], or the negative of one.
fn is_small_secret(s_g2: &G2Affine) -> bool {
    let generator = G2::generator();
    let multiples: Vec<G2> = std::iter::successors(Some(generator), |multiple| Some(multiple + generator))
        .take(SMALL_SECRETS)
        .collect();
    let mut affine = vec![G2Affine::identity(); SMALL_SECRETS];
    G2::batch_normalize(&multiples, &mut affine);
    affine.iter().any(|multiple| multiple.x == s_g2.x)
}

/// Builds the wrapper circuit's constraint system, with fixed columns for selectors. Every other configuration of
/// `halo2-base` gives proofs of another length.
fn constraint_system(k: u32) -> ConstraintSystem<Fr> {
    let params = BaseCircuitParams {
        k: k as usize,
        num_advice_per_phase: vec![1],
        num_fixed: 1,
        num_lookup_advice_per_phase: vec![1],
        // The size of the lookup table affects its commitment alone.
        lookup_bits: Some(1),
        num_instance_columns: 1,
    };
    let mut cs = ConstraintSystem::default();
    let _ = BaseCircuitBuilder::<Fr>::configure_with_params(&mut cs, params);
    let selectors = vec![Vec::new(); cs.num_selectors()];
    cs.directly_convert_selectors_to_fixed(selectors).0
}

/// Builds an SRS of the generators and the secret in G2 alone. Verification needs no other points.
fn verifier_params(k: u32, s_g2: G2Affine) -> ParamsKZG<Bn256> {
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    // halo2 assembles an SRS only out of another one. This is the smallest, for k = 0.
    let mut smallest = 0u32.to_le_bytes().to_vec();
    for _monomial_and_lagrange in 0..2 {
        smallest.extend(g1.to_raw_bytes());
    }
    for point in [g2, s_g2] {
        smallest.extend(point.to_raw_bytes());
    }
    ParamsKZG::<Bn256>::read_custom(&mut smallest.as_slice(), SerdeFormat::RawBytesUnchecked)
        .expect("four points, as halo2 writes them")
        .from_parts(k, vec![g1], Some(Vec::new()), g2, s_g2)
}

#[cfg(test)]
mod tests {
    use super::{
        super::proof_words::{COMMITMENTS, EVALUATIONS, INSTANCES},
        *,
    };

    /// Counts of commitments and evaluations in a proof, without the two points of the opening.
    fn proof_shape(cs: &ConstraintSystem<Fr>) -> (usize, usize) {
        let (lookups, degree) = (cs.lookups().len(), cs.degree());
        let permuted = cs.permutation().get_columns().len();
        // Each set of the permutation's columns has a grand product. All but the last are opened at three points.
        let sets = permuted.div_ceil(degree - 2);
        // Three for each lookup; the blinding polynomial; the quotient's pieces.
        let commitments = cs.num_advice_columns() + 3 * lookups + sets + 1 + (degree - 1);
        let queries = cs.advice_queries().len() + cs.fixed_queries().len();
        (commitments, queries + 1 + permuted + 3 * sets - 1 + 5 * lookups)
    }

    #[test]
    fn proofs_have_the_parts_that_contracts_take() {
        let cs = constraint_system(23);
        assert_eq!(proof_shape(&cs), (COMMITMENTS, EVALUATIONS));
        assert_eq!(cs.num_fixed_columns() + cs.permutation().get_columns().len(), POINTS);
        assert!(1 << DEGREES.start() > INSTANCES + cs.blinding_factors());
        assert_eq!(cs.degree(), 5, "DEGREES relies on it");
    }
}

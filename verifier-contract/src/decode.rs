//! Decoding of a STARK from untrusted bytes.
//!
//! The encoding is that of `openvm_verify_stark_host::VmStarkProof::encode`. Its own decoder trusts the counts in the
//! bytes. Items of width zero (a row of zero columns) take no input, so a few bytes make it allocate without end.
//!
//! Here every count equals the one that the verifying key prescribes, or is at most a small bound, before memory is
//! allocated for it. The STARK verifier checks the rest of the shape.

use std::{io::Error as IoError, marker::PhantomData};

use openvm_circuit::system::memory::merkle::public_values::UserPublicValuesProof;
use openvm_stark_backend::{
    StarkProtocolConfig, WhirRoundConfig,
    codec::{DecodableConfig, Decode},
    keygen::types::MultiStarkVerifyingKey,
    proof::{BatchConstraintProof, GkrLayerClaims, GkrProof, Proof, StackingProof, TraceVData, WhirProof},
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2Config as SC, DIGEST_SIZE, F};
use openvm_verify_stark_host::{VmStarkProof, vk::VmStarkVerifyingKey};
use thiserror::Error;

/// Version of `openvm_stark_backend`'s encoding of proofs, which this module reads.
const CODEC_VERSION: usize = 3;
/// Bound on the depth of Merkle trees and on the GKR layers. Over a 31-bit field with two-adicity 27, none is deeper.
const MAX_LAYERS: usize = 64;

/// Reason why bytes are not a STARK of the shape that the verifying key prescribes.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The bytes end early, or a number is not a field element.
    #[error("{0}")]
    Malformed(#[from] IoError),
    /// A count differs from the prescribed one.
    #[error("{what}: {actual}, expected {expected}")]
    Count {
        /// Name of the count.
        what: &'static str,
        /// The count in the proof.
        actual: usize,
        /// The count that the verifying key prescribes.
        expected: usize,
    },
    /// A count exceeds its bound.
    #[error("{what}: {actual}, more than {limit}")]
    TooMany {
        /// Name of the count.
        what: &'static str,
        /// The count in the proof.
        actual: usize,
        /// The bound, inclusive.
        limit: usize,
    },
    /// Bytes follow the proof.
    #[error("{0} bytes follow the proof")]
    TrailingBytes(usize),
}

type Result<T> = std::result::Result<T, DecodeError>;

/// Decodes the STARK in `bytes`, whose shape `key` prescribes.
pub(crate) fn decode_stark(bytes: &[u8], key: &VmStarkVerifyingKey) -> Result<VmStarkProof> {
    let mut input = Input::<SC>::new(bytes);
    let inner = input.proof(&key.mvk)?;
    let baseline = &key.baseline;
    let height = baseline.memory_dimensions.overall_height();
    let user_pvs_proof = input.public_values(height, baseline.num_user_pvs)?;
    // This virtual machine has no deferrals, so a proof has no Merkle proofs for them.
    input.exactly_byte("deferral proofs", 0)?;
    input.end()?;
    Ok(VmStarkProof { inner, user_pvs_proof, deferral_merkle_proofs: None })
}

/// Decodes a proof in the encoding of `openvm_stark_backend::codec`, whose circuit has the verifying key `key`.
///
/// It is for provers, which read back what they wrote to a file. It doesn't check the proof's validity.
///
/// # Errors
/// [`DecodeError`] when the bytes are no proof of the shape that the key prescribes. No more memory is allocated than
/// such a proof takes.
pub fn decode_proof<C: DecodableConfig>(bytes: &[u8], key: &MultiStarkVerifyingKey<C>) -> Result<Proof<C>> {
    let mut input = Input::<C>::new(bytes);
    let proof = input.proof(key)?;
    input.end()?;
    Ok(proof)
}

/// Decodes the Merkle proof of the `count` values that a program revealed, in a memory tree of height `height`.
///
/// It is for provers, like [`decode_proof`].
///
/// # Errors
/// [`DecodeError`] when the bytes are no such proof.
pub fn decode_public_values(
    bytes: &[u8],
    height: usize,
    count: usize,
) -> Result<UserPublicValuesProof<DIGEST_SIZE, F>> {
    let mut input = Input::<SC>::new(bytes);
    let proof = input.public_values(height, count)?;
    input.end()?;
    Ok(proof)
}

/// Bytes left to read, of proofs in the configuration `C`.
struct Input<'a, C>(&'a [u8], PhantomData<C>);

/// Values opened by WHIR queries, with their Merkle proofs. Both have one entry for each commitment.
struct Openings<V, D> {
    values: Vec<V>,
    /// `[commitments × queries × depth]` digests.
    merkle_proofs: Vec<Vec<Vec<D>>>,
}

/// Openings of the stacked matrices in the first WHIR round: `[commitments × queries × 2^k_whir × width]` elements.
type InitialOpenings<C> =
    Openings<Vec<Vec<Vec<<C as StarkProtocolConfig>::F>>>, <C as StarkProtocolConfig>::Digest>;

/// Openings of the codewords in the later WHIR rounds: `[codewords × queries × 2^k_whir]` extension elements.
type CodewordOpenings<C> =
    Openings<Vec<Vec<<C as StarkProtocolConfig>::EF>>, <C as StarkProtocolConfig>::Digest>;

impl Input<'_, SC> {
    fn public_values(
        &mut self,
        height: usize,
        count: usize,
    ) -> Result<UserPublicValuesProof<DIGEST_SIZE, F>> {
        let subtree = (count / DIGEST_SIZE).max(1).ilog2() as usize;
        let siblings = self.exactly("siblings of the public values", height.saturating_sub(subtree))?;
        let proof = self.digests(siblings)?;
        let values = self.exactly("public values of the program", count)?;
        Ok(UserPublicValuesProof {
            proof,
            public_values: self.base(values)?,
            public_values_commit: self.digest()?,
        })
    }
}

impl<'a, C: DecodableConfig> Input<'a, C> {
    fn new(bytes: &'a [u8]) -> Self {
        Self(bytes, PhantomData)
    }

    /// Checks that no bytes are left.
    fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes(self.0.len())) }
    }

    fn proof(&mut self, mvk: &MultiStarkVerifyingKey<C>) -> Result<Proof<C>> {
        let airs = &mvk.inner.per_air;
        let params = &mvk.inner.params;
        self.exactly("codec version", CODEC_VERSION)?;
        let common_main_commit = self.digest()?;

        self.exactly("tables", airs.len())?;
        let present = self.presence(airs.len())?;
        let mut trace_vdata = Vec::with_capacity(airs.len());
        for (air, &present) in airs.iter().zip(&present) {
            trace_vdata.push(match present {
                false => None,
                true => {
                    let log_height = self.at_most("log height of a table", params.log_stacked_height())?;
                    let commitments = self.exactly("cached commitments", air.num_cached_mains())?;
                    Some(TraceVData { log_height, cached_commitments: self.digests(commitments)? })
                }
            });
        }
        self.exactly("tables with public values", airs.len())?;
        let mut public_values = Vec::with_capacity(airs.len());
        for (air, &present) in airs.iter().zip(&present) {
            let expected = if present { air.params.num_public_values } else { 0 };
            let values = self.exactly("public values of a table", expected)?;
            public_values.push(self.base(values)?);
        }
        let present = present.into_iter().filter(|&present| present).count();

        let gkr_proof = self.gkr()?;
        let batch_constraint_proof = self.batch_constraints(mvk, present)?;
        let stacking_proof = self.stacking(mvk)?;
        let whir_proof = self.whir(mvk, &stacking_proof)?;
        Ok(Proof {
            common_main_commit,
            trace_vdata,
            public_values,
            gkr_proof,
            batch_constraint_proof,
            stacking_proof,
            whir_proof,
        })
    }

    /// Reads which tables are present: one bit a table, the least significant bit of a byte first. Spare bits are zero.
    fn presence(&mut self, tables: usize) -> Result<Vec<bool>> {
        let mut present = Vec::with_capacity(tables);
        while present.len() < tables {
            let byte = u8::decode(&mut self.0)?;
            let bits = (tables - present.len()).min(8);
            if usize::from(byte) >> bits != 0 {
                return Err(DecodeError::Malformed(IoError::other(
                    "spare bits of the tables' bitmap are set",
                )));
            }
            present.extend((0..bits).map(|bit| byte >> bit & 1 == 1));
        }
        Ok(present)
    }

    fn gkr(&mut self) -> Result<GkrProof<C>> {
        let logup_pow_witness = self.base_element()?;
        let q0_claim = self.extension_element()?;
        let layers = self.at_most("GKR layers", MAX_LAYERS)?;
        let mut claims_per_layer = Vec::with_capacity(layers);
        for _ in 0..layers {
            claims_per_layer.push(GkrLayerClaims {
                p_xi_0: self.extension_element()?,
                p_xi_1: self.extension_element()?,
                q_xi_0: self.extension_element()?,
                q_xi_1: self.extension_element()?,
            });
        }
        let mut sumcheck_polys = Vec::with_capacity(layers);
        for round in 1..layers {
            sumcheck_polys.push(self.extension_arrays(round)?);
        }
        Ok(GkrProof { logup_pow_witness, q0_claim, claims_per_layer, sumcheck_polys })
    }

    fn batch_constraints(
        &mut self,
        mvk: &MultiStarkVerifyingKey<C>,
        present: usize,
    ) -> Result<BatchConstraintProof<C>> {
        let params = &mvk.inner.params;
        let degree = mvk.inner.max_constraint_degree() + 1;
        self.exactly("LogUp terms", present)?;
        let numerator_term_per_air = self.extension(present)?;
        let denominator_term_per_air = self.extension(present)?;
        let coefficients =
            self.exactly("coefficients of the univariate round", degree * ((1 << params.l_skip) - 1) + 1)?;
        let univariate_round_coeffs = self.extension(coefficients)?;
        let rounds = self.at_most("rounds of the constraints' sumcheck", params.n_stack)?;
        let mut sumcheck_round_polys = Vec::with_capacity(rounds);
        if rounds > 0 {
            self.exactly("evaluations of a sumcheck round", degree)?;
            for _ in 0..rounds {
                sumcheck_round_polys.push(self.extension(degree)?);
            }
        }
        // The tables are sorted by height here, so the widths are only bounded. The verifier compares them.
        let airs = &mvk.inner.per_air;
        let most_parts = airs.iter().map(|air| air.num_parts()).max().unwrap_or_default();
        let widest = airs.iter().map(|air| 2 * air.params.width.total_width()).max().unwrap_or_default();
        let mut column_openings = Vec::with_capacity(present);
        for _ in 0..present {
            let parts = self.at_most("parts of a table", most_parts)?;
            let mut openings = Vec::with_capacity(parts);
            for _ in 0..parts {
                let columns = self.at_most("openings of a table's part", widest)?;
                openings.push(self.extension(columns)?);
            }
            column_openings.push(openings);
        }
        Ok(BatchConstraintProof {
            numerator_term_per_air,
            denominator_term_per_air,
            univariate_round_coeffs,
            sumcheck_round_polys,
            column_openings,
        })
    }

    fn stacking(&mut self, mvk: &MultiStarkVerifyingKey<C>) -> Result<StackingProof<C>> {
        let params = &mvk.inner.params;
        let coefficients =
            self.exactly("coefficients of the stacking round", 2 * ((1 << params.l_skip) - 1) + 1)?;
        let univariate_round_coeffs = self.extension(coefficients)?;
        let rounds = self.exactly("rounds of the stacking sumcheck", params.n_stack)?;
        let sumcheck_round_polys = self.extension_arrays(rounds)?;
        // One commitment for all the main tables, and one for each preprocessed and each cached table.
        let separate: usize = mvk.inner.per_air.iter().map(|air| air.num_parts() - 1).sum();
        let commitments = self.at_most("stacked commitments", 1 + separate)?;
        let mut stacking_openings = Vec::with_capacity(commitments);
        for _ in 0..commitments {
            let width = self.at_most("openings of a stacked commitment", params.w_stack)?;
            stacking_openings.push(self.extension(width)?);
        }
        Ok(StackingProof { univariate_round_coeffs, sumcheck_round_polys, stacking_openings })
    }

    fn whir(&mut self, mvk: &MultiStarkVerifyingKey<C>, stacking: &StackingProof<C>) -> Result<WhirProof<C>> {
        let params = &mvk.inner.params;
        let rounds = &params.whir.rounds;
        let folds = 1 << params.k_whir();
        let mu_pow_witness = self.base_element()?;
        let sumcheck_rounds =
            self.exactly("rounds of the WHIR sumcheck", params.num_whir_sumcheck_rounds())?;
        let whir_sumcheck_polys = self.extension_arrays(sumcheck_rounds)?;
        let codewords = self.exactly("WHIR codewords", rounds.len().saturating_sub(1))?;
        let codeword_commits = self.digests(codewords)?;
        let ood_values = self.extension(codewords)?;
        let folding_pow_witnesses = self.base(sumcheck_rounds)?;
        let query_phase_pow_witnesses = self.base(rounds.len())?;

        let initial = self.initial_openings(rounds, folds, stacking)?;
        let codeword = self.codeword_openings(rounds, folds)?;
        let coefficients =
            self.exactly("coefficients of the last polynomial", 1 << params.log_final_poly_len())?;
        Ok(WhirProof {
            mu_pow_witness,
            whir_sumcheck_polys,
            codeword_commits,
            ood_values,
            folding_pow_witnesses,
            query_phase_pow_witnesses,
            initial_round_opened_rows: initial.values,
            initial_round_merkle_proofs: initial.merkle_proofs,
            codeword_opened_values: codeword.values,
            codeword_merkle_proofs: codeword.merkle_proofs,
            final_poly: self.extension(coefficients)?,
        })
    }

    /// Reads the openings of the stacked matrices: rows of the widths that the stacking proof has.
    fn initial_openings(
        &mut self,
        rounds: &[WhirRoundConfig],
        folds: usize,
        stacking: &StackingProof<C>,
    ) -> Result<InitialOpenings<C>> {
        let commitments = self.exactly("commitments opened by WHIR", stacking.stacking_openings.len())?;
        let first_queries = rounds.first().map_or(0, |round| round.num_queries);
        let queries = self.exactly("queries of the first WHIR round", first_queries)?;
        let depth = self.at_most("depth of a Merkle tree", MAX_LAYERS)?;
        let mut widths = Vec::with_capacity(commitments);
        for openings in &stacking.stacking_openings {
            widths.push(self.exactly("width of a stacked commitment", openings.len())?);
        }
        let mut values = Vec::with_capacity(commitments);
        for width in widths {
            let mut opened = Vec::with_capacity(queries);
            for _ in 0..queries {
                opened.push((0..folds).map(|_| self.base(width)).collect::<Result<Vec<_>>>()?);
            }
            values.push(opened);
        }
        let mut merkle_proofs = Vec::with_capacity(commitments);
        for _ in 0..commitments {
            merkle_proofs.push(self.merkle_proofs(queries, depth)?);
        }
        Ok(Openings { values, merkle_proofs })
    }

    /// Reads the openings of the codewords: one codeword for each round after the first.
    fn codeword_openings(&mut self, rounds: &[WhirRoundConfig], folds: usize) -> Result<CodewordOpenings<C>> {
        let codewords = rounds.len().saturating_sub(1);
        let mut values = Vec::with_capacity(codewords);
        for round in rounds.iter().skip(1) {
            let queries = self.exactly("queries of a WHIR round", round.num_queries)?;
            values.push((0..queries).map(|_| self.extension(folds)).collect::<Result<Vec<_>>>()?);
        }
        let mut depth = self.at_most("depth of a codeword's Merkle tree", MAX_LAYERS)?;
        let mut merkle_proofs = Vec::with_capacity(codewords);
        for round in rounds.iter().skip(1) {
            merkle_proofs.push(self.merkle_proofs(round.num_queries, depth)?);
            // Each codeword is half as long as the one before.
            depth = depth.saturating_sub(1);
        }
        Ok(Openings { values, merkle_proofs })
    }

    /// Reads a count, which must be `expected`.
    fn exactly(&mut self, what: &'static str, expected: usize) -> Result<usize> {
        let actual = usize::decode(&mut self.0)?;
        if actual == expected { Ok(actual) } else { Err(DecodeError::Count { what, actual, expected }) }
    }

    /// Reads a byte, which must be `expected`.
    fn exactly_byte(&mut self, what: &'static str, expected: u8) -> Result<()> {
        let actual = u8::decode(&mut self.0)?;
        if actual == expected {
            return Ok(());
        }
        Err(DecodeError::Count { what, actual: actual.into(), expected: expected.into() })
    }

    /// Reads a count of at most `limit`.
    fn at_most(&mut self, what: &'static str, limit: usize) -> Result<usize> {
        let actual = usize::decode(&mut self.0)?;
        if actual <= limit { Ok(actual) } else { Err(DecodeError::TooMany { what, actual, limit }) }
    }

    fn merkle_proofs(&mut self, queries: usize, depth: usize) -> Result<Vec<Vec<C::Digest>>> {
        (0..queries).map(|_| self.digests(depth)).collect()
    }

    fn digest(&mut self) -> Result<C::Digest> {
        Ok(C::decode_digest(&mut self.0)?)
    }

    fn digests(&mut self, count: usize) -> Result<Vec<C::Digest>> {
        Ok(C::decode_digest_n(&mut self.0, count)?)
    }

    fn base_element(&mut self) -> Result<C::F> {
        Ok(C::decode_base_field(&mut self.0)?)
    }

    fn base(&mut self, count: usize) -> Result<Vec<C::F>> {
        Ok(C::decode_base_field_n(&mut self.0, count)?)
    }

    fn extension_element(&mut self) -> Result<C::EF> {
        Ok(C::decode_extension_field(&mut self.0)?)
    }

    fn extension(&mut self, count: usize) -> Result<Vec<C::EF>> {
        Ok(C::decode_extension_field_n(&mut self.0, count)?)
    }

    fn extension_arrays<const N: usize>(&mut self, count: usize) -> Result<Vec<[C::EF; N]>> {
        let mut arrays = Vec::with_capacity(count);
        for _ in 0..count {
            let mut array = [C::EF::default(); N];
            for element in &mut array {
                *element = self.extension_element()?;
            }
            arrays.push(array);
        }
        Ok(arrays)
    }
}

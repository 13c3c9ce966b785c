//! The WHIR prover (<https://eprint.iacr.org/2024/1586>), in SWIRL's variant.
//!
//! Let `q_j` be the stacked columns and `f = Σ μ^j q_j` their combination, as a multilinear polynomial in
//! `m = l_skip + n_stack` variables whose coefficients are the code's message. The claim is
//!
//!   Σ over x in H_m of f(x) w(x) = Σ μ^j q_j(u),   with w = mobius_eq(u) at first,
//!
//! where `mobius_eq(u)(x) = Π ((1 - 2 u_i) (1 - x_i) + u_i x_i)` (`openvm-stark-backend`'s `eval_mobius_eq_mle`).
//! A round:
//!
//! 1. `k` sumcheck rounds bind variables to the folding challenges α: `f` and `w` become `f'` and `w'`.
//! 2. The codeword of `f'` is committed on a domain of half the size, and opened at an out-of-domain point `z_0`. In
//!    the last round, the coefficients of `f'` are sent instead.
//! 3. The codeword of `f` (at first, the committed matrices' rows) is opened at in-domain points `z_1, z_2, …`.
//! 4. With the challenge γ, `w` becomes `w' + γ eq(pow(z_0)) + Σ γ^(i + 1) eq(pow(z_i))`. `pow(z)` is the point
//!    `(z, z^2, z^4, …)`.

use openvm_cpu_backend::merkle::CpuMerkleTree;
use openvm_stark_backend::{
    FiatShamirTranscript, StarkProtocolConfig, SystemParams,
    poly_common::Squarable,
    proof::WhirProof,
    prover::{
        ColMajorMatrix, MatrixDimensions,
        error::WhirProverError,
        poly::{Mle, evals_eq_hypercube, evals_mobius_eq_hypercube},
    },
};
use p3_field::{BasedVectorSpace, Field, PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::dense::RowMajorMatrix;
use rayon::prelude::*;
use tracing::{info_span, instrument};

use crate::{
    commit::{
        merkle_tree::merkle_tree,
        reed_solomon::{codeword, message},
    },
    field::{EF, F, linear_combination::add_up},
    hash::Hashing,
};

/// Degree of the extension field.
const DEGREE: usize = 4;

/// A stacked matrix `[2^(l_skip + n_stack) rows × width columns, column-major]`, and the Merkle tree of its codeword.
pub(crate) type Committed<'a, Digest> = (&'a ColMajorMatrix<F>, &'a CpuMerkleTree<F, Digest>);

/// Proves that the columns of `committed`, batched, have the values at `u` that the verifier derives from the
/// transcript. All matrices have the same height. `u` has `l_skip + n_stack` coordinates.
///
/// # Errors
/// If a tree can't be built, or doesn't have the shape that the parameters require.
#[instrument(level = "info", name = "whir", skip_all)]
pub(crate) fn prove<SC, TS, H>(
    hashing: &H,
    transcript: &mut TS,
    params: &SystemParams,
    committed: &[Committed<'_, SC::Digest>],
    u: &[EF],
) -> Result<WhirProof<SC>, WhirProverError>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
    H: Hashing<SC>,
{
    let mu_pow_witness = transcript.grind(params.whir.mu_pow_bits);
    let mu = transcript.sample_ext();
    let f = info_span!("whir_batch").in_scope(|| batch(params.l_skip, committed, mu));
    let mut prover = WhirRounds::<SC, H> {
        hashing,
        params,
        committed,
        w: evals_mobius_eq_hypercube(u),
        f,
        log_domain: params.l_skip + params.n_stack + params.log_blowup,
        folded: None,
        proof: WhirProof {
            mu_pow_witness,
            whir_sumcheck_polys: Vec::new(),
            codeword_commits: Vec::new(),
            ood_values: Vec::new(),
            folding_pow_witnesses: Vec::new(),
            query_phase_pow_witnesses: Vec::new(),
            initial_round_opened_rows: vec![Vec::new(); committed.len()],
            initial_round_merkle_proofs: vec![Vec::new(); committed.len()],
            codeword_opened_values: Vec::new(),
            codeword_merkle_proofs: Vec::new(),
            final_poly: Vec::new(),
        },
    };
    if params.whir.rounds.is_empty() {
        return Err(WhirProverError::FinalPolyNone);
    }
    for round in 0..params.whir.rounds.len() {
        prover.round(transcript, round)?;
    }
    Ok(prover.proof)
}

/// State of the prover between rounds, and the proof so far.
struct WhirRounds<'a, SC: StarkProtocolConfig, H> {
    hashing: &'a H,
    params: &'a SystemParams,
    committed: &'a [Committed<'a, SC::Digest>],
    /// Values of f on the hypercube. The next variable is the lowest bit of the index.
    f: Vec<EF>,
    /// Values of w on the hypercube.
    w: Vec<EF>,
    /// log2 of the size of the domain of the codeword of `f`.
    log_domain: usize,
    /// Tree of the codeword of `f`, except in the first round, where the committed matrices' trees take its place.
    folded: Option<CpuMerkleTree<F, SC::Digest>>,
    proof: WhirProof<SC>,
}

/// Codeword of `f'` and out-of-domain point `z_0` of a round that isn't the last.
struct NextCodeword<Digest> {
    tree: CpuMerkleTree<F, Digest>,
    z0: EF,
}

impl<SC, H> WhirRounds<'_, SC, H>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    H: Hashing<SC>,
{
    /// Proves one round.
    fn round<TS: FiatShamirTranscript<SC>>(
        &mut self,
        transcript: &mut TS,
        round: usize,
    ) -> Result<(), WhirProverError> {
        let whir = &self.params.whir;
        self.fold_variables(transcript);
        let next = if round + 1 < whir.rounds.len() {
            Some(self.commit_folded(transcript, round)?)
        } else {
            self.send_final_polynomial(transcript);
            None
        };

        self.proof.query_phase_pow_witnesses.push(transcript.grind(whir.query_phase_pow_bits));
        let log_queries = self.log_domain - whir.k;
        let indices: Vec<usize> = (0..whir.rounds[round].num_queries)
            .map(|_| transcript.sample_bits(log_queries) as usize)
            .collect();
        self.open(&indices)?;

        // The last round samples γ, too, but has no use for it.
        let gamma = transcript.sample_ext();
        self.folded = next.map(|NextCodeword { tree, z0 }| {
            let omega = F::two_adic_generator(log_queries);
            let points = indices.iter().map(|&index| omega.exp_u64(index as u64)).collect::<Vec<_>>();
            add_claims(&mut self.w, z0, &points, gamma);
            tree
        });
        self.log_domain -= 1;
        Ok(())
    }

    /// Binds `k` variables of `f` and `w` by sumcheck rounds, each with a proof of work before its challenge.
    fn fold_variables<TS: FiatShamirTranscript<SC>>(&mut self, transcript: &mut TS) {
        let whir = &self.params.whir;
        for _ in 0..whir.k {
            let evaluations = sumcheck_round(&self.f, &self.w);
            evaluations.iter().for_each(|&value| transcript.observe_ext(value));
            self.proof.whir_sumcheck_polys.push(evaluations);
            self.proof.folding_pow_witnesses.push(transcript.grind(whir.folding_pow_bits));
            let alpha = transcript.sample_ext();
            self.f = fold(&self.f, alpha);
            self.w = fold(&self.w, alpha);
        }
    }

    /// Commits to the codeword of `f'`, on half the domain, and evaluates `f'` at the out-of-domain point.
    fn commit_folded<TS: FiatShamirTranscript<SC>>(
        &mut self,
        transcript: &mut TS,
        round: usize,
    ) -> Result<NextCodeword<SC::Digest>, WhirProverError> {
        let log_len = self.f.len().ilog2() as usize;
        let polynomial = Mle::from_evaluations(&self.f);
        let tree = info_span!("whir_commit", round).in_scope(|| {
            let coefficients = RowMajorMatrix::new(
                <EF as BasedVectorSpace<F>>::flatten_to_base(polynomial.coeffs().clone()),
                DEGREE,
            );
            let rows = codeword(coefficients, self.log_domain - 1 - log_len);
            merkle_tree::<SC, H>(self.hashing, rows, 1 << self.params.whir.k)
        })?;
        let root = tree.root()?;
        transcript.observe_commit(root);
        self.proof.codeword_commits.push(root);
        let z0 = transcript.sample_ext();
        let powers: Vec<EF> = z0.exp_powers_of_2().take(log_len).collect();
        let value = polynomial.eval_at_point_inplace(&powers);
        transcript.observe_ext(value);
        self.proof.ood_values.push(value);
        Ok(NextCodeword { tree, z0 })
    }

    /// Sends the coefficients of `f'`, in the last round.
    fn send_final_polynomial<TS: FiatShamirTranscript<SC>>(&mut self, transcript: &mut TS) {
        self.proof.final_poly = Mle::from_evaluations(&self.f).into_coeffs();
        self.proof.final_poly.iter().for_each(|&value| transcript.observe_ext(value));
    }

    /// Opens the codeword of `f` at the queries' leaves: in the first round the rows of all committed matrices.
    fn open(&mut self, indices: &[usize]) -> Result<(), WhirProverError> {
        let Some(tree) = &self.folded else {
            return self.open_committed(indices);
        };
        let (mut values, mut proofs) = (Vec::new(), Vec::new());
        for &index in indices {
            values.push(<EF as BasedVectorSpace<F>>::reconstitute_from_base(
                tree.get_opened_rows(index)?.concat(),
            ));
            proofs.push(tree.query_merkle_proof(index)?);
        }
        self.proof.codeword_opened_values.push(values);
        self.proof.codeword_merkle_proofs.push(proofs);
        Ok(())
    }

    /// Opens the committed matrices' codewords at the queries' leaves.
    fn open_committed(&mut self, indices: &[usize]) -> Result<(), WhirProverError> {
        for (i, (_, tree)) in self.committed.iter().enumerate() {
            let (tree_height, expected) = (tree.backing_matrix().height(), 1 << self.log_domain);
            if tree_height != expected {
                return Err(WhirProverError::TreeHeightMismatch { tree_height, expected });
            }
            for &index in indices {
                self.proof.initial_round_opened_rows[i].push(tree.get_opened_rows(index)?);
                self.proof.initial_round_merkle_proofs[i].push(tree.query_merkle_proof(index)?);
            }
        }
        Ok(())
    }
}

/// Computes f, the sum of the columns weighted with the powers of `mu`: the values on the hypercube of the multilinear
/// polynomial whose coefficients are the sum's message.
///
/// The change of basis is linear over BabyBear, so it is done on the four coordinates of the sum, not on all columns.
fn batch<Digest: Sync>(l_skip: usize, committed: &[Committed<'_, Digest>], mu: EF) -> Vec<EF> {
    let columns: Vec<(&[F], EF)> =
        committed.iter().flat_map(|(matrix, _)| matrix.columns()).zip(mu.powers()).collect();
    let height = committed.first().map_or(0, |(matrix, _)| matrix.height());
    let sum = add_up(&columns, height);
    let coordinates = (0..DEGREE).into_par_iter().flat_map_iter(|k| {
        sum.iter().map(move |x| <EF as BasedVectorSpace<F>>::as_basis_coefficients_slice(x)[k])
    });
    let coordinates = ColMajorMatrix::new(coordinates.collect(), DEGREE);
    let mut message = message(l_skip, &coordinates).values;
    subset_sums(&mut message);
    <EF as BasedVectorSpace<F>>::reconstitute_from_base(message)
}

/// Transforms the coefficients of a multilinear polynomial, [`DEGREE`] coordinates each, to its values on the
/// hypercube.
fn subset_sums(values: &mut [F]) {
    /// Base field elements of a task; they stay in the cache while they are added up.
    const VALUES_PER_TASK: usize = 1 << 14;
    values.par_chunks_mut(VALUES_PER_TASK).for_each(|values| {
        let mut half = DEGREE;
        while half < values.len() {
            for pair in values.chunks_exact_mut(2 * half) {
                let (low, high) = pair.split_at_mut(half);
                F::add_slices(high, low);
            }
            half *= 2;
        }
    });
    let mut half = VALUES_PER_TASK;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            high.par_chunks_mut(VALUES_PER_TASK)
                .zip(low.par_chunks(VALUES_PER_TASK))
                .for_each(|(high, low)| F::add_slices(high, low));
        }
        half *= 2;
    }
}

/// Sum of `f w` over the hypercube, with the first variable set to 1 and to 2.
fn sumcheck_round(f: &[EF], w: &[EF]) -> [EF; 2] {
    let (f, w) = (f.as_chunks::<2>().0, w.as_chunks::<2>().0);
    let add = |a: [EF; 2], b: [EF; 2]| [a[0] + b[0], a[1] + b[1]];
    f.par_iter()
        .zip(w)
        .map(|(&[f0, f1], &[w0, w1])| [f1 * w1, (f1.double() - f0) * (w1.double() - w0)])
        .reduce(|| [EF::ZERO; 2], add)
}

/// Binds the first variable to `alpha`.
fn fold(evaluations: &[EF], alpha: EF) -> Vec<EF> {
    evaluations.as_chunks::<2>().0.par_iter().map(|&[low, high]| low + alpha * (high - low)).collect()
}

/// Adds the equality polynomials of the new claims to `w`: `gamma eq(pow(z0))`, and `gamma^(j + 2) eq(pow(points[j]))`.
fn add_claims(w: &mut [EF], z0: EF, points: &[F], gamma: EF) {
    /// Variables of the part of the hypercube that belongs to a task.
    const LOG_TASK: usize = 10;
    let variables = w.len().ilog2() as usize;
    let equality = evals_eq_hypercube(&z0.exp_powers_of_2().take(variables).collect::<Vec<_>>());
    w.par_iter_mut().zip(equality).for_each(|(w, e)| *w += gamma * e);
    // A claim's polynomial is a product: over the low variables, and over the high ones with the claim's weight.
    let low_variables = variables.min(LOG_TASK);
    let claims: Vec<(Vec<F>, Vec<EF>)> = points
        .iter()
        .zip(gamma.powers().skip(2))
        .map(|(point, weight)| {
            let powers: Vec<F> = point.exp_powers_of_2().take(variables).collect();
            let (low, high) = powers.split_at(low_variables);
            (evals_eq_hypercube(low), evals_eq_hypercube(high).into_iter().map(|e| weight * e).collect())
        })
        .collect();
    w.par_chunks_mut(1 << low_variables).enumerate().for_each(|(part, w)| {
        let columns: Vec<(&[F], EF)> =
            claims.iter().map(|(low, high)| (low.as_slice(), high[part])).collect();
        w.iter_mut().zip(add_up(&columns, 1 << low_variables)).for_each(|(w, sum)| *w += sum);
    });
}

//! The prover of WHIR (<https://eprint.iacr.org/2024/1586>), in the variant of SWIRL.

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
    code::{codeword, message},
    field::{EF, F},
    merkle::{Hashing, tree},
    weights::add_up,
};

/// The extension's degree.
const DEGREE: usize = 4;

/// A stacked matrix in evaluation form and the Merkle tree of its codeword.
pub(crate) type Committed<'a, Digest> = (&'a ColMajorMatrix<F>, &'a CpuMerkleTree<F, Digest>);

/// Proves that the columns of `committed`, batched, have the values at `u` that the verifier derives from the transcript.
/// All matrices have the same height; `u` has a coordinate for each of its bits.
///
/// # Errors
/// If a tree cannot be made or has not the shape that the parameters say.
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
    let whir = &params.whir;
    let mu_pow_witness = transcript.grind(whir.mu_pow_bits);
    let mu = transcript.sample_ext();
    let mut f = info_span!("whir_batch").in_scope(|| batch(params.l_skip, committed, mu));
    let mut w = evals_mobius_eq_hypercube(u);

    let mut log_domain = params.l_skip + params.n_stack + params.log_blowup;
    let mut whir_sumcheck_polys = Vec::new();
    let mut codeword_commits = Vec::new();
    let mut ood_values = Vec::new();
    let mut folding_pow_witnesses = Vec::new();
    let mut query_phase_pow_witnesses = Vec::new();
    let mut initial_round_opened_rows = vec![Vec::new(); committed.len()];
    let mut initial_round_merkle_proofs = vec![Vec::new(); committed.len()];
    let mut codeword_opened_values = Vec::new();
    let mut codeword_merkle_proofs = Vec::new();
    let mut final_poly = None;
    // The tree that this round's queries open, if it isn't the committed ones.
    let mut folded: Option<CpuMerkleTree<F, SC::Digest>> = None;

    for (round, round_params) in whir.rounds.iter().enumerate() {
        for _ in 0..whir.k {
            let evaluations = sumcheck_round(&f, &w);
            evaluations.iter().for_each(|&value| transcript.observe_ext(value));
            whir_sumcheck_polys.push(evaluations);
            folding_pow_witnesses.push(transcript.grind(whir.folding_pow_bits));
            let alpha = transcript.sample_ext();
            f = fold(&f, alpha);
            w = fold(&w, alpha);
        }

        let log_len = f.len().ilog2() as usize;
        let g = Mle::from_evaluations(&f);
        let mut next = None;
        let mut out_of_domain = None;
        if round + 1 < whir.rounds.len() {
            let next = next.insert(info_span!("whir_commit", round).in_scope(|| {
                let coefficients = RowMajorMatrix::new(
                    <EF as BasedVectorSpace<F>>::flatten_to_base(g.coeffs().clone()),
                    DEGREE,
                );
                let rows = codeword(coefficients, log_domain - 1 - log_len);
                tree::<SC, H>(hashing, rows, 1 << whir.k)
            })?);
            let root = next.root()?;
            transcript.observe_commit(root);
            codeword_commits.push(root);
            let z = *out_of_domain.insert(transcript.sample_ext());
            let value = g.eval_at_point_inplace(&z.exp_powers_of_2().take(log_len).collect::<Vec<_>>());
            transcript.observe_ext(value);
            ood_values.push(value);
        } else {
            let coefficients = final_poly.insert(g.into_coeffs());
            coefficients.iter().for_each(|&value| transcript.observe_ext(value));
        }

        query_phase_pow_witnesses.push(transcript.grind(whir.query_phase_pow_bits));
        let log_queries = log_domain - whir.k;
        let indices: Vec<usize> =
            (0..round_params.num_queries).map(|_| transcript.sample_bits(log_queries) as usize).collect();
        if let Some(tree) = &folded {
            let (mut values, mut proofs) = (Vec::new(), Vec::new());
            for &index in &indices {
                values.push(<EF as BasedVectorSpace<F>>::reconstitute_from_base(
                    tree.get_opened_rows(index)?.concat(),
                ));
                proofs.push(tree.query_merkle_proof(index)?);
            }
            codeword_opened_values.push(values);
            codeword_merkle_proofs.push(proofs);
        } else {
            for (i, (_, tree)) in committed.iter().enumerate() {
                let (tree_height, expected) = (tree.backing_matrix().height(), 1 << log_domain);
                if tree_height != expected {
                    return Err(WhirProverError::TreeHeightMismatch { tree_height, expected });
                }
                for &index in &indices {
                    initial_round_opened_rows[i].push(tree.get_opened_rows(index)?);
                    initial_round_merkle_proofs[i].push(tree.query_merkle_proof(index)?);
                }
            }
        }
        folded = next;

        let gamma = transcript.sample_ext();
        if let Some(z) = out_of_domain {
            let omega = F::two_adic_generator(log_queries);
            let points = indices.iter().map(|&index| omega.exp_u64(index as u64)).collect::<Vec<_>>();
            add_claims(&mut w, z, &points, gamma);
        }
        log_domain -= 1;
    }

    Ok(WhirProof {
        mu_pow_witness,
        whir_sumcheck_polys,
        codeword_commits,
        ood_values,
        folding_pow_witnesses,
        query_phase_pow_witnesses,
        initial_round_opened_rows,
        initial_round_merkle_proofs,
        codeword_opened_values,
        codeword_merkle_proofs,
        final_poly: final_poly.ok_or(WhirProverError::FinalPolyNone)?,
    })
}

/// The columns' sum, weighted with the powers of `mu`, as evaluations on the hypercube of the multilinear polynomial
/// whose coefficients the code's message has.
///
/// The change of basis is linear over BabyBear, so it is done on the four coordinates of the sum and not on all columns.
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

/// From a multilinear polynomial's coefficients, each of [`DEGREE`] coordinates, to its evaluations on the hypercube.
fn subset_sums(values: &mut [F]) {
    /// Values that stay in the cache while they are added up, and that a task adds.
    const VALUES_A_TASK: usize = 1 << 14;
    values.par_chunks_mut(VALUES_A_TASK).for_each(|values| {
        let mut half = DEGREE;
        while half < values.len() {
            for pair in values.chunks_exact_mut(2 * half) {
                let (low, high) = pair.split_at_mut(half);
                F::add_slices(high, low);
            }
            half *= 2;
        }
    });
    let mut half = VALUES_A_TASK;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            high.par_chunks_mut(VALUES_A_TASK)
                .zip(low.par_chunks(VALUES_A_TASK))
                .for_each(|(high, low)| F::add_slices(high, low));
        }
        half *= 2;
    }
}

/// The sum over the hypercube of `f w` with the first variable set to 1 and to 2.
fn sumcheck_round(f: &[EF], w: &[EF]) -> [EF; 2] {
    let (f, w) = (f.as_chunks::<2>().0, w.as_chunks::<2>().0);
    let add = |a: [EF; 2], b: [EF; 2]| [a[0] + b[0], a[1] + b[1]];
    f.par_iter()
        .zip(w)
        .map(|(&[f0, f1], &[w0, w1])| [f1 * w1, (f1.double() - f0) * (w1.double() - w0)])
        .reduce(|| [EF::ZERO; 2], add)
}

/// Sets the first variable to `alpha`.
fn fold(evaluations: &[EF], alpha: EF) -> Vec<EF> {
    evaluations.as_chunks::<2>().0.par_iter().map(|&[low, high]| low + alpha * (high - low)).collect()
}

/// Adds to `w` the equality polynomials of the new claims: `gamma` times that of the powers `z^(2^i)`, and `gamma^(j + 2)`
/// times that of `points[j]`.
fn add_claims(w: &mut [EF], z: EF, points: &[F], gamma: EF) {
    /// Variables of the part of the hypercube that a task does.
    const LOG_TASK: usize = 10;
    let variables = w.len().ilog2() as usize;
    let equality = evals_eq_hypercube(&z.exp_powers_of_2().take(variables).collect::<Vec<_>>());
    w.par_iter_mut().zip(equality).for_each(|(w, e)| *w += gamma * e);
    // Over the low variables, and over the high ones with the claim's weight: their product is a claim's polynomial.
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

//! The protocol of a proof.
//!
//! Everything that touches the transcript is in halo2's order (`create_proof` with `ProverSHPLONK`), and so is every
//! draw from the random number generator that reaches it. Two things differ there from run to run even with a seeded
//! generator, and are done in another way here. The random polynomial, which halo2 draws from the thread's generator,
//! is a constant from the caller's. The permuted columns of a lookup are in sorted order (see `lookup`).
//!
//! The random polynomial hides the witness and plays no part in what a proof proves. This prover's witnesses need not
//! be hidden, and a constant costs no multiplication over the whole reference string.
//!
//! Peak memory, in polynomials of n field elements (268 MB for k = 23), for a circuit with a advice columns, i instance
//! columns, l lookups, s sets of columns of the permutation argument, and p pieces of the quotient:
//!
//! - while the quotient is made: a + i + 3 l + s + 1 witness polynomials, p pieces, and the columns on a coset that the
//!   present step and later ones need, with l_0, the values and a transform's scratch;
//! - while it is opened: a + 3 l + s + p + 1 at first, one for each set of points as these are combined, and three more
//!   (h, a quotient, and a polynomial that is being read).
//!
//! For the static verifier's a = 2, i = 1, l = 1, s = 2, p = 3 the first is 9 + 3 + 8 = 20 and the second 14.

use std::collections::BTreeMap;

use halo2_proofs::{
    plonk::{AdviceColumns, Circuit},
    transcript::{EncodedChallenge, TranscriptWrite},
};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::Field,
    group::{Curve, prime::PrimeCurveAffine},
};
use rand_core::RngCore;
use rayon::prelude::*;
use tracing::info;

use crate::{
    columns::Columns,
    error::Error,
    expression::Poly,
    fft::Fft,
    key::ProvingKey,
    lookup::{self, Permuted},
    msm, permutation,
    polynomials::Polynomials,
    quotient::{self, Challenges},
    shplonk::{self, Query},
    srs::SrsPoints,
    synthesis, vk, witness_check,
};

/// Synthesises a circuit's witness for [`prove`]: its advice columns, of n values each.
///
/// # Errors
/// Fails when the instances don't fit the circuit. Also when its synthesis fails, leaves a value unknown, or goes
/// beyond the usable rows.
pub fn synthesize<C: Circuit<Fr>>(
    key: &ProvingKey,
    circuit: &C,
    instances: &[&[Fr]],
) -> Result<AdviceColumns<Fr>, Error> {
    check_instances(key, instances)?;
    // The key's constraint system has no selectors any more; synthesis needs one with selectors.
    let (cs, config) = vk::configure::<C>(circuit.params());
    let columns = key.verifying_key().cs().num_advice_columns();
    check_shape("advice columns", cs.num_advice_columns(), columns)?;
    synthesis::witness(circuit, config, key.verifying_key().cs(), key.k(), instances)
}

fn check_shape(what: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what: what.into(), found, expected }) }
}

fn check_instances(key: &ProvingKey, instances: &[&[Fr]]) -> Result<(), Error> {
    let cs = key.verifying_key().cs();
    check_shape("instance columns", instances.len(), cs.num_instance_columns())?;
    let usable = synthesis::usable_rows(cs, key.k());
    match instances.iter().position(|instance| instance.len() > usable) {
        Some(index) => Err(Error::Shape {
            what: format!("values in instance column {index}, at most"),
            found: instances[index].len(),
            expected: usable,
        }),
        None => Ok(()),
    }
}

/// Checks the sizes of everything that a proof is made from.
fn check_inputs(
    srs: &dyn SrsPoints,
    key: &ProvingKey,
    advice: &AdviceColumns<Fr>,
    instances: &[&[Fr]],
) -> Result<(), Error> {
    if srs.k() != key.k() {
        return Err(Error::SrsSize { srs: srs.k(), circuit: key.k() });
    }
    check_instances(key, instances)?;
    check_shape("advice columns", advice.len(), key.verifying_key().cs().num_advice_columns())?;
    for (index, column) in advice.iter().enumerate() {
        check_shape(&format!("values in advice column {index}"), column.len(), 1 << key.k())?;
    }
    Ok(())
}

/// Proves that the witness satisfies the key's circuit.
///
/// `advice` has n values for each advice column, the same as [`synthesize`] and the static verifier's
/// `generate_witness` return. The last rows, for blinding, are overwritten. The proof goes to the transcript, and
/// halo2's `verify_proof` with `VerifierSHPLONK` accepts it. It is no zero-knowledge proof: the polynomial that would
/// hide the witness is a constant.
///
/// # Errors
/// Fails when columns don't fit the circuit, the witness doesn't satisfy it, or the reference string is of another
/// size. Also when the reference string or the key can't be read, or the transcript fails.
pub fn prove<E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>>(
    srs: &dyn SrsPoints,
    key: &ProvingKey,
    mut advice: AdviceColumns<Fr>,
    instances: &[&[Fr]],
    rng: &mut dyn RngCore,
    transcript: &mut T,
) -> Result<(), Error> {
    check_inputs(srs, key, &advice, instances)?;
    let vk = key.verifying_key();
    let cs = vk.cs();
    let fft = Fft::new(key.k());
    let mut out = ProofWriter { srs, transcript };

    // 1. The witness, with blinding rows, is checked and committed to.
    let usable = synthesis::usable_rows(cs, key.k());
    for column in &mut advice {
        column[usable..].iter_mut().for_each(|cell| *cell = Fr::random(&mut *rng));
    }
    skip_blinds(rng, advice.len());
    let mut columns = Columns::new(key, advice, instance_columns(fft.len(), instances));
    witness_check::gates(key, &fft, &mut columns)?;
    witness_check::copies(key, &mut columns)?;
    info!("gates and copy constraints hold");
    vk.hash_into(out.transcript).map_err(Error::Transcript)?;
    for value in instances.iter().copied().flatten() {
        out.transcript.common_scalar(*value).map_err(Error::Transcript)?;
    }
    for column in &columns.advice {
        out.commit_lagrange(column)?;
    }
    info!(columns = columns.advice.len(), "advice committed");

    // 2. The lookups' columns are permuted.
    let theta = out.challenge();
    let mut permuted = Vec::new();
    for index in 0..cs.lookups().len() {
        let lookup = lookup::permuted(key, &fft, &mut columns, index, theta, rng)?;
        skip_blinds(rng, 2);
        out.commit_lagrange(&lookup.input)?;
        out.commit_lagrange(&lookup.table)?;
        permuted.push(lookup);
    }
    info!(lookups = permuted.len(), "permuted lookup columns committed");

    // 3. The grand products of both arguments.
    let [beta, gamma] = [out.challenge(), out.challenge()];
    let mut polys = commit_products(key, &fft, &mut columns, permuted, [theta, beta, gamma], rng, &mut out)?;
    info!("grand products committed");

    // 4. The vanishing argument: its random polynomial and the quotient.
    let random = vec![Fr::random(&mut *rng)];
    out.commit(&random)?;
    polys.insert(Poly::Random, random);
    let y = out.challenge();
    let Columns { advice, instance, .. } = columns;
    for (index, mut column) in advice.into_iter().enumerate() {
        fft.to_coefficients(&mut column);
        polys.insert(Poly::Advice(index), column);
    }
    for (index, mut column) in instance.into_iter().enumerate() {
        fft.to_coefficients(&mut column);
        polys.insert(Poly::Instance(index), column);
    }
    let pieces = quotient::pieces(key, &fft, &polys, Challenges { theta, beta, gamma, y })?;
    // Only the verifier evaluates the instances; they aren't opened.
    (0..instances.len()).for_each(|index| polys.remove(Poly::Instance(index)));
    for piece in &pieces {
        out.commit(piece)?;
    }
    info!(pieces = pieces.len(), "quotient committed");

    // 5. The openings.
    let x = out.challenge();
    let xn = x.pow_vartime([fft.len() as u64]);
    polys.insert(Poly::Quotient, join(pieces, xn));
    let queries = evaluate(key, &fft, &polys, x, &mut out)?;
    info!(queries = queries.len(), "evaluations written");
    shplonk::open(srs, &fft, &mut polys, &queries, out.transcript)
}

/// Pads the instances with zeros to columns of n values.
fn instance_columns(n: usize, instances: &[&[Fr]]) -> Vec<Vec<Fr>> {
    let padded = |values: &&[Fr]| {
        let mut column = values.to_vec();
        column.resize(n, Fr::ZERO);
        column
    };
    instances.iter().map(padded).collect()
}

/// Computes the grand products of the permutation and of the lookups, and commits to them. Returns the polynomials of
/// both arguments, as coefficients.
fn commit_products<'a, E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>>(
    key: &'a ProvingKey,
    fft: &Fft,
    columns: &mut Columns<'_>,
    permuted: Vec<Permuted>,
    [theta, beta, gamma]: [Fr; 3],
    rng: &mut dyn RngCore,
    out: &mut ProofWriter<'_, T>,
) -> Result<Polynomials<'a>, Error> {
    let mut polys = Polynomials::new(key);
    let mut first = Fr::ONE;
    for set in 0..permutation::set_count(key) {
        let (mut z, last) = permutation::product(key, fft, columns, set, first, [beta, gamma], rng)?;
        first = last;
        skip_blinds(rng, 1);
        out.commit_product(&mut z, last)?;
        fft.to_coefficients(&mut z);
        polys.insert(Poly::PermutationProduct(set), z);
    }
    for (index, mut lookup) in permuted.into_iter().enumerate() {
        let mut z = lookup::product(key, fft, columns, index, &lookup, [theta, beta, gamma], rng)?;
        skip_blinds(rng, 1);
        out.commit_lagrange(&z)?;
        for column in [&mut z, &mut lookup.input, &mut lookup.table] {
            fft.to_coefficients(column);
        }
        polys.insert(Poly::LookupProduct(index), z);
        polys.insert(Poly::LookupInput(index), lookup.input);
        polys.insert(Poly::LookupTable(index), lookup.table);
    }
    Ok(polys)
}

/// Draws the numbers with which halo2 would blind commitments. KZG's aren't blinded, but the draws keep the generator
/// in step with halo2's.
fn skip_blinds(rng: &mut dyn RngCore, count: usize) {
    (0..count).for_each(|_| {
        let _ = Fr::random(&mut *rng);
    });
}

/// Writer of commitments and evaluations to the transcript.
struct ProofWriter<'a, T> {
    srs: &'a dyn SrsPoints,
    transcript: &'a mut T,
}

impl<T> ProofWriter<'_, T> {
    /// Commits to the polynomial with these coefficients.
    fn commit<E: EncodedChallenge<G1Affine>>(&mut self, coefficients: &[Fr]) -> Result<(), Error>
    where
        T: TranscriptWrite<G1Affine, E>,
    {
        let commitment = msm::commit(self.srs, coefficients)?;
        self.transcript.write_point(commitment).map_err(Error::Transcript)
    }

    /// Commits to the polynomial with these values at the powers of w.
    fn commit_lagrange<E: EncodedChallenge<G1Affine>>(&mut self, values: &[Fr]) -> Result<(), Error>
    where
        T: TranscriptWrite<G1Affine, E>,
    {
        let commitment = msm::commit_lagrange(self.srs, values)?;
        self.transcript.write_point(commitment).map_err(Error::Transcript)
    }

    /// Commits to a grand product, which is `last` in all rows after those that its columns use. Without that constant,
    /// these rows are zero and cost nothing. The constant's commitment is `last` times the first power of the reference
    /// string, because the Lagrange polynomials' sum is 1.
    fn commit_product<E: EncodedChallenge<G1Affine>>(&mut self, z: &mut [Fr], last: Fr) -> Result<(), Error>
    where
        T: TranscriptWrite<G1Affine, E>,
    {
        z.par_iter_mut().for_each(|value| *value -= last);
        let commitment = msm::commit_lagrange(self.srs, z)?.to_curve() + self.srs.g(0..1)?[0] * last;
        z.par_iter_mut().for_each(|value| *value += last);
        self.transcript.write_point(commitment.to_affine()).map_err(Error::Transcript)
    }

    fn challenge<E: EncodedChallenge<G1Affine>>(&mut self) -> Fr
    where
        T: TranscriptWrite<G1Affine, E>,
    {
        *self.transcript.squeeze_challenge_scalar::<()>()
    }
}

/// Joins the quotient's pieces to h_0 + x^n h_1 + …, whose value at x is h's.
fn join(pieces: Vec<Vec<Fr>>, xn: Fr) -> Vec<Fr> {
    let sum = pieces.into_iter().rev().reduce(|mut sum, piece| {
        sum.par_iter_mut().zip(piece).for_each(|(sum, piece)| *sum = *sum * xn + piece);
        sum
    });
    sum.unwrap_or_default()
}

/// Polynomial and rotation: the polynomial is opened at x w^rotation.
type Opening = (Poly, i32);

/// Openings of a proof, in halo2's two orders.
struct Openings {
    /// Order of the transcript, which leaves out those that the verifier can compute.
    written: Vec<Opening>,
    /// Order of the opening argument.
    opened: Vec<Opening>,
}

fn openings(key: &ProvingKey) -> Openings {
    let cs = key.verifying_key().cs();
    let sets = permutation::set_count(key);
    let last = -(cs.blinding_factors() as i32 + 1);
    let advice: Vec<_> =
        cs.advice_queries().iter().map(|(column, at)| (Poly::Advice(column.index()), at.0)).collect();
    let fixed: Vec<_> =
        cs.fixed_queries().iter().map(|(column, at)| (Poly::Fixed(column.index()), at.0)).collect();
    let sigmas: Vec<_> =
        (0..cs.permutation().get_columns().len()).map(|index| (Poly::Sigma(index), 0)).collect();
    let product = |set| (0..2).map(move |rotation| (Poly::PermutationProduct(set), rotation));
    let at_last = |set| (Poly::PermutationProduct(set), last);
    let lookups = 0..cs.lookups().len();

    let mut written = [&advice[..], &fixed[..], &[(Poly::Random, 0)], &sigmas[..]].concat();
    for set in 0..sets {
        written.extend(product(set));
        written.extend((set + 1 < sets).then(|| at_last(set)));
    }
    for index in lookups.clone() {
        let (z, input, table) =
            (Poly::LookupProduct(index), Poly::LookupInput(index), Poly::LookupTable(index));
        written.extend([(z, 0), (z, 1), (input, 0), (input, -1), (table, 0)]);
    }

    let mut opened = advice;
    (0..sets).for_each(|set| opened.extend(product(set)));
    opened.extend((0..sets.saturating_sub(1)).rev().map(at_last));
    for index in lookups {
        let (z, input, table) =
            (Poly::LookupProduct(index), Poly::LookupInput(index), Poly::LookupTable(index));
        opened.extend([(z, 0), (input, 0), (table, 0), (input, -1), (z, 1)]);
    }
    opened.extend_from_slice(&fixed);
    opened.extend_from_slice(&sigmas);
    opened.extend([(Poly::Quotient, 0), (Poly::Random, 0)]);
    Openings { written, opened }
}

/// Evaluates all polynomials at their points, and writes the values that the verifier can't compute. Returns the
/// openings with their values.
fn evaluate<E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>>(
    key: &ProvingKey,
    fft: &Fft,
    polys: &Polynomials<'_>,
    x: Fr,
    out: &mut ProofWriter<'_, T>,
) -> Result<Vec<Query>, Error> {
    let Openings { written, opened } = openings(key);
    let point = |rotation: i32| x * fft.rotation(rotation);
    // Each polynomial once, at all its points.
    let mut values = BTreeMap::new();
    for (poly, _) in &opened {
        if values.keys().any(|(known, _)| known == poly) {
            continue;
        }
        let rotations: Vec<i32> =
            opened.iter().filter(|(other, _)| other == poly).map(|(_, rotation)| *rotation).collect();
        let points: Vec<Fr> = rotations.iter().map(|rotation| point(*rotation)).collect();
        for (rotation, value) in rotations.iter().zip(polys.evaluate(*poly, &points)?) {
            values.insert((*poly, *rotation), value);
        }
    }
    for opening in &written {
        out.transcript.write_scalar(values[opening]).map_err(Error::Transcript)?;
    }
    Ok(opened
        .into_iter()
        .map(|(poly, rotation)| Query { poly, point: point(rotation), value: values[&(poly, rotation)] })
        .collect())
}

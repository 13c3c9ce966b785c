//! SHPLONK (Boneh, Drake, Fisch, Gabizon 2020): one proof for openings of many polynomials at many points.
//!
//! Polynomials that are opened at the same points form a set. The i-th set has points S_i and polynomials P_ij. R_ij is
//! the polynomial of degree below |S_i| that agrees with P_ij on S_i. The prover commits to
//!
//!   h = sum_i v^i (sum_j y^j (P_ij - R_ij)) / Z_i,    Z_i the polynomial that vanishes on S_i,
//!
//! and then, with Z the polynomial of all points, to the quotient by X - u of
//!
//!   sum_i v^i (Z / Z_i)(u) (sum_j y^j (P_ij - R_ij(u))) - Z(u) h.
//!
//! The P_ij enter both only through N_i = sum_j y^j P_ij. So each is read once and freed, and the memory holds one N_i
//! per set (typically five), h and a quotient.

use std::mem;

use halo2_proofs::{
    arithmetic::{evaluate_vanishing_polynomial, lagrange_interpolate},
    transcript::{EncodedChallenge, TranscriptWrite},
};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::Field,
};
use rayon::prelude::*;

use crate::{error::Error, expression::Poly, fft::Fft, msm, polynomials::Polynomials, srs::SrsPoints};

/// Claim that a polynomial has a value at a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) poly: Poly,
    pub(crate) point: Fr,
    pub(crate) value: Fr,
}

/// Polynomials that are opened at the same points, each with its values there [one per point].
#[derive(Debug)]
struct Set {
    points: Vec<Fr>,
    members: Vec<(Poly, Vec<Fr>)>,
}

/// Groups the queries into sets, in the order of their first polynomials' first queries, which is halo2's. Within a set
/// the points' order is free: the interpolation and the product over them don't depend on it.
fn sets(queries: &[Query]) -> Vec<Set> {
    let mut openings: Vec<(Poly, Vec<(Fr, Fr)>)> = Vec::new();
    for query in queries {
        let opening = (query.point, query.value);
        match openings.iter_mut().find(|(poly, _)| *poly == query.poly) {
            Some((_, at)) => at.push(opening),
            None => openings.push((query.poly, vec![opening])),
        }
    }
    let mut sets: Vec<Set> = Vec::new();
    for (poly, at) in openings {
        let same = |set: &&mut Set| {
            set.points.len() == at.len() && at.iter().all(|(point, _)| set.points.contains(point))
        };
        match sets.iter_mut().find(same) {
            Some(set) => {
                let value =
                    |point: &Fr| at.iter().find(|(other, _)| other == point).expect("the same points").1;
                let values = set.points.iter().map(value).collect();
                set.members.push((poly, values));
            }
            None => {
                let (points, values) = at.into_iter().unzip();
                sets.push(Set { points, members: vec![(poly, values)] });
            }
        }
    }
    sets
}

/// Adds `factor` times `values`, which may be shorter, to `sum`.
fn add_scaled(sum: &mut [Fr], values: &[Fr], factor: Fr) {
    sum.par_iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

/// Evaluates a polynomial by Horner's rule.
fn evaluate(coefficients: &[Fr], point: Fr) -> Fr {
    coefficients.iter().rev().fold(Fr::ZERO, |sum, coefficient| sum * point + coefficient)
}

/// Divides a polynomial by X - point. The quotient replaces it, with zero as the highest coefficient.
fn divide(coefficients: &mut [Fr], point: Fr) {
    /// Coefficients of a task.
    const CHUNK: usize = 1 << 12;
    // The quotient's coefficient i is the value, at the point, of the polynomial of the coefficients above i. Horner's
    // rule gives first the chunks' values, and then the value of everything above each chunk.
    let mut above: Vec<Fr> = coefficients.par_chunks(CHUNK).map(|chunk| evaluate(chunk, point)).collect();
    let step = point.pow_vartime([CHUNK as u64]);
    let mut sum = Fr::ZERO;
    for value in above.iter_mut().rev() {
        let with_chunk = sum * step + *value;
        *value = mem::replace(&mut sum, with_chunk);
    }
    coefficients.par_chunks_mut(CHUNK).zip(above).for_each(|(chunk, mut sum)| {
        for coefficient in chunk.iter_mut().rev() {
            let next = sum * point + *coefficient;
            *coefficient = mem::replace(&mut sum, next);
        }
    });
}

/// Writes the opening proof, and takes the opened polynomials out of `polys`.
pub(crate) fn open<E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>>(
    srs: &dyn SrsPoints,
    fft: &Fft,
    polys: &mut Polynomials<'_>,
    queries: &[Query],
    transcript: &mut T,
) -> Result<(), Error> {
    let n = fft.len();
    let sets = sets(queries);
    let y = *transcript.squeeze_challenge_scalar::<()>();
    let v = *transcript.squeeze_challenge_scalar::<()>();

    let mut combined = Vec::new();
    let mut h = vec![Fr::ZERO; n];
    let mut power_of_v = Fr::ONE;
    for set in &sets {
        let (numerator, remainder) = combine(set, polys, n, y)?;
        let mut quotient = numerator.clone();
        add_scaled(&mut quotient, &remainder, -Fr::ONE);
        for point in &set.points {
            divide(&mut quotient, *point);
        }
        add_scaled(&mut h, &quotient, power_of_v);
        power_of_v *= v;
        combined.push((numerator, remainder));
    }
    transcript.write_point(msm::commit(srs, &h)?).map_err(Error::Transcript)?;
    let u = *transcript.squeeze_challenge_scalar::<()>();

    let (mut quotient, first_rest) = linearise(h, &sets, combined, u, v);
    divide(&mut quotient, u);
    // The scale makes the first set's factor 1, which spares the verifier a multiplication.
    let scale = first_rest.and_then(|rest| Option::from(rest.invert())).unwrap_or(Fr::ONE);
    quotient.par_iter_mut().for_each(|value| *value *= scale);
    transcript.write_point(msm::commit(srs, &quotient)?).map_err(Error::Transcript)
}

/// Combines a set's members to N_i [n coefficients] and R_i = sum_j y^j R_ij [|S_i| coefficients].
fn combine(set: &Set, polys: &mut Polynomials<'_>, n: usize, y: Fr) -> Result<(Vec<Fr>, Vec<Fr>), Error> {
    let mut numerator = vec![Fr::ZERO; n];
    let mut remainder = vec![Fr::ZERO; set.points.len()];
    let mut power_of_y = Fr::ONE;
    for (poly, values) in &set.members {
        add_scaled(&mut numerator, &polys.take(*poly)?, power_of_y);
        add_scaled(&mut remainder, &lagrange_interpolate(&set.points, values), power_of_y);
        power_of_y *= y;
    }
    Ok((numerator, remainder))
}

/// Computes the polynomial that is divided by X - u, in h's memory, from all N_i and R_i. Returns it with (Z / Z_0)(u).
fn linearise(
    mut h: Vec<Fr>,
    sets: &[Set],
    combined: Vec<(Vec<Fr>, Vec<Fr>)>,
    u: Fr,
    v: Fr,
) -> (Vec<Fr>, Option<Fr>) {
    let mut all_points: Vec<Fr> = Vec::new();
    for point in sets.iter().flat_map(|set| &set.points) {
        if !all_points.contains(point) {
            all_points.push(*point);
        }
    }
    let all = evaluate_vanishing_polynomial(&all_points, u);
    h.par_iter_mut().for_each(|h| *h *= -all);
    let mut power_of_v = Fr::ONE;
    let mut first_rest = None;
    for (set, (numerator, remainder)) in sets.iter().zip(combined) {
        let others: Vec<Fr> =
            all_points.iter().filter(|point| !set.points.contains(point)).copied().collect();
        let rest = evaluate_vanishing_polynomial(&others, u);
        first_rest.get_or_insert(rest);
        let factor = power_of_v * rest;
        add_scaled(&mut h, &numerator, factor);
        h[0] -= factor * evaluate(&remainder, u);
        power_of_v *= v;
    }
    (h, first_rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::kate_division;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn quotients_are_the_librarys() {
        let mut rng = ChaCha20Rng::seed_from_u64(12);
        for length in [1, 2, 100, (1 << 12) - 1, 1 << 12, (1 << 12) + 1, 10_000] {
            let coefficients: Vec<Fr> = (0..length).map(|_| Fr::random(&mut rng)).collect();
            for point in [Fr::random(&mut rng), Fr::ZERO, Fr::ONE] {
                let mut quotient = coefficients.clone();
                divide(&mut quotient, point);
                assert_eq!(quotient.pop(), Some(Fr::ZERO));
                assert_eq!(quotient, kate_division(&coefficients, point));
            }
        }
    }
}

//! Grand products of the permutation argument.

use std::ops::Range;

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rand_core::RngCore;

use crate::{
    batch_inverse,
    columns::{self, Columns},
    copy_constraints,
    error::Error,
    expression::{Coset, Graph, Node, Poly},
    fft::Fft,
    grand_product,
    key::ProvingKey,
};

/// Number of columns in a set: their factors, z and the selector of usable rows fill the constraint system's degree.
pub(crate) fn set_size(key: &ProvingKey) -> usize {
    key.verifying_key().cs().degree() - 2
}

/// Number of sets of columns.
pub(crate) fn set_count(key: &ProvingKey) -> usize {
    key.verifying_key().cs().permutation().get_columns().len().div_ceil(set_size(key))
}

/// Computes the grand product z of the columns of one set [n values], which starts with `first`.
///
/// In row j it is `first` times the product, over the rows r < j and the columns i of the set, of
/// (v + delta^i w^r beta + gamma) / (v + sigma beta + gamma), with v and sigma of column i in row r. Returns the values, and the one on the last usable row, with
/// which the next set starts.
pub(crate) fn product(
    key: &ProvingKey,
    fft: &Fft,
    columns: &mut Columns<'_>,
    set: usize,
    first: Fr,
    challenges: [Fr; 2],
    rng: &mut dyn RngCore,
) -> Result<(Vec<Fr>, Fr), Error> {
    let cs = key.verifying_key().cs();
    let size = set_size(key);
    let permuted = cs.permutation().get_columns();
    let indices = set * size..permuted.len().min((set + 1) * size);
    let polys: Vec<_> = permuted[indices.clone()].iter().map(columns::poly).collect();
    columns.hold(&polys)?;
    let coset = Coset { fft, shift: Fr::ONE };
    let inverses = inverse_denominators(key, columns, coset, indices.clone(), &polys, challenges)?;

    let [beta, gamma] = challenges;
    let mut graph = Graph::default();
    let gamma_node = graph.constant(gamma);
    let mut factors = vec![graph.column(Poly::PermutationProduct(set), 0)];
    for (index, poly) in indices.zip(&polys) {
        let value = graph.column(*poly, 0);
        let shifted = graph.add(value, gamma_node);
        let identity = graph.constant(beta * Fr::DELTA.pow_vartime([index as u64]));
        let x = graph.x();
        let identity = graph.mul(x, identity);
        factors.push(graph.add(shifted, identity));
    }
    let quotient = graph.product(&factors);
    let column = |poly| match poly {
        Poly::PermutationProduct(_) => &inverses[..],
        poly => columns.get(poly),
    };
    let mut z = graph.compile(&[quotient]).evaluate(column, coset);
    drop(inverses);
    grand_product::running_products(&mut z, first);
    let start = fft.len() - cs.blinding_factors();
    z[start..].iter_mut().for_each(|z| *z = Fr::random(&mut *rng));
    let last = z[start - 1];
    Ok((z, last))
}

/// Inverts the products of v + sigma beta + gamma over the columns of one set, row by row. All factors take one pass.
fn inverse_denominators(
    key: &ProvingKey,
    columns: &Columns<'_>,
    coset: Coset<'_>,
    indices: Range<usize>,
    polys: &[Poly],
    challenges: [Fr; 2],
) -> Result<Vec<Fr>, Error> {
    let sigmas = indices.map(|index| Ok(copy_constraints::sigma(coset.fft, &key.permutation(index)?)));
    let sigmas: Vec<Vec<Fr>> = sigmas.collect::<Result<_, Error>>()?;
    let mut graph = Graph::default();
    let [beta, gamma] = challenges.map(|challenge| graph.constant(challenge));
    let factors: Vec<Node> = (0..polys.len())
        .map(|member| {
            let value = graph.column(polys[member], 0);
            let shifted = graph.add(value, gamma);
            let sigma = graph.column(Poly::Sigma(member), 0);
            let sigma = graph.mul(sigma, beta);
            graph.add(shifted, sigma)
        })
        .collect();
    let denominator = graph.product(&factors);
    let column = |poly| match poly {
        Poly::Sigma(member) => &sigmas[member][..],
        poly => columns.get(poly),
    };
    let mut inverses = graph.compile(&[denominator]).evaluate(column, coset);
    batch_inverse::invert(&mut inverses);
    Ok(inverses)
}

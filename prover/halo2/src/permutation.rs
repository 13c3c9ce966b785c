//! The permutation argument's grand products.

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rand_core::RngCore;

use crate::{
    Error, ProvingKey,
    columns::{self, Columns},
    copies,
    fft::Fft,
    products,
    program::{Graph, Node, Poly, Rows},
};

/// Columns in a set: their factors, z and the selector of usable rows fill the constraint system's degree.
pub(crate) fn set_size(key: &ProvingKey) -> usize {
    key.verifying_key().cs().degree() - 2
}

/// Grand product of the columns of one set, from `first`: over the rows before, and the sets before,
/// v + delta^i w^j beta + gamma over v + sigma beta + gamma. The values, and that on the last usable row, from which
/// the next set goes on.
pub(crate) fn product(
    key: &ProvingKey,
    fft: &Fft,
    columns: &mut Columns<'_>,
    set: usize,
    first: Fr,
    [beta, gamma]: [Fr; 2],
    rng: &mut dyn RngCore,
) -> Result<(Vec<Fr>, Fr), Error> {
    let cs = key.verifying_key().cs();
    let size = set_size(key);
    let permuted = cs.permutation().get_columns();
    let indices = (set * size..permuted.len()).take(size);
    let polys: Vec<_> = permuted.iter().map(columns::poly).skip(set * size).take(size).collect();
    columns.hold(&polys)?;
    let rows = Rows { fft, shift: Fr::ONE };

    // The denominators, all factors in one pass.
    let sigmas = indices.clone().map(|index| Ok(copies::sigma(fft, &key.permutation(index)?)));
    let sigmas: Vec<Vec<Fr>> = sigmas.collect::<Result<_, Error>>()?;
    let mut graph = Graph::default();
    let [beta_node, gamma_node] = [beta, gamma].map(|challenge| graph.constant(challenge));
    let factors: Vec<Node> = (0..polys.len())
        .map(|member| {
            let value = graph.column(polys[member], 0);
            let shifted = graph.add(value, gamma_node);
            let sigma = graph.column(Poly::Sigma(member), 0);
            let sigma = graph.mul(sigma, beta_node);
            graph.add(shifted, sigma)
        })
        .collect();
    let denominator = graph.product(&factors);
    let column = |poly| match poly {
        Poly::Sigma(member) => &sigmas[member][..],
        poly => columns.get(poly),
    };
    let mut inverses = graph.compile(&[denominator]).evaluate(column, rows);
    products::invert(&mut inverses);
    drop(sigmas);

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
    let mut z = graph.compile(&[quotient]).evaluate(column, rows);
    drop(inverses);
    products::running_products(&mut z, first);
    let start = fft.len() - cs.blinding_factors();
    z[start..].iter_mut().for_each(|z| *z = Fr::random(&mut *rng));
    let last = z[start - 1];
    Ok((z, last))
}

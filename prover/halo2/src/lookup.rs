//! Columns of the lookup argument: A' and S', which are A and S permuted, and their grand product.

use halo2_proofs::plonk::Expression;
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rand_core::RngCore;
use rayon::prelude::*;

use crate::{
    batch_inverse,
    columns::Columns,
    error::{Error, Unsatisfied},
    expression::{Coset, Graph, Node, Poly},
    fft::Fft,
    grand_product,
    key::ProvingKey,
    synthesis,
};

/// Values of A' and S' of a lookup [n each].
#[derive(Debug)]
pub(crate) struct Permuted {
    pub(crate) input: Vec<Fr>,
    pub(crate) table: Vec<Fr>,
}

/// Node of the expressions' sum with powers of theta, by Horner's rule.
pub(crate) fn compressed(graph: &mut Graph, expressions: &[Expression<Fr>], theta: Fr) -> Node {
    let nodes: Vec<_> = expressions.iter().map(|expression| graph.expression(expression)).collect();
    graph.horner(&nodes, theta).unwrap_or_else(|| graph.constant(Fr::ZERO))
}

/// Node of (a + beta) (s + gamma).
fn shifted_product(graph: &mut Graph, nodes: [Node; 2], challenges: [Fr; 2]) -> Node {
    let [input, table] = [0, 1].map(|index| {
        let challenge = graph.constant(challenges[index]);
        graph.add(nodes[index], challenge)
    });
    graph.mul(input, table)
}

/// Computes the expressions' sum with powers of theta, on all rows.
fn compress(
    fft: &Fft,
    columns: &mut Columns<'_>,
    expressions: &[Expression<Fr>],
    theta: Fr,
) -> Result<Vec<Fr>, Error> {
    let mut graph = Graph::default();
    let output = compressed(&mut graph, expressions, theta);
    let program = graph.compile(&[output]);
    columns.hold(program.polys())?;
    Ok(program.evaluate(|poly| columns.get(poly), Coset { fft, shift: Fr::ONE }))
}

/// Canonical integers of the elements, or `None` if not all fit 64 bits.
fn as_words(values: &[Fr]) -> Option<Vec<u64>> {
    values
        .par_iter()
        .map(|value| {
            let bytes = value.to_repr();
            let (word, rest) = bytes.split_first_chunk::<8>().expect("32 bytes");
            rest.iter().all(|byte| *byte == 0).then(|| u64::from_le_bytes(*word))
        })
        .collect()
}

/// Canonical integers of the elements, big-endian, so that they compare like integers.
fn as_bytes(values: &[Fr]) -> Vec<[u8; 32]> {
    let reversed = |value: &Fr| {
        let mut bytes = value.to_repr();
        bytes.reverse();
        bytes
    };
    values.par_iter().map(reversed).collect()
}

/// Computes A' and S'. A' are the inputs, sorted. In S', the first row of each run of equal inputs has the same value,
/// from the table. The other rows have the table's remaining values, in order.
///
/// Halo2 takes the runs in the order of a randomly seeded hash map instead. The argument holds with either order, and
/// sorted columns of small values are cheaper to commit to.
///
/// # Errors
/// An input that the table lacks.
fn permute<T: Ord + Copy + Send>(mut input: Vec<T>, mut table: Vec<T>) -> Result<(Vec<T>, Vec<T>), T> {
    input.par_sort_unstable();
    table.par_sort_unstable();
    let first_of_run = |row: usize| row == 0 || input[row] != input[row - 1];
    // The table without one value for each run.
    let mut rest = Vec::with_capacity(table.len());
    let mut values = table.iter().copied().peekable();
    for row in (0..input.len()).filter(|row| first_of_run(*row)) {
        while let Some(value) = values.next_if(|value| *value < input[row]) {
            rest.push(value);
        }
        values.next_if_eq(&input[row]).ok_or(input[row])?;
    }
    rest.extend(values);
    drop(table);
    let mut rest = rest.into_iter();
    let permuted = (0..input.len())
        .map(|row| {
            if first_of_run(row) {
                input[row]
            } else {
                rest.next().expect("as many values remain as rows are no run's first")
            }
        })
        .collect();
    Ok((input, permuted))
}

/// Permutes a lookup's columns, and fills the blinding rows.
pub(crate) fn permuted(
    key: &ProvingKey,
    fft: &Fft,
    columns: &mut Columns<'_>,
    index: usize,
    theta: Fr,
    rng: &mut dyn RngCore,
) -> Result<Permuted, Error> {
    let cs = key.verifying_key().cs();
    let lookup = &cs.lookups()[index];
    let usable = synthesis::usable_rows(cs, key.k());
    let mut input = compress(fft, columns, lookup.input_expressions(), theta)?;
    let mut table = compress(fft, columns, lookup.table_expressions(), theta)?;
    input.truncate(usable);
    table.truncate(usable);
    let missing = |row: Option<usize>| Unsatisfied::Lookup {
        index,
        name: lookup.name().to_owned(),
        row: row.unwrap_or_default(),
    };
    let (mut input, mut table) = match (as_words(&input), as_words(&table)) {
        (Some(inputs), Some(tables)) => {
            let found = permute(inputs, tables)
                .map_err(|value| missing(input.iter().position(|input| *input == Fr::from(value))))?;
            drop((input, table));
            let back = |values: Vec<u64>| -> Vec<Fr> { values.into_par_iter().map(Fr::from).collect() };
            (back(found.0), back(found.1))
        }
        _ => {
            let found = permute(as_bytes(&input), as_bytes(&table)).map_err(|value| {
                missing(input.iter().position(|input| as_bytes(std::slice::from_ref(input)) == [value]))
            })?;
            drop((input, table));
            let back = |values: Vec<[u8; 32]>| -> Vec<Fr> {
                values
                    .into_par_iter()
                    .map(|mut bytes| {
                        bytes.reverse();
                        Option::from(Fr::from_repr(bytes)).expect("it was an element")
                    })
                    .collect()
            };
            (back(found.0), back(found.1))
        }
    };
    for column in [&mut input, &mut table] {
        column.resize_with(fft.len(), || Fr::random(&mut *rng));
    }
    Ok(Permuted { input, table })
}

/// Computes the lookup's grand product [n values]: the product of (A + beta)(S + gamma) / ((A' + beta)(S' + gamma))
/// over the rows before.
#[allow(clippy::too_many_arguments)]
pub(crate) fn product(
    key: &ProvingKey,
    fft: &Fft,
    columns: &mut Columns<'_>,
    index: usize,
    permuted: &Permuted,
    [theta, beta, gamma]: [Fr; 3],
    rng: &mut dyn RngCore,
) -> Result<Vec<Fr>, Error> {
    let cs = key.verifying_key().cs();
    let lookup = &cs.lookups()[index];
    let coset = Coset { fft, shift: Fr::ONE };
    let (input, table, product) =
        (Poly::LookupInput(index), Poly::LookupTable(index), Poly::LookupProduct(index));
    let mut graph = Graph::default();
    let (input_node, table_node) = (graph.column(input, 0), graph.column(table, 0));
    let denominator = shifted_product(&mut graph, [input_node, table_node], [beta, gamma]);
    let column = |poly| if poly == input { &permuted.input[..] } else { &permuted.table[..] };
    let mut inverses = graph.compile(&[denominator]).evaluate(column, coset);
    batch_inverse::invert(&mut inverses);

    let mut graph = Graph::default();
    let (input_node, table_node) = (
        compressed(&mut graph, lookup.input_expressions(), theta),
        compressed(&mut graph, lookup.table_expressions(), theta),
    );
    let numerator = shifted_product(&mut graph, [input_node, table_node], [beta, gamma]);
    let inverse = graph.column(product, 0);
    let quotient = graph.mul(inverse, numerator);
    let program = graph.compile(&[quotient]);
    columns.hold(program.polys())?;
    let column = |poly| if poly == product { &inverses[..] } else { columns.get(poly) };
    let mut z = program.evaluate(column, coset);
    drop(inverses);
    grand_product::running_products(&mut z, Fr::ONE);
    let start = fft.len() - cs.blinding_factors();
    z[start..].iter_mut().for_each(|z| *z = Fr::random(&mut *rng));
    Ok(z)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn permuted_columns_are_permutations_that_agree() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        for _ in 0..200 {
            let rows = 1 + rng.next_u32() as usize % 40;
            let values = 1 + rng.next_u32() as usize % 10;
            let table: Vec<u64> = (0..rows).map(|_| u64::from(rng.next_u32()) % values as u64).collect();
            let input: Vec<u64> = (0..rows).map(|_| table[rng.next_u32() as usize % rows]).collect();
            let (permuted_input, permuted_table) = permute(input.clone(), table.clone()).unwrap();
            for (permuted, mut original) in [(&permuted_input, input), (&permuted_table, table)] {
                let mut permuted = permuted.clone();
                permuted.sort_unstable();
                original.sort_unstable();
                assert_eq!(permuted, original);
            }
            for row in 0..rows {
                let same = permuted_input[row] == permuted_table[row];
                assert!(same || row > 0 && permuted_input[row] == permuted_input[row - 1]);
            }
        }
    }

    #[test]
    fn a_missing_value_is_named() {
        assert_eq!(permute(vec![1, 5, 1], vec![0, 1, 2]), Err(5));
        assert_eq!(permute(vec![1, 0, 0], vec![1, 1, 1]), Err(0));
    }
}

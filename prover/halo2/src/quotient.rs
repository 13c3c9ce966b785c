//! The quotient h = N / (X^n - 1), N the sum of all constraints times powers of y.
//!
//! For a constraint system of degree d, N has degree at most d (n - 1), so h = h_0 + X^n h_1 + … + X^((m-1) n) h_(m-1)
//! with m = d - 1 pieces of n coefficients. Halo2 evaluates N on the smallest power-of-two multiple of n points that is
//! m n or more (4 n for d = 4), interpolates, and cuts the result into the pieces.
//!
//! But m cosets c_i H of the subgroup H of order n are enough, and each can be done separately. On c_i H, X^n is the
//! number c_i^n, so the values N / (c_i^n - 1) there are those of
//!
//!   g_i = h_0 + c_i^n h_1 + … + c_i^((m-1) n) h_(m-1),
//!
//! a polynomial of degree below n, which an inverse transform of size n finds. Coefficient by coefficient, the g_i are
//! the Vandermonde matrix of the c_i^n times the h_j. The c_i^n are distinct, so the matrix's inverse gives the h_j.
//! The pieces are unique because h is, hence they are the same as halo2's.
//!
//! The constraints are evaluated in steps: gates, the permutation's ends, each of its sets, each lookup. A step's
//! columns are transformed to the coset when it starts, and freed after their last step.

use std::collections::BTreeMap;

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField, WithSmallOrderMulGroup},
};
use rayon::prelude::*;
use tracing::info;

use crate::{
    batch_inverse, columns,
    error::Error,
    expression::{Coset, Graph, Node, Poly, Program},
    fft::Fft,
    key::ProvingKey,
    lookup, permutation,
    polynomials::Polynomials,
};

/// Challenges that the constraints contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Challenges {
    pub(crate) theta: Fr,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
    pub(crate) y: Fr,
}

/// Constraints that are evaluated together: a program for their sum by Horner's rule in y, and y to the power of their
/// number.
struct Step {
    program: Program,
    factor: Fr,
}

/// Builder of a step's constraints.
struct Builder {
    graph: Graph,
    one: Node,
    /// 1 on the first row, 0 on the others.
    first: Node,
    /// 1 on the last usable row, 0 on the others.
    last: Node,
    /// 1 on the rows before the last usable one, 0 on the others.
    active: Node,
}

impl Builder {
    fn new(blinding_factors: usize) -> Self {
        let mut graph = Graph::default();
        // l_i is l_0 read i rows earlier, which on the circle is n - i rows later. The last usable row is the one
        // before the blinding rows.
        let row_from_end = |graph: &mut Graph, rows: usize| graph.column(Poly::FirstRow, rows as i32);
        let one = graph.constant(Fr::ONE);
        let first = row_from_end(&mut graph, 0);
        let last = row_from_end(&mut graph, blinding_factors + 1);
        let inactive = (1..=blinding_factors).fold(last, |sum, row| {
            let row = row_from_end(&mut graph, row);
            graph.add(sum, row)
        });
        let active = graph.sub(one, inactive);
        Self { graph, one, first, last, active }
    }

    /// Compiles the step. Returns `None` for no constraints.
    fn finish(mut self, constraints: &[Node], y: Fr) -> Option<Step> {
        let output = self.graph.horner(constraints, y)?;
        let factor = y.pow_vartime([constraints.len() as u64]);
        Some(Step { program: self.graph.compile(&[output]), factor })
    }

    /// Node of the constraint z^2 - z on the last usable row.
    fn ends_in_bit(&mut self, z: Node) -> Node {
        let square = self.graph.mul(z, z);
        let difference = self.graph.sub(square, z);
        self.graph.mul(difference, self.last)
    }

    /// Node of the constraint 1 - z on the first row.
    fn starts_with_one(&mut self, z: Node) -> Node {
        let difference = self.graph.sub(self.one, z);
        self.graph.mul(difference, self.first)
    }
}

/// Makes all steps, with the constraints in halo2's order.
fn steps(key: &ProvingKey, challenges: Challenges) -> Vec<Step> {
    let cs = key.verifying_key().cs();
    let sets = permutation::set_count(key);
    let mut steps = Vec::new();
    steps.extend(gates(cs, challenges));
    steps.extend(permutation_ends(cs, sets, challenges));
    steps.extend((0..sets).filter_map(|set| permutation_set(key, set, challenges)));
    steps.extend((0..cs.lookups().len()).filter_map(|index| lookup_step(cs, index, challenges)));
    steps
}

/// Makes the step of all gates.
fn gates(cs: &ConstraintSystem<Fr>, challenges: Challenges) -> Option<Step> {
    let mut b = Builder::new(cs.blinding_factors());
    let gates: Vec<Node> =
        cs.gates().iter().flat_map(|gate| gate.polynomials()).map(|poly| b.graph.expression(poly)).collect();
    b.finish(&gates, challenges.y)
}

/// Makes the step of the permutation argument's ends. The first set's product starts with 1, and the last one ends in 0
/// or 1. Each set but the first continues from the end of the one before.
fn permutation_ends(cs: &ConstraintSystem<Fr>, sets: usize, challenges: Challenges) -> Option<Step> {
    let last_set = sets.checked_sub(1)?;
    let blinding_factors = cs.blinding_factors();
    let mut b = Builder::new(blinding_factors);
    let z = |graph: &mut Graph, set: usize| graph.column(Poly::PermutationProduct(set), 0);
    let (first, last) = (z(&mut b.graph, 0), z(&mut b.graph, last_set));
    let mut constraints = vec![b.starts_with_one(first), b.ends_in_bit(last)];
    for set in 1..sets {
        let end = b.graph.column(Poly::PermutationProduct(set - 1), -(blinding_factors as i32 + 1));
        let start = z(&mut b.graph, set);
        let difference = b.graph.sub(start, end);
        constraints.push(b.graph.mul(difference, b.first));
    }
    b.finish(&constraints, challenges.y)
}

/// Makes the step of one set of the permutation argument: the rows of its product follow one another.
fn permutation_set(key: &ProvingKey, set: usize, challenges: Challenges) -> Option<Step> {
    let Challenges { beta, gamma, y, .. } = challenges;
    let cs = key.verifying_key().cs();
    let set_size = permutation::set_size(key);
    let mut b = Builder::new(cs.blinding_factors());
    let g = &mut b.graph;
    let (beta_node, gamma_node) = (g.constant(beta), g.constant(gamma));
    let mut left = g.column(Poly::PermutationProduct(set), 1);
    let mut right = g.column(Poly::PermutationProduct(set), 0);
    let permuted = cs.permutation().get_columns();
    for (index, column) in permuted.iter().enumerate().skip(set * set_size).take(set_size) {
        let value = g.column(columns::poly(column), 0);
        let shifted = g.add(value, gamma_node);
        let sigma = g.column(Poly::Sigma(index), 0);
        let sigma = g.mul(sigma, beta_node);
        let factor = g.add(shifted, sigma);
        left = g.mul(left, factor);
        let identity = g.constant(beta * Fr::DELTA.pow_vartime([index as u64]));
        let x = g.x();
        let identity = g.mul(x, identity);
        let factor = g.add(shifted, identity);
        right = g.mul(right, factor);
    }
    let difference = g.sub(left, right);
    let constraint = g.mul(difference, b.active);
    b.finish(&[constraint], y)
}

/// Makes the step of one lookup: the ends and the rows of its product, and the relation of A' and S'.
fn lookup_step(cs: &ConstraintSystem<Fr>, index: usize, challenges: Challenges) -> Option<Step> {
    let Challenges { theta, beta, gamma, y } = challenges;
    let lookup = &cs.lookups()[index];
    let mut b = Builder::new(cs.blinding_factors());
    let g = &mut b.graph;
    let input = lookup::compressed(g, lookup.input_expressions(), theta);
    let table = lookup::compressed(g, lookup.table_expressions(), theta);
    let (beta, gamma) = (g.constant(beta), g.constant(gamma));
    let z = g.column(Poly::LookupProduct(index), 0);
    let z_next = g.column(Poly::LookupProduct(index), 1);
    let permuted_input = g.column(Poly::LookupInput(index), 0);
    let previous_input = g.column(Poly::LookupInput(index), -1);
    let permuted_table = g.column(Poly::LookupTable(index), 0);
    let product = |g: &mut Graph, z: Node, input: Node, table: Node| {
        let (input, table) = (g.add(input, beta), g.add(table, gamma));
        let product = g.mul(z, input);
        g.mul(product, table)
    };
    let left = product(g, z_next, permuted_input, permuted_table);
    let right = product(g, z, input, table);
    let difference = g.sub(left, right);
    let continues = g.mul(difference, b.active);
    let unlike = g.sub(permuted_input, permuted_table);
    let starts_alike = g.mul(unlike, b.first);
    let step = g.sub(permuted_input, previous_input);
    let either = g.mul(unlike, step);
    let runs = g.mul(either, b.active);
    let constraints = [b.starts_with_one(z), b.ends_in_bit(z), continues, starts_alike, runs];
    b.finish(&constraints, y)
}

/// Computes l_0 on a coset [n values]: (c^n - 1) / (n (X - 1)). `vanishing` is c^n - 1.
fn first_row(fft: &Fft, shift: Fr, vanishing: Fr) -> Vec<Fr> {
    let factor =
        Fr::from(fft.len() as u64) * vanishing.invert().expect("the coset is none of the subgroup's");
    let mut graph = Graph::default();
    let (x, factor) = (graph.x(), graph.constant(factor));
    let scaled = graph.mul(x, factor);
    let inverse = graph.sub(scaled, factor);
    let program = graph.compile(&[inverse]);
    let mut values = program.evaluate(|_| unreachable!("no columns"), Coset { fft, shift });
    batch_inverse::invert(&mut values);
    values
}

/// Computes N / (X^n - 1) on a coset [n values]. The vectors of `spare` serve as memory for columns, and return to it
/// in the end.
fn on_coset(
    fft: &Fft,
    polys: &Polynomials<'_>,
    steps: &[Step],
    shift: Fr,
    vanishing: Fr,
    spare: &mut Vec<Vec<Fr>>,
) -> Result<Vec<Fr>, Error> {
    let mut values = vec![Fr::ZERO; fft.len()];
    let mut held: BTreeMap<Poly, Vec<Fr>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        for poly in step.program.polys() {
            if !held.contains_key(poly) {
                let column = match poly {
                    Poly::FirstRow => first_row(fft, shift, vanishing),
                    poly => {
                        let mut column = spare.pop().unwrap_or_default();
                        polys.copy_to(*poly, &mut column)?;
                        fft.to_coset(&mut column, shift);
                        column
                    }
                };
                held.insert(*poly, column);
            }
        }
        step.program.accumulate(|poly| &held[&poly], Coset { fft, shift }, &mut values, step.factor);
        let later = |poly: &Poly| steps[index + 1..].iter().any(|step| step.program.polys().contains(poly));
        let (kept, done) = held.into_iter().partition(|(poly, _)| later(poly));
        held = kept;
        spare.extend(BTreeMap::into_values(done));
    }
    let inverse = vanishing.invert().expect("the coset is none of the subgroup's");
    values.par_iter_mut().for_each(|value| *value *= inverse);
    Ok(values)
}

/// Inverse of the points' Vandermonde matrix. Row j has, for each i, the coefficient of X^j in the polynomial that is 1
/// at
/// `points[i]` and 0 at the others.
fn inverse_vandermonde(points: &[Fr]) -> Vec<Vec<Fr>> {
    let mut inverse = vec![vec![Fr::ZERO; points.len()]; points.len()];
    for (i, point) in points.iter().enumerate() {
        let mut polynomial = vec![Fr::ONE];
        for other in points.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other) {
            let scale = (point - other).invert().expect("the points are distinct");
            // Multiplies by (X - other) scale.
            polynomial.push(Fr::ZERO);
            for j in (0..polynomial.len()).rev() {
                let below = if j > 0 { polynomial[j - 1] } else { Fr::ZERO };
                polynomial[j] = (below - polynomial[j] * other) * scale;
            }
        }
        polynomial.iter().enumerate().for_each(|(j, coefficient)| inverse[j][i] = *coefficient);
    }
    inverse
}

/// Computes the pieces h_0, h_1, … of the quotient [n coefficients each].
pub(crate) fn pieces(
    key: &ProvingKey,
    fft: &Fft,
    polys: &Polynomials<'_>,
    challenges: Challenges,
) -> Result<Vec<Vec<Fr>>, Error> {
    let domain = key.verifying_key().get_domain();
    let count = domain.quotient_poly_degree as usize;
    let steps = steps(key, challenges);
    let mut shift = Fr::ZETA;
    let mut powers = Vec::new();
    let mut pieces = Vec::new();
    let mut spare = Vec::new();
    for coset in 0..count {
        let power = shift.pow_vartime([fft.len() as u64]);
        let mut values = on_coset(fft, polys, &steps, shift, power - Fr::ONE, &mut spare)?;
        fft.coset_to_coefficients(&mut values, shift.invert().expect("not zero"));
        pieces.push(values);
        powers.push(power);
        shift *= domain.get_extended_omega();
        info!(coset, count, "quotient on a coset");
    }
    drop(spare);
    mix(&mut pieces, &inverse_vandermonde(&powers));
    Ok(pieces)
}

/// Multiplies a matrix with the vector of the i-th entries of `vectors`, for each i, and replaces them by the result.
fn mix(vectors: &mut [Vec<Fr>], matrix: &[Vec<Fr>]) {
    const BLOCK: usize = 1 << 12;
    let length = vectors.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<&mut [Fr]>> = (0..length.div_ceil(BLOCK)).map(|_| Vec::new()).collect();
    for vector in vectors {
        for (column, block) in columns.iter_mut().zip(vector.chunks_mut(BLOCK)) {
            column.push(block);
        }
    }
    columns.into_par_iter().for_each(|mut blocks| {
        let mut entries = vec![Fr::ZERO; blocks.len()];
        for at in 0..blocks[0].len() {
            entries.iter_mut().zip(&blocks).for_each(|(entry, block)| *entry = block[at]);
            for (block, row) in blocks.iter_mut().zip(matrix) {
                block[at] = row.iter().zip(&entries).map(|(factor, entry)| *factor * entry).sum();
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn the_first_row_is_one_there_and_zero_elsewhere() {
        let fft = Fft::new(9);
        let mut values = vec![Fr::ZERO; fft.len()];
        values[0] = Fr::ONE;
        fft.to_coefficients(&mut values);
        fft.to_coset(&mut values, Fr::ZETA);
        let vanishing = Fr::ZETA.pow_vartime([fft.len() as u64]) - Fr::ONE;
        assert_eq!(first_row(&fft, Fr::ZETA, vanishing), values);
    }

    #[test]
    fn mixing_with_the_inverse_undoes_vandermonde() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for size in 1..6 {
            let points: Vec<Fr> = (0..size).map(|_| Fr::random(&mut rng)).collect();
            let vectors: Vec<Vec<Fr>> =
                (0..size).map(|_| (0..5000).map(|_| Fr::random(&mut rng)).collect()).collect();
            let vandermonde: Vec<Vec<Fr>> = points
                .iter()
                .map(|point| (0..size).map(|j| point.pow_vartime([j as u64])).collect())
                .collect();
            let mut mixed = vectors.clone();
            mix(&mut mixed, &vandermonde);
            mix(&mut mixed, &inverse_vandermonde(&points));
            assert_eq!(mixed, vectors);
        }
    }
}

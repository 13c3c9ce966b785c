//! The kernels of the prover beside halo2's, in one run: multi-scalar multiplication of the kinds of columns that a proof
//! commits to, Fourier transforms; and constraints and inverses on many rows, beside the library's scalar field.
//!
//! `cargo bench -p zeno-halo2 --bench kernels -- [K…]`, 16 and 18 by default. Each figure is the least processor time of
//! some runs that take turns, all threads together, so that other work on the machine weighs less.

// The kernels are no part of the crate's interface. Their unit tests come along, as modules without the tests.
#[allow(dead_code, unused_imports)]
#[path = "../src/fft.rs"]
mod fft;
#[allow(dead_code, unused_imports)]
#[path = "../src/msm.rs"]
mod msm;
#[allow(dead_code, unused_imports)]
#[path = "../src/products.rs"]
mod products;
#[allow(dead_code, unused_imports)]
#[path = "../src/program.rs"]
mod program;

use std::{borrow::Cow, fs, hint::black_box, ops::Range};

use fft::Fft;
use halo2_proofs::{
    arithmetic::{best_fft, best_multiexp},
    poly::EvaluationDomain,
};
use halo2curves::{
    bn256::{Fr, G1, G1Affine, G2Affine},
    ff::{BatchInvert, Field},
    group::{Curve, Group},
};
use program::{Graph, Node, Poly, Rows};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use zeno_halo2::{Srs, SrsError};

/// Points to commit with.
struct Bases(Vec<G1Affine>);

impl Srs for Bases {
    fn k(&self) -> u32 {
        self.0.len().ilog2()
    }

    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        Ok(Cow::Borrowed(&self.0[range]))
    }

    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        self.g(range)
    }

    fn g2(&self) -> G2Affine {
        G2Affine::generator()
    }

    fn s_g2(&self) -> G2Affine {
        G2Affine::generator()
    }
}

const RUNS: usize = 5;

/// Processor time of all threads so far, in seconds.
fn processor_time() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists the threads");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|times| times.split(' ').next()?.parse::<f64>().ok())
        .sum::<f64>()
        * 1e-9
}

fn compare(k: u32, name: &str, mut stock: impl FnMut(), mut ours: impl FnMut()) {
    let mut least = [f64::MAX; 2];
    for _ in 0..RUNS {
        for (least, run) in least.iter_mut().zip([&mut stock as &mut dyn FnMut(), &mut ours]) {
            let start = processor_time();
            run();
            *least = least.min(processor_time() - start);
        }
    }
    let [stock, ours] = least.map(|seconds| seconds * 1e3);
    println!("{k:>3} {name:<34} {stock:>9.1} {ours:>9.1} {:>6.2}", stock / ours);
}

fn points(n: usize, rng: &mut ChaCha20Rng) -> Vec<G1Affine> {
    let mut point = G1::random(&mut *rng);
    let step = G1::random(rng).to_affine();
    let points: Vec<G1> = std::iter::repeat_with(|| {
        point += step;
        point
    })
    .take(n)
    .collect();
    let mut affine = vec![G1Affine::default(); n];
    G1::batch_normalize(&points, &mut affine);
    affine
}

/// Adds a constraint to `values` times a factor, as a quotient's steps do.
fn constraint(
    k: u32,
    name: &str,
    columns: &[Vec<Fr>],
    program: impl Fn(&mut Graph, &[Node]) -> Node,
    plain: impl Fn(&[&Fr], Fr) -> Fr + Sync,
) {
    let fft = Fft::new(k);
    let rows = Rows { fft: &fft, shift: Fr::from(7) };
    let factor = columns[0][0];
    let mut graph = Graph::default();
    let mut nodes: Vec<_> = (0..columns.len()).map(|i| graph.column(Poly::Advice(i), 0)).collect();
    nodes.push(graph.x());
    let output = program(&mut graph, &nodes);
    let program = graph.compile(&[output]);
    let ours = |values: &mut [Fr]| {
        let column = |poly| match poly {
            Poly::Advice(index) => &columns[index][..],
            _ => unreachable!("only advice here"),
        };
        program.accumulate(column, rows, values, factor);
    };
    let stock = |values: &mut [Fr]| {
        values.par_iter_mut().enumerate().for_each_init(Vec::new, |cells, (row, value)| {
            cells.clear();
            cells.extend(columns.iter().map(|column| &column[row]));
            *value = *value * factor + plain(cells, rows.shift * fft.root_power(row));
        });
    };
    let [mut by_stock, mut by_ours] = [columns[1].clone(), columns[1].clone()];
    stock(&mut by_stock);
    ours(&mut by_ours);
    assert!(by_stock == by_ours, "the constraints agree");
    compare(k, name, || stock(&mut by_stock), || ours(&mut by_ours));
}

/// Constraints of the kinds that most of a quotient's steps have.
fn constraints(k: u32, rng: &mut ChaCha20Rng) {
    let columns: Vec<Vec<Fr>> =
        (0..7).map(|_| (0..1 << k).map(|_| Fr::random(&mut *rng)).collect()).collect();
    let [beta, gamma, delta] = std::array::from_fn(|_| Fr::random(&mut *rng));
    constraint(
        k,
        "permutation of two columns",
        &columns,
        |g, nodes| {
            let [mut left, mut right] = [nodes[0], nodes[1]];
            let gamma = g.constant(gamma);
            for (column, identity) in [(2, beta), (4, beta * delta)] {
                let (beta, identity) = (g.constant(beta), g.constant(identity));
                let value = g.add(nodes[column], gamma);
                let (sigma, identity) = (g.mul(nodes[column + 1], beta), g.mul(nodes[7], identity));
                let factors = [g.add(value, sigma), g.add(value, identity)];
                (left, right) = (g.mul(left, factors[0]), g.mul(right, factors[1]));
            }
            let difference = g.sub(left, right);
            g.mul(difference, nodes[6])
        },
        |cells, x| {
            let [mut left, mut right] = [*cells[0], *cells[1]];
            for (column, identity) in [(2, beta), (4, beta * delta)] {
                let value = gamma + cells[column];
                left *= value + beta * cells[column + 1];
                right *= value + identity * x;
            }
            (left - right) * cells[6]
        },
    );
    constraint(
        k,
        "gate q (a + b c - d)",
        &columns,
        |g, nodes| {
            let product = g.mul(nodes[2], nodes[3]);
            let sum = g.add(nodes[1], product);
            let difference = g.sub(sum, nodes[4]);
            g.mul(nodes[0], difference)
        },
        |cells, _| *cells[0] * (*cells[1] + *cells[2] * cells[3] - cells[4]),
    );
}

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|k| k.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![16, 18] } else { sizes };
    println!("{:>3} {:<34} {:>9} {:>9} {:>6}", "k", "processor time", "stock ms", "ours ms", "ratio");
    for k in sizes {
        let n = 1usize << k;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        constraints(k, &mut rng);
        let mut elements: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
        let mut inverses = elements.clone();
        let stock = |values: &mut [Fr]| {
            values.par_chunks_mut(1 << 14).for_each(|values| _ = values.iter_mut().batch_invert());
        };
        compare(k, "inverses", || stock(&mut elements), || products::invert(&mut inverses));
        assert!(elements == inverses, "the inverses agree");
        let bases = Bases(points(n, &mut rng));
        let random: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
        let bits = |rng: &mut ChaCha20Rng, bits: u32| -> Vec<Fr> {
            let mut column: Vec<Fr> = (0..n).map(|_| Fr::from(rng.next_u64() >> (64 - bits))).collect();
            // The blinding rows.
            column[n - 6..].iter_mut().for_each(|value| *value = Fr::random(&mut *rng));
            column
        };
        let columns = [
            ("multiply, random", random.clone()),
            ("multiply, 48 bits, six random", bits(&mut rng, 48)),
            ("multiply, 22 bits, six random", bits(&mut rng, 22)),
            ("multiply, 1 bit, six random", bits(&mut rng, 1)),
        ];
        for (name, scalars) in columns {
            let stock = || best_multiexp(&scalars, &bases.0).to_affine();
            let ours = || msm::commit(&bases, &scalars).expect("they lie in memory");
            assert_eq!(stock(), ours());
            compare(k, name, || _ = black_box(stock()), || _ = black_box(ours()));
        }
        let fft = Fft::new(k);
        let domain = EvaluationDomain::<Fr>::new(2, k);
        let transform = |values: &mut [Fr]| {
            best_fft(values, domain.get_omega(), k, &domain.fft_data[&n], false);
        };
        let (mut stock, mut ours) = (random.clone(), random);
        transform(&mut stock);
        fft.to_coset(&mut ours, Fr::ONE);
        assert!(stock == ours, "the transforms agree");
        compare(k, "transform", || transform(&mut stock), || fft.to_coset(&mut ours, Fr::ONE));
    }
}

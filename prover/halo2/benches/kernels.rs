//! Kernels of the prover against halo2's, in one run. Multi-scalar multiplications of the kinds of columns that a proof
//! commits to, and Fourier transforms, are compared with halo2's. Constraints and inverses on many rows are compared
//! with the same in the library's scalar field.
//!
//! `cargo bench -p zeno-halo2 --bench kernels -- [K…]`, 16 and 18 by default. Each figure is the least processor time,
//! of all threads together, in some runs that take turns. So other work on the host weighs less.

// The kernels are no part of the crate's interface, so their modules are included here, with the paths that they
// import. The modules of their unit tests come along, without the tests.
#[allow(dead_code, unused_imports)]
#[path = "../src/batch_inverse.rs"]
mod batch_inverse;
#[allow(dead_code, unused_imports)]
#[path = "../src/expression/mod.rs"]
mod expression;
#[allow(dead_code, unused_imports)]
#[path = "../src/fft.rs"]
mod fft;
#[allow(dead_code, unused_imports)]
#[path = "../src/msm.rs"]
mod msm;
/// Module of the trait that the kernels import.
mod srs {
    pub(crate) use zeno_halo2::SrsPoints;
}

use std::{borrow::Cow, fs, hint::black_box, ops::Range};

use expression::{Coset, Graph, Node, Poly};
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
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use zeno_halo2::{SrsError, SrsPoints};

/// Points to commit with.
struct Bases(Vec<G1Affine>);

impl SrsPoints for Bases {
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

/// Prints the least times of halo2's kernel and ours, in milliseconds.
fn compare(k: u32, name: &str, mut halo2: impl FnMut(), mut ours: impl FnMut()) {
    let mut least = [f64::MAX; 2];
    for _ in 0..RUNS {
        for (least, run) in least.iter_mut().zip([&mut halo2 as &mut dyn FnMut(), &mut ours]) {
            let start = processor_time();
            run();
            *least = least.min(processor_time() - start);
        }
    }
    let [halo2, ours] = least.map(|seconds| seconds * 1e3);
    println!("{k:>3} {name:<34} {halo2:>9.1} {ours:>9.1} {:>6.2}", halo2 / ours);
}

/// Makes n points, as an arithmetic progression from a random one.
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

/// Compares adding a constraint to values times a factor, which a quotient's steps do.
fn constraint(
    k: u32,
    name: &str,
    columns: &[Vec<Fr>],
    program: impl Fn(&mut Graph, &[Node]) -> Node,
    plain: impl Fn(&[&Fr], Fr) -> Fr + Sync,
) {
    let fft = Fft::new(k);
    let coset = Coset { fft: &fft, shift: Fr::from(7) };
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
        program.accumulate(column, coset, values, factor);
    };
    let halo2 = |values: &mut [Fr]| {
        values.par_iter_mut().enumerate().for_each_init(Vec::new, |cells, (row, value)| {
            cells.clear();
            cells.extend(columns.iter().map(|column| &column[row]));
            *value = *value * factor + plain(cells, coset.shift * fft.root_power(row));
        });
    };
    let [mut by_halo2, mut by_ours] = [columns[1].clone(), columns[1].clone()];
    halo2(&mut by_halo2);
    ours(&mut by_ours);
    assert!(by_halo2 == by_ours, "the constraints agree");
    compare(k, name, || halo2(&mut by_halo2), || ours(&mut by_ours));
}

/// Compares constraints of the kinds that most of a quotient's steps have.
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
    println!("{:>3} {:<34} {:>9} {:>9} {:>6}", "k", "processor time", "halo2 ms", "ours ms", "ratio");
    for k in sizes {
        let n = 1usize << k;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        constraints(k, &mut rng);
        let mut elements: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
        let mut inverses = elements.clone();
        let halo2 = |values: &mut [Fr]| {
            values.par_chunks_mut(1 << 14).for_each(|values| _ = values.iter_mut().batch_invert());
        };
        compare(k, "inverses", || halo2(&mut elements), || batch_inverse::invert(&mut inverses));
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
            let halo2 = || best_multiexp(&scalars, &bases.0).to_affine();
            let ours = || msm::commit(&bases, &scalars).expect("they lie in memory");
            assert_eq!(halo2(), ours());
            compare(k, name, || _ = black_box(halo2()), || _ = black_box(ours()));
        }
        let fft = Fft::new(k);
        let domain = EvaluationDomain::<Fr>::new(2, k);
        let transform = |values: &mut [Fr]| {
            best_fft(values, domain.get_omega(), k, &domain.fft_data[&n], false);
        };
        let (mut halo2, mut ours) = (random.clone(), random);
        transform(&mut halo2);
        fft.to_coset(&mut ours, Fr::ONE);
        assert!(halo2 == ours, "the transforms agree");
        compare(k, "transform", || transform(&mut halo2), || fft.to_coset(&mut ours, Fr::ONE));
    }
}

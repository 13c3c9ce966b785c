//! The kernels against p3's field and OpenVM's hasher.

use openvm_stark_backend::{StarkProtocolConfig, SystemParams};
use openvm_stark_backend::{hasher::MerkleHasher, p3_symmetric::Permutation};
use openvm_stark_sdk::config::{
    baby_bear_bn254_poseidon2::{BabyBearBn254Poseidon2Config, Digest, F},
    bn254_poseidon2::{default_bn254_poseidon2_width2, default_bn254_poseidon2_width3},
};
use p3_bn254::Bn254;
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;
use rand::{Rng, SeedableRng, rngs::StdRng};

use zeno_bn254::{InstructionSet, KernelDispatch, KernelTask, Lanes};

use super::{Kernel, Tables, field::element, poseidon2::power};

/// Zero, one, two, their negatives, numbers with long runs of zeros and ones, and random ones.
fn elements(rng: &mut StdRng, random: usize) -> Vec<Bn254> {
    let mut out = vec![Bn254::ZERO];
    for shift in [0, 1, 50, 51, 52, 63, 64, 102, 153, 204, 208, 250, 252] {
        let power = Bn254::TWO.exp_u64(shift);
        out.extend([power, -power, power - Bn254::ONE, Bn254::ONE - power]);
        // The same patterns in Montgomery form.
        for exponent in [255, 256, 260] {
            out.push(power * Bn254::TWO.exp_u64(exponent).inverse());
        }
    }
    out.extend((0..random).map(|_| rng.random::<Bn254>()));
    out
}

/// Checks the largest sums in the permutations, settled and to the fifth power, against p3's field.
fn check_sums<L: Lanes>() {
    struct Run<L: Lanes>(Tables<L>);
    impl<L: Lanes> KernelTask for Run<L> {
        fn run(self) {
            let mut rng = StdRng::seed_from_u64(1);
            let x = elements(&mut rng, 200);
            for _ in 0..400 {
                let pick: Vec<[Bn254; 6]> =
                    (0..L::LANES).map(|_| std::array::from_fn(|_| x[rng.random_range(0..x.len())])).collect();
                let lanes = |k: usize| L::factors(&pick.iter().map(|p| element(p[k])).collect::<Vec<_>>());
                let check = |what: &str, value: L, expected: &dyn Fn(&[Bn254; 6]) -> Bn254| {
                    let ours = self.0.integers_of(value).map(Bn254::new);
                    let expected: Vec<Bn254> = pick.iter().map(expected).collect();
                    assert_eq!(ours[..L::LANES], expected, "{what} of {pick:?}");
                };
                let fifth = |x: Bn254| x.exp_const_u64::<5>();
                // The same constant in all lanes.
                let constant = pick[0][5];
                let c = L::splat(&L::factor(element(constant)));
                let four = (1..4).fold(power(lanes(0)), |sum, k| sum.add(power(lanes(k)))).add(c);
                let expected = |p: &[Bn254; 6]| p[..4].iter().map(|x| fifth(*x)).sum::<Bn254>() + constant;
                check("four powers and a constant", four.settle(), &expected);
                check("their power", power(four).settle(), &|p| fifth(expected(p)));
                let five = (1..3).fold(power(lanes(0)), |sum, k| sum.add(power(lanes(k))));
                let five = five.add(lanes(3)).add(lanes(4));
                check("three powers and two values", five.settle(), &|p| {
                    p[..3].iter().map(|x| fifth(*x)).sum::<Bn254>() + p[3] + p[4]
                });
                let values = (1..4).fold(lanes(0), |sum, k| sum.add(lanes(k))).add(c);
                let expected = |p: &[Bn254; 6]| p[..4].iter().copied().sum::<Bn254>() + constant;
                check("four values and a constant", values.settle(), &expected);
                check("their power", power(values).settle(), &|p| fifth(expected(p)));
            }
        }
    }
    L::enable(Run::<L>(Tables::new()));
}

#[test]
fn sums_and_powers_agree() {
    struct Check;
    impl KernelDispatch for Check {
        type Output = ();
        fn with<L: Lanes>(self) {
            check_sums::<L>();
        }
    }
    for set in InstructionSet::available() {
        set.run(Check);
    }
}

/// Every kernel of this processor, with batches that fill its lanes and others.
#[test]
fn permutations_agree() {
    let mut rng = StdRng::seed_from_u64(3);
    let x = elements(&mut rng, 100);
    for kernel in Kernel::available() {
        for len in [0, 1, kernel.width() - 1, kernel.width(), kernel.width() + 1, 5 * kernel.width() + 3] {
            let states: Vec<[Bn254; 3]> =
                (0..len).map(|_| std::array::from_fn(|_| x[rng.random_range(0..x.len())])).collect();
            let mut ours = states.clone();
            kernel.permute3(&mut ours);
            let expected: Vec<_> =
                states.iter().map(|s| default_bn254_poseidon2_width3().permute(*s)).collect();
            assert_eq!(ours, expected, "{}, {len} states of width 3", kernel.name());
            let states: Vec<[Bn254; 2]> = states.iter().map(|s| [s[0], s[1]]).collect();
            let mut ours = states.clone();
            kernel.permute2(&mut ours);
            let expected: Vec<_> =
                states.iter().map(|s| default_bn254_poseidon2_width2().permute(*s)).collect();
            assert_eq!(ours, expected, "{}, {len} states of width 2", kernel.name());
        }
    }
}

/// Rows of every width around the packing's and the rate's multiples, with the extreme values.
#[test]
fn leaves_agree_with_openvms_hasher() {
    let config = BabyBearBn254Poseidon2Config::default_from_params(SystemParams::new_for_testing(8));
    let hasher = config.hasher();
    let mut rng = StdRng::seed_from_u64(4);
    let highest = F::new(F::ORDER_U32 - 1);
    for kernel in Kernel::available() {
        for width in [1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33] {
            let (stride, rows_per_leaf) = (kernel.width() + 3, [1, 2, 8][width % 3]);
            let values: Vec<F> = (0..stride * rows_per_leaf * width)
                .map(|_| match rng.random_range(0..4) {
                    0 => F::ZERO,
                    1 => highest,
                    _ => rng.random(),
                })
                .collect();
            let rows = RowMajorMatrix::new(values.clone(), width);
            let row = |i: usize| &values[i * width..][..width];
            for (first, len) in [(0, stride), (1, 1), (2, kernel.width())] {
                let mut ours = vec![Digest::default(); len];
                kernel.leaves(&rows, stride, rows_per_leaf, first, &mut ours);
                for (i, ours) in ours.iter().enumerate() {
                    let rows = (0..rows_per_leaf).map(|t| hasher.hash_slice(row(first + i + t * stride)));
                    assert_eq!(
                        *ours,
                        hasher.tree_compress(rows.collect()),
                        "{}, width {width}",
                        kernel.name()
                    );
                }
            }
        }
    }
}

#[test]
fn compression_agrees_with_openvms_hasher() {
    let config = BabyBearBn254Poseidon2Config::default_from_params(SystemParams::new_for_testing(8));
    let hasher = config.hasher();
    let mut rng = StdRng::seed_from_u64(5);
    let nodes: Vec<Digest> = elements(&mut rng, 11).into_iter().map(|x| [x]).collect();
    for kernel in Kernel::available() {
        for len in [0, 1, kernel.width(), nodes.len() / 2] {
            let mut ours = vec![Digest::default(); len];
            kernel.compress(&nodes[..2 * len], &mut ours);
            for (i, ours) in ours.iter().enumerate() {
                assert_eq!(*ours, hasher.compress(nodes[2 * i], nodes[2 * i + 1]), "{}", kernel.name());
            }
        }
    }
}

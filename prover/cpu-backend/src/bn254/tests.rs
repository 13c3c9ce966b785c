//! The kernels against Plonky3's field and the stock hasher.

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

use super::{
    Kernel,
    field::{MODULUS, Portable, Words, canonical, montgomery_words},
    lanes::{Lanes, Pair},
    poseidon2::Poseidon2,
    radix52::{Radix52, Word52},
};

/// The words of AVX-512 IFMA in plain Rust, so that the kernel is tested on any processor.
#[derive(Clone, Copy)]
struct Plain52([u64; 3]);

impl Plain52 {
    fn map(self, rhs: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], rhs.0[i])))
    }
}

impl Word52 for Plain52 {
    const LANES: usize = 3;
    fn splat(x: u64) -> Self {
        Self([x; 3])
    }
    fn load(x: &[u64]) -> Self {
        Self([x[0], x[1], x[2]])
    }
    fn store(self, out: &mut [u64]) {
        out[..3].copy_from_slice(&self.0);
    }
    fn add(self, rhs: Self) -> Self {
        self.map(rhs, |a, b| a.checked_add(b).expect("a column is below 2^64"))
    }
    fn and(self, rhs: Self) -> Self {
        self.map(rhs, |a, b| a & b)
    }
    fn high(self) -> Self {
        Self(self.0.map(|a| a >> 52))
    }
    fn low(self) -> Self {
        Self(self.0.map(|a| a & ((1 << 52) - 1)))
    }
    fn add_low(self, a: Self, b: Self) -> Self {
        self.add(a.map(b, |a, b| (product52(a, b) & ((1 << 52) - 1)) as u64))
    }
    fn add_high(self, a: Self, b: Self) -> Self {
        self.add(a.map(b, |a, b| (product52(a, b) >> 52) as u64))
    }
}

/// The processor would drop the bits from 52 on without a word.
fn product52(a: u64, b: u64) -> u128 {
    assert!(a < 1 << 52 && b < 1 << 52, "a factor has more than 52 bits: {a:#x}, {b:#x}");
    u128::from(a) * u128::from(b)
}

/// The same kernel with each operation compiled once: inlined all over the tests, they would take minutes to compile.
#[derive(Clone, Copy)]
struct Outlined<L>(L);

impl<L: Lanes> Lanes for Outlined<L> {
    const WIDTH: usize = L::WIDTH;
    type Constant = L::Constant;
    fn constant(x: &Words) -> L::Constant {
        L::constant(x)
    }
    #[inline(never)]
    fn zero() -> Self {
        Self(L::zero())
    }
    #[inline(never)]
    fn from_integers(x: &[Words]) -> Self {
        Self(L::from_integers(x))
    }
    #[inline(never)]
    fn from_montgomery(x: &[Words]) -> Self {
        Self(L::from_montgomery(x))
    }
    #[inline(never)]
    fn to_integers(self, out: &mut [Words]) {
        self.0.to_integers(out);
    }
    #[inline(never)]
    fn add(self, rhs: Self) -> Self {
        Self(self.0.add(rhs.0))
    }
    #[inline(never)]
    fn add_constant(self, c: &L::Constant) -> Self {
        Self(self.0.add_constant(c))
    }
    #[inline(never)]
    fn settle(self) -> Self {
        Self(self.0.settle())
    }
    #[inline(never)]
    fn fit(self) -> Self {
        Self(self.0.fit())
    }
    #[inline(never)]
    fn multiply(self, rhs: Self) -> Self {
        Self(self.0.multiply(rhs.0))
    }
    #[inline(never)]
    fn square(self) -> Self {
        Self(self.0.square())
    }
}

/// Zero, one, two, their negatives, numbers with long runs of zeros and ones, and random ones.
fn elements(rng: &mut StdRng, random: usize) -> Vec<Bn254> {
    let mut out = vec![Bn254::ZERO];
    for shift in [0, 1, 50, 51, 52, 63, 64, 102, 153, 204, 208, 250, 252] {
        let power = Bn254::TWO.exp_u64(shift);
        out.extend([power, -power, power - Bn254::ONE, Bn254::ONE - power]);
        // The same patterns in the Montgomery forms.
        for exponent in [255, 256, 260] {
            out.push(power * Bn254::TWO.exp_u64(exponent).inverse());
        }
    }
    out.extend((0..random).map(|_| rng.random::<Bn254>()));
    out
}

fn to_words(x: &[Bn254]) -> Vec<Words> {
    x.iter().map(|&x| canonical(x)).collect()
}

/// Products, squares, fifth powers and settled sums of the kernel against Plonky3's field.
fn check_field<L: Lanes>() {
    let mut rng = StdRng::seed_from_u64(1);
    let x = elements(&mut rng, 200);
    for _ in 0..40 {
        let pick: Vec<[Bn254; 5]> =
            (0..L::WIDTH).map(|_| std::array::from_fn(|_| x[rng.random_range(0..x.len())])).collect();
        let lanes = |k: usize| L::from_integers(&to_words(&pick.iter().map(|p| p[k]).collect::<Vec<_>>()));
        let montgomery =
            |k: usize| L::from_montgomery(&pick.iter().map(|p| montgomery_words(p[k])).collect::<Vec<_>>());
        let check = |what: &str, value: L, expected: &dyn Fn(&[Bn254; 5]) -> Bn254| {
            let mut out = vec![[0; 4]; L::WIDTH];
            value.to_integers(&mut out);
            let expected: Vec<Bn254> = pick.iter().map(expected).collect();
            assert_eq!(out, to_words(&expected), "{what} of {pick:?}");
        };
        check("identity", lanes(0), &|p| p[0]);
        check("from Montgomery's form", montgomery(0), &|p| p[0]);
        check("product", lanes(0).multiply(montgomery(1)).settle(), &|p| p[0] * p[1]);
        check("cube", lanes(0).square().multiply(lanes(0)).settle(), &|p| p[0].cube());
        check("power", lanes(0).pow5().settle(), &|p| p[0].exp_const_u64::<5>());
        // The largest sum permitted: five values and a constant.
        let c = L::constant(&canonical(x[rng.random_range(0..x.len())]));
        let c_is = {
            let mut out = vec![[0; 4]; L::WIDTH];
            L::zero().add_constant(&c).settle().to_integers(&mut out);
            Bn254::new(out[0])
        };
        let sum = (1..4).fold(lanes(0).pow5(), |sum, k| sum.add(lanes(k).pow5())).add_constant(&c);
        let expected =
            move |p: &[Bn254; 5]| p[..4].iter().map(|x| x.exp_const_u64::<5>()).sum::<Bn254>() + c_is;
        check("settled sum", sum.settle(), &expected);
        check("power of a sum", sum.fit().pow5().settle(), &|p| expected(p).exp_const_u64::<5>());
        let sum = (1..3).fold(lanes(0).pow5(), |sum, k| sum.add(lanes(k).pow5()));
        let sum = sum.add(montgomery(3)).add(montgomery(4));
        check("settled sum of five", sum.settle(), &|p| {
            p[..3].iter().map(|x| x.exp_const_u64::<5>()).sum::<Bn254>() + p[3] + p[4]
        });
        let sum = (1..5).fold(montgomery(0), |sum, k| sum.add(montgomery(k))).add_constant(&c);
        let expected = move |p: &[Bn254; 5]| p.iter().copied().sum::<Bn254>() + c_is;
        check("settled sum", sum.settle(), &expected);
        check("settled twice", sum.settle().add(sum.settle()).settle(), &|p| expected(p).double());
        check("power of a sum", sum.fit().pow5().settle(), &|p| expected(p).exp_const_u64::<5>());
    }
}

#[test]
fn fields_agree() {
    check_field::<Outlined<Portable>>();
    check_field::<Outlined<Pair<Portable>>>();
    check_field::<Outlined<Radix52<Plain52>>>();
    #[cfg(target_arch = "x86_64")]
    if super::x86::has_avx2() {
        check_field::<Outlined<super::radix51::Radix51>>();
    }
}

/// The permutations of a kernel in plain Rust against the stock ones.
fn check_permutations<L: Lanes>() {
    let mut rng = StdRng::seed_from_u64(2);
    let x = elements(&mut rng, 0);
    let (two, three) = (Poseidon2::<L, 2>::width2(), Poseidon2::<L, 3>::width3());
    for _ in 0..4 {
        let states: Vec<[Bn254; 3]> =
            (0..L::WIDTH).map(|_| std::array::from_fn(|_| x[rng.random_range(0..x.len())])).collect();
        let lanes = |k: usize| L::from_integers(&to_words(&states.iter().map(|s| s[k]).collect::<Vec<_>>()));
        let check = |value: L, expected: Vec<Bn254>| {
            let mut out = vec![[0; 4]; L::WIDTH];
            value.to_integers(&mut out);
            assert_eq!(out, to_words(&expected));
        };
        let mut state = [lanes(0), lanes(1), lanes(2)];
        three.permute(&mut state);
        let expected: Vec<_> = states.iter().map(|s| default_bn254_poseidon2_width3().permute(*s)).collect();
        for k in 0..3 {
            check(state[k], expected.iter().map(|s| s[k]).collect());
        }
        let mut state = [lanes(0), lanes(1)];
        two.permute(&mut state);
        let expected: Vec<_> =
            states.iter().map(|s| default_bn254_poseidon2_width2().permute([s[0], s[1]])).collect();
        for k in 0..2 {
            check(state[k], expected.iter().map(|s| s[k]).collect());
        }
    }
}

#[test]
fn permutations_agree_in_plain_rust() {
    check_permutations::<Outlined<Portable>>();
    check_permutations::<Outlined<Radix52<Plain52>>>();
    #[cfg(target_arch = "x86_64")]
    if super::x86::has_avx2() {
        check_permutations::<Outlined<super::radix51::Radix51>>();
    }
}

/// Every kernel of this processor, batches that fill its lanes and others.
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
            let stock: Vec<_> = states.iter().map(|s| default_bn254_poseidon2_width3().permute(*s)).collect();
            assert_eq!(ours, stock, "{}, {len} states of width 3", kernel.name());
            let states: Vec<[Bn254; 2]> = states.iter().map(|s| [s[0], s[1]]).collect();
            let mut ours = states.clone();
            kernel.permute2(&mut ours);
            let stock: Vec<_> = states.iter().map(|s| default_bn254_poseidon2_width2().permute(*s)).collect();
            assert_eq!(ours, stock, "{}, {len} states of width 2", kernel.name());
        }
    }
}

/// Rows of every width around the packing's and the rate's multiples, with the extreme values.
#[test]
fn leaves_agree_with_the_stock_hasher() {
    let config = BabyBearBn254Poseidon2Config::default_from_params(SystemParams::new_for_testing(8));
    let stock = config.hasher();
    let mut rng = StdRng::seed_from_u64(4);
    let highest = F::new(F::ORDER_U32 - 1);
    for kernel in Kernel::available() {
        for width in [1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33] {
            let (stride, rows_a_leaf) = (kernel.width() + 3, [1, 2, 8][width % 3]);
            let values: Vec<F> = (0..stride * rows_a_leaf * width)
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
                kernel.leaves(&rows, stride, rows_a_leaf, first, &mut ours);
                for (i, ours) in ours.iter().enumerate() {
                    let rows = (0..rows_a_leaf).map(|t| stock.hash_slice(row(first + i + t * stride)));
                    assert_eq!(
                        *ours,
                        stock.tree_compress(rows.collect()),
                        "{}, width {width}",
                        kernel.name()
                    );
                }
            }
        }
    }
}

#[test]
fn compression_agrees_with_the_stock_hasher() {
    let config = BabyBearBn254Poseidon2Config::default_from_params(SystemParams::new_for_testing(8));
    let stock = config.hasher();
    let mut rng = StdRng::seed_from_u64(5);
    let nodes: Vec<Digest> = elements(&mut rng, 11).into_iter().map(|x| [x]).collect();
    for kernel in Kernel::available() {
        for len in [0, 1, kernel.width(), nodes.len() / 2] {
            let mut ours = vec![Digest::default(); len];
            kernel.compress(&nodes[..2 * len], &mut ours);
            for (i, ours) in ours.iter().enumerate() {
                assert_eq!(*ours, stock.compress(nodes[2 * i], nodes[2 * i + 1]), "{}", kernel.name());
            }
        }
    }
}

#[test]
fn the_modulus_is_bn254s() {
    let mut less_one = MODULUS;
    less_one[0] -= 1;
    assert_eq!(canonical(-Bn254::ONE), less_one);
}

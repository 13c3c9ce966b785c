//! Poseidon2 over the scalar field of BN254, on many states at once.
//!
//! The root configuration hashes rows of BabyBear elements with a sponge of width 3, eight of them in one element of
//! BN254. Inner nodes of a Merkle tree are compressed with width 2. One permutation is a long chain of dependent
//! multiplications of 254 bits, but a tree has millions of independent permutations. A [`Kernel`] does several side by
//! side, in the lanes of `zeno-bn254`. All kernels give the same digests as OpenVM's hasher.

mod field;
mod jobs;
mod merkle;
mod poseidon2;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Range, sync::LazyLock};

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{Digest, F};
use p3_bn254::Bn254;
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use tracing::warn;
use zeno_bn254::{InstructionSet, KernelDispatch, KernelTask, Lanes, MAX_LANES};

use self::{
    field::{Words, from_words, words},
    jobs::{Compress, Grind, Leaves, Permute2, Permute3},
    poseidon2::Poseidon2,
};

/// Instruction set of this processor, with which permutations are computed.
#[derive(Clone, Copy)]
pub struct Kernel {
    instructions: InstructionSet,
    hasher: &'static dyn BatchHasher,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kernel").field(&self.name()).finish()
    }
}

/// Methods of [`Kernel`], implemented in the lanes of one instruction set.
trait BatchHasher: Send + Sync {
    fn permute2(&self, states: &mut [[Bn254; 2]]);
    fn permute3(&self, states: &mut [[Bn254; 3]]);
    fn compress(&self, job: Compress<'_>);
    fn leaves(&self, job: Leaves<'_>);
    fn grind(&self, job: Grind<'_>) -> Option<u32>;
}

impl<L: Lanes> BatchHasher for Tables<L> {
    fn permute2(&self, states: &mut [[Bn254; 2]]) {
        run(Permute2 { states }, self);
    }

    fn permute3(&self, states: &mut [[Bn254; 3]]) {
        run(Permute3 { states }, self);
    }

    fn compress(&self, job: Compress<'_>) {
        run(job, self);
    }

    fn leaves(&self, job: Leaves<'_>) {
        run(job, self);
    }

    fn grind(&self, job: Grind<'_>) -> Option<u32> {
        run(job, self)
    }
}

/// Hashing of a batch on one thread, for any lanes.
trait HashJob {
    /// The result.
    type Output;
    /// Runs the job. Implementations are inlined into a function that has the kernel's instructions enabled.
    fn run<L: Lanes>(self, tables: &Tables<L>) -> Self::Output;
}

/// Constants of both permutations, as factors of a kernel.
struct Tables<L: Lanes> {
    compression: Poseidon2<L, 2>,
    sponge: Poseidon2<L, 3>,
    zero: L::Factor,
    /// `2^FACTOR_BITS`, which takes numbers to factors.
    to_factors: L::Factor,
    /// `2^-FACTOR_BITS`, which takes factors to numbers.
    from_factors: L::Factor,
}

/// Runs a permutation in a function of its own, with the kernel's instructions enabled. Permutations are long: inlined
/// into every job, they would take minutes to compile.
macro_rules! permute {
    ($width:literal, $permutation:expr, $state:expr) => {{
        struct Permute<'a, L: Lanes>(&'a Poseidon2<L, $width>, &'a mut [L; $width]);
        impl<L: Lanes> KernelTask for Permute<'_, L> {
            #[inline(always)]
            fn run(self) {
                self.0.permute(self.1);
            }
        }
        L::enable(Permute($permutation, $state));
    }};
}

impl<L: Lanes> Tables<L> {
    fn new() -> Self {
        let radix = Fr::from(2).pow_vartime([u64::from(L::FACTOR_BITS)]);
        let inverse = Fr::TWO_INV.pow_vartime([u64::from(L::FACTOR_BITS)]);
        Self {
            compression: Poseidon2::width2(),
            sponge: Poseidon2::width3(),
            zero: L::factor(Fr::ZERO),
            to_factors: L::factor(radix),
            from_factors: L::factor(inverse),
        }
    }

    /// Permutes states of the compression, in place. They are settled before and after.
    #[inline(always)]
    fn compress(&self, state: &mut [L; 2]) {
        permute!(2, &self.compression, state);
    }

    /// Permutes states of the sponge, in place. They are settled before and after.
    #[inline(always)]
    fn absorb(&self, state: &mut [L; 3]) {
        permute!(3, &self.sponge, state);
    }

    /// Zero in all lanes.
    #[inline(always)]
    fn zero(&self) -> L {
        L::splat(&self.zero)
    }

    /// Converts the first `LANES` numbers, which are below the modulus, to settled factors.
    #[inline(always)]
    fn factors_of(&self, x: &[Words; MAX_LANES]) -> L {
        // They are loaded as if they were the words of halo2curves' elements.
        L::load(&x.map(from_words)).scale(&self.to_factors).settle()
    }

    /// Converts settled factors to numbers below the modulus. Entries from `LANES` on are zero.
    #[inline(always)]
    fn integers_of(&self, factors: L) -> [Words; MAX_LANES] {
        let mut elements = [Fr::ZERO; MAX_LANES];
        factors.scale(&self.from_factors).store(&mut elements);
        elements.map(words)
    }
}

/// Runs a job with the kernel's instructions enabled.
fn run<L: Lanes, J: HashJob>(job: J, tables: &Tables<L>) -> J::Output {
    struct Run<'a, L: Lanes, J: HashJob> {
        job: J,
        tables: &'a Tables<L>,
        output: &'a mut Option<J::Output>,
    }
    impl<L: Lanes, J: HashJob> KernelTask for Run<'_, L, J> {
        #[inline(always)]
        fn run(self) {
            *self.output = Some(self.job.run(self.tables));
        }
    }
    let mut output = None;
    L::enable(Run { job, tables, output: &mut output });
    output.expect("the job has run")
}

/// Kernels of this processor whose permutations are right, the fastest first.
static KERNELS: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let portable = Kernel::new(InstructionSet::PORTABLE);
    let mut kernels: Vec<Kernel> = InstructionSet::available().into_iter().map(Kernel::new).collect();
    kernels.retain(|kernel| {
        let agrees = kernel.agrees_with(portable);
        if !agrees {
            warn!(kernel = kernel.name(), "this kernel's permutations are wrong here, it is not used");
        }
        agrees
    });
    kernels
});

impl Kernel {
    /// Computes the constants in the kernel's form. They are kept until the process ends.
    fn new(instructions: InstructionSet) -> Self {
        struct NewTables;
        impl KernelDispatch for NewTables {
            type Output = &'static dyn BatchHasher;
            fn with<L: Lanes>(self) -> Self::Output {
                Box::leak(Box::new(Tables::<L>::new()))
            }
        }
        Self { instructions, hasher: instructions.run(NewTables) }
    }

    /// The fastest kernel that this processor supports.
    pub fn best() -> Self {
        KERNELS[0]
    }

    /// All kernels that this processor supports, the fastest first. A kernel that disagrees with the portable one is
    /// left out: a wrong digest would cost a proof, and these kernels haven't run on every processor.
    pub fn available() -> Vec<Self> {
        KERNELS.clone()
    }

    /// Returns whether both permutations agree with `portable`'s, on a chain of states that starts from small numbers.
    fn agrees_with(self, portable: Self) -> bool {
        const STATES: usize = 40;
        let mut chain2 = vec![[Bn254::ZERO, Bn254::ONE]];
        let mut chain3 = vec![[Bn254::ZERO, Bn254::ONE, Bn254::NEG_ONE]];
        for index in 0..STATES {
            let (mut next2, mut next3) = ([chain2[index]], [chain3[index]]);
            portable.permute2(&mut next2);
            portable.permute3(&mut next3);
            chain2.extend(next2);
            chain3.extend(next3);
        }
        let (mut ours2, mut ours3) = (chain2[..STATES].to_vec(), chain3[..STATES].to_vec());
        self.permute2(&mut ours2);
        self.permute3(&mut ours3);
        ours2 == chain2[1..] && ours3 == chain3[1..]
    }

    /// Name of the instructions that the kernel uses.
    pub fn name(self) -> &'static str {
        self.instructions.name()
    }

    /// Permutations side by side. Batches of a multiple of it waste nothing.
    pub fn width(self) -> usize {
        self.instructions.lanes()
    }

    /// Applies the permutation of width 2, that of the compression, to each state.
    pub fn permute2(self, states: &mut [[Bn254; 2]]) {
        self.hasher.permute2(states);
    }

    /// Applies the permutation of width 3, that of the sponge, to each state.
    pub fn permute3(self, states: &mut [[Bn254; 3]]) {
        self.hasher.permute3(states);
    }

    /// Writes the compression of `nodes[2 i]` and `nodes[2 i + 1]` to `out[i]`.
    ///
    /// # Panics
    /// If there are not twice as many nodes.
    pub fn compress(self, nodes: &[Digest], out: &mut [Digest]) {
        assert_eq!(nodes.len(), 2 * out.len(), "two nodes per parent");
        self.hasher.compress(Compress { nodes, out });
    }

    /// Writes the digest of leaf `first + i` to `out[i]`: the root of the binary tree over the digests of the rows
    /// `first + i + t stride`, for `t` below `rows_per_leaf`. `rows` is `[height × width, row-major]`.
    ///
    /// # Panics
    /// If `rows_per_leaf` is not a power of two, or a row does not exist.
    pub fn leaves(
        self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_per_leaf: usize,
        first: usize,
        out: &mut [Digest],
    ) {
        assert!(
            rows_per_leaf.is_power_of_two(),
            "{rows_per_leaf} rows per leaf, which is not a power of two"
        );
        self.hasher.leaves(Leaves { rows, stride, rows_per_leaf, first, out });
    }

    /// Finds the least witness of a proof of work among `candidates`.
    ///
    /// Element `position` of the sponge's state `state` is overwritten with `prefix` and the witness, at most eight
    /// values together. The second element of the permuted state, modulo BabyBear's order, has to end in `bits` zeros.
    pub(crate) fn grind(
        self,
        state: &[Bn254; 3],
        position: usize,
        prefix: &[F],
        bits: usize,
        candidates: Range<u32>,
    ) -> Option<u32> {
        self.hasher.grind(Grind { state, position, prefix, bits, candidates })
    }
}

//! BN254 Poseidon2 on many states at once.
//!
//! The root configuration hashes with Poseidon2 over the scalar field of BN254: width 3 as a sponge over rows of
//! BabyBear, eight of which make one element, and width 2 as the compression of a Merkle tree's inner nodes. One
//! permutation is a long chain of dependent multiplications of 254 bits, but a tree has millions of independent ones.
//! A [`Kernel`] does several side by side, with the multipliers of AVX-512 IFMA, or those of AVX2 for doubles, or
//! portably one by one. All give the same digests as the stock hasher.

mod field;
mod jobs;
mod poseidon2;
#[cfg(test)]
mod tests;

use std::sync::{LazyLock, OnceLock};

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{Digest, F};
use p3_bn254::Bn254;
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use tracing::warn;
#[cfg(target_arch = "x86_64")]
use zeno_bn254::{Avx2, Ifma};
use zeno_bn254::{Lanes, MAX_LANES, Portable, Task};

use self::{
    field::{Words, from_words, words},
    jobs::{Compress, Grind, Leaves, Permute2, Permute3},
    poseidon2::Poseidon2,
};

/// A way to run the permutations that this processor is capable of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// Work for a kernel.
trait Job {
    /// What comes out.
    type Output;
    /// Does the work on the calling thread. To be inlined into a function that has the kernel's instructions enabled.
    fn run<L: Lanes>(self, tables: &Tables<L>) -> Self::Output;
}

/// Both permutations in a kernel's form.
struct Tables<L: Lanes> {
    compression: Poseidon2<L, 2>,
    sponge: Poseidon2<L, 3>,
    zero: L::Factor,
    /// What takes numbers to factors, and back.
    to_factors: L::Factor,
    from_factors: L::Factor,
}

/// A permutation as a function of its own, with the kernel's instructions enabled. They are long, and inlined into every
/// job they would take minutes to compile.
macro_rules! permute {
    ($width:literal, $permutation:expr, $state:expr) => {{
        struct Permute<'a, L: Lanes>(&'a Poseidon2<L, $width>, &'a mut [L; $width]);
        impl<L: Lanes> Task for Permute<'_, L> {
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

    /// Permutes the states of compression; takes and leaves them settled.
    #[inline(always)]
    fn compress(&self, state: &mut [L; 2]) {
        permute!(2, &self.compression, state);
    }

    /// Permutes the states of the sponge; takes and leaves them settled.
    #[inline(always)]
    fn absorb(&self, state: &mut [L; 3]) {
        permute!(3, &self.sponge, state);
    }

    /// Zero in all lanes.
    #[inline(always)]
    fn zero(&self) -> L {
        L::splat(&self.zero)
    }

    /// The factors that the first numbers stand for, which are below the modulus.
    #[inline(always)]
    fn factors_of(&self, x: &[Words; MAX_LANES]) -> L {
        // As if they were the library's elements.
        L::load(&x.map(from_words)).scale(&self.to_factors).settle()
    }

    /// The numbers below the modulus that the factors, settled ones, are; lanes that there aren't have zero.
    #[inline(always)]
    fn integers_of(&self, factors: L) -> [Words; MAX_LANES] {
        let mut elements = [Fr::ZERO; MAX_LANES];
        factors.scale(&self.from_factors).store(&mut elements);
        elements.map(words)
    }
}

/// Runs a job with the kernel's instructions enabled.
fn run<L: Lanes, J: Job>(job: J, tables: &Tables<L>) -> J::Output {
    struct Run<'a, L: Lanes, J: Job> {
        job: J,
        tables: &'a Tables<L>,
        output: &'a mut Option<J::Output>,
    }
    impl<L: Lanes, J: Job> Task for Run<'_, L, J> {
        #[inline(always)]
        fn run(self) {
            *self.output = Some(self.job.run(self.tables));
        }
    }
    let mut output = None;
    L::enable(Run { job, tables, output: &mut output });
    output.expect("the job has run")
}

impl Kernel {
    /// The fastest kernel that this processor is capable of.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All kernels that this processor is capable of, the fastest first. One that disagrees with the portable kernel
    /// is left out: a wrong digest would cost a proof, and there are more processors than these have been run on.
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if Ifma::<Fr>::is_available() {
                kernels.push(Self(Kind::Avx512));
            }
            if Avx2::<Fr>::is_available() {
                kernels.push(Self(Kind::Avx2));
            }
        }
        kernels.push(Self(Kind::Portable));
        kernels.retain(|kernel| {
            let agrees = kernel.agrees();
            if !agrees {
                warn!(kernel = kernel.name(), "this kernel's permutations are wrong here, it is not used");
            }
            agrees
        });
        kernels
    }

    /// Whether both permutations are the portable kernel's, on a chain of states that starts from small numbers.
    fn agrees(self) -> bool {
        const STATES: usize = 40;
        let portable = Self(Kind::Portable);
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

    /// The instructions that it uses.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512 IFMA",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2 FMA",
            Kind::Portable => "portable",
        }
    }

    /// How many permutations it does side by side. Work in multiples of it wastes nothing.
    pub fn width(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => Ifma::<Fr>::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => Avx2::<Fr>::LANES,
            Kind::Portable => Portable::LANES,
        }
    }

    /// Applies the permutation of width 2, that of compression, to each state.
    pub fn permute2(self, states: &mut [[Bn254; 2]]) {
        self.run(Permute2 { states });
    }

    /// Applies the permutation of width 3, that of the sponge, to each state.
    pub fn permute3(self, states: &mut [[Bn254; 3]]) {
        self.run(Permute3 { states });
    }

    /// Writes to `out[i]` the compression of `nodes[2 i]` and `nodes[2 i + 1]`.
    ///
    /// # Panics
    /// If there are not twice as many nodes.
    pub fn compress(self, nodes: &[Digest], out: &mut [Digest]) {
        assert_eq!(nodes.len(), 2 * out.len(), "two nodes a parent");
        self.run(Compress { nodes, out });
    }

    /// Writes to `out[i]` the digest of leaf `first + i`: the root of the binary tree over the digests of the rows
    /// `first + i + t stride`, `t` from 0 to `rows_a_leaf - 1`.
    ///
    /// # Panics
    /// If `rows_a_leaf` is not a power of two, or a row does not exist.
    pub fn leaves(
        self,
        rows: &RowMajorMatrix<F>,
        stride: usize,
        rows_a_leaf: usize,
        first: usize,
        out: &mut [Digest],
    ) {
        assert!(rows_a_leaf.is_power_of_two(), "{rows_a_leaf} rows a leaf, which is not a power of two");
        self.run(Leaves { rows, stride, rows_a_leaf, first, out });
    }

    /// The least witness in `candidates` of the proof of work in which element `position` of the sponge's state
    /// `state` is overwritten by `prefix` followed by the witness, at most eight values, and the permuted state's
    /// second element, modulo BabyBear's order, is to end in `bits` zeros.
    pub(crate) fn grind(
        self,
        state: &[Bn254; 3],
        position: usize,
        prefix: &[F],
        bits: usize,
        candidates: std::ops::Range<u32>,
    ) -> Option<u32> {
        self.run(Grind { state, position, prefix, bits, candidates })
    }

    fn run<J: Job>(self, job: J) -> J::Output {
        #[cfg(target_arch = "x86_64")]
        static IFMA: LazyLock<Tables<Ifma<Fr>>> = LazyLock::new(Tables::new);
        #[cfg(target_arch = "x86_64")]
        static AVX2: LazyLock<Tables<Avx2<Fr>>> = LazyLock::new(Tables::new);
        static PORTABLE: LazyLock<Tables<Portable>> = LazyLock::new(Tables::new);
        // A kernel is made by `available` only, which has asked the processor.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => run(job, &*IFMA),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => run(job, &*AVX2),
            Kind::Portable => run(job, &*PORTABLE),
        }
    }
}

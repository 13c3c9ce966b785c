//! The x86-64 instructions under the kernels, and the functions that have them enabled.
#![allow(unsafe_code)]

use std::{arch::x86_64::*, sync::OnceLock};

use zeno_bn254::align_stack;

use super::{
    Job, Tables,
    lanes::{Lanes, Pair},
    poseidon2::Poseidon2,
    radix51::Radix51,
    radix52::{Radix52, Word52},
};

// The word below is used by `run_avx512` only, which says what the processor must have.

/// Eight 64-bit words.
#[derive(Clone, Copy)]
struct Zmm(__m512i);

impl Word52 for Zmm {
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(x: u64) -> Self {
        // SAFETY: the processor has AVX-512F.
        unsafe { Self(_mm512_set1_epi64(x as i64)) }
    }

    #[inline(always)]
    fn load(x: &[u64]) -> Self {
        let x = &x[..8];
        // SAFETY: the processor has AVX-512F, and the eight words are there.
        unsafe { Self(_mm512_loadu_epi64(x.as_ptr().cast())) }
    }

    #[inline(always)]
    fn store(self, out: &mut [u64]) {
        let out = &mut out[..8];
        // SAFETY: the processor has AVX-512F, and there is room for eight words.
        unsafe { _mm512_storeu_epi64(out.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        // SAFETY: the processor has AVX-512F.
        unsafe { Self(_mm512_add_epi64(self.0, rhs.0)) }
    }

    #[inline(always)]
    fn and(self, rhs: Self) -> Self {
        // SAFETY: the processor has AVX-512F.
        unsafe { Self(_mm512_and_epi64(self.0, rhs.0)) }
    }

    #[inline(always)]
    fn high(self) -> Self {
        // SAFETY: the processor has AVX-512F.
        unsafe { Self(_mm512_srli_epi64::<52>(self.0)) }
    }

    #[inline(always)]
    fn low(self) -> Self {
        self
    }

    #[inline(always)]
    fn add_low(self, a: Self, b: Self) -> Self {
        // SAFETY: the processor has AVX-512 IFMA.
        unsafe { Self(_mm512_madd52lo_epu64(self.0, a.0, b.0)) }
    }

    #[inline(always)]
    fn add_high(self, a: Self, b: Self) -> Self {
        // SAFETY: the processor has AVX-512 IFMA.
        unsafe { Self(_mm512_madd52hi_epu64(self.0, a.0, b.0)) }
    }
}

/// Sixteen elements a value.
type Avx512 = Pair<Radix52<Zmm>>;
/// Four elements a value. Two would be more code than the processor keeps decoded.
type Avx2 = Radix51;

/// Whether the processor has what [`run_avx512`] asks for.
pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}

/// Whether the processor has what [`run_avx2`] asks for.
pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Runs a job with AVX-512 IFMA.
///
/// # Safety
/// [`has_avx512`] must hold.
pub(super) unsafe fn run_avx512<J: Job>(job: J) -> J::Output {
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn enabled<J: Job>(job: J, tables: &Tables<Avx512>) -> J::Output {
        job.run(tables)
    }
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn compress(constants: &Poseidon2<Avx512, 2>, state: &mut [Avx512; 2]) {
        constants.permute(state);
    }
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn absorb(constants: &Poseidon2<Avx512, 3>, state: &mut [Avx512; 3]) {
        constants.permute(state);
    }
    static TABLES: OnceLock<Tables<Avx512>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        // SAFETY: as below; nothing else has these tables.
        Tables::new(|c, s| unsafe { compress(c, s) }, |c, s| unsafe { absorb(c, s) })
    });
    // SAFETY: the caller vouches for the processor.
    unsafe { enabled(job, tables) }
}

/// Runs a job with AVX2 and FMA.
///
/// # Safety
/// [`has_avx2`] must hold.
pub(super) unsafe fn run_avx2<J: Job>(job: J) -> J::Output {
    #[target_feature(enable = "avx2,fma")]
    fn enabled<J: Job>(job: J, tables: &Tables<Avx2>) -> J::Output {
        align_stack();
        job.run(tables)
    }
    #[target_feature(enable = "avx2,fma")]
    fn compress(constants: &Poseidon2<Avx2, 2>, state: &mut [Avx2; 2]) {
        align_stack();
        constants.permute(state);
    }
    #[target_feature(enable = "avx2,fma")]
    fn absorb(constants: &Poseidon2<Avx2, 3>, state: &mut [Avx2; 3]) {
        align_stack();
        constants.permute(state);
    }
    static TABLES: OnceLock<Tables<Avx2>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        // SAFETY: as below; nothing else has these tables.
        Tables::new(|c, s| unsafe { compress(c, s) }, |c, s| unsafe { absorb(c, s) })
    });
    // SAFETY: the caller vouches for the processor.
    unsafe { enabled(job, tables) }
}

/// Elements that a value of the AVX-512 kernel has.
pub(super) const AVX512_WIDTH: usize = <Avx512 as Lanes>::WIDTH;
/// Elements that a value of the AVX2 kernel has.
pub(super) const AVX2_WIDTH: usize = <Avx2 as Lanes>::WIDTH;

//! Poseidon2 over BabyBear.

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
mod avx512;
pub(crate) mod merkle;
mod permutation;

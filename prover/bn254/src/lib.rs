//! Kernels for BN254's fields and points, shared by the SRS and the Halo2 prover.
//!
//! - [`Lazy`]: one element of the base or the scalar field, below twice the modulus, reduced only at the end.
//! - [`BatchAdder`]: sums of many pairs of curve points in affine coordinates, with one inversion for all.
//! - [`Lanes`]: several scalar-field elements side by side, one per SIMD lane, with kernels for AVX2 and AVX-512 IFMA.
//!   [`InstructionSet`] selects the kernel.

mod affine_batch_add;
#[cfg(target_arch = "x86_64")]
mod affine_lanes;
mod lazy_field;
mod simd;

pub use affine_batch_add::{BatchAdder, Pairs, Point};
pub use lazy_field::{Field, Lazy};
pub use simd::portable::Portable;
pub use simd::{
    Bound, InstructionSet, KernelDispatch, KernelTask, Lanes, LazyArithmetic, MAX_LANES, with_best_kernel,
};

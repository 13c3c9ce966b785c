//! Kernels of BN254, for the SRS and for the prover under it.
//!
//! [`Lazy`] is an element of either field that is reduced when it leaves. [`Adder`] adds many points of the curve, each
//! sum in affine coordinates, with one inversion for all. [`Lanes`] are a few elements of the scalar field side by
//! side, with kernels for processors with AVX2 and with AVX-512 IFMA.

mod adder;
mod align;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod coordinates;
#[cfg(target_arch = "x86_64")]
mod fma;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod lanes;
mod lazy;

pub use adder::{Adder, Pairs, Point};
pub use align::align_stack;
#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use ifma::Ifma;
pub use lanes::{Bound, Lanes, MAX_LANES, Portable, Task, Work, with_best_lanes};
pub use lazy::{Field, Lazy};

//! Where vectors lie that the registers have no room for.

use std::hint::black_box;

/// As much as a vector of AVX-512.
#[repr(align(64))]
struct Vector([u8; 64]);

/// Makes the function that this is inlined into align its stack for vectors of 32 or 64 bytes.
///
/// The compiler decides so before it assigns registers, when it can't know yet that some will be spilled, and the stack is
/// only aligned to 16 bytes by itself. Every other spill of a vector then crosses a cache line, which makes a product in
/// the lanes take 1.3 to 1.7 times as long. A local variable that needs the alignment is known from the beginning.
#[inline(always)]
pub fn align_stack() {
    // Mutable, because the compiler makes a constant of what nobody changes.
    black_box(&mut Vector([0; 64]).0);
}

//! Layout of an `.srs` file, which is the one of halo2's `ParamsKZG::write`:
//!
//! ```text
//! k             u32
//! g             2^k points of G1
//! g_lagrange    2^k points of G1
//! g2, s_g2      2 points of G2
//! ```
//!
//! A point is its affine x and y, and a coordinate of G2 is its `c0` and `c1`. A field element is the four
//! little-endian limbs of its Montgomery form with `R = 2^256`. Integers are little-endian.

/// Size of a point of G1, in bytes.
pub const G1_BYTES: usize = 64;
/// Size of a point of G2, in bytes.
pub const G2_BYTES: usize = 128;
/// Size of `k`, in bytes.
pub const HEADER_BYTES: usize = 4;
/// Largest `k`: `2^28` is the largest power of two that divides the order of the scalar field's multiplicative group.
pub const MAX_K: u32 = 28;

/// Offset of `g[index]`, in bytes. For `index = 2^k`, it is one past the end of `g`.
pub const fn g_offset(index: u64) -> u64 {
    HEADER_BYTES as u64 + index * G1_BYTES as u64
}

/// Offset of `g_lagrange[index]`, in bytes.
pub const fn g_lagrange_offset(k: u32, index: u64) -> u64 {
    g_offset((1 << k) + index)
}

/// Offset of `g2`, in bytes; `s_g2` follows it.
pub const fn g2_offset(k: u32) -> u64 {
    g_offset(2 << k)
}

/// Size of the whole file, in bytes.
pub const fn file_bytes(k: u32) -> u64 {
    g2_offset(k) + 2 * G2_BYTES as u64
}

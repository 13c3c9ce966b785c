//! The layout of an `.srs` file: what halo2's `ParamsKZG::write` writes.
//!
//! `k` as a `u32`, the `2^k` points of `g`, the `2^k` points of `g_lagrange`, `g2`, `s_g2`. A point is its affine
//! x and y, a coordinate of G2 is its `c0` and `c1`, and a field element is the four little-endian limbs of its
//! Montgomery form with `R = 2^256`. Integers are little-endian.

/// The bytes of a point of G1.
pub const G1_BYTES: usize = 64;
/// The bytes of a point of G2.
pub const G2_BYTES: usize = 128;
/// The bytes of `k`.
pub const HEADER_BYTES: usize = 4;
/// The largest `k`: the scalar field has roots of unity of order `2^28` and no more.
pub const MAX_K: u32 = 28;

/// Where `g[index]` lies, or just behind the array for `index = 2^k`.
pub const fn g_offset(index: u64) -> u64 {
    HEADER_BYTES as u64 + index * G1_BYTES as u64
}

/// Where `g_lagrange[index]` lies.
pub const fn g_lagrange_offset(k: u32, index: u64) -> u64 {
    g_offset((1 << k) + index)
}

/// Where `g2` lies; `s_g2` is behind it.
pub const fn g2_offset(k: u32) -> u64 {
    g_offset(2 << k)
}

/// The size of the whole file.
pub const fn file_bytes(k: u32) -> u64 {
    g2_offset(k) + 2 * G2_BYTES as u64
}

//! Numbers of 256 bits from their bytes.

use alloy_primitives::U256;

/// Makes the number with these 32-bit digits, little-endian.
#[inline(always)]
fn from_parts(parts: [u32; 8]) -> U256 {
    let limb = |index: usize| u64::from(parts[2 * index]) | u64::from(parts[2 * index + 1]) << 32;
    U256::from_limbs([limb(0), limb(1), limb(2), limb(3)])
}

/// Makes the number with these bytes, at most 32, big-endian.
#[inline(always)]
pub fn from_be_bytes(bytes: &[u8]) -> U256 {
    let mut parts = [0; 8];
    for (part, bytes) in parts.iter_mut().zip(bytes.rchunks(4)) {
        *part = bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    }
    from_parts(parts)
}

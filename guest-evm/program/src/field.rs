//! Canonical bytes and parities of elements of prime fields.

use openvm_algebra_guest::IntMod;

/// Big-endian bytes of the one representation below the modulus. With any other representation, the run ends.
pub(crate) fn to_be<F: IntMod>(x: &F) -> F::Repr {
    x.assert_reduced();
    x.to_be_bytes()
}

/// Returns whether the integer below the modulus is odd. With any other representation, the run ends.
pub(crate) fn is_odd<F: IntMod>(x: &F) -> bool {
    x.assert_reduced();
    x.as_le_bytes()[0] & 1 == 1
}

/// Reverses an array: constants are written as big-endian numbers, the VM keeps them little-endian.
pub(crate) const fn reversed<const N: usize>(bytes: [u8; N]) -> [u8; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = bytes[N - 1 - i];
        i += 1;
    }
    out
}

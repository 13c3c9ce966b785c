//! Cases from bytes.

use arbitrary::{Arbitrary, Unstructured};

/// Decodes the case that the bytes describe, in the same way as libFuzzer's macro. Returns `None` if there are too few
/// bytes.
pub(crate) fn case<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    if bytes.len() < T::size_hint(0).0 {
        return None;
    }
    T::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

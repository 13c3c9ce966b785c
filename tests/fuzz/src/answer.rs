//! Result of running an input.

use alloy_primitives::{B256, keccak256};

/// Result of running an input, which is the same in every build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Kind of the result, for statistics.
    pub kind: &'static str,
    /// Hash of the complete result.
    pub digest: B256,
}

impl Answer {
    /// Answer with this kind, and with the bytes of the result.
    pub(crate) fn new(kind: &'static str, result: impl AsRef<[u8]>) -> Self {
        Self { kind, digest: keccak256(result) }
    }

    /// Answer to bytes that describe no case.
    pub(crate) fn nothing() -> Self {
        Self::new("no case", [])
    }
}

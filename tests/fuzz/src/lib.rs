//! What the fuzz targets do with an input, so that inputs can be run without a fuzzer as well: in another build, or in a
//! process whose addresses have 32 bits.

mod assembler;
mod evm;
mod input_decoder;
#[cfg(feature = "proof-file")]
mod proof_file;
mod trie;
mod validate;

#[cfg(feature = "proof-file")]
pub use proof_file::proof_file;
pub use {
    evm::{World, evm},
    input_decoder::input_decoder,
    trie::trie,
    validate::validate,
};

use alloy_primitives::{B256, keccak256};
use arbitrary::{Arbitrary, Unstructured};

/// A target: what is done with an input.
pub type Target = fn(&[u8]) -> Answer;

/// All targets of this build, by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("evm", evm),
    ("input_decoder", input_decoder),
    #[cfg(feature = "proof-file")]
    ("proof_file", proof_file),
    ("trie", trie),
    ("validate", validate),
];

/// What came of an input: the same in every build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In a word, to be counted.
    pub kind: &'static str,
    /// The hash of all of it.
    pub digest: B256,
}

impl Answer {
    /// An answer with what is particular to it.
    fn new(kind: &'static str, rest: impl AsRef<[u8]>) -> Self {
        Self { kind, digest: keccak256(rest) }
    }

    /// The answer to bytes that describe no case.
    fn nothing() -> Self {
        Self::new("no case", [])
    }
}

/// The case that the bytes describe, as libFuzzer's macro would make it.
fn case<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    if bytes.len() < T::size_hint(0).0 {
        return None;
    }
    T::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

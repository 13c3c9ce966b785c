//! Table of the fuzz targets.

#[cfg(feature = "proof-file")]
use crate::proof_file::proof_file;
use crate::{answer::Answer, evm::evm, input_decoder::input_decoder, trie::trie, validate::validate};

/// Fuzz target, which runs an input.
pub type Target = fn(&[u8]) -> Answer;

/// Targets of this build, by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("evm", evm),
    ("input_decoder", input_decoder),
    #[cfg(feature = "proof-file")]
    ("proof_file", proof_file),
    ("trie", trie),
    ("validate", validate),
];

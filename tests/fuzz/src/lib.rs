//! Fuzz targets as functions. So inputs also run without a fuzzer: in another build, or in a process whose addresses
//! have 32 bits.

mod answer;
mod assembler;
mod case;
mod evm;
mod input_decoder;
#[cfg(feature = "proof-file")]
mod proof_file;
mod targets;
mod trie;
mod validate;

#[cfg(feature = "proof-file")]
pub use proof_file::proof_file;
pub use {
    answer::Answer,
    evm::{World, evm},
    input_decoder::input_decoder,
    targets::{TARGETS, Target},
    trie::trie,
    validate::validate,
};

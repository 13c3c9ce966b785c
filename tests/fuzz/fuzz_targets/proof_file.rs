//! The proof file: decoding and verification never panic, a proof file has one encoding, and nothing
//! that is made up verifies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::proof_file(bytes);
});

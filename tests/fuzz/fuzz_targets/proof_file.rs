//! Proof files. Decoding and verification never panic, every proof file has one encoding, and no invented proof
//! verifies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::proof_file(bytes);
});

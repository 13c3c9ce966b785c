//! Validation of the example block, tampered with: never a panic, and no other claim while the block
//! and the rules are what they were.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::validate(bytes);
});

//! Validation of tampered copies of the example block. It never panics, and gives no other claim as long as the block
//! and the rules are unchanged.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::validate(bytes);
});

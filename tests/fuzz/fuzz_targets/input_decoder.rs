//! The input decoder: it never panics, an input has one encoding, and every input comes back.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::input_decoder(bytes);
});

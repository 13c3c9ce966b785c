//! Random contracts. The guest's interpreter loop agrees with revm's own instructions.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::evm(bytes);
});

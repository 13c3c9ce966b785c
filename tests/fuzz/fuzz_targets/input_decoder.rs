//! Decoder of inputs. It never panics, every input has one encoding, and decoding is the inverse of encoding.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::input_decoder(bytes);
});

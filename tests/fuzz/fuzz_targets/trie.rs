//! Trie. It agrees with a map, and with the roots that `alloy-trie` computes. Over nodes of any form it gives a result
//! or an error, and never panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::trie(bytes);
});

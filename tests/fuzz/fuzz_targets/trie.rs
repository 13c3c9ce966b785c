//! The trie: it agrees with a map, and with the roots that `alloy-trie` computes; over nodes of any
//! form it answers or refuses, and never panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zeno_fuzz::trie(bytes);
});

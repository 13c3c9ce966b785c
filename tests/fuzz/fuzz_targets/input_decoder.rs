//! The input decoder: it never panics, an input has one encoding, and every input comes back.
#![no_main]

use alloy_primitives::Bytes;
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use zeno_guest_evm::{
    PublicKey, StatelessInput, Witness,
    input::{MAGIC, VERSION},
};

#[derive(Arbitrary, Debug)]
enum Case {
    Bytes(Vec<u8>),
    /// Bytes after the right magic and version.
    Body(Vec<u8>),
    Parts {
        chain: Vec<u8>,
        block: Vec<u8>,
        lists: [Vec<Vec<u8>>; 4],
        keys: Vec<[u8; 64]>,
    },
}

fuzz_target!(|case: Case| {
    match case {
        Case::Bytes(bytes) => decode(bytes),
        Case::Body(body) => decode([&MAGIC[..], &VERSION.to_le_bytes(), &body].concat()),
        Case::Parts { chain, block, lists, keys } => {
            let [headers, codes, state, destinations] =
                lists.map(|list| list.into_iter().map(Bytes::from).collect::<Vec<_>>());
            let input = StatelessInput {
                chain: chain.into(),
                block: block.into(),
                witness: Witness { headers, codes, state },
                public_keys: keys.into_iter().map(PublicKey::from).collect(),
                destinations,
            };
            assert_eq!(StatelessInput::decode(&input.encode().into()), Ok(input));
        }
    }
});

fn decode(bytes: Vec<u8>) {
    let bytes = Bytes::from(bytes);
    if let Ok(input) = StatelessInput::decode(&bytes) {
        assert_eq!(input.encode(), bytes);
    }
}

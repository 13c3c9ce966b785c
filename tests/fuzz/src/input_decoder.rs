//! Decoder of inputs. It never panics, every input has one encoding, and decoding is the inverse of encoding.

use crate::{answer::Answer, case::case};
use alloy_primitives::Bytes;
use arbitrary::Arbitrary;
use zeno_guest_evm::{
    PublicKey, StatelessInput, Witness,
    input::{MAGIC, VERSION},
};

#[derive(Arbitrary, Debug)]
enum Case {
    Bytes(Vec<u8>),
    /// Bytes after the correct magic and version.
    Body(Vec<u8>),
    Parts {
        chain: Vec<u8>,
        block: Vec<u8>,
        lists: [Vec<Vec<u8>>; 4],
        keys: Vec<[u8; 64]>,
        /// The blocks after the first.
        others: Vec<Vec<u8>>,
    },
}

/// Decodes bytes, or encodes an input and decodes it again.
///
/// # Panics
/// If an input has two encodings, or if decoding is not the inverse of encoding.
pub fn input_decoder(bytes: &[u8]) -> Answer {
    let Some(case) = case(bytes) else { return Answer::nothing() };
    match case {
        Case::Bytes(bytes) => decode(bytes),
        Case::Body(body) => decode([&MAGIC[..], &VERSION.to_le_bytes(), &body].concat()),
        Case::Parts { chain, block, lists, keys, others } => {
            let [headers, codes, state, destinations] =
                lists.map(|list| list.into_iter().map(Bytes::from).collect::<Vec<_>>());
            let input = StatelessInput {
                chain: chain.into(),
                blocks: [block].into_iter().chain(others).map(Bytes::from).collect(),
                witness: Witness { headers, codes, state },
                public_keys: keys.into_iter().map(PublicKey::from).collect(),
                destinations,
            };
            let bytes = input.encode();
            assert_eq!(StatelessInput::decode(&bytes.clone().into()), Ok(input));
            Answer::new("encoded", bytes)
        }
    }
}

fn decode(bytes: Vec<u8>) -> Answer {
    let bytes = Bytes::from(bytes);
    match StatelessInput::decode(&bytes) {
        Ok(input) => {
            assert_eq!(input.encode(), bytes);
            Answer::new("decoded", bytes)
        }
        Err(error) => Answer::new("refused", error.to_string()),
    }
}

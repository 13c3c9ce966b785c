//! Recorded mainnet blocks of the shared data.

use alloy_primitives::{B256, Bytes, b256};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use zeno_guest_evm::{ChainSpec, StatelessInput, Witness, decode_block, public_keys};

/// Numbers and hashes of the recorded blocks.
pub const BLOCKS: [(u64, B256); 3] = [
    (22_615_247, b256!("0x0497f69549701d578c67a43951f9e4fcb92b1691b9f6bbdfa63a17bc41d3971e")),
    (24_628_607, b256!("0xd6edeb114882eb19af618789a4ebd5f84984e7d340d54459d1b2d9d7c1ed99a9")),
    (24_628_608, b256!("0x2fd7407d232b8b7fde2a8372b5e77fd65f815847b70d9cf25134b123f4a69e03")),
];

/// Recorded block: a node's answers to JSON-RPC calls.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The block's number.
    pub number: u64,
    /// The block's hash.
    pub hash: B256,
    /// Result of `eth_getBlockByNumber`, with full transactions.
    pub block: Value,
    /// Result of `debug_getRawBlock`: the block's RLP.
    pub raw_block: Bytes,
    /// Result of `debug_executionWitness`.
    pub witness: Value,
}

/// Folder of the shared data: `$ZENO_SHARED`, or by default `shared` beside the repository.
pub fn shared_dir() -> PathBuf {
    env::var_os("ZENO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

/// Reads the recorded blocks.
///
/// # Panics
/// If one of them is absent or can't be read.
pub fn recorded() -> Vec<Recorded> {
    let dir = shared_dir().join("mainnet");
    BLOCKS
        .into_iter()
        .map(|(number, hash)| {
            let read = |name: &str| -> Value {
                let path = dir.join(number.to_string()).join(name);
                let text = fs::read_to_string(&path).unwrap_or_else(|error| {
                    panic!("{}: {error} (set ZENO_SHARED to the folder of shared data)", path.display())
                });
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            };
            Recorded {
                number,
                hash,
                block: read("eth_getBlockByNumber.json"),
                raw_block: serde_json::from_value(read("debug_getRawBlock.json"))
                    .expect("a raw block is hex"),
                witness: read("debug_executionWitness.json"),
            }
        })
        .collect()
}

impl Recorded {
    /// One list of the recorded witness: `state`, `codes` or `headers`.
    ///
    /// # Panics
    /// If the record has no such list of byte strings.
    pub fn witness_list(&self, field: &str) -> Vec<Bytes> {
        serde_json::from_value(self.witness[field].clone()).expect("a witness has lists of byte strings")
    }

    /// Input for the guest with the recorded block and the complete recorded witness.
    ///
    /// # Panics
    /// If the record is malformed.
    pub fn input(&self) -> StatelessInput {
        let block = decode_block(&self.raw_block).expect("the recorded block decodes");
        StatelessInput {
            chain: ChainSpec::mainnet().encode().into(),
            blocks: vec![self.raw_block.clone()],
            public_keys: public_keys(&block).expect("the recorded block's signatures are valid"),
            witness: Witness {
                headers: self.witness_list("headers"),
                codes: self.witness_list("codes"),
                state: self.witness_list("state"),
            },
            destinations: Vec::new(),
        }
    }
}

//! The guest: validates a run of blocks and reveals the digest of its claim.
//!
//! # Under the prover's control
//!
//! All bytes of the input: blocks, chain's rules, witness and hints. The `validate` module of `zeno_guest_evm`
//! lists the consequences. Also everything that the VM does not constrain: its hints for square roots and
//! pairings, and the representation of modular results. The library of this crate checks each before use. A
//! proof shows that this program revealed its 32 public bytes. Nothing else of the run is part of that
//! statement.
//!
//! # The run, in order
//!
//! 1. The VM's cryptography is installed, before anything can use the libraries' own.
//! 2. The input is read, and decoded in its only format.
//! 3. The blocks are validated. As soon as the last one's hash is known, the hash seeds the maps.
//! 4. The claim's digest is revealed: `keccak256(abi.encode(claim))`.
//!
//! A run with a block that is invalid or not supported, or an input that can't be read, ends in a panic, and so in no
//! proof.
#![no_std]
#![no_main]

use openvm::io::{read_vec, reveal_bytes32};
use zeno_guest::word_ops::AcceleratedWords;
use zeno_guest_evm::{validate_with, StatelessInput};

openvm::entry!(main);

fn main() {
    zeno_guest::install();
    let input = StatelessInput::decode_static(read_vec().leak())
        .unwrap_or_else(|error| panic!("the input can't be read: {error}"));
    let claim = match validate_with::<AcceleratedWords>(input, zeno_guest::verify_signature, foldhash::seed) {
        Ok(claim) => claim,
        Err(error) if error.blames_block() => panic!("the block is invalid: {error}"),
        Err(error) => panic!("the block can't be validated: {error}"),
    };
    reveal_bytes32(claim.digest().0);
}

//! The guest: validates the block that it is given and reveals the digest of the claim. A block that is invalid or not
//! supported, or an input that can't be read, ends in a panic, and so in no proof.
#![no_std]
#![no_main]

use openvm::io::{read_vec, reveal_bytes32};
use zeno_guest::words::Accelerated;
use zeno_guest_evm::{validate_with, StatelessInput};

openvm::entry!(main);

fn main() {
    zeno_guest::install();
    let input = StatelessInput::decode_static(read_vec().leak())
        .unwrap_or_else(|error| panic!("the input can't be read: {error}"));
    let claim = match validate_with::<Accelerated>(input, zeno_guest::verify_signature, foldhash::seed) {
        Ok(claim) => claim,
        Err(error) if error.blames_block() => panic!("the block is invalid: {error}"),
        Err(error) => panic!("the block can't be validated: {error}"),
    };
    reveal_bytes32(claim.digest().0);
}

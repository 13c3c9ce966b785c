//! Writes the input of a block of Amsterdam with 30 million gas:
//! `cargo run --release -p zeno-tests --example amsterdam-block -- FILE`.

use std::{env, error::Error, fs};
use zeno_guest_evm::{decode_block, validate};
use zeno_tests::amsterdam::full_block;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("name the file to write")?;
    let input = full_block();
    let claim = validate(&input)?;
    let gas = decode_block(&input.blocks[0])?.header.gas_used;
    fs::write(&path, input.encode())?;
    println!("block {} with {gas} gas, written to {}", claim.last_block_hash, path.display());
    Ok(())
}

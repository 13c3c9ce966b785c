//! Writes the embedded example: `cargo run --release -p zeno-tests --example make-example [-- FILE]`.

use std::{env, error::Error, fs};
use zeno_guest_evm::validate;
use zeno_tests::example::{committed_path, example};

fn main() -> Result<(), Box<dyn Error>> {
    let input = example();
    let claim = validate(&input)?;
    let bytes = input.encode();
    let path = env::args_os().nth(1).map_or_else(committed_path, Into::into);
    fs::write(&path, &bytes)?;
    println!("block {}, {} bytes, written to {}", claim.last_block_hash, bytes.len(), path.display());
    Ok(())
}

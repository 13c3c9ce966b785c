//! Writes the embedded example: `cargo run --release -p zeno-tests --example make-example`.

use std::{env, error::Error, fs, path::Path};
use zeno_guest_evm::validate;

fn main() -> Result<(), Box<dyn Error>> {
    let input = zeno_tests::example::example();
    let claim = validate(&input)?;
    let bytes = input.encode();
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/example/input.zeno");
    let path = env::args_os().nth(1).map_or(default, Into::into);
    fs::write(&path, &bytes)?;
    println!("block {}, {} bytes, written to {}", claim.last_block_hash, bytes.len(), path.display());
    Ok(())
}

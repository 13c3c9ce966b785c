//! Makes the fixture of the contracts' tests from a real EVM proof.
//!
//! ```sh
//! cargo run --release -p zeno-verifier --example make-fixture -- PROOF INPUT FOLDER
//! ```
//!
//! `PROOF` is a file of `zeno prove --proof evm`. `INPUT` is the file of `zeno fetch` that the proof was made from; it
//! has the parent's header. `FOLDER` is `contracts/test/fixtures`, which gets `proof.json` and the proof itself.

use std::{env, error::Error, fs, path::Path};

use alloy_primitives::{Bytes, hex, keccak256};
use zeno_guest_evm::StatelessInput;
use zeno_verifier::{ProofFile, ProofKind};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [proof, input, folder] = args.as_slice() else {
        return Err("name a proof, the input that it was made from, and a folder".into());
    };
    let file = ProofFile::read(proof)?;
    if file.kind != ProofKind::Evm {
        return Err(
            format!("{proof}: a proof of kind {}, and contracts take kind evm", file.kind.name()).into()
        );
    }
    let parent = file.claim.first_parent_hash;
    let input_bytes: Bytes = fs::read(input)?.into();
    let headers = StatelessInput::decode(&input_bytes)?.witness.headers;
    let header = headers
        .iter()
        .find(|header| keccak256(header) == parent)
        .ok_or_else(|| format!("{input}: no header has the hash of the claim's first parent, {parent}"))?;
    let json = serde_json::json!({
        "claim": hex::encode_prefixed(file.claim.abi_encode()),
        "proof": hex::encode_prefixed(&file.proof),
        "parentHeader": hex::encode_prefixed(header),
    });
    let folder = Path::new(folder);
    fs::write(folder.join("proof.json"), serde_json::to_string_pretty(&json)? + "\n")?;
    file.write(folder.join("block.proof"))?;
    Ok(())
}

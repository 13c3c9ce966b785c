//! Writes what `config/guest/zeno-guest.elf` commits to: `commitments.json`, for people, and `verifying-key`,
//! for `zeno-verifier`. With `--check` it compares instead, and fails where they differ.

use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode};

use alloy_primitives::keccak256;
use serde_json::json;
use zeno_prover::{Guest, LOG_STACKED_HEIGHT, Prover, default_cache_folder};
use zeno_verifier::PROOF_SYSTEM;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let check = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: guest-commitments [--check]".into()),
    };
    // The files as they are now, not as this program was built with.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/guest");
    let elf = fs::read(folder.join("zeno-guest.elf"))?;
    let key = Prover::new(Guest::from_elf(&elf)?, default_cache_folder()).verifying_key()?;
    let key_bytes = key.encode()?;
    let components: BTreeMap<_, _> =
        key.components().map(|(name, digest)| (name, digest.to_string())).collect();
    let commitments = serde_json::to_string_pretty(&json!({
        "elf_keccak256": keccak256(&elf).to_string(),
        "elf_bytes": elf.len(),
        "app_exe_commitment": key.app_exe_commitment().to_string(),
        "app_vm_commitment": key.app_vm_commitment().to_string(),
        "app_log_stacked_height": LOG_STACKED_HEIGHT,
        "proof_system": PROOF_SYSTEM,
        "verifying_key_keccak256": keccak256(&key_bytes).to_string(),
        "components": components,
    }))? + "\n";

    let mut differs = false;
    for (name, made) in [("commitments.json", commitments.as_bytes()), ("verifying-key", &key_bytes)] {
        let path = folder.join(name);
        if !check {
            fs::write(&path, made)?;
            println!("wrote config/guest/{name}, {} bytes", made.len());
        } else if fs::read(&path)? != made {
            eprintln!(
                "config/guest/{name} does not belong to config/guest/zeno-guest.elf and config/vm.toml; \
                 make it anew with `cargo run --release -p zeno-prover --example guest-commitments`"
            );
            differs = true;
        }
    }
    if check && !differs {
        println!("the commitments and the verifying key belong to the guest: {}", key.app_exe_commitment());
    }
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

//! Writes what a release's `zeno-guest.elf` commits to: `commitments.json`, which says so in text, and `verifying-key`,
//! both for `zeno-verifier`. With `--check` it compares instead, and fails where they differ.
//!
//! With `--seal FILE …` it makes programs of what the compiler gives, in place: each abort ends the run; and it refuses what is
//! too large for its table, or was built without the checks that it must have.

use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode};

use alloy_primitives::keccak256;
use serde_json::json;
use zeno_prover::{Guest, LOG_STACKED_HEIGHT, Prover, default_cache_folder, make_aborts_traps};
use zeno_verifier::PROOF_SYSTEM;

/// Where the release is that this workspace builds.
const RELEASE: &str = "config/guest/evm/2";

/// A table of 2^19 rows has one for each instruction; a larger one makes each segment's proof dearer. The rest is for a fix.
const MAX_INSTRUCTIONS: usize = 520_000;

/// What revm's memory says where it is looked at out of bounds, if it was built to look (`debug-assertions`).
const CHECKED_MEMORY: &[u8] = b"slice OOB";

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let check = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        [flag, files @ ..] if flag == "--seal" && !files.is_empty() => {
            files.iter().try_for_each(|file| seal(Path::new(file)))?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err("usage: guest-commitments [--check | --seal FILE ...]".into()),
    };
    // The files as they are now, not as this program was built with.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(RELEASE);
    let elf = fs::read(folder.join("zeno-guest.elf"))?;
    let key = Prover::new(Guest::from_elf(&elf)?, default_cache_folder().ok_or("HOME is not set")?)
        .verifying_key()?;
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
            println!("wrote {RELEASE}/{name}, {} bytes", made.len());
        } else if fs::read(&path)? != made {
            eprintln!(
                "{RELEASE}/{name} does not belong to {RELEASE}/zeno-guest.elf and config/vm.toml; \
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

/// Makes a program of what the compiler gave.
fn seal(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut elf = fs::read(path)?;
    let aborts = make_aborts_traps(&mut elf)?;
    let instructions = Guest::from_elf(&elf)?.instructions();
    let name = path.display();
    if instructions > MAX_INSTRUCTIONS {
        return Err(format!("{name} has {instructions} instructions, more than {MAX_INSTRUCTIONS}").into());
    }
    // The other program has no EVM.
    let has_evm = path.file_stem().is_some_and(|stem| stem == "zeno-guest");
    let is_checked = elf.windows(CHECKED_MEMORY.len()).any(|bytes| bytes == CHECKED_MEMORY);
    if has_evm && !is_checked {
        return Err(format!(
            "{name} has revm's memory without its checks: guest-evm/program/Cargo.toml must turn debug-assertions on for \
             revm-interpreter"
        )
        .into());
    }
    fs::write(path, &elf)?;
    println!("{name}: {instructions} instructions, {aborts} aborts made traps");
    Ok(())
}

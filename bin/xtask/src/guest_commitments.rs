//! Files that follow from a release's `zeno-guest.elf`, and the last step of building a guest.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use alloy_primitives::keccak256;
use serde_json::json;
use zeno_prover::{Guest, LOG_STACKED_HEIGHT, Prover, default_cache_folder, make_aborts_traps};
use zeno_verifier::PROOF_SYSTEM;

use crate::Error;

/// Folder of the release that this workspace builds, in the root.
const RELEASE: &str = "config/guest/evm/3";

/// Bound on a program's instructions. A table of 2^19 rows has one for each; a larger table makes each segment's proof
/// dearer. The rest of the rows is for a fix.
const MAX_INSTRUCTIONS: usize = 520_000;

/// Message of revm's memory for an access out of bounds. It is in the program if the memory was built with its checks
/// (`debug-assertions`).
const CHECKED_MEMORY: &[u8] = b"slice OOB";

/// Writes the commitments of the release's guest: `commitments.json`, in text, and `verifying-key`, both for
/// `zeno-verifier`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compares the files with what they should be instead of writing them, and fails where they differ.
    #[arg(long)]
    check: bool,
    /// Makes programs of the compiler's output instead, in place: each abort ends the run. Refuses a program that is
    /// too large for its table, or that was built without the checks that it must have.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "check")]
    seal: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    if !args.seal.is_empty() {
        args.seal.iter().try_for_each(|file| seal(file))?;
        return Ok(ExitCode::SUCCESS);
    }
    // The files of the working tree, not the ones that this program was built with.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(RELEASE);
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
        if !args.check {
            fs::write(&path, made)?;
            println!("wrote {RELEASE}/{name}, {} bytes", made.len());
        } else if fs::read(&path)? != made {
            eprintln!(
                "{RELEASE}/{name} does not belong to {RELEASE}/zeno-guest.elf and config/vm.toml; \
                 make it anew with `cargo run --release -p zeno-xtask -- guest-commitments`"
            );
            differs = true;
        }
    }
    if args.check && !differs {
        println!("the commitments and the verifying key belong to the guest: {}", key.app_exe_commitment());
    }
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Makes a program of the compiler's output.
fn seal(path: &Path) -> Result<(), Error> {
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

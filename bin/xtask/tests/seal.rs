//! `xtask guest-commitments --seal`, the step that every released guest goes through.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/guest/evm/3/zeno-guest.elf");

fn xtask(arguments: &[&str], file: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).arg(file).output();
    output.expect("cargo builds xtask for its tests")
}

fn seal(file: &Path) -> Output {
    xtask(&["guest-commitments", "--seal"], file)
}

/// Writes a file of the name by which the guest is known.
fn guest(folder: &Path, elf: &[u8]) -> PathBuf {
    let path = folder.join("zeno-guest");
    fs::write(&path, elf).unwrap();
    path
}

#[test]
fn the_committed_guest_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let elf = fs::read(COMMITTED).unwrap();
    let path = guest(folder.path(), &elf);
    let output = seal(&path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("instructions, 0 aborts made traps"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), elf);
}

#[test]
fn a_guest_without_memory_checks_is_refused() {
    const CHECK: &[u8] = b"slice OOB";
    let folder = tempfile::tempdir().unwrap();
    let mut elf = fs::read(COMMITTED).unwrap();
    let found: Vec<usize> = (0..elf.len()).filter(|at| elf[*at..].starts_with(CHECK)).collect();
    assert!(!found.is_empty());
    found.iter().for_each(|at| elf[*at] = b'S');
    let path = guest(folder.path(), &elf);
    let output = seal(&path);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("debug-assertions on for revm-interpreter"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), elf);
}

#[test]
fn other_files_and_arguments_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = guest(folder.path(), b"no program");
    assert_eq!(seal(&path).status.code(), Some(1));
    assert_eq!(fs::read(&path).unwrap(), b"no program");
    assert_eq!(xtask(&["guest-commitments", "--check", "--seal"], &path).status.code(), Some(2));
    assert_eq!(xtask(&["guest-commitments"], &path).status.code(), Some(2));
}

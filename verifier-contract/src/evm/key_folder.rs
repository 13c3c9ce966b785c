//! Layout of the keys for EVM proofs in a cache folder: `keys/evm-NAME`, one folder for each SRS and set of circuits.
//!
//! `zeno setup` writes the proving keys there first and the verifying key last, so a folder without a verifying key is
//! unfinished. No folder decides which key is accepted: see [`EvmVerifyingKey::decode_pinned`].
//!
//! [`EvmVerifyingKey::decode_pinned`]: crate::EvmVerifyingKey::decode_pinned

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Name of the verifying key's file in a folder of keys.
const VERIFYING_KEY: &str = "verifying-key";
/// Start of the names of the folders in [`root`].
const PREFIX: &str = "evm-";
/// Bound on the length of a verifying key's file, in bytes. No version of the format is longer.
pub const MAX_VERIFYING_KEY_BYTES: u64 = 1 << 16;

/// Returns the folder that holds all folders of keys, in the folder `cache`.
pub fn root(cache: &Path) -> PathBuf {
    cache.join("keys")
}

/// Returns the folder of the keys with this name, in the folder `cache`.
pub fn named(cache: &Path, name: &str) -> PathBuf {
    root(cache).join(format!("{PREFIX}{name}"))
}

/// Returns the path of the verifying key in a folder of keys.
pub fn verifying_key(folder: &Path) -> PathBuf {
    folder.join(VERIFYING_KEY)
}

/// Returns the path of the verifying key that `path` names: a key's file itself, or a folder of keys.
pub fn locate(path: &Path) -> PathBuf {
    if path.is_dir() { verifying_key(path) } else { path.to_owned() }
}

/// Lists the finished folders of keys in `root`, by rising name. The list is empty where `root` is absent.
///
/// # Errors
/// The system's error, when `root` can't be listed.
pub fn finished(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if named && verifying_key(&path).is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_folders_are_found() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        assert!(finished(&root(cache)).unwrap().is_empty(), "there are no keys yet");
        let [second, first, unfinished] = ["02", "01", "00"].map(|name| named(cache, name));
        let other = root(cache).join("other");
        for folder in [&second, &first, &unfinished, &other] {
            fs::create_dir_all(folder).unwrap();
        }
        for folder in [&second, &first, &other] {
            fs::write(verifying_key(folder), b"key").unwrap();
        }
        assert_eq!(finished(&root(cache)).unwrap(), [first.clone(), second]);
        assert_eq!(first, cache.join("keys/evm-01"));

        let key = first.join("verifying-key");
        assert_eq!([locate(&first), locate(&key)], [key.clone(), key]);
    }

    #[test]
    fn a_root_that_is_no_folder_is_an_error() {
        let cache = tempfile::tempdir().unwrap();
        let root = root(cache.path());
        fs::write(&root, b"").unwrap();
        assert!(finished(&root).is_err());
    }
}

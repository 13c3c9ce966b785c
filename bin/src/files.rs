//! Files that are written whole or not at all.

use crate::failure::Failure;
use atomic_write_file::AtomicWriteFile;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Writes `bytes` to `path`, whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(bytes)?;
        file.commit()
    };
    write().map_err(|error| Failure::file(path, format_args!("can't be written: {error}")))
}

/// Refuses a place that can't be written to, before the hours that lead to it are spent.
pub(crate) fn check_writable(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::file(path, "is a folder; name a file with --out"));
    }
    let folder = folder(path);
    tempfile::tempfile_in(folder).map(|_| ()).map_err(|error| {
        Failure::file(folder, format_args!("can't be written to: {error}; choose another place with --out"))
    })
}

/// The folder that `path` lies in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The file's bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file(path, format_args!("can't be read: {error}")))
}

/// Where output goes: the place that was asked for, or a name in the current folder.
pub(crate) fn destination(out: Option<&PathBuf>, number: u64, extension: &str) -> PathBuf {
    out.cloned().unwrap_or_else(|| PathBuf::from(format!("block-{number}.{extension}")))
}

//! Files that are written whole or not at all.

use crate::failure::Failure;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Writes `bytes` beside `path`, then renames: whoever reads never sees a part of it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = folder(path);
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // Temporary files are private; this one is to be as any other.
        #[cfg(unix)]
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path).map(|_| ()).map_err(|error| error.error)
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

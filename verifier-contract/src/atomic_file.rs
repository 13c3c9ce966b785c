//! Atomic replacement of files that this program owns, such as those of a cache folder.
//!
//! A reader finds the old content or all of the new one. Only regular files are replaced: a link, a folder or a device
//! in a file's place was put there by somebody, and is refused. Destinations that a user names are
//! [`write_file`](crate::write_file)'s.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

pub use atomic_write_file::AtomicWriteFile;

/// Writes `bytes` to the file at `path`, whole or not at all. An existing file keeps its mode.
///
/// # Errors
/// The same as [`open_replacement`]'s, and the system's error when writing fails.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open_replacement(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Opens the new content of the file at `path`, for writing in pieces. It appears at [`AtomicWriteFile::commit`],
/// whole; without a commit, nothing changes.
///
/// # Errors
/// The same as [`check_replaceable`]'s, and the system's error when the folder can't be written to.
pub fn open_replacement(path: &Path) -> io::Result<AtomicWriteFile> {
    check_replaceable(path)?;
    AtomicWriteFile::open(path)
}

/// Checks that a regular file is at `path`, or nothing.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] for anything else, a symbolic link included: its target belongs to somebody.
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "is not a regular file; remove it"));
    }
    Ok(())
}

/// Makes a folder and its missing parents, for this user alone (mode 0700). An existing folder stays as it is.
///
/// # Errors
/// The system's error.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = open_replacement(&path).unwrap();
        file.write_all(b"first").unwrap();
        assert!(!path.exists(), "nothing is there before the commit");
        drop(file);
        assert!(!path.exists(), "nor without one");
        replace_file(&path, b"second").unwrap();
        replace_file(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, dangling] = ["file", "link", "dangling"].map(|name| folder.path().join(name));
        fs::write(&file, b"precious").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        for path in [&link, &dangling, folder.path()] {
            let error = replace_file(path, b"lost").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", path.display());
            assert_eq!(open_replacement(path).unwrap_err().to_string(), "is not a regular file; remove it");
        }
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        check_replaceable(&file).unwrap();
        check_replaceable(&folder.path().join("absent")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("not/there");
        make_private_folder(&deep).unwrap();
        make_private_folder(&deep).unwrap();
        for path in [&deep, &folder.path().join("not")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o700);
        }
    }
}

//! Regular files that are read at offsets, and their digests.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use blake2::{Blake2b512, Digest};

use crate::error::{Defect, SrsError};

/// Bytes that a digest reads at a time.
const DIGEST_CHUNK: usize = 4 << 20;

/// Opens a regular file. Any other one is refused, because opening a pipe would wait for its writer.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        return File::open(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"))
}

/// Computes the BLAKE2b-512 digest of a file's first `bytes` bytes. `progress` receives the number of bytes that were
/// read.
pub(crate) fn digest(file: &File, bytes: u64, mut progress: impl FnMut(u64)) -> io::Result<[u8; 64]> {
    let mut buffer = vec![0; DIGEST_CHUNK];
    let mut hasher = Blake2b512::new();
    let mut position = 0;
    while position < bytes {
        let part = buffer.len().min(usize::try_from(bytes - position).unwrap_or(usize::MAX));
        file.read_exact_at(&mut buffer[..part], position)?;
        hasher.update(&buffer[..part]);
        position += part as u64;
        progress(position);
    }
    Ok(hasher.finalize().into())
}

/// A file to import, whose content is untrusted.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Size, in bytes.
    pub(crate) bytes: u64,
    file: File,
}

impl Input {
    /// Opens a regular file: a pipe has no size, and can't be read twice.
    pub(crate) fn open(path: &Path) -> Result<Self, SrsError> {
        let open = || {
            let file = open_file(path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(SrsError::io(path))?;
        Ok(Self { path: path.to_owned(), bytes, file })
    }

    /// Fills `buffer` with the bytes that begin at `offset`.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SrsError> {
        self.file.read_exact_at(buffer, offset).map_err(SrsError::io(&self.path))
    }

    /// Computes the BLAKE2b-512 digest of the whole file. `progress` receives the number of bytes that were read.
    pub(crate) fn digest(&self, progress: impl FnMut(u64)) -> Result<[u8; 64], SrsError> {
        digest(&self.file, self.bytes, progress).map_err(SrsError::io(&self.path))
    }

    /// The error that this file has a defect.
    pub(crate) fn refuse(&self, defect: Defect) -> SrsError {
        SrsError::file(&self.path)(defect)
    }
}

//! Files: read up to a limit, and written whole or not at all.

use crate::{error::Error, setting::Setting, text};
use serde::{Serialize, Serializer};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use zeno_guest_evm::input;
use zeno_verifier::MAX_PROOF_BYTES;

/// Longest input, in bytes. The input of a full mainnet block has some megabytes.
const MAX_INPUT: u64 = 1 << 30;
/// Longest genesis or chain configuration, in bytes: that of a chain with a large allocation.
pub(crate) const MAX_CHAIN: u64 = 64 << 20;
/// Longest file of a proof, in bytes: the proof and room for everything around it.
const MAX_PROOF_FILE: u64 = MAX_PROOF_BYTES as u64 + 4096;
/// Longest guest, in bytes.
const MAX_GUEST: u64 = 256 << 20;

/// Length of a file's start, which decides whether the rest is read, in bytes.
const START_LEN: u64 = 16;

/// Kind of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// An input of `zeno fetch`.
    Input,
    /// A proof of `zeno prove`.
    Proof,
    /// A verifying key.
    Key,
    /// A program.
    Elf,
    /// Text that begins as a JSON object.
    Json,
    /// A file without content.
    Empty,
    /// Anything else.
    Other,
}

impl FileKind {
    /// Kind of a file that begins with these bytes, of which 16 are enough.
    pub(crate) fn of_start(start: &[u8]) -> Self {
        // Inputs, proofs and keys begin with the same four letters; in an input, the low byte of its version follows.
        let is_input =
            start.starts_with(&input::MAGIC) && start.get(4).is_none_or(|byte| !byte.is_ascii_alphabetic());
        let first_letter = start.iter().find(|byte| !byte.is_ascii_whitespace());
        match start {
            [] => Self::Empty,
            _ if is_input => Self::Input,
            _ if start.starts_with(b"ZENOPRF") => Self::Proof,
            _ if start.starts_with(b"ZENOVK") || start.starts_with(b"ZENOEVK") => Self::Key,
            _ if start.starts_with(b"\x7fELF") => Self::Elf,
            _ if first_letter == Some(&b'{') => Self::Json,
            _ => Self::Other,
        }
    }

    /// The error that the file `path` is of this kind, and should be of another.
    pub(crate) fn refuse(self, path: &Path) -> Error {
        let setting = match self {
            Self::Key => Some(Setting::Keys),
            Self::Json => Some(Setting::Chain),
            _ => None,
        };
        Error::file(path, self.advice(path)).with_settings(setting)
    }

    /// Advice about the file `path`, which should be of another kind.
    fn advice(self, path: &Path) -> String {
        let path = text::path(path);
        match self {
            Self::Input => format!(
                "is an input, made by `zeno fetch`; check its block with `zeno validate --input {path}`, and prove it with \
                 `zeno prove --input {path}`"
            ),
            Self::Proof => format!("is a proof, made by `zeno prove`; check it with `zeno verify {path}`"),
            Self::Key => "is a verifying key; to check EVM proofs with it, name it as their key".to_owned(),
            Self::Elf => "is an ELF file; `zeno execute --guest` takes guests".to_owned(),
            Self::Json => {
                "is JSON; if it is a genesis or a chain configuration, name it as the chain".to_owned()
            }
            Self::Empty => "is empty".to_owned(),
            Self::Other => {
                "is neither an input of `zeno fetch` nor a proof of `zeno prove`: it starts with other bytes"
                    .to_owned()
            }
        }
    }
}

/// Returns whether `path` is a regular file that begins as an input.
pub(crate) fn is_input(path: &Path) -> bool {
    // A pipe has been read already, and another attempt would wait for its writer.
    let mut start = Vec::new();
    path.is_file()
        && File::open(path).is_ok_and(|file| file.take(START_LEN).read_to_end(&mut start).is_ok())
        && FileKind::of_start(&start) == FileKind::Input
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    read_as(path, |_| Ok(limit))
}

/// Reads a file whose length in bytes is limited by its start, the first 16 bytes at most. No more memory than the limit is
/// taken. `limit` refuses a file by its start.
pub(crate) fn read_as(
    path: &Path,
    limit: impl FnOnce(&[u8]) -> Result<u64, Error>,
) -> Result<Vec<u8>, Error> {
    let unreadable = |error: io::Error| Error::file(path, format_args!("can't be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Error::file(path, "is a folder; name a file"));
    }
    let mut bytes = Vec::new();
    (&file).take(START_LEN).read_to_end(&mut bytes).map_err(unreadable)?;
    let limit = limit(&bytes)?;
    let too_long = |length: String| {
        Error::file(path, format_args!("has {length} bytes, more than the {limit} that such a file may have"))
    };
    if metadata.is_file() && metadata.len() > limit {
        return Err(too_long(metadata.len().to_string()));
    }
    // Devices and pipes don't say how long they are.
    let rest = (limit + 1).saturating_sub(bytes.len() as u64);
    (&file).take(rest).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_long(format!("at least {}", bytes.len())));
    }
    Ok(bytes)
}

/// Reads the file of an input.
pub(crate) fn read_input(path: &Path) -> Result<Vec<u8>, Error> {
    read_as(path, |start| match FileKind::of_start(start) {
        FileKind::Input => Ok(MAX_INPUT),
        other => Err(other.refuse(path)),
    })
}

/// Reads the ELF file of a guest.
///
/// # Errors
/// [`Error`] where the file can't be read, is longer than 256 MiB, or is no ELF file.
pub fn read_guest(path: &Path) -> Result<Vec<u8>, Error> {
    read_as(path, |start| match FileKind::of_start(start) {
        FileKind::Elf => Ok(MAX_GUEST),
        _ => Err(Error::file(path, "is no ELF file; `scripts/build-guest` makes guests")),
    })
}

/// Reads the file of an input or a proof, and returns its kind with its bytes.
pub(crate) fn read_input_or_proof(path: &Path) -> Result<(FileKind, Vec<u8>), Error> {
    let bytes = read_as(path, |start| match FileKind::of_start(start) {
        FileKind::Input => Ok(MAX_INPUT),
        FileKind::Proof => Ok(MAX_PROOF_FILE),
        // Every other advice is about inputs and proofs.
        other => Err(other.refuse(path)),
    })?;
    Ok((FileKind::of_start(&bytes), bytes))
}

/// Writes `bytes` to `path`: whole or not at all, if that is a file; into it, if it is a device or a pipe.
///
/// # Errors
/// [`Error`] with the words of the system.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    zeno_verifier::write_file(path, bytes)
        .map_err(|error| Error::file(path, format_args!("can't be written: {error}")))
}

/// Serializes a path as text, with U+FFFD for bytes that are none.
pub(crate) fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_told_apart_by_their_first_bytes() {
        assert_eq!(FileKind::of_start(b"ZENO\x03\0\0\0"), FileKind::Input);
        assert_eq!(FileKind::of_start(b"ZENO"), FileKind::Input);
        assert_eq!(FileKind::of_start(b"ZENOPRF\0\x01"), FileKind::Proof);
        assert_eq!(FileKind::of_start(b"ZENOEVK\x01"), FileKind::Key);
        assert_eq!(FileKind::of_start(b"ZENOVK\x01\0"), FileKind::Key);
        assert_eq!(FileKind::of_start(b" \n{ \"config\""), FileKind::Json);
        assert_eq!(FileKind::of_start(b"\x7fELF\x01"), FileKind::Elf);
        assert_eq!(FileKind::of_start(b""), FileKind::Empty);
        assert_eq!(FileKind::of_start(&[0; 16]), FileKind::Other);
    }

    #[test]
    fn files_are_read_up_to_their_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read(&path, 100).unwrap(), [7; 100]);
        let refused = read(&path, 99).unwrap_err().to_string();
        assert!(refused.contains("has 100 bytes, more than the 99"), "{refused}");
        let refused = read(folder.path(), 99).unwrap_err().to_string();
        assert!(refused.contains("is a folder"), "{refused}");
        #[cfg(unix)]
        {
            let refused = read(Path::new("/dev/zero"), 1000).unwrap_err().to_string();
            assert!(refused.contains("has at least 1001 bytes, more than the 1000"), "{refused}");
        }
        let refused = read_input(&path).unwrap_err().to_string();
        assert!(refused.contains("neither an input"), "{refused}");
    }
}

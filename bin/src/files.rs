//! Files: written whole or not at all, and read as far as there is room for them.

use crate::{args::Cli, failure::Failure, output, report::Report, text};
use std::{
    fs::{self, File},
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};
use zeno_guest_evm::input;

/// Longest input, in bytes. Those of full mainnet blocks have some megabytes.
pub(crate) const MAX_INPUT: u64 = 1 << 30;
/// Longest genesis or chain configuration, in bytes: that of a chain with a large allocation.
pub(crate) const MAX_CHAIN: u64 = 64 << 20;
/// Longest guest, in bytes.
pub(crate) const MAX_GUEST: u64 = 256 << 20;

/// How much of a file is looked at before the rest is read, in bytes.
const START: u64 = 16;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An input of `zeno fetch`.
    Input,
    /// A proof of `zeno prove`.
    Proof,
    /// A verifying key.
    Key,
    /// A program for a machine.
    Elf,
    /// Text that begins as a JSON object.
    Json,
    /// Nothing.
    Empty,
    /// Anything else.
    Other,
}

impl Kind {
    /// What to do with the file `path`, where it is not what it should be.
    pub(crate) fn advice(self, path: &Path) -> String {
        let path = text::path(path);
        match self {
            Self::Input => format!(
                "is an input, made by `zeno fetch`; check its block with `zeno validate --input {path}`, and prove it with \
                 `zeno prove --input {path}`"
            ),
            Self::Proof => format!("is a proof, made by `zeno prove`; check it with `zeno verify {path}`"),
            Self::Key => "is a verifying key; --keys takes those of EVM proofs".to_owned(),
            Self::Elf => "is an ELF file; `zeno execute --guest` takes guests".to_owned(),
            Self::Json => "is JSON; --chain takes a genesis or a chain configuration".to_owned(),
            Self::Empty => "is empty".to_owned(),
            Self::Other => {
                "is neither an input of `zeno fetch` nor a proof of `zeno prove`: it starts with other bytes"
                    .to_owned()
            }
        }
    }
}

/// What a file is that begins with these bytes, of which 16 are enough.
pub(crate) fn kind(start: &[u8]) -> Kind {
    // Inputs, proofs and keys begin with the same four letters; an input goes on with its version's low byte.
    let is_input =
        start.starts_with(&input::MAGIC) && start.get(4).is_none_or(|byte| !byte.is_ascii_alphabetic());
    let first_letter = start.iter().find(|byte| !byte.is_ascii_whitespace());
    match start {
        [] => Kind::Empty,
        _ if is_input => Kind::Input,
        _ if start.starts_with(b"ZENOPRF") => Kind::Proof,
        _ if start.starts_with(b"ZENOVK") || start.starts_with(b"ZENOEVK") => Kind::Key,
        _ if start.starts_with(b"\x7fELF") => Kind::Elf,
        _ if first_letter == Some(&b'{') => Kind::Json,
        _ => Kind::Other,
    }
}

/// Whether a file that is there begins as an input.
pub(crate) fn is_input(path: &Path) -> bool {
    // A pipe has been read, and would be waited for.
    let mut start = Vec::new();
    path.is_file()
        && File::open(path).is_ok_and(|file| file.take(START).read_to_end(&mut start).is_ok())
        && kind(&start) == Kind::Input
}

/// The bytes of a file that has no more than `limit`.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    read_as(path, |_| Ok(limit))
}

/// The bytes of a file, if its first 16, or all where there are fewer, make it one to read on, up to the limit that they call
/// for. No more memory is taken than that.
pub(crate) fn read_as(
    path: &Path,
    limit: impl FnOnce(&[u8]) -> Result<u64, Failure>,
) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| Failure::file(path, format_args!("can't be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Failure::file(path, "is a folder; name a file"));
    }
    let mut bytes = Vec::new();
    (&file).take(START).read_to_end(&mut bytes).map_err(unreadable)?;
    let limit = limit(&bytes)?;
    let too_long = |length: String| {
        Failure::file(
            path,
            format_args!("has {length} bytes, more than the {limit} that such a file may have"),
        )
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

/// The bytes of an input.
pub(crate) fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    read_as(path, |start| match kind(start) {
        Kind::Input => Ok(MAX_INPUT),
        other => Err(Failure::file(path, other.advice(path))),
    })
}

/// Writes `bytes` to `path`: whole or not at all, if that is a file; into it, if it is a device or a pipe.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    zeno_verifier::write_file(path, bytes)
        .map_err(|error| Failure::file(path, format_args!("can't be written: {error}")))
}

/// Writes what a command made, and reports where it is: stdout, where `path` is `-` or leads there, and what there is to say is
/// said on stderr then.
pub(crate) fn deliver(path: &Path, bytes: &[u8], report: &mut Report) -> Result<(), Failure> {
    if is_stdout(path) {
        report.stdout_is_taken = true;
        output::stdout(bytes)
            .map_err(|error| Failure::other(format_args!("stdout can't be written: {error}")))?;
    } else {
        write(path, bytes)?;
    }
    report.file = Some(path.to_owned());
    Ok(())
}

fn is_stdout(path: &Path) -> bool {
    if ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map(Path::new).contains(&path) {
        return true;
    }
    // By another name, or through links. A file that stdout goes to has a name that is as good as any.
    let Ok(place) = zeno_verifier::write_destination(path) else { return false };
    let own = ["/proc/self/fd", "/proc/thread-self/fd"].map(|folder| fs::canonicalize(folder).ok());
    let is_own = own.iter().flatten().any(|own| place.parent() == Some(own)) && place.ends_with("1");
    is_own || is_stream_of_stdout(&place)
}

/// Whether a place is the pipe or the terminal that stdout goes to.
fn is_stream_of_stdout(place: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let Ok(there) = fs::metadata(place) else { return false };
        let is_stream = there.file_type().is_fifo() || io::stdout().is_terminal();
        let stdout = rustix::fs::fstat(io::stdout());
        is_stream && stdout.is_ok_and(|own| (own.st_dev, own.st_ino) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = place;
        false
    }
}

/// Refuses a place that can't be written to, before the hours that lead to it are spent. Nothing is made or opened there.
/// `option` is how the command line names it.
pub(crate) fn check_writable(cli: &Cli, path: &Path, option: &str) -> Result<(), Failure> {
    if is_stdout(path) {
        if cli.json {
            return Err(Failure::file(
                path,
                format_args!("is stdout, and --json prints there; name a file with {option}"),
            ));
        }
        return Ok(());
    }
    let refused = |path: &Path, error: io::Error| {
        Failure::file(path, format_args!("can't be written to: {error}; choose another place with {option}"))
    };
    let place = zeno_verifier::write_destination(path).map_err(|error| match fs::read_link(path) {
        Ok(target) => {
            let error = io::Error::new(error.kind(), format!("it leads to {}: {error}", text::path(&target)));
            refused(path, error)
        }
        Err(_) => refused(path, error),
    })?;
    match fs::metadata(&place) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(Failure::file(path, format_args!("is a folder; name a file with {option}")));
        }
        // Opening a pipe would wait for its reader, and opening a device may do anything.
        #[cfg(unix)]
        Ok(metadata) if !metadata.is_file() || place.is_symlink() => {
            return rustix::fs::access(&place, rustix::fs::Access::WRITE_OK)
                .map_err(|error| refused(path, error.into()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(path, error)),
    }
    let folder = folder(&place);
    tempfile::tempfile_in(folder).map(|_| ()).map_err(|error| refused(folder, error))
}

/// The folder that `path` lies in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where output goes: the place that was asked for, or a name in the current folder.
pub(crate) fn destination(out: Option<&PathBuf>, number: u64, extension: &str) -> PathBuf {
    out.cloned().unwrap_or_else(|| PathBuf::from(format!("block-{number}.{extension}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_first_bytes() {
        assert_eq!(kind(b"ZENO\x02\0\0\0"), Kind::Input);
        assert_eq!(kind(b"ZENO"), Kind::Input);
        assert_eq!(kind(b"ZENOPRF\0\x01"), Kind::Proof);
        assert_eq!(kind(b"ZENOEVK\x01"), Kind::Key);
        assert_eq!(kind(b"ZENOVK\x01\0"), Kind::Key);
        assert_eq!(kind(b" \n{ \"config\""), Kind::Json);
        assert_eq!(kind(b"\x7fELF\x01"), Kind::Elf);
        assert_eq!(kind(b""), Kind::Empty);
        assert_eq!(kind(&[0; 16]), Kind::Other);
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

    #[cfg(unix)]
    #[test]
    fn stdout_has_many_names() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/stdout", &link).unwrap();
        for path in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/fd/../fd/1"].map(PathBuf::from)
        {
            assert!(is_stdout(&path), "{}", path.display());
        }
        assert!(is_stdout(&link));
        for path in ["1", "/dev/null", "block-1.proof"].map(PathBuf::from) {
            assert!(!is_stdout(&path), "{}", path.display());
        }
    }
}

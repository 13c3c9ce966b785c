//! Files of the cache folder, which are made once and read again.

use std::{
    env, fs, io,
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use alloy_primitives::{B256, keccak256};
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;
use zeno_verifier::{caught, make_private_folder, replace_file};

use crate::error::{ProverError, Stage};

const CHECKSUM_BYTES: usize = 32;

/// Folder for keys and checkpoints: `$ZENO_CACHE_DIR`, or `zeno` in the user's cache folder. It is `None` where the
/// environment names neither: no folder that all users share may decide about proofs.
pub fn default_cache_folder() -> Option<PathBuf> {
    cache_folder(|name| env::var_os(name).map(PathBuf::from))
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let chosen = variable("ZENO_CACHE_DIR").filter(|path| !path.as_os_str().is_empty());
    // The XDG specification says that relative paths are ignored.
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    chosen
        .or_else(|| absolute("XDG_CACHE_HOME").map(|cache| cache.join("zeno")))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache/zeno")))
}

/// Reads a file that [`write`] wrote.
///
/// Returns `None` for an absent file. A damaged file, or one longer than `limit` bytes, also gives `None`, and is
/// logged.
///
/// # Errors
/// [`ProverError::Cache`] when the path is not a regular file, or when the file can't be read.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ProverError> {
    let Some(mut bytes) = read_plain(path, limit)? else { return Ok(None) };
    let intact = match bytes.split_last_chunk::<CHECKSUM_BYTES>() {
        Some((content, checksum)) => keccak256(content) == B256::from(checksum),
        None => false,
    };
    if !intact {
        warn!(path = %path.display(), "damaged file in the cache, it will be made again");
        return Ok(None);
    }
    bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    Ok(Some(bytes))
}

/// Reads a file that [`write_plain`] wrote.
///
/// Returns `None` for an absent file. A file longer than `limit` bytes also gives `None`, and is logged.
///
/// # Errors
/// [`ProverError::Cache`] when the path is not a regular file, or when the file can't be read.
pub(crate) fn read_plain(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ProverError> {
    let failed = |source| ProverError::Cache { path: path.to_owned(), source };
    // The check comes before opening: to open a pipe is to wait for its writer.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() {
        return Err(failed(io::Error::other("is not a regular file; remove it")));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        warn!(path = %path.display(), limit, "file in the cache that is longer than it can be, it will be made again");
        return Ok(None);
    }
    Ok(Some(bytes))
}

/// Reads a value that [`write_value`] wrote.
///
/// Returns `None` for an absent file. A file that is damaged, too long or of another form also gives `None`, and is
/// logged.
pub(crate) fn read_value<T: DeserializeOwned>(path: &Path, limit: u64) -> Result<Option<T>, ProverError> {
    let Some(bytes) = read(path, limit)? else { return Ok(None) };
    match decode(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            warn!(path = %path.display(), error, "unreadable file in the cache, it will be made again");
            Ok(None)
        }
    }
}

/// Decodes a value. Every count is checked against the remaining bytes before memory is taken. But the types' own
/// conversions may panic at values that no value of the type encodes to.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    caught(|| bitcode::deserialize(bytes).map_err(|error| error.to_string())).and_then(|decoded| decoded)
}

/// Logs once that the cache can't be used, and that the program does without.
pub(crate) fn warn_unusable(error: &ProverError) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        warn!(%error, "the cache folder can't be used; what is made is not kept for the next time");
    }
}

/// Writes an encoded value and its checksum, whole or not at all.
pub(crate) fn write_value(path: &Path, value: &impl Serialize) -> Result<(), ProverError> {
    write(path, &bitcode::serialize(value).stage("encoding a file for the cache")?)
}

/// Writes `content` and its checksum, whole or not at all.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), ProverError> {
    write_plain(path, &[content, keccak256(content).as_slice()].concat())
}

/// Writes `content` without a checksum, for other programs to read. The file appears whole or not at all.
pub(crate) fn write_plain(path: &Path, content: &[u8]) -> Result<(), ProverError> {
    let written = || -> io::Result<()> {
        make_private_folder(path.parent().unwrap_or(Path::new(".")))?;
        replace_file(path, content)
    };
    written().map_err(|source| ProverError::Cache { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1 << 10;

    #[test]
    fn damaged_files_are_absent_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key");
        assert!(read(&path, LIMIT).unwrap().is_none());
        write(&path, b"content").unwrap();
        assert_eq!(read(&path, LIMIT).unwrap().unwrap(), b"content");
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path, LIMIT).unwrap().is_none());
        }
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            fs::write(&path, altered).unwrap();
            assert!(read(&path, LIMIT).unwrap().is_none());
        }
        write(&path, b"again").unwrap();
        assert_eq!(read(&path, LIMIT).unwrap().unwrap(), b"again");
    }

    #[test]
    fn files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"content").unwrap();
        let bytes = (7 + CHECKSUM_BYTES) as u64;
        assert!(read(&path, bytes).unwrap().is_some());
        assert!(read(&path, bytes - 1).unwrap().is_none());
        // A terabyte of zeros takes no memory.
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path, 1 << 20).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_neither_read_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let directory = folder.path().join("folder");
        fs::create_dir(&directory).unwrap();
        for path in [path, directory, PathBuf::from("/dev/zero")] {
            assert!(
                read(&path, LIMIT).unwrap_err().to_string().contains("regular file"),
                "{}",
                path.display()
            );
            assert!(
                write(&path, b"").unwrap_err().to_string().contains("regular file"),
                "{}",
                path.display()
            );
        }
    }

    /// A cache that was unpacked from an archive may have links in it.
    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let [precious, link] = ["precious", "machine.key"].map(|name| folder.path().join(name));
        fs::write(&precious, b"years of work").unwrap();
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        assert!(read(&link, LIMIT).unwrap().is_none(), "it is no key");
        assert!(write(&link, b"key").unwrap_err().to_string().contains("regular file"));
        assert_eq!(fs::read(&precious).unwrap(), b"years of work");
    }

    #[test]
    fn hostile_bytes_are_no_values() {
        type Value = (Vec<Vec<u64>>, Option<String>, Vec<(u8, Vec<bool>)>, [u32; 3]);
        let value: Value = (
            vec![vec![1, 2, 3], vec![], vec![u64::MAX]],
            Some("text".into()),
            vec![(1, vec![true, false])],
            [1, 2, 3],
        );
        let bytes = bitcode::serialize(&value).unwrap();
        assert_eq!(decode::<Value>(&bytes).unwrap(), value);
        for length in 0..bytes.len() {
            assert!(decode::<Value>(&bytes[..length]).is_err());
        }
        // Counts of every size, at every offset: an error, or some other value, but nothing that takes memory or
        // panics.
        for position in 0..bytes.len() {
            for byte in 0..=u8::MAX {
                let mut altered = bytes.clone();
                altered[position] = byte;
                let _ = decode::<Value>(&altered);
                for count in [[0xff; 8], (1_u64 << 40).to_le_bytes()] {
                    let mut longer = altered.clone();
                    longer.splice(position..position, count);
                    let _ = decode::<Value>(&longer);
                }
            }
        }
        // A list of empty values could have any length at no cost.
        assert!(decode::<Vec<()>>(&bitcode::serialize(&vec![(); 1 << 20]).unwrap()).is_err());
    }

    #[test]
    fn the_default_folder_is_never_a_shared_one() {
        let folder = |pairs: &[(&str, &str)]| {
            cache_folder(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| PathBuf::from(pair.1)))
        };
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&[("HOME", ""), ("XDG_CACHE_HOME", ""), ("ZENO_CACHE_DIR", "")]), None);
        assert_eq!(folder(&[("TMPDIR", "/tmp"), ("XDG_CACHE_HOME", "relative")]), None);
        assert_eq!(folder(&[("HOME", "relative")]), None);
        let home = ("HOME", "/home/user");
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "relative")]), path("/home/user/.cache/zeno"));
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "/xdg")]), path("/xdg/zeno"));
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "/xdg"), ("ZENO_CACHE_DIR", "mine")]), path("mine"));
    }
}

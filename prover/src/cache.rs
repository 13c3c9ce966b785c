//! Files that are made once and read again.

use std::{
    env, fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use atomic_write_file::AtomicWriteFile;
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use crate::{ProverError, error::Stage};

const CHECKSUM_BYTES: usize = 32;

/// The folder for keys and unfinished work: `$ZENO_CACHE_DIR`, or `zeno` in the user's cache folder.
pub fn default_cache_folder() -> PathBuf {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("ZENO_CACHE_DIR")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("zeno")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/zeno")))
        .unwrap_or_else(|| env::temp_dir().join("zeno"))
}

/// Reads a file that [`write`] wrote. `None` when there is none, or when it is damaged, which is logged.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, ProverError> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ProverError::Cache { path: path.to_owned(), source }),
    };
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

/// Reads a value that [`write_value`] wrote. `None` when there is none, or when it is damaged or of another form, which is
/// logged.
pub(crate) fn read_value<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ProverError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    match bitcode::deserialize(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            warn!(path = %path.display(), %error, "unreadable file in the cache, it will be made again");
            Ok(None)
        }
    }
}

/// Writes an encoded value and its checksum, whole or not at all.
pub(crate) fn write_value(path: &Path, value: &impl Serialize) -> Result<(), ProverError> {
    write(path, &bitcode::serialize(value).stage("encoding a file for the cache")?)
}

/// Writes `content` and its checksum, whole or not at all.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), ProverError> {
    write_parts(path, &[content, keccak256(content).as_slice()])
}

/// Writes `content` for others to read, without a checksum, whole or not at all.
pub(crate) fn write_plain(path: &Path, content: &[u8]) -> Result<(), ProverError> {
    write_parts(path, &[content])
}

fn write_parts(path: &Path, parts: &[&[u8]]) -> Result<(), ProverError> {
    let written = || -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let mut file = AtomicWriteFile::open(path)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.commit()
    };
    written().map_err(|source| ProverError::Cache { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_are_absent_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key");
        assert!(read(&path).unwrap().is_none());
        write(&path, b"content").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"content");
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path).unwrap().is_none());
        }
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            fs::write(&path, altered).unwrap();
            assert!(read(&path).unwrap().is_none());
        }
        write(&path, b"again").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"again");
    }
}

//! Where an SRS lies in the cache folder, and how it gets there.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use atomic_write_file::AtomicWriteFile;
use blake2::{Blake2b512, Digest};
use serde::{Deserialize, Serialize};

use crate::{
    Origin,
    error::{Defect, SrsError},
    layout::{self, MAX_K},
};

/// The version of [`Record`].
const RECORD_VERSION: u32 = 1;
/// No record is longer.
const MAX_RECORD_BYTES: u64 = 1 << 16;

/// Where the SRS for `k` is. OpenVM looks for files of this name.
pub(crate) fn srs_path(cache: &Path, k: u32) -> PathBuf {
    cache.join("srs").join(format!("kzg_bn254_{k}.srs"))
}

fn record_path(srs: &Path) -> PathBuf {
    srs.with_extension("json")
}

/// The degrees in order and once each, if there are SRSs of them.
pub(crate) fn check_degrees(ks: &[u32]) -> Result<Vec<u32>, SrsError> {
    if let Some(k) = ks.iter().find(|k| !(1..=MAX_K).contains(*k)) {
        return Err(SrsError::Degree(*k));
    }
    let mut ks = ks.to_vec();
    ks.sort_unstable();
    ks.dedup();
    Ok(ks)
}

/// Opens a regular file. To open a pipe would be to wait for its writer.
pub(crate) fn open_file(path: &Path) -> io::Result<fs::File> {
    if fs::metadata(path)?.is_file() {
        return fs::File::open(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"))
}

/// What is known of an installed file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    pub(crate) k: u32,
    pub(crate) bytes: u64,
    /// The file's digest, in hexadecimal.
    pub(crate) blake2b: String,
    /// [`Origin::name`].
    pub(crate) origin: String,
    /// The file that it was read from, or how it was made.
    pub(crate) source: String,
    /// The checks that it passed, in words.
    pub(crate) checks: Vec<String>,
}

impl Record {
    /// The record beside the file `srs`.
    pub(crate) fn read(srs: &Path) -> Result<Self, SrsError> {
        let path = record_path(srs);
        let file = match open_file(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SrsError::file(srs)(Defect::NoRecord(path)));
            }
            Err(source) => return Err(SrsError::Io { path, source }),
        };
        let mut bytes = Vec::new();
        file.take(MAX_RECORD_BYTES).read_to_end(&mut bytes).map_err(SrsError::io(&path))?;
        let record: Self = serde_json::from_slice(&bytes)
            .map_err(|error| SrsError::file(&path)(Defect::Record(error.to_string())))?;
        if record.version != RECORD_VERSION {
            let message = format!("it has version {}, this program reads {RECORD_VERSION}", record.version);
            return Err(SrsError::file(&path)(Defect::Record(message)));
        }
        Ok(record)
    }
}

/// An SRS on its way into the cache: nothing of it is there before [`Installation::finish`].
pub(crate) struct Installation {
    k: u32,
    path: PathBuf,
    file: AtomicWriteFile,
    hasher: Blake2b512,
}

impl Installation {
    pub(crate) fn begin(cache: &Path, k: u32) -> Result<Self, SrsError> {
        let path = srs_path(cache, k);
        let folder = cache.join("srs");
        // For this user alone: what lies there decides what proofs are made under.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(SrsError::io(&folder))?;
        for path in [&path, &record_path(&path)] {
            if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
                let error = io::Error::new(io::ErrorKind::AlreadyExists, "is not a regular file; remove it");
                return Err(SrsError::io(path)(error));
            }
        }
        let file = AtomicWriteFile::open(&path).map_err(SrsError::io(&path))?;
        Ok(Self { k, path, file, hasher: Blake2b512::new() })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), SrsError> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(SrsError::io(&self.path))
    }

    /// The digest of what was written so far, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        hex::encode(self.hasher.clone().finalize())
    }

    /// Puts the file and its record in place.
    pub(crate) fn finish(self, origin: Origin, source: String, checks: &[&str]) -> Result<(), SrsError> {
        let record = Record {
            version: RECORD_VERSION,
            k: self.k,
            bytes: layout::file_bytes(self.k),
            blake2b: self.digest(),
            origin: origin.name().to_owned(),
            source,
            checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        };
        let record_path = record_path(&self.path);
        let record = serde_json::to_vec_pretty(&record).expect("numbers and strings are always JSON");
        // In this order, a kill in between leaves a file without a record, which is refused.
        match fs::remove_file(&record_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SrsError::io(&record_path)(error));
            }
            _ => {}
        }
        self.file.commit().map_err(SrsError::io(&self.path))?;
        let write_record = || {
            let mut file = AtomicWriteFile::open(&record_path)?;
            file.write_all(&record)?;
            file.commit()
        };
        write_record().map_err(SrsError::io(&record_path))
    }
}

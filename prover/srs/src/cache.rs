//! SRS files in the cache folder, their records, and their installation.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use blake2::{Blake2b512, Digest};
use serde::{Deserialize, Serialize};
use zeno_verifier::{
    AtomicWriteFile, check_replaceable, make_private_folder, open_replacement, replace_file,
};

use crate::{
    error::{Defect, SrsError},
    input_file::open_file,
    layout,
    origin::Origin,
};

/// Version of [`Record`].
const RECORD_VERSION: u32 = 1;
/// Limit on a record, in bytes.
const MAX_RECORD_BYTES: u64 = 1 << 16;

/// Path of the SRS for `k`. OpenVM looks for files of this name.
pub(crate) fn srs_path(cache: &Path, k: u32) -> PathBuf {
    cache.join("srs").join(format!("kzg_bn254_{k}.srs"))
}

/// Path of the record beside an SRS.
fn record_path(srs: &Path) -> PathBuf {
    srs.with_extension("json")
}

/// Description of an installed file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    /// Logarithm of the degree.
    pub(crate) k: u32,
    /// Size of the file, in bytes.
    pub(crate) bytes: u64,
    /// BLAKE2b-512 digest of the file, in hexadecimal.
    pub(crate) blake2b: String,
    /// Name of the origin, [`Origin::name`].
    pub(crate) origin: String,
    /// Description of the imported file, or of the way in which this one was made.
    pub(crate) source: String,
    /// Descriptions of the checks that the file passed.
    pub(crate) checks: Vec<String>,
}

impl Record {
    /// Reads the record beside the file `srs`.
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

/// An SRS that is being written to the cache folder. It appears there at [`Installation::finish`], and not before.
pub(crate) struct Installation {
    k: u32,
    path: PathBuf,
    file: AtomicWriteFile,
    hasher: Blake2b512,
}

impl Installation {
    /// Begins the installation of the SRS for `k`.
    ///
    /// # Errors
    ///
    /// [`SrsError::Io`] if the folder or the file can't be made, or if a file that is not regular is in the way.
    pub(crate) fn begin(cache: &Path, k: u32) -> Result<Self, SrsError> {
        let path = srs_path(cache, k);
        let folder = cache.join("srs");
        // For this user alone: the files decide which SRS proofs are made under.
        make_private_folder(&folder).map_err(SrsError::io(&folder))?;
        let record = record_path(&path);
        check_replaceable(&record).map_err(SrsError::io(&record))?;
        let file = open_replacement(&path).map_err(SrsError::io(&path))?;
        Ok(Self { k, path, file, hasher: Blake2b512::new() })
    }

    /// Appends bytes to the file.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), SrsError> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(SrsError::io(&self.path))
    }

    /// BLAKE2b-512 digest of the bytes that were written so far, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        hex::encode(self.hasher.clone().finalize())
    }

    /// Moves the file and its record to their paths. `source` and `checks` are the record's.
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
        replace_file(&record_path, &record).map_err(SrsError::io(&record_path))
    }
}

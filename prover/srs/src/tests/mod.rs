//! Tests of the whole path of a file into the cache folder and out again.

mod cache;
mod files;
mod refusals;

use std::{fs, path::PathBuf};

use halo2curves::bn256::Fr;
use tempfile::TempDir;

use crate::{
    development::hash_to_scalar,
    error::{Defect, SrsError},
    import::import,
    srs::Srs,
};

/// A secret like that of a ceremony.
fn tau() -> Fr {
    hash_to_scalar(b"a secret")
}

/// A temporary folder with a file to import and a cache folder.
struct Workspace {
    folder: TempDir,
}

impl Workspace {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), bytes).unwrap();
        Self { folder }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn import(&self, ks: &[u32]) -> Result<Vec<Srs>, SrsError> {
        import(&self.cache(), &self.folder.path().join("file"), ks, &())
    }

    /// Checks that the file is refused and that nothing remains in the cache folder. Returns the defect.
    fn refused(&self, ks: &[u32]) -> Defect {
        let error = self.import(ks).expect_err("the file is to be refused");
        assert_eq!(self.cached(), Vec::<String>::new());
        match error {
            SrsError::File { path, defect } if path == self.folder.path().join("file") => defect,
            error => panic!("{error}"),
        }
    }

    /// Names of the files in the cache folder.
    fn cached(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.cache().join("srs")) else { return Vec::new() };
        folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// The installed file.
fn installed_bytes(srs: &Srs) -> Vec<u8> {
    fs::read(srs.path()).unwrap()
}

//! The whole way of a file into the cache and out again.

mod cache;
mod files;
mod refusals;

use std::{fs, path::PathBuf};

use halo2curves::bn256::Fr;
use tempfile::TempDir;

use crate::{Defect, Srs, SrsError, development::hash_to_scalar, import};

/// A secret, as a ceremony would have it.
fn tau() -> Fr {
    hash_to_scalar(b"a secret")
}

/// A folder with a file to import, and a cache beside it.
struct Place {
    folder: TempDir,
}

impl Place {
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

    /// Checks that the file is refused, that nothing is left of it, and says why.
    fn refused(&self, ks: &[u32]) -> Defect {
        let error = self.import(ks).expect_err("the file is to be refused");
        assert_eq!(self.left(), Vec::<String>::new());
        match error {
            SrsError::File { path, defect } if path == self.folder.path().join("file") => defect,
            error => panic!("{error}"),
        }
    }

    /// What lies in the cache.
    fn left(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.cache().join("srs")) else { return Vec::new() };
        folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn installed_bytes(srs: &Srs) -> Vec<u8> {
    fs::read(srs.path()).unwrap()
}

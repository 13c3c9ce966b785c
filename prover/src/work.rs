//! What has been proven of a run, kept in the cache folder until the proof is written, so that an interrupted
//! run goes on where it was.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use alloy_primitives::{B256, Keccak256};
use openvm_circuit::system::memory::merkle::public_values::UserPublicValuesProof;
use openvm_sdk::{F, SC};
use openvm_stark_backend::{
    codec::{DecodableConfig, Decode, EncodableConfig, Encode},
    proof::Proof,
};
use openvm_stark_sdk::config::baby_bear_poseidon2::DIGEST_SIZE;
use tracing::{info, warn};

use serde::{Serialize, de::DeserializeOwned};

use crate::{ProverError, cache, error::Stage};

type PublicValuesProof = UserPublicValuesProof<DIGEST_SIZE, F>;

/// How long after its last proof a run counts as abandoned.
const ABANDONED_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The folder of one run: a file for each proof.
#[derive(Debug)]
pub(crate) struct Work {
    folder: PathBuf,
}

impl Work {
    /// The work on `input` by the guest and the parameters that `identity` names.
    pub(crate) fn open(cache: &Path, identity: &[&[u8]], input: &[u8]) -> Self {
        let mut hasher = Keccak256::new();
        for part in identity.iter().copied().chain([input]) {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let name: B256 = hasher.finalize();
        let runs = cache.join("work");
        let folder = runs.join(&name.to_string()[2..34]);
        if folder.exists() {
            info!(folder = %folder.display(), "going on with an interrupted run");
        }
        remove_abandoned(&runs, &folder, SystemTime::now());
        Self { folder }
    }

    /// A proof that was saved. One that is damaged is no proof.
    pub(crate) fn proof<C: DecodableConfig>(&self, name: &str) -> Result<Option<Proof<C>>, ProverError> {
        Ok(self.read(name)?.and_then(|bytes| Proof::decode_from_bytes(&bytes).ok()))
    }

    pub(crate) fn save<C: EncodableConfig>(&self, name: &str, proof: &Proof<C>) -> Result<(), ProverError> {
        let bytes = proof.encode_to_vec().stage("encoding a proof")?;
        cache::write(&self.path(name), &bytes)
    }

    /// The saved proof of what the guest revealed.
    pub(crate) fn public_values(&self) -> Result<Option<PublicValuesProof>, ProverError> {
        let bytes = self.read("public-values")?;
        Ok(bytes.and_then(|bytes| PublicValuesProof::decode::<SC, _>(&mut bytes.as_slice()).ok()))
    }

    pub(crate) fn save_public_values(&self, proof: &PublicValuesProof) -> Result<(), ProverError> {
        let mut bytes = Vec::new();
        proof.encode::<SC, _>(&mut bytes).stage("encoding a proof")?;
        cache::write(&self.path("public-values"), &bytes)
    }

    /// A Halo2 proof that was saved.
    pub(crate) fn halo2<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ProverError> {
        cache::read_value(&self.path(name))
    }

    pub(crate) fn save_halo2<T: Serialize>(&self, name: &str, proof: &T) -> Result<(), ProverError> {
        cache::write_value(&self.path(name), proof)
    }

    /// Removes all of it.
    pub(crate) fn remove(&self) {
        remove(&self.folder);
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ProverError> {
        cache::read(&self.path(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Removes the folders of runs that nobody came back to: a block's proofs take some hundred megabytes.
fn remove_abandoned(runs: &Path, current: &Path, now: SystemTime) {
    let Ok(folders) = fs::read_dir(runs) else { return };
    for folder in folders.flatten() {
        // A folder's time is the one of the last file that was put into it.
        let age =
            folder.metadata().and_then(|metadata| metadata.modified()).map(|time| now.duration_since(time));
        if let Ok(Ok(age)) = age
            && age > ABANDONED_AFTER
            && folder.path() != current
        {
            info!(folder = %folder.path().display(), "removing an abandoned run");
            remove(&folder.path());
        }
    }
}

/// Removes a folder with all that is in it. It is only a cache, so a failure is logged and no more.
fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(folder = %folder.display(), %error, "work that is no longer needed can't be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_runs_go_and_recent_ones_stay() {
        let cache = tempfile::tempdir().unwrap();
        let run = |input: &[u8]| {
            let work = Work::open(cache.path(), &[b"guest"], input);
            cache::write(&work.path("segment-0"), b"proof").unwrap();
            work
        };
        let (first, second) = (run(b"first"), run(b"second"));
        assert_ne!(first.folder, second.folder);
        assert!(first.read("segment-0").unwrap().is_some());

        let later = SystemTime::now() + ABANDONED_AFTER + Duration::from_secs(60);
        remove_abandoned(&cache.path().join("work"), &second.folder, later);
        assert!(!first.folder.exists());
        assert!(second.folder.exists(), "the run that is going on stays however old it is");
        second.remove();
        second.remove();
        assert!(!second.folder.exists());
    }
}

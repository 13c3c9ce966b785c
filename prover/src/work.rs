//! What has been proven of a run, kept in the cache folder until the proof is written, so that an interrupted
//! run goes on where it was.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, Keccak256};
use openvm_circuit::system::memory::merkle::public_values::UserPublicValuesProof;
use openvm_sdk::{F, SC};
use openvm_stark_backend::codec::{Decode, Encode};
use openvm_stark_sdk::config::baby_bear_poseidon2::DIGEST_SIZE;
use tracing::{info, warn};

use crate::{ProverError, cache, error::Stage, machine::StarkProof};

type PublicValuesProof = UserPublicValuesProof<DIGEST_SIZE, F>;

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
        let folder = cache.join("work").join(&name.to_string()[2..34]);
        if folder.exists() {
            info!(folder = %folder.display(), "going on with an interrupted run");
        }
        Self { folder }
    }

    /// A proof that was saved. One that is damaged is no proof.
    pub(crate) fn proof(&self, name: &str) -> Result<Option<StarkProof>, ProverError> {
        Ok(self.read(name)?.and_then(|bytes| StarkProof::decode_from_bytes(&bytes).ok()))
    }

    pub(crate) fn save(&self, name: &str, proof: &StarkProof) -> Result<(), ProverError> {
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

    /// Removes all of it. It is only a cache, so a failure is logged and no more.
    pub(crate) fn remove(&self) {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(folder = %self.folder.display(), %error, "the finished work can't be removed");
            }
            _ => {}
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ProverError> {
        cache::read(&self.path(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

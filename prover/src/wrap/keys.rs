//! Keys of the two Halo2 circuits, made once for an SRS. The methods of [`Prover`] that make them are here as well.

use std::{
    io,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use halo2curves::{bn256::Fr, ff::PrimeField, serde::SerdeObject};
use openvm_continuations::RootSC;
use openvm_sdk::SC;
use openvm_stark_backend::keygen::types::MultiStarkVerifyingKey;
use serde::{Deserialize, Serialize};
use tracing::warn;
use zeno_halo2::KeyFault;
use zeno_srs::Srs;
use zeno_verifier::{ChainClaim, EvmVerifyingKey, VerifyingKey, key_folder, make_private_folder};
use zeno_vm::RootProof;

use crate::{
    cache_dir,
    error::{ProverError, guarded},
    folder::check_folder,
    guest::Guest,
    keys,
    progress::Step,
    prove::{Prover, Timings},
    wrap::{KzgParams, StaticVerifier, Wrapper, static_verifier},
};

/// Keys that belong to the installed SRS: a folder with two files for each circuit.
pub(crate) struct EvmKeys {
    cache: PathBuf,
    folder: PathBuf,
    /// 16 hexadecimal digits that differ from those of another SRS or of other circuits.
    pub(crate) name: String,
    /// SRS for the static verifier. Opening one reads all of it, so it stays open.
    pub(crate) srs: Srs,
}

/// Root proof of a guest that does nothing, and the verifying keys of the two circuits below the static verifier. The
/// static verifier is constructed from them.
struct DummyRoot {
    internal_recursive: MultiStarkVerifyingKey<SC>,
    root: MultiStarkVerifyingKey<RootSC>,
    proof: RootProof,
}

impl EvmKeys {
    /// Names the folder for the SRS that is installed for the static verifier's size.
    fn of_installed(cache: &Path) -> Result<Self, ProverError> {
        let srs = Srs::open(cache, static_verifier::shape().k as u32)?;
        let identity = keccak256([keys::identity()?.as_slice(), &srs.s_g2().to_raw_bytes()].concat());
        let name = identity.to_string()[2..18].to_owned();
        Ok(Self { cache: cache.to_owned(), folder: key_folder::named(cache, &name), name, srs })
    }

    /// Ends of the SRS.
    pub(crate) fn kzg(&self) -> KzgParams {
        KzgParams { g2: self.srs.g2(), s_g2: self.srs.s_g2() }
    }

    /// Opens the SRS for wrappers of 2^k rows. An SRS with another secret than the keys' is refused.
    pub(crate) fn wrapper_srs(&self, k: u32) -> Result<Srs, ProverError> {
        let srs = Srs::open(&self.cache, k)?;
        if srs.s_g2() != self.srs.s_g2() {
            let k_keys = self.srs.k();
            let message = format!(
                "the SRS for k = {k} is of another ceremony than the one for k = {k_keys}; import both from one"
            );
            return Err(ProverError::proof_system("reading the SRS", message));
        }
        Ok(srs)
    }

    /// Reads the static verifier's key.
    pub(crate) fn static_verifier(&self) -> Result<StaticVerifier, ProverError> {
        StaticVerifier::read(&self.folder)?.ok_or_else(|| absent("static verifier"))
    }

    /// Reads the wrapper's key.
    pub(crate) fn wrapper(&self) -> Result<Wrapper, ProverError> {
        Wrapper::read(&self.folder)?.ok_or_else(|| absent("wrapper"))
    }

    /// Key that checks proofs of the guest with these commitments.
    fn verifying_key(
        &self,
        wrapper: &Wrapper,
        commitments: &Commitments,
    ) -> Result<EvmVerifyingKey, ProverError> {
        let [app_exe, app_vm] = commitments.0.map(B256::from);
        Ok(EvmVerifyingKey::new(wrapper.verifying_key(), self.srs.s_g2(), app_exe, app_vm)?)
    }

    /// Writes the verifying key, unless it is there, and returns it.
    fn publish(&self, commitments: &Commitments) -> Result<EvmVerifyingKey, ProverError> {
        let key = self.verifying_key(&self.wrapper()?, commitments)?;
        let path = key_folder::verifying_key(&self.folder);
        // The key comes last: a folder without one is not finished.
        let published = cache_dir::read_plain(&path, key_folder::MAX_VERIFYING_KEY_BYTES)?;
        if published.is_none_or(|found| found != key.encode()) {
            cache_dir::write_plain(&path, &key.encode())?;
        }
        Ok(key)
    }
}

/// Commitments to a guest and to the VM. The cache folder keeps them because they take a while.
#[derive(Serialize, Deserialize)]
pub(crate) struct Commitments([[u8; 32]; 2]);

impl Commitments {
    fn of(key: &VerifyingKey) -> Self {
        Self([key.app_exe_commitment().0, key.app_vm_commitment().0])
    }

    /// Public values of the static verifier's proof of a run that reveals the claim's digest.
    pub(crate) fn values(&self, claim: &ChainClaim) -> Result<Vec<Fr>, ProverError> {
        let number = |mut bytes: [u8; 32]| {
            bytes.reverse();
            Option::from(Fr::from_repr(bytes))
        };
        let commitments: Option<Vec<Fr>> = self.0.into_iter().map(number).collect();
        let commitments = commitments.ok_or_else(|| {
            ProverError::proof_system(
                "reading the keys",
                "a commitment is no element of BN254's scalar field",
            )
        })?;
        let revealed = claim.digest().0.into_iter().map(|byte| Fr::from(u64::from(byte)));
        Ok(commitments.into_iter().chain(revealed).collect())
    }
}

/// Returns whether a circuit's files can be used. Files that are missing or damaged are made again.
fn is_usable<T>(circuit: Result<Option<T>, ProverError>) -> Result<bool, ProverError> {
    let error = match circuit {
        Ok(circuit) => return Ok(circuit.is_some()),
        Err(error) => error,
    };
    let damaged = match &error {
        ProverError::Halo2(zeno_halo2::Error::Key { reason: KeyFault::Io(source), .. }) => {
            source.kind() == io::ErrorKind::NotFound
        }
        ProverError::Halo2(error) => {
            matches!(error, zeno_halo2::Error::Key { .. } | zeno_halo2::Error::Unsupported(_))
        }
        _ => false,
    };
    if !damaged {
        return Err(error);
    }
    warn!(%error, "it will be made again");
    Ok(false)
}

fn absent(circuit: &str) -> ProverError {
    ProverError::proof_system(
        "reading the keys",
        format!("the {circuit}'s key is gone; run `zeno setup` again"),
    )
}

/// Keys for EVM proofs under an SRS.
#[derive(Debug)]
pub struct Setup {
    /// Folder of the keys.
    pub folder: PathBuf,
    /// Verifying key of the proofs. From its digest and its SRS's origin, a verifier decides whether to accept it.
    pub key: EvmVerifyingKey,
}

impl Prover {
    /// Makes the keys for EVM proofs under the installed SRS, as far as the cache folder lacks them.
    ///
    /// # Errors
    /// Fails when an SRS is missing, the cache folder can't be used, or the proof system fails.
    pub fn setup(&self) -> Result<Setup, ProverError> {
        guarded(|| {
            let (keys, key) = self.evm_keys(&mut Timings::default())?;
            Ok(Setup { folder: keys.folder, key })
        })
    }

    /// Finds the keys for EVM proofs in the cache folder, and makes the missing ones, which takes minutes. Returns them
    /// with the verifying key.
    ///
    /// The keys are made from files of the cache folder that are taken as they are. So a folder that others may write
    /// to is refused.
    pub(crate) fn evm_keys(&self, timings: &mut Timings) -> Result<(EvmKeys, EvmVerifyingKey), ProverError> {
        let keys = EvmKeys::of_installed(&self.cache)?;
        make_private_folder(&keys.folder)
            .map_err(|source| ProverError::Cache { path: keys.folder.clone(), source })?;
        check_folder(&self.cache)?;
        if !is_usable(StaticVerifier::read(&keys.folder))? {
            let (dummy_root, elapsed) = self.timed(Step::DummyRoot, || self.dummy_root())?;
            timings.keys += elapsed;
            let (_, elapsed) = self.timed(Step::StaticVerifierKey, || {
                let shape = static_verifier::shape();
                let DummyRoot { internal_recursive, root, proof } = &dummy_root;
                let circuit = static_verifier::circuit(internal_recursive, root, proof)?;
                StaticVerifier::make(&keys.folder, &keys.srs, circuit, &shape, proof)
            })?;
            timings.keys += elapsed;
        }
        if !is_usable(Wrapper::read(&keys.folder))? {
            let (_, elapsed) = self.timed(Step::WrapperKey, || {
                let snark = keys.static_verifier()?.dummy_snark(keys.kzg());
                let srs = keys.wrapper_srs(Wrapper::select_k(&snark) as u32)?;
                Wrapper::make(&keys.folder, &srs, snark)
            })?;
            timings.keys += elapsed;
        }
        let key = keys.publish(&self.commitments()?)?;
        Ok((keys, key))
    }

    /// Returns the commitments to the guest and to the VM.
    pub(crate) fn commitments(&self) -> Result<Commitments, ProverError> {
        // The release's own commitments are built in.
        if self.guest.hash == Guest::committed_hash() {
            return Ok(Commitments::of(&VerifyingKey::committed()?));
        }
        let name = format!("commitments-{}", &self.guest.hash.to_string()[2..18]);
        keys::cached(&self.cache, &name, |_| true, || Ok(Commitments::of(&self.verifying_key()?)))
    }

    /// Proves the run of a guest that does nothing, up to the root proof.
    fn dummy_root(&self) -> Result<DummyRoot, ProverError> {
        // The time of its segment and of its aggregation is not the block's.
        let mut unreported = Timings::default();
        let guest = Guest::idle();
        let checkpoint = self.checkpoint(&guest, &[])?;
        let run = self.run(&guest, &[], None, &checkpoint, &mut unreported)?;
        let ((root, proof), _) = self.root(&run.stark, &run.aggregation)?;
        Ok(DummyRoot {
            internal_recursive: run.aggregation.last_verifying_key().as_ref().clone(),
            root: root.verifying_key().as_ref().clone(),
            proof,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the cache decides nothing about the release's own guest.
    #[test]
    fn the_release_has_its_commitments_built_in() {
        let cache = tempfile::tempdir().unwrap();
        let prover = Prover::new(Guest::committed().unwrap(), cache.path());
        let planted = Commitments([[1; 32], [2; 32]]);
        for digits in [10, 18] {
            let name = format!("commitments-{}", &prover.guest.hash.to_string()[2..digits]);
            keys::cached(cache.path(), &name, |_| true, || Ok(Commitments(planted.0))).unwrap();
        }
        let committed = VerifyingKey::committed().unwrap();
        let expected = [committed.app_exe_commitment().0, committed.app_vm_commitment().0];
        assert_eq!(prover.commitments().unwrap().0, expected);
        // Another guest's commitments are kept under 64 bits of its hash.
        let other = Prover::new(Guest::idle(), cache.path());
        let name = format!("commitments-{}", &other.guest.hash.to_string()[2..18]);
        keys::cached(cache.path(), &name, |_| true, || Ok(planted)).unwrap();
        assert_eq!(other.commitments().unwrap().0, [[1; 32], [2; 32]]);
    }
}

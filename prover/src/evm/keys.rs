//! The keys of the two Halo2 circuits, made once for an SRS.

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
use zeno_verifier::{ChainClaim, EvmVerifyingKey, VerifyingKey};

use crate::{
    Guest, Prover, ProverError, Step, Timings, cache,
    error::guarded,
    evm::{KzgParams, RootProof, StaticVerifier, Wrapper, static_verifier},
    folder::{check_folder, make_folder},
    keys,
};

/// No verifying key is longer.
const MAX_VERIFYING_KEY_BYTES: u64 = 1 << 16;

/// The keys that belong to the installed SRS: a folder with two files for each circuit.
pub(crate) struct EvmKeys {
    cache: PathBuf,
    folder: PathBuf,
    /// What tells these keys from those of another SRS or of other circuits: 16 hexadecimal digits.
    pub(crate) name: String,
    /// The SRS for the static verifier. Opening one reads all of it, so it stays open.
    pub(crate) srs: Srs,
}

/// What the static verifier is made for: the verifying keys of the two circuits below it, and a root proof.
struct Example {
    internal_recursive: MultiStarkVerifyingKey<SC>,
    root: MultiStarkVerifyingKey<RootSC>,
    proof: RootProof,
}

impl EvmKeys {
    /// The folder for the SRS that is installed for the static verifier's size.
    fn of_installed(cache: &Path) -> Result<Self, ProverError> {
        let srs = Srs::open(cache, static_verifier::shape().k as u32)?;
        let identity = keccak256([keys::identity()?.as_slice(), &srs.s_g2().to_raw_bytes()].concat());
        let name = identity.to_string()[2..18].to_owned();
        Ok(Self { cache: cache.to_owned(), folder: cache.join(format!("keys/evm-{name}")), name, srs })
    }

    /// The ends of the SRS.
    pub(crate) fn kzg(&self) -> KzgParams {
        KzgParams { g2: self.srs.g2(), s_g2: self.srs.s_g2() }
    }

    /// The SRS for wrappers of 2^k rows. One of another secret than the keys' is refused.
    pub(crate) fn wrapper_srs(&self, k: u32) -> Result<Srs, ProverError> {
        let srs = Srs::open(&self.cache, k)?;
        if srs.s_g2() != self.srs.s_g2() {
            let k_keys = self.srs.k();
            let message = format!(
                "the SRS for k = {k} is of another ceremony than the one for k = {k_keys}; import both from one"
            );
            return Err(ProverError::machine("reading the SRS", message));
        }
        Ok(srs)
    }

    pub(crate) fn static_verifier(&self) -> Result<StaticVerifier, ProverError> {
        StaticVerifier::read(&self.folder)?.ok_or_else(|| absent("static verifier"))
    }

    pub(crate) fn wrapper(&self) -> Result<Wrapper, ProverError> {
        Wrapper::read(&self.folder)?.ok_or_else(|| absent("wrapper"))
    }

    /// What proofs of the guest with these commitments are checked against.
    fn verifying_key(
        &self,
        wrapper: &Wrapper,
        commitments: &Commitments,
    ) -> Result<EvmVerifyingKey, ProverError> {
        let [app_exe, app_vm] = commitments.0.map(B256::from);
        Ok(EvmVerifyingKey::new(wrapper.verifying_key(), self.srs.s_g2(), app_exe, app_vm)?)
    }

    /// Writes what verifiers need, unless it is there, and returns it.
    fn publish(&self, commitments: &Commitments) -> Result<EvmVerifyingKey, ProverError> {
        let key = self.verifying_key(&self.wrapper()?, commitments)?;
        let path = self.folder.join("verifying-key");
        // The key comes last: a folder without one is not finished.
        if cache::read_plain(&path, MAX_VERIFYING_KEY_BYTES)?.is_none_or(|found| found != key.encode()) {
            cache::write_plain(&path, &key.encode())?;
        }
        Ok(key)
    }
}

/// The commitments to a guest and to the machine, which the cache folder keeps because they take a while.
#[derive(Serialize, Deserialize)]
pub(crate) struct Commitments([[u8; 32]; 2]);

impl Commitments {
    fn of(key: &VerifyingKey) -> Self {
        Self([key.app_exe_commitment().0, key.app_vm_commitment().0])
    }

    /// The public values of the static verifier's proof of a run that reveals the claim's digest.
    pub(crate) fn values(&self, claim: &ChainClaim) -> Result<Vec<Fr>, ProverError> {
        let number = |mut bytes: [u8; 32]| {
            bytes.reverse();
            Option::from(Fr::from_repr(bytes))
        };
        let commitments: Option<Vec<Fr>> = self.0.into_iter().map(number).collect();
        let commitments = commitments.ok_or_else(|| {
            ProverError::machine("reading the keys", "a commitment is no element of BN254's scalar field")
        })?;
        let revealed = claim.digest().0.into_iter().map(|byte| Fr::from(u64::from(byte)));
        Ok(commitments.into_iter().chain(revealed).collect())
    }
}

/// Whether a circuit's files can be used. If they are not there, or not what they have to be, they are made again.
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
    ProverError::machine("reading the keys", format!("the {circuit}'s key is gone; run `zeno setup` again"))
}

/// The keys for EVM proofs under an SRS.
#[derive(Debug)]
pub struct Setup {
    /// Where they are.
    pub folder: PathBuf,
    /// What proofs are checked against: by its digest, and by its SRS's origin, a verifier decides whether to accept it.
    pub key: EvmVerifyingKey,
}

impl Prover {
    /// Makes the keys for EVM proofs under the installed SRS, as far as they are not in the cache folder.
    ///
    /// # Errors
    /// When an SRS is missing, the cache folder can't be used, or the proof system fails.
    pub fn setup(&self) -> Result<Setup, ProverError> {
        guarded(|| {
            let (keys, key) = self.evm_keys(&mut Timings::default())?;
            Ok(Setup { folder: keys.folder, key })
        })
    }

    /// Finds the keys for proofs for the EVM in the cache folder, or makes those that are not there: minutes. Returns them
    /// with what proofs are checked against.
    ///
    /// What makes the keys is taken from the cache folder as it is, so one that others may write to is refused.
    pub(crate) fn evm_keys(&self, timings: &mut Timings) -> Result<(EvmKeys, EvmVerifyingKey), ProverError> {
        let keys = EvmKeys::of_installed(&self.cache)?;
        make_folder(&keys.folder)
            .map_err(|source| ProverError::Cache { path: keys.folder.clone(), source })?;
        check_folder(&self.cache)?;
        if !is_usable(StaticVerifier::read(&keys.folder))? {
            let (example, elapsed) = self.timed(Step::Example, || self.example())?;
            timings.keys += elapsed;
            let (_, elapsed) = self.timed(Step::StaticVerifierKey, || {
                let shape = static_verifier::shape();
                let Example { internal_recursive, root, proof } = &example;
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

    /// The commitments to the guest and to the machine.
    pub(crate) fn commitments(&self) -> Result<Commitments, ProverError> {
        // The release's own are built in.
        if self.guest.hash == Guest::committed_hash() {
            return Ok(Commitments::of(&VerifyingKey::committed()?));
        }
        let name = format!("commitments-{}", &self.guest.hash.to_string()[2..18]);
        keys::cached(&self.cache, &name, |_| true, || Ok(Commitments::of(&self.verifying_key()?)))
    }

    /// Proves the run of a guest that does nothing, up to the root proof.
    fn example(&self) -> Result<Example, ProverError> {
        // Its segment and its aggregation are not those of the block.
        let mut untold = Timings::default();
        let guest = Guest::idle();
        let work = self.work(&guest, &[])?;
        let run = self.run(&guest, &[], None, &work, &mut untold)?;
        let ((root, proof), _) = self.root(&run)?;
        Ok(Example {
            internal_recursive: run.aggregation.internal_recursive_prover.get_vk().as_ref().clone(),
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
        // Another guest's are kept, by 64 bits of its hash.
        let other = Prover::new(Guest::idle(), cache.path());
        let name = format!("commitments-{}", &other.guest.hash.to_string()[2..18]);
        keys::cached(cache.path(), &name, |_| true, || Ok(planted)).unwrap();
        assert_eq!(other.commitments().unwrap().0, [[1; 32], [2; 32]]);
    }
}

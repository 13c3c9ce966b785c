//! The keys of the two Halo2 circuits, made once for an SRS.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use halo2curves::serde::SerdeObject;
use openvm_continuations::RootSC;
use openvm_sdk::SC;
use openvm_stark_backend::keygen::types::MultiStarkVerifyingKey;
use serde::{Deserialize, Serialize};
use zeno_srs::Srs;
use zeno_verifier::EvmVerifyingKey;

use crate::{
    Guest, Prover, ProverError, Step, Timings, cache,
    evm::{KzgParams, RootProof, StaticVerifier, Wrapper, static_verifier, wrapper::LIMBS},
    keys,
};

/// The keys that belong to the installed SRS: a folder with two files for each circuit.
pub(crate) struct EvmKeys {
    cache: PathBuf,
    folder: PathBuf,
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
        let folder = cache.join(format!("keys/evm-{}", &identity.to_string()[2..18]));
        Ok(Self { cache: cache.to_owned(), folder, srs })
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
    pub(crate) fn verifying_key(
        &self,
        wrapper: &Wrapper,
        commitments: &Commitments,
    ) -> Result<EvmVerifyingKey, ProverError> {
        let [app_exe, app_vm] = commitments.0.map(B256::from);
        Ok(EvmVerifyingKey::new(wrapper.verifying_key(), self.srs.s_g2(), app_exe, app_vm)?)
    }

    /// Writes what a verifier needs, in Rust and in Solidity, unless it is there.
    fn publish(&self, commitments: &Commitments) -> Result<(), ProverError> {
        let wrapper = self.wrapper()?;
        let key = self.verifying_key(&wrapper, commitments)?.encode();
        let (rust, solidity) = (self.folder.join("verifying-key"), self.folder.join("Halo2Verifier.sol"));
        if fs::read(&rust).is_ok_and(|found| found == key) && solidity.is_file() {
            return Ok(());
        }
        // The key comes last: a folder without one is not finished.
        let source = wrapper.solidity(self.kzg(), static_verifier::VALUES + LIMBS);
        cache::write_plain(&solidity, source.as_bytes())?;
        cache::write_plain(&rust, &key)
    }
}

/// The commitments to a guest and to the machine, which the cache folder keeps because they take a while.
#[derive(Serialize, Deserialize)]
pub(crate) struct Commitments([[u8; 32]; 2]);

fn absent(circuit: &str) -> ProverError {
    ProverError::machine("reading the keys", format!("the {circuit}'s key is gone; run `zeno setup` again"))
}

/// The keys for EVM proofs under an SRS.
#[derive(Debug)]
pub struct Setup {
    /// Where they are.
    pub folder: PathBuf,
    /// Whether the SRS is the one for development, under which anybody can forge proofs.
    pub insecure: bool,
}

impl Prover {
    /// Makes the keys for EVM proofs under the installed SRS, as far as they are not in the cache folder.
    ///
    /// # Errors
    /// When an SRS is missing, the cache folder can't be used, or the proof system fails.
    pub fn setup(&self) -> Result<Setup, ProverError> {
        let keys = self.evm_keys(&mut Timings::default())?;
        Ok(Setup { folder: keys.folder, insecure: keys.srs.is_insecure() })
    }

    /// Finds the keys for proofs for the EVM in the cache folder, or makes those that are not there: minutes.
    pub(crate) fn evm_keys(&self, timings: &mut Timings) -> Result<EvmKeys, ProverError> {
        let keys = EvmKeys::of_installed(&self.cache)?;
        fs::create_dir_all(&keys.folder)
            .map_err(|source| ProverError::Cache { path: keys.folder.clone(), source })?;
        if StaticVerifier::read(&keys.folder)?.is_none() {
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
        if Wrapper::read(&keys.folder)?.is_none() {
            let (_, elapsed) = self.timed(Step::WrapperKey, || {
                let snark = keys.static_verifier()?.dummy_snark(keys.kzg());
                let srs = keys.wrapper_srs(Wrapper::select_k(&snark) as u32)?;
                Wrapper::make(&keys.folder, &srs, snark)
            })?;
            timings.keys += elapsed;
        }
        keys.publish(&self.commitments()?)?;
        Ok(keys)
    }

    /// The commitments to the guest and to the machine.
    pub(crate) fn commitments(&self) -> Result<Commitments, ProverError> {
        let name = format!("commitments-{}", &self.guest.hash.to_string()[2..10]);
        keys::cached(&self.cache, &name, || {
            let key = self.verifying_key()?;
            Ok(Commitments([key.app_exe_commitment().0, key.app_vm_commitment().0]))
        })
    }

    /// Proves the run of a guest that does nothing, up to the root proof.
    fn example(&self) -> Result<Example, ProverError> {
        // Its segment and its aggregation are not those of the block.
        let mut untold = Timings::default();
        let guest = Guest::idle();
        let work = self.work(&guest, &[])?;
        let run = self.run(&guest, &[], None, &work, &mut untold)?;
        let ((root, proof), _) = self.root(&run, &work)?;
        Ok(Example {
            internal_recursive: run.aggregation.internal_recursive_prover.get_vk().as_ref().clone(),
            root: root.verifying_key().as_ref().clone(),
            proof,
        })
    }
}

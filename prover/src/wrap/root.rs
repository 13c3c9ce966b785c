//! The root proof: the last STARK, hashed with Poseidon2 over BN254's scalar field, so that a Halo2 circuit over that
//! field can verify it.

use std::{path::Path, sync::Arc};

use openvm_continuations::{RootSC, prover::RootCpuProver};
use openvm_cpu_backend::CpuBackend;
use openvm_sdk::prover::AggProver;
use openvm_stark_backend::{
    StarkEngine,
    keygen::types::{MultiStarkProvingKey, MultiStarkVerifyingKey},
    proof::Proof,
    prover::ProvingContext,
};
use openvm_stark_sdk::config::root_params_with_100_bits_security;
use openvm_verify_stark_host::VmStarkProof;
use serde::{Deserialize, Serialize};
use tracing::debug;
use zeno_cpu_backend::RootEngine;

use crate::{
    backend::Backend,
    error::{ProverError, Stage},
    keys,
    vm::AppKey,
};

/// Root proof.
pub(crate) type RootProof = Proof<RootSC>;

/// Bound on the number of layers that are added for the root proof, the same as the proof system's. The aggregation's
/// last proof may fill the root circuit's tables to other heights than the key's. The proof of one more layer is tried
/// then.
const MOST_LAYERS_MORE: usize = 8;

/// Content of the circuit's file in the cache folder.
#[derive(Serialize, Deserialize)]
struct RootKey {
    key: Arc<MultiStarkProvingKey<RootSC>>,
    /// Height of each table, in rows.
    heights: Vec<usize>,
}

/// Root circuit with its key.
pub(crate) struct Root(RootCpuProver);

impl Root {
    /// Opens the circuit over the aggregation's last one. Its key comes from the cache folder, or is made and put
    /// there.
    ///
    /// The heights of the tables belong to the key, because the static verifier is made for them. They are those of the
    /// aggregated proof `representative`, which is asked for only when there is no key yet.
    pub(crate) fn open(
        cache: &Path,
        app_key: &AppKey,
        aggregation: &AggProver,
        representative: impl FnOnce() -> Result<VmStarkProof, ProverError>,
    ) -> Result<Self, ProverError> {
        const STAGE: &str = "making the root circuit's key";
        let child = &aggregation.internal_recursive_prover;
        let commitment = child
            .get_self_vk_pcs_data()
            .ok_or_else(|| {
                ProverError::proof_system(STAGE, "the aggregation has no commitment to its own circuit")
            })?
            .commitment
            .into();
        let app_vk = app_key.get_app_vk();
        let (dimensions, values) = (app_vk.memory_dimensions, app_vk.num_user_pvs);
        let params = root_params_with_100_bits_security();
        let most = 1 << params.log_stacked_height();
        let sound = |key: &RootKey| {
            keys::is_sound(&key.key, &params)
                && key.heights.len() == key.key.per_air.len()
                && key.heights.iter().all(|height| height.is_power_of_two() && *height <= most)
        };
        let RootKey { key, heights } = keys::cached(cache, "root", sound, || {
            let params = params.clone();
            let prover = RootCpuProver::new::<RootEngine>(
                child.get_vk(),
                commitment,
                params,
                dimensions,
                values,
                None,
                None,
            );
            let tables = tables(&prover, &representative()?).ok_or_else(|| {
                ProverError::proof_system(STAGE, "the representative proof fills no tables")
            })?;
            let heights = tables.into_iter().map(|(_, table)| table.height()).collect();
            Ok(RootKey { key: prover.get_pk(), heights })
        })?;
        debug!(heights = ?heights, "root circuit");
        let prover = RootCpuProver::from_pk::<RootEngine>(
            child.get_vk(),
            commitment,
            key,
            dimensions,
            values,
            None,
            Some(heights),
        );
        Ok(Self(prover))
    }

    /// Verifying key of the root proofs.
    pub(crate) fn verifying_key(&self) -> Arc<MultiStarkVerifyingKey<RootSC>> {
        self.0.get_vk()
    }

    /// Proves that the aggregated proof verifies, and verifies the proof.
    pub(crate) fn prove(
        &self,
        backend: Backend,
        aggregation: &AggProver,
        mut stark: VmStarkProof,
    ) -> Result<RootProof, ProverError> {
        const STAGE: &str = "making the root proof";
        let mut layers_more = 0;
        let tables = loop {
            if let Some(tables) = tables(&self.0, &stark) {
                break tables;
            }
            if layers_more == MOST_LAYERS_MORE {
                let message =
                    format!("its tables' heights are not the key's after {layers_more} layers more");
                return Err(ProverError::proof_system(STAGE, message));
            }
            layers_more += 1;
            debug!(layers_more, "the tables have other heights than the key's");
            stark.inner = backend.aggregate_again(aggregation, &stark.inner)?;
        };
        let proof = backend.prove_root(&self.0, tables)?;
        verify(&self.verifying_key(), &proof).stage("verifying the root proof")?;
        Ok(proof)
    }
}

/// Verifies a root proof.
pub(crate) fn verify(key: &MultiStarkVerifyingKey<RootSC>, proof: &RootProof) -> Result<(), String> {
    RootEngine::new(key.inner.params.clone()).verify(key, proof).map_err(|error| error.to_string())
}

/// Fills the root circuit's tables. Returns `None` if their heights are not those of the prover's key.
fn tables(prover: &RootCpuProver, stark: &VmStarkProof) -> Option<ProvingContext<CpuBackend<RootSC>>> {
    prover.generate_proving_ctx_no_def(stark.inner.clone(), &stark.user_pvs_proof, &())
}

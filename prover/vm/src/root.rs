//! The root proof: the last STARK, hashed with Poseidon2 over BN254's scalar field, so that a Halo2 circuit over that
//! field can verify it.

use std::sync::Arc;

use openvm_continuations::{RootSC, prover::RootCpuProver};
use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    StarkEngine,
    keygen::types::{MultiStarkProvingKey, MultiStarkVerifyingKey},
    prover::ProvingContext,
};
use openvm_stark_sdk::config::root_params_with_100_bits_security;
use openvm_verify_stark_host::VmStarkProof;
use serde::{Deserialize, Serialize};
use tracing::debug;
use zeno_cpu_backend::RootEngine;

use crate::{
    aggregation::Aggregation,
    backend::Backend,
    error::{Stage, VmError},
    keys,
    types::{AppKey, RootProof},
};

/// Bound on the number of layers that are added for the root proof, the same as the proof system's. The aggregation's
/// last proof may fill the root circuit's tables to other heights than the key's. The proof of one more layer is tried
/// then.
const MOST_LAYERS_MORE: usize = 8;

/// Proving key of the root circuit.
#[derive(Serialize, Deserialize)]
pub struct RootKey {
    key: Arc<MultiStarkProvingKey<RootSC>>,
    /// Height of each table, in rows.
    heights: Vec<usize>,
}

/// Root circuit with its key.
pub struct Root(RootCpuProver);

impl RootKey {
    /// Makes the key of the circuit over the aggregation's last one.
    ///
    /// The heights of the tables belong to the key, because the static verifier is made for them. They are those of the
    /// aggregated proof `representative`.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the proof system fails.
    pub fn make(
        app_key: &AppKey,
        aggregation: &Aggregation,
        representative: &VmStarkProof,
    ) -> Result<Self, VmError> {
        let prover = circuit(app_key, aggregation, None)?;
        let tables = tables(&prover, representative)
            .ok_or_else(|| VmError::proof_system(STAGE, "the representative proof fills no tables"))?;
        let heights = tables.into_iter().map(|(_, table)| table.height()).collect();
        Ok(Self { key: prover.get_pk(), heights })
    }

    /// Returns whether a key has the expected parameters, and tables of possible sizes.
    pub fn is_sound(&self) -> bool {
        let params = root_params_with_100_bits_security();
        let most = 1 << params.log_stacked_height();
        keys::is_sound(&self.key, &params)
            && self.heights.len() == self.key.per_air.len()
            && self.heights.iter().all(|height| height.is_power_of_two() && *height <= most)
    }
}

impl Root {
    /// Opens the circuit over the aggregation's last one.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the proof system fails.
    pub fn open(app_key: &AppKey, aggregation: &Aggregation, key: RootKey) -> Result<Self, VmError> {
        debug!(heights = ?key.heights, "root circuit");
        circuit(app_key, aggregation, Some(key)).map(Self)
    }

    /// Verifying key of the root proofs.
    pub fn verifying_key(&self) -> Arc<MultiStarkVerifyingKey<RootSC>> {
        self.0.get_vk()
    }

    /// Proves that the aggregated proof verifies, and verifies the proof.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the proof system fails.
    pub fn prove(
        &self,
        backend: Backend,
        aggregation: &Aggregation,
        mut stark: VmStarkProof,
    ) -> Result<RootProof, VmError> {
        let mut layers_more = 0;
        let tables = loop {
            if let Some(tables) = tables(&self.0, &stark) {
                break tables;
            }
            if layers_more == MOST_LAYERS_MORE {
                let message =
                    format!("its tables' heights are not the key's after {layers_more} layers more");
                return Err(VmError::proof_system("making the root proof", message));
            }
            layers_more += 1;
            debug!(layers_more, "the tables have other heights than the key's");
            stark.inner = aggregation.prove_again(backend, &stark.inner)?;
        };
        let proof = backend.prove_root(&self.0, tables)?;
        verify_root(&self.verifying_key(), &proof).stage("verifying the root proof")?;
        Ok(proof)
    }
}

/// Verifies a root proof.
///
/// # Errors
/// The proof system's reason for refusing it.
pub fn verify_root(key: &MultiStarkVerifyingKey<RootSC>, proof: &RootProof) -> Result<(), String> {
    RootEngine::new(key.inner.params.clone()).verify(key, proof).map_err(|error| error.to_string())
}

const STAGE: &str = "making the root circuit's key";

/// Makes the circuit, with a new key if there is none.
fn circuit(
    app_key: &AppKey,
    aggregation: &Aggregation,
    key: Option<RootKey>,
) -> Result<RootCpuProver, VmError> {
    let child = &aggregation.0.internal_recursive_prover;
    let data = child.get_self_vk_pcs_data();
    let data = data.ok_or_else(|| {
        VmError::proof_system(STAGE, "the aggregation has no commitment to its own circuit")
    })?;
    let (vk, commitment) = (child.get_vk(), data.commitment.into());
    let app_vk = app_key.get_app_vk();
    let (memory, values) = (app_vk.memory_dimensions, app_vk.num_user_pvs);
    Ok(match key {
        Some(RootKey { key, heights }) => {
            RootCpuProver::from_pk::<RootEngine>(vk, commitment, key, memory, values, None, Some(heights))
        }
        None => {
            let params = root_params_with_100_bits_security();
            RootCpuProver::new::<RootEngine>(vk, commitment, params, memory, values, None, None)
        }
    })
}

/// Fills the root circuit's tables. Returns `None` if their heights are not those of the prover's key.
fn tables(prover: &RootCpuProver, stark: &VmStarkProof) -> Option<ProvingContext<CpuBackend<RootSC>>> {
    prover.generate_proving_ctx_no_def(stark.inner.clone(), &stark.user_pvs_proof, &())
}

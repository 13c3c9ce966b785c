//! Aggregation of proofs: the circuits that verify some proofs each, with their keys.

use std::sync::Arc;

use openvm_continuations::prover::{ChildVkKind, InnerCpuProver};
use openvm_sdk::{
    SC,
    keygen::{AggPrefixProvingKey, AggProvingKey},
    prover::AggProver,
};
use openvm_stark_backend::{StarkEngine, keygen::types::MultiStarkVerifyingKey, prover::ProverDevice};
use openvm_stark_sdk::config::baby_bear_poseidon2::Digest;
use openvm_verify_stark_host::vk::{VerificationBaseline, VmStarkVerifyingKey};
use zeno_cpu_backend::Engine;

use crate::{
    backend::Backend,
    config::{aggregation_config, aggregation_tree},
    error::{Stage, VmError},
    types::{AppKey, DeviceBackend, OpenVmEngine, StarkProof},
};

/// Proving keys of the aggregation's circuits.
pub type AggregationKey = AggProvingKey;

/// Circuits of the aggregation: one over the VM's proofs, one over that one's, and one over its own.
pub struct Aggregation(pub(crate) AggProver);

impl Aggregation {
    /// Makes the circuits over the VM's, and their keys. It takes half a second, and the commitments to the verifying
    /// keys that the circuits contain take 7 s more on two cores.
    pub fn make(app_key: &AppKey) -> (Self, AggregationKey) {
        let params = aggregation_config().params;
        let app_vk = Arc::new(app_key.app_vm_pk.vm_pk.get_vk());
        let leaf = InnerCpuProver::new::<Engine>(app_vk, params.leaf, false, None);
        let above = InnerCpuProver::new::<Engine>(leaf.get_vk(), params.internal.clone(), false, None);
        let recursive = InnerCpuProver::new::<Engine>(above.get_vk(), params.internal, true, None);
        let key = AggProvingKey {
            prefix: AggPrefixProvingKey { leaf: leaf.get_pk(), internal_for_leaf: above.get_pk() },
            internal_recursive: recursive.get_pk(),
        };
        let circuits = AggProver {
            leaf_prover: leaf,
            internal_for_leaf_prover: above,
            internal_recursive_prover: recursive,
            agg_tree_config: aggregation_tree(),
        };
        (Self(circuits), key)
    }

    /// Makes the circuits over the VM's with keys that were made before. The commitments are made all the same.
    pub fn from_key(app_key: &AppKey, key: AggregationKey) -> Self {
        let AggPrefixProvingKey { leaf, internal_for_leaf } = key.prefix;
        let app_vk = Arc::new(app_key.app_vm_pk.vm_pk.get_vk());
        let leaf = InnerCpuProver::from_pk::<Engine>(app_vk, leaf, false, None);
        let above = InnerCpuProver::from_pk::<Engine>(leaf.get_vk(), internal_for_leaf, false, None);
        let recursive = InnerCpuProver::from_pk::<Engine>(above.get_vk(), key.internal_recursive, true, None);
        Self(AggProver {
            leaf_prover: leaf,
            internal_for_leaf_prover: above,
            internal_recursive_prover: recursive,
            agg_tree_config: aggregation_tree(),
        })
    }

    /// Verifying key of the proofs of the layer `layer`. Layer 0 is over the segments.
    pub fn verifying_key(&self, layer: usize) -> Arc<MultiStarkVerifyingKey<SC>> {
        match layer {
            0 => self.0.leaf_prover.get_vk(),
            1 => self.0.internal_for_leaf_prover.get_vk(),
            _ => self.last_verifying_key(),
        }
    }

    /// Verifying key of the circuit over its own proofs.
    pub fn last_verifying_key(&self) -> Arc<MultiStarkVerifyingKey<SC>> {
        self.0.internal_recursive_prover.get_vk()
    }

    /// Key that an aggregated proof of a program's run is checked with.
    pub fn stark_key(&self, app_key: &AppKey, app_exe_commit: Digest) -> VmStarkVerifyingKey {
        let app_vk = app_key.get_app_vk();
        let AggProver { leaf_prover, internal_for_leaf_prover, internal_recursive_prover, .. } = &self.0;
        VmStarkVerifyingKey {
            mvk: internal_recursive_prover.get_vk().as_ref().clone(),
            baseline: VerificationBaseline {
                app_exe_commit,
                memory_dimensions: app_vk.memory_dimensions,
                num_user_pvs: app_vk.num_user_pvs,
                app_vk_commit: leaf_prover.get_vk_commit(false),
                leaf_vk_commit: internal_for_leaf_prover.get_vk_commit(false),
                internal_for_leaf_vk_commit: internal_recursive_prover.get_vk_commit(false),
                internal_recursive_vk_commit: internal_recursive_prover.get_vk_commit(true),
                expected_def_hook_commit: None,
            },
        }
    }

    /// Aggregates the proofs `children` of the layer below `layer`.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the proof system fails.
    pub fn prove(
        &self,
        backend: Backend,
        layer: usize,
        children: &[StarkProof],
    ) -> Result<StarkProof, VmError> {
        match backend {
            Backend::Zeno => self.prove_with::<Engine>(layer, children),
            #[cfg(feature = "reference")]
            Backend::Reference => self.prove_with::<OpenVmEngine>(layer, children),
        }
    }

    /// Adds one more layer over the last proof.
    pub(crate) fn prove_again(&self, backend: Backend, proof: &StarkProof) -> Result<StarkProof, VmError> {
        self.prove(backend, usize::MAX, std::slice::from_ref(proof))
    }

    fn prove_with<E: StarkEngine<SC = SC, PB = DeviceBackend>>(
        &self,
        layer: usize,
        children: &[StarkProof],
    ) -> Result<StarkProof, VmError>
    where
        E::PD: ProverDevice<DeviceBackend, E::TS, DeviceCtx = ()>,
    {
        let recursive = &self.0.internal_recursive_prover;
        match layer {
            0 => self.0.leaf_prover.agg_prove_no_def::<E>(children, ChildVkKind::App),
            1 => self.0.internal_for_leaf_prover.agg_prove_no_def::<E>(children, ChildVkKind::Standard),
            2 => recursive.agg_prove_no_def::<E>(children, ChildVkKind::Standard),
            _ => recursive.agg_prove_no_def::<E>(children, ChildVkKind::RecursiveSelf),
        }
        .stage("aggregating")
    }
}

/// Verifies a proof of a segment or of an aggregation.
///
/// # Errors
/// The proof system's reason for refusing it.
pub fn verify(key: &MultiStarkVerifyingKey<SC>, proof: &StarkProof) -> Result<(), String> {
    OpenVmEngine::new(key.inner.params.clone()).verify(key, proof).map_err(|error| error.to_string())
}

//! Implementations of the proof system's device: this project's, and OpenVM's as the reference.

use openvm_continuations::{
    RootSC,
    prover::{ChildVkKind, RootCpuProver},
};
use openvm_cpu_backend::CpuBackend;
use openvm_sdk::{SC, prover::AggProver};
use openvm_stark_backend::{StarkEngine, prover::ProvingContext};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::BabyBearBn254Poseidon2CpuEngine;

use crate::{
    error::{ProverError, Stage},
    vm::{DeviceBackend, Engine, StarkProof, Vm},
    wrap::RootProof,
};

/// Device that computes proofs. Both devices make the same proofs, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// `zeno-cpu-backend`, this project's.
    #[default]
    Zeno,
    /// `openvm-cpu-backend`, OpenVM's own: slower, and the reference.
    Reference,
}

impl Backend {
    /// Proves one segment from its filled tables.
    pub(crate) fn prove_segment(
        self,
        vm: &Vm,
        tables: ProvingContext<DeviceBackend>,
    ) -> Result<StarkProof, ProverError> {
        const STAGE: &str = "proving a segment";
        match self {
            Self::Zeno => {
                zeno_cpu_backend::Engine::new(vm.engine.params().clone()).prove(vm.pk(), tables).stage(STAGE)
            }
            Self::Reference => vm.engine.prove(vm.pk(), tables).stage(STAGE),
        }
    }

    /// Aggregates the proofs `children` of the layer below `layer`. Layer 0 is over the segments.
    pub(crate) fn aggregate(
        self,
        provers: &AggProver,
        layer: usize,
        children: &[StarkProof],
    ) -> Result<StarkProof, ProverError> {
        match self {
            Self::Zeno => aggregate_with::<zeno_cpu_backend::Engine>(provers, layer, children),
            Self::Reference => aggregate_with::<Engine>(provers, layer, children),
        }
    }

    /// Adds one more layer over the aggregation's last proof.
    pub(crate) fn aggregate_again(
        self,
        provers: &AggProver,
        proof: &StarkProof,
    ) -> Result<StarkProof, ProverError> {
        self.aggregate(provers, usize::MAX, std::slice::from_ref(proof))
    }

    /// Proves the root circuit from its filled tables.
    pub(crate) fn prove_root(
        self,
        prover: &RootCpuProver,
        tables: ProvingContext<CpuBackend<RootSC>>,
    ) -> Result<RootProof, ProverError> {
        match self {
            Self::Zeno => {
                prover.root_prove_from_ctx(tables, &prover.create_engine::<zeno_cpu_backend::RootEngine>())
            }
            Self::Reference => {
                prover.root_prove_from_ctx(tables, &prover.create_engine::<BabyBearBn254Poseidon2CpuEngine>())
            }
        }
        .stage("making the root proof")
    }
}

fn aggregate_with<E: StarkEngine<SC = SC, PB = DeviceBackend>>(
    provers: &AggProver,
    layer: usize,
    children: &[StarkProof],
) -> Result<StarkProof, ProverError>
where
    E::PD: openvm_stark_backend::prover::ProverDevice<DeviceBackend, E::TS, DeviceCtx = ()>,
{
    let recursive = &provers.internal_recursive_prover;
    match layer {
        0 => provers.leaf_prover.agg_prove_no_def::<E>(children, ChildVkKind::App),
        1 => provers.internal_for_leaf_prover.agg_prove_no_def::<E>(children, ChildVkKind::Standard),
        2 => recursive.agg_prove_no_def::<E>(children, ChildVkKind::Standard),
        _ => recursive.agg_prove_no_def::<E>(children, ChildVkKind::RecursiveSelf),
    }
    .stage("aggregating")
}

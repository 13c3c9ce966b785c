//! What computes proofs: this project's device, or the proof system's own as the reference.

use openvm_continuations::{
    RootSC,
    prover::{ChildVkKind, RootCpuProver},
};
use openvm_cpu_backend::CpuBackend;
use openvm_sdk::{SC, prover::AggProver};
use openvm_stark_backend::{StarkEngine, prover::ProvingContext};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::BabyBearBn254Poseidon2CpuEngine;

use crate::{
    ProverError,
    error::Stage,
    evm::RootProof,
    machine::{DeviceBackend, Engine, StarkProof, Vm},
};

/// What computes proofs. The proofs of one are those of the other, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// This project's, `zeno-cpu-backend`.
    #[default]
    Zeno,
    /// The proof system's own, `openvm-cpu-backend`: slower, and the reference.
    Stock,
}

impl Backend {
    /// Proves one segment, whose tables are filled.
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
            Self::Stock => vm.engine.prove(vm.pk(), tables).stage(STAGE),
        }
    }

    /// Aggregates the proofs `children` of the layer below `layer`, or of segments where that is 0.
    pub(crate) fn aggregate(
        self,
        provers: &AggProver,
        layer: usize,
        children: &[StarkProof],
    ) -> Result<StarkProof, ProverError> {
        match self {
            Self::Zeno => aggregate_with::<zeno_cpu_backend::Engine>(provers, layer, children),
            Self::Stock => aggregate_with::<Engine>(provers, layer, children),
        }
    }

    /// Puts one more layer over the aggregation's last proof.
    pub(crate) fn aggregate_again(
        self,
        provers: &AggProver,
        proof: &StarkProof,
    ) -> Result<StarkProof, ProverError> {
        self.aggregate(provers, usize::MAX, std::slice::from_ref(proof))
    }

    /// Proves the root circuit, whose tables are filled.
    pub(crate) fn prove_root(
        self,
        prover: &RootCpuProver,
        tables: ProvingContext<CpuBackend<RootSC>>,
    ) -> Result<RootProof, ProverError> {
        match self {
            Self::Zeno => {
                prover.root_prove_from_ctx(tables, &prover.create_engine::<zeno_cpu_backend::RootEngine>())
            }
            Self::Stock => {
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

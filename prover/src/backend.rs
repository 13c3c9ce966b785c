//! What computes proofs: this project's device, or the proof system's own as the reference.

use openvm_continuations::prover::ChildVkKind;
use openvm_sdk::{SC, prover::AggProver};
use openvm_stark_backend::{StarkEngine, prover::ProvingContext};

use crate::{
    ProverError,
    error::Stage,
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

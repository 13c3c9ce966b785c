//! Implementations of the proof system's device: this project's, and OpenVM's as the reference.

use openvm_continuations::{RootSC, prover::RootCpuProver};
use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{StarkEngine, prover::ProvingContext};

use crate::{
    error::{Stage, VmError},
    types::{DeviceBackend, OpenVm, RootProof, StarkProof},
};

/// Device that computes proofs. Both devices make the same proofs, byte for byte, up to the
/// nonces of proofs of work. The reference is compiled with the
/// feature of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// `zeno-cpu-backend`, this project's.
    #[default]
    Zeno,
    /// `openvm-cpu-backend`, OpenVM's own: slower, and the reference.
    #[cfg(feature = "reference")]
    Reference,
}

impl Backend {
    /// Proves one segment from its filled tables.
    pub(crate) fn prove_segment(
        self,
        vm: &OpenVm,
        tables: ProvingContext<DeviceBackend>,
    ) -> Result<StarkProof, VmError> {
        const STAGE: &str = "proving a segment";
        match self {
            Self::Zeno => {
                zeno_cpu_backend::Engine::new(vm.engine.params().clone()).prove(vm.pk(), tables).stage(STAGE)
            }
            #[cfg(feature = "reference")]
            Self::Reference => vm.engine.prove(vm.pk(), tables).stage(STAGE),
        }
    }

    /// Proves the root circuit from its filled tables.
    pub(crate) fn prove_root(
        self,
        prover: &RootCpuProver,
        tables: ProvingContext<CpuBackend<RootSC>>,
    ) -> Result<RootProof, VmError> {
        match self {
            Self::Zeno => {
                prover.root_prove_from_ctx(tables, &prover.create_engine::<zeno_cpu_backend::RootEngine>())
            }
            #[cfg(feature = "reference")]
            Self::Reference => {
                use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::BabyBearBn254Poseidon2CpuEngine as Engine;
                prover.root_prove_from_ctx(tables, &prover.create_engine::<Engine>())
            }
        }
        .stage("making the root proof")
    }
}

//! Engines: a configuration with its device and its transcript.

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{StarkEngine, SystemParams, prover::Coordinator};
use openvm_stark_sdk::config::{
    baby_bear_bn254_poseidon2::BabyBearBn254Poseidon2Config, baby_bear_poseidon2::BabyBearPoseidon2Config,
    bn254_poseidon2::default_bn254_poseidon2_width3,
};
use p3_baby_bear::default_babybear_poseidon2_16;

use crate::{
    device::Device,
    hash::{babybear::merkle::Poseidon2, bn254::Kernel},
    transcript::{RootTranscript, Transcript},
};

/// Engine of all layers over BabyBear with Poseidon2: the VM's segments and their aggregation.
pub struct Engine {
    device: Device<BabyBearPoseidon2Config, Poseidon2>,
}

impl StarkEngine for Engine {
    type SC = BabyBearPoseidon2Config;
    type PB = CpuBackend<Self::SC>;
    type PD = Device<Self::SC, Poseidon2>;
    type TS = Transcript;

    fn new(params: SystemParams) -> Self {
        let config = BabyBearPoseidon2Config::default_from_params(params);
        Self { device: Device::new(config, Poseidon2::default()) }
    }

    fn config(&self) -> &Self::SC {
        self.device.config()
    }

    fn device(&self) -> &Self::PD {
        &self.device
    }

    fn initial_transcript(&self) -> Self::TS {
        Transcript::from(default_babybear_poseidon2_16())
    }

    fn prover_from_transcript(
        &self,
        transcript: Self::TS,
    ) -> Coordinator<Self::SC, Self::PB, Self::PD, Self::TS> {
        Coordinator::new(CpuBackend::new(), self.device.clone(), transcript)
    }
}

/// Engine of the root proof, the last STARK before the KZG wrap. It commits with BN254 Poseidon2 at a blow-up of 16,
/// and hashing is nearly all of its time.
pub struct RootEngine {
    device: Device<BabyBearBn254Poseidon2Config, Kernel>,
}

impl RootEngine {
    /// An engine that hashes with `kernel`; [`RootEngine::new`](StarkEngine::new) takes this processor's best.
    pub fn with_kernel(params: SystemParams, kernel: Kernel) -> Self {
        let config = BabyBearBn254Poseidon2Config::default_from_params(params);
        Self { device: Device::new(config, kernel) }
    }
}

impl StarkEngine for RootEngine {
    type SC = BabyBearBn254Poseidon2Config;
    type PB = CpuBackend<Self::SC>;
    type PD = Device<Self::SC, Kernel>;
    type TS = RootTranscript;

    fn new(params: SystemParams) -> Self {
        Self::with_kernel(params, Kernel::best())
    }

    fn config(&self) -> &Self::SC {
        self.device.config()
    }

    fn device(&self) -> &Self::PD {
        &self.device
    }

    fn initial_transcript(&self) -> Self::TS {
        RootTranscript::from(default_bn254_poseidon2_width3())
    }

    fn prover_from_transcript(
        &self,
        transcript: Self::TS,
    ) -> Coordinator<Self::SC, Self::PB, Self::PD, Self::TS> {
        Coordinator::new(CpuBackend::new(), self.device.clone(), transcript)
    }
}

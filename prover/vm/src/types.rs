//! OpenVM's types with the parameters that they have here.

use openvm_circuit::arch::{ContinuationVmProof, VirtualMachine};
use openvm_continuations::RootSC;
use openvm_sdk::{DefaultStarkEngine, F, SC};
use openvm_sdk_config::{SdkVmConfig, SdkVmCpuBuilder};
use openvm_stark_backend::{StarkEngine, proof::Proof};

/// OpenVM's own engine: it verifies, and proves where the feature `reference` is on.
pub(crate) type OpenVmEngine = DefaultStarkEngine;
/// Backend of every device here: the types of its matrices and of its committed data.
pub(crate) type DeviceBackend = <OpenVmEngine as StarkEngine>::PB;
pub(crate) type OpenVm = VirtualMachine<OpenVmEngine, SdkVmCpuBuilder>;

/// Program for the VM.
pub type Exe = openvm_circuit::arch::instructions::exe::VmExe<F>;
/// Proving key of the VM.
pub type AppKey = openvm_sdk::keygen::AppProvingKey<SdkVmConfig>;
/// STARK of a segment or of an aggregation.
pub type StarkProof = Proof<SC>;
/// Proofs of all segments of a run, with the proof of its public values.
pub type RunProof = ContinuationVmProof<SC>;
/// Root proof: the last STARK, hashed for BN254.
pub type RootProof = Proof<RootSC>;

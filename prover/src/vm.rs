//! The VM that the guest runs on, and the parameters of its proofs.

use openvm_sdk::{
    DefaultStarkEngine, F, SC,
    config::{AggregationConfig, AggregationTreeConfig, AppConfig},
    openvm_circuit::arch::VirtualMachine,
    prover::vm::types::VmProvingKey,
};
use openvm_sdk_config::{SdkVmConfig, SdkVmCpuBuilder};
use openvm_stark_backend::{StarkEngine, prover::DeviceDataTransporter};
use openvm_stark_sdk::config::app_params_with_100_bits_security;

use crate::error::{ProverError, Stage};

/// log2 of the height, in rows, of the matrix that all tables of a segment are stacked into.
///
/// It is a fixed cost per segment, so less is better for a small block. A segment of 450 instructions takes 10 s on two
/// cores at 21, and eight times the commitments at 24. Less than 21 is impossible: the 256-bit integers bring a table
/// of 2^21 rows, and no table can be higher than the stacked matrix.
pub const LOG_STACKED_HEIGHT: usize = 21;

/// Memory that proving one segment may take by the VM's estimate, in bytes. A run is cut so that each segment stays
/// below. The estimate is made for another prover (a GPU's) and too low for this one by a factor of 2.4.
///
/// Measured with mainnet block 22615247 (16.5 million instructions). The peak is its fullest segment's, with OpenVM's
/// backend; ours takes 4.9 GB at 3 GiB:
///
/// | limit | segments | interactions of most segments | peak |
/// |---|---|---|---|
/// | 1.5 GB | 76 | less than 2^24 | 3.9 GB |
/// | 2 GB | 42 | less than 2^24 | 3.9 GB, and 6.6 GB for two of them |
/// | 3 GiB | 25 | less than 2^25 | 7.3 GB |
///
/// Most of a segment's memory and time goes to its interactions, whose count is rounded up to a power of two. At 3 GiB
/// most segments are just below one.
pub const SEGMENT_MEMORY: usize = 3 << 30;

/// Bound on a segment's interactions, padding included. With 2^25 and more, a segment takes 12 GB. A loop over a
/// software Keccak reaches that at 3 GiB.
pub(crate) const SEGMENT_INTERACTIONS: u64 = 1 << 25;

pub(crate) type Engine = DefaultStarkEngine;
/// Backend of every device here: the types of its matrices and of its committed data.
pub(crate) type DeviceBackend = <Engine as StarkEngine>::PB;
pub(crate) type Vm = VirtualMachine<Engine, SdkVmCpuBuilder>;
pub(crate) type AppKey = openvm_sdk::keygen::AppProvingKey<SdkVmConfig>;
pub(crate) type Exe = openvm_sdk::openvm_circuit::arch::instructions::exe::VmExe<F>;
pub(crate) type StarkProof = openvm_stark_backend::proof::Proof<SC>;

/// Content of `config/vm.toml` when this program was built.
pub(crate) const VM_TOML: &str = include_str!("../../config/vm.toml");

/// Makes the VM's configuration from `config/vm.toml`: its instruction set, its extensions, and a segment's limit.
///
/// # Errors
/// [`ProverError::Config`] when the file was no valid configuration at build time.
pub fn vm_config() -> Result<SdkVmConfig, ProverError> {
    let config = SdkVmConfig::from_toml(VM_TOML).map_err(|error| ProverError::Config(error.to_string()))?;
    let mut config = config.optimize();
    config.system.config.set_segmentation_max_memory(SEGMENT_MEMORY);
    Ok(config)
}

/// Configuration of the VM with the parameters of its proofs.
pub(crate) fn app_config() -> Result<AppConfig<SdkVmConfig>, ProverError> {
    Ok(AppConfig::new(vm_config()?, app_params_with_100_bits_security(LOG_STACKED_HEIGHT)))
}

/// Parameters of the aggregation's proofs: the proof system's own, for 100 bits as well.
pub(crate) fn aggregation_config() -> AggregationConfig {
    AggregationConfig::default()
}

/// Number of proofs that go into one, by layer: the number that the circuits have room for.
pub(crate) fn aggregation_tree() -> AggregationTreeConfig {
    AggregationTreeConfig::default()
}

/// Builds a VM that can meter and prove. The prover loads a program into it.
pub(crate) fn build_vm(key: &VmProvingKey<SdkVmConfig>) -> Result<Vm, ProverError> {
    let engine = Engine::new(key.get_params());
    let device_key = engine.device().transport_pk_to_device(&key.vm_pk);
    // The configuration is not the key's, which may come from the cache folder.
    Vm::new(engine, SdkVmCpuBuilder, vm_config()?, device_key).stage("building the VM")
}

#[cfg(test)]
mod tests {
    use super::*;
    use openvm_sdk::keygen::AppProvingKey;

    /// The parameters give 100 bits under assumptions on the VM's tables, which their documentation lists.
    #[test]
    fn machine_is_within_the_assumptions_of_100_bits() {
        let key = AppProvingKey::keygen(app_config().unwrap()).unwrap().get_app_vk().vk;
        let tables = &key.inner.per_air;
        assert!(tables.len() <= 100);
        let columns: usize = tables.iter().map(|table| table.params.width.total_width()).sum();
        assert!(columns <= 30_000, "{columns} columns");
        for table in tables {
            let constraints = &table.symbolic_constraints;
            assert!(constraints.interactions.len() <= 1_000);
            assert!(constraints.constraints.constraint_idx.len() <= 5_000);
        }
    }

    #[test]
    fn limits_of_a_segment_are_the_measured_ones() {
        assert_eq!(vm_config().unwrap().system.config.segmentation_max_memory, SEGMENT_MEMORY);
        assert_eq!(app_config().unwrap().system_params.log_stacked_height(), LOG_STACKED_HEIGHT);
    }
}

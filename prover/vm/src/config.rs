//! Configuration of the VM, and parameters of its proofs.

use openvm_sdk::config::{AggregationConfig, AggregationTreeConfig, AppConfig};
use openvm_sdk_config::SdkVmConfig;
use openvm_stark_sdk::config::app_params_with_100_bits_security;

use crate::error::VmError;

/// log2 of the height, in rows, of the matrix that all tables of a segment are stacked into.
///
/// It is a fixed cost per segment, so less is better for a small block. A segment of 450 instructions takes 10 s on two
/// cores at 21, and eight times the commitments at 24. Less than 21 is impossible: the 256-bit integers bring a table
/// of 2^21 rows, and no table can be higher than the stacked matrix.
pub const LOG_STACKED_HEIGHT: usize = 21;

/// Memory that proving one segment may take by the VM's estimate, in bytes. A run is cut so that each segment stays
/// below. The estimate is of another prover, a GPU's, so it is no figure of the memory that a segment takes here.
///
/// Most of a segment's memory and time goes to its interactions, whose count is rounded up to a power of two. At 3 GiB
/// most segments are just below 2^25. On 2026-11-24 the segments of mainnet block 22615247 took 2.8 to 4.3 GB each with
/// this backend, and a leaf that aggregates their proofs 7.3 GB: a lower limit would not lower the peak.
/// `docs/benchmarks/history.md` has these figures, and those of other limits with OpenVM's backend.
pub const SEGMENT_MEMORY: usize = 3 << 30;

/// Number of interactions, padding included, that a segment is to stay below: a run is cut again with less memory otherwise,
/// down to half of [`SEGMENT_MEMORY`]. A segment with 2^25 and more took 12 GB with OpenVM's backend, on
/// 2026-11-22, since its interactions are rounded up to 2^26. A loop over a software Keccak reaches the bound at 3 GiB.
pub(crate) const SEGMENT_INTERACTIONS: u64 = 1 << 25;

/// Content of `config/vm.toml` when this program was built.
pub const VM_TOML: &str = include_str!("../../../config/vm.toml");

/// Makes the VM's configuration from `config/vm.toml`: its instruction set, its extensions, and a segment's limit.
///
/// # Errors
/// [`VmError::Config`] when the file was no valid configuration at build time.
pub fn vm_config() -> Result<SdkVmConfig, VmError> {
    let config = SdkVmConfig::from_toml(VM_TOML).map_err(|error| VmError::Config(error.to_string()))?;
    let mut config = config.optimize();
    config.system.config.set_segmentation_max_memory(SEGMENT_MEMORY);
    Ok(config)
}

/// Configuration of the VM with the parameters of its proofs.
///
/// # Errors
/// The same as [`vm_config`]'s.
pub fn app_config() -> Result<AppConfig<SdkVmConfig>, VmError> {
    Ok(AppConfig::new(vm_config()?, app_params_with_100_bits_security(LOG_STACKED_HEIGHT)))
}

/// Parameters of the aggregation's proofs: the proof system's own, for 100 bits as well.
pub fn aggregation_config() -> AggregationConfig {
    AggregationConfig::default()
}

/// Number of proofs that go into one, by layer: the number that the circuits have room for.
pub fn aggregation_tree() -> AggregationTreeConfig {
    AggregationTreeConfig::default()
}

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

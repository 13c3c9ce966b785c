//! Checks of proving keys that come from files.

use openvm_stark_backend::{StarkProtocolConfig, SystemParams, keygen::types::MultiStarkProvingKey};

use crate::{
    aggregation::AggregationKey,
    config::{aggregation_config, app_config},
    error::VmError,
    types::AppKey,
};

/// Bounds on the columns and public values of a table, and on the tables of a VM. Every real key is below them.
const MAX_COLUMNS: usize = 1 << 16;
const MAX_TABLES: usize = 1 << 10;

/// Returns whether the VM's key has the expected parameters, and tables of possible sizes.
///
/// # Errors
/// [`VmError::Config`] when the VM's configuration is malformed.
pub fn is_app_key_sound(key: &AppKey) -> Result<bool, VmError> {
    Ok(is_sound(&key.app_vm_pk.vm_pk, &app_config()?.system_params))
}

/// Returns whether the aggregation's keys have the expected parameters, and tables of possible sizes.
pub fn is_aggregation_key_sound(key: &AggregationKey) -> bool {
    let params = aggregation_config().params;
    is_sound(&key.prefix.leaf, &params.leaf)
        && is_sound(&key.prefix.internal_for_leaf, &params.internal)
        && is_sound(&key.internal_recursive, &params.internal)
}

/// Returns whether a key has these parameters, and tables of possible sizes.
pub fn is_sound<C: StarkProtocolConfig>(key: &MultiStarkProvingKey<C>, params: &SystemParams) -> bool {
    key.params == *params
        && key.per_air.len() <= MAX_TABLES
        && key.per_air.iter().all(|table| {
            let width = &table.vk.params.width;
            let columns =
                width.cached_mains.iter().copied().chain([width.common_main]).chain(width.preprocessed);
            table.vk.params.num_public_values <= MAX_COLUMNS
                && width.cached_mains.len() <= MAX_COLUMNS
                && columns.fold(0, usize::saturating_add) <= MAX_COLUMNS
        })
}

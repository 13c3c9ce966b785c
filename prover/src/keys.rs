//! Proving keys, in the cache folder.
//!
//! The files are small (1.8 MB for the machine, 0.3 MB for the aggregation) because a key holds constraints and
//! no committed tables. Reading them takes 15 ms where making them takes half a second. The commitments to the
//! verifying keys that the aggregation circuits contain take 7 s more on two cores, with or without the files:
//! they are tables of hundreds of megabytes, longer to read and to check than to make.

use std::{path::Path, sync::Arc};

use alloy_primitives::{B256, keccak256};
use openvm_continuations::prover::InnerCpuProver;
use openvm_sdk::{
    keygen::{AggPrefixProvingKey, AggProvingKey, AppProvingKey},
    prover::AggProver,
};
use serde::{Serialize, de::DeserializeOwned};
use tracing::debug;
use zeno_cpu_backend::Engine;

use crate::{
    ProverError, cache,
    error::Stage,
    machine::{AppKey, VM_TOML, aggregation_config, aggregation_tree, app_config},
};

/// Version of the proof system whose keys these are; another version's don't decode, or worse.
const PROOF_SYSTEM_VERSION: &str = "openvm 2.0.2";

/// The machine's proving key.
pub(crate) fn app_key(folder: &Path) -> Result<AppKey, ProverError> {
    let config = app_config()?;
    cached(folder, "machine", || AppProvingKey::keygen(config).stage("making the machine's keys"))
}

/// The aggregation's circuits with their keys, over the machine's.
pub(crate) fn aggregation(folder: &Path, app_key: &AppKey) -> Result<AggProver, ProverError> {
    let app_vk = Arc::new(app_key.app_vm_pk.vm_pk.get_vk());
    let mut made = None;
    let key = cached(folder, "aggregation", || {
        let params = aggregation_config().params;
        let leaf = InnerCpuProver::new::<Engine>(app_vk.clone(), params.leaf, false, None);
        let above = InnerCpuProver::new::<Engine>(leaf.get_vk(), params.internal.clone(), false, None);
        let recursive = InnerCpuProver::new::<Engine>(above.get_vk(), params.internal, true, None);
        let key = AggProvingKey {
            prefix: AggPrefixProvingKey { leaf: leaf.get_pk(), internal_for_leaf: above.get_pk() },
            internal_recursive: recursive.get_pk(),
        };
        made = Some((leaf, above, recursive));
        Ok(key)
    })?;
    let (leaf_prover, internal_for_leaf_prover, internal_recursive_prover) = made.unwrap_or_else(|| {
        let leaf = InnerCpuProver::from_pk::<Engine>(app_vk, key.prefix.leaf, false, None);
        let above =
            InnerCpuProver::from_pk::<Engine>(leaf.get_vk(), key.prefix.internal_for_leaf, false, None);
        let recursive = InnerCpuProver::from_pk::<Engine>(above.get_vk(), key.internal_recursive, true, None);
        (leaf, above, recursive)
    });
    Ok(AggProver {
        leaf_prover,
        internal_for_leaf_prover,
        internal_recursive_prover,
        agg_tree_config: aggregation_tree(),
    })
}

/// The key in the cache folder, or a new one that is put there.
pub(crate) fn cached<T: Serialize + DeserializeOwned>(
    folder: &Path,
    name: &str,
    make: impl FnOnce() -> Result<T, ProverError>,
) -> Result<T, ProverError> {
    let path = folder.join(format!("keys/{name}-{}.key", &identity()?.to_string()[2..18]));
    if let Some(key) = cache::read_value(&path)? {
        debug!(path = %path.display(), "key from the cache");
        return Ok(key);
    }
    let key = make()?;
    cache::write_value(&path, &key)?;
    Ok(key)
}

/// A hash of all that the keys depend on.
pub(crate) fn identity() -> Result<B256, ProverError> {
    let params = (app_config()?.system_params, aggregation_config().params);
    let params = bitcode::serialize(&params).stage("encoding the parameters")?;
    Ok(keccak256([PROOF_SYSTEM_VERSION.as_bytes(), VM_TOML.as_bytes(), &params].join(&0)))
}

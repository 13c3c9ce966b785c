//! Proving keys, in the cache folder.
//!
//! The files are small (1.8 MB for the VM, 0.3 MB for the aggregation), because a key holds constraints and no
//! committed tables. They are read in 15 ms and made in half a second. The commitments to the verifying keys that the
//! aggregation circuits contain take 7 s more on two cores, with or without the files. They are tables of hundreds of
//! megabytes, which take longer to read and to check than to make.
//!
//! A folder that can't be written to costs only time. One that others may write to is refused before, by
//! [`check_folder`](crate::folder::check_folder). The checks here keep a forged key from taking memory without end.
//! Such a key can still lead to a panic of the proof system, or to a proof that doesn't verify.

use std::{path::Path, sync::Arc};

use alloy_primitives::{B256, keccak256};
use openvm_continuations::prover::InnerCpuProver;
use openvm_sdk::{
    keygen::{AggPrefixProvingKey, AggProvingKey, AppProvingKey},
    prover::AggProver,
};
use openvm_stark_backend::{StarkProtocolConfig, SystemParams, keygen::types::MultiStarkProvingKey};
use serde::{Serialize, de::DeserializeOwned};
use tracing::{debug, warn};
use zeno_cpu_backend::Engine;

use crate::{
    cache_dir,
    error::{ProverError, Stage},
    vm::{AppKey, VM_TOML, aggregation_config, aggregation_tree, app_config},
};

/// Version of the proof system that the keys belong to. Keys of another version don't decode, or worse.
const PROOF_SYSTEM_VERSION: &str = "openvm 2.0.2";

/// Returns the VM's proving key.
pub(crate) fn app_key(folder: &Path) -> Result<AppKey, ProverError> {
    let config = app_config()?;
    let params = config.system_params.clone();
    let sound = |key: &AppKey| is_sound(&key.app_vm_pk.vm_pk, &params);
    cached(folder, "machine", sound, || AppProvingKey::keygen(config).stage("making the VM's keys"))
}

/// Returns the aggregation's circuits with their keys, over the VM's.
pub(crate) fn aggregation(folder: &Path, app_key: &AppKey) -> Result<AggProver, ProverError> {
    let app_vk = Arc::new(app_key.app_vm_pk.vm_pk.get_vk());
    let mut made = None;
    let params = aggregation_config().params;
    let sound = |key: &AggProvingKey| {
        is_sound(&key.prefix.leaf, &params.leaf)
            && is_sound(&key.prefix.internal_for_leaf, &params.internal)
            && is_sound(&key.internal_recursive, &params.internal)
    };
    let key = cached(folder, "aggregation", sound, || {
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

/// Bound on the length of a key's file, in bytes.
const MAX_KEY_BYTES: u64 = 1 << 26;
/// Bounds on the columns and public values of a table, and on the tables of a VM. Every real key is below them.
const MAX_COLUMNS: usize = 1 << 16;
const MAX_TABLES: usize = 1 << 10;

/// Returns the key in the cache folder, if it is `sound`. Otherwise makes a new one and puts it there.
pub(crate) fn cached<T: Serialize + DeserializeOwned>(
    folder: &Path,
    name: &str,
    sound: impl Fn(&T) -> bool,
    make: impl FnOnce() -> Result<T, ProverError>,
) -> Result<T, ProverError> {
    let path = folder.join(format!("keys/{name}-{}.key", &identity()?.to_string()[2..18]));
    match cache_dir::read_value(&path, MAX_KEY_BYTES) {
        Ok(Some(key)) if sound(&key) => {
            debug!(path = %path.display(), "key from the cache");
            return Ok(key);
        }
        Ok(Some(_)) => {
            warn!(path = %path.display(), "key of other parameters in the cache, it will be made again")
        }
        Ok(None) => {}
        Err(error) => cache_dir::warn_unusable(&error),
    }
    let key = make()?;
    if let Err(error) = cache_dir::write_value(&path, &key) {
        cache_dir::warn_unusable(&error);
    }
    Ok(key)
}

/// Returns whether a key has the expected parameters, and tables of possible sizes.
pub(crate) fn is_sound<C: StarkProtocolConfig>(key: &MultiStarkProvingKey<C>, params: &SystemParams) -> bool {
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

/// Hash of everything that the keys depend on.
pub(crate) fn identity() -> Result<B256, ProverError> {
    let params = (app_config()?.system_params, aggregation_config().params);
    let params = bitcode::serialize(&params).stage("encoding the parameters")?;
    Ok(keccak256([PROOF_SYSTEM_VERSION.as_bytes(), VM_TOML.as_bytes(), &params].join(&0)))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs};

    use super::*;

    #[test]
    fn a_cache_that_cannot_be_used_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let cache = folder.path().join("file/cache");
        let made = Cell::new(0);
        let key = || {
            cached(
                &cache,
                "test",
                |_| true,
                || {
                    made.set(made.get() + 1);
                    Ok([7_u8; 3])
                },
            )
        };
        assert_eq!((key().unwrap(), key().unwrap(), made.get()), ([7; 3], [7; 3], 2));
    }

    #[test]
    fn keys_are_made_again_if_they_are_not_sound() {
        let folder = tempfile::tempdir().unwrap();
        let key = |value: u64, least: u64| {
            cached(folder.path(), "test", |key: &u64| *key >= least, || Ok(value)).unwrap()
        };
        assert_eq!(key(7, 0), 7);
        assert_eq!(key(8, 0), 7);
        assert_eq!(key(9, 8), 9);
        assert_eq!(key(10, 8), 9);
    }

    /// Counts that would take memory without end, under a right checksum.
    #[test]
    fn keys_with_absurd_counts_are_not_sound() {
        let config = app_config().unwrap();
        let params = config.system_params.clone();
        let key = AppProvingKey::keygen(config).unwrap().app_vm_pk.vm_pk.clone();
        assert!(is_sound(&key, &params));
        let altered = |alter: &dyn Fn(&mut MultiStarkProvingKey<openvm_sdk::SC>)| {
            let mut key = (*key).clone();
            alter(&mut key);
            is_sound(&key, &params)
        };
        assert!(altered(&|_| ()));
        assert!(!altered(&|key| key.params.l_skip = 60));
        assert!(!altered(&|key| key.params.w_stack = usize::MAX));
        assert!(!altered(&|key| key.per_air[0].vk.params.width.common_main = 1 << 60));
        assert!(!altered(&|key| key.per_air[0].vk.params.width.cached_mains = vec![usize::MAX, 2]));
        assert!(!altered(&|key| key.per_air[1].vk.params.num_public_values = 1 << 40));
    }
}

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

use std::path::Path;

use alloy_primitives::{B256, keccak256};
use openvm_verify_stark_host::VmStarkProof;
use serde::{Serialize, de::DeserializeOwned};
use tracing::{debug, warn};
use zeno_vm::{
    Aggregation, AppKey, Root, RootKey, VM_TOML, aggregation_config, app_config, is_aggregation_key_sound,
    is_app_key_sound, make_app_key,
};

use crate::{
    cache_dir,
    error::{ProverError, Stage},
};

/// Version of the proof system that the keys belong to. Keys of another version don't decode, or worse.
const PROOF_SYSTEM_VERSION: &str = "openvm 2.0.2";

/// Returns the VM's proving key.
pub(crate) fn app_key(folder: &Path) -> Result<AppKey, ProverError> {
    let sound = |key: &AppKey| is_app_key_sound(key).unwrap_or(false);
    cached(folder, "machine", sound, || Ok(make_app_key()?))
}

/// Returns the aggregation's circuits with their keys, over the VM's.
pub(crate) fn aggregation(folder: &Path, app_key: &AppKey) -> Result<Aggregation, ProverError> {
    let mut made = None;
    let key = cached(folder, "aggregation", is_aggregation_key_sound, || {
        let (aggregation, key) = Aggregation::make(app_key);
        made = Some(aggregation);
        Ok(key)
    })?;
    Ok(made.unwrap_or_else(|| Aggregation::from_key(app_key, key)))
}

/// Returns the root circuit over the aggregation's last one. Its key is made from the aggregated proof that
/// `representative` returns, which is asked for only when there is no key yet.
pub(crate) fn root(
    folder: &Path,
    app_key: &AppKey,
    aggregation: &Aggregation,
    representative: impl FnOnce() -> Result<VmStarkProof, ProverError>,
) -> Result<Root, ProverError> {
    let make = || Ok(RootKey::make(app_key, aggregation, &representative()?)?);
    let key = cached(folder, "root", RootKey::is_sound, make)?;
    Ok(Root::open(app_key, aggregation, key)?)
}

/// Bound on the length of a key's file, in bytes.
const MAX_KEY_BYTES: u64 = 1 << 26;

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
}

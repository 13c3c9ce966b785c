//! Shared data of light clients, which is not in the repository.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Returns the folder of the light clients' data: in `$ZENO_SHARED`, or by default in `shared` beside the repository.
pub fn light_client_dir() -> PathBuf {
    env::var_os("ZENO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared"), PathBuf::from)
        .join("light-client")
}

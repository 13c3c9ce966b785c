//! Sets the cfg `shared_data` if the folder of the shared data exists. Tests that need it are ignored, by name, if it
//! does not.

use std::{
    env,
    path::{Path, PathBuf},
};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(shared_data)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ZENO_SHARED");
    // The same folder as that of `zeno_tests::mainnet::shared_dir`.
    let shared = env::var_os("ZENO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    if !shared.is_dir() {
        // Cargo does not watch the absent folder, because it would build the crate again each time. A user who has the
        // data elsewhere sets the variable.
        return;
    }
    println!("cargo::rustc-cfg=shared_data");
    // A small part of the folder, because cargo looks at all files below. It runs this script again if they are
    // removed.
    println!("cargo::rerun-if-changed={}", shared.join("mainnet").display());
}

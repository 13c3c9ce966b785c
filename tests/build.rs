//! Sets `shared_data` where the folder of shared data is: tests that need it are ignored, by name, where
//! it is not.

use std::{
    env,
    path::{Path, PathBuf},
};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(shared_data)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ZENO_SHARED");
    // As `zeno_tests::mainnet::shared_dir` has it.
    let shared = env::var_os("ZENO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    if !shared.is_dir() {
        // Not watched: cargo would build all anew each time. Whoever has it somewhere sets the variable.
        return;
    }
    println!("cargo::rustc-cfg=shared_data");
    // A small part of it: cargo looks at all files below, and runs this again once they are gone.
    println!("cargo::rerun-if-changed={}", shared.join("mainnet").display());
}

//! Sets the cfg `shared_data` if the folder of the shared data exists. Tests that need it are ignored, by name, if it does not.
//! With `ZENO_NO_SKIPS` in the environment they run, and fail.

use std::env;

#[path = "src/shared.rs"]
#[expect(unreachable_pub, reason = "it is public in the library")]
mod shared;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(shared_data)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/shared.rs");
    println!("cargo::rerun-if-env-changed=ZENO_SHARED");
    println!("cargo::rerun-if-env-changed=ZENO_NO_SKIPS");
    let folder = shared::light_client_dir();
    if folder.is_dir() || env::var_os("ZENO_NO_SKIPS").is_some() {
        println!("cargo::rustc-cfg=shared_data");
    }
    // Cargo does not watch an absent folder, because it would build the crate again each time. A user who has the data
    // elsewhere sets the variable.
    if folder.is_dir() {
        println!("cargo::rerun-if-changed={}", folder.join("real/chains.json").display());
    }
}

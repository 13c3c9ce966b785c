//! Contracts: their bindings, and their Solidity sources and bytecode for a verifying key.
//!
//! Sources and bytecode are made from the key and this crate's own data alone. Nothing that is deployed is read from
//! anywhere else.

mod bindings;
mod code;
mod halo2;
mod sources;
#[cfg(test)]
mod testing;

pub use bindings::{IZenoVerifier, ZenoLightClient, ZenoVerifierInsecureDev};
pub use code::{CodeError, verifier_creation_code, verifier_runtime_code};
pub use sources::{SourceFile, solidity_sources, verifier_name};

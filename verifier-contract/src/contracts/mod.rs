//! The contracts: their bindings, and their Solidity sources for a verifying key.

mod bindings;
mod sources;

pub use bindings::{IOpenVmHalo2Verifier, IZenoVerifier, ZenoLightClient, ZenoVerifierInsecureDev};
pub use sources::{SourceError, SourceFile, solidity_sources, verifier_name};

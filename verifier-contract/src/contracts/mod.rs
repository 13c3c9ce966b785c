//! The contracts: their bindings, and their Solidity sources for a verifying key.

mod bindings;
mod sources;

pub use bindings::{IOpenVmHalo2Verifier, IZenoVerifier, ZenoLightClient, ZenoVerifierInsecureDev};
pub use sources::{INSECURE_DEV_HALO2_VERIFIER, SourceError, SourceFile, solidity_sources, verifier_name};

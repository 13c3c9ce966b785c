//! The last steps of a proof for the EVM: the root proof, the static verifier's Halo2 proof of having verified it,
//! and the wrapper's of having verified that one, whose Solidity verifier is small.
//!
//! Each step is a process of its own in memory: it opens its key, proves, and drops it. What it made lies in the
//! cache folder before the next one starts.

mod keys;
mod params;
mod prove;
mod root;
mod static_verifier;
#[cfg(test)]
mod tests;
mod wrapper;

pub use keys::Setup;
pub(crate) use params::KzgParams;
pub(crate) use root::{Root, RootProof};
pub(crate) use static_verifier::StaticVerifier;
pub(crate) use wrapper::Wrapper;

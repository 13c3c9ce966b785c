//! The last steps of a proof for the EVM. The root proof is the last STARK, hashed for BN254. The static verifier's
//! Halo2 proof says that the root proof verifies. The wrapper's says that the static verifier's verifies, and its own
//! verifier is a small contract.
//!
//! Each step has the memory to itself: it opens its key, proves, and drops the key. Its result lies in the cache folder
//! before the next step starts.

mod keys;
mod params;
mod prove;
mod static_verifier;
#[cfg(test)]
mod tests;
mod wrapper;

pub use keys::Setup;
pub(crate) use params::KzgParams;
pub(crate) use static_verifier::StaticVerifier;
pub(crate) use wrapper::Wrapper;

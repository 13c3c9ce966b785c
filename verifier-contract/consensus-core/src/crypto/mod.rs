//! Cryptography that a platform may replace: SHA-256 and one check of signatures.

#[cfg(feature = "native")]
mod native;
#[cfg(feature = "portable")]
mod portable;
#[cfg(all(test, any(feature = "native", feature = "portable")))]
mod tests;

#[cfg(feature = "native")]
pub use native::Native;
#[cfg(feature = "portable")]
pub use portable::Portable;

use crate::types::{BlsPublicKey, BlsSignature, Root};
pub use libssz_merkle::Sha256Hasher;

/// Domain of hashing to G2, by the proof-of-possession scheme of the IETF's draft.
pub const DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// Platform's cryptography. All other rules are in this crate, and the same everywhere.
///
/// An implementation may hold hints, such as the keys as points: `&self` is there for that. It has to check them, because
/// whoever makes a proof makes its hints.
pub trait Crypto: Sha256Hasher {
    /// Returns whether the signature is the sum of one signature of each of these keys over the message.
    ///
    /// It is not if there is no key, nor if a key or the signature is no canonical encoding of a point of the right
    /// subgroup, nor if a key is the point at infinity.
    fn fast_aggregate_verify(&self, keys: &[&BlsPublicKey], message: &Root, signature: &BlsSignature)
    -> bool;
}

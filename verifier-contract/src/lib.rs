//! What a consumer of Zeno's proofs needs, and nothing else: the proof file, and its verification.
//!
//! ```no_run
//! # #[cfg(feature = "stark")] {
//! use zeno_verifier::{ProofFile, VerifyingKey, verify_stark};
//!
//! let key = VerifyingKey::committed()?;
//! let claim = verify_stark(&ProofFile::read("block.proof")?, &key)?;
//! println!("block {} is valid", claim.last_block_number);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A proof file comes from a stranger. Every length in it is bounded before memory is taken for it, and
//! whatever is wrong with it ends in an error that says so. [`VerifyError::blames_proof`] tells a proof that is invalid
//! from one that can't be judged here, because its program is withdrawn or not known.
//!
//! # Which keys to trust
//!
//! What a proof is checked against decides what it proves. The key of STARKs is built in, [`VerifyingKey::committed`]. An
//! EVM proof's belongs to an SRS as well, and is too much work to make everywhere, so it is copied:
//! [`EvmVerifyingKey::decode_pinned`] takes one whose digest is built in, or that its user names, and refuses all others,
//! and [`verify_evm`] refuses those whose SRS is of no known ceremony unless it is told not to. A key from a cache folder,
//! or from whom the proof is from, is nothing to be believed without that.
//!
//! # Features
//!
//! - `stark`: STARKs, by the proof system's own verifier;
//! - `evm`: Halo2-KZG proofs, the ones that contracts check;
//! - `contracts`: bindings of the contracts, and their Solidity sources.
//!
//! All are on by default. A light client that takes EVM proofs alone has `default-features = false` and
//! `features = ["evm"]`.

#[cfg(feature = "stark")]
mod caught;
#[cfg(feature = "contracts")]
pub mod contracts;
#[cfg(feature = "stark")]
mod decode;
mod error;
#[cfg(feature = "evm")]
mod evm;
mod files;
#[cfg(feature = "stark")]
mod key;
mod proof_file;
mod release;
#[cfg(feature = "stark")]
mod stark;

pub use error::{PROOF_SYSTEM, VerifyError};
#[cfg(feature = "evm")]
pub use evm::{
    CEREMONIES, Ceremony, EVM_PROOF_BYTES, EvmKeyError, EvmVerifyingKey, SrsOrigin, UnknownSrs, verify_evm,
};
pub use files::{write_destination, write_file};
pub use proof_file::{INSECURE_SRS, MAX_PROOF_BYTES, ProofFile, ProofFileError, ProofKind};
pub use release::Release;
pub use zeno_guest_evm::ChainClaim;
#[cfg(feature = "stark")]
pub use {
    caught::caught,
    decode::{DecodeError, decode_proof, decode_public_values},
    key::{KeyError, VerifyingKey},
    stark::verify_stark,
};

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
//! # Features
//!
//! - `stark`: STARKs, by the proof system's own verifier;
//! - `evm`: Halo2-KZG proofs, the ones that contracts check;
//! - `contracts`: bindings of the contracts, and their Solidity sources.
//!
//! All are on by default. A light client that takes EVM proofs alone has `default-features = false` and
//! `features = ["evm"]`.

#[cfg(feature = "contracts")]
pub mod contracts;
#[cfg(feature = "stark")]
mod decode;
mod error;
#[cfg(feature = "evm")]
mod evm;
#[cfg(feature = "stark")]
mod key;
mod proof_file;
mod release;
#[cfg(feature = "stark")]
mod stark;

pub use error::{PROOF_SYSTEM, VerifyError};
#[cfg(feature = "evm")]
pub use evm::{EVM_PROOF_BYTES, EvmKeyError, EvmVerifyingKey, InsecureSrs, verify_evm};
pub use proof_file::{INSECURE_SRS, MAX_PROOF_BYTES, ProofFile, ProofFileError, ProofKind};
pub use release::Release;
pub use zeno_guest_evm::ChainClaim;
#[cfg(feature = "stark")]
pub use {
    decode::DecodeError,
    key::{KeyError, VerifyingKey},
    stark::verify_stark,
};

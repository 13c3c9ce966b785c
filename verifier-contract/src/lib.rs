//! What a consumer of Zeno's proofs needs, and nothing else: the proof file, and its verification.
//!
//! ```no_run
//! use zeno_verifier::{ProofFile, VerifyingKey, verify_stark};
//!
//! let key = VerifyingKey::committed()?;
//! let claim = verify_stark(&ProofFile::read("block.proof")?, &key)?;
//! println!("block {} is valid", claim.last_block_number);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A proof file comes from a stranger. Every length in it is bounded before memory is taken for it, and
//! whatever is wrong with it ends in an error that says so.

mod decode;
mod key;
mod proof_file;
mod stark;

pub use decode::DecodeError;
pub use key::{KeyError, VerifyingKey};
pub use proof_file::{MAX_PROOF_BYTES, ProofFile, ProofFileError, ProofKind};
pub use stark::{PROOF_SYSTEM, VerifyError, verify_stark};
pub use zeno_guest_evm::ChainClaim;

//! Verification of Zeno's proofs for consumers: the proof file and its checks, without a prover.
//!
//! ```no_run
//! # #[cfg(feature = "stark")] {
//! use zeno_verifier::{ProofFile, VerifyingKey, known_rules, verify_stark};
//!
//! let key = VerifyingKey::committed()?;
//! let claim = verify_stark(&ProofFile::read("block.proof")?, &key)?;
//! known_rules(&claim)?;
//! println!("block {} is valid by the rules of chain {}", claim.last_block_number, claim.chain_id);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A proof file comes from a stranger. The decoder bounds every length before it allocates memory for it, and reports
//! every defect as an error that names it. [`VerifyError::blames_proof`] tells an invalid proof from one that can't be
//! judged here, because its program is withdrawn, superseded or unknown.
//!
//! # Rules
//!
//! A valid proof says that blocks are valid *under the rules that its claim commits to*, and a prover may choose any. So a
//! consumer compares them with those of the chain that it means, at the time of the claim's last block: [`known_rules`] for
//! the built-in chains, [`rules_of`] for others.
//!
//! # Trusted keys
//!
//! The verifying key decides what a valid proof proves. The key for STARKs is built in: [`VerifyingKey::committed`].
//! The key for EVM proofs also depends on an SRS. Making one everywhere is too much work, so keys are copied:
//!
//! - [`EvmVerifyingKey::decode_pinned`] accepts a key if its digest is built in or if the user names it. It refuses all
//!   other keys.
//! - [`verify_evm`] refuses a key whose SRS is from no known ceremony, unless the caller allows it.
//!
//! Without these checks, a key from a cache folder or from the sender of a proof must not be believed.
//!
//! # Features
//!
//! - `stark`: STARKs, by the proof system's own verifier;
//! - `evm`: Halo2-KZG proofs, which contracts check;
//! - `contracts`: bindings of the contracts, and their Solidity sources.
//!
//! All features are on by default. A light client that takes EVM proofs only sets `default-features = false` and
//! `features = ["evm"]`. Without features, the crate is the proof file, the table of rules, and the writing of files.

mod atomic_file;
#[cfg(feature = "stark")]
mod caught;
#[cfg(feature = "contracts")]
pub mod contracts;
#[cfg(feature = "stark")]
mod decode;
mod destination;
mod development_srs;
#[cfg(any(feature = "evm", feature = "stark"))]
mod digest;
mod error;
#[cfg(feature = "evm")]
mod evm;
#[cfg(feature = "stark")]
mod key;
mod proof_file;
mod proof_kind;
mod release;
mod rules;
#[cfg(feature = "stark")]
mod stark;

pub use atomic_file::{
    AtomicWriteFile, check_replaceable, make_private_folder, open_replacement, replace_file,
};
pub use destination::{write_destination, write_file};
pub use development_srs::{INSECURE_SRS, INSECURE_SRS_WARNING};
pub use error::VerifyError;
#[cfg(feature = "evm")]
pub use evm::{
    CEREMONIES, Ceremony, EVM_PROOF_BYTES, EvmKeyError, EvmVerifyingKey, SrsOrigin, UnknownSrs,
    evaluation_domain, key_folder, verify_evm,
};
pub use proof_file::{MAX_PROOF_BYTES, ProofFile, ProofFileError};
pub use proof_kind::{PROOF_SYSTEM, ProofKind};
pub use release::Release;
pub use rules::{KnownRules, RulesError, compare_rules, known_rules, rules_at, rules_of, rules_table};
pub use zeno_guest_evm::ChainClaim;
#[cfg(feature = "stark")]
pub use {
    caught::caught,
    decode::{DecodeError, decode_proof, decode_public_values},
    key::{KeyError, VerifyingKey},
    stark::{verified_stark, verify_stark},
};

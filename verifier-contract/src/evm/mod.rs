//! Native verification of an EVM proof, without an EVM: the contracts' checks in Rust.

pub(crate) mod curve;
mod evaluation_domain;
pub(crate) mod key;
pub mod key_folder;
mod pins;
mod proof_words;
pub(crate) mod srs_origin;
mod transcript;
mod verify;

pub use self::{
    evaluation_domain::evaluation_domain,
    key::{EvmKeyError, EvmVerifyingKey},
    proof_words::EVM_PROOF_BYTES,
    srs_origin::{CEREMONIES, Ceremony, SrsOrigin},
    verify::{UnknownSrs, verify_evm},
};

//! The structured reference string (SRS) that Halo2-KZG proofs are made under.
//!
//! For a degree `n = 2^k` it is, over BN254 with generators `G` and `H` and a secret `tau` that nobody knows:
//!
//! - `g`: the powers `[tau^i] G` for `i < n`;
//! - `g_lagrange`: the same points in Lagrange form, `[L_i(tau)] G`, over the domain of the n-th roots of unity
//!   in halo2's order;
//! - `g2 = H` and `s_g2 = [tau] H`.
//!
//! Whoever knows `tau` can prove anything, so it comes from a ceremony in which one honest participant is enough:
//! [`import`] takes the ceremony's files, checks them and installs them in the cache folder. [`development`] makes
//! one from a public seed instead: everybody gets the same files and everybody knows its `tau`, so a proof under
//! it proves nothing. [`Srs`] reads what is installed, in pieces, and knows which of the two it is.
//!
//! # On disk
//!
//! `srs/kzg_bn254_K.srs` in the cache folder has the layout in which halo2 writes `ParamsKZG` (see [`layout`]), so
//! that other programs can read it. `srs/kzg_bn254_K.json` beside it is the record of what was installed: size,
//! digest, origin, and the checks that were made. A file without its record, or that differs from it, is refused.
//! The record protects against damage, not against somebody who can write to the cache folder.

mod cache;
mod check;
mod curve;
mod development;
mod error;
mod fixed_base;
mod import;
mod known;
pub mod layout;
mod progress;
mod ptau;
mod source;
mod srs;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use self::{
    development::{DEVELOPMENT_SEED, development},
    error::{Defect, Part, SrsError},
    import::import,
    known::{FILES, KnownFile},
    progress::{Progress, Step},
    srs::{Installed, Srs, installed},
};

pub use zeno_verifier::{CEREMONIES, Ceremony, SrsOrigin as Origin};

/// The degrees that proving for the EVM takes: 23 for OpenVM's static verifier, and 22 for the wrapper around it.
pub const DEGREES: [u32; 2] = [22, 23];

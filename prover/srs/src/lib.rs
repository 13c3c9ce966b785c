//! The structured reference string (SRS) under which Halo2-KZG proofs are made.
//!
//! An SRS of degree `n = 2^k` is over BN254, with the generators `G` and `H` and a secret `tau` that nobody knows:
//!
//! - `g`: the powers `[tau^i] G` for `i < n`;
//! - `g_lagrange`: the same points in Lagrange form, `[L_i(tau)] G`, over the domain of the n-th roots of unity
//!   in halo2's order;
//! - `g2 = H` and `s_g2 = [tau] H`.
//!
//! Whoever knows `tau` can prove anything. Therefore it comes from a ceremony, for which one honest participant is
//! enough: [`import`] checks a ceremony's files, and installs them in the cache folder. [`development`] makes an SRS
//! from a public seed instead. It is the same everywhere and everybody knows its `tau`, so a proof under it proves
//! nothing. [`Srs`] reads an installed SRS in pieces, and tells the two apart.
//!
//! # On disk
//!
//! `srs/kzg_bn254_K.srs` in the cache folder has the layout of halo2's `ParamsKZG` (see [`layout`]), so that other
//! programs can read it. `srs/kzg_bn254_K.json` beside it is the record of the installation: size, digest, origin, and
//! the checks that were made. A file without a record, or that differs from it, is refused. The record protects against
//! damage, not against somebody who can write to the cache folder.

mod cache;
mod check;
mod curve;
mod degrees;
mod development;
mod error;
mod fixed_base;
mod import;
mod input_file;
pub mod layout;
mod origin;
mod progress;
mod ptau;
mod source;
mod srs;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use self::{
    degrees::DEGREES,
    development::{DEVELOPMENT_SEED, development},
    error::{Defect, Part, SrsError},
    import::import,
    origin::{CEREMONIES, Ceremony, FILES, KnownFile, Origin},
    progress::{Progress, Step},
    srs::{Installed, Srs, installed},
};

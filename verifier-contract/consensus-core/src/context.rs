//! Surroundings of the functions: a network, and a platform's cryptography.

use crate::{config::Config, crypto::Crypto};

/// Network and cryptography, which all functions take.
#[derive(Debug)]
pub struct Context<'a, C> {
    /// Network whose rules apply.
    pub config: &'a Config,
    /// Hashing and signatures.
    pub crypto: &'a C,
}

impl<'a, C: Crypto> Context<'a, C> {
    /// Joins a network and a platform's cryptography.
    pub const fn new(config: &'a Config, crypto: &'a C) -> Self {
        Self { config, crypto }
    }
}

impl<C> Clone for Context<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Context<'_, C> {}

//! Errors of running and proving.

use std::fmt::Display;

use thiserror::Error;

/// Reason for which there is no run or no proof.
#[derive(Debug, Error)]
pub enum VmError {
    /// The guest refused its input, or ended in a trap. That alone says nothing about the block: the input may be at
    /// fault, or the block needs something that the guest does not support. Native validation decides whether a block
    /// is invalid.
    #[error("the guest refused the input: {0}")]
    Refused(String),
    /// The VM's configuration in `config/vm.toml` is malformed.
    #[error("config/vm.toml: {0}")]
    Config(String),
    /// The guest's ELF file is not one that the VM can run.
    #[error("the guest's ELF file: {0}")]
    Elf(String),
    /// The VM or the proof system failed.
    #[error("{stage}: {message}")]
    ProofSystem {
        /// Step that failed.
        stage: &'static str,
        /// Message of the proof system.
        message: String,
    },
}

impl VmError {
    /// Makes the error of the VM or the proof system during `stage`.
    pub fn proof_system(stage: &'static str, error: impl Display) -> Self {
        // The alternate form of an `eyre` error shows its causes.
        Self::ProofSystem { stage, message: format!("{error:#}") }
    }
}

/// Adds the name of the failed step to an error of the VM or the proof system.
pub(crate) trait Stage<T> {
    fn stage(self, stage: &'static str) -> Result<T, VmError>;
}

impl<T, E: Display> Stage<T> for Result<T, E> {
    fn stage(self, stage: &'static str) -> Result<T, VmError> {
        self.map_err(|error| VmError::proof_system(stage, error))
    }
}

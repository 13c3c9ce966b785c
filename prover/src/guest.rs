//! The guest program.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};
use openvm_circuit::arch::instructions::{
    LocalOpcode, SystemOpcode, instruction::Instruction, program::Program,
};
use openvm_sdk::F;
use openvm_sdk_config::TranspilerConfig;
use openvm_transpiler::{FromElf, elf::Elf, openvm_platform::memory::MEM_SIZE};

use crate::{ProverError, machine::Exe, vm_config};

/// The guest's ELF file, made by `scripts/build-guest`.
static COMMITTED: &[u8] = include_bytes!("../../config/guest/zeno-guest.elf");

/// A program for the virtual machine.
#[derive(Clone)]
pub struct Guest {
    pub(crate) exe: Arc<Exe>,
    /// keccak256 of the ELF file.
    pub(crate) hash: B256,
}

impl Guest {
    /// The guest that this program was built with.
    ///
    /// # Errors
    /// As [`from_elf`](Self::from_elf).
    pub fn committed() -> Result<Self, ProverError> {
        Self::from_elf(COMMITTED)
    }

    /// The ELF file of [`committed`](Self::committed).
    pub fn committed_elf() -> &'static [u8] {
        COMMITTED
    }

    /// A guest that ends at once and reveals nothing. Its proof has the form that all have, so the keys of the
    /// circuits that verify one can be made from it.
    pub(crate) fn idle() -> Self {
        let end = Instruction::from_usize(SystemOpcode::TERMINATE.global_opcode(), [0; 5]);
        let exe = Exe::new(Program::from_instructions(&[end]));
        Self { exe: Arc::new(exe), hash: keccak256("a guest that ends at once") }
    }

    /// A guest from its ELF file, compiled for RV32IM and linked for OpenVM.
    ///
    /// # Errors
    /// [`ProverError::Elf`] when the file is not such a program.
    pub fn from_elf(elf: &[u8]) -> Result<Self, ProverError> {
        let decoded =
            Elf::decode(elf, MEM_SIZE as u32).map_err(|error| ProverError::Elf(format!("{error:#}")))?;
        let transpiler = TranspilerConfig::<F>::transpiler(&vm_config()?);
        let exe =
            Exe::from_elf(decoded, transpiler).map_err(|error| ProverError::Elf(format!("{error:#}")))?;
        Ok(Self { exe: Arc::new(exe), hash: keccak256(elf) })
    }
}

//! The guest program.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};
use elf::{
    ElfBytes,
    abi::{PF_X, PT_LOAD},
    endian::LittleEndian,
};
use zeno_vm::{Exe, idle_program, transpile};

use crate::error::ProverError;

/// ELF file of the current release, made by `scripts/build-guest`.
static COMMITTED: &[u8] = include_bytes!("../../config/guest/evm/3/zeno-guest.elf");

/// Program for the VM.
#[derive(Clone)]
pub struct Guest {
    pub(crate) exe: Arc<Exe>,
    /// keccak256 of the ELF file.
    pub(crate) hash: B256,
}

impl Guest {
    /// Returns the guest that this program was built with.
    ///
    /// # Errors
    /// The same as [`from_elf`](Self::from_elf)'s.
    pub fn committed() -> Result<Self, ProverError> {
        Self::from_elf(COMMITTED)
    }

    /// ELF file of [`committed`](Self::committed).
    pub fn committed_elf() -> &'static [u8] {
        COMMITTED
    }

    /// Hash of [`committed`](Self::committed).
    pub(crate) fn committed_hash() -> B256 {
        keccak256(COMMITTED)
    }

    /// Returns a guest that ends at once and reveals nothing. Its proof has the form of every proof, so the keys of the
    /// circuits that verify one can be made from it.
    pub(crate) fn idle() -> Self {
        Self { exe: Arc::new(idle_program()), hash: keccak256("a guest that ends at once") }
    }

    /// Reads a guest from its ELF file, compiled for RV32IM and linked for OpenVM.
    ///
    /// # Errors
    /// [`VmError::Elf`](zeno_vm::VmError::Elf) when the file is no such program, or has [aborts that the VM
    /// ignores](make_aborts_traps).
    pub fn from_elf(elf: &[u8]) -> Result<Self, ProverError> {
        if let Some(offset) = instructions(elf)?.find(|at| is_idle_abort(elf, *at)) {
            return Err(ProverError::elf(format!(
                "the instruction at offset {offset:#x} is an abort that the VM takes for nothing to do; build the guest \
                 by scripts/build-guest"
            )));
        }
        let exe = transpile(elf)?;
        Ok(Self { exe: Arc::new(exe), hash: keccak256(elf) })
    }
}

impl Guest {
    /// Number of the program's instructions. Its table has one row for each, up to a power of two.
    pub fn instructions(&self) -> usize {
        self.exe.program.num_defined_instructions()
    }
}

/// Instruction that replaces an abort. It ends the run with exit code 1, like a panic (`TERMINATE_FUNCT3` of
/// `SYSTEM_OPCODE`).
const TRAP: u32 = 0x0010_000b;

/// Makes each abort of a program end the run, and returns the number of aborts.
///
/// The compiler aborts by `unimp`, which is `csrrw x0, cycle, x0`. OpenVM 2.0 takes every `csrrw x0, csr, x0` for a
/// reset of a register that it does not have. It continues after the instruction, in another function
/// (GHSA-6p9w-9j7q-867r).
///
/// # Errors
/// [`VmError::Elf`](zeno_vm::VmError::Elf) when `elf` is no ELF file.
pub fn make_aborts_traps(elf: &mut [u8]) -> Result<usize, ProverError> {
    let aborts = instructions(elf)?.filter(|at| is_idle_abort(elf, *at)).collect::<Vec<_>>();
    for at in &aborts {
        elf[*at..at + 4].copy_from_slice(&TRAP.to_le_bytes());
    }
    Ok(aborts.len())
}

/// Returns whether the four bytes at offset `at` are `csrrw x0, csr, x0`.
fn is_idle_abort(elf: &[u8], at: usize) -> bool {
    const CSR_AND_REGISTERS: u32 = 0xfff0_0000;
    const CSRRW: u32 = 0x0000_1073;
    elf[at..].first_chunk().is_some_and(|word| u32::from_le_bytes(*word) & !CSR_AND_REGISTERS == CSRRW)
}

/// Offsets of the file's instructions: of all words of executable segments, because the VM takes all of them for such.
fn instructions(elf: &[u8]) -> Result<impl Iterator<Item = usize> + use<>, ProverError> {
    let bad = |error: &dyn std::fmt::Display| ProverError::elf(error);
    let file = ElfBytes::<LittleEndian>::minimal_parse(elf).map_err(|error| bad(&error))?;
    let segments = file.segments().ok_or_else(|| bad(&"it has no segments"))?;
    let mut ranges = Vec::new();
    for segment in segments.iter().filter(|segment| segment.p_type == PT_LOAD && segment.p_flags & PF_X != 0)
    {
        let range = file.segment_data(&segment).map_err(|error| bad(&error))?.as_ptr_range();
        let start = range.start.addr() - elf.as_ptr().addr();
        ranges.push(start..start + (range.end.addr() - range.start.addr()));
    }
    Ok(ranges.into_iter().flat_map(|range| range.step_by(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aborts_are_traps() {
        let mut elf = COMMITTED.to_vec();
        assert_eq!(make_aborts_traps(&mut elf).unwrap(), 0);
        // An abort instead of the first instruction is refused until it is made a trap.
        let at = instructions(&elf).unwrap().next().unwrap();
        for abort in [0xc000_1073_u32, 0x0000_1073, 0xfff0_1073] {
            elf[at..at + 4].copy_from_slice(&abort.to_le_bytes());
            let error = Guest::from_elf(&elf).err().unwrap();
            assert!(error.to_string().contains("is an abort"), "{error}");
            assert_eq!(make_aborts_traps(&mut elf).unwrap(), 1);
            assert_eq!(elf[at..at + 4], TRAP.to_le_bytes());
            assert_eq!(make_aborts_traps(&mut elf).unwrap(), 0);
        }
        // A program that ends so at once reveals nothing.
        let error = zeno_vm::run(&Guest::from_elf(&elf).unwrap().exe, &[]).unwrap_err();
        assert!(matches!(error, zeno_vm::VmError::Refused(_)), "{error}");
        assert!(make_aborts_traps(&mut [0; 16]).is_err());
    }
}

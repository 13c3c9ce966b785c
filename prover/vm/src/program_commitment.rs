//! Commitment to the guest's program, as a table of the VM.

use openvm_circuit::{
    arch::instructions::{LocalOpcode, SystemOpcode, instruction::Instruction, program::DEFAULT_PC_STEP},
    system::program::ProgramExecutionCols,
};
use openvm_sdk::F;
use openvm_stark_backend::{
    StarkEngine,
    p3_field::PrimeCharacteristicRing,
    p3_matrix::dense::RowMajorMatrix,
    prover::{CommittedTraceData, TraceCommitter},
};

use crate::{
    error::{Stage, VmError},
    types::{DeviceBackend, Exe, OpenVm},
};

/// Commits to a program, with the same result as [`OpenVm::commit_program_on_device`], on this project's device.
///
/// # Errors
/// [`VmError::ProofSystem`] when the program is too large for the stacked matrix.
pub(crate) fn commit(vm: &OpenVm, exe: &Exe) -> Result<CommittedTraceData<DeviceBackend>, VmError> {
    let trace = table(exe);
    let engine = zeno_cpu_backend::Engine::new(vm.engine.params().clone());
    let (commitment, data) = engine.device().commit(&[&trace]).stage("committing to the guest's program")?;
    Ok(CommittedTraceData { commitment, trace, data: data.into() })
}

/// Program table [2^l rows × 9 columns, row-major]: a row for each instruction, with its address. The rows after them,
/// up to a power of two, end a run as failed.
fn table(exe: &Exe) -> RowMajorMatrix<F> {
    let program = &exe.program;
    let instructions = program.enumerate_by_pc();
    let count = instructions.len();
    let failure = Instruction::from_usize(SystemOpcode::TERMINATE.global_opcode(), [0, 0, 1]);
    let padding = (count..count.next_power_of_two())
        .map(|index| (program.pc_base + index as u32 * DEFAULT_PC_STEP, failure.clone()));
    let rows = instructions.into_iter().map(|(pc, instruction, _)| (pc, instruction)).chain(padding);
    let values = rows.flat_map(|(pc, Instruction { opcode, a, b, c, d, e, f, g })| {
        [F::from_u32(pc), opcode.to_field(), a, b, c, d, e, f, g]
    });
    RowMajorMatrix::new(values.collect(), ProgramExecutionCols::<F>::width())
}

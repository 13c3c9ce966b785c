//! Execution of the guest without proving.

use alloy_primitives::B256;
use openvm_circuit::{
    arch::{
        ExecutionError, InterpretedInstance, Streams,
        execution_mode::{ExecutionCtx, Segment},
    },
    system::memory::merkle::public_values::extract_public_values,
};
use openvm_sdk::F;
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use tracing::{debug, info};

use crate::{
    error::{ProverError, Stage},
    guest::Guest,
    guest_output::{GuestOutput, executors},
    vm::{SEGMENT_INTERACTIONS, SEGMENT_MEMORY, Vm, vm_config},
};

/// Cost and result of a run of the guest.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Number of executed instructions.
    pub instructions: u64,
    /// Cells of the tables that the instructions fill, without padding: roughly the cost of proving.
    pub cells: u64,
    /// Number of instructions of each segment to prove.
    pub segments: Vec<u64>,
    /// Digest that the guest revealed: that of the claim that a proof would make.
    pub digest: B256,
}

/// Input of a run: one vector of bytes, which the guest reads with `openvm::io::read_vec`.
pub(crate) fn streams(input: &[u8]) -> Streams<F> {
    Streams::new(vec![input.iter().map(|&byte| F::from_u8(byte)).collect::<Vec<_>>()])
}

/// Runs the guest to its end and returns the 32 bytes that it revealed.
pub(crate) fn run(guest: &Guest, input: &[u8]) -> Result<B256, ProverError> {
    let config = vm_config()?;
    let output = GuestOutput::default();
    let inventory = executors(&config, &output).stage("building the interpreter")?;
    let interpreter =
        InterpretedInstance::<F, ExecutionCtx>::new(&inventory, &guest.exe).stage("loading the guest")?;
    let state = interpreter.execute(streams(input), None).map_err(|error| refusal(&error, &output))?;
    revealed(&extract_public_values(config.system.config.num_public_values, &state.memory.memory))
}

/// Finds the cuts of the run into segments.
///
/// They follow the VM's estimate of memory. That estimate gives too little weight to interactions. If a segment would
/// have too many of them, the whole run is cut again with a lower limit.
pub(crate) fn segments(vm: &Vm, guest: &Guest, input: &[u8]) -> Result<Vec<Segment>, ProverError> {
    let interpreter = vm.metered_interpreter(&guest.exe).stage("loading the guest")?;
    let mut limit = SEGMENT_MEMORY;
    loop {
        let context = vm.build_metered_ctx(&guest.exe).with_max_memory(limit);
        let (segments, _) =
            interpreter.execute_metered(streams(input), context).stage("cutting the run into segments")?;
        let most = segments.iter().map(|segment| interactions(vm, segment)).max().unwrap_or_default();
        if most < SEGMENT_INTERACTIONS || limit <= SEGMENT_MEMORY / 2 {
            return Ok(segments);
        }
        limit -= SEGMENT_MEMORY / 8;
        debug!(most, limit, "too many interactions in a segment, cutting the run into smaller ones");
    }
}

/// Number of interactions that proving a segment handles: those of every row of every table, padding included.
fn interactions(vm: &Vm, segment: &Segment) -> u64 {
    let tables = segment.trace_heights.iter().zip(&vm.pk().per_air);
    let rows = |height: u32| if height == 0 { 0 } else { u64::from(height).next_power_of_two() };
    tables
        .map(|(&height, table)| rows(height) * table.vk.symbolic_constraints.interactions.len() as u64)
        .sum()
}

/// Runs the guest to find its digest and the cost of its proof.
pub(crate) fn execute(vm: &Vm, guest: &Guest, input: &[u8]) -> Result<Execution, ProverError> {
    // This run comes first because it tells why a guest refuses its input, which the metering runs don't.
    let digest = run(guest, input)?;
    let segments: Vec<u64> = segments(vm, guest, input)?.iter().map(|segment| segment.num_insns).collect();
    let interpreter = vm.metered_cost_interpreter(&guest.exe).stage("loading the guest")?;
    // No limit: the default one would end the run of a large block early and silently.
    let context = vm.build_metered_cost_ctx().with_max_execution_cost(u64::MAX / 4);
    let (context, _) = interpreter.execute_metered_cost(streams(input), context).stage("metering the run")?;
    let execution = Execution { instructions: segments.iter().sum(), cells: context.cost, segments, digest };
    info!(instructions = execution.instructions, segments = execution.segments.len(), "executed");
    Ok(execution)
}

/// Turns a run's failure into an error, with the guest's own last words if it printed any.
fn refusal(error: &ExecutionError, output: &GuestOutput) -> ProverError {
    let said = output.text();
    // The guest is built without panic locations, so the first line says nothing.
    let said = match said.trim().split_once('\n') {
        Some((place, reason)) if place.starts_with("panicked at ") => reason,
        _ => said.trim(),
    };
    match error {
        ExecutionError::FailedWithExitCode(code) if said.is_empty() => {
            ProverError::Refused(format!("exit code {code}, and no message"))
        }
        ExecutionError::FailedWithExitCode(_) => ProverError::Refused(said.to_owned()),
        error if said.is_empty() => ProverError::Refused(error.to_string()),
        error => ProverError::Refused(format!("{error}; the guest printed: {said}")),
    }
}

/// Digest among a guest's public values, which must be 32 bytes and then zeros.
fn revealed(public_values: &[u8]) -> Result<B256, ProverError> {
    match public_values.split_first_chunk::<32>() {
        Some((digest, rest)) if rest.iter().all(|&byte| byte == 0) => Ok(B256::from(digest)),
        _ => Err(ProverError::Refused("the guest revealed something else than 32 bytes".to_owned())),
    }
}

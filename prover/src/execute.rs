//! Running the guest without proving.

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
    Guest, ProverError,
    error::Stage,
    machine::{SEGMENT_INTERACTIONS, SEGMENT_MEMORY, Vm},
    stdout::{Output, executors},
    vm_config,
};

/// What running the guest takes, and what it reveals.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Instructions that were executed.
    pub instructions: u64,
    /// Cells of the tables that the instructions fill, without padding: what proving costs, by and large.
    pub cells: u64,
    /// Instructions of each segment that would be proven.
    pub segments: Vec<u64>,
    /// The digest that the guest revealed, of the claim that a proof would make.
    pub digest: B256,
}

/// The input of a run: one vector of bytes, which the guest reads with `openvm::io::read_vec`.
pub(crate) fn streams(input: &[u8]) -> Streams<F> {
    Streams::new(vec![input.iter().map(|&byte| F::from_u8(byte)).collect::<Vec<_>>()])
}

/// Runs the guest to its end and returns the 32 bytes that it revealed.
pub(crate) fn run(guest: &Guest, input: &[u8]) -> Result<B256, ProverError> {
    let config = vm_config()?;
    let output = Output::default();
    let inventory = executors(&config, &output).stage("building the interpreter")?;
    let interpreter =
        InterpretedInstance::<F, ExecutionCtx>::new(&inventory, &guest.exe).stage("loading the guest")?;
    let state = interpreter.execute(streams(input), None).map_err(|error| refusal(&error, &output))?;
    revealed(&extract_public_values(config.system.config.num_public_values, &state.memory.memory))
}

/// Finds where the run is cut into segments: by the machine's estimate of memory, with a lower limit for the
/// whole run where a segment would have too many interactions, which that estimate weighs too lightly.
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

/// How many interactions proving a segment handles: those of every row of every table, padding included.
fn interactions(vm: &Vm, segment: &Segment) -> u64 {
    let tables = segment.trace_heights.iter().zip(&vm.pk().per_air);
    let rows = |height: u32| if height == 0 { 0 } else { u64::from(height).next_power_of_two() };
    tables
        .map(|(&height, table)| rows(height) * table.vk.symbolic_constraints.interactions.len() as u64)
        .sum()
}

/// Runs the guest for what it reveals and for what its proof would cost.
pub(crate) fn execute(vm: &Vm, guest: &Guest, input: &[u8]) -> Result<Execution, ProverError> {
    // First, because it says why a guest refuses its input, and the metering runs don't.
    let digest = run(guest, input)?;
    let segments: Vec<u64> = segments(vm, guest, input)?.iter().map(|segment| segment.num_insns).collect();
    let interpreter = vm.metered_cost_interpreter(&guest.exe).stage("loading the guest")?;
    // Without a limit, where the default one would end the run of a large block early and silently.
    let context = vm.build_metered_cost_ctx().with_max_execution_cost(u64::MAX / 4);
    let (context, _) = interpreter.execute_metered_cost(streams(input), context).stage("metering the run")?;
    let execution = Execution { instructions: segments.iter().sum(), cells: context.cost, segments, digest };
    info!(instructions = execution.instructions, segments = execution.segments.len(), "executed");
    Ok(execution)
}

/// Why a run ended: the guest's own last words, where there are any.
fn refusal(error: &ExecutionError, output: &Output) -> ProverError {
    let said = output.text();
    // The guest is built without the places of panics.
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

/// The digest among what a guest revealed: 32 bytes, and zeros.
fn revealed(public_values: &[u8]) -> Result<B256, ProverError> {
    match public_values.split_first_chunk::<32>() {
        Some((digest, rest)) if rest.iter().all(|&byte| byte == 0) => Ok(B256::from(digest)),
        _ => Err(ProverError::Refused("the guest revealed something else than 32 bytes".to_owned())),
    }
}

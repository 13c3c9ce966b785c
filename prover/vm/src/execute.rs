//! Execution of the guest without proving.

use alloy_primitives::B256;
use openvm_circuit::{
    arch::{
        ExecutionError, InterpretedInstance,
        execution_mode::{ExecutionCtx, Segment},
    },
    system::memory::merkle::public_values::extract_public_values,
};
use openvm_sdk::F;
use tracing::{debug, info};

use crate::{
    config::{SEGMENT_INTERACTIONS, SEGMENT_MEMORY, vm_config},
    error::{Stage, VmError},
    guest_output::{GuestOutput, executors},
    input::streams,
    types::{Exe, OpenVm},
    vm::Vm,
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

/// Cost and result of a run of the guest, without its cuts into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Number of executed instructions.
    pub instructions: u64,
    /// Cells of the tables that the instructions fill, without padding: roughly the cost of proving.
    pub cells: u64,
    /// Digest that the guest revealed.
    pub digest: B256,
}

/// Runs a program to its end and returns the 32 bytes that it revealed.
///
/// # Errors
/// [`VmError::Refused`] when the program refuses `input`, with its own words.
pub fn run(exe: &Exe, input: &[u8]) -> Result<B256, VmError> {
    let config = vm_config()?;
    let output = GuestOutput::default();
    let inventory = executors(&config, &output).stage("building the interpreter")?;
    let interpreter =
        InterpretedInstance::<F, ExecutionCtx>::new(&inventory, exe).stage("loading the guest")?;
    let state = interpreter.execute(streams(input), None).map_err(|error| refusal(&error, &output))?;
    revealed(&extract_public_values(config.system.config.num_public_values, &state.memory.memory))
}

/// Finds the cuts of the run into segments.
///
/// They follow the VM's estimate of memory. That estimate gives too little weight to interactions. If a segment would
/// have too many of them, the whole run is cut again with a lower limit.
fn segments(vm: &OpenVm, exe: &Exe, input: &[u8]) -> Result<Vec<Segment>, VmError> {
    let interpreter = vm.metered_interpreter(exe).stage("loading the guest")?;
    let mut limit = SEGMENT_MEMORY;
    loop {
        let context = vm.build_metered_ctx(exe).with_max_memory(limit);
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
fn interactions(vm: &OpenVm, segment: &Segment) -> u64 {
    let tables = segment.trace_heights.iter().zip(&vm.pk().per_air);
    let rows = |height: u32| if height == 0 { 0 } else { u64::from(height).next_power_of_two() };
    tables
        .map(|(&height, table)| rows(height) * table.vk.symbolic_constraints.interactions.len() as u64)
        .sum()
}

/// One step of a run: an instruction, or a few that the interpreter takes as one.
#[derive(Clone, Copy, Debug)]
pub struct Followed {
    /// Address of the instruction.
    pub pc: u32,
    /// Address of the next one.
    pub next: u32,
    /// Number of instructions.
    pub instructions: u64,
    /// Cells of the tables' rows that they fill, without padding.
    pub cells: u64,
}

impl Vm {
    /// Finds the cuts of a program's run into segments.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the VM fails.
    pub fn segments(&self, exe: &Exe, input: &[u8]) -> Result<Vec<Segment>, VmError> {
        segments(&self.inner, exe, input)
    }

    /// Runs a program to find its digest and the cost of its proof.
    ///
    /// # Errors
    /// [`VmError::Refused`] when the program refuses `input`, with its own words.
    pub fn execute(&self, exe: &Exe, input: &[u8]) -> Result<Execution, VmError> {
        // This run comes first because it tells why a guest refuses its input, which the metering runs don't.
        let digest = run(exe, input)?;
        let Metered { cells, .. } = self.meter(exe, input)?;
        let segments: Vec<u64> = self.segments(exe, input)?.iter().map(|segment| segment.num_insns).collect();
        let execution = Execution { instructions: segments.iter().sum(), cells, segments, digest };
        info!(instructions = execution.instructions, segments = execution.segments.len(), "executed");
        Ok(execution)
    }

    /// Runs a program once to find its digest and its cost, but not its segments. What the program says goes to standard
    /// output.
    ///
    /// # Errors
    /// [`VmError::Refused`] when the program refuses `input`, with its own words.
    pub fn meter(&self, exe: &Exe, input: &[u8]) -> Result<Metered, VmError> {
        let vm = &self.inner;
        let interpreter = vm.metered_cost_interpreter(exe).stage("loading the guest")?;
        // No limit: the default one would end the run of a large block early and silently.
        let context = vm.build_metered_cost_ctx().with_max_execution_cost(u64::MAX / 4);
        let result = interpreter.execute_metered_cost(streams(input), context);
        if result.is_err() {
            // This run tells why the guest refuses its input.
            run(exe, input)?;
        }
        let (context, state) = result.stage("metering the run")?;
        let public_values = vm_config()?.system.config.num_public_values;
        let digest = revealed(&extract_public_values(public_values, &state.memory.memory))?;
        Ok(Metered { instructions: context.instret, cells: context.cost, digest })
    }

    /// Runs a program one instruction at a time, some ten million a second, and calls `each` after every one.
    ///
    /// # Errors
    /// [`VmError::Refused`] when the program refuses `input`, with its own words.
    pub fn follow(&self, exe: &Exe, input: &[u8], each: &mut dyn FnMut(Followed)) -> Result<(), VmError> {
        // This run tells why the guest refuses its input, if it does. The loop below could not.
        run(exe, input)?;
        let interpreter = self.inner.metered_cost_interpreter(exe).stage("loading the guest")?;
        let mut state = interpreter.create_initial_vm_state(streams(input));
        let mut context = self.inner.build_metered_cost_ctx().with_max_execution_cost(0);
        loop {
            let pc = state.pc();
            // With this limit, a run stops after one instruction.
            (context.cost, context.instret) = (0, 0);
            (context, state) = interpreter
                .execute_metered_cost_from_state(state, context)
                .stage("running one instruction")?;
            let next = state.pc();
            each(Followed { pc, next, instructions: context.instret, cells: context.cost });
            // Only the instruction that ends the program leaves the program counter unchanged. A jump to itself would
            // have kept the guest from ending above.
            if next == pc {
                return Ok(());
            }
        }
    }
}

/// Turns a run's failure into an error, with the guest's own last words if it printed any.
fn refusal(error: &ExecutionError, output: &GuestOutput) -> VmError {
    let said = output.text();
    // The guest is built without panic locations, so the first line says nothing.
    let said = match said.trim().split_once('\n') {
        Some((place, reason)) if place.starts_with("panicked at ") => reason,
        _ => said.trim(),
    };
    match error {
        ExecutionError::FailedWithExitCode(code) if said.is_empty() => {
            VmError::Refused(format!("exit code {code}, and no message"))
        }
        ExecutionError::FailedWithExitCode(_) => VmError::Refused(said.to_owned()),
        error if said.is_empty() => VmError::Refused(error.to_string()),
        error => VmError::Refused(format!("{error}; the guest printed: {said}")),
    }
}

/// Digest among a guest's public values, which must be 32 bytes and then zeros.
fn revealed(public_values: &[u8]) -> Result<B256, VmError> {
    match public_values.split_first_chunk::<32>() {
        Some((digest, rest)) if rest.iter().all(|&byte| byte == 0) => Ok(B256::from(digest)),
        _ => Err(VmError::Refused("the guest revealed something else than 32 bytes".to_owned())),
    }
}

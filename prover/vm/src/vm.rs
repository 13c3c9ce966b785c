//! The VM with its keys, and a run that is proven segment by segment.

use openvm_circuit::{
    arch::{
        PreflightExecutionOutput, VmExecutionConfig, VmState,
        execution_mode::Segment,
        hasher::poseidon2::vm_poseidon2_hasher,
        instructions::{LocalOpcode, SystemOpcode, instruction::Instruction, program::Program},
        interpreter_preflight::PreflightInterpretedInstance,
    },
    system::{
        memory::merkle::public_values::UserPublicValuesProof,
        program::trace::compute_exe_commit_from_mem_config,
    },
};
use openvm_sdk::{F, prover::verify_app_proof};
use openvm_sdk_config::{SdkVmConfig, SdkVmCpuBuilder, TranspilerConfig};
use openvm_stark_backend::{
    StarkEngine,
    prover::{CommittedTraceData, DeviceDataTransporter},
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{DIGEST_SIZE, Digest};
use openvm_transpiler::{FromElf, elf::Elf, openvm_platform::memory::MEM_SIZE};

use crate::{
    backend::Backend,
    config::{app_config, vm_config},
    error::{Stage, VmError},
    input::streams,
    program_commitment,
    types::{AppKey, DeviceBackend, Exe, OpenVm, OpenVmEngine, RunProof, StarkProof},
};

/// Proof of the values that a guest revealed: a Merkle path to the root of its final memory.
pub type PublicValuesProof = UserPublicValuesProof<DIGEST_SIZE, F>;

/// Interpreter that records a segment's run for its tables.
type Preflight = PreflightInterpretedInstance<F, <SdkVmConfig as VmExecutionConfig<F>>::Executor>;

/// Makes a program for the VM from an ELF file, compiled for RV32IM and linked for OpenVM.
///
/// # Errors
/// [`VmError::Elf`] when the file is no such program.
pub fn transpile(elf: &[u8]) -> Result<Exe, VmError> {
    let bad = |error: eyre::Report| VmError::Elf(format!("{error:#}"));
    let decoded = Elf::decode(elf, MEM_SIZE as u32).map_err(bad)?;
    let transpiler = TranspilerConfig::<F>::transpiler(&vm_config()?);
    Exe::from_elf(decoded, transpiler).map_err(|error| VmError::Elf(format!("{error:#}")))
}

/// Returns a program that ends at once and reveals nothing.
pub fn idle_program() -> Exe {
    let end = Instruction::from_usize(SystemOpcode::TERMINATE.global_opcode(), [0; 5]);
    Exe::new(Program::from_instructions(&[end]))
}

/// Makes the VM's proving key, in half a second.
///
/// # Errors
/// [`VmError::ProofSystem`] when the proof system fails.
pub fn make_app_key() -> Result<AppKey, VmError> {
    AppKey::keygen(app_config()?).stage("making the VM's keys")
}

/// VM that can run, meter and prove a program.
pub struct Vm {
    pub(crate) inner: OpenVm,
}

/// Program with the commitment to its table.
pub struct CommittedProgram(CommittedTraceData<DeviceBackend>);

impl Vm {
    /// Builds the VM of a proving key.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the proof system fails.
    pub fn new(key: &AppKey) -> Result<Self, VmError> {
        let key = &key.app_vm_pk;
        let engine = OpenVmEngine::new(key.get_params());
        let device_key = engine.device().transport_pk_to_device(&key.vm_pk);
        // The configuration is not the key's, which may come from the cache folder.
        let inner =
            OpenVm::new(engine, SdkVmCpuBuilder, vm_config()?, device_key).stage("building the VM")?;
        Ok(Self { inner })
    }

    /// Commits to a program's table, with this project's device: it saves a second before the first segment.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the program is too large for the stacked matrix.
    pub fn commit(&self, exe: &Exe) -> Result<CommittedProgram, VmError> {
        program_commitment::commit(&self.inner, exe).map(CommittedProgram)
    }

    /// Commits to a program's table with OpenVM's device, the reference for [`commit`](Self::commit).
    pub fn commit_by_openvm(&self, exe: &Exe) -> CommittedProgram {
        CommittedProgram(self.inner.commit_program_on_device(&exe.program))
    }

    /// Commitment to a program: to its code, its initial memory and its entry point.
    pub fn exe_commitment(&self, exe: &Exe, program: &CommittedProgram) -> Digest {
        let memory = &self.inner.config().system.config.memory_config;
        compute_exe_commit_from_mem_config(&program.0.commitment, exe, memory)
    }

    /// Begins a run that is proven segment by segment.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the VM can't load the program.
    pub fn start<'a>(
        mut self,
        exe: &'a Exe,
        program: CommittedProgram,
        input: &[u8],
        backend: Backend,
    ) -> Result<SegmentedRun<'a>, VmError> {
        self.inner.load_program(program.0);
        let preflight = self.inner.preflight_interpreter(exe).stage("loading the guest")?;
        let state = self.inner.create_initial_state(exe, streams(input));
        Ok(SegmentedRun { inner: self.inner, exe, preflight, state: Some(state), backend })
    }
}

impl CommittedProgram {
    /// Returns whether another program has the same table, with the same commitment.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.commitment == other.0.commitment && self.0.trace == other.0.trace
    }
}

/// Run of a guest in its segments' order, each of which is proven or, if its proof was kept, only executed.
pub struct SegmentedRun<'a> {
    inner: OpenVm,
    exe: &'a Exe,
    preflight: Preflight,
    /// State before the next segment. It is gone after a segment that failed.
    state: Option<VmState<F>>,
    backend: Backend,
}

impl SegmentedRun<'_> {
    /// Runs the next segment, fills its tables and proves it.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the VM or the proof system fails. The run can't continue then.
    pub fn prove(&mut self, segment: &Segment) -> Result<StarkProof, VmError> {
        let state = self.take_state()?;
        let vm = &mut self.inner;
        vm.transport_init_memory_to_device(&state.memory);
        let PreflightExecutionOutput { system_records, record_arenas, to_state } = vm
            .execute_preflight(&mut self.preflight, state, Some(segment.num_insns), &segment.trace_heights)
            .stage("running a segment")?;
        let tables =
            vm.generate_proving_ctx(system_records, record_arenas).stage("filling a segment's tables")?;
        let proof = self.backend.prove_segment(vm, tables)?;
        self.state = Some(to_state);
        Ok(proof)
    }

    /// Runs the next segment, whose proof is there.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when the VM fails. The run can't continue then.
    pub fn skip(&mut self, segment: &Segment) -> Result<(), VmError> {
        let state = self.take_state()?;
        let interpreter = self.inner.interpreter(self.exe).stage("loading the guest")?;
        let next = interpreter
            .execute_from_state(state, Some(segment.num_insns))
            .stage("running a segment that was proven before")?;
        self.state = Some(next);
        Ok(())
    }

    /// Makes the proof of the values that the guest revealed, after the last segment has been proven.
    ///
    /// # Errors
    /// [`VmError::ProofSystem`] when no segment has been proven.
    pub fn public_values(&self) -> Result<PublicValuesProof, VmError> {
        const STAGE: &str = "proving what the guest revealed";
        let top = self.inner.memory_top_tree();
        let top = top.ok_or_else(|| VmError::proof_system(STAGE, "the VM has no memory tree"))?;
        let state = self.state.as_ref().ok_or_else(|| VmError::proof_system(STAGE, "the run has failed"))?;
        let config = &self.inner.config().system.config;
        Ok(UserPublicValuesProof::compute(
            config.memory_config.memory_dimensions(),
            config.num_public_values,
            &vm_poseidon2_hasher(),
            &state.memory.memory,
            top,
        ))
    }

    fn take_state(&mut self) -> Result<VmState<F>, VmError> {
        self.state
            .take()
            .ok_or_else(|| VmError::proof_system("running a segment", "one before it has failed"))
    }
}

/// Checks that the segments' proofs verify, and that they follow one another from a program's start to its end. Returns
/// the commitment to the program.
///
/// # Errors
/// [`VmError::ProofSystem`] when they don't.
pub fn verify_run(app_key: &AppKey, run: &RunProof) -> Result<Digest, VmError> {
    verify_app_proof::<OpenVmEngine>(&app_key.get_app_vk(), run).stage("checking the segments' proofs")
}

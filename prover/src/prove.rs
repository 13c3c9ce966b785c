//! Proving a run of the guest.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use openvm_circuit::{
    arch::{
        ContinuationVmProof, PreflightExecutionOutput, execution_mode::Segment,
        hasher::poseidon2::vm_poseidon2_hasher,
    },
    system::{
        memory::{MemoryImage, merkle::public_values::UserPublicValuesProof},
        program::trace::compute_exe_commit_from_mem_config,
    },
};
use openvm_sdk::{
    F, SC,
    prover::{AggProver, verify_app_proof},
};
use openvm_stark_backend::codec::Encode;
use openvm_stark_sdk::config::baby_bear_poseidon2::{DIGEST_SIZE, Digest};
use openvm_verify_stark_host::{
    VmStarkProof,
    vk::{VerificationBaseline, VmStarkVerifyingKey},
};
use tracing::info;
use zeno_verifier::{ChainClaim, PROOF_SYSTEM, ProofFile, ProofKind, VerifyingKey, verify_stark};

use crate::{
    Backend, Execution, Guest, Progress, ProverError, Step,
    error::Stage,
    execute::{self, streams},
    keys,
    machine::{AppKey, Engine, SEGMENT_MEMORY, Vm, aggregation_tree, machine},
    profile::{self, Profile},
    program,
    work::Work,
};

/// The program that makes the proofs, as proof files name it.
pub(crate) const PROVER: &str = concat!("zeno ", env!("CARGO_PKG_VERSION"));

/// Runs and proves one guest.
pub struct Prover {
    pub(crate) guest: Guest,
    pub(crate) cache: PathBuf,
    progress: Arc<dyn Progress>,
    pub(crate) backend: Backend,
    app_key: OnceLock<AppKey>,
}

/// A proof and how it came about.
#[derive(Debug)]
pub struct Proved {
    /// The proof, which has been verified.
    pub file: ProofFile,
    /// Where the time went.
    pub timings: Timings,
    pub(crate) work: Work,
}

/// How long each stage took. What was found in the cache folder from an interrupted run counts next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    /// Reading or making the keys.
    pub keys: Duration,
    /// Running the guest without proving, twice: for its claim, and to cut the run into segments.
    pub execute: Duration,
    /// Proving each segment.
    pub segments: Vec<Duration>,
    /// Aggregating, layer by layer.
    pub layers: Vec<Duration>,
    /// The steps of a proof for the EVM, after the aggregation.
    pub evm: Option<EvmTimings>,
    /// Verifying the proof.
    pub verify: Duration,
    /// How many proofs of segments, aggregations and later steps were found in the cache folder.
    pub restored: usize,
}

/// How long each step of a proof for the EVM took, its own key's reading included.
#[derive(Clone, Debug, Default)]
pub struct EvmTimings {
    /// The root proof.
    pub root: Duration,
    /// The static verifier's proof.
    pub static_verifier: Duration,
    /// The wrapper's proof.
    pub wrapper: Duration,
}

/// A run of a guest, aggregated to one STARK, and what the next step needs beside it.
pub(crate) struct Run {
    pub(crate) stark: VmStarkProof,
    pub(crate) aggregation: AggProver,
    app_exe_commit: Digest,
}

impl Proved {
    /// Writes the proof to `path` and removes the work that was kept for an interrupted run.
    ///
    /// # Errors
    /// [`ProverError::File`] when the file can't be written; the work is then still there.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ProverError> {
        self.file.write(path)?;
        self.work.remove();
        Ok(())
    }
}

impl Prover {
    /// A prover of `guest`, with keys and unfinished work in the folder `cache`.
    pub fn new(guest: Guest, cache: impl Into<PathBuf>) -> Self {
        Self {
            guest,
            cache: cache.into(),
            progress: Arc::new(()),
            backend: Backend::default(),
            app_key: OnceLock::new(),
        }
    }

    /// Tells `progress` of each step.
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Computes proofs with `backend`.
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Runs the guest without proving.
    ///
    /// # Errors
    /// [`ProverError::Refused`] when the guest refuses `input`, with the guest's words; others when the cache
    /// folder can't be used.
    pub fn execute(&self, input: &[u8]) -> Result<Execution, ProverError> {
        let vm = machine(&self.app_key(&mut Timings::default())?.app_vm_pk)?;
        Ok(self.timed(Step::Execute, || execute::execute(&vm, &self.guest, input))?.0)
    }

    /// Runs the guest in `elf`, which must have its symbols, on this machine and follows every instruction: some ten
    /// million a second.
    ///
    /// # Errors
    /// [`ProverError::Elf`] when `elf` is no guest or has no symbols; as [`execute`](Self::execute) otherwise.
    pub fn profile(&self, elf: &[u8], input: &[u8]) -> Result<Profile, ProverError> {
        let vm = machine(&self.app_key(&mut Timings::default())?.app_vm_pk)?;
        profile::profile(&vm, elf, input)
    }

    /// Proves that the guest accepts `input` and reveals `claim`'s digest, and verifies the proof.
    ///
    /// # Errors
    /// [`ProverError::Refused`] when the guest refuses `input` and [`ProverError::OtherClaim`] when it claims
    /// something else, both before anything is proven; others when the cache folder can't be used or the proof
    /// system fails.
    pub fn prove(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        let mut timings = Timings::default();
        let work = self.work(&self.guest, input)?;
        let run = self.run(&self.guest, input, Some(claim.digest()), &work, &mut timings)?;
        let key = verifying_key(self.app_key(&mut timings)?, &run.aggregation, run.app_exe_commit);
        let file = ProofFile {
            kind: ProofKind::Stark,
            claim: *claim,
            app_exe_commitment: key.app_exe_commitment(),
            app_vm_commitment: key.app_vm_commitment(),
            proof_system: PROOF_SYSTEM.to_owned(),
            prover: PROVER.to_owned(),
            srs: None,
            proof: run.stark.encode_to_vec().stage("encoding the proof")?,
        };
        let start = Instant::now();
        verify_stark(&file, &key)?;
        timings.verify = start.elapsed();
        info!(bytes = file.proof.len(), "proven");
        Ok(Proved { file, timings, work })
    }

    /// The folder of what has been proven of a run.
    pub(crate) fn work(&self, guest: &Guest, input: &[u8]) -> Result<Work, ProverError> {
        let keys = keys::identity()?;
        let identity = [guest.hash.as_slice(), keys.as_slice(), &SEGMENT_MEMORY.to_le_bytes()];
        Ok(Work::open(&self.cache, &identity, input))
    }

    /// Proves a run and aggregates it, after a check that it reveals `expected`, if that is given.
    pub(crate) fn run(
        &self,
        guest: &Guest,
        input: &[u8],
        expected: Option<B256>,
        work: &Work,
        timings: &mut Timings,
    ) -> Result<Run, ProverError> {
        let app_key = self.app_key(timings)?;
        let vm = machine(&app_key.app_vm_pk)?;
        let (segments, elapsed) = self.timed(Step::Execute, || {
            let revealed = execute::run(guest, input)?;
            if let Some(expected) = expected
                && revealed != expected
            {
                return Err(ProverError::OtherClaim { revealed, expected });
            }
            execute::segments(&vm, guest, input)
        })?;
        timings.execute += elapsed;
        let (run, app_exe_commit) = self.prove_segments(vm, guest, segments, input, work, timings)?;
        check_chain(app_key, &run, app_exe_commit).inspect_err(|_| work.remove())?;

        // The aggregation's circuits come after the machine is gone, so that the two never share the memory.
        let aggregation = self.aggregation(timings)?;
        let stark = self.aggregate(&aggregation, run, work, timings)?;
        Ok(Run { stark, aggregation, app_exe_commit })
    }

    /// The key that this prover's proofs verify under.
    ///
    /// # Errors
    /// When the cache folder can't be used, or the proof system fails.
    pub fn verifying_key(&self) -> Result<VerifyingKey, ProverError> {
        let mut timings = Timings::default();
        let app_key = self.app_key(&mut timings)?;
        let app_exe_commit = {
            let vm = machine(&app_key.app_vm_pk)?;
            exe_commit(&vm, &self.guest, &program::commit(&vm, &self.guest.exe)?.commitment)
        };
        let aggregation = self.aggregation(&mut timings)?;
        Ok(verifying_key(app_key, &aggregation, app_exe_commit))
    }

    pub(crate) fn app_key(&self, timings: &mut Timings) -> Result<&AppKey, ProverError> {
        if let Some(key) = self.app_key.get() {
            return Ok(key);
        }
        let (key, elapsed) = self.timed(Step::Keys, || keys::app_key(&self.cache))?;
        timings.keys += elapsed;
        Ok(self.app_key.get_or_init(|| key))
    }

    /// The aggregation's circuits with their keys.
    pub(crate) fn aggregation(&self, timings: &mut Timings) -> Result<AggProver, ProverError> {
        let app_key = self.app_key(timings)?;
        let (aggregation, elapsed) = self.timed(Step::Keys, || keys::aggregation(&self.cache, app_key))?;
        timings.keys += elapsed;
        Ok(aggregation)
    }

    /// Proves each segment of the run, or takes its proof from the interrupted run's work. Returns the proofs
    /// with one of what the guest revealed, and the guest's commitment.
    fn prove_segments(
        &self,
        mut vm: Vm,
        guest: &Guest,
        segments: Vec<Segment>,
        input: &[u8],
        work: &Work,
        timings: &mut Timings,
    ) -> Result<(ContinuationVmProof<SC>, Digest), ProverError> {
        let exe = &guest.exe;
        let program = program::commit(&vm, exe)?;
        // In the cache, because the tree over the memory takes half a second. The proof is checked against it, so that a
        // wrong one only makes this run fail; what others will check against is computed, see `verifying_key`.
        let name = format!("guest-{}", &guest.hash.to_string()[2..18]);
        let app_exe_commit =
            keys::cached(&self.cache, &name, || Ok(exe_commit(&vm, guest, &program.commitment)))?;
        vm.load_program(program);
        let mut preflight = vm.preflight_interpreter(exe).stage("loading the guest")?;
        let mut state = vm.create_initial_state(exe, streams(input));

        let count = segments.len();
        let mut per_segment = Vec::with_capacity(count);
        let mut user_public_values = None;
        for (index, Segment { num_insns: instructions, trace_heights, .. }) in
            segments.into_iter().enumerate()
        {
            let step = Step::Segment { index, count, instructions };
            let last = index + 1 == count;
            let name = format!("segment-{index}");
            let ((proof, next), elapsed) = self.timed_saved(step, timings, || {
                let saved = match last {
                    // Its proof is of no use without the one of what the guest revealed.
                    true => work.public_values()?.map(|values| user_public_values.insert(values)).is_some(),
                    false => true,
                };
                if let Some(proof) = work.proof(&name)?.filter(|_| saved) {
                    let interpreter = vm.interpreter(exe).stage("loading the guest")?;
                    let next = interpreter
                        .execute_from_state(state, Some(instructions))
                        .stage("running a segment that was proven before")?;
                    return Ok((proof, next, true));
                }
                vm.transport_init_memory_to_device(&state.memory);
                let PreflightExecutionOutput { system_records, record_arenas, to_state } = vm
                    .execute_preflight(&mut preflight, state, Some(instructions), &trace_heights)
                    .stage("running a segment")?;
                let context = vm
                    .generate_proving_ctx(system_records, record_arenas)
                    .stage("filling a segment's tables")?;
                let proof = self.backend.prove_segment(&vm, context)?;
                if last {
                    let values =
                        user_public_values.insert(prove_public_values(&vm, &to_state.memory.memory)?);
                    work.save_public_values(values)?;
                }
                work.save(&name, &proof)?;
                Ok((proof, to_state, false))
            })?;
            timings.segments.push(elapsed);
            per_segment.push(proof);
            state = next;
        }
        let user_public_values =
            user_public_values.ok_or_else(|| ProverError::machine("proving", "a run without segments"))?;
        Ok((ContinuationVmProof { per_segment, user_public_values }, app_exe_commit))
    }

    /// Aggregates the proofs of a run to one: layer by layer, and one time more because the proof of a single
    /// child is the smallest.
    fn aggregate(
        &self,
        aggregation: &AggProver,
        run: ContinuationVmProof<SC>,
        work: &Work,
        timings: &mut Timings,
    ) -> Result<VmStarkProof, ProverError> {
        let widths = aggregation_tree();
        let layers = layers(run.per_segment.len());
        let count = layers.iter().sum();
        let mut index = 0;
        let mut proofs = run.per_segment;
        for (layer, &width) in layers.iter().enumerate() {
            let start = Instant::now();
            let children = if layer == 0 { widths.num_children_leaf } else { widths.num_children_internal };
            let mut parents = Vec::with_capacity(width);
            for (position, children) in proofs.chunks(children).enumerate() {
                let name = format!("layer-{layer}-{position}");
                let (proof, _) =
                    self.timed_saved(Step::Aggregate { index, count, layer }, timings, || {
                        if let Some(proof) = work.proof(&name)? {
                            return Ok((proof, (), true));
                        }
                        let proof = self.backend.aggregate(aggregation, layer, children)?;
                        work.save(&name, &proof)?;
                        Ok((proof, (), false))
                    })?;
                parents.push(proof.0);
                index += 1;
            }
            proofs = parents;
            timings.layers.push(start.elapsed());
        }
        let inner = proofs.pop().ok_or_else(|| ProverError::machine("aggregating", "no proof was left"))?;
        Ok(VmStarkProof { inner, user_pvs_proof: run.user_public_values, deferral_merkle_proofs: None })
    }

    /// Runs one step and tells of it.
    pub(crate) fn timed<T>(
        &self,
        step: Step,
        run: impl FnOnce() -> Result<T, ProverError>,
    ) -> Result<(T, Duration), ProverError> {
        let mut untold = Timings::default();
        let ((value, ()), elapsed) = self.timed_saved(step, &mut untold, || Ok((run()?, (), false)))?;
        Ok((value, elapsed))
    }

    /// Runs one step, whose closure also says whether its result was found in the interrupted run's work.
    pub(crate) fn timed_saved<T, U>(
        &self,
        step: Step,
        timings: &mut Timings,
        run: impl FnOnce() -> Result<(T, U, bool), ProverError>,
    ) -> Result<((T, U), Duration), ProverError> {
        let start = Instant::now();
        self.progress.start(step);
        let (value, more, restored) = run()?;
        timings.restored += usize::from(restored);
        self.progress.finish(step, start.elapsed(), restored);
        Ok(((value, more), start.elapsed()))
    }
}

/// How many proofs each layer of the aggregation holds, over `segments` proofs.
fn layers(segments: usize) -> Vec<usize> {
    let tree = aggregation_tree();
    let mut layers = vec![segments.div_ceil(tree.num_children_leaf)];
    // A layer of leaves, one above leaves, and at least one above that: each has a circuit of its own.
    while layers.len() < 3 || layers.last().is_some_and(|&proofs| proofs > 1) {
        layers.push(layers.last().map_or(0, |proofs| proofs.div_ceil(tree.num_children_internal)));
    }
    layers.push(1);
    layers
}

/// The commitment to the guest: to its code, its initial memory and its entry point. `program` is the one to its code.
fn exe_commit(vm: &Vm, guest: &Guest, program: &Digest) -> Digest {
    compute_exe_commit_from_mem_config(program, &guest.exe, &vm.config().system.config.memory_config)
}

/// The Merkle path from what the guest revealed to the root of its memory at the end.
fn prove_public_values(
    vm: &Vm,
    memory: &MemoryImage,
) -> Result<UserPublicValuesProof<DIGEST_SIZE, F>, ProverError> {
    let top = vm.memory_top_tree().ok_or_else(|| {
        ProverError::machine("proving what the guest revealed", "the machine has no memory tree")
    })?;
    let config = &vm.config().system.config;
    let dimensions = config.memory_config.memory_dimensions();
    Ok(UserPublicValuesProof::compute(
        dimensions,
        config.num_public_values,
        &vm_poseidon2_hasher(),
        memory,
        top,
    ))
}

/// Checks that the segments' proofs verify and follow one another from the guest's start to its end.
fn check_chain(
    app_key: &AppKey,
    run: &ContinuationVmProof<SC>,
    app_exe_commit: Digest,
) -> Result<(), ProverError> {
    const STAGE: &str = "checking the segments' proofs, which are removed now";
    let proven = verify_app_proof::<Engine>(&app_key.get_app_vk(), run).stage(STAGE)?;
    if proven == app_exe_commit {
        Ok(())
    } else {
        Err(ProverError::machine(STAGE, "they are of another guest"))
    }
}

/// All that a proof of the guest is checked against.
fn verifying_key(app_key: &AppKey, aggregation: &AggProver, app_exe_commit: Digest) -> VerifyingKey {
    let app_vk = app_key.get_app_vk();
    VerifyingKey::new(VmStarkVerifyingKey {
        mvk: aggregation.internal_recursive_prover.get_vk().as_ref().clone(),
        baseline: VerificationBaseline {
            app_exe_commit,
            memory_dimensions: app_vk.memory_dimensions,
            num_user_pvs: app_vk.num_user_pvs,
            app_vk_commit: aggregation.leaf_prover.get_vk_commit(false),
            leaf_vk_commit: aggregation.internal_for_leaf_prover.get_vk_commit(false),
            internal_for_leaf_vk_commit: aggregation.internal_recursive_prover.get_vk_commit(false),
            internal_recursive_vk_commit: aggregation.internal_recursive_prover.get_vk_commit(true),
            expected_def_hook_commit: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::layers;

    #[test]
    fn layers_end_in_one_proof() {
        assert_eq!(layers(1), [1, 1, 1, 1]);
        assert_eq!(layers(4), [1, 1, 1, 1]);
        assert_eq!(layers(25), [7, 3, 1, 1]);
        assert_eq!(layers(43), [11, 4, 2, 1, 1]);
        for segments in 1..500 {
            let layers = layers(segments);
            assert!(layers.ends_with(&[1, 1]) && layers.windows(2).all(|pair| pair[1] <= pair[0]));
        }
    }
}

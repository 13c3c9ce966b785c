//! Proofs of runs of the guest: segments and aggregation. The steps of a proof for the EVM are methods of [`Prover`] as
//! well, in `wrap/prove.rs`, and those that make their keys in `wrap/keys.rs`.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use openvm_sdk::F;
use openvm_stark_backend::{codec::Encode, p3_field::PrimeField32};
use openvm_stark_sdk::config::baby_bear_poseidon2::Digest;
use openvm_verify_stark_host::{VmStarkProof, verify_vm_stark_proof_decoded};
use tracing::{info, warn};
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, PROOF_SYSTEM, ProofFile, ProofKind, VerifyingKey, caught, verify_stark,
};
use zeno_vm::{
    Aggregation, AppKey, Backend, Execution, Metered, RunProof, SEGMENT_MEMORY, Segment, StarkProof, Vm,
    VmError, aggregation_tree, run, verify, verify_run,
};

use crate::{
    checkpoint::Checkpoint,
    error::{ProverError, Stage, guarded},
    guest::Guest,
    keys,
    profile::{self, Profile},
    progress::{Progress, Step},
};

/// Name of the program that makes the proofs, for proof files.
pub(crate) const PROVER: &str = concat!("zeno ", env!("CARGO_PKG_VERSION"));

/// Prover of one guest.
pub struct Prover {
    pub(crate) guest: Guest,
    pub(crate) cache: PathBuf,
    progress: Arc<dyn Progress>,
    pub(crate) backend: Backend,
    app_key: OnceLock<AppKey>,
}

/// Proof, with the time that it took.
#[derive(Debug)]
pub struct Proved {
    /// The proof, which has been verified.
    pub file: ProofFile,
    /// Verifying key of a proof for the EVM. From its digest and its SRS's origin, a verifier decides whether to accept
    /// it.
    pub evm_key: Option<EvmVerifyingKey>,
    /// Time by stage.
    pub timings: Timings,
    pub(crate) checkpoint: Checkpoint,
}

/// Time that each stage took. Proofs that an interrupted run left in the cache folder count next to nothing.
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
    /// Number of proofs found in the cache folder: of segments, of aggregations and of later steps.
    pub restored: usize,
}

/// Time that each step of a proof for the EVM took, with reading its own key.
#[derive(Clone, Debug, Default)]
pub struct EvmTimings {
    /// The root proof.
    pub root: Duration,
    /// The static verifier's proof.
    pub static_verifier: Duration,
    /// The wrapper's proof.
    pub wrapper: Duration,
}

/// Run of a guest, aggregated to one STARK, with what the next step needs.
pub(crate) struct Run {
    pub(crate) stark: VmStarkProof,
    pub(crate) aggregation: Aggregation,
    app_exe_commit: Digest,
}

impl Proved {
    /// Removes the checkpoint that was kept for an interrupted run. To be called when the proof has been written.
    pub fn finish(&self) {
        self.checkpoint.remove();
    }
}

impl Prover {
    /// Makes a prover of `guest`, with keys and checkpoints in the folder `cache`.
    pub fn new(guest: Guest, cache: impl Into<PathBuf>) -> Self {
        Self {
            guest,
            cache: cache.into(),
            progress: Arc::new(()),
            backend: Backend::default(),
            app_key: OnceLock::new(),
        }
    }

    /// Reports each step to `progress`.
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
    /// [`VmError::Refused`] when the guest refuses `input`, with the guest's words. Other errors when the VM fails.
    /// A cache folder that can't be used is no error.
    pub fn execute(&self, input: &[u8]) -> Result<Execution, ProverError> {
        guarded(|| {
            let vm = Vm::new(self.app_key(&mut Timings::default())?)?;
            Ok(self.timed(Step::Execute, || Ok(vm.execute(&self.guest.exe, input)?))?.0)
        })
    }

    /// Runs the guest without proving, and returns its digest and its cost, but not its segments. What a
    /// guest says that refuses its input goes to standard output.
    ///
    /// # Errors
    /// The same as [`execute`](Self::execute)'s.
    pub fn meter(&self, input: &[u8]) -> Result<Metered, ProverError> {
        guarded(|| Ok(Vm::new(self.app_key(&mut Timings::default())?)?.meter(&self.guest.exe, input)?))
    }

    /// Runs the guest without proving, and returns the digest that it reveals. It takes a fraction of the time of
    /// [`execute`](Self::execute), which also finds what a proof costs, and makes no keys.
    ///
    /// # Errors
    /// The same as [`execute`](Self::execute)'s.
    pub fn revealed(&self, input: &[u8]) -> Result<B256, ProverError> {
        guarded(|| Ok(run(&self.guest.exe, input)?))
    }

    /// Runs the guest in `elf` on this host and follows every instruction: some ten million a second. The file must
    /// have its symbols.
    ///
    /// # Errors
    /// [`VmError::Elf`] when `elf` is no guest or has no symbols. Otherwise the same as
    /// [`execute`](Self::execute)'s.
    pub fn profile(&self, elf: &[u8], input: &[u8]) -> Result<Profile, ProverError> {
        guarded(|| {
            let vm = Vm::new(self.app_key(&mut Timings::default())?)?;
            profile::profile(&vm, elf, input)
        })
    }

    /// Proves that the guest accepts `input` and reveals `claim`'s digest, and verifies the proof.
    ///
    /// # Errors
    /// [`VmError::Refused`] when the guest refuses `input`, and [`ProverError::OtherClaim`] when it claims
    /// something else, both before anything is proven. Other errors when the proof system fails. Without a writable
    /// cache folder, an interrupted run has to start again.
    pub fn prove(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        guarded(|| self.prove_stark(input, claim))
    }

    fn prove_stark(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        let mut timings = Timings::default();
        let checkpoint = self.checkpoint(&self.guest, input)?;
        let run = self.run(&self.guest, input, Some(claim.digest()), &checkpoint, &mut timings)?;
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
        // If the proof is wrong, its parts may be wrong too.
        verify_stark(&file, &key).inspect_err(|_| checkpoint.remove())?;
        timings.verify = start.elapsed();
        info!(bytes = file.proof.len(), "proven");
        Ok(Proved { file, evm_key: None, timings, checkpoint })
    }

    /// Opens the checkpoint of a run.
    pub(crate) fn checkpoint(&self, guest: &Guest, input: &[u8]) -> Result<Checkpoint, ProverError> {
        let keys = keys::identity()?;
        let identity = [guest.hash.as_slice(), keys.as_slice(), &SEGMENT_MEMORY.to_le_bytes()];
        Ok(Checkpoint::open(&self.cache, &identity, input))
    }

    /// Proves a run and aggregates it, after a check that it reveals `expected`, if that is given.
    pub(crate) fn run(
        &self,
        guest: &Guest,
        input: &[u8],
        expected: Option<B256>,
        checkpoint: &Checkpoint,
        timings: &mut Timings,
    ) -> Result<Run, ProverError> {
        let app_key = self.app_key(timings)?;
        let vm = Vm::new(app_key)?;
        let (segments, elapsed) = self.timed(Step::Execute, || {
            let revealed = run(&guest.exe, input)?;
            if let Some(expected) = expected
                && revealed != expected
            {
                return Err(ProverError::OtherClaim { revealed, expected });
            }
            Ok(vm.segments(&guest.exe, input)?)
        })?;
        timings.execute += elapsed;
        let (mut first, restored) = (Some(vm), timings.restored);
        let (run, app_exe_commit) = with_checkpoint(checkpoint, "segment-", || {
            timings.restored = restored;
            let vm = first.take().map_or_else(|| Vm::new(app_key), Ok)?;
            let (run, app_exe_commit) =
                self.prove_segments(vm, guest, &segments, input, checkpoint, timings)?;
            check_chain(app_key, &run, app_exe_commit, expected)?;
            Ok((run, app_exe_commit))
        })?;

        // The aggregation's circuits come after the VM is gone, so that the two never share the memory.
        let aggregation = self.aggregation(timings)?;
        let key = aggregation.stark_key(app_key, app_exe_commit);
        if guest.hash == Guest::committed_hash() {
            check_release(&VerifyingKey::new(key.clone()))?;
        }
        let restored = timings.restored;
        let stark = with_checkpoint(checkpoint, "layer-", || {
            timings.restored = restored;
            let stark = self.aggregate(&aggregation, &run, checkpoint, timings)?;
            verify_vm_stark_proof_decoded(&key, &stark).stage("checking the aggregated proof")?;
            Ok(stark)
        })?;
        Ok(Run { stark, aggregation, app_exe_commit })
    }

    /// Returns the key that this prover's proofs verify under.
    ///
    /// # Errors
    /// When the proof system fails.
    pub fn verifying_key(&self) -> Result<VerifyingKey, ProverError> {
        guarded(|| self.made_verifying_key())
    }

    /// Computes the key from the VM's and the aggregation's keys.
    fn made_verifying_key(&self) -> Result<VerifyingKey, ProverError> {
        let mut timings = Timings::default();
        let app_key = self.app_key(&mut timings)?;
        let app_exe_commit = {
            let vm = Vm::new(app_key)?;
            vm.exe_commitment(&self.guest.exe, &vm.commit(&self.guest.exe)?)
        };
        let aggregation = self.aggregation(&mut timings)?;
        Ok(verifying_key(app_key, &aggregation, app_exe_commit))
    }

    /// Returns the VM's proving key, read or made at the first call.
    pub(crate) fn app_key(&self, timings: &mut Timings) -> Result<&AppKey, ProverError> {
        if let Some(key) = self.app_key.get() {
            return Ok(key);
        }
        let (key, elapsed) = self.timed(Step::Keys, || keys::app_key(&self.cache))?;
        timings.keys += elapsed;
        Ok(self.app_key.get_or_init(|| key))
    }

    /// Returns the aggregation's circuits with their keys.
    pub(crate) fn aggregation(&self, timings: &mut Timings) -> Result<Aggregation, ProverError> {
        let app_key = self.app_key(timings)?;
        let (aggregation, elapsed) = self.timed(Step::Keys, || keys::aggregation(&self.cache, app_key))?;
        timings.keys += elapsed;
        Ok(aggregation)
    }

    /// Proves each segment of the run, or takes its proof from the checkpoint. Returns the proofs with the Merkle proof
    /// of the public values, and the guest's commitment.
    fn prove_segments(
        &self,
        vm: Vm,
        guest: &Guest,
        segments: &[Segment],
        input: &[u8],
        checkpoint: &Checkpoint,
        timings: &mut Timings,
    ) -> Result<(RunProof, Digest), ProverError> {
        let exe = &guest.exe;
        let app_vk = self.app_key(timings)?.get_app_vk();
        let program = vm.commit(exe)?;
        // The commitment is cached because the tree over the memory takes half a second. The proof is checked against
        // it, so a wrong one only makes this run fail. Consumers check against a computed one, see `verifying_key`.
        let name = format!("guest-{}", &guest.hash.to_string()[2..18]);
        let app_exe_commit =
            keys::cached(&self.cache, &name, |_| true, || Ok(vm.exe_commitment(exe, &program)))?;
        let mut run = vm.start(exe, program, input, self.backend)?;

        let count = segments.len();
        let mut per_segment = Vec::with_capacity(count);
        let mut user_public_values = None;
        timings.segments.clear();
        for (index, segment) in segments.iter().enumerate() {
            let step = Step::Segment { index, count, instructions: segment.num_insns };
            let last = index + 1 == count;
            let name = format!("segment-{index}");
            let ((proof, ()), elapsed) = self.timed_saved(step, timings, || {
                if last {
                    user_public_values = checkpoint.public_values(&app_vk);
                }
                // The last segment's proof is of no use without the proof of the public values.
                if (!last || user_public_values.is_some())
                    && let Some(proof) =
                        checkpoint.proof(&name, &app_vk.vk, |proof| verify(&app_vk.vk, proof))
                {
                    run.skip(segment)?;
                    return Ok((proof, (), true));
                }
                let proof = run.prove(segment)?;
                if last {
                    let values = user_public_values.insert(run.public_values()?);
                    checkpoint.save_public_values(values)?;
                }
                checkpoint.save(&name, &proof)?;
                Ok((proof, (), false))
            })?;
            timings.segments.push(elapsed);
            per_segment.push(proof);
        }
        let user_public_values = user_public_values
            .ok_or_else(|| ProverError::proof_system("proving", "a run without segments"))?;
        Ok((RunProof { per_segment, user_public_values }, app_exe_commit))
    }

    /// Aggregates the proofs of a run to one, layer by layer. One more layer follows, because the proof of a single
    /// child is the smallest.
    fn aggregate(
        &self,
        aggregation: &Aggregation,
        run: &RunProof,
        checkpoint: &Checkpoint,
        timings: &mut Timings,
    ) -> Result<VmStarkProof, ProverError> {
        let widths = aggregation_tree();
        let layers = layers(run.per_segment.len());
        let count = layers.iter().sum();
        let mut index = 0;
        let mut proofs: Vec<StarkProof> = Vec::new();
        timings.layers.clear();
        for (layer, &width) in layers.iter().enumerate() {
            let start = Instant::now();
            let below = if layer == 0 { &run.per_segment } else { &proofs };
            let key = aggregation.verifying_key(layer);
            let children = if layer == 0 { widths.num_children_leaf } else { widths.num_children_internal };
            let mut parents = Vec::with_capacity(width);
            for (position, children) in below.chunks(children).enumerate() {
                let name = format!("layer-{layer}-{position}");
                let (proof, _) =
                    self.timed_saved(Step::Aggregate { index, count, layer }, timings, || {
                        if let Some(proof) = checkpoint.proof(&name, &key, |proof| verify(&key, proof)) {
                            return Ok((proof, (), true));
                        }
                        let proof = aggregation.prove(self.backend, layer, children)?;
                        checkpoint.save(&name, &proof)?;
                        Ok((proof, (), false))
                    })?;
                parents.push(proof.0);
                index += 1;
            }
            proofs = parents;
            timings.layers.push(start.elapsed());
        }
        let inner =
            proofs.pop().ok_or_else(|| ProverError::proof_system("aggregating", "no proof was left"))?;
        let user_pvs_proof = run.user_public_values.clone();
        Ok(VmStarkProof { inner, user_pvs_proof, deferral_merkle_proofs: None })
    }

    /// Runs one step and reports it.
    pub(crate) fn timed<T>(
        &self,
        step: Step,
        run: impl FnOnce() -> Result<T, ProverError>,
    ) -> Result<(T, Duration), ProverError> {
        let mut unreported = Timings::default();
        let ((value, ()), elapsed) = self.timed_saved(step, &mut unreported, || Ok((run()?, (), false)))?;
        Ok((value, elapsed))
    }

    /// Runs one step and reports it. The closure also returns whether its result came from the checkpoint.
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

/// Number of proofs in each layer of the aggregation over `segments` proofs.
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

/// Makes something from the checkpoint's files with names that begin with `prefix`, as far as they go.
///
/// Each proof that is read back has been verified. Whether the proofs belong together, and to this run, shows only in
/// what is made from them. If that is wrong, all of them are removed, and it is made once more.
fn with_checkpoint<T>(
    checkpoint: &Checkpoint,
    prefix: &str,
    mut make: impl FnMut() -> Result<T, ProverError>,
) -> Result<T, ProverError> {
    if !checkpoint.keeps(prefix) {
        return make();
    }
    let before = checkpoint.restored();
    // The code that makes proofs relies on right proofs below.
    let made = caught(&mut make)
        .unwrap_or_else(|panic| Err(ProverError::proof_system("using what was kept", panic)));
    match made {
        Err(error @ ProverError::Vm(VmError::ProofSystem { .. })) if checkpoint.restored() > before => {
            warn!(%error, "kept proofs of an interrupted run are wrong: removing them and proving again");
            checkpoint.forget(prefix);
            make()
        }
        made => made,
    }
}

/// Checks that the segments' proofs verify, and that they follow one another from the guest's start to its end. There
/// it must have revealed `expected`, if that is given.
fn check_chain(
    app_key: &AppKey,
    run: &RunProof,
    app_exe_commit: Digest,
    expected: Option<B256>,
) -> Result<(), ProverError> {
    const STAGE: &str = "checking the segments' proofs";
    if verify_run(app_key, run)? != app_exe_commit {
        return Err(ProverError::proof_system(STAGE, "they are of another guest"));
    }
    let revealed = &run.user_public_values.public_values;
    if expected.is_some_and(|expected| !reveals(revealed, expected)) {
        return Err(ProverError::proof_system(STAGE, "they are of another run of the guest"));
    }
    Ok(())
}

/// Returns whether a guest revealed a digest's bytes, and zeros.
fn reveals(revealed: &[F], digest: B256) -> bool {
    let bytes = digest.0.into_iter().chain(std::iter::repeat(0));
    revealed.len() >= digest.len()
        && revealed.iter().zip(bytes).all(|(value, byte)| value.as_canonical_u32() == u32::from(byte))
}

/// Checks that the release's own guest has the commitments that the verifiers of this release have built in. They are
/// made from files of the cache folder.
fn check_release(key: &VerifyingKey) -> Result<(), ProverError> {
    let committed = VerifyingKey::committed()?;
    let same = [key.app_exe_commitment(), key.app_vm_commitment()]
        == [committed.app_exe_commitment(), committed.app_vm_commitment()];
    if same { Ok(()) } else { Err(other_keys()) }
}

/// Checks that the VM's and the aggregation's keys, which are made from files of the cache folder, are those of the STARKs
/// that `key` verifies.
pub(crate) fn check_vm(
    key: &VerifyingKey,
    app_key: &AppKey,
    aggregation: &Aggregation,
) -> Result<(), ProverError> {
    // The VM's commitment does not depend on the guest's.
    let made = verifying_key(app_key, aggregation, Digest::default());
    if made.app_vm_commitment() == key.app_vm_commitment() { Ok(()) } else { Err(other_keys()) }
}

/// Makes the error of keys that are not the release's.
fn other_keys() -> ProverError {
    ProverError::proof_system(
        "checking the keys in the cache folder",
        "no verifier of this release would accept their proofs; remove the folder `keys` there, so that they are made again",
    )
}

/// Key that a proof of the guest is checked with.
fn verifying_key(app_key: &AppKey, aggregation: &Aggregation, app_exe_commit: Digest) -> VerifyingKey {
    VerifyingKey::new(aggregation.stark_key(app_key, app_exe_commit))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use openvm_stark_backend::p3_field::PrimeCharacteristicRing;

    use super::*;

    /// Kept proofs are used once. The result decides whether they are used again.
    #[test]
    fn what_does_not_fit_is_made_again() {
        let cache = tempfile::tempdir().unwrap();
        let kept = || {
            let checkpoint = Checkpoint::open(cache.path(), &[b"guest"], b"input");
            checkpoint.put("layer-0-0", b"of another run");
            checkpoint.put("segment-0", b"of this run");
            checkpoint
        };
        let outcomes: [fn() -> Result<(), ProverError>; 2] =
            [|| Err(ProverError::proof_system("aggregating", "it doesn't fit")), || panic!("it doesn't fit")];
        for outcome in outcomes {
            let (checkpoint, tries) = (kept(), Cell::new(0));
            let made = with_checkpoint(&checkpoint, "layer-", || {
                tries.set(tries.get() + 1);
                let layer = checkpoint.small("layer-0-0", |bytes| Ok(bytes.to_vec()));
                if layer.is_some() { outcome().map(|()| "from it") } else { Ok("anew") }
            });
            assert_eq!((made.unwrap(), tries.get()), ("anew", 2));
            assert!(!checkpoint.keeps("layer-") && checkpoint.keeps("segment-"));
        }
        // An error without the kept proofs is no reason to try again, nor one that says nothing about them.
        let (checkpoint, tries) = (kept(), Cell::new(0));
        let failed: Result<(), _> = with_checkpoint(&checkpoint, "layer-", || {
            tries.set(tries.get() + 1);
            Err(ProverError::proof_system("aggregating", "no memory"))
        });
        assert!(failed.is_err() && tries.get() == 1 && checkpoint.keeps("layer-"));
        let failed: Result<(), _> = with_checkpoint(&checkpoint, "layer-", || {
            tries.set(tries.get() + 1);
            checkpoint.small("layer-0-0", |_| Ok(())).unwrap();
            Err(VmError::Refused("no".to_owned()).into())
        });
        assert!(failed.is_err() && tries.get() == 2 && checkpoint.keeps("layer-"));
    }

    #[test]
    fn segments_of_another_input_reveal_something_else() {
        let digest = B256::from(std::array::from_fn(|index| index as u8));
        let revealed: Vec<F> = (0..32).map(F::from_u8).collect();
        assert!(reveals(&revealed, digest));
        assert!(!reveals(&revealed, B256::ZERO));
        assert!(!reveals(&revealed[..31], digest));
        assert!(!reveals(&[revealed.as_slice(), &[F::ONE]].concat(), digest));
        assert!(reveals(&[revealed.as_slice(), &[F::ZERO]].concat(), digest));
    }

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

//! Proofs for the EVM, from a run or a STARK to the proof file. These are methods of [`Prover`], which is in `prove.rs`.

use std::time::{Duration, Instant};

use halo2curves::{bn256::Fr, ff::PrimeField};
use openvm_verify_stark_host::VmStarkProof;
use tracing::info;
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, PROOF_SYSTEM, ProofFile, ProofKind, SrsOrigin, UnknownSrs, VerifyingKey,
    verified_stark, verify_evm,
};
use zeno_vm::{Aggregation, Root, RootProof};

use crate::{
    checkpoint::Checkpoint,
    error::{ProverError, guarded},
    keys,
    progress::Step,
    prove::{EvmTimings, PROVER, Proved, Prover, Timings, check_vm},
    wrap::{
        StaticVerifier,
        keys::EvmKeys,
        wrapper::{LIMBS, WrapperProof},
    },
};

/// Result of the steps before the root proof.
struct Aggregated {
    stark: VmStarkProof,
    aggregation: Aggregation,
}

impl Prover {
    /// Proves that the guest accepts `input` and reveals `claim`'s digest, for a contract, and verifies the proof.
    ///
    /// Missing keys are made first, which takes minutes once. The SRS has to be in the cache folder.
    ///
    /// # Errors
    /// The same as [`prove`](Self::prove)'s, and an error when an SRS is missing.
    pub fn prove_evm(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        guarded(|| {
            let mut timings = Timings::default();
            let (keys, key) = self.evm_keys(&mut timings)?;
            let checkpoint = self.checkpoint(&self.guest, input)?;
            self.prove_aggregated(claim, &keys, key, checkpoint, timings, |checkpoint, timings| {
                let run = self.run(&self.guest, input, Some(claim.digest()), checkpoint, timings)?;
                Ok(Aggregated { stark: run.stark, aggregation: run.aggregation })
            })
        })
    }

    /// Makes a proof for a contract from the STARK in `file`, of the same claim, and verifies both. `key` is the one that
    /// the STARK is checked with: that of the guest's release.
    ///
    /// Keys and SRS are those of [`prove_evm`](Self::prove_evm). An interrupted run resumes with the same STARK.
    ///
    /// # Errors
    /// [`ProverError::Stark`] when the STARK does not verify, before anything else is done. Other errors when an SRS is
    /// missing, or the proof system fails.
    pub fn wrap(&self, file: &ProofFile, key: &VerifyingKey) -> Result<Proved, ProverError> {
        guarded(|| {
            let start = Instant::now();
            let stark = verified_stark(file, key).map_err(ProverError::Stark)?;
            let mut timings = Timings { verify: start.elapsed(), ..Timings::default() };
            let (keys, evm_key) = self.evm_keys(&mut timings)?;
            let checkpoint = self.wrap_checkpoint(file)?;
            self.prove_aggregated(&file.claim, &keys, evm_key, checkpoint, timings, |_, timings| {
                let aggregation = self.aggregation(timings)?;
                check_vm(key, self.app_key(timings)?, &aggregation)?;
                Ok(Aggregated { stark, aggregation })
            })
        })
    }

    /// Opens the checkpoint of the steps after a STARK, by its bytes and its claim.
    fn wrap_checkpoint(&self, file: &ProofFile) -> Result<Checkpoint, ProverError> {
        let stark = [&file.claim.abi_encode()[..], &file.proof].concat();
        let keys = keys::identity()?;
        Ok(Checkpoint::open(&self.cache, &[b"wrap", self.guest.hash.as_slice(), keys.as_slice()], &stark))
    }

    /// Makes the proof for a contract from the STARK that `aggregate` returns. It is asked for only where the checkpoint
    /// has no root proof.
    fn prove_aggregated(
        &self,
        claim: &ChainClaim,
        keys: &EvmKeys,
        key: EvmVerifyingKey,
        checkpoint: Checkpoint,
        mut timings: Timings,
        aggregate: impl FnOnce(&Checkpoint, &mut Timings) -> Result<Aggregated, ProverError>,
    ) -> Result<Proved, ProverError> {
        let mut evm = EvmTimings::default();
        // Public values that every proof of this run must have, also one that is read back.
        let expected = self.commitments()?.values(claim)?;

        let kept = match checkpoint.keeps("root") {
            true => {
                let verifier = keys.static_verifier()?;
                let check = |proof: &RootProof| verifier.check_root(proof, &expected);
                checkpoint.proof("root", verifier.root_key(), check)
            }
            false => None,
        };
        let root = match kept {
            Some(proof) => {
                timings.restored += 1;
                proof
            }
            None => {
                let Aggregated { stark, aggregation } = aggregate(&checkpoint, &mut timings)?;
                let ((_, proof), elapsed) = self.root(&stark, &aggregation)?;
                checkpoint.save("root", &proof)?;
                evm.root = elapsed;
                proof
            }
        };
        let (snark, elapsed) = self.timed(Step::StaticVerifier, || {
            let circuit = keys.static_verifier()?;
            // A proof under another SRS is of no use, so the name tells the SRS.
            let name = format!("static-verifier-{}", keys.name);
            if let Some(snark) = checkpoint.small(&name, |bytes| circuit.decode(bytes, keys.kzg(), &expected))
            {
                timings.restored += 1;
                return Ok(snark);
            }
            let snark = circuit.prove(&keys.srs, keys.kzg(), &root)?;
            checkpoint.put(&name, &StaticVerifier::encode(&snark));
            Ok(snark)
        })?;
        evm.static_verifier = elapsed;
        let (proof, elapsed) = self.timed(Step::Wrapper, || {
            let wrapper = keys.wrapper()?;
            wrapper.prove(&keys.wrapper_srs(wrapper.params().k as u32)?, snark)
        })?;
        evm.wrapper = elapsed;
        let file = evm_file(claim, &proof, keys.srs.origin())?;
        let start = Instant::now();
        // The proof's consumer decides whether to trust the SRS. If the proof is wrong, its parts may be wrong too.
        verify_evm(&file, &key, UnknownSrs::Allow).inspect_err(|_| checkpoint.remove())?;
        timings.verify += start.elapsed();
        timings.evm = Some(evm);
        info!(bytes = file.proof.len(), "proven");
        Ok(Proved { file, evm_key: Some(key), timings, checkpoint })
    }

    /// Opens the root circuit, and proves that an aggregated proof verifies.
    pub(crate) fn root(
        &self,
        stark: &VmStarkProof,
        aggregation: &Aggregation,
    ) -> Result<((Root, RootProof), Duration), ProverError> {
        let app_key = self.app_key(&mut Timings::default())?;
        self.timed(Step::Root, || {
            let root = keys::root(&self.cache, app_key, aggregation, || Ok(stark.clone()))?;
            let proof = root.prove(self.backend, aggregation, stark.clone())?;
            Ok((root, proof))
        })
    }
}

/// Proof file for contracts: the accumulator's limbs and the Halo2 proof, in big-endian words of 32 bytes.
fn evm_file(claim: &ChainClaim, proof: &WrapperProof, srs: SrsOrigin) -> Result<ProofFile, ProverError> {
    let word = |value: &Fr| {
        let mut word: [u8; 32] = value.to_repr();
        word.reverse();
        word
    };
    let words: Vec<[u8; 32]> = proof.values.iter().map(word).collect();
    let Some((limbs, [app_exe, app_vm, ..])) = words.split_at_checked(LIMBS) else {
        let message = format!("it has {} public values", words.len());
        return Err(ProverError::proof_system("encoding the proof", message));
    };
    Ok(ProofFile {
        kind: ProofKind::Evm,
        claim: *claim,
        app_exe_commitment: app_exe.into(),
        app_vm_commitment: app_vm.into(),
        proof_system: PROOF_SYSTEM.to_owned(),
        prover: PROVER.to_owned(),
        srs: Some(srs.label().to_owned()),
        proof: [limbs.concat(), proof.proof.clone()].concat(),
    })
}

//! Proofs for the EVM, from a run to the proof file. These are methods of [`Prover`], which is in `prove.rs`.

use std::time::{Duration, Instant};

use halo2curves::{bn256::Fr, ff::PrimeField};
use tracing::info;
use zeno_verifier::{ChainClaim, PROOF_SYSTEM, ProofFile, ProofKind, SrsOrigin, UnknownSrs, verify_evm};
use zeno_vm::{Root, RootProof};

use crate::{
    error::{ProverError, guarded},
    keys,
    progress::Step,
    prove::{EvmTimings, PROVER, Proved, Prover, Run, Timings},
    wrap::{
        StaticVerifier,
        wrapper::{LIMBS, WrapperProof},
    },
};

impl Prover {
    /// Proves that the guest accepts `input` and reveals `claim`'s digest, for a contract, and verifies the proof.
    ///
    /// Missing keys are made first, which takes minutes once. The SRS has to be in the cache folder.
    ///
    /// # Errors
    /// The same as [`prove`](Self::prove)'s, and an error when an SRS is missing.
    pub fn prove_evm(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        guarded(|| self.prove_for_evm(input, claim))
    }

    fn prove_for_evm(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        let (mut timings, mut evm) = (Timings::default(), EvmTimings::default());
        let (keys, key) = self.evm_keys(&mut timings)?;
        let checkpoint = self.checkpoint(&self.guest, input)?;
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
                let run = self.run(&self.guest, input, Some(claim.digest()), &checkpoint, &mut timings)?;
                let ((_, proof), elapsed) = self.root(&run)?;
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
        // Whether the SRS may be trusted, the consumer of the proof decides. If the proof is wrong, its parts may be
        // wrong too.
        verify_evm(&file, &key, UnknownSrs::Allow).inspect_err(|_| checkpoint.remove())?;
        timings.verify = start.elapsed();
        timings.evm = Some(evm);
        info!(bytes = file.proof.len(), "proven");
        Ok(Proved { file, evm_key: Some(key), timings, checkpoint })
    }

    /// Opens the root circuit, and proves that the run's aggregated proof verifies.
    pub(crate) fn root(&self, run: &Run) -> Result<((Root, RootProof), Duration), ProverError> {
        let app_key = self.app_key(&mut Timings::default())?;
        self.timed(Step::Root, || {
            let root = keys::root(&self.cache, app_key, &run.aggregation, || Ok(run.stark.clone()))?;
            let proof = root.prove(self.backend, &run.aggregation, run.stark.clone())?;
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

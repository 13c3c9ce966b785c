//! From a run to a proof for the EVM.

use std::time::{Duration, Instant};

use halo2curves::{bn256::Fr, ff::PrimeField};
use tracing::info;
use zeno_srs::Origin;
use zeno_verifier::{ChainClaim, INSECURE_SRS, InsecureSrs, PROOF_SYSTEM, ProofFile, ProofKind, verify_evm};

use crate::{
    EvmTimings, Proved, Prover, ProverError, Step, Timings,
    evm::{
        Root, RootProof,
        wrapper::{LIMBS, WrapperProof},
    },
    prove::{PROVER, Run},
    work::Work,
};

impl Prover {
    /// Proves that the guest accepts `input` and reveals `claim`'s digest, for a contract, and verifies the proof.
    ///
    /// The keys are made first if they are not in the cache folder yet, which takes minutes once. The SRS has to
    /// be there.
    ///
    /// # Errors
    /// As [`prove`](Self::prove), and when an SRS is missing.
    pub fn prove_evm(&self, input: &[u8], claim: &ChainClaim) -> Result<Proved, ProverError> {
        let (mut timings, mut evm) = (Timings::default(), EvmTimings::default());
        let keys = self.evm_keys(&mut timings)?;
        let work = self.work(&self.guest, input)?;

        let root = match work.proof("root")? {
            Some(proof) => {
                timings.restored += 1;
                proof
            }
            None => {
                let run = self.run(&self.guest, input, Some(claim.digest()), &work, &mut timings)?;
                let ((_, proof), elapsed) = self.root(&run, &work)?;
                evm.root = elapsed;
                proof
            }
        };
        let (snark, elapsed) = self.timed(Step::StaticVerifier, || {
            if let Some(snark) = work.halo2("static-verifier")? {
                timings.restored += 1;
                return Ok(snark);
            }
            let circuit = keys.static_verifier()?;
            let snark = circuit.prove(&keys.srs, keys.kzg(), &root)?;
            work.save_halo2("static-verifier", &snark)?;
            Ok(snark)
        })?;
        evm.static_verifier = elapsed;
        let ((wrapper, proof), elapsed) = self.timed(Step::Wrapper, || {
            let wrapper = keys.wrapper()?;
            let proof = wrapper.prove(&keys.wrapper_srs(wrapper.params().k as u32)?, snark)?;
            Ok((wrapper, proof))
        })?;
        evm.wrapper = elapsed;
        let file = evm_file(claim, &proof, keys.srs.origin())?;
        let start = Instant::now();
        let key = keys.verifying_key(&wrapper, &self.commitments()?)?;
        // Whether it may be trusted is for who checks it to say.
        verify_evm(&file, &key, InsecureSrs::Allow)?;
        timings.verify = start.elapsed();
        timings.evm = Some(evm);
        info!(bytes = file.proof.len(), "proven");
        Ok(Proved { file, timings, work })
    }

    /// The root circuit, and its proof that the run's aggregated proof verifies, which is kept in the run's work.
    pub(crate) fn root(&self, run: &Run, work: &Work) -> Result<((Root, RootProof), Duration), ProverError> {
        let app_key = self.app_key(&mut Timings::default())?;
        self.timed(Step::Root, || {
            let root = Root::open(&self.cache, app_key, &run.aggregation, || Ok(run.stark.clone()))?;
            let proof = match work.proof("root")? {
                Some(proof) => proof,
                None => {
                    let proof = root.prove(self.backend, &run.aggregation, run.stark.clone())?;
                    work.save("root", &proof)?;
                    proof
                }
            };
            Ok((root, proof))
        })
    }
}

/// The proof as contracts take it: the accumulator's limbs and the Halo2 proof, big-endian words.
fn evm_file(claim: &ChainClaim, proof: &WrapperProof, srs: Origin) -> Result<ProofFile, ProverError> {
    let word = |value: &Fr| {
        let mut word: [u8; 32] = value.to_repr();
        word.reverse();
        word
    };
    let words: Vec<[u8; 32]> = proof.values.iter().map(word).collect();
    let Some((limbs, [app_exe, app_vm, ..])) = words.split_at_checked(LIMBS) else {
        let message = format!("it has {} public values", words.len());
        return Err(ProverError::machine("encoding the proof", message));
    };
    Ok(ProofFile {
        kind: ProofKind::Evm,
        claim: *claim,
        app_exe_commitment: app_exe.into(),
        app_vm_commitment: app_vm.into(),
        proof_system: PROOF_SYSTEM.to_owned(),
        prover: PROVER.to_owned(),
        srs: Some(if srs == Origin::Development { INSECURE_SRS } else { srs.name() }.to_owned()),
        proof: [limbs.concat(), proof.proof.clone()].concat(),
    })
}

//! EVM proofs that are made from STARKs.

use crate::{
    claim::{Claim, ProvenBlock},
    error::{Error, Failed},
    evm_keys::KeyReport,
    proof::{self, ProofReport},
    prove::{self, BlockProver, Stages},
    verify::{ProofFindings, check_stark},
};
use serde::Serialize;
use std::path::Path;
use zeno_verifier::{ProofFile, ProofKind, Release, VerifyingKey};

/// A STARK that the key of this program's release verifies, with its file.
#[derive(Debug)]
pub struct Stark {
    file: ProofFile,
    report: ProofReport,
}

/// An EVM proof of a STARK's claim. It has been verified, and so has the STARK.
#[derive(Debug, Serialize)]
pub struct Wrapped {
    /// The claim's block.
    #[serde(flatten)]
    pub block: ProvenBlock,
    /// The verdict on the STARK, `true`.
    pub valid: bool,
    /// The claim.
    pub claim: Claim,
    /// Kind of the proof.
    #[serde(serialize_with = "prove::kind_name")]
    pub proof_kind: ProofKind,
    /// Length of the proof itself, in bytes.
    pub proof_bytes: usize,
    /// Key that the proof is checked with.
    #[serde(flatten)]
    pub key: Option<KeyReport>,
    /// Time by stage. Those before the root proof took none.
    pub stages: Stages,
    /// Content of the proof's file.
    #[serde(skip)]
    pub file: Vec<u8>,
    /// The STARK's file.
    #[serde(skip)]
    stark: ProofReport,
    /// The prover's own outcome, which knows the unfinished work in the cache folder.
    #[serde(skip)]
    proved: zeno_prover::Proved,
}

impl Stark {
    /// Reads a proof's file, and verifies the STARK in it.
    ///
    /// # Errors
    /// [`Failed`] where the file is no proof or an EVM proof already, where its release is not accepted, and where the STARK
    /// is invalid.
    pub fn read(path: &Path) -> Result<Self, Failed<ProofFindings>> {
        let file = proof::read(path)?;
        let report = ProofReport::new(&file);
        match Self::check(path, &file) {
            Ok(()) => Ok(Self { report: report.confirm(file.claim), file }),
            Err(error) => {
                let findings = ProofFindings { proof: Some(report), ..ProofFindings::default() };
                Err(findings.failed(error))
            }
        }
    }

    /// Checks that a file has a valid STARK of an accepted release.
    fn check(path: &Path, file: &ProofFile) -> Result<(), Error> {
        Release::check_accepted(file.app_exe_commitment)?;
        if file.kind == ProofKind::Evm {
            return Err(Error::file(
                path,
                "is an EVM proof already; a STARK is what can be wrapped, and `zeno verify` checks both",
            ));
        }
        check_stark(file).map(|_| ())
    }

    /// The claim's block.
    pub fn block(&self) -> ProvenBlock {
        ProvenBlock::from(&self.file.claim)
    }

    /// A failure after the STARK was found valid.
    pub fn failed(&self, error: impl Into<Error>) -> Failed<ProofFindings> {
        failed(&self.report, error)
    }
}

impl Wrapped {
    /// Removes the unfinished work that was kept for an interrupted run. Call it once the proof's file is written.
    pub fn finish(&self) {
        self.proved.finish();
    }

    /// A failure to deliver the proof. Facts of it are not among its findings: nobody has it.
    pub fn failed(&self, error: impl Into<Error>) -> Failed<ProofFindings> {
        failed(&self.stark, error)
    }
}

/// A failure after a STARK was found valid.
fn failed(stark: &ProofReport, error: impl Into<Error>) -> Failed<ProofFindings> {
    ProofFindings { proof: Some(stark.clone()), ..ProofFindings::default() }.failed(error)
}

impl BlockProver<'_> {
    /// Makes an EVM proof from a STARK.
    ///
    /// # Errors
    /// [`Failed`] where an SRS is missing, or the proof system fails.
    pub fn wrap(&self, stark: Stark) -> Result<Wrapped, Failed<ProofFindings>> {
        let (proved, file) = self.make_wrapped(&stark.file).map_err(|error| stark.failed(error))?;
        Ok(Wrapped {
            block: stark.block(),
            valid: true,
            claim: Claim(stark.file.claim),
            proof_kind: proved.file.kind,
            proof_bytes: proved.file.proof.len(),
            key: proved.evm_key.as_ref().map(KeyReport::new),
            stages: (&proved.timings).into(),
            file,
            stark: stark.report,
            proved,
        })
    }

    /// Makes a proof, and the content of its file.
    fn make_wrapped(&self, stark: &ProofFile) -> Result<(zeno_prover::Proved, Vec<u8>), Error> {
        let key = VerifyingKey::committed().map_err(Error::other)?;
        let proved = self.prover()?.wrap(stark, &key)?;
        let file = proved.file.encode().map_err(Error::other)?;
        Ok((proved, file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Verdict;
    use std::fs;

    const STARK_OF_ANOTHER_GUEST: &[u8] =
        include_bytes!("../../../verifier-contract/tests/recorded/small.proof");
    const EVM: &[u8] = include_bytes!("../../../verifier-contract/contracts/test/fixtures/block.proof");

    fn refusal(bytes: &[u8]) -> Failed<ProofFindings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("block.proof");
        fs::write(&path, bytes).unwrap();
        Stark::read(&path).expect_err("it can't be wrapped")
    }

    /// Files that can't be wrapped are told apart before any key is made. That is no verdict.
    #[test]
    fn only_starks_of_this_release_are_wrapped() {
        for (bytes, says, is_proof) in [
            (EVM, "is an EVM proof already", true),
            (STARK_OF_ANOTHER_GUEST, "not accepted: proof of another guest program", true),
            (&EVM[..EVM.len() / 2], "truncated", false),
            (&b"noise"[..], "not a Zeno proof", false),
            (&b"ZENO\x03\0\0\0"[..], "is an input of `zeno fetch`", false),
        ] {
            let Failed { error, findings } = refusal(bytes);
            assert!(error.to_string().contains(says), "should say {says:?}: {error}");
            assert_eq!((error.verdict(), findings.valid), (None, None), "{error}");
            // Nothing that the file says of itself is confirmed.
            assert_eq!(findings.proof.is_some(), is_proof, "{error}");
            assert!(findings.proof.is_none_or(|proof| proof.confirmed.is_none()));
        }
    }

    /// A STARK that claims this release's guest is judged by its key.
    #[test]
    fn a_stark_that_does_not_verify_is_invalid() {
        let key = VerifyingKey::committed().unwrap();
        let stark = ProofFile {
            app_exe_commitment: key.app_exe_commitment(),
            app_vm_commitment: key.app_vm_commitment(),
            ..ProofFile::decode(STARK_OF_ANOTHER_GUEST).unwrap()
        };
        let Failed { error, findings } = refusal(&stark.encode().unwrap());
        assert_eq!((error.verdict(), findings.valid), (Some(Verdict::Invalid), Some(false)), "{error}");
    }
}

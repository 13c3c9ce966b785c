//! Guest in the VM as a judge.

use std::path::Path;
use zeno_prover::{Guest, Prover, ProverError, VmError, default_cache_folder};
use zeno_tests::{
    judge::Verdict,
    worlds::judges::{Judge, Refusal},
};

/// Judge that runs a guest in the VM.
pub(crate) struct Vm(Prover);

impl Vm {
    /// Judge with the committed guest, or with the guest of an ELF file.
    ///
    /// # Errors
    /// If the file can't be read, or is no program.
    pub(crate) fn new(elf: Option<&Path>) -> Result<Self, String> {
        let guest = match elf {
            None => Guest::committed(),
            Some(path) => {
                let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                Guest::from_elf(&bytes)
            }
        };
        Ok(Self(Prover::new(
            guest.map_err(|error| error.to_string())?,
            default_cache_folder().expect("HOME is set"),
        )))
    }
}

impl Judge for Vm {
    fn name(&self) -> &'static str {
        "zkVM"
    }

    fn judge(&mut self, input: &[u8]) -> Verdict {
        match self.0.revealed(input) {
            Ok(digest) => Verdict::Valid(digest),
            // The guest refuses an input by a panic.
            Err(ProverError::Vm(VmError::Refused(reason))) => Verdict::Panicked(reason),
            Err(error) => Verdict::Died(error.to_string()),
        }
    }

    fn refusal(&self) -> Refusal {
        Refusal::Panic
    }
}

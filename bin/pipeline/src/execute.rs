//! Execution of the guest without a proof.

use crate::{
    block::{BlockFindings, BlockReport, SourceKind},
    claim::Claim,
    context::Context,
    error::{Error, Failed},
    event::Event,
    observer::Adapter,
    validate::Validated,
};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use zeno_prover::{Cost, Execution, Guest, Profile, Prover, ProverError, VmError};

/// Number of functions in a profile.
const LARGEST_FUNCTIONS: usize = 25;

/// Choice of the guest, and of the depth of the execution.
#[derive(Clone, Debug, Default)]
pub struct ExecuteOptions {
    /// A guest instead of the built-in one.
    pub guest: Option<GuestFile>,
    /// Runs the guest once more and follows every instruction.
    pub profile: bool,
}

/// A guest from a file.
#[derive(Clone, Debug)]
pub struct GuestFile {
    /// The file, for errors.
    pub path: PathBuf,
    /// Content of the file, as [`read_guest`](crate::files::read_guest) reads it.
    pub elf: Vec<u8>,
}

/// A run of the guest on a valid block.
#[derive(Clone, Debug, Serialize)]
pub struct Executed {
    /// Kind of the block's source.
    #[serde(skip)]
    pub source: SourceKind,
    /// The block.
    #[serde(flatten)]
    pub block: BlockReport,
    /// The verdict of native validation, `true`.
    pub valid: bool,
    /// Size of the run.
    #[serde(flatten)]
    pub run: RunReport,
    /// The run by its parts, if it was asked for.
    #[serde(flatten)]
    pub profile: Option<ProfileReport>,
    /// The block's claim, which the guest reveals.
    pub claim: Claim,
}

/// Size of a run of the guest.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Number of instructions.
    pub instructions: u64,
    /// Number of segments that the run is cut into.
    pub segments: usize,
    /// Cells of the tables that the instructions fill, without padding.
    pub cells: u64,
    /// Instructions for each unit of gas that the block used, unless it used none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions_per_gas: Option<f64>,
}

/// A run by its parts.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileReport {
    /// Cost by phase of validation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PartReport>,
    /// Cost of the 25 functions with the most cells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<PartReport>,
    /// Cost by chain of calls, as in [`Profile::stacks`].
    #[serde(skip)]
    pub stacks: Vec<(String, Cost)>,
}

/// Cost of a phase or a function.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// Name of the phase or the function.
    pub name: String,
    /// The cost.
    #[serde(flatten)]
    pub cost: Cost,
}

impl PartReport {
    fn list<N: Into<String>>(parts: impl IntoIterator<Item = (N, Cost)>) -> Vec<Self> {
        parts.into_iter().map(|(name, cost)| Self { name: name.into(), cost }).collect()
    }
}

impl RunReport {
    fn new(execution: &Execution, gas_used: u64) -> Self {
        Self {
            instructions: execution.instructions,
            segments: execution.segments.len(),
            cells: execution.cells,
            instructions_per_gas: (gas_used > 0).then(|| execution.instructions as f64 / gas_used as f64),
        }
    }
}

impl From<Profile> for ProfileReport {
    fn from(profile: Profile) -> Self {
        Self {
            phases: PartReport::list(profile.phases),
            functions: PartReport::list(profile.functions.into_iter().take(LARGEST_FUNCTIONS)),
            stacks: profile.stacks,
        }
    }
}

impl Executed {
    /// A failure of what follows the execution. A profile that could not be delivered is not among its findings.
    pub fn failed(&self, error: impl Into<Error>) -> Failed<BlockFindings> {
        let findings = BlockFindings {
            source: Some(self.source),
            block: Some(self.block.clone()),
            valid: Some(true),
            run: Some(self.run.clone()),
            claim: Some(self.claim),
        };
        Failed::new(error, findings)
    }
}

/// Runs the guest on a valid block, without proving.
///
/// # Errors
/// [`Failed`] where the ELF file is no guest, the guest refuses the block, or the VM fails.
pub fn execute(
    validated: Validated,
    options: &ExecuteOptions,
    context: &Context,
) -> Result<Executed, Failed<BlockFindings>> {
    let elf = options.guest.as_ref().map_or(Guest::committed_elf(), |guest| guest.elf.as_slice());
    let path = options.guest.as_ref().map(|guest| guest.path.as_path());
    // The folder has to last as long as the prover.
    let (prover, _temporary) = prover(elf, path, context).map_err(|error| validated.failed(error))?;
    let execution = run(&prover, &validated).map_err(|error| validated.failed(error))?;
    let run = RunReport::new(&execution, validated.block.gas_used);
    let Validated { source, block, valid, claim, input } = validated;
    let mut executed = Executed { source, block, valid, run, profile: None, claim };
    if options.profile {
        context.observer.notify(Event::Profiling);
        let profile = prover.profile(elf, &input);
        let profile = profile.map_err(|error| executed.failed(of_guest(path, error)))?;
        executed.profile = Some(profile.into());
    }
    Ok(executed)
}

/// A prover of the guest, and the folder of its keys if that is a temporary one.
fn prover(
    elf: &[u8],
    path: Option<&Path>,
    context: &Context,
) -> Result<(Prover, Option<tempfile::TempDir>), Error> {
    let guest = Guest::from_elf(elf).map_err(|error| of_guest(path, error))?;
    let (cache, temporary) = match context.cache.optional(&*context.observer)? {
        Some(cache) => (cache, None),
        // The prover keeps nothing but keys there, which are made in seconds.
        None => {
            let temporary = tempfile::tempdir()
                .map_err(|error| Error::other(format_args!("a temporary folder can't be made: {error}")))?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    let prover = Prover::new(guest, cache).with_progress(Arc::new(Adapter(context.observer.clone())));
    Ok((prover, temporary))
}

/// Runs the guest, and checks that it reveals the claim of native validation.
fn run(prover: &Prover, validated: &Validated) -> Result<Execution, Error> {
    let execution = prover.execute(&validated.input)?;
    let digest = validated.claim.digest();
    if execution.digest != digest {
        return Err(Error::other(format_args!(
            "the guest reveals the claim {}, native validation gives {digest}: this is a defect, please report it",
            execution.digest
        )));
    }
    Ok(execution)
}

/// Names the file in an error that it is no guest.
fn of_guest(path: Option<&Path>, error: ProverError) -> Error {
    match (path, &error) {
        (Some(path), ProverError::Vm(VmError::Elf(_))) => Error::file(path, error),
        _ => error.into(),
    }
}

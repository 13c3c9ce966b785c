//! Native validation of a block.

use crate::{
    block::{BlockFindings, BlockReport, Loaded, SourceKind},
    claim::Claim,
    context::Context,
    error::{Error, Failed},
    source::{NodeSource, Source},
};
use serde::Serialize;
use zeno_guest_evm::{ChainClaim, ValidationError};
use zeno_witness_fetch::{NotSupported, check_supported, may_be_of_later_fork};

/// A block, or a run of blocks, that native validation accepts, with its input.
#[derive(Clone, Debug, Serialize)]
pub struct Validated {
    /// Kind of the block's source.
    #[serde(skip)]
    pub source: SourceKind,
    /// The block.
    #[serde(flatten)]
    pub block: BlockReport,
    /// The verdict, `true`.
    pub valid: bool,
    /// The block's claim.
    pub claim: Claim,
    /// The input, in its canonical encoding.
    #[serde(skip)]
    pub input: Vec<u8>,
}

/// A block, or a run of blocks, that a node supplied, and that native validation accepts.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Fetched(pub Validated);

impl Validated {
    pub(crate) fn findings(&self) -> BlockFindings {
        BlockFindings {
            block: Some(self.block.clone()),
            valid: Some(true),
            claim: Some(self.claim),
            ..BlockFindings::of(self.source)
        }
    }

    /// A failure of what follows the validation.
    pub fn failed(&self, error: impl Into<Error>) -> Failed<BlockFindings> {
        Failed::new(error, self.findings())
    }
}

/// Loads a block and validates it. Call it within a tokio runtime, on a thread that may block.
///
/// # Errors
/// [`Failed`] where the block can't be loaded, is invalid, or can't be judged.
pub fn validate(source: &Source, context: &Context) -> Result<Validated, Failed<BlockFindings>> {
    source.load(context)?.validate()
}

/// Fetches a block with its witness and validates both. Call it within a tokio runtime, on a thread that may block.
///
/// # Errors
/// [`Failed`] where the block can't be fetched, is invalid, or can't be judged.
pub fn fetch(source: &NodeSource, context: &Context) -> Result<Fetched, Failed<BlockFindings>> {
    source.load(context)?.validate().map(Fetched)
}

impl Loaded {
    /// Validates the block natively.
    ///
    /// # Errors
    /// [`Failed`] where the block is invalid, or can't be judged.
    pub fn validate(self) -> Result<Validated, Failed<BlockFindings>> {
        let claim = self.check().map_err(|error| Failed::new(error, self.findings()))?;
        let Self { source, bytes: input, report: block, .. } = self;
        Ok(Validated { source, block, valid: true, claim: Claim(claim), input })
    }

    /// Validates the blocks natively, and returns their claim.
    pub(crate) fn check(&self) -> Result<ChainClaim, Error> {
        // Before any rule is tried on a block: a later fork may have changed the rule.
        for (index, block) in self.blocks.iter().enumerate() {
            check_supported(&self.chain, &block.header)
                .map_err(|reason| self.of_block(index, Error::NotSupported(reason)))?;
        }
        zeno_guest_evm::validate(&self.input).map_err(|error| {
            let (index, error) = match error {
                ValidationError::InRun { index, error } => (index, *error),
                // An error of a single block, or of no block at all.
                error if self.blocks.len() == 1 => (0, error),
                error => return error.into(),
            };
            let header = self.blocks.get(index).map(|block| &block.header);
            let error = match header {
                Some(header) if may_be_of_later_fork(&self.chain, header, &error) => {
                    Error::NotSupported(NotSupported::BlobParameters(error.to_string()))
                }
                _ => error.into(),
            };
            self.of_block(index, error)
        })
    }
}

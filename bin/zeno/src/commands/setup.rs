//! `zeno setup`.

use crate::{
    args::BackendArgs,
    exit::{CliError, Done},
};
use zeno_pipeline::{context::Context, prove::BlockProver};

/// Makes the keys for EVM proofs under the installed SRS, or finds them made.
pub(super) fn setup(args: &BackendArgs, context: &Context) -> Result<Done, CliError> {
    Ok(Done::new(BlockProver::new(args.backend(), context)?.set_up()?))
}

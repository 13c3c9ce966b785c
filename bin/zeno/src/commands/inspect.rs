//! `zeno inspect`.

use crate::{
    args::FileArgs,
    exit::{CliError, Done},
};
use zeno_pipeline::inspect;

/// Shows the claim of a file, without checking it.
pub(super) fn inspect(args: &FileArgs) -> Result<Done, CliError> {
    Ok(Done::new(inspect::inspect(&args.file)?))
}

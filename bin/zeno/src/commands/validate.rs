//! `zeno validate`.

use crate::{
    args::{Cli, SourceArgs},
    exit::{CliError, Done},
};
use zeno_pipeline::{context::Context, validate};

/// Checks a block natively.
pub(super) fn validate(cli: &Cli, args: &SourceArgs, context: &Context) -> Result<Done, CliError> {
    let source = cli.source(args)?;
    Ok(Done::new(validate::validate(&source, context)?))
}

//! `zeno verify`.

use crate::{
    args::VerifyArgs,
    exit::{CliError, Done},
};
use zeno_pipeline::{context::Context, verify};

/// Checks a proof, and compares its claim with the expected one.
pub(super) fn verify(args: &VerifyArgs, context: &Context) -> Result<Done, CliError> {
    Ok(Done::new(verify::verify(&args.options(), context)?))
}

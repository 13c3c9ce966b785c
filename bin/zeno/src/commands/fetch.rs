//! `zeno fetch`.

use crate::{
    args::{Cli, FetchArgs},
    exit::{CliError, Done},
    out_file::{OutFile, destination},
};
use zeno_pipeline::{context::Context, validate};

/// Fetches a block with its witness, validates both, and writes them to a file.
pub(super) fn fetch(cli: &Cli, args: &FetchArgs, context: &Context) -> Result<Done, CliError> {
    let out = |number| OutFile::new(&destination(args.out.as_ref(), number, "zeno"), "--out", cli.json);
    // The number isn't known yet; the folder is.
    out(0)?;
    let fetched = validate::fetch(&args.rpc.source(&args.block)?, context)?;
    let out = OutFile::unchecked(&destination(args.out.as_ref(), fetched.0.block.number, "zeno"));
    match out.deliver(&fetched.0.input) {
        Ok(()) => Ok(out.delivered(fetched)),
        Err(error) => Err(out.undelivered(fetched.0.failed(error))),
    }
}

//! `zeno fetch`.

use crate::{
    args::{Cli, FetchArgs},
    exit::{CliError, Done},
    out_file::{OutFile, destination},
};
use zeno_pipeline::{claim::Blocks, context::Context, validate};

/// Fetches a block or a run of blocks with the witness, validates both, and writes them to a file.
pub(super) fn fetch(cli: &Cli, args: &FetchArgs, context: &Context) -> Result<Done, CliError> {
    // The numbers aren't known yet; the folder is.
    let unknown = Blocks { first: 0, last: 0, count: 1 };
    OutFile::new(&destination(args.out.as_ref(), &unknown, "zeno"), "--out", cli.json)?;
    let fetched = validate::fetch(&args.rpc.source(&args.block)?, context)?;
    let out = OutFile::unchecked(&destination(args.out.as_ref(), &fetched.0.block.blocks, "zeno"));
    match out.deliver(&fetched.0.input) {
        Ok(()) => Ok(out.delivered(fetched)),
        Err(error) => Err(out.undelivered(fetched.0.failed(error))),
    }
}

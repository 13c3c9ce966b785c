//! `zeno wrap`.

use super::prove::check_with;
use crate::{
    args::{Cli, WrapArgs},
    exit::{CliError, Done},
    out_file::{OutFile, destination},
};
use zeno_pipeline::{claim::Blocks, context::Context, prove::BlockProver, wrap::Stark};

/// Makes an EVM proof from a STARK, and writes it to a file.
pub(super) fn wrap(cli: &Cli, args: &WrapArgs, context: &Context) -> Result<Done, CliError> {
    if let Some(out) = &args.out {
        OutFile::new(out, "--out", cli.json)?;
    }
    // First of all, and without a cache folder: what is no STARK of this release has no EVM proof.
    let stark = Stark::read(&args.file)?;
    let prover = BlockProver::new(args.backend.backend(), context).map_err(|error| stark.failed(error))?;
    let block = stark.block();
    let blocks = block.blocks.unwrap_or(Blocks { first: block.number, last: block.number, count: 1 });
    let out = destination(args.out.as_ref(), &blocks, "evm.proof");
    let out = OutFile::new(&out, "--out", cli.json).map_err(|error| stark.failed(error))?;

    let wrapped = prover.wrap(stark)?;
    if let Err(error) = out.deliver(&wrapped.file) {
        return Err(out.undelivered(wrapped.failed(error)));
    }
    wrapped.finish();
    let message = format!(
        "{} proven for contracts. Check the proof with `{}`.",
        blocks.are(),
        check_with(out.path(), None, &wrapped.claim, wrapped.key.as_ref())
    );
    Ok(Done { message: Some(message), ..out.delivered(wrapped) })
}

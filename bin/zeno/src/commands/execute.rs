//! `zeno execute`.

use crate::{
    args::{Cli, ExecuteArgs},
    exit::{CliError, Done},
    flame_graph::draw,
    out_file::OutFile,
};
use zeno_pipeline::{
    context::Context,
    error::Error,
    execute::{self, ExecuteOptions, Executed, GuestFile},
    files::read_guest,
    validate,
};

/// Runs the guest without proving.
pub(super) fn execute(cli: &Cli, args: &ExecuteArgs, context: &Context) -> Result<Done, CliError> {
    let guest = match &args.guest {
        Some(path) => Some(GuestFile { path: path.clone(), elf: read_guest(path)? }),
        None => None,
    };
    let out = match &args.profile {
        Some(path) => Some(OutFile::new(path, "--profile", cli.json)?),
        None => None,
    };
    let validated = validate::validate(&cli.source(&args.source)?, context)?;
    let options = ExecuteOptions { guest, profile: out.is_some() };
    let executed = execute::execute(validated, &options, context)?;
    match out {
        None => Ok(Done::new(executed)),
        Some(out) => match deliver_graph(&executed, args, &out) {
            Ok(()) => Ok(out.delivered(executed)),
            Err(error) => Err(out.undelivered(executed.failed(error))),
        },
    }
}

/// Draws the flame graph of a run, and delivers it.
fn deliver_graph(executed: &Executed, args: &ExecuteArgs, out: &OutFile) -> Result<(), Error> {
    let Some(profile) = &executed.profile else { return Ok(()) };
    let title = executed.block.blocks.to_string();
    out.deliver(&draw(profile, args.by, &title, out.path())?)
}

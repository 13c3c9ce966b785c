//! `zeno srs`.

use crate::{
    args::SrsCommand,
    exit::{CliError, Done},
};
use zeno_pipeline::{context::Context, srs};

/// Installs an SRS, or lists the installed ones.
pub(super) fn srs(command: &SrsCommand, context: &Context) -> Result<Done, CliError> {
    Ok(match command {
        SrsCommand::Import(args) => Done::new(srs::import(&args.file, &args.degrees.k, context)?),
        SrsCommand::Dev(args) => Done::new(srs::development(&args.k, context)?),
        SrsCommand::Info => Done::new(srs::list(context)?),
    })
}

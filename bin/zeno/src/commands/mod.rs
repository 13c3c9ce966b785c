//! The commands, one function each.

mod contract;
mod execute;
mod fetch;
mod inspect;
mod prove;
mod setup;
mod srs;
mod validate;
mod verify;
mod wrap;

use crate::{
    args::{Cli, Command},
    exit::{CliError, Done},
};
use zeno_pipeline::context::Context;

/// Does what the arguments say.
pub(crate) fn run(cli: &Cli, context: &Context) -> Result<Done, CliError> {
    match &cli.command {
        Command::Fetch(args) => fetch::fetch(cli, args, context),
        Command::Validate(args) => validate::validate(cli, args, context),
        Command::Execute(args) => execute::execute(cli, args, context),
        Command::Prove(args) => prove::prove(cli, args, context),
        Command::Wrap(args) => wrap::wrap(cli, args, context),
        Command::Setup(args) => setup::setup(args, context),
        Command::Verify(args) => verify::verify(args, context),
        Command::Inspect(args) => inspect::inspect(args),
        Command::Srs(command) => srs::srs(command, context),
        Command::Contract(command) => contract::contract(command, context),
    }
}

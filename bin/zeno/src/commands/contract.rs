//! `zeno contract`.

use crate::{
    args::ContractCommand,
    exit::{CliError, Done},
};
use zeno_pipeline::{context::Context, contract};

/// Exports or deploys contracts, or submits a proof to one.
pub(super) fn contract(command: &ContractCommand, context: &Context) -> Result<Done, CliError> {
    Ok(match command {
        ContractCommand::Export(args) => {
            Done::new(contract::export(&args.out, &args.keys.options(), args.allow_unknown_srs, context)?)
        }
        ContractCommand::Deploy(args) => Done::new(contract::deploy(&args.options(), context)?),
        ContractCommand::Submit(args) => Done::new(contract::submit(&args.options(), context)?),
    })
}

//! `zeno validate`.

use crate::{
    args::{Cli, SourceArgs},
    chains,
    failure::{Failure, blames_block},
    progress::Display,
    report::Report,
    source::{self, Loaded},
};
use std::sync::Arc;
use zeno_guest_evm::{ChainClaim, ChainSpec};
use zeno_witness_fetch::{NotSupported, check_supported, may_be_of_later_fork};

/// Checks a block natively, and says so.
pub(crate) fn validate(cli: &Cli, args: &SourceArgs, report: &mut Report) -> Result<(), Failure> {
    let display = Arc::new(Display::new());
    let loaded = source::load(cli, args, &display, report)?;
    let claim = check(&loaded, report)?;
    report.headline.push(format!(
        "Block {} is valid under {}, if its parent {} is.",
        claim.last_block_number,
        chains::rules(claim.chain_spec),
        claim.first_parent_hash
    ));
    Ok(())
}

/// Checks what was loaded, and takes over its claim.
pub(crate) fn check(loaded: &Loaded, report: &mut Report) -> Result<ChainClaim, Failure> {
    let spec = ChainSpec::decode(&loaded.input.chain).map_err(Failure::other)?;
    // Before any rule is tried on it: a later fork may have changed it.
    check_supported(&spec, &loaded.block.header)
        .map_err(|reason| Failure::other(format_args!("the block can't be validated: {reason}")))?;
    match zeno_guest_evm::validate(&loaded.input) {
        Ok(claim) => {
            report.valid = Some(true);
            report.set_claim(&claim);
            Ok(claim)
        }
        Err(error) => {
            if may_be_of_later_fork(&spec, &loaded.block.header, &error) {
                let reason = NotSupported::BlobParameters(error.to_string());
                return Err(Failure::other(format_args!("the block can't be validated: {reason}")));
            }
            if blames_block(&error) {
                report.valid = Some(false);
            }
            Err(error.into())
        }
    }
}

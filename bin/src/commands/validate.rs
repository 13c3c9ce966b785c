//! `zeno validate`.

use crate::{
    args::{Cli, SourceArgs},
    failure::Failure,
    progress::Display,
    report::Report,
    source::{self, Loaded},
};
use std::sync::Arc;
use zeno_guest_evm::ChainClaim;

/// Checks a block natively, and says so.
pub(crate) fn validate(cli: &Cli, args: &SourceArgs, report: &mut Report) -> Result<(), Failure> {
    let display = Arc::new(Display::new());
    let loaded = source::load(cli, args, &display, report)?;
    check(&loaded, report)?;
    report.headline.push(match report.block_number {
        Some(number) => format!("Block {number} is valid."),
        None => "The block is valid.".to_owned(),
    });
    Ok(())
}

/// Checks what was loaded, and takes over its claim.
pub(crate) fn check(loaded: &Loaded, report: &mut Report) -> Result<ChainClaim, Failure> {
    match zeno_guest_evm::validate(&loaded.input) {
        Ok(claim) => {
            report.valid = Some(true);
            report.set_claim(&claim);
            Ok(claim)
        }
        Err(error) => {
            if error.blames_block() {
                report.valid = Some(false);
            }
            Err(error.into())
        }
    }
}

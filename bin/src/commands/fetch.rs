//! `zeno fetch`.

use crate::{
    args::{Cli, FetchArgs},
    failure::Failure,
    files,
    progress::Display,
    report::Report,
    source,
};
use std::sync::Arc;

/// Fetches a block with its witness, validates both, and writes them to a file.
pub(crate) fn fetch(cli: &Cli, args: &FetchArgs, report: &mut Report) -> Result<(), Failure> {
    if let Some(out) = &args.out {
        files::check_writable(cli, out, "--out")?;
    } else {
        // The number isn't known yet; the folder is.
        files::check_writable(cli, &files::destination(None, 0, "zeno"), "--out")?;
    }
    let display = Arc::new(Display::new());
    let loaded = source::fetch(cli, &args.block, &args.rpc, &display, report)?;
    super::validate::check(&loaded, report)?;
    let out = files::destination(args.out.as_ref(), loaded.block.header.number, "zeno");
    files::deliver(&out, &loaded.bytes, report)
}

//! Flame graphs of runs of the guest.

use crate::args::CostArg;
use inferno::flamegraph;
use std::path::Path;
use zeno_pipeline::{error::Error, execute::ProfileReport, text};

/// Draws the flame graph of a run, as an SVG for the file `path`.
pub(crate) fn draw(profile: &ProfileReport, by: CostArg, title: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let stacks = profile.stacks.iter();
    let lines: Vec<_> =
        stacks.map(|(stack, cost)| format!("{} {}", text::whole(stack), by.of(cost))).collect();
    let mut options = flamegraph::Options::default();
    options.title = title.to_owned();
    options.count_name = by.unit().to_owned();
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|error| Error::file(path, format_args!("the flame graph can't be drawn: {error}")))?;
    Ok(svg)
}

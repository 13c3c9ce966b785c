//! `zeno srs`.

use crate::{
    args::{Cli, SrsCommand},
    failure::Failure,
    progress::Display,
    report::{Report, SrsReport},
    text,
};
use zeno_srs::{DEGREES, Installed, Srs};

/// Installs an SRS, or says which ones are installed.
pub(crate) fn srs(cli: &Cli, command: &SrsCommand, report: &mut Report) -> Result<(), Failure> {
    let cache = cli.cache_folder()?;
    let display = Display::new();
    let installed = match command {
        SrsCommand::Import(args) => zeno_srs::import(&cache, &args.file, &args.degrees.k, &display)?,
        SrsCommand::Dev(args) => {
            let ks = if args.k.is_empty() { DEGREES.as_slice() } else { args.k.as_slice() };
            zeno_srs::development(&cache, ks, &display)?
        }
        SrsCommand::Info => return info(&cache, &display, report),
    };
    report.headline.push("Installed.".to_owned());
    warn(&installed, report);
    report.srs = Some(installed.iter().map(SrsReport::from).collect());
    Ok(())
}

/// Lists what is there. One that is damaged is listed, and makes the command fail.
fn info(cache: &std::path::Path, display: &Display, report: &mut Report) -> Result<(), Failure> {
    display.say("reading what is installed");
    let mut failure = None;
    let mut found = Vec::new();
    for Installed { k, srs } in zeno_srs::installed(cache)? {
        match srs {
            Ok(srs) => {
                warn(std::slice::from_ref(&srs), report);
                found.push(SrsReport::from(&srs));
            }
            Err(error) => {
                found.push(SrsReport { k, error: Some(error.to_string()), ..SrsReport::default() });
                failure = failure.or_else(|| Some(error.into()));
            }
        }
    }
    if found.is_empty() {
        report.headline.push(format!("No SRS is installed in {}.", text::path(cache)));
    }
    report.srs = Some(found);
    failure.map_or(Ok(()), Err)
}

/// Says, once, that one of them is insecure.
fn warn(installed: &[Srs], report: &mut Report) {
    const WARNING: &str = "INSECURE: anybody can forge proofs under the SRS for development.";
    if installed.iter().any(Srs::is_insecure) && !report.headline.iter().any(|line| line == WARNING) {
        report.headline.push(WARNING.to_owned());
    }
}

//! Outcomes about the structured reference string.

use super::{
    Render,
    sheet::{Sheet, grouped},
};
use zeno_pipeline::{
    srs::{SrsFindings, SrsInstalled, SrsListed, SrsReport, UsableSrs},
    text,
};
use zeno_verifier::INSECURE_SRS_WARNING;

impl Render for SrsInstalled {
    fn messages(&self) -> Vec<String> {
        let mut messages = vec!["Installed.".to_owned()];
        messages.extend(warning(&self.srs));
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        list(sheet, &self.srs);
    }
}

impl Render for SrsListed {
    fn messages(&self) -> Vec<String> {
        let empty = || format!("No SRS is installed in {}.", text::path(&self.folder));
        let mut messages = Vec::from_iter(warning(&self.srs));
        messages.extend(self.srs.is_empty().then(empty));
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        list(sheet, &self.srs);
    }
}

impl Render for SrsFindings {
    fn messages(&self) -> Vec<String> {
        Vec::from_iter(self.srs.as_deref().and_then(warning))
    }

    fn facts(&self, sheet: &mut Sheet) {
        list(sheet, self.srs.as_deref().unwrap_or_default());
    }
}

/// A sentence about an insecure SRS, if there is one.
fn warning(srs: &[SrsReport]) -> Option<String> {
    let is_insecure = |srs: &SrsReport| srs.usable.as_ref().is_some_and(|srs| srs.insecure);
    let any = srs.iter().any(is_insecure);
    any.then(|| INSECURE_SRS_WARNING.to_owned())
}

/// Adds the SRS of each degree.
fn list(sheet: &mut Sheet, srs: &[SrsReport]) {
    for SrsReport { k, usable, error } in srs {
        sheet.fact("SRS for k", k);
        if let Some(UsableSrs { origin, source, checks, file, bytes, blake2b, .. }) = usable {
            sheet.fact("origin", origin);
            sheet.fact("recorded source", source);
            for check in checks {
                sheet.fact("recorded check", check);
            }
            sheet.fact("file", file.display());
            sheet.fact("size", format_args!("{} bytes", grouped(*bytes)));
            sheet.fact("BLAKE2b-512", blake2b);
        }
        sheet.maybe("unusable", error.as_ref());
    }
}

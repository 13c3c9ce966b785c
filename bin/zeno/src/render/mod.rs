//! Outcomes and findings as text, or as one JSON object.

mod block;
mod contract;
mod proof;
mod sheet;
mod srs;

use self::sheet::Sheet;
use crate::output;
use serde::Serialize;
use std::path::Path;
use zeno_pipeline::text;

/// An outcome or findings, as a user reads them.
pub(crate) trait Render {
    /// Sentences for people, before all facts.
    fn messages(&self) -> Vec<String> {
        Vec::new()
    }

    /// Facts, one on each line.
    fn facts(&self, sheet: &mut Sheet);

    /// Details after the command's own facts.
    fn details(&self, _: &mut Sheet) {}
}

/// An outcome or findings of any kind.
pub(crate) trait Report {
    /// One JSON object on one line, with the end of the command.
    fn json(&self, end: &End<'_>) -> String;

    /// Text, with the end of the command.
    fn text(&self, end: &End<'_>) -> String;
}

/// Facts of a command itself.
#[derive(Debug, Default)]
pub(crate) struct End<'a> {
    /// A sentence after those of the outcome.
    pub(crate) message: Option<&'a str>,
    /// The delivered file.
    pub(crate) file: Option<&'a Path>,
    /// `true` if the file is stdout, whose name is no news.
    pub(crate) is_stdout: bool,
    /// Duration of the command.
    pub(crate) seconds: f64,
    /// The reason of a failure.
    pub(crate) error: Option<&'a str>,
}

impl<T: Render + Serialize> Report for T {
    fn json(&self, end: &End<'_>) -> String {
        #[derive(Serialize)]
        struct Object<'a, T> {
            #[serde(flatten)]
            report: &'a T,
            #[serde(skip_serializing_if = "Option::is_none")]
            file: Option<String>,
            seconds: f64,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            messages: Vec<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a str>,
        }
        output::json_line(&Object {
            report: self,
            file: end.file.map(|path| path.to_string_lossy().into_owned()),
            seconds: end.seconds,
            messages: messages(self, end),
            error: end.error,
        })
    }

    fn text(&self, end: &End<'_>) -> String {
        let mut sheet = Sheet::default();
        for message in messages(self, end) {
            sheet.line(&message);
        }
        self.facts(&mut sheet);
        let file = end.file.filter(|_| !end.is_stdout);
        sheet.maybe("written to", file.map(Path::display));
        sheet.fact("seconds", format!("{:.3}", end.seconds));
        self.details(&mut sheet);
        sheet.into_text()
    }
}

/// All sentences for people.
fn messages(report: &impl Render, end: &End<'_>) -> Vec<String> {
    let mut messages = report.messages();
    messages.extend(end.message.map(str::to_owned));
    messages
}

/// No facts at all.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

impl Render for Nothing {
    fn facts(&self, _: &mut Sheet) {}
}

/// The line of a failed command on stderr.
pub(crate) fn failure(message: &str) -> String {
    format!("zeno: {}\n", text::whole(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_only_facts_that_apply() {
        let end = End { seconds: 0.5, ..End::default() };
        assert_eq!(Nothing {}.json(&end), "{\"seconds\":0.5}\n");
        let end = End { error: Some("no \"such\" block"), ..end };
        assert_eq!(Nothing {}.json(&end), "{\"seconds\":0.5,\"error\":\"no \\\"such\\\" block\"}\n");
    }

    #[cfg(unix)]
    #[test]
    fn lines_and_paths_hold_nothing_that_a_terminal_obeys() {
        use std::os::unix::ffi::OsStrExt;
        let name = Path::new(std::ffi::OsStr::from_bytes(b"\x1b[2K\n\xff"));
        let end =
            End { file: Some(name), message: Some("The proof\u{1b}[1A\r\n is valid"), ..End::default() };
        let shown = Nothing {}.text(&end);
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.chars().all(|character| character == '\n' || text::is_visible(character)), "{shown:?}");
        let value: serde_json::Value = serde_json::from_str(&Nothing {}.json(&end)).unwrap();
        assert_eq!(value["file"], "\u{1b}[2K\n\u{fffd}");
    }
}

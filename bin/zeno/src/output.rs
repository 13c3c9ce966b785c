//! Stdout and stderr. Everything that the program prints goes through this module: Rust's print macros panic where a pipe is
//! closed or a disk is full.

use crate::exit;
use serde_json::json;
use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};
use zeno_pipeline::text;

/// Flag that the result is being printed, or was. There is one result, also where a signal comes in between.
static RESULT: AtomicBool = AtomicBool::new(false);

/// Writes text to stderr, as far as that can be done: no result is lost because nobody reads how it came about.
pub(crate) fn stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes bytes to stdout.
///
/// # Errors
/// An error of the system.
pub(crate) fn stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Prints the result of a command, for stdout and for stderr, and returns the exit status. The first result counts: `None` is
/// returned where there is one already.
///
/// The reader of stdout may have seen enough and closed it; that changes nothing. If stdout can't be written for any other
/// reason, the status is 2.
pub(crate) fn result(for_stdout: &str, for_stderr: &str, status: u8) -> Option<u8> {
    if RESULT.swap(true, Ordering::SeqCst) {
        return None;
    }
    let written = stdout(for_stdout.as_bytes());
    stderr(for_stderr);
    Some(match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            stderr(&format!("zeno: the result can't be written to stdout: {error}\n"));
            exit::OTHER
        }
        _ => status,
    })
}

/// Prints, as [`result`] does, the one object of `--json` that says why there is no other, or one line on stderr.
pub(crate) fn failure(json: bool, message: &str, status: u8) -> Option<u8> {
    if json {
        result(&json_line(&json!({ "error": message })), "", status)
    } else {
        result("", &format!("zeno: {}\n", text::whole(message)), status)
    }
}

/// Writes a JSON object on a line of its own. Characters that JSON does not escape and a terminal would obey, such as the
/// control characters above 0x7f, are escaped as well.
pub(crate) fn json_line(value: &impl serde::Serialize) -> String {
    let json = match serde_json::to_string(value) {
        Ok(json) => json,
        Err(error) => json!({ "error": format!("the result can't be written as JSON: {error}") }).to_string(),
    };
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        // In compact JSON such characters are in strings alone.
        if text::is_visible(character) {
            line.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line.push('\n');
    line
}

/// Returns whether stderr is a terminal that shows colours.
pub(crate) fn stderr_is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writer of logs to stderr, as [`stderr`] writes there, without characters that a terminal would obey. Each write is an
/// event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stderr(&log_line(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts an event on one line. Colours are the logger's own: it takes the escape character out of the content of events.
fn log_line(event: &str) -> String {
    let mut line = String::with_capacity(event.len() + 1);
    for (index, part) in event.trim_end_matches('\n').split('\u{1b}').enumerate() {
        let is_colour =
            part.strip_prefix('[').and_then(|rest| rest.split_once('m')).is_some_and(|(codes, _)| {
                codes.chars().all(|character| character.is_ascii_digit() || character == ';')
            });
        match (index, is_colour) {
            (0, _) => {}
            (_, true) => line.push('\u{1b}'),
            (_, false) => line.push_str("\\u{1b}"),
        }
        line.push_str(&text::whole(part));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys() {
        let line = json_line(&json!({ "name": "a\u{1b}[2K\u{9b}1A\u{7f}\u{202e}\u{e0041}\n\"é漢" }));
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
        assert!(line.trim_end().chars().all(text::is_visible), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["name"], "a\u{1b}[2K\u{9b}1A\u{7f}\u{202e}\u{e0041}\n\"é漢");
    }

    #[test]
    fn events_are_lines_of_their_own() {
        assert_eq!(log_line("\u{1b}[33m WARN\u{1b}[0m node\n"), "\u{1b}[33m WARN\u{1b}[0m node\n");
        let event = "error=\u{1b}[2K\u{9b}1A\r\n2026 INFO the proof is valid\u{202e}\u{1b}\n";
        let expected = "error=\\u{1b}[2K\\u{9b}1A\\u{d}\\u{a}2026 INFO the proof is valid\\u{202e}\\u{1b}\n";
        assert_eq!(log_line(event), expected);
    }
}

//! Answers of the command line's parser: help, the version, and mistakes in the arguments.

use crate::{args::Cli, output};
use clap::{CommandFactory, FromArgMatches, Parser, error::ErrorKind, parser::ValueSource};
use serde_json::json;
use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
};
use zeno_pipeline::text;

/// Returns whether the arguments ask for JSON. They are searched unparsed, because they may have mistakes.
pub(crate) fn asks_for_json() -> bool {
    is_json_among(env::args_os().skip(1))
}

fn is_json_among(arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> bool {
    arguments.take_while(|argument| argument.as_ref() != "--").any(|argument| {
        argument.as_ref() == "--json" || argument.as_ref().to_string_lossy().starts_with("--json=")
    })
}

/// Parses the arguments.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    const NODE: [&str; 4] = ["rpc_url", "rpc_header", "witness", "refresh"];
    let mut matches = Cli::command().try_get_matches()?;
    let named = |command: &clap::ArgMatches| {
        let given = |id: &str| {
            command.ids().any(|known| known.as_str() == id)
                && command.value_source(id) == Some(ValueSource::CommandLine)
        };
        NODE.into_iter().any(given)
    };
    let names_node = matches.subcommand().is_some_and(|(_, command)| named(command));
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut Cli::command()))?;
    Ok(Cli { names_node, ..cli })
}

/// Prints the help, the version, or the mistake in the arguments, and returns the exit status.
///
/// Errors repeat arguments, and the user has not always chosen the names of files among them: characters that a terminal
/// would obey are taken out before the parser sees them.
pub(crate) fn tell(error: clap::Error, json: bool) -> u8 {
    let arguments = env::args_os().map(|argument| text::whole(&argument.to_string_lossy()));
    match Cli::try_parse_from(arguments) {
        Err(printable) if printable.kind() == error.kind() => print(&printable, json),
        _ => print(&error, json),
    }
}

fn print(error: &clap::Error, json: bool) -> u8 {
    let status = u8::try_from(error.exit_code()).unwrap_or(2);
    let plain = error.render().to_string();
    let printed = if json {
        let object = match error.kind() {
            ErrorKind::DisplayHelp => json!({ "help": plain }),
            ErrorKind::DisplayVersion => json!({ "version": plain.trim_end() }),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                json!({ "error": "the command is not complete", "help": plain })
            }
            _ => json!({ "error": sentence(&plain) }),
        };
        output::result(&output::json_line(&object), "", status)
    } else if error.use_stderr() {
        output::result("", &shown(error, &plain, output::stderr_is_coloured()), status)
    } else {
        output::result(&shown(error, &plain, io::stdout().is_terminal()), "", status)
    };
    printed.unwrap_or(status)
}

/// Returns the mistake without the parser's advice on the usage.
fn sentence(text: &str) -> &str {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let ends = ["\n\nUsage:", "\n\nFor more information"];
    let end = ends.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    text[..end].trim_end()
}

/// Returns the text for people.
fn shown(error: &clap::Error, plain: &str, coloured: bool) -> String {
    if plain.chars().any(|character| character != '\n' && !text::is_visible(character)) {
        plain.lines().map(|line| text::whole(line) + "\n").collect()
    } else if coloured {
        error.render().ansi().to_string()
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_up_to_the_end_of_options() {
        assert!(is_json_among(["verify", "--json", "x"].iter()));
        assert!(is_json_among(["--json=yes"].iter()));
        assert!(!is_json_among(["verify", "--", "--json"].iter()));
        assert!(!is_json_among(["verify", "--jsonl"].iter()));
    }

    #[test]
    fn a_usage_error_is_told_without_the_usage() {
        let text = "error: unexpected argument '--x' found\n\n  tip: y\n\nUsage: zeno\n\nFor more information, try '--help'.\n";
        assert_eq!(sentence(text), "unexpected argument '--x' found\n\n  tip: y");
    }
}

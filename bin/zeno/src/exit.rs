//! Ends of commands, and their exit statuses.

use crate::{
    flags, panics,
    render::{Nothing, Report},
};
use std::path::PathBuf;
use zeno_pipeline::error::{Error, Failed};
use zeno_witness_fetch::FetchError;

/// Exit status of anything but success and a verdict.
pub(crate) const OTHER: u8 = 2;

/// A command that succeeded.
pub(crate) struct Done {
    /// The outcome.
    pub(crate) report: Box<dyn Report>,
    /// A sentence after those of the outcome.
    pub(crate) message: Option<String>,
    /// The delivered file.
    pub(crate) file: Option<PathBuf>,
    /// `true` if the file is stdout, so that there is no room for a report.
    pub(crate) stdout_is_taken: bool,
}

impl Done {
    /// An outcome without a delivered file.
    pub(crate) fn new(report: impl Report + 'static) -> Self {
        Self { report: Box::new(report), message: None, file: None, stdout_is_taken: false }
    }
}

/// A command that failed.
pub(crate) struct CliError {
    /// The reason.
    pub(crate) error: Error,
    /// Facts that were established before.
    pub(crate) report: Box<dyn Report>,
    /// `true` if a part of the outcome may have gone to stdout, so that there is no room for a report.
    pub(crate) stdout_is_taken: bool,
}

impl CliError {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self.error.verdict() {
            Some(_) => 1,
            None => OTHER,
        }
    }

    /// The sentence about the reason, with the flags that it is about.
    pub(crate) fn message(&self) -> String {
        let message = match &self.error {
            Error::Fetch(error) if matches!(error.of_block(), FetchError::Interrupted) => {
                match panics::of_a_task() {
                    Some(panic) => format!("{error}: {panic}"),
                    None => error.to_string(),
                }
            }
            error => error.to_string(),
        };
        message + &flags::hint(&self.error.settings())
    }
}

impl<F: Report + 'static> From<Failed<F>> for CliError {
    fn from(Failed { error, findings }: Failed<F>) -> Self {
        Self { error, report: Box::new(findings), stdout_is_taken: false }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self { error, report: Box::new(Nothing {}), stdout_is_taken: false }
    }
}

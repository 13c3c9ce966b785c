//! Failed attempts, and the pauses before the next one.

use crate::rpc::error::Problem;
use reqwest::{StatusCode, header};
use std::time::{Duration, SystemTime};

/// Longest pause between two attempts, even if the node asks for a longer one.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Prospect of another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// None: the request would fail again.
    Never,
    /// The failure may pass.
    Transient,
    /// The node asks the client to wait, or was not reached.
    BackOff,
}

/// Problem of one attempt, and the prospect of another.
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    pub(crate) retry: Retry,
    /// Pause that the node asks for.
    pub(crate) pause: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(problem: Problem, retry: Retry) -> Self {
        Self { problem, retry, pause: None }
    }
}

/// Returns whether the cause of an HTTP status may pass.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// Pause that the header `Retry-After` of a response asks for (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    text(header::RETRY_AFTER).map(|value| wait(value, text(header::DATE)))
}

/// The pause that a value of `Retry-After` means, which is a number of seconds or a date.
///
/// A date is by the node's clock, so it is compared with the response's own `Date`, or with the host's clock if that is
/// missing. A value that can't be read leaves the pause to the client.
fn wait(retry_after: &str, date: Option<&str>) -> Duration {
    let read = |date: &str| httpdate::parse_http_date(date.trim()).ok();
    if let Some(then) = read(retry_after) {
        let now = date.and_then(read).unwrap_or_else(SystemTime::now);
        return then.duration_since(now).unwrap_or_default();
    }
    let seconds = retry_after.trim().parse::<f64>().unwrap_or(0.0).max(0.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (asked, date, seconds) in [
            ("2", None, 2),
            (" 3 ", Some(now), 3),
            ("Sun, 06 Nov 1994 08:49:41 GMT", Some(now), 4),
            ("Sunday, 06-Nov-94 08:49:42 GMT", Some(now), 5),
            (now, Some(now), 0),
            // Compared with the host's clock, it is long ago.
            ("Sun, 06 Nov 1994 08:49:41 GMT", None, 0),
            ("Sun, 06 Nov 1994 08:49:41 GMT", Some("yesterday"), 0),
            ("-1", None, 0),
            ("soon", None, 0),
        ] {
            assert_eq!(wait(asked, date), Duration::from_secs(seconds), "{asked} {date:?}");
        }
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(wait(&soon, None) > Duration::from_secs(50));
    }
}

//! Errors of access to a node.

use crate::rpc::rate_limit;
use alloy_primitives::Bytes;
use std::{fmt, time::Duration};

/// Reason why a node can't be accessed with the given options. No secret of them is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The URL of the node can't be used.
    #[error("the URL of the node can't be used: {0}")]
    Url(String),
    /// An HTTP header can't be used.
    #[error("an HTTP header can't be used: {0}; write it as \"Name: value\"")]
    Header(&'static str),
    /// The HTTP client can't be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
}

/// A request that failed, after all retries.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} at {endpoint} {problem}{}", Attempts(*attempts))]
pub struct RpcError {
    /// RPC method.
    pub method: &'static str,
    /// URL of the node, without secrets.
    pub endpoint: String,
    /// Number of attempts.
    pub attempts: u32,
    /// Problem of the last attempt.
    pub problem: Problem,
}

struct Attempts(u32);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 1 { write!(f, " (after {} attempts)", self.0) } else { Ok(()) }
    }
}

/// Problem of one request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No answer in time.
    #[error("gave no answer within {0:?}")]
    Timeout(Duration),
    /// The connection can't be made.
    #[error("can't be reached: {0}")]
    Unreachable(String),
    /// The connection broke.
    #[error("broke off: {0}")]
    Transport(String),
    /// A redirect, which is not followed: it could carry secrets elsewhere.
    #[error(
        "redirects to {to} (HTTP status {status}), which is not followed: name that place as the node's URL"
    )]
    Redirect {
        /// HTTP status code.
        status: u16,
        /// Target of the redirect, without secrets.
        to: String,
    },
    /// A redirect without a target.
    #[error("redirects without a place to go to (HTTP status {0}): name the node's own place as its URL")]
    RedirectNowhere(u16),
    /// A redirect to the URL that was asked.
    #[error(
        "redirects to itself (HTTP status {0}), so that there is no answer: name another place as the node's URL"
    )]
    RedirectToItself(u16),
    /// An HTTP status that is an error, without a JSON-RPC answer.
    #[error("answered with HTTP status {status}: {body}")]
    Status {
        /// HTTP status code.
        status: u16,
        /// Beginning of the body.
        body: String,
    },
    /// A JSON-RPC error.
    #[error("answered with error{}: {message}", Code(*code))]
    Answer {
        /// JSON-RPC error code; zero if the node gives none.
        code: i64,
        /// Message of the node.
        message: String,
        /// Further data of the error if they are bytes, such as the revert data of a contract.
        data: Option<Bytes>,
    },
    /// `null` in place of a value.
    #[error("answered with null")]
    Null,
    /// An answer that is no JSON-RPC, or no value of the method's type.
    #[error("answered with something else than the method's result: {0}")]
    Malformed(String),
    /// An answer that is longer than the limit, which is in bytes.
    #[error("answered with more than {0} bytes, which is the limit")]
    TooLarge(usize),
}

struct Code(i64);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " {}", self.0) }
    }
}

impl Problem {
    /// Returns whether the node, or a proxy before it, took too long.
    pub(crate) fn is_slow(&self) -> bool {
        let text = match self {
            Self::Timeout(_) | Self::Status { status: 408 | 502 | 504 | 522 | 524, .. } => return true,
            Self::Status { body: text, .. } | Self::Answer { message: text, .. } => text.to_lowercase(),
            _ => return false,
        };
        ["timeout", "time-out", "timed out", "deadline"].iter().any(|words| text.contains(words))
    }

    /// Returns whether the node refuses the request itself, so that it would refuse it again.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Answer { code: -32602 | -32600, message, .. } => {
                !rate_limit::is_unmistakable_rate_limit(message)
            }
            _ => self.is_unsupported(),
        }
    }

    /// Returns whether the node says that it lacks the method, in any of the clients' wordings.
    fn is_unsupported(&self) -> bool {
        match self {
            // Even if the message advertises a plan with more credits.
            Self::Answer { code: -32601, .. } => true,
            Self::Answer { code, message, .. } if rate_limit::is_rate_limit(*code, message) => false,
            Self::Answer { code: -32004, .. } => true,
            Self::Answer { message, .. } => says_unsupported(message),
            Self::Status { status, .. } => matches!(status, 403 | 404 | 405 | 501),
            _ => false,
        }
    }
}

/// Returns whether a message says that a method is unavailable.
fn says_unsupported(message: &str) -> bool {
    const ABSENT: [&str; 12] = [
        "not found",
        "does not exist",
        "doesn't exist",
        "not available",
        "not supported",
        "unsupported",
        "not allowed",
        "not whitelisted",
        "not enabled",
        "disabled",
        "unknown method",
        "not implemented",
    ];
    const SUBJECTS: [&str; 3] = ["method", "module", "namespace"];
    let message = message.to_lowercase();
    let has_any = |words: &[&str]| words.iter().any(|words| message.contains(words));
    has_any(&ABSENT) && has_any(&SUBJECTS)
}

impl RpcError {
    /// Returns whether the node says that it lacks the method, in any of the clients' wordings.
    pub fn is_unsupported(&self) -> bool {
        self.problem.is_unsupported()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_wordings_of_a_missing_method() {
        let problem = |code, message: &str| Problem::Answer { code, message: message.into(), data: None };
        for (code, message) in [
            (-32601, "the method debug_executionWitness does not exist/is not available"),
            (-32601, "Method not found"),
            (-32600, "Unsupported method: debug_executionWitness. See available methods at docs"),
            (-32000, "rpc method is not whitelisted"),
            (-32000, "The method debug_executionWitness is not available on this plan"),
            (-32604, "Method disabled"),
            (-32601, "Method not found: upgrade your plan, credits are used up"),
        ] {
            assert!(problem(code, message).is_unsupported(), "{message}");
        }
        for (code, message) in
            [(-32000, "missing trie node"), (-32602, "invalid params"), (-32000, "block not found")]
        {
            assert!(!problem(code, message).is_unsupported(), "{message}");
        }
        assert!(problem(-32602, "too many arguments, want at most 2").is_final());
        assert!(!problem(-32600, "rate limit reached").is_final());
    }
}

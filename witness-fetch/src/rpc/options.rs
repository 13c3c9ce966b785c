//! Options of the access to a node.

use crate::rpc::endpoint::{Endpoint, SecretHeader};
use std::{fmt, time::Duration};

/// Access to one node. [`RpcOptions::new`] sets the defaults.
#[derive(Clone)]
pub struct RpcOptions {
    /// URL of the node, `http` or `https`. It may contain secrets; they are never shown.
    pub url: String,
    /// HTTP headers of every request, such as API keys. Their values are never shown.
    pub headers: Vec<SecretHeader>,
    /// Time limit of a single request.
    pub timeout: Duration,
    /// Time limit of the request for a whole witness, which is sent once. `None` stands for
    /// [`WITNESS_TIMEOUT_FACTOR`](Self::WITNESS_TIMEOUT_FACTOR) × [`timeout`](Self::timeout).
    pub witness_timeout: Option<Duration>,
    /// Number of further attempts after a request failed in a way that may pass.
    pub retries: u32,
    /// Pause before the first retry. Every further pause is twice as long, shortened at random by up to a half.
    pub first_pause: Duration,
    /// Limit on the number of requests in flight.
    pub concurrency: usize,
    /// Limit on an answer, in bytes after decompression; the longest is a witness. The same limit holds for all
    /// answers in flight together, and for the state that is fetched piece by piece. Most methods have a lower limit
    /// of their own.
    pub max_answer_bytes: usize,
}

impl RpcOptions {
    /// Ratio of the default time limit for a whole witness to that of any other request.
    pub const WITNESS_TIMEOUT_FACTOR: u32 = 4;

    /// The defaults for the node at `url`: 60 s for a request, 240 s for a witness, 5 retries, 16 requests in flight,
    /// answers of up to 1 GiB.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            timeout: Duration::from_secs(60),
            witness_timeout: None,
            retries: 5,
            first_pause: Duration::from_millis(250),
            concurrency: 16,
            max_answer_bytes: 1 << 30,
        }
    }
}

impl fmt::Debug for RpcOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Endpoint::new(&self.url, &self.headers).map(|endpoint| endpoint.to_string());
        f.debug_struct("RpcOptions")
            .field("url", &url)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

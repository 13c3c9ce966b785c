//! JSON-RPC over HTTP, with retries.
//!
//! The messages are `alloy`'s types, the HTTP is `reqwest`'s. `alloy`'s own transport is not used:
//! it reads answers of any length, knows no `Retry-After`, and shows the URL in its errors.

use crate::{
    FetchError, FetchOptions,
    endpoint::Endpoint,
    error::{Problem, RpcError},
};
use alloy_json_rpc::{ErrorPayload, Id, Request, Response, ResponsePayload};
use rand::Rng;
use reqwest::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::Semaphore, time};
use tracing::{debug, warn};

/// Longest pause between two attempts, whatever the node asks for.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// How much of a foreign answer goes into an error, in bytes.
const EXCERPT: usize = 200;

/// A JSON-RPC client for one node: bounded answers, retries, and no secret in any error.
#[derive(Debug)]
pub struct Rpc {
    http: reqwest::Client,
    endpoint: Endpoint,
    timeout: Duration,
    retries: u32,
    first_pause: Duration,
    max_answer: usize,
    /// One permit a request under way.
    permits: Semaphore,
    next_id: AtomicU64,
}

/// What went wrong with one attempt, and whether another may go better.
struct Failure {
    problem: Problem,
    retry: bool,
    /// How long the node wants to be left alone.
    pause: Option<Duration>,
}

impl Rpc {
    /// A client by what the options say of the node, of time limits and of retries.
    ///
    /// # Errors
    /// [`FetchError`] if the URL can't be used.
    pub fn new(options: &FetchOptions) -> Result<Self, FetchError> {
        let endpoint = Endpoint::new(&options.url, &options.headers)?;
        let http = reqwest::Client::builder()
            .default_headers(endpoint.headers())
            .timeout(options.timeout)
            // A redirect could carry the headers' secrets elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("zeno/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| FetchError::Client(endpoint.scrub(&causes(&error.without_url()))))?;
        Ok(Self {
            http,
            endpoint,
            timeout: options.timeout,
            retries: options.retries,
            first_pause: options.first_pause,
            max_answer: options.max_answer_bytes,
            permits: Semaphore::new(options.concurrency.max(1)),
            next_id: AtomicU64::new(1),
        })
    }

    /// The error of an answer that is well-formed JSON, but not the method's.
    pub(crate) fn malformed(&self, method: &'static str, reason: &str) -> RpcError {
        self.failed(method, Problem::Malformed(self.excerpt(reason.as_bytes())))
    }

    /// The error of an answer that is `null`.
    pub(crate) fn null(&self, method: &'static str) -> RpcError {
        self.failed(method, Problem::Null)
    }

    fn failed(&self, method: &'static str, problem: Problem) -> RpcError {
        RpcError { method, endpoint: self.endpoint.to_string(), attempts: 1, problem }
    }

    /// The result of a method; `null` is an error, after as many attempts as any other: one of the
    /// nodes behind a load balancer may not be as far as the others.
    ///
    /// # Errors
    /// [`RpcError`] if there is no answer, or not one of the method's type.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<T, RpcError> {
        self.retried(method, params, |result| match result.get() {
            "null" => Err(Failure::of(Problem::Null, true)),
            text => self.parsed(text),
        })
        .await
    }

    /// The result of a method that answers with `null` when it knows nothing.
    ///
    /// # Errors
    /// As [`call`](Self::call), but for `null`.
    pub async fn call_optional<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<Option<T>, RpcError> {
        self.retried(method, params, |result| match result.get() {
            "null" => Ok(None),
            text => self.parsed(text).map(Some),
        })
        .await
    }

    fn parsed<T: DeserializeOwned>(&self, text: &str) -> Result<T, Failure> {
        // The parser quotes what it found.
        serde_json::from_str(text).map_err(|error| {
            Failure::of(Problem::Malformed(self.excerpt(error.to_string().as_bytes())), false)
        })
    }

    async fn retried<T>(
        &self,
        method: &'static str,
        params: &Value,
        parse: impl Fn(Box<RawValue>) -> Result<T, Failure>,
    ) -> Result<T, RpcError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.attempt(method, params).await.and_then(&parse) {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let endpoint = self.endpoint.to_string();
            let error = RpcError { method, endpoint, attempts, problem: failure.problem };
            if !failure.retry || attempts > self.retries {
                debug!(%error, "request failed");
                return Err(error);
            }
            let pause = self.pause(attempts, failure.pause);
            warn!(%error, ?pause, "request failed, trying again");
            time::sleep(pause).await;
        }
    }

    /// Exponential back-off with jitter, or longer if the node asks for it.
    fn pause(&self, attempts: u32, asked: Option<Duration>) -> Duration {
        let ceiling = self.first_pause.saturating_mul(1 << (attempts - 1).min(16));
        let jittered = ceiling.mul_f64(rand::rng().random_range(0.5..=1.0));
        jittered.max(asked.unwrap_or_default()).min(MAX_PAUSE)
    }

    async fn attempt(&self, method: &'static str, params: &Value) -> Result<Box<RawValue>, Failure> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let id = Id::Number(self.next_id.fetch_add(1, Ordering::Relaxed));
        let request = Request::new(method, id.clone(), params);
        let body = serde_json::to_vec(&request).expect("JSON can be written as JSON");
        let started = time::Instant::now();
        let response = self
            .http
            .post(self.endpoint.url())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(|error| self.transport(error))?;
        let status = response.status();
        let pause = retry_after(&response);
        let body = self.body(response).await?;
        debug!(method, %status, bytes = body.len(), elapsed = ?started.elapsed(), "answered");
        self.result(&id, status, &body).map_err(|failure| Failure { pause, ..failure })
    }

    /// The body, unless it is too long.
    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(error))? {
            if body.len() + chunk.len() > self.max_answer {
                return Err(Failure::of(Problem::TooLarge(self.max_answer), false));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn result(&self, id: &Id, status: StatusCode, body: &[u8]) -> Result<Box<RawValue>, Failure> {
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            || status.is_server_error();
        match serde_json::from_slice::<Response>(body) {
            // A node that can't read the request doesn't know its id.
            Ok(Response { payload: ResponsePayload::Failure(error), .. }) => {
                let retry = busy || error.is_retry_err();
                Err(Failure::of(self.answered(&error), retry))
            }
            Ok(response) if response.id != *id => {
                Err(Failure::of(Problem::Malformed("the answer is to another request".into()), true))
            }
            Ok(Response { payload: ResponsePayload::Success(result), .. }) if status.is_success() => {
                Ok(result)
            }
            _ if !status.is_success() => {
                Err(Failure::of(Problem::Status { status: status.as_u16(), body: self.excerpt(body) }, busy))
            }
            // A proxy's page, perhaps, or an answer that was cut off.
            _ => Err(Failure::of(Problem::Malformed(self.excerpt(body)), true)),
        }
    }

    fn answered(&self, error: &ErrorPayload) -> Problem {
        Problem::Answer {
            code: error.code,
            message: self.excerpt(error.message.as_bytes()),
            data: error.try_data_as().and_then(Result::ok),
        }
    }

    fn transport(&self, error: reqwest::Error) -> Failure {
        let problem = if error.is_timeout() {
            Problem::Timeout(self.timeout)
        } else {
            Problem::Transport(self.endpoint.scrub(&causes(&error.without_url())))
        };
        Failure::of(problem, true)
    }

    /// How foreign bytes begin, on one line, without secrets.
    fn excerpt(&self, bytes: &[u8]) -> String {
        let text = self.endpoint.scrub(&String::from_utf8_lossy(&bytes[..bytes.len().min(4 * EXCERPT)]));
        let mut excerpt = String::new();
        for character in text.chars() {
            if excerpt.len() >= EXCERPT {
                excerpt.push('…');
                break;
            }
            excerpt.push(if character.is_control() { ' ' } else { character });
        }
        if excerpt.is_empty() { "(empty)".into() } else { excerpt }
    }
}

impl Failure {
    fn of(problem: Problem, retry: bool) -> Self {
        Self { problem, retry, pause: None }
    }
}

/// RFC 9110, section 10.2.3, in seconds. A date would need a clock that agrees with the node's.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// An error with its causes: `reqwest`'s own message alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

//! JSON-RPC over HTTP, with retries.
//!
//! The requests have alloy's type, and reqwest does the HTTP. alloy's own transport is not used, since it reads answers
//! of any length, doesn't know `Retry-After`, and shows the URL in its errors. Nor is alloy's type of an answer, which
//! refuses a `null` beside a value.

mod answer;
pub(crate) mod endpoint;
pub(crate) mod error;
pub(crate) mod options;
mod rate_limit;
mod retry;
mod tls;

use crate::{
    json::parse,
    rpc::{
        answer::{Envelope, ErrorObject, MAX_ERROR_TEXT},
        endpoint::Endpoint,
        error::{EndpointError, Problem, RpcError},
        options::RpcOptions,
        retry::{Failure, MAX_PAUSE, Retry, is_transient, retry_after},
    },
};
use alloy_json_rpc::{Id, Request};
use rand::Rng;
use reqwest::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time,
};
use tracing::{debug, warn};

/// Length of an excerpt of a foreign answer in an error, in bytes.
const EXCERPT: usize = 200;
/// Unit of the sum of all answers in flight, in bytes.
const UNIT: usize = 1 << 10;

/// A JSON-RPC client for one node: bounded answers, retries, and no secret in any error.
#[derive(Debug)]
pub struct Rpc {
    http: reqwest::Client,
    endpoint: Endpoint,
    timeout: Duration,
    witness_timeout: Duration,
    retries: u32,
    first_pause: Duration,
    /// Limit on any answer, in bytes.
    max_answer: usize,
    /// One permit for each request in flight.
    permits: Semaphore,
    /// One permit for each [`UNIT`] of the answers in flight.
    memory: Semaphore,
    /// Number of the permits of `memory`.
    units: u32,
    next_id: AtomicU64,
}

/// Effort that an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// The fetch can't continue without the answer: it is retried after every failure that may pass.
    Needed,
    /// The answer only saves time: it is retried only if the node asks the client to wait, or was not reached.
    Hint,
    /// The answer takes the node long, and there is another way. It has its own time limit, and is retried only if the
    /// node did not begin to work on it.
    Heavy,
}

impl Rpc {
    /// Creates a client; sends no request.
    ///
    /// # Errors
    /// [`EndpointError`] if the URL can't be used, or the HTTP client can't be set up.
    pub fn new(options: &RpcOptions) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::new(&options.url, &options.headers)?;
        if endpoint.exposes_secrets() {
            warn!(%endpoint, "the key of this node goes over the network in the clear: name the node by https if it has it");
        }
        let failed = |error: &dyn std::error::Error| EndpointError::Client(endpoint.scrub(&causes(error)));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config().map_err(|error| failed(&error))?)
            .timeout(options.timeout)
            // A redirect could carry the headers' secrets elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("zeno/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(&error.without_url()))?;
        let units = u32::try_from(options.max_answer_bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        Ok(Self {
            http,
            endpoint,
            timeout: options.timeout,
            witness_timeout: options
                .witness_timeout
                .unwrap_or_else(|| options.timeout.saturating_mul(RpcOptions::WITNESS_TIMEOUT_FACTOR)),
            retries: options.retries,
            first_pause: options.first_pause,
            max_answer: options.max_answer_bytes,
            permits: Semaphore::new(options.concurrency.max(1)),
            memory: Semaphore::new(units as usize),
            units,
            next_id: AtomicU64::new(1),
        })
    }

    /// The error of an answer that is well-formed JSON, but no result of the method.
    pub(crate) fn malformed(&self, method: &'static str, reason: &str) -> RpcError {
        self.failed(method, Problem::Malformed(self.excerpt(reason.as_bytes())))
    }

    /// The error of an answer that is `null`.
    pub(crate) fn null(&self, method: &'static str) -> RpcError {
        self.failed(method, Problem::Null)
    }

    /// Limit on any answer, in bytes.
    pub(crate) fn max_answer(&self) -> usize {
        self.max_answer
    }

    fn failed(&self, method: &'static str, problem: Problem) -> RpcError {
        RpcError { method, endpoint: self.endpoint.to_string(), attempts: 1, problem }
    }

    /// Calls a method. A result of `null` is an error, and is retried like any other: a node that shares a load
    /// balancer with others may lag behind them.
    ///
    /// # Errors
    /// [`RpcError`] if there is no answer, or if it is not of type `T`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<T, RpcError> {
        self.ask(method, params, Effort::Needed, parse).await
    }

    /// Calls a method whose result may be `null`, which is `None`.
    ///
    /// # Errors
    /// The errors of [`call`](Self::call), except the one for `null`.
    pub async fn call_optional<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<Option<T>, RpcError> {
        self.ask_optional(method, params, Effort::Needed, parse).await
    }

    /// Same as [`call`](Self::call), with a function that reads the result or gives a sentence why it can't.
    ///
    /// # Errors
    /// The errors of [`call`](Self::call).
    pub(crate) async fn ask<T>(
        &self,
        method: &'static str,
        params: &Value,
        effort: Effort,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> Result<T, RpcError> {
        self.retried(method, params, effort, |result| match result {
            None => Err(Failure::new(Problem::Null, Retry::Transient)),
            Some(value) => self.read(value, &read),
        })
        .await
    }

    /// Same as [`call_optional`](Self::call_optional), with a function that reads the result.
    ///
    /// # Errors
    /// The errors of [`ask`](Self::ask), except the one for `null`.
    pub(crate) async fn ask_optional<T>(
        &self,
        method: &'static str,
        params: &Value,
        effort: Effort,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> Result<Option<T>, RpcError> {
        self.retried(method, params, effort, |result| result.map(|value| self.read(value, &read)).transpose())
            .await
    }

    fn read<T>(&self, value: &RawValue, read: impl Fn(&RawValue) -> Result<T, String>) -> Result<T, Failure> {
        // The parser's message quotes the answer, so it is scrubbed too.
        read(value)
            .map_err(|error| Failure::new(Problem::Malformed(self.excerpt(error.as_bytes())), Retry::Never))
    }

    async fn retried<T>(
        &self,
        method: &'static str,
        params: &Value,
        effort: Effort,
        parse: impl Fn(Option<&RawValue>) -> Result<T, Failure>,
    ) -> Result<T, RpcError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.attempt(method, params, effort, &parse).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let endpoint = self.endpoint.to_string();
            let error = RpcError { method, endpoint, attempts, problem: failure.problem };
            let retry = match effort {
                Effort::Needed => failure.retry != Retry::Never,
                Effort::Hint => failure.retry == Retry::BackOff,
                Effort::Heavy => failure.retry == Retry::BackOff && !error.problem.is_slow(),
            };
            if !retry || attempts > self.retries {
                debug!(%error, "request failed");
                return Err(error);
            }
            let pause = self.pause(attempts, failure.pause);
            warn!(%error, ?pause, "request failed, trying again");
            time::sleep(pause).await;
        }
    }

    /// Pause after a number of attempts: exponential back-off with jitter, or longer if the node asks for it.
    fn pause(&self, attempts: u32, asked: Option<Duration>) -> Duration {
        let ceiling = self.first_pause.saturating_mul(1 << (attempts - 1).min(16));
        let jittered = ceiling.mul_f64(rand::rng().random_range(0.5..=1.0));
        jittered.max(asked.unwrap_or_default()).min(MAX_PAUSE)
    }

    async fn attempt<T>(
        &self,
        method: &'static str,
        params: &Value,
        effort: Effort,
        parse: &impl Fn(Option<&RawValue>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let limit = limit(method, params).min(self.max_answer);
        // Held until the answer is read, which bounds the memory of all requests in flight.
        let _memory = self.reserve(limit).await;
        let timeout = if effort == Effort::Heavy { self.witness_timeout } else { self.timeout };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request::new(method, Id::Number(id), params);
        let body = serde_json::to_vec(&request).expect("JSON can be written as JSON");
        let started = time::Instant::now();
        let response = self
            .http
            .post(self.endpoint.url())
            .header(header::CONTENT_TYPE, "application/json")
            // Set here, because the client's default headers keep only one of each name.
            .headers(self.endpoint.headers())
            .timeout(timeout)
            .body(body)
            .send()
            .await
            .map_err(|error| self.transport(error, timeout))?;
        let status = response.status();
        if let Some(redirect) = self.redirect(&response) {
            return Err(Failure::new(redirect, Retry::Never));
        }
        let pause = retry_after(&response);
        let body = self.body(response, limit, timeout).await?;
        debug!(method, %status, bytes = body.len(), elapsed = ?started.elapsed(), "answered");
        self.result(id, status, pause, &body).and_then(parse)
    }

    /// Waits until an answer of this size fits in the limit on all answers in flight.
    async fn reserve(&self, bytes: usize) -> SemaphorePermit<'_> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        self.memory.acquire_many(units).await.expect("the semaphore is never closed")
    }

    /// The problem of a response that redirects elsewhere.
    fn redirect(&self, response: &reqwest::Response) -> Option<Problem> {
        let status = response.status().as_u16();
        if !matches!(status, 300..=303 | 305..=308) {
            return None;
        }
        let Some(location) = response.headers().get(header::LOCATION) else {
            return Some(Problem::RedirectNowhere(status));
        };
        let Ok(location) = location.to_str() else {
            return Some(Problem::Redirect { status, to: "a place that is no URL".into() });
        };
        Some(match self.endpoint.redirect(location) {
            Some(to) => Problem::Redirect { status, to: self.excerpt(to.as_bytes()) },
            None => Problem::RedirectToItself(status),
        })
    }

    /// The body of a response, unless it is longer than `limit` bytes. Only the beginning of an error's body is read.
    async fn body(
        &self,
        mut response: reqwest::Response,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let failed = !response.status().is_success();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(error, timeout))? {
            if failed && body.len() + chunk.len() > MAX_ERROR_TEXT {
                break;
            }
            if !failed && body.len() + chunk.len() > limit {
                return Err(Failure::new(Problem::TooLarge(limit), Retry::Never));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The result in a body; `None` if it is `null`.
    fn result<'a>(
        &self,
        id: u64,
        status: StatusCode,
        pause: Option<Duration>,
        body: &'a [u8],
    ) -> Result<Option<&'a RawValue>, Failure> {
        let envelope = Envelope::read(body);
        // A node that can't read the request doesn't know its id, so an error may have any.
        if let Some(error) = envelope.as_ref().and_then(Envelope::error) {
            return Err(self.json_rpc_failure(status, pause, error));
        }
        if !status.is_success() {
            return Err(self.http_failure(status, pause, body));
        }
        match envelope {
            Some(envelope) if envelope.answers(id) => Ok(envelope.result()),
            Some(_) => Err(Failure::new(
                Problem::Malformed("the answer is to another request".into()),
                Retry::Transient,
            )),
            // It may be a proxy's page, or an answer that was cut off.
            None => {
                let text = String::from_utf8_lossy(&body[..body.len().min(MAX_ERROR_TEXT)]);
                let is_rate_limit = rate_limit::says_rate_limit(&text);
                let retry = if is_rate_limit { Retry::BackOff } else { Retry::Transient };
                Err(Failure { problem: Problem::Malformed(self.excerpt(body)), retry, pause })
            }
        }
    }

    /// The failure of a JSON-RPC error. `pause` is the one that the HTTP response asks for.
    fn json_rpc_failure(&self, status: StatusCode, pause: Option<Duration>, error: &RawValue) -> Failure {
        let error = ErrorObject::read(error);
        let problem = Problem::Answer {
            code: error.code,
            message: self.excerpt(error.message.as_bytes()),
            data: error.data,
        };
        let is_final = problem.is_final();
        let waits = error.is_rate_limit || pause.is_some();
        let retry = if status == StatusCode::TOO_MANY_REQUESTS || waits && !is_final {
            Retry::BackOff
        // Some nodes give every error the HTTP status of an internal one, even a final error.
        } else if is_transient(status) && !is_final {
            Retry::Transient
        } else {
            Retry::Never
        };
        Failure { problem, retry, pause: pause.or(error.pause) }
    }

    /// The failure of an HTTP error without a JSON-RPC answer. `pause` is the one that the response asks for.
    fn http_failure(&self, status: StatusCode, pause: Option<Duration>, body: &[u8]) -> Failure {
        let text = String::from_utf8_lossy(body);
        let waits = matches!(status.as_u16(), 420 | 429)
            || pause.is_some()
            || rate_limit::says_rate_limit(&text) && status != StatusCode::NOT_FOUND;
        let retry = if waits {
            Retry::BackOff
        } else if is_transient(status) {
            Retry::Transient
        } else {
            Retry::Never
        };
        let problem = Problem::Status { status: status.as_u16(), body: self.excerpt(body) };
        Failure { problem, retry, pause }
    }

    /// The failure of an attempt without a whole response.
    fn transport(&self, error: reqwest::Error, timeout: Duration) -> Failure {
        let connects = error.is_connect();
        if error.is_timeout() && !connects {
            return Failure::new(Problem::Timeout(timeout), Retry::Transient);
        }
        let text = self.endpoint.scrub(&causes(&error.without_url()));
        if connects {
            return Failure::new(Problem::Unreachable(text), Retry::BackOff);
        }
        Failure::new(Problem::Transport(text), Retry::Transient)
    }

    /// The beginning of foreign bytes, on one line, without secrets.
    fn excerpt(&self, bytes: &[u8]) -> String {
        // Much more than is shown is scrubbed, so that the cut doesn't split a secret before it is recognised.
        let text = self.endpoint.scrub(&String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_ERROR_TEXT)]));
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

/// Limit on the answer to a request, in bytes after decompression: several times the longest that the method can need.
fn limit(method: &str, params: &Value) -> usize {
    match method {
        "eth_chainId"
        | "eth_gasPrice"
        | "eth_maxPriorityFeePerGas"
        | "eth_blobBaseFee"
        | "eth_getBalance"
        | "eth_getTransactionCount"
        | "eth_sendRawTransaction" => 4 << 10,
        // A block's RLP is limited to 10 MiB (EIP-7934), earlier by its gas; its JSON is a few times as long.
        "eth_getBlockByNumber" | "eth_getBlockByHash" if params[1] == true => 64 << 20,
        "debug_getRawBlock" => 64 << 20,
        // EIP-7928 bounds the accounts and slots by the gas limit: 100,000 at 200 million gas, each a few hundred bytes of
        // JSON.
        _ if method.contains("BlockAccessList") => 64 << 20,
        // A header, and the hashes of the transactions.
        "eth_getBlockByNumber" | "eth_getBlockByHash" => 4 << 20,
        // A trie node has at most 532 bytes; there are about ten on a path, and at most 128 paths.
        "eth_getProof" => 8 << 20,
        // Any code that this program runs has at most 2^24 bytes, in hexadecimal twice that number.
        "eth_getCode" => 33 << 20,
        "eth_call" | "eth_estimateGas" => 1 << 20,
        "eth_createAccessList" => 4 << 20,
        _ if method.starts_with("debug_executionWitness") => usize::MAX,
        _ => 16 << 20,
    }
}

/// The messages of an error and of its causes: reqwest's own message alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rpc() -> Rpc {
        Rpc::new(&RpcOptions::new("http://localhost:8545")).unwrap()
    }

    /// Programs that use this library, or another library in them, choose their provider themselves.
    #[test]
    fn a_client_sets_nothing_for_the_process() {
        rpc();
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }

    fn result(body: &str) -> Result<Option<String>, Failure> {
        let answer = rpc().result(7, StatusCode::OK, None, body.as_bytes());
        answer.map(|value| value.map(|value| value.get().to_owned()))
    }

    #[test]
    fn answers_are_read_in_every_shape() {
        for body in [
            r#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":"0x1","error":null}"#,
            r#"{"id":7,"result":"0x1","error":null}"#,
            r#"{"id":"7","result":"0x1"}"#,
            r#"{"id":7.0,"result":"0x1"}"#,
            r#"{"id":null,"result":"0x1","error":{}}"#,
            r#"{"result":"0x1","error":false}"#,
        ] {
            assert_eq!(result(body).ok().flatten().as_deref(), Some("\"0x1\""), "{body}");
        }
        for body in [
            r#"{"jsonrpc":"2.0","id":7}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":null}"#,
            r#"{"id":7,"result":null,"error":null}"#,
        ] {
            assert!(matches!(result(body), Ok(None)), "{body}");
        }
        // A list of one, as an answer to a batch.
        for body in [r#"[{"jsonrpc":"2.0","id":7,"result":"0x1"}]"#, r#" [ {"id":7,"result":"0x1"} ] "#] {
            assert_eq!(result(body).ok().flatten().as_deref(), Some("\"0x1\""), "{body}");
        }
        for body in [
            r#"{"id":8,"result":"0x1"}"#,
            "{}",
            r#"{"message":"hello"}"#,
            "[]",
            "7",
            "",
            // An object's fields have names.
            r#"["2.0",7,"0x1"]"#,
            r#"["2.0",7,"0x1",null]"#,
            r#"[["2.0",7,"0x1",null]]"#,
            r#"[{"id":7,"result":"0x1"},{"id":7,"result":"0x2"}]"#,
            "[null]",
        ] {
            let failure = result(body).expect_err(body);
            assert!(matches!(failure.problem, Problem::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn errors_are_read_in_every_shape() {
        for (error, code, message) in [
            (r#"{"code":-32601,"message":"Method not found"}"#, -32601, "Method not found"),
            (r#"{"code":"-32601","message":"Method not found"}"#, -32601, "Method not found"),
            (r#"{"code":-32601.0,"message":null,"data":"no such method"}"#, -32601, "no such method"),
            (r#"{"code":null,"message":{"text":"x"}}"#, 0, r#"{"text":"x"}"#),
            (r#"{"code":-32000}"#, -32000, r#"{"code":-32000}"#),
            (r#""unauthorized""#, 0, "unauthorized"),
            ("[1]", 0, "[1]"),
            ("true", 0, "true"),
        ] {
            for body in [
                format!(r#"{{"jsonrpc":"2.0","id":7,"error":{error}}}"#),
                format!(r#"{{"jsonrpc":"2.0","id":7,"result":null,"error":{error}}}"#),
                format!(r#"{{"error":{error}}}"#),
                format!(r#"{{"id":null,"result":null,"error":{error}}}"#),
            ] {
                let Failure { problem, retry, .. } = result(&body).expect_err(&body);
                assert_eq!(retry, Retry::Never, "{body}");
                let expected = Problem::Answer { code, message: message.into(), data: None };
                assert_eq!(problem, expected, "{body}");
            }
        }
    }

    #[test]
    fn a_final_error_is_final_whatever_the_http_status() {
        let body = br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}"#;
        let failure = rpc().result(7, StatusCode::INTERNAL_SERVER_ERROR, None, body).err().unwrap();
        assert_eq!(failure.retry, Retry::Never);
        // Even if the message advertises a plan with more credits.
        let body =
            br#"{"id":7,"error":{"code":-32601,"message":"not found: upgrade your plan to get more credits"}}"#;
        let failure = rpc().result(7, StatusCode::OK, Some(Duration::ZERO), body).err().unwrap();
        assert_eq!(failure.retry, Retry::Never);
        let body = br#"{"id":7,"error":{"code":-32602,"message":"too many arguments, want at most 2"}}"#;
        assert_eq!(rpc().result(7, StatusCode::OK, None, body).err().unwrap().retry, Retry::Never);
        let body = br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"internal error"}}"#;
        let failure = rpc().result(7, StatusCode::INTERNAL_SERVER_ERROR, None, body).err().unwrap();
        assert_eq!(failure.retry, Retry::Transient);
    }

    #[test]
    fn the_node_may_say_how_long_to_wait() {
        let body =
            br#"{"id":7,"error":{"code":-32005,"message":"no","data":{"rate":{"backoff_seconds":2.5}}}}"#;
        let failure = rpc().result(7, StatusCode::OK, None, body).err().unwrap();
        assert_eq!(failure.retry, Retry::BackOff);
        assert_eq!(failure.pause, Some(Duration::from_millis(2500)));
    }

    #[test]
    fn what_is_said_below_the_error_counts() {
        for error in [
            r#"{"code":-32603,"message":"failed","data":{"message":"Too Many Requests"}}"#,
            r#"{"code":-32603,"message":"failed","data":{"code":429}}"#,
            r#"{"code":-32603,"message":"failed","data":{"status":"429"}}"#,
            r#"{"code":-32603,"message":"failed","data":"rate limited"}"#,
            r#"{"code":-32046,"message":"no"}"#,
        ] {
            let failure = result(&format!(r#"{{"id":7,"error":{error}}}"#)).expect_err(error);
            assert_eq!(failure.retry, Retry::BackOff, "{error}");
        }
        // A header says it as well.
        let body = br#"{"id":7,"error":{"code":-32000,"message":"no"}}"#;
        let failure = rpc().result(7, StatusCode::OK, Some(Duration::ZERO), body).err().unwrap();
        assert_eq!(failure.retry, Retry::BackOff);
    }

    /// No secret is cut in two and shown in part, however long the text is.
    #[test]
    fn no_part_of_a_secret_is_shown() {
        let key = "0123456789abcdef".repeat(4);
        let rpc = Rpc::new(&RpcOptions::new(format!("http://localhost:8545/{key}"))).unwrap();
        for padding in 0..64 {
            let text = format!("{}{}", " ".repeat(padding), format!("{key} ").repeat(50));
            assert!(!rpc.excerpt(text.as_bytes()).contains("0123"), "{padding}");
        }
    }

    /// One witness takes the whole limit; every other answer waits.
    #[tokio::test]
    async fn all_answers_in_flight_are_bounded_together() {
        let rpc = rpc();
        let pause = Duration::from_millis(20);
        let proofs = [rpc.reserve(8 << 20).await, rpc.reserve(8 << 20).await];
        assert!(time::timeout(pause, rpc.reserve(usize::MAX)).await.is_err());
        drop(proofs);
        let witness = rpc.reserve(usize::MAX).await;
        assert!(time::timeout(pause, rpc.reserve(1)).await.is_err());
        drop(witness);
        assert!(time::timeout(pause, rpc.reserve(1)).await.is_ok());
    }

    #[test]
    fn the_limits_are_by_method() {
        let limit = |method, params: Value| limit(method, &params);
        assert!(limit("eth_chainId", Value::Null) < 10_000);
        let (short, full) = (serde_json::json!(["0x1", false]), serde_json::json!(["0x1", true]));
        assert!(limit("eth_getBlockByHash", short) < limit("eth_getBlockByHash", full));
        assert_eq!(limit("debug_executionWitnessByBlockHash", Value::Null), usize::MAX);
        for method in ["eth_getBlockAccessList", "debug_getRawBlockAccessList"] {
            assert_eq!(limit(method, Value::Null), 64 << 20);
        }
    }
}

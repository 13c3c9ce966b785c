//! JSON-RPC over HTTP, with retries.
//!
//! The requests are `alloy`'s type, the HTTP is `reqwest`'s. `alloy`'s own transport is not used: it reads answers of
//! any length, knows no `Retry-After`, and shows the URL in its errors. Nor is its type of an answer, which refuses
//! `null` beside what there is.

use crate::{
    FetchError, FetchOptions,
    endpoint::Endpoint,
    error::{Problem, RpcError},
    json::Object,
    rate_limit,
};
use alloy_json_rpc::{Id, Request};
use alloy_primitives::Bytes;
use rand::Rng;
use reqwest::{StatusCode, header};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time,
};
use tracing::{debug, warn};

/// Longest pause between two attempts, whatever the node asks for.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// How much of a foreign answer goes into an error, in bytes.
const EXCERPT: usize = 200;
/// How much of an answer with an HTTP error is read, in bytes: it is only quoted.
const MAX_ERROR: usize = 64 << 10;
/// Longest error object that is taken apart, in bytes.
const MAX_ERROR_OBJECT: usize = 1 << 20;
/// What the sum of all answers is counted in, in bytes.
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
    max_answer: usize,
    /// One permit a request under way.
    permits: Semaphore,
    /// One permit for each [`UNIT`] that all answers under way may have together.
    memory: Semaphore,
    /// How many permits `memory` has.
    units: u32,
    next_id: AtomicU64,
}

/// How much an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Nothing goes on without it: whatever may pass is tried again.
    Needed,
    /// It only saves time: it is tried again only if the node asks for patience.
    Hint,
    /// It takes the node long, and there is another way: it has a time limit of its own, and is tried again only where
    /// the node did not begin with it.
    Heavy,
}

/// Whether another attempt may go better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    No,
    /// What failed may pass.
    Passing,
    /// The node asks for patience, or was not reached.
    Asked,
}

/// What went wrong with one attempt, and whether another may go better.
struct Failure {
    problem: Problem,
    retry: Retry,
    /// How long the node wants to be left alone.
    pause: Option<Duration>,
}

/// A JSON-RPC message from a node. `null` beside what there is, and a field that is missing, are put up with.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// A field that is there, be it `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Envelope<'a> {
    /// The message in a body, be it the only one of a list; none where there is none. Only an object is one: the type's
    /// own reader would take a list's items for its fields.
    fn read(body: &'a [u8]) -> Option<Self> {
        let object = |text: &'a [u8]| {
            let text = text.trim_ascii_start();
            let envelope =
                text.starts_with(b"{").then(|| serde_json::from_slice::<Self>(text).ok()).flatten();
            envelope.filter(Self::is_json_rpc)
        };
        if !body.trim_ascii_start().starts_with(b"[") {
            return object(body);
        }
        match serde_json::from_slice::<[&RawValue; 1]>(body) {
            Ok([only]) => object(only.get().as_bytes()),
            Err(_) => None,
        }
    }

    fn is_json_rpc(&self) -> bool {
        self.jsonrpc.or(self.id).or(self.result).or(self.error).is_some()
    }

    fn result(&self) -> Option<&'a RawValue> {
        self.result.filter(|value| value.get() != "null")
    }

    /// What stands for an error. Beside a result, an empty value stands for none.
    fn error(&self) -> Option<&'a RawValue> {
        let empty: &[&str] = match self.result() {
            Some(_) => &["null", "false", "\"\"", "{}", "[]", "0"],
            None => &["null"],
        };
        self.error.filter(|value| !empty.contains(&value.get()))
    }

    /// Whether it answers the request with this id, as far as it says: HTTP has told already.
    fn answers(&self, id: u64) -> bool {
        let Some(text) = self.id.map(RawValue::get) else { return true };
        text == "null" || text.trim_matches('"').parse::<f64>().is_ok_and(|said| said == id as f64)
    }
}

/// An error by JSON-RPC, in whatever shape it came.
struct Refusal {
    code: i64,
    message: String,
    data: Option<Bytes>,
    pause: Option<Duration>,
    /// Whether it says that there were too many requests.
    told: bool,
}

impl Refusal {
    fn read(error: &RawValue) -> Self {
        let text = error.get();
        let plain = |message: &str| Self {
            code: 0,
            message: message.to_owned(),
            data: None,
            pause: None,
            told: rate_limit::is_said(message),
        };
        if text.len() > MAX_ERROR_OBJECT {
            return plain(&text[..text.floor_char_boundary(MAX_ERROR)]);
        }
        if let Ok(message) = serde_json::from_str::<String>(text) {
            return plain(&message);
        }
        let Ok(object) = Object::parse(error) else { return plain(text) };
        let code = number(object.get(&["code"]));
        let message = match object.get(&["message", "error", "reason", "details", "description", "data"]) {
            Some(message) => serde_json::from_str(message.get()).unwrap_or_else(|_| message.get().to_owned()),
            None => text.to_owned(),
        };
        let data = object.get(&["data"]);
        let inner = data.and_then(|data| Object::parse(data).ok());
        let bytes = match &inner {
            Some(inner) => inner.read(&["data"]),
            None => object.read(&["data"]),
        };
        // Some put what happened below what their proxy makes of it.
        let told_within = match &inner {
            Some(inner) => {
                let code = number(inner.get(&["code", "status", "statusCode", "httpStatus"]));
                let message = inner.get(&["message", "error", "reason", "details"]);
                rate_limit::is_code(code) || message.is_some_and(|message| rate_limit::is_said(message.get()))
            }
            None => data.is_some_and(|data| {
                serde_json::from_str::<String>(data.get()).is_ok_and(|text| rate_limit::is_said(&text))
            }),
        };
        let told = told_within || rate_limit::is_told(code, &message);
        // Infura's place for it.
        let rate = inner.and_then(|data| Object::parse(data.get(&["rate"])?).ok());
        let pause = rate.and_then(|rate| rate.read::<f64>(&["backoff_seconds"]).ok().flatten());
        Self {
            code,
            message,
            data: bytes.ok().flatten(),
            pause: pause.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            told,
        }
    }
}

/// A whole number; some write it as a string, or as a floating-point number.
fn number(value: Option<&RawValue>) -> i64 {
    let text = value.map_or("0", RawValue::get).trim_matches('"');
    text.parse().or_else(|_| text.parse::<f64>().map(|number| number as i64)).unwrap_or_default()
}

impl Rpc {
    /// A client by what the options say of the node, of time limits and of retries.
    ///
    /// # Errors
    /// [`FetchError`] if the URL can't be used.
    pub fn new(options: &FetchOptions) -> Result<Self, FetchError> {
        let endpoint = Endpoint::new(&options.url, &options.headers)?;
        if endpoint.exposes_secrets() {
            warn!(%endpoint, "the key of this node goes over the network in the clear: name the node by https if it has it");
        }
        let http = reqwest::Client::builder()
            .timeout(options.timeout)
            // A redirect could carry the headers' secrets elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("zeno/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| FetchError::Client(endpoint.scrub(&causes(&error.without_url()))))?;
        let units = u32::try_from(options.max_answer_bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        Ok(Self {
            http,
            endpoint,
            timeout: options.timeout,
            witness_timeout: options
                .witness_timeout
                .unwrap_or_else(|| options.timeout.saturating_mul(FetchOptions::WITNESS_TIMEOUTS)),
            retries: options.retries,
            first_pause: options.first_pause,
            max_answer: options.max_answer_bytes,
            permits: Semaphore::new(options.concurrency.max(1)),
            memory: Semaphore::new(units as usize),
            units,
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

    /// Longest answer that is read, in bytes.
    pub(crate) fn max_answer(&self) -> usize {
        self.max_answer
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
        self.ask(method, params, Effort::Needed, crate::json::parse).await
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
        self.ask_optional(method, params, Effort::Needed, crate::json::parse).await
    }

    /// [`call`](Self::call), the result read by `read`, which answers with a sentence where it can't.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub(crate) async fn ask<T>(
        &self,
        method: &'static str,
        params: &Value,
        effort: Effort,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> Result<T, RpcError> {
        self.retried(method, params, effort, |result| match result {
            None => Err(Failure::of(Problem::Null, Retry::Passing)),
            Some(value) => self.read(value, &read),
        })
        .await
    }

    /// [`call_optional`](Self::call_optional), the result read by `read`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), but for `null`.
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
        // The parser quotes what it found.
        read(value)
            .map_err(|error| Failure::of(Problem::Malformed(self.excerpt(error.as_bytes())), Retry::No))
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
                Effort::Needed => failure.retry != Retry::No,
                Effort::Hint => failure.retry == Retry::Asked,
                Effort::Heavy => failure.retry == Retry::Asked && !error.problem.is_slow(),
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

    /// Exponential back-off with jitter, or longer if the node asks for it.
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
        // Until the answer is read: what all requests under way may take together is bounded.
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
            // Here, since of the client's own headers only one of a name is sent.
            .headers(self.endpoint.headers())
            .timeout(timeout)
            .body(body)
            .send()
            .await
            .map_err(|error| self.transport(error, timeout))?;
        let status = response.status();
        if let Some(redirect) = self.redirect(&response) {
            return Err(Failure::of(redirect, Retry::No));
        }
        let pause = retry_after(&response);
        let body = self.body(response, limit, timeout).await?;
        debug!(method, %status, bytes = body.len(), elapsed = ?started.elapsed(), "answered");
        self.result(id, status, pause, &body).and_then(parse)
    }

    async fn reserve(&self, bytes: usize) -> SemaphorePermit<'_> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        self.memory.acquire_many(units).await.expect("the semaphore is never closed")
    }

    /// Where the answer says that the node is instead.
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

    /// The body, unless it is too long. Of an error it is how it begins.
    async fn body(
        &self,
        mut response: reqwest::Response,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let failed = !response.status().is_success();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(error, timeout))? {
            if failed && body.len() + chunk.len() > MAX_ERROR {
                break;
            }
            if !failed && body.len() + chunk.len() > limit {
                return Err(Failure::of(Problem::TooLarge(limit), Retry::No));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The result in a body; none where it is `null`.
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
            let refusal = Refusal::read(error);
            let told = refusal.told;
            let asks_for_patience = pause.is_some();
            let pause = pause.or(refusal.pause);
            let problem = Problem::Answer {
                code: refusal.code,
                message: self.excerpt(refusal.message.as_bytes()),
                data: refusal.data,
            };
            let error = RpcError { method: "", endpoint: String::new(), attempts: 1, problem };
            // Some nodes give every error the HTTP status of a failure of theirs.
            let is_final = error.is_final();
            let passing = passes(status) && !is_final;
            let told = told || asks_for_patience;
            let retry = if status == StatusCode::TOO_MANY_REQUESTS || told && !is_final {
                Retry::Asked
            } else if passing {
                Retry::Passing
            } else {
                Retry::No
            };
            return Err(Failure { problem: error.problem, retry, pause });
        }
        if !status.is_success() {
            let text = String::from_utf8_lossy(body);
            let told = matches!(status.as_u16(), 420 | 429)
                || pause.is_some()
                || rate_limit::is_said(&text) && status != StatusCode::NOT_FOUND;
            let retry = if told {
                Retry::Asked
            } else if passes(status) {
                Retry::Passing
            } else {
                Retry::No
            };
            let problem = Problem::Status { status: status.as_u16(), body: self.excerpt(body) };
            return Err(Failure { problem, retry, pause });
        }
        match envelope {
            Some(envelope) if envelope.answers(id) => Ok(envelope.result()),
            Some(_) => Err(Failure::of(
                Problem::Malformed("the answer is to another request".into()),
                Retry::Passing,
            )),
            // A proxy's page, perhaps, or an answer that was cut off.
            None => {
                let told = rate_limit::is_said(&String::from_utf8_lossy(&body[..body.len().min(MAX_ERROR)]));
                let retry = if told { Retry::Asked } else { Retry::Passing };
                Err(Failure { problem: Problem::Malformed(self.excerpt(body)), retry, pause })
            }
        }
    }

    fn transport(&self, error: reqwest::Error, timeout: Duration) -> Failure {
        let connects = error.is_connect();
        if error.is_timeout() && !connects {
            return Failure::of(Problem::Timeout(timeout), Retry::Passing);
        }
        let text = self.endpoint.scrub(&causes(&error.without_url()));
        if connects {
            return Failure::of(Problem::Unreachable(text), Retry::Asked);
        }
        Failure::of(Problem::Transport(text), Retry::Passing)
    }

    /// How foreign bytes begin, on one line, without secrets.
    fn excerpt(&self, bytes: &[u8]) -> String {
        // Much more than is shown, so that no secret is cut in two before it is known.
        let text = self.endpoint.scrub(&String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_ERROR)]));
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
    fn of(problem: Problem, retry: Retry) -> Self {
        Self { problem, retry, pause: None }
    }
}

/// Longest answer to a request, in bytes after decompression: what the method can need, several times over.
fn limit(method: &str, params: &Value) -> usize {
    match method {
        "eth_chainId"
        | "eth_gasPrice"
        | "eth_maxPriorityFeePerGas"
        | "eth_blobBaseFee"
        | "eth_getBalance"
        | "eth_getTransactionCount"
        | "eth_sendRawTransaction" => 4 << 10,
        // A block is bounded by 10 MiB of RLP (EIP-7934), or by its gas before; its JSON by a few times as much.
        "eth_getBlockByNumber" | "eth_getBlockByHash" if params[1] == true => 64 << 20,
        "debug_getRawBlock" => 64 << 20,
        // A header, and the hashes of the transactions.
        "eth_getBlockByNumber" | "eth_getBlockByHash" => 4 << 20,
        // A node of a trie has 532 bytes at most; there are about ten on a path, and 128 paths at most.
        "eth_getProof" => 8 << 20,
        // Any code that this program runs has 2^24 bytes at most, in hexadecimal twice as many.
        "eth_getCode" => 33 << 20,
        "eth_call" | "eth_estimateGas" => 1 << 20,
        "eth_createAccessList" => 4 << 20,
        _ if method.starts_with("debug_executionWitness") => usize::MAX,
        _ => 16 << 20,
    }
}

/// Whether what made a node answer with this status may pass.
fn passes(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// How long the node wants to be left alone (RFC 9110, section 10.2.3).
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    text(header::RETRY_AFTER).map(|value| wait(value, text(header::DATE)))
}

/// The pause that `Retry-After` means, in seconds or as a date. The date is by the node's clock, and so is the answer's
/// own; only where it has none, it is this machine's. What can't be read is a pause of this program's choice.
fn wait(retry_after: &str, date: Option<&str>) -> Duration {
    let read = |date: &str| httpdate::parse_http_date(date.trim()).ok();
    if let Some(then) = read(retry_after) {
        let now = date.and_then(read).unwrap_or_else(SystemTime::now);
        return then.duration_since(now).unwrap_or_default();
    }
    let seconds = retry_after.trim().parse::<f64>().unwrap_or(0.0).max(0.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(MAX_PAUSE)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rpc() -> Rpc {
        Rpc::new(&FetchOptions::new("http://localhost:8545")).unwrap()
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
                assert_eq!(retry, Retry::No, "{body}");
                let expected = Problem::Answer { code, message: message.into(), data: None };
                assert_eq!(problem, expected, "{body}");
            }
        }
    }

    #[test]
    fn a_final_error_is_final_whatever_the_http_status() {
        let body = br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}"#;
        let failure = rpc().result(7, StatusCode::INTERNAL_SERVER_ERROR, None, body).err().unwrap();
        assert_eq!(failure.retry, Retry::No);
        // Whatever it says besides.
        let body =
            br#"{"id":7,"error":{"code":-32601,"message":"not found: upgrade your plan to get more credits"}}"#;
        let failure = rpc().result(7, StatusCode::OK, Some(Duration::ZERO), body).err().unwrap();
        assert_eq!(failure.retry, Retry::No);
        let body = br#"{"id":7,"error":{"code":-32602,"message":"too many arguments, want at most 2"}}"#;
        assert_eq!(rpc().result(7, StatusCode::OK, None, body).err().unwrap().retry, Retry::No);
        let body = br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"internal error"}}"#;
        let failure = rpc().result(7, StatusCode::INTERNAL_SERVER_ERROR, None, body).err().unwrap();
        assert_eq!(failure.retry, Retry::Passing);
    }

    #[test]
    fn the_node_may_say_how_long_to_wait() {
        let body =
            br#"{"id":7,"error":{"code":-32005,"message":"no","data":{"rate":{"backoff_seconds":2.5}}}}"#;
        let failure = rpc().result(7, StatusCode::OK, None, body).err().unwrap();
        assert_eq!(failure.retry, Retry::Asked);
        assert_eq!(failure.pause, Some(Duration::from_millis(2500)));
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (asked, date, seconds) in [
            ("2", None, 2),
            (" 3 ", Some(now), 3),
            ("Sun, 06 Nov 1994 08:49:41 GMT", Some(now), 4),
            ("Sunday, 06-Nov-94 08:49:42 GMT", Some(now), 5),
            (now, Some(now), 0),
            // By this machine's clock, long ago.
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
            assert_eq!(failure.retry, Retry::Asked, "{error}");
        }
        // A header says it as well.
        let body = br#"{"id":7,"error":{"code":-32000,"message":"no"}}"#;
        let failure = rpc().result(7, StatusCode::OK, Some(Duration::ZERO), body).err().unwrap();
        assert_eq!(failure.retry, Retry::Asked);
    }

    /// However long a text is, no secret in it is cut in two and shown in part.
    #[test]
    fn no_part_of_a_secret_is_shown() {
        let key = "0123456789abcdef".repeat(4);
        let rpc = Rpc::new(&FetchOptions::new(format!("http://localhost:8545/{key}"))).unwrap();
        for padding in 0..64 {
            let text = format!("{}{}", " ".repeat(padding), format!("{key} ").repeat(50));
            assert!(!rpc.excerpt(text.as_bytes()).contains("0123"), "{padding}");
        }
    }

    /// One witness takes all that answers may take together; everything else waits.
    #[tokio::test]
    async fn all_answers_under_way_are_bounded_together() {
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
    }
}

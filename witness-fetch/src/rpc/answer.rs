//! JSON-RPC answers, in all the shapes that nodes give them.

use crate::{json::Object, rpc::rate_limit};
use alloy_primitives::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::time::Duration;

/// Longest error object that is parsed, in bytes.
const MAX_ERROR_OBJECT: usize = 1 << 20;
/// Limit on the text that is kept of an error, in bytes: it is only quoted.
pub(crate) const MAX_ERROR_TEXT: usize = 64 << 10;

/// A JSON-RPC response object. Every field may be missing, and `null` may stand beside a value: a result of `null`
/// beside an error, or the reverse.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Reads a field that is present, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Envelope<'a> {
    /// The response object in a body, which may be the only item of a list; `None` if there is none. Only an object is
    /// accepted: serde would take the items of a list for the fields.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
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

    /// The result, unless it is `null`.
    pub(crate) fn result(&self) -> Option<&'a RawValue> {
        self.result.filter(|value| value.get() != "null")
    }

    /// The error. Beside a result, an empty value stands for no error.
    pub(crate) fn error(&self) -> Option<&'a RawValue> {
        let empty: &[&str] = match self.result() {
            Some(_) => &["null", "false", "\"\"", "{}", "[]", "0"],
            None => &["null"],
        };
        self.error.filter(|value| !empty.contains(&value.get()))
    }

    /// Returns whether it may answer the request with this id. A missing id is accepted, because the HTTP response
    /// already belongs to the request.
    pub(crate) fn answers(&self, id: u64) -> bool {
        let Some(text) = self.id.map(RawValue::get) else { return true };
        text == "null" || text.trim_matches('"').parse::<f64>().is_ok_and(|answered| answered == id as f64)
    }
}

/// A JSON-RPC error, whether an object by the specification, a string, or anything else.
pub(crate) struct ErrorObject {
    /// Error code; zero if there is none.
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Bytes>,
    /// Pause that the node asks for.
    pub(crate) pause: Option<Duration>,
    /// Tells whether it says that there were too many requests.
    pub(crate) is_rate_limit: bool,
}

impl ErrorObject {
    pub(crate) fn read(error: &RawValue) -> Self {
        let text = error.get();
        if text.len() > MAX_ERROR_OBJECT {
            return Self::from_text(&text[..text.floor_char_boundary(MAX_ERROR_TEXT)]);
        }
        if let Ok(message) = serde_json::from_str::<String>(text) {
            return Self::from_text(&message);
        }
        let Ok(object) = Object::parse(error) else { return Self::from_text(text) };
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
        let is_rate_limit =
            is_rate_limit_below(data, inner.as_ref()) || rate_limit::is_rate_limit(code, &message);
        Self {
            code,
            message,
            data: bytes.ok().flatten(),
            pause: inner.and_then(|data| pause(&data)),
            is_rate_limit,
        }
    }

    /// An error that is only a text.
    fn from_text(message: &str) -> Self {
        Self {
            code: 0,
            message: message.to_owned(),
            data: None,
            pause: None,
            is_rate_limit: rate_limit::says_rate_limit(message),
        }
    }
}

/// Returns whether the data of an error say that there were too many requests: the original error may be there, below
/// the one of a proxy. `inner` is `data` if that is an object.
fn is_rate_limit_below(data: Option<&RawValue>, inner: Option<&Object<'_>>) -> bool {
    match inner {
        Some(inner) => {
            let code = number(inner.get(&["code", "status", "statusCode", "httpStatus"]));
            let message = inner.get(&["message", "error", "reason", "details"]);
            rate_limit::is_rate_limit_code(code)
                || message.is_some_and(|message| rate_limit::says_rate_limit(message.get()))
        }
        None => data.is_some_and(|data| {
            serde_json::from_str::<String>(data.get()).is_ok_and(|text| rate_limit::says_rate_limit(&text))
        }),
    }
}

/// Pause that the data of an error ask for, in Infura's field for it.
fn pause(data: &Object<'_>) -> Option<Duration> {
    let rate = Object::parse(data.get(&["rate"])?).ok()?;
    let seconds = rate.read::<f64>(&["backoff_seconds"]).ok().flatten()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A whole number; zero if it can't be read. Some nodes write it as a string, or as a floating-point number.
fn number(value: Option<&RawValue>) -> i64 {
    let text = value.map_or("0", RawValue::get).trim_matches('"');
    text.parse().or_else(|_| text.parse::<f64>().map(|number| number as i64)).unwrap_or_default()
}

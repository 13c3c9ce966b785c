//! Where the node is, without giving its secrets away.

use crate::FetchError;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use std::{fmt, str::FromStr};

/// What stands for a secret in whatever is shown.
const REDACTED: &str = "***";

/// An HTTP header with an API key or the like. Its value is never shown.
#[derive(Clone)]
pub struct SecretHeader {
    name: HeaderName,
    value: HeaderValue,
}

impl FromStr for SecretHeader {
    type Err = FetchError;

    /// Reads `Name: value`.
    fn from_str(text: &str) -> Result<Self, FetchError> {
        let (name, value) = text.split_once(':').ok_or(FetchError::Header("it has no colon"))?;
        let name = name.trim().parse().map_err(|_| FetchError::Header("its name is malformed"))?;
        let mut value: HeaderValue =
            value.trim().parse().map_err(|_| FetchError::Header("its value is malformed"))?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {REDACTED}", self.name)
    }
}

/// A node's URL and the headers it wants.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    headers: HeaderMap,
    /// Parts of the URL and headers that must not be shown, longest first.
    secrets: Vec<String>,
}

impl Endpoint {
    pub(crate) fn new(url: &str, headers: &[SecretHeader]) -> Result<Self, FetchError> {
        // The parser's own message is safe: it doesn't repeat the URL.
        let url = Url::parse(url).map_err(|error| FetchError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(FetchError::Url(format!(
                "its scheme is {}, but only http and https are supported",
                url.scheme()
            )));
        }
        let mut secrets = vec![url.username().to_owned(), url.password().unwrap_or_default().to_owned()];
        secrets
            .extend(url.path_segments().into_iter().flatten().filter(|part| is_key(part)).map(str::to_owned));
        secrets.extend(url.query().map(str::to_owned));
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        secrets.extend(url.fragment().map(str::to_owned));
        secrets.extend(headers.iter().filter_map(|header| header.value.to_str().ok()).map(str::to_owned));
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let headers = headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
        Ok(Self { url, headers, secrets })
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// The text, without any of the secrets: for what came from the node or its libraries.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
    }
}

/// Whether a part of a path may be an API key: all but versions and names of a few plain words.
fn is_key(part: &str) -> bool {
    let version =
        part.strip_prefix('v').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let words =
        part.len() < 24 && part.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_.".contains(&byte));
    !version && !words
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Put together from the parts that are shown, so that nothing else can slip through.
        write!(f, "{}://", self.url.scheme())?;
        if !self.url.username().is_empty() || self.url.password().is_some() {
            write!(f, "{REDACTED}@")?;
        }
        write!(f, "{}", self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        for part in self.url.path_segments().into_iter().flatten() {
            write!(f, "/{}", if is_key(part) { REDACTED } else { part })?;
        }
        if self.url.query().is_some() {
            write!(f, "?{REDACTED}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        format!("{:?}", Endpoint::new(url, &[]).unwrap())
    }

    #[test]
    fn shows_no_secret_of_a_url() {
        assert_eq!(shown("http://localhost:8545"), "http://localhost:8545/");
        assert_eq!(shown("https://example.org/v2/AbCdEf0123456789"), "https://example.org/v2/***");
        assert_eq!(
            shown("https://user:password@example.org/eth/mainnet?apikey=123#456"),
            "https://***@example.org/eth/mainnet?***"
        );
        assert_eq!(
            shown("https://example.org/v3/0123456789abcdef0123456789abcdef/"),
            "https://example.org/v3/***/"
        );
        assert_eq!(
            shown("https://rpc.example.org/ethereum-mainnet"),
            "https://rpc.example.org/ethereum-mainnet"
        );
    }

    #[test]
    fn scrubs_foreign_text() {
        let header: SecretHeader = "X-Api-Key: hush hush".parse().unwrap();
        let url = "https://user:pass@example.org/v2/AbCdEf0123456789?token=query+secret";
        let endpoint = Endpoint::new(url, std::slice::from_ref(&header)).unwrap();
        let text = endpoint.scrub(&format!("error for {url}: hush hush, query secret"));
        for secret in ["user", "pass", "AbCdEf", "token", "query", "hush"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!(format!("{header:?}"), "x-api-key: ***");
    }

    #[test]
    fn refuses_what_is_no_endpoint_without_repeating_it() {
        for url in ["", "localhost", "ws://secret@localhost", "file:///secret", "http://", "http://[secret"] {
            let error = Endpoint::new(url, &[]).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        for header in ["secret", "bad name: secret", "name: sec\nret"] {
            let error = header.parse::<SecretHeader>().unwrap_err().to_string();
            assert!(!error.contains("sec"), "{error}");
        }
    }
}

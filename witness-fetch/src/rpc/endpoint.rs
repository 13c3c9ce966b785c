//! URL and headers of a node, whose secrets are never shown.

use crate::rpc::error::EndpointError;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use percent_encoding::percent_decode_str;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use std::{fmt, net::IpAddr, str::FromStr};

/// Replacement of a secret in everything that is shown.
const REDACTED: &str = "***";
/// Smallest length of a secret part of a path, in bytes. No key is shorter, and every text contains short parts.
const MIN_PATH_SECRET: usize = 4;
/// Smallest length of a secret word in a header's value, in bytes. The value as a whole is secret at any length.
const MIN_WORD: usize = 8;
/// Words that are shown in a path, alone or joined by `-` or `_`. Versions are shown too.
const PLAIN_WORDS: [&str; 14] = [
    "eth", "mainnet", "sepolia", "hoodi", "holesky", "rpc", "jsonrpc", "ethereum", "api", "node", "archive",
    "geth", "reth", "testnet",
];

/// An HTTP header with a secret value, such as an API key. The value is never shown.
#[derive(Clone)]
pub struct SecretHeader {
    name: HeaderName,
    value: HeaderValue,
}

impl FromStr for SecretHeader {
    type Err = EndpointError;

    /// Reads `Name: value`.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (name, value) = text.split_once(':').ok_or(EndpointError::Header("it has no colon"))?;
        let name = name.trim().parse().map_err(|_| EndpointError::Header("its name is malformed"))?;
        let mut value: HeaderValue =
            value.trim().parse().map_err(|_| EndpointError::Header("its value is malformed"))?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {REDACTED}", self.name)
    }
}

/// URL of a node, and the headers of every request to it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    headers: HeaderMap,
    /// Secrets of the URL and headers, in all forms that a node may repeat them in. In lower case, longest first.
    secrets: Vec<String>,
}

impl Endpoint {
    pub(crate) fn new(url: &str, headers: &[SecretHeader]) -> Result<Self, EndpointError> {
        let text = url.trim();
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            Ok(_) => return Err(EndpointError::Url(explain(text, "only http and https are supported"))),
            // The parser's message doesn't repeat the URL.
            Err(error) => return Err(EndpointError::Url(explain(text, &error.to_string()))),
        };
        let secrets = secrets(&url, headers);
        let mut map = HeaderMap::new();
        for SecretHeader { name, value } in headers {
            map.append(name, value.clone());
        }
        Ok(Self { url, headers: map, secrets })
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// Returns whether secrets would cross a public network unencrypted.
    pub(crate) fn exposes_secrets(&self) -> bool {
        self.url.scheme() == "http" && !self.secrets.is_empty() && !self.url.host_str().is_some_and(is_near)
    }

    /// Target of a redirect, without secrets; `None` if it is the node's own URL.
    pub(crate) fn redirect(&self, location: &str) -> Option<String> {
        let Ok(url) = self.url.join(location) else { return Some("a place that is no HTTP URL".into()) };
        let essence = |url: &Url| {
            let parts = (url.scheme(), url.host_str(), url.port_or_known_default(), url.path(), url.query());
            format!("{parts:?}")
        };
        if essence(&url) == essence(&self.url) {
            return None;
        }
        Some(match Self::new(url.as_str(), &[]) {
            Ok(endpoint) => self.scrub(&endpoint.to_string()),
            Err(_) => "a place that is no HTTP URL".into(),
        })
    }

    /// Removes the secrets from a text, in any case. For texts from the node or from libraries.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            // ASCII lower case keeps the length, so the offsets are those of the text.
            let lower = text.to_ascii_lowercase();
            let mut scrubbed = String::new();
            let mut end = 0;
            for (start, found) in lower.match_indices(secret.as_str()) {
                scrubbed += &text[end..start];
                scrubbed += REDACTED;
                end = start + found.len();
            }
            scrubbed += &text[end..];
            text = scrubbed;
        }
        text
    }
}

/// Secrets of a URL and headers, as given and as a node may repeat them: decoded, encoded for HTTP, or escaped in JSON.
/// In lower case, longest first.
fn secrets(url: &Url, headers: &[SecretHeader]) -> Vec<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut secrets = Vec::new();
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    if !user.is_empty() || !password.is_empty() {
        // The form in the header `Authorization`.
        secrets.extend(encodings(&format!("{}:{}", decoded(user), decoded(password))));
    }
    let mut texts = vec![user.to_owned(), password.to_owned()];
    let parts = url.path_segments().into_iter().flatten();
    texts.extend(parts.filter(|part| !is_plain(part) && part.len() >= MIN_PATH_SECRET).map(str::to_owned));
    texts.extend(url.query().map(str::to_owned));
    for pair in url.query().unwrap_or_default().split('&') {
        // If there is no value, the name may be the key.
        texts.push(pair.split_once('=').map_or(pair, |(_, value)| value).to_owned());
    }
    secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    texts.extend(url.fragment().map(str::to_owned));
    for text in texts {
        secrets.push(decoded(&text));
        secrets.push(text);
    }
    for header in headers {
        secrets.extend(header_secrets(&String::from_utf8_lossy(header.value.as_bytes())));
    }
    for index in 0..secrets.len() {
        let json = serde_json::Value::from(secrets[index].as_str()).to_string();
        let json = json[1..json.len() - 1].to_owned();
        // Some JSON writers escape `/` too.
        secrets.extend([json.replace('/', "\\/"), json]);
    }
    for secret in &mut secrets {
        secret.make_ascii_lowercase();
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
    secrets.dedup();
    secrets
}

/// The two base64 encodings of a text, without padding.
fn encodings(text: &str) -> [String; 2] {
    let standard = BASE64_STANDARD.encode(text);
    [standard.trim_end_matches('=').to_owned(), BASE64_URL_SAFE_NO_PAD.encode(text)]
}

/// Secrets of a header: its value, the words of it, and the decoded pair of HTTP's basic authentication.
fn header_secrets(value: &str) -> Vec<String> {
    let mut secrets = vec![value.to_owned()];
    let mut words = value.split_whitespace();
    // A scheme and a token of any length (RFC 9110, section 11.4).
    if let (Some(scheme), Some(token), None) = (words.next(), words.next(), words.next()) {
        secrets.push(token.to_owned());
        if scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) =
                BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        {
            secrets.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
            secrets.push(pair);
        }
    }
    let separators = |character: char| character.is_whitespace() || ",;:&=\"'".contains(character);
    let words = value.split_whitespace().chain(value.split(separators));
    secrets.extend(words.filter(|word| word.len() >= MIN_WORD).map(str::to_owned));
    // Base64 may be repeated without its padding.
    secrets.extend(value.strip_suffix('=').map(|value| value.trim_end_matches('=').to_owned()));
    secrets
}

/// Explains why a text is no URL of a node, and what to write instead. No secret of it is repeated.
fn explain(text: &str, error: &str) -> String {
    const SUPPORTED: &str = "but only http and https are supported";
    if text.is_empty() {
        return "it is empty".into();
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => error.into(),
            "ws" | "wss" => format!("its scheme is {scheme}, {SUPPORTED}: name the node's HTTP address"),
            _ if scheme.len() <= 16 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                format!("its scheme is {scheme}, {SUPPORTED}")
            }
            _ => error.into(),
        };
    }
    if text.starts_with(['/', '.', '~']) || text.ends_with(".ipc") {
        return format!("it is the path of a file, {SUPPORTED}");
    }
    let with = |scheme: &str| Endpoint::new(&format!("{scheme}://{text}"), &[]);
    match with("http") {
        Ok(near) if near.url.host_str().is_some_and(is_near) => format!("it has no scheme: write {near}"),
        _ => match with("https") {
            Ok(endpoint) => format!("it has no scheme: write {endpoint}"),
            Err(_) => error.into(),
        },
    }
}

/// Returns whether a host is the local one, or on a network that is private by its address or name.
fn is_near(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_loopback() || address.is_private() || address.is_link_local() || shared
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some_and(|mapped| is_near(&mapped.to_string()))
        }
        Err(_) => {
            let name = host.trim_end_matches('.');
            !name.contains('.')
                || [".localhost", ".local", ".internal", ".lan", ".home.arpa"]
                    .iter()
                    .any(|end| name.ends_with(end))
        }
    }
}

/// Returns whether a part of a path is surely no API key: a version, or composed of [`PLAIN_WORDS`].
fn is_plain(part: &str) -> bool {
    let version = |word: &str| {
        word.strip_prefix('v').is_some_and(|digits| {
            (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    part.is_empty() || part.split(['-', '_']).all(|word| PLAIN_WORDS.contains(&word) || version(word))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Composed of the parts that may be shown, so that no other part can slip through.
        write!(f, "{}://", self.url.scheme())?;
        if !self.url.username().is_empty() || self.url.password().is_some() {
            write!(f, "{REDACTED}@")?;
        }
        write!(f, "{}", self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        for part in self.url.path_segments().into_iter().flatten() {
            write!(f, "/{}", if is_plain(part) { part } else { REDACTED })?;
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
        for part in [
            "abcdefsecretkey",
            "v1234567890123456",
            "v123",
            "v",
            "archive-abcdef",
            "some.name",
            "V3",
            "mainnets",
        ] {
            assert_eq!(shown(&format!("https://example.org/v3/{part}")), "https://example.org/v3/***");
        }
        for part in ["eth", "v2", "v10", "archive_node", "eth-sepolia-v2", "api/v1/hoodi", "holesky/"] {
            let url = format!("https://example.org/{part}");
            assert_eq!(shown(&url), url);
        }
    }

    /// A node may repeat a secret in another form than the given one.
    #[test]
    fn scrubs_a_secret_in_every_form() {
        let scrubbed = |url: &str, header: Option<&str>, text: &str| {
            let headers = header.map(|header| header.parse().unwrap());
            Endpoint::new(url, headers.as_slice()).unwrap().scrub(text)
        };
        let plain = "https://example.org";
        for (url, header, text, expected) in [
            (plain, Some("Authorization: Bearer TOKEN123"), "invalid token TOKEN123", "invalid token ***"),
            (plain, Some("Authorization: Bearer TOKEN123"), "invalid token token123", "invalid token ***"),
            (plain, Some("Authorization: Bearer K-7"), "invalid token K-7", "invalid token ***"),
            (plain, Some("Cookie: a=b; session=0123456789"), "no session 0123456789", "no session ***"),
            (plain, Some("Authorization: Basic dXNlcjpwQHNz"), "no user:p@ss, p@ss", "no ***, ***"),
            (plain, Some("X-Api-Key: a/b\"c"), r#"no a\/b\"c, a/b"c"#, "no ***, ***"),
            ("http://user:p%40ss@localhost", None, "no p@ss, p%40ss, dXNlcjpwQHNz", "no ***, ***, ***"),
            ("http://user@localhost", None, "no dXNlcjo=", "no ***="),
            ("https://example.org/v2/a%20Key%2B1", None, "no a Key+1, a%20key%2b1", "no ***, ***"),
            ("https://example.org/v3/abcdefsecretkey", None, "no ABCDEFSECRETKEY", "no ***"),
            ("https://example.org/?key=a%20b+c", None, "no a b c, a b+c, a%20b+c", "no ***, ***, ***"),
            ("https://example.org/?lonely-key&x=0", None, "no lonely-key", "no ***"),
            // Only ASCII letters change their case, so no offset moves.
            ("https://example.org/v3/abcdefsecretkey", None, "İß abcdefSECRETkey ẞ", "İß *** ẞ"),
        ] {
            assert_eq!(scrubbed(url, header, text), expected, "{url} {header:?}");
        }
    }

    #[test]
    fn headers_of_one_name_are_all_kept() {
        let headers = ["X-Key: first-one", "x-key: second-one"].map(|header| header.parse().unwrap());
        let endpoint = Endpoint::new("https://example.org", &headers).unwrap();
        let values = endpoint.headers().get_all("x-key").iter().cloned().collect::<Vec<_>>();
        assert_eq!(values, ["first-one", "second-one"]);
    }

    #[test]
    fn knows_whether_others_could_read_a_key() {
        let header = ["X-Api-Key: hush".parse().unwrap()];
        for (host, near) in [
            ("localhost:8545", true),
            ("127.0.0.1", true),
            ("[::1]:8545", true),
            ("192.168.1.7", true),
            ("100.100.1.1", true),
            ("geth:8545", true),
            ("node.local", true),
            ("93.184.216.34", false),
            ("[2606:2800:220:1::1]", false),
            ("example.org", false),
        ] {
            let exposes = |scheme: &str, headers: &[SecretHeader]| {
                Endpoint::new(&format!("{scheme}://{host}"), headers).unwrap().exposes_secrets()
            };
            assert_eq!(exposes("http", &header), !near, "{host}");
            assert!(!exposes("https", &header) && !exposes("http", &[]), "{host}");
            let user = Endpoint::new(&format!("http://user:pass@{host}"), &[]).unwrap();
            assert_eq!(user.exposes_secrets(), !near, "{host}");
        }
    }

    #[test]
    fn shows_the_target_of_a_redirect() {
        let endpoint = Endpoint::new("http://user:pass@example.org/v2/AbCdEf0123456789", &[]).unwrap();
        for (location, expected) in [
            ("https://example.org/rpc", "https://example.org/rpc"),
            ("https://example.org/v2/AbCdEf0123456789?key=1", "https://example.org/v2/***?***"),
            ("/rpc", "http://***@example.org/rpc"),
            ("ftp://example.org", "a place that is no HTTP URL"),
            ("https://example.org/v2/abcdef0123456789", "https://example.org/v2/***"),
        ] {
            assert_eq!(endpoint.redirect(location).as_deref(), Some(expected));
        }
        for location in ["", "/v2/AbCdEf0123456789", "http://example.org:80/v2/AbCdEf0123456789#x"] {
            assert_eq!(endpoint.redirect(location), None, "{location}");
        }
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
    fn refuses_other_texts_without_repeating_them() {
        for url in ["", "localhost", "ws://secret@localhost", "file:///secret", "http://", "http://[secret"] {
            let error = Endpoint::new(url, &[]).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let key = "AbCdEf0123456789secret";
        for (url, expected) in [
            ("", "it is empty"),
            ("  ", "it is empty"),
            ("localhost:8545", "write http://localhost:8545/"),
            ("127.0.0.1:8545", "write http://127.0.0.1:8545/"),
            ("localhost", "write http://localhost/"),
            (&format!("example.org/v2/{key}"), "write https://example.org/v2/***"),
            ("secret:secret@example.org", "write https://***@example.org/"),
            ("wss://example.org/secret", "its scheme is wss, but only http and https are supported"),
            ("/secret/geth.ipc", "it is the path of a file, but only http and https are supported"),
        ] {
            let error = Endpoint::new(url, &[]).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{url}: {error}");
        }
        for header in ["secret", "bad name: secret", "name: sec\nret"] {
            let error = header.parse::<SecretHeader>().unwrap_err().to_string();
            assert!(!error.contains("sec"), "{error}");
        }
    }
}

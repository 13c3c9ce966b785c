//! Recognises the errors that pass when the client waits: rate limits and overload, in the providers' wordings.

/// Error codes of nodes and their providers for too many requests. -32005 is by EIP-1474, the others are the providers'
/// own.
const CODES: [i64; 13] =
    [-32005, -32007, -32016, -32022, -32029, -32046, -32090, -32097, -32098, 420, 429, 503, 1015];

/// Wordings that mean a rate limit with any code, condensed: in lower case, only letters and digits.
const UNMISTAKABLE: [&str; 4] = ["ratelimit", "toomanyrequests", "throttl", "requestquota"];

/// Wordings of providers, condensed.
const WORDS: [&str; 43] = [
    "ratelimit",
    "rateexceeded",
    "rateisexceeded",
    "requestrate",
    "toomany",
    "requestlimit",
    "requestslimit",
    "exceededyour",
    "hourlylimit",
    "dailylimit",
    "dailyrequest",
    "weeklylimit",
    "monthlylimit",
    "usagelimit",
    "burstlimit",
    "concurrencylimit",
    "throttl",
    "slowdown",
    "toofast",
    "backoff",
    "quota",
    "computeunit",
    "capacity",
    "credits",
    "persecond",
    "perminute",
    "tryagain",
    "retrylater",
    "retryafter",
    "overload",
    "highload",
    "heavyload",
    "loadistoohigh",
    "temporarilyunavailable",
    "serviceunavailable",
    "serverunavailable",
    "cannotfulfill",
    "unabletofulfill",
    "http429",
    "status429",
    "statuscode429",
    "error429",
    "code429",
];

/// Wordings that mean a rate limit unless the limit is on something else than requests, condensed.
const LIMIT_WORDS: [&str; 7] = [
    "limitexceeded",
    "limitisexceeded",
    "limitwasexceeded",
    "limitreached",
    "limithasbeen",
    "exceededthelimit",
    "exceedsthelimit",
];

/// Limits on something else than requests, which waiting doesn't lift, condensed.
const OTHER_LIMITS: [&str; 22] = [
    "gaslimit",
    "memorylimit",
    "sizelimit",
    "depthlimit",
    "rangelimit",
    "codesizelimit",
    "stacklimit",
    "blocklimit",
    "blockslimit",
    "loglimit",
    "logslimit",
    "resultlimit",
    "resultslimit",
    "bytelimit",
    "byteslimit",
    "batchlimit",
    "feelimit",
    "toomanyresults",
    "toomanyblocks",
    "toomanylogs",
    "toomanyaddresses",
    "toomanyarguments",
];

/// Words for the things that a provider counts, as whole words or, if they are long, by their beginnings.
const COUNTED: [&str; 13] = [
    "request",
    "requests",
    "call",
    "calls",
    "rps",
    "qps",
    "usage",
    "credit",
    "cu",
    "cus",
    "api",
    "plan",
    "subscription",
];
const COUNTED_BEGINNINGS: [&str; 2] = ["throughput", "concurren"];
/// Words for the end of an allowance, likewise.
const ENOUGH: [&str; 4] = ["reached", "max", "high", "hit"];
const ENOUGH_BEGINNINGS: [&str; 2] = ["exceed", "limit"];
/// Largest distance between a counted thing and the end of its allowance, in words.
const DISTANCE: usize = 6;
/// Words for things that waiting neither makes smaller nor brings back.
const LASTING: [&str; 21] = [
    "gas",
    "size",
    "byte",
    "bytes",
    "length",
    "depth",
    "memory",
    "stack",
    "range",
    "batch",
    "results",
    "result",
    "logs",
    "topics",
    "fee",
    "nonce",
    "state",
    "data",
    "history",
    "historical",
    "trie",
];

/// Returns whether an error asks the client to wait.
pub(crate) fn is_rate_limit(code: i64, message: &str) -> bool {
    is_rate_limit_code(code) || says_rate_limit(message)
}

/// Returns whether an error code means too many requests.
pub(crate) fn is_rate_limit_code(code: i64) -> bool {
    CODES.contains(&code)
}

/// Returns whether a text says that there were too many requests, in any case and spelling.
pub(crate) fn says_rate_limit(text: &str) -> bool {
    // The rest is a contract's own message, which may be anything.
    if text.to_lowercase().contains("execution reverted") {
        return false;
    }
    let mut condensed = condensed(text);
    for other in OTHER_LIMITS {
        condensed = condensed.replace(other, "");
    }
    WORDS.iter().any(|words| condensed.contains(words)) || is_paraphrased(text, &condensed)
}

/// Returns whether a text can mean nothing but a rate limit. For errors that are final by their code.
pub(crate) fn is_unmistakable_rate_limit(text: &str) -> bool {
    let condensed = condensed(text);
    UNMISTAKABLE.iter().any(|words| condensed.contains(words))
}

/// The letters and digits of a text, in lower case.
fn condensed(text: &str) -> String {
    let mut text = text.to_lowercase();
    text.retain(|character| character.is_ascii_alphanumeric());
    text
}

/// Returns whether a text says that the node is too busy, or, by words near each other, that the allowance of a counted
/// thing is used up. `condensed` is the condensed text without [`OTHER_LIMITS`].
fn is_paraphrased(text: &str, condensed: &str) -> bool {
    let lower = text.to_lowercase();
    let words =
        lower.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>();
    let begins =
        |word: &str, beginnings: &[&str]| beginnings.iter().any(|beginning| word.starts_with(beginning));
    if words.iter().any(|word| *word == "busy" || word.starts_with("frequen")) {
        return true;
    }
    if words.iter().any(|word| LASTING.contains(word)) {
        return false;
    }
    let about_block =
        |word: &str| matches!(word, "block" | "number" | "height" | "account" | "header" | "method");
    let unavailable = words.contains(&"unavailable") && !words.iter().any(|word| about_block(word));
    let status = words.iter().enumerate().any(|(index, word)| {
        *word == "429" && !index.checked_sub(1).is_some_and(|before| about_block(words[before]))
    });
    let positions = |is: &dyn Fn(&str) -> bool| {
        words.iter().enumerate().filter(|(_, word)| is(word)).map(|(index, _)| index).collect::<Vec<_>>()
    };
    let counted = positions(&|word| COUNTED.contains(&word) || begins(word, &COUNTED_BEGINNINGS));
    let enough = positions(&|word| ENOUGH.contains(&word) || begins(word, &ENOUGH_BEGINNINGS));
    unavailable
        || status
        || LIMIT_WORDS.iter().any(|words| condensed.contains(words))
        || counted.iter().any(|first| enough.iter().any(|second| first.abs_diff(*second) <= DISTANCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_wordings_are_known() {
        for text in [
            "Rate limit exceeded",
            "RATE LIMITED",
            "rate-limited, retry in 1s",
            "RateLimitExceeded",
            "over rate limit",
            "Too Many Requests",
            "too many concurrent requests",
            "TooManyRequests",
            "100/second request limit reached - reduce calls per second",
            "daily request count exceeded, request rate limited",
            "project ID request rate exceeded",
            "Your app has exceeded its compute units per second capacity.",
            "You have exceeded your monthly quota",
            "Request throttled",
            "ThrottlingException",
            "Please SLOW DOWN",
            "Server is overloaded, please try again later",
            "monthly credits used up",
            "limit exceeded",
            "error code: 1015, you are being rate limited",
            "Max requests exceeded",
            "Maximum number of requests exceeded",
            "monthly request count exceeded",
            "Requests per day exceeded",
            "API calls exceeded",
            "You exceeded the allowed RPS",
            "You are sending requests too fast",
            "calls are too frequent",
            "please reduce your request frequency",
            "throughput exceeded",
            "usage exceeded",
            "Exceeded 25 requests/sec",
            "the limit is exceeded",
            "concurrency exceeded",
            "concurrent requests exceeded",
            "Plan limit hit",
            "hourly limit",
            "API limit",
            "burst limit",
            "CU limit",
            "Service is busy",
            "the server is busy",
            "Temporarily unavailable",
            "Service unavailable",
            "upstream unavailable",
            "node under high load",
            "HTTP 429",
            "upstream answered 429",
            "cannot fulfill request",
        ] {
            assert!(says_rate_limit(text), "{text}");
            assert!(says_rate_limit(&text.to_uppercase()), "{text}");
        }
    }

    #[test]
    fn other_refusals_are_final() {
        for text in [
            "gas limit exceeded",
            "exceeds block gas limit",
            "execution reverted",
            "missing trie node",
            "the method debug_executionWitness does not exist/is not available",
            "invalid API key",
            "max code size limit exceeded",
            "max code size exceeded",
            "query returned more than 10000 results",
            "query exceeds max results 20000",
            "block range limit exceeded",
            "requested block range exceeds the limit",
            "response size exceeded",
            "the request exceeds the maximum response size",
            "execution reverted: rate limit exceeded",
            "intrinsic gas too high",
            "nonce too high",
            "max call depth exceeded",
            "historical state unavailable",
            "block 429 not found",
            "distance to target block exceeds maximum proof window",
            "invalid request",
        ] {
            assert!(!is_rate_limit(-32000, text), "{text}");
        }
        for code in [-32005, -32022, -32046, -32098, 420, 429, 503, 1015] {
            assert!(is_rate_limit(code, "no"), "{code}");
        }
        assert!(
            is_unmistakable_rate_limit("Rate limit reached")
                && !is_unmistakable_rate_limit("too many arguments")
        );
    }
}

//! Whether a refusal passes when the client waits.

/// Codes by which nodes and their providers say that there were too many requests. -32005 is by EIP-1474, the others
/// are the providers' own.
const CODES: [i64; 13] =
    [-32005, -32007, -32016, -32022, -32029, -32046, -32090, -32097, -32098, 420, 429, 503, 1015];

/// What says it whatever the code is; in lower case and without anything but letters and digits.
const UNMISTAKABLE: [&str; 4] = ["ratelimit", "toomanyrequests", "throttl", "requestquota"];

/// What providers write, likewise.
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

/// What says it unless it is about something else.
const LIMIT_WORDS: [&str; 7] = [
    "limitexceeded",
    "limitisexceeded",
    "limitwasexceeded",
    "limitreached",
    "limithasbeen",
    "exceededthelimit",
    "exceedsthelimit",
];

/// What is limited besides requests, and remains so.
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

/// What a provider counts, by how its words begin or, where they are short, by the whole words.
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
/// What is said of it when it is enough.
const ENOUGH: [&str; 4] = ["reached", "max", "high", "hit"];
const ENOUGH_BEGINNINGS: [&str; 2] = ["exceed", "limit"];
/// How many words may be between the two.
const DISTANCE: usize = 6;
/// Words of what no waiting makes smaller or bring back.
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

/// Whether an answer with this error says that the client is to wait.
pub(crate) fn is_told(code: i64, message: &str) -> bool {
    is_code(code) || is_said(message)
}

/// Whether the code says that there were too many requests.
pub(crate) fn is_code(code: i64) -> bool {
    CODES.contains(&code)
}

/// Whether the text says that there were too many requests, in any case and spelling.
pub(crate) fn is_said(text: &str) -> bool {
    // A contract may say anything.
    if text.to_lowercase().contains("execution reverted") {
        return false;
    }
    let mut condensed = condensed(text);
    for other in OTHER_LIMITS {
        condensed = condensed.replace(other, "");
    }
    WORDS.iter().any(|words| condensed.contains(words)) || is_paraphrased(text, &condensed)
}

/// The same for errors that are final by their code: only what can't mean anything else.
pub(crate) fn is_unmistakable(text: &str) -> bool {
    let condensed = condensed(text);
    UNMISTAKABLE.iter().any(|words| condensed.contains(words))
}

fn condensed(text: &str) -> String {
    let mut text = text.to_lowercase();
    text.retain(|character| character.is_ascii_alphanumeric());
    text
}

/// Whether it is said, with words near each other, that something which providers count is enough, or that the node is too
/// busy. `condensed` is the text's letters and digits, without what is limited besides requests.
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
    let places = |is: &dyn Fn(&str) -> bool| {
        words.iter().enumerate().filter(|(_, word)| is(word)).map(|(index, _)| index).collect::<Vec<_>>()
    };
    let counted = places(&|word| COUNTED.contains(&word) || begins(word, &COUNTED_BEGINNINGS));
    let enough = places(&|word| ENOUGH.contains(&word) || begins(word, &ENOUGH_BEGINNINGS));
    unavailable
        || status
        || LIMIT_WORDS.iter().any(|words| condensed.contains(words))
        || counted.iter().any(|place| enough.iter().any(|other| place.abs_diff(*other) <= DISTANCE))
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
            assert!(is_said(text), "{text}");
            assert!(is_said(&text.to_uppercase()), "{text}");
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
            assert!(!is_told(-32000, text), "{text}");
        }
        for code in [-32005, -32022, -32046, -32098, 420, 429, 503, 1015] {
            assert!(is_told(code, "no"), "{code}");
        }
        assert!(is_unmistakable("Rate limit reached") && !is_unmistakable("too many arguments"));
    }
}

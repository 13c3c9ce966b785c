//! Why a block can't be fetched.

use crate::{BlockSelector, rate_limit, supported::NotSupported};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::{fmt, time::Duration};
use zeno_guest_evm::{ValidationError, state::StateError};

/// Why there is no input for a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    // What the user gave.
    /// The URL of the node can't be used.
    #[error("the URL of the node can't be used: {0}")]
    Url(String),
    /// An HTTP header can't be used.
    #[error("an HTTP header can't be used: {0}; write it as \"Name: value\"")]
    Header(&'static str),
    /// The HTTP client can't be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
    /// A chain that is not built in.
    #[error(
        "chain id {0} is not built in: give the chain's rules with --chain FILE, a geth-style genesis or its config as JSON"
    )]
    UnknownChain(u64),
    /// The node is on another chain than the given configuration.
    #[error(
        "the node is on chain id {node}, but the rules that --chain gives are for chain id {configured}: name another node with \
         --rpc-url, or another file with --chain"
    )]
    ChainMismatch {
        /// What the node says.
        node: u64,
        /// What the configuration says.
        configured: u64,
    },

    /// The node's chain id is not the one that the block's transactions are signed for, and nobody else says which chain is
    /// meant.
    #[error(
        "the node says that it is on chain {node}, and the block's transactions are signed for {signed}; name the chain with \
         --chain"
    )]
    SignedForAnother {
        /// What the node says.
        node: u64,
        /// What a signature is bound to (EIP-155).
        signed: u64,
    },

    // The node.
    /// A request failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The node doesn't know the block.
    #[error("the node knows no block {0}")]
    NoBlock(BlockSelector),
    /// The node lost a block that it gave before, or has another one at its height now.
    #[error(
        "the chain was reorganised while block {number} was fetched: its hash was {before}, now it is {}; try again",
        Shown(*now)
    )]
    Reorg {
        /// The block's number.
        number: u64,
        /// The hash that the number had before.
        before: B256,
        /// The hash that it has now, if it has one.
        now: Option<B256>,
    },
    /// Another block than the one that was asked for.
    #[error("{method} was asked for block {asked}, but answered with block {answered}")]
    WrongBlock {
        /// The RPC method.
        method: &'static str,
        /// Number or hash that was asked for.
        asked: String,
        /// Number or hash of the answer.
        answered: String,
    },
    /// A block's body doesn't belong to its header.
    #[error(
        "{method} answered for block {block} with {part} whose root is {actual}, but its header says {expected}"
    )]
    WrongBody {
        /// The RPC method.
        method: &'static str,
        /// The block's hash.
        block: B256,
        /// Which part of the body.
        part: &'static str,
        /// Root of what the node gave.
        actual: B256,
        /// Root in the header.
        expected: B256,
    },
    /// A header with fields that this program doesn't know, so that its hash can't be computed.
    #[error(
        "{method} answered for block {block} with a header whose hash can't be checked, since this program doesn't know {}: it is \
         perhaps of a later fork, which a newer zeno may know",
        listed(fields)
    )]
    UnknownFields {
        /// The RPC method.
        method: &'static str,
        /// The block's hash.
        block: B256,
        /// Names of the fields.
        fields: Vec<String>,
    },
    /// A proof that doesn't prove what was asked for.
    #[error("{method} answered with a false proof for {subject} at block {block}: {reason}")]
    FalseProof {
        /// The RPC method.
        method: &'static str,
        /// What was to be proven.
        subject: Subject,
        /// Hash of the block whose state was asked for.
        block: B256,
        /// What is wrong.
        reason: String,
    },
    /// A code that isn't the account's.
    #[error(
        "{method} answered with a false code for account {address}: its hash is {actual}, but must be {expected}"
    )]
    FalseCode {
        /// The RPC method.
        method: &'static str,
        /// Whose code.
        address: Address,
        /// Hash of what the node gave.
        actual: B256,
        /// Hash in the account's leaf.
        expected: B256,
    },
    /// The witness of `debug_executionWitness` is not enough.
    #[error("the witness from {method} is incomplete: {error}")]
    IncompleteWitness {
        /// The RPC method.
        method: &'static str,
        /// What it lacks.
        error: StateError,
    },
    /// The node has no method for witnesses.
    #[error("the node has no debug_executionWitness: {0}")]
    NoWitnessMethod(RpcError),
    /// The sibling of a removed trie node can't be found.
    #[error(
        "a removal needs the trie node {hash} at path {path} of {subject}, and no proof that the node gives shows it: {reason}"
    )]
    Sibling {
        /// Hash of the trie node.
        hash: B256,
        /// Nibbles from the root to it, in hexadecimal.
        path: String,
        /// What was removed.
        subject: Subject,
        /// Why it can't be found.
        reason: String,
    },
    /// Proofs that were checked don't help.
    #[error("the state can't be completed by proofs: {0}")]
    Stuck(StateError),

    /// The block reads more than this program takes from a node.
    #[error("the state that the block reads has more than {0} bytes, which is the limit")]
    TooMuchState(usize),

    // The block.
    /// The block is of a kind that this program doesn't judge. It says nothing about the block's validity.
    #[error("block {block} can't be validated: {reason}")]
    NotSupported {
        /// Its hash.
        block: B256,
        /// Of which kind it is.
        reason: NotSupported,
    },
    /// The block itself breaks a rule, or takes more than is supported.
    #[error(
        "block {block} {}: {error} ({rules})", if error.blames_block() { "is invalid" } else { "can't be validated" }
    )]
    Invalid {
        /// Its hash.
        block: B256,
        /// Which rule.
        error: ValidationError,
        /// Whose rules.
        rules: JudgedBy,
    },
    /// A task of the program ended early.
    #[error("the local execution of the block was interrupted")]
    Interrupted,
}

impl FetchError {
    pub(crate) fn no_block(hash: B256) -> Self {
        Self::NoBlock(BlockSelector::Hash(hash))
    }
}

/// The chain whose rules a block is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedBy {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Whether the node alone says that the block is of that chain.
    pub node_says: bool,
}

impl fmt::Display for JudgedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by the rules of chain {}", self.chain_id)?;
        if self.node_says { f.write_str(", which the node named") } else { Ok(()) }
    }
}

/// A part of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An account.
    Account(Address),
    /// A slot of an account's storage.
    Slot(Address, U256),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(address) => write!(f, "account {address}"),
            Self::Slot(address, slot) => write!(f, "slot {slot:#x} of account {address}"),
        }
    }
}

struct Shown(Option<B256>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hash) => hash.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// A request that failed, after all retries.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method} at {endpoint} {problem}{}", Attempts(*attempts))]
pub struct RpcError {
    /// The RPC method.
    pub method: &'static str,
    /// The node's URL, without secrets.
    pub endpoint: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time.
    pub problem: Problem,
}

struct Attempts(u32);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 1 { write!(f, " (after {} attempts)", self.0) } else { Ok(()) }
    }
}

/// What can go wrong with a request.
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
        "redirects to {to} (HTTP status {status}), which is not followed: name that place with --rpc-url"
    )]
    Redirect {
        /// The status code.
        status: u16,
        /// Where it leads to, without secrets.
        to: String,
    },
    /// A redirect that doesn't say where to.
    #[error("redirects without a place to go to (HTTP status {0}): name the node's own place with --rpc-url")]
    RedirectNowhere(u16),
    /// A redirect to the URL that was asked.
    #[error(
        "redirects to itself (HTTP status {0}), so that there is no answer: name another place with --rpc-url"
    )]
    RedirectToItself(u16),
    /// An HTTP status that is an error, without a JSON-RPC answer.
    #[error("answered with HTTP status {status}: {body}")]
    Status {
        /// The status code.
        status: u16,
        /// How the body begins.
        body: String,
    },
    /// An error by JSON-RPC.
    #[error("answered with error{}: {message}", Code(*code))]
    Answer {
        /// JSON-RPC's error code; zero where the node gives none.
        code: i64,
        /// The node's message.
        message: String,
        /// What the node says beyond that, where it is bytes: what a contract reverted with.
        data: Option<Bytes>,
    },
    /// `null`, where there should be a value.
    #[error("answered with null")]
    Null,
    /// Not JSON-RPC, or not a value of the method's type.
    #[error("answered with something else than the method's result: {0}")]
    Malformed(String),
    /// The answer is longer than allowed.
    #[error("answered with more than {0} bytes, which is the limit")]
    TooLarge(usize),
}

impl Problem {
    /// Whether the node, or a proxy before it, took too long.
    pub(crate) fn is_slow(&self) -> bool {
        let text = match self {
            Self::Timeout(_) | Self::Status { status: 408 | 502 | 504 | 522 | 524, .. } => return true,
            Self::Status { body: text, .. } | Self::Answer { message: text, .. } => text.to_lowercase(),
            _ => return false,
        };
        ["timeout", "time-out", "timed out", "deadline"].iter().any(|words| text.contains(words))
    }
}

struct Code(i64);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " {}", self.0) }
    }
}

/// Names in a sentence.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    let names = names.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    match names.split_last() {
        None => "its fields".into(),
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

impl RpcError {
    /// Whether the node refuses the request itself, and would again.
    pub(crate) fn is_final(&self) -> bool {
        match &self.problem {
            Problem::Answer { code: -32602 | -32600, message, .. } => !rate_limit::is_unmistakable(message),
            _ => self.is_unsupported(),
        }
    }

    /// Whether the node says that it doesn't have the method, in one of the clients' spellings.
    pub fn is_unsupported(&self) -> bool {
        match &self.problem {
            // Whatever plan the message advertises.
            Problem::Answer { code: -32601, .. } => true,
            Problem::Answer { code, message, .. } if rate_limit::is_told(*code, message) => false,
            Problem::Answer { code: -32004, .. } => true,
            Problem::Answer { message, .. } => {
                let message = message.to_lowercase();
                [
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
                ]
                .iter()
                .any(|words| message.contains(words))
                    && (message.contains("method")
                        || message.contains("module")
                        || message.contains("namespace"))
            }
            Problem::Status { status, .. } => matches!(status, 403 | 404 | 405 | 501),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_spellings_of_a_missing_method() {
        let error = |code, message: &str| RpcError {
            method: "debug_executionWitness",
            endpoint: String::new(),
            attempts: 1,
            problem: Problem::Answer { code, message: message.into(), data: None },
        };
        for (code, message) in [
            (-32601, "the method debug_executionWitness does not exist/is not available"),
            (-32601, "Method not found"),
            (-32600, "Unsupported method: debug_executionWitness. See available methods at docs"),
            (-32000, "rpc method is not whitelisted"),
            (-32000, "The method debug_executionWitness is not available on this plan"),
            (-32604, "Method disabled"),
            (-32601, "Method not found: upgrade your plan, credits are used up"),
        ] {
            assert!(error(code, message).is_unsupported(), "{message}");
        }
        for (code, message) in
            [(-32000, "missing trie node"), (-32602, "invalid params"), (-32000, "block not found")]
        {
            assert!(!error(code, message).is_unsupported(), "{message}");
        }
        assert!(error(-32602, "too many arguments, want at most 2").is_final());
        assert!(!error(-32600, "rate limit reached").is_final());
    }
}

//! Reasons why a verb has no outcome.

use crate::{
    setting::{self, Setting},
    text,
};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
};
use zeno_guest_evm::ValidationError;
use zeno_prover::{ProverError, VmError};
use zeno_srs::SrsError;
use zeno_verifier::{ProofFileError, VerifyError};
use zeno_witness_fetch::{EndpointError, FetchError, NotSupported, RpcError};

/// Reason why a verb has no outcome: a sentence that names the subject, its value and the remedy. It names no option;
/// [`settings`](Self::settings) has those that it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The block breaks a rule of validation, or can't be judged by it.
    #[error("{}", refusal(.0))]
    Validation(Box<ValidationError>),
    /// The block is of a kind that this program does not judge.
    #[error("the block can't be validated: {0}")]
    NotSupported(NotSupported),
    /// The block or its witness can't be fetched, or the fetched block is invalid.
    #[error(transparent)]
    Fetch(Box<FetchError>),
    /// The node can't be accessed with the given options.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The node does not answer a request.
    #[error(transparent)]
    Rpc(Box<RpcError>),
    /// The input is of another chain than the expected one.
    #[error("{what} is of {actual}, and {expected} is expected")]
    OtherChain {
        /// The input.
        what: String,
        /// Rules of the input, in words.
        actual: String,
        /// The expected chain, in words.
        expected: String,
    },
    /// The guest refuses an input that native validation accepts.
    #[error("{0}; native validation accepts the block, so this says nothing against it")]
    GuestRefused(#[source] ProverError),
    /// The guest can't run, or there is no proof or key.
    #[error(transparent)]
    Prover(ProverError),
    /// The structured reference string can't be made or used.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The proof is invalid, or not accepted.
    #[error("the proof is {}: {error}", if .0.blames_proof() { "invalid" } else { "not accepted" }, error = .0)]
    Proof(#[from] VerifyError),
    /// The file of a proof has the right form, and its content can't be that of a proof.
    #[error("{}: {source}", text::path(path))]
    ProofFile {
        /// The file.
        path: PathBuf,
        /// The contradiction.
        source: Box<ProofFileError>,
    },
    /// The proof is valid, and about something else than what is expected.
    #[error("the proof is not of what is expected: its {what} is {proven}, expected {expected}")]
    Unexpected {
        /// Subject of the difference.
        what: &'static str,
        /// The proven value.
        proven: String,
        /// The expected value.
        expected: String,
    },
    /// A file can't be used. The message continues a sentence that begins with the file's name.
    #[error("{}: {message}", text::path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// The continuation of the sentence.
        message: String,
    },
    /// An error about the content of a file.
    #[error("{}: {source}", text::path(path))]
    InFile {
        /// The file.
        path: PathBuf,
        /// The error.
        source: Box<Self>,
    },
    /// An error about one block of a run.
    #[error("{block}: {source}")]
    InRun {
        /// Name of the block.
        block: String,
        /// The error.
        source: Box<Self>,
    },
    /// An error that is about options of the verb.
    #[error("{source}")]
    WithSettings {
        /// The error.
        source: Box<Self>,
        /// The options.
        settings: Vec<Setting>,
    },
    /// Any other reason, such as an option, a key or a contract that is not accepted.
    #[error("{0}")]
    Other(String),
}

/// Verdict that an error amounts to, on the block or the proof that a verb was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The block or the proof is invalid: it was judged by known rules and breaks one.
    Invalid,
    /// The proof is valid, and about something else than what is expected.
    Unexpected,
    /// The block is of another chain than the expected one; it was not validated.
    OtherChain,
}

impl Error {
    /// An error that the sentence `message` describes. It is no verdict.
    pub fn other(message: impl Display) -> Self {
        Self::Other(message.to_string())
    }

    /// An error about `path`, whose name `message` continues to a sentence. It is no verdict.
    pub fn file(path: &Path, message: impl Display) -> Self {
        Self::File { path: path.to_owned(), message: message.to_string() }
    }

    /// The same error, about the content of `path`.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), source: Box::new(self) }
    }

    /// The same error, about a block of a run.
    pub(crate) fn in_run(self, block: String) -> Self {
        Self::InRun { block, source: Box::new(self) }
    }

    /// The same error, about these options of the verb.
    pub(crate) fn with_settings(self, settings: impl IntoIterator<Item = Setting>) -> Self {
        Self::WithSettings { source: Box::new(self), settings: settings.into_iter().collect() }
    }

    /// The same sentence, continued after a semicolon, about the same options. It is no verdict.
    pub(crate) fn continued(self, clause: impl Display) -> Self {
        Self::other(format_args!("{self}; {clause}")).with_settings(self.settings())
    }

    /// The options of the verb that the error is about: those whose names a user needs for the remedy.
    pub fn settings(&self) -> Vec<Setting> {
        match self {
            Self::WithSettings { source, settings } => [source.settings(), settings.clone()].concat(),
            Self::InFile { source, .. } | Self::InRun { source, .. } => source.settings(),
            Self::OtherChain { .. } => vec![Setting::Chain],
            Self::NotSupported(reason) => setting::of_block(reason),
            Self::Fetch(error) => setting::of_fetch(error),
            Self::Endpoint(error) => setting::of_endpoint(error),
            Self::Rpc(error) => setting::of_request(error),
            Self::Prover(ProverError::Folder(_)) => vec![Setting::CacheDir],
            _ => Vec::new(),
        }
    }

    /// The verdict on the block or the proof. `None` stands for anything else: usage, network, files, and a fork, a release,
    /// rules or an SRS that this program does not know or does not accept.
    pub fn verdict(&self) -> Option<Verdict> {
        let invalid = match self {
            Self::Validation(error) => error.blames_block(),
            Self::Fetch(error) => {
                matches!(error.of_block(), FetchError::Invalid { error, .. } if error.blames_block())
            }
            Self::Proof(error) => error.blames_proof(),
            Self::ProofFile { source, .. } => source.blames_proof(),
            Self::Unexpected { .. } => return Some(Verdict::Unexpected),
            Self::OtherChain { .. } => return Some(Verdict::OtherChain),
            Self::InFile { source, .. } | Self::InRun { source, .. } | Self::WithSettings { source, .. } => {
                return source.verdict();
            }
            _ => false,
        };
        invalid.then_some(Verdict::Invalid)
    }
}

/// The sentence about a block that validation refuses.
fn refusal(error: &ValidationError) -> String {
    let verdict = if error.blames_block() { "is invalid" } else { "can't be validated" };
    format!("the block {verdict}: {error}")
}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        Self::Validation(Box::new(error))
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}

impl From<RpcError> for Error {
    fn from(error: RpcError) -> Self {
        Self::Rpc(Box::new(error))
    }
}

impl From<ProverError> for Error {
    fn from(error: ProverError) -> Self {
        match error {
            // Native validation comes first, and ends a verb whose block is invalid.
            ProverError::Vm(VmError::Refused(_)) => Self::GuestRefused(error),
            _ => Self::Prover(error),
        }
    }
}

/// Facts that a failing verb had established.
pub trait Findings: Default {
    /// Takes the error's verdict on the block or the proof into the facts.
    fn judge(&mut self, verdict: Verdict);
}

/// A failure of a verb, with the facts that it had established.
#[derive(Debug)]
pub struct Failed<F> {
    /// The reason.
    pub error: Error,
    /// Facts that were established before, and the verdict of the error.
    pub findings: F,
}

impl<F: Findings> Failed<F> {
    /// A failure for a reason, after these findings.
    pub fn new(error: impl Into<Error>, mut findings: F) -> Self {
        let error = error.into();
        if let Some(verdict) = error.verdict() {
            findings.judge(verdict);
        }
        Self { error, findings }
    }
}

impl<F: Findings, E: Into<Error>> From<E> for Failed<F> {
    fn from(error: E) -> Self {
        Self::new(error, F::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeno_guest_evm::{Subject, chain::Chain};

    /// A block of a kind that this program doesn't judge is not invalid. Fields of another fork are, under rules that are known
    /// to be complete.
    #[test]
    fn what_is_not_judged_is_no_verdict() {
        let fork = zeno_guest_evm::chain::Fork::Osaka;
        for subject in [Subject::BlockAccessListHash, Subject::SlotNumber, Subject::RequestsHash] {
            let error = Error::from(ValidationError::Unexpected { subject, fork });
            assert_eq!(error.verdict(), Some(Verdict::Invalid), "{error}");
        }
        let later = NotSupported::LaterFields(vec!["slotNumber"]);
        let before = ValidationError::BeforeMerge { number: 1, difficulty: alloy_primitives::U256::ONE };
        for error in [Error::NotSupported(beyond()), Error::NotSupported(later), before.into()] {
            assert_eq!(error.verdict(), None, "{error}");
            assert!(!error.to_string().contains("is invalid"), "{error}");
        }
    }

    /// A block after the end of the built-in rules.
    fn beyond() -> NotSupported {
        let mainnet = Chain::by_chain_id(1).unwrap();
        NotSupported::BeyondEnd(mainnet.covers(u64::MAX).unwrap_err())
    }

    /// The guest refuses for other reasons than an invalid block, so its refusal alone is no verdict.
    #[test]
    fn a_refusal_by_the_guest_alone_is_no_verdict() {
        let error = Error::from(ProverError::from(VmError::Refused("out of memory".to_owned())));
        assert_eq!(error.verdict(), None);
        assert!(error.to_string().contains("out of memory"), "{error}");
        assert!(error.to_string().contains("native validation accepts the block"), "{error}");
    }

    #[test]
    fn a_verdict_survives_the_name_of_a_file() {
        let path = Path::new("block.zeno");
        let invalid = ValidationError::Unexpected {
            subject: Subject::RequestsHash,
            fork: zeno_guest_evm::chain::Fork::Osaka,
        };
        let invalid = Error::from(invalid).in_file(path);
        assert_eq!(invalid.verdict(), Some(Verdict::Invalid));
        assert!(invalid.to_string().starts_with("block.zeno: the block is invalid"), "{invalid}");
        assert_eq!(Error::file(path, "is empty").verdict(), None);
        assert_eq!(invalid.with_settings([Setting::Chain]).verdict(), Some(Verdict::Invalid));
    }

    #[test]
    fn settings_survive_what_is_added_to_an_error() {
        let error = Error::other("too dear").with_settings([Setting::MaxCost]);
        let error =
            error.continued("nothing is sent").with_settings([Setting::Node]).in_file(Path::new("input"));
        assert_eq!(error.to_string(), "input: too dear; nothing is sent");
        assert_eq!(error.settings(), [Setting::MaxCost, Setting::Node]);
        assert!(Error::other("anything else").settings().is_empty());
    }

    /// A block of a run is judged as it is for itself.
    #[test]
    fn a_verdict_survives_the_number_of_a_block() {
        let invalid = || FetchError::Invalid {
            block: alloy_primitives::B256::ZERO,
            error: ValidationError::Unexpected {
                subject: Subject::RequestsHash,
                fork: zeno_guest_evm::chain::Fork::Osaka,
            },
            rules: zeno_witness_fetch::JudgedBy { chain_id: 1, node_says: true },
        };
        let in_run = |error| Error::from(FetchError::InRun { number: 7, error: Box::new(error) });
        assert_eq!(in_run(invalid()).verdict(), Some(Verdict::Invalid));
        assert!(in_run(invalid()).to_string().starts_with("block 7 of the run: block 0x"));
        let unknown = in_run(FetchError::UnknownChain(5));
        assert_eq!((unknown.verdict(), unknown.settings()), (None, vec![Setting::Chain]));
        let error = Error::from(invalid()).in_run("block 8".into());
        assert_eq!(error.verdict(), Some(Verdict::Invalid));
        let error = Error::NotSupported(beyond()).in_run("block 8".into());
        assert_eq!((error.verdict(), error.settings()), (None, vec![Setting::Chain]));
    }

    #[test]
    fn errors_of_a_fetch_are_about_the_node_and_the_chain() {
        let mismatch = Error::from(FetchError::ChainMismatch { node: 1, configured: 2 });
        assert_eq!(mismatch.settings(), [Setting::Node, Setting::Chain]);
        let url = EndpointError::Url("it is empty".to_owned());
        for error in [Error::from(url.clone()), FetchError::from(url).into()] {
            assert_eq!(error.settings(), [Setting::Node], "{error}");
        }
        let error = Error::NotSupported(beyond());
        assert_eq!(error.settings(), [Setting::Chain]);
        assert!(error.to_string().starts_with("the block can't be validated: its timestamp is "), "{error}");
        assert!(Error::NotSupported(NotSupported::Genesis).settings().is_empty());
    }
}

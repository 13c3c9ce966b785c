//! Options of the verbs, as errors refer to them.

use serde::Serialize;
use strum::VariantArray;
use zeno_witness_fetch::{EndpointError, FetchError, NotSupported, Problem, RpcError};

/// Option of a verb that an error is about. Messages don't name it, because each program over this library has names of its
/// own: a command line has flags, a service may have fields of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Permission to use an SRS of no known ceremony.
    AllowUnknownSrs,
    /// Permission to accept a proof under the rules of any chain.
    AnyRules,
    /// The block that a proof should be of.
    Block,
    /// The cache folder.
    CacheDir,
    /// The chain whose rules are expected.
    Chain,
    /// Id of the chain that transactions are signed for.
    ChainId,
    /// The contract that is asked.
    Contract,
    /// The input whose block's parent a light client starts from.
    Follow,
    /// Digest of the verifying key to accept.
    KeyDigest,
    /// File or folder of a verifying key.
    Keys,
    /// Limit on the cost of all transactions.
    MaxCost,
    /// Limit on the tip for a unit of gas.
    MaxPriorityFee,
    /// URL of the node.
    Node,
    /// Folder to export to.
    Out,
    /// File with the password of a keystore.
    PasswordFile,
    /// Permission to replace transactions that are in no block yet.
    ReplacePending,
    /// The key that signs transactions.
    Signer,
    /// Permission to take the word of a contract.
    TrustContract,
    /// Hash of the block that a light client trusts.
    TrustedBlock,
}

/// Options that a failed fetch is about.
pub(crate) fn of_fetch(error: &FetchError) -> Vec<Setting> {
    match error.of_block() {
        FetchError::Endpoint(error) => of_endpoint(error),
        FetchError::Rpc(error) | FetchError::NoWitnessMethod(error) => of_request(error),
        FetchError::NotSupported { reason, .. } => of_block(reason),
        FetchError::UnknownChain(_) | FetchError::SignedForAnother { .. } => vec![Setting::Chain],
        FetchError::ChainMismatch { .. } => vec![Setting::Node, Setting::Chain],
        _ => Vec::new(),
    }
}

/// Options that a node's description is wrong by.
pub(crate) fn of_endpoint(error: &EndpointError) -> Vec<Setting> {
    match error {
        EndpointError::Url(_) => vec![Setting::Node],
        _ => Vec::new(),
    }
}

/// Options that a failed request is about.
pub(crate) fn of_request(error: &RpcError) -> Vec<Setting> {
    match error.problem {
        Problem::Redirect { .. } | Problem::RedirectNowhere(_) | Problem::RedirectToItself(_) => {
            vec![Setting::Node]
        }
        _ => Vec::new(),
    }
}

/// Options that a block of no known rules is about.
pub(crate) fn of_block(reason: &NotSupported) -> Vec<Setting> {
    match reason {
        NotSupported::BeyondEnd(_) | NotSupported::LaterFields(_) | NotSupported::BlobParameters(_) => {
            vec![Setting::Chain]
        }
        _ => Vec::new(),
    }
}

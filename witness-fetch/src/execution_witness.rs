//! The first way: `debug_executionWitness`, as the clients spell it.

use crate::{
    FetchError,
    error::{Problem, RpcError},
    node::Sealed,
    rpc::Rpc,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tracing::debug;
use zeno_guest_evm::Witness;

/// The method's name, for errors.
pub(crate) const METHOD: &str = "debug_executionWitness";

/// The witness of a block by the node's own account; nothing of it is checked here.
///
/// # Errors
/// [`FetchError::NoWitnessMethod`] if the node has no such method, another error if the last
/// variant of it fails.
pub(crate) async fn fetch(rpc: &Rpc, block: &Sealed) -> Result<Witness, FetchError> {
    // Reth has a method of its own for hashes, others take a hash or only a number in the same one.
    let by_hash = json!([block.hash]);
    let by_number = json!([format!("{:#x}", block.header.number)]);
    let variants =
        [("debug_executionWitnessByBlockHash", &by_hash), (METHOD, &by_hash), (METHOD, &by_number)];
    let mut unsupported = None;
    let mut refused = None;
    for (method, params) in variants {
        match rpc.call_optional::<Answer>(method, params).await {
            Ok(Some(answer)) => return answer.witness(rpc, method),
            Ok(None) => refused = Some(rpc.null(method)),
            Err(error) if error.is_unsupported() => unsupported = Some(error),
            Err(error) if matches!(error.problem, Problem::Answer { .. } | Problem::Malformed(_)) => {
                debug!(%error, "variant of the method refused");
                refused = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(match (refused, unsupported) {
        (Some(error), _) => error.into(),
        (None, Some(error)) => FetchError::NoWitnessMethod(error),
        (None, None) => unreachable!("each variant that isn't returned from fails one way or the other"),
    })
}

/// What the clients answer.
#[derive(Deserialize)]
struct Answer {
    state: ByteStrings,
    #[serde(default)]
    codes: ByteStrings,
    headers: Option<Vec<AnyHeader>>,
}

/// A list, or a map from hash to preimage.
#[derive(Deserialize)]
#[serde(untagged)]
enum ByteStrings {
    List(Vec<Bytes>),
    Map(BTreeMap<B256, Bytes>),
    Null(()),
}

/// RLP, or the header as JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyHeader {
    Rlp(Bytes),
    Json(Value),
}

impl Default for ByteStrings {
    fn default() -> Self {
        Self::Null(())
    }
}

impl ByteStrings {
    fn into_list(self) -> Vec<Bytes> {
        match self {
            Self::List(list) => list,
            // The keys are no more than the values' hashes.
            Self::Map(map) => map.into_values().collect(),
            Self::Null(()) => Vec::new(),
        }
    }
}

impl Answer {
    fn witness(self, rpc: &Rpc, method: &'static str) -> Result<Witness, FetchError> {
        let headers = self.headers.unwrap_or_default().into_iter().map(|header| match header {
            AnyHeader::Rlp(rlp) => Ok(rlp),
            AnyHeader::Json(value) => serde_json::from_value::<Header>(value)
                .map(|header| alloy_rlp::encode(header).into())
                .map_err(|error| rpc.malformed(method, &error.to_string())),
        });
        Ok(Witness {
            headers: headers.collect::<Result<_, RpcError>>()?,
            codes: self.codes.into_list(),
            state: self.state.into_list(),
        })
    }
}

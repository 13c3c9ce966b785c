//! Contracts on a chain, as outcomes report them, and checks that a verifier is the expected one.

use crate::{chain_client::ChainClient, error::Error};
use alloy_primitives::{Address, B256};
use serde::Serialize;
use zeno_verifier::{EvmVerifyingKey, Release, contracts::verifier_runtime_code};

/// A contract on a chain.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ContractReport {
    /// Name of the contract, or its role.
    pub name: &'static str,
    /// Its address.
    pub address: Address,
}

/// Refuses a verifier that accepts proofs of a withdrawn release: its word counts for nothing.
pub(crate) fn refuse_withdrawn(contract: Address, app_exe_commitment: B256) -> Result<(), Error> {
    Release::refuse_withdrawn(app_exe_commitment).map_err(|error| {
        Error::other(format_args!(
            "the verifier at {contract} accepts proofs that anybody can forge: {error}"
        ))
    })
}

/// Refuses a contract that is not the verifier of this key, as far as the verifier's code can be computed here.
pub(crate) fn check_verifier(
    client: &ChainClient,
    contract: Address,
    key: &EvmVerifyingKey,
) -> Result<(), Error> {
    // The circuits of tests have other code, which a compiler makes.
    let Ok(expected) = verifier_runtime_code(key) else { return Ok(()) };
    let code = client.code(contract)?;
    if code == expected {
        return Ok(());
    }
    Err(Error::other(format_args!(
        "the contract at {contract} is not the verifier of the key {}: its code has {} bytes, and is another than the {} bytes that \
         `zeno contract deploy` gives it; the proof is valid by that key all the same",
        key.digest(),
        code.len(),
        expected.len()
    )))
}

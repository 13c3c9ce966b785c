//! Contracts on a chain, as outcomes report them, and checks that a verifier is the expected one.

use crate::{chain_client::ChainClient, error::Error};
use alloy_primitives::{Address, B256};
use serde::Serialize;
use zeno_verifier::{EvmVerifyingKey, Release, VerifyError, contracts::verifier_runtime_code};

/// A contract on a chain.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ContractReport {
    /// Name of the contract, or its role.
    pub name: &'static str,
    /// Its address.
    pub address: Address,
}

/// Refuses a verifier of a withdrawn release, whose word counts for nothing, or of a superseded one, which reads other claims.
pub(crate) fn check_release(contract: Address, app_exe_commitment: B256) -> Result<(), Error> {
    Release::check_accepted(app_exe_commitment).map_err(|error| {
        let flaw = match error {
            VerifyError::Withdrawn { .. } => "accepts proofs that anybody can forge",
            _ => "accepts no proofs of this program",
        };
        Error::other(format_args!("the verifier at {contract} {flaw}: {error}"))
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

//! The chains that this program knows by name.

use crate::{failure::Failure, files};
use alloy_primitives::B256;
use std::path::Path;
use zeno_guest_evm::ChainSpec;

/// The development chain of the built-in example.
const DEVELOPMENT: &str = include_str!("../../config/chains/dev.json");

/// Reads a geth-style genesis or chain configuration.
pub(crate) fn from_file(path: &Path) -> Result<ChainSpec, Failure> {
    let json = String::from_utf8(files::read(path)?).map_err(|error| Failure::file(path, error))?;
    ChainSpec::from_json(&json).map_err(|error| Failure::file(path, error))
}

/// The name of the chain with these rules, if this program knows it. A proof under rules with another
/// hash says nothing about the chain that its chain id suggests.
pub(crate) fn name(chain_spec: B256) -> Option<&'static str> {
    let known = [
        ("Ethereum mainnet", Some(ChainSpec::mainnet())),
        ("the Sepolia test network", Some(ChainSpec::sepolia())),
        ("the Holesky test network", Some(ChainSpec::holesky())),
        ("the Hoodi test network", Some(ChainSpec::hoodi())),
        ("the example's development chain", ChainSpec::from_json(DEVELOPMENT).ok()),
    ];
    known
        .into_iter()
        .find(|(_, spec)| spec.as_ref().is_some_and(|spec| spec.hash() == chain_spec))
        .map(|(name, _)| name)
}

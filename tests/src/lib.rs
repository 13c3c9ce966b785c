//! Harness of the workspace's tests: chains and nodes, tampered and generated inputs, and the official tests.
//!
//! The suites that use it are the integration tests of this package and of others. [`solidity`] and [`wrapper`] are
//! files of zeno-verifier's own tests. This crate includes them, because a development dependency of zeno-verifier on
//! this crate would switch on all of zeno-verifier's features in its tests.

pub mod access_list;
pub mod amsterdam;
pub mod anvil;
pub mod attacks;
pub mod devchain;
pub mod example;
pub mod fetching;
pub mod judge;
pub mod mainnet;
pub mod mutate;
pub mod official;
pub mod rejection;
pub mod replay;
pub mod rpc_server;
pub mod signals;
#[path = "../../verifier-contract/tests/solidity/mod.rs"]
pub mod solidity;
pub mod worlds;
pub mod worst_cases;
#[path = "../../verifier-contract/tests/wrapper/mod.rs"]
pub mod wrapper;

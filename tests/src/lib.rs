//! Conformance, replay, tampering, faults and end-to-end tests.

pub mod devchain;
pub mod example;
pub mod judge;
pub mod mainnet;
pub mod mutate;
pub mod official;
pub mod rejection;
pub mod replay;
pub mod rpc_server;
pub mod worlds;

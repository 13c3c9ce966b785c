//! The beacon chain's light-client protocol, for Altair to Gloas, as pure functions under the specification's names.
//!
//! No input or output, and no clock: whoever calls supplies the current slot. Everything follows the consensus
//! specifications 1.7.0-beta.4. The same code judges on hosts, in the zkVM and in browsers.
//!
//! A client makes a store from a block root that it trusts ([`initialize_light_client_store`]), and feeds it updates
//! ([`process_light_client_update`]). What it may rely on is the store's finalized header, and the execution block that it
//! proves ([`LightClientHeader::execution_block_hash`]).
//!
//! ```
//! # #[cfg(feature = "native")] {
//! use zeno_consensus_core::{Config, Context, LightClientUpdate, crypto::Native, fork::Fork};
//!
//! let config = Config::mainnet();
//! let context = Context::new(&config, &Native);
//! assert_eq!(context.config.fork_at_slot(11_649_024), Fork::Electra);
//! assert!(LightClientUpdate::<512>::from_ssz_bytes(&[], Fork::Electra).is_err());
//! # }
//! ```
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod chunks;
pub mod config;
#[cfg(feature = "std")]
pub mod config_file;
pub mod containers;
pub mod context;
pub mod crypto;
pub mod error;
pub mod fork;
pub mod header;
#[cfg(feature = "json")]
pub mod json;
pub mod merkle;
pub mod ranking;
pub mod ssz;
pub mod store;
pub mod types;
pub mod validate;

pub use config::{Config, Preset};
pub use containers::{
    LightClientBootstrap, LightClientFinalityUpdate, LightClientOptimisticUpdate, LightClientUpdate,
    is_finality_update, is_sync_committee_update,
};
pub use context::Context;
pub use crypto::{Crypto, Sha256Hasher};
pub use error::LightClientError;
pub use fork::{Fork, ForkParameters, ForkSchedule};
pub use header::{
    Execution, LightClientHeader, get_lc_execution_root, is_valid_light_client_header,
    upgrade_lc_header_to_gloas,
};
pub use libssz_merkle::HashTreeRoot;
pub use ranking::is_better_update;
pub use store::{
    LightClientStore, get_safety_threshold, initialize_light_client_store, is_next_sync_committee_known,
    process_light_client_finality_update, process_light_client_optimistic_update,
    process_light_client_store_force_update, process_light_client_update, upgrade_lc_bootstrap_to_gloas,
    upgrade_lc_finality_update_to_gloas, upgrade_lc_optimistic_update_to_gloas, upgrade_lc_store_to_gloas,
    upgrade_lc_update_to_gloas,
};
pub use types::{BeaconBlockHeader, ExecutionPayloadHeader, SyncAggregate, SyncCommittee};
pub use validate::validate_light_client_update;

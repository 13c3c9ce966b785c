//! A made-up beacon chain for tests of light clients, and the tests of `zeno-consensus-core` that need data.
//!
//! [`BeaconChain`] makes bootstraps and updates with valid signatures, for any schedule of forks, any execution blocks,
//! committees that change, and any participation. [`attacks()`] makes updates that must be refused. There is no state
//! transition: a light client sees a few nodes of a state, and the others are made up.
//!
//! ```
//! use zeno_consensus_core::{Context, Fork, Preset, crypto::Native, initialize_light_client_store, process_light_client_update};
//! use zeno_consensus_testing::{BeaconChain, Signing, network};
//!
//! // Gloas begins in the middle of the second period.
//! let mut chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Fulu, 0), (Fork::Gloas, 12)]));
//! chain.set_execution_hash(80, [7; 32]);
//! let config = chain.config().clone();
//! let context = Context::new(&config, &Native);
//! let mut store = initialize_light_client_store(&context, chain.root(16), chain.bootstrap(16)).unwrap();
//! for slot in [60, 97] {
//!     let update = chain.update(slot, &Signing::all(slot + 1));
//!     process_light_client_update(&context, &mut store, update, slot + 1).unwrap();
//! }
//! assert_eq!(store.finalized_header.execution_block_hash(), Some([7; 32]));
//! ```

pub mod attacks;
pub mod chain;
pub mod keys;
pub mod network;
pub mod shared;
pub mod tree;

pub use attacks::{Attack, attacks, error_name};
pub use chain::{BeaconChain, Signing};
pub use network::network;

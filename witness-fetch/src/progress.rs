//! Progress of a fetch.

use crate::selector::BlockSelector;
use alloy_primitives::B256;
use serde::Serialize;
use std::{fmt, sync::Arc};

/// Receiver of the events of a fetch.
pub type Progress = Arc<dyn Fn(Event) + Send + Sync>;

/// Beginning or result of a step of a fetch. Its text says what happens now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The next block of a run is fetched.
    NextOfRun {
        /// Position of the block in the run, from 1 on.
        position: u64,
        /// Number of blocks in the run.
        count: u64,
    },
    /// The blocks of a run that were fetched so far are put together and validated as one.
    Joining {
        /// Their number.
        blocks: u64,
    },
    /// The selected block is looked up.
    Resolving(BlockSelector),
    /// The selected block was found.
    Block {
        /// Number of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
    /// The block's input was in the cache.
    Cached,
    /// The node is asked for the whole witness.
    ExecutionWitness,
    /// The node doesn't give a (whole) witness: the state is fetched piece by piece.
    Fallback {
        /// Reason, as a sentence.
        reason: String,
    },
    /// The state that the block is likely to read is fetched.
    Prefetching {
        /// Number of accounts.
        accounts: usize,
        /// Number of slots of these accounts.
        slots: usize,
    },
    /// The block is executed, and missing state is fetched when it is read.
    Executing {
        /// Number of transactions in the block.
        transactions: usize,
    },
    /// State was read during the execution that had not been fetched before.
    Reading {
        /// Number of pieces that were fetched so far.
        pieces: usize,
    },
    /// Siblings of removed keys are fetched from the state after the block.
    Removals {
        /// Number of removed accounts and slots.
        keys: usize,
    },
    /// A neighbour of a removed key is searched by trying numbers.
    Searching {
        /// Number of nibbles that the neighbour's hash must begin with. Each makes the search sixteen times as long.
        nibbles: usize,
    },
    /// The block is validated over the witness.
    Validating,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NextOfRun { position, count } => write!(f, "fetching block {position} of {count}"),
            Self::Joining { blocks } => {
                write!(f, "putting {blocks} blocks together, and validating them as one")
            }
            Self::Resolving(selector) => write!(f, "looking up block {selector}"),
            Self::Block { number, hash } => write!(f, "block {number} {hash}"),
            Self::Cached => write!(f, "found in the cache"),
            Self::ExecutionWitness => write!(f, "asking for the execution witness"),
            Self::Fallback { reason } => write!(f, "fetching the state piece by piece: {reason}"),
            Self::Prefetching { accounts, slots } => {
                write!(f, "fetching {accounts} accounts and {slots} slots")
            }
            Self::Executing { transactions } => {
                write!(f, "executing {transactions} transactions, fetching what they read")
            }
            Self::Reading { pieces } => write!(f, "{pieces} more pieces of state fetched"),
            Self::Removals { keys } => write!(f, "fetching what {keys} removals need"),
            Self::Searching { nibbles } => {
                write!(f, "searching a neighbour of a removed key by {nibbles} hexadecimal digits")
            }
            Self::Validating => write!(f, "validating the block"),
        }
    }
}

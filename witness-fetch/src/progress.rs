//! What a fetch is busy with.

use crate::BlockSelector;
use alloy_primitives::B256;
use std::{fmt, sync::Arc};

/// Is told what a fetch is busy with.
pub type Progress = Arc<dyn Fn(Event) + Send + Sync>;

/// A step of a fetch. As text, it says what happens now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The block that is meant is looked up.
    Resolving(BlockSelector),
    /// The block is known.
    Block {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// The block's input was in the cache.
    Cached,
    /// The node is asked for the whole witness.
    ExecutionWitness,
    /// The node doesn't give a (whole) witness: the state is fetched piece by piece.
    Fallback {
        /// Why.
        reason: String,
    },
    /// State that is likely to be read is fetched.
    Prefetching {
        /// Accounts.
        accounts: usize,
        /// Slots of them.
        slots: usize,
    },
    /// The block is executed, and state is fetched as it is read.
    Executing {
        /// Transactions of the block.
        transactions: usize,
    },
    /// State that was read during the execution, and not fetched before.
    Reading {
        /// Pieces that were fetched so far.
        pieces: usize,
    },
    /// The state after the block is asked for what it removes.
    Removals {
        /// Accounts and slots that are removed.
        keys: usize,
    },
    /// A neighbour of a removed key is searched by trying numbers.
    Searching {
        /// Nibbles that its hash must begin with: each makes it sixteen times as long.
        nibbles: usize,
    },
    /// The block is validated over the witness.
    Validating,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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

//! Steps of a transaction.

use crate::ether;
use alloy_primitives::{B256, U256};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// A step of a transaction. As text, it says what happens now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransactionEvent {
    /// Waits for the node or for the account's earlier transactions.
    Waiting {
        /// The reason, as a clause.
        reason: String,
    },
    /// A version of it is signed, and given to the node next. It may be mined from now on.
    Signed {
        /// Hash of the version.
        hash: B256,
    },
    /// The node gives no answer at the moment.
    NoAnswer {
        /// The error.
        error: String,
    },
    /// In no block yet.
    Pending,
    /// In a block.
    Included {
        /// Number of the block.
        block: u64,
        /// Depth of the block, itself counted.
        depth: u64,
        /// Depth that is waited for.
        confirmations: u64,
    },
    /// Its block is lost by a reorganisation, and it is given to the node again.
    BlockLost,
    /// Its nonce is used, and the node has no receipt yet.
    AwaitingReceipt {
        /// The nonce.
        nonce: u64,
    },
    /// Another version with higher fees replaces it.
    Replaced {
        /// Time that it was in no block, in seconds.
        seconds: u64,
        /// Limit of the new version on the price of a unit of gas, in wei.
        price: u128,
    },
    /// Confirmed: no other version can be mined.
    Settled,
}

impl Display for TransactionEvent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { reason } => write!(f, "waiting, {reason}"),
            Self::Signed { hash } => write!(f, "transaction {hash} is signed"),
            Self::NoAnswer { error } => f.write_str(error),
            Self::Pending => f.write_str("waiting to be included in a block"),
            Self::Included { block, depth, confirmations } => {
                write!(f, "in block {block}, confirmation {depth} of {confirmations}")
            }
            Self::BlockLost => f.write_str("its block is lost by a reorganisation, sending it again"),
            Self::AwaitingReceipt { nonce } => {
                write!(f, "waiting for the receipt, the nonce {nonce} is used")
            }
            Self::Replaced { seconds, price } => write!(
                f,
                "in no block after {seconds} s, replacing it: {} for a unit of gas at most",
                ether::amount(U256::from(*price))
            ),
            Self::Settled => f.write_str("confirmed"),
        }
    }
}

/// A sentence about transactions that are signed and not settled, for the end of a job before they are: it names their
/// hashes.
pub fn under_way(hashes: &[B256]) -> Option<String> {
    match hashes {
        [] => None,
        [hash] => Some(format!("transaction {hash} may be under way: look it up before sending it again")),
        hashes => Some(format!(
            "one of the transactions {} may be under way: look them up before sending it again",
            hashes.iter().map(B256::to_string).collect::<Vec<_>>().join(", ")
        )),
    }
}

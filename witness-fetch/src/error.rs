//! Errors of a fetch.

use crate::{
    rpc::error::{EndpointError, RpcError},
    selector::{BlockRun, BlockSelector},
    supported::{NotSupported, enumerate},
};
use alloy_primitives::{Address, B256, U256};
use std::fmt;
use zeno_guest_evm::{MEMORY, ValidationError, state::StateError};

/// Reason why there is no input for a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    // Configuration.
    /// The node can't be accessed with the given options.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The chain with this id is not built in.
    #[error(
        "chain id {0} is not built in: give the chain's rules, as the JSON of a geth-style genesis or of its config"
    )]
    UnknownChain(u64),
    /// The node is on another chain than the given rules.
    #[error(
        "the node is on chain id {node}, but the given rules are for chain id {configured}: name another node, or give other \
         rules"
    )]
    ChainMismatch {
        /// Chain id of the node.
        node: u64,
        /// Chain id of the given rules.
        configured: u64,
    },
    /// The block's transactions are signed for another chain than the node names, and no rules are given.
    #[error(
        "the node says that it is on chain {node}, and the block's transactions are signed for {signed}; name the chain"
    )]
    SignedForAnother {
        /// Chain id of the node.
        node: u64,
        /// Chain id in a signature (EIP-155).
        signed: u64,
    },

    // Node.
    /// A request failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The node doesn't know the block.
    #[error("the node knows no block {0}")]
    NoBlock(BlockSelector),
    /// The node lost a block that it gave before, or has another one at its height now.
    #[error(
        "the chain was reorganised while block {number} was fetched: its hash was {before}, now it is {}; try again",
        Shown(*now)
    )]
    Reorg {
        /// Number of the block.
        number: u64,
        /// Hash of the block that was fetched.
        before: B256,
        /// Hash of the block with that number now, if there is one.
        now: Option<B256>,
    },
    /// The node answered with another block than the one that was asked for.
    #[error("{method} was asked for block {asked}, but answered with block {answered}")]
    WrongBlock {
        /// RPC method.
        method: &'static str,
        /// Number or hash of the request.
        asked: String,
        /// Number or hash of the answer.
        answered: String,
    },
    /// A block's body doesn't belong to its header.
    #[error(
        "{method} answered for block {block} with {part} whose root is {actual}, but its header says {expected}"
    )]
    WrongBody {
        /// RPC method.
        method: &'static str,
        /// Hash of the block.
        block: B256,
        /// Part of the body, such as "transactions".
        part: &'static str,
        /// Root of the node's answer.
        actual: B256,
        /// Root in the header.
        expected: B256,
    },
    /// A header has fields that this program doesn't know, so that its hash can't be computed.
    #[error(
        "{method} answered for block {block} with a header whose hash can't be checked, since this program doesn't know {}: it is \
         perhaps of a later fork, which a newer zeno may know",
        enumerate(fields)
    )]
    UnknownFields {
        /// RPC method.
        method: &'static str,
        /// Hash of the block.
        block: B256,
        /// Names of the fields.
        fields: Vec<String>,
    },
    /// A proof doesn't prove what was asked for.
    #[error("{method} answered with a false proof for {subject} at block {block}: {reason}")]
    FalseProof {
        /// RPC method.
        method: &'static str,
        /// Account or slot of the request.
        subject: Subject,
        /// Hash of the block whose state was asked for.
        block: B256,
        /// Flaw of the proof.
        reason: String,
    },
    /// A code isn't the account's.
    #[error(
        "{method} answered with a false code for account {address}: its hash is {actual}, but must be {expected}"
    )]
    FalseCode {
        /// RPC method.
        method: &'static str,
        /// Account with the code.
        address: Address,
        /// Hash of the node's answer.
        actual: B256,
        /// Hash in the account's leaf.
        expected: B256,
    },
    /// The witness of `debug_executionWitness` is not enough.
    #[error("the witness from {method} is incomplete: {error}")]
    IncompleteWitness {
        /// RPC method.
        method: &'static str,
        /// The missing part.
        error: StateError,
    },
    /// The node has no method for witnesses.
    #[error("the node has no debug_executionWitness: {0}")]
    NoWitnessMethod(RpcError),
    /// The sibling of a removed trie node can't be found.
    #[error(
        "a removal needs the trie node {hash} at path {path} of {subject}, and no proof that the node gives shows it: {reason}"
    )]
    Sibling {
        /// Hash of the trie node.
        hash: B256,
        /// Nibbles from the root to it, in hexadecimal.
        path: String,
        /// Account or slot that was removed.
        subject: Subject,
        /// Reason why it can't be found.
        reason: String,
    },
    /// Checked proofs don't supply the missing part of the state.
    #[error("the state can't be completed by proofs: {0}")]
    Stuck(StateError),
    /// The block reads more bytes than this program takes from a node.
    #[error("the state that the block reads has more than {0} bytes, which is the limit")]
    TooMuchState(usize),

    // Block.
    /// The block is of a kind that this program doesn't judge. It may be valid or invalid.
    #[error("block {block} can't be validated: {reason}")]
    NotSupported {
        /// Hash of the block.
        block: B256,
        /// Kind of the block.
        reason: NotSupported,
    },
    /// The block itself breaks a rule, or takes more than is supported.
    #[error(
        "block {block} {}: {error} ({rules})", if error.blames_block() { "is invalid" } else { "can't be validated" }
    )]
    Invalid {
        /// Hash of the block.
        block: B256,
        /// The broken rule.
        error: ValidationError,
        /// Chain whose rules these are.
        rules: JudgedBy,
    },

    // Run of blocks.
    /// A block of a run can't be fetched.
    #[error("block {number} of the run: {error}")]
    InRun {
        /// Number of the block.
        number: u64,
        /// The block's error.
        error: Box<FetchError>,
    },
    /// The input of a run is too large for the guest.
    #[error(
        "the input of the blocks {run} is too large to be proven: those up to {number} take about {} MiB of memory in the guest, \
         which has {} MiB; {}", needed.div_ceil(1 << 20), MEMORY >> 20, Shorter(*run, *number)
    )]
    RunTooLarge {
        /// The run.
        run: BlockRun,
        /// Number of the first block for which there is no room.
        number: u64,
        /// Memory for the blocks up to that one, in bytes.
        needed: u64,
    },
    /// Valid blocks, each the child of the one before it, are not valid as a run.
    #[error(
        "the blocks {run} are valid one by one, and not as a run ({reason}): this is a defect, please report it"
    )]
    BrokenRun {
        /// The run.
        run: BlockRun,
        /// The contradiction.
        reason: String,
    },
    /// A task of the program ended early.
    #[error("the local execution of the block was interrupted")]
    Interrupted,
}

impl FetchError {
    /// The error of a block that the node lacks.
    pub(crate) fn no_block(hash: B256) -> Self {
        Self::NoBlock(BlockSelector::Hash(hash))
    }

    /// The error of a block itself, also if it is one of a run.
    pub fn of_block(&self) -> &Self {
        match self {
            Self::InRun { error, .. } => error.of_block(),
            error => error,
        }
    }
}

/// Advice on a run that is too large, and that has no room for the block with this number.
struct Shorter(BlockRun, u64);

impl fmt::Display for Shorter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(run, number) = *self;
        match number - run.first() {
            0 => f.write_str("it can only be validated for itself"),
            1 => write!(f, "prove block {} for itself", run.first()),
            _ => write!(f, "choose shorter runs, such as {}..{}", run.first(), number - 1),
        }
    }
}

/// Chain whose rules a block is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedBy {
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// Tells whether the node alone says that the block is of that chain.
    pub node_says: bool,
}

impl fmt::Display for JudgedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by the rules of chain {}", self.chain_id)?;
        if self.node_says { f.write_str(", which the node named") } else { Ok(()) }
    }
}

/// An account or a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An account.
    Account(Address),
    /// A slot of an account's storage.
    Slot(Address, U256),
}

impl Subject {
    /// The account, and the slot if it is one.
    pub(crate) fn address_and_slots(self) -> (Address, Vec<U256>) {
        match self {
            Self::Account(address) => (address, Vec::new()),
            Self::Slot(address, slot) => (address, vec![slot]),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(address) => write!(f, "account {address}"),
            Self::Slot(address, slot) => write!(f, "slot {slot:#x} of account {address}"),
        }
    }
}

/// A hash that may be unknown.
struct Shown(Option<B256>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hash) => hash.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

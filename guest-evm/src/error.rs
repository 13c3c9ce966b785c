//! Errors of a block or its witness.

use crate::{
    bytecode,
    execute::{self, modexp},
    interpreter::bound,
    state::StateError,
};
use alloc::boxed::Box;
use alloy_evm::block::BlockExecutionError;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use core::fmt;
use zeno_types::{
    chain::{ChainSpecError, Fork},
    input::InputError,
};

/// The rule that an input breaks, with both values where there are two.
///
/// The first group is about the input, the others about the block. If the input is sound, an error of the
/// other groups means that the block is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    // The input.
    /// The input does not decode.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The chain specification does not decode.
    #[error(transparent)]
    ChainSpec(#[from] ChainSpecError),
    /// A block of the input is not the child of the one before it.
    #[error(
        "it is not the child of the block before it in the input: its parent is {parent}, and that block's hash is {before}"
    )]
    NotConsecutive {
        /// Hash of the parent that the block names.
        parent: B256,
        /// Hash of the block before it.
        before: B256,
    },
    /// Error of one block, if the input has more than one.
    #[error("block {index} of the input: {error}")]
    InRun {
        /// Position of the block in the input.
        index: usize,
        /// The block's error.
        error: Box<ValidationError>,
    },
    /// No header of the witness has the hash that the block names as its parent.
    #[error("the witness lacks the parent's header {0}")]
    MissingParent(B256),
    /// A header of the witness does not decode.
    #[error("header {hash} of the witness is malformed: {error}")]
    MalformedHeader {
        /// The header's hash.
        hash: B256,
        /// The decoder's error.
        error: alloy_rlp::Error,
    },
    /// The state can't be read or updated from the witness.
    #[error(transparent)]
    State(StateError),
    /// The block needs more than this program supports.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The numbers of public keys and transactions differ.
    #[error("the input has {keys} public keys for {transactions} transactions")]
    PublicKeyCount {
        /// Number of public keys in the input.
        keys: usize,
        /// Number of transactions in the block.
        transactions: usize,
    },
    /// A hinted key did not make its transaction's signature.
    #[error("the signature of transaction {index} was not made by the hinted public key of {address}")]
    PublicKey {
        /// Position of the transaction in the block.
        index: usize,
        /// Address of the hinted key.
        address: Address,
    },

    // The block on its own.
    /// The block's RLP is malformed.
    #[error("the block's RLP is malformed: {0}")]
    BlockRlp(alloy_rlp::Error),
    /// The block is from before the merge.
    #[error(
        "block {number} is from before the merge (difficulty {difficulty}): only proof-of-stake blocks can be validated"
    )]
    BeforeMerge {
        /// The block's number.
        number: u64,
        /// The block's difficulty.
        difficulty: U256,
    },
    /// A value of the header or body differs from the one that the rules demand.
    #[error("{subject} is {actual}, but must be {expected}")]
    Mismatch {
        /// Name of the value.
        subject: Subject,
        /// The block's value.
        actual: Value,
        /// The value that the rules demand.
        expected: Value,
    },
    /// A value of the header or body is out of bounds.
    #[error("{subject} is {actual}, but must be {bound} {limit}")]
    OutOfBounds {
        /// Name of the value.
        subject: Subject,
        /// The block's value.
        actual: Value,
        /// Relation to the limit that must hold, in words.
        bound: &'static str,
        /// The limit.
        limit: Value,
    },
    /// A field that the fork demands is absent.
    #[error("{subject} is absent, but fork {fork} demands it")]
    Absent {
        /// Name of the field.
        subject: Subject,
        /// The block's fork.
        fork: Fork,
    },
    /// A field that the fork doesn't have is present.
    #[error("{subject} is present, but fork {fork} does not have it")]
    Unexpected {
        /// Name of the field.
        subject: Subject,
        /// The block's fork.
        fork: Fork,
    },
    /// A signature's `s` is in the upper half (EIP-2) or zero, or `r` is out of range.
    #[error("transaction {index} has a signature whose r or s is out of range (r = {r}, s = {s})")]
    SignatureRange {
        /// Position of the transaction in the block.
        index: usize,
        /// The signature's r.
        r: U256,
        /// The signature's s.
        s: U256,
    },

    // Execution.
    /// A transaction can't be part of this block.
    #[error("transaction {index} is invalid: {error}")]
    Transaction {
        /// Position of the transaction in the block.
        index: usize,
        /// The executor's error.
        error: BlockExecutionError,
    },
    /// System calls, requests or withdrawals, before or after the transactions, failed.
    #[error("the block's {stage} failed: {error}")]
    System {
        /// The stage that failed.
        stage: &'static str,
        /// The executor's error.
        error: BlockExecutionError,
    },
    /// A deposit log does not have the layout that EIP-6110 demands.
    #[error("the deposit contract's log has a malformed layout (EIP-6110): {0}")]
    DepositLayout(Bytes),
}

impl ValidationError {
    /// Returns whether the block itself breaks a rule. Otherwise the input is at fault, or the block is of a
    /// kind that isn't supported; then nothing is known about the block's validity.
    pub fn blames_block(&self) -> bool {
        if let Self::InRun { error, .. } = self {
            return error.blames_block();
        }
        !matches!(
            self,
            Self::Input(_)
                | Self::ChainSpec(_)
                | Self::NotConsecutive { .. }
                | Self::MissingParent(_)
                | Self::MalformedHeader { .. }
                | Self::State(_)
                | Self::Unsupported(_)
                | Self::PublicKeyCount { .. }
                | Self::PublicKey { .. }
                | Self::BeforeMerge { .. }
        )
    }
}

/// Need of a block that this program does not support, whatever the rules of its chain: the zkVM has 2^29
/// bytes of memory. It tells nothing about the block's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The EVM's memory.
    #[error(
        "the block pays for more than {} bytes of memory in one call and its callers, which this program does not support",
        bound::LIMIT
    )]
    Memory,
    /// The lengths of a modular exponentiation (EIP-198).
    #[error(
        "the block pays for a modular exponentiation of longer numbers than this program supports: of {} bytes at most, and \
         an exponent of {}",
        modexp::MAX_NUMBER,
        modexp::MAX_EXPONENT
    )]
    Modexp,
    /// A code of the state.
    #[error(
        "the block runs the code with hash {hash}, which has {length} bytes: this program supports {} at most",
        bytecode::MAX_CODE
    )]
    CodeLength {
        /// The code's hash.
        hash: B256,
        /// Its length, in bytes.
        length: usize,
    },
    /// The input of a transaction.
    #[error(
        "the input of transaction {index} has {length} bytes: this program supports {} at most",
        execute::MAX_INPUT
    )]
    InputLength {
        /// Position of the transaction in the block.
        index: usize,
        /// The input's length, in bytes.
        length: usize,
    },
    /// A creation where there only is storage, in a fork without EIP-7610.
    #[error(
        "the block creates a contract at {0}, where there is storage, but neither code nor a nonce: this program does not \
         support that in forks without EIP-7610"
    )]
    StorageCollision(Address),
    /// The chain's rules do not name the merge block, and the parent is a block of proof of work.
    #[error(
        "the parent of block {number} did work (difficulty {difficulty}), and the chain's rules do not name the merge block: \
         only blocks behind the merge are supported then"
    )]
    UnknownMerge {
        /// The block's number.
        number: u64,
        /// The parent's difficulty.
        difficulty: U256,
    },
}

/// Value that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// `number`
    Number,
    /// `timestamp`
    Timestamp,
    /// `gasLimit`
    GasLimit,
    /// `gasUsed`
    GasUsed,
    /// `baseFeePerGas`
    BaseFee,
    /// Length of `extraData`
    ExtraDataLength,
    /// `difficulty`
    Difficulty,
    /// The parent's `difficulty`
    ParentDifficulty,
    /// `nonce`
    Nonce,
    /// `sha3Uncles`
    OmmersHash,
    /// Number of ommers in the body
    Ommers,
    /// `transactionsRoot`
    TransactionsRoot,
    /// `withdrawalsRoot`
    WithdrawalsRoot,
    /// Withdrawals of the body
    Withdrawals,
    /// `blobGasUsed`
    BlobGasUsed,
    /// `excessBlobGas`
    ExcessBlobGas,
    /// `parentBeaconBlockRoot`
    ParentBeaconBlockRoot,
    /// `requestsHash`
    RequestsHash,
    /// `blockAccessListHash`
    BlockAccessListHash,
    /// Number of addresses and slots in the block access list
    AccessListItems,
    /// `slotNumber`
    SlotNumber,
    /// Length of the block's RLP (EIP-7934)
    BlockLength,
    /// Price of a unit of blob gas, which the excess blob gas determines
    BlobBaseFee,
    /// `receiptsRoot`
    ReceiptsRoot,
    /// `logsBloom`
    LogsBloom,
    /// `stateRoot`
    StateRoot,
    /// Code of the EIP-7002 contract
    WithdrawalRequestsCode,
    /// Code of the EIP-7251 contract
    ConsolidationRequestsCode,
    /// Code of the EIP-8282 contract for deposits
    BuilderDepositsCode,
    /// Code of the EIP-8282 contract for exits
    BuilderExitsCode,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "the block number",
            Self::Timestamp => "the timestamp",
            Self::GasLimit => "the gas limit",
            Self::GasUsed => "the gas used",
            Self::BaseFee => "the base fee",
            Self::ExtraDataLength => "the length of the extra data",
            Self::Difficulty => "the difficulty",
            Self::ParentDifficulty => "the parent's difficulty",
            Self::Nonce => "the nonce",
            Self::OmmersHash => "the ommers hash",
            Self::Ommers => "the number of ommers",
            Self::TransactionsRoot => "the transactions root",
            Self::WithdrawalsRoot => "the withdrawals root",
            Self::Withdrawals => "the list of withdrawals",
            Self::BlobGasUsed => "the blob gas used",
            Self::ExcessBlobGas => "the excess blob gas",
            Self::ParentBeaconBlockRoot => "the parent beacon block root",
            Self::RequestsHash => "the requests hash",
            Self::BlockAccessListHash => "the block access list hash",
            Self::AccessListItems => "the number of items in the block access list",
            Self::SlotNumber => "the slot number",
            Self::BlockLength => "the length of the block's RLP",
            Self::BlobBaseFee => "the blob base fee",
            Self::ReceiptsRoot => "the receipts root",
            Self::LogsBloom => "the logs bloom",
            Self::StateRoot => "the state root",
            Self::WithdrawalRequestsCode => "the code of the withdrawal requests contract",
            Self::ConsolidationRequestsCode => "the code of the consolidation requests contract",
            Self::BuilderDepositsCode => "the code of the builder deposits contract",
            Self::BuilderExitsCode => "the code of the builder exits contract",
        })
    }
}

/// Value in an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A quantity.
    Number(U256),
    /// A hash or root.
    Hash(B256),
    /// A bloom filter.
    Bloom(alloc::boxed::Box<Bloom>),
    /// Text.
    Text(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Hash(value) => value.fmt(f),
            Self::Bloom(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(U256::from(value))
    }
}

impl From<U256> for Value {
    fn from(value: U256) -> Self {
        Self::Number(value)
    }
}

impl From<B256> for Value {
    fn from(value: B256) -> Self {
        Self::Hash(value)
    }
}

impl From<Bloom> for Value {
    fn from(value: Bloom) -> Self {
        Self::Bloom(alloc::boxed::Box::new(value))
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Self::Text(value)
    }
}

/// Checks that `actual` equals `expected`.
pub(crate) fn equal<T>(subject: Subject, actual: T, expected: T) -> Result<(), ValidationError>
where
    T: PartialEq + Into<Value>,
{
    if actual == expected {
        return Ok(());
    }
    Err(ValidationError::Mismatch { subject, actual: actual.into(), expected: expected.into() })
}

/// Checks that `holds` is true. It says that `actual` is in the relation `bound` (in words) to `limit`.
pub(crate) fn bounded<T: Into<Value>>(
    holds: bool,
    subject: Subject,
    actual: T,
    bound: &'static str,
    limit: T,
) -> Result<(), ValidationError> {
    if holds {
        return Ok(());
    }
    Err(ValidationError::OutOfBounds { subject, actual: actual.into(), bound, limit: limit.into() })
}

impl From<StateError> for ValidationError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Unsupported(unsupported) => Self::Unsupported(unsupported),
            error => Self::State(error),
        }
    }
}

impl From<Box<StateError>> for ValidationError {
    fn from(error: Box<StateError>) -> Self {
        Self::from(*error)
    }
}

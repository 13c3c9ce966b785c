//! Whether a block was refused for the reason that an official test names.

use zeno_guest_evm::ValidationError;

/// Names of the official tests, and words of the error that each stands for.
const REASONS: [(&str, &[&str]); 37] = [
    ("BlockException.BLOB_GAS_USED_ABOVE_LIMIT", &["the blob gas used is"]),
    ("BlockException.EXTRA_DATA_TOO_BIG", &["the length of the extra data is"]),
    ("BlockException.GASLIMIT_TOO_BIG", &["the gas limit is"]),
    ("BlockException.GAS_USED_OVERFLOW", &["the gas used is"]),
    ("BlockException.IMPORT_IMPOSSIBLE_DIFFICULTY_OVER_PARIS", &["the difficulty is"]),
    ("BlockException.IMPORT_IMPOSSIBLE_PARIS_OVER_SHANGHAI", &["the withdrawals root is absent"]),
    ("BlockException.IMPORT_IMPOSSIBLE_SHANGHAI", &["the withdrawals root is present"]),
    ("BlockException.IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS", &["the ommers hash is"]),
    ("BlockException.INCORRECT_BLOB_GAS_USED", &["the blob gas used is"]),
    ("BlockException.INCORRECT_BLOCK_FORMAT", &["the blob gas used is present"]),
    ("BlockException.INCORRECT_EXCESS_BLOB_GAS", &["the excess blob gas is"]),
    ("BlockException.INVALID_BLOCK_NUMBER", &["the block number is"]),
    ("BlockException.INVALID_BLOCK_TIMESTAMP_OLDER_THAN_PARENT", &["the timestamp is"]),
    // Some of these change the gas limit, one to below the gas used.
    ("BlockException.INVALID_GASLIMIT", &["the gas limit is", "must be at most the gas limit"]),
    ("BlockException.INVALID_GAS_USED", &["the gas used is"]),
    ("BlockException.INVALID_STATE_ROOT", &["the state root is"]),
    ("BlockException.INVALID_TRANSACTIONS_ROOT", &["the transactions root is"]),
    ("BlockException.INVALID_WITHDRAWALS_ROOT", &["the withdrawals root is"]),
    ("BlockException.RLP_INVALID_ADDRESS", &["the block's RLP is malformed"]),
    ("BlockException.RLP_INVALID_FIELD_OVERFLOW_64", &["the block's RLP is malformed"]),
    ("BlockException.RLP_STRUCTURES_ENCODING", &["the block's RLP is malformed"]),
    ("BlockException.RLP_WITHDRAWALS_NOT_READ", &["the list of withdrawals is absent"]),
    ("BlockException.UNKNOWN_PARENT_ZERO", &["the witness lacks the parent's header"]),
    ("TransactionException.GAS_ALLOWANCE_EXCEEDED", &["is more than blocks available gas"]),
    ("TransactionException.INITCODE_SIZE_EXCEEDED", &["initcode size limit"]),
    ("TransactionException.INSUFFICIENT_ACCOUNT_FUNDS", &["lack of funds"]),
    ("TransactionException.INSUFFICIENT_MAX_FEE_PER_GAS", &["gas price is less than basefee"]),
    ("TransactionException.INTRINSIC_GAS_TOO_LOW", &["call gas cost"]),
    ("TransactionException.NONCE_MISMATCH_TOO_LOW", &["too low, expected"]),
    ("TransactionException.PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS", &["priority fee is greater than max fee"]),
    ("TransactionException.RLP_INVALID_VALUE", &["the block's RLP is malformed"]),
    ("TransactionException.SENDER_NOT_EOA", &["senders with deployed code"]),
    // Its header has the number of blobs that would be allowed.
    ("TransactionException.TYPE_3_TX_BLOB_COUNT_EXCEEDED", &["the blob gas used is"]),
    ("TransactionException.TYPE_3_TX_CONTRACT_CREATION", &["the block's RLP is malformed"]),
    ("TransactionException.TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH", &["blob version not supported"]),
    ("TransactionException.TYPE_3_TX_PRE_FORK", &["Eip4844 is not supported"]),
    ("TransactionException.TYPE_3_TX_ZERO_BLOBS", &["empty blobs"]),
];

/// Whether `error` is what `exception` stands for: one of some alternatives, separated by `|`. For
/// a name that is not known here, any error will do that is about the block itself.
pub fn fits(exception: &str, error: &ValidationError) -> bool {
    let text = error.to_string();
    exception.split('|').any(|name| match REASONS.iter().find(|(known, _)| *known == name) {
        Some((_, words)) => words.iter().any(|words| text.contains(words)),
        None => is_about_the_block(error),
    })
}

/// Whether the error blames the block, and neither the witness nor the hints.
fn is_about_the_block(error: &ValidationError) -> bool {
    !matches!(
        error,
        ValidationError::Input(_)
            | ValidationError::ChainSpec(_)
            | ValidationError::MissingParent(_)
            | ValidationError::State(_)
            | ValidationError::PublicKeyCount { .. }
            | ValidationError::PublicKey { .. }
    )
}

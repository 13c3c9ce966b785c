//! Reasons for which the official tests demand that a block is refused, as typed errors.

use Reason::{
    Absent, DepositLayout, Malformed, Mismatch, NoParent, OutOfBounds, SystemCall, Transaction,
    TransactionGasLimit, Unexpected,
};
use alloy_consensus::Header;
use alloy_evm::block::{BlockExecutionError, BlockValidationError};
use alloy_primitives::B256;
use revm::context_interface::result::InvalidTransaction;
use zeno_guest_evm::{Subject, ValidationError, Value};

/// Kind of a [`ValidationError`].
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// The block's RLP is malformed.
    Malformed,
    /// A value is not the one that the rules demand.
    Mismatch(Subject),
    /// A value is out of bounds.
    OutOfBounds(Subject),
    /// A field is absent.
    Absent(Subject),
    /// A field is present that the fork does not have.
    Unexpected(Subject),
    /// The header names a block of hash zero as its parent.
    NoParent,
    /// A transaction is invalid for a reason that revm names.
    Transaction(fn(&InvalidTransaction) -> bool),
    /// A transaction's gas limit exceeds the gas that the block has left.
    TransactionGasLimit,
    /// A system call failed whose failure makes the block invalid.
    SystemCall,
    /// A log of the deposit contract is malformed.
    DepositLayout,
}

/// [`Reason::Transaction`] of one variant of [`InvalidTransaction`].
macro_rules! transaction {
    ($variant:ident) => {
        Transaction(|error| matches!(error, InvalidTransaction::$variant { .. }))
    };
}

/// Exceptions that the official tests name, and the reasons that each of them stands for.
const REASONS: &[(&str, &[Reason])] = &[
    ("BlockException.BLOCK_ACCESS_LIST_GAS_LIMIT_EXCEEDED", &[OutOfBounds(Subject::AccessListItems)]),
    ("BlockException.INVALID_BAL_HASH", &[Mismatch(Subject::BlockAccessListHash)]),
    // A block's RLP does not contain the list, so a wrong list shows in the hash alone.
    ("BlockException.INVALID_BLOCK_ACCESS_LIST", &[Mismatch(Subject::BlockAccessListHash)]),
    ("BlockException.BLOB_GAS_USED_ABOVE_LIMIT", &[OutOfBounds(Subject::BlobGasUsed)]),
    ("BlockException.EXTRA_DATA_TOO_BIG", &[OutOfBounds(Subject::ExtraDataLength)]),
    ("BlockException.GASLIMIT_TOO_BIG", &[OutOfBounds(Subject::GasLimit)]),
    ("BlockException.GAS_USED_OVERFLOW", &[OutOfBounds(Subject::GasUsed)]),
    ("BlockException.IMPORT_IMPOSSIBLE_DIFFICULTY_OVER_PARIS", &[Mismatch(Subject::Difficulty)]),
    ("BlockException.IMPORT_IMPOSSIBLE_PARIS_OVER_SHANGHAI", &[Absent(Subject::WithdrawalsRoot)]),
    ("BlockException.IMPORT_IMPOSSIBLE_SHANGHAI", &[Unexpected(Subject::WithdrawalsRoot)]),
    ("BlockException.IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS", &[Mismatch(Subject::OmmersHash)]),
    ("BlockException.INCORRECT_BLOB_GAS_USED", &[Mismatch(Subject::BlobGasUsed)]),
    // One test has an access list that does not decode, of which a block's RLP has the hash alone.
    (
        "BlockException.INCORRECT_BLOCK_FORMAT",
        &[Unexpected(Subject::BlobGasUsed), Mismatch(Subject::BlockAccessListHash)],
    ),
    ("BlockException.INCORRECT_EXCESS_BLOB_GAS", &[Mismatch(Subject::ExcessBlobGas)]),
    ("BlockException.INVALID_BASEFEE_PER_GAS", &[Mismatch(Subject::BaseFee)]),
    // A block's RLP does not contain its hash. Only other formats of the tests can have a wrong one.
    ("BlockException.INVALID_BLOCK_HASH", &[]),
    ("BlockException.INVALID_BLOCK_NUMBER", &[Mismatch(Subject::Number)]),
    ("BlockException.INVALID_BLOCK_TIMESTAMP_OLDER_THAN_PARENT", &[OutOfBounds(Subject::Timestamp)]),
    ("BlockException.INVALID_DEPOSIT_EVENT_LAYOUT", &[DepositLayout]),
    // These tests change the gas limit, one of them to less than the gas used.
    ("BlockException.INVALID_GASLIMIT", &[OutOfBounds(Subject::GasLimit), OutOfBounds(Subject::GasUsed)]),
    ("BlockException.INVALID_GAS_USED", &[Mismatch(Subject::GasUsed)]),
    ("BlockException.INVALID_REQUESTS", &[Mismatch(Subject::RequestsHash)]),
    ("BlockException.INVALID_STATE_ROOT", &[Mismatch(Subject::StateRoot)]),
    ("BlockException.INVALID_TRANSACTIONS_ROOT", &[Mismatch(Subject::TransactionsRoot)]),
    ("BlockException.INVALID_WITHDRAWALS_ROOT", &[Mismatch(Subject::WithdrawalsRoot)]),
    ("BlockException.RLP_INVALID_ADDRESS", &[Malformed]),
    ("BlockException.RLP_INVALID_FIELD_OVERFLOW_64", &[Malformed]),
    ("BlockException.RLP_STRUCTURES_ENCODING", &[Malformed]),
    ("BlockException.RLP_WITHDRAWALS_NOT_READ", &[Absent(Subject::Withdrawals)]),
    ("BlockException.SYSTEM_CONTRACT_CALL_FAILED", &[SystemCall]),
    (
        "BlockException.SYSTEM_CONTRACT_EMPTY",
        &[
            Mismatch(Subject::WithdrawalRequestsCode),
            Mismatch(Subject::ConsolidationRequestsCode),
            Mismatch(Subject::BuilderDepositsCode),
            Mismatch(Subject::BuilderExitsCode),
        ],
    ),
    ("BlockException.UNKNOWN_PARENT_ZERO", &[NoParent]),
    // A gas price of more than 128 bits does not decode.
    (
        "TransactionException.GASLIMIT_PRICE_PRODUCT_OVERFLOW",
        &[transaction!(OverflowPaymentInTransaction), Malformed],
    ),
    ("TransactionException.GAS_ALLOWANCE_EXCEEDED", &[TransactionGasLimit]),
    ("TransactionException.GAS_LIMIT_EXCEEDS_MAXIMUM", &[transaction!(TxGasLimitGreaterThanCap)]),
    ("TransactionException.INITCODE_SIZE_EXCEEDED", &[transaction!(CreateInitCodeSizeLimit)]),
    ("TransactionException.INSUFFICIENT_ACCOUNT_FUNDS", &[transaction!(LackOfFundForMaxFee)]),
    ("TransactionException.INSUFFICIENT_MAX_FEE_PER_BLOB_GAS", &[transaction!(BlobGasPriceGreaterThanMax)]),
    ("TransactionException.INSUFFICIENT_MAX_FEE_PER_GAS", &[transaction!(GasPriceLessThanBasefee)]),
    ("TransactionException.INTRINSIC_GAS_BELOW_FLOOR_GAS_COST", &[transaction!(GasFloorMoreThanGasLimit)]),
    ("TransactionException.INTRINSIC_GAS_TOO_LOW", &[transaction!(CallGasCostMoreThanGasLimit)]),
    ("TransactionException.NONCE_IS_MAX", &[transaction!(NonceOverflowInTransaction)]),
    ("TransactionException.NONCE_MISMATCH_TOO_LOW", &[transaction!(NonceTooLow)]),
    (
        "TransactionException.PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS",
        &[transaction!(PriorityFeeGreaterThanMaxFee)],
    ),
    ("TransactionException.RLP_INVALID_VALUE", &[Malformed]),
    ("TransactionException.SENDER_NOT_EOA", &[transaction!(RejectCallerWithCode)]),
    // More blobs than a transaction may have (EIP-7594), or, before there was such a limit, a block.
    (
        "TransactionException.TYPE_3_TX_BLOB_COUNT_EXCEEDED",
        &[transaction!(TooManyBlobs), OutOfBounds(Subject::BlobGasUsed)],
    ),
    ("TransactionException.TYPE_3_TX_CONTRACT_CREATION", &[Malformed]),
    ("TransactionException.TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH", &[transaction!(BlobVersionNotSupported)]),
    ("TransactionException.TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED", &[OutOfBounds(Subject::BlobGasUsed)]),
    ("TransactionException.TYPE_3_TX_PRE_FORK", &[transaction!(Eip4844NotSupported)]),
    ("TransactionException.TYPE_3_TX_WITH_FULL_BLOBS", &[Malformed]),
    ("TransactionException.TYPE_3_TX_ZERO_BLOBS", &[transaction!(EmptyBlobs)]),
    ("TransactionException.TYPE_4_EMPTY_AUTHORIZATION_LIST", &[transaction!(EmptyAuthorizationList)]),
    ("TransactionException.TYPE_4_TX_CONTRACT_CREATION", &[Malformed]),
    ("TransactionException.TYPE_4_TX_PRE_FORK", &[transaction!(Eip7702NotSupported)]),
];

/// Reasons for which a block may be refused.
#[derive(Debug)]
pub struct Expected(Vec<Reason>);

impl Expected {
    /// Reasons of an exception of the official tests, which is one name, or several that are separated by `|`.
    ///
    /// # Errors
    /// The first name that is unknown.
    pub fn new(exception: &str) -> Result<Self, String> {
        let mut reasons = Vec::new();
        for name in exception.split('|') {
            let (_, more) = REASONS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                format!("no error is known that {name} stands for: add it to the table of reasons")
            })?;
            reasons.extend_from_slice(more);
        }
        Ok(Self(reasons))
    }

    /// Returns whether `error` has one of the reasons.
    pub fn fits(&self, error: &ValidationError) -> bool {
        self.0.iter().any(|reason| reason.fits(error))
    }
}

impl Reason {
    fn fits(self, error: &ValidationError) -> bool {
        match (self, error) {
            (Malformed, ValidationError::BlockRlp(_))
            | (DepositLayout, ValidationError::DepositLayout(_)) => true,
            (Mismatch(of), ValidationError::Mismatch { subject, .. })
            | (OutOfBounds(of), ValidationError::OutOfBounds { subject, .. })
            | (Absent(of), ValidationError::Absent { subject, .. })
            | (Unexpected(of), ValidationError::Unexpected { subject, .. }) => of == *subject,
            (NoParent, ValidationError::MissingParent(hash)) => *hash == B256::ZERO,
            (
                _,
                ValidationError::Transaction { error: BlockExecutionError::Validation(error), .. }
                | ValidationError::System { error: BlockExecutionError::Validation(error), .. },
            ) => self.fits_executor(error),
            _ => false,
        }
    }

    fn fits_executor(self, error: &BlockValidationError) -> bool {
        match (self, error) {
            (Transaction(fits), BlockValidationError::InvalidTx { error, .. }) => {
                error.as_invalid_tx_err().is_some_and(fits)
            }
            (
                TransactionGasLimit,
                BlockValidationError::TransactionGasLimitMoreThanAvailableBlockGas { .. },
            ) => true,
            // EIP-7002 and EIP-7251. A block stays valid if the system calls of EIP-2935 and EIP-4788 fail.
            (
                SystemCall,
                BlockValidationError::WithdrawalRequestsContractCall { .. }
                | BlockValidationError::ConsolidationRequestsContractCall { .. },
            ) => true,
            _ => false,
        }
    }
}

/// Corrects a commitment of the header, such as a root or the gas used, if the block was refused because of it. Returns
/// whether something was changed.
pub fn correct(header: &mut Header, error: &ValidationError) -> bool {
    let ValidationError::Mismatch { subject, expected, .. } = error else { return false };
    match (subject, expected) {
        (Subject::TransactionsRoot, Value::Hash(root)) => header.transactions_root = *root,
        (Subject::WithdrawalsRoot, Value::Hash(root)) => header.withdrawals_root = Some(*root),
        (Subject::ReceiptsRoot, Value::Hash(root)) => header.receipts_root = *root,
        (Subject::StateRoot, Value::Hash(root)) => header.state_root = *root,
        (Subject::RequestsHash, Value::Hash(hash)) => header.requests_hash = Some(*hash),
        (Subject::LogsBloom, Value::Bloom(bloom)) => header.logs_bloom = **bloom,
        (Subject::GasUsed, Value::Number(gas)) => header.gas_used = gas.saturating_to(),
        (Subject::BlobGasUsed, Value::Number(gas)) => header.blob_gas_used = Some(gas.saturating_to()),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        for (index, (name, _)) in REASONS.iter().enumerate() {
            assert!(REASONS[..index].iter().all(|(other, _)| other != name), "{name}");
        }
    }

    #[test]
    fn alternatives_are_any_of_them_and_must_all_be_known() {
        let both = "TransactionException.TYPE_3_TX_ZERO_BLOBS|BlockException.INVALID_STATE_ROOT";
        let mismatch = |subject| ValidationError::Mismatch {
            subject,
            actual: B256::ZERO.into(),
            expected: B256::repeat_byte(1).into(),
        };
        let invalid = |error| ValidationError::Transaction {
            index: 0,
            error: BlockValidationError::InvalidTx { hash: B256::ZERO, error: Box::new(error) }.into(),
        };
        let expected = Expected::new(both).unwrap();
        assert!(expected.fits(&mismatch(Subject::StateRoot)));
        assert!(!expected.fits(&mismatch(Subject::ReceiptsRoot)));
        assert!(expected.fits(&invalid(InvalidTransaction::EmptyBlobs)));
        assert!(!expected.fits(&invalid(InvalidTransaction::RejectCallerWithCode)));
        let error = Expected::new(&format!("{both}|BlockException.NEW")).unwrap_err();
        assert!(error.contains("BlockException.NEW"), "{error}");
    }

    #[test]
    fn commitments_are_corrected_and_nothing_else() {
        let root = B256::repeat_byte(7);
        let mismatch =
            |subject| ValidationError::Mismatch { subject, actual: B256::ZERO.into(), expected: root.into() };
        let mut header = Header::default();
        assert!(correct(&mut header, &mismatch(Subject::StateRoot)));
        assert_eq!(header, Header { state_root: root, ..Header::default() });
        assert!(!correct(&mut header, &mismatch(Subject::OmmersHash)));
        assert!(!correct(&mut header, &ValidationError::MissingParent(root)));
        assert_eq!(header, Header { state_root: root, ..Header::default() });
    }
}

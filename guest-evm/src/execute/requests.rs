//! EIP-7685: requests to the consensus layer.

use crate::{
    error::{Subject, ValidationError, equal},
    state::State,
};
use alloy_primitives::KECCAK256_EMPTY;
use zeno_types::chain::{ForkRules, RequestContract};

/// Checks that every request contract has code; without it the block is invalid (EIP-7002, EIP-7251, EIP-8282). A call
/// to an account without code succeeds, so the executor doesn't notice.
pub(super) fn check_request_contracts<S: State>(
    rules: &ForkRules,
    state: &mut S,
) -> Result<(), ValidationError> {
    for contract in rules.requests {
        let subject = match contract {
            RequestContract::Withdrawals => Subject::WithdrawalRequestsCode,
            RequestContract::Consolidations => Subject::ConsolidationRequestsCode,
            RequestContract::BuilderDeposits => Subject::BuilderDepositsCode,
            RequestContract::BuilderExits => Subject::BuilderExitsCode,
        };
        let code = state.basic(contract.address())?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if code == KECCAK256_EMPTY {
            equal(subject, "empty", "deployed")?;
        }
    }
    Ok(())
}

//! Creations of contracts in an EVM in memory: the code that they leave on any chain, and the gas that they take.

use crate::{error::Error, text::printable};
use alloy_primitives::{Address, Bytes, hex};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    database::{CacheDB, EmptyDB},
    primitives::eip7825,
    state::AccountInfo,
};

/// Limit on the gas of a transaction (EIP-7825).
pub(crate) const MAX_GAS: u64 = eip7825::TX_GAS_LIMIT_CAP;

/// A chain with one account, whose transactions cost nothing.
#[derive(Debug)]
pub(crate) struct LocalEvm {
    database: CacheDB<EmptyDB>,
    chain_id: u64,
    sender: Address,
}

/// Result of a creation.
#[derive(Debug)]
pub(crate) struct Created {
    /// Address of the contract.
    pub(crate) address: Address,
    /// Code at the address.
    pub(crate) code: Bytes,
    /// Gas that the transaction used.
    pub(crate) gas: u64,
}

impl LocalEvm {
    /// A chain with the id `chain_id` and the account `sender`.
    pub(crate) fn new(chain_id: u64, sender: Address) -> Self {
        Self { database: CacheDB::default(), chain_id, sender }
    }

    /// Creates a contract by the sender's transaction with this nonce.
    pub(crate) fn create(&mut self, name: &str, nonce: u64, code: Bytes) -> Result<Created, Error> {
        let account = AccountInfo { nonce, ..AccountInfo::default() };
        self.database.insert_account_info(self.sender, account);
        let transaction = TxEnv::builder()
            .create()
            .caller(self.sender)
            .nonce(nonce)
            .chain_id(Some(self.chain_id))
            .data(code)
            .gas_limit(MAX_GAS)
            .build()
            .map_err(|error| {
                Error::other(format_args!("{name}: its creation is no transaction: {error:?}"))
            })?;
        let chain_id = self.chain_id;
        let mut evm = Context::mainnet()
            .with_db(&mut self.database)
            .modify_cfg_chained(|cfg| cfg.chain_id = chain_id)
            .build_mainnet();
        let result = evm
            .transact_commit(transaction)
            .map_err(|error| Error::other(format_args!("{name}: its creation can't be run here: {error}")))?;
        let gas = result.tx_gas_used();
        let expected = self.sender.create(nonce);
        match result {
            ExecutionResult::Success { output: Output::Create(code, Some(address)), .. }
                if address == expected =>
            {
                Ok(Created { address, code, gas })
            }
            ExecutionResult::Revert { output, .. } => Err(Error::other(format_args!(
                "{name}: its creation reverts here, with {}",
                printable(&hex::encode_prefixed(output))
            ))),
            ExecutionResult::Halt { reason, .. } => {
                Err(Error::other(format_args!("{name}: its creation fails here: {reason:?}")))
            }
            ExecutionResult::Success { .. } => {
                Err(Error::other(format_args!("{name}: its creation leaves no contract at {expected} here")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Address = Address::repeat_byte(0x11);

    /// Creation code that returns `code`: `PUSH1 n PUSH1 10 PUSH0 CODECOPY PUSH1 n PUSH0 RETURN`.
    fn creation(code: &[u8]) -> Bytes {
        let length = code.len() as u8;
        [&[0x60, length, 0x60, 10, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3], code].concat().into()
    }

    #[test]
    fn a_creation_leaves_its_code_at_the_computed_address() {
        let mut evm = LocalEvm::new(31337, SENDER);
        for nonce in [0, 7, 8] {
            let created = evm.create("a contract", nonce, creation(&[0x5f, 0x00])).unwrap();
            assert_eq!((created.address, &created.code[..]), (SENDER.create(nonce), &[0x5f, 0x00][..]));
            assert!((53_000..60_000).contains(&created.gas), "{}", created.gas);
        }
    }

    #[test]
    fn one_contract_is_there_for_the_next() {
        let mut evm = LocalEvm::new(31337, SENDER);
        // CHAINID PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
        let first =
            evm.create("a contract", 3, creation(&[0x46, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3])).unwrap();
        // It calls the first and leaves what that returns: PUSH1 32 PUSH0 PUSH0 PUSH0 PUSH20 .. GAS STATICCALL; RETURN.
        let code = [
            &[0x60, 0x20, 0x5f, 0x5f, 0x5f, 0x73][..],
            first.address.as_slice(),
            &[0x5a, 0xfa, 0x60, 0x20, 0x5f, 0xf3],
        ]
        .concat();
        let second = evm.create("another", 4, code.into()).unwrap();
        assert_eq!(second.code[..], alloy_primitives::U256::from(31337).to_be_bytes::<32>());
    }

    #[test]
    fn creations_that_fail_are_no_contracts() {
        let mut evm = LocalEvm::new(1, SENDER);
        // REVERT of nothing; INVALID; code that begins with 0xef, which EIP-3541 forbids.
        for code in [vec![0x5f, 0x5f, 0xfd], vec![0xfe], creation(&[0xef]).to_vec()] {
            let error = evm.create("a contract", 0, code.into()).unwrap_err().to_string();
            assert!(error.starts_with("a contract: its creation"), "{error}");
        }
    }
}

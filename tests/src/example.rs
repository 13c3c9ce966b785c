//! Example block: small, but with every type of transaction.

use crate::devchain::{DevAccount, DevChain, Draft};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4895::Withdrawal,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, hex, keccak256};
use std::{
    fs,
    path::{Path, PathBuf},
};
use zeno_guest_evm::{StatelessInput, Transaction};

/// Genesis of the development chain, as JSON in geth's format.
pub const GENESIS: &str = include_str!("../../config/chains/dev.json");

/// Code of the ledger, a contract of the genesis. For each pair of words in its call data it stores the second word at
/// the slot that the first one names. Then it logs the call data, with the caller as topic.
///
/// ```text
/// 00 PUSH0                             offset = 0
/// 01 JUMPDEST CALLDATASIZE DUP2 LT     while offset < size
/// 05 ISZERO PUSH1 17 JUMPI
/// 09 DUP1 PUSH1 20 ADD CALLDATALOAD    value
/// 0e DUP2 CALLDATALOAD SSTORE          slot
/// 11 PUSH1 40 ADD PUSH1 01 JUMP        offset += 64
/// 17 JUMPDEST CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY
/// 1c CALLER CALLDATASIZE PUSH0 LOG1 STOP
/// ```
pub const LEDGER_CODE: [u8; 33] =
    hex!("5f5b368110156017578060200135813555604001600156" "5b365f5f3733365fa100");
/// Address of the ledger in the genesis.
pub const LEDGER: Address = address!("0x1ed9e71ed9e71ed9e71ed9e71ed9e71ed9e71ed9");

const GWEI: u128 = 1_000_000_000;

/// Path of the committed input of the example block.
pub fn committed_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/example/input.zeno")
}

/// Reads the committed input of the example block.
///
/// # Panics
/// If the file can't be read or decoded.
pub fn committed() -> StatelessInput {
    let path = committed_path();
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    StatelessInput::decode(&bytes.into()).expect("the committed example decodes")
}

/// Builds the development chain's first block, and returns its minimal input. The bytes are always the same.
///
/// # Panics
/// If the genesis lacks the accounts or contracts that the block uses.
pub fn example() -> StatelessInput {
    let mut chain = DevChain::from_genesis(GENESIS);
    let transactions = transactions(chain.spec.chain_id);
    let withdrawal =
        |index: u64, address, amount| Withdrawal { index, validator_index: 7 * index, address, amount };
    chain.append(Draft {
        transactions,
        withdrawals: vec![
            withdrawal(0, Address::repeat_byte(0x77), 32 * GWEI as u64),
            withdrawal(1, DevAccount::new(0).address(), 1),
        ]
        .into(),
        beneficiary: Address::repeat_byte(0xfe),
        prev_randao: keccak256("randomness"),
        parent_beacon_block_root: keccak256("beacon block"),
    })
}

/// Transactions of the example block, in order.
pub fn transactions(chain_id: u64) -> Vec<Transaction> {
    let accounts = [0, 1, 2, 3, 4].map(DevAccount::new);
    let call = |nonce, to: Address, gas_limit, input: Bytes| TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: 3 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: to.into(),
        input,
        ..TxEip1559::default()
    };
    let create = |nonce, gas_limit, input: Bytes| TxEip1559 {
        to: TxKind::Create,
        ..call(nonce, Address::ZERO, gas_limit, input)
    };

    let transfer = TxLegacy {
        chain_id: Some(chain_id),
        nonce: 0,
        gas_price: 2 * GWEI,
        gas_limit: 21_000,
        to: Address::repeat_byte(0xaa).into(),
        value: U256::from(10).pow(U256::from(18)),
        input: Bytes::new(),
    };
    // Deletes three of the ledger's slots, changes one, and adds two.
    let update = TxEip2930 {
        chain_id,
        nonce: 0,
        gas_price: 2 * GWEI,
        gas_limit: 150_000,
        to: LEDGER.into(),
        value: U256::ZERO,
        access_list: AccessList(vec![AccessListItem {
            address: LEDGER,
            storage_keys: [1, 2, 3].map(|slot| B256::from(U256::from(slot))).to_vec(),
        }]),
        input: ledger_call(&[(1, 0), (2, 0), (3, 0), (4, 4444), (100, 1), (101, 2)]),
    };
    let blob = TxEip4844 {
        chain_id,
        nonce: 0,
        gas_limit: 80_000,
        max_fee_per_gas: 3 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: LEDGER,
        value: U256::ZERO,
        access_list: AccessList::default(),
        blob_versioned_hashes: vec![versioned_hash("first blob"), versioned_hash("second blob")],
        max_fee_per_blob_gas: GWEI,
        input: ledger_call(&[(5, 0)]),
    };
    // The authority delegates to the ledger, and the transaction calls it.
    let authority = &accounts[4];
    let authorization = Authorization { chain_id: U256::from(chain_id), address: LEDGER, nonce: 0 };
    let delegation = TxEip7702 {
        chain_id,
        nonce: 1,
        gas_limit: 120_000,
        max_fee_per_gas: 3 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: authority.address(),
        value: U256::ZERO,
        access_list: AccessList::default(),
        authorization_list: vec![
            authorization.clone().into_signed(authority.sign(&authorization.signature_hash())),
        ],
        input: ledger_call(&[(1, 77)]),
    };
    let request = TxEip1559 {
        // The contract's fee is one wei as long as its queue is empty.
        value: U256::ONE,
        ..call(1, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, 200_000, withdrawal_request())
    };

    vec![
        signed(transfer, &accounts[0]),
        signed(update, &accounts[1]),
        signed(create(0, 200_000, deployment()), &accounts[3]),
        signed(blob, &accounts[2]),
        signed(delegation, &accounts[3]),
        // Runs out of gas at its first store.
        signed(call(1, LEDGER, 30_000, ledger_call(&[(200, 1)])), &accounts[1]),
        // ORIGIN SELFDESTRUCT: a contract that its own creation destroys.
        signed(create(1, 80_000, Bytes::from_static(&hex!("32ff"))), &accounts[2]),
        signed(request, &accounts[0]),
        signed(call(2, precompile(1), 40_000, recovery()), &accounts[1]),
        signed(call(2, precompile(2), 40_000, Bytes::from_static(b"zeno")), &accounts[2]),
    ]
}

/// Signs a transaction by an account's key.
pub fn signed<T>(transaction: T, account: &DevAccount) -> Transaction
where
    T: SignableTransaction<Signature>,
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let signature = account.sign(&transaction.signature_hash());
    transaction.into_signed(signature).into()
}

/// Call data for the ledger, from pairs of a slot and its new value.
pub fn ledger_call(entries: &[(u64, u64)]) -> Bytes {
    entries
        .iter()
        .flat_map(|(slot, value)| [*slot, *value])
        .flat_map(|word| U256::from(word).to_be_bytes::<32>())
        .collect()
}

/// Init code of another ledger, which stores a value during its deployment.
///
/// ```text
/// PUSH1 2a PUSH0 SSTORE
/// PUSH1 length DUP1 PUSH1 0d PUSH0 CODECOPY PUSH0 RETURN
/// ```
pub fn deployment() -> Bytes {
    let start = hex!("602a5f55" "6021" "80" "600d" "5f" "39" "5f" "f3");
    [&start[..], &LEDGER_CODE[..]].concat().into()
}

fn precompile(number: u8) -> Address {
    Address::with_last_byte(number)
}

/// Input of the precompile `ecrecover`, with a valid signature.
fn recovery() -> Bytes {
    let hash = keccak256("message");
    let signature = DevAccount::new(0).sign(&hash);
    let v = U256::from(27 + u8::from(signature.v()));
    [hash, v.into(), signature.r().into(), signature.s().into()].concat().into()
}

/// Withdrawal request (EIP-7002): a validator's public key, and an amount in Gwei.
fn withdrawal_request() -> Bytes {
    [&[0x42; 48][..], &1_000_000_000u64.to_be_bytes()].concat().into()
}

fn versioned_hash(blob: &str) -> B256 {
    let mut hash = keccak256(blob);
    hash[0] = alloy_eips::eip4844::VERSIONED_HASH_VERSION_KZG;
    hash
}

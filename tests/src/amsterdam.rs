//! Blocks of Amsterdam on the development chain, and a run of blocks into that fork.

use crate::{
    devchain::{DevAccount, DevChain, Draft},
    example::{GENESIS, LEDGER, ledger_call, signed},
};
use alloy_consensus::TxEip1559;
use alloy_eips::eip8282::{
    BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_DEPOSIT_CONTRACT_CODE, BUILDER_EXIT_CONTRACT_ADDRESS,
    BUILDER_EXIT_CONTRACT_CODE,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use serde_json::{Value, json};
use zeno_guest_evm::{StatelessInput, Transaction, merge, minimize};

/// Contract that runs the instructions that Amsterdam adds.
pub const PROBE: Address = Address::repeat_byte(0x9b);
/// Account that exists only after [`transactions`].
pub const RECIPIENT: Address = Address::repeat_byte(0x77);
/// Number of [`transactions`], all of account 0.
pub const TRANSACTIONS: u64 = 6;
/// Greatest length of a code, in bytes (EIP-7954).
pub const LARGE_CODE: usize = 1 << 16;

/// Contract of [`full_block`] that computes: 200 rounds of a hash, a product, a quotient and a sum, and a slot that is not set.
///
/// ```text
/// 00 PUSH0 CALLDATALOAD                x
/// 02 PUSH1 c8                          n = 200
/// 04 JUMPDEST SWAP1 DUP1 PUSH0 MSTORE
/// 09 PUSH1 40 PUSH0 KECCAK256
/// 0d DUP2 MUL PUSH1 07 SWAP1 DIV ADD   x += keccak(x) * x / 7
/// 14 SWAP1 PUSH1 01 SWAP1 SUB          n -= 1
/// 19 DUP1 PUSH1 04 JUMPI POP SLOAD STOP
/// ```
const COMPUTER_CODE: [u8; 32] =
    hex!("5f3560c8" "5b90805f5260405f20810260079004" "01906001900380600457505400");
/// Address of the contract that computes.
const COMPUTER: Address = Address::repeat_byte(0x9c);
/// Number of accounts, and of slots of the ledger, that exist before [`full_block`].
const POPULATION: u64 = 2_000;
/// Number of times that [`full_block`] has its ten kinds of transactions.
const ROUNDS: u64 = 52;

const GWEI: u64 = 1_000_000_000;
/// Gas limit of the blocks: state gas for a code of the greatest length (EIP-8037), and as much again.
const GAS_LIMIT: u64 = 250_000_000;

/// Code of the probe. It has EIP-8024's instructions read and move the values 100 to 117.
///
/// ```text
/// SLOTNUM PUSH0 SSTORE
/// PUSH1 100 ... PUSH1 117
/// DUPN 17 PUSH1 1 SSTORE               101
/// SWAPN 17 PUSH1 2 SSTORE              100
/// EXCHANGE 1 2 POP PUSH1 3 SSTORE      114
/// ```
fn probe() -> Bytes {
    let values = (100..118).flat_map(|value| [0x60, value]).collect::<Vec<u8>>();
    [&hex!("4b5f55")[..], &values, &hex!("e680600155" "e780600255" "e88e50600355")].concat().into()
}

/// Development chain whose blocks from this number on are of Amsterdam; the first block has number 1. All blocks before
/// are of Osaka. The ledger has the value 1 in the slots 1 and 2.
///
/// # Panics
/// Never: the genesis is a constant.
pub fn chain(first: u64) -> DevChain {
    DevChain::from_genesis(&genesis(first).to_string())
}

/// Genesis of [`chain`].
fn genesis(first: u64) -> Value {
    let mut genesis: Value = serde_json::from_str(GENESIS).expect("the genesis is JSON");
    let start = genesis["timestamp"].as_str().expect("the timestamp is hex").trim_start_matches("0x");
    let start = u64::from_str_radix(start, 16).expect("the timestamp is hex");
    genesis["config"]["amsterdamTime"] = json!(start + 12 * first);
    genesis["gasLimit"] = json!(format!("{GAS_LIMIT:#x}"));
    for (address, code) in [
        (BUILDER_DEPOSIT_CONTRACT_ADDRESS, &BUILDER_DEPOSIT_CONTRACT_CODE),
        (BUILDER_EXIT_CONTRACT_ADDRESS, &BUILDER_EXIT_CONTRACT_CODE),
        (PROBE, &probe()),
    ] {
        genesis["alloc"][key(address)] = json!({ "balance": "0x0", "nonce": "0x1", "code": code });
    }
    let one = B256::with_last_byte(1);
    genesis["alloc"][key(LEDGER)]["storage"] =
        json!({ (one.to_string()): one, (B256::with_last_byte(2).to_string()): one });
    genesis
}

/// Key of an address in the JSON of a genesis.
fn key(address: Address) -> String {
    address.to_string().to_lowercase()
}

/// Transactions of account 0 with a part in each of the fork's changes. The first has this nonce.
///
/// One removes a slot of the ledger, so that the trie's branch collapses. One pays an account that does not exist. Two
/// make requests of builders. The last creates a contract with the longest code, for more gas than EIP-7825 lets it
/// execute with.
pub fn transactions(chain_id: u64, nonce: u64) -> Vec<Transaction> {
    let call = |index, to: Address, value: u128, input| TxEip1559 {
        chain_id,
        nonce: nonce + index,
        gas_limit: 8_000_000,
        max_fee_per_gas: 3 * u128::from(GWEI),
        to: to.into(),
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    };
    // PUSH3 length PUSH0 RETURN
    let length = (LARGE_CODE as u32).to_be_bytes();
    let init = [&[0x62][..], &length[1..], &hex!("5ff3")].concat();
    let create = TxEip1559 {
        to: TxKind::Create,
        gas_limit: 120_000_000,
        ..call(5, Address::ZERO, 0, Bytes::from(init))
    };
    let fee = 1;
    let list = [
        call(0, LEDGER, 0, ledger_call(&[(1, 0)])),
        call(1, RECIPIENT, 5, Bytes::new()),
        call(2, PROBE, 0, Bytes::new()),
        call(3, BUILDER_DEPOSIT_CONTRACT_ADDRESS, u128::from(GWEI) * u128::from(GWEI) + fee, deposit()),
        call(4, BUILDER_EXIT_CONTRACT_ADDRESS, fee, Bytes::from_static(&[0x43; 48])),
        create,
    ];
    list.map(|transaction| signed(transaction, &DevAccount::new(0))).to_vec()
}

/// Deposit of a builder (EIP-8282): public key, credentials, amount in Gwei, and signature.
fn deposit() -> Bytes {
    [&[0x42; 48][..], &[1; 32], &GWEI.to_be_bytes(), &[7; 96]].concat().into()
}

/// Appends a block with [`transactions`], and returns its minimal input. No block of the chain has any before.
pub fn append(chain: &mut DevChain) -> StatelessInput {
    let transactions = transactions(chain.spec.chain_id, 0);
    chain.append(Draft { transactions, ..Draft::default() })
}

/// Input of a chain's first block, which is of Amsterdam and has [`transactions`].
pub fn block() -> StatelessInput {
    append(&mut chain(1))
}

/// Inputs of three consecutive blocks: the last one of Osaka, and two of Amsterdam. The third has [`transactions`], after
/// the first has changed the ledger, and the second has changed it back.
pub fn blocks() -> [StatelessInput; 3] {
    let mut chain = chain(2);
    let [first, second] = [7, 1].map(|value| {
        let transaction = TxEip1559 {
            chain_id: chain.spec.chain_id,
            nonce: chain.head.number,
            gas_limit: 1_000_000,
            max_fee_per_gas: 3 * u128::from(GWEI),
            to: LEDGER.into(),
            input: ledger_call(&[(1, value), (2 + value, 8 - value)]),
            ..TxEip1559::default()
        };
        let transactions = vec![signed(transaction, &DevAccount::new(1))];
        chain.append(Draft { transactions, ..Draft::default() })
    });
    [first, second, append(&mut chain)]
}

/// Minimal input of [`blocks`] as one run.
///
/// # Panics
/// Never: the blocks are valid.
pub fn run() -> StatelessInput {
    let run = merge(blocks()).expect("the blocks are of one chain");
    minimize(&run).expect("the blocks are a run").0
}

/// Minimal input of a block of Amsterdam with 30 million gas, of what blocks are made of: transfers, new accounts, slots
/// that are changed and set, logs, hashes and arithmetic, over tries with some thousand leaves.
pub fn full_block() -> StatelessInput {
    let mut genesis = genesis(1);
    let account = |index: u64| Address::from_word(keccak256(index.to_be_bytes()));
    for index in 0..POPULATION {
        genesis["alloc"][key(account(index))] = json!({ "balance": "0x1" });
    }
    genesis["alloc"][key(COMPUTER)] =
        json!({ "balance": "0x0", "nonce": "0x1", "code": Bytes::from(COMPUTER_CODE) });
    let word = |value: u64| B256::from(U256::from(value)).to_string();
    genesis["alloc"][key(LEDGER)]["storage"] =
        (1..=POPULATION).map(|slot| (word(slot), json!(word(slot)))).collect();
    let mut chain = DevChain::from_genesis(&genesis.to_string());

    let call = |to: Address, value: u64, input| TxEip1559 {
        chain_id: chain.spec.chain_id,
        gas_limit: 1_000_000,
        max_fee_per_gas: 3 * u128::from(GWEI),
        to: to.into(),
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    };
    let mut transactions = Vec::new();
    for round in 0..ROUNDS {
        let of_population = |index: u64| 1 + (7 * round + index) % POPULATION;
        let slots = |part: u64| {
            let slot = of_population(600 * part);
            let fresh = POPULATION + 1 + 4 * round + part;
            ledger_call(&[(slot, slot + 1), (slot + 1, slot + 3), (slot + 2, 0), (fresh, round + 1)])
        };
        let transfers = [0, 900].map(|index| call(account(of_population(index) - 1), GWEI, Bytes::new()));
        let new = call(account(POPULATION + round), GWEI, Bytes::new());
        let stores = [0, 1, 2, 3].map(|part| call(LEDGER, 0, slots(part)));
        let computations =
            [0, 1, 2].map(|part| call(COMPUTER, 0, keccak256((3 * round + part).to_be_bytes()).0.into()));
        transactions.extend(transfers);
        transactions.push(new);
        transactions.extend(stores);
        transactions.extend(computations);
    }
    let transactions = transactions.into_iter().enumerate().map(|(index, transaction)| {
        let index = index as u64;
        signed(TxEip1559 { nonce: index / 5, ..transaction }, &DevAccount::new((index % 5) as usize))
    });
    let transactions = transactions.collect();
    chain.append(Draft { transactions, ..Draft::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_list::access_list;
    use alloy_consensus::Header;
    use alloy_eips::eip7928::AccountChanges;
    use zeno_guest_evm::{ChainSpec, chain::Fork, decode_block};

    fn header(input: &StatelessInput, index: usize) -> Header {
        decode_block(&input.blocks[index]).unwrap().header
    }

    /// Value that the block leaves in a slot.
    fn stored(list: &[AccountChanges], address: Address, slot: u64) -> Option<U256> {
        let account = list.iter().find(|account| account.address == address)?;
        let slot = account.storage_changes.iter().find(|changes| changes.slot == U256::from(slot))?;
        slot.changes.last().map(|change| change.new_value)
    }

    #[test]
    fn all_that_the_fork_changes_is_in_the_block() {
        let input = block();
        let header = header(&input, 0);
        let list = access_list(&input);
        let number = |slot| stored(&list, PROBE, slot).map(|value| value.to::<u64>());
        assert_eq!([0, 1, 2, 3].map(number), [header.slot_number, Some(101), Some(100), Some(114)]);
        assert_eq!(stored(&list, LEDGER, 1), Some(U256::ZERO));
        let codes = list.iter().flat_map(|account| &account.code_changes).map(|change| change.new_code.len());
        assert_eq!(codes.collect::<Vec<_>>(), [LARGE_CODE]);
        assert!(list.iter().any(|account| account.address == RECIPIENT));
        // The two requests are paid for, and dequeued after the transactions.
        let last = TRANSACTIONS + 1;
        for address in [BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_EXIT_CONTRACT_ADDRESS] {
            let account = list.iter().find(|account| account.address == address).unwrap();
            let changes = account.storage_changes.iter().flat_map(|slot| &slot.changes);
            assert!(changes.clone().any(|change| change.block_access_index.get() == last), "{address}");
            assert!(changes.count() > 4, "{address}");
        }
        // The state gas of the code alone is more than all gas of execution (EIP-8037).
        assert!(header.gas_used >= 1530 * LARGE_CODE as u64);
    }

    #[test]
    fn the_full_block_has_thirty_million_gas() {
        let input = full_block();
        let gas = header(&input, 0).gas_used;
        assert!((29_000_000..31_000_000).contains(&gas), "{gas}");
        let list = access_list(&input);
        assert!(list.iter().any(|account| account.address == COMPUTER && account.storage_reads.len() > 100));
    }

    #[test]
    fn the_run_crosses_the_fork() {
        let run = run();
        let spec = ChainSpec::decode(&run.chain).unwrap();
        let forks = [0, 1, 2].map(|index| spec.fork_at(header(&run, index).timestamp));
        assert_eq!(forks, [Fork::Osaka, Fork::Amsterdam, Fork::Amsterdam]);
        assert_eq!(Some(header(&run, 1).timestamp), spec.activation(Fork::Amsterdam));
        assert_eq!(run.blocks.len(), 3);
    }
}

//! Tests of devnets of Amsterdam, judged by the fork's final rules as far as these kept what the tests are about.
//!
//! The tests are of spring. Since then gas has other prices (EIP-2780, EIP-8037, EIP-8038), two more contracts are called
//! by each block (EIP-8282), and nothing is burnt (EIP-8246). So no block of theirs is one of Amsterdam. Its content is
//! *carried over* instead: the state gets the two contracts, and a block gets the header that follows from its new parent
//! and from its execution by the final rules. Then these must be what the test says:
//!
//! - the status and the logs of each receipt, and the hash of the requests;
//! - the block access list, but for the balances of those who pay or earn fees, the two contracts, and hashes of blocks;
//! - the state after the last block, but for the same;
//! - the reason for which a block is refused.
//!
//! A block is carried over as it is signed, and then validated as a whole. If that gives another result, its transactions
//! get more gas than they are signed for, and the block is only executed.
//!
//! [`left_out`] knows how many tests of a file have results that the final rules changed.

use super::{Account, Accounts, Archive, Counts, Test, check_refusal, same};
use crate::access_list::Recorder;
use alloy_consensus::{
    Header, SignableTransaction, TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::{
    eip1559::BaseFeeParams,
    eip4788::SYSTEM_ADDRESS,
    eip7928::{AccountChanges, compute_block_access_list_hash},
    eip8282::{
        BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_DEPOSIT_CONTRACT_CODE, BUILDER_EXIT_CONTRACT_ADDRESS,
        BUILDER_EXIT_CONTRACT_CODE,
    },
};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use revm::Database;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use zeno_guest_evm::{
    Block, ChainSpec, Outcome, Transaction, chain::AccessListRules, decode_block, execute, public_keys,
    state::WitnessState, trie::Preimages, validate,
};

/// The contracts of EIP-8282, which the devnets did not have.
const BUILDERS: [Address; 2] = [BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_EXIT_CONTRACT_ADDRESS];
/// Items of a block's access list that are the contracts of EIP-8282: their addresses, and the four slots of each that its
/// system call reads.
const BUILDERS_ITEMS: u64 = 2 * (1 + 4);
/// Gas that a transaction gets beside that which it is signed for, if it has too little by the final prices.
const MORE_GAS: u64 = 20_000_000;

/// Test of a devnet.
#[derive(Debug)]
pub struct DevnetTest {
    test: Test,
    results: Vec<Results>,
}

/// Parts of a test's block that tests of other forks don't need.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Results {
    #[serde(default)]
    receipts: Vec<Receipt>,
    block_access_list: Option<Vec<AccountChanges>>,
    /// Content of the RLP of a block that must be refused.
    #[serde(rename = "rlp_decoded")]
    decoded: Option<Decoded>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decoded {
    block_access_list: Option<Vec<AccountChanges>>,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    status: bool,
    logs: Vec<Log>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Log {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

/// Reads the tests of a file, by name.
///
/// # Errors
/// If the file can't be read, or is no file of BlockchainTests.
pub fn read(file: &Path) -> Result<BTreeMap<String, DevnetTest>, String> {
    #[derive(Deserialize)]
    struct Blocks {
        blocks: Vec<Results>,
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let tests: BTreeMap<String, Test> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let mut results: BTreeMap<String, Blocks> =
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let with_results = |(name, test): (String, Test)| {
        let results = results.remove(&name).map_or_else(Vec::new, |results| results.blocks);
        (name, DevnetTest { test, results })
    };
    Ok(tests.into_iter().map(with_results).collect())
}

const BURNT: &str = "ether was burnt, and its burning logged, which EIP-8246 ended";
const FUNDS: &str = "a sender has no more than spring's price of its gas";
const GAS: &str =
    "an amount of gas is just enough or too little by spring's prices (EIP-2780, EIP-8037, EIP-8038)";

/// Files with tests whose results the final rules changed: the end of the file's path, the number of these tests, and the
/// reason. All other tests have to agree.
const LEFT_OUT: &[(&str, usize, &str)] = &[
    ("burn_logs/finalization_burn_log_single_account_multiple_transfers.json", 2, BURNT),
    ("burn_logs/finalization_burn_logs.json", 5, BURNT),
    ("burn_logs/finalization_burn_logs_multi_account_ordering.json", 2, BURNT),
    ("burn_logs/selfdestruct_finalization_after_priority_fee.json", 2, BURNT),
    ("burn_logs/selfdestruct_same_tx_via_call.json", 6, BURNT),
    ("burn_logs/selfdestruct_to_self_same_tx.json", 2, BURNT),
    ("fork_transition/burn_log_at_fork_transition.json", 1, BURNT),
    ("block_access_lists/bal_block_rewards.json", 1, FUNDS),
    ("block_access_lists/bal_coinbase_zero_tip.json", 1, FUNDS),
    ("block_access_lists/bal_multiple_balance_changes_same_account.json", 1, FUNDS),
    ("block_access_lists_opcodes/bal_balance_and_oog.json", 1, GAS),
    ("block_access_lists_opcodes/bal_call_7702_delegation_and_oog.json", 46, GAS),
    ("block_access_lists_opcodes/bal_callcode_7702_delegation_and_oog.json", 46, GAS),
    ("block_access_lists_opcodes/bal_callcode_no_delegation_and_oog_before_target_access.json", 8, GAS),
    ("block_access_lists_opcodes/bal_create_selfdestruct_to_self_with_call.json", 1, GAS),
    ("block_access_lists_opcodes/bal_delegatecall_7702_delegation_and_oog.json", 24, GAS),
    ("block_access_lists_opcodes/bal_delegatecall_no_delegation_and_oog_before_target_access.json", 4, GAS),
    ("block_access_lists_opcodes/bal_extcodesize_and_oog.json", 1, GAS),
    ("block_access_lists_opcodes/bal_sload_and_oog.json", 1, GAS),
    ("block_access_lists_opcodes/bal_sstore_and_oog.json", 1, GAS),
    ("block_access_lists_opcodes/bal_staticcall_7702_delegation_and_oog.json", 24, GAS),
    ("gas_accounting/multi_transaction_gas_accounting.json", 16, GAS),
    ("transaction_validity/floor_cost_validation_with_access_list.json", 4, GAS),
    ("transaction_validity/insufficient_gas_for_access_list.json", 12, GAS),
];

/// Number of a file's tests that have another result by the final rules, and the reason.
pub fn left_out(file: &Path) -> (usize, &'static str) {
    let entry = LEFT_OUT.iter().find(|(end, ..)| file.ends_with(end));
    entry.map_or((0, "none is left out"), |(_, count, reason)| (*count, reason))
}

impl DevnetTest {
    /// Checks that this crate knows the reasons that the test names for its invalid blocks.
    ///
    /// # Errors
    /// The first name that is unknown.
    pub fn check_names(&self) -> Result<(), String> {
        self.test.check_names()
    }

    /// Runs the test by the final rules.
    ///
    /// # Errors
    /// A description of the first result that is not the test's.
    pub fn run(&self) -> Result<Counts, String> {
        self.carry_over(0).or_else(|as_signed| {
            self.carry_over(MORE_GAS).map_err(|error| format!("{as_signed}; and with more gas: {error}"))
        })
    }

    /// Carries the test over. Each transaction has this much more gas than it is signed for.
    fn carry_over(&self, more_gas: u64) -> Result<Counts, String> {
        let mut accounts = self.test.pre.clone();
        add_builders(&mut accounts);
        let mut chain = Chain::new(&self.test, &accounts)?;
        let mut counts = Counts::default();
        for (index, (block, results)) in self.test.blocks.iter().zip(&self.results).enumerate() {
            let judged = match &block.expect_exception {
                None => chain.append(&block.rlp, results, more_gas).map(|()| counts.valid += 1),
                Some(exception) => chain.refuse(&block.rlp, results, exception).map(|corrected| {
                    counts.refused += 1;
                    counts.corrected += usize::from(corrected);
                }),
            };
            judged.map_err(|reason| format!("block {index}: {reason}"))?;
        }
        let post = self.test.post_state.as_ref().ok_or("the test has no state to end with")?;
        chain.check_end(post)?;
        Ok(counts)
    }
}

fn add_builders(accounts: &mut Accounts) {
    for (address, code) in
        BUILDERS.into_iter().zip([&BUILDER_DEPOSIT_CONTRACT_CODE, &BUILDER_EXIT_CONTRACT_CODE])
    {
        let contract =
            Account { nonce: U256::ONE, balance: U256::ZERO, code: code.clone(), storage: BTreeMap::new() };
        accounts.insert(address, contract);
    }
}

/// Chain of blocks that are carried over.
struct Chain {
    spec: ChainSpec,
    archive: Archive,
    head: Header,
    /// Hashes of the test's blocks, as storage has them (EIP-2935), and those of the blocks that they became.
    hashes: BTreeMap<U256, U256>,
    /// Accounts whose balances depend on gas: senders, and recipients of fees.
    payers: BTreeSet<Address>,
    /// State after the head, if it has a block after the genesis.
    state: Option<WitnessState>,
}

impl Chain {
    fn new(test: &Test, accounts: &Accounts) -> Result<Self, String> {
        let spec = test.chain_spec()?;
        let mut archive = Archive::new(accounts)?;
        let genesis = decode_block(&test.genesis_rlp).map_err(|error| format!("genesis: {error}"))?;
        let before = genesis.header.hash_slow();
        let state_root = archive.root;
        let mut head = Header { state_root, ..genesis.header };
        adapt(&spec, &mut head);
        let hashes = BTreeMap::from([(before.into(), archive.add_header(&head).into())]);
        Ok(Self { spec, archive, head, hashes, payers: BTreeSet::new(), state: None })
    }

    /// Block of a test with the header that follows from the head, without commitments to its execution.
    fn child(&self, rlp: &Bytes) -> Result<Block, String> {
        let mut block = decode_block(rlp).map_err(|error| error.to_string())?;
        let header = &mut block.header;
        header.parent_hash = self.head.hash_slow();
        header.base_fee_per_gas = self.head.next_block_base_fee(BaseFeeParams::ethereum());
        let params = self.spec.blob_params_at(header.timestamp).ok_or("the fork has no blobs")?;
        header.excess_blob_gas = self.head.next_block_excess_blob_gas(params);
        adapt(&self.spec, header);
        Ok(block)
    }

    /// State after the head, with the record of accesses to it.
    fn recorder(&self, block: &Block) -> Recorder {
        let nodes = Preimages::new(self.archive.nodes.iter().cloned());
        let codes = Preimages::new(self.archive.codes.iter().cloned());
        let headers = Preimages::new(self.archive.headers.iter().cloned());
        let state = WitnessState::new(&self.head, block.header.parent_hash, nodes, codes, headers);
        Recorder::new(state.at_fork(self.spec.fork_at(block.header.timestamp)))
    }

    /// Executes a valid block, compares the results, and makes it the head.
    fn append(&mut self, rlp: &Bytes, results: &Results, more_gas: u64) -> Result<(), String> {
        let before = decode_block(rlp).map_err(|error| error.to_string())?.header;
        // Without a number of its slot, the devnet had no more of the fork than access lists.
        let has_transfer_logs = before.slot_number.is_some();
        let mut block = self.child(rlp)?;
        let expected_requests = block.header.requests_hash;
        let keys = public_keys(&block).map_err(|error| error.to_string())?;
        let senders = keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();
        self.payers.extend(&senders);
        self.payers.insert(block.header.beneficiary);
        if more_gas > 0 {
            for transaction in &mut block.body.transactions {
                *transaction = with_more_gas(transaction.clone(), more_gas);
            }
            block.header.transactions_root = calculate_transaction_root(&block.body.transactions);
        }
        let mut recorder = self.recorder(&block);
        let outcome =
            execute(&self.spec, &block, &senders, &mut recorder).map_err(|error| error.to_string())?;
        let (recorded, mut state) = recorder.finish();
        compare_receipts(&results.receipts, &outcome, has_transfer_logs)?;
        same(
            "the requests hash",
            outcome.requests.requests_hash(),
            expected_requests.ok_or("the block has no requests hash")?,
        )?;
        self.compare_lists(results, &recorded, &outcome)?;
        commit(&mut block.header, &outcome, state.root().map_err(|error| error.to_string())?);
        if more_gas == 0 {
            self.validate(&block)?;
        } else {
            let (nodes, codes) = state.revealed();
            self.archive.nodes.extend(nodes);
            self.archive.codes.extend(codes);
            self.archive.add_header(&block.header);
        }
        self.head = block.header;
        self.hashes.insert(before.hash_slow().into(), self.head.hash_slow().into());
        self.state = Some(state);
        Ok(())
    }

    /// Validates the block as a whole, over all of the state and over its minimal witness.
    fn validate(&mut self, block: &Block) -> Result<(), String> {
        let chain = Bytes::from(self.spec.encode());
        let (minimal, claim) = self
            .archive
            .attempt(&chain, &alloy_rlp::encode(block).into())
            .map_err(|refusal| format!("with the commitments of its execution: {}", refusal.error))?;
        let again = validate(&minimal).map_err(|error| format!("over the minimal witness: {error}"))?;
        same("the claim over the minimal witness", again.digest(), claim.digest())
    }

    /// Compares the block's access list with the test's.
    fn compare_lists(
        &self,
        results: &Results,
        recorded: &[AccountChanges],
        outcome: &Outcome,
    ) -> Result<(), String> {
        let Some(digest) = outcome.access_list else {
            return match results.block_access_list {
                None => Ok(()),
                Some(_) => Err("the block's fork has no access list".into()),
            };
        };
        let list = results.block_access_list.clone().ok_or("the test lacks the block's access list")?;
        let expected = with_builders(self.carried_list(list, recorded), recorded);
        if digest.hash == compute_block_access_list_hash(&expected) {
            return Ok(());
        }
        let different = expected.iter().zip(recorded).find(|(expected, recorded)| expected != recorded);
        Err(format!("the access list is another one, first at (expected, actual): {different:?}"))
    }

    /// The list with the new hashes of blocks, and the recorded balances of the accounts that pay or earn fees.
    fn carried_list(
        &self,
        mut list: Vec<AccountChanges>,
        recorded: &[AccountChanges],
    ) -> Vec<AccountChanges> {
        for account in list.iter_mut().filter(|account| self.payers.contains(&account.address)) {
            let recorded = recorded.iter().find(|other| other.address == account.address);
            account.balance_changes = recorded.map_or_else(Vec::new, |other| other.balance_changes.clone());
        }
        for slot in list.iter_mut().flat_map(|account| &mut account.storage_changes) {
            slot.changes.iter_mut().for_each(|change| self.carry_hash(&mut change.new_value));
        }
        list
    }

    /// Replaces a value of storage that is the hash of one of the test's blocks.
    fn carry_hash(&self, value: &mut U256) {
        if let Some(hash) = self.hashes.get(value) {
            *value = *hash;
        }
    }

    /// Carries over a block that must be refused, and checks the reason. Returns whether a commitment had to be corrected
    /// before.
    fn refuse(&mut self, rlp: &Bytes, results: &Results, exception: &str) -> Result<bool, String> {
        let mut block = self.child(rlp)?;
        let wrong = results.decoded.as_ref().and_then(|decoded| decoded.block_access_list.clone());
        if let (Some(wrong), Ok(keys)) = (wrong, public_keys(&block)) {
            let senders =
                keys.iter().map(|key| Address::from_slice(&keccak256(key)[12..])).collect::<Vec<_>>();
            self.payers.extend(&senders);
            self.payers.insert(block.header.beneficiary);
            let mut recorder = self.recorder(&block);
            // A block that can't be executed is refused before its list matters.
            if let Ok(outcome) = execute(&self.spec, &block, &senders, &mut recorder) {
                let (recorded, _) = recorder.finish();
                let hash = |list| compute_block_access_list_hash(&with_builders(list, &recorded));
                let carried = hash(self.carried_list(wrong.clone(), &recorded));
                let is_right = outcome.access_list.is_some_and(|list| list.hash == carried);
                // What is wrong with the list may be such a balance.
                block.header.block_access_list_hash = Some(if is_right { hash(wrong) } else { carried });
            }
        }
        let chain = Bytes::from(self.spec.encode());
        match self.archive.attempt(&chain, &alloy_rlp::encode(&block).into()) {
            Ok(_) => Err(format!("the block must be refused for {exception}, but passed")),
            Err(refusal) => check_refusal(&mut self.archive, &chain, exception, *refusal, &mut |_| ()),
        }
    }

    /// Compares the state after the last block with the test's.
    fn check_end(&mut self, post: &Accounts) -> Result<(), String> {
        let mut expected = post.clone();
        add_builders(&mut expected);
        for value in expected.values_mut().flat_map(|account| account.storage.values_mut()) {
            self.carry_hash(value);
        }
        let Some(state) = &mut self.state else {
            return same("the last state root", self.head.state_root, Archive::new(&expected)?.root);
        };
        for address in &self.payers {
            let actual = state.basic(*address).map_err(|error| error.to_string())?;
            if let (Some(account), Some(actual)) = (expected.get_mut(address), actual) {
                account.balance = actual.balance;
            }
        }
        let root = Archive::new(&expected)?.root;
        if root == self.head.state_root {
            return Ok(());
        }
        let difference = expected.iter().find_map(|(address, account)| difference(state, *address, account));
        Err(format!(
            "the state after the last block is another one: {}",
            difference.unwrap_or_else(|| "there is an account or slot that the test does not have".into())
        ))
    }
}

/// First difference between an account that a test expects, and that of a state.
fn difference(state: &mut WitnessState, address: Address, expected: &Account) -> Option<String> {
    let Ok(Some(actual)) = state.basic(address) else { return Some(format!("{address} is not there")) };
    if U256::from(actual.nonce) != expected.nonce {
        return Some(format!("the nonce of {address} is {}, but must be {}", actual.nonce, expected.nonce));
    }
    if actual.balance != expected.balance {
        let (actual, expected) = (actual.balance, expected.balance);
        return Some(format!("the balance of {address} is {actual}, but must be {expected}"));
    }
    if actual.code_hash != keccak256(&expected.code) {
        return Some(format!("the code of {address} is another one"));
    }
    expected.storage.iter().find_map(|(slot, value)| {
        let actual = state.storage(address, *slot).ok();
        (actual != Some(*value))
            .then(|| format!("slot {slot} of {address} is {actual:?}, but must be {value}"))
    })
}

/// Gives a header what final Amsterdam has beside spring's: a number of its slot, and room for the items of EIP-8282's
/// contracts in the access list.
fn adapt(spec: &ChainSpec, header: &mut Header) {
    if let Some(AccessListRules { item_gas }) = spec.fork_at(header.timestamp).rules().access_list {
        header.slot_number = header.slot_number.or(Some(header.number));
        header.gas_limit += BUILDERS_ITEMS * item_gas;
    }
}

/// The list with the recorded entries of EIP-8282's contracts.
fn with_builders(mut list: Vec<AccountChanges>, recorded: &[AccountChanges]) -> Vec<AccountChanges> {
    for account in recorded.iter().filter(|account| BUILDERS.contains(&account.address)) {
        let at = list.iter().position(|other| other.address > account.address).unwrap_or(list.len());
        list.insert(at, account.clone());
    }
    list
}

/// Compares receipts. If a devnet had no logs of transfers (EIP-7708), those of the final rules are left out.
fn compare_receipts(expected: &[Receipt], outcome: &Outcome, has_transfer_logs: bool) -> Result<(), String> {
    if expected.len() != outcome.receipts.len() {
        return Err(format!("there are {} receipts, but must be {}", outcome.receipts.len(), expected.len()));
    }
    for (index, (expected, actual)) in expected.iter().zip(&outcome.receipts).enumerate() {
        if expected.status != actual.success {
            return Err(format!("the status of transaction {index} must be {}", expected.status));
        }
        let logs = actual.logs.iter().map(|log| Log {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data.clone(),
        });
        let logs = logs.filter(|log| has_transfer_logs || log.address != SYSTEM_ADDRESS).collect::<Vec<_>>();
        if expected.logs != logs {
            let expected = &expected.logs;
            return Err(format!("the logs of transaction {index} are {logs:?}, but must be {expected:?}"));
        }
    }
    Ok(())
}

/// Sets the header's commitments to the outcome of the execution.
fn commit(header: &mut Header, outcome: &Outcome, state_root: B256) {
    let receipts = outcome.receipts.iter().map(TxReceipt::with_bloom_ref).collect::<Vec<_>>();
    header.receipts_root = calculate_receipt_root(&receipts);
    header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
    header.gas_used = outcome.gas_used;
    header.block_access_list_hash = outcome.access_list.map(|list| list.hash);
    header.state_root = state_root;
}

/// The transaction with a greater gas limit, and with the signature of the smaller one.
fn with_more_gas(transaction: Transaction, more: u64) -> Transaction {
    macro_rules! with_more {
        ($signed:expr) => {{
            let (mut transaction, signature, _) = $signed.into_parts();
            transaction.gas_limit += more;
            transaction.into_signed(signature).into()
        }};
    }
    match transaction {
        Transaction::Legacy(signed) => with_more!(signed),
        Transaction::Eip2930(signed) => with_more!(signed),
        Transaction::Eip1559(signed) => with_more!(signed),
        Transaction::Eip4844(signed) => with_more!(signed),
        Transaction::Eip7702(signed) => with_more!(signed),
    }
}

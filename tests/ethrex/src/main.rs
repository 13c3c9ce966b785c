//! Comparison of Zeno's execution with that of ethrex, an implementation of the EVM that shares no code with revm.
//!
//! It makes random blocks, executes each of them by both, and compares the gas used, the receipts, the requests, the
//! block access list and the state root. Variants of a block change one transaction's gas limit to what the transaction
//! used, or to another edge, or add withdrawals until the block access list has its greatest length. If both execute a
//! block, validation of the completed block must agree, too, and both must refuse it with any wrong commitment.
//!
//!     zeno-ethrex [--seconds N] [--seed S] [--blocks N] [--fork NAME]... [--keep FOLDER] [--verbose]
//!
//! The world of a block is a function of its seed: S for the first block, and one more for each block after it. A
//! difference is printed, and its block is kept in the folder. At the end it prints what happened in the blocks, and how
//! often. Exit status: 0 no difference, 1 differences, 2 wrong arguments.

#[path = "../../src/worlds/code.rs"]
#[expect(dead_code, reason = "the worlds of the workspace's tests use all of it")]
mod code;
mod coverage;
#[path = "../../src/worlds/dice.rs"]
#[expect(dead_code, reason = "as above")]
mod dice;
mod oracle;
mod outcome;
mod program;
mod world;
mod zeno;

use crate::{
    coverage::Coverage,
    dice::Dice,
    outcome::Outcome,
    world::{MADE_UP, Rules, World},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U256};
use revm::Database;
use std::{
    collections::BTreeMap,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use zeno_guest_evm::{Block, chain::Fork};

/// Greatest number of variants of a block.
const VARIANTS: usize = 3;

/// Returns whether this is the difference in the access list of which ethrex is the cause: it leaves the caller of system calls
/// out although the contract reads the account, or sends it a value. EIP-7928 leaves it out unless there is such an access. Only
/// made-up contracts have one.
fn is_of_caller(line: &str) -> bool {
    line.starts_with("accesses to 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE: Some(")
        && line.ends_with(" None by ethrex")
}

/// Zeno's reason not to support a block since Amsterdam: EIP-7610 does not apply there, but ethrex has it. By the code of
/// the specification, the contract that is created finds the storage.
const STORAGE_ALONE: &str = "where there is storage, but neither code nor a nonce";

/// Beginning of Zeno's reason to refuse a deposit's log, before the log's data.
const DEPOSIT_LAYOUT: &str = "the deposit contract's log has a malformed layout (EIP-6110):";

/// Instructions that read the block. In a system call ethrex gives 0 for each of them: it leaves these parts of the
/// environment out, where the specification has the block's. Only made-up contracts have them.
const READS: [(u8, &str); 5] = [
    (0x4b, "SLOTNUM in a system call"),
    (0x46, "CHAINID in a system call"),
    (0x48, "BASEFEE in a system call"),
    (0x4a, "BLOBBASEFEE in a system call"),
    (0x3a, "GASPRICE in a system call"),
];

/// Instruction that costs and leaves what they do, and in which nothing differs.
const NUMBER: u8 = 0x43;

/// Gas of the block's limit for each item of its access list (EIP-7928).
const ITEM_GAS: u64 = 2000;

struct Arguments {
    time: Option<Duration>,
    seed: u64,
    blocks: u64,
    rules: Vec<Rules>,
    keep: PathBuf,
    verbose: bool,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut arguments = env::args().skip(1);
        let mut read = Self {
            time: None,
            seed: 1,
            blocks: u64::MAX,
            rules: Vec::new(),
            keep: env::temp_dir().join("zeno-ethrex"),
            verbose: false,
        };
        while let Some(name) = arguments.next() {
            if name == "--verbose" {
                read.verbose = true;
                continue;
            }
            let value = arguments.next().ok_or(format!("{name} lacks its value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: this is no number"));
            match &*name {
                "--seconds" => read.time = Some(Duration::from_secs(number()?)),
                "--seed" => read.seed = number()?,
                "--blocks" => read.blocks = number()?,
                "--keep" => read.keep = value.into(),
                "--fork" => read.rules.push(rules(&value).ok_or(format!("there is no fork {value}"))?),
                _ => return Err(format!("there is no argument {name}")),
            }
        }
        if read.time.is_none() && read.blocks == u64::MAX {
            read.time = Some(Duration::from_secs(60));
        }
        Ok(read)
    }
}

/// Rules of this name.
fn rules(name: &str) -> Option<Rules> {
    match name {
        "bpo2" => Some(Rules::Bpo2),
        "transition" => Some(Rules::Transition),
        "amsterdam" => Some(Rules::Amsterdam),
        _ => Fork::ALL[..4].iter().find(|fork| fork.name() == name).map(|fork| Rules::Earlier(*fork)),
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("zeno-ethrex: {error}");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut seed = arguments.seed;
    while tally.worlds < arguments.blocks && arguments.time.is_none_or(|time| start.elapsed() < time) {
        tally.check(seed, &arguments);
        seed = seed.wrapping_add(1);
    }
    println!("seeds {} to {}, {:.0?}", arguments.seed, seed.wrapping_sub(1), start.elapsed());
    tally.print();
    if tally.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Numbers of blocks and transactions.
#[derive(Default)]
struct Tally {
    worlds: u64,
    differences: u64,
    /// Blocks of each fork that both execute with the same outcome, and that both refuse.
    blocks: BTreeMap<Rules, [u64; 2]>,
    /// Transactions of each fork and type: those that succeed, and those that fail.
    transactions: BTreeMap<(Rules, u8), [u64; 2]>,
    /// Refusals by Zeno's reason and ethrex's, without numbers.
    refusals: BTreeMap<String, u64>,
    /// Gas used by all blocks.
    gas: u128,
    logs: u64,
    /// Blocks with requests of each type, and the greatest length of their data.
    requests: BTreeMap<u8, (u64, usize)>,
    items: u64,
    /// Blocks whose access list has the greatest length.
    full: u64,
    /// Blocks that both refuse because of a wrong commitment, by its name.
    wrong: BTreeMap<&'static str, u64>,
    /// Known differences.
    known: BTreeMap<&'static str, u64>,
    coverage: Coverage,
}

impl Tally {
    /// Compares the block of a seed, and variants of it.
    fn check(&mut self, seed: u64, arguments: &Arguments) {
        self.worlds += 1;
        let mut world = World::new(seed, &arguments.rules);
        let mut dice = Dice::new(seed ^ 0x7661_7269_616e_7473);
        for variant in 0..=VARIANTS {
            let found = catch_unwind(AssertUnwindSafe(|| compare(&world, &mut dice)));
            let found = found.unwrap_or_else(|payload| {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                let text =
                    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without words");
                Comparison { differences: vec![format!("a panic: {text}")], ..Comparison::default() }
            });
            self.count(&world, &found);
            if arguments.verbose {
                println!("seed {seed} variant {variant}: {}", found.summary());
            }
            if !found.differences.is_empty() {
                self.differences += 1;
                report(seed, variant, &world, &found, arguments);
                break;
            }
            if !vary(&mut world, &found, &mut dice) {
                break;
            }
        }
    }

    fn count(&mut self, world: &World, found: &Comparison) {
        if let Some(known) = found.known {
            *self.known.entry(known).or_default() += 1;
        }
        if !found.differences.is_empty() || found.known.is_some() {
            return;
        }
        let [agreed, refused] = self.blocks.entry(world.rules).or_default();
        let Some(outcome) = &found.outcome else {
            *refused += 1;
            *self.refusals.entry(found.refusal.clone()).or_default() += 1;
            return;
        };
        *agreed += 1;
        for receipt in &outcome.receipts {
            self.transactions.entry((world.rules, receipt.kind)).or_default()
                [usize::from(!receipt.success)] += 1;
            self.logs += receipt.logs.len() as u64;
        }
        self.gas += u128::from(outcome.gas_used);
        for request in &outcome.requests {
            let (count, longest) = self.requests.entry(request[0]).or_default();
            *count += 1;
            *longest = request.len().max(*longest);
        }
        if let Some((items, _)) = outcome.access_list {
            self.items += items;
            self.full += u64::from(items == world.gas_limit() / ITEM_GAS);
        }
        if let Some(name) = found.wrong {
            *self.wrong.entry(name).or_default() += 1;
        }
        self.coverage.add(world, &world.block());
    }

    fn print(&self) {
        for (rules, [agreed, refused]) in &self.blocks {
            println!("{rules}: {agreed} blocks agree, {refused} are refused by both");
            for ((_, kind), [succeed, fail]) in self.transactions.iter().filter(|((of, _), _)| of == rules) {
                println!("  transactions of type {kind}: {succeed} succeed, {fail} fail");
            }
        }
        println!(
            "{} worlds; {} gas, {} logs, {} items of access lists; {} lists of the greatest length",
            self.worlds, self.gas, self.logs, self.items, self.full
        );
        for (kind, (count, longest)) in &self.requests {
            println!("  requests of type {kind} in {count} blocks, of up to {longest} bytes");
        }
        println!("What happened in blocks of Amsterdam:");
        self.coverage.print();
        println!("Blocks that both refuse:");
        for (name, count) in &self.wrong {
            println!("  {count:>6} refused: wrong {name}");
        }
        let mut refusals = self.refusals.iter().collect::<Vec<_>>();
        refusals.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in refusals {
            println!("  {count:>6} refused: {reason}");
        }
        for (known, count) in &self.known {
            println!("{count} blocks with a known difference: {known}");
        }
        println!("{} differences", self.differences);
    }
}

/// Comparison of one block.
#[derive(Default)]
struct Comparison {
    /// The common outcome, if there is one.
    outcome: Option<Outcome>,
    /// Execution gas and state gas of each transaction, by ethrex.
    gas: Vec<(u64, u64)>,
    /// Both reasons, if both refuse the block.
    refusal: String,
    /// Known difference for which there is a reason not to be equal.
    known: Option<&'static str>,
    /// Name of a commitment because of which both refuse the block if it is wrong.
    wrong: Option<&'static str>,
    differences: Vec<String>,
}

impl Comparison {
    fn summary(&self) -> String {
        match &self.outcome {
            Some(outcome) => format!("{} transactions, {} gas", outcome.receipts.len(), outcome.gas_used),
            None if self.differences.is_empty() => format!("refused: {}", self.refusal),
            None => "different".into(),
        }
    }
}

/// Executes a world's block by both, and recognises differences that are known.
fn compare(world: &World, dice: &mut Dice) -> Comparison {
    let mut found = execute(world, dice);
    if !found.differences.is_empty()
        && world.odd.contains(&MADE_UP)
        && let Some(known) = reads_block(world, dice).or_else(|| destroys(world, &found))
    {
        found = Comparison { known: Some(known), ..Comparison::default() };
    }
    found
}

/// Finds the instruction that makes the difference: without it there is none. Everything else is compared so, too.
fn reads_block(world: &World, dice: &mut Dice) -> Option<&'static str> {
    let mut all = world.clone();
    let mut agrees = |world: &World| {
        let found = execute(world, dice);
        found.differences.is_empty() || destroys(world, &found).is_some()
    };
    for (instruction, name) in READS {
        if agrees(&world.with_instruction(instruction, NUMBER)) {
            return Some(name);
        }
        all = all.with_instruction(instruction, NUMBER);
    }
    agrees(&all).then_some("several of these instructions in system calls")
}

/// Recognises a difference that only concerns accounts that a system call created and destroyed. They remain by the
/// specification's code, which clears accounts after transactions alone. Ethrex clears them then, too. The contract may also
/// read its caller's account, which is a known difference by itself.
fn destroys(world: &World, found: &Comparison) -> Option<&'static str> {
    let destroyed = zeno::destroyed_in_system_calls(world, &world.block()).ok()?;
    let is_about = |line: &String| {
        let concerns = |address: &Address| {
            ["account ", "accesses to "].iter().any(|what| line.starts_with(&format!("{what}{address}")))
                || line.starts_with("slot ") && line.contains(&format!(" of {address}"))
        };
        ["state root", "access list"].iter().any(|known| line.starts_with(known))
            || is_of_caller(line)
            || destroyed.iter().any(concerns)
    };
    let known = "an account that is destroyed in a system call";
    (!destroyed.is_empty() && found.differences.iter().all(is_about)).then_some(known)
}

/// Executes a world's block by both.
fn execute(world: &World, dice: &mut Dice) -> Comparison {
    let mut found = Comparison::default();
    let mut block = world.block();
    let by_zeno = zeno::run(world, &mut block);
    let rlp = alloy_rlp::encode(&block);
    let by_ethrex = oracle::run(world, &rlp);
    let (mut zeno, ethrex) = match (by_zeno, by_ethrex) {
        (Ok(zeno), Ok(ethrex)) => (zeno, ethrex),
        (Err(zeno), Err(ethrex)) => {
            found.refusal = format!("{} / {}", without_numbers(&zeno), without_numbers(&ethrex));
            return found;
        }
        (Ok(_), Err(error)) => {
            found.differences.push(format!("ethrex alone refuses the block: {error}"));
            return found;
        }
        (Err(error), Ok(_)) if error.contains(STORAGE_ALONE) => {
            found.known = Some("a creation where there only is storage, which Zeno does not support");
            return found;
        }
        (Err(error), Ok(_)) if is_layout_of_ethrex(&error) => {
            found.known = Some("a deposit in whose layout ethrex reads four bytes of each word");
            return found;
        }
        (Err(error), Ok(_)) => {
            found.differences.push(format!("Zeno alone refuses the block: {error}"));
            return found;
        }
    };
    found.gas = ethrex.gas.iter().map(|it| (it.regular_gas_used, it.state_gas_used)).collect();
    found.differences = zeno.outcome.differences(&ethrex.outcome);
    if zeno.outcome.state_root != ethrex.outcome.state_root {
        found.differences.extend(state_differences(&mut zeno, &ethrex));
    }
    if zeno.outcome.access_list != ethrex.outcome.access_list {
        let differences = access_differences(world, &block, &ethrex);
        if found.differences.len() == 1 && matches!(&differences[..], [only] if is_of_caller(only)) {
            // Nothing else differs, and what follows depends on the list.
            found.differences.clear();
            found.known = Some("an access of a made-up system contract to its caller");
            return found;
        }
        found.differences.extend(differences);
    }
    if found.differences.is_empty() {
        match (zeno::judge(&zeno.input), &ethrex.header) {
            (Ok(()), Ok(())) => {
                let name = spoil(&mut block, dice);
                let verdicts = (zeno::judge_block(&zeno.input, &block), ethrex.judge(world, &block));
                match verdicts {
                    (Err(_), Err(_)) => found.wrong = Some(name),
                    _ => found.differences.push(format!("wrong {name}: {verdicts:?} by Zeno and ethrex")),
                }
            }
            (Err(zeno), Err(ethrex)) => {
                found.refusal = format!("{} / {}", without_numbers(&zeno), without_numbers(ethrex));
                return found;
            }
            (zeno, ethrex) => {
                found.differences.push(format!("the header: {zeno:?} by Zeno, {ethrex:?} by ethrex"));
            }
        }
    }
    found.outcome = Some(zeno.outcome);
    found
}

/// Recognises Zeno's refusal of a deposit whose layout has the right numbers in the last four bytes of its words, but not
/// in the whole words: EIP-6110 compares these.
fn is_layout_of_ethrex(error: &str) -> bool {
    let Some((_, data)) = error.split_once(DEPOSIT_LAYOUT) else { return false };
    let Ok(data) = alloy_primitives::hex::decode(data.trim()) else { return false };
    let number =
        |at: usize| data[at + 28..at + 32].iter().fold(0, |sum, byte| 256 * sum + usize::from(*byte));
    let lengths = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];
    let is_right = |(index, (offset, length))| number(32 * index) == offset && number(offset) == length;
    data.len() == 576 && lengths.into_iter().enumerate().all(is_right)
}

/// Makes one commitment of the header wrong, or another field that no block may have. Returns its name.
fn spoil(block: &mut Block, dice: &mut Dice) -> &'static str {
    let header = &mut block.header;
    let hash = dice.hash();
    let name = match dice.below(19) {
        0 => {
            header.gas_used =
                if dice.percent(50) { header.gas_used + 1 } else { header.gas_used.wrapping_sub(1) };
            "gas used"
        }
        1 => {
            header.receipts_root = hash;
            "receipts root"
        }
        2 => {
            header.logs_bloom.0[dice.index(256)] ^= 1 << dice.below(8);
            "logs bloom"
        }
        3 => {
            header.state_root = hash;
            "state root"
        }
        4 => {
            header.transactions_root = hash;
            "transactions root"
        }
        5 if header.withdrawals_root.is_some() => {
            header.withdrawals_root = Some(hash);
            "withdrawals root"
        }
        6 if header.requests_hash.is_some() => {
            header.requests_hash = Some(hash);
            "requests hash"
        }
        7 if header.block_access_list_hash.is_some() => {
            header.block_access_list_hash = Some(hash);
            "block access list hash"
        }
        8 if header.blob_gas_used.is_some() => {
            header.blob_gas_used = header.blob_gas_used.map(|gas| gas + (1 << 17));
            "blob gas used"
        }
        9 if header.excess_blob_gas.is_some() => {
            header.excess_blob_gas = header.excess_blob_gas.map(|gas| gas + (1 << 17));
            "excess blob gas"
        }
        10 if header.slot_number.is_some() => {
            header.slot_number = None;
            "slot number: none"
        }
        11 if header.block_access_list_hash.is_some() => {
            (header.block_access_list_hash, header.slot_number) = (None, None);
            "block access list hash: none"
        }
        12 if header.requests_hash.is_some() && header.block_access_list_hash.is_none() => {
            header.block_access_list_hash = Some(hash);
            "block access list hash: one before Amsterdam"
        }
        13 => {
            header.base_fee_per_gas = header.base_fee_per_gas.map(|fee| fee + 1);
            "base fee"
        }
        14 => {
            header.number += 1;
            "number"
        }
        15 => {
            header.extra_data = vec![0; 33].into();
            "extra data"
        }
        16 => {
            header.difficulty = U256::ONE;
            "difficulty"
        }
        17 => {
            header.nonce = 1_u64.to_be_bytes().into();
            "nonce"
        }
        _ => {
            header.ommers_hash = hash;
            "ommers hash"
        }
    };
    name
}

/// Changes one transaction's gas limit to an edge of the execution that was found, or fills the access list. Returns
/// whether there is such a variant.
fn vary(world: &mut World, found: &Comparison, dice: &mut Dice) -> bool {
    let Some(outcome) = &found.outcome else { return false };
    if let Some((items, _)) = outcome.access_list {
        let left = (world.gas_limit() / ITEM_GAS).saturating_sub(items);
        if left < 3000 && dice.percent(60) || left < 40_000 && dice.percent(2) {
            // One more is too many.
            world.withdraw(left + dice.below(2), dice);
            return true;
        }
    }
    if outcome.receipts.is_empty() {
        return false;
    }
    let index = dice.index(outcome.receipts.len());
    let before = if index == 0 { 0 } else { outcome.receipts[index - 1].cumulative_gas_used };
    let used = outcome.receipts[index].cumulative_gas_used - before;
    let (execution, state) = found.gas[index];
    let sum = |of: fn(&(u64, u64)) -> u64| found.gas[..index].iter().map(of).sum::<u64>();
    let limit = world.gas_limit();
    let edge = match dice.weighted([30, 20, 20, 10, 10, 10]) {
        0 => used,
        1 => execution + state,
        2 => (1 << 24) + state,
        3 => limit.saturating_sub(sum(|gas| gas.1)),
        4 => limit.saturating_sub(sum(|gas| gas.0)),
        _ => used - dice.below(used.min(50_000) + 1),
    };
    let edge = (edge + dice.below(3)).saturating_sub(1);
    if world.fork() == Fork::Osaka && edge > 1 << 24 {
        return false;
    }
    world.transactions[index].set_gas(edge);
    true
}

/// Accounts and slots in which the states after the block differ, among those that ethrex changed.
fn state_differences(zeno: &mut zeno::Executed, ethrex: &oracle::Executed) -> Vec<String> {
    let mut list = Vec::new();
    for update in &ethrex.updates {
        let address = Address::from(update.address.0);
        let account = match zeno.state.basic(address) {
            Ok(account) => account,
            Err(error) => {
                list.push(format!("account {address}: Zeno can't read it: {error}"));
                continue;
            }
        };
        let by_zeno = account.map(|it| (it.nonce, it.balance, it.code_hash));
        let by_ethrex = update.info.as_ref().map(|it| {
            (it.nonce, oracle::to_number(it.balance), alloy_primitives::B256::from(it.code_hash.0))
        });
        if update.removed && by_zeno.is_some() {
            list.push(format!("account {address}: {by_zeno:?} by Zeno, removed by ethrex"));
        } else if by_ethrex.is_some() && by_zeno != by_ethrex {
            list.push(format!("account {address}: {by_zeno:?} by Zeno, {by_ethrex:?} by ethrex"));
        }
        for (slot, value) in &update.added_storage {
            let (slot, value) = (U256::from_be_bytes(slot.0), oracle::to_number(*value));
            match zeno.state.storage(address, slot) {
                Ok(by_zeno) if by_zeno == value => {}
                by_zeno => {
                    list.push(format!("slot {slot} of {address}: {by_zeno:?} by Zeno, {value} by ethrex"))
                }
            }
        }
    }
    list
}

/// Accounts whose accesses differ.
fn access_differences(world: &World, block: &Block, ethrex: &oracle::Executed) -> Vec<String> {
    let by_zeno = zeno::accesses(world, block);
    let (Ok(by_zeno), Some(list)) = (by_zeno, &ethrex.access_list) else { return Vec::new() };
    let by_ethrex = oracle::accesses(list);
    let mut list = Vec::new();
    for address in by_zeno.keys().chain(by_ethrex.keys().filter(|address| !by_zeno.contains_key(*address))) {
        let (one, another) = (by_zeno.get(address), by_ethrex.get(address));
        if one != another {
            list.push(format!("accesses to {address}: {one:?} by Zeno, {another:?} by ethrex"));
        }
    }
    if list.is_empty() {
        list.push(
            "the accesses are the same, so one of the lists is encoded or hashed in another way".into(),
        );
    }
    list
}

/// Prints differences, and keeps the block.
fn report(seed: u64, variant: usize, world: &World, found: &Comparison, arguments: &Arguments) {
    println!("DIFFERENCE in seed {seed}, variant {variant}, {}, {:?}:", world.rules, world.odd);
    let transactions = world.block().body.transactions;
    for (index, transaction) in transactions.iter().enumerate() {
        println!(
            "  transaction {index}: type {}, to {:?}, gas {}, value {}, {} bytes",
            transaction.tx_type() as u8,
            transaction.to(),
            transaction.gas_limit(),
            transaction.value(),
            transaction.input().len()
        );
    }
    for line in &found.differences {
        println!("  {line}");
    }
    let mut text = format!("seed {seed}, variant {variant}\n");
    for line in &found.differences {
        text += &format!("{line}\n");
    }
    text += &format!(
        "\n{world:#?}\n\nblock {}\n",
        alloy_primitives::hex::encode(alloy_rlp::encode(world.block()))
    );
    let path = arguments.keep.join(format!("{seed}-{variant}.txt"));
    match fs::create_dir_all(&arguments.keep).and_then(|()| fs::write(&path, text)) {
        Ok(()) => println!("  kept as {}", path.display()),
        Err(error) => println!("  {} can't be written: {error}", path.display()),
    }
}

/// First words of an error message, with its numbers replaced.
fn without_numbers(text: &str) -> String {
    let word =
        |word: &str| if word.contains(|c: char| c.is_ascii_digit()) { "#".into() } else { word.to_owned() };
    text.split_whitespace().map(word).take(16).collect::<Vec<_>>().join(" ")
}

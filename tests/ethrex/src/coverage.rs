//! Counters of what the transactions of blocks do. Blocks that both execute in the same way show nothing about what never
//! happens in them.

use crate::{world::World, zeno};
use alloy_consensus::Transaction as _;
use alloy_evm::{
    Evm, EvmEnv, EvmFactory, FromRecoveredTx,
    eth::{EthEvmContext, EthEvmFactory},
};
use alloy_primitives::{Address, U256};
use revm::{
    Database, DatabaseCommit, Inspector,
    bytecode::opcode::{OpCode, SSTORE},
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::{
        block::BlobExcessGasAndPrice,
        result::{ExecutionResult, ResultAndState},
    },
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Gas, InstructionResult, Interpreter,
        interpreter_types::Jumps,
    },
    primitives::hardfork::SpecId,
};
use std::collections::{BTreeMap, HashMap};
use zeno_guest_evm::{Block, Transaction, chain::Fork};

/// Most gas that a transaction may execute by (EIP-7825).
const MAX_EXECUTION_GAS: u64 = 1 << 24;

/// Counters of all blocks of Amsterdam.
#[derive(Default)]
pub(crate) struct Coverage {
    /// Executions of each instruction.
    opcodes: BTreeMap<u8, u64>,
    events: BTreeMap<String, u64>,
    /// The frames that run, each after its caller, by their number in the transaction.
    frames: Vec<u64>,
    /// Number of the transaction's frames so far.
    count: u64,
    /// Frame that last wrote to each slot in the transaction.
    writers: HashMap<(Address, U256), u64>,
}

impl Coverage {
    /// Executes the transactions of a block of Amsterdam by the library alone, and counts what they do. The system calls
    /// are left out.
    pub(crate) fn add(&mut self, world: &World, block: &Block) {
        if world.fork() != Fork::Amsterdam {
            return;
        }
        let (_, mut state, senders) = zeno::prepare(world, block);
        for (transaction, sender) in block.body.transactions.iter().zip(senders) {
            (self.frames, self.count) = (Vec::new(), 0);
            self.writers.clear();
            let mut evm =
                EthEvmFactory::default().create_evm_with_inspector(&mut state, env(world, block), &mut *self);
            let result = evm.transact_raw(TxEnv::from_recovered_tx(transaction, sender));
            drop(evm);
            // It may need what a system call before it wrote.
            let Ok(result) = result else { return };
            self.transaction(transaction, &result);
            state.commit(result.state);
        }
    }

    fn note(&mut self, event: impl Into<String>) {
        *self.events.entry(event.into()).or_default() += 1;
    }

    fn transaction<H: std::fmt::Debug>(&mut self, transaction: &Transaction, result: &ResultAndState<H>) {
        match &result.result {
            ExecutionResult::Success { .. } => self.note("transactions that succeed"),
            ExecutionResult::Revert { .. } => self.note("transactions that revert"),
            ExecutionResult::Halt { reason, .. } => self.note(format!("transactions that halt: {reason:?}")),
        }
        if self.count == 0 {
            self.note("transactions that halt before the first frame");
        }
        let limit = transaction.gas_limit();
        match limit {
            ..MAX_EXECUTION_GAS => {}
            MAX_EXECUTION_GAS => self.note("gas limits of 2^24"),
            _ if limit > 1 << 31 => self.note("gas limits near 2^32"),
            _ if limit == MAX_EXECUTION_GAS + 1 => self.note("gas limits of 2^24 + 1"),
            _ => self.note("gas limits above 2^24 + 1"),
        }
        let gas = result.result.gas();
        let before = gas.total_gas_spent();
        if before - gas.inner_refunded().min(before) <= gas.floor_gas() {
            self.note("transactions that pay the floor");
            if before > gas.floor_gas() {
                self.note("transactions that pay the floor, because of a refund");
            }
        }
        if gas.inner_refunded() > 0 && gas.inner_refunded() == before / 5 {
            self.note("refunds that are capped");
        }
        if gas.block_state_gas_used() > gas.block_regular_gas_used() {
            self.note("transactions with more state gas than execution gas");
        }
        for account in result.state.values() {
            let before = account.original_info();
            let is_delegation = |code: &Option<revm::state::Bytecode>| {
                code.as_ref().is_some_and(revm::state::Bytecode::is_eip7702)
            };
            if before.code_hash != account.info.code_hash {
                self.note(match (is_delegation(&account.info.code), account.info.is_empty_code_hash()) {
                    (true, _) => "delegations set",
                    (_, true) => "delegations and codes cleared",
                    _ => "codes deployed",
                });
            }
            if account.is_created() && account.info.nonce == 0 && !account.info.balance.is_zero() {
                self.note("accounts destroyed that keep a balance");
            }
            if account.is_selfdestructed() {
                self.note("accounts destroyed");
            }
        }
    }

    fn begin(&mut self, reservoir: u64) {
        if self.frames.is_empty() {
            self.note(match reservoir {
                0 => "reservoirs of 0 at the first frame",
                1 => "reservoirs of 1 at the first frame",
                2..100_000 => "reservoirs below 100,000 at the first frame",
                _ => "reservoirs from 100,000 at the first frame",
            });
        }
        self.frames.push(self.count);
        self.count += 1;
    }

    fn end(&mut self, kind: &str, reservoir: u64, result: InstructionResult, gas: &Gas) {
        let is_first = self.frames.len() == 1;
        self.frames.pop();
        self.note(format!("{kind} ends by {result:?}"));
        if gas.state_gas_spilled() > 0 {
            self.note(if result.is_ok() { "frames that spill" } else { "frames that fail, and spilled" });
        }
        if gas.state_gas_spent() < 0 {
            self.note("frames that refill more than they charge");
        }
        if reservoir > 0 && gas.reservoir() == 0 {
            self.note("frames that empty the reservoir");
        } else if gas.reservoir() > reservoir {
            self.note("frames that fill the reservoir");
        }
        if is_first && reservoir > 0 && gas.state_gas_spilled() > 0 {
            self.note("first frames that use the reservoir and spill");
        }
    }

    /// Prints all counters.
    pub(crate) fn print(&self) {
        for (event, count) in &self.events {
            println!("  {count:>9} {event}");
        }
        let mut never = Vec::new();
        for opcode in (0..=u8::MAX).filter_map(OpCode::new) {
            match self.opcodes.get(&opcode.get()) {
                None => never.push(opcode.as_str()),
                Some(count) if matches!(opcode.get(), 0x4b | 0xe6..=0xe8) => {
                    println!("  {count:>9} {opcode}")
                }
                Some(_) => {}
            }
        }
        println!("  instructions that never ran: {}", never.join(" "));
    }
}

/// Environment of the block's transactions.
fn env(world: &World, block: &Block) -> EvmEnv {
    let header = &block.header;
    let mut cfg = CfgEnv::new_with_spec(SpecId::AMSTERDAM).with_chain_id(world.spec.chain_id);
    cfg.tx_gas_limit_cap = Some(MAX_EXECUTION_GAS);
    let params = world.spec.blob_params_at(header.timestamp).expect("the fork has blobs");
    let excess_blob_gas = header.excess_blob_gas.unwrap_or_default();
    let blob_gasprice = params.calc_blob_fee(excess_blob_gas);
    let block = BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice }),
        slot_num: header.slot_number.unwrap_or_default(),
    };
    EvmEnv::new(cfg, block)
}

impl<DB: Database> Inspector<EthEvmContext<DB>> for Coverage {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut EthEvmContext<DB>) {
        let opcode = interpreter.bytecode.opcode();
        *self.opcodes.entry(opcode).or_default() += 1;
        if opcode != SSTORE || interpreter.stack.len() < 2 {
            return;
        }
        let [key, value] = [0, 1].map(|index| interpreter.stack.peek(index).expect("it has two words"));
        let address = interpreter.input.target_address;
        let frame = *self.frames.last().expect("a frame runs");
        let slot = context.journaled_state.state.get(&address).and_then(|account| account.storage.get(&key));
        if let Some(slot) = slot
            && slot.present_value != value
            && slot.present_value != slot.original_value
            && slot.original_value == value
        {
            let kind = if value.is_zero() { "0 -> x -> 0" } else { "x -> y -> x" };
            let by =
                if self.writers.get(&(address, key)) == Some(&frame) { "one frame" } else { "two frames" };
            self.note(format!("slots {kind} by {by}"));
        }
        self.writers.insert((address, key), frame);
    }

    fn call(&mut self, _: &mut EthEvmContext<DB>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.begin(inputs.reservoir);
        None
    }

    fn call_end(&mut self, _: &mut EthEvmContext<DB>, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let result = outcome.result.result;
        self.end("call", inputs.reservoir, result, &outcome.result.gas);
        let number = U256::from_be_bytes(inputs.bytecode_address.into_word().0);
        if !number.is_zero() && number <= U256::from(0x100) {
            self.note(format!(
                "precompile {number:#x}: {}",
                if result.is_ok() { "success" } else { "failure" }
            ));
        }
    }

    fn create(&mut self, _: &mut EthEvmContext<DB>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.begin(inputs.reservoir());
        None
    }

    fn create_end(&mut self, _: &mut EthEvmContext<DB>, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end("creation", inputs.reservoir(), outcome.result.result, &outcome.result.gas);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        let to = if contract == target { "itself" } else { "another account" };
        let with = if value.is_zero() { "nothing" } else { "a balance" };
        self.note(format!("SELFDESTRUCT to {to}, with {with}"));
    }
}

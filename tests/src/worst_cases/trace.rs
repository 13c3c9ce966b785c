//! Transactions of a block once more, on revm's own interpreter, to count what they do.

use super::hashing::permutations;
use alloy_evm::FromRecoveredTx;
use alloy_primitives::{Address, U256};
use revm::{
    Context, DatabaseCommit, InspectEvm, Inspector, MainBuilder, MainContext,
    bytecode::opcode,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter, interpreter::EthInterpreter,
        interpreter_types::Jumps as _,
    },
    primitives::hardfork::SpecId,
};
use std::collections::BTreeMap;
use zeno_guest_evm::{Block, chain::Fork, state::WitnessState};

/// Counts of what transactions do. System calls are not among it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Number of executed instructions, by opcode.
    pub counts: Box<[u64; 256]>,
    /// Gas of the instructions, by opcode. Those that start a frame have the gas of the frame with it.
    pub gas: Box<[u64; 256]>,
    /// Calls of precompiles that succeeded, and those that failed, by address.
    pub precompiles: BTreeMap<Address, [u64; 2]>,
    /// Number of keys of tries: accounts and slots of each transaction.
    pub keys: u64,
    /// Permutations of Keccak that instructions ask for: KECCAK256, CREATE, CREATE2, and the hashes of codes that are
    /// deployed.
    pub permutations: u64,
    /// Gas of the block, as its header has it.
    pub gas_used: u64,
    /// The instruction that is running, and the gas before it.
    running: Option<(u8, u64)>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            counts: Box::new([0; 256]),
            gas: Box::new([0; 256]),
            precompiles: BTreeMap::new(),
            keys: 0,
            permutations: 0,
            gas_used: 0,
            running: None,
        }
    }
}

impl Trace {
    /// Number of executed instructions.
    pub fn instructions(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl<C> Inspector<C, EthInterpreter> for Trace {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut C) {
        let opcode = interpreter.bytecode.opcode();
        self.counts[usize::from(opcode)] += 1;
        self.running = Some((opcode, interpreter.gas.remaining()));
        if let (opcode::KECCAK256, [.., length, _]) = (opcode, &interpreter.stack.data()[..]) {
            // A greater length is not paid for.
            self.permutations += usize::try_from(*length).map_or(0, permutations);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut C) {
        if let Some((opcode, before)) = self.running.take() {
            self.gas[usize::from(opcode)] += before.saturating_sub(interpreter.gas.remaining());
        }
    }

    fn call_end(&mut self, _: &mut C, inputs: &CallInputs, outcome: &mut CallOutcome) {
        if outcome.was_precompile_called {
            let counts = self.precompiles.entry(inputs.bytecode_address).or_default();
            counts[usize::from(!outcome.result.result.is_ok())] += 1;
        }
    }

    fn create_end(&mut self, _: &mut C, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        // The address, for CREATE2 with the init code's hash (EIP-1014).
        self.permutations += 1;
        if matches!(inputs.scheme(), revm::interpreter::CreateScheme::Create2 { .. }) {
            self.permutations += permutations(inputs.init_code().len());
        }
        if outcome.result.result.is_ok() {
            self.permutations += permutations(outcome.result.output.len());
        }
    }
}

/// Runs the block's transactions.
///
/// # Errors
/// The reason for which one of them can't be executed.
pub fn run(fork: Fork, block: &Block, senders: &[Address], state: WitnessState) -> Result<Trace, String> {
    let spec = match fork {
        Fork::Osaka => SpecId::OSAKA,
        Fork::Amsterdam => SpecId::AMSTERDAM,
        other => return Err(format!("there are no worst cases of {other}")),
    };
    let header = &block.header;
    let block_env = BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        ..BlockEnv::default()
    };
    let mut evm = Context::mainnet()
        .with_db(state)
        .with_cfg(CfgEnv::new_with_spec(spec))
        .with_block(block_env)
        .build_mainnet_with_inspector(Trace::default());
    // EIP-8037: the header has the greater of the two sums.
    let (mut used, mut regular, mut state) = (0, 0, 0);
    for (index, (transaction, sender)) in block.body.transactions.iter().zip(senders).enumerate() {
        let transaction = TxEnv::from_recovered_tx(transaction, *sender);
        let result = evm.inspect_tx(transaction).map_err(|error| format!("transaction {index}: {error}"))?;
        let slots = result.state.values().map(|account| account.storage.len() as u64).sum::<u64>();
        evm.inspector.keys += result.state.len() as u64 + slots;
        let gas = result.result.gas();
        used += gas.tx_gas_used();
        regular += gas.block_regular_gas_used();
        state += gas.block_state_gas_used();
        evm.ctx.journaled_state.database.commit(result.state);
    }
    let mut trace = std::mem::take(&mut evm.inspector);
    trace.gas_used = if fork < Fork::Amsterdam { used } else { regular.max(state) };
    Ok(trace)
}

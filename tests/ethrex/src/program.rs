//! Generator of contracts that act on few accounts and few slots, so that what frames do to each other's state meets:
//! calls with little gas or value, creations, destructions, writes that others read or revert.
//!
//! A program is a list of statements. Most results are stored or logged, and so is the remaining gas at many places, so
//! that a difference of one unit shows in the state or in a receipt.

use crate::{
    code::{self, Setting},
    dice::Dice,
};
use alloy_primitives::{Address, U256};
use revm::bytecode::opcode as op;
use zeno_guest_evm::chain::Fork;

/// EIP-8024.
const DUPN: u8 = 0xe6;
/// EIP-7843.
const SLOTNUM: u8 = 0x4b;
/// EIP-7939.
const CLZ: u8 = 0x1e;

/// Numbers at which gas is at an edge: prices of EIPs 2929, 2780, 8037 and 8038, and sums of them.
pub(crate) const PRICES: [u64; 28] = [
    0, 100, 700, 1_600, 2_100, 2_300, 2_600, 2_900, 3_000, 5_000, 6_000, 6_700, 9_000, 10_000, 11_300,
    11_616, 12_000, 15_000, 20_000, 21_000, 23_000, 35_190, 97_920, 107_920, 110_020, 183_600, 195_600,
    198_600,
];

/// Accounts that programs name, and the rules that they run by.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) fork: Fork,
    /// Accounts with code.
    pub(crate) contracts: Vec<Address>,
    /// All other accounts, existing or not.
    pub(crate) others: Vec<Address>,
}

impl Scene {
    /// An account, most often a contract.
    pub(crate) fn account(&self, dice: &mut Dice) -> Address {
        match dice.weighted([50, 38, 6, 6]) {
            0 if !self.contracts.is_empty() => dice.pick(&self.contracts),
            2 => precompile(dice),
            3 => dice.pick(&system_contracts()),
            _ => dice.pick(&self.others),
        }
    }
}

/// Precompile of some fork, or an address near one.
pub(crate) fn precompile(dice: &mut Dice) -> Address {
    match dice.below(20) {
        0 => Address::from_word(U256::from(0x100).into()),
        1 => Address::from_word(U256::from(0xff + 2 * dice.below(2)).into()),
        _ => Address::with_last_byte(dice.below(0x13) as u8),
    }
}

/// Contracts that blocks call, and the caller of these calls.
pub(crate) fn system_contracts() -> [Address; 7] {
    use alloy_eips::{eip2935, eip4788, eip7002, eip7251, eip8282};
    [
        eip4788::BEACON_ROOTS_ADDRESS,
        eip2935::HISTORY_STORAGE_ADDRESS,
        eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        eip8282::BUILDER_DEPOSIT_CONTRACT_ADDRESS,
        eip8282::BUILDER_EXIT_CONTRACT_ADDRESS,
        eip4788::SYSTEM_ADDRESS,
    ]
}

/// Code of a contract.
pub(crate) fn contract(dice: &mut Dice, scene: &Scene) -> Vec<u8> {
    match dice.weighted([66, 12, 9, 8, 5]) {
        1 => {
            let setting = Setting {
                fork: scene.fork,
                gas_bits: 22,
                memory_bits: 14,
                risk: dice.pick(&[0, 1, 5]),
                callees: scene
                    .contracts
                    .iter()
                    .map(|address| code::Callee { address: *address, terminates: false })
                    .collect(),
                known: scene.others.clone(),
                must_succeed: false,
            };
            if dice.percent(60) { code::terminating(dice, &setting) } else { code::arbitrary(dice, &setting) }
        }
        2 => code::deposit_logger(dice),
        // A program of one statement, called with all kinds of gas.
        3 => {
            let mut writer = Writer::new(dice, scene, 1);
            writer.statement();
            writer.finish()
        }
        4 => code::gas_burner(dice),
        _ => statements(dice, scene, 0),
    }
}

/// Code that creates a contract.
pub(crate) fn init_code(dice: &mut Dice, scene: &Scene) -> Vec<u8> {
    init(dice, scene, 0)
}

fn statements(dice: &mut Dice, scene: &Scene, depth: u32) -> Vec<u8> {
    let mut writer = Writer::new(dice, scene, depth);
    for _ in 0..1 + writer.dice.below(if depth == 0 { 9 } else { 3 }) {
        writer.statement();
    }
    writer.end();
    writer.finish()
}

/// Init code, with a runtime code of some kind.
fn init(dice: &mut Dice, scene: &Scene, depth: u32) -> Vec<u8> {
    let mut writer = Writer::new(dice, scene, depth + 1);
    for _ in 0..writer.dice.below(3) {
        writer.statement();
    }
    match writer.dice.weighted([35, 20, 6, 8, 8, 6, 9, 8]) {
        0 => {
            let runtime = statements(writer.dice, scene, depth + 1);
            writer.return_code(runtime);
        }
        // No code.
        1 => writer.op(op::STOP),
        2 => writer.return_code(vec![0xef, 0, 0]),
        3 => {
            let target = scene.account(writer.dice);
            writer.return_code([&[0xef, 1, 0], target.as_slice()].concat());
        }
        // Much zero code, also beyond the limits of EIPs 170 and 7954.
        4 => {
            let length = match writer.dice.below(3) {
                0 => writer.dice.below(200),
                1 => writer.dice.pick(&[24_575, 24_576, 24_577, 65_535, 65_536, 65_537]),
                _ => writer.dice.up_to_bits(17),
            };
            writer.push_small(length);
            writer.push_small(0);
            writer.op(op::RETURN);
        }
        5 => writer.end(),
        6 => {
            let mut code = Writer::new(writer.dice, scene, depth + 1);
            code.self_destruct();
            let runtime = code.finish();
            writer.return_code(runtime);
        }
        _ => writer.self_destruct(),
    }
    writer.finish()
}

/// Writer of one program.
struct Writer<'a> {
    dice: &'a mut Dice,
    scene: &'a Scene,
    /// Number of programs that contain this one.
    depth: u32,
    code: Vec<u8>,
    /// Data after the program, with the operand of two bytes that will be its position.
    data: Vec<(usize, Vec<u8>)>,
}

impl<'a> Writer<'a> {
    fn new(dice: &'a mut Dice, scene: &'a Scene, depth: u32) -> Self {
        Self { dice, scene, depth, code: Vec::new(), data: Vec::new() }
    }

    fn finish(mut self) -> Vec<u8> {
        for (at, data) in std::mem::take(&mut self.data) {
            let position = self.code.len() as u16;
            self.code[at..at + 2].copy_from_slice(&position.to_be_bytes());
            self.code.extend(data);
        }
        self.code
    }

    fn op(&mut self, byte: u8) {
        self.code.push(byte);
    }

    fn ops(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    fn push(&mut self, value: U256) {
        let length = value.byte_len();
        self.op(op::PUSH0 + length as u8);
        self.code.extend_from_slice(&value.to_be_bytes::<32>()[32 - length..]);
    }

    fn push_small(&mut self, value: u64) {
        self.push(U256::from(value));
    }

    /// Pushes a position of two bytes, which is set later. Returns where it is.
    fn push_position(&mut self) -> usize {
        self.op(op::PUSH2);
        self.ops(&[0, 0]);
        self.code.len() - 2
    }

    /// Makes the next instruction a jump destination, whose position is the operand at `at`.
    fn destination(&mut self, at: usize) {
        let position = self.code.len() as u16;
        self.code[at..at + 2].copy_from_slice(&position.to_be_bytes());
        self.op(op::JUMPDEST);
    }

    /// Copies data, which is put after the program, to the memory's beginning.
    fn copy_data(&mut self, data: Vec<u8>) {
        self.push_small(data.len() as u64);
        let at = self.push_position();
        self.op(op::PUSH0);
        self.op(op::CODECOPY);
        self.data.push((at, data));
    }

    fn return_code(&mut self, code: Vec<u8>) {
        let length = code.len() as u64;
        self.copy_data(code);
        self.push_small(length);
        self.ops(&[op::PUSH0, op::RETURN]);
    }

    fn push_account(&mut self) {
        match self.dice.weighted([80, 5, 5, 5, 5]) {
            1 => self.op(op::ADDRESS),
            2 => self.op(op::CALLER),
            3 => self.op(op::ORIGIN),
            4 => self.op(op::COINBASE),
            _ => {
                let account = self.scene.account(self.dice);
                self.push(U256::from_be_bytes(account.into_word().0));
            }
        }
    }

    /// Pushes a slot. Most are among few.
    fn push_slot(&mut self) {
        match self.dice.weighted([85, 5, 5, 5]) {
            1 => {
                let slot = self.dice.word();
                self.push(slot);
            }
            2 => self.op(op::GAS),
            3 => {
                self.push(U256::MAX);
            }
            _ => {
                let slot = self.dice.below(6);
                self.push_small(slot);
            }
        }
    }

    /// Pushes a value. Most are among few, so that slots get their value before again.
    fn push_value(&mut self) {
        match self.dice.weighted([35, 35, 15, 5, 5, 5]) {
            1 => self.push_small(1),
            2 => {
                let value = self.dice.below(4);
                self.push_small(value);
            }
            3 => self.op(op::GAS),
            4 => {
                let value = self.dice.interesting();
                self.push(value);
            }
            5 => self.op(op::CALLER),
            _ => self.push_small(0),
        }
    }

    /// Pushes an amount of ether.
    fn push_amount(&mut self) {
        match self.dice.weighted([50, 28, 8, 6, 8]) {
            1 => self.push_small(1),
            2 => self.op(op::SELFBALANCE),
            3 => self.op(op::CALLVALUE),
            4 => {
                let amount = self.dice.up_to_bits(70);
                self.push_small(amount);
            }
            _ => self.push_small(0),
        }
    }

    /// Pushes the gas of a call.
    fn push_gas(&mut self) {
        match self.dice.weighted([45, 10, 25, 10, 10]) {
            1 => self.push_small(0),
            2 => {
                let price = self.dice.pick(&PRICES) + self.dice.pick(&PRICES);
                let gas = (price + self.dice.below(60)).saturating_sub(self.dice.below(30));
                self.push_small(gas);
            }
            3 => {
                let share = 1 + self.dice.below(4);
                self.op(op::GAS);
                self.push_small(share);
                self.op(op::SHR);
            }
            4 => {
                let gas = self.dice.up_to_bits(22);
                self.push_small(gas);
            }
            _ => self.op(op::GAS),
        }
    }

    /// Takes a word from the stack.
    fn consume(&mut self) {
        match self.dice.weighted([40, 35, 25]) {
            0 => self.op(op::POP),
            1 => {
                let slot = self.dice.below(6);
                self.push_small(slot);
                self.op(op::SSTORE);
            }
            _ => self.ops(&[op::PUSH0, op::PUSH0, op::LOG1]),
        }
    }

    fn statement(&mut self) {
        match self.dice.weighted([13, 7, 4, 10, 20, 10, 3, 3, 8, 4, 7, 3, 4, 4, 4, 1, 2, 8, 2]) {
            0 => {
                self.push_value();
                self.push_slot();
                self.op(op::SSTORE);
            }
            1 => {
                self.push_slot();
                self.op(op::SLOAD);
                self.consume();
            }
            2 => {
                self.push_slot();
                self.op(op::TLOAD);
                self.consume();
                self.push_value();
                self.push_slot();
                self.op(op::TSTORE);
            }
            3 => self.read_account(),
            4 => self.call(),
            5 => self.create(),
            6 => self.self_destruct(),
            7 => self.log(),
            8 => {
                self.op(op::GAS);
                self.consume();
            }
            9 => self.memory(),
            10 => self.environment(),
            11 => self.arithmetic(),
            12 => self.deep_stack(),
            13 => self.call_precompile(),
            14 => self.branch(),
            15 => self.end(),
            16 => self.write_many(),
            17 => self.toggle(),
            _ => self.stack(),
        }
    }

    /// Writes to a slot whether it was zero: two frames together restore it.
    fn toggle(&mut self) {
        let slot = self.dice.below(3);
        self.push_small(slot);
        self.ops(&[op::DUP1, op::SLOAD, op::ISZERO, op::SWAP1, op::SSTORE]);
    }

    /// Duplicates and swaps within the depth of the old instructions.
    fn stack(&mut self) {
        for index in 0..17 {
            self.push_small(index);
        }
        for _ in 0..4 {
            let [duplicate, swap] = [op::DUP1, op::SWAP1].map(|first| first + self.dice.below(16) as u8);
            self.ops(&[duplicate, swap]);
        }
        self.consume();
        self.consume();
    }

    fn read_account(&mut self) {
        let how =
            self.dice.pick(&[op::BALANCE, op::EXTCODESIZE, op::EXTCODEHASH, op::EXTCODECOPY, op::BALANCE]);
        if how == op::EXTCODECOPY {
            let length = self.dice.pick(&[0, 1, 32, 100, 40_000]);
            self.push_small(length);
            self.push_value();
            self.push_small(0);
        }
        self.push_account();
        self.op(how);
        match how {
            op::EXTCODECOPY => self.push_small(0),
            _ => return self.consume(),
        }
        self.op(op::MLOAD);
        self.consume();
    }

    fn call(&mut self) {
        let how = self.dice.pick(&[
            op::CALL,
            op::CALL,
            op::CALL,
            op::CALL,
            op::CALLCODE,
            op::DELEGATECALL,
            op::DELEGATECALL,
            op::STATICCALL,
        ]);
        if self.dice.percent(40) {
            let selector = self.dice.below(64);
            self.push_small(selector);
            self.ops(&[op::PUSH0, op::MSTORE]);
        }
        let [output, input] = [0, 1].map(|_| self.dice.pick(&[0, 0, 32, 64, 5000]));
        self.push_small(output);
        self.push_small(0);
        self.push_small(input);
        self.push_small(0);
        if matches!(how, op::CALL | op::CALLCODE) {
            self.push_amount();
        }
        self.push_account();
        self.push_gas();
        self.op(how);
        self.consume();
        if self.dice.percent(25) {
            self.op(op::RETURNDATASIZE);
            self.consume();
        }
        if self.dice.percent(10) {
            self.ops(&[op::RETURNDATASIZE, op::PUSH0, op::PUSH0, op::RETURNDATACOPY]);
        }
    }

    fn create(&mut self) {
        let second = self.dice.percent(55);
        let init = match self.dice.below(20) {
            // Reads and no more.
            0..6 => Vec::new(),
            6 => {
                let length = self.dice.pick(&[49_151, 49_152, 49_153, 131_072, 131_073]);
                vec![0; length]
            }
            _ if self.depth < 2 => init(self.dice, self.scene, self.depth + 1),
            _ => vec![op::PUSH1, 1, op::PUSH0, op::RETURN],
        };
        // Long init code is memory that is still zero.
        let (from, length) = (init.len() > 10_000).then_some((20_000, init.len())).unwrap_or((0, init.len()));
        if from == 0 && length > 0 {
            self.copy_data(init);
        }
        if second {
            let salt = self.dice.below(2);
            self.push_small(salt);
        }
        self.push_small(length as u64);
        self.push_small(from);
        if self.dice.percent(65) {
            self.push_small(0)
        } else {
            self.push_amount()
        }
        self.op(if second { op::CREATE2 } else { op::CREATE });
        if self.dice.percent(40) {
            // Calls what it created.
            self.ops(&[op::PUSH0, op::PUSH0, op::PUSH0, op::PUSH0]);
            self.push_amount();
            self.op(op::DUP6);
            self.push_gas();
            self.op(op::CALL);
            self.consume();
        }
        self.consume();
    }

    fn self_destruct(&mut self) {
        if self.dice.percent(35) {
            self.op(op::ADDRESS);
        } else {
            self.push_account();
        }
        self.op(op::SELFDESTRUCT);
    }

    fn log(&mut self) {
        let topics = self.dice.below(5) as u8;
        (0..topics).for_each(|_| self.push_value());
        let length = self.dice.pick(&[0, 1, 32, 300]);
        self.push_small(length);
        self.push_small(0);
        self.op(op::LOG0 + topics);
    }

    fn memory(&mut self) {
        let offset = self.dice.pick(&[0, 1, 31, 32, 500, 5000, 100_000, 1 << 20]);
        match self.dice.below(4) {
            0 => {
                self.push_value();
                self.push_small(offset);
                self.op(op::MSTORE);
            }
            1 => {
                self.push_small(offset);
                self.op(op::MLOAD);
                self.consume();
            }
            2 => {
                let (length, from) = (self.dice.pick(&[0, 1, 33, 700]), self.dice.below(3000));
                self.push_small(length);
                self.push_small(from);
                self.push_small(offset);
                let copy = self.dice.pick(&[op::CODECOPY, op::CALLDATACOPY, op::MCOPY, op::RETURNDATACOPY]);
                self.op(copy);
            }
            _ => {
                let length = self.dice.pick(&[0, 1, 32, 136, 1000]);
                self.push_small(length);
                self.push_small(offset);
                self.op(op::KECCAK256);
                self.consume();
            }
        }
    }

    fn environment(&mut self) {
        match self.dice.below(8) {
            0 => {
                let back = self.dice.below(8);
                self.push_small(back);
                self.ops(&[op::NUMBER, op::SUB, op::BLOCKHASH]);
            }
            1 => {
                let index = self.dice.below(3);
                self.push_small(index);
                self.op(op::BLOBHASH);
            }
            2 => {
                let offset = self.dice.pick(&[0, 1, 32, 1 << 40]);
                self.push_small(offset);
                self.op(op::CALLDATALOAD);
            }
            3 | 4 if self.scene.fork >= Fork::Amsterdam || self.dice.percent(10) => self.op(SLOTNUM),
            _ => {
                let what = self.dice.pick(&[
                    op::ADDRESS,
                    op::ORIGIN,
                    op::CALLER,
                    op::CALLVALUE,
                    op::CALLDATASIZE,
                    op::CODESIZE,
                    op::GASPRICE,
                    op::RETURNDATASIZE,
                    op::COINBASE,
                    op::TIMESTAMP,
                    op::NUMBER,
                    op::DIFFICULTY,
                    op::GASLIMIT,
                    op::CHAINID,
                    op::SELFBALANCE,
                    op::BASEFEE,
                    op::BLOBBASEFEE,
                    op::PC,
                    op::MSIZE,
                    op::GAS,
                ]);
                self.op(what);
            }
        }
        self.consume();
    }

    fn arithmetic(&mut self) {
        let how = match self.dice.below(4) {
            0 => self.dice.pick(&[op::ADDMOD, op::MULMOD]),
            1 => self.dice.pick(&[op::NOT, op::ISZERO, CLZ]),
            _ => op::ADD + self.dice.below(26) as u8,
        };
        for _ in 0..3 {
            let value = self.dice.interesting();
            self.push(value);
        }
        if how != 0x0c && how != 0x0d && how != 0x0e && how != 0x0f && how < 0x1e || how == CLZ {
            self.op(how);
        }
        self.consume();
    }

    /// Fills the stack, and takes words from its depth (EIP-8024).
    fn deep_stack(&mut self) {
        let count = self.dice.pick(&[1, 3, 16, 17, 18, 20, 32, 40, 110, 236, 300, 900]);
        let count = count + self.dice.below(3);
        self.push_small(count);
        for index in 0..count {
            if index % 5 == 0 { self.push_small(index) } else { self.op(op::MSIZE) }
        }
        for _ in 0..1 + self.dice.below(3) {
            let how = DUPN + self.dice.below(3) as u8;
            let immediate = match self.dice.below(4) {
                0 => self.dice.byte(),
                1 => 0x80 + self.dice.below(12) as u8,
                2 => self.dice.pick(&[0x00, 0x51, 0x52, 0x5a, 0x5b, 0x60, 0x7f, 0x80, 0x8e, 0x8f, 0xff]),
                _ => self.dice.below(0x52) as u8,
            };
            let has_rule = self.scene.fork >= Fork::Amsterdam || self.dice.percent(5);
            self.ops(&if has_rule { [how, immediate] } else { [op::DUP16, op::POP] });
        }
        for _ in 0..3 {
            self.consume();
        }
        // It may be the end of the code, so that the immediate is beyond it.
        if self.dice.percent(2) {
            self.op(DUPN);
        }
    }

    fn call_precompile(&mut self) {
        let address = precompile(self.dice);
        let byte = address[19];
        let length = self.dice.pick(&[0, 1, 32, 64, 96, 128, 160, 192, 212, 213, 214, 256, 288, 384, 768]);
        match (byte, self.dice.below(3)) {
            // Lengths of MODEXP's numbers.
            (5, 0..2) => {
                for offset in [0, 32, 64] {
                    let length = self.dice.pick(&[0, 1, 2, 31, 32, 33, 64, 200, 1024, 1025, 1 << 33]);
                    self.push_small(length);
                    self.push_small(offset);
                    self.op(op::MSTORE);
                }
            }
            // Points (1, 2) of the curve BN254.
            (6..=8, 0..2) => {
                for offset in 0..6 {
                    let value = [1, 2, 1, 2, 3, 0][offset as usize];
                    self.push_small(value);
                    self.push_small(32 * offset);
                    self.op(op::MSTORE);
                }
            }
            // BLAKE2's number of rounds.
            (9, 0..2) => {
                let rounds = self.dice.up_to_bits(12);
                self.push(U256::from(rounds) << 224);
                self.ops(&[op::PUSH0, op::MSTORE]);
            }
            (_, 2) => {
                let data = self.dice.bytes(length as usize);
                self.copy_data(data);
            }
            _ => {}
        }
        self.push_small(64);
        self.push_small(0);
        self.push_small(length);
        self.push_small(0);
        let how = self.dice.pick(&[op::CALL, op::STATICCALL, op::DELEGATECALL, op::CALLCODE]);
        if matches!(how, op::CALL | op::CALLCODE) {
            self.push_amount();
        }
        self.push(U256::from_be_bytes(address.into_word().0));
        self.push_gas();
        self.op(how);
        self.consume();
        self.ops(&[op::PUSH0, op::MLOAD]);
        self.consume();
    }

    /// Statements that run if a bit of the calldata or a slot says so.
    fn branch(&mut self) {
        if self.dice.percent(50) {
            let bit = 1 << self.dice.below(6);
            self.ops(&[op::PUSH0, op::CALLDATALOAD]);
            self.push_small(bit);
            self.op(op::AND);
        } else {
            self.push_slot();
            self.op(op::SLOAD);
        }
        let at = self.push_position();
        self.op(op::JUMPI);
        for _ in 0..1 + self.dice.below(2) {
            self.statement();
        }
        self.destination(at);
    }

    /// Writes to slots that may be new ones, one after another.
    fn write_many(&mut self) {
        let count = self.dice.pick(&[2, 3, 16, 17, 40, 150]);
        let base = self.dice.pick(&[0, 3, 1000]);
        let value = self.dice.pick(&[op::DUP1, op::PUSH0, op::GAS, op::DUP1]);
        self.push_small(count);
        let start = self.code.len() as u16;
        self.op(op::JUMPDEST);
        self.ops(&[value, op::DUP2]);
        self.push_small(base);
        self.ops(&[op::ADD, op::SSTORE]);
        self.ops(&[op::PUSH1, 1, op::SWAP1, op::SUB, op::DUP1]);
        let at = self.push_position();
        self.code[at..at + 2].copy_from_slice(&start.to_be_bytes());
        self.ops(&[op::JUMPI, op::POP]);
    }

    fn end(&mut self) {
        match self.dice.weighted([50, 15, 10, 10, 5, 10]) {
            0 => self.op(op::STOP),
            1 => {
                let length = self.dice.pick(&[0, 1, 32, 500]);
                self.push_small(length);
                self.ops(&[op::PUSH0, op::REVERT]);
            }
            2 => {
                let byte = self.dice.pick(&[op::INVALID, 0x0c, 0xe5, 0xe9, op::POP, op::JUMP]);
                self.op(byte);
            }
            3 => self.self_destruct(),
            4 => {
                // All gas is used.
                let at = self.push_position();
                self.op(op::JUMP);
                self.destination(at);
                let position = self.code.len() as u16 - 1;
                self.op(op::PUSH2);
                self.ops(&position.to_be_bytes());
                self.op(op::JUMP);
            }
            _ => {
                let length = self.dice.pick(&[0, 32, 64]);
                self.push_small(length);
                self.ops(&[op::PUSH0, op::RETURN]);
            }
        }
    }
}

//! Generator of EVM code with structure, because random bytes would fail at their first instructions.
//!
//! A program is a list of statements. Each of them leaves the height of the stack unchanged. The results of its
//! expressions are stored, logged or returned, so that a wrong result changes a commitment of the block.
//!
//! A block may have 2^63 gas, which no run can spend. So a *terminating* program ends by itself: its loops have
//! counters, it jumps back nowhere else, and it passes a share of all its gas only to terminating programs that can't
//! call it. All other programs are *arbitrary*, and get little gas.

use super::dice::Dice;
use alloy_primitives::{Address, U256};
use revm::bytecode::opcode as op;
use zeno_guest_evm::chain::Fork;

/// Account that a program may call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callee {
    pub(super) address: Address,
    /// True if its code ends by itself, however much gas it has.
    pub(super) terminates: bool,
}

/// Parameters of a program.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) fork: Fork,
    /// Binary logarithm of the gas that the program may have.
    pub(super) gas_bits: u32,
    /// Binary logarithm of the memory, in bytes, that the gas may buy.
    pub(super) memory_bits: u32,
    /// Chance, in percent, that an operand exceeds this memory, or that another error ends the frame.
    pub(super) risk: u64,
    /// Accounts that the program may call.
    pub(super) callees: Vec<Callee>,
    /// Accounts whose balances and codes the program may read.
    pub(super) known: Vec<Address>,
    /// True if no error may end the program.
    pub(super) must_succeed: bool,
}

/// Topic of the log in which a program reports the size of its memory.
pub(super) const MEMORY_TOPIC: U256 = U256::from_limbs([0x6d65_6d6f_7279, 0, 0, 0]);

/// Greatest gas of an arbitrary program.
pub(super) const MAX_ARBITRARY_GAS: u64 = 400_000;

/// Binary logarithm of the memory, in bytes, that a frame can buy for 2^`gas_bits` gas. The price is linear at first,
/// and then quadratic.
pub(super) const fn memory_bits(gas_bits: u32) -> u32 {
    let (linear, root) = (gas_bits + 3, gas_bits / 2 + 9);
    if linear < root { linear } else { root }
}

/// Terminating program.
pub(super) fn terminating(dice: &mut Dice, setting: &Setting) -> Vec<u8> {
    let mut writer = Writer::new(dice, setting, 0);
    writer.body();
    writer.finish()
}

/// Code of this length that ends with a terminating program, after a pattern of bytes of which some are jump
/// destinations.
pub(super) fn long(dice: &mut Dice, setting: &Setting, length: usize) -> Vec<u8> {
    let pattern: &[u8] = match dice.below(5) {
        0 => &[0],
        1 => &[op::JUMPDEST],
        2 => &[op::PUSH1, op::JUMPDEST],
        3 => &[op::PUSH32, op::JUMPDEST, op::JUMPDEST],
        _ => &[op::PUSH3, op::JUMPDEST, op::PUSH32, op::JUMPDEST, op::JUMPDEST],
    };
    // The entry must not lie in push data: a push takes 32 bytes at most.
    let entry = length.saturating_sub(4000).max(64);
    let mut code = vec![op::PUSH4];
    code.extend((entry as u32).to_be_bytes());
    code.push(op::JUMP);
    code.extend(pattern.iter().cycle().take(entry - 33 - code.len()));
    code.resize(entry, 0);
    let mut writer = Writer::new(dice, setting, entry);
    writer.op(op::JUMPDEST);
    writer.body();
    code.extend(writer.finish());
    if code.len() < length {
        code.resize(length, 0);
    }
    code
}

/// Program at the address `own` that calls itself to a fixed depth. Each frame has memory.
pub(super) fn recursive(dice: &mut Dice, setting: &Setting, own: Address) -> Vec<u8> {
    let depth = match dice.weighted([60, 25, 15]) {
        0 => 1 + dice.below(8),
        1 => 8 + dice.below(60),
        _ => 1000 + dice.below(30),
    };
    let mut writer = Writer::new(dice, setting, 0);
    writer.calls_left = 0;
    // Either all frames together or each of them has about as much memory as the gas can buy.
    let share = if writer.dice.percent(70) { 64 - depth.leading_zeros() } else { 0 };
    let target = writer.dice.near_power_of_two(setting.memory_bits.saturating_sub(share));
    // The other statements of each frame must not take too long.
    writer.memory_bits = setting.memory_bits.saturating_sub(share).min(if depth > 100 { 14 } else { 20 });
    writer.push_small(0);
    writer.op(op::CALLDATALOAD);
    writer.push(U256::from(depth));
    writer.ops(&[op::DUP2, op::LT, op::ISZERO]);
    let end = writer.push_label();
    writer.op(op::JUMPI);
    writer.ops(&[op::DUP1, op::PUSH1, 1, op::ADD]);
    writer.push(target);
    writer.op(op::MSTORE);
    let call = writer.dice.pick(&[op::CALL, op::CALL, op::DELEGATECALL, op::STATICCALL, op::CALLCODE]);
    let (out, out_length) = writer.region();
    writer.push(out_length);
    writer.push(out);
    let data_length = 32 + writer.dice.pick(&[0, 0, 1, 32, 1000]);
    writer.push_small(data_length);
    writer.push(target);
    if matches!(call, op::CALL | op::CALLCODE) {
        writer.push_small(0);
    }
    writer.push(U256::from_be_bytes(own.into_word().0));
    writer.ops(&[op::GAS, call]);
    writer.height = 2;
    writer.is_static |= call == op::STATICCALL;
    writer.consume();
    for _ in 0..writer.dice.below(3) {
        writer.statement();
    }
    writer.label(end);
    writer.height = 1;
    writer.op(op::POP);
    writer.height = 0;
    writer.log_memory_size();
    writer.end();
    writer.finish()
}

/// Arbitrary program.
pub(super) fn arbitrary(dice: &mut Dice, setting: &Setting) -> Vec<u8> {
    let mut writer = Writer::new(dice, setting, 0);
    for _ in 0..10 + writer.dice.below(120) {
        match writer.dice.weighted([40, 44, 6, 5, 5]) {
            0 => {
                let value = if writer.dice.percent(50) { writer.small() } else { writer.dice.interesting() };
                writer.push(value);
            }
            1 => {
                // Mostly instructions that a fork defines.
                let byte = writer.dice.pick(DEFINED);
                writer.op(byte);
            }
            2 => writer.op(op::JUMPDEST),
            3 => {
                let byte = writer.dice.byte();
                writer.op(byte);
            }
            _ => {
                let address = writer.address();
                writer.push(address);
            }
        }
    }
    writer.code
}

/// Program that spends all its gas.
pub(super) fn gas_burner(dice: &mut Dice) -> Vec<u8> {
    match dice.below(4) {
        0 => vec![op::JUMPDEST, op::PUSH1, 0, op::JUMP],
        1 => vec![op::INVALID],
        // Hashes more and more memory.
        2 => vec![
            op::JUMPDEST,
            op::MSIZE,
            op::PUSH1,
            32,
            op::ADD,
            op::PUSH1,
            0,
            op::KECCAK256,
            op::PUSH1,
            0,
            op::SSTORE,
            op::PUSH1,
            0,
            op::JUMP,
        ],
        // Stores until less than 50,000 gas is left.
        _ => vec![
            op::JUMPDEST,
            op::GAS,
            op::GAS,
            op::SSTORE,
            op::PUSH3,
            0,
            0xc3,
            0x50,
            op::GAS,
            op::GT,
            op::PUSH1,
            0,
            op::JUMPI,
        ],
    }
}

/// Program that returns or reverts with `length` bytes of fresh memory. `how` is the instruction.
pub(super) fn zero_returner(length: U256, from: U256, how: u8) -> Vec<u8> {
    let mut code = Vec::new();
    push_to(&mut code, length);
    push_to(&mut code, from);
    code.push(how);
    code
}

/// Program that emits the log of a deposit (EIP-6110). The lengths of its fields are those of the deposit contract.
pub(super) fn deposit_logger(dice: &mut Dice) -> Vec<u8> {
    const LENGTHS: [usize; 5] = [48, 32, 8, 96, 8];
    let mut data = Vec::new();
    let mut offset = 32 * LENGTHS.len();
    for length in LENGTHS {
        data.extend(U256::from(offset).to_be_bytes::<32>());
        offset += 32 + length.next_multiple_of(32);
    }
    for length in LENGTHS {
        data.extend(U256::from(length).to_be_bytes::<32>());
        data.extend((0..length.next_multiple_of(32)).map(|_| dice.byte()));
    }
    if dice.percent(5) {
        let at = dice.index(data.len());
        data[at] ^= 1 << dice.below(8);
    }
    let topic = alloy_primitives::keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)");
    let target = U256::from(dice.pick(&[0_u64, 1, 31, 4096]));
    let mut code = Vec::new();
    let length = U256::from(data.len());
    push_to(&mut code, topic.into());
    push_to(&mut code, length);
    push_to(&mut code, target);
    push_to(&mut code, length);
    // The rest of the code: the push of its own length, the target, the copy, the log, and the end.
    let mut rest = Vec::new();
    push_to(&mut rest, target);
    rest.extend([op::CODECOPY, op::LOG1, op::STOP]);
    let start = code.len() + 2 + rest.len();
    code.extend([op::PUSH1, start as u8]);
    code.extend(rest);
    code.extend(data);
    code
}

/// Instructions that some fork defines. Those that access memory, call or end a frame occur more often.
const DEFINED: &[u8] = &{
    let mut list = [0; 200];
    let mut length = 0;
    let mut byte = 0;
    while byte < 0x60 {
        if matches!(byte, 0x00..=0x0b | 0x10..=0x1e | 0x20 | 0x30..=0x4b | 0x50..=0x5f) {
            list[length] = byte;
            length += 1;
        }
        byte += 1;
    }
    byte = 0x80;
    while byte <= 0xa4 {
        list[length] = byte;
        length += 1;
        byte += 1;
    }
    byte = op::DUPN;
    while byte <= op::EXCHANGE {
        list[length] = byte;
        length += 1;
        byte += 1;
    }
    let mut index = 0;
    while length < list.len() {
        list[length] = [
            op::MLOAD,
            op::MSTORE,
            op::MSTORE8,
            op::MCOPY,
            op::RETURNDATACOPY,
            op::KECCAK256,
            op::SSTORE,
            op::TSTORE,
            op::CALL,
            op::DELEGATECALL,
            op::STATICCALL,
            op::CALLCODE,
            op::CREATE,
            op::CREATE2,
            op::RETURN,
            op::REVERT,
            op::SELFDESTRUCT,
            op::GAS,
            op::MSIZE,
            op::DUP1,
        ][index % 20];
        length += 1;
        index += 1;
    }
    list
};

/// Operand of a push that will be the position of a later part of the code.
#[derive(Clone, Copy, Debug)]
#[must_use]
struct Label {
    at: usize,
}

/// Writer of one program.
#[derive(Debug)]
struct Writer<'a> {
    dice: &'a mut Dice,
    setting: &'a Setting,
    code: Vec<u8>,
    /// Length of the code before this program, in bytes.
    base: usize,
    /// Number of words on the stack.
    height: usize,
    /// Binary logarithm of the memory, in bytes, that the next statements may buy.
    memory_bits: u32,
    /// True if the program writes no state, because its frame may be a static call.
    is_static: bool,
    /// Number of calls and creations that may still be written.
    calls_left: u32,
    /// Data after the program, each with the operand that will be its position.
    data: Vec<(Label, Vec<u8>)>,
    /// True if the program may use instructions of later forks.
    uses_later_forks: bool,
}

/// Appends the shortest push of a word.
fn push_to(code: &mut Vec<u8>, value: U256) {
    let length = value.byte_len().max(1);
    code.push(op::PUSH0 + length as u8);
    code.extend_from_slice(&value.to_be_bytes::<32>()[32 - length..]);
}

impl<'a> Writer<'a> {
    fn new(dice: &'a mut Dice, setting: &'a Setting, base: usize) -> Self {
        let is_static = dice.percent(20);
        let calls_left = dice.below(3) as u32;
        let uses_later_forks = !setting.must_succeed && dice.below(200) < setting.risk;
        Self {
            dice,
            setting,
            code: Vec::new(),
            base,
            height: 0,
            memory_bits: setting.memory_bits,
            is_static,
            calls_left,
            data: Vec::new(),
            uses_later_forks,
        }
    }

    fn since(&self, fork: Fork) -> bool {
        self.setting.fork >= fork || self.uses_later_forks
    }

    fn op(&mut self, byte: u8) {
        self.code.push(byte);
    }

    fn ops(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    /// Appends an instruction with this number of inputs on the stack, and with one output or none.
    fn op_with_stack(&mut self, byte: u8, inputs: usize, has_output: bool) {
        self.op(byte);
        self.height = self.height - inputs + usize::from(has_output);
    }

    fn push(&mut self, value: U256) {
        self.height += 1;
        if value.is_zero() && self.setting.fork >= Fork::Shanghai && self.dice.percent(70) {
            return self.op(op::PUSH0);
        }
        if self.dice.percent(4) {
            self.op(op::PUSH32);
            return self.code.extend_from_slice(&value.to_be_bytes::<32>());
        }
        push_to(&mut self.code, value);
    }

    fn push_small(&mut self, value: u64) {
        self.push(U256::from(value));
    }

    fn push_label(&mut self) -> Label {
        // Four bytes, which are enough for every position.
        self.op(op::PUSH4);
        let label = Label { at: self.code.len() };
        self.code.extend([0; 4]);
        self.height += 1;
        label
    }

    fn resolve(&mut self, label: Label, position: usize) {
        let position = (self.base + position) as u32;
        self.code[label.at..label.at + 4].copy_from_slice(&position.to_be_bytes());
    }

    /// Appends a jump destination, which is the label's position.
    fn label(&mut self, label: Label) {
        self.resolve(label, self.code.len());
        self.op(op::JUMPDEST);
    }

    fn finish(mut self) -> Vec<u8> {
        for (label, data) in std::mem::take(&mut self.data) {
            self.resolve(label, self.code.len());
            self.code.extend(data);
        }
        self.code
    }

    fn risky(&mut self) -> bool {
        self.dice.below(100) < self.setting.risk
    }

    fn small(&mut self) -> U256 {
        match self.dice.weighted([50, 30, 15, 5]) {
            0 => U256::from(32 * self.dice.below(8)),
            1 => U256::from(self.dice.below(200)),
            2 => U256::from(self.dice.below(1 << self.memory_bits.min(11))),
            _ => self.dice.near_power_of_two(self.memory_bits.min(13)),
        }
    }

    /// Number that is mostly greater than any memory that gas can buy.
    fn huge(&mut self) -> U256 {
        match self.dice.below(3) {
            0 => self.dice.near_power_of_two(70),
            1 => self.dice.near_integer_limit(),
            _ => self.dice.interesting(),
        }
    }

    fn offset(&mut self) -> U256 {
        if self.risky() {
            return self.huge();
        }
        if self.dice.percent(78) { self.small() } else { self.dice.near_power_of_two(self.memory_bits) }
    }

    /// Region of the memory: its offset and its length, in bytes.
    fn region(&mut self) -> (U256, U256) {
        if self.risky() {
            // The region ends near a limit: before it, at it or after it.
            let limit = U256::ONE << self.dice.pick(&[32_usize, 32, 64, 64, 255, 63, 31, 27]);
            let length = U256::from(self.dice.up_to_bits(34));
            let distance = U256::from(self.dice.pick(&[0_u64, 1, 31, 32, 33, 64]));
            let offset = limit.saturating_sub(length);
            let offset =
                if self.dice.percent(50) { offset.saturating_sub(distance) } else { offset + distance };
            return if self.dice.percent(80) { (offset, length) } else { (length, offset) };
        }
        match self.dice.weighted([45, 18, 20, 12, 5]) {
            0 => (self.small(), self.small()),
            // An empty region costs nothing at any offset.
            1 => (self.huge(), U256::ZERO),
            2 => (self.dice.near_power_of_two(self.memory_bits), U256::from(self.dice.below(70))),
            3 => (self.small(), self.dice.near_power_of_two(self.memory_bits.saturating_sub(1))),
            _ => {
                let memory_bits = self.memory_bits.saturating_sub(1);
                (self.dice.near_power_of_two(memory_bits), self.dice.near_power_of_two(memory_bits))
            }
        }
    }

    fn address(&mut self) -> U256 {
        let address = match self.dice.weighted([60, 25, 15]) {
            0 if !self.setting.known.is_empty() => self.dice.pick(&self.setting.known),
            1 => precompile(self.dice),
            _ => Address::with_last_byte(self.dice.byte()),
        };
        let word = U256::from_be_bytes(address.into_word().0);
        // The EVM ignores the upper 12 bytes.
        if self.dice.percent(4) { word | self.dice.word() << 160 } else { word }
    }

    fn slot(&mut self) -> U256 {
        if self.dice.percent(93) { U256::from(self.dice.below(6)) } else { self.dice.interesting() }
    }

    /// Pushes the value of an expression. `depth` bounds the nesting of its operands.
    fn expression(&mut self, depth: u32) {
        let kind = if depth == 0 { 0 } else { self.dice.weighted([25, 18, 27, 5, 8, 7, 4, 3, 3]) };
        match kind {
            0 => {
                let value = self.dice.interesting();
                self.push(value);
            }
            1 => self.environment(),
            2 => {
                const BINARY: &[u8] = &[
                    op::ADD,
                    op::MUL,
                    op::SUB,
                    op::DIV,
                    op::SDIV,
                    op::MOD,
                    op::SMOD,
                    op::EXP,
                    op::SIGNEXTEND,
                    op::LT,
                    op::GT,
                    op::SLT,
                    op::SGT,
                    op::EQ,
                    op::AND,
                    op::OR,
                    op::XOR,
                    op::BYTE,
                    op::SHL,
                    op::SHR,
                    op::SAR,
                ];
                match self.dice.below(8) {
                    0 => {
                        self.expression(depth - 1);
                        let unary = if self.since(Fork::Osaka) { op::CLZ } else { op::NOT };
                        let byte = self.dice.pick(&[op::ISZERO, op::NOT, unary]);
                        self.op_with_stack(byte, 1, true);
                    }
                    1 => {
                        (0..3).for_each(|_| self.expression(depth - 1));
                        let byte = self.dice.pick(&[op::ADDMOD, op::MULMOD]);
                        self.op_with_stack(byte, 3, true);
                    }
                    _ => {
                        (0..2).for_each(|_| self.expression(depth - 1));
                        let byte = self.dice.pick(BINARY);
                        self.op_with_stack(byte, 2, true);
                    }
                }
            }
            3 => {
                let offset = if self.dice.percent(60) { self.small() } else { self.huge() };
                self.push(offset);
                self.op_with_stack(op::CALLDATALOAD, 1, true);
            }
            4 => {
                let offset = self.offset();
                self.push(offset);
                self.op_with_stack(op::MLOAD, 1, true);
            }
            5 => {
                let slot = self.slot();
                self.push(slot);
                let transient = self.since(Fork::Cancun) && self.dice.percent(40);
                self.op_with_stack(if transient { op::TLOAD } else { op::SLOAD }, 1, true);
            }
            6 => {
                let (offset, length) = self.region();
                self.push(length);
                self.push(offset);
                self.op_with_stack(op::KECCAK256, 2, true);
            }
            7 => {
                let address = self.address();
                self.push(address);
                let byte = self.dice.pick(&[op::BALANCE, op::EXTCODESIZE, op::EXTCODEHASH]);
                self.op_with_stack(byte, 1, true);
            }
            _ => {
                if self.since(Fork::Cancun) && self.dice.percent(40) {
                    let index =
                        if self.dice.percent(60) { U256::from(self.dice.below(3)) } else { self.huge() };
                    self.push(index);
                    self.op_with_stack(op::BLOBHASH, 1, true);
                } else if self.dice.percent(50) {
                    let back = 1 + self.dice.below(2);
                    self.push_small(back);
                    self.op(op::NUMBER);
                    self.ops(&[op::SUB, op::BLOCKHASH]);
                } else {
                    let number = self.dice.interesting();
                    self.push(number);
                    self.op_with_stack(op::BLOCKHASH, 1, true);
                }
            }
        }
    }

    fn environment(&mut self) {
        let mut bytes = vec![
            op::ADDRESS,
            op::ORIGIN,
            op::CALLER,
            op::CALLVALUE,
            op::CALLDATASIZE,
            op::CODESIZE,
            op::GASPRICE,
            op::RETURNDATASIZE,
            op::RETURNDATASIZE,
            op::COINBASE,
            op::TIMESTAMP,
            op::NUMBER,
            op::DIFFICULTY,
            op::GASLIMIT,
            op::CHAINID,
            op::SELFBALANCE,
            op::BASEFEE,
            op::PC,
            op::MSIZE,
            op::MSIZE,
            op::MSIZE,
            op::GAS,
            op::GAS,
        ];
        if self.since(Fork::Cancun) {
            bytes.push(op::BLOBBASEFEE);
        }
        if self.since(Fork::Amsterdam) {
            bytes.extend([op::SLOTNUM; 3]);
        }
        let mut byte = self.dice.pick(&bytes);
        if self.height > 0 && self.dice.percent(15) {
            byte = op::DUP1 + self.dice.index(self.height.min(16)) as u8;
        }
        self.op_with_stack(byte, 0, true);
    }

    /// Pops the top of the stack into storage, memory or a log, or drops it.
    fn consume(&mut self) {
        let kind = if self.is_static {
            self.dice.weighted([0, 0, 70, 30, 0])
        } else {
            self.dice.weighted([40, 10, 25, 13, 12])
        };
        match kind {
            0 => {
                let slot = self.slot();
                self.push(slot);
                self.op_with_stack(op::SSTORE, 2, false);
            }
            1 if self.since(Fork::Cancun) => {
                let slot = self.slot();
                self.push(slot);
                self.op_with_stack(op::TSTORE, 2, false);
            }
            4 => {
                let (offset, length) = self.region();
                self.push(length);
                self.push(offset);
                self.op_with_stack(op::LOG1, 3, false);
            }
            2 => {
                let target = self.small();
                self.push(target);
                self.op_with_stack(op::MSTORE, 2, false);
            }
            _ => self.op_with_stack(op::POP, 1, false),
        }
    }

    fn body(&mut self) {
        let count = match self.dice.weighted([30, 50, 20]) {
            0 => 1 + self.dice.below(3),
            1 => 3 + self.dice.below(8),
            _ => 10 + self.dice.below(25),
        };
        for _ in 0..count {
            self.statement();
        }
        self.log_memory_size();
        self.end();
    }

    /// Logs the memory's size, in most cases. The statistics read it from the receipts.
    fn log_memory_size(&mut self) {
        if !self.is_static && self.dice.percent(60) {
            self.op(op::MSIZE);
            self.height += 1;
            self.push(MEMORY_TOPIC);
            self.push(U256::ZERO);
            self.push(U256::ZERO);
            self.op_with_stack(op::LOG2, 4, false);
        }
    }

    fn statement(&mut self) {
        let deep = if self.since(Fork::Amsterdam) { 5 } else { 0 };
        match self.dice.weighted([22, 22, 12, 12, 5, 10, 4, 2, deep]) {
            0 => {
                self.expression(2);
                self.consume();
            }
            1 => self.write_memory(),
            2 => self.copy(),
            3 if self.calls_left > 0 => {
                self.calls_left -= 1;
                match self.dice.weighted([75, 25]) {
                    0 => self.call(),
                    _ if self.is_static => self.call_precompile(),
                    _ => self.create(),
                }
            }
            3 | 4 => self.call_precompile(),
            5 => self.control_flow(),
            6 => {
                // The sizes of memory and of returned data, and the gas.
                for byte in [op::MSIZE, op::GAS, op::RETURNDATASIZE] {
                    self.op(byte);
                    self.height += 1;
                    self.consume();
                }
            }
            7 => self.fill_stack(),
            _ => self.reach_deep(),
        }
    }

    fn write_memory(&mut self) {
        match self.dice.weighted([45, 15, 20, 20]) {
            0 => {
                self.expression(1);
                let offset = self.offset();
                self.push(offset);
                self.op_with_stack(op::MSTORE, 2, false);
            }
            1 => {
                self.expression(1);
                let offset = self.offset();
                self.push(offset);
                self.op_with_stack(op::MSTORE8, 2, false);
            }
            2 => {
                let offset = self.offset();
                self.push(offset);
                self.op_with_stack(op::MLOAD, 1, true);
                self.consume();
            }
            _ if self.is_static => {
                let (offset, length) = self.region();
                self.push(length);
                self.push(offset);
                self.op_with_stack(op::KECCAK256, 2, true);
                self.consume();
            }
            _ => {
                let topics = self.dice.index(5);
                (0..topics).for_each(|_| self.expression(1));
                let (offset, length) = self.region();
                // Each byte costs 8 gas.
                let length = if self.dice.percent(80) { length.min(self.small()) } else { length };
                self.push(length);
                self.push(offset);
                self.op_with_stack(op::LOG0 + topics as u8, 2 + topics, false);
            }
        }
    }

    fn copy(&mut self) {
        let (target, length) = self.region();
        let source = match self.dice.weighted([60, 40]) {
            0 => self.small(),
            _ => self.huge(),
        };
        match self.dice.weighted([22, 22, 22, 17, 17]) {
            0 => self.copy_of(op::CALLDATACOPY, target, source, length),
            1 => self.copy_of(op::CODECOPY, target, source, length),
            2 => {
                self.push(length);
                self.push(source);
                self.push(target);
                let address = self.address();
                self.push(address);
                self.op_with_stack(op::EXTCODECOPY, 4, false);
            }
            3 if self.since(Fork::Cancun) => {
                let (from, _) = self.region();
                let from = if length.is_zero() || self.setting.risk > 5 { from } else { self.small() };
                self.copy_of(op::MCOPY, target, from, length);
            }
            _ if self.risky() => self.copy_of(op::RETURNDATACOPY, target, source, length),
            // A copy of more data than there is would end the frame.
            _ => {
                self.op(op::RETURNDATASIZE);
                self.height += 1;
                self.push(U256::ZERO);
                let target = self.small();
                self.push(target);
                self.op_with_stack(op::RETURNDATACOPY, 3, false);
            }
        }
        if self.dice.percent(40) {
            let target = if length.is_zero() { self.small() } else { target };
            self.push(target);
            self.op_with_stack(op::MLOAD, 1, true);
            self.consume();
        }
    }

    fn copy_of(&mut self, byte: u8, target: U256, source: U256, length: U256) {
        self.push(length);
        self.push(source);
        self.push(target);
        self.op_with_stack(byte, 3, false);
    }

    fn control_flow(&mut self) {
        match self.dice.weighted([25, 40, 35]) {
            0 => {
                let label = self.push_label();
                self.op_with_stack(op::JUMP, 1, false);
                let data = self.dice.pick(&[
                    &[op::INVALID][..],
                    &[op::PUSH2, op::JUMPDEST, op::JUMPDEST],
                    &[op::JUMPDEST, op::INVALID],
                    &[],
                ]);
                self.ops(data);
                self.label(label);
            }
            1 => {
                self.expression(1);
                let label = self.push_label();
                self.op_with_stack(op::JUMPI, 2, false);
                let calls_left = std::mem::take(&mut self.calls_left);
                self.statement_without_control_flow();
                self.calls_left = calls_left;
                self.label(label);
            }
            _ => {
                let rounds = 1 + self.dice.up_to_bits(6);
                self.push_small(rounds);
                let start = self.code.len();
                self.op(op::JUMPDEST);
                // Neither calls nor much memory, because every round pays for them.
                let (calls_left, memory_bits) = (std::mem::take(&mut self.calls_left), self.memory_bits);
                self.memory_bits = memory_bits.min(16);
                self.statement_without_control_flow();
                (self.calls_left, self.memory_bits) = (calls_left, memory_bits);
                self.ops(&[op::PUSH1, 1, op::SWAP1, op::SUB, op::DUP1]);
                self.height += 1;
                let label = self.push_label();
                self.resolve(label, start);
                self.op_with_stack(op::JUMPI, 2, false);
                self.op_with_stack(op::POP, 1, false);
            }
        }
    }

    fn statement_without_control_flow(&mut self) {
        match self.dice.weighted([40, 35, 25]) {
            0 => {
                self.expression(1);
                self.consume();
            }
            1 => self.write_memory(),
            _ => self.copy(),
        }
    }

    /// Fills the stack up to its limit of 1024 words, or to one word more.
    fn fill_stack(&mut self) {
        self.push(U256::from(7));
        let more = 1024 - self.height + usize::from(self.risky()) - self.dice.index(2);
        self.code.extend(std::iter::repeat_n(op::DUP1, more));
        self.op(op::SWAP16);
        self.code.extend(std::iter::repeat_n(op::POP, more + 1));
        self.height -= 1;
    }

    /// Pushes different words, and reads and moves them by EIP-8024's instructions, whose operands are immediate bytes.
    fn reach_deep(&mut self) {
        let count = 40 + self.dice.index(220);
        for index in 0..count {
            self.push_small(index as u64);
        }
        for _ in 0..1 + self.dice.below(6) {
            let byte = self.dice.pick(&[op::DUPN, op::SWAPN, op::EXCHANGE]);
            let immediate = if self.risky() {
                self.dice.byte()
            } else {
                // Not every distance is within the words that were just pushed.
                (0..20)
                    .map(|_| self.dice.byte())
                    .find(|it| reach(byte, *it).is_some_and(|it| it < count))
                    .unwrap_or(0x80)
            };
            self.ops(&[byte, immediate]);
            self.height += usize::from(byte == op::DUPN);
            if byte == op::DUPN {
                self.consume();
            }
        }
        // The word that is left tells where the others went.
        self.consume();
        self.code.extend(std::iter::repeat_n(op::POP, count - 1));
        self.height -= count - 1;
    }

    /// Pushes the gas of a call. A terminating callee gets a share of all gas, and any other callee a small amount.
    fn gas(&mut self, terminates: bool) {
        if terminates {
            let share = 1 + self.dice.below(5);
            self.op(op::GAS);
            self.height += 1;
            self.push_small(share);
            self.op_with_stack(op::SHR, 2, true);
        } else {
            let gas = match self.dice.below(3) {
                0 => self.dice.up_to_bits(18),
                _ => 20_000 + self.dice.below(MAX_ARBITRARY_GAS - 20_000),
            };
            let gas = gas.min(1 << self.setting.gas_bits.saturating_sub(3));
            self.push_small(gas);
        }
    }

    fn call(&mut self) {
        if self.setting.callees.is_empty() {
            return self.call_precompile();
        }
        let callee = self.dice.pick(&self.setting.callees);
        let call = if self.is_static {
            op::STATICCALL
        } else {
            self.dice.pick(&[op::CALL, op::CALL, op::CALL, op::CALLCODE, op::DELEGATECALL, op::STATICCALL])
        };
        self.call_of(call, callee);
        self.consume();
        if self.dice.percent(60) {
            self.op(op::RETURNDATASIZE);
            self.height += 1;
            self.consume();
        }
        if self.dice.percent(50) {
            self.op(op::RETURNDATASIZE);
            self.height += 1;
            self.push(U256::ZERO);
            let target = self.small();
            self.push(target);
            self.op_with_stack(op::RETURNDATACOPY, 3, false);
        }
    }

    fn call_of(&mut self, call: u8, callee: Callee) {
        let (out, out_length) = self.region();
        self.push(out_length);
        self.push(out);
        let (data, data_length) = self.region();
        self.push(data_length);
        self.push(data);
        let valued = matches!(call, op::CALL | op::CALLCODE);
        if valued {
            let value = if self.dice.percent(80) { 0 } else { self.dice.up_to_bits(12) };
            self.push_small(value);
        }
        self.push(U256::from_be_bytes(callee.address.into_word().0));
        self.gas(callee.terminates);
        self.op_with_stack(call, if valued { 7 } else { 6 }, true);
    }

    fn call_precompile(&mut self) {
        let address = precompile(self.dice);
        if address == Address::with_last_byte(5) {
            // Lengths of MODEXP's base, exponent and modulus.
            for offset in [0, 32, 64] {
                let length =
                    if self.dice.percent(75) { U256::from(self.dice.below(80)) } else { self.huge() };
                self.push(length);
                self.push_small(offset);
                self.op_with_stack(op::MSTORE, 2, false);
            }
        } else if self.dice.percent(50) {
            let data = self.dice.pick(&[213, 128, 192, 96, 64, 160, 256]);
            let data = self.dice.bytes(data);
            self.append_data(data, U256::ZERO);
        }
        let (out, out_length) = self.region();
        self.push(out_length);
        self.push(out);
        let (data, data_length) = match self.dice.weighted([50, 20, 30]) {
            0 => (U256::ZERO, U256::from(self.dice.pick(&[96_u64, 128, 192, 213, 384, 160, 256, 512, 288]))),
            1 => (U256::ZERO, U256::from(self.dice.below(600))),
            _ => self.region(),
        };
        self.push(data_length);
        self.push(data);
        let call = self.dice.pick(&[op::STATICCALL, op::STATICCALL, op::DELEGATECALL]);
        self.push(U256::from_be_bytes(address.into_word().0));
        // The precompile IDENTITY does no work that its gas does not pay for. The work of the others must be bounded.
        self.gas(address == Address::with_last_byte(4));
        self.op_with_stack(call, 6, true);
        self.consume();
    }

    /// Adds data after the program, and copies it into memory. Returns its length, in bytes.
    fn append_data(&mut self, data: Vec<u8>, target: U256) -> U256 {
        let length = U256::from(data.len());
        self.push(length);
        let label = self.push_label();
        self.push(target);
        self.op_with_stack(op::CODECOPY, 3, false);
        self.data.push((label, data));
        length
    }

    fn create(&mut self) {
        let second = self.dice.percent(50);
        let (target, length) = if self.dice.percent(65) {
            let target = self.offset();
            let setting =
                Setting { callees: Vec::new(), risk: self.setting.risk.min(2), ..self.setting.clone() };
            let init = if self.dice.percent(30) {
                let length = match self.dice.weighted([70, 15, 15]) {
                    0 => self.dice.below(300),
                    // Around the greatest length of a code until Osaka (EIP-170), and since then (EIP-7954).
                    1 => 24_575 + self.dice.below(3),
                    _ => (1 << 16) - 1 + self.dice.below(3),
                };
                zero_returner(U256::from(length), self.dice.near_power_of_two(self.memory_bits), op::RETURN)
            } else if self.dice.percent(20) {
                // Code that EIP-3541 forbids, or that looks like a delegation (EIP-7702).
                let first = self.dice.pick(&[[0xef, 0], [0xef, 1], [0, 0xef]]);
                let mut code = Vec::new();
                push_to(&mut code, U256::from_be_slice(&first) << 240);
                code.extend([op::PUSH1, 0, op::MSTORE, op::PUSH1, 23, op::PUSH1, 0, op::RETURN]);
                code
            } else {
                let mut writer = Writer::new(self.dice, &setting, 0);
                writer.calls_left = 0;
                writer.statement();
                writer.statement();
                writer.end();
                writer.finish()
            };
            let length = self.append_data(init, target);
            (target, length)
        } else {
            // The init code is existing memory at a great offset, which is zero. At a small offset it could be an
            // arbitrary program, so its length is zero there.
            let length = match self.dice.weighted([80, 10, 10]) {
                0 => self.dice.up_to_bits(16),
                // Around the greatest length of an init code until Osaka (EIP-3860), and since then (EIP-7954).
                1 => 49_151 + self.dice.below(3),
                _ => (1 << 17) - 1 + self.dice.below(3),
            };
            let (target, length) = (self.dice.near_power_of_two(self.memory_bits), U256::from(length));
            if target < U256::from(20_000) { (target, U256::ZERO) } else { (target, length) }
        };
        if second {
            let salt = self.slot();
            self.push(salt);
        }
        self.push(length);
        self.push(target);
        let value = if self.dice.percent(85) { 0 } else { self.dice.below(9) };
        self.push_small(value);
        self.op_with_stack(if second { op::CREATE2 } else { op::CREATE }, if second { 4 } else { 3 }, true);
        if self.dice.percent(50) {
            (0..5).for_each(|_| self.push(U256::ZERO));
            self.op_with_stack(op::DUP6, 0, true);
            self.gas(false);
            self.op_with_stack(op::CALL, 7, true);
            self.consume();
        }
        self.consume();
    }

    fn end(&mut self) {
        if self.risky() && !self.setting.must_succeed {
            match self.dice.below(4) {
                0 => self.op(op::INVALID),
                1 => {
                    // A jump into push data, or past the end of the code.
                    let label = self.push_label();
                    self.op(op::JUMP);
                    let beyond = self.dice.percent(30);
                    let position = self.code.len() + if beyond { 1 << 16 } else { 2 };
                    self.resolve(label, position);
                    self.ops(&[op::PUSH2, op::JUMPDEST, op::JUMPDEST]);
                }
                2 => {
                    let target = self.huge();
                    self.push(target);
                    self.op(op::JUMP);
                }
                _ => self.op(op::POP),
            }
            return self.op(op::STOP);
        }
        match self.dice.weighted([30, 36, 14, 4, 12, 4]) {
            0 => self.op(op::STOP),
            2 if !self.setting.must_succeed => {
                let (offset, length) = self.region();
                self.push(length);
                self.push(offset);
                self.op(op::REVERT);
            }
            3 if !self.is_static => {
                let address = self.address();
                self.push(address);
                self.op(op::SELFDESTRUCT);
            }
            // Returns all of the memory.
            4 => {
                self.op(op::MSIZE);
                self.push(U256::ZERO);
                self.op(op::RETURN);
            }
            // Runs past the end of the code, if no data follows. An instruction that ends there has the immediate byte 0.
            5 if self.data.is_empty() => {
                if self.since(Fork::Amsterdam) && !self.setting.must_succeed && self.dice.percent(50) {
                    // The immediate byte 0 reaches the 146th word.
                    (0..150).for_each(|index| self.push_small(index));
                    let byte = self.dice.pick(&[op::DUPN, op::SWAPN, op::EXCHANGE]);
                    self.op(byte);
                }
            }
            _ => {
                let (offset, length) = self.region();
                self.push(length);
                self.push(offset);
                self.op(op::RETURN);
            }
        }
    }
}

/// Number of words that an instruction of EIP-8024 needs on the stack, or `None` if its immediate byte is not allowed.
fn reach(byte: u8, immediate: u8) -> Option<usize> {
    let x = usize::from(immediate);
    if byte != op::EXCHANGE {
        return (x <= 90 || x >= 128).then_some((x + 145) % 256 + 1);
    }
    let (q, r) = ((x ^ 143) / 16, (x ^ 143) % 16);
    (x <= 81 || x >= 128).then_some(if q < r { r + 2 } else { 30 - q })
}

/// Address of a precompile of some fork up to Osaka, or the next address after them.
pub(super) fn precompile(dice: &mut Dice) -> Address {
    match dice.below(20) {
        0 => Address::from_word(U256::from(0x100).into()),
        1..=4 => Address::with_last_byte(4),
        5..=6 => Address::with_last_byte(5),
        _ => Address::with_last_byte(1 + dice.below(0x12) as u8),
    }
}

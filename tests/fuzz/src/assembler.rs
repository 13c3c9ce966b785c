//! Assembler that turns any bytes into code. Most of the instructions find their operands on the stack and succeed.
//! Every byte of code can result from some input.

use alloy_primitives::{Address, U256};
use arbitrary::Unstructured;
use revm::bytecode::opcode::{self, OpCode};
use std::sync::LazyLock;
use zeno_guest_evm::chain::Fork;

/// Length of the code, in bytes, from which on no piece is added: the limit of EIP-170.
const MAX_LENGTH: usize = 0x6000;

/// Sizes of memory, in bytes, near which the behaviour changes: boundaries of words, pages and integer types.
const BOUNDARIES: [u64; 24] = [
    0,
    1,
    31,
    32,
    33,
    255,
    256,
    1023,
    1024,
    1025,
    0xffff,
    (1 << 20) - 33,
    (1 << 20) - 32,
    (1 << 20) - 31,
    1 << 20,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffdf,
    0xffff_ffe0,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_001f,
    u64::MAX - 31,
    u64::MAX,
];

/// Instructions that Amsterdam adds.
const ADDED: [u8; 4] = [opcode::SLOTNUM, opcode::DUPN, opcode::SWAPN, opcode::EXCHANGE];

/// Instructions of the forks from the merge to Osaka.
static UNTIL_OSAKA: LazyLock<Vec<u8>> = LazyLock::new(|| {
    (0..=u8::MAX).filter(|code| OpCode::new(*code).is_some() && !ADDED.contains(code)).collect()
});
/// Instructions since Amsterdam.
static SINCE_AMSTERDAM: LazyLock<Vec<u8>> = LazyLock::new(|| [&UNTIL_OSAKA[..], &ADDED].concat());

/// Kind of an instruction's operand.
#[derive(Clone, Copy)]
enum Operand {
    Word,
    /// Offset in memory or in data, or a length, in bytes.
    Number,
    /// Length within the data that the last call returned, in bytes.
    Returned,
    Address,
    Slot,
    Value,
    Gas,
}

/// Operands of an instruction, from the top of the stack, if random words would be useless.
fn operands(code: u8) -> &'static [Operand] {
    use Operand::{Address, Gas, Number, Returned, Slot, Value, Word};
    const LOG: &[Operand] = &[Number, Number, Word, Word, Word, Word];
    match code {
        opcode::KECCAK256 | opcode::RETURN | opcode::REVERT => &[Number, Number],
        opcode::BALANCE | opcode::EXTCODESIZE | opcode::EXTCODEHASH | opcode::SELFDESTRUCT => &[Address],
        opcode::CALLDATALOAD | opcode::MLOAD => &[Number],
        opcode::CALLDATACOPY | opcode::CODECOPY | opcode::MCOPY => &[Number, Number, Number],
        opcode::RETURNDATACOPY => &[Number, Slot, Returned],
        opcode::EXTCODECOPY => &[Address, Number, Number, Number],
        opcode::MSTORE | opcode::MSTORE8 => &[Number, Word],
        opcode::SLOAD | opcode::TLOAD => &[Slot],
        opcode::SSTORE | opcode::TSTORE => &[Slot, Word],
        opcode::LOG0..=opcode::LOG4 => &LOG[..2 + usize::from(code - opcode::LOG0)],
        opcode::CREATE => &[Value, Number, Number],
        opcode::CREATE2 => &[Value, Number, Number, Word],
        opcode::CALL | opcode::CALLCODE => &[Gas, Address, Value, Number, Number, Number, Number],
        opcode::DELEGATECALL | opcode::STATICCALL => &[Gas, Address, Number, Number, Number, Number],
        _ => &[],
    }
}

/// Assembles code of a fork from bytes. `addresses` are the accounts that the code may call.
pub(crate) fn assemble(bytes: &[u8], addresses: &[Address], fork: Fork) -> Vec<u8> {
    let has_added = fork >= Fork::Amsterdam;
    let mut assembler = Assembler {
        bytes: Unstructured::new(bytes),
        addresses,
        has_added,
        known: if has_added { &SINCE_AMSTERDAM } else { &UNTIL_OSAKA },
        code: Vec::new(),
        height: 0,
        destinations: Vec::new(),
        jumps: Vec::new(),
        is_unchecked: false,
    };
    let tail = assembler.byte();
    assembler.is_unchecked = tail >= 224;
    while !assembler.bytes.is_empty() && assembler.code.len() < MAX_LENGTH {
        assembler.piece();
    }
    assembler.finish(tail)
}

/// Jump whose target is filled in when all destinations are known.
struct Jump {
    /// Position of the target's bytes in the code.
    at: usize,
    /// Number of the target's bytes.
    length: usize,
    choice: u8,
    /// True if the jump may lead back. Code without such jumps always ends.
    may_lead_back: bool,
}

/// Assembler of one code.
struct Assembler<'a> {
    bytes: Unstructured<'a>,
    addresses: &'a [Address],
    /// True if the code may have the instructions that Amsterdam adds.
    has_added: bool,
    /// Instructions that the code may have.
    known: &'a [u8],
    code: Vec<u8>,
    /// Number of words on the stack, if no jump has been taken.
    height: usize,
    destinations: Vec<usize>,
    jumps: Vec<Jump>,
    /// True if instructions are appended without their operands.
    is_unchecked: bool,
}

impl Assembler<'_> {
    /// The next byte of the input, or zero after its end.
    fn byte(&mut self) -> u8 {
        self.bytes.arbitrary().unwrap_or_default()
    }

    /// The instruction that the next byte of the input chooses.
    fn known_code(&mut self) -> u8 {
        let known = self.known;
        known[usize::from(self.byte()) % known.len()]
    }

    /// Appends an instruction without immediate bytes.
    fn put(&mut self, code: u8) {
        if let Some(known) = OpCode::new(code) {
            self.height = self.height.saturating_sub(known.inputs().into()) + usize::from(known.outputs());
        }
        self.code.push(code);
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.put(opcode::PUSH0 + bytes.len() as u8);
        self.code.extend_from_slice(bytes);
    }

    /// Pushes a word by the shortest instruction that all forks have.
    fn push(&mut self, word: U256) {
        let bytes = word.to_be_bytes::<32>();
        self.push_bytes(&bytes[(31 - word.byte_len().saturating_sub(1))..]);
    }

    fn push_word(&mut self) {
        let byte = self.byte();
        let word = match byte % 8 {
            0 | 1 => U256::from(byte / 8),
            2 => U256::from(BOUNDARIES[usize::from(byte / 8) % BOUNDARIES.len()]),
            3 => (U256::ONE << usize::from(self.byte())).wrapping_sub(U256::from(byte / 128)),
            4 => U256::MAX - U256::from(byte / 8),
            5 => {
                let choice = self.byte();
                U256::from_be_bytes(self.address(choice).into_word().0)
            }
            6 => U256::from(u16::from_be_bytes([self.byte(), self.byte()])),
            _ => {
                let mut bytes = [0; 32];
                let length = 1 + usize::from(byte / 8);
                bytes[32 - length..].fill_with(|| self.byte());
                return self.push_bytes(&bytes[32 - length..]);
            }
        };
        self.push(word);
    }

    /// Pushes an offset or a length: mostly a small number, or one near the length of memory or of some data.
    fn push_number(&mut self) {
        let byte = self.byte();
        match byte % 16 {
            0..=3 => self.push(U256::from(byte / 16)),
            4..=6 => self.push(U256::from(32 * (byte / 16) as u32)),
            7 => {
                let byte = self.byte();
                self.push(U256::from(byte));
            }
            8 => self.push(U256::from(256 * u32::from(byte / 16) + 31)),
            9..=11 => {
                // Distance from the length, below or above it.
                let distance = [0, 1, 2, 16, 31, 32, 33, 64][usize::from(byte / 32)];
                self.push(U256::from(distance));
                let data = [opcode::MSIZE, opcode::CALLDATASIZE, opcode::RETURNDATASIZE];
                self.put(data[usize::from(byte % 16 - 9)]);
                self.put(if byte & 16 == 0 { opcode::SUB } else { opcode::ADD });
            }
            12 => {
                let byte = self.byte();
                self.push(U256::from(BOUNDARIES[usize::from(byte) % BOUNDARIES.len()]));
            }
            13 => self.push(U256::ZERO),
            14 if self.height > 0 => self.put(opcode::DUP1 + byte / 16 % self.height.min(16) as u8),
            // The operand is the top of the stack.
            14 => {}
            _ => self.push_word(),
        }
    }

    fn address(&self, choice: u8) -> Address {
        match usize::from(choice % 32) {
            index @ 0..24 => self.addresses[index % self.addresses.len()],
            // Addresses of precompiles, and the next ones.
            _ => Address::with_last_byte(choice / 8 % 0x14),
        }
    }

    fn push_operand(&mut self, operand: Operand) {
        match operand {
            Operand::Word => self.push_word(),
            Operand::Number => self.push_number(),
            Operand::Returned => match self.byte() {
                0..224 => self.put(opcode::RETURNDATASIZE),
                _ => self.push_number(),
            },
            Operand::Address => {
                let byte = self.byte();
                self.push(U256::from_be_bytes(self.address(byte).into_word().0));
            }
            Operand::Slot => {
                let byte = self.byte();
                if byte < 240 { self.push(U256::from(byte % 4)) } else { self.push_word() }
            }
            Operand::Value => {
                let byte = self.byte();
                if byte < 240 { self.push(U256::from(byte / 192)) } else { self.push_word() }
            }
            Operand::Gas => match self.byte() {
                0..192 => self.put(opcode::GAS),
                byte => self.push(U256::from(256 * u32::from(byte - 192))),
            },
        }
    }

    /// Appends an instruction after pushes of its operands.
    fn call(&mut self, code: u8) {
        for operand in operands(code).iter().rev() {
            self.push_operand(*operand);
        }
        self.instruction(code);
    }

    /// Appends an instruction with its immediate bytes, after pushes of the operands that the stack lacks.
    fn instruction(&mut self, code: u8) {
        if self.is_unchecked {
            return self.put(code);
        }
        match code {
            opcode::JUMP | opcode::JUMPI => {
                let form = self.byte();
                return self.jump(form);
            }
            opcode::JUMPDEST => return self.destination(),
            opcode::PUSH1..=opcode::PUSH32 => {
                let mut bytes = [0; 32];
                let bytes = &mut bytes[..usize::from(code - opcode::PUSH0)];
                bytes.fill_with(|| self.byte());
                return self.push_bytes(bytes);
            }
            opcode::DUPN | opcode::SWAPN | opcode::EXCHANGE if self.has_added => return self.reach(code),
            _ => {}
        }
        let known = OpCode::new(code).map(|code| code.info());
        while self.height < known.map_or(0, |code| usize::from(code.inputs())) {
            self.push_word();
        }
        self.put(code);
        if known.is_some_and(|code| code.is_terminating()) {
            self.destination();
        }
    }

    /// Appends an instruction of EIP-8024 with its immediate byte, mostly on a stack of enough different words.
    fn reach(&mut self, code: u8) {
        let [immediate, words] = [self.byte(), self.byte()];
        // An instruction reaches 17 words at least, and 236 at most.
        let least = if words < 224 { 236 } else { usize::from(words % 32) };
        while self.height < least {
            self.put(opcode::PC);
        }
        self.put(code);
        self.code.push(immediate);
    }

    /// Appends a jump destination.
    fn destination(&mut self) {
        self.destinations.push(self.code.len());
        self.put(opcode::JUMPDEST);
    }

    /// Pushes the target of a jump, with this number of bytes.
    fn push_target(&mut self, length: usize, choice: u8) {
        self.push_bytes(&[0; 4][..length]);
        let may_lead_back = self.is_unchecked;
        self.jumps.push(Jump { at: self.code.len() - length, length, choice, may_lead_back });
    }

    /// Appends a jump in one of several forms, among them those of compilers.
    fn jump(&mut self, form: u8) {
        let choice = self.byte();
        match form % 8 {
            0 => {
                self.push_target(2, choice);
                self.put(opcode::JUMP);
            }
            1 => {
                self.push_word();
                self.push_target(2, choice);
                self.put(opcode::JUMPI);
            }
            2 => {
                self.push_word();
                self.put(opcode::ISZERO);
                self.push_target(2, choice);
                self.put(opcode::JUMPI);
            }
            3 => {
                self.push_word();
                self.push_target(1, choice);
                self.put(opcode::JUMPI);
            }
            4 => {
                self.push_word();
                self.push_target(4, choice);
                self.put(opcode::JUMPI);
            }
            5 => {
                self.push_target(3, choice);
                self.put(opcode::JUMP);
            }
            6 => {
                self.push_target(2, choice);
                self.put(opcode::DUP1);
                self.put(opcode::JUMPI);
            }
            _ => {
                // A loop that ends when only this gas is left.
                self.push(U256::from(4096 * (1 + u32::from(form / 8))));
                self.put(opcode::GAS);
                self.put(opcode::GT);
                self.push_target(2, choice);
                self.put(opcode::JUMPI);
                self.jumps.iter_mut().next_back().expect("it was just added").may_lead_back = true;
            }
        }
    }

    /// Appends instructions that make memory visible, by its hash in a log or in storage.
    fn show(&mut self, how: u8) {
        self.put(opcode::MSIZE);
        self.push(U256::ZERO);
        self.put(opcode::KECCAK256);
        if how.is_multiple_of(2) {
            self.push(U256::ZERO);
            self.push(U256::ZERO);
            self.put(opcode::LOG1);
        } else {
            self.push(U256::from(how % 8));
            self.put(opcode::SSTORE);
        }
    }

    /// Appends one or more instructions.
    fn piece(&mut self) {
        let piece = self.byte();
        match piece {
            0..96 => {
                let code = self.known_code();
                self.call(code);
            }
            96..116 => {
                let code = self.known_code();
                self.instruction(code);
            }
            116..120 => {
                let code = self.byte();
                self.instruction(code);
            }
            120..136 => self.push_word(),
            136..156 => {
                let form = self.byte();
                self.jump(form);
            }
            156..166 => self.destination(),
            // The interpreter loop runs a `PUSH1` and the next instruction together.
            166..182 => {
                let [byte, code] = [self.byte(), self.known_code()];
                self.push_bytes(&[byte]);
                self.instruction(code);
            }
            // Instructions that read and write memory near its end.
            182..206 => {
                let accesses = [opcode::MLOAD, opcode::MSTORE, opcode::MSTORE8, opcode::KECCAK256];
                self.call(accesses[usize::from(piece % 4)]);
            }
            206..222 => {
                let calls = [opcode::CALL, opcode::CALLCODE, opcode::DELEGATECALL, opcode::STATICCALL];
                self.call(calls[usize::from(piece % 4)]);
            }
            222..230 => {
                let copies = [
                    opcode::CALLDATACOPY,
                    opcode::CODECOPY,
                    opcode::RETURNDATACOPY,
                    opcode::MCOPY,
                    opcode::CALLDATALOAD,
                ];
                self.call(copies[usize::from(piece) % copies.len()]);
            }
            230..236 => self.create(piece),
            // Instructions that fill the stack, sometimes beyond its limit, or empty it.
            236..242 => {
                let fills =
                    [opcode::ADDRESS, opcode::DUP1, opcode::MSIZE, opcode::GAS, opcode::DUP16, opcode::POP];
                let count = 16 * usize::from(self.byte()) + usize::from(piece % 4);
                let fill = fills[usize::from(piece - 236)];
                let left = if self.is_unchecked { usize::MAX } else { self.left(fill) };
                for _ in 0..count.min(1040).min(left) {
                    self.put(fill);
                }
            }
            242..246 => {
                // Bytes that look like instructions, but are the immediate bytes of a push.
                let likes = [opcode::JUMPDEST, opcode::PUSH1, opcode::PUSH32, opcode::JUMP, opcode::PUSH2, 0];
                let length = 1 + usize::from(self.byte() % 32);
                let bytes =
                    (0..length).map(|_| likes[usize::from(self.byte()) % likes.len()]).collect::<Vec<_>>();
                self.push_bytes(&bytes);
            }
            246..252 => self.show(piece),
            _ => {
                self.push_word();
                let byte = self.byte();
                self.put(opcode::SWAP1 + byte % self.height.clamp(1, 16) as u8);
                self.put(opcode::POP);
            }
        }
    }

    /// Number of times that an instruction can be repeated on a stack of 1024 words.
    fn left(&self, code: u8) -> usize {
        match code {
            opcode::POP => self.height,
            opcode::DUP16 if self.height < 16 => 0,
            opcode::DUP1 if self.height == 0 => 0,
            _ => 1024_usize.saturating_sub(self.height),
        }
    }

    /// Appends a creation. The init code is a copy of the own code, a copy of another account's code, or a word.
    fn create(&mut self, how: u8) {
        let byte = self.byte();
        match how % 3 {
            0 => {
                self.push(U256::from(byte));
                self.push(U256::ZERO);
                self.push(U256::ZERO);
                self.put(opcode::CODECOPY);
            }
            1 => {
                let address = U256::from_be_bytes(self.address(byte % 16).into_word().0);
                self.push(address);
                self.put(opcode::EXTCODESIZE);
                self.push(U256::ZERO);
                self.push(U256::ZERO);
                self.push(address);
                self.put(opcode::EXTCODECOPY);
            }
            _ => {
                // Sets bytes of memory, and returns a region of it.
                let code = [
                    opcode::PUSH1,
                    byte,
                    opcode::PUSH1,
                    byte / 2,
                    opcode::MSTORE,
                    opcode::MSIZE,
                    opcode::PUSH1,
                    byte % 3,
                    opcode::RETURN,
                ];
                let mut word = [0; 32];
                word[..code.len()].copy_from_slice(&code);
                self.push(U256::from_be_bytes(word));
                self.push(U256::ZERO);
                self.put(opcode::MSTORE);
            }
        }
        let is_second = byte & 64 != 0;
        if is_second {
            self.push(U256::from(byte % 4));
        }
        self.put(opcode::MSIZE);
        self.push(U256::ZERO);
        self.push(U256::from(byte / 192));
        self.put(if is_second { opcode::CREATE2 } else { opcode::CREATE });
    }

    /// Ends the code in one of several ways, and fills in the targets of its jumps.
    fn finish(mut self, tail: u8) -> Vec<u8> {
        self.destination();
        if !tail.is_multiple_of(4) {
            // Makes words of the stack visible.
            for index in 0..self.height.min(usize::from(tail % 8)) {
                self.push(U256::from(32 * index));
                self.put(opcode::MSTORE);
            }
            self.show(tail / 2);
        }
        match tail % 16 {
            // The immediate byte that is missing is 0.
            0 if self.has_added => self.code.push(ADDED[1 + usize::from(tail / 16) % 3]),
            0..4 => {}
            kind @ 4..10 => {
                self.put(opcode::MSIZE);
                self.push(U256::ZERO);
                self.put(if kind == 9 { opcode::REVERT } else { opcode::RETURN });
            }
            // Each of these codes ends within an instruction, or without one that ends the run.
            10 => self.code.extend([opcode::ISZERO, opcode::PUSH2]),
            11 => self.code.extend([opcode::PUSH1, 0, opcode::SWAP1]),
            12 => self.push_target(2, tail / 16),
            13 => self.code.extend([opcode::ISZERO, opcode::PUSH2, 0]),
            14 => self.code.push(opcode::PUSH1),
            _ => {
                let length = usize::from(tail / 8) + 1;
                self.push_bytes(&[opcode::JUMPDEST; 32][..length]);
                let end = self.code.len() - length / 2;
                self.code.truncate(end);
            }
        }
        let length = self.code.len();
        for Jump { at, length: bytes, choice, may_lead_back } in std::mem::take(&mut self.jumps) {
            let further = self.destinations.partition_point(|destination| *destination < at);
            // The last destination follows all pieces.
            let ahead = (further + usize::from(choice % 8)).min(self.destinations.len() - 1);
            let any = usize::from(choice) % self.destinations.len();
            let mut target = self.destinations[if may_lead_back { any } else { ahead }];
            match choice {
                252.. => target = length + usize::from(choice - 252),
                248..252 => target += 1,
                _ => {}
            }
            if let Some(operand) = self.code.get_mut(at..at + bytes) {
                operand.copy_from_slice(&(target as u32).to_be_bytes()[4 - bytes..]);
            }
        }
        self.code
    }
}

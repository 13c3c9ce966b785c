//! Contracts of the worst cases: an instruction, or a few, that a loop repeats.

use alloy_primitives::{Address, Bytes, U256};
use revm::bytecode::opcode as op;

/// Greatest length of a loop's body, in bytes.
const MAX_BODY: usize = 6000;
/// Greatest gas of one round of a loop, where the body is not dearer by itself.
const MAX_ROUND: u64 = 20_000;
/// Gas that a loop leaves for its own end.
const END: u64 = 3000;
/// Offset of the data in a code that begins with it.
const DATA: u64 = 5;

/// Code that is being written.
#[derive(Clone, Debug, Default)]
pub struct Code(Vec<u8>);

impl Code {
    /// Code that first copies data to the start of memory.
    pub fn with_data(data: &[u8]) -> Self {
        // A PUSH among the data takes at most 32 of the zeros after it, so the destination is one.
        let start = DATA + data.len() as u64 + 33;
        Self::default()
            .push_bytes(&start.to_be_bytes()[5..])
            .op(op::JUMP)
            .raw(data)
            .raw(&[0; 33])
            .op(op::JUMPDEST)
            .push(data.len() as u64)
            .push(DATA)
            .ops(&[op::PUSH0, op::CODECOPY])
    }

    /// Appends an instruction.
    pub fn op(self, opcode: u8) -> Self {
        self.raw(&[opcode])
    }

    /// Appends instructions that have no immediate bytes.
    pub fn ops(self, opcodes: &[u8]) -> Self {
        self.raw(opcodes)
    }

    /// Appends an instruction several times.
    pub fn times(mut self, count: usize, opcode: u8) -> Self {
        self.0.resize(self.0.len() + count, opcode);
        self
    }

    /// Appends bytes.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends the shortest PUSH of a number.
    pub fn push(self, number: u64) -> Self {
        self.word(U256::from(number))
    }

    /// Appends the shortest PUSH of a word.
    pub fn word(self, word: U256) -> Self {
        let bytes = word.to_be_bytes_trimmed_vec();
        self.push_bytes(&bytes)
    }

    /// Appends a PUSH of an address.
    pub fn address(self, address: Address) -> Self {
        self.push_bytes(address.as_slice())
    }

    /// Appends a PUSH of at most 32 bytes.
    pub fn push_bytes(self, bytes: &[u8]) -> Self {
        self.op(op::PUSH0 + bytes.len() as u8).raw(bytes)
    }

    /// Length, in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn bytes(self) -> Bytes {
        self.0.into()
    }

    /// Appends a loop that repeats the body for as long as there is gas for another round, and then stops. `cost` is an
    /// upper bound of the body's gas. The body leaves the stack as deep as it found it.
    pub fn repeat(self, cost: u64, body: &Self) -> Bytes {
        self.repeat_at(cost, |_| body.clone())
    }

    /// Same as [`repeat`](Self::repeat), with a body that depends on its own offset in the code.
    pub fn repeat_at(mut self, cost: u64, body: impl Fn(usize) -> Self) -> Bytes {
        let start = self.len() as u64;
        self = self.op(op::JUMPDEST);
        let length = body(self.len()).len().max(1);
        let times = (MAX_BODY / length).min((MAX_ROUND / cost) as usize).max(1);
        for _ in 0..times {
            let next = body(self.len());
            self = self.raw(&next.0);
        }
        let round = times as u64 * cost;
        self.op(op::GAS)
            .push(round + END)
            .op(op::LT)
            .push_bytes(&start.to_be_bytes()[5..])
            .ops(&[op::JUMPI, op::STOP])
            .bytes()
    }
}

/// Call without value and without data to the address on top of the stack, which stays there.
pub fn call_top() -> Code {
    Code::default().times(5, op::PUSH0).ops(&[op::DUP6, op::GAS, op::CALL, op::POP])
}

/// Adds one to the top of the stack.
pub fn increment() -> [u8; 3] {
    [op::PUSH1, 1, op::ADD]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_the_shortest_ones() {
        let code = Code::default().push(0).push(1).push(256).word(U256::MAX).bytes();
        assert_eq!(code[..6], [op::PUSH0, op::PUSH1, 1, op::PUSH2, 1, 0]);
        assert_eq!((code[6], code.len()), (op::PUSH32, 6 + 33));
    }

    #[test]
    fn data_cannot_hide_the_code_after_it() {
        let code = Code::with_data(&[op::PUSH32; 100]).bytes();
        let start = usize::from(code[2]) << 8 | usize::from(code[3]);
        assert_eq!((code[0], code[4], code[start]), (op::PUSH3, op::JUMP, op::JUMPDEST));
        assert_eq!(code[DATA as usize..][..100], [op::PUSH32; 100]);
    }

    #[test]
    fn a_dear_body_is_in_each_round_once() {
        let body = Code::default().ops(&[op::CALLER, op::POP]);
        let dear = Code::default().repeat(MAX_ROUND + 1, &body);
        let cheap = Code::default().repeat(4, &body);
        assert_eq!(dear.iter().filter(|byte| **byte == op::CALLER).count(), 1);
        assert_eq!(cheap.iter().filter(|byte| **byte == op::CALLER).count(), MAX_BODY / 2);
    }
}

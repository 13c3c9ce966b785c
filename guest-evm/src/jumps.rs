//! Where the codes of a block's contracts are jumped to: noted once by whoever makes an input, as hints for the guest.

use crate::bytecode;
use alloc::{collections::BTreeSet, rc::Rc};
use alloy_primitives::{Bytes, U256, keccak256, map::B256Map};
use core::cell::RefCell;
use revm::{
    bytecode::opcode,
    interpreter::{
        Interpreter,
        interpreter::EthInterpreter,
        interpreter_types::{Jumps as _, LegacyBytecode},
    },
};

/// Destinations of jumps, by the hash of the code. Clones note into the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jumps(Rc<RefCell<B256Map<BTreeSet<u32>>>>);

impl Jumps {
    /// Notes where the next instruction of an interpreter jumps to, if it does: a `JUMPDEST`, or what looks like one.
    pub(crate) fn note(&self, interpreter: &Interpreter<EthInterpreter>) {
        let code = &interpreter.bytecode;
        let target = match (code.opcode(), &interpreter.stack.data()[..]) {
            (opcode::JUMP, [.., target]) => target,
            (opcode::JUMPI, [.., condition, target]) if *condition != U256::ZERO => target,
            _ => return,
        };
        // What is deployed by the block has no hash yet, nor a place in the witness.
        let (Some(hash), Ok(target)) = (code.hash(), u32::try_from(*target)) else { return };
        if code.bytecode_slice().get(target as usize) == Some(&opcode::JUMPDEST) {
            self.0.borrow_mut().entry(hash).or_default().insert(target);
        }
    }

    /// The hints for a code.
    pub(crate) fn hints(&self, code: &Bytes) -> Bytes {
        match self.0.borrow().get(&keccak256(code)) {
            Some(destinations) => bytecode::hints(code, destinations.iter().copied()).into(),
            None => Bytes::new(),
        }
    }
}

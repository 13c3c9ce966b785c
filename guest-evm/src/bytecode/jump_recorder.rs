//! Recorder of the jump destinations that a block's contracts use. The maker of an input records them once,
//! as hints for the guest.

use super::jump_hints;
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

/// Hint that names nothing, or the code's first byte if that is a destination.
const NOTHING: Bytes = Bytes::from_static(&[0; 4]);

/// Destinations of jumps, by the hash of the code. Clones share one record.
#[derive(Clone, Debug, Default)]
pub(crate) struct JumpRecorder(Rc<RefCell<B256Map<BTreeSet<u32>>>>);

impl JumpRecorder {
    /// Records the destination of the next instruction if it jumps to a `JUMPDEST`, even to one inside the data of a `PUSH`.
    /// Hints that name only destinations would lack the latter, so each call that jumps there would complete them again.
    ///
    /// Nothing is searched for a jump to another byte.
    pub(crate) fn note(&self, interpreter: &Interpreter<EthInterpreter>) {
        let code = &interpreter.bytecode;
        let target = match (code.opcode(), &interpreter.stack.data()[..]) {
            (opcode::JUMP, [.., target]) => target,
            (opcode::JUMPI, [.., condition, target]) if *condition != U256::ZERO => target,
            _ => return,
        };
        // Code that the block deploys has no hash yet, and is not in the witness.
        let Some(hash) = code.hash() else { return };
        let Ok(target) = u32::try_from(*target) else { return };
        if code.bytecode_slice().get(target as usize) == Some(&opcode::JUMPDEST) {
            self.0.borrow_mut().entry(hash).or_default().insert(target);
        }
    }

    /// Returns the hints for a code. One that never jumps has a hint that names nothing, so that it is not searched.
    pub(crate) fn hints(&self, code: &Bytes) -> Bytes {
        match self.0.borrow().get(&keccak256(code)) {
            Some(destinations) => jump_hints::hints(code, destinations.iter().copied()).into(),
            None => NOTHING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use revm::{
        bytecode::Bytecode,
        interpreter::{InputsImpl, SharedMemory, interpreter::ExtBytecode},
        primitives::hardfork::SpecId,
    };

    /// Hints for a code of a `JUMP`, one destination, and a `JUMPDEST` that is data, after jumps to these targets.
    fn hints(targets: &[U256]) -> Bytes {
        let mut code = vec![0; 3000];
        (code[0], code[5]) = (opcode::JUMP, opcode::JUMPDEST);
        (code[8], code[9]) = (opcode::PUSH1, opcode::JUMPDEST);
        let code = Bytes::from(code);
        let jumps = JumpRecorder::default();
        for target in targets {
            let bytecode = ExtBytecode::new_with_hash(Bytecode::new_legacy(code.clone()), keccak256(&code));
            let (memory, inputs) = (SharedMemory::new(), InputsImpl::default());
            let mut interpreter =
                Interpreter::<EthInterpreter>::new(memory, bytecode, inputs, false, SpecId::OSAKA, 100);
            interpreter.stack.data_mut().push(*target);
            jumps.note(&interpreter);
        }
        jumps.hints(&code)
    }

    /// Hints never contain such a target. Without it in the record, each call that jumps there would complete them.
    #[test]
    fn a_code_that_jumps_into_the_data_of_a_push_has_checkpoints() {
        let (there, inside) = (U256::from(5), U256::from(9));
        let (checkpoints, named) = ([0, 0, 0, 0xff], [5, 0, 0, 0]);
        assert_eq!(hints(&[there])[..], [5, 0, 0, 5]);
        assert_eq!(hints(&[inside])[..], checkpoints);
        let orders: [Vec<U256>; 2] = [vec![there, inside], vec![inside, there]];
        for order in orders {
            assert_eq!(hints(&order), [checkpoints, named].concat(), "{order:?}");
        }
    }

    /// The guest looks at the byte before it searches.
    #[test]
    fn jumps_to_other_bytes_need_no_hints() {
        let there = U256::from(5);
        for nowhere in [U256::from(6), U256::from(3000), U256::from(1 << 24), U256::from(u64::MAX), U256::MAX]
        {
            assert_eq!(hints(&[nowhere]), NOTHING, "{nowhere}");
            for order in [[there, nowhere], [nowhere, there]] {
                assert_eq!(hints(&order), hints(&[there]), "{order:?}");
            }
        }
        assert_eq!(hints(&[]), NOTHING);
    }
}

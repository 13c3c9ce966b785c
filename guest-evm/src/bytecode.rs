//! Contract code, ready to run.

use alloc::{vec, vec::Vec};
use alloy_primitives::Bytes;
use revm::bytecode::{JumpTable, eip7702::EIP7702_MAGIC_BYTES, opcode};
use revm::state::Bytecode;

/// Zeros behind a code: what the longest `PUSH` takes, were it the last byte, and a `STOP`.
const PADDING: usize = 33;

/// The code of an account, with its jump destinations (yellow paper, section 9.4.3).
pub(crate) fn analyse(code: Bytes) -> Bytecode {
    // What looks like a delegation (EIP-7702) but isn't one was deployed before EIP-3541.
    if code.starts_with(EIP7702_MAGIC_BYTES)
        && let Ok(delegation) = Bytecode::new_raw_checked(code.clone())
    {
        return delegation;
    }
    if code.is_empty() {
        return Bytecode::default();
    }
    let (padded, destinations) = pad_and_find(&code);
    let table = JumpTable::from_slice(&destinations, code.len());
    #[expect(unsafe_code, reason = "revm's own analysis takes twice as long")]
    // SAFETY: an instruction begins at the code's last byte at the latest, and has 32 bytes after it at most; the next
    // is among the zeros, so stops.
    unsafe {
        Bytecode::new_analyzed(padded.into(), code.len(), table)
    }
}

/// How far the next instruction is: 0 says that it is a `JUMPDEST`.
static STEPS: [u8; 256] = {
    let mut steps = [1; 256];
    let mut length = 1;
    while length <= 32 {
        steps[opcode::PUSH0 as usize + length] += length as u8;
        length += 1;
    }
    steps[opcode::JUMPDEST as usize] = 0;
    steps
};

/// The code with its padding, and a bit for each byte of the code, the lowest of each byte first: whether it is a
/// `JUMPDEST` that no `PUSH` takes.
#[inline(never)]
fn pad_and_find(code: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bits = vec![0; code.len().div_ceil(8)];
    let mut padded = Vec::with_capacity(code.len() + PADDING);
    padded.extend_from_slice(code);
    // Here the search ends; so on its way it need not ask for the end.
    padded.extend_from_slice(&[opcode::JUMPDEST; PADDING]);
    let start = padded.as_ptr();
    let mut next = start;
    loop {
        // Several steps before it is asked where they led.
        #[expect(unsafe_code, reason = "the guest spends as much on this as on all of its trie nodes")]
        // SAFETY: from within the code, a step leads to the last `JUMPDEST` of the padding at the farthest, and none
        // leads further: from a `JUMPDEST` there is no step.
        let (step, at) = unsafe {
            for _ in 0..2 {
                next = next.add(usize::from(STEPS[usize::from(*next)]));
            }
            let step = STEPS[usize::from(*next)];
            next = next.add(usize::from(step));
            (step, next.offset_from_unsigned(start))
        };
        if step == 0 {
            let Some(bits) = bits.get_mut(at / 8).filter(|_| at < code.len()) else { break };
            *bits |= 1 << (at % 8);
            next = next.wrapping_add(1);
        }
    }
    padded[code.len()..].fill(0);
    (padded, bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn destinations_are_those_of_revm() {
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..2000 {
            let code = (0..rng.random_range(1..200)).map(|_| match rng.random_range(0..4) {
                0 => opcode::JUMPDEST,
                1 => rng.random_range(opcode::PUSH0..=opcode::PUSH32),
                _ => rng.random::<u8>(),
            });
            let code = code.collect::<Bytes>();
            let (ours, theirs) = (analyse(code.clone()), Bytecode::new_legacy(code.clone()));
            assert_eq!(ours.legacy_jump_table(), theirs.legacy_jump_table(), "{code}");
            assert_eq!(ours.original_bytes(), code);
            assert_eq!(ours.hash_slow(), theirs.hash_slow());
            let end = theirs.bytes_ref().len();
            assert_eq!(ours.bytes_ref()[..end.min(ours.bytes_ref().len())], theirs.bytes_ref()[..]);
        }
    }

    #[test]
    fn delegations_are_told_from_old_codes() {
        let delegation = [&[0xef, 0x01, 0x00][..], &[7; 20]].concat();
        assert!(analyse(delegation.clone().into()).is_eip7702());
        assert!(analyse(delegation[..22].to_vec().into()).is_legacy());
        assert!(analyse(Bytes::from_static(&[0xef, 0x01, 0x01])).is_legacy());
        assert_eq!(analyse(Bytes::new()), Bytecode::default());
    }
}

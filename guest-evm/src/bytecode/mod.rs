//! Contract code, analysed and ready to run.

pub(crate) mod jump_hints;
pub(crate) mod jump_recorder;

use crate::word::words;
use alloc::{vec, vec::Vec};
use alloy_primitives::Bytes;
use revm::bytecode::{JumpTable, eip7702::EIP7702_MAGIC_BYTES, opcode};
use revm::state::Bytecode;

/// Maximum length of a code of the state, in bytes: hints have 24 bits for an offset. Since EIP-170, no
/// deployed code has more than 24,576 bytes, but the prover may invent the state.
pub(crate) const MAX_CODE: usize = 1 << 24;

/// Number of zeros after a code: the bytes that the longest `PUSH` takes if it is the last byte, and a
/// `STOP`.
const PADDING: usize = 33;

/// Function pointer to [`analyse_with_hints`](jump_hints::analyse_with_hints) for some word arithmetic.
pub(crate) type AnalyseWithHints = fn(padded: &[u8], length: usize, hints: &[u32]) -> Vec<u8>;

/// Analyses the code of an account. Its table has all jump destinations (yellow paper, section 9.4.3), or
/// only those that the hints name (see [`hints`](jump_hints::hints)). `delegations` says whether the fork has
/// delegations (EIP-7702).
pub(crate) fn analyse(
    code: Bytes,
    hints: &[u8],
    analyse_with_hints: AnalyseWithHints,
    delegations: bool,
) -> Bytecode {
    if delegations && let Some(delegation) = delegation(&code) {
        return delegation;
    }
    if code.is_empty() {
        return Bytecode::default();
    }
    let (padded, table) = if let Some(hints @ [_, ..]) = words(hints) {
        let mut padded = Vec::with_capacity(code.len() + PADDING);
        padded.extend_from_slice(&code);
        padded.resize(code.len() + PADDING, 0);
        let destinations = analyse_with_hints(&padded, code.len(), hints);
        (padded, JumpTable::from_slice(&destinations, code.len() + PADDING))
    } else {
        let (padded, destinations) = pad_and_find(&code);
        (padded, JumpTable::from_slice(&destinations, code.len()))
    };
    to_bytecode(padded, code.len(), table)
}

/// Returns the delegation that this code is in a fork that has delegations (EIP-7702). In an earlier fork it is a code
/// that was deployed before EIP-3541.
pub(crate) fn delegation(code: &Bytes) -> Option<Bytecode> {
    if !code.starts_with(EIP7702_MAGIC_BYTES) {
        return None;
    }
    Bytecode::new_raw_checked(code.clone()).ok()
}

/// Distance to the next instruction, in bytes, by opcode; 0 for `JUMPDEST`.
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

/// Returns the code with its padding, and its jump destinations: a bit for each byte of the code, the lowest
/// of each byte first. A destination is a `JUMPDEST` that no `PUSH` takes.
#[inline(never)]
fn pad_and_find(code: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bits = vec![0; code.len().div_ceil(8)];
    let mut padded = Vec::with_capacity(code.len() + PADDING);
    padded.extend_from_slice(code);
    // The search ends here, so it need not check for the end on its way.
    padded.extend_from_slice(&[opcode::JUMPDEST; PADDING]);
    let start = padded.as_ptr();
    let mut next = start;
    loop {
        // Several steps before the check of where they led.
        #[expect(unsafe_code, reason = "the guest spends as much on this as on all of its trie nodes")]
        // SAFETY: a step from within the code leads at most to the last `JUMPDEST` of the padding. No step
        // leads further, because there is no step from a `JUMPDEST`.
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

/// Returns the code with all its destinations, if it only has those that hints named.
pub(crate) fn completed(code: &Bytecode) -> Option<Bytecode> {
    code.legacy_jump_table().filter(|table| is_partial(table, code.len()))?;
    let (padded, table) = pad_and_find(code.original_byte_slice());
    Some(to_bytecode(padded, code.len(), JumpTable::from_slice(&table, code.len())))
}

/// Returns whether the table only has the destinations that hints named. `code` is the code's length, in
/// bytes.
fn is_partial(table: &JumpTable, code: usize) -> bool {
    table.len() > code
}

/// Makes revm's bytecode from a code of `length` bytes with its padding, and its table.
fn to_bytecode(padded: Vec<u8>, length: usize, table: JumpTable) -> Bytecode {
    #[expect(unsafe_code, reason = "revm's own analysis takes twice as long")]
    // SAFETY: the last instruction begins at the code's last byte or before, and has at most 32 bytes after
    // it. The next instruction is among the zeros, so it is a `STOP`. All callers put 33 zeros after the
    // code, and the table has a bit for each byte of the code.
    unsafe {
        Bytecode::new_analyzed(padded.into(), length, table)
    }
}

/// Length of each instruction with its immediate bytes, by opcode.
static LENGTHS: [u8; 256] = {
    let mut lengths = STEPS;
    lengths[opcode::JUMPDEST as usize] = 1;
    lengths
};

#[cfg(test)]
mod tests {
    use super::{jump_hints::analyse_with_hints, *};
    use crate::word::Portable;
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
            let (ours, theirs) = (
                analyse(code.clone(), &[], analyse_with_hints::<Portable>, true),
                Bytecode::new_legacy(code.clone()),
            );
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
        assert!(analyse(delegation.clone().into(), &[], analyse_with_hints::<Portable>, true).is_eip7702());
        assert!(
            analyse(delegation[..22].to_vec().into(), &[], analyse_with_hints::<Portable>, true).is_legacy()
        );
        assert!(
            analyse(Bytes::from_static(&[0xef, 0x01, 0x01]), &[], analyse_with_hints::<Portable>, true)
                .is_legacy()
        );
        assert_eq!(analyse(Bytes::new(), &[], analyse_with_hints::<Portable>, true), Bytecode::default());
        // Before Prague there are no delegations.
        assert!(analyse(delegation.into(), &[], analyse_with_hints::<Portable>, false).is_legacy());
    }
}

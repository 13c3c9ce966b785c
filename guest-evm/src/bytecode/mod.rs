//! Contract code, analysed and ready to run.

mod checkpoints;
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

/// Maximum length of a code in which all destinations are searched for where [`checkpoints`] would do, in bytes. A jump by
/// them takes some 150 instructions more, and ordinary constructors jump ten or twenty times. So at this length, both ways
/// cost about the same. A search of such a code costs at most 40,000 instructions, which is little beside a creation's gas.
const SHORT: usize = 2048;

/// Function pointer to [`analyse_with_hints`](jump_hints::analyse_with_hints) for some word arithmetic.
pub(crate) type AnalyseWithHints = fn(padded: &[u8], length: usize, hints: &[u32]) -> Vec<u8>;

/// Analyses the code of an account. Its table has all jump destinations (yellow paper, section 9.4.3), or
/// only those that the hints name (see [`hints`](jump_hints::hints)). Then it has checkpoints if the hints ask for them.
/// `delegations` says whether the fork has delegations (EIP-7702).
pub(crate) fn analyse(
    code: Bytes,
    hints: &[u8],
    analyse_with_hints: AnalyseWithHints,
    delegations: bool,
) -> Bytecode {
    if delegations && let Some(delegation) = delegation(&code) {
        return delegation;
    }
    let Some(hints) = words(hints).filter(|hints| !hints.is_empty() && !code.is_empty()) else {
        return analyse_whole(code);
    };
    let (padded, destinations) = if let Some(hints) = jump_hints::for_checkpoints(hints) {
        let padded = checkpoints::pad_and_check(&code);
        let destinations = jump_hints::analyse_with_checkpoints(&padded, code.len(), hints);
        (padded, destinations)
    } else {
        let padded = pad(&code);
        let destinations = analyse_with_hints(&padded, code.len(), hints);
        (padded, destinations)
    };
    let table = JumpTable::from_slice(&destinations, code.len() + PADDING);
    to_bytecode(padded, code.len(), table)
}

/// Analyses the code that a creation runs. The table of a long one has no destinations, as though hints named none: then
/// only one that jumps has to be [completed]. Gas pays for little more than its copies.
pub(crate) fn analyse_init_code(code: Bytes) -> Bytecode {
    if code.len() <= SHORT {
        return analyse_whole(code);
    }
    let length = code.len() + PADDING;
    let table = JumpTable::from_slice(&vec![0; length.div_ceil(8)], length);
    to_bytecode(pad(&code), code.len(), table)
}

/// Returns the code with its padding.
fn pad(code: &[u8]) -> Vec<u8> {
    let length = code.len() + PADDING;
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(code);
    padded.resize(length, opcode::STOP);
    padded
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

/// Bytes that the search looks at together: those of one byte of the table.
const GROUP: usize = 8;

/// Instructions that the search goes through before it looks at where they led. Further ones don't matter: there is no step
/// from a `JUMPDEST`.
const BATCH: usize = 4;

/// Returns the code with its padding, and its jump destinations: a bit for each byte of the code, the lowest
/// of each byte first. A destination is a `JUMPDEST` that no `PUSH` takes.
#[inline(never)]
#[expect(unsafe_code, reason = "an author of contracts chooses what has to be searched, and how often")]
fn pad_and_find(code: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bits = vec![0; code.len().div_ceil(GROUP)];
    // The search may end after the padding.
    let length = code.len() + BATCH * PADDING + GROUP;
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(code);
    padded.resize(length, opcode::STOP);
    let (start, table) = (padded.as_ptr(), bits.as_mut_ptr());
    let groups = start.cast::<[u32; 2]>();
    let is_aligned = groups.is_aligned();
    let mut at = 0;
    while at < code.len() {
        // SAFETY: the group begins within the code, so the padding has the rest of it. The table has a byte for it.
        unsafe {
            if is_aligned
                && let Some(destinations) = without_pushes(groups.add(at / GROUP).read().map(u32::from_le))
            {
                table.add(at / GROUP).write(destinations);
                at += GROUP;
                continue;
            }
        }
        // `PUSH`es come one after the other, mostly. After anything else, one instruction after the other, until one begins
        // at a group.
        //
        // SAFETY: each offset is within the code or, after the last instruction that begins there, in the zeros after it: up
        // to `BATCH` steps further, and then less than a group. There are no destinations.
        unsafe {
            let mut step = 2;
            while step > 1 && at < code.len() {
                for _ in 0..BATCH {
                    step = usize::from(STEPS[usize::from(*start.add(at))]);
                    at += step;
                }
            }
            while step == 0 || at % GROUP != 0 {
                step = usize::from(STEPS[usize::from(*start.add(at))]);
                if step == 0 {
                    *table.add(at / GROUP) |= 1 << (at % GROUP);
                }
                at += step.max(1);
                step = 1;
            }
        }
    }
    padded.truncate(code.len() + PADDING);
    (padded, bits)
}

/// Returns the `JUMPDEST`s among eight bytes, a bit each, if none of the bytes is a `PUSH` with data. The lowest byte of the
/// first number is the first byte, and its bit is the lowest one.
#[inline(always)]
const fn without_pushes(group: [u32; 2]) -> Option<u8> {
    const EACH: u32 = 0x0101_0101;
    const HIGH: u32 = 0x80 * EACH;
    let [first, second] = group;
    // A byte of a `PUSH` becomes zero, and any other one a multiple of 32. Then one less has the high bit only from zero on.
    let (a, b) = (first & (0xe0 * EACH) ^ (0x60 * EACH), second & (0xe0 * EACH) ^ (0x60 * EACH));
    if (a.wrapping_sub(EACH) & !a | b.wrapping_sub(EACH) & !b) & HIGH != 0 {
        return None;
    }
    // A byte of a `JUMPDEST` becomes zero. Only then a sum with 127 of its lower bits has no high bit.
    let (a, b) = (first ^ (opcode::JUMPDEST as u32 * EACH), second ^ (opcode::JUMPDEST as u32 * EACH));
    let a = !(((a & !HIGH) + !HIGH) | a) & HIGH;
    let b = !(((b & !HIGH) + !HIGH) | b) & HIGH;
    // Bits 0, 8, 16, 24 and 4, 12, 20, 28, each of which one part of the product moves to its place from bit 24 on. No two
    // parts meet, so nothing is carried.
    let spread = a >> 7 | b >> 3;
    Some((spread.wrapping_mul(1 << 24 | 1 << 17 | 1 << 10 | 1 << 3) >> 24) as u8)
}

/// Analyses a code that is no delegation. Its table has all jump destinations.
fn analyse_whole(code: Bytes) -> Bytecode {
    if code.is_empty() {
        return Bytecode::default();
    }
    let (padded, table) = pad_and_find(&code);
    to_bytecode(padded, code.len(), JumpTable::from_slice(&table, code.len()))
}

/// Returns the code with all its destinations or with checkpoints, if it only has destinations that hints named.
pub(crate) fn completed(code: &Bytecode) -> Option<Bytecode> {
    let table = code.legacy_jump_table().filter(|table| is_partial(table, code.len()))?;
    if has_checkpoints(code) {
        return None;
    }
    if code.len() <= SHORT {
        return Some(analyse_whole(code.original_bytes()));
    }
    let padded = checkpoints::pad_and_check(code.original_byte_slice());
    Some(to_bytecode(padded, code.len(), table.clone()))
}

/// Returns whether `target` is a destination by the code's checkpoints, which it need not have.
pub(crate) fn is_destination(code: &Bytecode, target: usize) -> bool {
    has_checkpoints(code) && checkpoints::is_destination(code.bytes_slice(), code.len(), target)
}

/// Returns whether there are checkpoints after the code's padding. Only then are the bytes of a code with a partial table
/// that long.
fn has_checkpoints(code: &Bytecode) -> bool {
    code.bytes_slice().len() > code.len() + PADDING
        && code.legacy_jump_table().is_some_and(|table| is_partial(table, code.len()))
}

/// Returns whether the table only has the destinations that hints named. `code` is the code's length, in
/// bytes.
fn is_partial(table: &JumpTable, code: usize) -> bool {
    table.len() > code
}

/// Returns whether one instruction after the other leads from the offset `from` to the offset `to`, which is within the code.
#[inline(always)]
fn reaches(code: &[u8], from: usize, to: usize) -> bool {
    // So the compiler sees that no step needs a check.
    let before = &code[..to];
    let mut at = from;
    while at < before.len() {
        at += usize::from(LENGTHS[usize::from(before[at])]);
    }
    at == to
}

/// Makes revm's bytecode from a code of `length` bytes with its padding, and its table. Checkpoints may follow.
fn to_bytecode(padded: Vec<u8>, length: usize, table: JumpTable) -> Bytecode {
    #[expect(unsafe_code, reason = "revm's own analysis takes twice as long")]
    // SAFETY: the last instruction begins at the code's last byte or before, and has at most 32 bytes after
    // it. The next instruction is among the zeros, so it is a `STOP`. All callers put 33 zeros after the
    // code, and the table has a bit for each byte of the code. What follows the zeros is never executed.
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

    /// Random code of up to 200 bytes, in which groups of eight bytes have a `PUSH` of data, have none, or have one now and
    /// then, by the index.
    pub(super) fn random_code(rng: &mut StdRng, index: usize) -> Bytes {
        let most = if index.is_multiple_of(3) { 4 } else { 60 };
        let code = (0..rng.random_range(1..200)).map(|_| match rng.random_range(0..most) {
            0 => rng.random_range(opcode::PUSH0..=opcode::PUSH32),
            1 | 4..30 => opcode::JUMPDEST,
            _ if index % 3 == 1 => rng.random::<u8>() & 0x9f,
            _ => rng.random::<u8>(),
        });
        code.collect()
    }

    #[test]
    fn destinations_are_those_of_revm() {
        let mut rng = StdRng::seed_from_u64(7);
        for index in 0..6000 {
            let code = random_code(&mut rng, index);
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

    /// Both kinds of init codes, and codes without their hints, before and after they are completed.
    #[test]
    fn completed_codes_have_all_destinations() {
        let mut rng = StdRng::seed_from_u64(13);
        for length in [1, 40, SHORT - 1, SHORT, SHORT + 1, SHORT + 15, 5000, 100_000] {
            for index in 0..3 {
                let mut code = Vec::new();
                while code.len() < length {
                    code.extend_from_slice(&random_code(&mut rng, index));
                }
                code.truncate(length);
                let code = Bytes::from(code);
                let theirs = Bytecode::new_legacy(code.clone());
                let table = theirs.legacy_jump_table().unwrap();
                let unnamed = analyse(code.clone(), &[0; 4], analyse_with_hints::<Portable>, true);
                for (ours, is_whole) in [(analyse_init_code(code.clone()), length <= SHORT), (unnamed, false)]
                {
                    assert!((0..length).all(|at| !is_destination(&ours, at)));
                    let completed = if is_whole { ours.clone() } else { completed(&ours).unwrap() };
                    assert!(super::completed(&completed).is_none());
                    assert_eq!(has_checkpoints(&completed), length > SHORT);
                    for at in 0..length + 100 {
                        let found = completed.legacy_jump_table().unwrap().is_valid(at)
                            || is_destination(&completed, at);
                        assert_eq!(found, table.is_valid(at), "{at} of {length}");
                    }
                    for bytecode in [ours, completed] {
                        assert_eq!(bytecode.original_bytes(), code);
                        assert_eq!((bytecode.len(), bytecode.hash_slow()), (length, theirs.hash_slow()));
                        assert_eq!(bytecode.bytes_slice()[length..length + PADDING], [0; PADDING]);
                    }
                }
            }
        }
        assert!(analyse_init_code(Bytes::new()).is_empty());
    }

    /// Tries each byte at each offset, beside bytes that differ from a `JUMPDEST` or a `PUSH` by one.
    #[test]
    fn groups_without_pushes_name_their_destinations() {
        let is_push = |byte: u8| (opcode::PUSH1..=opcode::PUSH32).contains(&byte);
        for others in [opcode::STOP, 0x5a, opcode::JUMPDEST, 0x5c, opcode::PUSH0, opcode::DUP1, 0xdb, 0xff] {
            for place in 0..GROUP {
                for byte in 0..=u8::MAX {
                    let mut group = [others; GROUP];
                    group[place] = byte;
                    let bits = (0..GROUP).map(|at| u8::from(group[at] == opcode::JUMPDEST) << at).sum();
                    let expected = (!group.iter().copied().any(is_push)).then_some(bits);
                    let [first, second] =
                        [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| group[at + i])));
                    assert_eq!(without_pushes([first, second]), expected, "{group:x?}");
                }
            }
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

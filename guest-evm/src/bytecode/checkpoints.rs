//! Checkpoints of a code: for each block of it, where its first instruction begins.
//!
//! To find all destinations of a code, each `JUMPDEST` has to be marked, which takes up to 19 of the VM's instructions a
//! byte. Its author pays a fraction of that. Checkpoints take 6 at most: one byte is written for a block, whatever is in it.
//! Whether a byte is a destination is then seen by following the instructions of its block.

use super::{LENGTHS, PADDING, reaches};
use alloc::vec::Vec;
use revm::bytecode::opcode;

/// Bytes of a block. In longer ones, a question costs more steps. In shorter ones, the blocks themselves cost more.
pub(super) const BLOCK: usize = 16;

/// Bytes that are looked at together: half a block.
const HALF: usize = BLOCK / 2;

/// Returns the code with its padding, and one byte after that for each block of the code: the distance from the block's
/// start to the first instruction that begins there or later. The last instruction before the block has at most 32 bytes
/// in it or after it, so the distance is 32 at most.
#[inline(never)]
#[expect(unsafe_code, reason = "an author of contracts chooses what has to be followed, and how often")]
pub(super) fn pad_and_check(code: &[u8]) -> Vec<u8> {
    let start = code.len() + PADDING;
    let length = start + code.len().div_ceil(BLOCK);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(code);
    bytes.resize(length, opcode::STOP);
    let (padded, checkpoints) = bytes.split_at_mut(start);
    let mut begin = padded.as_ptr();
    let is_aligned = begin.cast::<u32>().is_aligned();
    let mut at = begin;
    for checkpoint in checkpoints {
        *checkpoint = at.addr().wrapping_sub(begin.addr()) as u8;
        let (middle, end) = (begin.wrapping_add(HALF), begin.wrapping_add(BLOCK));
        if at < end {
            // Without a `PUSH`, each byte is an instruction. If the first half has one, a look at the second half would
            // rarely save what it costs.
            //
            // SAFETY: the block begins within the code, and has fewer bytes after it than the padding. What is read are its
            // halves, or the instruction at an offset within it.
            unsafe {
                if is_aligned && !may_push(begin.cast::<[u32; 2]>().read()) {
                    at = at.max(middle);
                    if !may_push(middle.cast::<[u32; 2]>().read()) {
                        at = at.max(end);
                    }
                }
                while at < end {
                    at = at.wrapping_add(usize::from(LENGTHS[usize::from(*at)]));
                }
            }
        }
        begin = end;
    }
    bytes
}

/// Returns whether one of eight bytes may be a `PUSH` with data: these have bits 5 and 6, as only bytes from 0xe0 on have
/// otherwise. To tell those apart would cost more.
#[inline(always)]
const fn may_push([a, b]: [u32; 2]) -> bool {
    (a & a << 1 | b & b << 1) & 0x4040_4040 != 0
}

/// Returns whether `target` is a destination of a code of `length` bytes by its checkpoints, which are among `bytes` if it
/// has any.
#[inline(always)]
pub(super) fn is_destination(bytes: &[u8], length: usize, target: usize) -> bool {
    if target >= length || bytes[target] != opcode::JUMPDEST {
        return false;
    }
    let block = target / BLOCK;
    match bytes.get(length + PADDING + block) {
        Some(distance) => reaches(bytes, block * BLOCK + usize::from(*distance), target),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::tests::random_code;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn checkpoints_are_where_instructions_begin() {
        let mut rng = StdRng::seed_from_u64(12);
        let mut cut = 0;
        for index in 0..6000 {
            let code = random_code(&mut rng, index);
            let bytes = pad_and_check(&code);
            let (padded, checkpoints) = bytes.split_at(code.len() + PADDING);
            assert_eq!(padded[..code.len()], code[..]);
            assert_eq!(padded[code.len()..], [0; PADDING]);
            assert_eq!(checkpoints.len(), code.len().div_ceil(BLOCK));
            let mut beginnings = Vec::new();
            let mut at = 0;
            while at < code.len() + BLOCK {
                beginnings.push(at);
                at += usize::from(LENGTHS[usize::from(padded[at])]);
                cut += usize::from(at > code.len() && *beginnings.last().unwrap() < code.len());
            }
            beginnings.push(at);
            for (block, distance) in checkpoints.iter().enumerate() {
                let first = beginnings.iter().find(|at| **at >= block * BLOCK).unwrap();
                assert_eq!(block * BLOCK + usize::from(*distance), *first, "block {block} of {code}");
            }
            for target in 0..code.len() + PADDING + 40 {
                let expected = code.get(target) == Some(&opcode::JUMPDEST) && beginnings.contains(&target);
                assert_eq!(is_destination(&bytes, code.len(), target), expected, "{target} in {code}");
                assert!(!is_destination(padded, code.len(), target));
            }
        }
        assert!(cut > 100, "{cut} codes end within a PUSH");
    }

    /// Tries each byte at each offset, beside bytes that have one of the two bits.
    #[test]
    fn no_push_is_overlooked() {
        for others in [opcode::STOP, opcode::JUMPDEST, opcode::PUSH0, 0x3f, 0xbf, 0xdf] {
            for place in 0..HALF {
                for byte in 0..=u8::MAX {
                    let mut half = [others; HALF];
                    half[place] = byte;
                    let words = [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| half[at + i])));
                    let expected = matches!(byte, opcode::PUSH1..=opcode::PUSH32 | 0xe0..);
                    assert_eq!(may_push(words), expected, "{half:x?}");
                }
            }
        }
    }
}

//! Hints to jump destinations: made once, and checked against the code.

use super::{LENGTHS, PADDING};
use crate::word::{Portable, WordOps, bytes_are_below, words};
use alloc::{vec, vec::Vec};
use revm::bytecode::opcode;

/// Returns whether one instruction after the other leads from the offset `from` to the offset `to`. Each
/// instruction that begins before `to` is within the code.
#[inline(always)]
fn reaches(code: &[u8], from: usize, to: usize) -> bool {
    let mut at = from;
    while at < to {
        at += usize::from(LENGTHS[usize::from(code[at])]);
    }
    at == to
}

/// Returns the destinations that hints name, as bits, the lowest of each byte first. A wrong hint is left
/// out.
///
/// A hint is a little-endian number of four bytes. The lower three bytes are the destination. The highest
/// byte is the distance back to an offset at which an instruction certainly begins. That is the start of the
/// code, a destination named before, or an offset for which [`is_beginning`] holds. From there, one
/// instruction after the other must lead to the destination.
#[inline(never)]
pub(crate) fn analyse_with_hints<W: WordOps>(padded: &[u8], length: usize, hints: &[u32]) -> Vec<u8> {
    let mut bits = vec![0; padded.len().div_ceil(8)];
    let code = words(padded).unwrap_or_default();
    for hint in hints {
        let hint = u32::from_le(*hint) as usize;
        let target = hint & 0xff_ffff;
        let Some(from) = target.checked_sub(hint >> 24) else { continue };
        if target < length
            && padded[target] == opcode::JUMPDEST
            && (from == 0 || bits[from / 8] >> (from % 8) & 1 != 0 || is_beginning::<W>(code, from))
            && reaches(padded, from, target)
        {
            bits[target / 8] |= 1 << (target % 8);
        }
    }
    bits
}

/// Number of bytes before an offset at which a `PUSH` that takes the byte at the offset can begin.
const REACH: usize = 32;
/// Number of 32-bit words that hold these bytes beside the offset's own word, whatever the offset's position
/// in it.
const WORDS: usize = REACH / 4;

/// Bounds of the bytes in the words before an offset, and in its own word, by the offset's position in its
/// word.
///
/// A `PUSH` that begins `k` bytes before an offset takes it if it is one of at least `k` bytes. So a byte
/// below 128 at this distance has to be less than `PUSHk`; the bound is `PUSHk + 127`. A byte out of reach
/// has the bound 255, which always holds.
static BOUNDS: [([u32; WORDS], u32); 4] = {
    let mut bounds = [([0; WORDS], 0); 4];
    let mut place = 0;
    while place < 4 {
        let mut at = 0;
        while at < 4 * (WORDS + 1) {
            // The offset itself is byte `REACH + place` of these words.
            let before = REACH + place;
            let is_within_reach = at < before && at >= place;
            let bound = if is_within_reach { opcode::PUSH0 as u32 + (before - at) as u32 + 127 } else { 255 };
            let word = if at < 4 * WORDS { &mut bounds[place].0[at / 4] } else { &mut bounds[place].1 };
            *word |= bound << (8 * (at % 4));
            at += 1;
        }
        place += 1;
    }
    bounds
};

/// Returns whether an instruction certainly begins at this offset, because no byte before it can be a `PUSH`
/// that takes it. `code` is the code as native words of 32 bits.
fn is_beginning<W: WordOps>(code: &[u32], at: usize) -> bool {
    let end = at / 4 + 1;
    let window = end.checked_sub(WORDS + 1).and_then(|start| code.get(start..end)?.split_last_chunk());
    let Some((words, [own])) = window else { return false };
    let (bounds, bound) = &BOUNDS[at % 4];
    words.first_chunk().is_some_and(|words| W::bytes_are_below(words, bounds))
        && bytes_are_below(u32::from_le(*own), *bound)
}

/// Makes hints for [`analyse`](super::analyse): the cheapest way to verify that these are destinations of the code.
///
/// There are no hints if one of these is no destination, or if a search for all destinations costs less.
pub(crate) fn hints(code: &[u8], destinations: impl IntoIterator<Item = u32>) -> Vec<u8> {
    /// Estimated costs: of a look for a beginning, of a step over an instruction, and of a searched byte.
    const LOOK: usize = 32;
    const STEP: usize = 7;
    const SEARCHED: usize = 3;
    let mut padded = code.to_vec();
    padded.resize(code.len() + PADDING, 0);
    let mut beginnings = vec![false; padded.len() + REACH + 1];
    let mut at = 0;
    while at < code.len() {
        beginnings[at] = true;
        at += usize::from(LENGTHS[usize::from(code[at])]);
    }
    let mut out = Vec::new();
    let mut named = vec![false; code.len()];
    let mut cost = 0;
    for target in destinations {
        let target = target as usize;
        if code.get(target) != Some(&opcode::JUMPDEST) || !beginnings[target] || target >= 1 << 24 {
            return Vec::new();
        }
        let mut steps = 0;
        let mut best = None;
        for from in (target.saturating_sub(255)..=target).rev().filter(|from| beginnings[*from]) {
            let looks = if from == 0 || named[from] {
                0
            } else if is_beginning::<Portable>(words(&padded).unwrap_or_default(), from) {
                LOOK
            } else {
                steps += STEP;
                continue;
            };
            best = best.into_iter().chain([(looks + steps, from)]).min();
            steps += STEP;
        }
        let Some((looks, from)) = best else { return Vec::new() };
        cost += 30 + looks;
        named[target] = true;
        out.extend_from_slice(&((target | (target - from) << 24) as u32).to_le_bytes());
    }
    if cost < SEARCHED * code.len() { out } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::{analyse, is_partial};
    use alloy_primitives::Bytes;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::state::Bytecode;

    #[test]
    fn hints_name_destinations_and_nothing_else() {
        let mut rng = StdRng::seed_from_u64(11);
        let (mut hinted, mut refused) = (0, 0);
        for _ in 0..3000 {
            // Long enough that the search costs more, with data that looks like a `PUSH` now and then.
            let mut code = Vec::new();
            let pushes = rng.random_range(2..10);
            while code.len() < 1500 {
                match rng.random_range(0..pushes) {
                    0 => code.push(opcode::JUMPDEST),
                    1 => {
                        let length = rng.random_range(1..=32);
                        code.push(opcode::PUSH0 + length);
                        code.extend((0..length).map(|_| rng.random::<u8>() & 0x7f));
                    }
                    _ => code.push(rng.random::<u8>() & 0x5f),
                }
            }
            let code = Bytes::from(code);
            let all = Bytecode::new_legacy(code.clone());
            let all = all.legacy_jump_table().unwrap();
            let some = (0..code.len() as u32)
                .filter(|at| all.is_valid(*at as usize) && rng.random_bool(0.1))
                .collect::<Vec<_>>();
            let mut hints = hints(&code, some.iter().copied());
            let check = |hints: &[u8], named: &[u32]| {
                let ours = analyse(code.clone(), hints, super::analyse_with_hints::<Portable>, true);
                let table = ours.legacy_jump_table().unwrap();
                assert!(is_partial(table, code.len()));
                let mut found = 0;
                for at in 0..code.len() + 80 {
                    let (is_named, is_destination) = (table.is_valid(at), all.is_valid(at));
                    assert!(!is_named || is_destination, "{at} in {code}");
                    assert!(is_named || !named.contains(&(at as u32)), "{at} in {code}");
                    found += usize::from(is_named);
                }
                assert!(named.is_empty() || found == named.len());
            };
            if hints.is_empty() {
                continue;
            }
            hinted += 1;
            check(&hints, &some);
            // Whatever the hints say, nothing else becomes a destination.
            for _ in 0..20 {
                let at = rng.random_range(0..hints.len());
                hints[at] = rng.random();
                let start = rng.random_range(0..code.len()) as u32;
                if let Some(hint) = hints.as_chunks_mut().0.first_mut() {
                    *hint = (start | rng.random_range(0..40u32) << 24).to_le_bytes();
                }
                check(&hints, &[]);
                refused += 1;
            }
            assert!(super::hints(&code, [code.len() as u32]).is_empty());
        }
        assert!(hinted > 500 && refused > 500, "{hinted}, {refused}");
    }

    #[test]
    fn a_beginning_is_one_for_sure() {
        let mut code = [0; 80];
        let is_beginning = |code: &[u8; 80], at| {
            let words = code.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>();
            super::is_beginning::<Portable>(&words, at)
        };
        for at in 36..76 {
            assert!(is_beginning(&code, at));
            for before in 1..=34 {
                for push in 0..=u8::MAX {
                    code[at - before] = push;
                    let takes = (opcode::PUSH1..=opcode::PUSH32).contains(&push)
                        && usize::from(push - opcode::PUSH0) >= before;
                    assert_eq!(is_beginning(&code, at), !takes, "{push:#x}, {before} before {at}");
                }
                code[at - before] = 0;
            }
            // Later bytes do not count.
            code[at..].fill(opcode::PUSH32);
            assert!(is_beginning(&code, at));
            code[at..].fill(0);
        }
        assert!(!is_beginning(&code, 31));
    }
}

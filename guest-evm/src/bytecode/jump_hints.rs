//! Hints to jump destinations: made once, and checked against the code.

use super::{
    BATCH, GROUP, LENGTHS, PADDING, STEPS,
    checkpoints::{self, BLOCK},
    reaches,
};
use crate::word::{Portable, WordOps, bytes_are_below, words};
use alloc::{vec, vec::Vec};
use revm::bytecode::opcode;

/// First hint of those that ask for [checkpoints](super::checkpoints). As any other hint, it would name nothing: it goes back
/// beyond the code's start.
const CHECKPOINTS: u32 = 0xff << 24;

/// Returns the hints after the one that asks for checkpoints, if they begin with it.
pub(super) fn for_checkpoints(hints: &[u32]) -> Option<&[u32]> {
    hints.split_first().filter(|(first, _)| u32::from_le(**first) == CHECKPOINTS).map(|(_, hints)| hints)
}

/// Returns the destinations that hints name, as bits, the lowest of each byte first, by the code's checkpoints, which are in
/// `bytes`. A wrong hint is left out. Its lower three bytes are the destination; the highest one doesn't matter.
#[inline(never)]
pub(super) fn analyse_with_checkpoints(bytes: &[u8], length: usize, hints: &[u32]) -> Vec<u8> {
    let mut bits = vec![0; (length + PADDING).div_ceil(8)];
    for hint in hints {
        let target = u32::from_le(*hint) as usize & 0xff_ffff;
        if checkpoints::is_destination(bytes, length, target) {
            bits[target / 8] |= 1 << (target % 8);
        }
    }
    bits
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

/// Estimated cost of each hint, in instructions.
const HINT: usize = 30;
/// Estimated cost of a step over an instruction, in instructions.
const STEP: usize = 7;

/// Makes hints for [`analyse`](super::analyse): the cheapest way to find these destinations of the code.
///
/// There are three ways, of which this compares the costs: a search for all destinations, without hints; hints of the
/// destinations and of beginnings near them; or checkpoints, with hints of the destinations. A target that is within the data
/// of a `PUSH` is no destination, so the second way would lack it. A destination for which no beginning is seen it would
/// lack too. Then each frame that jumps there would pay for it again.
///
/// There are no hints either if one of these is no `JUMPDEST` at all.
pub(crate) fn hints(code: &[u8], destinations: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let targets = destinations.into_iter().map(|target| target as usize).collect::<Vec<_>>();
    if targets.iter().any(|target| code.get(*target) != Some(&opcode::JUMPDEST) || *target >= 1 << 24) {
        return Vec::new();
    }
    let mut beginnings = vec![false; code.len() + PADDING + REACH + 1];
    let mut at = 0;
    while at < code.len() {
        beginnings[at] = true;
        at += usize::from(LENGTHS[usize::from(code[at])]);
    }
    let search = (search_cost(code), Vec::new());
    let by_checkpoints = hints_with_checkpoints(code, &beginnings, &targets);
    let ways = [Some(search), hints_of_beginnings(code, &beginnings, &targets), Some(by_checkpoints)];
    ways.into_iter().flatten().min_by_key(|(cost, _)| *cost).map_or_else(Vec::new, |(_, hints)| hints)
}

/// Counts what a search for all destinations costs, in instructions: it goes through the code as
/// [`pad_and_find`](super::pad_and_find) does.
fn search_cost(code: &[u8]) -> usize {
    /// A group without a `PUSH`, a look at another one, instructions that are followed together, and an instruction that is
    /// followed alone: a `JUMPDEST` or another.
    const GROUP_COST: usize = 36;
    const LOOK: usize = 16;
    const BATCH_COST: usize = 28;
    const JUMPDEST: usize = 18;
    const OTHER: usize = 12;
    let step = |at: usize| code.get(at).map_or(1, |byte| usize::from(STEPS[usize::from(*byte)]));
    let (mut at, mut cost) = (0, 0);
    while at < code.len() {
        if !code[at..].iter().take(GROUP).any(is_push) {
            cost += GROUP_COST;
            at += GROUP;
            continue;
        }
        cost += LOOK;
        let mut last = 2;
        while last > 1 && at < code.len() {
            for _ in 0..BATCH {
                last = step(at);
                at += last;
            }
            cost += BATCH_COST;
        }
        while last == 0 || !at.is_multiple_of(GROUP) {
            last = step(at);
            cost += if last == 0 { JUMPDEST } else { OTHER };
            at += last.max(1);
            last = 1;
        }
    }
    cost
}

/// Counts what checkpoints cost, in instructions.
fn checkpoints_cost(code: &[u8], beginnings: &[bool]) -> usize {
    /// A block whose bytes are no `PUSH`es, another block, and an instruction in it.
    const BLOCK_COST: usize = 31;
    const FOLLOWED: usize = 18;
    const INSTRUCTION: usize = 5;
    let cost = |(block, beginnings): (&[u8], &[bool])| {
        // Other bytes from 0xe0 on are taken for one, too.
        if !block.iter().any(|byte| is_push(byte) || *byte >= 0xe0) {
            return BLOCK_COST;
        }
        FOLLOWED + INSTRUCTION * beginnings.iter().filter(|begins| **begins).count()
    };
    code.chunks(BLOCK).zip(beginnings.chunks(BLOCK)).map(cost).sum()
}

/// Returns whether this is a `PUSH` with data.
fn is_push(byte: &u8) -> bool {
    (opcode::PUSH1..=opcode::PUSH32).contains(byte)
}

/// Makes hints that begin with [`CHECKPOINTS`], and estimates their cost.
fn hints_with_checkpoints(code: &[u8], beginnings: &[bool], targets: &[usize]) -> (usize, Vec<u8>) {
    let mut cost = checkpoints_cost(code, beginnings);
    let mut out = CHECKPOINTS.to_le_bytes().to_vec();
    for target in targets.iter().filter(|target| beginnings[**target]) {
        let block = target / BLOCK * BLOCK;
        cost += HINT + STEP * beginnings[block..*target].iter().filter(|begins| **begins).count();
        out.extend_from_slice(&(*target as u32).to_le_bytes());
    }
    (cost, out)
}

/// Makes hints of destinations and of beginnings near them, and estimates their cost. `None` if one can't be named so.
fn hints_of_beginnings(code: &[u8], beginnings: &[bool], targets: &[usize]) -> Option<(usize, Vec<u8>)> {
    /// Estimated cost of a look for a beginning, in instructions.
    const LOOK: usize = 32;
    let padded = super::pad(code);
    let mut out = Vec::new();
    let mut named = vec![false; code.len()];
    let mut cost = 0;
    for target in targets.iter().copied() {
        if !beginnings[target] {
            return None;
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
        let (looks, from) = best?;
        cost += HINT + looks;
        named[target] = true;
        out.extend_from_slice(&((target | (target - from) << 24) as u32).to_le_bytes());
    }
    Some((cost, out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::{analyse, is_destination, is_partial};
    use alloy_primitives::Bytes;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::state::Bytecode;

    #[test]
    fn hints_name_destinations_and_nothing_else() {
        let mut rng = StdRng::seed_from_u64(11);
        let (mut hinted, mut refused) = ([0; 2], 0);
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
            let by_beginnings = hints(&code, some.iter().copied());
            // With a target in data, there are hints of checkpoints.
            let data = (0..code.len()).find(|at| code[*at] == opcode::JUMPDEST && !all.is_valid(*at));
            let by_checkpoints =
                data.map(|data| hints(&code, some.iter().copied().chain([data as u32]))).unwrap_or_default();
            let check = |hints: &[u8], named: &[u32]| {
                let ours = analyse(code.clone(), hints, super::analyse_with_hints::<Portable>, true);
                let table = ours.legacy_jump_table().unwrap();
                assert!(is_partial(table, code.len()));
                let has_checkpoints = hints.starts_with(&CHECKPOINTS.to_le_bytes());
                let mut found = 0;
                for at in 0..code.len() + 80 {
                    let (is_named, is_valid) = (table.is_valid(at), all.is_valid(at));
                    assert!(!is_named || is_valid, "{at} in {code}");
                    assert!(is_named || !named.contains(&(at as u32)), "{at} in {code}");
                    assert_eq!(is_destination(&ours, at), is_valid && has_checkpoints, "{at} in {code}");
                    found += usize::from(is_named);
                }
                assert!(named.is_empty() || found == named.len());
            };
            for (kind, mut hints) in [by_beginnings, by_checkpoints].into_iter().enumerate() {
                if hints.is_empty() {
                    continue;
                }
                hinted[kind] += 1;
                assert!(kind == 0 || hints.starts_with(&CHECKPOINTS.to_le_bytes()));
                check(&hints, &some);
                // Whatever the hints say, nothing else becomes a destination.
                for _ in 0..20 {
                    let at = rng.random_range(0..hints.len());
                    hints[at] = rng.random();
                    let start = rng.random_range(0..code.len()) as u32;
                    if let Some(hint) = hints.as_chunks_mut().0.get_mut(kind) {
                        *hint = (start | rng.random_range(0..40u32) << 24).to_le_bytes();
                    }
                    check(&hints, &[]);
                    refused += 1;
                }
            }
            assert!(super::hints(&code, [code.len() as u32]).is_empty());
        }
        assert!(hinted.iter().all(|count| *count > 200) && refused > 5000, "{hinted:?}, {refused}");
    }

    /// Destinations of a code in which a `PUSH` might begin before each, far from its start. So no beginning is seen, and a
    /// search would be dear.
    #[test]
    fn destinations_without_beginnings_have_checkpoints() {
        let mixture = [opcode::PUSH1, opcode::PUSH32, 0x5b, 0x5b, 0x5b, 0x5b, 0x5b, 0x5b];
        let code = mixture.repeat(1000);
        let target = |at: u32| at.to_le_bytes();
        assert_eq!(
            hints(&code, [4002, 7007]),
            [CHECKPOINTS.to_le_bytes(), target(4002), target(7007)].concat()
        );
        // Near its start, instructions are followed from there.
        assert_eq!(hints(&code, [2]), target(2 | 2 << 24));
        // There are too many of them.
        let all = (0..8000).filter(|at| code[*at as usize] == 0x5b).collect::<Vec<_>>();
        assert!(hints(&code, all).is_empty());
        // A short code is searched if it costs less.
        assert!(hints(&[opcode::JUMPDEST; 8], 0..8).is_empty());
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

//! Estimate of the memory that an input takes in the zkVM, for hosts that put inputs together.
//!
//! It decides nothing about a block. The guest ends its run if its memory is exhausted, whatever a host estimated.

use crate::{interpreter::bound, state::StateSize};
use zeno_types::input::StatelessInput;

/// Memory of the zkVM, in bytes.
pub const MEMORY: u64 = 1 << 29;

/// Memory that every input takes, in bytes: the program and its stack, the buffer for the memory of the EVM's frames, and
/// 64 MiB for a block. The block's part holds what it makes until it ends, such as receipts and the results of calls.
const FIXED: u64 = (8 << 20) + bound::LIMIT as u64 + (64 << 20);
/// Memory for each block beside its encoding, in bytes: the decoded header, its hash, lists.
const PER_BLOCK: u64 = 4096;
/// Memory for each transaction beside its encoding, in bytes: its fields and its sender's key.
const PER_TRANSACTION: u64 = 1024;
/// Memory for each header of the witness, in bytes.
const PER_HEADER: u64 = 1024;
/// Memory for each trie node, in bytes. A branch has sixteen references, a leaf is an account or a slot as well, and
/// a changed node has an encoding of its own: a changed branch takes the most.
const PER_NODE: u64 = 704;
/// Memory for each account that validation loads, in bytes. An account that doesn't exist needs no node of its own.
const PER_ACCOUNT: u64 = 1024;
/// Memory for each slot for which an account's table has room, in bytes. An entry has 128, the table's length is a power
/// of two of which an eighth stays free, the allocator rounds up, and the tables from which it grew are never freed. What
/// a block writes is listed besides.
const PER_SLOT: u64 = 640;
/// Memory for each code beside its bytes, in bytes.
const PER_CODE: u64 = 256;

/// Number of blocks above which no run fits, whatever is in them.
pub const MAX_BLOCKS: u64 = (MEMORY - FIXED) / PER_BLOCK;

/// Memory that an input takes in the zkVM, as far as hosts can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Length of the encoded input, in bytes.
    encoded: u64,
    /// Memory for what the guest makes of its parts, in bytes.
    decoded: u64,
}

impl Footprint {
    /// Estimates the memory of an input, without that of the accounts and slots, which only validation counts
    /// ([`minimize_and_measure`](crate::minimize_and_measure)).
    pub fn of(input: &StatelessInput) -> Self {
        let StatelessInput { chain, blocks, witness, public_keys, destinations } = input;
        let (headers, codes, state) = (&witness.headers, &witness.codes, &witness.state);
        let keys = public_keys.len() as u64;
        let lengths = [blocks, headers, codes, state, destinations]
            .into_iter()
            .flatten()
            .chain([chain])
            .map(|item| 4 + item.len().next_multiple_of(4) as u64);
        // Magic and version, the lengths of six lists, and the keys.
        let encoded = 8 + 6 * 4 + 68 * keys + lengths.sum::<u64>();
        let sum = |items: &[alloy_primitives::Bytes], times: u64, each: u64| {
            items.iter().map(|item| times * item.len() as u64 + each).sum::<u64>()
        };
        let decoded = sum(blocks, 2, PER_BLOCK)
            + sum(headers, 0, PER_HEADER)
            + sum(codes, 2, PER_CODE)
            + sum(state, 0, PER_NODE)
            + PER_TRANSACTION * keys;
        Self { encoded, decoded }
    }

    /// Adds the accounts that validation loads, and the slots for which their tables have room.
    #[must_use]
    pub(crate) fn with_state(self, state: StateSize) -> Self {
        let StateSize { accounts, slots } = state;
        Self { decoded: self.decoded + PER_ACCOUNT * accounts as u64 + PER_SLOT * slots as u64, ..self }
    }

    /// Adds the parts of another input, which are merged with those of this one. It is too much, where they share some.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { encoded: self.encoded + other.encoded, decoded: self.decoded + other.decoded }
    }

    /// The memory in bytes. The guest's allocator takes a power of two for the encoded input.
    pub fn bytes(self) -> u64 {
        FIXED + self.encoded.next_power_of_two() + self.decoded
    }

    /// Returns whether the zkVM has that much memory.
    pub fn fits(self) -> bool {
        self.bytes() <= MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_primitives::Bytes;
    use zeno_types::input::{PublicKey, Witness};

    fn input(blocks: usize) -> StatelessInput {
        StatelessInput {
            chain: Bytes::from_static(&[1, 2, 3]),
            blocks: vec![Bytes::from(vec![7; 601]); blocks],
            witness: Witness {
                headers: vec![Bytes::from_static(b"parent")],
                codes: vec![Bytes::from_static(&[0x60; 5])],
                state: vec![Bytes::from_static(&[0xc0; 33]); 10],
            },
            public_keys: vec![PublicKey::repeat_byte(7); 3],
            destinations: vec![Bytes::new()],
        }
    }

    #[test]
    fn the_encoded_length_is_that_of_the_encoding() {
        for input in [StatelessInput::default(), input(1), input(5)] {
            assert_eq!(Footprint::of(&input).encoded, input.encode().len() as u64);
        }
    }

    #[test]
    fn an_input_that_is_too_large_does_not_fit() {
        let with_codes = |length: usize| {
            let mut input = input(1);
            input.witness.codes = vec![Bytes::from(vec![0; length]); 16];
            Footprint::of(&input)
        };
        assert!(with_codes(1 << 20).fits());
        // The input takes 128 MiB, and each code is there once more.
        let too_large = with_codes(8 << 20);
        assert!(too_large.bytes() > (FIXED + (2 << 27)) && !too_large.fits());
    }

    #[test]
    fn parts_that_are_put_together_take_no_more_than_each_alone() {
        let (one, other) = (Footprint::of(&input(2)), Footprint::of(&input(3)));
        let both = one.and(other);
        assert_eq!(both.encoded, one.encoded + other.encoded);
        assert!(both.bytes() >= one.bytes().max(other.bytes()));
    }

    #[test]
    fn accounts_and_slots_take_memory() {
        let without = Footprint::of(&input(1));
        let with = |accounts, slots| without.with_state(StateSize { accounts, slots });
        assert_eq!(with(3, 7).bytes(), without.bytes() + 3 * PER_ACCOUNT + 7 * PER_SLOT);
        assert!(!with(0, 1 << 20).fits());
    }

    #[test]
    fn no_run_of_more_blocks_than_the_bound_fits() {
        let blocks = |count: u64| Footprint { encoded: 0, decoded: count * PER_BLOCK };
        assert!(blocks(MAX_BLOCKS - 1).fits() && !blocks(MAX_BLOCKS + 1).fits());
    }
}

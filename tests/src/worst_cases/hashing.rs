//! Least number of permutations of Keccak that a block's validation takes, whoever validates it.
//!
//! It is a lower bound: each string counts once, at its length, and what can't be told without the guest is left out. So a
//! ratio of measured cells to the floor is rather too high than too low.

use super::trace::Trace;
use alloy_consensus::{EthereumReceipt, ReceiptWithBloom};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, keccak256};
use std::collections::HashSet;
use zeno_guest_evm::{Block, Witness};

/// Rate of the sponge, in bytes.
pub const RATE: u64 = 136;
/// Least length of an item of the block access list, in bytes: a slot with its prefix (EIP-7928).
const ACCESS: u64 = 33;

/// Number of permutations for a string of this length, in bytes.
pub const fn permutations(length: usize) -> u64 {
    length as u64 / RATE + 1
}

fn sum<'a>(strings: impl IntoIterator<Item = &'a Bytes>) -> u64 {
    strings.into_iter().map(|string| permutations(string.len())).sum()
}

/// Headers, codes and nodes of a minimal witness.
pub(super) fn of_witness(witness: &Witness) -> u64 {
    sum(&witness.headers) + sum(&witness.codes) + sum(&witness.state)
}

/// Nodes of the tries after the block that are not in the witness: those that the block changed.
pub(super) fn of_changes(witness: &Witness, after: &[Bytes]) -> u64 {
    let before = witness.state.iter().map(keccak256).collect::<HashSet<B256>>();
    let changed = after.iter().filter(|node| !before.contains(&keccak256(node)));
    // A node that several tries have counts once.
    changed.collect::<HashSet<_>>().into_iter().map(|node| permutations(node.len())).sum()
}

/// Header, transactions (their signatures and their leaves) and receipts (their leaves, and blooms of addresses and
/// topics).
pub(super) fn of_block(block: &Block, receipts: &[ReceiptWithBloom<&EthereumReceipt>]) -> u64 {
    let transactions = block.body.transactions.iter().map(|it| 2 * permutations(it.encode_2718_len()));
    let leaves = receipts.iter().map(|receipt| permutations(receipt.encode_2718_len()));
    let logs = receipts.iter().flat_map(|receipt| &receipt.receipt.logs);
    let blooms = logs.map(|log| 1 + log.topics().len() as u64);
    let header = permutations(alloy_rlp::encode(&block.header).len());
    header + transactions.sum::<u64>() + leaves.sum::<u64>() + blooms.sum::<u64>()
}

/// Keys of the tries, by the accounts and slots that were looked at, and the block access list.
pub(super) fn of_accesses(trace: &Trace, items: u64) -> u64 {
    trace.keys + items * ACCESS / RATE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_block_needs_another_one_for_the_padding() {
        assert_eq!([0, 135, 136, 271, 272].map(permutations), [1, 1, 2, 2, 3]);
    }

    #[test]
    fn unchanged_nodes_are_hashed_once() {
        let [one, two] = [Bytes::from(vec![1; 40]), Bytes::from(vec![2; 532])];
        let witness = Witness { state: vec![one.clone()], ..Witness::default() };
        assert_eq!((of_witness(&witness), of_changes(&witness, &[one, two.clone(), two])), (1, 4));
    }
}

//! Tries of a block's lists, whose keys are the RLP of the items' indices: their roots, without the tries.
//!
//! The same as `alloy_trie::root::ordered_trie_root_with_encoder`, but each item is written once, where it is hashed.

use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Header, length_of_length};
use alloy_trie::{EMPTY_ROOT_HASH, nodes::RlpNode};

/// The items of a list, each longer than one byte.
pub(crate) trait Items {
    /// How many bytes an item has.
    fn length(&self, index: usize) -> usize;

    /// Writes an item over as many zeros.
    fn write(&mut self, index: usize, out: &mut [u8]);
}

impl Items for &[&[u8]] {
    fn length(&self, index: usize) -> usize {
        self[index].len()
    }

    fn write(&mut self, index: usize, out: &mut [u8]) {
        out.copy_from_slice(self[index]);
    }
}

/// The root of the trie of so many items.
#[inline(never)]
pub(crate) fn root<I: Items>(count: usize, items: I) -> B256 {
    if count == 0 {
        return EMPTY_ROOT_HASH;
    }
    // In the order of their bytes: 0 is encoded as 0x80.
    let indices = (1..count.min(0x80)).chain([0]).chain(0x80..count);
    let keys = indices.map(Key::new).collect::<Vec<_>>();
    let root = Tries { items, leaf: Vec::new() }.node(&keys, 0);
    root.as_hash().unwrap_or_else(|| keccak256(&root))
}

/// An item's key.
struct Key {
    index: usize,
    length: usize,
    bytes: [u8; 9],
}

impl Key {
    fn new(index: usize) -> Self {
        let mut bytes = [0; 9];
        if index < 0x80 {
            bytes[0] = if index == 0 { EMPTY_STRING_CODE } else { index as u8 };
            return Self { index, length: 1, bytes };
        }
        let number = (index as u64).to_be_bytes();
        let zeros = (index as u64).leading_zeros() as usize / 8;
        bytes[0] = EMPTY_STRING_CODE + (8 - zeros) as u8;
        bytes[1..9 - zeros].copy_from_slice(&number[zeros..]);
        Self { index, length: 9 - zeros, bytes }
    }

    fn nibble(&self, depth: usize) -> u8 {
        let byte = self.bytes[depth / 2];
        if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
    }
}

struct Tries<I> {
    items: I,
    /// Where leaves are encoded, one after the other.
    leaf: Vec<u8>,
}

impl<I: Items> Tries<I> {
    /// The node that these keys lead to, in whose first nibbles, as many as `depth` says, they are the same. They are in
    /// order, and none is the start of another.
    fn node(&mut self, keys: &[Key], depth: usize) -> RlpNode {
        let (first, last) = match keys {
            [key] => return self.leaf(key, depth),
            [first, .., last] => (first, last),
            [] => unreachable!("a node has keys"),
        };
        // What the first and the last have in common, all have.
        let fork = (depth..).find(|at| first.nibble(*at) != last.nibble(*at)).expect("the keys differ");
        let branch = self.branch(keys, fork);
        if fork == depth {
            return branch;
        }
        // An extension's path starts with a nibble 1 if the others are odd in number, and with 00 if even.
        let odd = !(fork - depth).is_multiple_of(2);
        let mut path = Vec::from([if odd { 0x10 | first.nibble(depth) } else { 0 }]);
        let pairs = (depth + usize::from(odd)..fork).step_by(2);
        path.extend(pairs.map(|at| first.nibble(at) << 4 | first.nibble(at + 1)));
        let mut payload = Vec::new();
        put_path(path[0], &path[1..], &mut payload);
        payload.extend_from_slice(&branch);
        list(&payload)
    }

    fn branch(&mut self, keys: &[Key], depth: usize) -> RlpNode {
        let mut payload = Vec::with_capacity(17 * 33);
        let mut next = 0;
        for below in keys.chunk_by(|a, b| a.nibble(depth) == b.nibble(depth)) {
            let nibble = below[0].nibble(depth);
            payload.extend((next..nibble).map(|_| EMPTY_STRING_CODE));
            payload.extend_from_slice(&self.node(below, depth + 1));
            next = nibble + 1;
        }
        // No child, and no value.
        payload.extend((next..16 + 1).map(|_| EMPTY_STRING_CODE));
        list(&payload)
    }

    fn leaf(&mut self, key: &Key, depth: usize) -> RlpNode {
        // A leaf's path starts with a nibble 3 if the others are odd in number, as the depth then is, or else with 20.
        let first = if depth.is_multiple_of(2) { 0x20 } else { 0x30 | key.nibble(depth) };
        let rest = &key.bytes[depth.div_ceil(2)..key.length];
        let length = self.items.length(key.index);
        let path_length = if rest.is_empty() { 1 } else { 2 + rest.len() };
        let payload_length = path_length + length_of_length(length) + length;
        let leaf = &mut self.leaf;
        leaf.clear();
        leaf.reserve(9 + payload_length);
        Header { list: true, payload_length }.encode(leaf);
        put_path(first, rest, leaf);
        Header { list: false, payload_length: length }.encode(leaf);
        let start = leaf.len();
        leaf.resize(start + length, 0);
        self.items.write(key.index, &mut leaf[start..]);
        RlpNode::from_rlp(leaf)
    }
}

/// A path of up to 55 bytes, the first of which is below 0x80.
fn put_path(first: u8, rest: &[u8], out: &mut Vec<u8>) {
    if !rest.is_empty() {
        out.push(EMPTY_STRING_CODE + 1 + rest.len() as u8);
    }
    out.push(first);
    out.extend_from_slice(rest);
}

fn list(payload: &[u8]) -> RlpNode {
    let mut rlp = Vec::with_capacity(9 + payload.len());
    Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
    rlp.extend_from_slice(payload);
    RlpNode::from_rlp(&rlp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::root::ordered_trie_root_encoded;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn roots_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(11);
        let counts =
            (0..300).chain([500, 511, 512, 513, 514, 768, 769, 1025, 4096, 4113, 65535, 65536, 65537, 70001]);
        for count in counts {
            // Some nodes are so short that they are within others.
            let longest = if count % 3 == 0 { 30 } else { 300 };
            let items = (0..count)
                .map(|_| (0..rng.random_range(2..longest)).map(|_| rng.random()).collect::<Vec<u8>>())
                .collect::<Vec<_>>();
            let slices = items.iter().map(Vec::as_slice).collect::<Vec<_>>();
            assert_eq!(root(count, &slices[..]), ordered_trie_root_encoded(&items), "{count}");
        }
    }
}

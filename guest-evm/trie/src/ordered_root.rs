//! Roots of tries whose keys are the RLP of the items' indices, computed without the tries.
//!
//! The results are those of `alloy_trie::root::ordered_trie_root_with_encoder`, but each item is written
//! once, into the buffer that is hashed.

use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::EMPTY_ROOT_HASH;
use zeno_types::rlp::{HASH_PREFIX, Out, header_length};

/// Items of a list, each longer than one byte.
pub trait Items {
    /// Length of an item, in bytes. The item itself takes at least this much memory, so a sum of lengths fits
    /// `usize`.
    fn length(&self, index: usize) -> usize;

    /// Writes an item to `out`, which has the item's [`length`](Self::length) and is all zeros.
    fn write(&mut self, index: usize, out: Out<'_>);
}

impl Items for &[&[u8]] {
    fn length(&self, index: usize) -> usize {
        self[index].len()
    }

    fn write(&mut self, index: usize, mut out: Out<'_>) {
        out.put(self[index]);
    }
}

/// Computes the root of the trie of `count` items.
#[inline(never)]
pub fn root<I: Items>(count: usize, items: I) -> B256 {
    if count == 0 {
        return EMPTY_ROOT_HASH;
    }
    // In the order of their encodings: 0 is encoded as 0x80.
    let indices = (1..count.min(0x80)).chain([0]).chain(0x80..count);
    let keys = indices.map(Key::new).collect::<Vec<_>>();
    let mut root = Vec::new();
    Tries { items, leaf: Vec::new() }.node(&keys, 0, &mut root);
    // A node contains another by its hash, or in full if it is shorter than a hash.
    match root[..].split_first_chunk() {
        Some(([HASH_PREFIX], hash)) => B256::from_slice(hash),
        _ => keccak256(&root),
    }
}

/// Appends a node as another node contains it.
fn put_node(rlp: &[u8], out: &mut Vec<u8>) {
    if rlp.len() < 32 {
        out.extend_from_slice(rlp);
    } else {
        /// Aligned, as the zkVM's keccak needs its output.
        #[repr(align(4))]
        struct Aligned(B256);
        let hash = Aligned(keccak256(rlp));
        out.push(HASH_PREFIX);
        out.extend_from_slice(hash.0.as_slice());
    }
}

/// Key of an item: the RLP of its index.
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

    /// The nibble at this depth, the high one of each byte first.
    fn nibble(&self, depth: usize) -> u8 {
        let byte = self.bytes[depth / 2];
        if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
    }
}

/// Tries in the course of their computation.
struct Tries<I> {
    items: I,
    /// Buffer for the encoding of leaves, one after the other.
    leaf: Vec<u8>,
}

impl<I: Items> Tries<I> {
    /// Appends to `out` the node that these keys lead to. Their first `depth` nibbles are the same. They are
    /// sorted, and none is a prefix of another.
    fn node(&mut self, keys: &[Key], depth: usize, out: &mut Vec<u8>) {
        let (first, last) = match keys {
            [key] => return self.leaf(key, depth, out),
            [first, .., last] => (first, last),
            [] => unreachable!("a node has keys"),
        };
        // Nibbles that the first and the last key have in common are common to all.
        let fork = (depth..).find(|at| first.nibble(*at) != last.nibble(*at)).expect("the keys differ");
        if fork == depth {
            return self.branch(keys, depth, out);
        }
        // An extension's path starts with a nibble 1 if the number of the others is odd, and with 00 if it is
        // even.
        let odd = !(fork - depth).is_multiple_of(2);
        let mut path = Vec::from([if odd { 0x10 | first.nibble(depth) } else { 0 }]);
        let pairs = (depth + usize::from(odd)..fork).step_by(2);
        path.extend(pairs.map(|at| first.nibble(at) << 4 | first.nibble(at + 1)));
        let mut payload = Vec::new();
        path[..].encode(&mut payload);
        self.branch(keys, fork, &mut payload);
        put_list(&payload, out);
    }

    /// Appends the branch whose children differ in the nibble at `depth`.
    fn branch(&mut self, keys: &[Key], depth: usize, out: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(17 * 33);
        let mut next = 0;
        for below in keys.chunk_by(|a, b| a.nibble(depth) == b.nibble(depth)) {
            let nibble = below[0].nibble(depth);
            payload.extend((next..nibble).map(|_| EMPTY_STRING_CODE));
            self.node(below, depth + 1, &mut payload);
            next = nibble + 1;
        }
        // No more children, and no value.
        payload.extend((next..16 + 1).map(|_| EMPTY_STRING_CODE));
        put_list(&payload, out);
    }

    /// Appends the leaf of a key, whose path starts at `depth`.
    fn leaf(&mut self, key: &Key, depth: usize, out: &mut Vec<u8>) {
        // A leaf's path starts with a nibble 3 if the number of the others is odd, which it is if the depth
        // is odd; or else with 20.
        let first = if depth.is_multiple_of(2) { 0x20 } else { 0x30 | key.nibble(depth) };
        let rest = &key.bytes[depth.div_ceil(2)..key.length];
        let length = self.items.length(key.index);
        let path_length = if rest.is_empty() { 1 } else { 2 + rest.len() };
        let payload_length = path_length + header_length(length) + length;
        let leaf = &mut self.leaf;
        leaf.clear();
        leaf.resize(header_length(payload_length) + payload_length, 0);
        let mut writer = Out(leaf);
        writer.header(EMPTY_LIST_CODE, payload_length);
        if !rest.is_empty() {
            writer.header(EMPTY_STRING_CODE, 1 + rest.len());
        }
        writer.put(&[first]);
        writer.put(rest);
        writer.header(EMPTY_STRING_CODE, length);
        self.items.write(key.index, writer);
        put_node(&self.leaf, out);
    }
}

/// Appends a node that is a list with this payload.
fn put_list(payload: &[u8], out: &mut Vec<u8>) {
    let mut rlp = Vec::with_capacity(9 + payload.len());
    Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
    rlp.extend_from_slice(payload);
    put_node(&rlp, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::root::ordered_trie_root_encoded;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn roots_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(11);
        let counts = (0..300).chain([500, 511, 512, 513, 514, 768, 769, 1025, 4096, 4113, 65600]);
        for count in counts {
            // Some nodes are so short that others contain them in full.
            let longest = if count % 3 == 0 { 30 } else { 300 };
            let items = (0..count)
                .map(|_| (0..rng.random_range(2..longest)).map(|_| rng.random()).collect::<Vec<u8>>())
                .collect::<Vec<_>>();
            let slices = items.iter().map(Vec::as_slice).collect::<Vec<_>>();
            assert_eq!(root(count, &slices[..]), ordered_trie_root_encoded(&items), "{count}");
        }
    }
}

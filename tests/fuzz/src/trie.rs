//! Trie. It agrees with a map, and with the roots that `alloy-trie` computes. Over nodes of any form it gives a result
//! or an error, and never panics.

use crate::{answer::Answer, case::case};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::root::storage_root_unsorted;
use arbitrary::Arbitrary;
use std::collections::BTreeMap;
use zeno_guest_evm::trie::{Preimages, Trie};

/// Key that may share a prefix with other keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Key {
    seed: u8,
    /// Index of the first byte that depends on the seed, modulo 32.
    shared: u8,
    /// Last byte of the key.
    last: u8,
}

impl Key {
    fn hash(self) -> B256 {
        let mut key = B256::repeat_byte(0x11);
        let shared = usize::from(self.shared) % 32;
        key[shared..].copy_from_slice(&keccak256([self.seed])[shared..]);
        key[31] = self.last;
        key
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    Insert(Key, u128),
    Remove(Key),
    Get(Key),
}

/// Node, well formed or not. Its children are earlier nodes of the list.
#[derive(Arbitrary, Debug)]
enum NodeForm {
    Raw(Vec<u8>),
    Short { path: Vec<u8>, value: Child },
    Branch { children: [Child; 16], value: Child },
    Items(Vec<Child>),
}

#[derive(Arbitrary, Debug)]
enum Child {
    None,
    Hash(u8),
    /// The child's own encoding, whatever its length.
    Inline(u8),
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Case {
    Map { before: Vec<(Key, u128)>, changes: Vec<Change> },
    Nodes { nodes: Vec<NodeForm>, changes: Vec<Change> },
}

/// Changes a trie.
///
/// # Panics
/// If the trie disagrees with a map.
pub fn trie(bytes: &[u8]) -> Answer {
    let Some(case) = case(bytes) else { return Answer::nothing() };
    match case {
        Case::Map { before, changes } => agree_with_a_map(&before, &changes),
        Case::Nodes { nodes, changes } => survive(&nodes, &changes),
    }
}

/// Value of a storage trie: RLP of a positive number.
fn value(number: u128) -> Bytes {
    let bytes = number.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).expect("the number is positive");
    string(&bytes[start..]).into()
}

/// RLP of a string.
fn string(bytes: &[u8]) -> Vec<u8> {
    if let [byte @ 0..=0x7f] = bytes {
        return vec![*byte];
    }
    [&head(0x80, bytes.len())[..], bytes].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    [&head(0xc0, payload.len())[..], &payload].concat()
}

fn head(offset: u8, length: usize) -> Vec<u8> {
    if length < 56 {
        return vec![offset + length as u8];
    }
    let bytes = length.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).expect("the length is positive");
    [&[offset + 55 + (bytes.len() - start) as u8], &bytes[start..]].concat()
}

fn agree_with_a_map(before: &[(Key, u128)], changes: &[Change]) -> Answer {
    let mut none = Preimages::default();
    let mut map = BTreeMap::new();
    let mut full = Trie::default();
    for (key, number) in before.iter().map(|(key, number)| (key.hash(), (*number).max(1))) {
        map.insert(key, number);
        full.insert(&key, value(number), &mut none).expect("the trie is whole");
    }
    // The same trie from its root alone, over its nodes.
    let mut nodes = Preimages::new(full.revealed());
    let mut trie = Trie::from_root(full.hash());
    for change in changes {
        match *change {
            Change::Insert(key, number) => {
                map.insert(key.hash(), number.max(1));
                trie.insert(&key.hash(), value(number.max(1)), &mut nodes).expect("all nodes are there");
            }
            Change::Remove(key) => {
                map.remove(&key.hash());
                trie.remove(&key.hash(), &mut nodes).expect("all nodes are there");
            }
            Change::Get(key) => {
                let found = trie.get(&key.hash(), &mut nodes).expect("all nodes are there");
                assert_eq!(
                    found.map(Bytes::copy_from_slice),
                    map.get(&key.hash()).map(|number| value(*number))
                );
            }
        }
    }
    let reference = storage_root_unsorted(map.iter().map(|(key, number)| (*key, U256::from(*number))));
    assert_eq!(trie.hash(), reference);
    Answer::new("as a map", reference)
}

fn survive(forms: &[NodeForm], changes: &[Change]) -> Answer {
    let mut nodes = Vec::<Vec<u8>>::new();
    for form in forms {
        let child = |child: &Child| match child {
            Child::None => vec![0x80],
            Child::Bytes(bytes) => string(bytes),
            Child::Hash(index) if !nodes.is_empty() => {
                string(keccak256(&nodes[usize::from(*index) % nodes.len()]).as_slice())
            }
            // A limit, because nested copies double the length.
            Child::Inline(index) if !nodes.is_empty() => {
                let node = &nodes[usize::from(*index) % nodes.len()];
                if node.len() < 1000 { node.clone() } else { vec![0x80] }
            }
            Child::Hash(_) | Child::Inline(_) => vec![0x80],
        };
        nodes.push(match form {
            NodeForm::Raw(bytes) => bytes.clone(),
            NodeForm::Short { path, value } => list(&[string(path), child(value)]),
            NodeForm::Branch { children, value } => {
                list(&children.iter().chain([value]).map(child).collect::<Vec<_>>())
            }
            NodeForm::Items(items) => list(&items.iter().map(child).collect::<Vec<_>>()),
        });
    }
    let Some(root) = nodes.last().map(keccak256) else { return Answer::nothing() };
    let mut nodes = Preimages::new(nodes.into_iter().map(Bytes::from));
    let mut trie = Trie::from_root(root);
    let mut answers = Vec::new();
    for change in changes {
        // A result or an error: it must only not panic.
        let answer = match *change {
            Change::Insert(key, number) => trie.insert(&key.hash(), value(number.max(1)), &mut nodes),
            Change::Remove(key) => trie.remove(&key.hash(), &mut nodes),
            Change::Get(key) => trie.get(&key.hash(), &mut nodes).map(|_| ()),
        };
        answers.extend(answer.map_err(|error| error.to_string()).err().unwrap_or_default().into_bytes());
    }
    answers.extend(trie.hash());
    answers.extend(trie.revealed().concat());
    Answer::new("answered", answers)
}

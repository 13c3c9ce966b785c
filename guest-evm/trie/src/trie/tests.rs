//! Comparison with `alloy-trie`, which builds tries by another method.

use super::*;
use alloy_primitives::{U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::root::storage_root_unsorted;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

/// The root by `alloy-trie`, for storage values.
fn reference_root(entries: &BTreeMap<B256, U256>) -> B256 {
    // `storage_root_unhashed` would hash the keys, which are hashed already.
    storage_root_unsorted(entries.iter().map(|(key, value)| (*key, *value)))
}

/// The result of `get`, in a form that can be compared.
fn found(answer: Result<Option<&[u8]>>) -> Option<Bytes> {
    answer.unwrap().map(Bytes::copy_from_slice)
}

fn value(number: U256) -> Bytes {
    alloy_rlp::encode(number).into()
}

/// A random key. Keys share long prefixes now and then, so that extensions and deep branches occur.
fn random_key(rng: &mut StdRng) -> B256 {
    let mut key = keccak256([rng.random_range(0..4u8)]);
    let shared = *[0, 1, 2, 5, 30, 31].get(rng.random_range(0..6)).unwrap();
    rng.fill(&mut key[shared..]);
    key
}

fn random_value(rng: &mut StdRng) -> U256 {
    // Short values make inlined nodes.
    U256::from(rng.random::<u128>() >> rng.random_range(0..127)).max(U256::ONE)
}

#[test]
fn random_changes_agree_with_alloy() {
    for seed in 0..100 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut reference = BTreeMap::new();
        let mut trie = Trie::default();
        let mut nodes = Preimages::default();
        for change in 0..200 {
            if change % 40 == 0 {
                // From here on, only the root and a witness of the present trie are known.
                nodes = Preimages::new(trie.revealed());
                trie = Trie::from_root(trie.hash());
            }
            let known = (!reference.is_empty())
                .then(|| *reference.keys().nth(rng.random_range(0..reference.len())).unwrap());
            match (rng.random_range(0..5), known) {
                (0 | 1, Some(key)) => {
                    reference.remove(&key);
                    trie.remove(&key, &mut nodes).unwrap();
                }
                (2, Some(key)) => {
                    let number = random_value(&mut rng);
                    reference.insert(key, number);
                    trie.insert(&key, value(number), &mut nodes).unwrap();
                }
                (3, _) => trie.remove(&random_key(&mut rng), &mut nodes).unwrap(),
                _ => {
                    let (key, number) = (random_key(&mut rng), random_value(&mut rng));
                    reference.insert(key, number);
                    trie.insert(&key, value(number), &mut nodes).unwrap();
                }
            }
            // A node that is only read must not count as changed, nor get lost after a move.
            if let Some((key, number)) = reference.iter().nth(rng.random_range(0..reference.len().max(1))) {
                assert_eq!(found(trie.get(key, &mut nodes)), Some(value(*number)));
            }
            assert_eq!(trie.hash(), reference_root(&reference), "seed {seed}");
        }
        for (key, number) in &reference {
            assert_eq!(found(trie.get(key, &mut nodes)), Some(value(*number)));
        }
    }
}

/// Changes in rounds. After each, the trie is settled, and continues with what it knows. Another one is hashed, and continues
/// with the nodes of a witness alone.
#[test]
fn a_settled_trie_goes_on() {
    for seed in 0..150 {
        let mut rng = StdRng::seed_from_u64(2000 + seed);
        let mut reference = BTreeMap::new();
        let mut settled = Trie::default();
        let mut nodes = Preimages::default();
        // All nodes so far: a trie that continues from its root alone reveals only those that it has read since.
        let mut revealed = Vec::new();
        for round in 0..12 {
            let mut fresh = Trie::from_root(settled.hash());
            revealed.extend(settled.revealed());
            let mut witness = Preimages::new(revealed.clone());
            if round % 4 == 0 {
                (settled, nodes) = (fresh.clone(), witness.clone());
            }
            for _ in 0..rng.random_range(0..25) {
                let known = (!reference.is_empty() && rng.random_bool(0.6))
                    .then(|| *reference.keys().nth(rng.random_range(0..reference.len())).unwrap());
                let key = known.unwrap_or_else(|| random_key(&mut rng));
                let number = random_value(&mut rng);
                match rng.random_range(0..4) {
                    0 => {
                        let old = reference.get(&key).map(|number| value(*number));
                        assert_eq!(found(settled.get(&key, &mut nodes)), old);
                    }
                    1 | 2 => {
                        reference.insert(key, number);
                        settled.insert(&key, value(number), &mut nodes).unwrap();
                        fresh.insert(&key, value(number), &mut witness).unwrap();
                    }
                    _ => {
                        reference.remove(&key);
                        settled.remove(&key, &mut nodes).unwrap();
                        fresh.remove(&key, &mut witness).unwrap();
                    }
                }
            }
            let root = reference_root(&reference);
            assert_eq!((settled.hash(), fresh.hash()), (root, root), "seed {seed}, round {round}");
            assert_eq!(settled.settle(), Ok(root), "seed {seed}, round {round}");
            assert_eq!(settled.hash(), root);
            assert_has_sources(&settled.root);
            if let Some(first) = settled.revealed().first() {
                assert_eq!(keccak256(first), root);
            }
        }
    }
}

/// Checks that each known node has its present encoding as its source, and refers to its children there.
fn assert_has_sources(node: &Node) {
    let mut scratch = Vec::new();
    let mut check = |source: &Bytes, children: &[(&Node, ChildRef)]| {
        for (child, place) in children {
            let known = match child {
                Node::Empty | Node::Stub => continue,
                Node::Digest(hash) => (**hash, &[][..]),
                Node::Leaf(leaf) => (keccak256(&leaf.source), &leaf.source[..]),
                Node::Extension(extension) => (keccak256(&extension.source), &extension.source[..]),
                Node::Branch(branch) => (keccak256(&branch.source), &branch.source[..]),
            };
            match decode::reference(source, *place).unwrap() {
                decode::Reference::Hash(hash) => assert_eq!(known.0, *hash),
                decode::Reference::Inline(item) => assert_eq!(known.1, item),
            }
            assert_has_sources(child);
        }
        scratch.clear();
        let encoding = node.encode(&mut scratch);
        assert_eq!(scratch[encoding], source[..]);
    };
    match node {
        Node::Extension(extension) => check(&extension.source, &[(&extension.child, extension.place())]),
        Node::Branch(branch) => {
            assert_eq!(branch.changed, 0);
            let children = (0..).zip(&branch.children);
            let children = children.map(|(index, child)| (child, branch.places.place(index)));
            check(&branch.source, &children.collect::<Vec<_>>());
        }
        _ => {}
    }
}

/// A settled branch does not make a malformed reference a good one.
#[test]
fn settled_branches_are_refused_where_they_are_malformed() {
    let key = |first: u8| {
        let mut key = keccak256([first]);
        key[0] = first << 4;
        key
    };
    let mut full = Trie::default();
    (0..16).for_each(|first| full.insert(&key(first), value(U256::MAX), &mut Preimages::default()).unwrap());
    let revealed = full.revealed();
    for prefix in [0x80, 0xa1, 0xc0, 0xc8, 0xdf, 0xff] {
        let mut root = revealed[0].to_vec();
        root[3 + 33 * 5] = prefix;
        let hash = keccak256(&root);
        let all = [Bytes::from(root)].into_iter().chain(revealed[1..].iter().cloned()).collect::<Vec<_>>();
        // A change of a hash keeps the other references where they were; a removal moves them.
        for remove in [false, true] {
            let (mut trie, mut nodes) = (Trie::from_root(hash), Preimages::new(all.iter().cloned()));
            if remove {
                trie.remove(&key(3), &mut nodes).unwrap();
            } else {
                trie.insert(&key(3), value(U256::ONE), &mut nodes).unwrap();
            }
            let error = match trie.settle() {
                Ok(_) => trie.get(&key(5), &mut nodes).map(|_| ()).unwrap_err(),
                Err(error) => error,
            };
            assert!(matches!(*error, TrieError::Malformed { .. }), "{prefix:x} {remove}: {error}");
        }
    }
}

#[test]
fn a_witness_is_enough_and_every_node_of_it_is_needed() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(1000 + seed);
        let mut reference = BTreeMap::new();
        let mut full = Trie::default();
        for _ in 0..rng.random_range(1..150) {
            let (key, number) = (random_key(&mut rng), random_value(&mut rng));
            reference.insert(key, number);
            full.insert(&key, value(number), &mut Preimages::default()).unwrap();
        }
        let root = full.hash();
        let keys = reference.keys().copied().collect::<Vec<_>>();
        let removed = keys.iter().filter(|_| rng.random_bool(0.3)).copied().collect::<Vec<_>>();
        let added = (0..5).map(|_| (random_key(&mut rng), random_value(&mut rng))).collect::<Vec<_>>();
        removed.iter().for_each(|key| {
            reference.remove(key);
        });
        reference.extend(added.iter().copied());

        let change = |nodes: &mut Preimages| {
            let mut trie = Trie::from_root(root);
            for (key, number) in &added {
                trie.insert(key, value(*number), nodes)?;
            }
            for key in removed.iter().filter(|key| !added.iter().any(|(added, _)| added == *key)) {
                trie.remove(key, nodes)?;
            }
            Ok::<_, Box<TrieError>>(trie.hash())
        };
        let mut nodes = Preimages::new(full.revealed());
        assert_eq!(change(&mut nodes).unwrap(), reference_root(&reference), "seed {seed}");
        let minimal = nodes.into_used().collect::<Vec<_>>();
        for left_out in &minimal {
            let rest = minimal.iter().filter(|bytes| *bytes != left_out).cloned();
            match change(&mut Preimages::new(rest)).map_err(|error| *error) {
                Err(TrieError::Missing { hash, .. }) => assert_eq!(hash, keccak256(left_out)),
                other => panic!("without {left_out}: {other:?}"),
            }
        }
    }
}

#[test]
fn an_absent_key_is_proven_absent_or_an_error() {
    let mut full = Trie::default();
    for number in 0..50u8 {
        full.insert(&keccak256([number]), value(U256::from(number) + U256::ONE), &mut Preimages::default())
            .unwrap();
    }
    let root = full.hash();
    let absent = keccak256([200]);
    assert_eq!(Trie::from_root(root).get(&absent, &mut Preimages::new(full.revealed())), Ok(None));
    assert_eq!(
        Trie::from_root(root).get(&absent, &mut Preimages::default()),
        Err(Box::new(TrieError::Missing { hash: root, path: Vec::new() }))
    );
}

#[test]
fn malformed_nodes_are_refused() {
    let hash = keccak256(b"child");
    let list = |items: &[&[u8]]| {
        let payload = items.concat();
        let mut out = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
        out.extend(payload);
        Bytes::from(out)
    };
    let reference = alloy_rlp::encode(hash);
    let mut seventeen = std::vec![&reference[..]; 17];
    let cases = [
        Bytes::new(),
        Bytes::from_static(&[0xc0]),
        list(&[&[0x20]]),
        list(&[&[0x20], &[0x80]]),
        list(&[&[0x40], &[0x01]]),
        list(&[&[0x00], &reference]),
        list(&[&[0x11], &[0x80]]),
        list(&[&[0x11], &[0x05]]),
        list(&seventeen),
        list(&seventeen[..16]),
        list(&[&[0x20], &[0x01], &[0x01]]),
        Bytes::from([&list(&[&[0x20], &[0x01]])[..], &[0]].concat()),
    ];
    seventeen[16] = &[0x80];
    assert!(decode::node(&list(&seventeen)).is_ok());
    let mut with_empty_list = seventeen.clone();
    with_empty_list[3] = &[0xc0];
    assert!(decode::node(&list(&with_empty_list)).is_err());
    for bytes in cases {
        let root = keccak256(&bytes);
        let mut trie = Trie::from_root(root);
        let answer = trie.get(&hash, &mut Preimages::new([bytes.clone()]));
        let error = *answer.unwrap_err();
        assert!(matches!(error, TrieError::Malformed { .. }), "{bytes}: {error:?}");
    }
}

/// The reference to a child of a full branch is checked when that child is needed, and not before.
#[test]
fn full_branches_are_refused_where_they_are_malformed() {
    let key = |first: u8| {
        let mut key = keccak256([first]);
        key[0] = first << 4;
        key
    };
    let mut full = Trie::default();
    (0..16).for_each(|first| full.insert(&key(first), value(U256::MAX), &mut Preimages::default()).unwrap());
    let revealed = full.revealed();
    let (root, leaves) = revealed.split_first().unwrap();
    assert_eq!(root.len(), 532);
    let malformed = |answer: Result<()>| assert!(matches!(*answer.unwrap_err(), TrieError::Malformed { .. }));
    for wrong in 0..16u8 {
        for prefix in [0x00, 0x80, 0x9f, 0xa1, 0xc0, 0xc1, 0xc8, 0xde, 0xdf, 0xf8, 0xff] {
            let mut root = root.to_vec();
            let at = 3 + 33 * usize::from(wrong);
            root[at] = prefix;
            if prefix == 0xc8 {
                // A node that could be inlined elsewhere: a leaf with the rest of the key, if that were short
                // enough.
                root[at + 1..][..8].copy_from_slice(&[0x83, 0x20, 1, 2, 0x83, 1, 2, 3]);
            }
            let hash = keccak256(&root);
            let all = [Bytes::from(root)].into_iter().chain(leaves.iter().cloned()).collect::<Vec<_>>();
            let nodes = || Preimages::new(all.iter().cloned());
            malformed(Trie::from_root(hash).get(&key(wrong), &mut nodes()).map(|_| ()));
            malformed(Trie::from_root(hash).insert(&key(wrong), value(U256::ONE), &mut nodes()));
            malformed(Trie::from_root(hash).remove(&key(wrong), &mut nodes()));
            // All others are removed, so that this child remains.
            let (mut trie, mut nodes) = (Trie::from_root(hash), nodes());
            let mut removed = Ok(());
            for first in (0..16).filter(|first| *first != wrong) {
                if removed.is_ok() {
                    removed = trie.remove(&key(first), &mut nodes);
                }
                trie.hash();
            }
            malformed(removed);
        }
    }
    // No other node has this header and this end.
    for (at, byte) in [(1, 0x03), (2, 0x10), (531, 0x81), (531, 0x00)] {
        let mut root = root.to_vec();
        root[at] = byte;
        let mut trie = Trie::from_root(keccak256(&root));
        malformed(trie.get(&key(3), &mut Preimages::new([Bytes::from(root)])).map(|_| ()));
    }
}

/// A leaf with a path of 32 bytes that is as long as a full branch.
#[test]
fn a_leaf_as_long_as_a_full_branch_is_a_leaf() {
    let mut key = keccak256(b"key");
    key[0] = 0x30;
    let mut trie = Trie::default();
    let mut other = key;
    other[0] = 0x40;
    let long = Bytes::from(std::vec![0xa0; 493]);
    trie.insert(&key, long.clone(), &mut Preimages::default()).unwrap();
    trie.insert(&other, long.clone(), &mut Preimages::default()).unwrap();
    let revealed = trie.revealed();
    assert_eq!(revealed[1].len(), 532);
    assert!(matches!(decode::node(&revealed[1]), Ok(Node::Leaf(_))));
    let mut again = Trie::from_root(trie.hash());
    assert_eq!(found(again.get(&key, &mut Preimages::new(revealed))), Some(long));
}

/// A branch below a path of 64 nibbles can't be part of a trie. Reading it must not panic.
#[test]
fn tries_deeper_than_a_key_are_refused() {
    let mut branch_items = std::vec![0x80u8; 17];
    branch_items[0] = 0x80;
    let leaf = [0xc2, 0x20, 0x01];
    let payload = [&leaf[..], &leaf[..], &branch_items[2..]].concat();
    let mut branch = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut branch);
    branch.extend(payload);
    let key = B256::ZERO;
    let mut extension = Vec::new();
    let path = Path::encode([0; KEY_NIBBLES].into_iter(), false);
    let mut items = Vec::new();
    path[..].encode(&mut items);
    items.extend(&branch);
    alloy_rlp::Header { list: true, payload_length: items.len() }.encode(&mut extension);
    extension.extend(items);
    let root = keccak256(&extension);
    let mut nodes = Preimages::new([Bytes::from(extension)]);
    let malformed = |answer: Result<()>| assert!(matches!(*answer.unwrap_err(), TrieError::Malformed { .. }));
    malformed(Trie::from_root(root).get(&key, &mut nodes).map(|_| ()));
    malformed(Trie::from_root(root).insert(&key, value(U256::ONE), &mut nodes));
    malformed(Trie::from_root(root).remove(&key, &mut nodes));
}

#[test]
fn an_empty_trie_has_the_empty_root() {
    assert_eq!(Trie::default().hash(), EMPTY_ROOT_HASH);
    assert_eq!(Trie::from_root(EMPTY_ROOT_HASH).get(&B256::ZERO, &mut Preimages::default()), Ok(None));
}

/// A fetcher removes a key, learns that the sibling is missing, fetches it and removes the key again.
#[test]
fn a_removal_goes_on_once_the_sibling_is_there() {
    let key = |first: u8| {
        let mut key = keccak256([first]);
        key[0] = first;
        key
    };
    let mut full = Trie::default();
    for first in [0x10, 0x20] {
        full.insert(&key(first), value(U256::MAX), &mut Preimages::default()).unwrap();
    }
    let [root, removed, sibling] = &full.revealed()[..] else { panic!("a branch of two leaves") };
    let mut nodes = Preimages::new([root.clone(), removed.clone()]);
    let mut trie = Trie::from_root(full.hash());
    let missing = trie.remove(&key(0x10), &mut nodes).unwrap_err();
    assert_eq!(*missing, TrieError::Missing { hash: keccak256(sibling), path: std::vec![2] });
    nodes.add(sibling.clone());
    trie.remove(&key(0x10), &mut nodes).unwrap();
    assert_eq!(trie.hash(), reference_root(&BTreeMap::from([(key(0x20), U256::MAX)])));
}

/// A child of which only the hash is known moves below a new branch, and is met there later.
#[test]
fn a_moved_reference_is_kept_when_it_is_met() {
    let key = |bytes: [u8; 3]| {
        let mut key = B256::ZERO;
        key[..3].copy_from_slice(&bytes);
        key
    };
    let (a, b, c, d) = (key([1, 1, 1]), key([1, 1, 2]), key([1, 1, 0x10]), key([1, 1, 3]));
    let mut reference = BTreeMap::from([(a, U256::MAX), (b, U256::MAX)]);
    let mut full = Trie::default();
    for key in reference.keys() {
        full.insert(key, value(U256::MAX), &mut Preimages::default()).unwrap();
    }
    let mut nodes = Preimages::new(full.revealed());
    let mut trie = Trie::from_root(full.hash());
    for key in [c, d] {
        trie.insert(&key, value(U256::MAX), &mut nodes).unwrap();
        reference.insert(key, U256::MAX);
        assert_eq!(found(trie.get(&a, &mut nodes)), Some(value(U256::MAX)));
        assert_eq!(trie.hash(), reference_root(&reference));
    }
}

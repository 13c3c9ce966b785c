//! Trie nodes that removals need in addition: the siblings that remain ("orphans" in zeth).
//!
//! When a removal leaves a branch with a single child, that child merges with the node above, so it has to be known.
//! But it lies on no path that was read. Two sources reveal it:
//!
//! - The state after the block. There the merged node lies on the removed key's path, as a leaf or an extension with a
//!   longer path. Shortened to the sibling's own path it has the hash that the branch gives, unless something else
//!   changed.
//! - A neighbour: the proof of any key below the sibling contains the sibling. Such a key is found by trying numbers
//!   until a hash begins with the sibling's path. This finds branches too.

use crate::{
    error::{FetchError, Subject},
    progress::Event,
    rpc::Effort,
    state_proofs::{StateProofs, Touched, hex_path, slot_key},
    target::Target,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNode, LeafNode, RlpNode, TrieNode},
};
use futures_util::future::join_all;
use rayon::prelude::*;
use std::collections::HashMap;
use tokio::task;
use tracing::debug;

/// Longest path, in nibbles, for which neighbours are searched. Each nibble costs sixteen times as much, and eight take
/// minutes.
const MAX_SEARCH: usize = 8;
/// Number of neighbours to try, since a node may lack the state of one.
const NEIGHBOURS: usize = 4;
/// Number of hashes in one parallel step of a search.
const SEARCH_CHUNK: u64 = 1 << 20;

/// A leaf or an extension of the state after the block (geth's term).
#[derive(Clone, Debug)]
struct ShortNode {
    /// Nibbles from the root to the end of the node's own path.
    end: Nibbles,
    node: TrieNode,
}

/// Nodes that may turn out to be siblings of removed ones.
#[derive(Debug, Default)]
pub(crate) struct RemovalSiblings {
    candidates: Vec<ShortNode>,
    /// Keys whose proofs were asked for.
    asked: Touched,
}

impl RemovalSiblings {
    /// Fetches proofs in the state after the block of all keys that it removed, concurrently, unless they were asked for
    /// before. Most removals need none of them, so a request that fails is only logged.
    pub(crate) async fn prefetch(&mut self, proofs: &StateProofs, target: &Target, mut removed: Touched) {
        removed.retain(|address, slots| match self.asked.get(address) {
            Some(asked) => {
                slots.retain(|slot| !asked.contains(slot));
                !slots.is_empty()
            }
            None => true,
        });
        if removed.is_empty() {
            return;
        }
        for (address, slots) in &removed {
            self.asked.entry(*address).or_default().extend(slots);
        }
        target.report(Event::Removals { keys: removed.values().map(|slots| slots.len().max(1)).sum() });
        let requests = removed.into_iter().map(async |(address, slots)| {
            let slots = slots.into_iter().collect::<Vec<_>>();
            short_nodes_after(proofs, target, address, &slots).await
        });
        for answer in join_all(requests).await {
            self.add(answer);
        }
    }

    /// Finds the node with this hash at this path, in nibbles, of the state before the block. The removal of `subject`
    /// needs it.
    ///
    /// # Errors
    /// [`FetchError::Sibling`] if neither source shows the node.
    pub(crate) async fn find(
        &mut self,
        proofs: &StateProofs,
        target: &Target,
        subject: Subject,
        hash: B256,
        path: &[u8],
    ) -> Result<Bytes, FetchError> {
        if let Some(node) = self.shortened(hash, path) {
            return Ok(node);
        }
        let (address, slots) = subject.address_and_slots();
        self.add(short_nodes_after(proofs, target, address, &slots).await);
        if let Some(node) = self.shortened(hash, path) {
            return Ok(node);
        }
        neighbour(proofs, target, subject, hash, path).await
    }

    fn add(&mut self, answer: Result<Vec<ShortNode>, FetchError>) {
        match answer {
            Ok(nodes) => self.candidates.extend(nodes),
            // The state after the block is only one of the two sources.
            Err(error) => debug!(%error, "no proof of the state after the block"),
        }
    }

    /// One of the leaves and extensions, shortened so that it has this hash at this path.
    fn shortened(&self, hash: B256, path: &[u8]) -> Option<Bytes> {
        let path = Nibbles::from_nibbles(path);
        self.candidates.iter().filter(|short| short.end.starts_with(&path)).find_map(|short| {
            let rest = short.end.slice(path.len()..);
            let mut rlp = Vec::new();
            match &short.node {
                TrieNode::Leaf(leaf) => LeafNode::new(rest, leaf.value.clone()).encode(&mut rlp),
                TrieNode::Extension(extension) if !rest.is_empty() => {
                    ExtensionNode::new(rest, extension.child.clone()).encode(&mut rlp);
                }
                _ => return None,
            }
            (keccak256(&rlp) == hash).then(|| rlp.into())
        })
    }
}

/// Fetches the leaves and extensions on the paths to an account and slots of it, in the state after the block.
async fn short_nodes_after(
    proofs: &StateProofs,
    target: &Target,
    address: Address,
    slots: &[U256],
) -> Result<Vec<ShortNode>, FetchError> {
    let proof = proofs.account(&target.sealed, address, slots, Effort::Hint).await?;
    let mut found = Vec::new();
    collect(target.sealed.header.state_root, keccak256(address), &proof.account_nodes, &mut found);
    if let Some(account) = proof.account {
        for slot in slots {
            collect(account.storage_root, slot_key(*slot), &proof.storage_nodes, &mut found);
        }
    }
    Ok(found)
}

/// Collects the leaves and extensions on the path from a root to a key. The nodes are a checked proof of the key. If
/// one doesn't decode nonetheless, the path ends there.
fn collect(root: B256, key: B256, nodes: &[Bytes], found: &mut Vec<ShortNode>) {
    let nodes = nodes.iter().map(|node| (keccak256(node), node)).collect::<HashMap<_, _>>();
    // A reference is a hash, or the node itself if that is short.
    let resolve = |reference: &RlpNode| match reference.as_hash() {
        Some(hash) => nodes.get(&hash).map(|node| node.to_vec()),
        None => Some(reference.to_vec()),
    };
    let key = Nibbles::unpack(key);
    let mut depth = 0;
    let mut next = nodes.get(&root).map(|node| node.to_vec());
    while let Some(node) = next.and_then(|rlp| TrieNode::decode(&mut &rlp[..]).ok()) {
        let short = |path: &Nibbles| ShortNode { end: key.slice(..depth).join(path), node: node.clone() };
        next = match &node {
            TrieNode::EmptyRoot => None,
            TrieNode::Branch(branch) => {
                let Some(nibble) = key.get(depth) else { return };
                depth += 1;
                branch
                    .as_ref()
                    .children()
                    .find(|(index, _)| *index == nibble)
                    .and_then(|(_, child)| resolve(child?))
            }
            TrieNode::Extension(extension) => {
                found.push(short(&extension.key));
                let on_path = key.slice(depth..).starts_with(&extension.key);
                depth += extension.key.len();
                on_path.then(|| resolve(&extension.child)).flatten()
            }
            TrieNode::Leaf(leaf) => {
                found.push(short(&leaf.key));
                None
            }
        };
    }
}

/// Finds the node with this hash at this path in the proof of a key below it.
async fn neighbour(
    proofs: &StateProofs,
    target: &Target,
    subject: Subject,
    hash: B256,
    path: &[u8],
) -> Result<Bytes, FetchError> {
    let failure = |reason: String| FetchError::Sibling { hash, path: hex_path(path), subject, reason };
    if path.len() > MAX_SEARCH {
        return Err(failure(format!(
            "a neighbour's key would have to be searched over {} nibbles",
            path.len()
        )));
    }
    target.report(Event::Searching { nibbles: path.len() });
    let mut from = 0;
    let mut reason = String::new();
    for _ in 0..NEIGHBOURS {
        let path = path.to_vec();
        let storage = matches!(subject, Subject::Slot(..));
        let number = task::spawn_blocking(move || search(storage, &path, from))
            .await
            .map_err(|_| FetchError::Interrupted)?;
        from = number + 1;
        let answer = match subject {
            Subject::Account(_) => {
                proofs.response(&target.parent, numbered_address(number), &[], Effort::Needed).await
            }
            Subject::Slot(address, _) => {
                proofs.response(&target.parent, address, &[U256::from(number)], Effort::Needed).await
            }
        };
        match answer {
            Ok(answer) => {
                let storage = answer.storage_proofs.into_iter().flat_map(|slot| slot.proof);
                // The branch above gives the hash, so an item with that hash is the node: nothing else is checked.
                let node =
                    answer.account_proof.into_iter().chain(storage).find(|node| keccak256(node) == hash);
                match node {
                    Some(node) => return Ok(node),
                    None => reason = "the proof of a key below it lacks it".into(),
                }
            }
            // Another neighbour may succeed.
            Err(error) => reason = error.to_string(),
        }
    }
    Err(failure(reason))
}

/// The address whose first eight bytes are a number.
fn numbered_address(number: u64) -> Address {
    let mut address = Address::ZERO;
    // At the front, so that it is no precompile's address.
    address[..8].copy_from_slice(&number.to_be_bytes());
    address
}

/// The trie key of a number, as a slot or as an address.
fn numbered_key(storage: bool, number: u64) -> B256 {
    if storage { slot_key(U256::from(number)) } else { keccak256(numbered_address(number)) }
}

/// The first number, at or after `from`, whose trie key begins with `path`, in nibbles.
fn search(storage: bool, path: &[u8], mut from: u64) -> u64 {
    let path = Nibbles::from_nibbles(path);
    loop {
        let found = (from..from + SEARCH_CHUNK)
            .into_par_iter()
            .find_first(|number| Nibbles::unpack(numbered_key(storage, *number)).starts_with(&path));
        match found {
            Some(number) => return number,
            None => from += SEARCH_CHUNK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_begin_with_the_path() {
        for storage in [false, true] {
            let path = [3, 0, 0xf];
            let first = search(storage, &path, 0);
            let second = search(storage, &path, first + 1);
            assert!(second > first);
            for number in [first, second] {
                let key = numbered_key(storage, number);
                assert_eq!(key[..2], [0x30, key[1]]);
                assert_eq!(key[1] >> 4, 0xf);
            }
        }
    }
}

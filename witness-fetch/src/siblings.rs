//! Trie nodes that removals need besides: the siblings that are left alone.
//!
//! When a removal leaves a branch with one child, that child merges with what is above, so it has to
//! be known; but it lies on no path that was read. Two sources reveal it:
//!
//! - The state after the block. There the merged node lies on the removed key's path, as a leaf or
//!   an extension with a longer path. Shortened to the sibling's own path it hashes to the hash in
//!   the branch, if nothing else changed.
//! - A neighbour: any key below the sibling has the sibling in its proof. One is found by trying
//!   numbers until a hash begins with the sibling's path. That finds branches too.

use crate::{
    Event, FetchError, Job,
    error::Subject,
    proofs::{Proofs, hex_path, slot_key},
    rpc::Effort,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNode, LeafNode, TrieNode},
};
use rayon::prelude::*;
use std::collections::HashMap;
use tokio::task;
use tracing::debug;

/// Longest path, in nibbles, for which neighbours are searched: each nibble costs sixteen times as
/// much, and eight take minutes.
const MAX_SEARCH: usize = 8;
/// Neighbours that are tried, since a node may lack the state of one.
const NEIGHBOURS: usize = 4;
/// Hashes that are tried at once.
const SEARCH_CHUNK: u64 = 1 << 20;

/// A leaf or extension of the state after the block.
#[derive(Clone, Debug)]
pub(crate) struct Short {
    /// Nibbles from the root to its end.
    end: Nibbles,
    node: TrieNode,
}

/// What may turn out to be a sibling.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    shorts: Vec<Short>,
}

impl Siblings {
    pub(crate) fn extend(&mut self, shorts: Vec<Short>) {
        self.shorts.extend(shorts);
    }

    /// The node with this hash at this path of the state before the block, where the removal of
    /// `subject` needs it.
    pub(crate) async fn find(
        &mut self,
        proofs: &Proofs,
        job: &Job,
        subject: Subject,
        hash: B256,
        path: &[u8],
    ) -> Result<Bytes, FetchError> {
        if let Some(node) = self.shortened(hash, path) {
            return Ok(node);
        }
        let (address, slots) = match subject {
            Subject::Account(address) => (address, Vec::new()),
            Subject::Slot(address, slot) => (address, vec![slot]),
        };
        match Self::after(proofs, job, address, &slots).await {
            Ok(shorts) => self.extend(shorts),
            // The state after the block is only one of the two places where the node may show.
            Err(error) => debug!(%error, "no proof of the state after the block"),
        }
        if let Some(node) = self.shortened(hash, path) {
            return Ok(node);
        }
        neighbour(proofs, job, subject, hash, path).await
    }

    /// The leaves and extensions on the ways to an account and slots of it after the block.
    pub(crate) async fn after(
        proofs: &Proofs,
        job: &Job,
        address: Address,
        slots: &[U256],
    ) -> Result<Vec<Short>, FetchError> {
        let proof = proofs.account(&job.sealed, address, slots, Effort::Hint).await?;
        let mut shorts = Vec::new();
        collect(job.sealed.header.state_root, keccak256(address), &proof.account_nodes, &mut shorts);
        if let Some(account) = proof.account {
            for slot in slots {
                collect(account.storage_root, slot_key(*slot), &proof.storage_nodes, &mut shorts);
            }
        }
        Ok(shorts)
    }

    /// One of the leaves and extensions, shortened so that it has this hash at this path.
    fn shortened(&self, hash: B256, path: &[u8]) -> Option<Bytes> {
        let path = Nibbles::from_nibbles(path);
        self.shorts.iter().filter(|short| short.end.starts_with(&path)).find_map(|short| {
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

/// Collects the leaves and extensions on the way from a root to a key. The nodes are a checked
/// proof of it; should one not decode all the same, the way ends there.
fn collect(root: B256, key: B256, nodes: &[Bytes], shorts: &mut Vec<Short>) {
    let nodes = nodes.iter().map(|node| (keccak256(node), node)).collect::<HashMap<_, _>>();
    let key = Nibbles::unpack(key);
    let mut depth = 0;
    let mut next = nodes.get(&root).map(|node| node.to_vec());
    while let Some(node) = next.and_then(|rlp| TrieNode::decode(&mut &rlp[..]).ok()) {
        // A reference is a hash, or the node itself where that is short.
        let follow = |reference: &alloy_trie::nodes::RlpNode| match reference.as_hash() {
            Some(hash) => nodes.get(&hash).map(|node| node.to_vec()),
            None => Some(reference.to_vec()),
        };
        let keep = |path: &Nibbles, node: &TrieNode| Short {
            end: key.slice(..depth).join(path),
            node: node.clone(),
        };
        next = match &node {
            TrieNode::EmptyRoot => None,
            TrieNode::Branch(branch) => {
                let Some(nibble) = key.get(depth) else { return };
                depth += 1;
                branch
                    .as_ref()
                    .children()
                    .find(|(index, _)| *index == nibble)
                    .and_then(|(_, child)| follow(child?))
            }
            TrieNode::Extension(extension) => {
                shorts.push(keep(&extension.key, &node));
                let on_the_way = key.slice(depth..).starts_with(&extension.key);
                depth += extension.key.len();
                on_the_way.then(|| follow(&extension.child)).flatten()
            }
            TrieNode::Leaf(leaf) => {
                shorts.push(keep(&leaf.key, &node));
                None
            }
        };
    }
}

/// The node from the proof of a key below it.
async fn neighbour(
    proofs: &Proofs,
    job: &Job,
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
    job.report(Event::Searching { nibbles: path.len() });
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
                proofs.response(&job.parent, numbered_address(number), &[], Effort::Needed).await
            }
            Subject::Slot(address, _) => {
                proofs.response(&job.parent, address, &[U256::from(number)], Effort::Needed).await
            }
        };
        match answer {
            Ok(answer) => {
                let storage = answer.storage_proofs.into_iter().flat_map(|slot| slot.proof);
                // The hash is known from the branch above, so whatever has it is the node.
                let node =
                    answer.account_proof.into_iter().chain(storage).find(|node| keccak256(node) == hash);
                match node {
                    Some(node) => return Ok(node),
                    None => reason = "the proof of a key below it lacks it".into(),
                }
            }
            // Another neighbour may do.
            Err(error) => reason = error.to_string(),
        }
    }
    Err(failure(reason))
}

fn numbered_address(number: u64) -> Address {
    let mut address = Address::ZERO;
    // In front, where no precompile can be meant.
    address[..8].copy_from_slice(&number.to_be_bytes());
    address
}

/// The first number from `from` on, as a slot or as an address, whose key begins with `path`.
fn search(storage: bool, path: &[u8], mut from: u64) -> u64 {
    let path = Nibbles::from_nibbles(path);
    loop {
        let found = (from..from + SEARCH_CHUNK).into_par_iter().find_first(|number| {
            let key =
                if storage { slot_key(U256::from(*number)) } else { keccak256(numbered_address(*number)) };
            Nibbles::unpack(key).starts_with(&path)
        });
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
                let key =
                    if storage { slot_key(U256::from(number)) } else { keccak256(numbered_address(number)) };
                assert_eq!(key[..2], [0x30, key[1]]);
                assert_eq!(key[1] >> 4, 0xf);
            }
        }
    }
}

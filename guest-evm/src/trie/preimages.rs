//! Byte strings by their keccak256.

use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};

/// Preimages of hashes. Each is hashed here, so none can be passed off as another's.
#[derive(Clone, Debug, Default)]
pub struct Preimages(B256Map<Preimage>);

#[derive(Clone, Debug)]
struct Preimage {
    bytes: Bytes,
    used: bool,
}

impl Preimages {
    /// Hashes every item; duplicates do no harm.
    pub fn new(items: impl IntoIterator<Item = Bytes>) -> Self {
        let mut preimages = Self::default();
        items.into_iter().for_each(|bytes| {
            preimages.add(bytes);
        });
        preimages
    }

    /// Adds one, and answers with its hash.
    pub fn add(&mut self, bytes: Bytes) -> B256 {
        let hash = keccak256(&bytes);
        self.0.entry(hash).or_insert(Preimage { bytes, used: false });
        hash
    }

    /// The preimage of `hash`, which from now on counts as used.
    pub fn get(&mut self, hash: &B256) -> Option<Bytes> {
        let preimage = self.0.get_mut(hash)?;
        preimage.used = true;
        Some(preimage.bytes.clone())
    }

    /// Whether the preimage of `hash` is here, used or not.
    pub fn contains(&self, hash: &B256) -> bool {
        self.0.contains_key(hash)
    }

    /// Those that were asked for.
    pub fn into_used(self) -> impl Iterator<Item = (B256, Bytes)> {
        self.0
            .into_iter()
            .filter(|(_, preimage)| preimage.used)
            .map(|(hash, preimage)| (hash, preimage.bytes))
    }
}

//! Byte strings by their keccak-256 hashes.

use alloc::vec::Vec;
use alloy_primitives::{Bytes, keccak256, map::B256Map};

/// Preimages of hashes. Each is hashed here, so none can be passed off as the preimage of another hash.
///
/// Any order will do, but the order of use is the best. Then each item is hashed in its turn and compared
/// with the requested hash, and nothing is ever looked up. Items after the last one that is requested are not
/// even hashed.
#[derive(Clone, Debug, Default)]
pub struct Preimages {
    items: Vec<Bytes>,
    /// Number of items that were hashed.
    hashed: usize,
    /// Index of each item that was hashed before it was requested, by its hash.
    known: B256Map<usize>,
    /// Indices of the requested items, in the order of the requests. `None` as long as each came in its turn;
    /// then these are all that were hashed.
    used: Option<Vec<usize>>,
}

impl Preimages {
    /// Makes preimages of these items; duplicates do no harm.
    pub fn new(items: impl IntoIterator<Item = Bytes>) -> Self {
        Self { items: items.into_iter().collect(), ..Self::default() }
    }

    /// Adds an item.
    pub fn add(&mut self, bytes: Bytes) {
        self.items.push(bytes);
    }

    /// Returns the preimage of `hash`, which now counts as used.
    #[inline(never)]
    pub fn get(&mut self, hash: &[u8; 32]) -> Option<&Bytes> {
        let index = self.hashed;
        let in_turn =
            self.used.is_none() && self.items.get(index).is_some_and(|bytes| keccak256(bytes) == *hash);
        if !in_turn {
            return self.find(hash);
        }
        self.hashed = index + 1;
        self.items.get(index)
    }

    /// Returns the preimage of `hash` after a request out of turn.
    #[inline(never)]
    fn find(&mut self, hash: &[u8; 32]) -> Option<&Bytes> {
        let Self { used, hashed, known, .. } = self;
        used.get_or_insert_with(|| (0..*hashed).collect());
        let index = match known.get(hash).copied().or_else(|| self.hash_until(hash)) {
            Some(index) => index,
            None => self.again(hash)?,
        };
        self.used.get_or_insert_default().push(index);
        Some(&self.items[index])
    }

    /// Index of the item that was requested last, among all items.
    pub fn last_used(&self) -> Option<usize> {
        match &self.used {
            Some(used) => used.last().copied(),
            None => self.hashed.checked_sub(1),
        }
    }

    /// Hashes items until one has this hash; those before it become known.
    fn hash_until(&mut self, hash: &[u8; 32]) -> Option<usize> {
        while let Some(bytes) = self.items.get(self.hashed) {
            let index = self.hashed;
            let found = keccak256(bytes);
            self.hashed += 1;
            if found == *hash {
                return Some(index);
            }
            self.known.entry(found).or_insert(index);
        }
        None
    }

    /// Hashes all used items again to find one that is requested again. Items that came in their turn are not
    /// among the known ones; the maker of a witness puts a copy where an item is needed again.
    #[cold]
    fn again(&mut self, hash: &[u8; 32]) -> Option<usize> {
        for index in self.used.iter().flatten() {
            self.known.entry(keccak256(&self.items[*index])).or_insert(*index);
        }
        self.known.get(hash).copied()
    }

    /// Returns the requested items, in the order of the requests and with repetitions. With these alone,
    /// everything comes in its turn.
    pub fn into_used(self) -> impl Iterator<Item = Bytes> {
        let Self { items, used, hashed, .. } = self;
        used.unwrap_or_else(|| (0..hashed).collect()).into_iter().map(move |index| items[index].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u8) -> Bytes {
        Bytes::from(alloc::vec![number; 40])
    }

    #[test]
    fn any_order_will_do() {
        let all = || (0..5).map(item);
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 2, 0, 2, 1], [1, 0, 1, 0, 1]] {
            let mut preimages = Preimages::new(all());
            for number in order {
                assert_eq!(preimages.get(&keccak256(item(number)).0), Some(&item(number)), "{order:?}");
            }
            assert_eq!(preimages.get(&[7; 32]), None);
            for number in order {
                assert_eq!(preimages.get(&keccak256(item(number)).0), Some(&item(number)), "{order:?}");
            }
            let asked = order.into_iter().chain(order).map(item).collect::<Vec<_>>();
            assert_eq!(preimages.into_used().collect::<Vec<_>>(), asked);
        }
    }

    #[test]
    fn in_their_order_each_is_hashed_in_its_turn() {
        let order = [3, 1, 3, 0];
        let mut preimages = Preimages::new((0..5).map(item));
        for number in order {
            preimages.get(&keccak256(item(number)).0).unwrap();
        }
        let mut again = Preimages::new(preimages.into_used());
        for (turn, number) in order.into_iter().enumerate() {
            again.get(&keccak256(item(number)).0).unwrap();
            assert_eq!((again.hashed, again.known.len()), (turn + 1, 0));
        }
    }

    #[test]
    fn what_is_added_is_found() {
        let mut preimages = Preimages::new([item(0)]);
        assert_eq!(preimages.get(&keccak256(item(1)).0), None);
        preimages.add(item(1));
        assert_eq!(preimages.get(&keccak256(item(1)).0), Some(&item(1)));
        assert_eq!(preimages.get(&keccak256(item(0)).0), Some(&item(0)));
    }
}

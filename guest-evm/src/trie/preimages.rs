//! Byte strings by their keccak256.

use alloc::vec::Vec;
use alloy_primitives::{Bytes, keccak256, map::B256Map};

/// Preimages of hashes. Each is hashed here, so none can be passed off as another's.
///
/// They may be there in any order, but the best is the one in which they are asked for: then each is hashed when its
/// turn comes and compared with what was asked for, and nothing is ever looked up. What is never asked for, and lies
/// behind all that is, is not even hashed.
#[derive(Clone, Debug, Default)]
pub struct Preimages {
    items: Vec<Bytes>,
    /// How many of the items were hashed.
    hashed: usize,
    /// Those that were hashed before they were asked for, by hash: their places among the items.
    known: B256Map<usize>,
    /// What was asked for, in that order. None as long as each came in its turn: it is all that was hashed, then.
    used: Option<Vec<usize>>,
}

impl Preimages {
    /// Takes items over; duplicates do no harm.
    pub fn new(items: impl IntoIterator<Item = Bytes>) -> Self {
        Self { items: items.into_iter().collect(), ..Self::default() }
    }

    /// Adds one.
    pub fn add(&mut self, bytes: Bytes) {
        self.items.push(bytes);
    }

    /// The preimage of `hash`, which from now on counts as used.
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

    /// The same, once something was asked for that did not come in its turn.
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

    /// The place of what was asked for last, among all that were given.
    pub(crate) fn last_used(&self) -> Option<usize> {
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

    /// Items that came in their turn are not among the known ones. If one is asked for again, all of them are hashed
    /// once more: whoever makes a witness has a copy where it is needed again.
    #[cold]
    fn again(&mut self, hash: &[u8; 32]) -> Option<usize> {
        for index in self.used.iter().flatten() {
            self.known.entry(keccak256(&self.items[*index])).or_insert(*index);
        }
        self.known.get(hash).copied()
    }

    /// Those that were asked for, in that order, and as often: with them alone, everything comes in its turn.
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

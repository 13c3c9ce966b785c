//! Keys and paths in a trie, by nibbles.

use super::KEY_NIBBLES;
use alloc::vec::Vec;
use alloy_primitives::B256;

/// The nibble of `bytes` at `index`, the high half of each byte first.
pub(super) fn nibble(bytes: &[u8], index: usize) -> u8 {
    let byte = bytes[index / 2];
    if index.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

/// Path of a leaf or an extension, in its hex-prefix encoding (yellow paper, appendix C).
///
/// Mostly it is a part of the node's own encoding, which is neither unpacked nor copied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Path<'a>(&'a [u8]);

impl<'a> Path<'a> {
    /// Reads the encoding; `None` if it is not one, or longer than a key.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        if first >> 4 > 3 || (first & 0x10 == 0 && first & 0xf != 0) {
            return None;
        }
        let path = Self(bytes);
        (path.len() <= KEY_NIBBLES).then_some(path)
    }

    /// Makes a path from bytes that [`Self::decode`] accepted before, or that one of the functions below
    /// made.
    pub(super) fn known(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Encodes the path of these nibbles, at most [`KEY_NIBBLES`].
    pub(super) fn encode(nibbles: impl ExactSizeIterator<Item = u8>, leaf: bool) -> Vec<u8> {
        let odd = !nibbles.len().is_multiple_of(2);
        let mut bytes = Vec::with_capacity(nibbles.len() / 2 + 1);
        bytes.push(if leaf { 0x20 } else { 0 });
        let mut high = !odd;
        if odd {
            bytes[0] |= 0x10;
        }
        for nibble in nibbles {
            if high {
                bytes.push(nibble << 4);
            } else {
                *bytes.last_mut().expect("the first was pushed") |= nibble;
            }
            high = !high;
        }
        bytes
    }

    /// Encodes the path of a leaf: the rest of a key from `depth` on.
    pub(super) fn rest(key: &B256, depth: usize) -> Vec<u8> {
        let whole = &key[depth.div_ceil(2)..];
        let mut bytes = Vec::with_capacity(whole.len() + 1);
        bytes.push(if depth.is_multiple_of(2) { 0x20 } else { 0x30 | nibble(&key[..], depth) });
        bytes.extend_from_slice(whole);
        bytes
    }

    /// Returns the encoding.
    pub(super) fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// Returns whether it is the path of a leaf.
    pub(super) fn is_leaf(self) -> bool {
        self.0[0] & 0x20 != 0
    }

    fn is_odd(self) -> bool {
        self.0[0] & 0x10 != 0
    }

    /// Number of nibbles.
    pub(super) fn len(self) -> usize {
        2 * self.0.len() - if self.is_odd() { 1 } else { 2 }
    }

    /// The nibble at `index`.
    pub(super) fn at(self, index: usize) -> u8 {
        nibble(self.0, index + if self.is_odd() { 1 } else { 2 })
    }

    /// The nibbles from `start` to `end`, exclusive.
    pub(super) fn slice(self, start: usize, end: usize) -> impl ExactSizeIterator<Item = u8> + 'a {
        (start..end).map(move |index| self.at(index))
    }

    /// Returns whether the path is the whole rest of the key from `depth` on.
    pub(super) fn ends(self, key: &B256, depth: usize) -> bool {
        if self.len() + depth != KEY_NIBBLES {
            return false;
        }
        // The same number of nibbles is left, so bytes align with bytes.
        let whole = depth.div_ceil(2);
        (!self.is_odd() || self.0[0] & 0xf == nibble(&key[..], depth)) && self.0[1..] == key[whole..]
    }

    /// Number of nibbles at the path's start that equal those of the key from `depth` on.
    pub(super) fn common(self, key: &B256, depth: usize) -> usize {
        let most = self.len().min(KEY_NIBBLES - depth);
        (0..most).take_while(|index| self.at(*index) == nibble(&key[..], depth + index)).count()
    }

    /// Encodes `prefix`, then this path; `None` if that is longer than a key.
    pub(super) fn after(self, prefix: &[u8]) -> Option<Vec<u8>> {
        let length = prefix.len() + self.len();
        if length > KEY_NIBBLES {
            return None;
        }
        let nibble = |index| if index < prefix.len() { prefix[index] } else { self.at(index - prefix.len()) };
        Some(Self::encode((0..length).map(nibble), self.is_leaf()))
    }
}

impl core::fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.slice(0, self.len()).try_for_each(|nibble| write!(f, "{nibble:x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_their_nibbles() {
        let key = alloy_primitives::keccak256(b"path");
        for depth in 0..=KEY_NIBBLES {
            let rest = Path::rest(&key, depth);
            let path = Path::known(&rest);
            assert_eq!(rest, Path::encode((depth..KEY_NIBBLES).map(|index| nibble(&key[..], index)), true));
            assert!(path.is_leaf() && path.ends(&key, depth));
            assert_eq!((path.len(), path.common(&key, depth)), (KEY_NIBBLES - depth, KEY_NIBBLES - depth));
            assert!((0..path.len()).all(|index| path.at(index) == nibble(&key[..], depth + index)));
            assert_eq!(Path::decode(&rest), Some(path));
            let prefix = (0..depth).map(|index| nibble(&key[..], index)).collect::<Vec<_>>();
            assert_eq!(path.after(&prefix), Some(Path::rest(&key, 0)));
            assert_eq!(path.after(&[&prefix[..], &[1]].concat()), None);
            for other in (0..depth).step_by(3) {
                assert!(!path.ends(&key, other));
            }
            let mut changed = key;
            if depth < KEY_NIBBLES {
                changed[depth / 2] ^= if depth % 2 == 0 { 0x10 } else { 1 };
                assert!(!path.ends(&changed, depth));
                assert_eq!(path.common(&changed, depth), 0);
            }
        }
    }

    #[test]
    fn hex_prefix_of_the_yellow_paper() {
        let encoded = |nibbles: &[u8], leaf| Path::encode(nibbles.iter().copied(), leaf);
        assert_eq!(encoded(&[1, 2, 3, 4, 5], false), [0x11, 0x23, 0x45]);
        assert_eq!(encoded(&[0, 1, 2, 3, 4, 5], false), [0x00, 0x01, 0x23, 0x45]);
        assert_eq!(encoded(&[0xf, 1, 0xc, 0xb, 8], true), [0x3f, 0x1c, 0xb8]);
        assert_eq!(encoded(&[], true), [0x20]);
    }

    #[test]
    fn refuses_malformed_hex_prefixes() {
        for bytes in [&[][..], &[0x40], &[0x01], &[0x2f, 0x11], &[0; 34]] {
            assert_eq!(Path::decode(bytes), None, "{bytes:?}");
        }
    }
}

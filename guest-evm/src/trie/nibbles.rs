//! Paths in a trie, one nibble a byte.

use alloy_primitives::B256;
use core::ops::Deref;

/// Nibbles in a key.
pub(super) const KEY_NIBBLES: usize = 64;

/// The nibbles of a key, high half of each byte first.
pub(super) fn unpack(key: &B256) -> [u8; KEY_NIBBLES] {
    let mut nibbles = [0; KEY_NIBBLES];
    for (pair, byte) in nibbles.chunks_exact_mut(2).zip(key) {
        pair[0] = byte >> 4;
        pair[1] = byte & 0xf;
    }
    nibbles
}

/// At most [`KEY_NIBBLES`] nibbles.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Path {
    length: u8,
    nibbles: [u8; KEY_NIBBLES],
}

impl Path {
    /// # Panics
    /// If there are more than [`KEY_NIBBLES`].
    pub(super) fn new(path: &[u8]) -> Self {
        let mut nibbles = [0; KEY_NIBBLES];
        nibbles[..path.len()].copy_from_slice(path);
        Self { length: path.len() as u8, nibbles }
    }

    /// Reads the hex-prefix encoding (yellow paper, appendix C): the path and whether it is a leaf's.
    pub(super) fn from_hex_prefix(bytes: &[u8]) -> Option<(Self, bool)> {
        let (first, rest) = bytes.split_first()?;
        let (odd, leaf) = match first >> 4 {
            flags @ 0..=3 => (flags & 1 == 1, flags & 2 == 2),
            _ => return None,
        };
        let length = 2 * rest.len() + usize::from(odd);
        if length > KEY_NIBBLES || (!odd && first & 0xf != 0) {
            return None;
        }
        let mut nibbles = [0; KEY_NIBBLES];
        let mut at = 0;
        if odd {
            nibbles[0] = first & 0xf;
            at = 1;
        }
        for byte in rest {
            nibbles[at] = byte >> 4;
            nibbles[at + 1] = byte & 0xf;
            at += 2;
        }
        Some((Self { length: length as u8, nibbles }, leaf))
    }

    /// The hex-prefix encoding, in the first bytes of the array; how many, is the second answer.
    pub(super) fn to_hex_prefix(&self, leaf: bool) -> ([u8; KEY_NIBBLES / 2 + 1], usize) {
        let mut bytes = [0; KEY_NIBBLES / 2 + 1];
        let flag = if leaf { 0x20 } else { 0 };
        let mut nibbles = &self[..];
        bytes[0] = flag;
        if nibbles.len() % 2 == 1 {
            bytes[0] = flag | 0x10 | nibbles[0];
            nibbles = &nibbles[1..];
        }
        for (byte, pair) in bytes[1..].iter_mut().zip(nibbles.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        (bytes, 1 + nibbles.len() / 2)
    }

    /// How many nibbles at the start are the same.
    pub(super) fn common_prefix(&self, other: &[u8]) -> usize {
        self.iter().zip(other).take_while(|(a, b)| a == b).count()
    }

    /// `prefix`, then this path; none if that is longer than a key.
    pub(super) fn after(&self, prefix: &[u8]) -> Option<Self> {
        let mut joined = Self::new(prefix);
        let length = prefix.len() + self.len();
        joined.nibbles.get_mut(prefix.len()..length)?.copy_from_slice(self);
        joined.length = length as u8;
        Some(joined)
    }
}

impl Deref for Path {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.nibbles[..usize::from(self.length)]
    }
}

impl PartialEq<[u8]> for Path {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl core::fmt::Debug for Path {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.iter().try_for_each(|nibble| write!(f, "{nibble:x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_prefix_round_trips() {
        let key = unpack(&alloy_primitives::keccak256(b"path"));
        for length in 0..=KEY_NIBBLES {
            for leaf in [false, true] {
                let path = Path::new(&key[..length]);
                let (bytes, used) = path.to_hex_prefix(leaf);
                assert_eq!(Path::from_hex_prefix(&bytes[..used]), Some((path, leaf)));
            }
        }
    }

    #[test]
    fn hex_prefix_of_the_yellow_paper() {
        let encoded = |nibbles: &[u8], leaf| {
            let (bytes, used) = Path::new(nibbles).to_hex_prefix(leaf);
            bytes[..used].to_vec()
        };
        assert_eq!(encoded(&[1, 2, 3, 4, 5], false), [0x11, 0x23, 0x45]);
        assert_eq!(encoded(&[0, 1, 2, 3, 4, 5], false), [0x00, 0x01, 0x23, 0x45]);
        assert_eq!(encoded(&[0xf, 1, 0xc, 0xb, 8], true), [0x3f, 0x1c, 0xb8]);
    }

    #[test]
    fn refuses_malformed_hex_prefixes() {
        for bytes in [&[][..], &[0x40], &[0x01], &[0x2f, 0x11], &[0; 34]] {
            assert_eq!(Path::from_hex_prefix(bytes), None, "{bytes:?}");
        }
    }
}

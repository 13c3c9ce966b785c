//! Blooms of logs (yellow paper, section 4.4.1).

use alloc::{vec, vec::Vec};
use alloy_primitives::{Bloom, Log, keccak256};

/// The three bits that an entry sets, as bit numbers in the bloom (0 to 2047).
#[derive(Clone, Copy)]
struct Bits([u16; 3]);

impl Bits {
    /// `M3:2048` of the yellow paper: the low eleven bits of each of the hash's first three pairs of bytes.
    fn new(entry: &[u8]) -> Self {
        let hash = keccak256(entry);
        Self([0, 2, 4].map(|at| u16::from_be_bytes([hash[at], hash[at + 1]]) % 2048))
    }

    #[inline(always)]
    fn set(self, bloom: &mut [u8; 256]) {
        for bit in self.0.map(usize::from) {
            // The lowest bit is in the last byte.
            bloom[255 - bit / 8] |= 1 << (bit % 8);
        }
    }
}

/// Direct-mapped cache of bits on an entry's last byte. It is cheaper than a map, and finds most of the
/// entries that a block's logs have in common.
struct Recent<const N: usize>(Vec<Option<([u8; N], Bits)>>);

impl<const N: usize> Recent<N> {
    fn new() -> Self {
        Self(vec![None; 256])
    }

    fn bits(&mut self, entry: &[u8; N]) -> Bits {
        let recent = &mut self.0[usize::from(entry[N - 1])];
        match recent {
            Some((known, bits)) if known == entry => *bits,
            _ => recent.insert((*entry, Bits::new(entry))).1,
        }
    }
}

/// Blooms of a block's receipts. Most addresses and topics occur in earlier logs, and need not be hashed
/// again.
pub(crate) struct Blooms {
    addresses: Recent<20>,
    topics: Recent<32>,
    all: Bloom,
}

impl Blooms {
    pub(crate) fn new() -> Self {
        Self { addresses: Recent::new(), topics: Recent::new(), all: Bloom::ZERO }
    }

    /// Adds the logs of one receipt to its bloom, in the buffer that is hashed, because a bloom is large.
    pub(crate) fn add(&mut self, logs: &[Log], bloom: &mut [u8; 256]) {
        for log in logs {
            let address = self.addresses.bits(&log.address);
            let topics = log.topics().iter().map(|topic| self.topics.bits(topic));
            for bits in core::iter::once(address).chain(topics) {
                bits.set(bloom);
                bits.set(&mut self.all.0.0);
            }
        }
    }

    /// Returns the bloom of all logs that were added.
    pub(crate) fn all(&self) -> Bloom {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256, Bytes, logs_bloom};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn blooms_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(10);
        let mut blooms = Blooms::new();
        let mut all = Vec::new();
        for _ in 0..300 {
            // Some addresses and topics are repeated, and a topic may be an address.
            let few = |rng: &mut StdRng| rng.random_range(0..40u8);
            let logs = (0..rng.random_range(0..6))
                .map(|_| {
                    let address = Address::with_last_byte(few(&mut rng));
                    let topics =
                        (0..rng.random_range(0..=4)).map(|_| B256::with_last_byte(few(&mut rng))).collect();
                    Log::new(address, topics, Bytes::new()).unwrap()
                })
                .collect::<Vec<_>>();
            let mut bloom = Bloom::ZERO;
            blooms.add(&logs, &mut bloom.0.0);
            assert_eq!(bloom, logs_bloom(&logs));
            all.extend(logs);
            assert_eq!(blooms.all(), logs_bloom(&all));
        }
    }
}

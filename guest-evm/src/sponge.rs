//! Keccak-256 of bytes that come in parts.
//!
//! alloy-primitives has one as well. But its hook for the zkVM's instruction takes whole messages only, and parts are
//! hashed in software.

use alloy_primitives::{B256, Keccak256};

/// Length of a block of the sponge, in bytes.
pub const RATE: usize = 136;

/// Block of a message, aligned to words as the zkVM's instruction needs it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub struct SpongeBlock(pub [u8; RATE]);

/// Sponge of Keccak-256, by the best means of the processor or VM.
pub trait Sponge: Default {
    /// Absorbs a block of the message.
    fn absorb(&mut self, block: &SpongeBlock);

    /// Returns the hash of the message, whose end is the first `length` bytes of the block, fewer than [`RATE`].
    fn finish(self, block: &SpongeBlock, length: usize) -> B256;
}

/// Implementation of [`Sponge`] by alloy-primitives, for hosts.
#[derive(Clone, Debug, Default)]
pub struct PortableSponge(Keccak256);

impl Sponge for PortableSponge {
    fn absorb(&mut self, block: &SpongeBlock) {
        self.0.update(block.0);
    }

    fn finish(mut self, block: &SpongeBlock, length: usize) -> B256 {
        self.0.update(&block.0[..length]);
        self.0.finalize()
    }
}

/// Message that is hashed as it is written.
pub(crate) struct HashedStream<S> {
    sponge: S,
    block: SpongeBlock,
    /// Number of bytes of the block that are written: always fewer than [`RATE`].
    length: usize,
}

impl<S: Sponge> HashedStream<S> {
    pub(crate) fn new() -> Self {
        Self { sponge: S::default(), block: SpongeBlock([0; RATE]), length: 0 }
    }

    /// Appends a byte.
    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.block.0[self.length] = byte;
        self.length += 1;
        if self.length == RATE {
            self.absorb();
        }
    }

    /// Appends bytes.
    pub(crate) fn put(&mut self, mut bytes: &[u8]) {
        loop {
            let room = &mut self.block.0[self.length..];
            let Some((now, later)) = bytes.split_at_checked(room.len()) else {
                room[..bytes.len()].copy_from_slice(bytes);
                self.length += bytes.len();
                return;
            };
            room.copy_from_slice(now);
            self.absorb();
            bytes = later;
        }
    }

    /// Returns the hash of all bytes.
    pub(crate) fn finish(self) -> B256 {
        self.sponge.finish(&self.block, self.length)
    }

    /// Absorbs the block, which is full.
    fn absorb(&mut self) {
        self.sponge.absorb(&self.block);
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use alloy_primitives::keccak256;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn a_stream_has_the_hash_of_its_bytes() {
        let mut rng = StdRng::seed_from_u64(13);
        for length in (0..5 * RATE).chain([10_000, 100_000]) {
            let message = (0..length).map(|_| rng.random()).collect::<Vec<u8>>();
            let mut stream = HashedStream::<PortableSponge>::new();
            let mut rest = &message[..];
            while !rest.is_empty() {
                let most = [1, 40, RATE, 3 * RATE][rng.random_range(0..4)];
                let (now, later) = rest.split_at(rng.random_range(0..=most.min(rest.len())));
                match now {
                    [byte] => stream.byte(*byte),
                    bytes => stream.put(bytes),
                }
                rest = later;
            }
            assert_eq!(stream.finish(), keccak256(&message), "{length} bytes");
        }
    }
}

//! SHA-256 (FIPS 180-4) by the VM's compression function.

use openvm_sha2_guest::zkvm_sha256_impl;

const BLOCK: usize = 64;

/// The initial state (FIPS 180-4, section 5.3.3): the first 32 bits of the fractional parts of the square
/// roots of the first eight primes.
const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// Block, aligned to words so that the instruction reads it without a copy.
#[repr(C, align(4))]
struct Block([u8; BLOCK]);

/// Computes the SHA-256 hash of `input`.
pub fn sha256(input: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let (blocks, tail) = input.as_chunks::<BLOCK>();
    let mut block = Block([0; BLOCK]);
    for chunk in blocks {
        if chunk.as_ptr().addr() % 4 == 0 {
            compress(&mut state, chunk);
        } else {
            block.0 = *chunk;
            compress(&mut state, &block.0);
        }
    }

    // The padding: a one bit, zeros, the message's length in bits.
    block.0 = [0; BLOCK];
    block.0[..tail.len()].copy_from_slice(tail);
    block.0[tail.len()] = 0x80;
    if tail.len() >= BLOCK - 8 {
        compress(&mut state, &block.0);
        block.0 = [0; BLOCK];
    }
    block.0[BLOCK - 8..].copy_from_slice(&(input.len() as u64 * 8).to_be_bytes());
    compress(&mut state, &block.0);

    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

#[expect(unsafe_code, reason = "the instruction takes addresses")]
fn compress(state: &mut [u32; 8], block: &[u8; BLOCK]) {
    // SAFETY: a state of 32 bytes, which may be input and output at once, and a block of 64 bytes. The
    // function copies blocks that are not aligned.
    unsafe {
        zkvm_sha256_impl(state.as_ptr().cast(), block.as_ptr(), state.as_mut_ptr().cast());
    }
}

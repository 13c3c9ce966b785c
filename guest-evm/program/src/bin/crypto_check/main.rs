//! A guest for tests. It runs a list of cryptographic operations through the code of the block guest, and
//! reveals the hash of all outcomes. The host compares it with native libraries.
//!
//! The input has for each case one byte for the operation, the length of the operation's input as a
//! little-endian `u32`, and that input.
#![no_std]
#![no_main]

extern crate alloc;

mod word_by_number;

use alloc::vec::Vec;
use alloy_consensus::crypto::secp256k1::recover_signer_unchecked;
use alloy_primitives::{keccak256, Address, Signature, B256, B512, U256};
use core::hint::black_box;
use openvm::io::{read_vec, reveal_bytes32};
use revm_precompile::{PrecompileSpecId, PrecompileStatus, Precompiles};
use zeno_guest::{keccak::KeccakSponge, word_ops::AcceleratedWords};
use zeno_guest_evm::sponge::{Sponge, SpongeBlock, RATE};

openvm::entry!(main);

fn main() {
    zeno_guest::install();
    let input = read_vec();
    let mut outcomes = Vec::new();
    let mut rest = input.as_slice();
    while let [operation, a, b, c, d, tail @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let (input, tail) = tail.split_at(length);
        let outcome = run(*operation, input);
        outcomes.extend_from_slice(keccak256(outcome).as_slice());
        rest = tail;
    }
    reveal_bytes32(keccak256(outcomes).0);
}

/// Runs one operation, and returns its outcome in bytes.
fn run(operation: u8, input: &[u8]) -> Vec<u8> {
    match operation {
        0 => precompile(PrecompileSpecId::PRAGUE, input),
        1 => precompile(PrecompileSpecId::OSAKA, input),
        2 => verify_signature(input),
        3 => recover(input),
        // The hash of the bytes after the first one. The first byte is the number of further bytes to skip,
        // to test all alignments.
        4 => keccak256(&input[1 + usize::from(input[0])..]).to_vec(),
        5 => word(input),
        6 => memory(input),
        7 => hash_in_parts(input),
        _ => panic!("unknown operation {operation}"),
    }
}

/// Calls the precompile at the address in the first two bytes.
fn precompile(fork: PrecompileSpecId, input: &[u8]) -> Vec<u8> {
    let (address, input) = input.split_at(2);
    let address = Address::left_padding_from(address);
    let precompile = Precompiles::new(fork).get(&address).expect("a precompile of the fork");
    let output = precompile.execute(input, u64::MAX, 0).expect("no precompile fails fatally");
    match output.status {
        PrecompileStatus::Success => {
            let mut bytes = output.gas_used.to_be_bytes().to_vec();
            bytes.extend_from_slice(&output.bytes);
            bytes
        }
        PrecompileStatus::Revert => b"revert".to_vec(),
        PrecompileStatus::Halt(_) => b"halt".to_vec(),
    }
}

/// Applies an operation to two words, and returns both words after it. The input is the operation's number,
/// and two numbers of 32 bytes, big-endian.
fn word(input: &[u8]) -> Vec<u8> {
    let mut a = U256::from_be_slice(&input[1..33]);
    let mut b = U256::from_be_slice(&input[33..]);
    word_by_number::apply::<AcceleratedWords>(input[0], &mut a, &mut b);
    [a.to_be_bytes::<32>(), b.to_be_bytes::<32>()].concat()
}

/// Copies, compares and clears bytes. The input is two offsets below 8, and bytes, which are copied from the
/// one offset to the other.
fn memory(input: &[u8]) -> Vec<u8> {
    let (to, from) = (usize::from(input[0]), usize::from(input[1]));
    let bytes = &input[2..];
    let (mut source, mut target) = (Aligned([0xaa; 400]), Aligned([0xbb; 400]));
    let source = &mut black_box(&mut source.0)[from..from + bytes.len()];
    source.copy_from_slice(black_box(bytes));
    let end = to + bytes.len();
    let target = black_box(&mut target.0);
    target[to..end].copy_from_slice(black_box(source));
    let mut outcome = target.to_vec();
    outcome.push(u8::from(target[to..end] == *source));
    for place in 0..bytes.len() {
        target[to + place] ^= 1;
        let (changed, source) = (&black_box(&*target)[to..end], black_box(&*source));
        outcome.push(u8::from(changed == source) << 2 | changed.cmp(source) as u8 & 3);
        outcome.push(source.cmp(changed) as u8);
        target[to + place] ^= 1;
    }
    black_box(&mut target[to..end]).fill(0);
    outcome.extend_from_slice(target);
    outcome
}

/// Hashes the bytes by blocks of the sponge.
fn hash_in_parts(input: &[u8]) -> Vec<u8> {
    let mut sponge = KeccakSponge::default();
    let mut block = SpongeBlock([0; RATE]);
    let blocks = input.chunks_exact(RATE);
    let end = blocks.remainder();
    for bytes in blocks {
        block.0.copy_from_slice(bytes);
        sponge.absorb(&block);
    }
    block.0[..end.len()].copy_from_slice(end);
    sponge.finish(&block, end.len()).to_vec()
}

/// Bytes at a multiple of eight.
#[repr(align(8))]
struct Aligned([u8; 400]);

/// Verifies a signature. The input is public key, r, s, parity, hash.
fn verify_signature(input: &[u8]) -> Vec<u8> {
    let (key, rest) = input.split_at(64);
    let (signature, hash) = decode_signature(rest);
    [zeno_guest::verify_signature(&B512::from_slice(key), &signature, &hash).into()].to_vec()
}

/// Recovers a signer. The input is r, s, parity, hash.
fn recover(input: &[u8]) -> Vec<u8> {
    let (signature, hash) = decode_signature(input);
    match recover_signer_unchecked(&signature, hash) {
        Ok(address) => address.to_vec(),
        Err(_) => Vec::new(),
    }
}

fn decode_signature(input: &[u8]) -> (Signature, B256) {
    let r = U256::from_be_slice(&input[..32]);
    let s = U256::from_be_slice(&input[32..64]);
    (Signature::new(r, s, input[64] == 1), B256::from_slice(&input[65..97]))
}

//! Keccak-256 for alloy-primitives' `native-keccak` hook: tries, code hashes, transaction hashes and the
//! opcode. Also for messages in parts, which the hook does not take.

use crate::int256::{self, instruction};
use alloy_primitives::B256;
use core::{cell::UnsafeCell, mem::MaybeUninit};
use openvm_keccak256_guest::{
    KECCAKF_FUNCT3, KECCAKF_FUNCT7, KECCAK_RATE, KECCAK_WIDTH_BYTES, OPCODE, XORIN_FUNCT3, XORIN_FUNCT7,
};
use zeno_guest_evm::sponge::{Sponge, SpongeBlock, RATE};

/// Bytes, aligned to words as the instructions need it.
#[repr(C, align(4))]
struct Aligned<const N: usize>([u8; N]);

/// State of the sponge.
type State = [u32; KECCAK_WIDTH_BYTES / 4];

/// Cache entry: a hash that was computed before. `length` is that of its input, in bytes: 32, 64, or 0 for an
/// empty entry.
#[repr(C, align(4))]
struct Known {
    length: usize,
    input: [u32; 16],
    hash: [u32; 8],
}

/// Number of bits of an index into the cache, which an input determines.
const KNOWN_BITS: u32 = 10;

#[repr(transparent)]
struct Cache(UnsafeCell<[Known; 1 << KNOWN_BITS]>);

// SAFETY: the VM has one hart and no interrupts.
#[expect(unsafe_code, reason = "a static that is written")]
unsafe impl Sync for Cache {}

/// Cache of hashes of one and two words, with the last one for each index.
///
/// Contracts compute the slot of a mapping's entry each time they read or write it: the hash of the entry's
/// key and the mapping's slot. Low slots are common to most storage tries. A permutation costs as much as
/// some 1,700 instructions, a lookup some 60.
static CACHE: Cache =
    Cache(UnsafeCell::new([const { Known { length: 0, input: [0; 16], hash: [0; 8] } }; 1 << KNOWN_BITS]));

/// Writes the Keccak-256 hash of `len` bytes at `bytes` to the 32 bytes at `output`.
///
/// # Safety
/// `bytes` must be readable for `len` bytes, `output` writable for 32.
#[no_mangle]
#[expect(unsafe_code, reason = "the hook's signature, and words by address")]
pub unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
    if (len != 32 && len != 64) || bytes.addr() % 4 != 0 {
        // SAFETY: as promised by the caller.
        return unsafe { hash(bytes, len, output) };
    }
    // SAFETY: as promised by the caller, and checked.
    unsafe { find(bytes, len, output) }
}

/// Looks up or computes the hash of 32 or 64 bytes.
///
/// # Safety
/// Same as [`native_keccak256`]. In addition, `bytes` must be a multiple of four, and `len` 32 or 64.
#[inline(never)]
#[expect(unsafe_code, reason = "words by address")]
unsafe fn find(bytes: *const u8, len: usize, output: *mut u8) {
    // SAFETY: all words read are aligned words of the input. The index has `KNOWN_BITS` bits, so it is one of
    // the cache's, and nobody else refers to the entry.
    unsafe {
        let count = len / 4;
        let words = bytes.cast::<u32>();
        // The last bytes of a number are those that differ most.
        let last = *words.add(count - 1) ^ *words.add(count / 2 - 1);
        let mixed = (last ^ (*words.add(count - 2)).rotate_left(7)).wrapping_mul(0x9e37_79b1);
        let place = (mixed >> (32 - KNOWN_BITS)) as usize;
        let known = CACHE.0.get().cast::<Known>().add(place);
        let input = (&raw const (*known).input).cast::<u8>();
        if (*known).length == len && same(input, bytes) && (len == 32 || same(input.add(32), bytes.add(32))) {
            copy_out((&raw const (*known).hash).cast(), output);
        } else {
            remember(known, bytes, len, output);
        }
    }
}

/// Computes a hash that is not in the cache, and stores it there.
///
/// # Safety
/// Same as [`find`], and `known` must be writable.
#[inline(never)]
#[expect(unsafe_code, reason = "words by address")]
unsafe fn remember(known: *mut Known, bytes: *const u8, len: usize, output: *mut u8) {
    // SAFETY: as promised by the caller.
    unsafe {
        let (input, result) = ((&raw mut (*known).input).cast::<u8>(), (&raw mut (*known).hash).cast::<u8>());
        hash(bytes, len, result);
        copy(bytes, input);
        if len == 64 {
            copy(bytes.add(32), input.add(32));
        }
        (*known).length = len;
        copy_out(result, output);
    }
}

/// Copies an aligned hash to any address.
///
/// # Safety
/// `hash` must be readable and `output` writable for 32 bytes, and `hash` a multiple of four.
#[inline(always)]
#[expect(unsafe_code, reason = "bytes by address")]
unsafe fn copy_out(hash: *const u8, output: *mut u8) {
    // SAFETY: as promised by the caller.
    unsafe {
        if output.addr() % 4 == 0 {
            copy(hash, output);
        } else {
            core::ptr::copy_nonoverlapping(hash, output, 32);
        }
    }
}

/// Computes the hash, without the cache.
///
/// # Safety
/// Same as [`native_keccak256`].
#[expect(unsafe_code, reason = "the instructions take addresses")]
unsafe fn hash(mut bytes: *const u8, mut len: usize, output: *mut u8) {
    if (bytes.addr() | output.addr()) % 4 != 0 {
        // SAFETY: as promised by the caller.
        return unsafe { hash_unaligned(bytes, len, output) };
    }
    let mut state = MaybeUninit::<State>::uninit();
    clear(&mut state);
    let sponge = state.as_mut_ptr().cast::<u8>();
    // SAFETY: `sponge` is a state of 200 aligned bytes. `bytes` and `len` move together within the range that
    // the caller promises, by blocks of a multiple of four bytes. The rest is shorter than a block.
    unsafe {
        while len >= KECCAK_RATE {
            xorin(sponge, bytes, KECCAK_RATE);
            keccakf(sponge);
            bytes = bytes.add(KECCAK_RATE);
            len -= KECCAK_RATE;
        }
        finish(sponge, bytes, len);
        copy(sponge, output);
    }
}

/// Computes the hash by copies, if an address is no multiple of four.
///
/// # Safety
/// Same as [`native_keccak256`].
#[inline(never)]
#[expect(unsafe_code, reason = "the instructions take addresses")]
unsafe fn hash_unaligned(mut bytes: *const u8, mut len: usize, output: *mut u8) {
    if output.addr() % 4 != 0 {
        let mut aligned = MaybeUninit::<Aligned<32>>::uninit();
        // SAFETY: as promised by the caller, and the copy has 32 bytes.
        return unsafe {
            hash(bytes, len, aligned.as_mut_ptr().cast());
            core::ptr::copy_nonoverlapping(aligned.as_ptr().cast(), output, 32);
        };
    }
    let mut state = MaybeUninit::<State>::uninit();
    clear(&mut state);
    let sponge = state.as_mut_ptr().cast::<u8>();
    let mut block = MaybeUninit::<Aligned<KECCAK_RATE>>::uninit();
    let aligned = block.as_mut_ptr().cast::<u8>();
    // SAFETY: same as in `hash`. Only a whole block, or the rest, which is shorter, is copied to `block`.
    unsafe {
        while len >= KECCAK_RATE {
            core::ptr::copy_nonoverlapping(bytes, aligned, KECCAK_RATE);
            xorin(sponge, aligned, KECCAK_RATE);
            keccakf(sponge);
            bytes = bytes.add(KECCAK_RATE);
            len -= KECCAK_RATE;
        }
        core::ptr::copy_nonoverlapping(bytes, aligned, len);
        finish(sponge, aligned, len);
        copy(sponge, output);
    }
}

/// Sponge for messages in parts.
#[derive(Clone, Debug)]
pub struct KeccakSponge(State);

const _: () = assert!(RATE == KECCAK_RATE);

impl Default for KeccakSponge {
    fn default() -> Self {
        Self([0; KECCAK_WIDTH_BYTES / 4])
    }
}

impl Sponge for KeccakSponge {
    #[expect(unsafe_code, reason = "the instructions take addresses")]
    fn absorb(&mut self, block: &SpongeBlock) {
        let sponge = self.0.as_mut_ptr().cast::<u8>();
        // SAFETY: a state, and a block of `KECCAK_RATE` bytes. Their types are aligned to four bytes.
        unsafe {
            xorin(sponge, block.0.as_ptr(), KECCAK_RATE);
            keccakf(sponge);
        }
    }

    #[expect(unsafe_code, reason = "the instructions take addresses")]
    fn finish(mut self, block: &SpongeBlock, length: usize) -> B256 {
        assert!(length < KECCAK_RATE, "the end of a message is shorter than a block");
        let sponge = self.0.as_mut_ptr().cast::<u8>();
        // SAFETY: a state, and a block with these bytes. Their types are aligned to four bytes.
        unsafe { finish(sponge, block.0.as_ptr(), length) };
        let mut hash = B256::ZERO;
        for (bytes, word) in hash.0.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        hash
    }
}

/// Adds the end of a message, less than a block, and permutes for the last time.
///
/// # Safety
/// `sponge` must be a state, `bytes` readable for `len` bytes, both multiples of four, and `len` below
/// [`KECCAK_RATE`].
#[inline(always)]
#[expect(unsafe_code, reason = "bytes by address")]
unsafe fn finish(sponge: *mut u8, bytes: *const u8, len: usize) {
    // SAFETY: as promised by the caller.
    unsafe {
        // The instruction takes whole words. Up to three bytes after them are added one by one.
        let words = len & !3;
        if words != 0 {
            xorin(sponge, bytes, words);
        }
        for i in words..len {
            *sponge.add(i) ^= *bytes.add(i);
        }
        // Keccak's padding (not SHA-3's): a one bit after the message, another at the end of the block.
        *sponge.add(len) ^= 0x01;
        *sponge.add(KECCAK_RATE - 1) ^= 0x80;
        keccakf(sponge);
    }
}

// The instructions themselves. The functions of OpenVM's crate first save a dozen registers, for inputs that
// are not aligned.

/// Xors bytes into those of the sponge.
///
/// # Safety
/// `sponge` must be writable and `bytes` readable for `len` bytes, and all three multiples of four. `len`
/// must not be zero, nor larger than [`KECCAK_RATE`].
#[inline(always)]
#[expect(unsafe_code, reason = "an instruction of the VM")]
unsafe fn xorin(sponge: *mut u8, bytes: *const u8, len: usize) {
    // SAFETY: as promised by the caller; the VM writes only the sponge.
    unsafe {
        core::arch::asm!(
            ".insn r {opcode}, {funct3}, {funct7}, {sponge}, {bytes}, {len}",
            opcode = const OPCODE,
            funct3 = const XORIN_FUNCT3,
            funct7 = const XORIN_FUNCT7,
            sponge = in(reg) sponge,
            bytes = in(reg) bytes,
            len = in(reg) len,
            options(nostack, preserves_flags),
        );
    }
}

/// Applies Keccak-f\[1600\].
///
/// # Safety
/// `sponge` must be writable for [`KECCAK_WIDTH_BYTES`], and a multiple of four.
#[inline(always)]
#[expect(unsafe_code, reason = "an instruction of the VM")]
unsafe fn keccakf(sponge: *mut u8) {
    // SAFETY: as promised by the caller; the VM writes only the sponge.
    unsafe {
        core::arch::asm!(
            ".insn r {opcode}, {funct3}, {funct7}, {sponge}, x0, x0",
            opcode = const OPCODE,
            funct3 = const KECCAKF_FUNCT3,
            funct7 = const KECCAKF_FUNCT7,
            sponge = in(reg) sponge,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies 32 bytes, by the bitwise or of the bytes with themselves.
///
/// # Safety
/// `from` must be readable and `to` writable for 32 bytes, and both multiples of four.
#[inline(always)]
#[expect(unsafe_code, reason = "a function that promises what its caller does")]
unsafe fn copy(from: *const u8, to: *mut u8) {
    instruction!(Or, to.cast(), from.cast(), from.cast());
}

/// Returns whether 32 bytes are equal: whether their exclusive or is less than one. The VM also has an
/// instruction that compares, but a chip that no other code uses costs more.
///
/// # Safety
/// Both must be readable for 32 bytes, and multiples of four.
#[inline(always)]
#[expect(unsafe_code, reason = "a word that an instruction wrote")]
unsafe fn same(a: *const u8, b: *const u8) -> bool {
    static ONE: [u32; 8] = [1, 0, 0, 0, 0, 0, 0, 0];
    let mut word = MaybeUninit::<[u32; 8]>::uninit();
    let result = word.as_mut_ptr();
    instruction!(Xor, result.cast(), a.cast(), b.cast());
    instruction!(Sltu, result.cast(), result.cast(), ONE.as_ptr().cast());
    // SAFETY: all of it was written.
    unsafe { word.assume_init()[0] != 0 }
}

/// Clears the state, by the instructions for 256-bit words and two stores.
#[inline(always)]
fn clear(state: &mut MaybeUninit<State>) {
    let words = state.as_mut_ptr().cast::<[u32; 8]>();
    let (whole, rest) = (KECCAK_WIDTH_BYTES / 32, KECCAK_WIDTH_BYTES / 4 % 8);
    for i in 0..whole {
        int256::clear(words.wrapping_add(i).cast());
    }
    #[expect(unsafe_code, reason = "the rest of the state by address")]
    for i in 0..rest {
        // SAFETY: the last words of the state.
        unsafe { words.add(whole).cast::<u32>().add(i).write(0) };
    }
}

//! Keccak-256, behind alloy-primitives' `native-keccak` hook: tries, code hashes, transaction hashes and the opcode.

use crate::words;
use core::mem::MaybeUninit;
use openvm_keccak256_guest::{
    KECCAKF_FUNCT3, KECCAKF_FUNCT7, KECCAK_RATE, KECCAK_WIDTH_BYTES, OPCODE, XORIN_FUNCT3, XORIN_FUNCT7,
};

/// A block, aligned to words as the instructions want it.
#[repr(C, align(4))]
struct Aligned<const N: usize>([u8; N]);

/// The sponge's state.
type State = [u32; KECCAK_WIDTH_BYTES / 4];

/// Writes the Keccak-256 hash of `len` bytes at `bytes` to the 32 bytes at `output`.
///
/// # Safety
/// `bytes` must be readable for `len` bytes, `output` writable for 32.
#[no_mangle]
#[expect(unsafe_code, reason = "the hook's signature, and the instructions take addresses")]
pub unsafe extern "C" fn native_keccak256(mut bytes: *const u8, mut len: usize, output: *mut u8) {
    let mut state = MaybeUninit::<State>::uninit();
    clear(&mut state);
    let sponge = state.as_mut_ptr().cast::<u8>();
    // SAFETY: `sponge` is a state of 200 aligned bytes; `bytes` and `len` move together within what the caller
    // promises, and at most a block is copied into a block.
    unsafe {
        if bytes.addr() % 4 == 0 {
            while len >= KECCAK_RATE {
                xorin(sponge, bytes, KECCAK_RATE);
                keccakf(sponge);
                bytes = bytes.add(KECCAK_RATE);
                len -= KECCAK_RATE;
            }
            // The instruction takes whole words; the up to three bytes behind them are added one by one.
            let words = len & !3;
            if words != 0 {
                xorin(sponge, bytes, words);
            }
            for i in words..len {
                *sponge.add(i) ^= *bytes.add(i);
            }
        } else {
            let mut block = MaybeUninit::<Aligned<KECCAK_RATE>>::uninit();
            let copy = block.as_mut_ptr().cast::<u8>();
            while len >= KECCAK_RATE {
                core::ptr::copy_nonoverlapping(bytes, copy, KECCAK_RATE);
                xorin(sponge, copy, KECCAK_RATE);
                keccakf(sponge);
                bytes = bytes.add(KECCAK_RATE);
                len -= KECCAK_RATE;
            }
            core::ptr::copy_nonoverlapping(bytes, copy, len);
            let words = len & !3;
            if words != 0 {
                xorin(sponge, copy, words);
            }
            for i in words..len {
                *sponge.add(i) ^= *copy.add(i);
            }
        }
        // Keccak's padding (not SHA-3's): a one bit behind the message, another at the block's end.
        *sponge.add(len) ^= 0x01;
        *sponge.add(KECCAK_RATE - 1) ^= 0x80;
        keccakf(sponge);
        if output.addr() % 4 == 0 {
            for i in 0..8 {
                *output.cast::<u32>().add(i) = *sponge.cast::<u32>().add(i);
            }
        } else {
            core::ptr::copy_nonoverlapping(sponge, output, 32);
        }
    }
}

// The instructions themselves: the crate's functions save a dozen registers first, for what is not aligned.

/// Adds bytes to those of the sponge, modulo two.
///
/// # Safety
/// `sponge` must be writable and `bytes` readable for `len` bytes, and all three multiples of four; `len` must not be
/// zero, nor larger than [`KECCAK_RATE`].
#[inline(always)]
#[expect(unsafe_code, reason = "an instruction of the VM")]
unsafe fn xorin(sponge: *mut u8, bytes: *const u8, len: usize) {
    // SAFETY: as promised; the VM writes nothing but the sponge.
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

/// Keccak-f\[1600\].
///
/// # Safety
/// `sponge` must be writable for [`KECCAK_WIDTH_BYTES`], and a multiple of four.
#[inline(always)]
#[expect(unsafe_code, reason = "an instruction of the VM")]
unsafe fn keccakf(sponge: *mut u8) {
    // SAFETY: as promised; the VM writes nothing but the sponge.
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

/// Zeros, by the instructions for 256-bit words and two stores.
#[inline(always)]
fn clear(state: &mut MaybeUninit<State>) {
    let words = state.as_mut_ptr().cast::<[u32; 8]>();
    let (whole, rest) = (KECCAK_WIDTH_BYTES / 32, KECCAK_WIDTH_BYTES / 4 % 8);
    for i in 0..whole {
        words::clear(words.wrapping_add(i).cast());
    }
    #[expect(unsafe_code, reason = "the rest of the state by address")]
    for i in 0..rest {
        // SAFETY: the last words of the state.
        unsafe { words.add(whole).cast::<u32>().add(i).write(0) };
    }
}

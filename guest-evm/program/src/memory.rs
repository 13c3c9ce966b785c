//! Copying and comparing memory.
//!
//! OpenVM links a `memcpy` that moves four bytes at a time, and the compiler's `memcmp` goes byte by byte. Here 32 bytes
//! are moved by one instruction of the VM for 256-bit integers, `x | 0`, and words are compared.

#![expect(unsafe_code, reason = "memory by its addresses")]

use openvm_bigint_guest::{Int256Funct7, INT256_FUNCT3, OPCODE};

// The linker gives every call of `memcpy` to `__wrap_memcpy` (`--wrap=memcpy`). In assembly, because the compiler would
// recognise a loop that copies, and call `memcpy`.
core::arch::global_asm!(
    ".pushsection .text.__wrap_memcpy,\"ax\",@progbits",
    ".globl __wrap_memcpy",
    ".type __wrap_memcpy, @function",
    "__wrap_memcpy:",
    // Both equally far from a multiple of four, and 32 bytes at least behind it?
    "xor a3, a0, a1",
    "andi a3, a3, 3",
    "bnez a3, 4f",
    "neg a7, a0",
    "andi a7, a7, 3",
    "sub a4, a2, a7",
    "addi a4, a4, -32",
    "bltz a4, 4f",
    "mv a5, a0",
    "la a6, {zero}",
    "beqz a7, 1f",
    "7:",
    "lbu a3, 0(a1)",
    "sb a3, 0(a5)",
    "addi a1, a1, 1",
    "addi a5, a5, 1",
    "addi a7, a7, -1",
    "bnez a7, 7b",
    // a4: what is left behind the next 32 bytes.
    "1:",
    ".insn r {opcode}, {funct3}, {funct7}, a5, a1, a6",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    "addi a4, a4, -32",
    "bgez a4, 1b",
    "addi a4, a4, 28",
    "bltz a4, 3f",
    "2:",
    "lw a3, 0(a1)",
    "sw a3, 0(a5)",
    "addi a1, a1, 4",
    "addi a5, a5, 4",
    "addi a4, a4, -4",
    "bgez a4, 2b",
    "3:",
    "addi a4, a4, 4",
    "beqz a4, 5f",
    "6:",
    "lbu a3, 0(a1)",
    "sb a3, 0(a5)",
    "addi a1, a1, 1",
    "addi a5, a5, 1",
    "addi a4, a4, -1",
    "bnez a4, 6b",
    "5:",
    "ret",
    "4:",
    "tail __real_memcpy",
    ".size __wrap_memcpy, . - __wrap_memcpy",
    ".popsection",
    zero = sym ZERO,
    opcode = const OPCODE,
    funct3 = const INT256_FUNCT3,
    funct7 = const Int256Funct7::Or as u8,
);

#[repr(C, align(4))]
struct Word([u8; 32]);

static ZERO: Word = Word([0; 32]);

/// Compares `length` bytes, as the C library's: negative, zero or positive.
///
/// # Safety
/// Both must be readable for `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    let mut done = 0;
    // SAFETY: what is read lies within the two ranges, but for the word that the last bytes of `b` lie in: the VM's
    // memory ends at a multiple of four.
    unsafe {
        if a.addr() % 4 == 0 && length >= 4 {
            let shift = 8 * (b.addr() % 4);
            if shift == 0 {
                while done + 4 <= length && *a.add(done).cast::<u32>() == *b.add(done).cast::<u32>() {
                    done += 4;
                }
            } else {
                let mut next = b.wrapping_sub(b.addr() % 4).cast::<u32>();
                let mut word = next.read_volatile();
                while done + 4 <= length {
                    next = next.add(1);
                    let following = next.read_volatile();
                    if *a.add(done).cast::<u32>() != word >> shift | following << (32 - shift) {
                        break;
                    }
                    word = following;
                    done += 4;
                }
            }
        }
        while done < length {
            let (x, y) = (*a.add(done), *b.add(done));
            if x != y {
                return i32::from(x) - i32::from(y);
            }
            done += 1;
        }
    }
    0
}

/// Whether the bytes differ.
///
/// # Safety
/// As [`memcmp`].
#[no_mangle]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: the same. Comparing is symmetric, and `memcmp` is faster with the aligned one first.
    unsafe {
        if a.addr() % 4 == 0 {
            memcmp(a, b, length)
        } else {
            memcmp(b, a, length)
        }
    }
}

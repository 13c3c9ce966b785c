//! Copying and comparing memory.
//!
//! OpenVM links a `memcpy` that moves four bytes at a time, and the compiler's `memcmp` goes byte by byte. Here 32 bytes
//! are moved by one instruction of the VM for 256-bit integers, `x | x`, cleared by another, `x ^ x`, and words are compared.

#![expect(unsafe_code, reason = "memory by its addresses")]

use openvm_bigint_guest::{Int256Funct7, INT256_FUNCT3, OPCODE};

// The linker gives every call of `memcpy` to `__wrap_memcpy` (`--wrap=memcpy`), and so with `memset`. In assembly, because
// the compiler would recognise a loop that copies, and call `memcpy`.
core::arch::global_asm!(
    ".pushsection .text.__wrap_memcpy,\"ax\",@progbits",
    ".globl __wrap_memcpy",
    ".type __wrap_memcpy, @function",
    "__wrap_memcpy:",
    "or a3, a0, a1",
    "andi a3, a3, 3",
    "mv a5, a0",
    "bnez a3, 6f",
    // From a1 to a5, both at multiples of four. a4: what is left behind the next 32 bytes.
    "1:",
    "addi a4, a2, -32",
    "bltz a4, 3f",
    "2:",
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    "addi a4, a4, -32",
    "bgez a4, 2b",
    "andi a3, a4, 31",
    "beqz a3, 5f",
    // Less than 32 bytes are left: whole words by as many of these pairs, the last ones, from the highest word down.
    "3:",
    "andi a3, a4, 28",
    "slli a6, a3, 1",
    "la a7, 4f",
    "sub a7, a7, a6",
    "jr a7",
    "lw a6, 24(a1)",
    "sw a6, 24(a5)",
    "lw a6, 20(a1)",
    "sw a6, 20(a5)",
    "lw a6, 16(a1)",
    "sw a6, 16(a5)",
    "lw a6, 12(a1)",
    "sw a6, 12(a5)",
    "lw a6, 8(a1)",
    "sw a6, 8(a5)",
    "lw a6, 4(a1)",
    "sw a6, 4(a5)",
    "lw a6, 0(a1)",
    "sw a6, 0(a5)",
    "4:",
    "andi a4, a4, 3",
    "beqz a4, 5f",
    "add a1, a1, a3",
    "add a5, a5, a3",
    "7:",
    "lbu a3, 0(a1)",
    "sb a3, 0(a5)",
    "addi a1, a1, 1",
    "addi a5, a5, 1",
    "addi a4, a4, -1",
    "bnez a4, 7b",
    "5:",
    "ret",
    // More than 32 bytes, and both equally far from a multiple of four?
    "6:",
    "sltiu a3, a2, 33",
    "bnez a3, 10f",
    "xor a3, a0, a1",
    "andi a3, a3, 3",
    "bnez a3, 9f",
    "neg a7, a0",
    "andi a7, a7, 3",
    "sub a2, a2, a7",
    "8:",
    "lbu a3, 0(a1)",
    "sb a3, 0(a5)",
    "addi a1, a1, 1",
    "addi a5, a5, 1",
    "addi a7, a7, -1",
    "bnez a7, 8b",
    "j 1b",
    "9:",
    "tail __real_memcpy",
    // At most 32 bytes, one by one, by as many of these pairs.
    "10:",
    "slli a6, a2, 3",
    "la a7, 11f",
    "sub a7, a7, a6",
    "jr a7",
    "lbu a3, 31(a1)",
    "sb a3, 31(a5)",
    "lbu a3, 30(a1)",
    "sb a3, 30(a5)",
    "lbu a3, 29(a1)",
    "sb a3, 29(a5)",
    "lbu a3, 28(a1)",
    "sb a3, 28(a5)",
    "lbu a3, 27(a1)",
    "sb a3, 27(a5)",
    "lbu a3, 26(a1)",
    "sb a3, 26(a5)",
    "lbu a3, 25(a1)",
    "sb a3, 25(a5)",
    "lbu a3, 24(a1)",
    "sb a3, 24(a5)",
    "lbu a3, 23(a1)",
    "sb a3, 23(a5)",
    "lbu a3, 22(a1)",
    "sb a3, 22(a5)",
    "lbu a3, 21(a1)",
    "sb a3, 21(a5)",
    "lbu a3, 20(a1)",
    "sb a3, 20(a5)",
    "lbu a3, 19(a1)",
    "sb a3, 19(a5)",
    "lbu a3, 18(a1)",
    "sb a3, 18(a5)",
    "lbu a3, 17(a1)",
    "sb a3, 17(a5)",
    "lbu a3, 16(a1)",
    "sb a3, 16(a5)",
    "lbu a3, 15(a1)",
    "sb a3, 15(a5)",
    "lbu a3, 14(a1)",
    "sb a3, 14(a5)",
    "lbu a3, 13(a1)",
    "sb a3, 13(a5)",
    "lbu a3, 12(a1)",
    "sb a3, 12(a5)",
    "lbu a3, 11(a1)",
    "sb a3, 11(a5)",
    "lbu a3, 10(a1)",
    "sb a3, 10(a5)",
    "lbu a3, 9(a1)",
    "sb a3, 9(a5)",
    "lbu a3, 8(a1)",
    "sb a3, 8(a5)",
    "lbu a3, 7(a1)",
    "sb a3, 7(a5)",
    "lbu a3, 6(a1)",
    "sb a3, 6(a5)",
    "lbu a3, 5(a1)",
    "sb a3, 5(a5)",
    "lbu a3, 4(a1)",
    "sb a3, 4(a5)",
    "lbu a3, 3(a1)",
    "sb a3, 3(a5)",
    "lbu a3, 2(a1)",
    "sb a3, 2(a5)",
    "lbu a3, 1(a1)",
    "sb a3, 1(a5)",
    "lbu a3, 0(a1)",
    "sb a3, 0(a5)",
    "11:",
    "ret",
    ".size __wrap_memcpy, . - __wrap_memcpy",
    ".popsection",
    ".pushsection .text.__wrap_memset,\"ax\",@progbits",
    ".globl __wrap_memset",
    ".type __wrap_memset, @function",
    "__wrap_memset:",
    // Zeros from a multiple of four, 32 bytes at least?
    "andi a3, a0, 3",
    "or a3, a3, a1",
    "addi a4, a2, -32",
    "srli a5, a4, 31",
    "or a3, a3, a5",
    "bnez a3, 9f",
    "mv a5, a0",
    "2:",
    ".insn r {opcode}, {funct3}, {xor}, a5, a5, a5",
    "addi a5, a5, 32",
    "addi a4, a4, -32",
    "bgez a4, 2b",
    "addi a4, a4, 28",
    "bltz a4, 4f",
    "3:",
    "sw zero, 0(a5)",
    "addi a5, a5, 4",
    "addi a4, a4, -4",
    "bgez a4, 3b",
    "4:",
    "addi a4, a4, 4",
    "beqz a4, 6f",
    "5:",
    "sb zero, 0(a5)",
    "addi a5, a5, 1",
    "addi a4, a4, -1",
    "bnez a4, 5b",
    "6:",
    "ret",
    "9:",
    "tail __real_memset",
    ".size __wrap_memset, . - __wrap_memset",
    ".popsection",
    opcode = const OPCODE,
    funct3 = const INT256_FUNCT3,
    or = const Int256Funct7::Or as u8,
    xor = const Int256Funct7::Xor as u8,
);

/// Compares `length` bytes, as the C library's: negative, zero or positive.
///
/// # Safety
/// Both must be readable for `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    let mut done = 0;
    // SAFETY: what is read lies within the two ranges, but for the words that the last bytes lie in: the VM's memory ends
    // at a multiple of four.
    unsafe {
        // Words as long as they are the same; which of the two is the aligned one does not matter to that.
        let (x, y) = if a.addr() % 4 == 0 { (a, b) } else { (b, a) };
        if x.addr() % 4 == 0 && length >= 4 {
            let shift = 8 * (y.addr() % 4);
            if shift == 0 {
                while done + 4 <= length && *x.add(done).cast::<u32>() == *y.add(done).cast::<u32>() {
                    done += 4;
                }
            } else {
                let mut next = y.wrapping_sub(y.addr() % 4).cast::<u32>();
                let mut word = next.read_volatile();
                while done + 4 <= length {
                    next = next.add(1);
                    let following = next.read_volatile();
                    if *x.add(done).cast::<u32>() != word >> shift | following << (32 - shift) {
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
    // SAFETY: the same.
    unsafe { memcmp(a, b, length) }
}

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
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    "addi a4, a4, -32",
    "bltz a4, 13f",
    // Four times 32 bytes at once, as long as there are so many. a3: what is left behind the next.
    "addi a3, a4, -96",
    "bltz a3, 2f",
    "12:",
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    "addi a3, a3, -128",
    "bgez a3, 12b",
    "addi a4, a3, 96",
    "bltz a4, 13f",
    "2:",
    ".insn r {opcode}, {funct3}, {or}, a5, a1, a1",
    "addi a5, a5, 32",
    "addi a1, a1, 32",
    "addi a4, a4, -32",
    "bgez a4, 2b",
    "13:",
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
    // At least 32 bytes? Then up to where a5 is a multiple of four, one by one.
    "6:",
    "addi a4, a2, -32",
    "bltz a4, 10f",
    "andi a3, a5, 3",
    "beqz a3, 20f",
    "xor a6, a5, a1",
    "andi a6, a6, 3",
    // A hash to where it is referred to, or the like?
    "beqz a4, 30f",
    "16:",
    "addi a7, a3, -4",
    "add a2, a2, a7",
    "8:",
    "lbu a3, 0(a1)",
    "sb a3, 0(a5)",
    "addi a1, a1, 1",
    "addi a5, a5, 1",
    "addi a7, a7, 1",
    "bnez a7, 8b",
    "beqz a6, 1b",
    "addi a4, a2, -32",
    "bltz a4, 10f",
    // a5 is a multiple of four and a1 is not: 32 bytes are those from the multiple of four before a1 on, shifted down, and
    // those from the next one on, shifted up. What both have is the same.
    "20:",
    "andi a3, a1, 3",
    "sub a1, a1, a3",
    "slli a6, a3, 5",
    "la a7, zeno_shifts",
    "add t0, a7, a6",
    "addi t1, a7, 128",
    "sub t1, t1, a6",
    "addi sp, sp, -32",
    "21:",
    ".insn r {opcode}, {funct3}, {srl}, a5, a1, t0",
    "addi a1, a1, 4",
    ".insn r {opcode}, {funct3}, {sll}, sp, a1, t1",
    ".insn r {opcode}, {funct3}, {or}, a5, a5, sp",
    "addi a5, a5, 32",
    "addi a1, a1, 28",
    "addi a4, a4, -32",
    "bgez a4, 21b",
    "addi sp, sp, 32",
    "add a1, a1, a3",
    "addi a2, a4, 32",
    "j 10f",
    // 32 bytes to a5, which is not a multiple of four.
    "30:",
    "beqz a6, 16b",
    "andi a6, a1, 3",
    "bnez a6, 10f",
    // From one, shifted up and filled with what is there before them. a6: the bits of a word at and behind a5.
    "slli a6, a3, 5",
    "la a7, zeno_shifts",
    "add a7, a7, a6",
    "addi sp, sp, -32",
    ".insn r {opcode}, {funct3}, {sll}, sp, a1, a7",
    "sub a5, a5, a3",
    "slli a3, a3, 3",
    "li a6, -1",
    "sll a6, a6, a3",
    "not a4, a6",
    "lw a7, 0(a5)",
    "and a7, a7, a4",
    "lw a4, 0(sp)",
    "or a4, a4, a7",
    "sw a4, 0(sp)",
    // The last bytes, in the next word.
    "lw a4, 28(a1)",
    "neg a3, a3",
    "srl a4, a4, a3",
    "lw a7, 32(a5)",
    "and a7, a7, a6",
    "or a4, a4, a7",
    "sw a4, 32(a5)",
    ".insn r {opcode}, {funct3}, {or}, a5, sp, sp",
    "addi sp, sp, 32",
    "ret",
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
    // Numbers of bits, as 256-bit integers: those of no byte up to those of three.
    ".pushsection .rodata.zeno_shifts,\"a\",@progbits",
    ".p2align 5",
    "zeno_shifts:",
    ".word 0, 0, 0, 0, 0, 0, 0, 0",
    ".word 8, 0, 0, 0, 0, 0, 0, 0",
    ".word 16, 0, 0, 0, 0, 0, 0, 0",
    ".word 24, 0, 0, 0, 0, 0, 0, 0",
    ".popsection",
    // Whether two times 32 bytes differ: see `memcmp`.
    ".pushsection .text.zeno_differ,\"ax\",@progbits",
    ".globl zeno_differ",
    ".type zeno_differ, @function",
    "zeno_differ:",
    "addi sp, sp, -64",
    "andi a3, a0, 3",
    "beqz a3, 1f",
    "andi a4, a1, 3",
    "bnez a4, 2f",
    "mv a4, a0",
    "mv a0, a1",
    "mv a1, a4",
    "j 3f",
    // a0 is a multiple of four; a1 too?
    "1:",
    "andi a3, a1, 3",
    "bnez a3, 3f",
    ".insn r {opcode}, {funct3}, {xor}, sp, a0, a1",
    "j 4f",
    "3:",
    "sub a1, a1, a3",
    "slli a4, a3, 5",
    "la a5, zeno_shifts",
    "add a6, a5, a4",
    "addi a7, a5, 128",
    "sub a7, a7, a4",
    ".insn r {opcode}, {funct3}, {srl}, sp, a1, a6",
    "addi a1, a1, 4",
    "addi a4, sp, 32",
    ".insn r {opcode}, {funct3}, {sll}, a4, a1, a7",
    ".insn r {opcode}, {funct3}, {or}, sp, sp, a4",
    ".insn r {opcode}, {funct3}, {xor}, sp, sp, a0",
    "4:",
    "la a5, zeno_one",
    ".insn r {opcode}, {funct3}, {sltu}, sp, sp, a5",
    "lw a0, 0(sp)",
    "xori a0, a0, 1",
    "addi sp, sp, 64",
    "ret",
    // Neither is.
    "2:",
    "addi a2, a0, 32",
    "5:",
    "lbu a3, 0(a0)",
    "lbu a4, 0(a1)",
    "bne a3, a4, 6f",
    "addi a0, a0, 1",
    "addi a1, a1, 1",
    "bne a0, a2, 5b",
    "6:",
    "sub a0, a3, a4",
    "addi sp, sp, 64",
    "ret",
    ".size zeno_differ, . - zeno_differ",
    ".popsection",
    ".pushsection .rodata.zeno_one,\"a\",@progbits",
    ".p2align 5",
    "zeno_one:",
    ".word 1, 0, 0, 0, 0, 0, 0, 0",
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
    sll = const Int256Funct7::Sll as u8,
    srl = const Int256Funct7::Srl as u8,
    sltu = const Int256Funct7::Sltu as u8,
);

unsafe extern "C" {
    /// Whether 32 bytes differ: not zero if so.
    fn zeno_differ(a: *const u8, b: *const u8) -> i32;
}

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
        // Most are hashes, and the same.
        if length == 32 && zeno_differ(a, b) == 0 {
            return 0;
        }
        // Words as long as they are the same, from where one of the two is aligned; which, does not matter to that.
        let (x, y) = if b.addr() % 4 == 0 { (b, a) } else { (a, b) };
        while x.add(done).addr() % 4 != 0 && done < length {
            let (x, y) = (*a.add(done), *b.add(done));
            if x != y {
                return i32::from(x) - i32::from(y);
            }
            done += 1;
        }
        if length - done >= 4 {
            let offset = y.add(done).addr() % 4;
            let shift = 8 * offset;
            if shift == 0 {
                while done + 4 <= length && *x.add(done).cast::<u32>() == *y.add(done).cast::<u32>() {
                    done += 4;
                }
            } else {
                let mut next = y.add(done).wrapping_sub(offset).cast::<u32>();
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

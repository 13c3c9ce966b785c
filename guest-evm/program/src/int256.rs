//! The VM's instructions for 256-bit integers, by the addresses of their operands.

use alloy_primitives::U256;

/// One instruction: `result = a · b`. All three are addresses of words, and any of them may be the same.
macro_rules! instruction {
    ($operation:ident, $result:expr, $a:expr, $b:expr) => {{
        let result: *mut alloy_primitives::U256 = $result;
        let (a, b): (*const alloy_primitives::U256, *const alloy_primitives::U256) = ($a, $b);
        // SAFETY: all are addresses of words, by their types; the VM writes only the result.
        #[expect(unsafe_code, reason = "an instruction of the VM")]
        unsafe {
            core::arch::asm!(
                ".insn r {opcode}, {funct3}, {funct7}, {result}, {a}, {b}",
                opcode = const openvm_bigint_guest::OPCODE,
                funct3 = const openvm_bigint_guest::INT256_FUNCT3,
                funct7 = const openvm_bigint_guest::Int256Funct7::$operation as u8,
                result = in(reg) result,
                a = in(reg) a,
                b = in(reg) b,
                options(nostack, preserves_flags),
            );
        }
    }};
}

pub(crate) use instruction;

/// Writes a word of zeros.
#[inline(always)]
pub(crate) fn clear(word: *mut U256) {
    instruction!(Xor, word, word, word);
}

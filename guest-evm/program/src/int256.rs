//! The VM's instructions for 256-bit integers, by the addresses of their operands.

use alloy_primitives::U256;

/// One instruction: `result = a · b`. All three are addresses of words, and any of them may be the same.
#[cfg(target_os = "zkvm")]
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

/// The same instruction in portable code. The tests of `division` run on hosts by it, on far more numbers than
/// a test in the VM could. The addresses are multiples of four, as in the VM.
#[cfg(not(target_os = "zkvm"))]
macro_rules! instruction {
    ($operation:ident, $result:expr, $a:expr, $b:expr) => {{
        let result: *mut alloy_primitives::U256 = $result;
        let (a, b): (*const alloy_primitives::U256, *const alloy_primitives::U256) = ($a, $b);
        // SAFETY: all are addresses of words, by their types.
        #[expect(unsafe_code, reason = "words by address")]
        unsafe {
            let (a, b) = (a.read_unaligned(), b.read_unaligned());
            result.write_unaligned(crate::int256::Operation::$operation.apply(a, b));
        }
    }};
}

pub(crate) use instruction;

/// Operations of [`instruction`] that the tests on hosts need.
#[cfg(not(target_os = "zkvm"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Add,
    Sub,
    Xor,
    Or,
    And,
    Srl,
    Sltu,
    Mul,
}

#[cfg(not(target_os = "zkvm"))]
impl Operation {
    /// Result of the operation.
    pub(crate) fn apply(self, a: U256, b: U256) -> U256 {
        match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Xor => a ^ b,
            Self::Or => a | b,
            Self::And => a & b,
            Self::Srl => a >> usize::from(b.byte(0)),
            Self::Sltu => U256::from(a < b),
            Self::Mul => a.wrapping_mul(b),
        }
    }
}

/// Writes a word of zeros.
#[inline(always)]
pub(crate) fn clear(word: *mut U256) {
    instruction!(Xor, word, word, word);
}

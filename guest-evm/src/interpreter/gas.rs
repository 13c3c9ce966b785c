//! Gas of the instructions that run in the loop, and static gas of all others.

use super::is_known;
use revm::{
    interpreter::{GasTable, instructions::gas_table_spec},
    primitives::hardfork::SpecId,
};

/// Static gas of revm's instructions in some forks. It is a parameter of the loop, so that the table has a
/// constant address.
pub(super) trait StaticGas: 'static {
    /// Gas by opcode.
    const TABLE: &'static GasTable;
}

/// Static gas from the merge to Osaka.
pub(super) struct UntilOsaka;

/// Static gas since Amsterdam, where `EXTCODESIZE` and `EXTCODECOPY` cost more (EIP-8038).
pub(super) struct SinceAmsterdam;

static UNTIL_OSAKA: GasTable = gas_table_spec(SpecId::OSAKA);
static SINCE_AMSTERDAM: GasTable = gas_table_spec(SpecId::AMSTERDAM);

impl StaticGas for UntilOsaka {
    const TABLE: &'static GasTable = &UNTIL_OSAKA;
}

impl StaticGas for SinceAmsterdam {
    const TABLE: &'static GasTable = &SINCE_AMSTERDAM;
}

// The loop takes the gas of its own instructions, which must be the same in all forks.
const _: () = {
    let mut opcode = 0;
    while opcode < 256 {
        let (before, since) = (UntilOsaka::TABLE[opcode], SinceAmsterdam::TABLE[opcode]);
        assert!(!is_known(opcode as u8) || before == since);
        opcode += 1;
    }
};

/// Gas of instructions (yellow paper, appendix G), the same in all forks.
pub(super) const JUMPDEST: i32 = 1;
pub(super) const BASE: i32 = 2;
pub(super) const VERY_LOW: i32 = 3;
pub(super) const LOW: i32 = 5;
pub(super) const MID: i32 = 8;
pub(super) const HIGH: i32 = 10;
pub(super) const EXP: i32 = 10;
pub(super) const EXP_BYTE: i32 = 50;
pub(super) const KECCAK256: i32 = 30;
pub(super) const KECCAK256_WORD: i32 = 6;
/// Gas of a word that is copied.
pub(super) const COPY_WORD: i32 = 3;
/// Gas of a word of memory, and the divisor of the square of the number of words (yellow paper, appendix G).
pub(super) const MEMORY: u32 = 3;
pub(super) const MEMORY_DIVISOR: u32 = 512;

//! The proof and the key that `zeno-verifier`'s tests read, in `verifier-contract/tests/recorded`. They are made again
//! when `config/vm.toml` or the version of the proof system changes.
//!
//! The proven program is not Zeno's guest, so that the record stays when the guest changes. It reads 32 bytes and
//! reveals them. It is assembled here, so that it needs no compiler for the VM.

use std::{fs, path::Path};

use alloy_primitives::B256;
use zeno_prover::{Guest, Prover, default_cache_folder};
use zeno_verifier::ChainClaim;

use crate::Error;

/// Address of the first instruction of OpenVM's programs (`openvm-platform`'s `TEXT_START`).
const TEXT_START: u32 = 0x0020_0800;
/// Address of the program's input: one word of length, and the bytes.
const BUFFER: u32 = 0x0030_0000;

const ZERO: u32 = 0;
const T0: u32 = 5;
const T1: u32 = 6;

/// Opcode of OpenVM's instructions: RISC-V's custom-0. The field `funct3` chooses among them.
const CUSTOM: u32 = 0x0b;
const TERMINATE: u32 = 0;
const HINT: u32 = 1;
const REVEAL: u32 = 2;
const PHANTOM: u32 = 3;

/// Encodes an instruction of RISC-V's I format.
fn i(opcode: u32, funct3: u32, rd: u32, rs1: u32, immediate: u32) -> u32 {
    immediate << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// Assembles the program.
fn program() -> Vec<u32> {
    let mut code = vec![
        i(CUSTOM, PHANTOM, ZERO, ZERO, 0), // the next input, with its length before it
        BUFFER | T0 << 7 | 0x37,           // lui t0, BUFFER
        i(CUSTOM, HINT, T0, ZERO, 0),      // its length, to [t0]
        i(0x13, 0, T1, ZERO, 8),           // addi t1, zero, 8
        i(CUSTOM, HINT, T0, T1, 1),        // t1 words of it, to [t0]
    ];
    for offset in (0..32).step_by(4) {
        code.push(i(0x03, 2, T1, T0, offset)); // lw t1, offset(t0)
        code.push(i(CUSTOM, REVEAL, ZERO, T1, offset));
    }
    code.push(i(CUSTOM, TERMINATE, ZERO, ZERO, 0));
    code
}

/// Wraps the program in an executable ELF file of one segment.
fn elf(code: &[u32]) -> Vec<u8> {
    const HEADERS: u32 = 52 + 32;
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    let halves = |file: &mut Vec<u8>, values: &[u16]| {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    let words = |file: &mut Vec<u8>, values: &[u32]| {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    halves(&mut file, &[2, 243]); // an executable, for RISC-V
    words(&mut file, &[1, TEXT_START, 52, 0, 0]); // version, entry, program headers, sections, flags
    halves(&mut file, &[52, 32, 1, 40, 0, 0]); // sizes and counts of the headers
    let bytes = 4 * code.len() as u32;
    words(&mut file, &[1, HEADERS, TEXT_START, TEXT_START, bytes, bytes, 5, 4]); // loaded, read and executed
    words(&mut file, code);
    file
}

/// Proves the program's run on a claim's digest, and writes the key and the proof.
pub(crate) fn run() -> Result<(), Error> {
    let claim = ChainClaim {
        chain_id: 1,
        chain_spec: B256::repeat_byte(1),
        first_parent_hash: B256::repeat_byte(2),
        last_block_hash: B256::repeat_byte(3),
        last_block_number: 4,
        last_state_root: B256::repeat_byte(5),
        last_receipts_root: B256::repeat_byte(6),
        last_timestamp: 7,
        block_count: 1,
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verifier-contract/tests/recorded");
    let prover =
        Prover::new(Guest::from_elf(&elf(&program()))?, default_cache_folder().ok_or("HOME is not set")?);
    let key = prover.verifying_key()?.encode()?;
    let proved = prover.prove(claim.digest().as_slice(), &claim)?;
    fs::write(folder.join("small.key"), &key)?;
    proved.file.write(folder.join("small.proof"))?;
    proved.finish();
    println!("wrote a key of {} bytes and a proof of {}", key.len(), proved.file.proof.len());
    Ok(())
}

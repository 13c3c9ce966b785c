//! [`follow`](super::control::follow) for the zkVM, by tail calls.
//!
//! Each instruction of the EVM is a function that ends in a jump to the function of the next instruction. All
//! of them keep a run's state in the same registers. So the dispatch of an instruction takes six of the VM's.
//! A loop over one large `match` takes twice that number, and moves registers around.
//!
//! The compiler guarantees these jumps only by a feature that isn't stable yet (`explicit_tail_calls`), like
//! the flags of the guest's build. Without it, every instruction would leave a frame on the call stack.

use super::frame::{Ended, Exit, FastLoop, Frame};
use crate::word::WordOps;
use alloy_primitives::U256;
use core::marker::PhantomData;
use revm::bytecode::opcode;

/// Function of an instruction. Its parameters are the parts of a [`FastLoop`]; `next` is one past the
/// instruction's own byte.
type Function = unsafe fn(
    next: *const u8,
    top: *mut U256,
    gas: i32,
    words: *mut U256,
    limit: *mut U256,
    table: *const Entry,
    frame: &mut Frame<'_>,
);

#[derive(Clone, Copy)]
struct Entry(Function);

/// Functions of all instructions, and then those of instructions that come after a `PUSH1`, which execute it
/// too.
struct Table<W>(PhantomData<W>);

macro_rules! entries {
    ($($opcode:literal)*) => {
        [[$(Entry(instruction::<W, $opcode>)),*], [$(Entry(behind_push::<W, $opcode>)),*]]
    };
}

impl<W: WordOps> Table<W> {
    const ENTRIES: [[Entry; 256]; 2] = entries! {
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
        16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
        48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79
        80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
        96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111
        112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127
        128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143
        144 145 146 147 148 149 150 151 152 153 154 155 156 157 158 159
        160 161 162 163 164 165 166 167 168 169 170 171 172 173 174 175
        176 177 178 179 180 181 182 183 184 185 186 187 188 189 190 191
        192 193 194 195 196 197 198 199 200 201 202 203 204 205 206 207
        208 209 210 211 212 213 214 215 216 217 218 219 220 221 222 223
        224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239
        240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255
    };
}

/// Continues with the next instruction, or ends the run. `$next` is one past the byte of the instruction that
/// was executed.
macro_rules! go_on {
    ($result:expr, $run:ident, $next:ident, $table:ident) => {{
        match $result {
            Ok(()) => {
                let FastLoop { next, top, gas, words, limit, frame } = $run;
                // SAFETY: an instruction of the code, and the table has an entry for every byte.
                unsafe {
                    let Entry(function) = *$table.add(usize::from(*next));
                    become function(next.add(1), top, gas, words, limit, $table, frame)
                }
            }
            Err(end) => stop($next.wrapping_sub(1), $run.top, $run.gas, $run.frame, end),
        }
    }};
}

/// Continues with the instruction after a `PUSH1`, if there is room for its word. `$next` is one past the
/// `PUSH1`'s own byte.
macro_rules! push {
    ($run:ident, $next:ident, $table:ident) => {{
        match $run.room() {
            Ok(()) => {
                let FastLoop { top, gas, words, limit, frame, .. } = $run;
                // SAFETY: the byte of the `PUSH1`, and the instruction after it.
                unsafe {
                    let Entry(function) = *$table.add(256 + usize::from(*$next.add(1)));
                    become function($next.add(2), top, gas, words, limit, $table, frame)
                }
            }
            Err(end) => stop($next.wrapping_sub(1), $run.top, $run.gas, $run.frame, end),
        }
    }};
}

/// Executes one instruction of the EVM, and all that come after it.
#[expect(unsafe_code, reason = "the code by address, and a function that promises what its caller does")]
unsafe fn instruction<W: WordOps, const OPCODE: u8>(
    next: *const u8,
    top: *mut U256,
    gas: i32,
    words: *mut U256,
    limit: *mut U256,
    table: *const Entry,
    frame: &mut Frame<'_>,
) {
    let mut run = FastLoop { next, top, gas, words, limit, frame };
    if OPCODE == opcode::PUSH1 {
        push!(run, next, table)
    } else {
        go_on!(run.step::<W>(OPCODE), run, next, table)
    }
}

/// Executes a `PUSH1`, for which there is room, the instruction after it, and all that come after that.
#[expect(unsafe_code, reason = "the code by address, and a function that promises what its caller does")]
unsafe fn behind_push<W: WordOps, const OPCODE: u8>(
    next: *const u8,
    top: *mut U256,
    gas: i32,
    words: *mut U256,
    limit: *mut U256,
    table: *const Entry,
    frame: &mut Frame<'_>,
) {
    let mut run = FastLoop { next, top, gas, words, limit, frame };
    match OPCODE {
        opcode::PUSH1 => {
            run.push_byte::<W>();
            push!(run, next, table)
        }
        // Large instructions, and those that rarely come after a `PUSH1`, are not compiled a second time.
        opcode::DIV..=opcode::SIGNEXTEND
        | opcode::CLZ
        | opcode::KECCAK256
        | opcode::ORIGIN
        | opcode::CALLDATACOPY..=opcode::GASPRICE
        | opcode::RETURNDATACOPY
        | opcode::COINBASE..=opcode::SLOTNUM
        | opcode::MCOPY
        | opcode::DUPN..=opcode::EXCHANGE => {
            run.push_byte::<W>();
            let FastLoop { top, gas, words, limit, frame, .. } = run;
            // SAFETY: the instruction after the `PUSH1`.
            unsafe { become instruction::<W, OPCODE>(next, top, gas, words, limit, table, frame) }
        }
        _ => go_on!(run.fused_push::<W>(OPCODE), run, next, table),
    }
}

#[cold]
#[inline(never)]
fn stop(at: *const u8, top: *mut U256, gas: i32, frame: &mut Frame<'_>, end: Exit) {
    frame.ended = Some(Ended { at, top, gas, end });
}

/// Runs instructions until one ends the run.
#[inline(always)]
#[expect(unsafe_code, reason = "the code by address")]
pub(super) fn follow<W: WordOps>(run: FastLoop<'_, '_>) {
    let FastLoop { next, top, gas, words, limit, frame } = run;
    let table = const { &Table::<W>::ENTRIES }.as_flattened().as_ptr();
    // SAFETY: an instruction of the code, and the parts of a run.
    unsafe {
        let Entry(function) = *table.add(usize::from(*next));
        function(next.add(1), top, gas, words, limit, table, frame);
    }
}

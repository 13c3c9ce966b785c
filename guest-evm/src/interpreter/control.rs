//! Jumps, and the choice of each instruction's function.

use super::{
    frame::{Ended, Exit, FastLoop, Frame},
    gas::{BASE, HIGH, JUMPDEST, LOW, MID, VERY_LOW},
};
use crate::{bytecode, word::WordOps};
use alloy_primitives::U256;
use revm::{bytecode::opcode, primitives::hardfork::SpecId};

impl Frame<'_> {
    /// Performs a jump that ended a run because the table lacks its target, if that is a destination by the code's
    /// checkpoints. Returns the state in which the run continues.
    #[cold]
    #[inline(never)]
    pub(super) fn jump(&self, ended: Ended) -> Option<(*const u8, *mut U256, i32)> {
        let Exit::Jump { target, gas, words } = ended.end else { return None };
        let target = target as usize;
        if !bytecode::is_destination(&self.interpreter.bytecode, target) {
            return None;
        }
        // As by `FastLoop::jump`, which has found that the run has this gas and the stack these words.
        let next = self.code.wrapping_add(target).wrapping_add(1);
        let top = ended.top.wrapping_sub(usize::from(words));
        Some((next, top, ended.gas.wrapping_sub(i32::from(gas).wrapping_add(JUMPDEST))))
    }
}

impl FastLoop<'_, '_> {
    /// Jumps to the instruction after the `JUMPDEST` at this offset, and pops `words` words. It takes `gas` and
    /// the gas of the `JUMPDEST`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the code by address")]
    pub(super) fn jump(&mut self, offset: u32, gas: i32, words: usize) -> Result<(), Exit> {
        let target = offset as usize;
        let left = self.gas.wrapping_sub(gas.wrapping_add(JUMPDEST));
        if left < 0 {
            return Err(Exit::Gas);
        }
        // SAFETY: there is a bit for each of these positions.
        if target >= self.frame.positions
            || unsafe { *self.frame.destinations.add(target / 8) } >> (target % 8) & 1 == 0
        {
            return Err(Exit::Jump { target: offset, gas: gas as u8, words: words as u8 });
        }
        self.gas = left;
        self.pop(words);
        // SAFETY: the destination lies within the code.
        self.next = unsafe { self.frame.code.add(target).add(1) };
        Ok(())
    }

    /// Executes one instruction of [`is_known`](super::is_known)'s, which has been read. If it ends the run
    /// for a reason other than failure, only `next` has changed.
    #[inline(always)]
    #[expect(unsafe_code, reason = "words by address")]
    pub(super) fn step<W: WordOps>(&mut self, opcode: u8) -> Result<(), Exit> {
        match opcode {
            opcode::ADD => self.two(VERY_LOW, W::add),
            opcode::MUL => self.two(LOW, W::mul),
            opcode::SUB => self.two(VERY_LOW, W::sub),
            opcode::DIV => self.two(LOW, W::div),
            opcode::SDIV => self.two(LOW, W::sdiv),
            opcode::MOD => self.two(LOW, W::rem),
            opcode::SMOD => self.two(LOW, W::srem),
            opcode::ADDMOD => self.three(MID, W::add_mod),
            opcode::MULMOD => self.three(MID, W::mul_mod),
            opcode::EXP => self.exp::<W>(),
            opcode::SIGNEXTEND => self.sign_extend::<W>(),
            opcode::LT => self.two(VERY_LOW, W::lt),
            opcode::GT => self.two(VERY_LOW, W::gt),
            opcode::SLT => self.two(VERY_LOW, W::slt),
            opcode::SGT => self.two(VERY_LOW, W::sgt),
            opcode::EQ => self.two(VERY_LOW, W::eq),
            opcode::ISZERO => self.is_zero::<W>(),
            opcode::AND => self.two(VERY_LOW, W::and),
            opcode::OR => self.two(VERY_LOW, W::or),
            opcode::XOR => self.two(VERY_LOW, W::xor),
            opcode::NOT => self.one(VERY_LOW, W::not),
            opcode::BYTE => self.byte::<W>(),
            opcode::SHL => self.shift::<W>(W::shl, |_| U256::ZERO),
            opcode::SHR => self.shift::<W>(W::shr, |_| U256::ZERO),
            opcode::SAR => self.shift::<W>(W::sar, |word| if word.bit(255) { U256::MAX } else { U256::ZERO }),
            opcode::POP => {
                self.need(1)?;
                self.spend(BASE);
                self.pop(1);
                Ok(())
            }
            opcode::JUMP => {
                self.need(1)?;
                // SAFETY: a word of the stack.
                let target = W::small(unsafe { &*self.word(0) }, &mut self.frame.scratch);
                self.jump(target, MID, 1)
            }
            opcode::JUMPI => {
                self.need(2)?;
                // SAFETY: words of the stack, and nothing of it is written while they are in use.
                let (target, condition) = unsafe { (&*self.word(0), &*self.word(1)) };
                if W::is_zero_word(condition, &mut self.frame.scratch) {
                    self.spend(HIGH);
                    self.pop(2);
                    return Ok(());
                }
                let target = W::small(target, &mut self.frame.scratch);
                self.jump(target, HIGH, 2)
            }
            opcode::JUMPDEST => {
                self.spend(JUMPDEST);
                Ok(())
            }
            // EIP-3855.
            opcode::PUSH0 => {
                self.since(SpecId::SHANGHAI)?;
                W::bytes(&[], self.push(BASE)?);
                Ok(())
            }
            opcode::PUSH1 => self.immediate::<W, 1>(),
            opcode::PUSH2 => self.push_2::<W>(),
            opcode::PUSH3 => self.immediate::<W, 3>(),
            opcode::PUSH4 => self.immediate::<W, 4>(),
            opcode::PUSH5 => self.immediate::<W, 5>(),
            opcode::PUSH6 => self.immediate::<W, 6>(),
            opcode::PUSH7 => self.immediate::<W, 7>(),
            opcode::PUSH8 => self.immediate::<W, 8>(),
            opcode::PUSH9 => self.immediate::<W, 9>(),
            opcode::PUSH10 => self.immediate::<W, 10>(),
            opcode::PUSH11 => self.immediate::<W, 11>(),
            opcode::PUSH12 => self.immediate::<W, 12>(),
            opcode::PUSH13 => self.immediate::<W, 13>(),
            opcode::PUSH14 => self.immediate::<W, 14>(),
            opcode::PUSH15 => self.immediate::<W, 15>(),
            opcode::PUSH16 => self.immediate::<W, 16>(),
            opcode::PUSH17 => self.immediate::<W, 17>(),
            opcode::PUSH18 => self.immediate::<W, 18>(),
            opcode::PUSH19 => self.immediate::<W, 19>(),
            opcode::PUSH20 => self.immediate::<W, 20>(),
            opcode::PUSH21 => self.immediate::<W, 21>(),
            opcode::PUSH22 => self.immediate::<W, 22>(),
            opcode::PUSH23 => self.immediate::<W, 23>(),
            opcode::PUSH24 => self.immediate::<W, 24>(),
            opcode::PUSH25 => self.immediate::<W, 25>(),
            opcode::PUSH26 => self.immediate::<W, 26>(),
            opcode::PUSH27 => self.immediate::<W, 27>(),
            opcode::PUSH28 => self.immediate::<W, 28>(),
            opcode::PUSH29 => self.immediate::<W, 29>(),
            opcode::PUSH30 => self.immediate::<W, 30>(),
            opcode::PUSH31 => self.immediate::<W, 31>(),
            opcode::PUSH32 => self.immediate::<W, 32>(),
            opcode::CLZ => self.leading_zeros(),
            opcode::KECCAK256 => self.hash::<W>(),
            opcode::ADDRESS => {
                let address = self.frame.interpreter.input.target_address;
                W::bytes(&address.0, self.push(BASE)?);
                Ok(())
            }
            opcode::CALLER => {
                let address = self.frame.interpreter.input.caller_address;
                W::bytes(&address.0, self.push(BASE)?);
                Ok(())
            }
            opcode::CALLVALUE => {
                let value = self.frame.interpreter.input.call_value;
                W::copy(&value, self.push(BASE)?);
                Ok(())
            }
            opcode::CALLDATALOAD => self.call_data::<W>(),
            opcode::ORIGIN
            | opcode::GASPRICE
            | opcode::COINBASE..=opcode::CHAINID
            | opcode::BASEFEE
            | opcode::BLOBBASEFEE..=opcode::SLOTNUM => self.known::<W>(opcode, BASE),
            opcode::SELFBALANCE => self.known::<W>(opcode, LOW),
            opcode::BLOBHASH => self.blob_hash::<W>(),
            opcode::CODESIZE => self.number::<W>(self.frame.interpreter.bytecode.len()),
            opcode::PC => self.position::<W>(),
            opcode::MSIZE => self.number::<W>(self.frame.length),
            opcode::CALLDATACOPY | opcode::CODECOPY | opcode::RETURNDATACOPY | opcode::MCOPY => {
                self.copy::<W>(opcode)
            }
            opcode::CALLDATASIZE => self.number::<W>(self.frame.interpreter.input.input.len()),
            opcode::RETURNDATASIZE => self.number::<W>(self.frame.interpreter.return_data.0.len()),
            // The gas that the run has spent is not yet taken from the frame's.
            opcode::GAS => {
                let left = self.gas.wrapping_sub(BASE);
                if left < 0 {
                    return Err(Exit::Gas);
                }
                // Both are gas of this run, and it never has more than it began with.
                let spent = self.frame.budget.wrapping_sub(left);
                let all = self.frame.interpreter.gas.remaining() - u64::from(spent.cast_unsigned());
                W::bytes(&all.to_be_bytes(), self.push(BASE)?);
                Ok(())
            }
            opcode::MLOAD => self.load::<W>(),
            opcode::MSTORE => self.store::<W>(),
            opcode::MSTORE8 => self.store_byte::<W>(),
            opcode::DUP1..=opcode::DUP16 => self.dup::<W>(usize::from(opcode - opcode::DUP1)),
            opcode::SWAP1..=opcode::SWAP16 => self.swap::<W>(usize::from(opcode - opcode::SWAP1) + 1),
            opcode::DUPN => self.dup_n::<W>(),
            opcode::SWAPN => self.swap_n::<W>(),
            opcode::EXCHANGE => self.exchange::<W>(),
            _ => Err(Exit::Other),
        }
    }
}

/// Runs instructions in a loop until one ends the run.
#[cfg(not(target_os = "zkvm"))]
#[expect(unsafe_code, reason = "the code by address")]
pub(super) fn follow<W: WordOps>(run: FastLoop<'_, '_>) {
    let mut run = run;
    loop {
        let mut at = run.next;
        // SAFETY: an instruction of the code, and the one after a `PUSH1`.
        let (opcode, behind) = unsafe { (*at, at.wrapping_add(2)) };
        let result = if opcode == opcode::PUSH1 && run.room().is_ok() {
            at = behind;
            run.next = at.wrapping_add(1);
            run.fused_push::<W>(unsafe { *behind })
        } else {
            run.next = at.wrapping_add(1);
            run.step::<W>(opcode)
        };
        if let Err(end) = result {
            run.frame.ended = Some(Ended { at, top: run.top, gas: run.gas, end });
            return;
        }
    }
}

//! Instructions that touch neither the state nor other contracts.

use super::{
    Case, Group, Subject,
    assembler::{Code, increment},
    scene::{Account, CALLEE, NUMBER, Plan, Scene},
};
use alloy_primitives::{Bytes, U256, keccak256};
use revm::bytecode::opcode as op;
use zeno_guest_evm::chain::Fork;

/// Word without regular digits, whose highest bit is set, and whose lowest bit is.
pub fn dense(seed: u64) -> U256 {
    U256::from_be_bytes(keccak256(seed.to_be_bytes()).0) | U256::ONE | U256::ONE << 255
}

/// Dense number of this many digits of 32 bits.
fn digits(count: usize) -> U256 {
    dense(count as u64) >> (256 - 32 * count)
}

/// Two's complement.
fn negative(number: U256) -> U256 {
    number.wrapping_neg()
}

/// Case of a contract that repeats the body after the setup.
pub(super) fn repeated(name: impl Into<String>, opcode: u8, setup: Code, cost: u64, body: Code) -> Case {
    Case::new(Group::Opcode, name, Subject::Opcode(opcode), move |fork, _| {
        Scene::call(fork, setup.clone().repeat(cost, &body))
    })
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = arithmetic();
    cases.extend(comparisons());
    cases.extend(hashing());
    cases.extend(environment());
    cases.extend(stack());
    cases.extend(memory());
    cases.extend(copies());
    cases.extend(control());
    cases
}

/// Instruction of two operands, which are kept: `first` is the one on top.
fn binary(name: impl Into<String>, opcode: u8, cost: u64, first: U256, second: U256) -> Case {
    let setup = Code::default().word(second).word(first);
    repeated(name, opcode, setup, 8 + cost, Code::default().ops(&[op::DUP2, op::DUP2, opcode, op::POP]))
}

/// Instruction of two operands, one of which is the last result.
fn chained(name: &str, opcode: u8, cost: u64) -> Case {
    let setup = Code::default().word(dense(1)).word(dense(2));
    repeated(name, opcode, setup, 3 + cost, Code::default().ops(&[op::DUP2, opcode]))
}

/// Instruction of three operands, which are kept: `first` is the one on top.
fn ternary(name: String, opcode: u8, first: U256, second: U256, third: U256) -> Case {
    let setup = Code::default().word(third).word(second).word(first);
    let body = Code::default().times(3, op::DUP3).ops(&[opcode, op::POP]);
    repeated(name, opcode, setup, 19, body)
}

fn arithmetic() -> Vec<Case> {
    let mut cases = vec![chained("ADD", op::ADD, 3), chained("SUB", op::SUB, 3), chained("MUL", op::MUL, 5)];
    // By the digits of the divisor: the quotient has the others.
    for count in [1, 2, 4, 5, 8] {
        for (name, opcode) in [("DIV", op::DIV), ("MOD", op::MOD)] {
            let name = format!("{name}, by {count} digits of 32 bits");
            cases.push(binary(name, opcode, 5, dense(9), digits(count)));
        }
        for (name, opcode) in [("SDIV", op::SDIV), ("SMOD", op::SMOD)] {
            let name = format!("{name}, of negative numbers, by {count} digits");
            cases.push(binary(name, opcode, 5, negative(dense(9) >> 1), negative(digits(count) >> 1)));
        }
        let name = |name| format!("{name}, modulo {count} digits of 32 bits");
        cases.push(ternary(name("ADDMOD"), op::ADDMOD, dense(10), dense(11), digits(count)));
        cases.push(ternary(name("MULMOD"), op::MULMOD, dense(10), dense(11), digits(count)));
    }
    cases.push(ternary("MULMOD, modulo 2^255".into(), op::MULMOD, dense(10), dense(11), U256::ONE << 255));
    // Estimates of the quotient's digits are just below the next number, each time: the guest has to look closer.
    let power = U256::ONE << 32;
    for (name, opcode) in [("DIV", op::DIV), ("MOD", op::MOD)] {
        cases.push(binary(format!("{name}, of 2^256 - 1 by 2^32"), opcode, 5, U256::MAX, power));
    }
    let lowest = U256::ONE << 255;
    cases.push(binary("SDIV, of -2^255 by -2", op::SDIV, 5, lowest, negative(U256::from(2))));
    cases.push(binary("SMOD, of 1 - 2^255 by -2^32", op::SMOD, 5, lowest + U256::ONE, negative(power)));
    for digits in [1, 3, 5, 7] {
        let name = format!("MULMOD, modulo 2^{}", 32 * digits);
        cases.push(ternary(name, op::MULMOD, U256::MAX, U256::MAX - U256::ONE, U256::ONE << (32 * digits)));
    }
    for length in [0_usize, 1, 2, 8, 32] {
        let exponent = if length == 0 { U256::ZERO } else { U256::MAX >> (256 - 8 * length) };
        let name = format!("EXP, exponent of {length} bytes");
        cases.push(binary(name, op::EXP, 10 + 50 * length as u64, dense(12), exponent));
    }
    cases.push(binary("SIGNEXTEND", op::SIGNEXTEND, 5, U256::from(15), dense(13)));
    cases
}

fn comparisons() -> Vec<Case> {
    let mut cases = Vec::new();
    // Equal but for the lowest bit, so that every limb is looked at.
    let (one, other) = (dense(3), dense(3) ^ U256::ONE);
    for (name, opcode) in [
        ("LT", op::LT),
        ("GT", op::GT),
        ("SLT", op::SLT),
        ("SGT", op::SGT),
        ("EQ", op::EQ),
        ("AND", op::AND),
        ("OR", op::OR),
    ] {
        cases.push(binary(name, opcode, 3, one, other));
    }
    cases.push(chained("XOR", op::XOR, 3));
    for (name, opcode) in [("ISZERO", op::ISZERO), ("NOT", op::NOT)] {
        cases.push(repeated(name, opcode, Code::default().word(dense(4)), 3, Code::default().op(opcode)));
    }
    // Its results are small, so that it looks at all limbs of the next operand.
    cases.push(repeated("CLZ", op::CLZ, Code::default().push(0), 5, Code::default().op(op::CLZ)));
    cases.push(binary("BYTE", op::BYTE, 3, U256::from(17), dense(5)));
    for (name, opcode) in [("SHL", op::SHL), ("SHR", op::SHR), ("SAR", op::SAR)] {
        for shift in [1, 77, 255] {
            cases.push(binary(format!("{name}, by {shift}"), opcode, 3, U256::from(shift), dense(6)));
        }
        cases.push(binary(format!("{name}, by 2^255"), opcode, 3, U256::ONE << 255, dense(6)));
    }
    cases
}

fn hashing() -> Vec<Case> {
    let mut cases = Vec::new();
    // From 136 bytes on, another permutation for the padding.
    for (length, offset) in [
        (0_u64, 0_u64),
        (1, 0),
        (32, 0),
        (32, 1),
        (64, 0),
        (135, 0),
        (136, 0),
        (136, 1),
        (1000, 0),
        (4096, 0),
        (4096, 1),
        (65_536, 0),
    ] {
        let at = if offset == 0 { String::new() } else { format!(", at offset {offset}") };
        let name = format!("KECCAK256 of {length} bytes{at}");
        let setup = Code::default().push(0).push(length + offset).op(op::MSTORE);
        // The hash is part of the next input, so that no two are equal.
        let body = Code::default().push(length).push(offset).op(op::KECCAK256).push(offset).op(op::MSTORE);
        cases.push(repeated(name, op::KECCAK256, setup, 45 + 6 * length.div_ceil(32), body));
    }
    // Hashes of one and two words that come again.
    let body = Code::default().push(64).push(0).ops(&[op::KECCAK256, op::POP]);
    let setup = Code::default().push(0).push(64).op(op::MSTORE);
    cases.push(repeated("KECCAK256 of the same 64 bytes", op::KECCAK256, setup, 60, body));
    cases
}

fn environment() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode, cost) in [
        ("ADDRESS", op::ADDRESS, 2),
        ("ORIGIN", op::ORIGIN, 2),
        ("CALLER", op::CALLER, 2),
        ("CALLVALUE", op::CALLVALUE, 2),
        ("CALLDATASIZE", op::CALLDATASIZE, 2),
        ("CODESIZE", op::CODESIZE, 2),
        ("GASPRICE", op::GASPRICE, 2),
        ("RETURNDATASIZE", op::RETURNDATASIZE, 2),
        ("COINBASE", op::COINBASE, 2),
        ("TIMESTAMP", op::TIMESTAMP, 2),
        ("NUMBER", op::NUMBER, 2),
        ("PREVRANDAO", op::DIFFICULTY, 2),
        ("GASLIMIT", op::GASLIMIT, 2),
        ("CHAINID", op::CHAINID, 2),
        ("SELFBALANCE", op::SELFBALANCE, 5),
        ("BASEFEE", op::BASEFEE, 2),
        ("BLOBBASEFEE", op::BLOBBASEFEE, 2),
        ("PC", op::PC, 2),
        ("MSIZE", op::MSIZE, 2),
        ("GAS", op::GAS, 2),
        ("SLOTNUM", op::SLOTNUM, 2),
    ] {
        let body = Code::default().ops(&[opcode, op::POP]);
        let case = repeated(name, opcode, Code::default(), 2 + cost, body);
        cases.push(if opcode == op::SLOTNUM { case.since_amsterdam() } else { case });
    }
    let unary = |name: &str, opcode: u8, operand: u64, cost: u64| {
        let body = Code::default().push(operand).ops(&[opcode, op::POP]);
        repeated(name, opcode, Code::default(), 5 + cost, body)
    };
    cases.push(unary("CALLDATALOAD, beyond the data", op::CALLDATALOAD, 1 << 40, 3));
    cases.push(unary("BLOBHASH", op::BLOBHASH, 0, 3));
    cases.push(Case::new(Group::Opcode, "CALLDATALOAD", Subject::Opcode(op::CALLDATALOAD), |fork, _| {
        let body = Code::default().push(3).ops(&[op::CALLDATALOAD, op::POP]);
        let mut scene = Scene::call(fork, Code::default().repeat(8, &body));
        scene.plan = Plan::Calls(vec![0xab; 64].into());
        scene
    }));
    cases.push(Case::new(Group::Opcode, "BLOCKHASH", Subject::Opcode(op::BLOCKHASH), |fork, _| {
        let body = Code::default().push(NUMBER - 256).ops(&[op::BLOCKHASH, op::POP]);
        let code = Code::default().repeat(25, &body);
        Scene { ancestors: 255, ..Scene::call(fork, code) }
    }));
    cases
}

fn stack() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.push(repeated("POP", op::POP, Code::default(), 4, Code::default().ops(&[op::PUSH0, op::POP])));
    for length in 0..=32_u8 {
        let word = dense(u64::from(length)).to_be_bytes::<32>();
        let body = Code::default().push_bytes(&word[..length.into()]).op(op::POP);
        cases.push(repeated(format!("PUSH{length}"), op::PUSH0 + length, Code::default(), 5, body));
    }
    let filled = Code::default().word(dense(7)).times(260, op::DUP1);
    for number in 1..=16_u8 {
        let opcode = op::DUP1 + number - 1;
        let body = Code::default().ops(&[opcode, op::POP]);
        cases.push(repeated(format!("DUP{number}"), opcode, filled.clone(), 5, body));
        let opcode = op::SWAP1 + number - 1;
        cases.push(repeated(format!("SWAP{number}"), opcode, filled.clone(), 3, Code::default().op(opcode)));
    }
    // EIP-8024: immediates that name the nearest, and the farthest words.
    for immediate in [0x80, 0x5a] {
        let body = Code::default().ops(&[op::DUPN, immediate, op::POP]);
        let case = repeated(format!("DUPN {immediate:#x}"), op::DUPN, filled.clone(), 5, body);
        cases.push(case.since_amsterdam());
        let body = Code::default().ops(&[op::SWAPN, immediate]);
        cases.push(
            repeated(format!("SWAPN {immediate:#x}"), op::SWAPN, filled.clone(), 3, body).since_amsterdam(),
        );
    }
    for immediate in [0x8e, 0x00] {
        let body = Code::default().ops(&[op::EXCHANGE, immediate]);
        let case = repeated(format!("EXCHANGE {immediate:#x}"), op::EXCHANGE, filled.clone(), 3, body);
        cases.push(case.since_amsterdam());
    }
    cases
}

fn memory() -> Vec<Case> {
    let mut cases = Vec::new();
    let setup = || Code::default().push(0).push(4096).op(op::MSTORE);
    for offset in [0, 1] {
        let at = if offset == 0 { "" } else { ", across words" };
        let load = Code::default().push(offset).ops(&[op::MLOAD, op::POP]);
        cases.push(repeated(format!("MLOAD{at}"), op::MLOAD, setup(), 8, load));
        let store = Code::default().op(op::DUP1).push(offset).op(op::MSTORE);
        let word = || setup().word(dense(8));
        cases.push(repeated(format!("MSTORE{at}"), op::MSTORE, word(), 9, store));
        let byte = Code::default().op(op::DUP1).push(offset).op(op::MSTORE8);
        cases.push(repeated(format!("MSTORE8{at}"), op::MSTORE8, word(), 9, byte));
    }
    cases
}

/// Copies of many bytes, at offsets that are whole words and at others. What is copied is warm.
fn copies() -> Vec<Case> {
    let mut cases = Vec::new();
    for (length, offset) in
        [(0_u64, 0_u64), (1, 0), (32, 0), (32, 1), (256, 1), (1024, 0), (16_384, 0), (16_384, 1)]
    {
        for (name, opcode) in [
            ("CALLDATACOPY", op::CALLDATACOPY),
            ("CODECOPY", op::CODECOPY),
            ("RETURNDATACOPY", op::RETURNDATACOPY),
            ("MCOPY", op::MCOPY),
            ("EXTCODECOPY, warm", op::EXTCODECOPY),
        ] {
            let at = if offset == 0 { String::new() } else { format!(", {offset} byte off") };
            let title = format!("{name} of {length} bytes{at}");
            let cost = 15 + 3 * length.div_ceil(32);
            let cost = if opcode == op::EXTCODECOPY { cost + 200 } else { cost };
            cases.push(Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, _| {
                copy(fork, opcode, length, offset, cost)
            }));
        }
    }
    // Beyond the end of what is copied: zeros.
    for (name, opcode) in [("CALLDATACOPY", op::CALLDATACOPY), ("CODECOPY", op::CODECOPY)] {
        let body = Code::default().push(16_384).push(1 << 40).push(0).op(opcode);
        let setup = Code::default().push(0).push(16_384).op(op::MSTORE);
        let title = format!("{name} of 16384 bytes beyond the end");
        cases.push(repeated(title, opcode, setup, 15 + 3 * 512, body));
    }
    cases
}

fn copy(fork: Fork, opcode: u8, length: u64, offset: u64, cost: u64) -> Scene {
    let body = Code::default().push(length).push(offset).push(0);
    let body = if opcode == op::EXTCODECOPY { body.op(op::ADDRESS) } else { body }.op(opcode);
    let setup = Code::default().push(0).push(length + offset + 32).op(op::MSTORE);
    // The callee returns as much as is copied.
    let setup = if opcode == op::RETURNDATACOPY {
        setup.times(5, op::PUSH0).address(CALLEE).ops(&[op::GAS, op::CALL, op::POP])
    } else {
        setup
    };
    // The code is as long as what is copied of it.
    let code = Bytes::from([&setup.repeat(cost, &body)[..], &[op::JUMPDEST; 17_000]].concat());
    if opcode == op::CALLDATACOPY {
        // A caller gives the data, because that of a transaction has a price of its own.
        let caller = Code::default()
            .ops(&[op::PUSH0, op::PUSH0])
            .push(length + offset)
            .ops(&[op::PUSH0, op::PUSH0])
            .address(CALLEE)
            .ops(&[op::GAS, op::CALL, op::STOP]);
        return Scene::call(fork, caller.bytes()).with(CALLEE, Account::contract(code));
    }
    let returned = Code::default().push(length + offset).push(0).op(op::RETURN).bytes();
    Scene::call(fork, code).with(CALLEE, Account::contract(returned))
}

fn control() -> Vec<Case> {
    let mut cases = Vec::new();
    let jumps = |name: &'static str, opcode: u8, cost: u64, condition: Option<u64>| {
        Case::new(Group::Opcode, name, Subject::Opcode(opcode), move |fork, _| {
            let code = Code::default().repeat_at(cost, |offset| {
                let code = condition.map_or(Code::default(), |condition| Code::default().push(condition));
                let target = offset + code.len() + 4;
                code.push_bytes(&(target as u16).to_be_bytes()).ops(&[opcode, op::JUMPDEST])
            });
            Scene::call(fork, code)
        })
    };
    cases.push(jumps("JUMP", op::JUMP, 12, None));
    cases.push(jumps("JUMPI, which jumps", op::JUMPI, 17, Some(1)));
    cases.push(jumps("JUMPI, which does not jump", op::JUMPI, 17, Some(0)));
    cases.push(repeated("JUMPDEST", op::JUMPDEST, Code::default(), 1, Code::default().op(op::JUMPDEST)));
    // Many destinations, in an order that is not the code's.
    cases.push(Case::new(Group::Opcode, "JUMP, back and forth", Subject::Opcode(op::JUMP), |fork, _| {
        Scene::call(fork, zigzag(1000))
    }));
    // A loop that does nothing else.
    let body = Code::default().ops(&increment());
    cases.push(Case::new(
        Group::Opcode,
        "JUMPI, of a short loop",
        Subject::Opcode(op::JUMPI),
        move |fork, _| {
            let code = Code::default().push(0).op(op::JUMPDEST).raw(&body.clone().bytes()).ops(&[
                op::PUSH1,
                200,
                op::GAS,
                op::GT,
                op::PUSH1,
                1,
                op::JUMPI,
                op::STOP,
            ]);
            Scene::call(fork, code.bytes())
        },
    ));
    cases
}

/// Code of jumps that go to the next destination of the other half, in turn.
fn zigzag(count: usize) -> Bytes {
    // 5 bytes each: JUMPDEST, PUSH2 target, JUMP.
    let (start, half) = (0, count / 2);
    let place = |index: usize| start + 5 * if index.is_multiple_of(2) { index / 2 } else { half + index / 2 };
    let end = start + 5 * count;
    let mut code = vec![0; end];
    for index in 0..count {
        let target = if index + 1 < count { place(index + 1) } else { end };
        let jump =
            Code::default().op(op::JUMPDEST).push_bytes(&(target as u16).to_be_bytes()).op(op::JUMP).bytes();
        code[place(index)..][..5].copy_from_slice(&jump);
    }
    Code::default()
        .raw(&code)
        .op(op::JUMPDEST)
        .op(op::GAS)
        .push(20 * count as u64)
        .ops(&[op::LT, op::PUSH0, op::JUMPI, op::STOP])
        .bytes()
}

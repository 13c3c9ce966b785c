//! Instructions that read or write the state: accounts, codes, slots.
//!
//! Accounts are named by a counter from [`FIRST`] on, slots by a counter from 0 or 1 on. The tries
//! have nine full branches on each way unless the name says otherwise.

use super::{
    Case, Group, Subject,
    assembler::{Code, increment},
    opcodes::repeated,
    scene::{self, Account, CONTRACT, Depth, FIRST, Scene, numbered},
};
use alloy_primitives::Bytes;
use revm::bytecode::opcode as op;
use zeno_guest_evm::chain::Fork;

/// Longest code until Osaka (EIP-170), and since Amsterdam (EIP-7954), in bytes.
pub(super) const fn max_code(fork: Fork) -> usize {
    if (fork as u8) < Fork::Amsterdam as u8 { 24_576 } else { 65_536 }
}

/// Price of a fork: until Osaka, and since Amsterdam.
pub(super) fn price(fork: Fork, until_osaka: u64, since_amsterdam: u64) -> u64 {
    if fork >= Fork::Amsterdam { since_amsterdam } else { until_osaka }
}

/// Price of an account that is cold (EIP-2929, EIP-8038).
pub(super) fn cold_account(fork: Fork) -> u64 {
    price(fork, 2600, 3000)
}

/// Loop over a counter that begins with this address or number.
fn counted(start: Code, cost: u64, body: &Code) -> Bytes {
    start.repeat(cost, &body.clone().ops(&increment()))
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = slots();
    cases.extend(transient());
    cases.extend(accounts());
    cases.extend(codes());
    cases
}

/// First of the slots that have no value before a block.
pub(super) const NEW_SLOTS: u64 = 1_000_000;

/// Depths of the storage's trie, with their names.
const DEPTHS: [(&str, Depth); 2] = [
    ("", Depth { levels: scene::DEPTH, width: 16 }),
    (", 15 branches of two", Depth { levels: 15, width: 2 }),
];

fn slots() -> Vec<Case> {
    let mut cases = Vec::new();
    let body = Code::default().ops(&[op::PUSH0, op::SLOAD, op::POP]);
    cases.push(repeated("SLOAD, warm", op::SLOAD, Code::default(), 104, body));
    // One slot that gets another value each time.
    let body = Code::default().ops(&[op::DUP1, op::PUSH0, op::SSTORE]).ops(&increment());
    let title = "SSTORE, the same slot";
    cases.push(Case::new(Group::Opcode, title, Subject::Opcode(op::SSTORE), move |fork, _| {
        // The first one is cold and changes a value that the transaction found.
        let setup = Code::default().push(9).push(0).op(op::SSTORE).push(2);
        Scene::call(fork, setup.repeat(120, &body)).with_slots(0)
    }));
    for (title, depth) in DEPTHS {
        let name = format!("SLOAD, cold{title}");
        cases.push(Case::new(Group::Opcode, name, Subject::Opcode(op::SLOAD), move |fork, gas| {
            let body = Code::default().ops(&[op::DUP1, op::SLOAD, op::POP]);
            let code = counted(Code::default().push(0), 2111, &body);
            Scene::call(fork, code).with_slots(gas / 2100).with_depth(depth)
        }));
        // EIP-2200, EIP-8037: 20,000 gas, or 10,000 and 97,920 of state gas.
        let name = format!("SSTORE, new slots{title}");
        let case = Case::new(Group::Opcode, name, Subject::Opcode(op::SSTORE), move |fork, gas| {
            let body = Code::default().ops(&[op::DUP1, op::DUP1, op::SSTORE]);
            let code = counted(Code::default().push(NEW_SLOTS), price(fork, 22_120, 110_100), &body);
            let absent_slots = (0..=gas / 22_100).map(|index| NEW_SLOTS + index).collect();
            Scene { absent_slots, ..Scene::call(fork, code) }.with_depth(depth)
        });
        cases.push(case.with_round(110_100));
        for (what, value) in [("other values", 2), ("clears", 0)] {
            let name = format!("SSTORE, {what}{title}");
            cases.push(Case::new(Group::Opcode, name, Subject::Opcode(op::SSTORE), move |fork, gas| {
                let body = Code::default().push(value).ops(&[op::DUP2, op::SSTORE]);
                let code = counted(Code::default().push(0), price(fork, 5015, 12_115), &body);
                Scene::call(fork, code).with_slots(gas / 5000).with_depth(depth)
            }));
        }
    }
    cases
}

fn transient() -> Vec<Case> {
    let start = || Code::default().push(1);
    let (load, store) = ([op::DUP1, op::TLOAD, op::POP], [op::DUP1, op::DUP1, op::TSTORE]);
    let body = |ops: &[u8]| Code::default().ops(ops).ops(&increment());
    vec![
        repeated("TLOAD", op::TLOAD, start(), 111, body(&load)),
        repeated("TSTORE", op::TSTORE, start(), 112, body(&store)),
        repeated("TSTORE, the same slot", op::TSTORE, start(), 111, {
            Code::default().ops(&[op::DUP1, op::PUSH0, op::TSTORE]).ops(&increment())
        }),
    ]
}

/// Body that applies an instruction to the address on top of the stack, which stays there. Bytes of code are copied by
/// ones.
fn look(opcode: u8) -> Code {
    if opcode == op::EXTCODECOPY {
        Code::default().ops(&[op::PUSH1, 1, op::PUSH0, op::PUSH0, op::DUP4, opcode])
    } else {
        Code::default().ops(&[op::DUP1, opcode, op::POP])
    }
}

fn accounts() -> Vec<Case> {
    let mut cases = Vec::new();
    let names = [
        ("BALANCE", op::BALANCE),
        ("EXTCODESIZE", op::EXTCODESIZE),
        ("EXTCODEHASH", op::EXTCODEHASH),
        ("EXTCODECOPY", op::EXTCODECOPY),
    ];
    for (name, opcode) in names {
        let title = format!("{name}, warm");
        cases.push(repeated(title, opcode, Code::default().address(CONTRACT), 220, look(opcode)));
        for (title, depth) in DEPTHS {
            let title = format!("{name}, cold accounts{title}");
            cases.push(Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, gas| {
                let count = gas / cold_account(fork);
                counting(fork, opcode).with_many(count, |_| Account::plain()).with_depth(depth)
            }));
        }
        let title = format!("{name}, cold addresses without account");
        cases.push(Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, gas| {
            let absent = (0..gas / cold_account(fork)).map(numbered).collect();
            Scene { absent, ..counting(fork, opcode) }.deep()
        }));
    }
    cases
}

/// Contract that applies an instruction to one address after another.
fn counting(fork: Fork, opcode: u8) -> Scene {
    Scene::call(fork, counted(Code::default().address(FIRST), cold_account(fork) + 230, &look(opcode)))
}

/// Different codes of the greatest length, each looked at once.
fn codes() -> Vec<Case> {
    let names = [("EXTCODESIZE", op::EXTCODESIZE), ("EXTCODECOPY", op::EXTCODECOPY)];
    let case = |(name, opcode): (&str, u8)| {
        let title = format!("{name}, cold codes of the greatest length");
        Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, gas| {
            let account = |index| Account::contract(filled(index, max_code(fork)));
            counting(fork, opcode).with_many(gas / cold_account(fork), account).deep()
        })
        .with_divisor(4)
    };
    names.into_iter().map(case).collect()
}

/// Code that stops at once, and differs from the others by its number.
pub(super) fn filled(index: u64, length: usize) -> Vec<u8> {
    let mut code = vec![op::JUMPDEST; length];
    code[0] = op::STOP;
    code[1..9].copy_from_slice(&index.to_be_bytes());
    code
}

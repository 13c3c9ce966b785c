//! Instructions that call, create, return, log and destroy.

use super::{
    Case, Group, Subject,
    assembler::{Code, call_top, increment},
    opcodes::repeated,
    scene::{Account, CALLEE, FIRST, Scene, numbered},
    state_access::{cold_account, filled, max_code, price},
};
use alloy_primitives::{Address, Bytes, U256, hex};
use revm::bytecode::opcode as op;
use zeno_guest_evm::chain::Fork;

/// State gas of a new account, with what creates it (EIP-8037).
const NEW_ACCOUNT: u64 = 183_600;

/// Longest init code until Osaka (EIP-3860), and since Amsterdam (EIP-7954), in bytes.
const fn max_init_code(fork: Fork) -> usize {
    2 * max_code(fork)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = warm_calls();
    cases.extend(cold_calls());
    cases.extend(returns());
    cases.extend(creations());
    cases.extend(logs());
    cases.extend(destructions());
    cases
}

/// Names of the instructions that call.
const CALLS: [(&str, u8); 4] = [
    ("CALL", op::CALL),
    ("CALLCODE", op::CALLCODE),
    ("DELEGATECALL", op::DELEGATECALL),
    ("STATICCALL", op::STATICCALL),
];

/// Returns whether the instruction has a value among its operands.
fn has_value(opcode: u8) -> bool {
    matches!(opcode, op::CALL | op::CALLCODE)
}

/// Call of the address on top of the stack, which stays there, with all gas and without data.
fn call_by(opcode: u8) -> Code {
    let operands = if has_value(opcode) { 5 } else { 4 };
    Code::default().times(operands, op::PUSH0).ops(&[op::DUP1 + operands as u8, op::GAS, opcode, op::POP])
}

fn warm_calls() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode) in CALLS {
        for (of, code) in [("an account without code", &[][..]), ("a contract that stops", &[op::STOP][..])] {
            let title = format!("{name}, warm, of {of}");
            cases.push(Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, _| {
                let code = code.to_vec();
                let caller = Code::default().address(CALLEE).repeat(130, &call_by(opcode));
                Scene::call(fork, caller).with(CALLEE, Account::contract(code))
            }));
        }
    }
    for (title, existing) in [("CALL with value, warm", true), ("CALL with value to new accounts", false)] {
        let case = Case::new(Group::Opcode, title, Subject::Opcode(op::CALL), move |fork, gas| {
            value_calls(fork, gas, existing)
        });
        cases.push(if existing { case } else { case.with_round(200_000) });
    }
    // The instruction that ends a frame has no gas of its own.
    cases.push(Case::new(Group::Opcode, "STOP", Subject::Opcode(op::STOP), |fork, _| {
        let caller = Code::default().address(CALLEE).repeat(130, &call_top());
        Scene::call(fork, caller).with(CALLEE, Account::contract(vec![op::STOP]))
    }));
    cases.push(Case::new(Group::Opcode, "INVALID", Subject::Opcode(op::INVALID), |fork, _| {
        // It takes all gas of its frame, which has none.
        let body = Code::default().times(6, op::PUSH0).ops(&[op::DUP7, op::SWAP1, op::CALL, op::POP]);
        let caller = Code::default().address(CALLEE).repeat(140, &body);
        Scene::call(fork, caller).with(CALLEE, Account::contract(vec![op::INVALID]))
    }));
    cases
}

/// Calls that move one wei: to one account, or to accounts that did not exist.
fn value_calls(fork: Fork, gas: u64, existing: bool) -> Scene {
    let body =
        Code::default().times(4, op::PUSH0).ops(&[op::PUSH1, 1, op::DUP6, op::PUSH0, op::CALL, op::POP]);
    if existing {
        let caller = Code::default().address(CALLEE).repeat(price(fork, 9200, 11_600), &body);
        Scene::call(fork, caller).with(CALLEE, Account::plain())
    } else {
        let cost = cold_account(fork) + price(fork, 9000 + 25_000, 11_300 + NEW_ACCOUNT) + 40;
        let caller = Code::default().address(FIRST).repeat(cost, &body.ops(&increment()));
        let absent = (0..gas / 30_000).map(numbered).collect();
        Scene { absent, ..Scene::call(fork, caller) }.deep()
    }
}

/// Bytes over which a code jumps, each with its name. In the mixture each group of eight bytes has a `PUSH` and as many
/// `JUMPDEST`s as it can. In the other one, every second group begins within the data of a `PUSH`.
const FILLERS: [(&str, &[u8]); 5] = [
    ("JUMPDEST", &[op::JUMPDEST]),
    ("PUSH1", &[op::PUSH1]),
    ("PUSH32", &[op::PUSH32]),
    (
        "a mixture",
        &[op::PUSH1, 0, op::JUMPDEST, op::JUMPDEST, op::JUMPDEST, op::JUMPDEST, op::JUMPDEST, op::JUMPDEST],
    ),
    ("a mixture that crosses", &hex!("5b5b5b6400000000005b5b5b5b5b5b5b")),
];

/// Code that jumps to its end over bytes that hide where instructions begin. The end is a `JUMPDEST`, or the data of a `PUSH1`
/// that looks like one.
fn long_code(index: u64, length: usize, filler: &[u8], into_data: bool) -> Vec<u8> {
    let mut code = filler.iter().copied().cycle().take(length).collect::<Vec<_>>();
    // The end that the search for destinations has to reach: after 33 bytes that no PUSH takes from before them.
    let end = length - 1;
    code[end - 34..end].fill(op::STOP);
    code[end] = op::JUMPDEST;
    if into_data {
        code[end - 1] = op::PUSH1;
    }
    let head = Code::default()
        .push_bytes(&(end as u32).to_be_bytes()[1..])
        .op(op::JUMP)
        .push_bytes(&index.to_be_bytes())
        .bytes();
    code[..head.len()].copy_from_slice(&head);
    code
}

fn cold_calls() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode) in CALLS {
        let title = format!("{name}, cold accounts");
        cases.push(Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, gas| {
            let body = call_by(opcode).ops(&increment());
            let cost = cold_account(fork) + 40;
            let scene = Scene::call(fork, Code::default().address(FIRST).repeat(cost, &body));
            scene.with_many(gas / cold_account(fork), |_| Account::plain()).deep()
        }));
    }
    let mut cold_codes = |which: String,
                          gas_of_call: Option<u8>,
                          code: fn(u64, usize, &'static [u8]) -> Vec<u8>,
                          filler| {
        let title = format!("CALL, cold codes of the greatest length, which {which}");
        let case = Case::new(Group::Opcode, title, Subject::Opcode(op::CALL), move |fork, gas| {
            let body = match gas_of_call {
                None => call_top(),
                Some(gas) => {
                    Code::default().times(5, op::PUSH0).ops(&[op::DUP6, op::PUSH1, gas, op::CALL, op::POP])
                }
            };
            let cost = cold_account(fork) + 80;
            let scene =
                Scene::call(fork, Code::default().address(FIRST).repeat(cost, &body.ops(&increment())));
            let account = |index| Account::contract(code(index, max_code(fork), filler));
            scene.with_many(gas / cold_account(fork), account).deep()
        });
        cases.push(case.with_divisor(4));
    };
    cold_codes("stop".into(), None, |index, length, _| filled(index, length), &[]);
    for (name, filler) in FILLERS {
        cold_codes(
            format!("jump over {name}"),
            None,
            |index, length, filler| long_code(index, length, filler, false),
            filler,
        );
        // Such a jump fails, and takes all the gas that the call has.
        cold_codes(
            format!("jump into data, over {name}"),
            Some(20),
            |index, length, filler| long_code(index, length, filler, true),
            filler,
        );
    }
    // EIP-7702: an account that delegates to a code, both cold.
    let title = "CALL, cold accounts that delegate to cold codes";
    let case = Case::new(Group::Opcode, title, Subject::Opcode(op::CALL), |fork, gas| {
        let body = call_top().ops(&increment());
        let count = gas / (2 * cold_account(fork));
        let cost = 2 * cold_account(fork) + 60;
        let mut scene = Scene::call(fork, Code::default().address(FIRST).repeat(cost, &body));
        for index in 0..count {
            let target = Address::from_word(U256::from_limbs([index, 0, 1 << 24, 0]).into());
            let code = [&[0xef, 0x01, 0x00], &target[..]].concat();
            scene = scene
                .with(numbered(index), Account::contract(code))
                .with(target, Account::contract(filled(index, max_code(fork))));
        }
        scene.deep()
    });
    cases.push(case.with_divisor(4));
    cases
}

fn returns() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode) in [("RETURN", op::RETURN), ("REVERT", op::REVERT)] {
        for (length, gas) in [(0, 0), (32, 3), (1024, 98), (16_384, 2048), (100_000, 28_500)] {
            let title = format!("{name} of {length} bytes, memory that is new to the frame");
            cases.push(Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, _| {
                let callee = Code::default().push(length).push(0).op(opcode).bytes();
                let caller = Code::default().address(CALLEE).repeat(150 + gas, &call_top());
                Scene::call(fork, caller).with(CALLEE, Account::contract(callee))
            }));
        }
    }
    // Frames with memory of their own that they hardly use.
    for (offset, gas) in [(700 * 32, 3_100), (100_000, 28_600)] {
        let title = format!("MLOAD at {offset}, in frames of their own");
        cases.push(Case::new(Group::Opcode, title, Subject::Opcode(op::MLOAD), move |fork, _| {
            let callee = Code::default().push(offset).ops(&[op::MLOAD, op::STOP]).bytes();
            let caller = Code::default().address(CALLEE).repeat(150 + gas, &call_top());
            Scene::call(fork, caller).with(CALLEE, Account::contract(callee))
        }));
    }
    cases
}

/// Init codes, each with its name.
fn init_code(kind: &str, length: usize) -> Vec<u8> {
    let mut code = match kind {
        "stops" => vec![op::STOP; length],
        "reverts" => vec![op::JUMPDEST; length],
        "jumps over JUMPDEST, and reverts" => long_code(0, length - 3, FILLERS[0].1, false),
        "jumps, and reverts" => long_code(0, length - 3, FILLERS[1].1, false),
        "jumps over a mixture, and reverts" => long_code(0, length - 3, FILLERS[3].1, false),
        other => unreachable!("{other} is no init code"),
    };
    if kind == "reverts" {
        code[..3].copy_from_slice(&[op::PUSH0, op::PUSH0, op::REVERT]);
    }
    if kind.starts_with("jumps") {
        code.extend([op::PUSH0, op::PUSH0, op::REVERT]);
    }
    code
}

fn creations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode) in [("CREATE", op::CREATE), ("CREATE2", op::CREATE2)] {
        for kind in [
            "stops",
            "reverts",
            "jumps, and reverts",
            "jumps over JUMPDEST, and reverts",
            "jumps over a mixture, and reverts",
        ] {
            for greatest in [false, true] {
                let length = if greatest { "the greatest" } else { "a small" };
                let title = format!("{name}, init code of {length} length, which {kind}");
                let case = Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, _| {
                    let length = if greatest { max_init_code(fork) } else { 128 };
                    creating(fork, opcode, init_code(kind, length))
                });
                cases.push(case.with_round(250_000));
            }
        }
        // JUMPDEST, PUSH2 its offset, JUMP: the offset is the last of 16 at which an instruction begins. Each jump in so long an
        // init code follows them all.
        let title = format!("{name}, init code of 2100 bytes, which loops");
        let case = Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, _| {
            let mut code = vec![op::STOP; 2100];
            code[..4].copy_from_slice(&[op::PUSH2, 0x08, 0x1f, op::JUMP]);
            code[0x081f..0x0824].copy_from_slice(&[op::JUMPDEST, op::PUSH2, 0x08, 0x1f, op::JUMP]);
            creating(fork, opcode, code)
        });
        cases.push(case.with_round(250_000));
        // Until Osaka 200 gas a byte, since Amsterdam 1530 of state gas.
        let title = format!("{name}, codes of 1000 bytes");
        let case = Case::new(Group::Opcode, title, Subject::Opcode(opcode), move |fork, _| {
            // It returns as many bytes of itself, of which the first is the address's own.
            let init = Code::default()
                .push(1000)
                .push(0)
                .push(0)
                .op(op::CODECOPY)
                .ops(&[op::ADDRESS, op::PUSH0, op::MSTORE])
                .push(1000)
                .push(0)
                .op(op::RETURN);
            creating(fork, opcode, init.raw(&[0xab; 1000]).bytes().to_vec())
        });
        cases.push(case.with_round(1_800_000));
    }
    cases
}

/// Contract that creates contracts by this init code. It copies the code from a callee, whose code is long enough.
fn creating(fork: Fork, opcode: u8, init: Vec<u8>) -> Scene {
    let length = init.len() as u64;
    let words = length.div_ceil(32);
    // Two parts, because an init code is longer than a code.
    let half = init.len().div_ceil(2);
    let parts = [numbered(0), numbered(1)];
    let mut setup = Code::default();
    let mut scene_parts = Vec::new();
    for (part, bytes) in parts.into_iter().zip(init.chunks(half.max(1))) {
        let start = if part == parts[0] { 0 } else { half as u64 };
        setup = setup.push(bytes.len() as u64).push(0).push(start).address(part).op(op::EXTCODECOPY);
        scene_parts.push((part, Account::contract(bytes.to_vec())));
    }
    let body = if opcode == op::CREATE2 { Code::default().op(op::DUP1) } else { Code::default() };
    let body = body.push(length).ops(&[op::PUSH0, op::PUSH0, opcode, op::POP]).ops(&increment());
    // The created frame has 63 of 64 parts of the gas, and pays for its code.
    let cost = price(fork, 32_000, 12_000 + NEW_ACCOUNT)
        + 8 * words
        + price(fork, 200 * 1040, 1530 * 1040) * u64::from((1000..2000).contains(&init.len()))
        + 300;
    let mut scene = Scene::call(fork, setup.push(1).repeat(cost, &body));
    scene.accounts.extend(scene_parts);
    scene
}

fn logs() -> Vec<Case> {
    let mut cases = Vec::new();
    for topics in 0..=4_u8 {
        for length in [0, 32, 1024, 32_768] {
            let title = format!("LOG{topics} of {length} bytes");
            // The remaining gas as a topic: another one each time.
            let body = Code::default().times(topics.into(), op::GAS).push(length).push(0);
            let setup = Code::default().push(0).push(length).op(op::MSTORE);
            let cost = 375 * (1 + u64::from(topics)) + 8 * length + 20;
            let opcode = op::LOG0 + topics;
            cases.push(repeated(title, opcode, setup, cost, body.op(opcode)).with_round(cost));
        }
    }
    cases
}

fn destructions() -> Vec<Case> {
    let mut cases = Vec::new();
    // The beneficiary is in the call's data.
    let callee = || Code::default().ops(&[op::PUSH0, op::CALLDATALOAD, op::SELFDESTRUCT]).bytes();
    for (title, absent) in [
        ("SELFDESTRUCT to cold accounts", false),
        ("SELFDESTRUCT with balance to cold addresses without account", true),
    ] {
        let case = Case::new(Group::Opcode, title, Subject::Opcode(op::SELFDESTRUCT), move |fork, gas| {
            let body = Code::default()
                .ops(&[op::DUP1, op::PUSH0, op::MSTORE, op::PUSH0, op::PUSH0, op::PUSH1, 32, op::PUSH0])
                .push(u64::from(absent))
                .address(CALLEE)
                .ops(&[op::GAS, op::CALL, op::POP])
                .ops(&increment());
            let new = price(fork, 25_000, 9000 + NEW_ACCOUNT) + price(fork, 9000, 11_300);
            let cost = 5_300 + cold_account(fork) + if absent { new } else { 0 };
            let code = Code::default().address(FIRST).repeat(cost, &body);
            let scene = Scene::call(fork, code)
                .with(CALLEE, Account { balance: U256::ZERO, ..Account::contract(callee()) });
            let count = gas / cost + 1;
            if absent {
                Scene { absent: (0..count).map(numbered).collect(), ..scene }.deep()
            } else {
                scene.with_many(count, |_| Account::plain()).deep()
            }
        });
        cases.push(if absent { case.with_round(220_000) } else { case });
    }
    // EIP-6780: only what was created in the same transaction is destroyed.
    let title = "SELFDESTRUCT of contracts that were just created";
    let case = Case::new(Group::Opcode, title, Subject::Opcode(op::SELFDESTRUCT), |fork, _| {
        let init: Bytes = vec![op::CALLER, op::SELFDESTRUCT].into();
        let body =
            Code::default().push(init.len() as u64).ops(&[op::PUSH0, op::PUSH1, 1, op::CREATE, op::POP]);
        let cost = price(fork, 32_000, 12_000 + NEW_ACCOUNT) + 5_000 + 200;
        Scene::call(fork, Code::with_data(&init).repeat(cost, &body))
    });
    cases.push(case.with_round(220_000));
    cases
}

//! Instructions compared with revm's.

use super::*;
use crate::word::Portable;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use core::convert::Infallible;
use rand::{Rng, SeedableRng, rngs::StdRng};
use revm::{
    Database,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    interpreter::{CallInput, InputsImpl, SharedMemory, interpreter::ExtBytecode},
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

/// Result of a code and, unless it failed, the remaining gas, the stack and the memory.
type Ended = (Option<InstructionResult>, Option<(u64, Vec<U256>, Vec<u8>)>);

/// Revm's context over accounts that no witness has.
type TestHost = revm::Context<BlockEnv, TxEnv, CfgEnv, Accounts>;

/// State in which every account has a balance of its own.
#[derive(Debug)]
struct Accounts;

impl Database for Accounts {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(Some(AccountInfo { balance: keccak256(address).into(), ..AccountInfo::default() }))
    }

    fn code_by_hash(&mut self, _: B256) -> Result<Bytecode, Infallible> {
        Ok(Bytecode::default())
    }

    fn storage(&mut self, _: Address, _: U256) -> Result<U256, Infallible> {
        Ok(U256::ZERO)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(keccak256(number.to_be_bytes()))
    }
}

/// Host of a block and a transaction whose words all differ.
fn host(spec: SpecId) -> TestHost {
    let block = BlockEnv {
        number: U256::from(0x0102_0304),
        beneficiary: Address::repeat_byte(0xbe),
        timestamp: U256::from(0x0506_0708_0900_u64),
        gas_limit: 0x1122_3344_5566,
        basefee: 77,
        difficulty: U256::from(5),
        prevrandao: Some(keccak256("prevrandao")),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 9, blob_gasprice: 1 << 70 }),
        slot_num: u64::MAX - 7,
    };
    let transaction = TxEnv {
        tx_type: 3,
        caller: Address::repeat_byte(0xca),
        gas_price: 1 << 80,
        gas_priority_fee: Some(1 << 65),
        blob_hashes: Vec::from([keccak256("first"), keccak256("second")]),
        ..TxEnv::default()
    };
    TestHost::new(Accounts, spec).with_block(block).with_tx(transaction)
}

fn gas_rules(spec: SpecId) -> GasRules {
    if spec.is_enabled_in(SpecId::AMSTERDAM) { GasRules::SinceAmsterdam } else { GasRules::UntilOsaka }
}

/// Tables of revm's instructions alone, and with the guest's own.
fn tables(spec: SpecId) -> [Table<TestHost>; 2] {
    let theirs = Table::<TestHost>::new_mainnet_with_spec(spec);
    let mut ours = theirs.clone();
    install::<Portable, _>(&mut ours, gas_rules(spec));
    [theirs, ours]
}

fn run(table: &Table<TestHost>, spec: SpecId, code: &Bytes, stack: &[U256]) -> Ended {
    run_with(table, spec, code, stack, 2_000)
}

fn run_with(table: &Table<TestHost>, spec: SpecId, code: &Bytes, stack: &[U256], gas: u64) -> Ended {
    run_bytecode(table, spec, Bytecode::new_legacy(code.clone()), stack, gas)
}

fn run_bytecode(table: &Table<TestHost>, spec: SpecId, code: Bytecode, stack: &[U256], gas: u64) -> Ended {
    // A call's data is either bytes, or a range of the caller's memory.
    let mut caller = SharedMemory::new();
    caller.resize(96);
    let data = Bytes::from((1..=77).collect::<Vec<u8>>());
    caller.set(5, &data);
    let input = match code.len() % 2 {
        0 => CallInput::Bytes(data),
        _ => CallInput::SharedBuffer(5..82),
    };
    let inputs = InputsImpl {
        target_address: Address::repeat_byte(0x81),
        caller_address: Address::with_last_byte(7),
        input,
        call_value: U256::MAX >> 9,
        ..InputsImpl::default()
    };
    let code = ExtBytecode::new(code);
    let mut interpreter =
        Interpreter::<EthInterpreter>::new(caller.new_child_context(), code, inputs, false, spec, gas);
    interpreter.stack.data_mut().extend_from_slice(stack);
    interpreter.return_data.0 = Bytes::from_static(&[1, 2, 3]);
    let mut host = host(spec);
    let action = interpreter.run_plain(table.instruction_table(), table.gas_table(), &mut host);
    // All failures are alike: the frame is undone, and its gas is consumed.
    let result = match action.instruction_result() {
        Some(result) if result.is_halt() && result != InstructionResult::FatalExternalError => {
            Some(InstructionResult::OutOfGas)
        }
        result => result,
    };
    let left = (
        interpreter.gas.remaining(),
        interpreter.stack.data().clone(),
        interpreter.memory.context_memory().to_vec(),
    );
    (result, result.is_none_or(|result| result.is_ok_or_revert()).then_some(left))
}

fn word(rng: &mut StdRng) -> U256 {
    let random = U256::from_limbs(rng.random());
    match rng.random_range(0..6) {
        0 => U256::from(rng.random_range(0..300u32)),
        1 => U256::MAX - U256::from(rng.random_range(0..3u32)),
        2 => (U256::ONE << 255) - U256::from(rng.random_range(0..2u32)),
        3 => random >> rng.random_range(0..256usize),
        _ => random,
    }
}

/// Instructions that read the block, the transaction or the frame.
const ENVIRONMENT: [u8; 17] = [
    opcode::ORIGIN,
    opcode::GASPRICE,
    opcode::COINBASE,
    opcode::TIMESTAMP,
    opcode::NUMBER,
    opcode::DIFFICULTY,
    opcode::GASLIMIT,
    opcode::CHAINID,
    opcode::SELFBALANCE,
    opcode::BASEFEE,
    opcode::BLOBHASH,
    opcode::BLOBBASEFEE,
    opcode::SLOTNUM,
    opcode::CODESIZE,
    opcode::PC,
    opcode::MSIZE,
    opcode::CLZ,
];

/// Random code, mostly of known instructions, with jumps that often hit a destination.
fn program(rng: &mut StdRng) -> Bytes {
    let mut code = Vec::new();
    for _ in 0..rng.random_range(1..120) {
        match rng.random_range(0..15) {
            0 => code.push(opcode::JUMPDEST),
            1 => {
                if rng.random() {
                    code.push(opcode::PUSH1);
                } else {
                    code.extend([opcode::PUSH2, 0]);
                }
                code.push(rng.random_range(0..opcode::DIFFICULTY));
                code.push([opcode::JUMP, opcode::JUMPI][rng.random_range(0..2)]);
            }
            2 => {
                let length = rng.random_range(0..=32);
                code.push(opcode::PUSH0 + length);
                // These bytes may be executed when other code is jumped over; then they don't call the host.
                code.extend((0..length).map(|_| rng.random::<u8>() & 0x9f));
            }
            // Instructions that are executed together with a `PUSH1` before them.
            3 => code.extend([
                opcode::PUSH1,
                // Executed as code, these bytes don't call the host.
                rng.random_range(0..0x20) + [0, 0x60][rng.random_range(0..2)],
                *[
                    0x01, 0x04, 0x06, 0x0a, 0x0b, 0x1a, 0x1b, 0x1c, 0x20, 0x35, 0x50, 0x51, 0x52, 0x53, 0x56,
                    0x60, 0x80,
                ]
                .get(rng.random_range(0..17))
                .expect("one of them"),
            ]),
            7 => {
                let opcode = ENVIRONMENT[rng.random_range(0..ENVIRONMENT.len())];
                code.extend([opcode, opcode]);
            }
            8 => {
                let copies = [opcode::CALLDATACOPY, opcode::CODECOPY, opcode::RETURNDATACOPY, opcode::MCOPY];
                let operands = [0; 3].map(|_: u8| [opcode::PUSH1, rng.random_range(0..40)]);
                code.extend(operands.into_iter().flatten());
                code.push(copies[rng.random_range(0..4)]);
            }
            4 => code.extend([opcode::SWAP1 + rng.random_range(0..16), opcode::POP]),
            5 => {
                let target = rng.random_range(0..opcode::DIFFICULTY);
                code.extend([opcode::ISZERO, opcode::PUSH2, 0, target, opcode::JUMPI]);
            }
            6 => code.push(
                *[
                    0x05, 0x09, 0x20, 0x53, 0x59, 0x5f, 0xf3, 0xfe, 0x0a, 0x30, 0x33, 0x34, 0x35, 0x36, 0x3d,
                    0x51, 0x52,
                ]
                .get(rng.random_range(0..17))
                .expect("one of them"),
            ),
            _ => code.push(
                *[0x01, 0x03, 0x0b, 0x10, 0x15, 0x1b, 0x50, 0x58, 0x5a, 0x5b, 0x80, 0x91, 0x61]
                    .get(rng.random_range(0..13))
                    .expect("one of them"),
            ),
        }
    }
    code.into()
}

#[test]
fn programs_run_as_with_revm() {
    let mut rng = StdRng::seed_from_u64(6);
    for spec in [SpecId::MERGE, SpecId::SHANGHAI, SpecId::OSAKA, SpecId::AMSTERDAM] {
        let [theirs, ours] = tables(spec);
        let mut ended = [0; 2];
        for _ in 0..4000 {
            let code = program(&mut rng);
            let stack = (0..rng.random_range(0..40)).map(|_| word(&mut rng)).collect::<Vec<_>>();
            let (expected, found) = (run(&theirs, spec, &code, &stack), run(&ours, spec, &code, &stack));
            assert_eq!(found, expected, "{code} on {stack:?}");
            ended[usize::from(found.1.is_some())] += 1;
        }
        assert!(ended.iter().all(|count| *count > 100), "{ended:?}");
    }
}

/// Codes that lack hints, that have checkpoints, and whose hints were tampered with; and init codes, short and long.
#[test]
fn hints_do_not_change_results() {
    let mut rng = StdRng::seed_from_u64(14);
    let [theirs, ours] = tables(SpecId::OSAKA);
    let (mut ended, mut jumped) = ([0; 2], 0);
    for _ in 0..6000 {
        let mut code = program(&mut rng).to_vec();
        if rng.random() {
            // After an end. Only a long code gets checkpoints if hints lack some.
            code.extend([opcode::STOP; 33]);
            code.resize(3000, opcode::JUMPDEST);
        }
        let code = Bytes::from(code);
        let stack = (0..rng.random_range(0..40)).map(|_| word(&mut rng)).collect::<Vec<_>>();
        let gas = if rng.random() { 2_000 } else { rng.random_range(0..200) };
        let expected = run_with(&theirs, SpecId::OSAKA, &code, &stack, gas);
        let mut hints = Vec::from([0, 0, 0, if rng.random() { 0xff } else { 0 }]);
        for _ in 0..rng.random_range(0..40) {
            hints.extend([rng.random_range(0..100), 0, 0, [0, 1, rng.random()][rng.random_range(0..3)]]);
        }
        let analyse = |hints: &[u8]| {
            let analyse_with_hints = bytecode::jump_hints::analyse_with_hints::<Portable>;
            bytecode::analyse(code.clone(), hints, analyse_with_hints, true)
        };
        let init_code = bytecode::analyse_init_code(code.clone());
        for (index, analysed) in
            [analyse(&[0; 4]), analyse(&[0, 0, 0, 0xff]), analyse(&hints), init_code].into_iter().enumerate()
        {
            let found = run_bytecode(&ours, SpecId::OSAKA, analysed, &stack, gas);
            assert_eq!(found, expected, "{index}: {code} on {stack:?} with {gas}");
        }
        ended[usize::from(expected.1.is_some())] += 1;
        jumped += usize::from(code.contains(&opcode::JUMP));
    }
    assert!(ended.iter().all(|count| *count > 100) && jumped > 1000, "{ended:?}, {jumped}");
}

/// Each way of jumping by checkpoints: alone, and together with the instructions before it, to a destination, into data, and
/// with all gas up to more than enough. Failures are those of the same code with all its destinations.
#[test]
fn jumps_by_checkpoints_are_those_by_the_table() {
    let [theirs, ours] = tables(SpecId::OSAKA);
    for target in [2_500_u16, 2_502, 2_503, 2_505, 2_507, 2_600, 2_999, 3_000, 4_000] {
        let [high, low] = target.to_be_bytes();
        let jumps: [&[u8]; 6] = [
            // PUSH2, JUMP; PUSH2, JUMPI; ISZERO, PUSH2, JUMPI.
            &[opcode::PUSH2, high, low, opcode::JUMP],
            &[opcode::PUSH1, 1, opcode::PUSH2, high, low, opcode::JUMPI],
            &[opcode::PUSH0, opcode::ISZERO, opcode::PUSH2, high, low, opcode::JUMPI],
            // With the target on the stack: alone.
            &[opcode::PUSH3, 0, high, low, opcode::JUMP],
            &[opcode::PUSH1, 7, opcode::PUSH3, 0, high, low, opcode::JUMPI],
            // After a PUSH1 that is executed together with it: PUSH2, PUSH1 0, ADD, JUMP.
            &[opcode::PUSH2, high, low, opcode::PUSH1, 0, opcode::ADD, opcode::JUMP],
        ];
        for jump in jumps {
            let mut code = jump.to_vec();
            code.push(opcode::STOP);
            // From 2500 on, with a JUMPDEST that is data at 2505.
            code.resize(2500, opcode::JUMPDEST);
            code.extend([opcode::JUMPDEST, opcode::PUSH1, opcode::GAS, opcode::JUMPDEST]);
            code.extend([opcode::PUSH2, opcode::JUMPDEST, opcode::STOP, opcode::JUMPDEST]);
            code.resize(2600, opcode::PUSH1);
            code.resize(2999, opcode::JUMPDEST);
            code.push(opcode::JUMPDEST);
            let code = Bytes::from(code);
            for gas in (0..40).chain([2_000, 1 << 40]) {
                let stack = [U256::from(9), U256::MAX];
                let expected = run_with(&theirs, SpecId::OSAKA, &code, &stack, gas);
                let init_code = bytecode::analyse_init_code(code.clone());
                let found = run_bytecode(&ours, SpecId::OSAKA, init_code, &stack, gas);
                assert_eq!(found, expected, "{target} by {jump:x?} with {gas}");
            }
        }
    }
}

/// In runs of the other tests, gas is too scarce for exponents but zero.
#[test]
fn powers_are_those_of_a_library() {
    let mut rng = StdRng::seed_from_u64(8);
    for turn in 0..2_000_usize {
        let (base, exponent) = (word(&mut rng), word(&mut rng) >> (turn % 300));
        let (mut square, mut power) = (base, exponent);
        let parts = arithmetic::Parts::new(&exponent);
        parts.power::<Portable>(&mut square, &mut power);
        assert_eq!(power, base.wrapping_pow(exponent), "{base:#x} to the power of {exponent:#x}");
        assert_eq!(parts.bytes() as usize, exponent.bit_len().div_ceil(8), "{exponent:#x}");
    }
}

/// More gas than the loop's number can hold.
#[test]
fn gas_beyond_32_bits_is_spent_as_well() {
    let [theirs, ours] = tables(SpecId::OSAKA);
    let code = Bytes::from_static(&[opcode::PUSH1, 1, opcode::DUP1, opcode::ADD]);
    for gas in [i32::MAX as u64 - 1, i32::MAX as u64 + 7, u64::from(u32::MAX) + 7, u64::MAX] {
        let (expected, found) = (
            run_with(&theirs, SpecId::OSAKA, &code, &[], gas),
            run_with(&ours, SpecId::OSAKA, &code, &[], gas),
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn they_do_what_those_of_revm_do() {
    let mut rng = StdRng::seed_from_u64(5);
    for spec in [SpecId::MERGE, SpecId::OSAKA, SpecId::AMSTERDAM] {
        let [theirs, ours] = tables(spec);
        for opcode in (0..=u8::MAX).filter(|opcode| is_known(*opcode)) {
            for _ in 0..60 {
                // Once or twice: the first reads what the second finds.
                let mut code = alloc::vec![opcode; rng.random_range(1..=2)];
                code.extend([0x5b, rng.random_range(0..4), 0x5b]);
                let code = Bytes::from(code);
                let length = match rng.random_range(0..4) {
                    0 => rng.random_range(0..20),
                    1 => rng.random_range(STACK_LIMIT - 2..=STACK_LIMIT),
                    _ => 20,
                };
                let mut stack = (0..length).map(|_| word(&mut rng)).collect::<Vec<_>>();
                if let ([.., b, a], true) = (&mut stack[..], rng.random_bool(0.2)) {
                    *b = *a;
                }
                let (expected, found) = (run(&theirs, spec, &code, &stack), run(&ours, spec, &code, &stack));
                assert_eq!(found, expected, "{opcode:#x} on {stack:?}");
            }
        }
    }
}

/// Words of the environment, read three times with all gas up to more than enough, below the stack's limits.
#[test]
fn words_are_read_as_with_revm() {
    let spec_ids = [SpecId::MERGE, SpecId::CANCUN, SpecId::OSAKA, SpecId::AMSTERDAM];
    let mut ended = [0; 2];
    for spec in spec_ids {
        let [theirs, ours] = tables(spec);
        for opcode in ENVIRONMENT {
            for code in [&[opcode; 3][..], &[opcode, opcode::POP, opcode, opcode::ADD, opcode]] {
                let code = Bytes::copy_from_slice(code);
                for length in [0, 1, 3, STACK_LIMIT - 3, STACK_LIMIT - 2, STACK_LIMIT - 1, STACK_LIMIT] {
                    for gas in 0..22 {
                        // The last words are indices of blobs.
                        let stack = (0..length).map(|index| U256::from(index % 4)).collect::<Vec<_>>();
                        let expected = run_with(&theirs, spec, &code, &stack, gas);
                        let found = run_with(&ours, spec, &code, &stack, gas);
                        assert_eq!(found, expected, "{spec:?} {code} on {length} words with {gas}");
                        ended[usize::from(found.1.is_some())] += 1;
                    }
                }
            }
        }
    }
    assert!(ended.iter().all(|count| *count > 100), "{ended:?}");
}

/// Leading zeros of all powers of two, and of their neighbours.
#[test]
fn leading_zeros_are_those_of_a_library() {
    let [_, table] = tables(SpecId::OSAKA);
    let code = Bytes::from_static(&[opcode::CLZ]);
    for bit in 0..256_usize {
        let power: U256 = U256::ONE << bit;
        for word in [power - U256::ONE, power, power + U256::ONE, !power] {
            let (_, left) = run(&table, SpecId::OSAKA, &code, &[word]);
            assert_eq!(left.unwrap().1, [U256::from(word.leading_zeros())], "{word:#x}");
        }
    }
}

/// Copies within memory and beyond its end, from within what is copied and beyond its end.
#[test]
fn copies_are_those_of_revm() {
    let mut rng = StdRng::seed_from_u64(9);
    for spec in [SpecId::MERGE, SpecId::OSAKA, SpecId::AMSTERDAM] {
        let [theirs, ours] = tables(spec);
        let mut ended = [0; 2];
        for opcode in
            [opcode::CALLDATACOPY, opcode::CODECOPY, opcode::RETURNDATACOPY, opcode::MCOPY, opcode::MSTORE8]
        {
            for _ in 0..2_000 {
                let mut number = || match rng.random_range(0..12) {
                    0 => U256::from(u32::MAX - rng.random_range(0..2)),
                    1 => U256::from(1_u64 << 32),
                    2 => U256::MAX,
                    3 => U256::from(rng.random_range(60..130)),
                    4..6 => U256::ZERO,
                    _ => U256::from(rng.random_range(0..40)),
                };
                let stack = [number(), number(), number(), number(), U256::MAX / U256::from(7)];
                // Two words of memory, then the copy, and the size of memory.
                let mut code = Vec::from([opcode::DUP1, opcode::PUSH0, opcode::MSTORE]);
                code.extend([opcode::PUSH1, 32, opcode::MSTORE, opcode, opcode::MSIZE, opcode::PC]);
                if spec == SpecId::MERGE {
                    code[1] = opcode::RETURNDATASIZE;
                }
                // Of even and of odd length, for both kinds of data.
                code.resize(code.len() + rng.random_range(0..2), opcode::JUMPDEST);
                let (code, gas) = (Bytes::from(code), rng.random_range(20..90));
                let (expected, found) =
                    (run_with(&theirs, spec, &code, &stack, gas), run_with(&ours, spec, &code, &stack, gas));
                assert_eq!(found, expected, "{spec:?} {code} on {stack:?} with {gas}");
                ended[usize::from(found.1.is_some())] += 1;
            }
        }
        assert!(ended.iter().all(|count| *count > 100), "{ended:?}");
    }
}

/// EIP-8024. The last byte of a code has its immediate in the padding, which is longer than revm's.
#[test]
fn immediates_are_read_as_with_revm() {
    let mut rng = StdRng::seed_from_u64(8);
    let [theirs, ours] = tables(SpecId::AMSTERDAM);
    let mut ended = [0; 2];
    for opcode in [opcode::DUPN, opcode::SWAPN, opcode::EXCHANGE] {
        for immediate in (0..=u8::MAX).map(Some).chain([None]) {
            let end = immediate.map_or(Vec::from([opcode]), |byte| Vec::from([opcode, byte, opcode::PUSH0]));
            // Alone, and after instructions of the loop.
            for start in [&[][..], &[opcode::PUSH1, 7, opcode::POP]] {
                let code = Bytes::from([start, &end].concat());
                for length in [0, 16, 17, 30, 144, 145, 236, STACK_LIMIT - 1, STACK_LIMIT] {
                    let stack = (0..length).map(|_| word(&mut rng)).collect::<Vec<_>>();
                    let expected = run(&theirs, SpecId::AMSTERDAM, &code, &stack);
                    let analysed = bytecode::analyse(
                        code.clone(),
                        &[],
                        bytecode::jump_hints::analyse_with_hints::<Portable>,
                        true,
                    );
                    let found = run_bytecode(&ours, SpecId::AMSTERDAM, analysed, &stack, 2_000);
                    assert_eq!(found, expected, "{code} on {length} words");
                    ended[usize::from(found.1.is_some())] += 1;
                }
            }
        }
    }
    assert!(ended.iter().all(|count| *count > 100), "{ended:?}");
}

/// EIP-8038 changes the static gas of two instructions, which the loop leaves to revm.
#[test]
fn static_gas_is_that_of_the_fork() {
    for (spec, gas) in [(SpecId::MERGE, 100), (SpecId::OSAKA, 100), (SpecId::AMSTERDAM, 200)] {
        let [theirs, ours] = tables(spec);
        for opcode in 0..=u8::MAX {
            let expected = if is_known(opcode) { 0 } else { theirs.gas_table()[usize::from(opcode)] };
            assert_eq!(ours.gas_table()[usize::from(opcode)], expected, "{opcode:#x}");
        }
        for opcode in [opcode::EXTCODESIZE, opcode::EXTCODECOPY] {
            assert_eq!(ours.gas_table()[usize::from(opcode)], gas);
            // After an instruction of the loop, which takes this gas itself.
            let code = Bytes::copy_from_slice(&[opcode::PUSH0, opcode]);
            for left in [gas + 1, gas + 2, gas + 3] {
                let stack = [U256::ZERO; 3];
                let left = u64::from(left);
                assert_eq!(
                    run_with(&ours, spec, &code, &stack, left),
                    run_with(&theirs, spec, &code, &stack, left),
                    "{opcode:#x} with {left}"
                );
            }
        }
    }
}

/// The tests' host has no run that could be stopped; only the instruction fails.
impl bound::Stop for TestHost {
    fn stop(&mut self, _: crate::error::Unsupported) {}
}

/// Both forms of a memory that wraps around 32 bits, and neighbours. Memory that is paid for stops the run,
/// memory that is not fails the frame. Neither ever gives memory that was not there.
#[test]
fn memory_is_bounded() {
    let [mut checked, ours] = tables(SpecId::OSAKA);
    bound::install(&mut checked);
    let limit = bound::LIMIT as u64;
    let mut counts = [0; 3];
    for k in 20..64 {
        for offset in [(1 << k) - 64, (1 << k) - 33, (1 << k) - 32, (1 << k) - 31, (1_u64 << k) - 1, 1 << k] {
            for gas in (30..63).map(|bits| 1 << bits).chain([u64::MAX]) {
                // PUSH8 offset, MLOAD, POP, MSIZE.
                let mut code = Vec::from([opcode::PUSH8]);
                code.extend(offset.to_be_bytes());
                code.extend([opcode::MLOAD, opcode::POP, opcode::MSIZE]);
                // Large memory below the bound is skipped: natively it would take up to 128 MiB a run.
                let end = offset + 32;
                let words = u128::from(end.div_ceil(32));
                let is_paid = 3 * words + words * words / 512 + 3 + 3 <= u128::from(gas);
                if is_paid && end <= limit && end > limit >> 6 {
                    continue;
                }
                let code = Bytes::from(code);
                let [a, b] = [&ours, &checked].map(|table| run_with(table, SpecId::OSAKA, &code, &[], gas));
                assert_eq!(a, b, "{offset} {gas}");
                let (kind, expected) = match (is_paid, end <= limit) {
                    (true, true) => (0, None),
                    (true, false) => (1, Some(InstructionResult::FatalExternalError)),
                    (false, _) => (2, Some(InstructionResult::OutOfGas)),
                };
                counts[kind] += 1;
                match expected {
                    None => assert_eq!(a.1.unwrap().1, [U256::from(end.next_multiple_of(32))]),
                    Some(result) => assert_eq!(a.0, Some(result), "{offset} {gas}"),
                }
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

/// Every instruction that lets memory grow, with ranges beyond the bound by their offset, their length or
/// both.
#[test]
fn every_range_is_bounded() {
    let [_, table] = tables(SpecId::OSAKA);
    let huge = U256::from(u64::from(u32::MAX) - 7);
    // Words on the stack, from the top: 1 is an offset or a length beyond the bound.
    let cases: [(u8, &[&[u8]]); 19] = [
        (opcode::MLOAD, &[&[1]]),
        (opcode::MSTORE, &[&[1, 0]]),
        (opcode::MSTORE8, &[&[1, 0]]),
        (opcode::KECCAK256, &[&[1, 2], &[0, 1]]),
        (opcode::CALLDATACOPY, &[&[1, 0, 2], &[0, 0, 1]]),
        (opcode::CODECOPY, &[&[1, 0, 2], &[0, 0, 1]]),
        (opcode::MCOPY, &[&[1, 0, 2], &[0, 1, 2], &[0, 0, 1]]),
        (opcode::LOG0, &[&[1, 2], &[0, 1]]),
        (opcode::LOG1, &[&[1, 2, 0], &[0, 1, 0]]),
        (opcode::LOG2, &[&[1, 2, 0, 0], &[0, 1, 0, 0]]),
        (opcode::LOG3, &[&[1, 2, 0, 0, 0], &[0, 1, 0, 0, 0]]),
        (opcode::LOG4, &[&[1, 2, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 0]]),
        (opcode::CREATE, &[&[0, 1, 2], &[0, 0, 1]]),
        (opcode::CREATE2, &[&[0, 1, 2, 0], &[0, 0, 1, 0]]),
        (
            opcode::CALL,
            &[&[0, 0, 0, 1, 2, 0, 0], &[0, 0, 0, 0, 1, 0, 0], &[0, 0, 0, 0, 0, 1, 2], &[0, 0, 0, 0, 0, 0, 1]],
        ),
        (opcode::CALLCODE, &[&[0, 0, 0, 1, 2, 0, 0], &[0, 0, 0, 0, 0, 0, 1]]),
        (opcode::DELEGATECALL, &[&[0, 0, 1, 2, 0, 0], &[0, 0, 0, 1, 0, 0], &[0, 0, 0, 0, 1, 2]]),
        (opcode::STATICCALL, &[&[0, 0, 1, 2, 0, 0], &[0, 0, 0, 0, 0, 1]]),
        (opcode::RETURN, &[&[1, 2], &[0, 1]]),
    ];
    for (opcode, stacks) in cases {
        for stack in stacks {
            let words = |word: &u8| [U256::ZERO, huge, U256::from(40)][usize::from(*word)];
            let stack = stack.iter().rev().map(words).collect::<Vec<_>>();
            // Alone, and after instructions of the loop.
            for code in [&[opcode][..], &[opcode::PUSH0, opcode::POP, opcode]] {
                let code = Bytes::copy_from_slice(code);
                for (gas, expected) in
                    [(1 << 62, InstructionResult::FatalExternalError), (1 << 40, InstructionResult::OutOfGas)]
                {
                    let (result, _) = run_with(&table, SpecId::OSAKA, &code, &stack, gas);
                    assert_eq!(result, Some(expected), "{opcode:#x} on {stack:?} with {gas}");
                }
            }
        }
    }
}

/// Revm's memory is built with its checks; without them this would be undefined behaviour.
#[test]
#[should_panic = "slice OOB"]
fn revm_checks_its_memory() {
    let mut memory = SharedMemory::new();
    memory.resize(64);
    drop(memory.slice_len(40, 32));
}

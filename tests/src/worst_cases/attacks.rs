//! Known attacks on whoever executes a block, and what transactions cost by themselves.

use super::{
    Case, Group, Subject,
    assembler::{Code, increment},
    opcodes::dense,
    scene::{
        Account, CONTRACT, Depth, FIRST, Plan, Scene, numbered, signature, signed, signer_address,
        transaction,
    },
    state_access::{cold_account, price},
};
use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::bytecode::opcode as op;
use zeno_guest_evm::{Transaction, chain::Fork};

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = executions();
    cases.extend(transfers());
    cases.extend(data());
    cases.extend(access_lists());
    cases.extend(authorizations());
    cases.extend(blocks());
    cases
}

/// Case of transactions that nothing more is known of than that they succeed.
fn case(name: impl Into<String>, make: impl Fn(Fork, u64) -> Scene + Send + Sync + 'static) -> Case {
    Case::new(Group::Attack, name, Subject::Transactions, make)
}

fn executions() -> Vec<Case> {
    let mut cases = Vec::new();
    // Each frame repeats the call for as long as it has gas: as deep as 63 of 64 parts of the gas reach (EIP-150).
    // One call a round, because it may use what the frame does not keep.
    const ROUND: u64 = 20_001;
    for (name, opcode) in [("CALL", op::CALL), ("DELEGATECALL", op::DELEGATECALL)] {
        cases.push(case(format!("Deep calls, {name}"), move |fork, _| {
            let operands = if opcode == op::CALL { 5 } else { 4 };
            let body =
                Code::default().times(operands, op::PUSH0).ops(&[op::ADDRESS, op::GAS, opcode, op::POP]);
            Scene::call(fork, Code::default().repeat(ROUND, &body))
        }));
        cases.push(case(format!("Deep calls with 2 KiB of memory each, {name}"), move |fork, _| {
            let operands = if opcode == op::CALL { 5 } else { 4 };
            let body = Code::default()
                .push(2048)
                .ops(&[op::MLOAD, op::POP])
                .times(operands, op::PUSH0)
                .ops(&[op::ADDRESS, op::GAS, opcode, op::POP]);
            Scene::call(fork, Code::default().repeat(ROUND, &body))
        }));
    }
    // All instructions of a frame are undone by its end.
    let frames = case("Frames that write 20 slots and revert", |fork, _| {
        let write = (0..20).fold(Code::default(), |code, slot| code.push(2).push(slot).op(op::SSTORE));
        let callee = write.ops(&[op::PUSH0, op::PUSH0, op::REVERT]).bytes();
        let body = super::assembler::call_top();
        let caller =
            Code::default().address(super::scene::CALLEE).repeat(price(fork, 101_000, 245_000), &body);
        let slots = (0..20).map(|slot| (U256::from(slot), U256::ONE)).collect();
        let callee = Account { storage: slots, ..Account::contract(callee) };
        Scene::call(fork, caller).with(super::scene::CALLEE, callee)
    });
    cases.push(frames.with_round(245_000));
    // EIP-8037: a block has as much state gas as other gas. Each round uses the same of both.
    let case_of_both = case("New slots, with multiplications for as much gas", |fork, _| {
        let mut body = Code::default().ops(&[op::DUP1, op::DUP1, op::SSTORE]).ops(&increment());
        let product = Code::default().ops(&[op::DUP1, op::DUP1, op::DUP1, op::MULMOD, op::POP]).bytes();
        for _ in 0..4_500 {
            body = body.raw(&product);
        }
        Scene::call(fork, Code::default().word(dense(1)).repeat(200_000, &body)).deep()
    });
    cases.push(case_of_both.since_amsterdam().with_round(200_000));
    // Accounts that exist beside others that only they are near to: each access list's own worst case.
    let depth = Depth { levels: 15, width: 16 };
    cases.push(case("BALANCE, cold accounts below 15 full branches", move |fork, gas| {
        let count = gas / cold_account(fork);
        let body = Code::default().ops(&[op::DUP1, op::BALANCE, op::POP]).ops(&increment());
        let code = Code::default().address(FIRST).repeat(cold_account(fork) + 20, &body);
        Scene::call(fork, code).with_many(count, |_| Account::plain()).with_depth(depth)
    }));
    cases.push(case("SLOAD, cold slots below 15 full branches", move |fork, gas| {
        let body = Code::default().ops(&[op::DUP1, op::SLOAD, op::POP]).ops(&increment());
        let code = Code::default().push(0).repeat(2111, &body);
        Scene::call(fork, code).with_slots(gas / 2100).with_depth(depth)
    }));
    // Many contracts with a storage of their own each.
    cases.push(case("Cold contracts that each read a cold slot", |fork, gas| {
        let callee = Bytes::from(vec![op::PUSH0, op::SLOAD, op::STOP]);
        let count = gas / (cold_account(fork) + 2100);
        let body = super::assembler::call_top().ops(&increment());
        let code = Code::default().address(FIRST).repeat(cold_account(fork) + 2200, &body);
        let account = move |index| Account {
            storage: [(U256::ZERO, U256::from(index + 1))].into(),
            ..Account::contract(callee.clone())
        };
        Scene::call(fork, code).with_many(count, account).deep()
    }));
    cases
}

/// Senders of as many transactions as this gas pays for, all with accounts.
fn senders(scene: Scene, count: u64) -> Scene {
    (0..count).fold(scene, |scene, index| {
        scene.with(signer_address(index), Account { nonce: 0, ..Account::plain() })
    })
}

fn transfers() -> Vec<Case> {
    let mut cases = Vec::new();
    let transfer = |to: Address, gas: u64, value: u64| TxEip1559 {
        value: U256::from(value),
        ..transaction(0, to, gas, Bytes::new())
    };
    cases.push(case("Transfers between accounts", move |fork, gas| {
        let count = gas / 21_000;
        let list = (0..count).map(|index| signed(transfer(numbered(index), 21_000, 1), index)).collect();
        senders(Scene::list(fork, list).with_many(count, |_| Account::plain()), count).deep()
    }));
    let to_new = case("Transfers to new accounts", move |fork, gas| {
        let price = price(fork, 21_000, 21_000 + 183_600);
        let count = gas / price;
        let list = (0..count).map(|index| signed(transfer(numbered(index), price, 1), index)).collect();
        let absent = (0..count).map(numbered).collect();
        senders(Scene { absent, ..Scene::list(fork, list) }, count).deep()
    });
    cases.push(to_new.with_round(205_000));
    // EIP-2780: 12,000 gas since Amsterdam.
    cases.push(case("Transactions to their own senders", move |fork, gas| {
        let price = price(fork, 21_000, 12_000);
        let count = gas / price;
        let list = (0..count).map(|index| signed(transfer(signer_address(index), price, 0), index)).collect();
        senders(Scene::list(fork, list), count).deep()
    }));
    cases
}

/// Least gas of a transaction to another account (EIPs 2028, 2930, 7623; since Amsterdam EIPs 2780, 7976, 7981, 8038).
fn intrinsic_gas(fork: Fork, data: &[u8], addresses: u64, keys: u64) -> u64 {
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let others = data.len() as u64 - zeros;
    let execution = 4 * zeros + 16 * others;
    if fork >= Fork::Amsterdam {
        let listed = 1280 * addresses + 2048 * keys;
        let base = 15_000 + listed;
        (base + execution + 2900 * addresses + 2000 * keys).max(base + 64 * data.len() as u64)
    } else {
        let execution = 21_000 + execution + 2400 * addresses + 1900 * keys;
        execution.max(21_000 + 10 * zeros + 40 * others)
    }
}

/// Transactions of one sender with this data each.
fn with_data(fork: Fork, gas: u64, data: &Bytes) -> Scene {
    let price = intrinsic_gas(fork, data, 0, 0);
    let list = (0..gas / price).map(|nonce| signed(transaction(nonce, numbered(0), price, data.clone()), 0));
    let list = list.collect::<Vec<Transaction>>();
    Scene::list(fork, list).with(numbered(0), Account::plain())
}

fn data() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, byte) in [("zeros", 0), ("bytes that are not zero", 0xab)] {
        let of = case(format!("Data of {name}, 4 KiB a transaction"), move |fork, gas| {
            with_data(fork, gas, &vec![byte; 4096].into())
        });
        cases.push(of.with_round(280_000));
    }
    // Longer ones cost less, but for the share of the transaction.
    let longer = case("Data of zeros, 24 KiB a transaction", |fork, gas| {
        with_data(fork, gas, &vec![0; 24_576].into())
    });
    cases.push(longer.with_round(1_600_000));
    // Data that is used: by EIP-7623 and EIP-7976, execution pays for it at 4 gas a zero.
    let used = case("Data of zeros that is hashed", |fork, _| {
        let body = Code::default()
            .ops(&[op::CALLDATASIZE, op::PUSH0, op::PUSH0, op::CALLDATACOPY])
            .ops(&[op::GAS, op::PUSH0, op::MSTORE])
            .ops(&[op::CALLDATASIZE, op::PUSH0, op::KECCAK256, op::POP]);
        let code = Code::default().repeat(120 + 9 * 128, &body);
        Scene { plan: Plan::Calls(vec![0; 4096].into()), ..Scene::call(fork, code) }
    });
    cases.push(used.with_round(280_000));
    cases
}

fn access_lists() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, addresses, keys) in
        [("addresses", 40_u64, 0_u64), ("slots", 1, 40), ("addresses with a slot each", 20, 20)]
    {
        let of = case(format!("Access lists of {name}"), move |fork, gas| {
            let price = intrinsic_gas(fork, &[], addresses, keys);
            let count = gas / price;
            let list = (0..count).map(|index| {
                let item = |item: u64| AccessListItem {
                    address: if addresses == 1 { CONTRACT } else { numbered(addresses * index + item) },
                    storage_keys: (0..keys / addresses)
                        .map(|key| B256::from(U256::from(keys * index + key)))
                        .collect(),
                };
                let access_list = AccessList((0..addresses).map(item).collect());
                let call = TxEip2930 {
                    chain_id: 1,
                    nonce: index,
                    gas_price: 1_000_000_000,
                    gas_limit: price,
                    to: TxKind::Call(numbered(0)),
                    access_list,
                    ..TxEip2930::default()
                };
                signed(call, 0)
            });
            let scene = Scene::list(fork, list.collect()).with_slots(if keys > 0 { count * keys } else { 0 });
            scene.with_many(count * addresses, |_| Account::plain()).deep()
        });
        cases.push(of.with_round(200_000));
    }
    cases
}

/// Number of authorizations of a transaction.
const AUTHORIZATIONS: u64 = 4;

fn authorizations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, nonce, exists) in [
        ("of accounts that exist", 0, true),
        ("of new accounts", 0, false),
        ("with another nonce, which do nothing", 7, true),
    ] {
        let of = case(format!("Authorizations {name}"), move |fork, gas| {
            let applied = 9000 + 35_190 + if exists { 0 } else { 183_600 };
            // EIP-7702; since Amsterdam EIP-2780, and what those pay that are applied.
            let each = price(fork, 25_000, 7816 + if nonce == 0 { applied } else { 0 });
            let gas_limit = price(fork, 21_000, 15_000) + AUTHORIZATIONS * each;
            let count = gas / gas_limit;
            let list = (0..count).map(|index| {
                let authorize = |item: u64| {
                    let authorization = Authorization { chain_id: U256::ONE, address: CONTRACT, nonce };
                    let signer = 1 + AUTHORIZATIONS * index + item;
                    let signature = signature(signer, &authorization.signature_hash());
                    authorization.into_signed(signature)
                };
                let call = TxEip7702 {
                    chain_id: 1,
                    nonce: index,
                    gas_limit,
                    max_fee_per_gas: 1_000_000_000,
                    max_priority_fee_per_gas: 1,
                    to: numbered(0),
                    authorization_list: (0..AUTHORIZATIONS).map(authorize).collect(),
                    ..TxEip7702::default()
                };
                signed(call, 0)
            });
            let scene = Scene::list(fork, list.collect()).with(numbered(0), Account::plain());
            let authorities = AUTHORIZATIONS * count + 1;
            if exists {
                senders(scene, authorities).deep()
            } else {
                let absent = (1..authorities).map(signer_address).collect();
                Scene { absent, ..scene }.deep()
            }
        });
        cases.push(of.with_round(if exists { 230_000 } else { 1_000_000 }));
    }
    cases
}

/// Costs of a block that no gas pays for.
fn blocks() -> Vec<Case> {
    let once = |name: &str, make: fn(Fork) -> Scene| {
        Case::new(Group::Block, name, Subject::Transactions, move |fork, _| make(fork))
    };
    vec![
        once("Block without transactions", |fork| Scene::list(fork, Vec::new())),
        once("Block without transactions, deep tries", |fork| Scene::list(fork, Vec::new()).deep()),
        once("BLOCKHASH of the oldest of 256 ancestors", |fork| {
            let code = Code::default().push(super::scene::NUMBER - 256).op(op::BLOCKHASH).bytes();
            let call = signed(transaction(0, CONTRACT, 30_000, Bytes::new()), 0);
            let scene = Scene { ancestors: 255, ..Scene::call(fork, code) };
            Scene { plan: Plan::List(vec![call]), ..scene }
        }),
    ]
}

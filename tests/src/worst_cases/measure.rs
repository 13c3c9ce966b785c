//! Price of a case by a unit of gas.

use super::{
    Case, Group, Subject,
    hashing::RATE,
    scene::{Built, Prepared},
};
use zeno_guest_evm::chain::Fork;

/// Greatest gas of a case's blocks, unless the case or the user wants another. It is enough for the difference of two
/// blocks to have some rounds of every loop, and little enough to run all cases in minutes.
pub const GAS: u64 = 1_000_000;
/// Gas of the greater block, in that of the smaller one.
const RATIO: u64 = 4;
/// Least number of rounds that the greater block has gas for.
const ROUNDS: u64 = 10;
/// Unit of gas by which costs are given.
const MEGA: u128 = 1_000_000;

/// Cost of a run of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Number of instructions.
    pub instructions: u64,
    /// Cells of the tables that they fill.
    pub cells: u64,
}

/// Cost of a case at the prices of a fork: by a million gas, or of a block if it is of [`Group::Block`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Name of the case.
    pub name: String,
    /// The fork.
    pub fork: Fork,
    /// Gas that the greater block used.
    pub gas_used: u64,
    /// Instructions.
    pub instructions: u64,
    /// Cells.
    pub cells: u64,
    /// Bytes that Keccak takes at least, in whole blocks of the sponge.
    pub hashed: u64,
}

/// Gas of the smaller and of the greater block of a case.
pub fn gas_of(case: &Case, gas: u64) -> [u64; 2] {
    let greater = (gas / case.divisor).max(ROUNDS * case.round);
    [greater / RATIO, greater]
}

/// Makes the smaller and the greater block of a case, on the same state. A case of [`Group::Block`] has one block.
///
/// # Errors
/// A block that is not valid, or that does something else than the case says.
pub fn build(case: &Case, fork: Fork, gas: u64) -> Result<Vec<Built>, String> {
    let [smaller, greater] = gas_of(case, gas);
    let prepared: Prepared = case.scene(fork, greater).prepare();
    if case.group == Group::Block {
        return Ok(vec![prepared.block(greater)?]);
    }
    let blocks = [smaller, greater]
        .into_iter()
        .map(|gas| {
            let built = prepared.block(gas).map_err(|error| format!("with {gas} gas: {error}"))?;
            check(case, &built).map_err(|error| format!("with {gas} gas: {error}"))?;
            Ok(built)
        })
        .collect::<Result<Vec<_>, String>>()?;
    if blocks[1].gas_used < 2 * blocks[0].gas_used {
        let [less, more] = [&blocks[0], &blocks[1]].map(|built| built.gas_used);
        return Err(format!("the two blocks use {less} and {more} gas, which is too near"));
    }
    Ok(blocks)
}

/// Checks that the block does what the case says.
fn check(case: &Case, built: &Built) -> Result<(), String> {
    let Built { trace, gas_used, failed, transactions, .. } = built;
    if *failed > 0 || *transactions == 0 {
        return Err(format!("{failed} of {transactions} transactions fail, but all should succeed"));
    }
    match case.subject {
        Subject::Transactions => Ok(()),
        Subject::Opcode(opcode) => {
            let (count, gas) = (trace.counts[usize::from(opcode)], trace.gas[usize::from(opcode)]);
            let all = trace.instructions();
            if count > 0 && (20 * count >= all || 5 * gas >= *gas_used) {
                return Ok(());
            }
            Err(format!(
                "only {count} of {all} instructions, and {gas} of {gas_used} gas, are the case's own"
            ))
        }
        Subject::Precompile { address, succeeds } => {
            let counts = trace.precompiles.get(&address).copied().unwrap_or_default();
            let [right, wrong] = if succeeds { counts } else { [counts[1], counts[0]] };
            if right > 0 && wrong == 0 {
                return Ok(());
            }
            Err(format!("{} calls of {address} succeed, and {} fail", counts[0], counts[1]))
        }
    }
}

/// Measures a case at the prices of a fork. `execute` runs the guest on a block, and returns what that costs.
///
/// # Errors
/// A block that can't be made, or that the guest refuses.
pub fn measure(
    case: &Case,
    fork: Fork,
    gas: u64,
    execute: &mut dyn FnMut(&Built) -> Result<Cost, String>,
) -> Result<Row, String> {
    let blocks = build(case, fork, gas)?;
    let costs = blocks.iter().map(execute).collect::<Result<Vec<_>, String>>()?;
    let row = |gas_used, instructions, cells, permutations: u64| Row {
        name: case.name.clone(),
        fork,
        gas_used,
        instructions,
        cells,
        hashed: RATE * permutations,
    };
    match (&blocks[..], &costs[..]) {
        ([built], [cost]) => Ok(row(built.gas_used, cost.instructions, cost.cells, built.permutations)),
        ([less, more], [low, high]) => {
            let gas = more.gas_used - less.gas_used;
            let each = |low: u64, high: u64, what: &str| {
                let extra = high.checked_sub(low).ok_or_else(|| {
                    format!("the greater block has {high} {what}, fewer than the smaller one's {low}")
                })?;
                Ok::<u64, String>((u128::from(extra) * MEGA / u128::from(gas)) as u64)
            };
            Ok(row(
                more.gas_used,
                each(low.instructions, high.instructions, "instructions")?,
                each(low.cells, high.cells, "cells")?,
                // Two blocks may differ in a few nodes of tries that one of them happens to change.
                each(less.permutations, more.permutations.max(less.permutations), "permutations")?,
            ))
        }
        _ => unreachable!("a case has one block or two"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worst_cases::{opcodes, precompiles};

    fn case(name: &str) -> Case {
        let found = |cases: Vec<Case>| cases.into_iter().find(|case| case.name == name);
        found(opcodes::cases()).or_else(|| found(precompiles::cases())).expect("there is such a case")
    }

    /// A guest that costs 1000 cells, 3 more by gas, and 10 by permutation.
    fn linear(built: &Built) -> Result<Cost, String> {
        let cells = 1000 + 3 * built.gas_used + 10 * built.permutations;
        Ok(Cost { instructions: 7 + built.gas_used / 2, cells })
    }

    #[test]
    fn what_both_blocks_have_in_common_drops_out() {
        let row = measure(&case("ADD"), Fork::Osaka, GAS, &mut linear).unwrap();
        assert!(row.instructions.abs_diff(500_000) <= 2, "{row:?}");
        assert!(row.cells.abs_diff(3_000_000) <= 100, "{row:?}");
        assert!(row.gas_used > 900_000, "{row:?}");
    }

    #[test]
    fn hashes_are_counted_by_the_gas_that_pays_for_them() {
        // 30 gas, and 6 for each of 2048 words: 482 permutations. Some gas is for the loop around it.
        let row = measure(&case("KECCAK256 of 65536 bytes"), Fork::Osaka, GAS, &mut linear).unwrap();
        let expected = 136 * 482 * 1_000_000 / (30 + 6 * 2048);
        assert!(row.hashed.abs_diff(expected) < expected / 50, "{row:?}, {expected}");
    }

    #[test]
    fn an_error_of_the_guest_is_the_measurement_s() {
        let error = measure(&case("ADD"), Fork::Osaka, GAS, &mut |_| Err("no".into())).unwrap_err();
        assert_eq!(error, "no");
    }

    #[test]
    fn a_case_that_does_something_else_is_refused() {
        let wrong = Case { subject: Subject::Opcode(0x04), ..case("ADD") };
        assert!(build(&wrong, Fork::Osaka, GAS).unwrap_err().contains("only 0 of"));
        let [accepts, refuses] = ["Point evaluation", "Point evaluation, a wrong value"].map(case);
        let swapped = Case { subject: accepts.subject, ..refuses };
        assert!(build(&swapped, Fork::Osaka, GAS).unwrap_err().contains("calls of"));
    }
}

//! Worst cases: the dearest blocks that an author can make, and what a proof of them costs by a unit of gas.
//!
//! A [`Case`] is a contract that repeats one instruction, one call of a precompile, or one known attack, or a list of
//! transactions. [`measure()`](measure::measure) makes two valid blocks of it, with the same state, and with different gas.
//! What the greater one costs beyond the smaller one, by the gas that it uses beyond it, is the price: instructions and
//! cells of the VM, by a million gas. So all that both have in common drops out: header, system calls, signatures, the
//! contract's own code, and what the contract does before its loop. It remains in the table's last part, as a cost of each
//! block.
//!
//! A block is one of the VM's if it is valid in [`zeno_guest_evm::minimize`]. Its transactions are run once more on revm's
//! own interpreter, where an inspector counts ([`trace`]): so a case fails if its transactions fail, if its instruction is
//! not among what they execute, or if its precompile refuses what it should accept. The count also gives the least number
//! of hashes ([`hashing`]), to which cases that hash are compared.
//!
//! Nothing here needs the VM. It is a function from an input to a cost, given by whoever measures: the example
//! `worst-cases`, which keeps `docs/worst-cases.md`, and the test `worst_cases`.

pub mod assembler;
pub mod attacks;
pub mod calls;
pub mod hashing;
pub mod measure;
pub mod opcodes;
pub mod page;
pub mod precompiles;
pub mod scene;
pub mod state_access;
pub mod trace;

use self::scene::Scene;
use alloy_primitives::Address;
use std::{fmt, sync::LazyLock};
use zeno_guest_evm::chain::Fork;

/// Forks at whose prices the cases run.
pub const FORKS: &[Fork] = &[Fork::Osaka, Fork::Amsterdam];
/// Forks that have what Amsterdam adds.
pub const SINCE_AMSTERDAM: &[Fork] = &[Fork::Amsterdam];

/// Part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// An instruction.
    Opcode,
    /// A precompile.
    Precompile,
    /// A known attack, or what transactions cost by themselves.
    Attack,
    /// A block's cost that no gas pays for.
    Block,
}

impl Group {
    /// All groups, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Opcode, Self::Precompile, Self::Attack, Self::Block];

    /// Name of its table on the page.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Opcode => "opcodes",
            Self::Precompile => "precompiles",
            Self::Attack => "attacks",
            Self::Block => "blocks",
        }
    }
}

/// Things that a case's transactions must be seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Executions of this instruction, as one of twenty or more often, or for a fifth of the gas.
    Opcode(u8),
    /// Calls of this precompile, which accepts its input or not.
    Precompile {
        /// Address of the precompile.
        address: Address,
        /// Says whether it accepts its input.
        succeeds: bool,
    },
    /// Success, and nothing else.
    Transactions,
}

/// State and transactions of a case, for a fork, and for blocks of at most this gas.
type MakeScene = Box<dyn Fn(Fork, u64) -> Scene + Send + Sync>;

/// Kind of block that costs much for its gas.
pub struct Case {
    /// Name, which no other case has.
    pub name: String,
    /// Part of the table.
    pub group: Group,
    /// Things that its transactions do.
    pub subject: Subject,
    /// Forks that have it.
    pub forks: &'static [Fork],
    /// True for precompiles that the guest computes in software, whose bound is greater.
    pub is_software: bool,
    /// Divisor of the gas of its blocks, for what takes long or needs a large state.
    pub divisor: u64,
    /// Upper bound of the gas of what is repeated, where that is much: the blocks have enough for some of it.
    pub round: u64,
    make: MakeScene,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("group", &self.group).finish_non_exhaustive()
    }
}

impl Case {
    /// Case of both forks.
    pub fn new(
        group: Group,
        name: impl Into<String>,
        subject: Subject,
        make: impl Fn(Fork, u64) -> Scene + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let make = Box::new(make);
        Self { name, group, subject, forks: FORKS, is_software: false, divisor: 1, round: 0, make }
    }

    /// The same case since Amsterdam only.
    pub fn since_amsterdam(self) -> Self {
        Self { forks: SINCE_AMSTERDAM, ..self }
    }

    /// The same case with a fraction of the gas.
    pub fn with_divisor(self, divisor: u64) -> Self {
        Self { divisor, ..self }
    }

    /// The same case with rounds of at most this gas.
    pub fn with_round(self, round: u64) -> Self {
        Self { round, ..self }
    }

    /// The same case, of a precompile in software.
    pub fn in_software(self) -> Self {
        Self { is_software: true, ..self }
    }

    /// State and transactions, for blocks of at most this gas.
    pub fn scene(&self, fork: Fork, gas: u64) -> Scene {
        (self.make)(fork, gas)
    }
}

/// All cases, in the order of the page. They are made once, because the points of the precompiles take a while.
pub fn all() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let mut cases = opcodes::cases();
        cases.extend(state_access::cases());
        cases.extend(calls::cases());
        cases.extend(precompiles::cases());
        cases.extend(attacks::cases());
        cases
    });
    &CASES
}

#[cfg(test)]
mod tests {
    use super::{precompiles::PRECOMPILES, *};
    use revm::bytecode::opcode;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_fit_a_table() {
        let mut names = BTreeSet::new();
        for case in all() {
            assert!(!case.name.contains(['|', '\n']), "{}", case.name);
            assert!(names.insert(case.name.clone()), "{} is there twice", case.name);
        }
    }

    #[test]
    fn every_opcode_has_a_case() {
        let cases = all();
        for opcode in 0..=255_u8 {
            let Some(name) = opcode::OpCode::new(opcode) else { continue };
            let has_one = cases.iter().any(|case| case.subject == Subject::Opcode(opcode));
            assert!(has_one, "{name} has no case");
        }
    }

    #[test]
    fn every_precompile_has_a_case() {
        let cases = all();
        for address in PRECOMPILES {
            let is_it = |case: &&Case| matches!(case.subject, Subject::Precompile { address: found, .. } if found == address);
            assert!(cases.iter().any(|case| is_it(&case)), "{address} has no case");
        }
    }

    /// Every case, in small blocks, without the VM.
    #[test]
    fn every_case_is_valid_and_does_what_it_says() {
        let mut failures = Vec::new();
        for case in all() {
            for fork in case.forks {
                if let Err(error) = measure::build(case, *fork, measure::GAS) {
                    failures.push(format!("{}, {fork}: {error}", case.name));
                }
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    }
}

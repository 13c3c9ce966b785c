//! Phases of validation, told by the names of the guest's functions that begin them.
//!
//! A function belongs to the phase of its caller, unless it begins a phase itself. The guest keeps the functions that
//! begin one from being inlined. After a rename in the guest, the patterns here are to be changed with its next
//! release; the test below fails until then.

/// Phases in the order in which they begin. Each has its name and patterns: parts of names of the functions that begin
/// it. The first phase begins with the run.
pub(super) const PHASES: &[(&str, &[&str])] = &[
    ("start, claim and end", &[]),
    ("reading and decoding the input", &["StatelessInput>::decode", "decode_block"]),
    ("hashing and finding the witness", &["Preimages>::get"]),
    ("header and body", &["validate::check_body", "header::check"]),
    ("signatures", &["senders::check"]),
    ("execution: interpreter and journal", &["execute::execute_with"]),
    ("execution: precompiles", &["as revm_precompile::interface::Crypto>", "revm_precompile::"]),
    ("execution: accounts, slots and codes", &["WitnessState as revm"]),
    ("reading tries", &["trie::Trie>::get"]),
    ("block access list", &["WitnessState>::apply_and_record", "AccessList>::digest"]),
    ("receipts and bloom", &["validate::check_outcome"]),
    ("post-state root", &["WitnessState>::root"]),
];

/// Returns the index of the phase that a function begins, by its name.
pub(super) fn begun_by(function: &str) -> Option<usize> {
    PHASES.iter().position(|(_, patterns)| patterns.iter().any(|pattern| function.contains(pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{guest::Guest, profile::Code};

    #[test]
    fn every_pattern_is_in_the_committed_guest() {
        let code = Code::read(Guest::committed_elf()).unwrap();
        for (phase, patterns) in PHASES {
            for pattern in *patterns {
                let found = code.symbols.iter().any(|symbol| symbol.name.contains(pattern));
                assert!(found, "{phase}: the guest has no function with {pattern:?} in its name");
            }
        }
    }

    #[test]
    fn only_the_first_phase_begins_with_the_run() {
        let without: Vec<bool> = PHASES.iter().map(|(_, patterns)| patterns.is_empty()).collect();
        assert!(without[0] && !without[1..].contains(&true));
    }
}

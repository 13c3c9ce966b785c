//! The table of the worst cases: it has every case, within its bounds, and the VM still costs what it says.

use std::{fs, sync::LazyLock};
use zeno_guest_evm::chain::Fork;
use zeno_prover::{Guest, Metered, Prover, default_cache_folder};
use zeno_tests::worst_cases::{
    self, Case, FORKS,
    measure::{self, Cost, Row},
    page::{self, Line},
    scene::Built,
};

/// Greatest difference between a figure of the table and what is measured, in percent.
///
/// The blocks are always the same, so that the same guest gives the same figures. A guest that was built anew may differ
/// from the one that the table was made with. A change that costs or saves less than this needs no new table; a lost
/// accelerator costs many times as much.
const TOLERANCE: u64 = 10;

/// Cheap and dear cases of every kind, each with the fork whose prices are used here.
const SAMPLE: [(&str, Fork); 14] = [
    ("ADD", Fork::Osaka),
    ("DIV, by 4 digits of 32 bits", Fork::Amsterdam),
    ("MULMOD, modulo 8 digits of 32 bits", Fork::Osaka),
    ("JUMP", Fork::Amsterdam),
    (page::FLOOR_CASE, Fork::Osaka),
    ("MCOPY of 1024 bytes", Fork::Amsterdam),
    ("SLOAD, cold", Fork::Osaka),
    ("EXTCODESIZE, cold codes of the greatest length", Fork::Amsterdam),
    ("CALL, warm, of a contract that stops", Fork::Osaka),
    ("LOG4 of 0 bytes", Fork::Amsterdam),
    ("SHA2-256 of 1024 bytes", Fork::Osaka),
    ("RIPEMD-160 of 120 bytes", Fork::Amsterdam),
    ("Transfers between accounts", Fork::Osaka),
    ("Block without transactions", Fork::Amsterdam),
];

static LINES: LazyLock<Vec<Line>> = LazyLock::new(|| {
    let path = page::path();
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    page::parse(&page)
});

const HINT: &str = "run: cargo run --release -p zeno-tests --example worst-cases -- --write";

fn case(name: &str) -> &'static Case {
    worst_cases::all().iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case is {name}"))
}

fn row(name: &str, fork: Fork) -> &'static Row {
    let line = LINES.iter().find(|line| line.key() == (name, fork));
    match line {
        Some(Line::Measured(row)) => row,
        other => panic!("{name}, {fork}: the table has {other:?}, {HINT}"),
    }
}

fn within(what: &str, table: u64, measured: u64) -> Result<(), String> {
    if table.abs_diff(measured) * 100 <= TOLERANCE * table {
        return Ok(());
    }
    Err(format!("{what}: {measured}, but {table} in the table"))
}

#[test]
fn the_table_has_every_case_at_every_fork() {
    for case in worst_cases::all() {
        for fork in FORKS.iter().filter(|fork| case.forks.contains(fork)) {
            row(&case.name, *fork);
        }
    }
    let path = page::path();
    let old = fs::read_to_string(&path).unwrap();
    let new = page::render(&old, &page::merged(LINES.clone(), Vec::new())).unwrap();
    assert!(old == new, "{} is not what its rows give, {HINT}", path.display());
}

#[test]
fn what_exceeds_its_bound_has_a_reason_and_only_that() {
    let floor = page::floor(&LINES).expect("the table has the floor's case");
    let excesses = page::excesses(&LINES, floor);
    let unexplained = excesses.iter().filter(|excess| page::reason(&excess.row.name).is_none());
    let unexplained = unexplained.collect::<Vec<_>>();
    assert!(unexplained.is_empty(), "these exceed their bounds: {unexplained:#?}");
    for (start, reason) in page::OPEN {
        let needs_it = excesses.iter().any(|excess| excess.row.name.starts_with(start));
        assert!(needs_it, "{start} is within its bound, and is still named as open ({reason})");
    }
}

#[test]
fn a_sample_costs_in_the_vm_what_the_table_says() {
    let guest = Guest::committed().expect("the committed guest is a program");
    let prover = Prover::new(guest, default_cache_folder().expect("HOME is set"));
    let mut execute = |built: &Built| {
        let Metered { instructions, cells, digest } =
            prover.meter(&built.input.encode()).map_err(|error| error.to_string())?;
        assert_eq!(digest, built.claim.digest(), "the guest reveals another claim");
        Ok(Cost { instructions, cells })
    };
    let mut failures = Vec::new();
    for (name, fork) in SAMPLE {
        let measured = measure::measure(case(name), fork, measure::GAS, &mut execute)
            .unwrap_or_else(|error| panic!("{name}, {fork}: {error}"));
        println!("{measured:?}");
        let table = row(name, fork);
        let checks = [
            within("instructions", table.instructions, measured.instructions),
            within("cells", table.cells, measured.cells),
        ];
        failures.extend(
            checks.into_iter().filter_map(Result::err).map(|error| format!("{name}, {fork}: {error}")),
        );
        assert_eq!(table.hashed, measured.hashed, "{name}, {fork}: the least bytes that are hashed, {HINT}");
    }
    assert!(failures.is_empty(), "{failures:#?}; if that is meant, {HINT}");
}

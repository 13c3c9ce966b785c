//! The table in `docs/worst-cases.md`, and its bounds.
//!
//! The page is the only place of the figures: what the generator writes, the tests read. Text outside of the markers
//! `<!-- table: NAME -->` and `<!-- end -->` is written by hand.

use super::{Case, Group, all, hashing::RATE, measure::Row};
use std::{collections::BTreeMap, path::PathBuf};
use zeno_guest_evm::chain::Fork;

/// Greatest number of cells that a million gas may cost.
pub const BOUND: u64 = 1_000_000_000;
/// The same for precompiles in software.
pub const SOFTWARE_BOUND: u64 = 3_000_000_000;
/// Greatest cost of what hashes, in percent of the floor of hashing the same bytes.
pub const HASHING_PERCENT: u64 = 150;
/// Case that gives the floor: it does little else than hash.
pub const FLOOR_CASE: &str = "KECCAK256 of 65536 bytes";
/// Number of rows of the table of the dearest ones.
const DEAREST: usize = 25;

/// Cases that exceed their bound, by the beginning of their names, each with the reason why that is accepted.
///
/// A row above its bound that is not here fails the tests. So does an entry that no row needs.
pub const OPEN: &[(&str, &str)] = &[
    ("BLAKE2F", "in software; a round costs one gas (EIP-152), whatever it takes"),
    ("MODEXP", "in software, unless the modulus is a prime of the VM's curves"),
    ("BLS12 pairing", PAIRING),
    ("BN254 pairing", PAIRING),
    ("Point evaluation", PAIRING),
    ("CREATE, init code of the greatest length, which jumps over a mixture", FOLLOWED),
    ("CREATE, init code of the greatest length, which jumps, and reverts", FOLLOWED),
    ("CREATE2, init code of the greatest length, which jumps over a mixture", FOLLOWED),
];

const FOLLOWED: &str =
    "the first jump follows all instructions before it; since Amsterdam, init codes are longer and cost less";
const PAIRING: &str = "a pairing that is 1 is checked by a hint, one that is not is computed to its end";

/// Line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Cost of a case.
    Measured(Row),
    /// A case that could not be measured.
    Failed {
        /// Name of the case.
        name: String,
        /// The fork.
        fork: Fork,
        /// The reason, in one line.
        error: String,
    },
}

impl Line {
    /// Name of the case, and the fork.
    pub fn key(&self) -> (&str, Fork) {
        match self {
            Self::Measured(Row { name, fork, .. }) | Self::Failed { name, fork, .. } => (name, *fork),
        }
    }

    fn row(&self) -> Option<&Row> {
        match self {
            Self::Measured(row) => Some(row),
            Self::Failed { .. } => None,
        }
    }
}

/// Path of the page.
pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/worst-cases.md")
}

/// Cells of one permutation, with all that hashing 136 bytes takes in the VM, if the floor's case is among the lines.
pub fn floor(lines: &[Line]) -> Option<u64> {
    let row = lines.iter().filter_map(Line::row).find(|row| row.name == FLOOR_CASE)?;
    row.cells.checked_mul(RATE)?.checked_div(row.hashed)
}

/// Cells that hashing the row's bytes takes at least.
fn hashing_cells(row: &Row, floor: u64) -> u64 {
    (u128::from(row.hashed / RATE) * u128::from(floor)) as u64
}

/// Greatest number of cells that the row may have.
pub fn bound(case: &Case, row: &Row, floor: u64) -> u64 {
    let bound = if case.is_software { SOFTWARE_BOUND } else { BOUND };
    bound.max((u128::from(hashing_cells(row, floor)) * u128::from(HASHING_PERCENT) / 100) as u64)
}

/// Reason for which a case may exceed its bound.
pub fn reason(name: &str) -> Option<&'static str> {
    OPEN.iter().find(|(start, _)| name.starts_with(start)).map(|(_, reason)| *reason)
}

/// Row above its bound.
#[derive(Clone, Debug)]
pub struct Excess {
    /// The row.
    pub row: Row,
    /// Its bound.
    pub bound: u64,
}

/// Rows above their bounds, the dearest first. Costs of blocks have no bound.
pub fn excesses(lines: &[Line], floor: u64) -> Vec<Excess> {
    let cases = by_name();
    let above = |row: &Row| {
        let case = cases.get(row.name.as_str()).filter(|case| case.group != Group::Block)?;
        let bound = bound(case, row, floor);
        (row.cells > bound).then(|| Excess { row: row.clone(), bound })
    };
    let mut list = lines.iter().filter_map(Line::row).filter_map(above).collect::<Vec<_>>();
    list.sort_by_key(|excess| std::cmp::Reverse(excess.row.cells));
    list
}

fn by_name() -> BTreeMap<&'static str, &'static Case> {
    all().iter().map(|case| (case.name.as_str(), case)).collect()
}

/// Number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ungrouped(text: &str) -> Option<u64> {
    text.replace(',', "").parse().ok()
}

const HEAD: &str = "| case | fork | gas used | instructions | cells | hashed bytes | ÷ floor |\n\
                    |---|---|--:|--:|--:|--:|--:|\n";

/// Line of Markdown. The last column is for what spends half of its cells or more on hashing.
fn written(line: &Line, floor: Option<u64>) -> String {
    match line {
        Line::Failed { name, fork, error } => {
            let error = error.replace('\n', " ").replace('|', "\\|");
            format!("| {name} | {fork} | failed: {error} | | | | |\n")
        }
        Line::Measured(row) => {
            let Row { name, fork, gas_used, instructions, cells, hashed } = row;
            let hashing = floor.map_or(0, |floor| hashing_cells(row, floor));
            let ratio = if hashing > 0 && 2 * hashing >= *cells {
                format!("{:.2}", *cells as f64 / hashing as f64)
            } else {
                "–".into()
            };
            let [gas, instructions, cells, hashed] = [*gas_used, *instructions, *cells, *hashed].map(grouped);
            format!("| {name} | {fork} | {gas} | {instructions} | {cells} | {hashed} | {ratio} |\n")
        }
    }
}

/// Reads a line of Markdown that [`written`] wrote.
fn read(line: &str) -> Option<Line> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let fields = cells.split(" | ").map(str::trim).collect::<Vec<_>>();
    let name = (*fields.first()?).to_owned();
    let fork = Fork::ALL.into_iter().find(|fork| Some(&fork.name()) == fields.get(1))?;
    if let Some(error) = fields.get(2)?.strip_prefix("failed: ") {
        return Some(Line::Failed { name, fork, error: error.to_owned() });
    }
    let number = |index: usize| ungrouped(fields.get(index)?);
    Some(Line::Measured(Row {
        name,
        fork,
        gas_used: number(2)?,
        instructions: number(3)?,
        cells: number(4)?,
        hashed: number(5)?,
    }))
}

/// Reads the lines of the page's tables.
pub fn parse(page: &str) -> Vec<Line> {
    Group::ALL
        .into_iter()
        .filter_map(|group| between(page, group.table()))
        .flat_map(str::lines)
        .filter_map(read)
        .collect()
}

fn markers(name: &str) -> [String; 2] {
    [format!("<!-- table: {name} -->\n"), "<!-- end -->".to_owned()]
}

/// Text between the markers of a table.
fn between<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let [start, end] = markers(name);
    let (_, rest) = page.split_once(&start)?;
    Some(rest.split_once(&end)?.0)
}

/// Lines in the order of the cases: those that were measured, and for the others those of the page. Lines of cases that
/// are gone are left out.
pub fn merged(page: Vec<Line>, measured: Vec<Line>) -> Vec<Line> {
    let known = page.into_iter().chain(measured).map(|line| {
        let (name, fork) = line.key();
        ((name.to_owned(), fork), line)
    });
    let mut known = known.collect::<BTreeMap<_, _>>();
    let keys = all().iter().flat_map(|case| case.forks.iter().map(move |fork| (case.name.clone(), *fork)));
    keys.filter_map(|key| known.remove(&key)).collect()
}

/// Tables of the page by their names.
pub fn tables(lines: &[Line]) -> Vec<(&'static str, String)> {
    let cases = by_name();
    let floor = floor(lines);
    let mut tables = vec![("floor", floor_sentence(floor)), ("dearest", dearest(lines, floor))];
    for group in Group::ALL {
        let of_group =
            lines.iter().filter(|line| cases.get(line.key().0).is_some_and(|case| case.group == group));
        tables.push((
            group.table(),
            HEAD.to_owned() + &of_group.map(|line| written(line, floor)).collect::<String>(),
        ));
    }
    tables.push(("open", open(lines, floor)));
    tables
}

fn floor_sentence(floor: Option<u64>) -> String {
    match floor {
        Some(floor) => format!("The floor of 136 bytes is {} cells.\n", grouped(floor)),
        None => "The floor was not measured.\n".to_owned(),
    }
}

fn dearest(lines: &[Line], floor: Option<u64>) -> String {
    let cases = by_name();
    let is_paid = |line: &&Line| cases.get(line.key().0).is_some_and(|case| case.group != Group::Block);
    let mut rows = lines.iter().filter(|line| line.row().is_some()).filter(is_paid).collect::<Vec<_>>();
    rows.sort_by_key(|line| std::cmp::Reverse(line.row().map(|row| row.cells)));
    HEAD.to_owned() + &rows.into_iter().take(DEAREST).map(|line| written(line, floor)).collect::<String>()
}

fn open(lines: &[Line], floor: Option<u64>) -> String {
    let excesses = excesses(lines, floor.unwrap_or(0));
    if excesses.is_empty() {
        return "None.\n".to_owned();
    }
    let row = |Excess { row, bound }: &Excess| {
        let (cells, bound) = (grouped(row.cells), grouped(*bound));
        let reason = reason(&row.name).unwrap_or("not accepted yet");
        format!("| {} | {} | {cells} | {bound} | {reason} |\n", row.name, row.fork)
    };
    "| case | fork | cells | bound | why |\n|---|---|--:|--:|---|\n".to_owned()
        + &excesses.iter().map(row).collect::<String>()
}

/// The page with these lines in its tables.
///
/// # Errors
/// A page that lacks a marker.
pub fn render(page: &str, lines: &[Line]) -> Result<String, String> {
    tables(lines).into_iter().try_fold(page.to_owned(), |page, (name, table)| {
        let [start, end] = markers(name);
        let old = between(&page, name)
            .ok_or_else(|| format!("the page has no lines {} and {end}", start.trim_end()))?;
        Ok(page.replacen(&format!("{start}{old}{end}"), &format!("{start}\n{table}\n{end}"), 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cells: u64, hashed: u64) -> Row {
        let fork = Fork::Osaka;
        Row { name: name.into(), fork, gas_used: 999_999, instructions: 12_345_678, cells, hashed }
    }

    fn page() -> String {
        let names = ["floor", "dearest", "opcodes", "precompiles", "attacks", "blocks", "open"];
        names.iter().map(|name| format!("# {name}\n\n<!-- table: {name} -->\n<!-- end -->\n")).collect()
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let lines = [
            Line::Measured(row("ADD", 1_000_000_001, 0)),
            Line::Measured(row("MULMOD, modulo 2^255", 1, 136)),
            Line::Failed { name: "SUB".into(), fork: Fork::Amsterdam, error: "it is gone".into() },
        ];
        for line in lines {
            assert_eq!(read(&written(&line, Some(50_000))), Some(line));
        }
        assert_eq!(HEAD.lines().filter_map(read).count(), 0);
    }

    #[test]
    fn a_page_keeps_what_was_not_measured_again() {
        let first = vec![Line::Measured(row("ADD", 1, 0)), Line::Measured(row("JUMPDEST", 2, 0))];
        let first = render(&page(), &merged(Vec::new(), first)).unwrap();
        let second = merged(parse(&first), vec![Line::Measured(row("JUMPDEST", 3, 0))]);
        let second = render(&first, &second).unwrap();
        let cells = parse(&second).iter().filter_map(Line::row).map(|row| row.cells).collect::<Vec<_>>();
        assert_eq!(cells, [1, 3]);
        assert_eq!(render(&second, &parse(&second)).unwrap(), second);
        assert!(render("no markers", &[]).is_err());
    }

    #[test]
    fn a_row_may_cost_its_bound_or_its_hashes() {
        let floor = 50_000;
        let of = |name: &str| by_name().remove(name).expect("there is such a case");
        let [add, blake] = ["ADD", "BLAKE2F of 12 rounds"].map(of);
        assert_eq!(bound(add, &row("ADD", 0, 0), floor), BOUND);
        assert_eq!(bound(blake, &row("", 0, 0), floor), SOFTWARE_BOUND);
        // 40,000 permutations are 2e9 cells.
        assert_eq!(bound(add, &row("ADD", 0, 136 * 40_000), floor), 3_000_000_000);

        let lines = [("ADD", BOUND), ("SUB", BOUND + 1), ("Block without transactions", u64::MAX)]
            .map(|(name, cells)| Line::Measured(row(name, cells, 0)));
        let found = excesses(&lines, floor);
        assert_eq!(found.iter().map(|excess| excess.row.name.as_str()).collect::<Vec<_>>(), ["SUB"]);
        assert!(open(&lines, Some(floor)).contains("not accepted yet"));
    }

    #[test]
    fn the_floor_is_of_what_hashes_alone() {
        let lines = [Line::Measured(row(FLOOR_CASE, 60_000 * 1000, 136 * 1000))];
        assert_eq!(floor(&lines), Some(60_000));
        assert!(written(&lines[0], floor(&lines)).ends_with("| 136,000 | 1.00 |\n"));
        assert_eq!(floor(&[]), None);
    }
}

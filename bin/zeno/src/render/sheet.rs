//! Lines of text for people.

use std::fmt::{Display, Write};
use zeno_pipeline::{execute::PartReport, text};
use zeno_prover::Cost;

/// Text of a command, one fact on each line.
#[derive(Debug, Default)]
pub(crate) struct Sheet(String);

impl Sheet {
    /// Adds a sentence. Whatever it holds, it stays on its line.
    pub(super) fn line(&mut self, sentence: &str) {
        self.write(format_args!("{}", text::whole(sentence)));
    }

    /// Adds a fact. Whatever its value holds, it stays on its line.
    pub(super) fn fact(&mut self, name: &str, value: impl Display) {
        self.write(format_args!("{name:>20}  {}", text::whole(&value.to_string())));
    }

    /// Adds a fact that may be unknown.
    pub(super) fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    /// Adds a table of the costs of parts, with their shares of the whole run.
    pub(super) fn parts(&mut self, title: &str, parts: &[PartReport], whole: &Cost) {
        if parts.is_empty() {
            return;
        }
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        self.write(format_args!("\n{:>15} {:>6} {:>15} {:>6}  {title}", "instructions", "%", "cells", "%"));
        for PartReport { name, cost: Cost { instructions, cells } } in parts {
            self.write(format_args!(
                "{:>15} {:>6.1} {:>15} {:>6.1}  {}",
                grouped(*instructions),
                share(*instructions, whole.instructions),
                grouped(*cells),
                share(*cells, whole.cells),
                // The program's own word, whose file may be anybody's.
                text::whole(name),
            ));
        }
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn write(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands() {
        let numbers = [0, 7, 999, 1000, 14_515_637, 1_000_000_000];
        let texts = numbers.map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "14,515,637", "1,000,000,000"]);
    }
}

//! The block, or the run of blocks, that a user names.

use std::path::Path;
use zeno_pipeline::{error::Error, text};
use zeno_witness_fetch::{BlockRun, BlockSelector, BlocksSelector};

/// Reads the name of a block, or of a run of blocks. An error says what may be wrong with it.
pub(crate) fn select(block: &str) -> Result<BlocksSelector, Error> {
    if block.contains("://") {
        // It may hold a key.
        return Err(Error::other("a URL is given in the place of the block; name the node with --rpc-url"));
    }
    block.parse::<BlocksSelector>().map_err(|error| Error::other(format_args!("{error}{}", hint(block))))
}

/// The run that may be meant by a text in another notation, such as `5-9`, `5..=9` and `1,000..2,000`.
fn run(text: &str) -> Option<BlockRun> {
    let (first, last) =
        ["..=", "...", "..", "-", "–", ":", " to "].iter().find_map(|mark| text.split_once(mark))?;
    let number = |end: &str| match plain(end).parse::<BlockSelector>() {
        Ok(BlockSelector::Number(number)) => Some(number),
        _ => None,
    };
    // A run that is no run has an error of its own.
    BlockRun::new(number(first)?, number(last)?).ok().filter(|run| run.to_string() != text)
}

/// A number without marks between its digits.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !"_,'. ".contains(*character)).collect()
}

/// The continuation of a sentence about a name of no block.
fn hint(block: &str) -> String {
    let lower = block.trim().to_lowercase();
    if let Some(run) = run(&lower) {
        return format!("; write {run}");
    }
    let digits = plain(&lower);
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if lower == "pending" {
        "; a pending block has no hash yet, and the last one that has is latest".to_owned()
    } else if lower == "earliest" || lower == "genesis" {
        "; the genesis block has no parent whose state it starts from, so there is nothing to validate"
            .to_owned()
    } else if is_hash(&lower) {
        format!("; a hash begins with 0x: 0x{lower}")
    } else if lower != block && lower.parse::<BlockSelector>().is_ok() {
        format!("; write {lower}")
    } else if !lower.contains("..") && digits != lower && digits.parse::<BlockSelector>().is_ok() {
        format!("; write {digits}")
    } else if Path::new(block).is_file() {
        let path = text::path(Path::new(block));
        format!("; if the file {path} is meant, write --input {path}")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_no_block_come_with_a_hint() {
        let hash = "Ab".repeat(32);
        for (block, hint) in [
            ("0X12", "write 0x12"),
            ("Latest", "write latest"),
            ("1_000", "write 1000"),
            ("23,900,000", "write 23900000"),
            ("pending", "latest"),
            ("earliest", "genesis"),
            (&hash, "0xabab"),
            (file!(), "names no block"),
            (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--input"),
        ] {
            let said = select(block).unwrap_err().to_string();
            assert!(said.contains(hint), "{block}: {said}");
        }
        assert_eq!(select("0x12").unwrap(), BlocksSelector::One(BlockSelector::Number(18)));
    }

    #[test]
    fn names_of_no_run_come_with_a_hint() {
        for (run, hint) in [
            ("5-9", "write 5..9"),
            ("5..=9", "write 5..9"),
            ("5...9", "write 5..9"),
            ("5 .. 9", "write 5..9"),
            ("1,000..2,000", "write 1000..2000"),
            ("5 to 9", "write 5..9"),
            ("9..5", "write 5..9"),
            ("5..latest", "latest can't be an end"),
        ] {
            let said = select(run).unwrap_err().to_string();
            assert!(said.contains(hint), "{run}: {said}");
            assert_eq!(
                said.matches("write").count(),
                usize::from(hint.starts_with("write")),
                "{run}: {said}"
            );
        }
        let run = BlockRun::new(5, 9).unwrap();
        assert_eq!(select("5..9").unwrap(), BlocksSelector::Run(run));
    }
}

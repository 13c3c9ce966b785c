//! The block that a user names.

use std::path::Path;
use zeno_pipeline::{error::Error, text};
use zeno_witness_fetch::BlockSelector;

/// Reads the name of a block. An error says what may be wrong with it.
pub(crate) fn select(block: &str) -> Result<BlockSelector, Error> {
    if block.contains("://") {
        // It may hold a key.
        return Err(Error::other("a URL is given in the place of the block; name the node with --rpc-url"));
    }
    block.parse::<BlockSelector>().map_err(|error| Error::other(format_args!("{error}{}", hint(block))))
}

/// The continuation of a sentence about a name of no block.
fn hint(block: &str) -> String {
    let lower = block.trim().to_lowercase();
    let digits: String = lower.chars().filter(|character| !"_,'. ".contains(*character)).collect();
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
    } else if digits != lower && digits.parse::<BlockSelector>().is_ok() {
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
        assert_eq!(select("0x12").unwrap(), BlockSelector::Number(18));
    }
}

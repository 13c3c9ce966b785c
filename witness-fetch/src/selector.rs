//! Selection of a block, or of a run of blocks.

use alloy_primitives::{B256, U64};
use serde::Serialize;
use std::{fmt, str::FromStr};
use zeno_guest_evm::MAX_BLOCKS;

/// A block as named by a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockSelector {
    /// The block with this number on the node's canonical chain.
    Number(u64),
    /// The block with this hash.
    Hash(B256),
    /// The node's newest block.
    Latest,
    /// The newest block that is safe from reorganisations under honest-majority assumptions.
    Safe,
    /// The newest finalised block.
    Finalized,
}

impl BlockSelector {
    /// The block parameter of the `…ByNumber` methods; `None` for a hash.
    pub(crate) fn number_or_tag(self) -> Option<String> {
        Some(match self {
            Self::Number(number) => format!("{number:#x}"),
            Self::Hash(_) => return None,
            Self::Latest => "latest".into(),
            Self::Safe => "safe".into(),
            Self::Finalized => "finalized".into(),
        })
    }
}

/// A run of consecutive blocks on the node's canonical chain: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRun {
    first: u64,
    last: u64,
}

impl BlockRun {
    /// Makes the run from one number to another, both included.
    ///
    /// # Errors
    /// [`SelectorError`] if the last number is below the first, or if no run of that many blocks can be proven.
    pub fn new(first: u64, last: u64) -> Result<Self, SelectorError> {
        if last < first {
            return Err(SelectorError(format!(
                "the run {first}..{last} ends before it begins: write {last}..{first}"
            )));
        }
        if last - first >= MAX_BLOCKS {
            return Err(SelectorError(format!(
                "the run {first}..{last} has more than {MAX_BLOCKS} blocks, and no memory of the guest holds them, whatever is \
                 in them: choose shorter runs"
            )));
        }
        Ok(Self { first, last })
    }

    /// Number of the first block.
    pub fn first(self) -> u64 {
        self.first
    }

    /// Number of the last block.
    pub fn last(self) -> u64 {
        self.last
    }

    /// Number of blocks, at least one.
    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

/// Blocks as named by a user: one, or a run of consecutive ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlocksSelector {
    /// One block.
    One(BlockSelector),
    /// The blocks from one number to another.
    Run(BlockRun),
}

impl BlocksSelector {
    /// The selection as a part of a sentence.
    pub fn in_words(self) -> String {
        match self {
            Self::One(block) => format!("block {block}"),
            Self::Run(run) => format!("the run of blocks {run}"),
        }
    }
}

/// A text that is no block selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

/// Names of a block, for errors.
const KINDS: &str = "a number, a hexadecimal number, a block hash, latest, safe or finalized";
/// Length of the part of the text that an error repeats, in characters: more than a hash has.
const MAX_SHOWN: usize = 80;

impl SelectorError {
    fn new(text: &str) -> Self {
        if text.contains("://") {
            // It may contain secrets.
            return Self(format!("this is a URL, and names no block: give {KINDS}"));
        }
        let mut said = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect::<String>();
        if text.chars().nth(MAX_SHOWN).is_some() {
            said.push('…');
        }
        Self(format!("\"{said}\" names no block: give {KINDS}"))
    }

    /// The error of a text that is no end of a run.
    fn end(text: &str) -> Self {
        let refused = Self::new(text);
        match text.parse::<BlockSelector>() {
            Ok(BlockSelector::Hash(_)) => Self(
                "a hash can't be an end of a run of blocks: give the numbers of the first and the last, A..B"
                    .into(),
            ),
            Ok(named) => Self(format!(
                "{named} can't be an end of a run of blocks, because it is another block every time: give the numbers of the \
                 first and the last, A..B"
            )),
            Err(_) => Self(format!(
                "{refused}; both ends of a run of blocks A..B are numbers, and B is the last block of it"
            )),
        }
    }
}

impl FromStr for BlockSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let parsed = match text {
            "latest" => Some(Self::Latest),
            "safe" => Some(Self::Safe),
            "finalized" => Some(Self::Finalized),
            _ => match text.strip_prefix("0x") {
                // A hash has 64 digits, a number at most 16.
                Some(digits) if digits.len() == 64 => text.parse().ok().map(Self::Hash),
                // The parser of the library allows underscores, too.
                Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    U64::from_str_radix(digits, 16).ok().map(|number| Self::Number(number.to()))
                }
                Some(_) => None,
                None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Self::Number),
                None => None,
            },
        };
        parsed.ok_or_else(|| SelectorError::new(text))
    }
}

/// Mark between the ends of a run.
const TO: &str = "..";

impl FromStr for BlocksSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        // A path has dots, too, and a URL may hold secrets.
        let Some((first, last)) = text.split_once(TO).filter(|_| !text.contains('/')) else {
            return text.parse().map(Self::One);
        };
        let number = |end: &str| match end.parse::<BlockSelector>() {
            Ok(BlockSelector::Number(number)) => Ok(number),
            _ => Err(SelectorError::end(end)),
        };
        BlockRun::new(number(first)?, number(last)?).map(Self::Run)
    }
}

impl fmt::Display for BlockRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{TO}{}", self.first, self.last)
    }
}

impl fmt::Display for BlocksSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(block) => block.fmt(f),
            Self::Run(run) => run.fmt(f),
        }
    }
}

impl fmt::Display for BlockSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
            Self::Latest => f.write_str("latest"),
            Self::Safe => f.write_str("safe"),
            Self::Finalized => f.write_str("finalized"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_shows() {
        let selectors = [
            BlockSelector::Number(0),
            BlockSelector::Number(u64::MAX),
            BlockSelector::Hash(B256::repeat_byte(0xab)),
            BlockSelector::Latest,
            BlockSelector::Safe,
            BlockSelector::Finalized,
        ];
        for selector in selectors {
            assert_eq!(selector.to_string().parse(), Ok(selector));
        }
        assert_eq!("0x1591047".parse(), Ok(BlockSelector::Number(22_614_087)));
    }

    #[test]
    fn refuses_what_names_no_block() {
        let too_large = "18446744073709551616";
        let short_hash = format!("0x{}", "a".repeat(63));
        for text in [
            "",
            "0x",
            "0x_",
            "0x1_0",
            "newest",
            "-1",
            "+1",
            "1e3",
            " 1",
            "0xzz",
            "pending",
            too_large,
            &short_hash,
        ] {
            let error = text.parse::<BlockSelector>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{text}\" names no block")), "{error}");
        }
        let error = "https://example.org/v2/secret".parse::<BlockSelector>().unwrap_err().to_string();
        assert!(
            error.starts_with("this is a URL, and names no block") && !error.contains("secret"),
            "{error}"
        );
        let error = "9".repeat(1 << 20).parse::<BlockSelector>().unwrap_err().to_string();
        assert!(error.len() < 250, "{error}");
    }

    #[test]
    fn a_run_has_both_of_its_ends() {
        for (text, first, last) in
            [("5..9", 5, 9), ("5..5", 5, 5), ("0x5..0x9", 5, 9), ("0..1", 0, 1), ("7..0xa", 7, 10)]
        {
            let run = BlockRun::new(first, last).unwrap();
            assert_eq!(text.parse(), Ok(BlocksSelector::Run(run)));
            assert_eq!((run.first(), run.last(), run.count()), (first, last, last - first + 1));
            assert_eq!(run.to_string().parse(), Ok(BlocksSelector::Run(run)));
        }
        assert_eq!("7".parse(), Ok(BlocksSelector::One(BlockSelector::Number(7))));
        assert_eq!("latest".parse(), Ok(BlocksSelector::One(BlockSelector::Latest)));
    }

    #[test]
    fn refuses_what_is_no_run() {
        let hash = format!("{}..9", B256::repeat_byte(0xab));
        for (text, says) in [
            ("9..5", "write 5..9"),
            ("5..latest", "latest can't be an end"),
            ("finalized..9", "finalized can't be an end"),
            (&hash, "a hash can't be an end"),
            ("5..", "\"\" names no block"),
            ("..9", "\"\" names no block"),
            ("..", "\"\" names no block"),
            ("5..=9", "\"=9\" names no block"),
            ("5...9", "\".9\" names no block"),
            ("5..7..9", "\"7..9\" names no block"),
            ("5 .. 9", "\"5 \" names no block"),
            ("5..x", "both ends of a run"),
        ] {
            let error = text.parse::<BlocksSelector>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let error = "https://example.org/a..b/secret".parse::<BlocksSelector>().unwrap_err().to_string();
        assert!(error.contains("URL") && !error.contains("secret"), "{error}");
    }

    /// No number of blocks makes the program try for ever.
    #[test]
    fn refuses_runs_that_no_guest_has_room_for() {
        assert!(BlockRun::new(5, 4 + MAX_BLOCKS).is_ok());
        for last in [5 + MAX_BLOCKS, u64::MAX] {
            let error = BlockRun::new(5, last).unwrap_err().to_string();
            assert!(error.contains("shorter runs"), "{error}");
        }
        assert!(BlockRun::new(0, u64::MAX).is_err());
        assert_eq!(BlockRun::new(u64::MAX, u64::MAX).unwrap().count(), 1);
    }
}

//! Selection of a block.

use alloy_primitives::{B256, U64};
use std::{fmt, str::FromStr};

/// A block as named by a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
                Some(digits) if !digits.is_empty() => {
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
        for text in ["", "0x", "newest", "-1", "+1", "1e3", " 1", "0xzz", "pending", too_large, &short_hash] {
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
}

//! Digests of the keys that this program accepts from anywhere.

use alloy_primitives::B256;

use super::srs_origin::SrsOrigin;

/// Table of the release in `config/guest/evm/3`, with one row for each SRS.
static TABLE: &str = include_str!("../../../config/guest/evm/3/evm-verifying-key-digests");

/// Returns whether the table has the key with this digest, in the row of the SRS with this origin.
pub(super) fn is_pinned(digest: B256, origin: SrsOrigin) -> bool {
    TABLE.lines().filter_map(row).any(|(label, pinned)| label == origin.label() && pinned == Some(digest))
}

/// Parses a line of the table: an SRS by its [`SrsOrigin::label`], and the key's digest if it is known. Returns `None`
/// for a line that is no row.
fn row(line: &str) -> Option<(&str, Option<B256>)> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let (label, digest, end) = (words.next()?, words.next()?, words.next());
    match digest {
        _ if end.is_some() => None,
        "-" => Some((label, None)),
        digest => digest.parse().ok().map(|digest| (label, Some(digest))),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{key::EvmVerifyingKey, srs_origin::CEREMONIES},
        *,
    };
    use crate::development_srs::INSECURE_SRS;

    #[test]
    fn the_table_has_a_row_for_each_srs() {
        let rows: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| row(line).unwrap_or_else(|| panic!("{line:?} is no row")))
            .collect();
        let labels: Vec<_> = rows.iter().map(|(label, _)| *label).collect();
        let known: Vec<_> =
            [INSECURE_SRS].into_iter().chain(CEREMONIES.iter().map(|ceremony| ceremony.name)).collect();
        assert_eq!(labels, known);
        let key = EvmVerifyingKey::insecure_dev().unwrap();
        assert_eq!(rows[0].1, Some(key.digest()), "another key is committed: run scripts/pin-evm-key");
        assert!(key.is_pinned());
    }

    #[test]
    fn a_digest_counts_for_its_srs_alone() {
        let digest = EvmVerifyingKey::insecure_dev().unwrap().digest();
        assert!(is_pinned(digest, SrsOrigin::Development));
        assert!(!is_pinned(digest, SrsOrigin::Unknown));
        for ceremony in CEREMONIES {
            assert!(!is_pinned(digest, SrsOrigin::Ceremony(ceremony)));
            assert!(!is_pinned(B256::ZERO, SrsOrigin::Ceremony(ceremony)), "an empty row pins nothing");
        }
    }

    #[test]
    fn lines_that_are_no_row_pin_nothing() {
        let digest = B256::repeat_byte(1);
        let text = digest.to_string();
        assert_eq!(row(&format!("hermez {text}")), Some(("hermez", Some(digest))));
        assert_eq!(row(&format!("\thermez\t{text}  # by whom")), Some(("hermez", Some(digest))));
        assert_eq!(row("hermez -"), Some(("hermez", None)));
        for line in ["", "# hermez -", "hermez", "hermez 0x01", &format!("hermez {text} more"), &text] {
            assert_eq!(row(line), None, "{line:?}");
        }
    }
}
